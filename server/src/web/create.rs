//! `/novo/{kind}`: a new record in the office. The tipo is chosen first, for it decides what the
//! form asks (R30); then the form, which starts with what is known: of the record that it belongs
//! to, of the one that it is a copy of (R94), of the client (R32).

use super::{
    form::Sent,
    page::{self, Notice, PageError, PageResult, Shell, Visit},
    record::fields::{self, Control, Input},
};
use crate::{
    app::App,
    auth::office::local_path,
    office::{self, OfficeError, preparo},
    reading::{self, names::Names, record, values::Reader},
    reference,
    web::format,
};
use askama::Template;
use axum::{
    extract::{Path, Query, State},
    http::StatusCode,
};
use campo_domain::{
    command::{Command, NovoItem},
    ids::{DocumentId, ItemId},
    kind::Kind,
    parte::Colecao,
    policy::{self, Parte},
    preenchimento,
    refusal::{Codigo, Refusal},
    registro::{Campos, Registro},
    tipo::{Tipo, TipoRef, Tipos},
    valor::{Campo, Valor},
};
use serde::Deserialize;
use sqlx::PgTransaction;
use std::sync::Arc;
use uuid::Uuid;

/// What is only known once somebody has worked on a record: a form that begins one does not ask.
const LATER: [&str; 5] = ["esforco", "plano_mensal", "prazo_entrega", "procedencia", "resolucao"];

/// What the page is asked for, by its address or by its own form.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    tipo: String,
    /// The record to copy.
    #[serde(default)]
    copia: String,
    #[serde(default)]
    cliente: String,
    /// The record that the new one belongs to.
    #[serde(default)]
    assistencia: String,
    #[serde(default)]
    ocorrencia: String,
    /// Where to go with the new record, if not to its page.
    #[serde(default)]
    voltar: String,
}

impl Asked {
    /// A copy belongs to what its original belongs to.
    fn of_copy(mut self, ground: &Ground) -> Self {
        let Some((registro, _)) = &ground.original else { return self };
        let links = [("assistencia", &mut self.assistencia), ("ocorrencia", &mut self.ocorrencia)];
        for (nome, link) in links {
            if let Some(id) = registro.referencia(nome).filter(|_| link.is_empty()) {
                *link = id.to_string();
            }
        }
        self
    }
}

#[derive(Template)]
#[template(path = "novo.html")]
struct NewPage {
    shell: Shell,
    kind: Kind,
    title: String,
    /// To choose from, before there is a form: path and name.
    tipos: Vec<(String, String)>,
    form: Option<FormView>,
}

struct FormView {
    id: Uuid,
    tipo: TipoRef,
    tipo_nome: String,
    /// What it belongs to: the field's name, its label, the id and what is read.
    parents: Vec<(&'static str, String, String, String)>,
    copia: Option<CopyView>,
    voltar: String,
    inputs: Vec<Input>,
    cliente: ClienteView,
    error: Option<String>,
}

struct CopyView {
    id: String,
    label: String,
    items: usize,
}

/// The choice of a cliente without a script.
#[derive(Default)]
struct ClienteView {
    chosen: Option<(String, String)>,
    text: String,
    /// What was found; `None` before anything was looked for.
    found: Option<Vec<(Uuid, String, Option<String>)>>,
    /// Where a new one is made.
    new: Option<String>,
}

/// What is at hand to make the form.
struct Ground {
    shell: Shell,
    tipos: Tipos,
    /// Those that new records are made with.
    oferecidos: Vec<Arc<Tipo>>,
    names: Names,
    original: Option<(Registro, Arc<Tipo>)>,
}

/// `GET /novo/{kind}`.
///
/// # Errors
/// 404 for no kind, and for a copy of what may not be seen.
pub async fn form(
    State(app): State<App>,
    Path(kind): Path<String>,
    Query(asked): Query<Asked>,
    visit: Visit,
) -> PageResult {
    let kind: Kind = kind.parse().map_err(|_| PageError::not_found())?;
    let ground = ground(&app, &visit, kind, &asked).await?;
    let asked = asked.of_copy(&ground);
    let tipo = match choose(&ground, kind, &asked)? {
        Chosen::One(tipo) => tipo,
        Chosen::Among(tipos) => return chooser(ground.shell, kind, &asked, &tipos),
    };
    let campos = begin(&app, &visit, &tipo, &ground, &asked).await?;
    let typed = |campo: &Campo| {
        campos.get(campo.nome).map_or(String::new(), |v| fields::typed(campo, v, visit.auth.fuso))
    };
    let search = ClienteView::default();
    show(&visit, ground, &tipo, &asked, Uuid::now_v7(), typed, search, None)
}

/// `POST /novo/{kind}`: makes the record, or looks for a cliente to choose.
///
/// # Errors
/// The form is not of this session, or what it is of may not be seen.
pub async fn save(
    State(app): State<App>,
    Path(kind): Path<String>,
    visit: Visit,
    sent: Sent,
) -> PageResult {
    visit.auth.check_csrf(&sent.get("csrf"))?;
    let kind: Kind = kind.parse().map_err(|_| PageError::not_found())?;
    let asked = Asked {
        tipo: sent.get("tipo"),
        copia: sent.get("copia"),
        cliente: sent.get("cliente"),
        assistencia: sent.get("assistencia"),
        ocorrencia: sent.get("ocorrencia"),
        voltar: sent.get("voltar"),
    };
    let ground = ground(&app, &visit, kind, &asked).await?;
    let versao = sent.get("versao").parse().unwrap_or_default();
    let tipo = TipoRef { codigo: asked.tipo.clone(), versao };
    let tipo = ground.tipos.obter(&tipo).cloned().map_err(|_| PageError::not_found())?;
    let id = sent.id("id");
    let text = sent.get("procurar");
    let looking = !text.trim().is_empty() && asked.cliente.is_empty();
    if looking || sent.get("acao") == "procurar" {
        let mut tx = app.db.tenant(visit.auth.tenant).await?;
        let found = record::find_clientes(&mut tx, visit.viewer(), &text).await?;
        let search = ClienteView { text, found: Some(found), ..ClienteView::default() };
        return show(&visit, ground, &tipo, &asked, id, |c| sent.get(c.nome), search, None);
    }
    let made = make(&app, &visit, &tipo, &ground, &asked, &sent, id.into()).await?;
    let Err(refusal) = made else {
        let path = match local_path(&asked.voltar) {
            "/" => format!("/registros/{kind}/{id}"),
            path => format!("{path}{}{kind}={id}", if path.contains('?') { '&' } else { '?' }),
        };
        return Ok(Notice::Created.back_to(&app, &path));
    };
    let search = ClienteView { text, ..ClienteView::default() };
    let error = Some(refusal.mensagem());
    show(&visit, ground, &tipo, &asked, id, |campo| sent.get(campo.nome), search, error)
}

async fn ground(app: &App, visit: &Visit, kind: Kind, asked: &Asked) -> Result<Ground, PageError> {
    let original = match asked.copia.parse::<DocumentId>() {
        Ok(id) => {
            let found = office::load(app, visit.auth.tenant, &visit.auth.pessoa, id).await?;
            let found = found.filter(|(registro, _)| registro.kind == kind);
            Some(found.ok_or_else(PageError::not_found)?)
        }
        Err(_) => None,
    };
    let mut documents: Vec<Uuid> = [&asked.cliente, &asked.assistencia, &asked.ocorrencia]
        .iter()
        .filter_map(|id| id.parse().ok())
        .collect();
    if let Some((registro, _)) = &original {
        documents.extend(registro.campos.values().filter_map(Valor::id));
    }
    let title = title(kind);
    let section = match kind {
        Kind::Ocorrencia => "/ocorrencias",
        Kind::Agenda => "/agenda",
        Kind::Assistencia | Kind::Cliente => "/assistencias",
    };
    let mut tx = app.db.tenant(visit.auth.tenant).await?;
    let oferecidos = reference::offered(&mut tx, visit.auth.tenant, kind).await;
    let ground = Ground {
        shell: visit.shell(&mut tx, title, section).await?,
        tipos: reading::tipos(&mut tx, kind).await?.into_iter().collect(),
        oferecidos: oferecidos.map_err(OfficeError::from)?,
        names: Names::load(&mut tx, visit.viewer(), kind, &[], &documents).await?,
        original,
    };
    tx.commit().await?;
    Ok(ground)
}

const fn title(kind: Kind) -> &'static str {
    match kind {
        Kind::Assistencia => "Nova assistência",
        Kind::Ocorrencia => "Nova ocorrência",
        Kind::Agenda => "Novo compromisso",
        Kind::Cliente => "Novo cliente",
    }
}

enum Chosen {
    One(Arc<Tipo>),
    Among(Vec<Arc<Tipo>>),
}

/// The tipo that was chosen, or that leaves no choice.
fn choose(ground: &Ground, kind: Kind, asked: &Asked) -> Result<Chosen, PageError> {
    let of_copy = ground.original.as_ref().map(|(_, tipo)| tipo.codigo.as_str());
    let code = of_copy.unwrap_or(&asked.tipo);
    if let Some(tipo) = ground.oferecidos.iter().find(|tipo| tipo.codigo == code) {
        return Ok(Chosen::One(tipo.clone()));
    }
    if let Ok(withdrawn) = ground.tipos.atual(code) {
        let refusal = Refusal::with(Codigo::TipoRetirado, [withdrawn.nome.clone()]);
        return Err(PageError::refused(&refusal));
    }
    let fits = |tipo: &&Arc<Tipo>| {
        let links = [("assistencia", &asked.assistencia), ("ocorrencia", &asked.ocorrencia)];
        links.into_iter().all(|(nome, id)| match id.is_empty() {
            true => !tipo.obrigatorios.iter().any(|campo| campo == nome),
            false => tipo.tem_campo(nome) && kind.campo(nome).is_some(),
        })
    };
    let fitting: Vec<Arc<Tipo>> = ground.oferecidos.iter().filter(fits).cloned().collect();
    Ok(match &fitting[..] {
        [only] => Chosen::One(only.clone()),
        // Clientes of several presets are alike.
        [first, ..] if kind == Kind::Cliente => Chosen::One(first.clone()),
        _ => Chosen::Among(fitting),
    })
}

fn chooser(shell: Shell, kind: Kind, asked: &Asked, tipos: &[Arc<Tipo>]) -> PageResult {
    let kept = [
        ("cliente", &asked.cliente),
        ("assistencia", &asked.assistencia),
        ("ocorrencia", &asked.ocorrencia),
        ("voltar", &asked.voltar),
    ];
    let kept = kept.into_iter().filter(|(_, value)| !value.is_empty());
    let kept: String =
        kept.map(|(name, value)| format!("&{name}={}", format::escape(value))).collect();
    let path =
        |tipo: &Arc<Tipo>| format!("/novo/{kind}?tipo={}{kept}", format::escape(&tipo.codigo));
    let tipos = tipos.iter().map(|tipo| (path(tipo), tipo.nome.clone())).collect();
    let page = NewPage { shell, kind, title: title(kind).into(), tipos, form: None };
    page::answer_shell(StatusCode::OK, &page.shell, &page)
}

/// What the form starts with.
async fn begin(
    app: &App,
    visit: &Visit,
    tipo: &Tipo,
    ground: &Ground,
    asked: &Asked,
) -> Result<Campos, PageError> {
    let mut tx = app.db.tenant(visit.auth.tenant).await?;
    let mut campos = match &ground.original {
        Some((registro, _)) => copied(&mut tx, visit, registro, tipo).await?.0,
        None => Campos::new(),
    };
    campos.extend(links(tipo, asked));
    if let (true, Ok(id)) = (tipo.kind.campo("cliente").is_some(), asked.cliente.parse()) {
        campos.insert("cliente".into(), Valor::Id(id));
    }
    if tipo.kind == Kind::Agenda
        && !asked.assistencia.is_empty()
        && let Some(code) = record::agenda_type(&mut tx).await?
    {
        campos.entry("tipo_agenda".into()).or_insert(Valor::Texto(code));
    }
    let auth = &visit.auth;
    preparo::completar(&mut tx, auth.tenant, &auth.pessoa, tipo, &mut campos).await?;
    Ok(campos)
}

/// The records that the new one belongs to.
fn links(tipo: &Tipo, asked: &Asked) -> Vec<(String, Valor)> {
    let links = [("assistencia", &asked.assistencia), ("ocorrencia", &asked.ocorrencia)];
    let links = links.into_iter().filter(|(nome, _)| tipo.kind.campo(nome).is_some());
    let link = |(nome, id): (&str, &String)| Some((nome.to_owned(), Valor::Id(id.parse().ok()?)));
    links.filter_map(link).collect()
}

/// The fields that the form asks: those that may be written in the first situação, and what must be
/// filled in.
fn asked_fields(visit: &Visit, tipo: &Tipo) -> Vec<&'static Campo> {
    let first = tipo.situacao(None);
    let asks = |campo: &&'static Campo| {
        let needed =
            tipo.obrigatorios.iter().any(|nome| nome == campo.nome) || campo.nome == "responsavel";
        let open = first.is_none_or(|s| s.campos_editaveis.inclui(campo.nome))
            && !LATER.contains(&campo.nome);
        !campo.fixo
            && tipo.tem_campo(campo.nome)
            && fields::uses(tipo, campo.nome)
            && (needed || open)
            && policy::pode_criar(&visit.auth.pessoa, tipo, Parte::Campo(campo)).is_ok()
    };
    let mut campos: Vec<_> = tipo.kind.campos().iter().filter(asks).collect();
    campos.sort_by_key(|campo| fields::place(tipo, campo.nome));
    campos
}

async fn make(
    app: &App,
    visit: &Visit,
    tipo: &Tipo,
    ground: &Ground,
    asked: &Asked,
    sent: &Sent,
    id: DocumentId,
) -> Result<Result<(), Refusal>, PageError> {
    let auth = &visit.auth;
    let mut campos: Campos = links(tipo, asked).into_iter().collect();
    for campo in asked_fields(visit, tipo) {
        match campo.ler(&sent.get(campo.nome), auth.fuso) {
            Ok(Valor::Nulo) => {}
            Ok(valor) => {
                campos.insert(campo.nome.to_owned(), valor);
            }
            Err(refusal) => return Ok(Err(refusal)),
        }
    }
    let mut tx = app.db.tenant(auth.tenant).await?;
    preparo::completar(&mut tx, auth.tenant, &auth.pessoa, tipo, &mut campos).await?;
    let itens = match &ground.original {
        Some((registro, _)) if sent.has("itens") => copied(&mut tx, visit, registro, tipo).await?.1,
        _ => Vec::new(),
    };
    tx.rollback().await?;
    let command = Command::Criar { id, kind: tipo.kind, tipo: tipo.referencia(), campos, itens };
    match office::run(app, auth.tenant, &auth.pessoa, id, command).await {
        Ok(()) => Ok(Ok(())),
        Err(OfficeError::Refused(refusal)) => {
            // The same form sent twice: it was done the first time.
            let found = office::load(app, auth.tenant, &auth.pessoa, id).await?;
            let done = found.is_some_and(|(registro, _)| registro.criacao.por == auth.pessoa.id);
            Ok(if done { Ok(()) } else { Err(refusal) })
        }
        Err(error) => Err(error.into()),
    }
}

/// Fields and items of a copy (R94), without what is no longer in use.
async fn copied(
    tx: &mut PgTransaction<'_>,
    visit: &Visit,
    registro: &Registro,
    tipo: &Tipo,
) -> Result<(Campos, Vec<NovoItem>), PageError> {
    let mint = || ItemId::from(Uuid::now_v7());
    let (mut campos, mut itens) = preenchimento::duplicar(registro, tipo, mint);
    preparo::so_em_uso(tx, &visit.auth.pessoa, tipo, &mut campos, &mut itens).await?;
    Ok((campos, itens))
}

#[expect(clippy::too_many_arguments, reason = "the parts of one page, each from elsewhere")]
fn show(
    visit: &Visit,
    ground: Ground,
    tipo: &Tipo,
    asked: &Asked,
    id: Uuid,
    typed: impl Fn(&Campo) -> String,
    search: ClienteView,
    error: Option<String>,
) -> PageResult {
    let kind = tipo.kind;
    let reader = Reader { names: &ground.names, tipo, fuso: visit.auth.fuso };
    let inputs = asked_fields(visit, tipo).into_iter();
    let inputs: Vec<Input> = inputs.map(|campo| reader.own_input(campo, typed(campo))).collect();
    let parents = links(tipo, asked).into_iter().filter_map(|(nome, valor)| {
        let campo = kind.campo(&nome)?;
        let (text, id) = (reader.show(campo, &valor).text, valor.id()?.to_string());
        Some((campo.nome, tipo.rotulo(campo.nome).to_owned(), id, text))
    });
    let parents = parents.collect();
    let chosen = kind.campo("cliente").map(&typed).filter(|id| !id.is_empty());
    let chosen = chosen.map(|id| {
        let named = id.parse().ok().and_then(|id: Uuid| ground.names.documents.get(&id));
        (id, named.map_or_else(|| "Cliente não disponível".into(), record::Named::label))
    });
    let back = format!("/novo/{kind}?tipo={}", format::escape(&tipo.codigo));
    let new = ground.shell.kinds.contains(&Kind::Cliente);
    let new = new.then(|| format!("/novo/cliente?voltar={}", format::escape(&back)));
    let copia = ground.original.as_ref().map(|(registro, _)| CopyView {
        id: registro.id.to_string(),
        label: registro.rotulo(),
        items: registro.vivos(Colecao::Itens).count(),
    });
    let status = if error.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let form = FormView {
        id,
        tipo: tipo.referencia(),
        tipo_nome: tipo.nome.clone(),
        parents,
        copia,
        voltar: asked.voltar.clone(),
        inputs,
        cliente: ClienteView { chosen, new, ..search },
        error,
    };
    let (title, form) = (title(kind).to_owned(), Some(form));
    let page = NewPage { shell: ground.shell, kind, title, tipos: Vec::new(), form };
    page::answer_shell(status, &page.shell, &page)
}
