//! The rows of API keys. A secret is never stored, only its hash.

use super::token;
use campo_domain::ids::{TenantId, UserId};
use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgTransaction};
use uuid::Uuid;

/// A key.
#[derive(Clone, Debug, FromRow)]
pub struct Key {
    pub id: Uuid,
    pub nome: String,
    /// The beginning of the secret, to tell keys apart.
    pub prefixo: String,
    /// Codes of scopes.
    pub escopos: Vec<String>,
    /// The person of service that it acts as.
    pub usuario: Uuid,
    pub criada_por: Uuid,
    pub criada_em: DateTime<Utc>,
    pub expira_em: Option<DateTime<Utc>>,
    pub usada_em: Option<DateTime<Utc>>,
    pub revogada_em: Option<DateTime<Utc>>,
}

/// A key to create.
#[derive(Debug)]
pub struct NewKey<'a> {
    pub nome: &'a str,
    pub prefixo: &'a str,
    pub segredo: &'a str,
    /// Codes of scopes.
    pub escopos: Vec<&'a str>,
    /// The person of service that it acts as.
    pub usuario: UserId,
    pub criada_por: UserId,
    pub expira_em: Option<DateTime<Utc>>,
}

/// At most `rows` keys, the newest first, after the one of that id.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn page(
    tx: &mut PgTransaction<'_>,
    after: Option<Uuid>,
    rows: i64,
) -> sqlx::Result<Vec<Key>> {
    // Ids are UUIDv7, so their order is that of creation.
    sqlx::query_as(
        "SELECT * FROM chave_api WHERE $1::uuid IS NULL OR id < $1 ORDER BY id DESC LIMIT $2",
    )
    .bind(after)
    .bind(rows)
    .fetch_all(&mut **tx)
    .await
}

/// One key.
///
/// # Errors
/// There is none of that id; PostgreSQL refuses.
pub async fn one(tx: &mut PgTransaction<'_>, id: Uuid) -> sqlx::Result<Key> {
    sqlx::query_as("SELECT * FROM chave_api WHERE id = $1").bind(id).fetch_one(&mut **tx).await
}

/// Creates a key.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn create(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    key: NewKey<'_>,
) -> sqlx::Result<Key> {
    sqlx::query_as(
        "INSERT INTO chave_api \
             (tenant, id, nome, prefixo, hash, escopos, usuario, criada_por, expira_em) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING *",
    )
    .bind(tenant.uuid())
    .bind(Uuid::now_v7())
    .bind(key.nome)
    .bind(key.prefixo)
    .bind(token::hash(key.segredo))
    .bind(key.escopos)
    .bind(key.usuario.uuid())
    .bind(key.criada_por.uuid())
    .bind(key.expira_em)
    .fetch_one(&mut **tx)
    .await
}

/// Ends a key for good; one that has ended keeps its time.
///
/// # Errors
/// There is none of that id; PostgreSQL refuses.
pub async fn revoke(tx: &mut PgTransaction<'_>, id: Uuid) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE chave_api SET revogada_em = coalesce(revogada_em, now()) \
         WHERE id = $1 RETURNING id",
    )
    .bind(id)
    .fetch_one(&mut **tx)
    .await?;
    Ok(())
}
