//! Previews and thumbnails of files whose sender made none. One task a server makes them, one
//! picture at a time and off the request path; which one is leased in the database, so that any
//! number of servers may do so. It never stops on an error: it logs and goes on.

use super::olhar;
use crate::{app::App, ledger, objects};
use anyhow::Result;
use campo_domain::{ids::TenantId, parte::Variante, tipo::TipoRef};
use object_store::{ObjectStoreExt, PutPayload};
use sqlx::PgTransaction;
use std::time::Duration;
use uuid::Uuid;

/// How often the database is asked for what is due.
const PULSE: Duration = Duration::from_secs(2);
/// Largest file that is decoded.
const BYTES_MAX: i64 = 64 * 1024 * 1024;
/// How often one is tried.
const TENTATIVAS_MAX: i32 = 5;
/// How long one may take before somebody else tries, as PostgreSQL reads it.
const LEASE: &str = "5 minutes";

/// Makes what is due until the server stops.
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

/// Makes all that is due now.
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
        // One of each company in turn: nobody waits for all of somebody else's.
        for tenant in due.into_iter().map(TenantId::from) {
            if app.shutdown.is_requested() {
                return Ok(());
            }
            let Some(pendente) = reservar(app, tenant).await? else { continue };
            let outcome = fazer(app, tenant, &pendente).await;
            registrar(app, tenant, &pendente, outcome).await?;
        }
    }
}

/// A file that lacks its derivatives, leased.
#[derive(Debug, sqlx::FromRow)]
struct Pendente {
    sha256: String,
    tamanho: i64,
    /// This one counted.
    tentativas: i32,
}

/// What became of one.
enum Feito {
    Prontas,
    /// It never will be.
    Nunca(&'static str),
}

async fn reservar(app: &App, tenant: TenantId) -> Result<Option<Pendente>> {
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

async fn fazer(app: &App, tenant: TenantId, pendente: &Pendente) -> Result<Feito> {
    // Those before ended without a word: the picture may be what ended them.
    if pendente.tentativas > TENTATIVAS_MAX {
        return Ok(Feito::Nunca("tentativas"));
    }
    if pendente.tamanho > BYTES_MAX {
        return Ok(Feito::Nunca("tamanho"));
    }
    let mut tx = app.db.snapshot(tenant).await?;
    let gps = pede_posicao(&mut tx, tenant, &pendente.sha256).await?;
    tx.rollback().await?;
    let store = app.objects.store();
    let bytes = store.get(&objects::original(tenant, &pendente.sha256)).await?.bytes().await?;
    let made = olhar(app, move || campo_fotos::derive(&bytes, gps)).await?;
    let made = match made {
        Ok(made) => made,
        Err(erro) => return Ok(Feito::Nunca(erro.code())),
    };
    for (variante, bytes) in
        [(Variante::Previa, made.preview), (Variante::Miniatura, made.thumbnail)]
    {
        let chave = objects::derivado(tenant, &pendente.sha256, variante);
        store.put(&chave, PutPayload::from(bytes)).await?;
    }
    Ok(Feito::Prontas)
}

/// Whether where it was taken stays in the pictures: only where every record that has these bytes
/// is of a tipo that asks for it.
async fn pede_posicao(tx: &mut PgTransaction<'_>, tenant: TenantId, sha256: &str) -> Result<bool> {
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
        let referencia = TipoRef { codigo: codigo.clone(), versao: versao.unsigned_abs() };
        tipos.obter(&referencia).is_ok_and(|tipo| tipo.pede_posicao)
    };
    Ok(!found.is_empty() && found.iter().all(asks))
}

async fn registrar(
    app: &App,
    tenant: TenantId,
    pendente: &Pendente,
    outcome: Result<Feito>,
) -> Result<()> {
    let Pendente { sha256, tentativas, .. } = pendente;
    let derivadas = match outcome {
        Ok(Feito::Prontas) => "prontas",
        Ok(Feito::Nunca(codigo)) => {
            tracing::info!(%tenant, sha256, codigo, "a file gets no derivatives");
            "falharam"
        }
        Err(error) => {
            // Whoever did not answer says nothing of the picture: that try does not count.
            tracing::warn!(%tenant, sha256, tentativas, %error, "derivatives were left for later");
            "pendentes"
        }
    };
    let mut tx = app.db.tenant(tenant).await?;
    sqlx::query(
        "UPDATE arquivo SET derivadas = $2, proxima_em = now() + $3 * interval '10 seconds', \
             tentativas = least(tentativas, $4) WHERE sha256 = $1 AND derivadas = 'pendentes'",
    )
    .bind(sha256)
    .bind(derivadas)
    // 10 s, 40 s, 90 s, 160 s.
    .bind(f64::from(tentativas * tentativas))
    .bind(TENTATIVAS_MAX - 1)
    .execute(&mut *tx)
    .await?;
    if derivadas != "pendentes" {
        // The pages that wait for the picture fetch it now.
        ledger::notify(&mut tx, tenant).await?;
    }
    Ok(tx.commit().await?)
}
