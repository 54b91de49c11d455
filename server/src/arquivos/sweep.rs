//! Compares the object store with the database (`campo admin objetos varrer`). Objects without a
//! row and rows without an object are reported; objects without a row are deleted on request. Parts
//! of uploads that are not over have a row and are left alone.

mod report;

pub use report::Sweep;

use crate::{
    db::Db,
    objects::{self, Objects},
};
use anyhow::Result;
use campo_domain::{ids::TenantId, parte::Variante};
use chrono::{DateTime, TimeDelta, Utc};
use futures::TryStreamExt;
use object_store::{Error, ObjectMeta, ObjectStoreExt, path::Path};
use report::{CompanyReport, Missing, Orphan};
use sqlx::PgTransaction;
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// Younger objects are not orphans: they may belong to an upload whose row is not committed yet.
const ORPHAN_AGE_MIN: TimeDelta = TimeDelta::hours(24);

/// Compares store and database for every company; with `delete`, removes the orphans.
///
/// # Errors
/// The database or the store does not answer.
pub async fn run(db: &Db, objects: &Objects, delete: bool, now: DateTime<Utc>) -> Result<Sweep> {
    let companies: Vec<(Uuid, String)> =
        sqlx::query_as("SELECT id, slug FROM tenant ORDER BY slug").fetch_all(db.owner()).await?;
    let mut sweep = Sweep { delete, companies: Vec::new() };
    for (tenant, slug) in companies {
        let tenant = TenantId::from(tenant);
        let (mut company, known) = orphans(db, objects, tenant, slug, now).await?;
        if delete {
            delete_orphans(db, objects, tenant, &mut company, now).await?;
        }
        find_missing(db, objects, tenant, &mut company, &known).await?;
        sweep.companies.push(company);
    }
    Ok(sweep)
}

/// What kind of object a key names, and of what.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum ObjectKey {
    Original(String),
    Derivative(String),
    Sent(Uuid, Uuid, Variante),
    Part(Uuid),
    /// Not a key that [`objects`] makes.
    Unknown,
}

impl ObjectKey {
    fn read(tenant: TenantId, location: &Path) -> Self {
        let text = location.as_ref();
        let rest = text.strip_prefix(&format!("{tenant}/")).unwrap_or_default();
        let parts: Vec<&str> = rest.split('/').collect();
        let read = match parts[..] {
            ["originais", _, sha256] => Some(ObjectKey::Original(sha256.to_owned())),
            ["derivados", _, sha256, _] => Some(ObjectKey::Derivative(sha256.to_owned())),
            ["anexos", document, attachment, variant] => (|| {
                let variant = variant.strip_suffix(".jpg")?.parse().ok()?;
                Some(ObjectKey::Sent(document.parse().ok()?, attachment.parse().ok()?, variant))
            })(),
            ["envios", upload, _] => upload.parse().ok().map(ObjectKey::Part),
            _ => None,
        };
        read.unwrap_or(ObjectKey::Unknown)
    }
}

/// What the database has rows of: hashes of `arquivo`, keys of `derivada`, ids of `envio`.
struct Known {
    files: HashSet<String>,
    sent: HashSet<(Uuid, Uuid, Variante)>,
    uploads: HashSet<Uuid>,
}

impl Known {
    async fn read(db: &Db, tenant: TenantId) -> Result<Self> {
        let mut tx = db.snapshot(tenant).await?;
        let files: Vec<String> =
            sqlx::query_scalar("SELECT sha256 FROM arquivo").fetch_all(&mut *tx).await?;
        let sent: Vec<(Uuid, Uuid, String)> =
            sqlx::query_as("SELECT document, anexo, variante FROM derivada")
                .fetch_all(&mut *tx)
                .await?;
        let uploads: Vec<Uuid> =
            sqlx::query_scalar("SELECT id FROM envio").fetch_all(&mut *tx).await?;
        let sent = sent.into_iter().filter_map(|(document, attachment, variant)| {
            Some((document, attachment, variant.parse().ok()?))
        });
        Ok(Self {
            files: files.into_iter().collect(),
            sent: sent.collect(),
            uploads: uploads.into_iter().collect(),
        })
    }

    fn has(&self, key: &ObjectKey) -> bool {
        match key {
            ObjectKey::Original(sha256) | ObjectKey::Derivative(sha256) => {
                self.files.contains(sha256)
            }
            ObjectKey::Sent(document, attachment, variant) => {
                self.sent.contains(&(*document, *attachment, *variant))
            }
            ObjectKey::Part(upload) => self.uploads.contains(upload),
            ObjectKey::Unknown => false,
        }
    }
}

/// Reports the objects of a company and those without a row; returns the size in bytes of every
/// object as well.
async fn orphans(
    db: &Db,
    objects: &Objects,
    tenant: TenantId,
    slug: String,
    now: DateTime<Utc>,
) -> Result<(CompanyReport, HashMap<Path, u64>)> {
    let prefix = objects::of_company(tenant);
    let found: Vec<ObjectMeta> = objects.store().list(Some(&prefix)).try_collect().await?;
    // Read after listing, so that rows which were committed meanwhile are seen.
    let known = Known::read(db, tenant).await?;
    let mut company = CompanyReport { slug, ..CompanyReport::default() };
    let mut all = HashMap::new();
    for ObjectMeta { location, size, last_modified, .. } in found {
        company.objects += 1;
        company.bytes += size;
        let old = last_modified < now - ORPHAN_AGE_MIN;
        if old && !known.has(&ObjectKey::read(tenant, &location)) {
            let orphan = Orphan { object: location.clone(), bytes: size, deleted: false };
            company.orphans.push(orphan);
        }
        all.insert(location, size);
    }
    company.orphans.sort_by(|a, b| a.object.cmp(&b.object));
    Ok((company, all))
}

/// Deletes the orphans, each after checking again under the key's lock that it still is one.
async fn delete_orphans(
    db: &Db,
    objects: &Objects,
    tenant: TenantId,
    company: &mut CompanyReport,
    now: DateTime<Utc>,
) -> Result<()> {
    for orphan in &mut company.orphans {
        let mut tx = db.tenant(tenant).await?;
        // The verification of an upload takes the same lock before it commits the row: either its
        // row is seen here, or it sees that the object is gone.
        objects::lock(&mut tx, &orphan.object).await?;
        if is_known(&mut tx, &ObjectKey::read(tenant, &orphan.object)).await? {
            continue;
        }
        match objects.store().head(&orphan.object).await {
            Ok(found) if found.last_modified < now - ORPHAN_AGE_MIN => {}
            // Written again since it was listed.
            Ok(_) => continue,
            Err(Error::NotFound { .. }) => continue,
            Err(error) => return Err(error.into()),
        }
        objects.store().delete(&orphan.object).await?;
        tx.commit().await?;
        orphan.deleted = true;
    }
    Ok(())
}

/// Whether a row belongs to that key now.
async fn is_known(tx: &mut PgTransaction<'_>, key: &ObjectKey) -> sqlx::Result<bool> {
    let file = "SELECT EXISTS (SELECT FROM arquivo WHERE sha256 = $1)";
    let sent = "SELECT EXISTS (SELECT FROM derivada \
                    WHERE document = $1 AND anexo = $2 AND variante = $3)";
    let upload = "SELECT EXISTS (SELECT FROM envio WHERE id = $1)";
    match key {
        ObjectKey::Original(sha256) | ObjectKey::Derivative(sha256) => {
            sqlx::query_scalar(file).bind(sha256).fetch_one(&mut **tx).await
        }
        ObjectKey::Sent(document, attachment, variant) => {
            let query = sqlx::query_scalar(sent).bind(document).bind(attachment);
            query.bind(variant.codigo()).fetch_one(&mut **tx).await
        }
        ObjectKey::Part(id) => sqlx::query_scalar(upload).bind(id).fetch_one(&mut **tx).await,
        ObjectKey::Unknown => Ok(false),
    }
}

/// Finds the rows whose object is missing in the store, or has another size, and verified files
/// without a row in `arquivo`.
async fn find_missing(
    db: &Db,
    objects: &Objects,
    tenant: TenantId,
    company: &mut CompanyReport,
    known: &HashMap<Path, u64>,
) -> Result<()> {
    let mut tx = db.snapshot(tenant).await?;
    let files: Vec<(String, i64, bool)> = sqlx::query_as(
        "SELECT sha256, tamanho, derivadas = 'prontas' FROM arquivo ORDER BY sha256",
    )
    .fetch_all(&mut *tx)
    .await?;
    let sent: Vec<(Uuid, Uuid, String, i64)> = sqlx::query_as(
        "SELECT document, anexo, variante, tamanho FROM derivada \
         ORDER BY document, anexo, variante",
    )
    .fetch_all(&mut *tx)
    .await?;
    let verified: Vec<(Uuid, Uuid, String)> = sqlx::query_as(
        "SELECT x.document, x.id, coalesce(x.sha256, '') FROM anexos x \
         WHERE x.estado = 'verificada' \
             AND NOT EXISTS (SELECT FROM arquivo a WHERE a.sha256 = x.sha256) \
         ORDER BY x.document, x.id",
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.rollback().await?;
    let mut expected: Vec<(Missing, Path, Option<i64>)> = Vec::new();
    for (sha256, length, ready) in files {
        for variant in [Variante::Previa, Variante::Miniatura] {
            if ready {
                let object = objects::derivative(tenant, &sha256, variant);
                let missing = Missing::Derivative { sha256: sha256.clone(), variant };
                expected.push((missing, object, None));
            }
        }
        let object = objects::original(tenant, &sha256);
        expected.push((Missing::Original { sha256 }, object, Some(length)));
    }
    for (document, attachment, variant, length) in sent {
        let Ok(variant) = variant.parse() else { continue };
        let object = objects::sent_derivative(tenant, document.into(), &attachment.into(), variant);
        let missing = Missing::Sent { document, attachment, variant };
        expected.push((missing, object, Some(length)));
    }
    for (missing, object, length) in expected {
        let fits = |size: u64| length.is_none_or(|length| i64::try_from(size) == Ok(length));
        if known.get(&object).is_some_and(|size| fits(*size)) {
            continue;
        }
        // It may have been written after the list was read.
        match objects.store().head(&object).await {
            Ok(found) if fits(found.size) => {}
            Ok(_) | Err(Error::NotFound { .. }) => company.missing.push(missing),
            Err(error) => return Err(error.into()),
        }
    }
    let without_row = verified.into_iter();
    company.missing.extend(without_row.map(|(document, attachment, sha256)| Missing::Attachment {
        document,
        attachment,
        sha256,
    }));
    Ok(())
}
