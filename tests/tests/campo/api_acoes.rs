//! Ações through the REST API: who may answer one, what asking or answering again means, and how
//! far each has come on its way to the ERP.

use crate::{
    office_api::{Caso, Desfecho, NAO_HA},
    outside::Erp,
    preset_p000::{Cenario, cenario},
};
use serde_json::{Value, json};
use uuid::Uuid;

/// A case of the client's, in analysis, of which a credit may be asked for.
fn em_analise(c: &Cenario) -> Caso {
    let campos = json!({
        "escopo": "cliente", "cliente": c.marcia, "tipo_ocorrencia": "avaria", "relato": "Rasgou.",
        "contato_nome": "Márcia", "contato_telefone": "11 98877-6655",
    });
    let item = json!({ "campos": { "produto": "Colchão Itatiba", "quantidade": "1",
                                   "valor_indenizado": "350.00" } });
    let novo = json!({ "tipo": "p000.ocorrencia", "campos": campos, "itens": [item] });
    let caso = c.vera.abre_com("ocorrencias", &novo).caso();
    c.gilda.pede(&caso, "colocar_em_analise").feito();
    caso
}

fn resposta(acao: &str) -> String {
    format!("/v1/acoes/{acao}/resposta")
}

#[test]
fn r86_the_erp_answers_an_acao_of_a_case_that_it_may_not_see() {
    let c = cenario();
    let caso = em_analise(&c);
    c.casa.adm.restringe(&caso, json!({ "usuarios": [c.gilda.id] })).feito();
    let acao = c.gilda.solicita(&caso, "credito_cliente").id();
    let programa = c.casa.adm.chave("acoes:responder registros:ler", "ver");
    programa.tenta_ler(&caso).recusa("nao_encontrado", NAO_HA);
    programa.get(&format!("/v1/acoes/{acao}")).recusa("nao_encontrado", NAO_HA);
    // A person needs to see the case all the same.
    let feita = json!({ "situacao": "concluida", "externo": "CR-9" });
    let outra = c.casa.pessoa("olga", "ver ver_todas gerenciar");
    outra.post(&resposta(&acao), &feita).recusa("nao_encontrado", NAO_HA);
    let dito = programa.post(&resposta(&acao), &feita).feito();
    assert_eq!((&dito["situacao"], &dito["externo"]), (&json!("concluida"), &json!("CR-9")));
    assert!(dito.get("campos").is_none() && dito["registro"].get("campos").is_none());
    assert_eq!(c.gilda.le(&caso)["acoes"][0]["externo"], "CR-9");
}

#[test]
fn r100_an_answer_is_taken_without_the_blanks_around_it() {
    let c = cenario();
    let programa = c.casa.adm.chave("acoes:responder", "ver");
    let acao = c.gilda.solicita(&em_analise(&c), "credito_cliente").id();
    let um = resposta(&acao);
    let feita = json!({ "situacao": "concluida", "externo": " CR-9 ", "retorno": "Feito.\r\n " });
    let dito = programa.post(&um, &feita).feito();
    assert_eq!((&dito["externo"], &dito["retorno"]), (&json!("CR-9"), &json!("Feito.")));
    let limpa = json!({ "situacao": "concluida", "externo": "CR-9", "retorno": "Feito." });
    assert_eq!(programa.post(&um, &limpa).feito(), dito);
}

#[test]
fn r100_the_id_of_an_acao_is_of_one_alone() {
    let c = cenario();
    let (um, outro) = (em_analise(&c), em_analise(&c));
    let id = Uuid::now_v7();
    let pede = |caso: &Caso, codigo: &str| {
        c.gilda.post(&caso.em("/acoes"), &json!({ "id": id, "codigo": codigo }))
    };
    pede(&um, "credito_cliente").feito();
    // Sent again: the answer of before, and no other action.
    let de_novo = pede(&um, "credito_cliente");
    assert_eq!(de_novo.status, 201);
    assert_eq!(de_novo.feito()["registro"]["acoes"].as_array().map(Vec::len), Some(1));
    let comando = json!({ "comando": "solicitar_acao", "acao": id, "codigo": "credito_cliente" });
    let por_comando = c.gilda.post(&outro.em("/comandos"), &comando);
    for recusada in [pede(&um, "entrada_estoque"), pede(&outro, "credito_cliente"), por_comando] {
        let dito = (recusada.status, recusada.corpo["codigo"].as_str());
        assert_eq!(dito, (409, Some("id_em_uso")), "{}", recusada.texto);
    }
}

#[test]
fn r100_whoever_asked_sees_how_far_it_has_come_on_its_way_to_the_erp() {
    let c = cenario();
    let erp = Erp::ligado(&c.casa.adm);
    // The first try does not get through, so that it stays pending however soon the try is made.
    erp.respondera(&[500]);
    let caso = em_analise(&c);
    let acao = c.gilda.solicita(&caso, "credito_cliente").id();
    let lida = || {
        let uma = c.gilda.get(&format!("/v1/acoes/{acao}")).feito()["entrega"].take();
        let ficha = c.gilda.le(&caso)["acoes"][0]["entrega"].take();
        (uma, ficha, c.gilda.lista("/v1/acoes")[0]["entrega"].take())
    };
    let entrega = || -> Value {
        let mut dita = lida();
        // A try between two of the readings is told by the later one only.
        c.casa.ate("three readings that agree", || {
            dita = lida();
            dita.0 == dita.1 && dita.1 == dita.2
        });
        dita.0
    };
    let dita = entrega();
    assert_eq!(dita["situacao"], "pendente");
    assert!(dita["tentativas"].as_u64().is_some_and(|tries| tries <= 1), "{dita}");
    erp.recebe(&c.casa, 1);
    c.casa.ate("the try in the log", || entrega()["erro"] == "HTTP 500:");
    let dita = entrega();
    assert_eq!((&dita["situacao"], &dita["tentativas"]), (&json!("pendente"), &json!(1)));
    assert!(dita["proxima_em"].is_string());
    // While its endpoint is paused there is no next time.
    let destino = c.casa.adm.get("/v1/webhooks").feito()[0]["id"].as_str().unwrap().to_owned();
    let destino = format!("/v1/webhooks/{destino}");
    let etag = c.casa.adm.get(&destino).cabecalho("etag").to_owned();
    let pausa = json!({ "ativo": false });
    c.casa.adm.send("PATCH", &destino, &[("if-match", &etag)], Some(&pausa)).feito();
    assert_eq!(entrega()["proxima_em"], Value::Null);
}
