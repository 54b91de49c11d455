//! A fake server of a few lines, for how the device behaves on HTTP. It accepts every change and
//! knows no rule: what the real server does is tested elsewhere.

#![allow(dead_code)] // Each test file uses its part.

pub mod photos;
pub mod pictures;
pub mod tus;

use automerge::{
    Automerge, Change, ObjId, ROOT, ReadDoc,
    transaction::{CommitOptions, Transaction},
};
use campo_domain::{
    ids::{DocumentId, TenantId, UserId},
    pessoa::{Permissao, Permissoes, Pessoa},
    preset,
};
use campo_mobile_core::{Error, Phone, SyncReport};
use campo_sync::{
    document::Actor,
    wire::{self, Bootstrap, Cursor, Entry, Limits, Outcome, SyncRequest, SyncResponse, Verdict},
};
use chrono::Utc;
use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};
use tempfile::TempDir;
use uuid::Uuid;

/// A request as it arrived.
pub struct Request {
    pub path: String,
    pub bearer: Option<String>,
    pub body: Vec<u8>,
}

/// What a test answers in place of the fake: status, headers, body.
pub type Reply = (u16, Vec<(String, String)>, Vec<u8>);

type Script = Box<dyn FnMut(&Request) -> Option<Reply> + Send>;
type Judge = Box<dyn FnMut(&wire::Push) -> Option<Outcome> + Send>;

/// A server on this machine.
pub struct Server {
    pub url: String,
    /// What it does with files.
    pub tus: Arc<tus::Tus>,
    state: Arc<State>,
}

struct State {
    script: Mutex<Script>,
    judge: Mutex<Judge>,
    log: Mutex<Vec<String>>,
    pushed: Mutex<Vec<(Uuid, SyncRequest)>>,
    entries: Mutex<Vec<Entry>>,
    people: Mutex<Vec<(String, Pessoa)>>,
    seq: AtomicU64,
    tokens: AtomicU64,
}

impl Server {
    /// Starts one with the tipos of the presets P001 and P000.
    pub fn start() -> Self {
        let server = Server::empty();
        for id in ["P001", "P000"] {
            server.tipos(id);
        }
        server
    }

    /// Starts one of a company that chose this preset.
    pub fn of(preset: &str) -> Self {
        let server = Server::empty();
        server.tipos(preset);
        for (catalogo, itens) in preset::carregar(preset).unwrap().catalogos {
            for item in itens {
                let data = serde_json::json!({ "nome": item.nome, "dados": item.dados });
                server.reference(&catalogo, &item.codigo, &data.to_string());
            }
        }
        server
    }

    fn tipos(&self, preset: &str) {
        for tipo in preset::carregar(preset).unwrap().tipos {
            let key = format!("{}@{}", tipo.codigo, tipo.versao);
            self.reference("tipo", &key, &serde_json::to_string(&tipo).unwrap());
        }
    }

    fn empty() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State {
            script: Mutex::new(Box::new(|_| None)),
            judge: Mutex::new(Box::new(|_| None)),
            log: Mutex::default(),
            pushed: Mutex::default(),
            entries: Mutex::default(),
            people: Mutex::default(),
            seq: AtomicU64::new(1),
            tokens: AtomicU64::new(1),
        });
        let shared = state.clone();
        let tus = Arc::new(tus::Tus::default());
        let files = tus.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let Some(head) = head(&mut reader) else { continue };
                if head.path.starts_with("/v1/arquivos") || head.path.starts_with("/v1/anexos") {
                    let files = files.clone();
                    std::thread::spawn(move || files.serve(&head, reader, stream));
                } else {
                    shared.serve(head, reader, stream);
                }
            }
        });
        Server { url, tus, state }
    }

    /// Puts an entry of reference data into every first pull.
    pub fn reference(&self, collection: &str, key: &str, data: &str) {
        self.entry(Entry::Reference {
            seq: 1,
            collection: collection.into(),
            key: key.into(),
            active: true,
            data: data.into(),
        });
    }

    /// Puts an entry into every first pull.
    pub fn entry(&self, entry: Entry) {
        self.state.entries.lock().unwrap().push(entry);
    }

    /// Removes what every first pull holds.
    pub fn take_entries(&self) -> Vec<Entry> {
        std::mem::take(&mut self.state.entries.lock().unwrap())
    }

    /// Adds a person with these permissions.
    pub fn person(&self, login: &str, permissoes: &[Permissao]) -> UserId {
        let id = UserId::from(Uuid::now_v7());
        let nome = login.split('@').next().unwrap().to_owned();
        let permissoes: Permissoes = permissoes.iter().copied().collect();
        let data = serde_json::json!({ "nome": nome, "ativo": true }).to_string();
        self.reference("usuario", &id.to_string(), &data);
        let (grupos, filial, cliente) = (BTreeSet::new(), None, None);
        let pessoa = Pessoa { id, nome, permissoes, ativo: true, grupos, filial, cliente };
        self.state.people.lock().unwrap().push((login.into(), pessoa));
        id
    }

    /// From now on asks `script` first; `None` is the fake's own answer.
    pub fn script(&self, script: impl FnMut(&Request) -> Option<Reply> + Send + 'static) {
        *self.state.script.lock().unwrap() = Box::new(script);
    }

    /// From now on asks `judge` for the outcome of each change; `None` accepts.
    pub fn judge(&self, judge: impl FnMut(&wire::Push) -> Option<Outcome> + Send + 'static) {
        *self.state.judge.lock().unwrap() = Box::new(judge);
    }

    /// Paths in the order in which they were asked for.
    pub fn log(&self) -> Vec<String> {
        self.state.log.lock().unwrap().clone()
    }

    /// Every request that was answered, with whose token it came.
    pub fn pushed(&self) -> Vec<(Uuid, SyncRequest)> {
        self.state.pushed.lock().unwrap().clone()
    }

    /// A device with an empty database, signed in as `login`.
    pub fn device(&self, login: &str) -> Device {
        let dir = tempfile::tempdir().unwrap();
        let campo = Phone::open(&dir.path().join("campo.db"), None).unwrap();
        let device = Device { dir, campo };
        device.enter(self, login);
        device
    }
}

/// Fields as a person types them.
pub fn textos(pares: &[(&str, &str)]) -> Vec<(String, String)> {
    pares.iter().map(|(nome, valor)| ((*nome).to_owned(), (*valor).to_owned())).collect()
}

/// A problem as Campo's server describes it.
pub fn problem(status: u16, codigo: &str) -> Reply {
    let body =
        serde_json::json!({ "codigo": codigo, "mensagem": format!("Mensagem de {codigo}.") });
    (status, Vec::new(), body.to_string().into_bytes())
}

/// A database in a directory of its own.
pub struct Device {
    pub dir: TempDir,
    pub campo: Phone,
}

impl Device {
    /// Signs in.
    pub fn enter(&self, server: &Server, login: &str) {
        self.campo.sign_in(&server.url, "demo", login, "senha", "Celular de teste").unwrap();
    }

    /// Synchronises.
    pub fn sync(&self) -> Result<SyncReport, Error> {
        self.campo.sync_now(&|_| {}, &AtomicBool::new(false))
    }

    /// Closes and opens the app.
    pub fn reopen(self) -> Self {
        let Device { dir, campo } = self;
        drop(campo);
        let campo = Phone::open(&dir.path().join("campo.db"), None).unwrap();
        Device { dir, campo }
    }

    /// A second connection to the file, as somebody who inspects it has.
    pub fn raw(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.dir.path().join("campo.db")).unwrap()
    }

    /// A cliente.
    pub fn cliente(&self, nome: &str) -> DocumentId {
        use campo_domain::kind::Kind;
        self.campo.novo(Kind::Cliente, None, &[("nome".into(), nome.into())], &[]).unwrap()
    }

    /// What is stored of a document, as a server would send it whole.
    pub fn snapshot(&self, document: DocumentId) -> Entry {
        let chunks = "SELECT chunks FROM documents WHERE id = ?";
        let bytes = self.raw().query_row(chunks, [document.bytes()], |row| row.get(0)).unwrap();
        Entry::Snapshot { document, generation: 1, bytes }
    }

    /// The document after the server has written into its own part of it, as a snapshot.
    pub fn by_server(
        &self,
        document: DocumentId,
        write: impl FnOnce(&mut Transaction<'_>, &ObjId),
    ) -> Entry {
        let Entry::Snapshot { bytes, .. } = self.snapshot(document) else { unreachable!() };
        let mut whole = Automerge::load(&bytes).unwrap();
        whole.set_actor(Actor::servidor(7).actor_id());
        let (_, servidor) = whole.get(ROOT, "servidor").unwrap().unwrap();
        let mut tx = whole.transaction();
        write(&mut tx, &servidor);
        let now = Utc::now().timestamp_millis();
        tx.commit_with(CommitOptions::default().with_time(now));
        Entry::Snapshot { document, generation: 1, bytes: whole.save_nocompress() }
    }

    /// Takes what the server says of documents.
    pub fn hear(&self, server: &Server, entries: Vec<Entry>) {
        let user = self.campo.conta().unwrap().unwrap().usuario;
        let seq = server.state.seq.load(Ordering::SeqCst) + 1;
        let mut answer = Some(answer(user, entries, seq));
        server.script(move |request| if request.path == "/v1/sync" { answer.take() } else { None });
        self.sync().unwrap();
        server.script(|_| None);
    }

    /// How many commands wait.
    pub fn pendentes(&self) -> usize {
        self.campo.pending().unwrap().pendentes.len()
    }
}

impl State {
    fn serve(&self, head: Head, mut reader: BufReader<TcpStream>, stream: TcpStream) {
        let mut body = vec![0; head.length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let Head { path, bearer, .. } = head;
        let request = Request { path, bearer, body };
        self.log.lock().unwrap().push(request.path.clone());
        let scripted = (self.script.lock().unwrap())(&request);
        let (status, headers, body) = scripted.unwrap_or_else(|| self.answer(&request));
        let mut head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("connection: close\r\n\r\n");
        let mut stream = stream;
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
    }

    fn answer(&self, request: &Request) -> Reply {
        match request.path.as_str() {
            "/v1/auth/login" => {
                let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
                self.granted(body["login"].as_str().unwrap())
            }
            "/v1/auth/refresh" => {
                let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
                self.granted(body["renovacao"].as_str().unwrap().split('#').next().unwrap())
            }
            "/v1/sync" => self.sync(request),
            _ => (204, Vec::new(), Vec::new()),
        }
    }

    /// Tokens are `login#number`.
    fn granted(&self, login: &str) -> Reply {
        let people = self.people.lock().unwrap();
        let Some((_, pessoa)) = people.iter().find(|(l, _)| l == login) else {
            return problem(401, "credenciais_invalidas");
        };
        let number = self.tokens.fetch_add(1, Ordering::SeqCst);
        let body = serde_json::json!({
            "acesso": format!("{login}#{number}"),
            "acesso_expira_em": Utc::now(),
            "renovacao": format!("{login}#r{number}"),
            "usuario": { "id": pessoa.id, "nome": pessoa.nome, "login": login,
                         "permissoes": pessoa.permissoes },
            "tenant": { "id": TenantId::from(Uuid::nil()), "nome": "Empresa",
                        "fuso": "America/Sao_Paulo", "slug": "demo" },
            "server_time": Utc::now(),
        });
        (200, Vec::new(), body.to_string().into_bytes())
    }

    fn sync(&self, http: &Request) -> Reply {
        let request: SyncRequest = wire::unpack(&http.body, 64 << 20).unwrap();
        let token = http.bearer.clone().unwrap();
        let login = token.split('#').next().unwrap();
        let user = {
            let people = self.people.lock().unwrap();
            people.iter().find(|(l, _)| l == login).unwrap().1.id
        };
        let mut verdicts = Vec::new();
        for push in &request.push {
            let change = Change::try_from(&push.change[..]).unwrap();
            let seq = self.seq.fetch_add(1, Ordering::SeqCst) + 1;
            let outcome = (self.judge.lock().unwrap())(push);
            verdicts.push(Verdict {
                document: push.document,
                hash: change.hash().into(),
                outcome: outcome.unwrap_or(Outcome::Accepted { seq }),
            });
        }
        let first = request.cursor.seq == 0;
        let entries = if first { self.entries.lock().unwrap().clone() } else { Vec::new() };
        let mut cursor = request.cursor.clone();
        cursor.seq = self.seq.load(Ordering::SeqCst);
        self.pushed.lock().unwrap().push((user.uuid(), request));
        let response = SyncResponse { verdicts, ..response(user, entries, cursor.seq) };
        (200, Vec::new(), wire::pack(&response).unwrap())
    }
}

fn response(user: UserId, entries: Vec<Entry>, seq: u64) -> SyncResponse {
    SyncResponse {
        protocol: wire::PROTOCOL,
        verdicts: Vec::new(),
        entries,
        cursor: Cursor { seq, bootstrap: None },
        more: false,
        epoch: 7,
        limits: Limits::DEFAULT,
        server_time: Utc::now().timestamp_millis(),
        user,
    }
}

/// A page of a first sync in this epoch: the last one if `bootstrap` is `None`.
pub fn page(
    user: UserId,
    entries: Vec<Entry>,
    epoch: u64,
    seq: u64,
    bootstrap: Option<Bootstrap>,
) -> Reply {
    let (cursor, more) = (Cursor { seq, bootstrap }, bootstrap.is_some());
    let answer = SyncResponse { cursor, more, epoch, ..response(user, entries, seq) };
    (200, Vec::new(), wire::pack(&answer).unwrap())
}

/// A synchronisation's answer with these entries.
pub fn answer(user: UserId, entries: Vec<Entry>, seq: u64) -> Reply {
    (200, Vec::new(), wire::pack(&response(user, entries, seq)).unwrap())
}

/// What a request begins with.
pub struct Head {
    pub method: String,
    pub path: String,
    pub bearer: Option<String>,
    pub length: usize,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
}

impl Head {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

fn head(reader: &mut BufReader<TcpStream>) -> Option<Head> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let header = header.trim();
        if header.is_empty() {
            break;
        }
        let (name, value) = header.split_once(':')?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let value = |name: &str| headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
    let length = value("content-length").map_or(Some(0), |length| length.parse().ok())?;
    let bearer = value("authorization").and_then(|v| v.strip_prefix("Bearer "));
    let bearer = bearer.map(str::to_owned);
    Some(Head { method, path, bearer, length, headers })
}
