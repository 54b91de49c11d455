//! The parts of a record: items, despesas and vínculos (R20, R33, R35, R38), shown, added, altered,
//! removed. One form and two buttons for all of them, and for the files that `gallery` shows.

use super::{
    fields::{self, Input},
    load::Loaded,
};
use crate::{
    reading::values::Shown,
    web::{form::Draft, page::Visit},
};
use campo_domain::{
    kind::Kind,
    parte::Colecao,
    policy::{self, Parte},
    registro::Item,
    tipo::Tipo,
    valor::{Alvo, Campo, TipoCampo, Valor},
};
use uuid::Uuid;

/// One collection.
pub struct PartsView {
    pub em: &'static str,
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

/// The collections that the record has, or may have.
pub fn collections(visit: &Visit, loaded: &Loaded, draft: Option<&Draft>) -> Vec<PartsView> {
    let (registro, tipo) = (&loaded.registro, &loaded.tipo);
    let kept = |em: &Colecao| {
        let uses = match em {
            Colecao::Itens => true,
            Colecao::Despesas => tipo.despesas,
            // The gallery has them.
            Colecao::Anexos => return false,
            Colecao::Vinculos => true,
        };
        let has = registro.vivos(*em).next().is_some();
        !registro.kind.campos_de(*em).is_empty() && (uses || has)
    };
    let each = Colecao::TODAS.into_iter().filter(kept);
    each.map(|em| collection(em, visit, loaded, draft)).collect()
}

fn collection(em: Colecao, visit: &Visit, loaded: &Loaded, draft: Option<&Draft>) -> PartsView {
    let (registro, tipo) = (&loaded.registro, &loaded.tipo);
    let pessoa = &visit.auth.pessoa;
    let may = |parte| policy::pode_alterar_registro(pessoa, registro, tipo, parte).is_ok();
    let (title, empty) = match em {
        Colecao::Itens => ("Itens", "Nenhum produto ou serviço incluído."),
        Colecao::Despesas => ("Despesas", "Nenhuma despesa lançada."),
        Colecao::Anexos => ("Anexos", "Nenhum arquivo."),
        Colecao::Vinculos => ("Vínculos", "Nenhum vínculo com outros registros."),
    };
    let rows = registro.vivos(em).map(|(id, part)| {
        let draft = Draft::of(draft, &format!("parte-{id}"));
        let cells = fields_of(registro.kind, em, tipo).map(|campo| {
            (campo.rotulo.to_owned(), loaded.reader().show(campo, part.valor(campo.nome)))
        });
        // What it points at is set by adding it.
        let alterable = |campo: &&'static Campo| {
            !campo.fixo && !points(campo) && may(Parte::CampoItem(em, campo))
        };
        PartView {
            id: id.uuid(),
            cells: cells.filter(|(_, shown)| !shown.text.is_empty()).collect(),
            by: loaded.names.people.name_or_unknown(part.autoria.por.uuid()),
            inputs: inputs(loaded, em, Some(part), draft, alterable),
            may_remove: may(Parte::Remocao(em)),
            error: Draft::error(draft),
        }
    });
    let form = Draft::of(draft, &format!("{em}-novo"));
    let addable = em != Colecao::Despesas || tipo.despesas;
    let new = (addable && may(Parte::Item(em))).then(|| NewPart {
        id: form.map_or_else(Uuid::now_v7, |draft| draft.sent.id("parte")),
        inputs: inputs(loaded, em, None, form, |campo| {
            campo.fixo || may(Parte::CampoItem(em, campo))
        }),
        error: Draft::error(form),
    });
    PartsView {
        em: em.codigo(),
        title,
        empty,
        one: em.rotulo().to_lowercase(),
        remark: remark(em, loaded),
        rows: rows.collect(),
        new,
    }
}

/// What the tipo has of the fields of a part.
fn fields_of(kind: Kind, em: Colecao, tipo: &Tipo) -> impl Iterator<Item = &'static Campo> {
    let has = move |campo: &&Campo| {
        em != Colecao::Itens || (tipo.tem_campo_item(campo.nome) && fields::uses(tipo, campo.nome))
    };
    kind.campos_de(em).iter().filter(has)
}

/// Whether it names any record, which is typed.
pub fn points(campo: &Campo) -> bool {
    matches!(campo.tipo, TipoCampo::Referencia(Alvo::Qualquer))
}

/// The inputs of a form, of those fields that the person may write.
pub fn inputs(
    loaded: &Loaded,
    em: Colecao,
    part: Option<&Item>,
    draft: Option<&Draft>,
    may: impl Fn(&&'static Campo) -> bool,
) -> Vec<Input> {
    let reader = loaded.reader();
    let build = |campo: &'static Campo| {
        let valor = part.map_or(&Valor::Nulo, |part| part.valor(campo.nome));
        let value = Draft::text(draft, campo.nome, || fields::typed(campo, valor, loaded.fuso));
        let mut input = reader.input(campo, value);
        input.required = em.obrigatorios().contains(&campo.nome);
        if em == Colecao::Itens && campo.nome == "produto" {
            input.suggestions = loaded.origem.iter().map(|linha| linha.produto.clone()).collect();
        }
        input
    };
    // A catalogue that the company does not keep offers nothing to choose.
    let kept = |campo: &&'static Campo| match campo.tipo {
        TipoCampo::Referencia(Alvo::Catalogo(name)) => {
            em.obrigatorios().contains(&campo.nome)
                || !loaded.names.catalogues.entries(name).is_empty()
        }
        _ => true,
    };
    fields_of(loaded.registro.kind, em, &loaded.tipo).filter(kept).filter(may).map(build).collect()
}

fn remark(em: Colecao, loaded: &Loaded) -> Option<String> {
    let (registro, tipo) = (&loaded.registro, &loaded.tipo);
    let money = |nome: &str, centavos: i64| {
        let campo = registro.kind.campo_de(em, nome)?;
        Some(Valor::Inteiro(centavos).exibir(campo, loaded.fuso))
    };
    let total = |nome: &str| {
        let values = registro.vivos(em).filter_map(|(_, part)| match part.valor(nome) {
            Valor::Inteiro(centavos) => Some(*centavos),
            _ => None,
        });
        values.fold(0_i64, i64::saturating_add)
    };
    match em {
        Colecao::Despesas => match total("valor") {
            0 => None,
            centavos => Some(format!("Total: {}", money("valor", centavos)?)),
        },
        Colecao::Itens => {
            let paid = match total("valor_indenizado") {
                0 => None,
                centavos => Some(format!("Indenização: {}", money("valor_indenizado", centavos)?)),
            };
            let limit = tipo.indenizacao.and_then(|indenizacao| indenizacao.limite);
            let limit = limit.and_then(|limite| money("valor_indenizado", limite));
            match (paid, limit) {
                (Some(paid), Some(limit)) => Some(format!("{paid} (limite do tipo: {limit})")),
                (None, Some(limit)) => Some(format!("Limite de indenização: {limit}")),
                (paid, None) => paid,
            }
        }
        Colecao::Anexos | Colecao::Vinculos => None,
    }
}
