//! What a record says of a file. It is read from the table `anexos`, so that a gallery of pictures
//! does not load the whole document for each of them. Removed files are only in the document;
//! callers load it when the table has no row.

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
pub struct Declared {
    /// Its name, with the extension.
    #[sqlx(rename = "nome")]
    pub name: String,
    /// SHA-256 of its bytes, in lower-case hexadecimal.
    pub sha256: String,
    /// Bytes.
    #[sqlx(rename = "tamanho")]
    pub length: i64,
    /// Whether the server has read the bytes and found this hash.
    #[sqlx(rename = "verificada")]
    pub verified: bool,
    /// The person who attached it.
    #[sqlx(rename = "autor")]
    pub author: Uuid,
}

impl Declared {
    /// From the document; removed files too.
    ///
    /// # Errors
    /// 404 `nao_encontrado` where the record has no such file.
    pub fn of_record(registro: &Registro, attachment: ItemId) -> ApiResult<Self> {
        let item = registro.colecao(Colecao::Anexos).get(&attachment);
        let item = item.ok_or_else(ApiError::nao_encontrado)?;
        let text = |campo: &str| item.valor(campo).texto().unwrap_or_default().to_owned();
        Ok(Self {
            name: text("nome"),
            sha256: text("sha256"),
            length: match item.valor("tamanho") {
                Valor::Inteiro(length) => *length,
                _ => 0,
            },
            verified: registro.arquivo(&attachment) == SituacaoArquivo::Verificada,
            author: item.autoria.por.uuid(),
        })
    }

    /// From the table: a file that is not removed, of a record that the viewer sees. Without a
    /// viewer, of any record of the company.
    ///
    /// # Errors
    /// PostgreSQL's.
    pub async fn from_rows(
        app: &App,
        tenant: TenantId,
        viewer: Option<Viewer>,
        (document, attachment): (DocumentId, ItemId),
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
        .bind(document.uuid())
        .bind(attachment.uuid())
        .bind(viewer.is_none())
        .fetch_optional(&mut *tx)
        .await
    }
}

/// Whether the person may have a file by that author, in a record that the person sees. People of
/// the company may have every file; a client's person, those of people of the same client.
///
/// # Errors
/// PostgreSQL's.
pub async fn may_have(
    tx: &mut PgTransaction<'_>,
    pessoa: &Pessoa,
    author: UserId,
) -> sqlx::Result<bool> {
    let Some(cliente) = pessoa.cliente else { return Ok(true) };
    sqlx::query_scalar("SELECT EXISTS (SELECT FROM usuario WHERE id = $1 AND cliente = $2)")
        .bind(author.uuid())
        .bind(cliente.uuid())
        .fetch_one(&mut **tx)
        .await
}
