//! The tables `envio` (uploads) and `envio_parte` (their parts). Each step is one short
//! transaction; none is open while bytes are transferred.

use super::target::UploadTarget;
use crate::error::ApiResult;
use campo_domain::ids::TenantId;
use chrono::{DateTime, Utc};
use object_store::path::Path;
use sqlx::PgTransaction;
use uuid::Uuid;

/// How long an upload waits for its next byte; a PostgreSQL interval.
const LIFETIME: &str = "7 days";
/// How long a server has a complete upload for itself, to report it and to verify it; a PostgreSQL
/// interval. It is renewed while the work goes on. After a crash another server continues when it
/// has run out.
const LEASE: &str = "60 seconds";

/// A row of `envio`.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Upload {
    /// Its id.
    pub id: Uuid,
    /// The record of the file.
    pub document: Uuid,
    /// The file.
    #[sqlx(rename = "anexo")]
    pub attachment: Uuid,
    /// The code of a `Variante`.
    #[sqlx(rename = "variante")]
    pub variant: String,
    /// Expected SHA-256, in lower-case hexadecimal.
    pub sha256: String,
    /// Expected bytes.
    #[sqlx(rename = "tamanho")]
    pub length: i64,
    /// Bytes that have arrived and count.
    #[sqlx(rename = "recebido")]
    pub received: i64,
    /// `aberto`, `completo` or `descartado`.
    #[sqlx(rename = "situacao")]
    pub state: String,
    /// How often a server has claimed it for verification.
    #[sqlx(rename = "tentativas")]
    pub attempts: i32,
    /// When it is discarded unless another byte arrives.
    #[sqlx(rename = "expira_em")]
    pub expires_at: DateTime<Utc>,
}

impl Upload {
    /// The record and the file in it.
    pub fn file(&self) -> (Uuid, Uuid) {
        (self.document, self.attachment)
    }

    /// Whether all its bytes have arrived.
    pub fn is_complete(&self) -> bool {
        self.state == "completo"
    }
}

/// Consecutive bytes of an upload that are one object in the store.
#[derive(Clone, Debug)]
pub struct Part {
    /// The offset of its first byte.
    pub start: i64,
    /// The offset after its last byte.
    pub end: i64,
    /// The object's key.
    pub object: Path,
}

const COLUMNS: &str = "id, document, anexo, variante, sha256, tamanho, recebido, situacao, \
                       tentativas, expira_em";

fn sql(query: &str) -> sqlx::AssertSqlSafe<String> {
    sqlx::AssertSqlSafe(query.replace("{columns}", COLUMNS))
}

/// Most parts of one upload. Even a 4 MB photo that arrives 400 bytes at a time needs no more.
const PARTS_MAX: i64 = 10_000;

/// The first state of an upload.
#[derive(Clone, Copy, Debug)]
pub enum Start {
    /// No byte has arrived.
    Empty,
    /// The company has the same bytes already, so it only waits for verification.
    Complete,
}

/// Inserts an upload.
///
/// # Errors
/// PostgreSQL's.
pub async fn create(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    target: &UploadTarget,
    user: Uuid,
    start: Start,
) -> sqlx::Result<Upload> {
    let (received, state) = match start {
        Start::Empty => (0, "aberto"),
        Start::Complete => (target.length, "completo"),
    };
    sqlx::query_as(sql(
        "INSERT INTO envio (tenant, id, document, anexo, variante, usuario, sha256, tamanho, \
             recebido, situacao, expira_em) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, now() + $11::interval) \
         RETURNING {columns}",
    ))
    .bind(tenant.uuid())
    .bind(Uuid::now_v7())
    .bind(target.document.uuid())
    .bind(target.attachment.uuid())
    .bind(target.variant.codigo())
    .bind(user)
    .bind(&target.sha256)
    .bind(target.length)
    .bind(received)
    .bind(state)
    .bind(LIFETIME)
    .fetch_one(&mut **tx)
    .await
}

/// The upload with that id, unless it was discarded.
///
/// # Errors
/// PostgreSQL's.
pub async fn find(tx: &mut PgTransaction<'_>, id: Uuid) -> sqlx::Result<Option<Upload>> {
    let query = "SELECT {columns} FROM envio WHERE id = $1 AND situacao <> 'descartado'";
    sqlx::query_as(sql(query)).bind(id).fetch_optional(&mut **tx).await
}

/// An upload of the same bytes for the same file that can be continued or waited for: a complete
/// one of anybody, or an open one of this person.
///
/// # Errors
/// PostgreSQL's.
pub async fn under_way(
    tx: &mut PgTransaction<'_>,
    target: &UploadTarget,
    user: Uuid,
) -> sqlx::Result<Option<Upload>> {
    sqlx::query_as(sql("SELECT {columns} FROM envio \
         WHERE document = $1 AND anexo = $2 AND variante = $3 AND sha256 = $4 AND tamanho = $5 \
             AND (situacao = 'completo' \
                 OR situacao = 'aberto' AND usuario = $6 AND expira_em > now()) \
         ORDER BY recebido DESC LIMIT 1"))
    .bind(target.document.uuid())
    .bind(target.attachment.uuid())
    .bind(target.variant.codigo())
    .bind(&target.sha256)
    .bind(target.length)
    .bind(user)
    .fetch_optional(&mut **tx)
    .await
}

/// The number of open uploads of a person.
///
/// # Errors
/// PostgreSQL's.
pub async fn count_open(tx: &mut PgTransaction<'_>, user: Uuid) -> sqlx::Result<i64> {
    sqlx::query_scalar(
        "SELECT count(*) FROM envio \
         WHERE usuario = $1 AND situacao = 'aberto' AND expira_em > now()",
    )
    .bind(user)
    .fetch_one(&mut **tx)
    .await
}

/// Adds consecutive parts and moves the offset to their end, if the upload is open and its offset
/// is still the start of the first; `None` otherwise.
///
/// # Errors
/// PostgreSQL's.
pub async fn advance(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    id: Uuid,
    parts: &[Part],
) -> sqlx::Result<Option<Upload>> {
    let (Some(first), Some(last)) = (parts.first(), parts.last()) else {
        return find(tx, id).await;
    };
    let moved: Option<Upload> =
        sqlx::query_as(sql("UPDATE envio SET recebido = $3, expira_em = now() + $4::interval, \
             situacao = CASE WHEN tamanho = $3 THEN 'completo' ELSE situacao END, \
             proxima_em = CASE WHEN tamanho = $3 THEN now() + $5::interval ELSE proxima_em END \
         WHERE id = $1 AND recebido = $2 AND situacao = 'aberto' AND tamanho >= $3 \
         RETURNING {columns}"))
        .bind(id)
        .bind(first.start)
        .bind(last.end)
        .bind(LIFETIME)
        .bind(LEASE)
        .fetch_optional(&mut **tx)
        .await?;
    if moved.is_some() {
        let (starts, ends): (Vec<i64>, Vec<i64>) = parts.iter().map(|p| (p.start, p.end)).unzip();
        let objects: Vec<&str> = parts.iter().map(|part| part.object.as_ref()).collect();
        sqlx::query(
            "INSERT INTO envio_parte (tenant, envio, inicio, fim, objeto) \
             SELECT $1, $2, * FROM unnest($3::bigint[], $4::bigint[], $5::text[])",
        )
        .bind(tenant.uuid())
        .bind(id)
        .bind(starts)
        .bind(ends)
        .bind(objects)
        .execute(&mut **tx)
        .await?;
    }
    Ok(moved)
}

/// Whether an upload has [`PARTS_MAX`] parts, so that no more are accepted.
///
/// # Errors
/// PostgreSQL's.
pub async fn too_many_parts(tx: &mut PgTransaction<'_>, id: Uuid) -> sqlx::Result<bool> {
    sqlx::query_scalar("SELECT count(*) >= $2 FROM envio_parte WHERE envio = $1")
        .bind(id)
        .bind(PARTS_MAX)
        .fetch_one(&mut **tx)
        .await
}

/// The parts of an upload in the order of their bytes.
///
/// # Errors
/// PostgreSQL's.
pub async fn parts(tx: &mut PgTransaction<'_>, id: Uuid) -> ApiResult<Vec<Part>> {
    let rows: Vec<(i64, i64, String)> = sqlx::query_as(
        "SELECT inicio, fim, objeto FROM envio_parte WHERE envio = $1 ORDER BY inicio",
    )
    .bind(id)
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(start, end, object)| Part { start, end, object: Path::from(object) })
        .collect())
}

/// Leases the upload of the company that has waited longest for verification, if one is due.
///
/// # Errors
/// PostgreSQL's.
pub async fn claim(tx: &mut PgTransaction<'_>) -> sqlx::Result<Option<Upload>> {
    sqlx::query_as(sql(
        "UPDATE envio SET tentativas = tentativas + 1, proxima_em = now() + $1::interval \
         WHERE id = (SELECT id FROM envio WHERE situacao = 'completo' AND proxima_em <= now() \
             ORDER BY proxima_em LIMIT 1 FOR UPDATE SKIP LOCKED) \
         RETURNING {columns}",
    ))
    .bind(LEASE)
    .fetch_optional(&mut **tx)
    .await
}

/// Renews the lease of an upload.
///
/// # Errors
/// PostgreSQL's.
pub async fn renew(tx: &mut PgTransaction<'_>, id: Uuid) -> sqlx::Result<()> {
    sqlx::query("UPDATE envio SET proxima_em = now() + $2::interval WHERE id = $1")
        .bind(id)
        .bind(LEASE)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Ends the lease of an upload: it may be claimed after so many seconds.
///
/// # Errors
/// PostgreSQL's.
pub async fn release(tx: &mut PgTransaction<'_>, id: Uuid, seconds: i32) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE envio SET proxima_em = now() + make_interval(secs => $2) \
         WHERE id = $1 AND situacao = 'completo'",
    )
    .bind(id)
    .bind(f64::from(seconds))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Deletes the row of a discarded upload.
///
/// # Errors
/// PostgreSQL's.
pub async fn delete(tx: &mut PgTransaction<'_>, id: Uuid) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM envio WHERE id = $1 AND situacao = 'descartado'")
        .bind(id)
        .execute(&mut **tx)
        .await?;
    Ok(())
}
