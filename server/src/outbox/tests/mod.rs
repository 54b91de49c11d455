//! The outbox against a real database, a real HTTP receiver and a real SMTP server.

mod email;
mod enqueue;
mod evento;
mod rest;
mod webhook;

use super::worker;
use crate::{
    app::App,
    auth::accounts::{self, NewCompany},
    config::Config,
    db::Db,
    objects::Objects,
    testing,
};
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use campo_domain::ids::{DocumentId, TenantId};
use chrono::Utc;
use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};
use uuid::Uuid;

const KEY: &str = "2Bq7uZ3mF1xS0oJkq8dYtVn5cWgRr4aLhXeP6iKMbTs=";

fn config(pairs: &[(&str, &str)]) -> Arc<Config> {
    let find = |name: &str| pairs.iter().find(|(key, _)| *key == name);
    Arc::new(Config::parse(|name| find(name).map(|(_, value)| (*value).to_owned())).unwrap())
}

/// A company, and a server of it.
struct Company {
    app: App,
    tenant: TenantId,
    url: String,
}

/// Sends what is due, as the server of that application would.
async fn once(app: &App) -> anyhow::Result<()> {
    worker::once(&app.db, &app.config).await
}

impl Company {
    async fn new(pairs: &[(&str, &str)]) -> Self {
        let test = testing::database().await.unwrap();
        let mut all = vec![("CAMPO_CHAVE", KEY), ("CAMPO_WEBHOOK_REDES_PRIVADAS", "1")];
        all.extend(pairs);
        let app = App::new(config(&all), test.db, Objects::memory());
        let tenant = create_company(&app.db, "aurora").await;
        Company { app, tenant, url: test.url }
    }

    /// Another server of the same database, with other settings.
    async fn other(&self, pairs: &[(&str, &str)]) -> App {
        App::new(config(pairs), Db::open(&self.url, 5).await.unwrap(), self.app.objects.clone())
    }

    async fn send(&self) {
        once(&self.app).await.unwrap();
    }

    /// As if the time that all wait for had come.
    async fn wait(&self) {
        for table in ["webhook_entrega", "email_saida"] {
            let sql = format!("UPDATE {table} SET proxima_em = now()");
            let sql = sqlx::AssertSqlSafe(sql);
            sqlx::query(sql).execute(self.app.db.owner()).await.unwrap();
        }
    }
}

async fn create_company(db: &Db, slug: &str) -> TenantId {
    let new = NewCompany { nome: "Móveis Aurora", slug, fuso: "America/Sao_Paulo", preset: None };
    accounts::create_company(db, new).await.unwrap()
}

fn document() -> DocumentId {
    Uuid::now_v7().into()
}

/// What a receiver of webhooks was told, and what it answers next (200 when nothing is left).
#[derive(Clone, Default)]
struct Erp {
    received: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
    answers: Arc<Mutex<VecDeque<Response>>>,
}

impl Erp {
    async fn start() -> (Self, String) {
        let erp = Erp::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/campo", listener.local_addr().unwrap());
        let router = Router::new().fallback(receive).with_state(erp.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (erp, url)
    }

    fn will_answer(&self, answer: impl IntoResponse) {
        self.answers.lock().unwrap().push_back(answer.into_response());
    }

    fn received(&self) -> Vec<(HeaderMap, Bytes)> {
        self.received.lock().unwrap().clone()
    }

    fn ids(&self) -> Vec<String> {
        let id = |(headers, _): &(HeaderMap, Bytes)| headers["webhook-id"].to_str().unwrap().into();
        self.received().iter().map(id).collect()
    }
}

async fn receive(State(erp): State<Erp>, headers: HeaderMap, body: Bytes) -> Response {
    erp.received.lock().unwrap().push((headers, body));
    let answer = erp.answers.lock().unwrap().pop_front();
    answer.unwrap_or_else(|| StatusCode::OK.into_response())
}

fn redirect(to: &str) -> Response {
    (StatusCode::FOUND, [(header::LOCATION, to.to_owned())]).into_response()
}

/// Enough of an SMTP server to take e-mails in.
#[derive(Clone, Default)]
struct MailServer {
    received: Arc<Mutex<Vec<String>>>,
    /// What it says to the next recipients, in place of welcoming them.
    refusals: Arc<Mutex<VecDeque<&'static str>>>,
}

impl MailServer {
    async fn start() -> (Self, String) {
        let mail_server = MailServer::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("smtp://{}", listener.local_addr().unwrap());
        let kept = mail_server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(kept.clone().talk(stream));
            }
        });
        (mail_server, url)
    }

    async fn talk(self, stream: TcpStream) -> Option<()> {
        let mut stream = BufReader::new(stream);
        let mut data: Option<String> = None;
        let mut say = "220 correio\r\n".to_owned();
        loop {
            stream.write_all(say.as_bytes()).await.ok()?;
            let mut line = String::new();
            if stream.read_line(&mut line).await.ok()? == 0 {
                return None;
            }
            let verb = line.split([' ', ':', '\r']).next()?.to_owned();
            say = match (&mut data, verb.as_str()) {
                (Some(text), _) if line != ".\r\n" => {
                    text.push_str(line.strip_prefix('.').unwrap_or(&line));
                    String::new()
                }
                (Some(_), _) => {
                    self.received.lock().unwrap().extend(data.take());
                    "250 2.0.0 guardado como 42\r\n".to_owned()
                }
                (None, "EHLO") => "250-correio\r\n250 8BITMIME\r\n".to_owned(),
                (None, "RCPT") => {
                    let refusal = self.refusals.lock().unwrap().pop_front();
                    format!("{}\r\n", refusal.unwrap_or("250 pois não"))
                }
                (None, "DATA") => {
                    data = Some(String::new());
                    "354 diga\r\n".to_owned()
                }
                (None, "QUIT") => "221 até logo\r\n".to_owned(),
                (None, _) => "250 pois não\r\n".to_owned(),
            };
        }
    }

    fn received(&self) -> Vec<String> {
        self.received.lock().unwrap().clone()
    }
}

#[tokio::test]
async fn a_server_sends_by_itself_until_it_is_stopped() {
    let (erp, url) = Erp::start().await;
    let company = Company::new(&[]).await;
    webhook::endpoint(&company, &url).await;
    webhook::queue(&company, 1).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let running = crate::serve::start(
        company.app.config.clone(),
        company.app.db.clone(),
        company.app.objects.clone(),
        listener,
    )
    .unwrap();
    let until = Utc::now() + chrono::Duration::seconds(20);
    while erp.received().is_empty() && Utc::now() < until {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    running.stop().await;
    assert_eq!(erp.received().len(), 1);
    webhook::queue(&company, 1).await;
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    assert_eq!(erp.received().len(), 1, "a server that was stopped must not send");
}

#[tokio::test]
async fn neither_a_company_nor_an_endpoint_always_comes_first() {
    let company = Company::new(&[]).await;
    webhook::endpoint(&company, "http://127.0.0.1:9/um").await;
    webhook::endpoint(&company, "http://127.0.0.1:9/dois").await;
    let tenant = create_company(&company.app.db, "boreal").await;
    let neighbour = Company { app: company.app.clone(), tenant, url: company.url.clone() };
    webhook::endpoint(&neighbour, "http://127.0.0.1:9/nunca").await;
    webhook::queue(&company, 1).await;
    webhook::queue(&neighbour, 1).await;
    let worker = worker::Worker::new(company.app.db.clone(), company.app.config.clone());
    let mut first = BTreeSet::new();
    for _ in 0..60 {
        let due = worker.due().await.unwrap();
        assert_eq!(due.len(), 3);
        first.insert((due[0].tenant, due[0].endpoint));
    }
    assert_eq!(first.len(), 3);
}
