//! Uploads by tus 1.0: core, creation, creation-with-upload, checksum, termination, expiration.
//!
//! An upload is bound to a file that a record declares, by length and hash, and to who may send it.
//! Any server continues what another began: where it stands is in the database, the bytes are in
//! the object store, and no lock is held while they move.

mod alvo;
mod cabecalhos;
mod recepcao;
mod recusas;
pub mod tabela;

pub use alvo::Alvo;

use super::limpeza;
use crate::{
    app::App,
    error::{ApiError, ApiResult},
    http::{
        extract::ApiPath,
        principal::{self, EscreverRegistros, Principal, Qualquer},
        problems::Problemas,
    },
    log,
};
use axum::{
    body::{Body, HttpBody},
    extract::{FromRequestParts, State},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use cabecalhos::{
    CAMPO_SITUACAO, METODO, Metadados, Soma, TUS_RESUMABLE, TUS_VERSION, UPLOAD_LENGTH,
    UPLOAD_OFFSET, VERSAO, de_bytes, numero, outro_tipo, posicao,
};
use campo_domain::{
    ids::{DocumentId, ItemId},
    parte::Variante,
    registro::SituacaoArquivo,
};
use recepcao::Recepcao;
use recusas::{expirado, posicao_diferente};
use std::str::FromStr;
use tabela::{Envio, Inicio};
use tower_http::set_header::SetResponseHeaderLayer;
use uuid::Uuid;

/// Uploads that one person may have begun and not ended.
pub const ABERTOS_MAX: i64 = 2_000;
const EXTENSOES: &str = "creation,creation-with-upload,checksum,termination,expiration";

/// The layer that names the protocol's version in every answer.
pub fn version() -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::overriding(TUS_RESUMABLE, VERSAO)
}

/// Proof that the protocol's version is spoken.
pub struct Tus;

impl FromRequestParts<App> for Tus {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> ApiResult<Self> {
        if parts.headers.get(TUS_RESUMABLE).is_some_and(|versao| versao == VERSAO) {
            return Ok(Self);
        }
        let mensagem = "Use tus 1.0.0: o cabeçalho Tus-Resumable diz a versão.";
        Err(ApiError::new(StatusCode::PRECONDITION_FAILED, "versao_nao_aceita", mensagem)
            .header(TUS_VERSION, VERSAO))
    }
}

/// The end of an upload's address.
#[derive(Clone, Copy, Debug)]
enum Endereco {
    /// One that has a row.
    Envio(Uuid),
    /// Of bytes that need not be sent: it stands at its end.
    Pronto(DocumentId, ItemId, Variante),
}

impl FromStr for Endereco {
    type Err = ApiError;

    fn from_str(texto: &str) -> ApiResult<Self> {
        if let Ok(id) = texto.parse() {
            return Ok(Self::Envio(id));
        }
        let pronto = || {
            let mut partes = texto.split('.');
            let documento = partes.next()?.parse().ok()?;
            let anexo = partes.next()?.parse().ok()?;
            let variante = partes.next()?.parse().ok()?;
            partes.next().is_none().then_some(Self::Pronto(documento, anexo, variante))
        };
        pronto().ok_or_else(expirado)
    }
}

/// `OPTIONS`: what of tus is spoken here.
pub async fn opcoes() -> impl IntoResponse {
    let headers = [
        ("tus-version", "1.0.0".to_owned()),
        ("tus-extension", EXTENSOES.to_owned()),
        ("tus-max-size", Variante::Original.bytes_max().to_string()),
        ("tus-checksum-algorithm", "sha1,sha256".to_owned()),
    ];
    (StatusCode::NO_CONTENT, headers)
}

/// Começa o envio de um arquivo que um registro declara (tus 1.0).
///
/// `Upload-Metadata` tem `documento`, `anexo`, `variante` (`original` se nada for dito) e `sha256`,
/// cada um em base64. `Upload-Offset` diz o que já está aqui, também de um envio começado antes:
/// tudo, quando nada precisa ser enviado; então `Campo-Situacao` diz se os bytes já foram
/// conferidos (`verificada`) ou só chegaram (`recebida`). O corpo, se houver, são os primeiros
/// bytes.
#[utoipa::path(post, path = "/v1/arquivos", tag = "Arquivos",
    params(("Tus-Resumable" = String, Header, description = "1.0.0"),
        ("Upload-Length" = u64, Header, description = "O tamanho do arquivo, em bytes."),
        ("Upload-Metadata" = String, Header, description = "De que arquivo são os bytes.")),
    security(("token" = ["registros:escrever"])),
    responses((status = 201, description = "Começado: `Location` e `Upload-Offset`."), Problemas))]
pub async fn criar(
    State(app): State<App>,
    quem: Qualquer<EscreverRegistros>,
    _: Tus,
    headers: HeaderMap,
    corpo: Body,
) -> ApiResult<Response> {
    let tamanho = numero(&headers, &UPLOAD_LENGTH)?;
    let soma = Soma::ler(&headers)?;
    let com_bytes = !corpo.is_end_stream();
    if com_bytes && !de_bytes(&headers) {
        return Err(outro_tipo());
    }
    let alvo = Alvo::novo(&app, &quem, &Metadados::ler(&headers)?, tamanho).await?;
    if alvo.pronto(&app, &quem).await? {
        return Ok(pronto(&alvo, SituacaoArquivo::Verificada));
    }
    let usuario = quem.pessoa.id.uuid();
    // No transaction is open while the store is asked or bytes come.
    let mut tx = app.db.snapshot(quem.tenant).await?;
    let antes = tabela::em_andamento(&mut tx, &alvo, usuario).await?;
    tx.rollback().await?;
    let mut envio = match antes {
        Some(envio) if envio.completo() => return Ok(pronto(&alvo, SituacaoArquivo::Recebida)),
        Some(envio) => envio,
        None => {
            let inicio = match alvo.ja_visto(&app, &quem).await? {
                true => Inicio::Completo,
                false => Inicio::Vazio,
            };
            let mut tx = app.db.tenant(quem.tenant).await?;
            if tabela::abertos(&mut tx, usuario).await? >= ABERTOS_MAX {
                return Err(demais());
            }
            let envio = tabela::criar(&mut tx, quem.tenant, &alvo, usuario, inicio).await?;
            tx.commit().await?;
            if envio.completo() {
                app.recebidos.notify_one();
                return Ok(pronto(&alvo, SituacaoArquivo::Recebida));
            }
            envio
        }
    };
    if com_bytes && envio.recebido == 0 {
        cabe(&headers, &envio)?;
        envio = receber(&app, &quem, envio, soma, corpo).await?;
    }
    Ok(criado(&envio.id.to_string(), envio.recebido, &envio))
}

fn criado(endereco: &str, offset: i64, envio: &Envio) -> Response {
    let location = [(header::LOCATION, format!("/v1/arquivos/{endereco}"))];
    (StatusCode::CREATED, location, posicao(offset, Some(envio.expira_em))).into_response()
}

/// Nothing needs to be sent. That is no proof yet: what was received may still be found wrong.
fn pronto(alvo: &Alvo, situacao: SituacaoArquivo) -> Response {
    let Alvo { documento, anexo, variante, tamanho, .. } = alvo;
    let headers = [
        (header::LOCATION, format!("/v1/arquivos/{documento}.{anexo}.{variante}")),
        (CAMPO_SITUACAO, situacao.codigo().to_owned()),
    ];
    (StatusCode::CREATED, headers, posicao(*tamanho, None)).into_response()
}

fn demais() -> ApiError {
    let mensagem = format!("Há {ABERTOS_MAX} envios seus por terminar. Termine alguns primeiro.");
    ApiError::new(StatusCode::TOO_MANY_REQUESTS, "envios_demais", mensagem).after(60)
}

/// The upload, if whoever asks may send that file.
async fn abrir(app: &App, quem: &Principal, id: Uuid) -> ApiResult<Envio> {
    let mut tx = app.db.snapshot(quem.tenant).await?;
    let envio = tabela::obter(&mut tx, id).await?.ok_or_else(expirado)?;
    tx.rollback().await?;
    alvo::permitido(app, quem, envio.document.into(), envio.anexo.into()).await?;
    if !envio.completo() && envio.expira_em < chrono::Utc::now() {
        return Err(expirado());
    }
    Ok(envio)
}

/// The length of bytes that need not be sent, if that is still so.
async fn dispensado(
    app: &App,
    quem: &Principal,
    documento: DocumentId,
    anexo: ItemId,
    variante: Variante,
) -> ApiResult<i64> {
    let declarado = alvo::permitido(app, quem, documento, anexo).await?;
    let tamanho = if variante == Variante::Original {
        declarado.verificada.then_some(declarado.tamanho)
    } else {
        alvo::derivada(app, quem, documento, anexo, variante).await?
    };
    if let Some(tamanho) = tamanho {
        return Ok(tamanho);
    }
    let mut tx = app.db.snapshot(quem.tenant).await?;
    let query = "SELECT tamanho FROM envio WHERE document = $1 AND anexo = $2 AND variante = $3 \
                     AND situacao = 'completo' LIMIT 1";
    let tamanho: Option<i64> = sqlx::query_scalar(query)
        .bind(documento.uuid())
        .bind(anexo.uuid())
        .bind(variante.codigo())
        .fetch_optional(&mut *tx)
        .await?;
    tamanho.ok_or_else(expirado)
}

/// `HEAD /v1/arquivos/{id}`: how far an upload has come.
pub async fn ver(
    State(app): State<App>,
    quem: Qualquer<EscreverRegistros>,
    _: Tus,
    ApiPath(id): ApiPath<String>,
) -> ApiResult<Response> {
    let (tamanho, mut headers) = match id.parse()? {
        Endereco::Envio(id) => {
            let envio = abrir(&app, &quem, id).await?;
            (envio.tamanho, posicao(envio.recebido, Some(envio.expira_em)))
        }
        Endereco::Pronto(documento, anexo, variante) => {
            let tamanho = dispensado(&app, &quem, documento, anexo, variante).await?;
            (tamanho, posicao(tamanho, None))
        }
    };
    headers.insert(UPLOAD_LENGTH, tamanho.into());
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok((StatusCode::OK, headers).into_response())
}

/// Continua um envio, do byte que `HEAD` no mesmo endereço diz (tus 1.0).
#[utoipa::path(patch, path = "/v1/arquivos/{id}", tag = "Arquivos",
    params(("id" = String, Path, description = "Como em `Location`."),
        ("Tus-Resumable" = String, Header, description = "1.0.0"),
        ("Upload-Offset" = u64, Header, description = "De que byte em diante."),
        ("Upload-Checksum" = Option<String>, Header,
            description = "`sha1` ou `sha256` e a soma do corpo em base64.")),
    request_body(content_type = "application/offset+octet-stream"),
    security(("token" = ["registros:escrever"])),
    responses((status = 204, description = "Guardado até `Upload-Offset`."),
        (status = 409, description = "O envio está em outra posição: `posicao_diferente`."),
        (status = 460, description = "Os bytes chegaram diferentes: `soma_diferente`."),
        Problemas))]
pub async fn continuar(
    State(app): State<App>,
    quem: Qualquer<EscreverRegistros>,
    _: Tus,
    ApiPath(id): ApiPath<String>,
    headers: HeaderMap,
    corpo: Body,
) -> ApiResult<Response> {
    anexar(&app, &quem, &id, &headers, corpo).await
}

async fn anexar(
    app: &App,
    quem: &Principal,
    id: &str,
    headers: &HeaderMap,
    corpo: Body,
) -> ApiResult<Response> {
    if !de_bytes(headers) {
        return Err(outro_tipo());
    }
    let offset = numero(headers, &UPLOAD_OFFSET)?;
    let soma = Soma::ler(headers)?;
    let envio = match id.parse()? {
        Endereco::Envio(id) => abrir(app, quem, id).await?,
        Endereco::Pronto(documento, anexo, variante) => {
            let tamanho = dispensado(app, quem, documento, anexo, variante).await?;
            if i64::try_from(offset) == Ok(tamanho) {
                return Ok((StatusCode::NO_CONTENT, posicao(tamanho, None)).into_response());
            }
            let mensagem = "Nada precisa ser enviado: os bytes já estão no servidor.";
            return Err(ApiError::new(StatusCode::CONFLICT, "posicao_diferente", mensagem)
                .header(UPLOAD_OFFSET, tamanho.into())
                .with("posicao", tamanho));
        }
    };
    if i64::try_from(offset) != Ok(envio.recebido) {
        return Err(posicao_diferente(&envio));
    }
    cabe(headers, &envio)?;
    let envio = receber(app, quem, envio, soma, corpo).await?;
    let headers = posicao(envio.recebido, Some(envio.expira_em));
    Ok((StatusCode::NO_CONTENT, headers).into_response())
}

/// Refuses a body that says that it is longer than what is missing, before any of it is read.
fn cabe(headers: &HeaderMap, envio: &Envio) -> ApiResult<()> {
    if headers.contains_key(header::CONTENT_LENGTH) {
        let length = numero(headers, &header::CONTENT_LENGTH)?;
        if i64::try_from(length).is_ok_and(|length| length > envio.tamanho - envio.recebido) {
            return Err(alvo::grande_demais());
        }
    }
    Ok(())
}

/// Takes the bytes in, in a task of its own: what has arrived is kept when the caller hangs up.
async fn receber(
    app: &App,
    quem: &Principal,
    envio: Envio,
    soma: Option<Soma>,
    corpo: Body,
) -> ApiResult<Envio> {
    let vez = app.recepcoes.clone().try_acquire_owned().map_err(|_| {
        let mensagem = "O servidor recebe muitos arquivos agora. Continue em instantes.";
        let status = StatusCode::SERVICE_UNAVAILABLE;
        ApiError::new(status, "servidor_ocupado", mensagem).after(5)
    })?;
    let recepcao = Recepcao::nova(app.clone(), quem.tenant, envio, soma);
    let receber = async move {
        let outcome = recepcao.receber(corpo).await;
        drop(vez);
        outcome
    };
    log::spawn(receber).await.map_err(ApiError::interno)?
}

/// Desiste de um envio que não terminou: o que chegou dele é apagado (tus 1.0).
#[utoipa::path(delete, path = "/v1/arquivos/{id}", tag = "Arquivos",
    params(("id" = String, Path, description = "Como em `Location`."),
        ("Tus-Resumable" = String, Header, description = "1.0.0")),
    security(("token" = ["registros:escrever"])),
    responses((status = 204, description = "Apagado."), Problemas))]
pub async fn encerrar(
    State(app): State<App>,
    quem: Qualquer<EscreverRegistros>,
    _: Tus,
    ApiPath(id): ApiPath<String>,
) -> ApiResult<StatusCode> {
    terminar(&app, &quem, &id).await
}

async fn terminar(app: &App, quem: &Principal, id: &str) -> ApiResult<StatusCode> {
    let completo = || {
        let mensagem = "O envio já terminou: os bytes são do registro.";
        ApiError::new(StatusCode::CONFLICT, "envio_completo", mensagem)
    };
    let Endereco::Envio(id) = id.parse()? else { return Err(completo()) };
    let envio = abrir(app, quem, id).await?;
    if envio.completo() || !limpeza::desistir(app, quem.tenant, envio.id).await? {
        return Err(completo());
    }
    Ok(StatusCode::NO_CONTENT)
}

/// `X-HTTP-Method-Override`, for whoever gets only GET and POST through.
pub async fn sobreposto(
    State(app): State<App>,
    quem: Qualquer<EscreverRegistros>,
    tus: Tus,
    ApiPath(id): ApiPath<String>,
    headers: HeaderMap,
    corpo: Body,
) -> ApiResult<Response> {
    match headers.get(METODO).map(HeaderValue::as_bytes) {
        Some(b"PATCH") => anexar(&app, &quem, &id, &headers, corpo).await,
        Some(b"DELETE") => terminar(&app, &quem, &id).await.map(IntoResponse::into_response),
        Some(b"HEAD") => ver(State(app), quem, tus, ApiPath(id)).await,
        _ => {
            let mensagem = "Este endereço não aceita esse método.";
            let status = StatusCode::METHOD_NOT_ALLOWED;
            Err(ApiError::new(status, "metodo_nao_aceito", mensagem))
        }
    }
}
