//! The parts of a record: items, expenses, files and links (R20, R33, R35, R38, R83), each with its
//! fields and with what may be done to it now.

use crate::{
    form::{Field, new_part, of_part, part_fields},
    look::Look,
};
use campo_domain::{
    ids::{ItemId, UserId},
    parte::Colecao,
    policy::{self, Parte},
    refusal::{Codigo, Refusal},
    registro::Item,
    valor::{Alvo, Campo, TipoCampo, Valor},
};

/// One collection of a record.
#[derive(Clone, Debug)]
pub struct Parts {
    /// Which.
    pub collection: Colecao,
    /// Its heading.
    pub title: &'static str,
    /// What stands there while it has none.
    pub empty: &'static str,
    /// What is to be said of all of them together: totals and limits of money (R34, R35).
    pub remark: Option<String>,
    /// Those that were not removed.
    pub rows: Vec<Part>,
    /// The form of a new one.
    pub new: Vec<Field>,
    /// Whether the person may add one now, or why not.
    pub addable: Result<(), Refusal>,
    /// Whether the person may remove one now, or why not.
    pub removable: Result<(), Refusal>,
}

/// One part.
#[derive(Clone, Debug)]
pub struct Part {
    /// Its id.
    pub id: ItemId,
    /// Who added it.
    pub by: UserId,
    /// The fields that the tipo has of it, and whatever is filled in besides.
    pub fields: Vec<Field>,
}

/// The collections that a record has, or may have.
pub fn parts_in_use(look: &Look<'_>) -> Vec<Colecao> {
    let (record, tipo) = (look.record, look.tipo);
    let used = |collection: &Colecao| {
        let uses = *collection != Colecao::Despesas || tipo.despesas;
        let has = record.vivos(*collection).next().is_some();
        !record.kind.campos_de(*collection).is_empty() && (uses || has)
    };
    Colecao::TODAS.into_iter().filter(used).collect()
}

/// One collection of a record.
pub fn parts(look: &Look<'_>, collection: Colecao) -> Parts {
    let (title, empty) = match collection {
        Colecao::Itens => ("Itens", "Nenhum produto ou serviço incluído."),
        Colecao::Despesas => ("Despesas", "Nenhuma despesa lançada."),
        Colecao::Anexos => ("Anexos", "Nenhum arquivo."),
        Colecao::Vinculos => ("Vínculos", "Nenhum vínculo com outros registros."),
    };
    Parts {
        collection,
        title,
        empty,
        remark: remark(look, collection),
        rows: look
            .record
            .vivos(collection)
            .map(|(id, item)| part(look, collection, *id, item))
            .collect(),
        new: new_fields(look, collection),
        addable: addable(look, collection),
        removable: may(look, Parte::Remocao(collection)),
    }
}

/// One part of a collection.
pub(crate) fn part(look: &Look<'_>, collection: Colecao, id: ItemId, item: &Item) -> Part {
    Part { id, by: item.autoria.por, fields: fields(look, collection, item) }
}

fn may(look: &Look<'_>, part: Parte) -> Result<(), Refusal> {
    policy::pode_alterar_registro(look.person, look.expected, look.tipo, part)
}

/// Whether the person may add a part of the collection now, or why not.
///
/// # Errors
/// `recurso_desabilitado` where the kind or the tipo has no use for it; what the policy says.
pub(crate) fn addable(look: &Look<'_>, collection: Colecao) -> Result<(), Refusal> {
    let (record, tipo) = (look.expected, look.tipo);
    let uses = collection != Colecao::Despesas || tipo.despesas;
    if record.kind.campos_de(collection).is_empty() || !uses {
        let what = collection.rotulo().to_owned();
        return Err(Refusal::with(Codigo::RecursoDesabilitado, [what]));
    }
    may(look, Parte::Item(collection))
}

/// What is written as a part is added is under the rule of adding; the rest under its own.
fn new_fields(look: &Look<'_>, collection: Colecao) -> Vec<Field> {
    let rule = |field: Field| {
        let editable = match field.campo.fixo {
            true => Ok(()),
            false => may(look, Parte::CampoItem(collection, field.campo)),
        };
        Field { editable, ..field }
    };
    new_part(look.tipo, look.person, collection).into_iter().map(rule).collect()
}

fn fields(look: &Look<'_>, collection: Colecao, part: &Item) -> Vec<Field> {
    let kind = look.record.kind;
    let used: Vec<&Campo> = part_fields(kind, collection, look.tipo).collect();
    let shown = |campo: &&'static Campo| {
        !part.valor(campo.nome).vazio() || used.iter().any(|known| known.nome == campo.nome)
    };
    let field = |campo: &'static Campo| {
        let editable = match points(campo) {
            // What a link points at is set by adding it.
            true => Err(Refusal::with(Codigo::CampoFixo, [campo.rotulo.to_owned()])),
            false => may(look, Parte::CampoItem(collection, campo)),
        };
        of_part(look, collection, campo, part.valor(campo.nome), editable)
    };
    kind.campos_de(collection).iter().filter(shown).map(field).collect()
}

const fn points(campo: &Campo) -> bool {
    matches!(campo.tipo, TipoCampo::Referencia(Alvo::Qualquer))
}

fn remark(look: &Look<'_>, collection: Colecao) -> Option<String> {
    let (record, tipo) = (look.record, look.tipo);
    let money = |name: &str, centavos: i64| {
        let campo = record.kind.campo_de(collection, name)?;
        Some(Valor::Inteiro(centavos).exibir(campo, look.zone))
    };
    let total = |name: &str| {
        let values = record.vivos(collection).filter_map(|(_, part)| match part.valor(name) {
            Valor::Inteiro(centavos) => Some(*centavos),
            _ => None,
        });
        Some(values.fold(0_i64, i64::saturating_add)).filter(|centavos| *centavos != 0)
    };
    match collection {
        Colecao::Despesas => Some(format!("Total: {}", money("valor", total("valor")?)?)),
        Colecao::Itens => {
            let paid = total("valor_indenizado").and_then(|sum| money("valor_indenizado", sum));
            let paid = paid.map(|paid| format!("Indenização: {paid}"));
            let limit = tipo.indenizacao.and_then(|indenizacao| indenizacao.limite);
            let limit = limit.and_then(|limit| money("valor_indenizado", limit));
            match (paid, limit) {
                (Some(paid), Some(limit)) => Some(format!("{paid} (limite do tipo: {limit})")),
                (None, Some(limit)) => Some(format!("Limite de indenização: {limit}")),
                (paid, None) => paid,
            }
        }
        Colecao::Anexos | Colecao::Vinculos => None,
    }
}
