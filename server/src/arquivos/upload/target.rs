//! Which file an upload is for, and who may send it: whoever sees the record, and the person who
//! attached the file even after losing sight of the record. A closed record still receives files
//! that were declared while it was open.

use super::headers::Metadata;
use crate::{
    app::App,
    arquivos::declared::{Declared, may_have},
    error::{ApiError, ApiResult},
    http::principal::Principal,
    objects, office,
    visibility::{Viewer, visible},
};
use axum::http::StatusCode;
use campo_domain::{
    ids::{DocumentId, ItemId, TenantId},
    parte::{Colecao, Variante},
};
use campo_sync::admission::Merged;
use object_store::ObjectStoreExt;
use sqlx::PgTransaction;

/// The file that an upload is for.
#[derive(Clone, Debug)]
pub struct UploadTarget {
    /// The record.
    pub document: DocumentId,
    /// The file.
    pub attachment: ItemId,
    /// The original, or which of its smaller pictures.
    pub variant: Variante,
    /// Expected SHA-256, in lower-case hexadecimal.
    pub sha256: String,
    /// Expected bytes.
    pub length: i64,
    /// Whether the original has been verified already; always `false` for smaller pictures.
    pub verified: bool,
}

/// The file as its record declares it, if the caller may send its bytes.
///
/// # Errors
/// 404 `nao_encontrado`; 410 `anexo_removido`.
pub async fn permitted(
    app: &App,
    who: &Principal,
    document: DocumentId,
    attachment: ItemId,
) -> ApiResult<Declared> {
    let (tenant, pessoa) = (who.tenant, &who.pessoa);
    if pessoa.cliente.is_none() {
        let viewer = Some(Viewer::of(pessoa));
        let seen = Declared::from_rows(app, tenant, viewer, (document, attachment)).await?;
        if let Some(declared) = seen {
            return Ok(declared);
        }
    }
    let mut tx = app.db.snapshot(tenant).await?;
    let merged = load(&mut tx, tenant, document).await?;
    let registro = &merged.registro;
    let item = registro.colecao(Colecao::Anexos).get(&attachment);
    let item = item.ok_or_else(ApiError::nao_encontrado)?;
    let author = item.autoria.por;
    if author != pessoa.id {
        let sees = office::sees(&mut tx, tenant, pessoa, &merged).await?;
        let own = may_have(&mut tx, pessoa, author).await?;
        if !sees || !own {
            return Err(ApiError::nao_encontrado());
        }
    }
    if item.removido {
        let message = "Este arquivo foi removido do registro; não precisa mais ser enviado.";
        return Err(ApiError::new(StatusCode::GONE, "anexo_removido", message));
    }
    Declared::of_record(registro, attachment)
}

/// The record, without asking who may see it.
async fn load(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    document: DocumentId,
) -> ApiResult<Merged> {
    office::merged(tx, tenant, document).await?.ok_or_else(ApiError::nao_encontrado)
}

impl UploadTarget {
    /// The original of a file, without asking who may send it: for bytes that the server itself
    /// brings.
    ///
    /// # Errors
    /// The record declares no such file, or one of another length.
    pub async fn original(
        tx: &mut PgTransaction<'_>,
        tenant: TenantId,
        document: DocumentId,
        attachment: ItemId,
        length: i64,
    ) -> ApiResult<Self> {
        let registro = load(tx, tenant, document).await?.registro;
        let declared = Declared::of_record(&registro, attachment)?;
        let sha256 = check_declared(&declared, length.unsigned_abs(), None)?;
        let (variant, verified) = (Variante::Original, false);
        Ok(Self { document, attachment, variant, sha256, length, verified })
    }

    /// The file that `Upload-Metadata` names, if the caller may send `length` bytes for it.
    ///
    /// # Errors
    /// As [`permitted`]; 400 `tamanho_diferente` or `hash_diferente` where the record declares
    /// another length or hash; 413 `arquivo_grande_demais`.
    pub async fn new(
        app: &App,
        who: &Principal,
        metadata: &Metadata,
        length: u64,
    ) -> ApiResult<Self> {
        let Metadata { document, attachment, variant, sha256 } = metadata;
        let (document, attachment, variant) = (*document, *attachment, *variant);
        let declared = permitted(app, who, document, attachment).await?;
        // The server cannot check that a smaller picture shows the original, so only the author
        // of the file may send one.
        if variant != Variante::Original && declared.author != who.pessoa.id.uuid() {
            return Err(ApiError::nao_encontrado());
        }
        if length > variant.bytes_max() {
            return Err(too_large());
        }
        let sha256 = match variant {
            Variante::Original => Some(check_declared(&declared, length, sha256.as_deref())?),
            Variante::Previa | Variante::Miniatura => sha256.clone(),
        };
        let sha256 = sha256.filter(|sha256| is_sha256_hex(sha256)).ok_or_else(|| {
            ApiError::invalido("Falta o SHA-256 dos bytes, em hexadecimal, em Upload-Metadata.")
        })?;
        let length = i64::try_from(length).ok().filter(|length| *length > 0);
        let length =
            length.ok_or_else(|| ApiError::invalido("Um arquivo tem ao menos um byte."))?;
        let verified = variant == Variante::Original && declared.verified;
        Ok(Self { document, attachment, variant, sha256, length, verified })
    }

    /// Whether the bytes are here and verified, so that nothing needs to be sent.
    ///
    /// # Errors
    /// PostgreSQL's.
    pub async fn is_proven(&self, app: &App, who: &Principal) -> ApiResult<bool> {
        if self.variant == Variante::Original {
            return Ok(self.verified);
        }
        let length =
            derivative_length(app, who, self.document, self.attachment, self.variant).await?;
        Ok(length.is_some())
    }

    /// Whether the company has these bytes already, verified in a record that this person sees. A
    /// person who only knows a hash must send the bytes.
    ///
    /// # Errors
    /// PostgreSQL's.
    pub async fn seen_elsewhere(&self, app: &App, who: &Principal) -> ApiResult<bool> {
        if self.variant != Variante::Original || who.pessoa.cliente.is_some() {
            return Ok(false);
        }
        let viewer = Viewer::of(&who.pessoa);
        let mut tx = app.db.snapshot(who.tenant).await?;
        let seen: bool = sqlx::query_scalar(concat!(
            "SELECT EXISTS (SELECT FROM anexos x \
                 JOIN arquivo a ON a.tenant = x.tenant AND a.sha256 = x.sha256 AND a.tamanho = $4 \
                 JOIN document d ON d.tenant = x.tenant AND d.id = x.document \
                 WHERE x.sha256 = $3 AND x.estado = 'verificada' AND NOT d.erased AND ",
            visible!("d", with kind),
            ")"
        ))
        .bind(viewer.id)
        .bind(viewer.all)
        .bind(&self.sha256)
        .bind(self.length)
        .fetch_one(&mut *tx)
        .await?;
        tx.rollback().await?;
        // If the object is gone from the store, the bytes are sent again.
        let key = objects::original(who.tenant, &self.sha256);
        Ok(seen && app.objects.store().head(&key).await.is_ok())
    }
}

/// Bytes of the smaller picture that a device sent; `None` if none has arrived.
///
/// # Errors
/// PostgreSQL's.
pub async fn derivative_length(
    app: &App,
    who: &Principal,
    document: DocumentId,
    attachment: ItemId,
    variant: Variante,
) -> ApiResult<Option<i64>> {
    let mut tx = app.db.snapshot(who.tenant).await?;
    let query = "SELECT tamanho FROM derivada \
                 WHERE document = $1 AND anexo = $2 AND variante = $3";
    Ok(sqlx::query_scalar(query)
        .bind(document.uuid())
        .bind(attachment.uuid())
        .bind(variant.codigo())
        .fetch_optional(&mut *tx)
        .await?)
}

/// The declared hash, if the length and, where it was sent, the hash are those of the record.
fn check_declared(declared: &Declared, length: u64, sha256: Option<&str>) -> ApiResult<String> {
    if i64::try_from(length) != Ok(declared.length) {
        let message = "O arquivo não tem o tamanho que foi registrado.";
        return Err(ApiError::new(StatusCode::BAD_REQUEST, "tamanho_diferente", message)
            .with("declarado", declared.length));
    }
    if sha256.is_some_and(|sha256| sha256 != declared.sha256) {
        let message = "O SHA-256 do arquivo não é o que foi registrado.";
        return Err(ApiError::new(StatusCode::BAD_REQUEST, "hash_diferente", message)
            .with("declarado", &*declared.sha256));
    }
    Ok(declared.sha256.clone())
}

fn is_sha256_hex(sha256: &str) -> bool {
    sha256.len() == 64 && sha256.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// 413 `arquivo_grande_demais`.
pub fn too_large() -> ApiError {
    let message = "O arquivo passa do tamanho permitido.";
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "arquivo_grande_demais", message)
}
