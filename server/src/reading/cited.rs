//! The names of what a record or its history mentions, in one query for each sort of thing.

use super::record;
use crate::visibility::Viewer;
use campo_domain::ids::{DeviceId, DocumentId, UserId};
use campo_screens::{Cited, Link, Names};
use sqlx::PgTransaction;
use uuid::Uuid;

/// Reads the names of all that is cited. Records that the viewer may not see stay without one.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn names(
    tx: &mut PgTransaction<'_>,
    viewer: Viewer,
    cited: &Cited,
) -> sqlx::Result<Names> {
    let people: Vec<Uuid> = cited.people.iter().map(|id| id.uuid()).collect();
    let people: Vec<(Uuid, String, bool)> =
        sqlx::query_as("SELECT id, nome, cliente IS NOT NULL FROM usuario WHERE id = ANY($1)")
            .bind(people)
            .fetch_all(&mut **tx)
            .await?;
    let devices: Vec<Uuid> = cited.devices.iter().map(|id| id.uuid()).collect();
    let documents: Vec<Uuid> = cited.documents.iter().map(|id| id.uuid()).collect();
    let mut names = Names::default();
    for (id, name, client) in people {
        let id = UserId::from(id);
        names.people.insert(id, name);
        if client {
            names.clients.insert(id);
        }
    }
    let devices = record::devices(tx, &devices).await?;
    names.devices = devices.into_iter().map(|(id, name)| (DeviceId::from(id), name)).collect();
    for (id, named) in record::named(tx, viewer, &documents).await? {
        // A kind that this version does not know has no page to lead to.
        let Ok(kind) = named.kind.parse() else { continue };
        let id = DocumentId::from(id);
        names.documents.insert(id, Link { kind, id, label: named.label() });
    }
    for (catalogue, code, name) in entries(tx, cited).await? {
        names.entries.entry(catalogue).or_default().insert(code, name);
    }
    Ok(names)
}

async fn entries(
    tx: &mut PgTransaction<'_>,
    cited: &Cited,
) -> sqlx::Result<Vec<(String, String, String)>> {
    if cited.entries.is_empty() {
        return Ok(Vec::new());
    }
    let (catalogues, codes): (Vec<&str>, Vec<&str>) =
        cited.entries.iter().map(|(catalogue, code)| (*catalogue, code.as_str())).unzip();
    sqlx::query_as(
        "SELECT r.collection, r.key, coalesce(r.data->>'nome', r.key) \
         FROM unnest($1::text[], $2::text[]) n (collection, key) JOIN referencia r \
         ON r.tenant = campo_tenant() AND r.collection = n.collection \
             AND r.key = n.key AND r.addressee IS NULL",
    )
    .bind(catalogues)
    .bind(codes)
    .fetch_all(&mut **tx)
    .await
}
