//! The fields of a record, each with the form that alters it.

use super::{inputs::Input, load::RecordRead, shown::Shown};
use crate::web::form::Draft;
use campo_screens::{Field, Locked, Look};

/// A field of the record.
pub struct FieldView {
    pub name: &'static str,
    pub label: String,
    pub shown: Shown,
    pub long: bool,
    pub conflict: bool,
    /// What is to be known of the value besides.
    pub remark: Option<String>,
    /// The form, where the person may alter the field now.
    pub edit: Option<EditView>,
}

/// The form of a field.
pub struct EditView {
    pub input: Input,
    /// The text as the page showed it: what the person changed it from.
    pub seen: String,
    pub error: Option<String>,
}

/// Every field of the record.
pub fn fields(form: &[Field], read: &RecordRead, draft: Option<&Draft>) -> Vec<FieldView> {
    let view = |field: &Field| FieldView {
        name: field.campo.nome,
        label: field.label.clone(),
        shown: Shown::from(&field.words),
        long: field.campo.longo(),
        conflict: field.in_conflict,
        remark: field.inherited.clone().or_else(|| field.remark.map(str::to_owned)),
        edit: field.editable.is_ok().then(|| edit(field, read, draft)),
    };
    form.iter().map(view).collect()
}

fn edit(field: &Field, read: &RecordRead, draft: Option<&Draft>) -> EditView {
    let draft = Draft::of(draft, &format!("campo-{}", field.campo.nome));
    let current = || field.typed.clone();
    EditView {
        // A form that was refused keeps what it was changed from, as it keeps what was typed;
        // unless that stands no more.
        seen: Draft::text(draft.filter(|draft| !draft.outdated), "visto", current),
        input: read.pickers.input(field, Draft::text(draft, "valor", current)),
        error: Draft::error(draft),
    }
}

/// What the person cannot change now, each with the reason: labels, and a sentence.
pub fn locked(look: &Look<'_>) -> Vec<(String, String)> {
    let line = |locked: Locked| (locked.what.join(", "), locked.why.mensagem());
    campo_screens::locked(look).into_iter().map(line).collect()
}

/// The records that this one belongs to: its fixed references, which are no fields to edit.
pub fn parents(form: &[Field]) -> impl Iterator<Item = &Field> {
    form.iter().filter(|field| field.campo.fixo)
}
