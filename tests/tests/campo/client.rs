//! A second client, straight on `docs/protocol.md`: no SQLite, no retries, and able to say what
//! no app would say.

use crate::{
    harness::{SENHA, a_device},
    page_client::{Answer, Pages},
};
use campo_domain::{
    command::Command,
    ids::{CommandId, DeviceId, DocumentId},
    kind::Kind,
    pessoa::Pessoa,
    preset,
    registro::Campos,
    tipo::Tipos,
    valor::Valor,
};
use campo_server::auth::messages::Granted;
use campo_sync::{
    client::{Context, LocalDocument, Stamp, run},
    wire::{self, Cursor, Entry, Limits, PROTOCOL, Push, SyncRequest, SyncResponse},
};
use chrono::Utc;
use serde_json::json;
use uuid::Uuid;

/// The tipos of P001.
pub fn tipos() -> Tipos {
    preset::carregar("P001").unwrap().tipos.into_iter().collect()
}

/// A new document of those fields and the change that creates it, by this person on this device.
pub fn created(
    pessoa: &Pessoa,
    device: DeviceId,
    kind: Kind,
    campos: &[(&str, Valor)],
) -> (LocalDocument, Push) {
    let id = DocumentId::from(Uuid::now_v7());
    let tipos = tipos();
    let tipo = tipos.do_kind(kind).next().unwrap().referencia();
    let campos: Campos = campos.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect();
    let command = Command::Criar { id, kind, tipo, campos, itens: Vec::new() };
    added(None, pessoa, device, command)
}

/// A document after a command, and the change that it became.
pub fn added(
    document: Option<LocalDocument>,
    pessoa: &Pessoa,
    device: DeviceId,
    command: Command,
) -> (LocalDocument, Push) {
    let tipos = tipos();
    let ctx = Context { pessoa, device, tipos: &tipos };
    let id = CommandId::from(Uuid::now_v7());
    let stamp = Stamp { id, at: Utc::now(), seen: 0, nonce: rand::random() };
    let document = run(document, &ctx, command, stamp).unwrap().document;
    let queued = document.queue.last().unwrap();
    let push = Push {
        document: document.id,
        generation: 1,
        change: queued.change.clone(),
        seen: queued.seen,
    };
    (document, push)
}

/// A signed-in session.
pub struct Client<'a> {
    pages: &'a Pages,
    bearer: String,
    /// The installation.
    pub device: DeviceId,
    cursor: Cursor,
    epoch: u64,
}

impl<'a> Client<'a> {
    /// Signs in on a new device.
    pub fn enter(pages: &'a Pages, empresa: &str, login: &str) -> Self {
        let device = a_device();
        let body = json!({ "empresa": empresa, "login": login, "senha": SENHA,
                           "dispositivo": device, "dispositivo_nome": "Segundo cliente" });
        let path = "/v1/auth/login";
        let answer = pages.post(path, "application/json", body.to_string().as_bytes());
        assert_eq!(answer.status, 200, "{}", answer.body);
        let granted: Granted = serde_json::from_str(&answer.body).unwrap();
        let bearer = format!("Bearer {}", granted.acesso);
        Client { pages, bearer, device, cursor: Cursor::default(), epoch: 0 }
    }

    /// What it would ask.
    pub fn request(&self, push: Vec<Push>) -> SyncRequest {
        SyncRequest {
            protocol: PROTOCOL,
            device: self.device,
            epoch: self.epoch,
            cursor: self.cursor.clone(),
            push,
            limits: Limits::DEFAULT,
        }
    }

    /// Any body, under its token.
    pub fn post(&self, body: &[u8]) -> Answer {
        let headers = [("authorization", self.bearer.clone())];
        self.pages.post_with("/v1/sync", wire::CONTENT_TYPE, &headers, body)
    }

    /// Pushes, and pulls everything that is new.
    pub fn sync(&mut self, push: Vec<Push>) -> (Vec<wire::Verdict>, Vec<Entry>) {
        let (mut push, mut verdicts, mut entries) = (push, Vec::new(), Vec::new());
        loop {
            let body = wire::pack(&self.request(std::mem::take(&mut push))).unwrap();
            let answer = self.post(&body);
            assert_eq!(answer.status, 200, "{}", answer.body);
            let response: SyncResponse = wire::unpack(&answer.bytes, 64 << 20).unwrap();
            verdicts.extend(response.verdicts);
            entries.extend(response.entries);
            (self.cursor, self.epoch) = (response.cursor, response.epoch);
            if !response.more {
                return (verdicts, entries);
            }
        }
    }

    /// The header that says who it is.
    pub fn bearer(&self) -> &str {
        &self.bearer
    }
}
