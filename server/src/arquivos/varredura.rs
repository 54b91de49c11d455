//! Objects without a record, and records without an object. Both are reported; only the first are
//! deleted, and only when somebody asks for it. What a pending upload may need is neither.

mod relatorio;

pub use relatorio::Varredura;

use crate::{
    db::Db,
    objects::{self, Objects},
};
use anyhow::Result;
use campo_domain::{ids::TenantId, parte::Variante};
use chrono::{DateTime, TimeDelta, Utc};
use futures::TryStreamExt;
use object_store::{Error, ObjectMeta, ObjectStoreExt, path::Path};
use relatorio::{DaEmpresa, Falta, Orfao};
use sqlx::PgTransaction;
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// How old an object must be to be of nobody: whoever wrote a younger one may be about to say so.
const IDADE: TimeDelta = TimeDelta::hours(24);

/// Compares what the store holds with what the database knows, for every company.
///
/// # Errors
/// The database or the store does not answer.
pub async fn varrer(
    db: &Db,
    objects: &Objects,
    apagar: bool,
    agora: DateTime<Utc>,
) -> Result<Varredura> {
    let empresas: Vec<(Uuid, String)> =
        sqlx::query_as("SELECT id, slug FROM tenant ORDER BY slug").fetch_all(db.owner()).await?;
    let mut varredura = Varredura { apagar, empresas: Vec::new() };
    for (tenant, slug) in empresas {
        let tenant = TenantId::from(tenant);
        let (mut empresa, conhecidos) = objetos(db, objects, tenant, slug, agora).await?;
        if apagar {
            remover(db, objects, tenant, &mut empresa, agora).await?;
        }
        faltas(db, objects, tenant, &mut empresa, &conhecidos).await?;
        varredura.empresas.push(empresa);
    }
    Ok(varredura)
}

/// What a key says that an object is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Chave {
    Original(String),
    Derivado(String),
    DoAnexo(Uuid, Uuid, Variante),
    Parte(Uuid),
    /// No key that is made here.
    Outra,
}

impl Chave {
    fn ler(tenant: TenantId, location: &Path) -> Self {
        let texto = location.as_ref();
        let rest = texto.strip_prefix(&format!("{tenant}/")).unwrap_or_default();
        let partes: Vec<&str> = rest.split('/').collect();
        let read = match partes[..] {
            ["originais", _, sha256] => Some(Chave::Original(sha256.to_owned())),
            ["derivados", _, sha256, _] => Some(Chave::Derivado(sha256.to_owned())),
            ["anexos", documento, anexo, variante] => (|| {
                let variante = variante.strip_suffix(".jpg")?.parse().ok()?;
                Some(Chave::DoAnexo(documento.parse().ok()?, anexo.parse().ok()?, variante))
            })(),
            ["envios", envio, _] => envio.parse().ok().map(Chave::Parte),
            _ => None,
        };
        read.unwrap_or(Chave::Outra)
    }
}

/// Which keys the database knows.
struct Conhecido {
    arquivos: HashSet<String>,
    derivadas: HashSet<(Uuid, Uuid, Variante)>,
    envios: HashSet<Uuid>,
}

impl Conhecido {
    async fn ler(db: &Db, tenant: TenantId) -> Result<Self> {
        let mut tx = db.snapshot(tenant).await?;
        let arquivos: Vec<String> =
            sqlx::query_scalar("SELECT sha256 FROM arquivo").fetch_all(&mut *tx).await?;
        let derivadas: Vec<(Uuid, Uuid, String)> =
            sqlx::query_as("SELECT document, anexo, variante FROM derivada")
                .fetch_all(&mut *tx)
                .await?;
        let envios: Vec<Uuid> =
            sqlx::query_scalar("SELECT id FROM envio").fetch_all(&mut *tx).await?;
        let derivadas = derivadas.into_iter().filter_map(|(documento, anexo, variante)| {
            Some((documento, anexo, variante.parse().ok()?))
        });
        Ok(Self {
            arquivos: arquivos.into_iter().collect(),
            derivadas: derivadas.collect(),
            envios: envios.into_iter().collect(),
        })
    }

    fn tem(&self, chave: &Chave) -> bool {
        match chave {
            Chave::Original(sha256) | Chave::Derivado(sha256) => self.arquivos.contains(sha256),
            Chave::DoAnexo(documento, anexo, variante) => {
                self.derivadas.contains(&(*documento, *anexo, *variante))
            }
            Chave::Parte(envio) => self.envios.contains(envio),
            Chave::Outra => false,
        }
    }
}

/// Lists the objects of a company; returns every location too.
async fn objetos(
    db: &Db,
    objects: &Objects,
    tenant: TenantId,
    slug: String,
    agora: DateTime<Utc>,
) -> Result<(DaEmpresa, HashMap<Path, u64>)> {
    let prefix = objects::da_empresa(tenant);
    let found: Vec<ObjectMeta> = objects.store().list(Some(&prefix)).try_collect().await?;
    // Read after the list: a row that was written meanwhile is seen.
    let conhecido = Conhecido::ler(db, tenant).await?;
    let mut empresa = DaEmpresa { slug, ..DaEmpresa::default() };
    let mut all = HashMap::new();
    for ObjectMeta { location, size, last_modified, .. } in found {
        empresa.objetos += 1;
        empresa.bytes += size;
        let old = last_modified < agora - IDADE;
        if old && !conhecido.tem(&Chave::ler(tenant, &location)) {
            let orfao = Orfao { objeto: location.clone(), bytes: size, apagado: false };
            empresa.orfaos.push(orfao);
        }
        all.insert(location, size);
    }
    empresa.orfaos.sort_by(|a, b| a.objeto.cmp(&b.objeto));
    Ok((empresa, all))
}

/// Deletes what is of nobody, after another look at each.
async fn remover(
    db: &Db,
    objects: &Objects,
    tenant: TenantId,
    empresa: &mut DaEmpresa,
    agora: DateTime<Utc>,
) -> Result<()> {
    for orfao in &mut empresa.orfaos {
        let mut tx = db.tenant(tenant).await?;
        // Whoever verifies the same bytes now waits until it is gone, and then finds that out; or
        // has said so, and it is somebody's.
        objects::lock(&mut tx, &orfao.objeto).await?;
        if conhecida(&mut tx, &Chave::ler(tenant, &orfao.objeto)).await? {
            continue;
        }
        match objects.store().head(&orfao.objeto).await {
            Ok(found) if found.last_modified < agora - IDADE => {}
            // Written again a moment ago.
            Ok(_) => continue,
            Err(Error::NotFound { .. }) => continue,
            Err(error) => return Err(error.into()),
        }
        objects.store().delete(&orfao.objeto).await?;
        tx.commit().await?;
        orfao.apagado = true;
    }
    Ok(())
}

/// Whether a row knows that key now.
async fn conhecida(tx: &mut PgTransaction<'_>, chave: &Chave) -> sqlx::Result<bool> {
    let arquivo = "SELECT EXISTS (SELECT FROM arquivo WHERE sha256 = $1)";
    let derivada = "SELECT EXISTS (SELECT FROM derivada \
                    WHERE document = $1 AND anexo = $2 AND variante = $3)";
    let envio = "SELECT EXISTS (SELECT FROM envio WHERE id = $1)";
    match chave {
        Chave::Original(sha256) | Chave::Derivado(sha256) => {
            sqlx::query_scalar(arquivo).bind(sha256).fetch_one(&mut **tx).await
        }
        Chave::DoAnexo(documento, anexo, variante) => {
            let query = sqlx::query_scalar(derivada).bind(documento).bind(anexo);
            query.bind(variante.codigo()).fetch_one(&mut **tx).await
        }
        Chave::Parte(id) => sqlx::query_scalar(envio).bind(id).fetch_one(&mut **tx).await,
        Chave::Outra => Ok(false),
    }
}

/// Finds the rows whose object the store has not.
async fn faltas(
    db: &Db,
    objects: &Objects,
    tenant: TenantId,
    empresa: &mut DaEmpresa,
    conhecidos: &HashMap<Path, u64>,
) -> Result<()> {
    let mut tx = db.snapshot(tenant).await?;
    let arquivos: Vec<(String, i64, bool)> = sqlx::query_as(
        "SELECT sha256, tamanho, derivadas = 'prontas' FROM arquivo ORDER BY sha256",
    )
    .fetch_all(&mut *tx)
    .await?;
    let derivadas: Vec<(Uuid, Uuid, String, i64)> = sqlx::query_as(
        "SELECT document, anexo, variante, tamanho FROM derivada \
         ORDER BY document, anexo, variante",
    )
    .fetch_all(&mut *tx)
    .await?;
    let verificados: Vec<(Uuid, Uuid, String)> = sqlx::query_as(
        "SELECT x.document, x.id, coalesce(x.sha256, '') FROM anexos x \
         WHERE x.estado = 'verificada' \
             AND NOT EXISTS (SELECT FROM arquivo a WHERE a.sha256 = x.sha256) \
         ORDER BY x.document, x.id",
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.rollback().await?;
    let mut esperados: Vec<(Falta, Path, Option<i64>)> = Vec::new();
    for (sha256, tamanho, prontas) in arquivos {
        for variante in [Variante::Previa, Variante::Miniatura] {
            if prontas {
                let objeto = objects::derivado(tenant, &sha256, variante);
                let falta = Falta::Derivado { sha256: sha256.clone(), variante };
                esperados.push((falta, objeto, None));
            }
        }
        let objeto = objects::original(tenant, &sha256);
        esperados.push((Falta::Arquivo { sha256 }, objeto, Some(tamanho)));
    }
    for (documento, anexo, variante, tamanho) in derivadas {
        let Ok(variante) = variante.parse() else { continue };
        let objeto = objects::do_anexo(tenant, documento.into(), &anexo.into(), variante);
        let falta = Falta::DoAnexo { documento, anexo, variante };
        esperados.push((falta, objeto, Some(tamanho)));
    }
    for (falta, objeto, tamanho) in esperados {
        let fits = |size: u64| tamanho.is_none_or(|tamanho| i64::try_from(size) == Ok(tamanho));
        if conhecidos.get(&objeto).is_some_and(|size| fits(*size)) {
            continue;
        }
        // It may have come after the list.
        match objects.store().head(&objeto).await {
            Ok(found) if fits(found.size) => {}
            Ok(_) | Err(Error::NotFound { .. }) => empresa.faltas.push(falta),
            Err(error) => return Err(error.into()),
        }
    }
    let sem_linha = verificados.into_iter();
    empresa.faltas.extend(sem_linha.map(|(documento, anexo, sha256)| Falta::Anexo {
        documento,
        anexo,
        sha256,
    }));
    Ok(())
}
