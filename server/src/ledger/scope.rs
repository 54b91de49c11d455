//! What a person's devices hold, when not a record moved but the person: permissions, groups, or
//! whether the person is still with the company (R85, R86).

use super::clock::advance;
use anyhow::Result;
use campo_domain::{
    ids::TenantId,
    pessoa::{Permissao, Pessoa},
};
use sqlx::{PgTransaction, Row};
use std::collections::BTreeSet;
use uuid::Uuid;

/// How far a person sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Sight {
    /// Nothing.
    Nothing,
    /// Cases with the person in them, and clients.
    Own,
    /// Everything.
    All,
}

/// What of a person decides which cases are seen, besides being involved in them and listed.
#[derive(PartialEq, Eq)]
struct Reach<'a> {
    sight: Sight,
    administrar: bool,
    grupos: &'a BTreeSet<String>,
}

impl<'a> Reach<'a> {
    fn of(pessoa: &'a Pessoa) -> Self {
        let sight = match (pessoa.pode(Permissao::Ver), pessoa.pode(Permissao::VerTodas)) {
            (false, _) => Sight::Nothing,
            (true, false) => Sight::Own,
            (true, true) => Sight::All,
        };
        Reach { sight, administrar: pessoa.pode(Permissao::Administrar), grupos: &pessoa.grupos }
    }
}

/// `policy::visivel` in SQL, for a person who is not (or no longer) as the table says.
macro_rules! reaches {
    ($ver:literal, $all:literal, $admin:literal, $grupos:literal) => {
        concat!(
            "(",
            $ver,
            " AND (c.kind = 'cliente' OR ((",
            $all,
            " OR c.involved) \
             AND (c.usuarios IS NULL OR ",
            $admin,
            " OR $2 = ANY (c.usuarios) \
                  OR c.grupos && ",
            $grupos,
            "))))"
        )
    };
}

/// A person sees more or less than before. What is lost is revoked case by case. What is gained by
/// groups is granted case by case; what is gained by seeing farther starts the person's devices
/// over, which brings all of it.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn rescope(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    before: &Pessoa,
    now: &Pessoa,
) -> Result<()> {
    let (then, today) = (Reach::of(before), Reach::of(now));
    if then == today {
        return Ok(());
    }
    let rows = sqlx::query(concat!(
        "SELECT c.raiz, c.sees FROM (SELECT DISTINCT c.raiz, ",
        reaches!("$3", "$4", "$5", "$6"),
        " AS saw, ",
        reaches!("$7", "$8", "$9", "$10"),
        " AS sees FROM ( \
             SELECT d.raiz, d.kind, r.usuarios, r.grupos, EXISTS (SELECT 1 FROM envolvido e \
                 WHERE e.tenant = d.tenant AND e.raiz = d.raiz AND e.usuario = $2) AS involved \
             FROM document d LEFT JOIN restricao r ON r.tenant = d.tenant AND r.raiz = d.raiz \
             WHERE d.tenant = $1 AND ($11 OR r.raiz IS NOT NULL)) c \
         ) c WHERE c.saw <> c.sees ORDER BY c.raiz"
    ))
    .bind(tenant.uuid())
    .bind(now.id.uuid())
    .bind(then.sight > Sight::Nothing)
    .bind(then.sight == Sight::All)
    .bind(then.administrar)
    .bind(then.grupos.iter().map(String::as_str).collect::<Vec<_>>())
    .bind(today.sight > Sight::Nothing)
    .bind(today.sight == Sight::All)
    .bind(today.administrar)
    .bind(today.grupos.iter().map(String::as_str).collect::<Vec<_>>())
    // Groups decide only where something is restricted.
    .bind(then.sight != today.sight)
    .fetch_all(&mut **tx)
    .await?;
    let farther = today.sight > then.sight;
    let mut entries: Vec<(&str, Option<Uuid>)> = Vec::new();
    for row in rows {
        match row.try_get("sees")? {
            true if farther => {}
            true => entries.push(("granted", Some(row.try_get("raiz")?))),
            false => entries.push(("revoked", Some(row.try_get("raiz")?))),
        }
    }
    entries.extend(farther.then_some(("granted", None)));
    let base = advance(tx, tenant, entries.len()).await?;
    let (kinds, raizes): (Vec<&str>, Vec<Option<Uuid>>) = entries.into_iter().unzip();
    sqlx::query(
        "WITH n AS (SELECT * FROM unnest($4::text[], $5::uuid[]) WITH ORDINALITY \
             n (kind, raiz, ordem)), \
         entry AS (INSERT INTO change_log (tenant, seq, kind, document, addressee, received_at) \
             SELECT $1, $3 + n.ordem, n.kind, n.raiz, $2, now() FROM n) \
         INSERT INTO escopo (tenant, usuario, raiz, since_seq) \
         SELECT $1, $2, n.raiz, $3 + n.ordem FROM n \
         WHERE n.kind = 'granted' AND n.raiz IS NOT NULL \
         ON CONFLICT (tenant, usuario, raiz) DO UPDATE SET since_seq = excluded.since_seq",
    )
    .bind(tenant.uuid())
    .bind(now.id.uuid())
    .bind(base as i64)
    .bind(kinds)
    .bind(raizes)
    .execute(&mut **tx)
    .await?;
    Ok(())
}
