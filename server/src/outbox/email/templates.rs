//! The e-mail templates of a company.

use crate::{
    error::ApiResult,
    outbox::template::{self, BUILTIN, Modelo, Texto},
};
use campo_domain::ids::TenantId;
use chrono::{DateTime, Utc};
use sqlx::PgTransaction;
use std::collections::BTreeMap;

/// The built-in templates, with the company's changes, and the company's own.
///
/// # Errors
/// PostgreSQL's.
pub async fn templates(tx: &mut PgTransaction<'_>, tenant: TenantId) -> ApiResult<Vec<Modelo>> {
    let rows: Vec<(String, String, String, DateTime<Utc>)> = sqlx::query_as(
        "SELECT codigo, assunto, corpo, alterado_em FROM modelo_email WHERE tenant = $1",
    )
    .bind(tenant.uuid())
    .fetch_all(&mut **tx)
    .await?;
    let mut templates: BTreeMap<String, Modelo> = BUILTIN
        .iter()
        .map(|codigo| {
            let Texto { assunto, corpo } = template::builtin(codigo);
            let codigo = (*codigo).to_owned();
            let builtin =
                Modelo { codigo: codigo.clone(), assunto, corpo, padrao: true, alterado_em: None };
            (codigo, builtin)
        })
        .collect();
    for (codigo, assunto, corpo, alterado_em) in rows {
        let alterado_em = Some(alterado_em);
        let modelo = Modelo { codigo: codigo.clone(), assunto, corpo, padrao: false, alterado_em };
        templates.insert(codigo, modelo);
    }
    Ok(templates.into_values().collect())
}

/// Writes a template of the company; `None` deletes it, so that the built-in one is used again.
///
/// # Errors
/// 422 `modelo_invalido`.
pub async fn write_template(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    codigo: &str,
    texto: Option<&Texto>,
) -> ApiResult<()> {
    let query = match texto {
        None => sqlx::query("DELETE FROM modelo_email WHERE tenant = $1 AND codigo = $2")
            .bind(tenant.uuid())
            .bind(codigo),
        Some(texto) => {
            template::validate(codigo, texto)?;
            sqlx::query(
                "INSERT INTO modelo_email (tenant, codigo, assunto, corpo) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (tenant, codigo) DO UPDATE SET assunto = excluded.assunto, \
                     corpo = excluded.corpo, alterado_em = now()",
            )
            .bind(tenant.uuid())
            .bind(codigo)
            .bind(&texto.assunto)
            .bind(&texto.corpo)
        }
    };
    query.execute(&mut **tx).await?;
    Ok(())
}
