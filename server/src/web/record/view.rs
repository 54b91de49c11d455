//! Shapes a record for its template: what to show, and which forms with what in them.

use super::{
    disputes::{self, ConflictView, HeldCard},
    erp::{self, AcaoView, AskView, EmailView},
    fields::{self, Control, FieldView},
    flow::{self, ActionView, AnaliseView, PartialForm, WaitingView},
    gallery::{self, GalleryView, PictureView},
    history::{self, EntryView, NoteForm, Stage, Tab},
    load::{HISTORY_PAGE, Loaded},
    parts::{self, PartsView},
    people::{self, ListView, RestrictionView},
    quality::{self, CorretivaView, JoinForm},
    which::Which,
};
use crate::{
    reading::{
        record::{Child, Linked, label},
        timeline::Visao,
        values::Shown,
    },
    web::{
        form::Draft,
        format::{self, Moment},
        page::{Shell, Visit},
    },
};
use askama::Template;
use campo_domain::{
    kind::Kind,
    parte::CAMPOS_VINCULO,
    pessoa::Permissao,
    preenchimento,
    valor::{Campo, Valor},
};

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
    /// The address that counts, where the contract has another than the record (R11).
    address: Option<String>,
    collections: Vec<PartsView>,
    gallery: Option<GalleryView>,
    linked: Vec<LinkedView>,
    lists: Vec<ListView>,
    restriction: Option<RestrictionView>,
    analyses: Vec<AnaliseView>,
    partial: Option<PartialForm>,
    asked: Vec<AcaoView>,
    possible: Vec<AskView>,
    emails: Vec<EmailView>,
    corretivas: Vec<CorretivaView>,
    join: Option<JoinForm>,
    groups: Vec<ChildGroup>,
    clientes: Option<super::load::FoundClientes>,
    note: Option<NoteForm>,
    tabs: Vec<Tab>,
    visao: Visao,
    stages: Vec<Stage>,
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
pub fn page(visit: &Visit, loaded: Loaded, draft: Option<&Draft>) -> RecordPage {
    let (pessoa, now) = (&visit.auth.pessoa, visit.now);
    let (registro, tipo, names) = (&loaded.registro, &loaded.tipo, &loaded.names);
    let conflicts = registro.conflitos.iter();
    RecordPage {
        path: Which { kind: registro.kind, id: registro.id }.path(),
        kind: registro.kind,
        label: registro.rotulo(),
        provisional: registro.kind.numerado() && registro.numero.is_none(),
        title: registro.titulo(),
        tipo: tipo.nome.clone(),
        situacao: registro.situacao(tipo).map_or(String::new(), |s| s.nome.clone()),
        fase: registro.fase(tipo).codigo(),
        badges: badges(visit, &loaded),
        created_by: names.people.name_or_unknown(registro.criacao.por.uuid()),
        created_at: Moment::new(registro.criado_em, now, loaded.fuso),
        parents: parents(&loaded),
        begin: begin(visit, &loaded),
        error: draft.map(|draft| (draft.form.clone(), draft.error.clone())),
        waiting: flow::waiting(visit, &loaded),
        actions: flow::actions(visit, &loaded, draft),
        conflicts: conflicts.map(|c| disputes::conflict(c, visit, &loaded)).collect(),
        held: disputes::held(visit, &loaded, draft),
        may_decide: pessoa.pode(Permissao::Gerenciar),
        fields: fields::fields(pessoa, &loaded, draft),
        address: address(&loaded),
        collections: parts::collections(visit, &loaded, draft),
        gallery: gallery::gallery(visit, &loaded, draft),
        linked: loaded.linked.iter().map(linked_view).collect(),
        lists: people::lists(visit, &loaded, draft),
        restriction: people::restriction(visit, &loaded, draft),
        analyses: flow::analyses(visit, &loaded),
        partial: flow::partial(visit, &loaded, draft),
        asked: erp::asked(visit, &loaded),
        possible: erp::possible(visit, &loaded, draft),
        emails: erp::emails(visit, &loaded),
        corretivas: quality::corretivas(visit, &loaded),
        join: quality::form(visit, &loaded, draft),
        groups: groups(visit, &loaded),
        note: history::note(&loaded, visit, draft),
        tabs: history::tabs(loaded.visao),
        visao: loaded.visao,
        stages: match loaded.visao {
            Visao::Tramite => history::stages(&loaded, visit),
            _ => Vec::new(),
        },
        history: history::entries(&loaded, visit, draft),
        more_history: (loaded.history.len() > loaded.history_limit)
            .then_some(loaded.history_limit + HISTORY_PAGE),
        clientes: loaded.clientes,
        shell: loaded.shell,
    }
}

fn badges(visit: &Visit, loaded: &Loaded) -> Badges {
    let (registro, tipo, fuso) = (&loaded.registro, &loaded.tipo, loaded.fuso);
    let open = registro.aberto(tipo);
    let moment = |at| Moment::new(at, visit.now, fuso);
    let until = registro.etapa_ate(tipo).filter(|_| open);
    let today = visit.now.with_timezone(&fuso).date_naive();
    let of_record = match registro.valor("prazo") {
        Valor::Data(prazo) if *prazo < today => Some(format!("Prazo: {}", format::day(*prazo))),
        _ => None,
    };
    let of_stage = until.filter(|until| *until < visit.now);
    let of_stage =
        of_stage.map(|until| format!("Prazo da etapa: {}", format::instant(until, fuso)));
    let category = registro.kind.campo("categoria").filter(|_| tipo.tem_campo("categoria"));
    let category = category.map(|campo| loaded.reader().show(campo, registro.valor(campo.nome)));
    Badges {
        priority: campo_screens::priority_label(registro.prioridade(tipo)),
        category: category.map(|shown| shown.text).filter(|text| !text.is_empty()),
        restricted: registro.restricao.is_some(),
        stage_until: until.map(moment),
        late: of_record.or(of_stage).filter(|_| open),
        inactive_at: loaded.inactive_at.filter(|_| open).map(moment),
    }
}

/// The records that this one belongs to: its fixed references, which are no fields to edit.
fn parents(loaded: &Loaded) -> Vec<Parent> {
    let registro = &loaded.registro;
    let fixed = registro.kind.campos().iter().filter(|campo| campo.fixo);
    let filled = fixed.filter(|campo| !registro.valor(campo.nome).vazio());
    let parent = |campo: &'static Campo| Parent {
        label: loaded.tipo.rotulo(campo.nome).to_owned(),
        shown: loaded.reader().show(campo, registro.valor(campo.nome)),
    };
    filled.map(parent).collect()
}

/// What may be made from a record: a copy (R94), or something for a cliente.
fn begin(visit: &Visit, loaded: &Loaded) -> Vec<(String, &'static str)> {
    let (id, kind) = (loaded.registro.id, loaded.registro.kind);
    if !visit.auth.pessoa.pode(Permissao::Ver) {
        return Vec::new();
    }
    if kind != Kind::Cliente {
        return vec![(format!("/novo/{kind}?copia={id}"), "Duplicar")];
    }
    let cases = [(Kind::Assistencia, "Nova assistência"), (Kind::Ocorrencia, "Nova ocorrência")];
    let kept = cases.into_iter().filter(|(kind, _)| loaded.shell.kinds.contains(kind));
    kept.map(|(kind, text)| (format!("/novo/{kind}?cliente={id}"), text)).collect()
}

fn address(loaded: &Loaded) -> Option<String> {
    let contrato = loaded.contrato.as_ref()?;
    let effective = preenchimento::endereco(&loaded.registro, Some(contrato));
    let own = preenchimento::endereco(&loaded.registro, None);
    let line = |name: &str| effective.get(name).filter(|text| !text.is_empty()).cloned();
    let place: Vec<String> =
        ["endereco", "cidade", "uf", "cep"].into_iter().filter_map(line).collect();
    (effective != own && !place.is_empty()).then(|| place.join(", "))
}

fn linked_view(linked: &Linked) -> LinkedView {
    let campo = CAMPOS_VINCULO.iter().find(|campo| campo.nome == "relacao");
    let relation = linked.relacao.clone().unwrap_or_default();
    let relation = campo
        .map_or(relation.clone(), |campo| Valor::Texto(relation).exibir(campo, chrono_tz::UTC));
    LinkedView {
        relation,
        href: format!("/registros/{}/{}", linked.kind, linked.id),
        label: label(linked.id, linked.numero.as_deref()),
        title: linked.titulo.clone(),
    }
}

fn groups(visit: &Visit, loaded: &Loaded) -> Vec<ChildGroup> {
    let (id, kind) = (loaded.registro.id, loaded.registro.kind);
    let may = visit.auth.pessoa.pode(Permissao::Ver) && loaded.registro.aberto(&loaded.tipo);
    let group = |title, empty, of: Kind, children: &[Child], text: Option<&'static str>| {
        let offered = text.filter(|_| may && loaded.shell.kinds.contains(&of));
        ChildGroup {
            title,
            empty,
            rows: children.iter().map(|child| child_view(of, child, visit, loaded)).collect(),
            new: offered.map(|text| (format!("/novo/{of}?{kind}={id}"), text)),
        }
    };
    let ocorrencias = || {
        let empty = "Nenhuma ocorrência. A equipe registra o que encontrou depois da visita.";
        let text = Some("Nova ocorrência");
        group("Ocorrências", empty, Kind::Ocorrencia, &loaded.ocorrencias, text)
    };
    let agendas = || {
        let empty = "Nenhum compromisso marcado.";
        group("Agenda", empty, Kind::Agenda, &loaded.agendas, Some("Novo compromisso"))
    };
    let of_cliente = || {
        let lists = [
            ("Assistências", Kind::Assistencia, &loaded.assistencias),
            ("Ocorrências", Kind::Ocorrencia, &loaded.ocorrencias),
        ];
        let kept = lists.into_iter().filter(|(_, kind, _)| loaded.shell.kinds.contains(kind));
        let empty = "Nada registrado para este cliente.";
        kept.map(|(title, of, children)| group(title, empty, of, children, None)).collect()
    };
    let has_agenda = loaded.shell.kinds.contains(&Kind::Agenda) || !loaded.agendas.is_empty();
    match kind {
        Kind::Assistencia => vec![ocorrencias(), agendas()],
        Kind::Ocorrencia if has_agenda => vec![agendas()],
        Kind::Cliente => of_cliente(),
        Kind::Ocorrencia | Kind::Agenda => Vec::new(),
    }
}

fn child_view(kind: Kind, child: &Child, visit: &Visit, loaded: &Loaded) -> ChildView {
    let name = |id| loaded.names.people.name_or_unknown(id);
    let fuso = loaded.fuso;
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
