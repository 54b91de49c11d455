//! `/novo/{kind}`: a new record in the office. The tipo is chosen first, for it decides what the
//! form asks (R30); then the form, which starts with what is known: of the record that it belongs
//! to, of the one that it is a copy of (R94), of the client (R32).

use super::{
    form::Form,
    page::{self, Notice, PageError, PageResult, Shell, Visit, section},
    record::inputs::{Control, Input, Pickers},
};
use crate::{
    app::App,
    auth::office::local_path,
    office::{self, OfficeError, preparo},
    reading::{self, cited, record},
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
    preenchimento,
    refusal::{Codigo, Refusal},
    registro::{Campos, Registro},
    tipo::{Tipo, TipoRef, Tipos},
    valor::{Campo, Valor},
};
use campo_screens::{Cited, Names, asked_first, form as fields_of, new_form, typed, words};
use serde::Deserialize;
use sqlx::PgTransaction;
use std::{collections::BTreeMap, sync::Arc};
use uuid::Uuid;

/// What the page is asked for, by its address or by its own form.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct PageQuery {
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

impl PageQuery {
    /// A copy belongs to what its original belongs to.
    fn of_copy(mut self, visit: &Visit, ground: &Ground) -> Self {
        let Some((record, tipo)) = &ground.original else { return self };
        let names = Names::default();
        for field in fields_of(&visit.look(record, tipo, &names)) {
            match field.campo.nome {
                "assistencia" if self.assistencia.is_empty() => self.assistencia = field.typed,
                "ocorrencia" if self.ocorrencia.is_empty() => self.ocorrencia = field.typed,
                _ => {}
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
    copy: Option<CopyView>,
    back: String,
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
    offered: Vec<Arc<Tipo>>,
    pickers: Pickers,
    /// The record to copy.
    original: Option<(Registro, Arc<Tipo>)>,
}

/// What stands in the form.
struct Filled<'a> {
    tipo: &'a Tipo,
    asked: &'a PageQuery,
    /// The id that the new record will have.
    id: Uuid,
    /// What was typed, or would be, by field.
    typed: BTreeMap<&'static str, String>,
    search: ClienteView,
    error: Option<String>,
}

/// `GET /novo/{kind}`.
///
/// # Errors
/// 404 for no kind, and for a copy of what may not be seen.
pub async fn form(
    State(app): State<App>,
    Path(kind): Path<String>,
    Query(asked): Query<PageQuery>,
    visit: Visit,
) -> PageResult {
    let kind: Kind = kind.parse().map_err(|_| PageError::not_found())?;
    let mut tx = app.db.snapshot(visit.auth.tenant).await?;
    let ground = ground(&mut tx, &visit, kind, &asked).await?;
    let asked = asked.of_copy(&visit, &ground);
    let tipo = match choose(&ground, kind, &asked)? {
        Chosen::One(tipo) => tipo,
        Chosen::Among(tipos) => return chooser(ground.shell, kind, &asked, &tipos),
    };
    let values = begin(&mut tx, &visit, &tipo, &ground, &asked).await?;
    let fields = asked_first(&tipo, &visit.auth.pessoa).into_iter();
    let text = |campo: &Campo| {
        let value = values.get(campo.nome);
        value.map_or_else(String::new, |value| typed(campo, value, visit.auth.fuso))
    };
    let filled = Filled {
        tipo: &tipo,
        asked: &asked,
        id: Uuid::now_v7(),
        typed: fields.map(|campo| (campo.nome, text(campo))).collect(),
        search: ClienteView::default(),
        error: None,
    };
    show(&mut tx, &visit, ground, filled).await
}

/// `POST /novo/{kind}`: makes the record, or looks for a cliente to choose.
///
/// # Errors
/// The form is not of this session, or what it is of may not be seen.
pub async fn save(
    State(app): State<App>,
    Path(kind): Path<String>,
    visit: Visit,
    sent: Form,
) -> PageResult {
    visit.auth.check_csrf(&sent.get("csrf"))?;
    let kind: Kind = kind.parse().map_err(|_| PageError::not_found())?;
    let asked = PageQuery {
        tipo: sent.get("tipo"),
        copia: sent.get("copia"),
        cliente: sent.get("cliente"),
        assistencia: sent.get("assistencia"),
        ocorrencia: sent.get("ocorrencia"),
        voltar: sent.get("voltar"),
    };
    let mut tx = app.db.snapshot(visit.auth.tenant).await?;
    let ground = ground(&mut tx, &visit, kind, &asked).await?;
    let versao = sent.get("versao").parse().unwrap_or_default();
    let tipo = TipoRef { codigo: asked.tipo.clone(), versao };
    let tipo = ground.tipos.obter(&tipo).cloned().map_err(|_| PageError::not_found())?;
    let id = sent.id("id");
    let text = sent.get("procurar");
    let looking = !text.trim().is_empty() && asked.cliente.is_empty();
    let fields = asked_first(&tipo, &visit.auth.pessoa).into_iter();
    let mut filled = Filled {
        tipo: &tipo,
        asked: &asked,
        id,
        typed: fields.map(|campo| (campo.nome, sent.get(campo.nome))).collect(),
        search: ClienteView { text, ..ClienteView::default() },
        error: None,
    };
    if looking || sent.get("acao") == "procurar" {
        let text = &filled.search.text;
        filled.search.found = Some(record::find_clientes(&mut tx, visit.viewer(), text).await?);
        return show(&mut tx, &visit, ground, filled).await;
    }
    let command = command(&mut tx, &visit, &ground, &filled, &sent).await?;
    // The connection is given back before the record is made, which takes one of its own.
    tx.commit().await?;
    let made = match command {
        Ok(command) => make(&app, &visit, id.into(), command).await?,
        Err(refusal) => Err(refusal),
    };
    let Err(refusal) = made else {
        let path = match local_path(&asked.voltar) {
            "/" => format!("/registros/{kind}/{id}"),
            path => format!("{path}{}{kind}={id}", if path.contains('?') { '&' } else { '?' }),
        };
        return Ok(Notice::Created.back_to(&app, &path));
    };
    filled.error = Some(refusal.mensagem());
    let mut tx = app.db.snapshot(visit.auth.tenant).await?;
    show(&mut tx, &visit, ground, filled).await
}

async fn ground(
    tx: &mut PgTransaction<'_>,
    visit: &Visit,
    kind: Kind,
    asked: &PageQuery,
) -> Result<Ground, PageError> {
    let tenant = visit.auth.tenant;
    let original = match asked.copia.parse::<DocumentId>() {
        Ok(id) => {
            let found = office::seen(tx, tenant, &visit.auth.pessoa, id).await?;
            let found = found.filter(|(record, _)| record.kind == kind);
            Some(found.ok_or_else(PageError::not_found)?)
        }
        Err(_) => None,
    };
    let offered = reference::offered(tx, tenant, kind).await;
    Ok(Ground {
        shell: visit.shell(tx, title(kind), section(kind)).await?,
        tipos: reading::tipos(tx, kind).await?.into_iter().collect(),
        offered: offered.map_err(OfficeError::from)?,
        pickers: Pickers::load(tx, kind).await?,
        original,
    })
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
fn choose(ground: &Ground, kind: Kind, asked: &PageQuery) -> Result<Chosen, PageError> {
    let of_copy = ground.original.as_ref().map(|(_, tipo)| tipo.codigo.as_str());
    let code = of_copy.unwrap_or(&asked.tipo);
    if let Some(tipo) = ground.offered.iter().find(|tipo| tipo.codigo == code) {
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
    let fitting: Vec<Arc<Tipo>> = ground.offered.iter().filter(fits).cloned().collect();
    Ok(match &fitting[..] {
        [only] => Chosen::One(only.clone()),
        // Clientes of several presets are alike.
        [first, ..] if kind == Kind::Cliente => Chosen::One(first.clone()),
        _ => Chosen::Among(fitting),
    })
}

fn chooser(shell: Shell, kind: Kind, asked: &PageQuery, tipos: &[Arc<Tipo>]) -> PageResult {
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
    tx: &mut PgTransaction<'_>,
    visit: &Visit,
    tipo: &Tipo,
    ground: &Ground,
    asked: &PageQuery,
) -> Result<Campos, PageError> {
    let mut campos = match &ground.original {
        Some((record, _)) => copied(tx, visit, record, tipo).await?.0,
        None => Campos::new(),
    };
    campos.extend(links(tipo, asked));
    if let (true, Ok(id)) = (tipo.kind.campo("cliente").is_some(), asked.cliente.parse()) {
        campos.insert("cliente".into(), Valor::Id(id));
    }
    if tipo.kind == Kind::Agenda
        && !asked.assistencia.is_empty()
        && let Some(code) = record::agenda_type(tx).await?
    {
        campos.entry("tipo_agenda".into()).or_insert(Valor::Texto(code));
    }
    let auth = &visit.auth;
    preparo::completar(tx, auth.tenant, &auth.pessoa, tipo, &mut campos).await?;
    Ok(campos)
}

/// The records that the new one belongs to.
fn links(tipo: &Tipo, asked: &PageQuery) -> Vec<(String, Valor)> {
    let links = [("assistencia", &asked.assistencia), ("ocorrencia", &asked.ocorrencia)];
    let links = links.into_iter().filter(|(nome, _)| tipo.kind.campo(nome).is_some());
    let link = |(nome, id): (&str, &String)| Some((nome.to_owned(), Valor::Id(id.parse().ok()?)));
    links.filter_map(link).collect()
}

/// The command that makes the record as the form was filled in.
async fn command(
    tx: &mut PgTransaction<'_>,
    visit: &Visit,
    ground: &Ground,
    filled: &Filled<'_>,
    sent: &Form,
) -> Result<Result<Command, Refusal>, PageError> {
    let (auth, tipo) = (&visit.auth, filled.tipo);
    let mut campos: Campos = links(tipo, filled.asked).into_iter().collect();
    for campo in asked_first(tipo, &auth.pessoa) {
        match campo.ler(&sent.get(campo.nome), auth.fuso) {
            Ok(value) if value.vazio() => {}
            Ok(value) => {
                campos.insert(campo.nome.to_owned(), value);
            }
            Err(refusal) => return Ok(Err(refusal)),
        }
    }
    preparo::completar(tx, auth.tenant, &auth.pessoa, tipo, &mut campos).await?;
    let itens = match &ground.original {
        Some((record, _)) if sent.has("itens") => copied(tx, visit, record, tipo).await?.1,
        _ => Vec::new(),
    };
    let (id, kind, tipo) = (filled.id.into(), tipo.kind, tipo.referencia());
    Ok(Ok(Command::Criar { id, kind, tipo, campos, itens }))
}

async fn make(
    app: &App,
    visit: &Visit,
    id: DocumentId,
    command: Command,
) -> Result<Result<(), Refusal>, PageError> {
    let auth = &visit.auth;
    match office::run(app, auth.tenant, &auth.pessoa, id, command).await {
        Ok(()) => Ok(Ok(())),
        Err(OfficeError::Refused(refusal)) => {
            // The same form sent twice: it was done the first time.
            let found = office::load(app, auth.tenant, &auth.pessoa, id).await?;
            let done = found.is_some_and(|(record, _)| record.criacao.por == auth.pessoa.id);
            Ok(if done { Ok(()) } else { Err(refusal) })
        }
        Err(error) => Err(error.into()),
    }
}

/// Fields and items of a copy (R94), without what is no longer in use.
async fn copied(
    tx: &mut PgTransaction<'_>,
    visit: &Visit,
    record: &Registro,
    tipo: &Tipo,
) -> Result<(Campos, Vec<NovoItem>), PageError> {
    let mint = || ItemId::from(Uuid::now_v7());
    let (mut campos, mut itens) = preenchimento::duplicar(record, tipo, mint);
    preparo::so_em_uso(tx, &visit.auth.pessoa, tipo, &mut campos, &mut itens).await?;
    Ok((campos, itens))
}

async fn show(
    tx: &mut PgTransaction<'_>,
    visit: &Visit,
    ground: Ground,
    filled: Filled<'_>,
) -> PageResult {
    let Filled { tipo, asked, id, typed, search, error } = filled;
    let (kind, text) = (tipo.kind, |name| typed.get(name).cloned().unwrap_or_default());
    let chosen: Option<DocumentId> = text("cliente").parse().ok();
    let links = links(tipo, asked).into_iter();
    let links = links.filter_map(|(name, value)| Some((kind.campo(&name)?, value)));
    let links: Vec<_> = links.collect();
    let mut cited = Cited::default();
    cited.documents.extend(chosen);
    links.iter().for_each(|(campo, value)| cited.value(campo, value));
    let names = cited::names(tx, visit.viewer(), &cited).await?;
    let parent = |(campo, value): &(&'static Campo, Valor)| {
        let shown = words(campo, value, Some(tipo), &names, visit.auth.fuso).text;
        let id = value.id()?.to_string();
        Some((campo.nome, tipo.rotulo(campo.nome).to_owned(), id, shown))
    };
    let label = |id| names.document(id).map_or("Cliente não disponível", |link| &link.label);
    let asks = new_form(tipo, &visit.auth.pessoa).fields.into_iter();
    let asks = asks.filter(|field| typed.contains_key(field.campo.nome));
    let back = format!("/novo/{kind}?tipo={}", format::escape(&tipo.codigo));
    let new = ground.shell.kinds.contains(&Kind::Cliente);
    let status = if error.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let form = FormView {
        id,
        tipo: tipo.referencia(),
        tipo_nome: tipo.nome.clone(),
        parents: links.iter().filter_map(parent).collect(),
        copy: ground.original.as_ref().map(|(record, _)| CopyView {
            id: record.id.to_string(),
            label: record.rotulo(),
            items: record.vivos(Colecao::Itens).count(),
        }),
        back: asked.voltar.clone(),
        inputs: asks.map(|field| ground.pickers.input(&field, text(field.campo.nome))).collect(),
        cliente: ClienteView {
            chosen: chosen.map(|id| (id.to_string(), label(id).to_owned())),
            new: new.then(|| format!("/novo/cliente?voltar={}", format::escape(&back))),
            ..search
        },
        error,
    };
    let (title, form) = (title(kind).to_owned(), Some(form));
    let page = NewPage { shell: ground.shell, kind, title, tipos: Vec::new(), form };
    page::answer_shell(status, &page.shell, &page)
}
