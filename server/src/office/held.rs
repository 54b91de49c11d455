//! Held branches (ff28): what phones did in good faith and too late, shown beside the record, and
//! what the office decides on them.

use super::{commands::answer, error::OfficeError, record::merged};
use crate::{
    app::App,
    commit::Work,
    ledger,
    reading::{self, held::Branch},
};
use campo_domain::{
    ids::{DeviceId, DocumentId, HeldId, TenantId, UserId},
    kind::Kind,
    pessoa::Pessoa,
    policy,
    refusal::Refusal,
    registro::Registro,
    tipo::{Tipo, Tipos},
};
use campo_screens::Proposed;
use campo_sync::{admission::Merged, exchange, history};
use chrono::{DateTime, Utc};
use sqlx::PgTransaction;
use std::sync::Arc;

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
    pub writes: Vec<Proposed>,
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

/// The waiting branches of a record and the last decided ones, newest first, with what each change
/// would write.
///
/// # Errors
/// [`OfficeError::Internal`].
pub async fn held(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    document: DocumentId,
) -> Result<Vec<HeldView>, OfficeError> {
    let rows = reading::held::of_record(tx, tenant, document).await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let now = merged(tx, tenant, document).await?;
    let tipos = ledger::tipos(tx, tenant).await?;
    let mut views = Vec::new();
    for row in rows {
        views.push(held_view(tx, tenant, &tipos, row, now.as_ref()).await?.0);
    }
    Ok(views)
}

/// One branch, waiting or decided, if the person may see the record.
///
/// # Errors
/// [`OfficeError::NotFound`], [`OfficeError::Internal`].
pub(crate) async fn held_branch(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    pessoa: &Pessoa,
    held: HeldId,
) -> Result<HeldBranch, OfficeError> {
    let (row, kind) = held_row(tx, tenant, pessoa, held).await?;
    let document = DocumentId::from(row.document);
    let now = merged(tx, tenant, document).await?;
    let tipos = ledger::tipos(tx, tenant).await?;
    let (view, tipo) = held_view(tx, tenant, &tipos, row, now.as_ref()).await?;
    Ok(HeldBranch { view, document, kind, registro: now.map(|now| now.registro), tipo })
}

/// The row of a branch and the kind of its record, if the person may see that.
async fn held_row(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    pessoa: &Pessoa,
    held: HeldId,
) -> Result<(Branch, Kind), OfficeError> {
    let row = reading::held::one(tx, tenant, held).await?.ok_or(OfficeError::NotFound)?;
    let kind: Kind = row.kind.parse().map_err(anyhow::Error::from)?;
    let caso = ledger::caso(tx, tenant, row.raiz.into()).await?;
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
    row: Branch,
    now: Option<&Merged>,
) -> Result<(HeldView, Option<Arc<Tipo>>), OfficeError> {
    let id = HeldId::from(row.id);
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
        author: row.author.into(),
        device: row.device.into(),
        received_at: row.received_at,
        reason_code: row.reason,
        reason: row.message,
        status: row.status,
        decision_note: row.decision_note,
        writes,
    };
    Ok((view, tipo))
}

/// What a change of a branch would write. Of a field, beside what stands in it now; of the rest,
/// beside what the change itself found.
fn held_write(evento: history::Evento, now: Option<&Registro>) -> Proposed {
    let current = match (evento.tipo, &evento.campo) {
        ("campo", Some(campo)) => now.and_then(|registro| history::plain(registro.valor(campo))),
        _ => evento.de,
    };
    let proposed = match evento.tipo {
        "nota" | "pedido" | "analise" | "criacao" => Some(evento.texto),
        _ => evento.para,
    };
    Proposed {
        tipo: evento.tipo.to_owned(),
        field: evento.campo,
        label: evento.rotulo,
        current,
        proposed,
        at: evento.quando,
    }
}

/// Whether the person may approve or discard held work: for the faces, which ask no rule by
/// themselves.
///
/// # Errors
/// `sem_permissao`.
pub(crate) fn may_decide_held(pessoa: &Pessoa) -> Result<(), Refusal> {
    policy::pode_decidir_retido(pessoa)
}

/// The office approves or discards a held branch; with `seen`, only if nothing of it came after
/// that. It takes `Gerenciar` and sight of the record.
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
    seen: Option<DateTime<Utc>>,
) -> Result<(), OfficeError> {
    may_decide_held(pessoa)?;
    let mut tx = app.db.snapshot(tenant).await?;
    held_row(&mut tx, tenant, pessoa, held).await?;
    tx.rollback().await?;
    let note = note.map(|note| note.trim().to_owned()).filter(|note| !note.is_empty());
    if let Some(note) = &note {
        campo_domain::workflow::valid_text(note, "Observação")?;
    }
    let work = Work::Decide { user: pessoa.id, held, approve, note, seen };
    answer(app.submit(tenant, work).await?)
}
