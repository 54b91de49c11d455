//! What the page of a record shows beside the record itself.

use crate::{
    search,
    visibility::{Viewer, visible},
};
use campo_domain::{
    agenda::NA_ASSISTENCIA,
    ids::{DocumentId, UserId},
    kind::Kind,
    registro::Registro,
};
use campo_screens::link_label;
use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgTransaction, Row};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Which version of a document there is: its generation and its heads, 32 bytes each. `None` where
/// there is no such document, or it was erased.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn version(
    tx: &mut PgTransaction<'_>,
    document: DocumentId,
) -> sqlx::Result<Option<(u32, Vec<u8>)>> {
    let found: Option<(i32, Vec<u8>)> =
        sqlx::query_as("SELECT generation, heads FROM document WHERE id = $1 AND NOT erased")
            .bind(document.uuid())
            .fetch_optional(&mut **tx)
            .await?;
    Ok(found.map(|(generation, heads)| (generation.unsigned_abs(), heads)))
}

/// How many held branches of a record wait for a decision.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn held_count(tx: &mut PgTransaction<'_>, document: DocumentId) -> sqlx::Result<i64> {
    sqlx::query_scalar("SELECT count(*) FROM held WHERE document = $1 AND status = 'aguardando'")
        .bind(document.uuid())
        .fetch_one(&mut **tx)
        .await
}

/// The logins of a client of the company.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn logins_of(
    tx: &mut PgTransaction<'_>,
    cliente: DocumentId,
) -> sqlx::Result<BTreeSet<UserId>> {
    let found: Vec<Uuid> = sqlx::query_scalar("SELECT id FROM usuario WHERE cliente = $1")
        .bind(cliente.uuid())
        .fetch_all(&mut **tx)
        .await?;
    Ok(found.into_iter().map(UserId::from).collect())
}

/// A document as others refer to it.
#[derive(Clone, Debug, FromRow)]
pub struct Named {
    pub id: Uuid,
    pub kind: String,
    pub numero: Option<String>,
    pub titulo: String,
}

impl Named {
    /// How a link to it reads.
    pub fn label(&self) -> String {
        let number = label(self.id, self.numero.as_deref());
        link_label(self.kind.parse().ok(), &number, &self.titulo)
    }
}

/// Number, or the provisional label.
pub fn label(id: Uuid, numero: Option<&str>) -> String {
    numero.map_or_else(|| Registro::rotulo_provisorio(DocumentId::from(id)), str::to_owned)
}

/// Those of the documents that the person may see, by id.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn named(
    tx: &mut PgTransaction<'_>,
    viewer: Viewer,
    ids: &[Uuid],
) -> sqlx::Result<BTreeMap<Uuid, Named>> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let found: Vec<Named> = sqlx::query_as(concat!(
        "SELECT id, 'cliente' AS kind, NULL AS numero, titulo FROM clientes \
             WHERE id = ANY($3) AND $1 IS NOT NULL \
         UNION ALL SELECT t.id, 'assistencia', t.numero, t.titulo FROM assistencias t \
             WHERE t.id = ANY($3) AND ",
        visible!("t"),
        " UNION ALL SELECT t.id, 'ocorrencia', t.numero, t.titulo FROM ocorrencias t \
             WHERE t.id = ANY($3) AND ",
        visible!("t"),
    ))
    .bind(viewer.id)
    .bind(viewer.all)
    .bind(ids)
    .fetch_all(&mut **tx)
    .await?;
    Ok(found.into_iter().map(|named| (named.id, named)).collect())
}

/// A record that belongs to another.
#[derive(Clone, Debug, FromRow)]
pub struct Child {
    pub id: Uuid,
    pub numero: Option<String>,
    pub titulo: String,
    pub situacao_nome: String,
    pub fase: String,
    pub atualizado_em: DateTime<Utc>,
    pub inicio: Option<DateTime<Utc>>,
    pub responsavel: Option<Uuid>,
}

/// Most children of one sort that a page shows.
const CHILDREN_MAX: i64 = 200;

/// The ocorrências of an assistência, oldest first.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn ocorrencias(
    tx: &mut PgTransaction<'_>,
    viewer: Viewer,
    assistencia: Uuid,
) -> sqlx::Result<Vec<Child>> {
    let sql = concat!(
        "SELECT t.id, t.numero, t.titulo, t.situacao_nome, t.fase, t.atualizado_em, \
             NULL::timestamptz AS inicio, t.responsavel \
         FROM ocorrencias t WHERE t.assistencia = $3 AND ",
        visible!("t"),
        " ORDER BY t.criado_em, t.id LIMIT $4"
    );
    children(tx, viewer, sql, assistencia).await
}

/// The ocorrências of a cliente that belong to no assistência, newest first.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn ocorrencias_of_cliente(
    tx: &mut PgTransaction<'_>,
    viewer: Viewer,
    cliente: Uuid,
) -> sqlx::Result<Vec<Child>> {
    let sql = concat!(
        "SELECT t.id, t.numero, t.titulo, t.situacao_nome, t.fase, t.atualizado_em, \
             NULL::timestamptz AS inicio, t.responsavel \
         FROM ocorrencias t WHERE t.cliente = $3 AND t.assistencia IS NULL AND ",
        visible!("t"),
        " ORDER BY t.atualizado_em DESC, t.id DESC LIMIT $4"
    );
    children(tx, viewer, sql, cliente).await
}

/// The assistências of a cliente, newest first.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn assistencias(
    tx: &mut PgTransaction<'_>,
    viewer: Viewer,
    cliente: Uuid,
) -> sqlx::Result<Vec<Child>> {
    let sql = concat!(
        "SELECT t.id, t.numero, t.titulo, t.situacao_nome, t.fase, t.atualizado_em, \
             NULL::timestamptz AS inicio, t.responsavel \
         FROM assistencias t WHERE t.cliente = $3 AND ",
        visible!("t"),
        " ORDER BY t.atualizado_em DESC, t.id DESC LIMIT $4"
    );
    children(tx, viewer, sql, cliente).await
}

/// The commitments of an assistência (only of the types that the catalogue says, R42) or of an
/// ocorrência.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn agendas(
    tx: &mut PgTransaction<'_>,
    viewer: Viewer,
    parent: Uuid,
) -> sqlx::Result<Vec<Child>> {
    sqlx::query_as(concat!(
        "SELECT t.id, t.numero, t.titulo, t.situacao_nome, t.fase, t.atualizado_em, t.inicio, \
             t.responsavel \
         FROM agendas t WHERE (t.ocorrencia = $3 OR (t.assistencia = $3 AND t.tipo_agenda IN ( \
                 SELECT r.key FROM referencia r WHERE r.collection = 'tipo_agenda' \
                     AND r.data->'dados'->>$5 = 'sim'))) \
             AND ",
        visible!("t"),
        " ORDER BY t.inicio, t.id LIMIT $4"
    ))
    .bind(viewer.id)
    .bind(viewer.all)
    .bind(parent)
    .bind(CHILDREN_MAX)
    .bind(NA_ASSISTENCIA)
    .fetch_all(&mut **tx)
    .await
}

async fn children(
    tx: &mut PgTransaction<'_>,
    viewer: Viewer,
    sql: &'static str,
    parent: Uuid,
) -> sqlx::Result<Vec<Child>> {
    sqlx::query_as(sql)
        .bind(viewer.id)
        .bind(viewer.all)
        .bind(parent)
        .bind(CHILDREN_MAX)
        .fetch_all(&mut **tx)
        .await
}

/// Names of devices, by id.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn devices(
    tx: &mut PgTransaction<'_>,
    ids: &[Uuid],
) -> sqlx::Result<BTreeMap<Uuid, String>> {
    let rows = sqlx::query("SELECT id, nome FROM dispositivo WHERE id = ANY($1)")
        .bind(ids)
        .fetch_all(&mut **tx)
        .await?;
    rows.into_iter().map(|row| Ok((row.try_get("id")?, row.try_get("nome")?))).collect()
}

/// What there is to see of a file.
#[derive(Clone, Debug, FromRow)]
pub struct Picture {
    pub id: Uuid,
    /// Whether its device sent a thumbnail.
    pub miniatura: bool,
    /// What became of those that the server makes; nothing while the file has not arrived.
    pub derivadas: Option<String>,
}

/// What there is to see of the files of a record, by their ids.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn pictures(
    tx: &mut PgTransaction<'_>,
    document: Uuid,
) -> sqlx::Result<BTreeMap<Uuid, Picture>> {
    let found: Vec<Picture> = sqlx::query_as(
        "SELECT a.id, f.derivadas, EXISTS (SELECT FROM derivada d WHERE d.tenant = a.tenant \
             AND d.document = a.document AND d.anexo = a.id AND d.variante = 'miniatura') \
             AS miniatura \
         FROM anexos a LEFT JOIN arquivo f ON f.tenant = a.tenant AND f.sha256 = a.sha256 \
         WHERE a.document = $1",
    )
    .bind(document)
    .fetch_all(&mut **tx)
    .await?;
    Ok(found.into_iter().map(|picture| (picture.id, picture)).collect())
}

/// Clientes by what is known of them, by name, up to 20.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn find_clientes(
    tx: &mut PgTransaction<'_>,
    viewer: Viewer,
    text: &str,
) -> sqlx::Result<Vec<(Uuid, String, Option<String>)>> {
    let (Some(words), Some(_)) = (search::query(text), viewer.id) else { return Ok(Vec::new()) };
    sqlx::query_as(
        "SELECT id, titulo, cidade FROM clientes WHERE id IN (SELECT busca_clientes($1)) \
         ORDER BY nome, id LIMIT 20",
    )
    .bind(words)
    .fetch_all(&mut **tx)
    .await
}

/// The records of a number, among those that the person may see.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn by_number(
    tx: &mut PgTransaction<'_>,
    viewer: Viewer,
    numero: &str,
) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar(concat!(
        "SELECT t.id FROM ocorrencias t WHERE t.numero = $3 AND ",
        visible!("t"),
        " UNION ALL SELECT t.id FROM assistencias t WHERE t.numero = $3 AND ",
        visible!("t"),
    ))
    .bind(viewer.id)
    .bind(viewer.all)
    .bind(numero)
    .fetch_all(&mut **tx)
    .await
}

/// The type of agenda that the assistência's screen lists, where there is only one such.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn agenda_type(tx: &mut PgTransaction<'_>) -> sqlx::Result<Option<String>> {
    let found: Vec<String> = sqlx::query_scalar(
        "SELECT key FROM referencia WHERE collection = 'tipo_agenda' AND active \
             AND data->'dados'->>$1 = 'sim' LIMIT 2",
    )
    .bind(NA_ASSISTENCIA)
    .fetch_all(&mut **tx)
    .await?;
    Ok(<[String; 1]>::try_from(found).ok().map(|[only]| only))
}

/// A record that has a link to this one.
#[derive(Clone, Debug, FromRow)]
pub struct Linked {
    pub id: Uuid,
    pub kind: String,
    pub numero: Option<String>,
    pub titulo: String,
    pub relacao: Option<String>,
    pub descricao: Option<String>,
}

/// The records that link to this one, of those that the person may see (R38).
///
/// # Errors
/// PostgreSQL refuses.
pub async fn linked_by(
    tx: &mut PgTransaction<'_>,
    viewer: Viewer,
    document: Uuid,
) -> sqlx::Result<Vec<Linked>> {
    sqlx::query_as(concat!(
        "SELECT t.id, 'ocorrencia' AS kind, t.numero, t.titulo, v.relacao, v.descricao \
         FROM vinculos v JOIN ocorrencias t ON t.tenant = v.tenant AND t.id = v.document \
         WHERE v.documento = $3 AND ",
        visible!("t"),
        " UNION ALL SELECT t.id, 'assistencia', t.numero, t.titulo, v.relacao, v.descricao \
         FROM vinculos v JOIN assistencias t ON t.tenant = v.tenant AND t.id = v.document \
         WHERE v.documento = $3 AND ",
        visible!("t"),
        " ORDER BY 1 LIMIT 200"
    ))
    .bind(viewer.id)
    .bind(viewer.all)
    .bind(document)
    .fetch_all(&mut **tx)
    .await
}

/// When the wait for the client ends by itself (R54).
///
/// # Errors
/// PostgreSQL refuses.
pub async fn inactive_at(
    tx: &mut PgTransaction<'_>,
    kind: Kind,
    document: Uuid,
) -> sqlx::Result<Option<DateTime<Utc>>> {
    let sql = match kind {
        Kind::Assistencia => "SELECT inativa_em FROM assistencias WHERE id = $1",
        Kind::Ocorrencia => "SELECT inativa_em FROM ocorrencias WHERE id = $1",
        Kind::Agenda => "SELECT inativa_em FROM agendas WHERE id = $1",
        Kind::Cliente => return Ok(None),
    };
    let found: Option<Option<DateTime<Utc>>> =
        sqlx::query_scalar(sql).bind(document).fetch_optional(&mut **tx).await?;
    Ok(found.flatten())
}

/// A corrective action, as a record's page names it.
#[derive(Clone, Debug, FromRow)]
pub struct Corretiva {
    pub id: Uuid,
    pub numero: String,
    pub titulo: String,
    pub situacao: String,
}

/// The corrective actions of those ids, and those still in rascunho that records of the tipo may
/// join (R77).
///
/// # Errors
/// PostgreSQL refuses.
pub async fn corretivas(
    tx: &mut PgTransaction<'_>,
    ids: &[Uuid],
    tipo: Option<&str>,
) -> sqlx::Result<Vec<Corretiva>> {
    sqlx::query_as(
        "SELECT id, numero, titulo, situacao FROM acao_corretiva \
         WHERE id = ANY($1) OR (tipo = $2 AND situacao = 'rascunho') \
         ORDER BY criada_em DESC, id DESC LIMIT 200",
    )
    .bind(ids)
    .bind(tipo)
    .fetch_all(&mut **tx)
    .await
}

/// A held branch that waits, with the record that it belongs to.
#[derive(Clone, Debug, FromRow)]
pub struct Held {
    pub id: Uuid,
    pub document: Uuid,
    pub kind: String,
    pub author: Uuid,
    pub device: Uuid,
    pub reason: String,
    pub message: String,
    pub received_at: DateTime<Utc>,
    /// False where the record does not exist yet: the branch would create it.
    pub existe: bool,
    pub numero: Option<String>,
    pub titulo: Option<String>,
}

/// Which of the held branches that wait.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// Those of a record.
    pub document: Option<Uuid>,
    /// Those of records of a kind.
    pub kind: Option<Kind>,
    /// Those that a person wrote.
    pub author: Option<Uuid>,
    /// Those after this one.
    pub after: Option<(DateTime<Utc>, Uuid)>,
    /// Most of them.
    pub limit: i64,
}

impl Default for Waiting {
    fn default() -> Self {
        Self { document: None, kind: None, author: None, after: None, limit: 200 }
    }
}

/// The held branches that wait, oldest first, over the records that the person may see.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn held(
    tx: &mut PgTransaction<'_>,
    viewer: Viewer,
    which: &Waiting,
) -> sqlx::Result<Vec<Held>> {
    let (at, id) = which.after.unzip();
    sqlx::query_as(concat!(
        "SELECT h.id, h.document, h.kind, h.author, h.device, h.reason, h.message, \
             h.received_at, coalesce(a.id, o.id, g.id, c.id) IS NOT NULL AS existe, \
             coalesce(a.numero, o.numero) AS numero, \
             coalesce(a.titulo, o.titulo, g.titulo, c.titulo) AS titulo \
         FROM held h \
         LEFT JOIN assistencias a ON a.tenant = h.tenant AND a.id = h.document \
         LEFT JOIN ocorrencias o ON o.tenant = h.tenant AND o.id = h.document \
         LEFT JOIN agendas g ON g.tenant = h.tenant AND g.id = h.document \
         LEFT JOIN clientes c ON c.tenant = h.tenant AND c.id = h.document \
         WHERE h.status = 'aguardando' AND ($3::uuid IS NULL OR h.document = $3) \
             AND ($4::text IS NULL OR h.kind = $4) AND ($5::uuid IS NULL OR h.author = $5) \
             AND ($6::timestamptz IS NULL OR (h.received_at, h.id) > ($6, $7)) AND ",
        visible!("h", with kind),
        " ORDER BY h.received_at, h.id LIMIT $8"
    ))
    .bind(viewer.id)
    .bind(viewer.all)
    .bind(which.document)
    .bind(which.kind.map(Kind::codigo))
    .bind(which.author)
    .bind(at)
    .bind(id)
    .bind(which.limit)
    .fetch_all(&mut **tx)
    .await
}
