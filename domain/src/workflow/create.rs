//! New records, and the new parts of records.

use super::limits::{ITENS_MAX, room_for_one};
use crate::{
    command::NovoItem,
    ids::{Autoria, DeviceId, DocumentId},
    invariantes,
    kind::Kind,
    parte::Colecao,
    pessoa::Pessoa,
    policy::{self, Parte},
    refusal::{Codigo, Refusal},
    registro::{Campos, Item, Registro},
    tipo::{Tipo, TipoRef},
};

/// What a new record is made of.
pub(super) struct New<'a> {
    pub(super) id: DocumentId,
    pub(super) kind: Kind,
    pub(super) tipo: &'a TipoRef,
    pub(super) campos: &'a Campos,
    pub(super) itens: &'a [NovoItem],
}

/// Whether the person may create the record as it is.
///
/// # Errors
/// `tipo_desconhecido`, `campo_desconhecido`, `limite_excedido`, or as [`policy::pode_criar`],
/// [`crate::valor::Campo::validar`] and [`invariantes::verificar`].
pub(super) fn create(tipo: &Tipo, pessoa: &Pessoa, new: &New<'_>) -> Result<(), Refusal> {
    let kind = new.kind;
    if *new.tipo != tipo.referencia() || tipo.kind != kind {
        return Err(Refusal::with(Codigo::TipoDesconhecido, [new.tipo.codigo.clone()]));
    }
    for (nome, valor) in new.campos {
        let campo = kind.campo(nome).ok_or_else(|| Refusal::campo_desconhecido(nome))?;
        policy::pode_criar(pessoa, tipo, Parte::Campo(campo))?;
        campo.validar(valor)?;
    }
    room_for_one(new.itens.len(), ITENS_MAX + 1, "itens")?;
    let mut registro = Registro::novo(new.id, tipo, author(pessoa), new.campos.clone());
    for item in new.itens {
        policy::pode_criar(pessoa, tipo, Parte::Item(Colecao::Itens))?;
        registro.itens.insert(item.id, new_part(kind, Colecao::Itens, item, pessoa, tipo)?);
    }
    policy::pode_criar_registro(pessoa, &registro, tipo)?;
    invariantes::verificar(&registro, tipo)
}

/// The part as it would stand in the record, if its fields may say what they say.
///
/// # Errors
/// `campo_desconhecido`, or as [`crate::valor::Campo::validar`] and
/// [`invariantes::parte_completa`].
pub(super) fn new_part(
    kind: Kind,
    em: Colecao,
    item: &NovoItem,
    pessoa: &Pessoa,
    tipo: &Tipo,
) -> Result<Item, Refusal> {
    if kind.campos_de(em).is_empty() {
        return Err(Refusal::campo_desconhecido(em.codigo()));
    }
    for (nome, valor) in &item.campos {
        kind.campo_de(em, nome).ok_or_else(|| Refusal::campo_desconhecido(nome))?.validar(valor)?;
    }
    let part = Item { campos: item.campos.clone(), removido: false, autoria: author(pessoa) };
    invariantes::parte_completa(kind, em, &part, tipo)?;
    Ok(part)
}

/// No rule asks on which device something new is written.
fn author(pessoa: &Pessoa) -> Autoria {
    Autoria { por: pessoa.id, em: DeviceId::ESCRITORIO }
}
