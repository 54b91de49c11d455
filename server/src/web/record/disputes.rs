//! Where people wrote without knowing of each other: conflicts (ff18) and held branches (ff28),
//! each version with who and when, for the office to decide.

use super::load::Loaded;
use crate::{
    reading::values::{self, Shown},
    web::{
        form::Draft,
        format::{self, Moment},
        page::Visit,
    },
};
use campo_domain::{
    parte::Colecao,
    policy::{self, Parte},
    registro::Conflito,
    valor::Valor,
};
use uuid::Uuid;

/// A field with several values.
pub struct ConflictView {
    pub label: String,
    pub field: String,
    pub may_settle: bool,
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

/// A field with several values, each with who and when.
pub fn conflict(conflito: &Conflito, visit: &Visit, loaded: &Loaded) -> ConflictView {
    let (registro, reader, fuso) = (&loaded.registro, loaded.reader(), visit.auth.fuso);
    let named = values::named(registro.kind, &conflito.campo);
    let campo = named.map(|(campo, _)| campo);
    let (label, parte) = match named {
        Some((campo, Some((em, _)))) => {
            (values::label_of_part(campo, em), Some(Parte::CampoItem(em, campo)))
        }
        Some((campo, None)) => {
            (reader.tipo.rotulo(campo.nome).to_owned(), Some(Parte::Campo(campo)))
        }
        None => (conflito.campo.clone(), None),
    };
    let pessoa = &visit.auth.pessoa;
    let may = |parte| policy::pode_alterar_registro(pessoa, registro, &loaded.tipo, parte).is_ok();
    let shown = |valor: &Valor| match campo {
        Some(campo) => reader.show(campo, valor),
        None => Shown::default(),
    };
    let versions = conflito.versoes.iter().enumerate().map(|(position, versao)| VersionView {
        shown: shown(&versao.valor),
        json: serde_json::to_string(&versao.valor).unwrap_or_default(),
        who: loaded.names.people.name_or_unknown(versao.autoria.por.uuid()),
        whence: loaded.names.device(versao.autoria.em.uuid()),
        at: Moment::new(versao.quando, visit.now, fuso),
        in_force: position == 0,
    });
    ConflictView {
        label,
        field: conflito.campo.clone(),
        may_settle: parte.is_some_and(may),
        versions: versions.collect(),
    }
}

/// The held branches of the record, beside what it says now.
pub fn held(visit: &Visit, loaded: &Loaded, draft: Option<&Draft>) -> Vec<HeldCard> {
    let (fuso, reader) = (visit.auth.fuso, loaded.reader());
    let card = |held: &crate::office::HeldView| {
        let draft = Draft::of(draft, &format!("retida-{}", held.id));
        let noted = || held.decision_note.clone().unwrap_or_default();
        let writes = held.writes.iter().map(|write| WriteView {
            label: write.label.clone().unwrap_or_default(),
            current: reader.held(
                write.label.as_deref().unwrap_or_default(),
                write.current.as_deref().unwrap_or_default(),
            ),
            proposed: reader.held(
                write.label.as_deref().unwrap_or_default(),
                write.proposed.as_deref().unwrap_or_default(),
            ),
            at: format::instant(write.at, fuso),
        });
        HeldCard {
            id: held.id.uuid(),
            author: loaded.names.people.name_or_unknown(held.author.uuid()),
            device: loaded.names.device(held.device.uuid()),
            received: Moment::new(held.received_at, visit.now, fuso),
            reason: held.reason.clone(),
            waiting: held.status == "aguardando",
            decision: if held.status == "aprovado" { "Aprovada" } else { "Descartada" },
            note: Draft::text(draft, "motivo", noted),
            error: Draft::error(draft),
            writes: writes.collect(),
        }
    };
    loaded.held.iter().map(card).collect()
}
