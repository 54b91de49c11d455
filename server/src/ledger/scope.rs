//! Grants and revokes cases when a person changes: permissions, groups, or whether the person is
//! still active (R85, R86).

use super::clock::advance;
use anyhow::Result;
use campo_domain::{
    ids::TenantId,
    pessoa::{Permissao, Pessoa},
};
use sqlx::{PgTransaction, Row};
use std::collections::BTreeSet;
use uuid::Uuid;

/// Which cases a person sees, restrictions aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Sight {
    /// None.
    Nothing,
    /// Those in which the person is involved, and all clients.
    Own,
    /// All.
    All,
}

/// The attributes of a person that decide which cases are seen.
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

/// `policy::visivel` in SQL with given attributes of a person, since the table `usuario` has only
/// those of after the change.
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

/// Writes into the log what a person sees more or less than before. Lost cases are revoked one by
/// one. Cases gained by groups are granted one by one; if the person's sight grew (from own cases
/// to all, say), one entry makes the devices start over, which brings everything.
///
/// # Errors
/// PostgreSQL's.
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
    // If only groups or `administrar` changed, only restricted cases can be concerned.
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
