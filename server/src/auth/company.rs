//! The row of the company of a transaction.

use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgTransaction};
use uuid::Uuid;

/// A company.
#[derive(Clone, Debug, FromRow)]
pub struct Company {
    pub id: Uuid,
    /// What people type to sign in; it never changes.
    pub slug: String,
    pub nome: String,
    /// Time zone (IANA).
    pub fuso: String,
    pub criado_em: DateTime<Utc>,
}

/// The company, locked until the transaction ends if asked for.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn read(tx: &mut PgTransaction<'_>, lock: bool) -> sqlx::Result<Company> {
    let query = match lock {
        true => "SELECT * FROM tenant FOR UPDATE",
        false => "SELECT * FROM tenant",
    };
    sqlx::query_as(query).fetch_one(&mut **tx).await
}

/// Writes its name and its time zone.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn write(tx: &mut PgTransaction<'_>, nome: &str, fuso: &str) -> sqlx::Result<()> {
    sqlx::query("UPDATE tenant SET nome = $1, fuso = $2")
        .bind(nome)
        .bind(fuso)
        .execute(&mut **tx)
        .await?;
    Ok(())
}
