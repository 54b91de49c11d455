//! Shapes a record for its template: what to show, and which forms with what in them.

use super::{
    disputes::{self, ConflictView, HeldCard},
    erp::{self, AskView, AskedView, EmailView},
    fields::{self, FieldView},
    flow::{self, ActionView, AnalysisView, PartialForm, WaitingView},
    gallery::{self, GalleryView, PictureView},
    history::{self, EntryView, NoteForm, StageView, Tab},
    inputs::Control,
    load::RecordRead,
    parts::{self, PartsView},
    people::{self, ListView, RestrictionView},
    quality::{self, CorrectiveView, JoinForm},
    shown::{Shown, moment, person},
    which::Which,
};
use crate::{
    office,
    reading::record::{Child, Linked, label},
    web::{
        form::Draft,
        format::Moment,
        page::{Shell, Visit},
    },
};
use askama::Template;
use campo_domain::{kind::Kind, parte::Colecao, pessoa::Permissao, preenchimento, pt_br};
use campo_screens::{self as screens, Field, Look, View, form, kept, may, words};

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
    badges: Badges,
    created_by: String,
    created_at: Moment,
    parents: Vec<Parent>,
    /// What may be made from here: path and text.
    begin: Vec<(String, &'static str)>,
    /// The reason of a refusal, and the form that it is of.
    error: Option<(String, String)>,
    waiting: Vec<WaitingView>,
    actions: Vec<ActionView>,
    conflicts: Vec<ConflictView>,
    held: Vec<HeldCard>,
    may_decide: bool,
    fields: Vec<FieldView>,
    /// What cannot be changed now: labels and why.
    locked: Vec<(String, String)>,
    /// The address that counts, where the contract has another than the record (R11).
    address: Option<String>,
    collections: Vec<PartsView>,
    gallery: Option<GalleryView>,
    linked: Vec<LinkedView>,
    lists: Vec<ListView>,
    restriction: Option<RestrictionView>,
    analyses: Vec<AnalysisView>,
    partial: Option<PartialForm>,
    asked: Vec<AskedView>,
    possible: Vec<AskView>,
    emails: Vec<EmailView>,
    correctives: Vec<CorrectiveView>,
    join: Option<JoinForm>,
    groups: Vec<ChildGroup>,
    clientes: Option<super::load::FoundClientes>,
    note: Option<NoteForm>,
    tabs: Vec<Tab>,
    view: View,
    stages: Vec<StageView>,
    history: Vec<EntryView>,
    more_history: Option<usize>,
}

/// What is to be seen of a record at once.
struct Badges {
    priority: Option<&'static str>,
    category: Option<String>,
    restricted: bool,
    /// Until when it may stay in its situação.
    stage_until: Option<Moment>,
    /// Why it is late.
    late: Option<String>,
    /// When the wait for the client ends by itself.
    inactive_at: Option<Moment>,
}

struct Parent {
    label: String,
    shown: Shown,
}

struct LinkedView {
    relation: String,
    href: String,
    label: String,
    title: String,
}

struct ChildGroup {
    title: &'static str,
    empty: &'static str,
    rows: Vec<ChildView>,
    /// Where one more is made, and what the button says.
    new: Option<(String, &'static str)>,
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

/// The page of what was loaded.
pub fn page(visit: &Visit, read: RecordRead, draft: Option<&Draft>) -> RecordPage {
    let look = &read.look(visit);
    let (record, tipo) = (look.record, look.tipo);
    let (form, may) = (form(look), may(look));
    let situacao = record.situacao(tipo);
    RecordPage {
        path: Which { kind: record.kind, id: record.id }.path(),
        kind: record.kind,
        label: record.rotulo(),
        provisional: record.kind.numerado() && record.numero.is_none(),
        title: record.titulo(),
        tipo: tipo.nome.clone(),
        situacao: situacao.map_or(String::new(), |situacao| situacao.nome.clone()),
        fase: record.fase(tipo).codigo(),
        badges: badges(look, &read),
        created_by: person(look, record.criacao.por),
        created_at: moment(look, record.criado_em),
        parents: fields::parents(&form).map(parent).collect(),
        begin: begin(visit, &read),
        error: draft.map(|draft| (draft.key.clone(), draft.error.clone())),
        waiting: flow::waiting(look),
        actions: flow::actions(look, draft),
        conflicts: disputes::conflicts(look),
        held: disputes::held(look, &read, draft),
        may_decide: office::may_decide_held(&visit.auth.pessoa).is_ok(),
        fields: fields::fields(&form, &read, draft),
        locked: fields::locked(look),
        address: address(&read),
        collections: parts::collections(look, &read, draft),
        gallery: gallery::gallery(look, &read, draft),
        linked: read.linked.iter().map(|linked| linked_view(look, linked)).collect(),
        lists: people::lists(look, &may, &read, draft),
        restriction: people::restriction(look, &may, &read, draft),
        analyses: flow::analyses(look),
        partial: flow::partial(&may, &read, draft),
        asked: erp::asked(look, &read),
        possible: erp::possible(look, draft),
        emails: erp::emails(look, &read),
        correctives: quality::joined(look, &read),
        join: quality::form(&may, &read, draft),
        groups: groups(visit, look, &read),
        note: history::new_note(look, &may, draft),
        tabs: history::tabs(read.log.view),
        view: read.log.view,
        stages: match read.log.view {
            View::Tramite => history::stages(look, &read),
            _ => Vec::new(),
        },
        history: history::entries(look, &may, &read, draft),
        more_history: read.log.more,
        clientes: read.clientes,
        shell: read.shell,
    }
}

fn badges(look: &Look<'_>, read: &RecordRead) -> Badges {
    let badges = screens::badges(look);
    let waits = read.inactive_at.filter(|_| look.record.aberto(look.tipo));
    Badges {
        priority: badges.priority,
        category: badges.category,
        restricted: badges.restricted,
        stage_until: badges.stage_until.map(|until| moment(look, until)),
        late: badges.late,
        inactive_at: waits.map(|at| moment(look, at)),
    }
}

fn parent(field: &Field) -> Parent {
    Parent { label: field.label.clone(), shown: Shown::from(&field.words) }
}

/// What may be made from a record: a copy (R94), or something for a cliente.
fn begin(visit: &Visit, read: &RecordRead) -> Vec<(String, &'static str)> {
    let (id, kind) = (read.record.id, read.record.kind);
    if !visit.auth.pessoa.pode(Permissao::Ver) {
        return Vec::new();
    }
    if kind != Kind::Cliente {
        return vec![(format!("/novo/{kind}?copia={id}"), "Duplicar")];
    }
    let cases = [(Kind::Assistencia, "Nova assistência"), (Kind::Ocorrencia, "Nova ocorrência")];
    let kept = cases.into_iter().filter(|(kind, _)| read.shell.kinds.contains(kind));
    kept.map(|(kind, text)| (format!("/novo/{kind}?cliente={id}"), text)).collect()
}

fn address(read: &RecordRead) -> Option<String> {
    let contract = read.contract.as_ref()?;
    let effective = preenchimento::endereco(&read.record, Some(contract));
    let own = preenchimento::endereco(&read.record, None);
    let line = |name: &str| effective.get(name).filter(|text| !text.is_empty()).cloned();
    let place: Vec<String> =
        ["endereco", "cidade", "uf", "cep"].into_iter().filter_map(line).collect();
    (effective != own && !place.is_empty()).then(|| place.join(", "))
}

fn linked_view(look: &Look<'_>, linked: &Linked) -> LinkedView {
    let code = linked.relacao.clone().unwrap_or_default();
    let campo = Kind::Ocorrencia.campo_de(Colecao::Vinculos, "relacao");
    let relation =
        campo.map(|campo| words(campo, &kept(campo, &code), None, look.names, look.zone).text);
    LinkedView {
        relation: relation.unwrap_or(code),
        href: format!("/registros/{}/{}", linked.kind, linked.id),
        label: label(linked.id, linked.numero.as_deref()),
        title: linked.titulo.clone(),
    }
}

fn groups(visit: &Visit, look: &Look<'_>, read: &RecordRead) -> Vec<ChildGroup> {
    let (id, kind) = (read.record.id, read.record.kind);
    let may = visit.auth.pessoa.pode(Permissao::Ver) && look.record.aberto(look.tipo);
    let group = |title, empty, of: Kind, children: &[Child], text: Option<&'static str>| {
        let offered = text.filter(|_| may && read.shell.kinds.contains(&of));
        ChildGroup {
            title,
            empty,
            rows: children.iter().map(|child| child_view(look, of, child)).collect(),
            new: offered.map(|text| (format!("/novo/{of}?{kind}={id}"), text)),
        }
    };
    let ocorrencias = || {
        let empty = "Nenhuma ocorrência. A equipe registra o que encontrou depois da visita.";
        let text = Some("Nova ocorrência");
        group("Ocorrências", empty, Kind::Ocorrencia, &read.children.ocorrencias, text)
    };
    let agendas = || {
        let empty = "Nenhum compromisso marcado.";
        group("Agenda", empty, Kind::Agenda, &read.children.agendas, Some("Novo compromisso"))
    };
    let of_cliente = || {
        let lists = [
            ("Assistências", Kind::Assistencia, &read.children.assistencias),
            ("Ocorrências", Kind::Ocorrencia, &read.children.ocorrencias),
        ];
        let kept = lists.into_iter().filter(|(_, kind, _)| read.shell.kinds.contains(kind));
        let empty = "Nada registrado para este cliente.";
        kept.map(|(title, of, children)| group(title, empty, of, children, None)).collect()
    };
    let has_agenda = read.shell.kinds.contains(&Kind::Agenda) || !read.children.agendas.is_empty();
    match kind {
        Kind::Assistencia => vec![ocorrencias(), agendas()],
        Kind::Ocorrencia if has_agenda => vec![agendas()],
        Kind::Cliente => of_cliente(),
        Kind::Ocorrencia | Kind::Agenda => Vec::new(),
    }
}

fn child_view(look: &Look<'_>, kind: Kind, child: &Child) -> ChildView {
    ChildView {
        href: format!("/registros/{kind}/{}", child.id),
        label: match child.inicio {
            Some(begins) => pt_br::moment(begins, look.zone),
            None => label(child.id, child.numero.as_deref()),
        },
        title: child.titulo.clone(),
        situacao: child.situacao_nome.clone(),
        fase: child.fase.clone(),
        who: child.responsavel.map(|id| person(look, id.into())).unwrap_or_default(),
        when: moment(look, child.atualizado_em).relative,
    }
}
