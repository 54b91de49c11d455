//! Reads what a plan starts from. The number of queries does not depend on the size of the batch.

use anyhow::{Context, Result};
use automerge::ChangeHash;
use campo_domain::{
    ids::{DeviceId, DocumentId, HeldId, TenantId, UserId},
    pessoa::{Permissoes, Pessoa},
    policy,
    registro::Restricao,
    tipo::{Tipo, Tipos},
};
use campo_sync::{
    admission::Requester,
    exchange::{self, Branch, Loaded, Needs, World},
    wire::{Hash, Limits, Push, Reason},
};
use chrono::{DateTime, Datelike, Utc};
use sqlx::{AssertSqlSafe, PgTransaction, Row, postgres::PgRow};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, LazyLock, Mutex, PoisonError},
};
use uuid::Uuid;

/// Companies whose parsed tipos a process keeps.
const COMPANIES_MAX: usize = 256;

fn uuids<T: Copy + Into<Uuid>>(ids: impl IntoIterator<Item = T>) -> Vec<Uuid> {
    ids.into_iter().map(Into::into).collect()
}

pub(super) fn hash(bytes: &[u8]) -> Result<Hash> {
    let bytes: [u8; 32] = bytes.try_into().context("a hash in the log is not 32 bytes")?;
    Ok(bytes.into())
}

/// Heads as they are stored: 32 bytes each.
pub fn heads(bytes: &[u8]) -> Vec<ChangeHash> {
    bytes.chunks_exact(32).filter_map(|hash| hash.try_into().ok().map(ChangeHash)).collect()
}

/// Identifies a state of a company's tipos: the database, the epoch of the log, and the position of
/// the last change of a tipo.
type TiposKey = (String, i64, i64);

/// Parsed tipos by company, of committed data only.
type Parsed = HashMap<TenantId, (TiposKey, Arc<Tipos>)>;

static TIPOS: LazyLock<Mutex<Parsed>> = LazyLock::new(Mutex::default);

/// Every version of every tipo of the company. They hardly ever change, so that parsing them for
/// every batch would be most of its work.
///
/// # Errors
/// PostgreSQL refuses, or a tipo cannot be read.
pub async fn tipos(tx: &mut PgTransaction<'_>, tenant: TenantId) -> Result<Arc<Tipos>> {
    let (database, epoch, seq, committed): (String, i64, i64, bool) = sqlx::query_as(
        "SELECT current_database()::text, \
             coalesce((SELECT epoch FROM tenant_clock WHERE tenant = $1), 0), \
             coalesce((SELECT max(seq) FROM referencia \
                 WHERE tenant = $1 AND collection = 'tipo'), 0), \
             current_setting('transaction_read_only')::boolean",
    )
    .bind(tenant.uuid())
    .fetch_one(&mut **tx)
    .await?;
    let key: TiposKey = (database, epoch, seq);
    let known = || TIPOS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((of, tipos)) = known().get(&tenant)
        && *of == key
    {
        return Ok(tipos.clone());
    }
    let rows: Vec<serde_json::Value> =
        sqlx::query_scalar("SELECT data FROM referencia WHERE tenant = $1 AND collection = 'tipo'")
            .bind(tenant.uuid())
            .fetch_all(&mut **tx)
            .await?;
    let tipos: Result<Vec<Tipo>, _> = rows.into_iter().map(serde_json::from_value).collect();
    let tipos = tipos.context("a tipo in the reference data cannot be read")?;
    let tipos: Arc<Tipos> = Arc::new(tipos.into_iter().collect());
    // A transaction that writes may be rolled back, and its positions are then given to others.
    if !committed {
        return Ok(tipos);
    }
    let mut known = known();
    if known.len() >= COMPANIES_MAX {
        known.clear();
    }
    known.insert(tenant, (key, tipos.clone()));
    Ok(tipos)
}

pub(super) const PESSOA: &str =
    "SELECT id, nome, permissoes, ativo, grupos, filial, cliente FROM usuario ";

pub(super) fn read_pessoa(row: &PgRow) -> Result<Pessoa> {
    let grupos: Vec<String> = row.try_get("grupos")?;
    let cliente: Option<Uuid> = row.try_get("cliente")?;
    Ok(Pessoa {
        id: row.try_get::<Uuid, _>("id")?.into(),
        nome: row.try_get("nome")?,
        permissoes: permissoes(row.try_get("permissoes")?)?,
        ativo: row.try_get("ativo")?,
        grupos: grupos.into_iter().collect(),
        filial: row.try_get("filial")?,
        cliente: cliente.map(DocumentId::from),
    })
}

/// A person with today's permissions.
///
/// # Errors
/// PostgreSQL refuses, or there is no such person.
pub async fn pessoa(tx: &mut PgTransaction<'_>, tenant: TenantId, id: UserId) -> Result<Pessoa> {
    let row = sqlx::query(AssertSqlSafe(format!("{PESSOA} WHERE tenant = $1 AND id = $2")))
        .bind(tenant.uuid())
        .bind(id.uuid())
        .fetch_one(&mut **tx)
        .await?;
    read_pessoa(&row)
}

/// The people with these ids.
async fn people(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    ids: &BTreeSet<UserId>,
) -> Result<BTreeMap<UserId, Pessoa>> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows = sqlx::query(AssertSqlSafe(format!("{PESSOA} WHERE tenant = $1 AND id = ANY($2)")))
        .bind(tenant.uuid())
        .bind(uuids(ids.iter().copied()))
        .fetch_all(&mut **tx)
        .await?;
    rows.iter().map(|row| read_pessoa(row).map(|pessoa| (pessoa.id, pessoa))).collect()
}

/// Everybody who is active.
async fn active_people(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
) -> Result<BTreeMap<UserId, Pessoa>> {
    let rows = sqlx::query(AssertSqlSafe(format!("{PESSOA} WHERE tenant = $1 AND ativo")))
        .bind(tenant.uuid())
        .fetch_all(&mut **tx)
        .await?;
    let pessoas = rows.iter().map(|row| read_pessoa(row).map(|pessoa| (pessoa.id, pessoa)));
    pessoas.collect()
}

fn permissoes(codes: Vec<String>) -> Result<Permissoes> {
    codes.iter().map(|codigo| codigo.parse().map_err(anyhow::Error::from)).collect()
}

/// A person on a device, with the permissions that were held before.
///
/// # Errors
/// As [`pessoa`].
pub async fn requester(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    user: UserId,
    device: DeviceId,
) -> Result<Requester> {
    let pessoa = pessoa(tx, tenant, user).await?;
    let rows = sqlx::query(
        "SELECT ate_seq, permissoes FROM permissao_anterior \
         WHERE tenant = $1 AND usuario = $2 ORDER BY ate_seq",
    )
    .bind(tenant.uuid())
    .bind(user.uuid())
    .fetch_all(&mut **tx)
    .await?;
    let earlier = rows
        .into_iter()
        .map(|row| {
            let until: i64 = row.try_get("ate_seq")?;
            Ok((until as u64, permissoes(row.try_get("permissoes")?)?))
        })
        .collect::<Result<_>>()?;
    Ok(Requester { pessoa, device, earlier })
}

/// The stored chunks of documents, whole, with their generation.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn chunks(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    ids: &[Uuid],
) -> sqlx::Result<BTreeMap<DocumentId, (u32, Vec<u8>)>> {
    // One statement, since a snapshot that is written between two would leave out changes. Changes
    // are in the order of the log, in which they were merged.
    let rows = sqlx::query(
        "SELECT d.id, d.generation, d.snapshot, ( \
             SELECT string_agg(c.bytes, ''::bytea ORDER BY c.seq) FROM change_log c \
             WHERE c.tenant = d.tenant AND c.document = d.id AND c.kind = 'change' \
                 AND c.generation = d.generation AND c.seq > d.snapshot_seq) AS increments \
         FROM document d WHERE d.tenant = $1 AND d.id = ANY($2) AND NOT d.erased",
    )
    .bind(tenant.uuid())
    .bind(ids)
    .fetch_all(&mut **tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            let generation: i32 = row.try_get("generation")?;
            let snapshot: Option<Vec<u8>> = row.try_get("snapshot")?;
            let mut chunks = snapshot.unwrap_or_default();
            chunks.extend_from_slice(row.try_get::<Option<&[u8]>, _>("increments")?.unwrap_or(&[]));
            let id: Uuid = row.try_get("id")?;
            Ok((id.into(), (generation.unsigned_abs(), chunks)))
        })
        .collect()
}

/// The changes of a held branch, in order.
///
/// # Errors
/// PostgreSQL refuses.
pub(crate) async fn held_pushes(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    held: HeldId,
) -> sqlx::Result<Vec<Push>> {
    let rows = sqlx::query(
        "SELECT c.document, h.generation, c.bytes, c.seen FROM held_change c \
         JOIN held h ON h.tenant = c.tenant AND h.id = c.held \
         WHERE c.tenant = $1 AND c.held = $2 ORDER BY c.ordem",
    )
    .bind(tenant.uuid())
    .bind(held.uuid())
    .fetch_all(&mut **tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            let generation: i32 = row.try_get("generation")?;
            let seen: i64 = row.try_get("seen")?;
            Ok(Push {
                document: row.try_get::<Uuid, _>("document")?.into(),
                generation: generation.unsigned_abs(),
                change: row.try_get("bytes")?,
                seen: seen as u64,
            })
        })
        .collect()
}

/// Everything that a plan starts from.
///
/// # Errors
/// PostgreSQL refuses, or something stored cannot be read.
pub async fn world(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    needs: &Needs,
    users: &BTreeSet<UserId>,
    now: DateTime<Utc>,
) -> Result<World> {
    let (time_zone, epoch): (String, i64) = sqlx::query_as(
        "SELECT t.fuso, c.epoch FROM tenant t JOIN tenant_clock c ON c.tenant = t.id \
         WHERE t.id = $1",
    )
    .bind(tenant.uuid())
    .fetch_one(&mut **tx)
    .await?;
    let time_zone: chrono_tz::Tz =
        time_zone.parse().context("the company's time zone is not known")?;
    let year = now.with_timezone(&time_zone).year();
    let tipos = tipos(tx, tenant).await?;
    let ids = uuids(needs.documents.iter().copied());
    let mut documents = BTreeMap::new();
    for (id, (generation, chunks)) in chunks(tx, tenant, &ids).await? {
        let loaded = Loaded::read(&chunks, generation, &tipos);
        documents.insert(id, loaded.with_context(|| format!("document {id} cannot be read"))?);
    }
    let authors = people(tx, tenant, &exchange::waiting(documents.values())).await?;
    let mut raizes = needs.cases.clone();
    raizes.extend(documents.values().map(|loaded| loaded.merged.registro.raiz()));
    let raizes = uuids(raizes);
    let restrictions = restrictions(tx, tenant, &raizes).await?;
    // A change of a restricted case may concern anybody, depending on the groups of each person.
    let people_of_company = match needs.people || !restrictions.is_empty() {
        true => active_people(tx, tenant).await?,
        false => BTreeMap::new(),
    };
    Ok(World {
        now,
        year,
        epoch: epoch as u64,
        tipos,
        limits: Limits::DEFAULT,
        documents,
        erased: erased(tx, tenant, &ids).await?,
        cases: cases(tx, tenant, &raizes).await?,
        restrictions,
        authors,
        assignees: people(tx, tenant, &needs.assignees).await?,
        people: people_of_company,
        logged: logged(tx, tenant, needs).await?,
        branches: branches(tx, tenant, needs).await?,
        revoked: revoked(tx, tenant, users, &raizes).await?,
        last_number: last_number(tx, tenant, year).await?,
    })
}

async fn erased(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    ids: &[Uuid],
) -> sqlx::Result<BTreeSet<DocumentId>> {
    let erased: Vec<Uuid> =
        sqlx::query_scalar("SELECT id FROM document WHERE tenant = $1 AND id = ANY($2) AND erased")
            .bind(tenant.uuid())
            .bind(ids)
            .fetch_all(&mut **tx)
            .await?;
    Ok(erased.into_iter().map(DocumentId::from).collect())
}

type Cases = BTreeMap<DocumentId, BTreeMap<DocumentId, BTreeSet<UserId>>>;

pub(super) async fn cases(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    raizes: &[Uuid],
) -> sqlx::Result<Cases> {
    let rows: Vec<(Uuid, Uuid, Uuid)> = sqlx::query_as(
        "SELECT raiz, document, usuario FROM envolvido WHERE tenant = $1 AND raiz = ANY($2)",
    )
    .bind(tenant.uuid())
    .bind(raizes)
    .fetch_all(&mut **tx)
    .await?;
    let mut cases = Cases::new();
    for (raiz, document, usuario) in rows {
        let case = cases.entry(raiz.into()).or_default();
        case.entry(document.into()).or_default().insert(usuario.into());
    }
    Ok(cases)
}

pub(super) async fn restrictions(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    raizes: &[Uuid],
) -> sqlx::Result<BTreeMap<DocumentId, Restricao>> {
    let rows = sqlx::query(
        "SELECT raiz, usuarios, grupos, por, quando FROM restricao \
         WHERE tenant = $1 AND raiz = ANY($2)",
    )
    .bind(tenant.uuid())
    .bind(raizes)
    .fetch_all(&mut **tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            let usuarios: Vec<Uuid> = row.try_get("usuarios")?;
            let grupos: Vec<String> = row.try_get("grupos")?;
            let restricao = Restricao {
                usuarios: usuarios.into_iter().map(UserId::from).collect(),
                grupos: grupos.into_iter().collect(),
                por: row.try_get::<Uuid, _>("por")?.into(),
                quando: row.try_get("quando")?,
            };
            Ok((row.try_get::<Uuid, _>("raiz")?.into(), restricao))
        })
        .collect()
}

/// Who is involved in a case and who alone may see it, as `policy` needs it.
#[derive(Clone, Debug, Default)]
pub struct Caso {
    envolvidos: BTreeSet<UserId>,
    restricao: Option<Restricao>,
}

impl Caso {
    /// As the policy takes it.
    pub(crate) fn as_policy(&self) -> policy::Caso<'_> {
        policy::Caso { envolvidos: &self.envolvidos, restricao: self.restricao.as_ref() }
    }
}

/// Who is involved in a case, and who alone may see it.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn caso(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    raiz: DocumentId,
) -> sqlx::Result<Caso> {
    let raizes = [raiz.uuid()];
    let case = cases(tx, tenant, &raizes).await?.remove(&raiz).unwrap_or_default();
    let restricao = restrictions(tx, tenant, &raizes).await?.remove(&raiz);
    Ok(Caso { envolvidos: case.into_values().flatten().collect(), restricao })
}

async fn logged(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    needs: &Needs,
) -> Result<BTreeMap<(DocumentId, Hash), u64>> {
    let (documents, hashes) = keys(needs);
    let rows: Vec<(Uuid, Vec<u8>, i64)> = sqlx::query_as(
        "SELECT c.document, c.hash, c.seq FROM unnest($2::uuid[], $3::bytea[]) n (document, hash) \
         JOIN change_log c ON c.tenant = $1 AND c.kind = 'change' \
             AND c.document = n.document AND c.hash = n.hash",
    )
    .bind(tenant.uuid())
    .bind(documents)
    .bind(hashes)
    .fetch_all(&mut **tx)
    .await?;
    rows.into_iter().map(|(d, h, seq)| Ok(((d.into(), hash(&h)?), seq as u64))).collect()
}

async fn branches(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    needs: &Needs,
) -> Result<BTreeMap<(DocumentId, Hash), Branch>> {
    let (documents, hashes) = keys(needs);
    let rows = sqlx::query(
        "SELECT c.document, c.hash, h.id, h.status, h.reason, h.message \
         FROM unnest($2::uuid[], $3::bytea[]) n (document, hash) \
         JOIN held_change c ON c.tenant = $1 AND c.document = n.document AND c.hash = n.hash \
         JOIN held h ON h.tenant = c.tenant AND h.id = c.held",
    )
    .bind(tenant.uuid())
    .bind(documents)
    .bind(hashes)
    .fetch_all(&mut **tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            let document: Uuid = row.try_get("document")?;
            let hash = hash(row.try_get("hash")?)?;
            let status: &str = row.try_get("status")?;
            let branch = Branch {
                id: row.try_get::<Uuid, _>("id")?.into(),
                decided: status != "aguardando",
                reason: Reason { code: row.try_get("reason")?, message: row.try_get("message")? },
            };
            Ok(((document.into(), hash), branch))
        })
        .collect()
}

fn keys(needs: &Needs) -> (Vec<Uuid>, Vec<Vec<u8>>) {
    needs.hashes.iter().map(|(id, hash)| (id.uuid(), hash.bytes().to_vec())).unzip()
}

async fn revoked(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    users: &BTreeSet<UserId>,
    raizes: &[Uuid],
) -> sqlx::Result<BTreeMap<(UserId, DocumentId), u64>> {
    let rows: Vec<(Uuid, Uuid, i64)> = sqlx::query_as(
        "SELECT addressee, document, max(seq) FROM change_log \
         WHERE tenant = $1 AND kind = 'revoked' AND addressee = ANY($2) AND document = ANY($3) \
         GROUP BY addressee, document",
    )
    .bind(tenant.uuid())
    .bind(uuids(users.iter().copied()))
    .bind(raizes)
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(|(u, raiz, seq)| ((u.into(), raiz.into()), seq as u64)).collect())
}

async fn last_number(tx: &mut PgTransaction<'_>, tenant: TenantId, year: i32) -> sqlx::Result<u64> {
    let last: Option<i64> =
        sqlx::query_scalar("SELECT ultimo FROM numeracao WHERE tenant = $1 AND ano = $2")
            .bind(tenant.uuid())
            .bind(year)
            .fetch_optional(&mut **tx)
            .await?;
    Ok(last.unwrap_or(0) as u64)
}
