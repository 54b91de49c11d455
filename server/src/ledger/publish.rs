//! Writes reference data of a company: an entry of the log, and the row with the present state.

use super::clock::{advance, notify};
use anyhow::Result;
use campo_domain::ids::{TenantId, UserId};
use sqlx::PgTransaction;
use uuid::Uuid;

/// Reference data to publish.
#[derive(Clone, Debug)]
pub struct Publication {
    /// Its collection: a catalogue, `tipo`, `usuario` or `eu`.
    pub collection: String,
    /// Its key.
    pub key: String,
    /// The only person whose devices get it; everybody when `None`.
    pub addressee: Option<UserId>,
    /// JSON.
    pub data: serde_json::Value,
}

/// Publishes reference data; returns the position of the last entry. The clock's row stays locked
/// until the transaction ends.
///
/// # Errors
/// PostgreSQL's.
pub async fn publish(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    publications: &[Publication],
) -> Result<u64> {
    let base = advance(tx, tenant, publications.len()).await?;
    let collections: Vec<&str> = publications.iter().map(|p| p.collection.as_str()).collect();
    let keys: Vec<&str> = publications.iter().map(|p| p.key.as_str()).collect();
    let addressees: Vec<Option<Uuid>> =
        publications.iter().map(|p| p.addressee.map(Uuid::from)).collect();
    let data: Vec<&serde_json::Value> = publications.iter().map(|p| &p.data).collect();
    sqlx::query(
        "WITH n AS (SELECT * FROM unnest($3::text[], $4::text[], $5::uuid[], $6::jsonb[]) \
             WITH ORDINALITY n (collection, key, addressee, data, ordem)), \
         entry AS (INSERT INTO change_log (tenant, seq, kind, collection, key, addressee, \
                 received_at) \
             SELECT $1, $2 + n.ordem, 'reference', n.collection, n.key, n.addressee, now() FROM n) \
         INSERT INTO referencia (tenant, collection, key, addressee, data, seq) \
         SELECT $1, n.collection, n.key, n.addressee, n.data, $2 + n.ordem FROM n \
         ON CONFLICT (tenant, collection, key) DO UPDATE SET addressee = excluded.addressee, \
             data = excluded.data, seq = excluded.seq, active = true",
    )
    .bind(tenant.uuid())
    .bind(base as i64)
    .bind(collections)
    .bind(keys)
    .bind(addressees)
    .bind(data)
    .execute(&mut **tx)
    .await?;
    notify(tx, tenant).await?;
    Ok(base + publications.len() as u64)
}
