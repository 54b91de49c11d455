//! Uploads by tus 1.0, as other people's clients speak it: the real `tus-js-client` in node, and
//! requests byte by byte. Needs `node` and `npm`; where they are missing, the test with the client
//! says so and passes, unless `CAMPO_TESTS_BROWSER=required`.

use crate::{
    aparelho::em_json,
    estudio::{Estudio, sha256},
    office_api::{Api, Caso},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use campo_domain::{
    ids::{DocumentId, ItemId},
    registro::SituacaoArquivo,
};
use campo_tests::pictures::{Shot, numbered};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use ureq::{
    Agent,
    http::{self, Response},
};

/// Declares a file of a record; its id.
pub fn declara(quem: &Api, caso: &Caso, bytes: &[u8]) -> ItemId {
    let campos = [
        ("nome", "foto.jpg".to_owned()),
        ("categoria", "avaria".to_owned()),
        ("mime", "image/jpeg".to_owned()),
        ("tamanho", bytes.len().to_string()),
        ("sha256", sha256(bytes)),
    ];
    quem.inclui(caso, "anexos", em_json(&campos)).id().parse().unwrap()
}

/// Any program that speaks tus.
pub struct Programa {
    agent: Agent,
    base: String,
    acesso: String,
}

impl Programa {
    /// In that person's name.
    pub fn de(estudio: &Estudio, quem: &Api) -> Self {
        let agent = Agent::config_builder().http_status_as_error(false).max_redirects(0).build();
        let acesso = format!("Bearer {}", estudio.acesso(quem));
        Programa { agent: agent.into(), base: estudio.proxy.url.clone(), acesso }
    }

    /// Any request to what the server called so.
    pub fn pede(
        &self,
        method: &str,
        location: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Response<ureq::Body> {
        let path = location.find("/v1/").map_or(location, |at| &location[at..]);
        let mut request = http::Request::builder().method(method);
        request = request.uri(format!("{}{path}", self.base));
        request = request.header("authorization", &self.acesso);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        match matches!(method, "POST" | "PATCH") {
            true => self.agent.run(request.body(body).unwrap()).unwrap(),
            false => self.agent.run(request.body(()).unwrap()).unwrap(),
        }
    }

    /// Sends bytes from that place on, over a road that may break.
    pub fn tenta(&self, location: &str, offset: u64, bytes: &[u8]) -> Result<u16, ureq::Error> {
        let request = http::Request::builder().method("PATCH");
        let request = request.uri(format!("{}{location}", self.base));
        let request = request
            .header("authorization", &self.acesso)
            .header("tus-resumable", "1.0.0")
            .header("content-type", "application/offset+octet-stream")
            .header("upload-offset", offset);
        Ok(self.agent.run(request.body(bytes).unwrap())?.status().as_u16())
    }

    /// Begins an upload; the answer.
    pub fn cria(&self, caso: DocumentId, anexo: ItemId, bytes: u64) -> Response<ureq::Body> {
        let b64 = |text: String| STANDARD.encode(text);
        let (caso, anexo) = (b64(caso.to_string()), b64(anexo.to_string()));
        let metadata = format!("documento {caso},anexo {anexo}");
        let (length, tus) = (bytes.to_string(), ("tus-resumable", "1.0.0"));
        let headers = [tus, ("upload-length", &*length), ("upload-metadata", &*metadata)];
        self.pede("POST", "/v1/arquivos", &headers, b"")
    }

    /// Sends bytes from that place on.
    pub fn manda(
        &self,
        location: &str,
        offset: u64,
        more: &[(&str, &str)],
        bytes: &[u8],
    ) -> Response<ureq::Body> {
        let offset = offset.to_string();
        let mut headers = vec![("tus-resumable", "1.0.0"), ("upload-offset", &*offset)];
        if more.iter().all(|(name, _)| *name != "content-type") {
            headers.push(("content-type", "application/offset+octet-stream"));
        }
        headers.extend(more);
        self.pede("PATCH", location, &headers, bytes)
    }

    /// How many bytes the server has, or its status where there is no such upload.
    pub fn tem(&self, location: &str) -> Result<u64, u16> {
        let answer = self.pede("HEAD", location, &[("tus-resumable", "1.0.0")], b"");
        match cabecalho(&answer, "upload-offset").parse() {
            Ok(offset) if answer.status() == 200 => Ok(offset),
            _ => Err(answer.status().as_u16()),
        }
    }

    /// Sends a file, whole.
    #[track_caller]
    pub fn envia(&self, caso: DocumentId, anexo: ItemId, bytes: &[u8]) {
        let made = self.cria(caso, anexo, bytes.len() as u64);
        assert_eq!(made.status(), 201);
        let (location, offset) = (cabecalho(&made, "location"), cabecalho(&made, "upload-offset"));
        let offset: u64 = offset.parse().unwrap();
        if offset < bytes.len() as u64 {
            let rest = &bytes[usize::try_from(offset).unwrap()..];
            assert_eq!(self.manda(&location, offset, &[], rest).status(), 204);
        }
    }
}

/// A header; empty where there is none.
pub fn cabecalho(answer: &Response<ureq::Body>, name: &str) -> String {
    let value = answer.headers().get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().to_owned()
}

#[test]
fn every_byte_is_checked_and_every_request_knows_its_place() {
    let estudio = Estudio::novo();
    let caso = estudio.caso(&estudio.adm);
    let programa = Programa::de(&estudio, &estudio.adm);
    let bytes = Shot::new(1, 640, 480).jpeg().unwrap();
    let anexo = declara(&estudio.adm, &caso, &bytes);
    let offered = programa.pede("OPTIONS", "/v1/arquivos", &[], b"");
    assert_eq!(cabecalho(&offered, "tus-version"), "1.0.0");
    let extensions = cabecalho(&offered, "tus-extension");
    for name in ["creation", "creation-with-upload", "checksum", "termination", "expiration"] {
        assert!(extensions.split(',').any(|one| one.trim() == name), "{name}: {extensions}");
    }
    assert!(cabecalho(&offered, "tus-checksum-algorithm").contains("sha256"));

    assert_eq!(programa.cria(caso.id, anexo, 17).status(), 400);
    let made = programa.cria(caso.id, anexo, bytes.len() as u64);
    assert_eq!((made.status().as_u16(), &*cabecalho(&made, "upload-offset")), (201, "0"));
    assert!(!cabecalho(&made, "upload-expires").is_empty());
    let location = cabecalho(&made, "location");
    let manda = |offset, more: &[(&str, &str)], bytes: &[u8]| {
        programa.manda(&location, offset, more, bytes).status().as_u16()
    };

    let (half, rest) = bytes.split_at(bytes.len() / 2);
    let sum = |bytes: &[u8]| format!("sha256 {}", STANDARD.encode(Sha256::digest(bytes)));
    // What arrived wrong is as if it had not arrived.
    assert_eq!(manda(0, &[("upload-checksum", &sum(rest))], half), 460);
    assert_eq!(programa.tem(&location), Ok(0));
    assert_eq!(manda(5, &[], half), 409);
    assert_eq!(manda(0, &[("content-type", "image/jpeg")], half) / 100, 4);
    assert_eq!(programa.tem(&location), Ok(0));
    assert_eq!(manda(0, &[("upload-checksum", &sum(half))], half), 204);
    assert_eq!(programa.tem(&location), Ok(half.len() as u64));
    let other = [("tus-resumable", "0.2.2")];
    assert_eq!(programa.pede("HEAD", &location, &other, b"").status(), 412);
    assert_eq!(manda(half.len() as u64, &[], &[rest, b"!"].concat()) / 100, 4);

    // Taken back, and begun again.
    let tus = [("tus-resumable", "1.0.0")];
    assert_eq!(programa.pede("DELETE", &location, &tus, b"").status(), 204);
    assert!(matches!(programa.tem(&location), Err(404 | 410)));
    estudio.espera("the parts are gone", || estudio.objetos_em("envios/").is_empty());
    programa.envia(caso.id, anexo, &bytes);
    estudio.espera_estado(caso.id, anexo, SituacaoArquivo::Verificada);
    assert_eq!(estudio.guardado(&sha256(&bytes)).unwrap(), bytes);
}

/// The folder of the client and of its driver.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tus-js")
}

/// Whether there is a client to test with; installs it if there is what installs it.
fn installed() -> bool {
    let works = |program: &str| {
        let mut version = Command::new(program);
        let version = version.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
        version.status().is_ok_and(|status| status.success())
    };
    let there = works("node")
        && (folder().join("node_modules/tus-js-client").exists() || {
            let mut install = Command::new("npm");
            let install = install.args(["ci", "--silent", "--prefix"]).arg(folder());
            install.status().is_ok_and(|status| status.success())
        });
    let required = std::env::var("CAMPO_TESTS_BROWSER").is_ok_and(|value| value == "required");
    assert!(there || !required, "CAMPO_TESTS_BROWSER=required, but no node with tus-js-client");
    if !there {
        println!("passed over: no node with tus-js-client");
    }
    there
}

/// What the driver says: where it uploaded to, and each request with what was answered.
struct Dito {
    url: String,
    pedidos: Vec<(String, u64, i64)>,
}

impl Dito {
    fn verbos(&self) -> Vec<&str> {
        self.pedidos.iter().map(|(method, ..)| method.as_str()).collect()
    }
}

fn dirige(step: &str, given: &Value) -> Dito {
    let mut node = Command::new("node")
        .args(["driver.js", step])
        .current_dir(folder())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    node.stdin.take().unwrap().write_all(given.to_string().as_bytes()).unwrap();
    let said = String::from_utf8(node.wait_with_output().unwrap().stdout).unwrap();
    let said: Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{step}: {said}"));
    let url = said["url"].as_str().unwrap_or_else(|| panic!("{step}: {said}")).to_owned();
    let asked = said["asked"].as_array().unwrap().iter();
    let pedido = |asked: &Value| {
        let method = asked[0].as_str().unwrap().to_owned();
        (method, asked[1].as_u64().unwrap(), asked[2].as_i64().unwrap())
    };
    Dito { url, pedidos: asked.map(pedido).collect() }
}

#[test]
fn tus_js_client_uploads_stops_goes_on_and_takes_back() {
    if !installed() {
        return;
    }
    let estudio = Estudio::novo();
    let caso = estudio.caso(&estudio.adm);
    let acesso = estudio.acesso(&estudio.adm);
    let dir = tempfile::tempdir().unwrap();
    let base = Shot::new(2, 1_200, 900).jpeg().unwrap();
    let photo = |number: u64| {
        let bytes = numbered(&base, number).unwrap();
        let anexo = declara(&estudio.adm, &caso, &bytes);
        let file = dir.path().join(format!("{number}.jpg"));
        std::fs::write(&file, &bytes).unwrap();
        let given = json!({
            "server": estudio.proxy.url, "authorization": format!("Bearer {acesso}"),
            "file": file, "storage": dir.path().join("urls.json"),
            "chunkSize": bytes.len() / 4 + 1, "bytes": bytes.len() / 2,
            "metadata": { "documento": caso.id, "anexo": anexo, "nome": "foto.jpg" },
        });
        (bytes, anexo, given)
    };
    let arrived = |anexo, bytes: &[u8]| {
        estudio.espera_estado(caso.id, anexo, SituacaoArquivo::Verificada);
        assert_eq!(estudio.guardado(&sha256(bytes)).unwrap(), bytes);
    };

    let (bytes, anexo, given) = photo(1);
    let whole = dirige("whole", &given);
    assert_eq!(whole.verbos(), ["POST", "PATCH", "PATCH", "PATCH", "PATCH"]);
    arrived(anexo, &bytes);

    let (bytes, anexo, given) = photo(2);
    let creation = dirige("creation", &given);
    assert_eq!(creation.verbos(), ["POST", "PATCH", "PATCH", "PATCH"]);
    assert_eq!(creation.pedidos[0].1, 201);
    arrived(anexo, &bytes);

    let (bytes, anexo, given) = photo(3);
    let half = dirige("half", &given);
    assert_eq!(estudio.estado(caso.id, anexo), SituacaoArquivo::Esperada);
    let resumed = dirige("resume", &given);
    assert_eq!((&resumed.url, resumed.verbos()[0]), (&half.url, "HEAD"));
    let from = resumed.pedidos[1].2;
    assert!(from >= i64::try_from(bytes.len() / 2).unwrap(), "resumed from {from}");
    arrived(anexo, &bytes);

    let (_, anexo, given) = photo(4);
    let taken = dirige("terminate", &given);
    assert_eq!(
        taken.pedidos.last().map(|(method, status, _)| (&**method, *status)),
        Some(("DELETE", 204))
    );
    let programa = Programa::de(&estudio, &estudio.adm);
    assert!(matches!(programa.tem(&taken.url), Err(404 | 410)));
    assert_eq!(estudio.estado(caso.id, anexo), SituacaoArquivo::Esperada);

    // The same bytes again: nothing of them is needed.
    let anexo = once_more(&estudio, &caso, &given, &base);
    arrived(anexo, &numbered(&base, 1).unwrap());
}

/// Declares the first photo once more, and lets the client send it.
fn once_more(estudio: &Estudio, caso: &Caso, given: &Value, base: &[u8]) -> ItemId {
    let bytes = numbered(base, 1).unwrap();
    let anexo = declara(&estudio.adm, caso, &bytes);
    let mut given = given.clone();
    let file = Path::new(given["file"].as_str().unwrap()).with_file_name("again.jpg");
    std::fs::write(&file, &bytes).unwrap();
    (given["file"], given["metadata"]["anexo"]) = (json!(file), json!(anexo));
    // This client does not read from the creation how much is there: it asks after a 409.
    given["retryDelays"] = json!([0, 0]);
    let up = estudio.proxy.up();
    let again = dirige("whole", &given);
    assert_eq!(again.verbos(), ["POST", "PATCH", "HEAD"]);
    assert!(estudio.proxy.up() - up < bytes.len() as u64 / 2, "sent again");
    anexo
}
