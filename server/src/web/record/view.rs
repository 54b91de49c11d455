//! Shapes a record for its template: what to show, and which forms with what in them.

use super::{
    Which,
    disputes::{self, ConflictView, HeldCard},
    fields::{self, Control, FieldView, Input, Shown},
    history::{self, EntryView},
    load::{HISTORY_PAGE, Loaded},
};
use crate::web::{
    form::{Choice, Draft},
    format::{self, Moment},
    page::{Shell, Visit},
    queries::record::{Child, label},
};
use askama::Template;
use campo_domain::{
    fluxo::{Fase, Guarda, Transicao},
    kind::Kind,
    pessoa::{Permissao, Pessoa},
    policy::{self, Parte},
    registro::Laudo,
    valor::{Campo, Valor},
    workflow::{self, Onde},
};
use uuid::Uuid;

/// The template of a record.
#[derive(Template)]
#[template(path = "registro.html")]
pub struct RecordPage {
    pub shell: Shell,
    path: String,
    kind: Kind,
    label: String,
    provisional: bool,
    title: String,
    tipo: String,
    situacao: String,
    fase: &'static str,
    created_by: String,
    created_at: Moment,
    parents: Vec<Parent>,
    /// The reason of a refusal, and the form that it is of.
    error: Option<(String, String)>,
    actions: Vec<ActionView>,
    conflicts: Vec<ConflictView>,
    held: Vec<HeldCard>,
    may_decide: bool,
    fields: Vec<FieldView>,
    has_items: bool,
    items: Vec<ItemView>,
    new_item: Option<NewItem>,
    participants: Vec<Choice>,
    may_invite: Option<Vec<Choice>>,
    laudo: Option<LaudoView>,
    groups: Vec<ChildGroup>,
    clientes: Option<super::load::FoundClientes>,
    note: Option<NoteForm>,
    history: Vec<EntryView>,
    more_history: Option<usize>,
}

struct Parent {
    label: &'static str,
    shown: Shown,
}

struct ActionView {
    verb: String,
    label: String,
    style: &'static str,
    needs: Needs,
    pedido: Uuid,
    laudo: Uuid,
    reason: String,
    founded: String,
    error: Option<String>,
}

#[derive(PartialEq, Eq)]
enum Needs {
    Nothing,
    Reason,
    Laudo,
}

struct ItemView {
    id: Uuid,
    cells: Vec<(&'static str, String)>,
    edit: Option<Vec<Input>>,
    error: Option<String>,
}

struct NewItem {
    id: Uuid,
    inputs: Vec<Input>,
    error: Option<String>,
}

struct LaudoView {
    founded: bool,
    conclusion: String,
    by: String,
    at: Moment,
}

struct ChildGroup {
    title: &'static str,
    empty: &'static str,
    rows: Vec<ChildView>,
}

struct ChildView {
    href: String,
    label: String,
    title: String,
    situacao: String,
    fase: String,
    who: String,
    when: String,
}

struct NoteForm {
    id: Uuid,
    text: String,
    error: Option<String>,
}

/// The page of what was loaded.
pub fn page(visit: &Visit, loaded: Loaded, draft: Option<&Draft>) -> RecordPage {
    let (pessoa, fuso, now) = (&visit.auth.pessoa, visit.auth.fuso, visit.now);
    let (registro, tipo, names) = (&loaded.registro, &loaded.tipo, &loaded.names);
    let may = |parte| policy::pode_alterar_registro(pessoa, registro, tipo, parte).is_ok();
    let moment = |at| Moment::new(at, now, fuso);
    let participants = registro.participantes.iter();
    let participants: Vec<Choice> = participants
        .map(|id| fields::person(id.uuid(), &names.people.name_or_unknown(id.uuid())))
        .collect();
    let note = Draft::of(draft, "nota");
    let history = history::entries(&loaded, now, fuso);
    RecordPage {
        path: Which { kind: registro.kind, id: registro.id }.path(),
        kind: registro.kind,
        label: registro.rotulo(),
        provisional: registro.kind.numerado() && registro.numero.is_none(),
        title: registro.titulo(),
        tipo: tipo.nome.clone(),
        situacao: registro.situacao(tipo).map_or(String::new(), |s| s.nome.clone()),
        fase: registro.fase(tipo).codigo(),
        created_by: names.people.name_or_unknown(registro.criacao.por.uuid()),
        created_at: moment(registro.criado_em),
        parents: parents(&loaded, visit),
        error: draft.map(|draft| (draft.form.clone(), draft.error.clone())),
        actions: actions(pessoa, &loaded, draft),
        conflicts: registro
            .conflitos
            .iter()
            .map(|c| disputes::conflict(c, visit, &loaded))
            .collect(),
        held: disputes::held(visit, &loaded, draft),
        may_decide: pessoa.pode(Permissao::Gerenciar),
        fields: fields::fields(pessoa, &loaded, fuso, draft),
        has_items: !registro.kind.campos_item().is_empty(),
        items: items(visit, &loaded, draft),
        new_item: may(Parte::Item).then(|| new_item(visit, &loaded, draft)),
        may_invite: may(Parte::Participante).then(|| invitable(&loaded)),
        participants,
        laudo: registro.laudo_vigente().map(|laudo| laudo_view(laudo, visit, &loaded)),
        groups: groups(visit, &loaded),
        note: may(Parte::Nota).then(|| NoteForm {
            id: note.map_or_else(Uuid::now_v7, |note| note.sent.id("nota")),
            text: Draft::text(note, "texto", String::new),
            error: Draft::error(note),
        }),
        more_history: (loaded.history.len() > loaded.history_limit)
            .then_some(loaded.history_limit + HISTORY_PAGE),
        history,
        clientes: loaded.clientes,
        shell: loaded.shell,
    }
}

/// The records that this one belongs to: its fixed references, which are no fields to edit.
fn parents(loaded: &Loaded, visit: &Visit) -> Vec<Parent> {
    let registro = &loaded.registro;
    let fixed = registro.kind.campos().iter().filter(|campo| campo.fixo);
    let filled = fixed.filter(|campo| !registro.valor(campo.nome).vazio());
    let parent = |campo: &'static Campo| Parent {
        label: campo.rotulo,
        shown: fields::show(campo, registro.valor(campo.nome), &loaded.names, visit.auth.fuso),
    };
    filled.map(parent).collect()
}

fn actions(pessoa: &Pessoa, loaded: &Loaded, draft: Option<&Draft>) -> Vec<ActionView> {
    let tipo = &loaded.tipo;
    let style = |transicao: &Transicao| match tipo.fluxo.situacao(&transicao.para) {
        Some(situacao) if situacao.fase == Fase::Concluido => "principal",
        Some(situacao) if !situacao.fase.aberta() => "perigo",
        _ => "",
    };
    let available = workflow::disponiveis(&loaded.registro, tipo, pessoa, Onde::Servidor);
    let view = |transicao: &Transicao| {
        let draft = Draft::of(draft, &format!("acao-{}", transicao.verbo));
        ActionView {
            verb: transicao.verbo.clone(),
            label: transicao.rotulo.clone(),
            style: style(transicao),
            needs: match &transicao.guardas {
                guardas if guardas.contains(&Guarda::TrazLaudo) => Needs::Laudo,
                guardas if guardas.contains(&Guarda::Motivo) => Needs::Reason,
                _ => Needs::Nothing,
            },
            pedido: draft.map_or_else(Uuid::now_v7, |draft| draft.sent.id("pedido")),
            laudo: draft.map_or_else(Uuid::now_v7, |draft| draft.sent.id("laudo")),
            reason: Draft::text(draft, "texto", String::new),
            founded: Draft::text(draft, "procedente", String::new),
            error: Draft::error(draft),
        }
    };
    available.into_iter().map(view).collect()
}

fn items(visit: &Visit, loaded: &Loaded, draft: Option<&Draft>) -> Vec<ItemView> {
    let (registro, fuso) = (&loaded.registro, visit.auth.fuso);
    let pessoa = &visit.auth.pessoa;
    let may = policy::pode_alterar_registro(pessoa, registro, &loaded.tipo, Parte::Item).is_ok();
    let present = registro.itens.iter().filter(|(_, item)| !item.removido);
    let view = |(id, item): (&campo_domain::ids::ItemId, &campo_domain::registro::Item)| {
        let draft = Draft::of(draft, &format!("item-{id}"));
        let cells = registro.kind.campos_item().iter().map(|campo| {
            let valor = item.campos.get(campo.nome).unwrap_or(&Valor::Nulo);
            (campo.rotulo, fields::show(campo, valor, &loaded.names, fuso).text)
        });
        ItemView {
            id: id.uuid(),
            cells: cells.collect(),
            edit: may
                .then(|| fields::item_inputs(registro, &item.campos, &loaded.names, fuso, draft)),
            error: Draft::error(draft),
        }
    };
    present.map(view).collect()
}

fn new_item(visit: &Visit, loaded: &Loaded, draft: Option<&Draft>) -> NewItem {
    let draft = Draft::of(draft, "item-novo");
    let (none, fuso) = (Default::default(), visit.auth.fuso);
    NewItem {
        id: draft.map_or_else(Uuid::now_v7, |draft| draft.sent.id("item")),
        inputs: fields::item_inputs(&loaded.registro, &none, &loaded.names, fuso, draft),
        error: Draft::error(draft),
    }
}

fn invitable(loaded: &Loaded) -> Vec<Choice> {
    let already = loaded.registro.envolvidos();
    let people = loaded.names.people.eligible(None);
    let others = people.filter(|(id, _)| !already.contains(&(*id).into()));
    others.map(|(id, name)| fields::person(id, name)).collect()
}

fn laudo_view(laudo: &Laudo, visit: &Visit, loaded: &Loaded) -> LaudoView {
    LaudoView {
        founded: laudo.procedente,
        conclusion: laudo.conclusao.clone(),
        by: loaded.names.people.name_or_unknown(laudo.autoria.por.uuid()),
        at: Moment::new(laudo.quando, visit.now, visit.auth.fuso),
    }
}

fn groups(visit: &Visit, loaded: &Loaded) -> Vec<ChildGroup> {
    let group = |title, empty, kind: Kind, children: &[Child]| ChildGroup {
        title,
        empty,
        rows: children.iter().map(|child| child_view(kind, child, visit, loaded)).collect(),
    };
    let ocorrencias = || {
        let empty = "Nenhuma ocorrência. A equipe registra o que encontrou depois da visita.";
        group("Ocorrências", empty, Kind::Ocorrencia, &loaded.ocorrencias)
    };
    let agendas = || {
        let empty = "Nenhum compromisso marcado.";
        group("Agenda", empty, Kind::Agenda, &loaded.agendas)
    };
    match loaded.registro.kind {
        Kind::Assistencia => vec![ocorrencias(), agendas()],
        Kind::Ocorrencia => vec![agendas()],
        Kind::Cliente => {
            let empty = "Nenhuma assistência deste cliente.";
            vec![group("Assistências", empty, Kind::Assistencia, &loaded.assistencias)]
        }
        Kind::Agenda => Vec::new(),
    }
}

fn child_view(kind: Kind, child: &Child, visit: &Visit, loaded: &Loaded) -> ChildView {
    let name = |id| loaded.names.people.name_or_unknown(id);
    let fuso = visit.auth.fuso;
    ChildView {
        href: format!("/registros/{kind}/{}", child.id),
        label: match child.inicio {
            Some(inicio) => format::instant(inicio, fuso),
            None => label(child.id, child.numero.as_deref()),
        },
        title: child.titulo.clone(),
        situacao: child.situacao_nome.clone(),
        fase: child.fase.clone(),
        who: child.responsavel.map(name).unwrap_or_default(),
        when: Moment::new(child.atualizado_em, visit.now, fuso).relative,
    }
}
