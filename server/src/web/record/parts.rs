//! The parts of a record: items, despesas and vínculos (R20, R33, R35, R38), shown, added, altered,
//! removed. One form and two buttons for all of them, and for the files that `gallery` shows.

use super::{
    Which,
    actions::{Act, not_valid},
    fields::{self, Input},
    load::Loaded,
};
use crate::{
    app::App,
    reading::{record, values::Shown},
    web::{
        form::{Draft, Sent},
        page::{Notice, PageError, PageResult, Visit},
    },
};
use axum::extract::State;
use campo_domain::{
    command::{Command, NovoItem},
    ids::ItemId,
    kind::Kind,
    parte::Colecao,
    policy::{self, Parte},
    refusal::Refusal,
    registro::{Campos, Item},
    tipo::Tipo,
    valor::{Alvo, Campo, TipoCampo, Valor},
};
use chrono_tz::Tz;
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

fn points(campo: &Campo) -> bool {
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

/// `POST …/parte`: a new part, or the fields of one that differ from what was there.
///
/// # Errors
/// The form is not of this session, or the record may not be seen.
pub async fn save(State(app): State<App>, which: Which, visit: Visit, sent: Sent) -> PageResult {
    let act = Act { app: &app, visit: &visit, which, sent: &sent };
    act.check()?;
    let em: Colecao = sent.get("em").parse().map_err(|_| PageError::not_found())?;
    let id = ItemId::from(sent.id("parte"));
    let (registro, _) = act.load().await?;
    let present = registro.colecao(em).get(&id);
    let is_new = sent.get("novo") == "sim";
    let form = if is_new { format!("{em}-novo") } else { format!("parte-{id}") };
    if is_new && present.is_some() {
        // The same form sent twice: it was done the first time.
        return Ok(act.done(Notice::Saved));
    }
    let before = present.map(|part| part.campos.clone()).unwrap_or_default();
    let changed = match changed(&act, em, &before, visit.auth.fuso).await? {
        Ok(changed) => changed,
        Err(refusal) => return act.refused(form, &refusal).await,
    };
    let commands = match is_new {
        true => vec![Command::IncluirItem { em, item: NovoItem { id, campos: changed } }],
        false => {
            let edit = |(campo, valor)| Command::EditarItem { em, item: id, campo, valor };
            changed.into_iter().map(edit).collect()
        }
    };
    act.answer_all(form, commands, Notice::Saved).await
}

/// The fields that were typed differently from what the part holds. All are read before any is
/// written.
async fn changed(
    act: &Act<'_>,
    em: Colecao,
    before: &Campos,
    fuso: Tz,
) -> Result<Result<Campos, Refusal>, PageError> {
    let mut changed = Campos::new();
    let sent = act.which.kind.campos_de(em).iter().filter(|campo| act.sent.has(campo.nome));
    for campo in sent {
        let text = act.sent.get(campo.nome);
        let present = before.get(campo.nome).unwrap_or(&Valor::Nulo);
        if text.trim() == fields::typed(campo, present, fuso).trim() {
            continue;
        }
        let valor = match points(campo) && !text.trim().is_empty() {
            true => find(act, text.trim()).await?.map(Valor::Id).ok_or(not_valid(campo.rotulo)),
            false => campo.ler(&text, fuso),
        };
        match valor {
            Ok(valor) => changed.insert(campo.nome.to_owned(), valor),
            Err(refusal) => return Ok(Err(refusal)),
        };
    }
    Ok(Ok(changed))
}

/// The record that somebody means by a number, a page's address, an id, or a client's name; none if
/// it is not exactly one.
async fn find(act: &Act<'_>, text: &str) -> Result<Option<Uuid>, PageError> {
    let viewer = act.visit.viewer();
    let mut tx = act.app.db.tenant(act.visit.auth.tenant).await?;
    let last = text.trim_end_matches('/').rsplit('/').next().unwrap_or(text);
    if let Ok(id) = last.parse::<Uuid>() {
        return Ok(record::named(&mut tx, viewer, &[id]).await?.contains_key(&id).then_some(id));
    }
    let mut found = record::by_number(&mut tx, viewer, text).await?;
    if found.is_empty() {
        let clientes = record::find_clientes(&mut tx, viewer, text).await?;
        found = clientes.into_iter().map(|(id, ..)| id).collect();
    }
    Ok(if let [only] = found[..] { Some(only) } else { None })
}

/// `POST …/parte/remover`: removes a part, logically.
///
/// # Errors
/// As [`save`].
pub async fn remove(State(app): State<App>, which: Which, visit: Visit, sent: Sent) -> PageResult {
    let act = Act { app: &app, visit: &visit, which, sent: &sent };
    act.check()?;
    let em: Colecao = sent.get("em").parse().map_err(|_| PageError::not_found())?;
    let item = ItemId::from(sent.id("parte"));
    let command = Command::RemoverItem { em, item };
    act.answer(format!("parte-{item}"), command, Notice::Saved).await
}
