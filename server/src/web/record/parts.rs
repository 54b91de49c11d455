//! The parts of a record: items, despesas and vínculos (R20, R33, R35, R38), shown, added, altered,
//! removed. One form and two buttons for all of them, and for the files that `gallery` shows.

use super::{
    inputs::Input,
    load::RecordRead,
    shown::{Shown, person},
};
use crate::web::form::Draft;
use campo_domain::parte::Colecao;
use campo_screens::{Field, Look, Part, Parts, parts, parts_in_use};
use uuid::Uuid;

/// One collection.
pub struct PartsView {
    /// Its stable name, in addresses and forms.
    pub code: &'static str,
    pub title: &'static str,
    pub empty: &'static str,
    /// What one of them is called in a button.
    pub one: String,
    /// What the tipo says of all of them together.
    pub remark: Option<String>,
    pub rows: Vec<PartView>,
    pub new: Option<NewPart>,
}

/// One part.
pub struct PartView {
    pub id: Uuid,
    pub cells: Vec<(String, Shown)>,
    pub by: String,
    /// The form, where the person may alter something of it now.
    pub inputs: Vec<Input>,
    pub may_remove: bool,
    pub error: Option<String>,
}

/// The form of a new part.
pub struct NewPart {
    pub id: Uuid,
    pub inputs: Vec<Input>,
    pub error: Option<String>,
}

/// The collections that the record has, or may have; files are the gallery's.
pub fn collections(look: &Look<'_>, read: &RecordRead, draft: Option<&Draft>) -> Vec<PartsView> {
    let used = parts_in_use(look).into_iter().filter(|used| *used != Colecao::Anexos);
    used.map(|used| collection(look, read, parts(look, used), draft)).collect()
}

fn collection(
    look: &Look<'_>,
    read: &RecordRead,
    parts: Parts,
    draft: Option<&Draft>,
) -> PartsView {
    let collection = parts.collection;
    let may_remove = parts.removable.is_ok();
    let rows = parts.rows.iter().map(|part| row(look, read, collection, part, may_remove, draft));
    let form = Draft::of(draft, &format!("{collection}-novo"));
    let new = parts.addable.is_ok().then(|| {
        let asked = parts.new.iter().filter(|field| field.editable.is_ok());
        NewPart {
            id: Draft::id(form, "parte"),
            inputs: inputs(read, collection, asked, form),
            error: Draft::error(form),
        }
    });
    PartsView {
        code: collection.codigo(),
        title: parts.title,
        empty: parts.empty,
        one: collection.rotulo().to_lowercase(),
        rows: rows.collect(),
        remark: parts.remark,
        new,
    }
}

fn row(
    look: &Look<'_>,
    read: &RecordRead,
    collection: Colecao,
    part: &Part,
    may_remove: bool,
    draft: Option<&Draft>,
) -> PartView {
    let draft = Draft::of(draft, &format!("parte-{}", part.id));
    let filled = part.fields.iter().filter(|field| !field.words.text.is_empty());
    PartView {
        id: part.id.uuid(),
        cells: filled.map(|field| (field.label.clone(), Shown::from(&field.words))).collect(),
        by: person(look, part.by),
        inputs: inputs(read, collection, alterable(&part.fields), draft),
        may_remove,
        error: Draft::error(draft),
    }
}

/// The fields of a part that the person may alter now.
pub fn alterable(fields: &[Field]) -> impl Iterator<Item = &Field> {
    fields.iter().filter(|field| !field.campo.fixo && field.editable.is_ok())
}

/// The inputs of a form about a part.
pub fn inputs<'a>(
    read: &RecordRead,
    collection: Colecao,
    fields: impl Iterator<Item = &'a Field>,
    draft: Option<&Draft>,
) -> Vec<Input> {
    let build = |field: &Field| {
        let name = field.campo.nome;
        let mut input = read.pickers.input(field, Draft::text(draft, name, || field.typed.clone()));
        if (collection, name) == (Colecao::Itens, "produto") {
            input.suggestions = read.origin_lines.iter().map(|line| line.produto.clone()).collect();
        }
        input
    };
    fields.filter(|field| read.pickers.offers(field)).map(build).collect()
}
