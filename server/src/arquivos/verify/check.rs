//! Verifies one upload: reads its parts back, compares length and hash, decodes images, stores the
//! bytes under their hash, and reports the result in the record.

use crate::{
    app::App,
    arquivos::{
        decode_in_turn,
        state::report_state,
        upload::table::{self, Part, Upload},
    },
    ledger, objects,
};
use anyhow::{Context, Result, ensure};
use bytes::{Bytes, BytesMut};
use campo_domain::{
    ids::TenantId,
    parte::Variante,
    registro::SituacaoArquivo::{self, Esperada, Recebida, Recusada, Verificada},
};
use campo_fotos::{FileType, Format, PREVIEW_PX, THUMBNAIL_PX};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use object_store::{ObjectStore, ObjectStoreExt, WriteMultipart, path::Path};
use sha2::{Digest, Sha256};
use std::{pin::Pin, sync::Arc};

/// Largest image, in bytes, that is decoded; a larger one is stored as any other file.
const IMAGE_BYTES_MAX: i64 = 64 * 1024 * 1024;
/// Bytes at the start of a file by which its media type is recognised.
const SNIFFED_BYTES: usize = 4096;
/// Bytes of one part of a multipart write into the store.
const WRITE_BYTES: usize = 8 * 1024 * 1024;
/// Parts of a multipart write that are in flight at once.
const WRITES_MAX: usize = 2;
/// Attempts after which a part that is not in the store counts as lost.
const ATTEMPTS_MAX: i32 = 8;

const WRONG_HASH: &str = "hash_diferente";
const UNREADABLE_IMAGE: &str = "imagem_ilegivel";

type Bytestream = Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>;

/// The result for bytes that are what was declared.
#[derive(Debug)]
struct Checked {
    mime: &'static str,
    /// Width and height in pixels, after EXIF rotation, of an image that was decoded.
    sides: Option<(u32, u32)>,
}

/// Verifies an upload and reports the result in its record; returns the state that the record has
/// then.
///
/// # Errors
/// The store or the database does not answer; the upload must be verified again.
pub async fn verify_upload(
    app: &App,
    tenant: TenantId,
    upload: &Upload,
) -> Result<SituacaoArquivo> {
    let mut tx = app.db.tenant(tenant).await?;
    let parts = table::parts(&mut tx, upload.id).await?;
    tx.rollback().await?;
    let variant: Variante = upload.variant.parse()?;
    if variant != Variante::Original {
        return keep_derivative(app, tenant, upload, variant, &parts).await;
    }
    if parts.is_empty() {
        return inherit(app, tenant, upload).await;
    }
    if !report_state(app, tenant, upload.file(), Recebida, None).await? {
        return Ok(Esperada);
    }
    let outcome = match is_lost(app, &parts, upload).await? {
        true => Err(WRONG_HASH),
        false => read_original(app, tenant, upload, &parts).await?,
    };
    match outcome {
        Ok(checked) => {
            record(app, tenant, upload, Some(&checked)).await?;
            report_state(app, tenant, upload.file(), Verificada, None).await?;
            Ok(Verificada)
        }
        Err(reason) => {
            report_state(app, tenant, upload.file(), Recusada, Some(reason)).await?;
            Ok(Recusada)
        }
    }
}

/// Whether a part is still missing in the store after [`ATTEMPTS_MAX`] attempts. Then the device
/// must send the file again.
async fn is_lost(app: &App, parts: &[Part], upload: &Upload) -> Result<bool> {
    if upload.attempts <= ATTEMPTS_MAX {
        return Ok(false);
    }
    for part in parts {
        match app.objects.store().head(&part.object).await {
            Ok(_) => {}
            Err(object_store::Error::NotFound { .. }) => return Ok(true),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(false)
}

/// An upload without parts: the same bytes were verified before, in a record that the sender sees.
async fn inherit(app: &App, tenant: TenantId, upload: &Upload) -> Result<SituacaoArquivo> {
    if !is_present(app, tenant, upload).await? {
        // The object is gone, so the phone is asked for the bytes.
        return Ok(Esperada);
    }
    if !report_state(app, tenant, upload.file(), Recebida, None).await? {
        return Ok(Esperada);
    }
    record(app, tenant, upload, None).await?;
    report_state(app, tenant, upload.file(), Verificada, None).await?;
    Ok(Verificada)
}

/// Whether the database has a row of the bytes and the store has the object.
async fn is_present(app: &App, tenant: TenantId, upload: &Upload) -> Result<bool> {
    let mut tx = app.db.tenant(tenant).await?;
    let query = "SELECT EXISTS (SELECT FROM arquivo WHERE sha256 = $1)";
    let row: bool = sqlx::query_scalar(query).bind(&upload.sha256).fetch_one(&mut *tx).await?;
    tx.rollback().await?;
    if !row {
        return Ok(false);
    }
    match app.objects.store().head(&objects::original(tenant, &upload.sha256)).await {
        Ok(found) => Ok(i64::try_from(found.size) == Ok(upload.length)),
        Err(object_store::Error::NotFound { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Reads the parts and stores the whole under its hash if it is what was declared; the inner error
/// is the code of the refusal.
async fn read_original(
    app: &App,
    tenant: TenantId,
    upload: &Upload,
    parts: &[Part],
) -> Result<Result<Checked, &'static str>> {
    // Even if the company has bytes with that hash, the sent ones are read and compared: a hash
    // alone must not give access to a file.
    let present = is_present(app, tenant, upload).await?;
    let key = objects::original(tenant, &upload.sha256);
    let store = app.objects.store();
    let mut bytes = read(store, parts);
    let mut start = BytesMut::new();
    while start.len() < SNIFFED_BYTES
        && let Some(more) = bytes.try_next().await?
    {
        start.extend_from_slice(&more);
    }
    let kind = campo_fotos::sniff(&start);
    if !kind.format.decodable() || upload.length > IMAGE_BYTES_MAX {
        let target = (!present).then_some((store, &key));
        return copy(upload, start.freeze(), bytes, kind, target).await;
    }
    let whole = collect(upload, start, bytes).await?;
    let (image, sha256) = (whole.clone(), upload.sha256.clone());
    let verdict = decode_in_turn(app, move || {
        if hex::encode(Sha256::digest(&image)) != sha256 {
            return Err(WRONG_HASH);
        }
        campo_fotos::verify(&image).map_err(|_| UNREADABLE_IMAGE)
    });
    let sides = match verdict.await? {
        Ok(sides) => sides,
        Err(reason) => return Ok(Err(reason)),
    };
    if !present {
        store.put(&key, whole.into()).await?;
    }
    Ok(Ok(Checked { mime: kind.mime, sides: Some(sides) }))
}

/// The bytes of the parts in order. A part of another length is an error of the store.
fn read(store: &Arc<dyn ObjectStore>, parts: &[Part]) -> Bytestream {
    let store = store.clone();
    let parts = stream::iter(parts.to_vec());
    let bytes = parts.then(move |part| {
        let store = store.clone();
        async move {
            let found = store.get(&part.object).await?;
            let length = i64::try_from(found.meta.size)?;
            ensure!(length == part.end - part.start, "{} has {length} bytes", part.object);
            Ok(found.into_stream().map_err(anyhow::Error::from))
        }
    });
    Box::pin(bytes.try_flatten())
}

/// All bytes of the upload in memory. The caller has checked that it is small enough.
async fn collect(upload: &Upload, mut start: BytesMut, mut bytes: Bytestream) -> Result<Bytes> {
    let length = usize::try_from(upload.length)?;
    start.reserve(length.saturating_sub(start.len()));
    while let Some(more) = bytes.try_next().await? {
        start.extend_from_slice(&more);
    }
    ensure!(start.len() == length, "{} of {length} bytes were read", start.len());
    Ok(start.freeze())
}

/// Hashes a file while it is copied to `target`, if there is one. The multipart write is completed
/// only if the hash is right, so a wrong object never appears.
async fn copy(
    upload: &Upload,
    start: Bytes,
    bytes: Bytestream,
    kind: FileType,
    target: Option<(&Arc<dyn ObjectStore>, &Path)>,
) -> Result<Result<Checked, &'static str>> {
    let mut write = match target {
        Some((store, key)) => {
            let upload = store.put_multipart(key).await?;
            Some(WriteMultipart::new_with_chunk_size(upload, WRITE_BYTES))
        }
        None => None,
    };
    let read = hash_and_write(upload, start, bytes, write.as_mut()).await;
    let right = match &read {
        Ok(sha256) => *sha256 == upload.sha256,
        Err(_) => false,
    };
    if let Some(write) = write {
        if right {
            write.finish().await?;
        } else if let Err(error) = write.abort().await {
            tracing::info!(envio = %upload.id, %error, "a write could not be taken back");
        }
    }
    read?;
    Ok(match right {
        true => Ok(Checked { mime: kind.mime, sides: None }),
        false => Err(WRONG_HASH),
    })
}

/// Reads all bytes into the hash and into `write`; returns the hash, in hexadecimal.
async fn hash_and_write(
    upload: &Upload,
    start: Bytes,
    bytes: Bytestream,
    mut write: Option<&mut WriteMultipart>,
) -> Result<String> {
    let mut bytes = stream::once(async { Ok(start) }).chain(bytes).boxed();
    let (mut hasher, mut bytes_read) = (Sha256::new(), 0);
    while let Some(more) = bytes.try_next().await? {
        bytes_read += i64::try_from(more.len())?;
        hasher.update(&more);
        if let Some(write) = &mut write {
            write.wait_for_capacity(WRITES_MAX).await?;
            write.write(&more);
        }
    }
    ensure!(bytes_read == upload.length, "{bytes_read} of {} bytes were read", upload.length);
    Ok(hex::encode(hasher.finalize()))
}

/// Inserts the row of the verified bytes (`None` where there is one already), and queues the making
/// of smaller pictures that no device has sent.
async fn record(
    app: &App,
    tenant: TenantId,
    upload: &Upload,
    checked: Option<&Checked>,
) -> Result<()> {
    let key = objects::original(tenant, &upload.sha256);
    let mut tx = app.db.tenant(tenant).await?;
    // Take the key's lock; the orphan sweep holds it to delete.
    objects::lock(&mut tx, &key).await?;
    if let Some(Checked { mime, sides }) = checked {
        let (width, height) = sides.unzip();
        sqlx::query(
            "INSERT INTO arquivo (tenant, sha256, tamanho, mime, largura, altura, derivadas) \
             VALUES ($1, $2, $3, $4, $5, $6, 'nao_ha') ON CONFLICT DO NOTHING",
        )
        .bind(tenant.uuid())
        .bind(&upload.sha256)
        .bind(upload.length)
        .bind(*mime)
        .bind(width.map(u32::cast_signed))
        .bind(height.map(u32::cast_signed))
        .execute(&mut *tx)
        .await?;
    }
    sqlx::query(
        "UPDATE arquivo SET derivadas = 'pendentes', tentativas = 0, proxima_em = now() \
         WHERE sha256 = $1 AND derivadas = 'nao_ha' AND largura IS NOT NULL \
             AND (SELECT count(*) FROM derivada WHERE document = $2 AND anexo = $3) < 2",
    )
    .bind(&upload.sha256)
    .bind(upload.document)
    .bind(upload.attachment)
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    app.objects.store().head(&key).await.context("the object of a verified file is gone")?;
    Ok(())
}

/// Verifies a smaller picture that a device made. It is stored if it is a whole JPEG of the right
/// hash and size. Otherwise it is dropped, and the record says nothing of it; the device sends it
/// again.
async fn keep_derivative(
    app: &App,
    tenant: TenantId,
    upload: &Upload,
    variant: Variante,
    parts: &[Part],
) -> Result<SituacaoArquivo> {
    if is_lost(app, parts, upload).await? {
        return Ok(Recusada);
    }
    let store = app.objects.store();
    let bytes = collect(upload, BytesMut::new(), read(store, parts)).await?;
    let (image, sha256) = (bytes.clone(), upload.sha256.clone());
    let side = if variant == Variante::Previa { PREVIEW_PX } else { THUMBNAIL_PX };
    let good = decode_in_turn(app, move || {
        hex::encode(Sha256::digest(&image)) == sha256
            && campo_fotos::sniff(&image).format == Format::Jpeg
            && campo_fotos::verify(&image).is_ok_and(|(w, h)| w.max(h) <= side)
    });
    let (document, attachment) = (upload.document.into(), upload.attachment.into());
    if !good.await? {
        tracing::info!(
            %tenant, documento = %document, anexo = %attachment, variante = %variant,
            "a picture was dropped"
        );
        return Ok(Recusada);
    }
    store
        .put(&objects::sent_derivative(tenant, document, &attachment, variant), bytes.into())
        .await?;
    let mut tx = app.db.tenant(tenant).await?;
    // Nothing is inserted for a document that was erased meanwhile.
    let done = sqlx::query(
        "INSERT INTO derivada (tenant, document, anexo, variante, sha256, tamanho) \
         SELECT tenant, id, $2, $3, $4, $5 FROM document WHERE id = $1 AND NOT erased \
         ON CONFLICT (tenant, document, anexo, variante) DO NOTHING",
    )
    .bind(upload.document)
    .bind(upload.attachment)
    .bind(&upload.variant)
    .bind(&upload.sha256)
    .bind(upload.length)
    .execute(&mut *tx)
    .await?;
    ledger::notify(&mut tx, tenant).await?;
    tx.commit().await?;
    if done.rows_affected() == 0 {
        app.objects
            .discard(&[objects::sent_derivative(tenant, document, &attachment, variant)])
            .await;
        return Ok(Esperada);
    }
    Ok(Verificada)
}
