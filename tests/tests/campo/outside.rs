//! What is outside of Campo and is told things: the company's ERP, which receives webhooks, and a
//! mail server. Both are real: they listen on a port of their own.

use crate::{casa::Casa, office_api::Api};
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    runtime::Runtime,
};

fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(1).enable_all().build().unwrap()
}

/// One webhook, as it came.
#[derive(Clone, Debug)]
pub struct Aviso {
    /// Its `webhook-id`.
    pub id: String,
    /// What it says.
    pub corpo: Value,
    headers: HeaderMap,
    bytes: Bytes,
}

#[derive(Clone, Default)]
struct Caixa {
    avisos: Arc<Mutex<Vec<Aviso>>>,
    respostas: Arc<Mutex<VecDeque<u16>>>,
}

/// The company's ERP.
pub struct Erp {
    caixa: Caixa,
    segredo: String,
    _rt: Runtime,
}

impl Erp {
    /// One that listens, and that the administration has made known.
    pub fn ligado(adm: &Api) -> Self {
        let (caixa, rt) = (Caixa::default(), runtime());
        let listener = rt.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}/campo", listener.local_addr().unwrap());
        let router = Router::new().fallback(receber).with_state(caixa.clone());
        rt.spawn(async move { axum::serve(listener, router).await });
        let destino = json!({ "url": url, "descricao": "ERP" });
        let feito = adm.post("/v1/webhooks", &destino).feito();
        let segredo = feito["segredo"].as_str().unwrap().to_owned();
        Erp { caixa, segredo, _rt: rt }
    }

    /// What it answers next; 200 when nothing is left to say.
    pub fn respondera(&self, status: &[u16]) {
        self.caixa.respostas.lock().unwrap().extend(status);
    }

    /// What it was told, each with a signature that it has verified.
    pub fn avisos(&self) -> Vec<Aviso> {
        let avisos = self.caixa.avisos.lock().unwrap().clone();
        let webhook = Webhook::new(&self.segredo).unwrap();
        for aviso in &avisos {
            webhook.verify(&aviso.bytes, &aviso.headers).unwrap();
        }
        avisos
    }

    /// Waits until it was told so many things.
    #[track_caller]
    pub fn recebe(&self, casa: &Casa, quantos: usize) -> Vec<Aviso> {
        casa.ate("a webhook", || self.caixa.avisos.lock().unwrap().len() >= quantos);
        let avisos = self.avisos();
        assert_eq!(avisos.len(), quantos);
        avisos
    }
}

async fn receber(State(caixa): State<Caixa>, headers: HeaderMap, bytes: Bytes) -> StatusCode {
    let id = headers["webhook-id"].to_str().unwrap().to_owned();
    let corpo = serde_json::from_slice(&bytes).unwrap();
    caixa.avisos.lock().unwrap().push(Aviso { id, corpo, headers, bytes });
    let resposta = caixa.respostas.lock().unwrap().pop_front().unwrap_or(200);
    StatusCode::from_u16(resposta).unwrap()
}

/// One e-mail, as it came.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Carta {
    /// To whom.
    pub para: String,
    /// Its text.
    pub texto: String,
}

/// Enough of a mail server to take e-mails in.
pub struct Correio {
    cartas: Arc<Mutex<Vec<Carta>>>,
    /// For `CAMPO_SMTP`.
    pub smtp: String,
    _rt: Runtime,
}

impl Correio {
    /// One that listens.
    pub fn aberto() -> Self {
        let (cartas, rt) = (Arc::<Mutex<Vec<Carta>>>::default(), runtime());
        let listener = rt.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let smtp = format!("smtp://{}", listener.local_addr().unwrap());
        let kept = cartas.clone();
        rt.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(conversar(stream, kept.clone()));
            }
        });
        Correio { cartas, smtp, _rt: rt }
    }

    /// Waits until so many e-mails have come since this was last asked; in the order of their
    /// addresses.
    #[track_caller]
    pub fn recebe(&self, casa: &Casa, quantas: usize) -> Vec<Carta> {
        casa.ate("an e-mail", || self.cartas.lock().unwrap().len() >= quantas);
        let mut cartas = std::mem::take(&mut *self.cartas.lock().unwrap());
        cartas.sort();
        assert_eq!(cartas.len(), quantas, "{cartas:?}");
        cartas
    }
}

async fn conversar(stream: TcpStream, cartas: Arc<Mutex<Vec<Carta>>>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    let (mut para, mut dados) = (String::new(), None::<String>);
    let mut diz = "220 correio\r\n";
    loop {
        stream.write_all(diz.as_bytes()).await.ok()?;
        let mut linha = String::new();
        if stream.read_line(&mut linha).await.ok()? == 0 {
            return None;
        }
        let verbo = linha.split([' ', ':', '\r']).next()?.to_owned();
        diz = match (&mut dados, verbo.as_str()) {
            (Some(texto), _) if linha != ".\r\n" => {
                texto.push_str(linha.strip_prefix('.').unwrap_or(&linha));
                ""
            }
            (Some(_), _) => {
                let texto = aberta(&dados.take()?);
                cartas.lock().unwrap().push(Carta { para: para.clone(), texto });
                "250 guardado\r\n"
            }
            (None, "EHLO") => "250-correio\r\n250 8BITMIME\r\n",
            (None, "RCPT") => {
                para = linha.split(['<', '>']).nth(1)?.to_owned();
                "250 pois sim\r\n"
            }
            (None, "DATA") => {
                dados = Some(String::new());
                "354 diga\r\n"
            }
            (None, "QUIT") => "221 até logo\r\n",
            (None, _) => "250 pois sim\r\n",
        };
    }
}

/// The text of a message as it travelled.
fn aberta(mensagem: &str) -> String {
    let (cabecalhos, corpo) = mensagem.split_once("\r\n\r\n").unwrap();
    let bytes = if cabecalhos.contains("Content-Transfer-Encoding: base64") {
        STANDARD.decode(corpo.replace("\r\n", "")).unwrap()
    } else {
        let corpo = corpo.replace("=\r\n", "");
        let mut partes = corpo.split('=');
        let mut bytes = partes.next().unwrap().as_bytes().to_vec();
        for parte in partes {
            bytes.push(u8::from_str_radix(&parte[..2], 16).unwrap());
            bytes.extend_from_slice(&parte.as_bytes()[2..]);
        }
        bytes
    };
    String::from_utf8(bytes).unwrap().replace("\r\n", "\n")
}
