//! Which file an upload is for, and whether somebody may send it: whoever sees the record, or who
//! attached the file and has lost sight of the record since. That the record is closed is no
//! hindrance: what was declared while it was open still arrives.

use super::cabecalhos::Metadados;
use crate::{
    app::App,
    arquivos::declarado::{Declarado, dos_seus},
    error::{ApiError, ApiResult},
    http::principal::Principal,
    ledger, objects, office,
    visibility::{Viewer, visible},
};
use axum::http::StatusCode;
use campo_domain::{
    ids::{DocumentId, ItemId, TenantId},
    parte::{Colecao, Variante},
    policy,
};
use campo_sync::admission::Merged;
use object_store::ObjectStoreExt;
use sqlx::PgTransaction;

/// What an upload is of.
#[derive(Clone, Debug)]
pub struct Alvo {
    /// The record.
    pub documento: DocumentId,
    /// The file.
    pub anexo: ItemId,
    /// Which picture of it.
    pub variante: Variante,
    /// What its bytes must hash to.
    pub sha256: String,
    /// How many they must be.
    pub tamanho: i64,
    /// Whether it was verified already; of the original.
    pub verificada: bool,
}

/// The file as its record has it, if whoever asks may send its bytes.
///
/// # Errors
/// 404 `nao_encontrado`; 410 `anexo_removido`.
pub async fn permitido(
    app: &App,
    quem: &Principal,
    documento: DocumentId,
    anexo: ItemId,
) -> ApiResult<Declarado> {
    let (tenant, pessoa) = (quem.tenant, &quem.pessoa);
    if pessoa.cliente.is_none() {
        let viewer = Some(Viewer::of(pessoa));
        let visto = Declarado::das_listas(app, tenant, viewer, (documento, anexo)).await?;
        if let Some(declarado) = visto {
            return Ok(declarado);
        }
    }
    let mut tx = app.db.snapshot(tenant).await?;
    let merged = ler(&mut tx, tenant, documento).await?;
    let registro = &merged.registro;
    let item = registro.colecao(Colecao::Anexos).get(&anexo);
    let item = item.ok_or_else(ApiError::nao_encontrado)?;
    let autor = item.autoria.por;
    if autor != pessoa.id {
        let caso = ledger::caso(&mut tx, tenant, registro.raiz()).await?;
        let sees = policy::alcanca(pessoa, registro, &merged.tipo, &caso.as_policy());
        let own = dos_seus(&mut tx, pessoa, autor).await?;
        if !sees || !own {
            return Err(ApiError::nao_encontrado());
        }
    }
    if item.removido {
        let mensagem = "Este arquivo foi removido do registro; não precisa mais ser enviado.";
        return Err(ApiError::new(StatusCode::GONE, "anexo_removido", mensagem));
    }
    Declarado::lido(registro, anexo)
}

/// The record, whoever asks.
async fn ler(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    documento: DocumentId,
) -> ApiResult<Merged> {
    office::merged(tx, tenant, documento).await?.ok_or_else(ApiError::nao_encontrado)
}

impl Alvo {
    /// The original of a file, whoever sends it.
    ///
    /// # Errors
    /// The record declares no such file, or one of another length.
    pub async fn original(
        tx: &mut PgTransaction<'_>,
        tenant: TenantId,
        documento: DocumentId,
        anexo: ItemId,
        tamanho: i64,
    ) -> ApiResult<Self> {
        let registro = ler(tx, tenant, documento).await?.registro;
        let declarado = Declarado::lido(&registro, anexo)?;
        let sha256 = conferir(&declarado, tamanho.unsigned_abs(), None)?;
        let (variante, verificada) = (Variante::Original, false);
        Ok(Self { documento, anexo, variante, sha256, tamanho, verificada })
    }

    /// The file that the metadata name, if whoever asks may send so many bytes for it.
    ///
    /// # Errors
    /// As [`permitido`]; 400 or 413 for what is not as it was declared.
    pub async fn novo(
        app: &App,
        quem: &Principal,
        dados: &Metadados,
        tamanho: u64,
    ) -> ApiResult<Self> {
        let Metadados { documento, anexo, variante, sha256 } = dados;
        let (documento, anexo, variante) = (*documento, *anexo, *variante);
        let declarado = permitido(app, quem, documento, anexo).await?;
        // Nothing but its own word binds a picture to its original.
        if variante != Variante::Original && declarado.autor != quem.pessoa.id.uuid() {
            return Err(ApiError::nao_encontrado());
        }
        if tamanho > variante.bytes_max() {
            return Err(grande_demais());
        }
        let sha256 = match variante {
            Variante::Original => Some(conferir(&declarado, tamanho, sha256.as_deref())?),
            Variante::Previa | Variante::Miniatura => sha256.clone(),
        };
        let sha256 = sha256.filter(|sha256| hexadecimal(sha256)).ok_or_else(|| {
            ApiError::invalido("Falta o SHA-256 dos bytes, em hexadecimal, em Upload-Metadata.")
        })?;
        let tamanho = i64::try_from(tamanho).ok().filter(|tamanho| *tamanho > 0);
        let tamanho =
            tamanho.ok_or_else(|| ApiError::invalido("Um arquivo tem ao menos um byte."))?;
        let verificada = variante == Variante::Original && declarado.verificada;
        Ok(Self { documento, anexo, variante, sha256, tamanho, verificada })
    }

    /// Whether nothing needs to be sent: the bytes are here, and proven.
    ///
    /// # Errors
    /// PostgreSQL's.
    pub async fn pronto(&self, app: &App, quem: &Principal) -> ApiResult<bool> {
        if self.variante == Variante::Original {
            return Ok(self.verificada);
        }
        let derivada = derivada(app, quem, self.documento, self.anexo, self.variante).await?;
        Ok(derivada.is_some())
    }

    /// Whether the company has these bytes already in a record that this person sees: knowing a
    /// hash alone opens nothing.
    ///
    /// # Errors
    /// PostgreSQL's.
    pub async fn ja_visto(&self, app: &App, quem: &Principal) -> ApiResult<bool> {
        if self.variante != Variante::Original || quem.pessoa.cliente.is_some() {
            return Ok(false);
        }
        let viewer = Viewer::of(&quem.pessoa);
        let mut tx = app.db.snapshot(quem.tenant).await?;
        let visto: bool = sqlx::query_scalar(concat!(
            "SELECT EXISTS (SELECT FROM anexos x \
                 JOIN arquivo a ON a.tenant = x.tenant AND a.sha256 = x.sha256 AND a.tamanho = $4 \
                 JOIN document d ON d.tenant = x.tenant AND d.id = x.document \
                 WHERE x.sha256 = $3 AND x.estado = 'verificada' AND NOT d.erased AND ",
            visible!("d", with kind),
            ")"
        ))
        .bind(viewer.id)
        .bind(viewer.all)
        .bind(&self.sha256)
        .bind(self.tamanho)
        .fetch_one(&mut *tx)
        .await?;
        tx.rollback().await?;
        // What the store has lost is sent again.
        let chave = objects::original(quem.tenant, &self.sha256);
        Ok(visto && app.objects.store().head(&chave).await.is_ok())
    }
}

/// Length of a derivative that has arrived.
///
/// # Errors
/// PostgreSQL's.
pub async fn derivada(
    app: &App,
    quem: &Principal,
    documento: DocumentId,
    anexo: ItemId,
    variante: Variante,
) -> ApiResult<Option<i64>> {
    let mut tx = app.db.snapshot(quem.tenant).await?;
    let query = "SELECT tamanho FROM derivada \
                 WHERE document = $1 AND anexo = $2 AND variante = $3";
    Ok(sqlx::query_scalar(query)
        .bind(documento.uuid())
        .bind(anexo.uuid())
        .bind(variante.codigo())
        .fetch_optional(&mut *tx)
        .await?)
}

/// The hash of the original, if length and hash are those that the record declares.
fn conferir(declarado: &Declarado, tamanho: u64, sha256: Option<&str>) -> ApiResult<String> {
    if i64::try_from(tamanho) != Ok(declarado.tamanho) {
        let mensagem = "O arquivo não tem o tamanho que foi registrado.";
        return Err(ApiError::new(StatusCode::BAD_REQUEST, "tamanho_diferente", mensagem)
            .with("declarado", declarado.tamanho));
    }
    if sha256.is_some_and(|sha256| sha256 != declarado.sha256) {
        let mensagem = "O SHA-256 do arquivo não é o que foi registrado.";
        return Err(ApiError::new(StatusCode::BAD_REQUEST, "hash_diferente", mensagem)
            .with("declarado", &*declarado.sha256));
    }
    Ok(declarado.sha256.clone())
}

fn hexadecimal(sha256: &str) -> bool {
    sha256.len() == 64 && sha256.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// 413 `arquivo_grande_demais`.
pub fn grande_demais() -> ApiError {
    let mensagem = "O arquivo passa do tamanho permitido.";
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "arquivo_grande_demais", mensagem)
}
