//! Actions on their way to the ERP.

use super::*;
use crate::outbox::{
    fila::{self, Entrega, Filtro, Mensagem, Tentativa},
    webhook::{self, AlteraDestino, Destino, NovoDestino},
};
use serde_json::json;
use standardwebhooks::Webhook;
use std::{collections::BTreeSet, time::Duration};

/// Adds an endpoint; returns it with its secret.
pub(super) async fn endpoint(casa: &Casa, url: &str) -> (Destino, String) {
    let novo =
        NovoDestino { url: url.to_owned(), descricao: "ERP".into(), eventos: BTreeSet::new() };
    let mut tx = casa.app.db.tenant(casa.tenant).await.unwrap();
    let made = webhook::criar_destino(&mut tx, &casa.app.config, casa.tenant, novo).await.unwrap();
    tx.commit().await.unwrap();
    made
}

/// Queues so many actions.
pub(super) async fn queue(casa: &Casa, how_many: usize) {
    let mensagens: Vec<Mensagem> = (0..how_many)
        .map(|n| Mensagem {
            tipo: "acao.solicitada",
            documento: document(),
            acao: Uuid::now_v7().into(),
            corpo: json!({ "type": "acao.solicitada", "data": { "n": n, "nome": "João" } })
                .to_string(),
        })
        .collect();
    queue_these(casa, &mensagens).await;
}

async fn queue_these(casa: &Casa, mensagens: &[Mensagem]) {
    let mut tx = casa.app.db.tenant(casa.tenant).await.unwrap();
    fila::enfileirar(&mut tx, casa.tenant, Utc::now(), mensagens).await.unwrap();
    tx.commit().await.unwrap();
}

async fn deliveries(casa: &Casa) -> Vec<Entrega> {
    let mut tx = casa.app.db.tenant(casa.tenant).await.unwrap();
    fila::entregas(&mut tx, casa.tenant, &Filtro::default(), None, 100).await.unwrap()
}

async fn only(casa: &Casa) -> (Entrega, Vec<Tentativa>) {
    let mut all = deliveries(casa).await;
    assert_eq!(all.len(), 1);
    let entrega = all.remove(0);
    let mut tx = casa.app.db.tenant(casa.tenant).await.unwrap();
    let tries = fila::tentativas(&mut tx, casa.tenant, entrega.id).await.unwrap();
    (entrega, tries)
}

async fn again(casa: &Casa, entrega: &Entrega) {
    let mut tx = casa.app.db.tenant(casa.tenant).await.unwrap();
    fila::reentregar(&mut tx, casa.tenant, entrega.id).await.unwrap();
    tx.commit().await.unwrap();
}

async fn change(casa: &Casa, destino: Uuid, altera: AlteraDestino) {
    let (app, tenant) = (&casa.app, casa.tenant);
    let mut tx = app.db.tenant(tenant).await.unwrap();
    webhook::alterar_destino(&mut tx, &app.config, tenant, destino, altera).await.unwrap();
    tx.commit().await.unwrap();
}

async fn remove(casa: &Casa, destino: Uuid) {
    let mut tx = casa.app.db.tenant(casa.tenant).await.unwrap();
    webhook::remover_destino(&mut tx, casa.tenant, destino).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn an_action_arrives_signed_and_every_try_is_logged() {
    let (erp, url) = Erp::start().await;
    let casa = Casa::new(&[]).await;
    let (_, segredo) = endpoint(&casa, &url).await;
    queue(&casa, 1).await;
    casa.send().await;
    let (headers, body) = erp.received().remove(0);
    Webhook::new(&segredo).unwrap().verify(&body, &headers).unwrap();
    assert!(Webhook::new("whsec_AAAA").unwrap().verify(&body, &headers).is_err());
    assert_eq!(headers[header::CONTENT_TYPE], "application/json");
    let (entrega, tries) = only(&casa).await;
    assert_eq!(entrega.situacao, "entregue");
    assert_eq!(headers["webhook-id"], entrega.mensagem);
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&body).unwrap(), entrega.corpo);
    assert!(entrega.entregue_em.is_some() && entrega.proxima_em.is_none());
    assert_eq!((tries.len(), tries[0].status, &tries[0].erro), (1, Some(200), &None));
}

#[tokio::test]
async fn after_a_failure_it_comes_again_later_with_the_same_id() {
    let (erp, url) = Erp::start().await;
    let casa = Casa::new(&[]).await;
    endpoint(&casa, &url).await;
    queue(&casa, 1).await;
    erp.will_answer((StatusCode::INTERNAL_SERVER_ERROR, "sem\nestoque ".repeat(2_000)));
    casa.send().await;
    let (entrega, _) = only(&casa).await;
    assert_eq!((entrega.situacao.as_str(), entrega.tentativas), ("pendente", 1));
    let wait = entrega.proxima_em.unwrap() - Utc::now();
    assert!((3..=6).contains(&wait.num_seconds()), "{wait}");
    // Before its time it is left alone.
    casa.send().await;
    assert_eq!(erp.received().len(), 1);
    casa.wait().await;
    casa.send().await;
    let ids = erp.ids();
    assert_eq!((ids.len(), &ids[0]), (2, &ids[1]));
    let (entrega, tries) = only(&casa).await;
    assert_eq!((entrega.situacao.as_str(), entrega.erro), ("entregue", None));
    let erro = tries[0].erro.as_deref().unwrap();
    assert!(erro.starts_with("HTTP 500: sem estoque sem estoque"), "{erro}");
    assert!(erro.chars().count() < 350);
    assert_eq!(tries[1].status, Some(200));
}

#[tokio::test]
async fn after_the_last_try_it_lies_dead_until_somebody_sends_it_again() {
    let (erp, url) = Erp::start().await;
    let casa = Casa::new(&[]).await;
    endpoint(&casa, &url).await;
    queue(&casa, 1).await;
    for _ in 0..10 {
        assert_eq!(only(&casa).await.0.situacao, "pendente");
        erp.will_answer(StatusCode::SERVICE_UNAVAILABLE);
        casa.wait().await;
        casa.send().await;
    }
    casa.wait().await;
    casa.send().await;
    let (entrega, tries) = only(&casa).await;
    assert_eq!((entrega.situacao.as_str(), tries.len()), ("falhou", 10));
    assert_eq!(entrega.erro.as_deref(), Some("HTTP 503:"));
    again(&casa, &entrega).await;
    casa.send().await;
    let (entrega, tries) = only(&casa).await;
    assert_eq!((entrega.situacao.as_str(), tries.len()), ("entregue", 11));
    assert_eq!(erp.ids().iter().collect::<BTreeSet<_>>().len(), 1);
}

#[tokio::test]
async fn what_nobody_wants_waits_for_an_endpoint_that_does() {
    let (erp, url) = Erp::start().await;
    let casa = Casa::new(&[]).await;
    queue(&casa, 2).await;
    casa.send().await;
    assert!(deliveries(&casa).await.iter().all(|e| e.situacao == "sem_destino"));
    let (destino, _) = endpoint(&casa, &url).await;
    change(&casa, destino.id, AlteraDestino { ativo: Some(false), ..Default::default() }).await;
    casa.send().await;
    assert!(erp.received().is_empty(), "a paused endpoint is told nothing");
    change(&casa, destino.id, AlteraDestino { ativo: Some(true), ..Default::default() }).await;
    casa.send().await;
    assert_eq!(erp.received().len(), 2);
    assert!(deliveries(&casa).await.iter().all(|e| e.situacao == "entregue"));
}

#[tokio::test]
async fn an_endpoint_is_told_only_the_events_that_it_wants() {
    let (erp, url) = Erp::start().await;
    let casa = Casa::new(&[]).await;
    let (destino, _) = endpoint(&casa, &url).await;
    let wants = Some(BTreeSet::from(["acao.solicitada".to_owned()]));
    change(&casa, destino.id, AlteraDestino { eventos: wants, ..Default::default() }).await;
    let acao = Uuid::now_v7().into();
    let corpo = "{}".to_owned();
    queue_these(&casa, &[Mensagem { tipo: "acao.outra", documento: document(), acao, corpo }])
        .await;
    queue(&casa, 1).await;
    casa.send().await;
    assert_eq!(erp.received().len(), 1);
    let mut situacoes: Vec<String> =
        deliveries(&casa).await.into_iter().map(|e| e.situacao).collect();
    situacoes.sort();
    assert_eq!(situacoes, ["entregue", "sem_destino"]);
}

#[tokio::test]
async fn two_workers_deliver_each_message_once() {
    let (erp, url) = Erp::start().await;
    let casa = Casa::new(&[]).await;
    endpoint(&casa, &url).await;
    queue(&casa, 40).await;
    let other = casa.other(&[("CAMPO_CHAVE", CHAVE), ("CAMPO_WEBHOOK_REDES_PRIVADAS", "1")]).await;
    let (one, two) = tokio::join!(once(&casa.app), once(&other));
    one.and(two).unwrap();
    let ids = erp.ids();
    assert_eq!(ids.len(), 40);
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 40);
}

#[tokio::test]
async fn what_a_server_that_died_had_claimed_is_taken_over() {
    let (erp, url) = Erp::start().await;
    let casa = Casa::new(&[]).await;
    let (destino, _) = endpoint(&casa, &url).await;
    queue(&casa, 1).await;
    let mut tx = casa.app.db.tenant(casa.tenant).await.unwrap();
    let dead = fila::reservar(&mut tx, casa.tenant, destino.id).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    casa.send().await;
    assert!(erp.received().is_empty(), "the lease holds");
    casa.wait().await;
    casa.send().await;
    assert_eq!(erp.ids(), std::slice::from_ref(&dead.mensagem));
    // It was alive after all, and only slow: its word comes too late.
    let late = fila::Resultado {
        em: Utc::now(),
        status: None,
        levou: Duration::from_secs(90),
        erro: Some("sem resposta".into()),
        espera: None,
    };
    let mut tx = casa.app.db.tenant(casa.tenant).await.unwrap();
    fila::registrar(&mut tx, casa.tenant, &dead, &late).await.unwrap();
    tx.commit().await.unwrap();
    let (entrega, tries) = only(&casa).await;
    assert_eq!((entrega.situacao.as_str(), tries.len()), ("entregue", 2));
}

#[tokio::test]
async fn a_secret_is_never_stored_in_clear_and_an_old_one_signs_for_a_day() {
    let (erp, url) = Erp::start().await;
    let casa = Casa::new(&[]).await;
    let (destino, velho) = endpoint(&casa, &url).await;
    let mut tx = casa.app.db.tenant(casa.tenant).await.unwrap();
    let turned =
        webhook::girar_segredo(&mut tx, &casa.app.config, casa.tenant, destino.id).await.unwrap();
    let (destino, novo) = turned;
    tx.commit().await.unwrap();
    assert!(velho.starts_with("whsec_") && novo.starts_with("whsec_") && velho != novo);
    assert!(destino.segredo_anterior_ate.is_some());
    let stored: Vec<Vec<u8>> = sqlx::query_scalar(
        "SELECT unnest(ARRAY[segredo, segredo_anterior, convert_to(d::text, 'UTF8')]) \
         FROM webhook_destino d",
    )
    .fetch_all(casa.app.db.owner())
    .await
    .unwrap();
    assert_eq!(stored.len(), 3);
    for segredo in [&velho, &novo] {
        let clear = segredo.trim_start_matches("whsec_");
        for stored in &stored {
            assert!(!String::from_utf8_lossy(stored).contains(clear));
        }
    }
    queue(&casa, 1).await;
    casa.send().await;
    let verifies = |segredo: &str, (headers, body): &(HeaderMap, Bytes)| {
        Webhook::new(segredo).unwrap().verify(body, headers).is_ok()
    };
    let received = erp.received();
    assert!(verifies(&velho, &received[0]) && verifies(&novo, &received[0]));
    sqlx::query("UPDATE webhook_destino SET segredo_anterior_ate = now()")
        .execute(casa.app.db.owner())
        .await
        .unwrap();
    queue(&casa, 1).await;
    casa.send().await;
    let received = erp.received();
    assert!(!verifies(&velho, &received[1]) && verifies(&novo, &received[1]));
}

#[tokio::test]
async fn a_server_with_another_key_says_which_setting_is_wrong() {
    let (erp, url) = Erp::start().await;
    let casa = Casa::new(&[]).await;
    endpoint(&casa, &url).await;
    queue(&casa, 1).await;
    let other = [
        ("CAMPO_CHAVE", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        ("CAMPO_WEBHOOK_REDES_PRIVADAS", "1"),
    ];
    once(&casa.other(&other).await).await.unwrap();
    let (entrega, _) = only(&casa).await;
    assert!(erp.received().is_empty());
    assert!(entrega.erro.unwrap().contains("CAMPO_CHAVE"));
}

#[tokio::test]
async fn what_a_removed_endpoint_was_not_told_waits_for_another() {
    let (erp, url) = Erp::start().await;
    let casa = Casa::new(&[]).await;
    let (gone, _) = endpoint(&casa, "http://127.0.0.1:9/nunca").await;
    queue(&casa, 1).await;
    casa.send().await;
    remove(&casa, gone.id).await;
    assert_eq!(only(&casa).await.0.situacao, "sem_destino");
    endpoint(&casa, &url).await;
    casa.send().await;
    let (entrega, tries) = only(&casa).await;
    assert_eq!((entrega.situacao.as_str(), tries.len()), ("entregue", 2));
    assert!(tries[0].erro.as_deref().unwrap().starts_with("sem conexão"), "{:?}", tries[0].erro);
    // What another endpoint was told too does not wait.
    let (second, _) = endpoint(&casa, "http://127.0.0.1:9/nunca").await;
    queue(&casa, 1).await;
    casa.send().await;
    remove(&casa, second.id).await;
    let situacoes: Vec<String> = deliveries(&casa).await.into_iter().map(|e| e.situacao).collect();
    assert_eq!(situacoes.iter().filter(|s| *s == "cancelada").count(), 1, "{situacoes:?}");
    casa.send().await;
    assert_eq!(erp.received().len(), 2);
}

#[tokio::test]
async fn what_is_cancelled_while_its_endpoint_is_removed_stays_cancelled() {
    let casa = Casa::new(&[]).await;
    let (destino, _) = endpoint(&casa, "http://127.0.0.1:9/nunca").await;
    queue(&casa, 1).await;
    let (entrega, _) = only(&casa).await;
    let mut answer = casa.app.db.tenant(casa.tenant).await.unwrap();
    let respondidas = [(entrega.documento.into(), entrega.acao.into())];
    fila::cancelar(&mut answer, casa.tenant, &respondidas).await.unwrap();
    let commit = async {
        let sql = "SELECT count(*) FROM pg_stat_activity \
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while sqlx::query_scalar::<_, i64>(sql).fetch_one(casa.app.db.owner()).await.unwrap() == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        answer.commit().await.unwrap();
    };
    let both = async { tokio::join!(remove(&casa, destino.id), commit) };
    tokio::time::timeout(Duration::from_secs(20), both).await.unwrap();
    assert_eq!(only(&casa).await.0.situacao, "cancelada");
}

#[tokio::test]
async fn neither_an_inner_network_nor_a_redirect_is_followed() {
    let (erp, url) = Erp::start().await;
    let casa = Casa::new(&[]).await;
    endpoint(&casa, &url).await;
    queue(&casa, 1).await;
    erp.will_answer(redirect(&url));
    casa.send().await;
    assert_eq!(erp.received().len(), 1);
    assert!(only(&casa).await.0.erro.unwrap().contains("redirecionamentos"));
    casa.wait().await;
    once(&casa.other(&[("CAMPO_CHAVE", CHAVE)]).await).await.unwrap();
    assert_eq!(erp.received().len(), 1);
    let (entrega, tries) = only(&casa).await;
    assert_eq!(entrega.erro.as_deref(), Some("use https"));
    assert_eq!((tries.len(), tries[1].status), (2, None));
}

#[tokio::test]
async fn an_address_or_an_event_that_does_not_serve_is_refused_with_a_code() {
    let casa = Casa::new(&[]).await;
    let strict = config(&[("CAMPO_CHAVE", CHAVE)]);
    let mut tx = casa.app.db.tenant(casa.tenant).await.unwrap();
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
        let error = webhook::criar_destino(&mut tx, &strict, casa.tenant, novo).await.unwrap_err();
        assert_eq!(error.codigo, codigo, "{url}");
    }
    for n in 0..21 {
        let (url, eventos) = ("https://erp.exemplo.com.br".to_owned(), BTreeSet::new());
        let novo = NovoDestino { url, descricao: n.to_string(), eventos };
        let made = webhook::criar_destino(&mut tx, &strict, casa.tenant, novo).await;
        assert_eq!(made.is_ok(), n < 20);
    }
    assert_eq!(webhook::listar_destinos(&mut tx, casa.tenant).await.unwrap().len(), 20);
}

#[tokio::test]
async fn what_is_asked_while_an_endpoint_is_paused_waits_for_it() {
    let (erp, url) = Erp::start().await;
    let (outro, url_do_outro) = Erp::start().await;
    let casa = Casa::new(&[]).await;
    let (parado, _) = endpoint(&casa, &url).await;
    endpoint(&casa, &url_do_outro).await;
    let pausa = |ativo| AlteraDestino { ativo: Some(ativo), ..Default::default() };
    change(&casa, parado.id, pausa(false)).await;
    queue(&casa, 1).await;
    casa.send().await;
    assert_eq!((erp.received().len(), outro.received().len()), (0, 1));
    change(&casa, parado.id, pausa(true)).await;
    casa.send().await;
    assert_eq!(erp.ids(), outro.ids());
}

#[tokio::test]
async fn what_waited_without_an_endpoint_goes_to_every_one_that_came() {
    let (erp, url) = Erp::start().await;
    let (outro, url_do_outro) = Erp::start().await;
    let casa = Casa::new(&[]).await;
    queue(&casa, 2).await;
    assert!(deliveries(&casa).await.iter().all(|e| e.situacao == "sem_destino"));
    endpoint(&casa, &url).await;
    endpoint(&casa, &url_do_outro).await;
    casa.send().await;
    let ids = |erp: &Erp| erp.ids().into_iter().collect::<BTreeSet<_>>();
    assert_eq!((ids(&erp).len(), ids(&erp)), (2, ids(&outro)));
    assert_eq!(deliveries(&casa).await.len(), 4);
}

#[tokio::test]
async fn an_endpoint_that_hangs_holds_up_itself_alone() {
    let hangs = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (erp, url) = Erp::start().await;
    let casa = Casa::new(&[]).await;
    let nunca = format!("http://{}/nunca", hangs.local_addr().unwrap());
    let (parado, _) = endpoint(&casa, &nunca).await;
    queue(&casa, 24).await;
    let running = tokio::spawn(worker::run(
        casa.app.db.clone(),
        casa.app.config.clone(),
        casa.app.shutdown.clone(),
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
    endpoint(&casa, &url).await;
    queue(&casa, 1).await;
    tokio::time::timeout(Duration::from_secs(8), until(1)).await.unwrap();
    running.abort();
    let em_curso: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM webhook_entrega WHERE destino = $1 AND arrendamento IS NOT NULL",
    )
    .bind(parado.id)
    .fetch_one(casa.app.db.owner())
    .await
    .unwrap();
    assert_eq!(em_curso, 3);
}

#[tokio::test]
async fn an_endpoint_that_failed_is_tried_once_at_a_time_until_it_takes_something() {
    let (erp, url) = Erp::start().await;
    let casa = Casa::new(&[]).await;
    endpoint(&casa, &url).await;
    queue(&casa, 6).await;
    (0..4).for_each(|_| erp.will_answer(StatusCode::INTERNAL_SERVER_ERROR));
    casa.send().await;
    assert_eq!(erp.received().len(), 3);
    casa.send().await;
    assert_eq!(erp.received().len(), 4);
    casa.send().await;
    assert_eq!(erp.received().len(), 6);
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_stopped_and_what_is_for_it_waits() {
    let (erp, url) = Erp::start().await;
    let casa = Casa::new(&[]).await;
    let (destino, _) = endpoint(&casa, &url).await;
    queue(&casa, 1).await;
    erp.will_answer(StatusCode::GONE);
    casa.send().await;
    let mut tx = casa.app.db.tenant(casa.tenant).await.unwrap();
    let agora = webhook::destino(&mut tx, casa.tenant, destino.id).await.unwrap();
    tx.rollback().await.unwrap();
    assert!(!agora.ativo && agora.motivo.unwrap().contains("410"));
    casa.wait().await;
    casa.send().await;
    assert_eq!((erp.received().len(), only(&casa).await.0.situacao.as_str()), (1, "pendente"));
    change(&casa, destino.id, AlteraDestino { ativo: Some(true), ..Default::default() }).await;
    casa.send().await;
    assert_eq!(only(&casa).await.0.situacao, "entregue");
    let mut tx = casa.app.db.tenant(casa.tenant).await.unwrap();
    let agora = webhook::destino(&mut tx, casa.tenant, destino.id).await.unwrap();
    assert_eq!((agora.ativo, agora.motivo), (true, None));
}

#[tokio::test]
async fn an_endpoint_that_asks_for_time_is_given_it_up_to_a_day() {
    let (erp, url) = Erp::start().await;
    let casa = Casa::new(&[]).await;
    endpoint(&casa, &url).await;
    queue(&casa, 1).await;
    let cases = [
        (StatusCode::TOO_MANY_REQUESTS, "3600", 3_600),
        (StatusCode::SERVICE_UNAVAILABLE, "604800", 86_400),
        // Less than it would wait anyway.
        (StatusCode::TOO_MANY_REQUESTS, "1", 1_800),
    ];
    for (status, asked, waits) in cases {
        erp.will_answer((status, [(header::RETRY_AFTER, asked)]));
        casa.wait().await;
        casa.send().await;
        let wait = only(&casa).await.0.proxima_em.unwrap() - Utc::now();
        assert!((waits - 5..=waits * 6 / 5).contains(&wait.num_seconds()), "{asked}: {wait}");
    }
}

#[tokio::test]
async fn an_endpoint_that_asks_for_time_is_told_nothing_else_meanwhile() {
    let (erp, url) = Erp::start().await;
    let (outro, url_do_outro) = Erp::start().await;
    let casa = Casa::new(&[]).await;
    let (destino, _) = endpoint(&casa, &url).await;
    endpoint(&casa, &url_do_outro).await;
    erp.will_answer(StatusCode::INTERNAL_SERVER_ERROR);
    queue(&casa, 1).await;
    casa.send().await;
    queue(&casa, 5).await;
    erp.will_answer((StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "3600")]));
    for _ in 0..3 {
        casa.send().await;
    }
    assert_eq!((erp.received().len(), outro.received().len()), (2, 6));
    let all = deliveries(&casa).await;
    let waiting: Vec<_> = all.iter().filter(|e| e.destino == Some(destino.id)).collect();
    let asked = Utc::now() + chrono::Duration::seconds(3_590);
    assert_eq!(waiting.len(), 6);
    assert!(waiting.iter().all(|e| e.proxima_em > Some(asked)), "{waiting:?}");
    // No try was used up, and its hour over it is told everything.
    assert_eq!(waiting.iter().map(|e| e.tentativas).sum::<i32>(), 2);
    casa.wait().await;
    casa.send().await;
    assert!(deliveries(&casa).await.iter().all(|e| e.situacao == "entregue"));
}

#[tokio::test]
async fn a_company_sees_and_tells_its_own_alone() {
    let (erp, url) = Erp::start().await;
    let casa = Casa::new(&[]).await;
    let (destino, _) = endpoint(&casa, &url).await;
    let vizinha = Casa {
        app: casa.app.clone(),
        url: casa.url.clone(),
        tenant: company(&casa.app.db, "boreal").await,
    };
    queue(&vizinha, 1).await;
    casa.send().await;
    assert!(erp.received().is_empty() && deliveries(&casa).await.is_empty());
    let mut tx = casa.app.db.tenant(vizinha.tenant).await.unwrap();
    assert!(webhook::listar_destinos(&mut tx, vizinha.tenant).await.unwrap().is_empty());
    let error = webhook::remover_destino(&mut tx, vizinha.tenant, destino.id).await.unwrap_err();
    assert_eq!(error.codigo, "nao_encontrado");
}
