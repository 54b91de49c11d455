//! What the office reads of one record and does to it: through the same gate as a device.

use crate::{
    app::App,
    commit::{self, Answer, Work},
    ledger, preparo,
};
use automerge::ChangeHash;
use campo_domain::{
    command::Command,
    ids::{DeviceId, DocumentId, HeldId, TenantId, UserId},
    kind::Kind,
    pessoa::{Permissao, Pessoa},
    policy,
    refusal::Refusal,
    registro::Registro,
    tipo::{Tipo, Tipos},
};
use campo_sync::{
    admission::Merged,
    exchange::{self, Loaded},
    history,
};
use chrono::{DateTime, Utc};
use sqlx::{PgTransaction, Row, postgres::PgRow};
use std::sync::Arc;
use uuid::Uuid;

/// Why the office's command was not done.
#[derive(Debug, thiserror::Error)]
pub enum OfficeError {
    /// The rules do not allow it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// There is no such record for this person.
    #[error("not found")]
    NotFound,
    /// Something failed; nothing was written.
    #[error(transparent)]
    Internal(#[from] anyhow::Error),
}

impl From<sqlx::Error> for OfficeError {
    fn from(error: sqlx::Error) -> Self {
        OfficeError::Internal(error.into())
    }
}

/// Runs a command of an office person on a record, through the same gate as a device's.
///
/// # Errors
/// [`OfficeError`].
pub async fn run(
    app: &App,
    tenant: TenantId,
    pessoa: &Pessoa,
    document: DocumentId,
    command: Command,
) -> Result<(), OfficeError> {
    run_all(app, tenant, pessoa, vec![(document, command)], None).await
}

/// As [`run`], with several commands, of several records too: all of them or none. With `se`, only
/// while that record has these heads.
///
/// # Errors
/// [`OfficeError`].
pub async fn run_all(
    app: &App,
    tenant: TenantId,
    pessoa: &Pessoa,
    mut commands: Vec<(DocumentId, Command)>,
    se: Option<(DocumentId, Vec<ChangeHash>)>,
) -> Result<(), OfficeError> {
    preparo::preparar(app, tenant, pessoa, &mut commands).await?;
    let work = Work::Office { user: pessoa.id, commands, se };
    answer(commit::submit(app, tenant, work).await?)
}

/// What the committer says to one who asked for something to be done.
///
/// # Errors
/// [`OfficeError`].
pub(crate) fn answer(answer: Answer) -> Result<(), OfficeError> {
    match answer {
        Answer::Office(done) => Ok(done?),
        Answer::Verdicts(_) | Answer::Ended(_) | Answer::Arquivo(_) => {
            Err(anyhow::anyhow!("an answer to something else").into())
        }
    }
}

/// The record as merged, with its tipo, if the person may see it.
///
/// # Errors
/// [`OfficeError::Internal`].
pub async fn load(
    app: &App,
    tenant: TenantId,
    pessoa: &Pessoa,
    document: DocumentId,
) -> Result<Option<(Registro, Arc<Tipo>)>, OfficeError> {
    seen(&mut app.db.snapshot(tenant).await?, tenant, pessoa, document).await
}

/// As [`load`], in a transaction of the caller's.
///
/// # Errors
/// As [`load`].
pub(crate) async fn seen(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    pessoa: &Pessoa,
    document: DocumentId,
) -> Result<Option<(Registro, Arc<Tipo>)>, OfficeError> {
    let Some(merged) = merged(tx, tenant, document).await? else { return Ok(None) };
    let caso = ledger::caso(tx, tenant, merged.registro.raiz()).await?;
    let visible = policy::alcanca(pessoa, &merged.registro, &merged.tipo, &caso.as_policy());
    Ok(visible.then_some((merged.registro, merged.tipo)))
}

/// The record as merged, whoever asks.
///
/// # Errors
/// [`OfficeError::Internal`].
pub async fn merged(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    document: DocumentId,
) -> Result<Option<Merged>, OfficeError> {
    let stored = ledger::chunks(tx, tenant, &[document.uuid()]).await?.remove(&document);
    let Some((generation, chunks)) = stored else { return Ok(None) };
    let tipos = ledger::tipos(tx, tenant).await?;
    let loaded = Loaded::read(&chunks, generation, &tipos).map_err(anyhow::Error::from)?;
    Ok(Some(loaded.merged))
}

/// One thing that a held change would write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldWrite {
    /// What it is: a field's label, or what the change does.
    pub rotulo: String,
    /// As the record reads now.
    pub atual: String,
    /// As it would read.
    pub proposto: String,
    /// When, by the clock of the device.
    pub quando: DateTime<Utc>,
}

/// A held branch, for the office to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldView {
    /// Its id.
    pub id: HeldId,
    /// Who wrote it.
    pub author: UserId,
    /// On which device.
    pub device: DeviceId,
    /// When it arrived.
    pub received_at: DateTime<Utc>,
    /// Why it is held, for programs.
    pub reason_code: String,
    /// Why it is held, for people.
    pub reason: String,
    /// aguardando, aprovado, descartado.
    pub status: String,
    /// What the office said.
    pub decision_note: Option<String>,
    /// What it would write, in order.
    pub writes: Vec<HeldWrite>,
}

/// A held branch with the record that it is about.
#[derive(Clone, Debug)]
pub struct HeldBranch {
    /// The branch.
    pub view: HeldView,
    /// Its record.
    pub document: DocumentId,
    /// The record's kind.
    pub kind: Kind,
    /// The record as it is; none where the branch would create it.
    pub registro: Option<Registro>,
    /// The record's tipo; none where the branch cannot be read any more.
    pub tipo: Option<Arc<Tipo>>,
}

/// Decided branches that the page of a record shows.
const DECIDIDAS: i64 = 50;

/// The waiting branches of a record and the last decided ones, newest first, with what each change
/// would write.
///
/// # Errors
/// [`OfficeError::Internal`].
pub async fn held(
    app: &App,
    tenant: TenantId,
    document: DocumentId,
) -> Result<Vec<HeldView>, OfficeError> {
    let mut tx = app.db.snapshot(tenant).await?;
    let rows = sqlx::query(
        "(SELECT * FROM held WHERE tenant = $1 AND document = $2 AND status = 'aguardando') \
         UNION ALL (SELECT * FROM held \
             WHERE tenant = $1 AND document = $2 AND status <> 'aguardando' \
             ORDER BY received_at DESC, id DESC LIMIT $3) \
         ORDER BY received_at DESC, id DESC",
    )
    .bind(tenant.uuid())
    .bind(document.uuid())
    .bind(DECIDIDAS)
    .fetch_all(&mut *tx)
    .await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let now = merged(&mut tx, tenant, document).await?;
    let tipos = ledger::tipos(&mut tx, tenant).await?;
    let mut views = Vec::new();
    for row in rows {
        views.push(held_view(&mut tx, tenant, &tipos, &row, now.as_ref()).await?.0);
    }
    Ok(views)
}

/// One branch, waiting or decided, if the person may see the record.
///
/// # Errors
/// [`OfficeError::NotFound`], [`OfficeError::Internal`].
pub async fn held_branch(
    app: &App,
    tenant: TenantId,
    pessoa: &Pessoa,
    held: HeldId,
) -> Result<HeldBranch, OfficeError> {
    let mut tx = app.db.snapshot(tenant).await?;
    let (row, kind) = held_row(&mut tx, tenant, pessoa, held).await?;
    let document = DocumentId::from(row.try_get::<Uuid, _>("document")?);
    let now = merged(&mut tx, tenant, document).await?;
    let tipos = ledger::tipos(&mut tx, tenant).await?;
    let (view, tipo) = held_view(&mut tx, tenant, &tipos, &row, now.as_ref()).await?;
    Ok(HeldBranch { view, document, kind, registro: now.map(|now| now.registro), tipo })
}

/// The row of a branch and the kind of its record, if the person may see that.
async fn held_row(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    pessoa: &Pessoa,
    held: HeldId,
) -> Result<(PgRow, Kind), OfficeError> {
    let row = sqlx::query("SELECT * FROM held WHERE tenant = $1 AND id = $2")
        .bind(tenant.uuid())
        .bind(held.uuid())
        .fetch_optional(&mut **tx)
        .await?;
    let row = row.ok_or(OfficeError::NotFound)?;
    let kind: Kind = row.try_get::<String, _>("kind")?.parse().map_err(anyhow::Error::from)?;
    let caso = ledger::caso(tx, tenant, row.try_get::<Uuid, _>("raiz")?.into()).await?;
    match policy::visivel(pessoa, kind, &caso.as_policy()) {
        true => Ok((row, kind)),
        false => Err(OfficeError::NotFound),
    }
}

/// A branch beside its record, and the tipo that it is read with.
async fn held_view(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    tipos: &Tipos,
    row: &PgRow,
    now: Option<&Merged>,
) -> Result<(HeldView, Option<Arc<Tipo>>), OfficeError> {
    let id = HeldId::from(row.try_get::<Uuid, _>("id")?);
    let mut writes = Vec::new();
    let (mut state, mut tipo) = (now.cloned(), now.map(|now| now.tipo.clone()));
    for push in ledger::held_pushes(tx, tenant, id).await? {
        // A branch that no longer fits is shown as far as it does.
        let replayed = exchange::replay(state.take(), &push.change, tipos);
        let Ok((after, eventos)) = replayed else { break };
        let before = now.map(|now| &now.registro);
        writes.extend(eventos.into_iter().map(|evento| held_write(evento, before)));
        tipo = Some(after.tipo.clone());
        state = Some(after);
    }
    let view = HeldView {
        id,
        author: row.try_get::<Uuid, _>("author")?.into(),
        device: row.try_get::<Uuid, _>("device")?.into(),
        received_at: row.try_get("received_at")?,
        reason_code: row.try_get("reason")?,
        reason: row.try_get("message")?,
        status: row.try_get("status")?,
        decision_note: row.try_get("decision_note")?,
        writes,
    };
    Ok((view, tipo))
}

fn held_write(evento: history::Evento, now: Option<&Registro>) -> HeldWrite {
    let campo = evento.campo.as_deref().unwrap_or_default();
    let atual = match evento.tipo {
        "campo" => now.and_then(|registro| history::plain(registro.valor(campo))),
        _ => evento.de.clone(),
    };
    let proposto = match evento.tipo {
        "nota" | "pedido" | "analise" | "criacao" => Some(evento.texto.clone()),
        _ => evento.para.clone(),
    };
    HeldWrite {
        rotulo: evento.rotulo.unwrap_or_else(|| rotulo(evento.tipo).to_owned()),
        atual: atual.unwrap_or_default(),
        proposto: proposto.unwrap_or_default(),
        quando: evento.quando,
    }
}

fn rotulo(tipo: &str) -> &'static str {
    match tipo {
        "nota" => "Acompanhamento",
        "pedido" => "Pedido",
        "analise" => "Análise",
        "item" => "Item",
        "despesa" => "Despesa",
        "anexo" => "Anexo",
        "vinculo" => "Vínculo",
        "participante" => "Participante",
        "interessado" => "Interessado",
        "criacao" => "Registro novo",
        _ => "Alteração",
    }
}

/// The office approves or discards a held branch. It takes `Gerenciar` and sight of the record.
///
/// # Errors
/// [`OfficeError`]; a branch that can no longer be merged stays as it is.
pub async fn decide_held(
    app: &App,
    tenant: TenantId,
    pessoa: &Pessoa,
    held: HeldId,
    approve: bool,
    note: Option<String>,
) -> Result<(), OfficeError> {
    if !pessoa.pode(Permissao::Gerenciar) {
        return Err(Refusal::sem_permissao(Permissao::Gerenciar).into());
    }
    let mut tx = app.db.snapshot(tenant).await?;
    held_row(&mut tx, tenant, pessoa, held).await?;
    tx.rollback().await?;
    let note = note.map(|note| note.trim().to_owned()).filter(|note| !note.is_empty());
    if let Some(note) = &note {
        campo_domain::workflow::valid_text(note, "Observação")?;
    }
    let work = Work::Decide { user: pessoa.id, held, approve, note };
    answer(commit::submit(app, tenant, work).await?)
}
