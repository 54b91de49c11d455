//! What a record says of a file, read from the rows of the lists: neither a gallery nor an upload
//! reads a whole document for each request. What only the document knows, as what was removed, is
//! asked of it where the rows do not answer.

use crate::{
    app::App,
    error::{ApiError, ApiResult},
    visibility::{Viewer, visible},
};
use campo_domain::{
    ids::{DocumentId, ItemId, TenantId, UserId},
    parte::Colecao,
    pessoa::Pessoa,
    registro::{Registro, SituacaoArquivo},
    valor::Valor,
};
use sqlx::{FromRow, PgTransaction};
use uuid::Uuid;

/// A file as its record declares it.
#[derive(Clone, Debug, FromRow)]
pub struct Declarado {
    /// What it is called.
    pub nome: String,
    /// What its bytes hash to, in hexadecimal.
    pub sha256: String,
    /// How many they are.
    pub tamanho: i64,
    /// Whether the server has proven that it has them.
    pub verificada: bool,
    /// Who attached it.
    pub autor: Uuid,
}

impl Declarado {
    /// Of a record that was read.
    ///
    /// # Errors
    /// 404 `nao_encontrado`.
    pub fn lido(registro: &Registro, anexo: ItemId) -> ApiResult<Self> {
        let item = registro.colecao(Colecao::Anexos).get(&anexo);
        let item = item.ok_or_else(ApiError::nao_encontrado)?;
        let texto = |campo: &str| item.valor(campo).texto().unwrap_or_default().to_owned();
        Ok(Self {
            nome: texto("nome"),
            sha256: texto("sha256"),
            tamanho: match item.valor("tamanho") {
                Valor::Inteiro(tamanho) => *tamanho,
                _ => 0,
            },
            verificada: registro.arquivo(&anexo) == SituacaoArquivo::Verificada,
            autor: item.autoria.por.uuid(),
        })
    }

    /// By the rows: one that is attached and not removed, of a record that the viewer sees; of any,
    /// without a viewer.
    ///
    /// # Errors
    /// PostgreSQL's.
    pub async fn das_listas(
        app: &App,
        tenant: TenantId,
        viewer: Option<Viewer>,
        (documento, anexo): (DocumentId, ItemId),
    ) -> sqlx::Result<Option<Self>> {
        let mut tx = app.db.snapshot(tenant).await?;
        sqlx::query_as(concat!(
            "SELECT coalesce(a.nome, '') AS nome, coalesce(a.sha256, '') AS sha256, \
                 coalesce(a.tamanho, 0) AS tamanho, a.estado = 'verificada' AS verificada, \
                 coalesce(a.autor, d.id) AS autor \
             FROM anexos a JOIN document d ON d.tenant = a.tenant AND d.id = a.document \
             WHERE a.document = $3 AND a.id = $4 AND NOT d.erased AND ($5 OR ",
            visible!("d", with kind),
            ")"
        ))
        .bind(viewer.and_then(|viewer| viewer.id))
        .bind(viewer.is_some_and(|viewer| viewer.all))
        .bind(documento.uuid())
        .bind(anexo.uuid())
        .bind(viewer.is_none())
        .fetch_optional(&mut *tx)
        .await
    }
}

/// Whether the person may have what that author attached, where both see the record: a client has
/// only what its own people attached.
///
/// # Errors
/// PostgreSQL's.
pub async fn dos_seus(
    tx: &mut PgTransaction<'_>,
    pessoa: &Pessoa,
    autor: UserId,
) -> sqlx::Result<bool> {
    let Some(cliente) = pessoa.cliente else { return Ok(true) };
    sqlx::query_scalar("SELECT EXISTS (SELECT FROM usuario WHERE id = $1 AND cliente = $2)")
        .bind(autor.uuid())
        .bind(cliente.uuid())
        .fetch_one(&mut **tx)
        .await
}
