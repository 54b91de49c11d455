//! The fields of a record as a form: in order, with labels, what each accepts, what must be filled
//! in, and whether the person may write it now, or why not (R1, R7, R25, R30).

use crate::{
    look::Look,
    words::{Words, typed, words},
};
use campo_domain::{
    assistencia::PRIORIDADES,
    invariantes::exige,
    kind::Kind,
    parte::Colecao,
    pessoa::Pessoa,
    policy::{self, Parte},
    refusal::Refusal,
    registro::Registro,
    tipo::Tipo,
    valor::{Campo, TipoCampo, Valor},
};

/// What is only known once somebody has worked on a record: a form that begins one does not ask.
const LATER: [&str; 5] = ["esforco", "plano_mensal", "prazo_entrega", "procedencia", "resolucao"];

/// Something that may be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// What is stored.
    pub code: String,
    /// What a person reads.
    pub label: String,
    /// The priority that a category brings (R27).
    pub priority: Option<String>,
}

/// A field of a form, and what stands in it.
#[derive(Clone, Debug)]
pub struct Field {
    /// What it is: its stable name, what it accepts and refers to.
    pub campo: &'static Campo,
    /// What a person reads: what the tipo calls it, or Campo.
    pub label: String,
    /// The value.
    pub value: Valor,
    /// The value as people read it.
    pub words: Words,
    /// The value as one types it.
    pub typed: String,
    /// What may be chosen, where that is a fixed list. Catalogues and people are the caller's.
    pub choices: Vec<Choice>,
    /// Whether it must be filled in: by the tipo, by the value of another field, or in the
    /// situação of the record (R1, R7).
    pub required: bool,
    /// Whether the person may write it now, or why not.
    pub editable: Result<(), Refusal>,
    /// What the form says beside it (R25).
    pub hint: Option<String>,
    /// What is to be known of the value besides.
    pub remark: Option<&'static str>,
    /// The value that counts where nothing is filled in: the priority of the category (R27).
    pub inherited: Option<String>,
    /// Whether several people wrote it at once (ff18).
    pub in_conflict: bool,
}

/// What a screen asks for to create a record.
#[derive(Clone, Debug)]
pub struct NewForm {
    /// The record's fields, in the order of the form.
    pub fields: Vec<Field>,
    /// The fields of an item.
    pub items: Vec<Field>,
    /// The fields of an expense; none where the tipo keeps no expenses (R35).
    pub expenses: Vec<Field>,
    /// The fields of a link to another record.
    pub links: Vec<Field>,
    /// What the form says about files.
    pub files_hint: Option<String>,
}

/// Every field of a record that the tipo has a use for, and whatever is filled in besides, in the
/// order of the form.
pub fn form(look: &Look<'_>) -> Vec<Field> {
    let (record, tipo) = (look.record, look.tipo);
    let shown = |campo: &&Campo| {
        let filled = !record.valor(campo.nome).vazio();
        // A link that was not made at creation never will be.
        filled || (has(tipo, campo) && !campo.fixo)
    };
    in_order(tipo, record.kind.campos().iter().filter(shown))
        .into_iter()
        .map(|campo| of_record(look, campo))
        .collect()
}

fn of_record(look: &Look<'_>, campo: &'static Campo) -> Field {
    let (record, tipo) = (look.record, look.tipo);
    let value = record.valor(campo.nome);
    let editable =
        policy::pode_alterar_registro(look.person, look.expected, tipo, Parte::Campo(campo));
    Field {
        campo,
        label: tipo.rotulo(campo.nome).to_owned(),
        words: words(campo, value, Some(tipo), look.names, look.zone),
        typed: typed(campo, value, look.zone),
        value: value.clone(),
        choices: choices(campo, Some(tipo)),
        required: exige(tipo, record.situacao(tipo), |name| record.valor(name).texto(), campo.nome),
        editable,
        hint: tipo.orientacoes.get(campo.nome).cloned(),
        remark: remark(record, campo),
        inherited: inherited(record, tipo, campo),
        in_conflict: record.conflitos.iter().any(|conflict| conflict.campo == campo.nome),
    }
}

/// The form that begins a record of a tipo.
pub fn new_form(tipo: &Tipo, person: &Pessoa) -> NewForm {
    let fields = tipo.kind.campos().iter().filter(|campo| has(tipo, campo));
    let field = |campo: &'static Campo| Field {
        label: tipo.rotulo(campo.nome).to_owned(),
        choices: choices(campo, Some(tipo)),
        required: is_required_of_new(tipo, campo.nome),
        hint: tipo.orientacoes.get(campo.nome).cloned(),
        ..empty(campo, policy::pode_criar(person, tipo, Parte::Campo(campo)))
    };
    NewForm {
        fields: in_order(tipo, fields).into_iter().map(field).collect(),
        items: new_part(tipo, person, Colecao::Itens),
        expenses: new_part(tipo, person, Colecao::Despesas),
        links: new_part(tipo, person, Colecao::Vinculos),
        files_hint: tipo.orientacoes.get("anexos").cloned(),
    }
}

/// The fields of a new part of a collection; none where the tipo has no use for it.
pub fn new_part(tipo: &Tipo, person: &Pessoa, collection: Colecao) -> Vec<Field> {
    let field = |campo: &'static Campo| Field {
        choices: choices(campo, None),
        required: collection.obrigatorios().contains(&campo.nome),
        ..empty(campo, policy::pode_criar(person, tipo, Parte::CampoItem(collection, campo)))
    };
    part_fields(tipo.kind, collection, tipo).map(field).collect()
}

/// The fields that the first form of a record asks for, in order: those that may be written in the
/// first situação, and what must be filled in. Others are asked for once somebody works on it.
pub fn asked_first(tipo: &Tipo, person: &Pessoa) -> Vec<&'static Campo> {
    let first = tipo.situacao(None);
    let asks = |campo: &&'static Campo| {
        let needed = is_required_of_new(tipo, campo.nome) || campo.nome == "responsavel";
        let open = first.is_none_or(|s| s.campos_editaveis.inclui(campo.nome))
            && !LATER.contains(&campo.nome);
        !campo.fixo
            && has(tipo, campo)
            && (needed || open)
            && policy::pode_criar(person, tipo, Parte::Campo(campo)).is_ok()
    };
    in_order(tipo, tipo.kind.campos().iter().filter(asks))
}

fn empty(campo: &'static Campo, editable: Result<(), Refusal>) -> Field {
    Field {
        campo,
        label: campo.rotulo.to_owned(),
        value: Valor::Nulo,
        words: Words::default(),
        typed: String::new(),
        choices: Vec::new(),
        required: false,
        editable,
        hint: None,
        remark: None,
        inherited: None,
        in_conflict: false,
    }
}

/// A field of a part, with what stands in it; the caller says whether it may be written.
pub(crate) fn of_part(
    look: &Look<'_>,
    collection: Colecao,
    campo: &'static Campo,
    value: &Valor,
    editable: Result<(), Refusal>,
) -> Field {
    Field {
        value: value.clone(),
        words: words(campo, value, None, look.names, look.zone),
        typed: typed(campo, value, look.zone),
        choices: choices(campo, None),
        required: collection.obrigatorios().contains(&campo.nome),
        ..empty(campo, editable)
    }
}

/// Whether the tipo has the field, and a use for it.
fn has(tipo: &Tipo, campo: &Campo) -> bool {
    let of_use = match campo.nome {
        "procedencia" => tipo.analisa_procedencia,
        "valor_indenizado" => tipo.indenizacao.is_some(),
        _ => true,
    };
    of_use && tipo.tem_campo(campo.nome)
}

/// What the tipo has of the fields of a part.
pub(crate) fn part_fields(
    kind: Kind,
    collection: Colecao,
    tipo: &Tipo,
) -> impl Iterator<Item = &'static Campo> + use<'_> {
    let has = move |campo: &&Campo| match (collection, campo.nome) {
        (Colecao::Despesas, _) => tipo.despesas,
        (Colecao::Itens, "procedencia") if !tipo.analisa_procedencia => false,
        (Colecao::Itens, "valor_indenizado") if tipo.indenizacao.is_none() => false,
        (Colecao::Itens, name) => tipo.tem_campo_item(name),
        (Colecao::Anexos | Colecao::Vinculos, _) => true,
    };
    kind.campos_de(collection).iter().filter(has)
}

/// As the tipo's form has them; what it does not list comes last.
fn in_order(tipo: &Tipo, fields: impl Iterator<Item = &'static Campo>) -> Vec<&'static Campo> {
    let mut fields: Vec<&'static Campo> = fields.collect();
    let place = |campo: &&'static Campo| {
        tipo.formulario.iter().position(|name| name == campo.nome).unwrap_or(usize::MAX)
    };
    fields.sort_by_key(place);
    fields
}

/// What may be chosen in a field: the categories of the tipo, or what the tipo leaves of the
/// field's choices (R14, R27). Of a part's field (`tipo` is none), all of its choices.
pub fn choices(campo: &Campo, tipo: Option<&Tipo>) -> Vec<Choice> {
    let offered = match tipo {
        Some(tipo) => tipo.opcoes(campo),
        None => campo.escolhas().to_vec(),
    };
    let priority = |code: &str| {
        let categoria = tipo.filter(|_| campo.nome == "categoria")?.categoria(code)?;
        Some(categoria.prioridade.clone())
    };
    let choice = |(code, label): (&str, &str)| Choice {
        code: code.to_owned(),
        label: label.to_owned(),
        priority: priority(code),
    };
    offered.into_iter().map(choice).collect()
}

/// Whether a field must be filled in to create a record; what a value that is chosen there will ask
/// for besides is not known yet.
fn is_required_of_new(tipo: &Tipo, name: &str) -> bool {
    exige(tipo, tipo.situacao(None), |_| None, name)
}

fn remark(record: &Registro, campo: &Campo) -> Option<&'static str> {
    let several = || record.vivos(Colecao::Itens).count() > 1;
    match campo.nome {
        // Where there are several items, each says it for itself (R62).
        "procedencia" if several() => {
            Some("Havendo mais de um item, vale a procedência de cada um.")
        }
        name if record.juncoes.iter().any(|one| one.campo == name) => Some(
            "Junta o que duas pessoas escreveram ao mesmo tempo. O que cada uma escreveu está no \
             acompanhamento.",
        ),
        _ => None,
    }
}

fn inherited(record: &Registro, tipo: &Tipo, campo: &Campo) -> Option<String> {
    if campo.nome != "prioridade" || !record.valor(campo.nome).vazio() {
        return None;
    }
    let code = record.prioridade(tipo)?;
    let (_, label) = PRIORIDADES.iter().find(|(known, _)| *known == code)?;
    Some(format!("{label}, pela categoria"))
}

impl Field {
    /// Longest text that it takes, in characters; none where it takes no free text.
    pub fn chars_max(&self) -> Option<usize> {
        match self.campo.tipo {
            TipoCampo::Texto { chars_max } | TipoCampo::TextoLongo { chars_max } => Some(chars_max),
            _ => None,
        }
    }
}
