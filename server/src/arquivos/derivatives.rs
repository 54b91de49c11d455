//! Makes the smaller pictures of images for which no device sent them. One task on each server
//! makes one at a time, outside of requests; a lease in the database keeps servers from making the
//! same. Errors are logged and do not stop the task.

use super::decode_in_turn;
use crate::{app::App, ledger, objects};
use anyhow::Result;
use campo_domain::{ids::TenantId, parte::Variante, tipo::TipoRef};
use object_store::{ObjectStoreExt, PutPayload};
use sqlx::PgTransaction;
use std::time::Duration;
use uuid::Uuid;

/// How often the database is asked for files that are due.
const PULSE: Duration = Duration::from_secs(2);
/// Largest file, in bytes, that is decoded.
const BYTES_MAX: i64 = 64 * 1024 * 1024;
/// Attempts for one file. Attempts in which the store or the database did not answer do not count.
const ATTEMPTS_MAX: i32 = 5;
/// How long one file may take before another server tries; a PostgreSQL interval.
const LEASE: &str = "5 minutes";

/// Makes due pictures until the server stops.
pub async fn run(app: App) {
    loop {
        tokio::select! {
            () = app.shutdown.requested() => return,
            () = tokio::time::sleep(PULSE) => {}
        }
        if let Err(error) = once(&app).await {
            tracing::warn!(%error, "which derivatives are due cannot be read; trying again");
        }
    }
}

/// Makes all pictures that are due now.
///
/// # Errors
/// The database cannot be asked what is due.
pub async fn once(app: &App) -> Result<()> {
    loop {
        let query = sqlx::query_scalar("SELECT derivadas_devidas()");
        let due: Vec<Uuid> = query.fetch_all(app.db.pool()).await?;
        if due.is_empty() {
            return Ok(());
        }
        // The companies take turns, so that a large queue of one does not delay the others.
        for tenant in due.into_iter().map(TenantId::from) {
            if app.shutdown.is_requested() {
                return Ok(());
            }
            let Some(claimed) = claim(app, tenant).await? else { continue };
            let outcome = make(app, tenant, &claimed).await;
            record(app, tenant, &claimed, outcome).await?;
        }
    }
}

/// A file whose pictures this server has leased.
#[derive(Debug, sqlx::FromRow)]
struct Claimed {
    sha256: String,
    #[sqlx(rename = "tamanho")]
    length: i64,
    /// Including this one.
    #[sqlx(rename = "tentativas")]
    attempts: i32,
}

/// The result for one file.
enum Outcome {
    Ready,
    /// No picture can be made, with the reason for the log.
    Never(&'static str),
}

async fn claim(app: &App, tenant: TenantId) -> Result<Option<Claimed>> {
    let mut tx = app.db.tenant(tenant).await?;
    let found = sqlx::query_as(
        "UPDATE arquivo a SET tentativas = a.tentativas + 1, proxima_em = now() + $1::interval \
         FROM (SELECT sha256 FROM arquivo \
             WHERE derivadas = 'pendentes' AND proxima_em <= now() \
             ORDER BY proxima_em LIMIT 1 FOR UPDATE SKIP LOCKED) d \
         WHERE a.sha256 = d.sha256 RETURNING a.sha256, a.tamanho, a.tentativas",
    )
    .bind(LEASE)
    .fetch_optional(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(found)
}

async fn make(app: &App, tenant: TenantId, claimed: &Claimed) -> Result<Outcome> {
    // Earlier attempts recorded no result: decoding this file may have crashed the server.
    if claimed.attempts > ATTEMPTS_MAX {
        return Ok(Outcome::Never("tentativas"));
    }
    if claimed.length > BYTES_MAX {
        return Ok(Outcome::Never("tamanho"));
    }
    let mut tx = app.db.snapshot(tenant).await?;
    let gps = keeps_position(&mut tx, tenant, &claimed.sha256).await?;
    tx.rollback().await?;
    let store = app.objects.store();
    let bytes = store.get(&objects::original(tenant, &claimed.sha256)).await?.bytes().await?;
    let made = decode_in_turn(app, move || campo_fotos::derive(&bytes, gps)).await?;
    let made = match made {
        Ok(made) => made,
        Err(error) => return Ok(Outcome::Never(error.code())),
    };
    for (variant, bytes) in
        [(Variante::Previa, made.preview), (Variante::Miniatura, made.thumbnail)]
    {
        let key = objects::derivative(tenant, &claimed.sha256, variant);
        store.put(&key, PutPayload::from(bytes)).await?;
    }
    Ok(Outcome::Ready)
}

/// Whether the GPS position stays in the smaller pictures: only where every record with these bytes
/// has a tipo that asks for it (`pede_posicao`).
async fn keeps_position(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    sha256: &str,
) -> Result<bool> {
    let tipos = ledger::tipos(tx, tenant).await?;
    let found: Vec<(String, i32)> = sqlx::query_as(
        "SELECT r.tipo, r.tipo_versao FROM anexos a JOIN ( \
             SELECT id, tipo, tipo_versao FROM assistencias \
             UNION ALL SELECT id, tipo, tipo_versao FROM ocorrencias \
             UNION ALL SELECT id, tipo, tipo_versao FROM agendas \
             UNION ALL SELECT id, tipo, tipo_versao FROM clientes) r ON r.id = a.document \
         WHERE a.sha256 = $1 AND a.estado = 'verificada'",
    )
    .bind(sha256)
    .fetch_all(&mut **tx)
    .await?;
    let asks = |(codigo, versao): &(String, i32)| {
        let reference = TipoRef { codigo: codigo.clone(), versao: versao.unsigned_abs() };
        tipos.obter(&reference).is_ok_and(|tipo| tipo.pede_posicao)
    };
    Ok(!found.is_empty() && found.iter().all(asks))
}

async fn record(
    app: &App,
    tenant: TenantId,
    claimed: &Claimed,
    outcome: Result<Outcome>,
) -> Result<()> {
    let Claimed { sha256, attempts, .. } = claimed;
    let state = match outcome {
        Ok(Outcome::Ready) => "prontas",
        Ok(Outcome::Never(codigo)) => {
            tracing::info!(%tenant, sha256, codigo, "a file gets no derivatives");
            "falharam"
        }
        Err(error) => {
            // The store or the database failed, not the picture: the attempt does not count.
            tracing::warn!(
                %tenant, sha256, tentativas = attempts, %error,
                "derivatives were left for later"
            );
            "pendentes"
        }
    };
    let mut tx = app.db.tenant(tenant).await?;
    sqlx::query(
        "UPDATE arquivo SET derivadas = $2, proxima_em = now() + $3 * interval '10 seconds', \
             tentativas = least(tentativas, $4) WHERE sha256 = $1 AND derivadas = 'pendentes'",
    )
    .bind(sha256)
    .bind(state)
    // 10 s, 40 s, 90 s, 160 s.
    .bind(f64::from(attempts * attempts))
    .bind(ATTEMPTS_MAX - 1)
    .execute(&mut *tx)
    .await?;
    if state != "pendentes" {
        // Wakes the pages that show the file.
        ledger::notify(&mut tx, tenant).await?;
    }
    Ok(tx.commit().await?)
}
