//! What the ERP is told of an action, and that it is told nothing more once the action is answered.

use super::{
    enqueue::{commit, deliveries, person, plan, registro, texto, tipo},
    *,
};
use crate::{
    outbox::{
        lease::{self, Outcome},
        queue,
    },
    reference,
};
use campo_domain::{
    ids::{AcaoId, UserId},
    registro::{Acao, Analise, Item, Registro, SituacaoAcao, TipoAnalise},
    tipo::Tipo,
    valor::Valor,
};
use campo_sync::exchange::{ActionWrite, Plan};
use serde_json::{Value, json};
use std::{collections::BTreeSet, time::Duration};

/// Entries of a catalogue: code, whether it is offered, name.
async fn catalogue(company: &Company, colecao: &str, entries: &[(&str, bool, &str)]) {
    let entry = |(codigo, ativo, nome): &(&str, bool, &str)| {
        ((*codigo).to_owned(), *ativo, json!({ "nome": nome, "dados": {} }))
    };
    let mut tx = company.app.db.tenant(company.tenant).await.unwrap();
    reference::lock(&mut tx, company.tenant).await.unwrap();
    let entries = entries.iter().map(entry).collect();
    reference::put(&mut tx, company.tenant, colecao, entries).await.unwrap();
    tx.commit().await.unwrap();
}

fn item(registro: &mut Registro, produto: &str, quantidade: i64, valor: i64) {
    let campos = [
        ("produto", texto(produto)),
        ("quantidade", Valor::Inteiro(quantidade)),
        ("valor", Valor::Inteiro(valor)),
    ];
    let campos = campos.map(|(campo, valor)| (campo.to_owned(), valor)).into();
    let item = Item { campos, removido: false, autoria: registro.criacao };
    registro.itens.insert(Uuid::now_v7().into(), item);
}

/// The record with an action that this person asks for, and what commits it.
fn ask(registro: &mut Registro, tipo: &Arc<Tipo>, por: UserId) -> (AcaoId, Plan) {
    let now = Utc::now();
    let acao = Acao {
        id: Uuid::now_v7().into(),
        codigo: "credito_cliente".into(),
        por,
        quando: now,
        observacao: None,
        situacao: SituacaoAcao::Solicitada,
        externo: None,
        retorno: None,
        atualizada_em: now,
        respondida_por: None,
    };
    let (id, codigo) = (acao.id, acao.codigo.clone());
    registro.acoes.push(acao);
    let mut plan = plan(&[(&*registro, tipo)]);
    plan.actions.push(ActionWrite { document: registro.id, action: id, code: codigo });
    (id, plan)
}

/// The event of an action of a record of which all is known.
async fn event(company: &Company) -> Value {
    let carla = person(company, "Carla", None, true).await;
    catalogue(company, "fornecedor", &[("colchoes_sul", true, "Colchões Sul")]).await;
    catalogue(company, "tipo_ocorrencia", &[("avaria", true, "Avaria")]).await;
    let produtos = [
        ("CI-0", false, "Colchão Itatiba"),
        ("CI-1", true, "Colchão Itatiba"),
        ("M-1", true, "Mesa"),
        ("M-2", true, "Mesa"),
    ];
    catalogue(company, "produto", &produtos).await;
    let de_ocorrencia = tipo("P000", "p000.ocorrencia");
    let mut ocorrencia = registro(
        &de_ocorrencia,
        &[
            ("fornecedor", texto("colchoes_sul")),
            ("tipo_ocorrencia", texto("avaria")),
            ("origem", texto("nf_saida")),
        ],
    );
    item(&mut ocorrencia, "colchao itatiba", 1_500, 189_000);
    item(&mut ocorrencia, "Mesa", 2_001, 1_001);
    ocorrencia.analises.push(Analise {
        id: Uuid::now_v7().into(),
        tipo: TipoAnalise::Laudo,
        pedido: None,
        autoria: campo_domain::registro::Autoria { por: carla, ..ocorrencia.criacao },
        quando: Utc::now(),
        procedente: Some(true),
        texto: "A mola quebrou.".into(),
        encaminhar: None,
    });
    let (_, plan) = ask(&mut ocorrencia, &de_ocorrencia, carla);
    commit(company, &plan).await;
    deliveries(company).await.remove(0).corpo
}

#[tokio::test]
async fn the_event_says_whose_it_is_names_what_it_refers_to_and_sums_it_up() {
    let company = Company::new(&[]).await;
    let data = &event(&company).await["data"];
    let empresa = json!({ "id": company.tenant, "slug": "aurora", "nome": "Móveis Aurora" });
    assert_eq!(data["empresa"], empresa);
    let fornecedor = json!({ "codigo": "colchoes_sul", "nome": "Colchões Sul" });
    assert_eq!(data["fornecedor"], fornecedor);
    assert_eq!(data["campos"]["tipo_ocorrencia"], "avaria");
    assert_eq!(data["exibicao"]["tipo_ocorrencia"], "Avaria");
    assert_eq!(data["exibicao"]["origem"], "Nota fiscal de saída");
    let laudo = &data["laudo"];
    assert_eq!((&laudo["procedente"], &laudo["por"]["nome"]), (&json!(true), &json!("Carla")));
    let codes: BTreeSet<_> = data["itens"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| (item["produto"].as_str().unwrap(), item["produto_codigo"].as_str()))
        .collect();
    // Which of two products of one name it is, nobody can say.
    assert_eq!(codes, [("Mesa", None), ("colchao itatiba", Some("CI-1"))].into());
    let totais = json!({ "quantidade": "3.501", "valor": "2855.03001", "valor_indenizado": null });
    assert_eq!(data["totais"], totais);
}

#[tokio::test]
async fn the_document_describes_the_event_as_it_is() {
    let document = serde_json::to_value(crate::routes::document()).unwrap();
    let operation = &document["webhooks"]["acao.solicitada"]["post"];
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!(schema["$ref"], "#/components/schemas/AcaoSolicitada");
    let schemas = &document["components"]["schemas"];
    let event = event(&Company::new(&[]).await).await;
    let cases = [
        ("AcaoSolicitada", &event),
        ("DadosDaAcao", &event["data"]),
        ("EmpresaDoEvento", &event["data"]["empresa"]),
        ("Totais", &event["data"]["totais"]),
        ("LaudoDoEvento", &event["data"]["laudo"]),
    ];
    for (name, written) in cases {
        let keys = |value: &Value| -> BTreeSet<String> {
            value.as_object().unwrap_or_else(|| panic!("{name}")).keys().cloned().collect()
        };
        assert_eq!(keys(&schemas[name]["properties"]), keys(written), "{name}");
    }
}

#[tokio::test]
async fn what_was_not_sent_of_an_answered_action_is_not_sent() {
    let (erp, url) = Erp::start().await;
    let company = Company::new(&[]).await;
    let carla = person(&company, "Carla", None, true).await;
    let de_ocorrencia = tipo("P000", "p000.ocorrencia");
    let mut ocorrencia = registro(&de_ocorrencia, &[]);
    // One was given up, one waits for an endpoint, one for its time.
    let (_, dead) = ask(&mut ocorrencia, &de_ocorrencia, carla);
    commit(&company, &dead).await;
    let sql = "UPDATE webhook_entrega SET situacao = 'falhou'";
    sqlx::query(sql).execute(company.app.db.owner()).await.unwrap();
    let (_, first) = ask(&mut ocorrencia, &de_ocorrencia, carla);
    commit(&company, &first).await;
    super::webhook::endpoint(&company, &url).await;
    let (_, second) = ask(&mut ocorrencia, &de_ocorrencia, carla);
    commit(&company, &second).await;
    for acao in &mut ocorrencia.acoes {
        acao.situacao = SituacaoAcao::Recusada;
    }
    commit(&company, &plan(&[(&ocorrencia, &de_ocorrencia)])).await;
    company.send().await;
    assert!(erp.received().is_empty());
    let left = deliveries(&company).await;
    assert!(left.len() == 3 && left.iter().all(|entrega| entrega.situacao == "cancelada"));
    let mut tx = company.app.db.tenant(company.tenant).await.unwrap();
    for entrega in left {
        let again = queue::deliver_again(&mut tx, company.tenant, entrega.id).await.unwrap_err();
        assert_eq!((again.status, again.codigo), (StatusCode::CONFLICT, "entrega_cancelada"));
    }
}

#[tokio::test]
async fn a_try_that_is_under_way_when_the_answer_comes_counts_for_what_it_did() {
    let company = Company::new(&[]).await;
    let carla = person(&company, "Carla", None, true).await;
    let (destino, _) = super::webhook::endpoint(&company, "http://127.0.0.1:9/nunca").await;
    let de_ocorrencia = tipo("P000", "p000.ocorrencia");
    for (error, situacao) in [(None, "entregue"), (Some("sem resposta"), "cancelada")] {
        let mut ocorrencia = registro(&de_ocorrencia, &[]);
        let (acao, asked) = ask(&mut ocorrencia, &de_ocorrencia, carla);
        commit(&company, &asked).await;
        let mut tx = company.app.db.tenant(company.tenant).await.unwrap();
        let sending = lease::claim(&mut tx, company.tenant, destino.id).await.unwrap().unwrap();
        tx.commit().await.unwrap();
        ocorrencia.acoes[0].situacao = SituacaoAcao::Concluida;
        commit(&company, &plan(&[(&ocorrencia, &de_ocorrencia)])).await;
        let (error, at) = (error.map(str::to_owned), Utc::now());
        let came = Outcome { at, status: None, took: Duration::ZERO, error, wait: None };
        let mut tx = company.app.db.tenant(company.tenant).await.unwrap();
        lease::record(&mut tx, company.tenant, &sending, &came).await.unwrap();
        tx.commit().await.unwrap();
        let all = deliveries(&company).await;
        let its = all.iter().find(|entrega| entrega.acao == acao.uuid()).unwrap();
        assert_eq!(its.situacao, situacao);
    }
}
