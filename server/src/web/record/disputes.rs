//! Where people wrote without knowing of each other: conflicts (ff18) and held branches (ff28),
//! each version with who and when, for the office to decide.

use super::{
    load::RecordRead,
    shown::{Shown, device, moment, person},
};
use crate::{
    office::HeldView,
    web::{form::Draft, format::Moment},
};
use campo_domain::{pt_br, valor::Valor};
use campo_screens::{Dispute, Look, Proposal, Version, disputes, proposed};
use uuid::Uuid;

/// A field with several values.
pub struct ConflictView {
    pub label: String,
    pub field: String,
    pub may_settle: bool,
    /// All values, as JSON: what the person decides on.
    pub seen: String,
    pub versions: Vec<VersionView>,
}

/// One of them.
pub struct VersionView {
    pub shown: Shown,
    pub json: String,
    pub who: String,
    pub whence: String,
    pub at: Moment,
    pub in_force: bool,
}

/// A held branch.
pub struct HeldCard {
    pub id: Uuid,
    pub author: String,
    pub device: String,
    pub received: Moment,
    pub reason: String,
    pub waiting: bool,
    pub decision: &'static str,
    pub note: String,
    pub error: Option<String>,
    pub writes: Vec<WriteView>,
}

/// One thing that it would write.
pub struct WriteView {
    pub label: String,
    pub current: String,
    pub proposed: String,
    pub at: String,
}

/// The fields with several values, each value with who and when.
pub fn conflicts(look: &Look<'_>) -> Vec<ConflictView> {
    disputes(look).into_iter().map(|dispute| conflict(look, dispute)).collect()
}

fn conflict(look: &Look<'_>, dispute: Dispute<'_>) -> ConflictView {
    let version = |(position, version): (usize, &Version<'_>)| VersionView {
        shown: Shown::from(&version.words),
        json: serde_json::to_string(version.value).unwrap_or_default(),
        who: person(look, version.by),
        whence: device(look, version.device),
        at: moment(look, version.at),
        in_force: position == 0,
    };
    ConflictView {
        label: dispute.label,
        field: dispute.field.to_owned(),
        may_settle: dispute.settle.is_ok(),
        seen: seen(dispute.versions.iter().map(|version| version.value)),
        versions: dispute.versions.iter().enumerate().map(version).collect(),
    }
}

/// Several values as a form carries them.
pub fn seen<'a>(values: impl Iterator<Item = &'a Valor>) -> String {
    serde_json::to_string(&values.collect::<Vec<_>>()).unwrap_or_default()
}

/// The held branches of the record, beside what it says now.
pub fn held(look: &Look<'_>, read: &RecordRead, draft: Option<&Draft>) -> Vec<HeldCard> {
    read.held.iter().map(|held| card(look, held, draft)).collect()
}

fn card(look: &Look<'_>, held: &HeldView, draft: Option<&Draft>) -> HeldCard {
    let draft = Draft::of(draft, &format!("retida-{}", held.id));
    let noted = || held.decision_note.clone().unwrap_or_default();
    let write = |proposal: Proposal| WriteView {
        label: proposal.label,
        current: proposal.current.text,
        proposed: proposal.proposed.text,
        at: pt_br::moment(proposal.at, look.zone),
    };
    let writes = proposed(look.tipo, look.names, look.zone, &held.writes);
    HeldCard {
        id: held.id.uuid(),
        author: person(look, held.author),
        device: device(look, held.device),
        received: moment(look, held.received_at),
        reason: held.reason.clone(),
        waiting: held.status == "aguardando",
        decision: if held.status == "aprovado" { "Aprovada" } else { "Descartada" },
        note: Draft::text(draft, "motivo", noted),
        error: Draft::error(draft),
        writes: writes.into_iter().map(write).collect(),
    }
}
