//! The headers of tus 1.0.

use crate::error::{ApiError, ApiResult};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use base64::{Engine, engine::general_purpose::STANDARD};
use campo_domain::{
    ids::{DocumentId, ItemId},
    parte::Variante,
};
use chrono::{DateTime, Utc};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::str::FromStr;

/// The version that is spoken here.
pub const VERSAO: HeaderValue = HeaderValue::from_static("1.0.0");
/// Where the version stands.
pub const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
/// Which versions there are.
pub const TUS_VERSION: HeaderName = HeaderName::from_static("tus-version");
/// How many bytes a file has.
pub const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
/// From which byte on.
pub const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const UPLOAD_METADATA: HeaderName = HeaderName::from_static("upload-metadata");
const UPLOAD_CHECKSUM: HeaderName = HeaderName::from_static("upload-checksum");
const UPLOAD_EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
/// How far bytes have come that need not be sent: `recebida` or `verificada`.
pub const CAMPO_SITUACAO: HeaderName = HeaderName::from_static("campo-situacao");
/// The method that is meant, where only GET and POST get through.
pub const METODO: HeaderName = HeaderName::from_static("x-http-method-override");
/// The only type of a body.
const OFFSET_OCTETS: &str = "application/offset+octet-stream";

/// Of which file the bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadados {
    /// The record.
    pub documento: DocumentId,
    /// The file.
    pub anexo: ItemId,
    /// Which picture of it.
    pub variante: Variante,
    /// What they hash to, in hexadecimal.
    pub sha256: Option<String>,
}

impl Metadados {
    /// Reads `Upload-Metadata`; pairs that mean nothing here are passed over.
    ///
    /// # Errors
    /// 400.
    pub fn ler(headers: &HeaderMap) -> ApiResult<Self> {
        let texto = texto(headers, &UPLOAD_METADATA)?.unwrap_or_default();
        let valor = |nome: &str| -> ApiResult<Option<String>> {
            let mut pares = texto.split(',').map(|par| par.trim().split_once(' '));
            let par = pares.find_map(|par| par.filter(|(chave, _)| *chave == nome));
            let Some((_, valor)) = par else { return Ok(None) };
            let bytes = STANDARD.decode(valor.trim()).ok();
            let valor = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
            valor.map(Some).ok_or_else(|| {
                ApiError::invalido(format!("“{nome}” em Upload-Metadata não é texto em base64."))
            })
        };
        Ok(Self {
            documento: exigido("documento", valor("documento")?)?,
            anexo: exigido("anexo", valor("anexo")?)?,
            variante: match valor("variante")? {
                None => Variante::Original,
                some => exigido("variante", some)?,
            },
            sha256: valor("sha256")?,
        })
    }
}

fn exigido<T: FromStr>(nome: &str, valor: Option<String>) -> ApiResult<T> {
    valor.and_then(|valor| valor.parse().ok()).ok_or_else(|| {
        ApiError::invalido(format!("Upload-Metadata precisa de “{nome}”, com um valor que sirva."))
    })
}

fn texto<'a>(headers: &'a HeaderMap, nome: &HeaderName) -> ApiResult<Option<&'a str>> {
    let value = headers.get(nome).map(HeaderValue::to_str).transpose();
    value.map_err(|_| ApiError::invalido(format!("O cabeçalho {nome} não pode ser lido.")))
}

/// A number that must be there.
///
/// # Errors
/// 400.
pub fn numero(headers: &HeaderMap, nome: &HeaderName) -> ApiResult<u64> {
    let digits = texto(headers, nome)?.filter(|v| v.bytes().all(|b| b.is_ascii_digit()));
    digits.and_then(|v| v.parse().ok()).ok_or_else(|| {
        ApiError::invalido(format!("O cabeçalho {nome} precisa de um número inteiro de bytes."))
    })
}

/// Whether the body is of bytes to be appended.
pub fn de_bytes(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|tipo| tipo == OFFSET_OCTETS)
}

/// 415: the body is of another type.
pub fn outro_tipo() -> ApiError {
    let mensagem = format!("Os bytes vêm com Content-Type {OFFSET_OCTETS}.");
    ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "tipo_nao_aceito", mensagem)
}

/// A sum over the body of one request, and what it must come to.
#[derive(Clone, Debug)]
pub struct Soma {
    conta: Conta,
    esperada: Vec<u8>,
}

#[derive(Clone, Debug)]
enum Conta {
    Sha1(Sha1),
    Sha256(Sha256),
}

impl Soma {
    /// Reads `Upload-Checksum`.
    ///
    /// # Errors
    /// 400: another algorithm, or no base64.
    pub fn ler(headers: &HeaderMap) -> ApiResult<Option<Self>> {
        let Some(texto) = texto(headers, &UPLOAD_CHECKSUM)? else { return Ok(None) };
        let errada = || ApiError::invalido("Upload-Checksum: sha1 ou sha256, e a soma em base64.");
        let (algoritmo, soma) = texto.trim().split_once(' ').ok_or_else(errada)?;
        let conta = match algoritmo {
            "sha1" => Conta::Sha1(Sha1::new()),
            "sha256" => Conta::Sha256(Sha256::new()),
            _ => return Err(errada()),
        };
        let esperada = STANDARD.decode(soma.trim()).map_err(|_| errada())?;
        Ok(Some(Self { conta, esperada }))
    }

    /// Counts these bytes in.
    pub fn somar(&mut self, bytes: &[u8]) {
        match &mut self.conta {
            Conta::Sha1(conta) => conta.update(bytes),
            Conta::Sha256(conta) => conta.update(bytes),
        }
    }

    /// Whether all bytes are those that were sent.
    pub fn confere(self) -> bool {
        let soma = match self.conta {
            Conta::Sha1(conta) => conta.finalize().to_vec(),
            Conta::Sha256(conta) => conta.finalize().to_vec(),
        };
        soma == self.esperada
    }
}

/// The headers of where an upload stands.
pub fn posicao(offset: i64, expira_em: Option<DateTime<Utc>>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(UPLOAD_OFFSET, offset.into());
    let expira = expira_em.map(|em| em.format("%a, %d %b %Y %H:%M:%S GMT").to_string());
    if let Some(value) = expira.and_then(|texto| HeaderValue::from_str(&texto).ok()) {
        headers.insert(UPLOAD_EXPIRES, value);
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeZone;

    fn com(nome: HeaderName, valor: &str) -> HeaderMap {
        HeaderMap::from_iter([(nome, HeaderValue::from_str(valor).unwrap())])
    }

    #[test]
    fn metadata_name_the_file_and_what_else_they_say_is_passed_over() {
        let id = "018f4b1e-7a00-7000-8000-000000000001";
        let b64 = |texto: &str| STANDARD.encode(texto);
        let valor =
            format!("documento {},anexo {}, filename {}, vazio", b64(id), b64(id), b64("ç.jpg"));
        let dados = Metadados::ler(&com(UPLOAD_METADATA, &valor)).unwrap();
        assert_eq!(dados.documento.to_string(), id);
        assert_eq!((dados.variante, dados.sha256), (Variante::Original, None));
        let valor = format!("{valor},variante {}", b64("miniatura"));
        let dados = Metadados::ler(&com(UPLOAD_METADATA, &valor)).unwrap();
        assert_eq!(dados.variante, Variante::Miniatura);
        for errado in [
            "",
            &format!("documento {}", b64(id)),
            &format!("documento {id},anexo {id}"),
            &valor.replace(&b64("miniatura"), &b64("gigante")),
        ] {
            assert!(Metadados::ler(&com(UPLOAD_METADATA, errado)).is_err(), "{errado}");
        }
    }

    #[test]
    fn a_sum_is_of_the_two_algorithms_only() {
        let ler = |valor: &str| Soma::ler(&com(UPLOAD_CHECKSUM, valor));
        let mut soma = ler("sha1 qZk+NkcGgWq6PiVxeFDCbJzQ2J0=").unwrap().unwrap();
        soma.somar(b"a");
        soma.somar(b"bc");
        assert!(soma.clone().confere());
        soma.somar(b"d");
        assert!(!soma.confere());
        assert!(ler("md5 kAFQmDzST7DWlj99KOF/cg==").is_err() && ler("sha256").is_err());
        assert!(Soma::ler(&HeaderMap::new()).unwrap().is_none());
    }

    #[test]
    fn when_an_upload_ends_is_written_as_http_writes_dates() {
        let headers = posicao(7, Utc.with_ymd_and_hms(2026, 3, 1, 8, 5, 9).single());
        assert_eq!(headers["upload-expires"], "Sun, 01 Mar 2026 08:05:09 GMT");
        assert_eq!(headers["upload-offset"], "7");
    }
}
