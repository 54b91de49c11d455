//! Reading one upload back, and saying what it is.

use crate::{
    app::App,
    arquivos::{
        envio::tabela::{self, Envio, Parte},
        estado::dizer,
        olhar,
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

/// Largest image that is looked at; a larger one is kept as any other file.
const IMAGEM_MAX: i64 = 64 * 1024 * 1024;
/// Bytes by which it is known what a file is.
const INICIO: usize = 4096;
/// Bytes of one part on their way into the store.
const ESCRITA: usize = 8 * 1024 * 1024;
/// Parts that are written at once.
const ESCRITAS: usize = 2;
/// How often parts are looked for that the store has not.
const TENTATIVAS_MAX: i32 = 8;

const HASH_DIFERENTE: &str = "hash_diferente";
const IMAGEM_ILEGIVEL: &str = "imagem_ilegivel";

type Bytestream = Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>;

/// Bytes that are what was declared.
#[derive(Debug)]
struct Conferido {
    mime: &'static str,
    /// Upright, in pixels, of an image that was looked at.
    lados: Option<(u32, u32)>,
}

/// Verifies an upload and says so in its record; what the record says then.
///
/// # Errors
/// The store or the database does not answer: nothing is known then.
pub async fn conferir(app: &App, tenant: TenantId, envio: &Envio) -> Result<SituacaoArquivo> {
    let mut tx = app.db.tenant(tenant).await?;
    let partes = tabela::partes(&mut tx, envio.id).await?;
    tx.rollback().await?;
    let variante: Variante = envio.variante.parse()?;
    if variante != Variante::Original {
        return derivada(app, tenant, envio, variante, &partes).await;
    }
    if partes.is_empty() {
        return herdado(app, tenant, envio).await;
    }
    if !dizer(app, tenant, envio.arquivo(), Recebida, None).await? {
        return Ok(Esperada);
    }
    let outcome = match perdido(app, &partes, envio).await? {
        true => Err(HASH_DIFERENTE),
        false => original(app, tenant, envio, &partes).await?,
    };
    match outcome {
        Ok(conferido) => {
            registrar(app, tenant, envio, Some(&conferido)).await?;
            dizer(app, tenant, envio.arquivo(), Verificada, None).await?;
            Ok(Verificada)
        }
        Err(motivo) => {
            dizer(app, tenant, envio.arquivo(), Recusada, Some(motivo)).await?;
            Ok(Recusada)
        }
    }
}

/// Whether the store has lost a part for good: then only the device can help.
async fn perdido(app: &App, partes: &[Parte], envio: &Envio) -> Result<bool> {
    if envio.tentativas <= TENTATIVAS_MAX {
        return Ok(false);
    }
    for parte in partes {
        match app.objects.store().head(&parte.objeto).await {
            Ok(_) => {}
            Err(object_store::Error::NotFound { .. }) => return Ok(true),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(false)
}

/// The same bytes were verified before, in a record that the sender sees.
async fn herdado(app: &App, tenant: TenantId, envio: &Envio) -> Result<SituacaoArquivo> {
    if !presente(app, tenant, envio).await? {
        // Asked for again, and then sent.
        return Ok(Esperada);
    }
    if !dizer(app, tenant, envio.arquivo(), Recebida, None).await? {
        return Ok(Esperada);
    }
    registrar(app, tenant, envio, None).await?;
    dizer(app, tenant, envio.arquivo(), Verificada, None).await?;
    Ok(Verificada)
}

/// Whether the company has the bytes, and the store too.
async fn presente(app: &App, tenant: TenantId, envio: &Envio) -> Result<bool> {
    let mut tx = app.db.tenant(tenant).await?;
    let query = "SELECT EXISTS (SELECT FROM arquivo WHERE sha256 = $1)";
    let row: bool = sqlx::query_scalar(query).bind(&envio.sha256).fetch_one(&mut *tx).await?;
    tx.rollback().await?;
    if !row {
        return Ok(false);
    }
    match app.objects.store().head(&objects::original(tenant, &envio.sha256)).await {
        Ok(found) => Ok(i64::try_from(found.size) == Ok(envio.tamanho)),
        Err(object_store::Error::NotFound { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Reads the parts, and keeps the whole under its hash if it is what was declared.
async fn original(
    app: &App,
    tenant: TenantId,
    envio: &Envio,
    partes: &[Parte],
) -> Result<Result<Conferido, &'static str>> {
    // Whatever is here already: that these bytes are the same must be seen all the same.
    let presente = presente(app, tenant, envio).await?;
    let chave = objects::original(tenant, &envio.sha256);
    let store = app.objects.store();
    let mut bytes = ler(store, partes);
    let mut inicio = BytesMut::new();
    while inicio.len() < INICIO
        && let Some(mais) = bytes.try_next().await?
    {
        inicio.extend_from_slice(&mais);
    }
    let tipo = campo_fotos::sniff(&inicio);
    if !tipo.format.decodable() || envio.tamanho > IMAGEM_MAX {
        let destino = (!presente).then_some((store, &chave));
        return copiar(envio, inicio.freeze(), bytes, tipo, destino).await;
    }
    let inteira = juntar(envio, inicio, bytes).await?;
    let (imagem, sha256) = (inteira.clone(), envio.sha256.clone());
    let verdict = olhar(app, move || {
        if hex::encode(Sha256::digest(&imagem)) != sha256 {
            return Err(HASH_DIFERENTE);
        }
        campo_fotos::verify(&imagem).map_err(|_| IMAGEM_ILEGIVEL)
    });
    let lados = match verdict.await? {
        Ok(lados) => lados,
        Err(motivo) => return Ok(Err(motivo)),
    };
    if !presente {
        store.put(&chave, inteira.into()).await?;
    }
    Ok(Ok(Conferido { mime: tipo.mime, lados: Some(lados) }))
}

/// What the parts hold, in order. A part that is not as long as it was is a failure of the store.
fn ler(store: &Arc<dyn ObjectStore>, partes: &[Parte]) -> Bytestream {
    let store = store.clone();
    let partes = stream::iter(partes.to_vec());
    let bytes = partes.then(move |parte| {
        let store = store.clone();
        async move {
            let found = store.get(&parte.objeto).await?;
            let length = i64::try_from(found.meta.size)?;
            ensure!(length == parte.fim - parte.inicio, "{} has {length} bytes", parte.objeto);
            Ok(found.into_stream().map_err(anyhow::Error::from))
        }
    });
    Box::pin(bytes.try_flatten())
}

/// All bytes of a file that fits into memory.
async fn juntar(envio: &Envio, mut inicio: BytesMut, mut bytes: Bytestream) -> Result<Bytes> {
    let tamanho = usize::try_from(envio.tamanho)?;
    inicio.reserve(tamanho.saturating_sub(inicio.len()));
    while let Some(mais) = bytes.try_next().await? {
        inicio.extend_from_slice(&mais);
    }
    ensure!(inicio.len() == tamanho, "{} of {tamanho} bytes were read", inicio.len());
    Ok(inicio.freeze())
}

/// Hashes a file while it is written where it belongs, if it is not there yet; what is written
/// appears only if the hash is right.
async fn copiar(
    envio: &Envio,
    inicio: Bytes,
    bytes: Bytestream,
    tipo: FileType,
    destino: Option<(&Arc<dyn ObjectStore>, &Path)>,
) -> Result<Result<Conferido, &'static str>> {
    let mut escrita = match destino {
        Some((store, chave)) => {
            let upload = store.put_multipart(chave).await?;
            Some(WriteMultipart::new_with_chunk_size(upload, ESCRITA))
        }
        None => None,
    };
    let read = passar(envio, inicio, bytes, escrita.as_mut()).await;
    let certo = match &read {
        Ok(sha256) => *sha256 == envio.sha256,
        Err(_) => false,
    };
    if let Some(escrita) = escrita {
        if certo {
            escrita.finish().await?;
        } else if let Err(error) = escrita.abort().await {
            tracing::info!(envio = %envio.id, %error, "a write could not be taken back");
        }
    }
    read?;
    Ok(match certo {
        true => Ok(Conferido { mime: tipo.mime, lados: None }),
        false => Err(HASH_DIFERENTE),
    })
}

async fn passar(
    envio: &Envio,
    inicio: Bytes,
    bytes: Bytestream,
    mut escrita: Option<&mut WriteMultipart>,
) -> Result<String> {
    let mut bytes = stream::once(async { Ok(inicio) }).chain(bytes).boxed();
    let (mut conta, mut lidos) = (Sha256::new(), 0);
    while let Some(mais) = bytes.try_next().await? {
        lidos += i64::try_from(mais.len())?;
        conta.update(&mais);
        if let Some(escrita) = &mut escrita {
            escrita.wait_for_capacity(ESCRITAS).await?;
            escrita.write(&mais);
        }
    }
    ensure!(lidos == envio.tamanho, "{lidos} of {} bytes were read", envio.tamanho);
    Ok(hex::encode(conta.finalize()))
}

/// Writes down that the company has these bytes; `None` if that is written already. Pictures that
/// nobody sent are asked for.
async fn registrar(
    app: &App,
    tenant: TenantId,
    envio: &Envio,
    conferido: Option<&Conferido>,
) -> Result<()> {
    let chave = objects::original(tenant, &envio.sha256);
    let mut tx = app.db.tenant(tenant).await?;
    // A sweep that is about to delete the object as nobody's waits, or has done so.
    objects::lock(&mut tx, &chave).await?;
    if let Some(Conferido { mime, lados }) = conferido {
        let (largura, altura) = lados.unzip();
        sqlx::query(
            "INSERT INTO arquivo (tenant, sha256, tamanho, mime, largura, altura, derivadas) \
             VALUES ($1, $2, $3, $4, $5, $6, 'nao_ha') ON CONFLICT DO NOTHING",
        )
        .bind(tenant.uuid())
        .bind(&envio.sha256)
        .bind(envio.tamanho)
        .bind(*mime)
        .bind(largura.map(u32::cast_signed))
        .bind(altura.map(u32::cast_signed))
        .execute(&mut *tx)
        .await?;
    }
    sqlx::query(
        "UPDATE arquivo SET derivadas = 'pendentes', tentativas = 0, proxima_em = now() \
         WHERE sha256 = $1 AND derivadas = 'nao_ha' AND largura IS NOT NULL \
             AND (SELECT count(*) FROM derivada WHERE document = $2 AND anexo = $3) < 2",
    )
    .bind(&envio.sha256)
    .bind(envio.document)
    .bind(envio.anexo)
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    app.objects.store().head(&chave).await.context("the object of a verified file is gone")?;
    Ok(())
}

/// A picture that a device made: kept if it is one, else dropped without a word, so that it is
/// asked for again.
async fn derivada(
    app: &App,
    tenant: TenantId,
    envio: &Envio,
    variante: Variante,
    partes: &[Parte],
) -> Result<SituacaoArquivo> {
    if perdido(app, partes, envio).await? {
        return Ok(Recusada);
    }
    let store = app.objects.store();
    let bytes = juntar(envio, BytesMut::new(), ler(store, partes)).await?;
    let (imagem, sha256) = (bytes.clone(), envio.sha256.clone());
    let lado = if variante == Variante::Previa { PREVIEW_PX } else { THUMBNAIL_PX };
    let good = olhar(app, move || {
        hex::encode(Sha256::digest(&imagem)) == sha256
            && campo_fotos::sniff(&imagem).format == Format::Jpeg
            && campo_fotos::verify(&imagem).is_ok_and(|(w, h)| w.max(h) <= lado)
    });
    let (documento, anexo) = (envio.document.into(), envio.anexo.into());
    if !good.await? {
        tracing::info!(%tenant, %documento, %anexo, %variante, "a picture was dropped");
        return Ok(Recusada);
    }
    store.put(&objects::do_anexo(tenant, documento, &anexo, variante), bytes.into()).await?;
    let mut tx = app.db.tenant(tenant).await?;
    // What was erased meanwhile stays so.
    let done = sqlx::query(
        "INSERT INTO derivada (tenant, document, anexo, variante, sha256, tamanho) \
         SELECT tenant, id, $2, $3, $4, $5 FROM document WHERE id = $1 AND NOT erased \
         ON CONFLICT (tenant, document, anexo, variante) DO NOTHING",
    )
    .bind(envio.document)
    .bind(envio.anexo)
    .bind(&envio.variante)
    .bind(&envio.sha256)
    .bind(envio.tamanho)
    .execute(&mut *tx)
    .await?;
    ledger::notify(&mut tx, tenant).await?;
    tx.commit().await?;
    if done.rows_affected() == 0 {
        app.objects.discard(&[objects::do_anexo(tenant, documento, &anexo, variante)]).await;
        return Ok(Esperada);
    }
    Ok(Verificada)
}
