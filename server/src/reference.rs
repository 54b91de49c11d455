//! Reference data of a company: what a preset loads, and who its people are. It travels in the same
//! log as the records.

use crate::ledger::{self, Publication};
use anyhow::{Context, Result};
use campo_domain::{
    ids::{TenantId, UserId},
    pessoa::{Permissao, Pessoa},
    preset,
};
use chrono::Utc;
use serde_json::json;
use sqlx::PgTransaction;

/// The collection that holds each person's own permissions, addressed to that person alone.
const EU: &str = "eu";

/// The company's clock, begun if it has none, and locked: what is read of the reference data is
/// then what is written over. The epoch is new with every log.
async fn begin(tx: &mut PgTransaction<'_>, tenant: TenantId) -> Result<()> {
    sqlx::query("INSERT INTO tenant_clock (tenant, epoch) VALUES ($1, $2) ON CONFLICT DO NOTHING")
        .bind(tenant.uuid())
        .bind(Utc::now().timestamp_millis())
        .execute(&mut **tx)
        .await?;
    sqlx::query("SELECT 1 FROM tenant_clock WHERE tenant = $1 FOR UPDATE")
        .bind(tenant.uuid())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Loads the tipos and starter catalogues of `preset` into a company. Entries that the company has
/// already, by the same name, are replaced; nothing is removed.
///
/// # Errors
/// The preset is not known, or PostgreSQL refuses.
pub async fn load_preset(tx: &mut PgTransaction<'_>, tenant: TenantId, preset: &str) -> Result<()> {
    begin(tx, tenant).await?;
    let preset = preset::carregar(preset)?;
    let mut publications = Vec::new();
    for tipo in &preset.tipos {
        publications.push(Publication {
            collection: "tipo".into(),
            key: format!("{}@{}", tipo.codigo, tipo.versao),
            addressee: None,
            data: serde_json::to_value(tipo)?,
        });
    }
    for (collection, items) in &preset.catalogos {
        publications.extend(items.iter().map(|item| Publication {
            collection: collection.clone(),
            key: item.codigo.clone(),
            addressee: None,
            data: json!({ "nome": item.nome }),
        }));
    }
    ledger::publish(tx, tenant, &publications).await?;
    Ok(())
}

/// Called in the transaction that created or changed a person: everyone learns the name, the person
/// the permissions; and what the person's devices hold follows (R85).
///
/// # Errors
/// PostgreSQL refuses.
pub async fn user_changed(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    user: UserId,
) -> Result<()> {
    begin(tx, tenant).await?;
    let now = ledger::pessoa(tx, tenant, user).await?;
    let before: Option<serde_json::Value> = sqlx::query_scalar(
        "SELECT data FROM referencia WHERE tenant = $1 AND collection = $2 AND key = $3",
    )
    .bind(tenant.uuid())
    .bind(EU)
    .bind(user.to_string())
    .fetch_optional(&mut **tx)
    .await?;
    let before: Option<Pessoa> = before
        .map(serde_json::from_value)
        .transpose()
        .context("a person in the reference data cannot be read")?;
    let publications = [
        Publication {
            collection: "usuario".into(),
            key: user.to_string(),
            addressee: None,
            data: json!({ "nome": now.nome, "ativo": now.ativo }),
        },
        Publication {
            collection: EU.into(),
            key: user.to_string(),
            addressee: Some(user),
            data: serde_json::to_value(&now)?,
        },
    ];
    let seq = ledger::publish(tx, tenant, &publications).await?;
    let Some(before) = before else { return Ok(()) };
    if before.permissoes != now.permissoes {
        let antes: Vec<&str> = before.permissoes.iter().map(|p| p.codigo()).collect();
        sqlx::query(
            "INSERT INTO permissao_anterior (tenant, usuario, ate_seq, permissoes) \
             VALUES ($1, $2, $3, $4)",
        )
        .bind(tenant.uuid())
        .bind(user.uuid())
        .bind(seq as i64)
        .bind(antes)
        .execute(&mut **tx)
        .await?;
    }
    ledger::rescope(tx, tenant, user, sight(&before), sight(&now)).await
}

/// How far a person sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sight {
    /// Nothing.
    Nothing,
    /// Cases with the person in them, and clients.
    Own,
    /// Everything.
    All,
}

fn sight(pessoa: &Pessoa) -> Sight {
    match (pessoa.pode(Permissao::Ver), pessoa.pode(Permissao::VerTodas)) {
        (false, _) => Sight::Nothing,
        (true, false) => Sight::Own,
        (true, true) => Sight::All,
    }
}
