//! Actions on their way to the ERP.

use super::*;
use crate::outbox::{
    delivery::{self, DeliveryFilter, Entrega, Tentativa},
    lease::{self, Outcome},
    queue::{self, Mensagem},
    webhook::{self, AlteraDestino, Destino, NovoDestino},
};
use serde_json::json;
use standardwebhooks::Webhook;
use std::{collections::BTreeSet, time::Duration};

/// Adds an endpoint; returns it with its secret.
pub(super) async fn endpoint(company: &Company, url: &str) -> (Destino, String) {
    let novo =
        NovoDestino { url: url.to_owned(), descricao: "ERP".into(), eventos: BTreeSet::new() };
    let mut tx = company.app.db.tenant(company.tenant).await.unwrap();
    let made = webhook::create(&mut tx, &company.app.config, company.tenant, novo).await.unwrap();
    tx.commit().await.unwrap();
    made
}

/// Queues so many actions.
pub(super) async fn queue(company: &Company, how_many: usize) {
    let messages: Vec<Mensagem> = (0..how_many)
        .map(|n| Mensagem {
            tipo: "acao.solicitada",
            documento: document(),
            acao: Uuid::now_v7().into(),
            corpo: json!({ "type": "acao.solicitada", "data": { "n": n, "nome": "João" } })
                .to_string(),
        })
        .collect();
    queue_these(company, &messages).await;
}

async fn queue_these(company: &Company, messages: &[Mensagem]) {
    let mut tx = company.app.db.tenant(company.tenant).await.unwrap();
    queue::enqueue(&mut tx, company.tenant, Utc::now(), messages).await.unwrap();
    tx.commit().await.unwrap();
}

async fn deliveries(company: &Company) -> Vec<Entrega> {
    let mut tx = company.app.db.tenant(company.tenant).await.unwrap();
    delivery::list(&mut tx, company.tenant, &DeliveryFilter::default(), None, 100).await.unwrap()
}

async fn only(company: &Company) -> (Entrega, Vec<Tentativa>) {
    let mut all = deliveries(company).await;
    assert_eq!(all.len(), 1);
    let entrega = all.remove(0);
    let mut tx = company.app.db.tenant(company.tenant).await.unwrap();
    let tries = delivery::attempts(&mut tx, company.tenant, entrega.id).await.unwrap();
    (entrega, tries)
}

async fn again(company: &Company, entrega: &Entrega) {
    let mut tx = company.app.db.tenant(company.tenant).await.unwrap();
    queue::deliver_again(&mut tx, company.tenant, entrega.id).await.unwrap();
    tx.commit().await.unwrap();
}

async fn change(company: &Company, destino: Uuid, altera: AlteraDestino) {
    let (app, tenant) = (&company.app, company.tenant);
    let mut tx = app.db.tenant(tenant).await.unwrap();
    webhook::change(&mut tx, &app.config, tenant, destino, altera).await.unwrap();
    tx.commit().await.unwrap();
}

async fn remove(company: &Company, destino: Uuid) {
    let mut tx = company.app.db.tenant(company.tenant).await.unwrap();
    webhook::remove(&mut tx, company.tenant, destino).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn an_action_arrives_signed_and_every_try_is_logged() {
    let (erp, url) = Erp::start().await;
    let company = Company::new(&[]).await;
    let (_, secret) = endpoint(&company, &url).await;
    queue(&company, 1).await;
    company.send().await;
    let (headers, body) = erp.received().remove(0);
    Webhook::new(&secret).unwrap().verify(&body, &headers).unwrap();
    assert!(Webhook::new("whsec_AAAA").unwrap().verify(&body, &headers).is_err());
    assert_eq!(headers[header::CONTENT_TYPE], "application/json");
    let (entrega, tries) = only(&company).await;
    assert_eq!(entrega.situacao, "entregue");
    assert_eq!(headers["webhook-id"], entrega.mensagem);
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&body).unwrap(), entrega.corpo);
    assert!(entrega.entregue_em.is_some() && entrega.proxima_em.is_none());
    assert_eq!((tries.len(), tries[0].status, &tries[0].erro), (1, Some(200), &None));
}

#[tokio::test]
async fn after_a_failure_it_comes_again_later_with_the_same_id() {
    let (erp, url) = Erp::start().await;
    let company = Company::new(&[]).await;
    endpoint(&company, &url).await;
    queue(&company, 1).await;
    erp.will_answer((StatusCode::INTERNAL_SERVER_ERROR, "sem\nestoque ".repeat(2_000)));
    company.send().await;
    let (entrega, _) = only(&company).await;
    assert_eq!((entrega.situacao.as_str(), entrega.tentativas), ("pendente", 1));
    let wait = entrega.proxima_em.unwrap() - Utc::now();
    assert!((3..=6).contains(&wait.num_seconds()), "{wait}");
    // Before its time it is left alone.
    company.send().await;
    assert_eq!(erp.received().len(), 1);
    company.wait().await;
    company.send().await;
    let ids = erp.ids();
    assert_eq!((ids.len(), &ids[0]), (2, &ids[1]));
    let (entrega, tries) = only(&company).await;
    assert_eq!((entrega.situacao.as_str(), entrega.erro), ("entregue", None));
    let erro = tries[0].erro.as_deref().unwrap();
    assert!(erro.starts_with("HTTP 500: sem estoque sem estoque"), "{erro}");
    assert!(erro.chars().count() < 350);
    assert_eq!(tries[1].status, Some(200));
}

#[tokio::test]
async fn after_the_last_try_it_lies_dead_until_somebody_sends_it_again() {
    let (erp, url) = Erp::start().await;
    let company = Company::new(&[]).await;
    endpoint(&company, &url).await;
    queue(&company, 1).await;
    for _ in 0..10 {
        assert_eq!(only(&company).await.0.situacao, "pendente");
        erp.will_answer(StatusCode::SERVICE_UNAVAILABLE);
        company.wait().await;
        company.send().await;
    }
    company.wait().await;
    company.send().await;
    let (entrega, tries) = only(&company).await;
    assert_eq!((entrega.situacao.as_str(), tries.len()), ("falhou", 10));
    assert_eq!(entrega.erro.as_deref(), Some("HTTP 503:"));
    again(&company, &entrega).await;
    company.send().await;
    let (entrega, tries) = only(&company).await;
    assert_eq!((entrega.situacao.as_str(), tries.len()), ("entregue", 11));
    assert_eq!(erp.ids().iter().collect::<BTreeSet<_>>().len(), 1);
}

#[tokio::test]
async fn what_nobody_wants_waits_for_an_endpoint_that_does() {
    let (erp, url) = Erp::start().await;
    let company = Company::new(&[]).await;
    queue(&company, 2).await;
    company.send().await;
    assert!(deliveries(&company).await.iter().all(|e| e.situacao == "sem_destino"));
    let (destino, _) = endpoint(&company, &url).await;
    change(&company, destino.id, AlteraDestino { ativo: Some(false), ..Default::default() }).await;
    company.send().await;
    assert!(erp.received().is_empty(), "a paused endpoint is told nothing");
    change(&company, destino.id, AlteraDestino { ativo: Some(true), ..Default::default() }).await;
    company.send().await;
    assert_eq!(erp.received().len(), 2);
    assert!(deliveries(&company).await.iter().all(|e| e.situacao == "entregue"));
}

#[tokio::test]
async fn an_endpoint_is_told_only_the_events_that_it_wants() {
    let (erp, url) = Erp::start().await;
    let company = Company::new(&[]).await;
    let (destino, _) = endpoint(&company, &url).await;
    let wants = Some(BTreeSet::from(["acao.solicitada".to_owned()]));
    change(&company, destino.id, AlteraDestino { eventos: wants, ..Default::default() }).await;
    let acao = Uuid::now_v7().into();
    let corpo = "{}".to_owned();
    queue_these(&company, &[Mensagem { tipo: "acao.outra", documento: document(), acao, corpo }])
        .await;
    queue(&company, 1).await;
    company.send().await;
    assert_eq!(erp.received().len(), 1);
    let mut situacoes: Vec<String> =
        deliveries(&company).await.into_iter().map(|e| e.situacao).collect();
    situacoes.sort();
    assert_eq!(situacoes, ["entregue", "sem_destino"]);
}

#[tokio::test]
async fn two_workers_deliver_each_message_once() {
    let (erp, url) = Erp::start().await;
    let company = Company::new(&[]).await;
    endpoint(&company, &url).await;
    queue(&company, 40).await;
    let other = company.other(&[("CAMPO_CHAVE", KEY), ("CAMPO_WEBHOOK_REDES_PRIVADAS", "1")]).await;
    let (one, two) = tokio::join!(once(&company.app), once(&other));
    one.and(two).unwrap();
    let ids = erp.ids();
    assert_eq!(ids.len(), 40);
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 40);
}

#[tokio::test]
async fn what_a_server_that_died_had_claimed_is_taken_over() {
    let (erp, url) = Erp::start().await;
    let company = Company::new(&[]).await;
    let (destino, _) = endpoint(&company, &url).await;
    queue(&company, 1).await;
    let mut tx = company.app.db.tenant(company.tenant).await.unwrap();
    let dead = lease::claim(&mut tx, company.tenant, destino.id).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    company.send().await;
    assert!(erp.received().is_empty(), "the lease holds");
    company.wait().await;
    company.send().await;
    assert_eq!(erp.ids(), std::slice::from_ref(&dead.message_id));
    // It was alive after all, and only slow: its word comes too late.
    let late = Outcome {
        at: Utc::now(),
        status: None,
        took: Duration::from_secs(90),
        error: Some("sem resposta".into()),
        wait: None,
    };
    let mut tx = company.app.db.tenant(company.tenant).await.unwrap();
    lease::record(&mut tx, company.tenant, &dead, &late).await.unwrap();
    tx.commit().await.unwrap();
    let (entrega, tries) = only(&company).await;
    assert_eq!((entrega.situacao.as_str(), tries.len()), ("entregue", 2));
}

#[tokio::test]
async fn a_secret_is_never_stored_in_clear_and_an_old_one_signs_for_a_day() {
    let (erp, url) = Erp::start().await;
    let company = Company::new(&[]).await;
    let (destino, old_secret) = endpoint(&company, &url).await;
    let mut tx = company.app.db.tenant(company.tenant).await.unwrap();
    let turned = webhook::rotate_secret(&mut tx, &company.app.config, company.tenant, destino.id)
        .await
        .unwrap();
    let (destino, novo) = turned;
    tx.commit().await.unwrap();
    assert!(old_secret.starts_with("whsec_") && novo.starts_with("whsec_") && old_secret != novo);
    assert!(destino.segredo_anterior_ate.is_some());
    let stored: Vec<Vec<u8>> = sqlx::query_scalar(
        "SELECT unnest(ARRAY[segredo, segredo_anterior, convert_to(d::text, 'UTF8')]) \
         FROM webhook_destino d",
    )
    .fetch_all(company.app.db.owner())
    .await
    .unwrap();
    assert_eq!(stored.len(), 3);
    for secret in [&old_secret, &novo] {
        let clear = secret.trim_start_matches("whsec_");
        for stored in &stored {
            assert!(!String::from_utf8_lossy(stored).contains(clear));
        }
    }
    queue(&company, 1).await;
    company.send().await;
    let verifies = |secret: &str, (headers, body): &(HeaderMap, Bytes)| {
        Webhook::new(secret).unwrap().verify(body, headers).is_ok()
    };
    let received = erp.received();
    assert!(verifies(&old_secret, &received[0]) && verifies(&novo, &received[0]));
    sqlx::query("UPDATE webhook_destino SET segredo_anterior_ate = now()")
        .execute(company.app.db.owner())
        .await
        .unwrap();
    queue(&company, 1).await;
    company.send().await;
    let received = erp.received();
    assert!(!verifies(&old_secret, &received[1]) && verifies(&novo, &received[1]));
}

#[tokio::test]
async fn a_server_with_another_key_says_which_setting_is_wrong() {
    let (erp, url) = Erp::start().await;
    let company = Company::new(&[]).await;
    endpoint(&company, &url).await;
    queue(&company, 1).await;
    let other = [
        ("CAMPO_CHAVE", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        ("CAMPO_WEBHOOK_REDES_PRIVADAS", "1"),
    ];
    once(&company.other(&other).await).await.unwrap();
    let (entrega, _) = only(&company).await;
    assert!(erp.received().is_empty());
    assert!(entrega.erro.unwrap().contains("CAMPO_CHAVE"));
}

#[tokio::test]
async fn what_a_removed_endpoint_was_not_told_waits_for_another() {
    let (erp, url) = Erp::start().await;
    let company = Company::new(&[]).await;
    let (gone, _) = endpoint(&company, "http://127.0.0.1:9/nunca").await;
    queue(&company, 1).await;
    company.send().await;
    remove(&company, gone.id).await;
    assert_eq!(only(&company).await.0.situacao, "sem_destino");
    endpoint(&company, &url).await;
    company.send().await;
    let (entrega, tries) = only(&company).await;
    assert_eq!((entrega.situacao.as_str(), tries.len()), ("entregue", 2));
    assert!(tries[0].erro.as_deref().unwrap().starts_with("sem conexão"), "{:?}", tries[0].erro);
    // What another endpoint was told too does not wait.
    let (second, _) = endpoint(&company, "http://127.0.0.1:9/nunca").await;
    queue(&company, 1).await;
    company.send().await;
    remove(&company, second.id).await;
    let situacoes: Vec<String> =
        deliveries(&company).await.into_iter().map(|e| e.situacao).collect();
    assert_eq!(situacoes.iter().filter(|s| *s == "cancelada").count(), 1, "{situacoes:?}");
    company.send().await;
    assert_eq!(erp.received().len(), 2);
}

#[tokio::test]
async fn what_is_cancelled_while_its_endpoint_is_removed_stays_cancelled() {
    let company = Company::new(&[]).await;
    let (destino, _) = endpoint(&company, "http://127.0.0.1:9/nunca").await;
    queue(&company, 1).await;
    let (entrega, _) = only(&company).await;
    let mut answer = company.app.db.tenant(company.tenant).await.unwrap();
    let respondidas = [(entrega.documento.into(), entrega.acao.into())];
    queue::cancel(&mut answer, company.tenant, &respondidas).await.unwrap();
    let commit = async {
        let sql = "SELECT count(*) FROM pg_stat_activity \
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while sqlx::query_scalar::<_, i64>(sql).fetch_one(company.app.db.owner()).await.unwrap()
            == 0
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        answer.commit().await.unwrap();
    };
    let both = async { tokio::join!(remove(&company, destino.id), commit) };
    tokio::time::timeout(Duration::from_secs(20), both).await.unwrap();
    assert_eq!(only(&company).await.0.situacao, "cancelada");
}

#[tokio::test]
async fn neither_an_inner_network_nor_a_redirect_is_followed() {
    let (erp, url) = Erp::start().await;
    let company = Company::new(&[]).await;
    endpoint(&company, &url).await;
    queue(&company, 1).await;
    erp.will_answer(redirect(&url));
    company.send().await;
    assert_eq!(erp.received().len(), 1);
    assert!(only(&company).await.0.erro.unwrap().contains("redirecionamentos"));
    company.wait().await;
    once(&company.other(&[("CAMPO_CHAVE", KEY)]).await).await.unwrap();
    assert_eq!(erp.received().len(), 1);
    let (entrega, tries) = only(&company).await;
    assert_eq!(entrega.erro.as_deref(), Some("use https"));
    assert_eq!((tries.len(), tries[1].status), (2, None));
}

#[tokio::test]
async fn an_address_or_an_event_that_does_not_serve_is_refused_with_a_code() {
    let company = Company::new(&[]).await;
    let strict = config(&[("CAMPO_CHAVE", KEY)]);
    let mut tx = company.app.db.tenant(company.tenant).await.unwrap();
    for (url, evento, codigo) in [
        ("erp.exemplo.com.br", None, "url_invalida"),
        ("http://erp.exemplo.com.br", None, "url_invalida"),
        ("https://10.0.0.1/x", None, "url_invalida"),
        ("https://u:s@erp.exemplo.com.br", None, "url_invalida"),
        ("https://erp.exemplo.com.br/#x", None, "url_invalida"),
        ("https://erp.exemplo.com.br", Some("acao.nunca"), "evento_desconhecido"),
    ] {
        let eventos = evento.into_iter().map(str::to_owned).collect();
        let novo = NovoDestino { url: url.into(), descricao: String::new(), eventos };
        let error = webhook::create(&mut tx, &strict, company.tenant, novo).await.unwrap_err();
        assert_eq!(error.codigo, codigo, "{url}");
    }
    for n in 0..21 {
        let (url, eventos) = ("https://erp.exemplo.com.br".to_owned(), BTreeSet::new());
        let novo = NovoDestino { url, descricao: n.to_string(), eventos };
        let made = webhook::create(&mut tx, &strict, company.tenant, novo).await;
        assert_eq!(made.is_ok(), n < 20);
    }
    assert_eq!(webhook::list(&mut tx, company.tenant).await.unwrap().len(), 20);
}

#[tokio::test]
async fn what_is_asked_while_an_endpoint_is_paused_waits_for_it() {
    let (erp, url) = Erp::start().await;
    let (other, url_of_other) = Erp::start().await;
    let company = Company::new(&[]).await;
    let (paused, _) = endpoint(&company, &url).await;
    endpoint(&company, &url_of_other).await;
    let pause = |ativo| AlteraDestino { ativo: Some(ativo), ..Default::default() };
    change(&company, paused.id, pause(false)).await;
    queue(&company, 1).await;
    company.send().await;
    assert_eq!((erp.received().len(), other.received().len()), (0, 1));
    change(&company, paused.id, pause(true)).await;
    company.send().await;
    assert_eq!(erp.ids(), other.ids());
}

#[tokio::test]
async fn what_waited_without_an_endpoint_goes_to_every_one_that_came() {
    let (erp, url) = Erp::start().await;
    let (other, url_of_other) = Erp::start().await;
    let company = Company::new(&[]).await;
    queue(&company, 2).await;
    assert!(deliveries(&company).await.iter().all(|e| e.situacao == "sem_destino"));
    endpoint(&company, &url).await;
    endpoint(&company, &url_of_other).await;
    company.send().await;
    let ids = |erp: &Erp| erp.ids().into_iter().collect::<BTreeSet<_>>();
    assert_eq!((ids(&erp).len(), ids(&erp)), (2, ids(&other)));
    assert_eq!(deliveries(&company).await.len(), 4);
}

#[tokio::test]
async fn an_endpoint_that_hangs_holds_up_itself_alone() {
    let hangs = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (erp, url) = Erp::start().await;
    let company = Company::new(&[]).await;
    let never = format!("http://{}/nunca", hangs.local_addr().unwrap());
    let (paused, _) = endpoint(&company, &never).await;
    queue(&company, 24).await;
    let running = tokio::spawn(worker::run(
        company.app.db.clone(),
        company.app.config.clone(),
        company.app.shutdown.clone(),
    ));
    let until = |many: usize| {
        let erp = erp.clone();
        async move {
            while erp.received().len() < many {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    };
    // All that hangs is under way, or queued before what comes now.
    tokio::time::sleep(Duration::from_secs(1)).await;
    endpoint(&company, &url).await;
    queue(&company, 1).await;
    tokio::time::timeout(Duration::from_secs(8), until(1)).await.unwrap();
    running.abort();
    let under_way: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM webhook_entrega WHERE destino = $1 AND arrendamento IS NOT NULL",
    )
    .bind(paused.id)
    .fetch_one(company.app.db.owner())
    .await
    .unwrap();
    assert_eq!(under_way, 3);
}

#[tokio::test]
async fn an_endpoint_that_failed_is_tried_once_at_a_time_until_it_takes_something() {
    let (erp, url) = Erp::start().await;
    let company = Company::new(&[]).await;
    endpoint(&company, &url).await;
    queue(&company, 6).await;
    (0..4).for_each(|_| erp.will_answer(StatusCode::INTERNAL_SERVER_ERROR));
    company.send().await;
    assert_eq!(erp.received().len(), 3);
    company.send().await;
    assert_eq!(erp.received().len(), 4);
    company.send().await;
    assert_eq!(erp.received().len(), 6);
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_stopped_and_what_is_for_it_waits() {
    let (erp, url) = Erp::start().await;
    let company = Company::new(&[]).await;
    let (destino, _) = endpoint(&company, &url).await;
    queue(&company, 1).await;
    erp.will_answer(StatusCode::GONE);
    company.send().await;
    let mut tx = company.app.db.tenant(company.tenant).await.unwrap();
    let agora = webhook::find(&mut tx, company.tenant, destino.id).await.unwrap();
    tx.rollback().await.unwrap();
    assert!(!agora.ativo && agora.motivo.unwrap().contains("410"));
    company.wait().await;
    company.send().await;
    assert_eq!((erp.received().len(), only(&company).await.0.situacao.as_str()), (1, "pendente"));
    change(&company, destino.id, AlteraDestino { ativo: Some(true), ..Default::default() }).await;
    company.send().await;
    assert_eq!(only(&company).await.0.situacao, "entregue");
    let mut tx = company.app.db.tenant(company.tenant).await.unwrap();
    let agora = webhook::find(&mut tx, company.tenant, destino.id).await.unwrap();
    assert_eq!((agora.ativo, agora.motivo), (true, None));
}

#[tokio::test]
async fn an_endpoint_that_asks_for_time_is_given_it_up_to_a_day() {
    let (erp, url) = Erp::start().await;
    let company = Company::new(&[]).await;
    endpoint(&company, &url).await;
    queue(&company, 1).await;
    let cases = [
        (StatusCode::TOO_MANY_REQUESTS, "3600", 3_600),
        (StatusCode::SERVICE_UNAVAILABLE, "604800", 86_400),
        // Less than it would wait anyway.
        (StatusCode::TOO_MANY_REQUESTS, "1", 1_800),
    ];
    for (status, asked, waits) in cases {
        erp.will_answer((status, [(header::RETRY_AFTER, asked)]));
        company.wait().await;
        company.send().await;
        let wait = only(&company).await.0.proxima_em.unwrap() - Utc::now();
        assert!((waits - 5..=waits * 6 / 5).contains(&wait.num_seconds()), "{asked}: {wait}");
    }
}

#[tokio::test]
async fn an_endpoint_that_asks_for_time_is_told_nothing_else_meanwhile() {
    let (erp, url) = Erp::start().await;
    let (other, url_of_other) = Erp::start().await;
    let company = Company::new(&[]).await;
    let (destino, _) = endpoint(&company, &url).await;
    endpoint(&company, &url_of_other).await;
    erp.will_answer(StatusCode::INTERNAL_SERVER_ERROR);
    queue(&company, 1).await;
    company.send().await;
    queue(&company, 5).await;
    erp.will_answer((StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "3600")]));
    for _ in 0..3 {
        company.send().await;
    }
    assert_eq!((erp.received().len(), other.received().len()), (2, 6));
    let all = deliveries(&company).await;
    let waiting: Vec<_> = all.iter().filter(|e| e.destino == Some(destino.id)).collect();
    let asked = Utc::now() + chrono::Duration::seconds(3_590);
    assert_eq!(waiting.len(), 6);
    assert!(waiting.iter().all(|e| e.proxima_em > Some(asked)), "{waiting:?}");
    // No try was used up, and its hour over it is told everything.
    assert_eq!(waiting.iter().map(|e| e.tentativas).sum::<i32>(), 2);
    company.wait().await;
    company.send().await;
    assert!(deliveries(&company).await.iter().all(|e| e.situacao == "entregue"));
}

#[tokio::test]
async fn a_company_sees_and_tells_its_own_alone() {
    let (erp, url) = Erp::start().await;
    let company = Company::new(&[]).await;
    let (destino, _) = endpoint(&company, &url).await;
    let neighbour = Company {
        app: company.app.clone(),
        url: company.url.clone(),
        tenant: create_company(&company.app.db, "boreal").await,
    };
    queue(&neighbour, 1).await;
    company.send().await;
    assert!(erp.received().is_empty() && deliveries(&company).await.is_empty());
    let mut tx = company.app.db.tenant(neighbour.tenant).await.unwrap();
    assert!(webhook::list(&mut tx, neighbour.tenant).await.unwrap().is_empty());
    let error = webhook::remove(&mut tx, neighbour.tenant, destino.id).await.unwrap_err();
    assert_eq!(error.codigo, "nao_encontrado");
}
