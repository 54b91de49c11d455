//! Doors that stood open: what an attacker got through, tried again.

use crate::{
    api_registros::{is, said},
    harness::{AURORA, SENHA, Site},
    rest::Rest,
};
use campo_domain::{kind::Kind, valor::Valor};
use serde_json::json;

#[test]
fn nobody_gives_more_than_the_own_nor_takes_the_password_of_who_has_more() {
    let site = Site::new();
    let carla = Rest::enter(&site, AURORA, "carla");
    let person = |login: &str, may: &[&str]| {
        let senha = SENHA;
        json!({ "login": login, "nome": login, "senha": senha, "permissoes": may })
    };
    assert_eq!(carla.post("/v1/usuarios", &person("dono", &["administrar"])).status, 201);
    let dono = Rest::enter(&site, AURORA, "dono");
    let more = dono.post("/v1/usuarios", &person("outro", &["administrar", "ver_todas"]));
    assert_eq!(said(&more), is(403, "permissao_alem_da_propria"));
    let found = dono.get("/v1/usuarios?busca=dono").json();
    let own = format!("/v1/usuarios/{}", found["itens"][0]["id"].as_str().unwrap());
    let promoted = json!({ "permissoes": ["administrar", "ver", "ver_todas", "gerenciar"] });
    let answer = dono.change("PATCH", &own, &own, &promoted);
    assert_eq!(said(&answer), is(403, "permissao_alem_da_propria"));
    let of_carla = format!("/v1/usuarios/{}/senha", site.id("carla"));
    let answer = dono.post(&of_carla, &json!({ "senha": "outra-senha-1" }));
    assert_eq!(said(&answer), is(403, "permissao_alem_da_propria"));
    assert_eq!(dono.post("/v1/usuarios", &person("igual", &["administrar"])).status, 201);
    assert_eq!(carla.change("PATCH", &own, &own, &promoted).status, 200);
}

#[test]
fn a_body_says_names_and_is_not_read_by_position() {
    let site = Site::new();
    let carla = Rest::enter(&site, AURORA, "carla");
    let positional = json!(["pos", "Posicional", null, ["ver"], [], null, null, SENHA]);
    assert_eq!(said(&carla.post("/v1/usuarios", &positional)), is(422, "pedido_invalido"));
    let found = carla.get("/v1/usuarios?busca=pos").json();
    assert_eq!(found["itens"], json!([]));
    let command = json!([["anotar", "Oi."]]);
    let nome = Valor::Texto("Padaria".into());
    let cliente = site.open(Kind::Cliente, "p001.cliente", &[("nome", nome)]);
    let answer = carla.post(&format!("/v1/clientes/{cliente}/comandos"), &command);
    assert_eq!(said(&answer), is(400, "pedido_invalido"));
}
