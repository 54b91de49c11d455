//! What the client's portal tells, and what it does not, whatever the company's tipos say.

use crate::{
    casa::Casa,
    office_api::{Api, Caso, Desfecho, falta},
};
use serde_json::{Value, json};

const PORTAL: &str = "/v1/portal/ocorrencias";
const TIPO: &str = "/v1/tipos/p002.ocorrencia";

/// A company of preset P002, one of its people, and a client's login.
fn casa() -> (Casa, Api, Api) {
    let casa = Casa::nova("P002");
    let aurora = casa.adm.cliente(json!({ "nome": "Aurora Móveis" }));
    let (ana, bia) = (casa.pessoa("ana", "ver ver_todas"), casa.portal("bia", aurora));
    (casa, ana, bia)
}

fn abre(bia: &Api, campos: Value) -> Caso {
    bia.post(PORTAL, &json!({ "tipo": "p002.ocorrencia", "campos": campos })).caso()
}

/// Writes over the tipo as it is now.
fn muda_tipo(casa: &Casa, method: &str, path: &str, body: &Value) {
    let etag = casa.adm.get(TIPO).cabecalho("etag").to_owned();
    casa.adm.send(method, path, &[("if-match", &etag)], Some(body)).feito();
}

#[test]
fn r52_the_list_and_the_case_show_the_same_stage_after_a_day_without_connection() {
    let (casa, ana, bia) = casa();
    let caso = abre(&bia, json!({ "categoria": "problema", "relato": "O caixa não abre." }));
    let celular = casa.aparelho(&ana);
    celular.pede(caso.id, "iniciar").unwrap();
    celular.pede(caso.id, "diagnosticar").unwrap();
    celular.sync();
    assert_eq!(casa.situacao(&caso), "diagnostico_tecnico");
    let [linha] = &bia.lista(PORTAL)[..] else { panic!("one case") };
    assert_eq!(linha["situacao"]["codigo"], "em_atendimento");
    assert_eq!(linha["situacao"], bia.le(&caso.no_portal())["situacao"]);
    casa.confere(&[&celular]);
}

#[test]
fn a_client_finds_nothing_by_a_title_that_it_may_not_read() {
    let (casa, ana, bia) = casa();
    let mut tipo = casa.adm.get(TIPO).feito();
    let campos = tipo["portal_campos"].as_array_mut().unwrap();
    campos.retain(|campo| campo != "assunto");
    muda_tipo(&casa, "POST", &format!("{TIPO}/versoes"), &tipo);
    let caso = abre(&bia, json!({ "relato": "A nota não sai." }));
    let acha = |q: &str| bia.lista(&format!("{PORTAL}?q={q}")).len();
    assert_eq!(acha("nota"), 1);
    ana.altera(&caso, json!({ "assunto": "Cliente inadimplente" })).feito();
    assert_eq!((acha("inadimpl"), acha("nota"), acha("000001")), (0, 0, 1));
    assert_eq!(bia.lista(PORTAL)[0]["titulo"], "");
}

#[test]
fn a_tipo_that_was_withdrawn_is_not_offered_in_the_portal() {
    let (casa, _, bia) = casa();
    let caso = abre(&bia, json!({ "relato": "A nota não sai." }));
    muda_tipo(&casa, "PATCH", TIPO, &json!({ "ativo": false }));
    assert_eq!(bia.get("/v1/portal/tipos").feito(), json!([]));
    let nova =
        |tipo: Value| bia.post(PORTAL, &json!({ "tipo": tipo, "campos": { "relato": "Outra." } }));
    assert_eq!(nova(Value::Null).status, 400);
    let retirado = "O tipo “Ocorrência” não é mais usado em registros novos.";
    nova(json!("p002.ocorrencia")).recusa("tipo_retirado", retirado);
    // What was opened before goes on.
    assert_eq!(bia.lista(PORTAL).len(), 1);
    let nota = json!({ "texto": "Ainda não sai." });
    bia.post(&caso.no_portal().em("/notas"), &nota).feito();
}

#[test]
fn r26_a_case_of_the_portal_says_so_only_where_the_company_has_that_channel() {
    let (casa, ana, bia) = casa();
    casa.adm
        .grava("/v1/catalogos/canal/portal", &json!({ "nome": "Portal", "ativo": false }))
        .feito();
    let caso = abre(&bia, json!({ "relato": "A nota não sai." }));
    assert_eq!(ana.le(&caso)["campos"]["canal"], Value::Null);
}

#[test]
fn a_client_learns_nothing_of_what_it_may_not_write() {
    let (casa, ana, bia) = casa();
    casa.adm.cataloga("setor", "fiscal", "Fiscal", json!({}));
    let abre = |campo: &str, valor: Value| {
        let campos = json!({ "relato": "A nota não sai.", campo: valor });
        bia.post(PORTAL, &json!({ "tipo": "p002.ocorrencia", "campos": campos }))
    };
    let ninguem = json!(uuid::Uuid::now_v7());
    for (campo, ha, nao_ha) in
        [("setor", json!("fiscal"), json!("marte")), ("responsavel", json!(ana.id), ninguem)]
    {
        abre(campo, ha).recusa("sem_permissao", &falta("ver"));
        abre(campo, nao_ha).recusa("sem_permissao", &falta("ver"));
    }
}
