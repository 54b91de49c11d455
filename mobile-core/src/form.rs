//! The form of a tipo (R25, R30); `campo_screens::form` decides what is in it.

use crate::{creation, error::Error, phone::Phone};
use campo_domain::kind::Kind;
use campo_screens::{Choice, Field, NewForm};
use serde::Serialize;

/// A field of a form and what stands in it.
#[derive(Clone, Debug, Serialize)]
pub struct FieldShown {
    /// Stable name.
    pub nome: &'static str,
    /// What the person reads.
    pub rotulo: String,
    /// texto, texto_longo, dinheiro, quantidade, inteiro, logico, data, instante, escolha,
    /// catalogo, usuario or registro.
    pub aceita: &'static str,
    /// The catalogue, or the kind of record, that it refers to.
    pub alvo: Option<&'static str>,
    /// What may be chosen, where that is a fixed list.
    pub opcoes: Vec<Opcao>,
    /// Whether it must be filled in.
    pub obrigatorio: bool,
    /// Whether this person may write it now.
    pub editavel: bool,
    /// What the form says beside it (R25).
    pub orientacao: Option<String>,
    /// The value as text; empty where nothing is filled in.
    pub valor: String,
    /// The value as one types it, for [`Phone::editar`].
    pub texto: String,
}

/// Something that may be chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Opcao {
    /// Its code.
    pub codigo: String,
    /// What the person reads.
    pub rotulo: String,
    /// The priority that a category brings (R27).
    pub prioridade: Option<String>,
}

/// What a screen asks for to create a record.
#[derive(Clone, Debug, Serialize)]
pub struct Formulario {
    /// Code of the tipo.
    pub tipo: String,
    /// Its name.
    pub nome: String,
    /// What kind of record it makes.
    pub kind: Kind,
    /// The record's fields.
    pub campos: Vec<FieldShown>,
    /// The fields of an item.
    pub itens: Vec<FieldShown>,
    /// The fields of an expense; none where the tipo keeps no expenses (R35).
    pub despesas: Vec<FieldShown>,
    /// The fields of a link.
    pub vinculos: Vec<FieldShown>,
    /// What the form says about files.
    pub orientacao_anexos: Option<String>,
}

impl Phone {
    /// The form of a tipo, by its code or its name.
    ///
    /// # Errors
    /// `Recusa` where there is no such tipo, `Ambiguo`, `NinguemEntrou`, storage.
    pub fn formulario(&self, kind: Kind, tipo: &str) -> Result<Formulario, Error> {
        self.read_as(|conn, account| {
            let tipo = creation::chamado(conn, account, kind, tipo)?;
            let NewForm { fields, items, expenses, links, files_hint } =
                campo_screens::new_form(&tipo, &account.pessoa);
            Ok(Formulario {
                tipo: tipo.codigo.clone(),
                nome: tipo.nome.clone(),
                kind: tipo.kind,
                campos: shown(fields),
                itens: shown(items),
                despesas: shown(expenses),
                vinculos: shown(links),
                orientacao_anexos: files_hint,
            })
        })
    }
}

/// Fields as the phone hands them on.
pub(crate) fn shown(fields: Vec<Field>) -> Vec<FieldShown> {
    fields.into_iter().map(FieldShown::from).collect()
}

impl From<Field> for FieldShown {
    fn from(field: Field) -> Self {
        FieldShown {
            nome: field.campo.nome,
            rotulo: field.label,
            aceita: field.campo.codigo_do_tipo(),
            alvo: field.campo.alvo(),
            opcoes: field.choices.into_iter().map(Opcao::from).collect(),
            obrigatorio: field.required,
            editavel: field.editable.is_ok(),
            orientacao: field.hint,
            valor: field.words.text,
            texto: field.typed,
        }
    }
}

impl From<Choice> for Opcao {
    fn from(choice: Choice) -> Self {
        Opcao { codigo: choice.code, rotulo: choice.label, prioridade: choice.priority }
    }
}
