//! What the office reads of one record and does to it: through the same gate as a device.

use crate::{
    app::App,
    commit::{self, Answer, Work},
    ledger,
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
    tipo::Tipo,
};
use campo_sync::{
    admission::Merged,
    exchange::{self, Loaded},
    history,
};
use chrono::{DateTime, Utc};
use sqlx::{PgTransaction, Row};
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
    commands: Vec<(DocumentId, Command)>,
    se: Option<(DocumentId, Vec<ChangeHash>)>,
) -> Result<(), OfficeError> {
    let work = Work::Office { user: pessoa.id, commands, se };
    answer(commit::submit(app, tenant, work).await?)
}

fn answer(answer: Answer) -> Result<(), OfficeError> {
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
    let mut tx = app.db.snapshot(tenant).await?;
    let merged = merged(&mut tx, tenant, document).await?;
    let Some(merged) = merged else { return Ok(None) };
    let caso = ledger::caso(&mut tx, tenant, merged.registro.raiz()).await?;
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

/// Waiting and decided branches of a record, newest first, with what each change would write.
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
        "SELECT id, author, device, received_at, reason, message, status, decision_note \
         FROM held WHERE tenant = $1 AND document = $2 ORDER BY received_at DESC, id DESC",
    )
    .bind(tenant.uuid())
    .bind(document.uuid())
    .fetch_all(&mut *tx)
    .await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let now = merged(&mut tx, tenant, document).await?;
    let tipos = ledger::tipos(&mut tx, tenant).await?;
    let mut views = Vec::new();
    for row in rows {
        let id = HeldId::from(row.try_get::<Uuid, _>("id")?);
        let mut writes = Vec::new();
        let mut state = now.clone();
        for push in ledger::held_pushes(&mut tx, tenant, id).await? {
            // A branch that no longer fits is shown as far as it does.
            let replayed = exchange::replay(state.take(), &push.change, &tipos);
            let Ok((after, eventos)) = replayed else { break };
            let before = now.as_ref().map(|now| &now.registro);
            writes.extend(eventos.into_iter().map(|evento| held_write(evento, before)));
            state = Some(after);
        }
        views.push(HeldView {
            id,
            author: row.try_get::<Uuid, _>("author")?.into(),
            device: row.try_get::<Uuid, _>("device")?.into(),
            received_at: row.try_get("received_at")?,
            reason_code: row.try_get("reason")?,
            reason: row.try_get("message")?,
            status: row.try_get("status")?,
            decision_note: row.try_get("decision_note")?,
            writes,
        });
    }
    Ok(views)
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
    let row: Option<(String, Uuid)> =
        sqlx::query_as("SELECT kind, raiz FROM held WHERE tenant = $1 AND id = $2")
            .bind(tenant.uuid())
            .bind(held.uuid())
            .fetch_optional(&mut *tx)
            .await?;
    let Some((kind, raiz)) = row else { return Err(OfficeError::NotFound) };
    let kind: Kind = kind.parse().map_err(anyhow::Error::from)?;
    let caso = ledger::caso(&mut tx, tenant, raiz.into()).await?;
    tx.rollback().await?;
    if !policy::visivel(pessoa, kind, &caso.as_policy()) {
        return Err(OfficeError::NotFound);
    }
    let note = note.map(|note| note.trim().to_owned()).filter(|note| !note.is_empty());
    if let Some(note) = &note {
        campo_domain::workflow::texto_valido(note, "Observação")?;
    }
    let work = Work::Decide { user: pessoa.id, held, approve, note };
    answer(commit::submit(app, tenant, work).await?)
}
