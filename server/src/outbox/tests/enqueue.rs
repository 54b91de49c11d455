//! What follows a plan: the event of an action, and whom an e-mail reaches.

use super::*;
use crate::{
    outbox::{
        delivery::{self, DeliveryFilter, Entrega},
        email::{self, Email},
        enqueue,
    },
    projection,
};
use automerge::Automerge;
use campo_domain::{
    ids::{DeviceId, UserId},
    preset,
    registro::Veredito,
    registro::{Acao, Analise, Autoria, Campos, Item, Pedido, Registro, SituacaoAcao, TipoAnalise},
    tipo::Tipo,
    valor::Valor,
};
use campo_sync::{
    admission::Merged,
    exchange::{ActionWrite, DocumentWrite, EmailWrite, Plan, Recipients},
};
use serde_json::json;
use std::collections::BTreeSet;

pub(super) fn tipo(preset: &str, codigo: &str) -> Arc<Tipo> {
    let tipos = preset::carregar(preset).unwrap().tipos;
    Arc::new(tipos.into_iter().find(|tipo| tipo.codigo == codigo).unwrap())
}

pub(super) fn texto(texto: &str) -> Valor {
    Valor::Texto(texto.to_owned())
}

pub(super) fn registro(tipo: &Tipo, campos: &[(&str, Valor)]) -> Registro {
    let campos: Campos =
        campos.iter().map(|(campo, valor)| ((*campo).to_owned(), valor.clone())).collect();
    let por = UserId::from(Uuid::now_v7());
    Registro::novo(document(), tipo, Autoria { por, em: DeviceId::ESCRITORIO }, campos)
}

/// A plan that writes these records.
pub(super) fn plan(registros: &[(&Registro, &Arc<Tipo>)]) -> Plan {
    let write = |registro: &Registro, tipo: &Arc<Tipo>| DocumentWrite {
        merged: Merged {
            document: Automerge::new(),
            registro: registro.clone(),
            tipo: tipo.clone(),
        },
        generation: 1,
        heads_before: None,
        added: 1,
    };
    let documents = registros.iter().map(|(registro, tipo)| (registro.id, write(registro, tipo)));
    Plan { documents: documents.collect(), ..Plan::default() }
}

pub(super) async fn commit(company: &Company, plan: &Plan) {
    let mut tx = company.app.db.tenant(company.tenant).await.unwrap();
    let now = Utc::now();
    let documents: Vec<_> = plan
        .documents
        .values()
        .map(|document| (&document.merged.registro, &*document.merged.tipo, now))
        .collect();
    projection::write(&mut tx, company.tenant, &documents).await.unwrap();
    enqueue(&mut tx, company.tenant, now, plan).await.unwrap();
    tx.commit().await.unwrap();
}

pub(super) async fn deliveries(company: &Company) -> Vec<Entrega> {
    let mut tx = company.app.db.tenant(company.tenant).await.unwrap();
    let filter = DeliveryFilter::default();
    delivery::list(&mut tx, company.tenant, &filter, None, 100).await.unwrap()
}

/// What was queued for a template, the oldest first.
async fn emails(company: &Company, modelo: &str) -> Vec<Email> {
    let mut tx = company.app.db.tenant(company.tenant).await.unwrap();
    let filter = email::EmailFilter::default();
    let all = email::list(&mut tx, company.tenant, &filter, None, 100).await.unwrap();
    all.into_iter().rev().filter(|email| email.modelo == modelo).collect()
}

/// A person of the company who sees everybody's records, straight into the table.
pub(super) async fn person(
    company: &Company,
    nome: &str,
    email: Option<&str>,
    ativo: bool,
) -> UserId {
    let id = Uuid::now_v7();
    sqlx::query(
        "INSERT INTO usuario (tenant, id, login, nome, senha_hash, permissoes, ativo, email) \
         VALUES ($1, $2, $3, $4, 'x', '{ver,ver_todas}', $5, $6)",
    )
    .bind(company.tenant.uuid())
    .bind(id)
    .bind(nome.to_lowercase())
    .bind(nome)
    .bind(ativo)
    .bind(email)
    .execute(company.app.db.owner())
    .await
    .unwrap();
    id.into()
}

#[tokio::test]
async fn an_action_tells_the_erp_all_it_needs() {
    let company = Company::new(&[]).await;
    let carla = person(&company, "Carla", None, true).await;
    let (de_cliente, de_ocorrencia) =
        (tipo("P000", "p000.cliente"), tipo("P000", "p000.ocorrencia"));
    let cliente = registro(
        &de_cliente,
        &[("nome", texto("Maria da Conceição")), ("documento", texto("123.456.789-09"))],
    );
    let mut ocorrencia = registro(
        &de_ocorrencia,
        &[
            ("cliente", Valor::Id(cliente.id.uuid())),
            ("origem", texto("nf_saida")),
            ("origem_numero", texto("45198")),
        ],
    );
    ocorrencia.numero = Some("2026/7".into());
    ocorrencia.situacao = Some("em_analise".into());
    for (removido, produto) in [(false, "Colchão"), (true, "Engano")] {
        let campos = [
            ("produto", texto(produto)),
            ("quantidade", Valor::Inteiro(1_500)),
            ("valor_indenizado", Valor::Inteiro(123_450)),
        ];
        let campos = campos.map(|(campo, valor)| (campo.to_owned(), valor)).into();
        let item = Item { campos, removido, autoria: ocorrencia.criacao };
        ocorrencia.itens.insert(Uuid::now_v7().into(), item);
    }
    let now = Utc::now();
    let acao = Acao {
        id: Uuid::now_v7().into(),
        codigo: "credito_cliente".into(),
        por: carla,
        quando: now,
        observacao: Some("Com urgência".into()),
        situacao: SituacaoAcao::Solicitada,
        externo: None,
        retorno: None,
        atualizada_em: now,
        respondida_por: None,
    };
    let (id, code) = (acao.id, acao.codigo.clone());
    ocorrencia.acoes.push(acao);
    let mut plan = plan(&[(&cliente, &de_cliente), (&ocorrencia, &de_ocorrencia)]);
    plan.actions.push(ActionWrite { document: ocorrencia.id, action: id, code });
    commit(&company, &plan).await;
    let entrega = deliveries(&company).await.remove(0);
    assert_eq!(
        (entrega.situacao.as_str(), entrega.tipo.as_str()),
        ("sem_destino", "acao.solicitada")
    );
    assert_eq!((entrega.documento, entrega.acao), (ocorrencia.id.uuid(), id.uuid()));
    assert_eq!(entrega.corpo["type"], "acao.solicitada");
    assert!(entrega.corpo["timestamp"].as_str().unwrap().ends_with('Z'));
    let data = &entrega.corpo["data"];
    assert_eq!(data["rotulo"], "Crédito para o Cliente");
    assert_eq!(data["numero"], "2026/7");
    assert_eq!(data["tipo"], "p000.ocorrencia");
    assert_eq!(data["situacao"], "em_analise");
    assert_eq!(data["observacao"], "Com urgência");
    assert_eq!(data["solicitada_por"], json!({ "id": carla, "nome": "Carla" }));
    assert_eq!(data["cliente"]["nome"], "Maria da Conceição");
    assert_eq!(data["cliente"]["documento"], "123.456.789-09");
    assert_eq!(data["campos"]["origem_numero"], "45198");
    assert_eq!(data["itens"].as_array().unwrap().len(), 1);
    assert_eq!(data["itens"][0]["produto"], "Colchão");
    assert_eq!(data["itens"][0]["quantidade"], "1.5");
    assert_eq!(data["itens"][0]["valor_indenizado"], "1234.50");
}

#[tokio::test]
async fn the_client_is_written_to_at_the_address_of_the_record_else_at_its_own() {
    let company = Company::new(&[]).await;
    let (de_cliente, de_ocorrencia) =
        (tipo("P000", "p000.cliente"), tipo("P000", "p000.ocorrencia"));
    let com =
        registro(&de_cliente, &[("nome", texto("Maria")), ("email", texto("maria@x.com.br"))]);
    let sem = registro(&de_cliente, &[("nome", texto("Zé"))]);
    let of = |cliente: &Registro, mais: &[(&str, Valor)]| {
        let mut campos = vec![("cliente", Valor::Id(cliente.id.uuid()))];
        campos.extend_from_slice(mais);
        registro(&de_ocorrencia, &campos)
    };
    let contato = [("contato_nome", texto("José")), ("contato_email", texto("jose@x.com.br"))];
    let cases = [of(&com, &contato), of(&com, &[]), of(&sem, &[]), registro(&de_ocorrencia, &[])];
    let mut all: Vec<(&Registro, &Arc<Tipo>)> = vec![(&com, &de_cliente), (&sem, &de_cliente)];
    all.extend(cases.iter().map(|registro| (registro, &de_ocorrencia)));
    let mut plan = plan(&all);
    plan.emails.extend(cases.iter().map(|registro| EmailWrite {
        document: registro.id,
        template: "abertura".into(),
        to: Recipients::Client,
    }));
    commit(&company, &plan).await;
    let queued = emails(&company, "abertura").await;
    let got: Vec<_> = queued
        .iter()
        .map(|email| (email.nome.as_str(), email.endereco.as_deref(), email.situacao.as_str()))
        .collect();
    assert_eq!(
        got,
        [
            ("José", Some("jose@x.com.br"), "pendente"),
            ("Maria", Some("maria@x.com.br"), "pendente"),
            ("Zé", None, "sem_endereco"),
            ("", None, "sem_endereco"),
        ]
    );
    assert!(queued[1].corpo.starts_with("Olá, Maria.\n"), "{}", queued[1].corpo);
    assert!(queued[3].corpo.starts_with("Olá.\n"), "{}", queued[3].corpo);
    // The address came later: sent again, it is found.
    sqlx::query("UPDATE clientes SET email = 'ze@x.com.br' WHERE nome = 'Zé'")
        .execute(company.app.db.owner())
        .await
        .unwrap();
    let mut tx = company.app.db.tenant(company.tenant).await.unwrap();
    email::send_again(&mut tx, company.tenant, queued[2].id).await.unwrap();
    tx.commit().await.unwrap();
    let again = emails(&company, "abertura").await.remove(2);
    assert_eq!(
        (again.endereco.as_deref(), again.situacao.as_str()),
        (Some("ze@x.com.br"), "pendente")
    );
}

#[tokio::test]
async fn interested_people_are_told_if_they_may_see_the_case() {
    let company = Company::new(&[]).await;
    let ana = person(&company, "Ana", Some("ana@aurora.com.br"), true).await;
    let bia = person(&company, "Bia", None, true).await;
    let caio = person(&company, "Caio", Some("caio@aurora.com.br"), false).await;
    let davi = person(&company, "Davi", Some("davi@aurora.com.br"), true).await;
    let other = async |nome: &str, set: &str| {
        let id = person(&company, nome, Some("x@aurora.com.br"), true).await;
        let sql = format!("UPDATE usuario SET {set} WHERE id = $1");
        let sql = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id.uuid());
        sql.execute(company.app.db.owner()).await.unwrap();
        id
    };
    // Both see own cases; this is his.
    let eva = other("Eva", "permissoes = '{ver}'").await;
    let fabio = other("Fabio", "permissoes = '{ver}'").await;
    let client = other("Gabi", "cliente = gen_random_uuid()").await;
    let program = other("ERP", "servico = true").await;
    let de_ocorrencia = tipo("P003", "p003.reclamacao");
    let mut ocorrencia = registro(&de_ocorrencia, &[("relato", texto("Veio rasgado"))]);
    let (pedido, autoria, quando) = (Uuid::now_v7().into(), ocorrencia.criacao, Utc::now());
    let feito = Veredito { recusa: None, de: "x".into(), para: "concluido".into(), quando };
    ocorrencia.pedidos.push(Pedido {
        id: pedido,
        autoria,
        quando,
        verbo: "concluir".into(),
        motivo: None,
        email: false,
        veredito: Some(feito),
    });
    ocorrencia.analises.push(Analise {
        id: Uuid::now_v7().into(),
        tipo: TipoAnalise::Parecer,
        pedido: Some(pedido),
        autoria,
        quando,
        procedente: None,
        texto: "Trocamos o colchão.".into(),
        encaminhar: None,
    });
    let all = BTreeSet::from([ana, bia, caio, davi, eva, fabio, client, program]);
    sqlx::query("INSERT INTO envolvido (tenant, raiz, document, usuario) VALUES ($1, $2, $2, $3)")
        .bind(company.tenant.uuid())
        .bind(ocorrencia.id.uuid())
        .bind(fabio.uuid())
        .execute(company.app.db.owner())
        .await
        .unwrap();
    let mut plan = plan(&[(&ocorrencia, &de_ocorrencia)]);
    plan.emails.push(EmailWrite {
        document: ocorrencia.id,
        template: "encerramento".into(),
        to: Recipients::Users(all.clone()),
    });
    commit(&company, &plan).await;
    let told: Vec<_> =
        emails(&company, "encerramento").await.into_iter().map(|e| (e.nome, e.situacao)).collect();
    let told: Vec<(&str, &str)> = told.iter().map(|(n, s)| (n.as_str(), s.as_str())).collect();
    let expected = [("Ana", "pendente"), ("Bia", "sem_endereco"), ("Davi", "pendente")];
    assert_eq!(told, [&expected[..], &[("Fabio", "pendente")]].concat());
    let email = emails(&company, "encerramento").await.remove(0);
    assert!(email.corpo.contains("Trocamos o colchão."), "{}", email.corpo);
    assert_eq!(email.usuario, Some(ana.uuid()));
    // Restricted to Davi.
    sqlx::query(
        "INSERT INTO restricao (tenant, raiz, usuarios, grupos, por, quando) \
         VALUES ($1, $2, $3, '{}', $4, now())",
    )
    .bind(company.tenant.uuid())
    .bind(ocorrencia.id.uuid())
    .bind(vec![davi.uuid()])
    .bind(davi.uuid())
    .execute(company.app.db.owner())
    .await
    .unwrap();
    plan.emails[0].template = "abertura".into();
    commit(&company, &plan).await;
    let told: Vec<_> = emails(&company, "abertura").await.into_iter().map(|e| e.nome).collect();
    assert_eq!(told, ["Davi"]);
}

#[tokio::test]
async fn a_client_is_not_told_of_an_internal_stage() {
    let company = Company::new(&[]).await;
    let de_chamado = preset::carregar("P002")
        .unwrap()
        .tipos
        .into_iter()
        .find(|tipo| tipo.fluxo.situacoes.iter().any(|situacao| !situacao.visivel_cliente));
    let de_chamado = Arc::new(de_chamado.unwrap());
    let hidden = de_chamado.fluxo.situacoes.iter().find(|situacao| !situacao.visivel_cliente);
    let (hidden, inicial) = (hidden.unwrap(), de_chamado.situacao(None).unwrap());
    let mut chamado = registro(&de_chamado, &[]);
    chamado.situacao = Some(hidden.codigo.clone());
    let ana = person(&company, "Ana", None, true).await;
    let mut plan = plan(&[(&chamado, &de_chamado)]);
    for destino in [Recipients::Client, Recipients::Users([ana].into())] {
        let modelo = "andamento".to_owned();
        plan.emails.push(EmailWrite { document: chamado.id, template: modelo, to: destino });
    }
    commit(&company, &plan).await;
    let queued = emails(&company, "andamento").await;
    assert!(queued[0].corpo.contains(&inicial.nome) && !queued[0].corpo.contains(&hidden.nome));
    assert!(queued[1].corpo.contains(&hidden.nome));
}
