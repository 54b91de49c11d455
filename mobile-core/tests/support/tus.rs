//! The part of the fake server that takes and gives files: tus as the device needs it, with cuts.

use super::Head;
use base64::{Engine, engine::general_purpose::STANDARD};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    io::{BufReader, Read, Write},
    net::{Shutdown, TcpStream},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

/// One request as it was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    pub method: String,
    pub anexo: String,
    pub variante: String,
    /// Of a PATCH, where it began; of a GET, where its range did.
    pub from: u64,
}

/// An upload.
#[derive(Clone, Debug, Default)]
pub struct Upload {
    pub anexo: String,
    pub variante: String,
    pub sha256: String,
    pub length: u64,
    pub bytes: Vec<u8>,
}

type Watch = Box<dyn FnMut(usize) + Send>;

/// What it has, what happened, and what shall happen.
#[derive(Default)]
pub struct Tus {
    uploads: Mutex<BTreeMap<String, Upload>>,
    log: Mutex<Vec<Taken>>,
    /// After how many bytes the next PATCHes and GETs break.
    cuts: Mutex<VecDeque<usize>>,
    /// What the next requests are answered, whatever they are.
    answers: Mutex<VecDeque<(u16, &'static str, Option<u32>)>>,
    /// Hashes that it has verified.
    known: Mutex<BTreeSet<String>>,
    /// Told how much it has of an upload, for each piece of a PATCH.
    watch: Mutex<Option<Watch>>,
    /// What it gives, by anexo and variante.
    files: Mutex<BTreeMap<(String, String), Vec<u8>>>,
    /// Tokens that it refuses.
    refused: Mutex<BTreeSet<String>>,
    /// What a PATCH brings goes nowhere, and is answered as if that were right.
    stuck: AtomicBool,
}

impl Tus {
    pub fn cut_after(&self, bytes: &[usize]) {
        self.cuts.lock().unwrap().extend(bytes);
    }

    pub fn answer(&self, status: u16, codigo: &'static str, retry_after: Option<u32>) {
        self.answers.lock().unwrap().push_back((status, codigo, retry_after));
    }

    pub fn knows(&self, sha256: &str) {
        self.known.lock().unwrap().insert(sha256.to_owned());
    }

    /// From now on it takes every byte and keeps none.
    pub fn keep_nothing(&self) {
        self.stuck.store(true, Ordering::SeqCst);
    }

    pub fn refuse(&self, token: &str) {
        self.refused.lock().unwrap().insert(token.to_owned());
    }

    pub fn watch(&self, watch: impl FnMut(usize) + Send + 'static) {
        *self.watch.lock().unwrap() = Some(Box::new(watch));
    }

    pub fn give(&self, anexo: impl ToString, variante: &str, bytes: &[u8]) {
        let key = (anexo.to_string(), variante.to_owned());
        self.files.lock().unwrap().insert(key, bytes.to_vec());
    }

    /// Forgets every upload, as a server does that discards or has lost them.
    pub fn forget(&self) {
        self.uploads.lock().unwrap().clear();
        self.known.lock().unwrap().clear();
    }

    pub fn log(&self) -> Vec<Taken> {
        self.log.lock().unwrap().clone()
    }

    /// Variants of the PATCHes, in the order in which they began.
    pub fn patches(&self) -> Vec<String> {
        let log = self.log();
        log.into_iter().filter(|t| t.method == "PATCH").map(|t| t.variante).collect()
    }

    pub fn count(&self, method: &str) -> usize {
        self.log().iter().filter(|taken| taken.method == method).count()
    }

    /// The uploads of a variant that are whole.
    pub fn whole(&self, variante: &str) -> Vec<Upload> {
        let uploads = self.uploads.lock().unwrap();
        let whole = uploads.values().filter(|u| u.length == u.bytes.len() as u64);
        whole.filter(|u| u.variante == variante).cloned().collect()
    }

    pub fn serve(&self, head: &Head, mut reader: BufReader<TcpStream>, mut stream: TcpStream) {
        let token = head.bearer.clone().unwrap_or_default();
        let answer = self.answers.lock().unwrap().pop_front();
        let answer = match self.refused.lock().unwrap().contains(&token) {
            true => Some((401, "nao_autenticado", None)),
            false => answer,
        };
        if let Some((status, codigo, retry_after)) = answer {
            let mut rest = vec![0; head.length];
            let _ = reader.read_exact(&mut rest);
            let retry = retry_after.map(|s| format!("retry-after: {s}\r\n")).unwrap_or_default();
            let body = format!(r#"{{"codigo":"{codigo}","mensagem":"Mensagem de {codigo}."}}"#);
            return reply(&mut stream, head, status, &retry, body.as_bytes());
        }
        match head.method.as_str() {
            "POST" => self.create(head, &mut stream),
            "HEAD" => self.offset(head, &mut stream),
            "PATCH" => self.append(head, reader, stream),
            _ => self.download(head, &mut stream),
        }
    }

    fn note(&self, method: &str, upload: &Upload, from: u64) {
        self.log.lock().unwrap().push(Taken {
            method: method.into(),
            anexo: upload.anexo.clone(),
            variante: upload.variante.clone(),
            from,
        });
    }

    fn create(&self, head: &Head, stream: &mut TcpStream) {
        let metadata: BTreeMap<_, _> = head
            .header("upload-metadata")
            .unwrap()
            .split(',')
            .map(|pair| pair.trim().split_once(' ').unwrap())
            .map(|(k, v)| (k, String::from_utf8(STANDARD.decode(v).unwrap()).unwrap()))
            .collect();
        assert_eq!(head.header("tus-resumable"), Some("1.0.0"));
        let length: u64 = head.header("upload-length").unwrap().parse().unwrap();
        let upload = Upload {
            anexo: metadata["anexo"].clone(),
            variante: metadata["variante"].clone(),
            sha256: metadata["sha256"].clone(),
            length,
            bytes: Vec::new(),
        };
        self.note("POST", &upload, 0);
        let id = uuid::Uuid::now_v7().to_string();
        let mut headers = format!("location: /v1/arquivos/{id}\r\n");
        // Complete is not proven: only what is known was verified.
        let verified = self.known.lock().unwrap().contains(&upload.sha256);
        let whole = self.whole(&upload.variante);
        if verified || whole.iter().any(|whole| whole.sha256 == upload.sha256) {
            let situacao = if verified { "verificada" } else { "recebida" };
            let done = format!("upload-offset: {length}\r\ncampo-situacao: {situacao}\r\n");
            headers.push_str(&done);
        } else {
            headers.push_str("upload-offset: 0\r\n");
            self.uploads.lock().unwrap().insert(id, upload);
        }
        reply(stream, head, 201, &headers, b"");
    }

    fn offset(&self, head: &Head, stream: &mut TcpStream) {
        let id = head.path.rsplit('/').next().unwrap();
        let Some(upload) = self.uploads.lock().unwrap().get(id).cloned() else {
            return reply(stream, head, 404, "", b"");
        };
        self.note("HEAD", &upload, 0);
        let headers = format!("upload-offset: {}\r\n", upload.bytes.len());
        reply(stream, head, 200, &headers, b"");
    }

    fn append(&self, head: &Head, mut reader: BufReader<TcpStream>, mut stream: TcpStream) {
        let id = head.path.rsplit('/').next().unwrap();
        let from: u64 = head.header("upload-offset").unwrap().parse().unwrap();
        let upload = self.uploads.lock().unwrap().get(id).cloned().unwrap();
        self.note("PATCH", &upload, from);
        if from != upload.bytes.len() as u64 {
            return reply(&mut stream, head, 409, "", br#"{"codigo":"posicao_diferente"}"#);
        }
        let cut = self.cuts.lock().unwrap().pop_front();
        let (mut left, mut buffer) = (head.length, vec![0; 16 * 1024]);
        let mut until = cut.unwrap_or(usize::MAX);
        while left > 0 {
            let want = left.min(buffer.len()).min(until);
            let n = if want == 0 { 0 } else { reader.read(&mut buffer[..want]).unwrap_or(0) };
            if n == 0 {
                let _ = stream.shutdown(Shutdown::Both);
                return;
            }
            (left, until) = (left - n, until - n);
            if self.stuck.load(Ordering::SeqCst) {
                continue;
            }
            let mut uploads = self.uploads.lock().unwrap();
            let upload = uploads.get_mut(id).unwrap();
            upload.bytes.extend_from_slice(&buffer[..n]);
            let has = upload.bytes.len();
            drop(uploads);
            if let Some(watch) = self.watch.lock().unwrap().as_mut() {
                watch(has);
            }
        }
        let kept = if self.stuck.load(Ordering::SeqCst) { 0 } else { head.length as u64 };
        let offset = from + kept;
        reply(&mut stream, head, 204, &format!("upload-offset: {offset}\r\n"), b"");
    }

    fn download(&self, head: &Head, stream: &mut TcpStream) {
        let mut parts = head.path.rsplit('/').map(str::to_owned);
        let (variante, anexo) = (parts.next().unwrap(), parts.next().unwrap());
        let range = head.header("range").and_then(|r| r.strip_prefix("bytes="));
        let from: usize = range.map_or(0, |r| r.trim_end_matches('-').parse().unwrap());
        let upload =
            Upload { anexo: anexo.clone(), variante: variante.clone(), ..Upload::default() };
        self.note("GET", &upload, from as u64);
        let file = self.files.lock().unwrap().get(&(anexo, variante)).cloned();
        let Some(file) = file else {
            let body = br#"{"codigo":"arquivo_nao_chegou","mensagem":"Ainda nao chegou."}"#;
            return reply(stream, head, 404, "", body);
        };
        let rest = &file[from..];
        let etag = super::pictures::sha256(&file);
        let mut headers = format!("connection: close\r\netag: \"{etag}\"\r\n");
        if from > 0 {
            let last = file.len() - 1;
            headers.push_str(&format!("content-range: bytes {from}-{last}/{}\r\n", file.len()));
        }
        let cut = self.cuts.lock().unwrap().pop_front().unwrap_or(rest.len());
        let status = if from > 0 { 206 } else { 200 };
        let length = rest.len();
        let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n{headers}\r\n");
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&rest[..cut]));
        let _ = stream.shutdown(Shutdown::Both);
    }
}

fn reply(stream: &mut TcpStream, head: &Head, status: u16, headers: &str, body: &[u8]) {
    let length = match (status, head.method.as_str()) {
        (204, _) => String::new(),
        _ => format!("content-length: {}\r\n", body.len()),
    };
    let text = format!("HTTP/1.1 {status} X\r\n{length}{headers}connection: close\r\n\r\n");
    let _ = stream.write_all(text.as_bytes()).and_then(|()| stream.write_all(body));
}
