//! The rows of uploads: each step is one short transaction, and none is open while bytes move.

use super::alvo::Alvo;
use crate::error::ApiResult;
use campo_domain::ids::TenantId;
use chrono::{DateTime, Utc};
use object_store::path::Path;
use sqlx::PgTransaction;
use uuid::Uuid;

/// How long an upload waits for its next byte, as PostgreSQL reads it.
const VALIDADE: &str = "7 days";
/// How long somebody who verifies keeps others away, or who is about to say that all has arrived.
/// Renewed while the work goes on, so that a server that died delays it by no more.
const POSSE: &str = "60 seconds";

/// An upload.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Envio {
    /// Its id.
    pub id: Uuid,
    /// The record of the file.
    pub document: Uuid,
    /// The file.
    pub anexo: Uuid,
    /// Which picture of it.
    pub variante: String,
    /// What its bytes must hash to.
    pub sha256: String,
    /// How many they must be.
    pub tamanho: i64,
    /// How many the store has.
    pub recebido: i64,
    /// `aberto`, `completo` or `descartado`.
    pub situacao: String,
    /// How often it was taken to be verified.
    pub tentativas: i32,
    /// When it is given up without another byte.
    pub expira_em: DateTime<Utc>,
}

impl Envio {
    /// The record and the file that it is for.
    pub fn arquivo(&self) -> (Uuid, Uuid) {
        (self.document, self.anexo)
    }

    /// Whether all its bytes are here.
    pub fn completo(&self) -> bool {
        self.situacao == "completo"
    }
}

/// A run of bytes that the store has.
#[derive(Clone, Debug)]
pub struct Parte {
    /// From which byte on.
    pub inicio: i64,
    /// Up to which, which is no longer of it.
    pub fim: i64,
    /// Where.
    pub objeto: Path,
}

const COLUNAS: &str = "id, document, anexo, variante, sha256, tamanho, recebido, situacao, \
                       tentativas, expira_em";

fn sql(consulta: &str) -> sqlx::AssertSqlSafe<String> {
    sqlx::AssertSqlSafe(consulta.replace("{colunas}", COLUNAS))
}

/// Runs of one upload: 4 MB in 10,000 of them have come by 400 bytes at a time.
const PARTES_MAX: i64 = 10_000;

/// What a new upload begins with.
#[derive(Clone, Copy, Debug)]
pub enum Inicio {
    /// Nothing.
    Vazio,
    /// The company has the very bytes already: it only waits to be verified.
    Completo,
}

/// Makes an upload.
///
/// # Errors
/// PostgreSQL's.
pub async fn criar(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    alvo: &Alvo,
    usuario: Uuid,
    inicio: Inicio,
) -> sqlx::Result<Envio> {
    let (recebido, situacao) = match inicio {
        Inicio::Vazio => (0, "aberto"),
        Inicio::Completo => (alvo.tamanho, "completo"),
    };
    sqlx::query_as(sql(
        "INSERT INTO envio (tenant, id, document, anexo, variante, usuario, sha256, tamanho, \
             recebido, situacao, expira_em) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, now() + $11::interval) \
         RETURNING {colunas}",
    ))
    .bind(tenant.uuid())
    .bind(Uuid::now_v7())
    .bind(alvo.documento.uuid())
    .bind(alvo.anexo.uuid())
    .bind(alvo.variante.codigo())
    .bind(usuario)
    .bind(&alvo.sha256)
    .bind(alvo.tamanho)
    .bind(recebido)
    .bind(situacao)
    .bind(VALIDADE)
    .fetch_one(&mut **tx)
    .await
}

/// The upload.
///
/// # Errors
/// PostgreSQL's.
pub async fn obter(tx: &mut PgTransaction<'_>, id: Uuid) -> sqlx::Result<Option<Envio>> {
    let query = "SELECT {colunas} FROM envio WHERE id = $1 AND situacao <> 'descartado'";
    sqlx::query_as(sql(query)).bind(id).fetch_optional(&mut **tx).await
}

/// Another upload of the same bytes for the same file: one that waits to be verified, whoever sent
/// it, or one that this person has begun.
///
/// # Errors
/// PostgreSQL's.
pub async fn em_andamento(
    tx: &mut PgTransaction<'_>,
    alvo: &Alvo,
    usuario: Uuid,
) -> sqlx::Result<Option<Envio>> {
    sqlx::query_as(sql("SELECT {colunas} FROM envio \
         WHERE document = $1 AND anexo = $2 AND variante = $3 AND sha256 = $4 AND tamanho = $5 \
             AND (situacao = 'completo' \
                 OR situacao = 'aberto' AND usuario = $6 AND expira_em > now()) \
         ORDER BY recebido DESC LIMIT 1"))
    .bind(alvo.documento.uuid())
    .bind(alvo.anexo.uuid())
    .bind(alvo.variante.codigo())
    .bind(&alvo.sha256)
    .bind(alvo.tamanho)
    .bind(usuario)
    .fetch_optional(&mut **tx)
    .await
}

/// How many uploads a person has begun and not ended.
///
/// # Errors
/// PostgreSQL's.
pub async fn abertos(tx: &mut PgTransaction<'_>, usuario: Uuid) -> sqlx::Result<i64> {
    sqlx::query_scalar(
        "SELECT count(*) FROM envio \
         WHERE usuario = $1 AND situacao = 'aberto' AND expira_em > now()",
    )
    .bind(usuario)
    .fetch_one(&mut **tx)
    .await
}

/// Counts these parts, which follow one another, if the upload still stands where the first begins;
/// `None` if somebody else was faster, or it is no more.
///
/// # Errors
/// PostgreSQL's: then it is not known whether they count.
pub async fn avancar(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    id: Uuid,
    partes: &[Parte],
) -> sqlx::Result<Option<Envio>> {
    let (Some(primeira), Some(ultima)) = (partes.first(), partes.last()) else {
        return obter(tx, id).await;
    };
    let moved: Option<Envio> =
        sqlx::query_as(sql("UPDATE envio SET recebido = $3, expira_em = now() + $4::interval, \
             situacao = CASE WHEN tamanho = $3 THEN 'completo' ELSE situacao END, \
             proxima_em = CASE WHEN tamanho = $3 THEN now() + $5::interval ELSE proxima_em END \
         WHERE id = $1 AND recebido = $2 AND situacao = 'aberto' AND tamanho >= $3 \
         RETURNING {colunas}"))
        .bind(id)
        .bind(primeira.inicio)
        .bind(ultima.fim)
        .bind(VALIDADE)
        .bind(POSSE)
        .fetch_optional(&mut **tx)
        .await?;
    if moved.is_some() {
        let (inicios, fins): (Vec<i64>, Vec<i64>) =
            partes.iter().map(|p| (p.inicio, p.fim)).unzip();
        let objetos: Vec<&str> = partes.iter().map(|parte| parte.objeto.as_ref()).collect();
        sqlx::query(
            "INSERT INTO envio_parte (tenant, envio, inicio, fim, objeto) \
             SELECT $1, $2, * FROM unnest($3::bigint[], $4::bigint[], $5::text[])",
        )
        .bind(tenant.uuid())
        .bind(id)
        .bind(inicios)
        .bind(fins)
        .bind(objetos)
        .execute(&mut **tx)
        .await?;
    }
    Ok(moved)
}

/// Whether an upload has come in more runs than anybody's network explains.
///
/// # Errors
/// PostgreSQL's.
pub async fn partes_demais(tx: &mut PgTransaction<'_>, id: Uuid) -> sqlx::Result<bool> {
    sqlx::query_scalar("SELECT count(*) >= $2 FROM envio_parte WHERE envio = $1")
        .bind(id)
        .bind(PARTES_MAX)
        .fetch_one(&mut **tx)
        .await
}

/// Where the bytes of an upload are, from the first on.
///
/// # Errors
/// PostgreSQL's.
pub async fn partes(tx: &mut PgTransaction<'_>, id: Uuid) -> ApiResult<Vec<Parte>> {
    let rows: Vec<(i64, i64, String)> = sqlx::query_as(
        "SELECT inicio, fim, objeto FROM envio_parte WHERE envio = $1 ORDER BY inicio",
    )
    .bind(id)
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(inicio, fim, objeto)| Parte { inicio, fim, objeto: Path::from(objeto) })
        .collect())
}

/// Takes the one of the company that has waited longest to be verified.
///
/// # Errors
/// PostgreSQL's.
pub async fn reservar(tx: &mut PgTransaction<'_>) -> sqlx::Result<Option<Envio>> {
    sqlx::query_as(sql(
        "UPDATE envio SET tentativas = tentativas + 1, proxima_em = now() + $1::interval \
         WHERE id = (SELECT id FROM envio WHERE situacao = 'completo' AND proxima_em <= now() \
             ORDER BY proxima_em LIMIT 1 FOR UPDATE SKIP LOCKED) \
         RETURNING {colunas}",
    ))
    .bind(POSSE)
    .fetch_optional(&mut **tx)
    .await
}

/// Keeps others away for another while.
///
/// # Errors
/// PostgreSQL's.
pub async fn renovar(tx: &mut PgTransaction<'_>, id: Uuid) -> sqlx::Result<()> {
    sqlx::query("UPDATE envio SET proxima_em = now() + $2::interval WHERE id = $1")
        .bind(id)
        .bind(POSSE)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Lets it be verified after so many seconds.
///
/// # Errors
/// PostgreSQL's.
pub async fn liberar(tx: &mut PgTransaction<'_>, id: Uuid, segundos: i32) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE envio SET proxima_em = now() + make_interval(secs => $2) \
         WHERE id = $1 AND situacao = 'completo'",
    )
    .bind(id)
    .bind(f64::from(segundos))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Deletes the row of one that is over.
///
/// # Errors
/// PostgreSQL's.
pub async fn apagar(tx: &mut PgTransaction<'_>, id: Uuid) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM envio WHERE id = $1 AND situacao = 'descartado'")
        .bind(id)
        .execute(&mut **tx)
        .await?;
    Ok(())
}
