//! The acompanhamento of a record: one log, five views of it (R78–R82), as `campo_screens` has it.

use super::{
    enderecos::Registros,
    read::{self, RecordRead},
    vista::Nota,
};
use crate::{
    app::App,
    error::ApiResult,
    http::{
        extract::{ApiPath, ApiQuery},
        page::{self, Folha, Pagina},
        principal::{Acesso, LerRegistros, Principal},
    },
    outbox::email::{self, Email, EmailToClient},
    reading::{
        self, cited,
        json::{self, PersonRef, Situacao},
        timeline::{self, Place},
    },
    visibility::Viewer,
};
use axum::{
    extract::{OriginalUri, State},
    response::Response,
};
use campo_domain::{
    ids::{DeviceId, DocumentId, UserId},
    registro::Visibilidade,
};
use campo_screens::{Cited, Entry, Line, Look, Names, Side, Stage, View, lines, threads};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgTransaction;
use std::cmp::Reverse;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

// R78, R79, R80, R81, R82, in this order.
/// Uma vista do acompanhamento.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Visao {
    /// Tudo o que aconteceu, do mais novo ao mais antigo.
    #[default]
    Tudo,
    /// Cada situação e cada responsável por que passou, com quanto tempo, do mais antigo ao mais
    /// novo.
    Tramite,
    /// As atividades, sem as alterações de campos.
    Historico,
    /// As anotações, cada conversa com as respostas.
    Conversas,
    /// Cada campo alterado: de, para, quem e quando.
    Alteracoes,
}

impl Visao {
    const fn view(self) -> View {
        match self {
            Visao::Tudo => View::Tudo,
            Visao::Tramite => View::Tramite,
            Visao::Historico => View::Historico,
            Visao::Conversas => View::Conversas,
            Visao::Alteracoes => View::Alteracoes,
        }
    }
}

/// Which view, and which page of it.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Filtro {
    /// A vista; `tudo` se nada for dito.
    #[serde(default)]
    visao: Visao,
    /// Linhas por página, até 200.
    limite: Option<u16>,
    /// O `proximo` da página anterior.
    cursor: Option<String>,
}

/// Uma linha do acompanhamento; o que tem depende da vista.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
enum LinhaDoAcompanhamento {
    /// De `tudo`, `historico` e `alteracoes`; de `conversas`, um e-mail ao cliente.
    Evento(Box<Acontecimento>),
    /// De `tramite`.
    Etapa(Box<Etapa>),
    /// De `conversas`.
    Conversa(Box<Conversa>),
}

/// O que aconteceu.
#[derive(Debug, Serialize, ToSchema)]
pub struct Acontecimento {
    /// A posição no registro da empresa.
    seq: i64,
    /// O lugar dentro da posição.
    ordem: i32,
    /// O que foi.
    #[schema(value_type = crate::schemas::TipoDeAcontecimento)]
    tipo: String,
    /// A parte de que trata: item, anexo, anotação, pedido, análise, ação, e-mail.
    parte: Option<Uuid>,
    /// O campo, onde é um.
    campo: Option<String>,
    /// O que uma pessoa lê do campo.
    rotulo: Option<String>,
    /// O valor antes.
    de: Value,
    /// O valor depois.
    para: Value,
    /// O valor antes, como uma pessoa o lê.
    de_exibicao: Option<String>,
    /// O valor depois, como uma pessoa o lê.
    para_exibicao: Option<String>,
    /// Uma frase para a pessoa.
    texto: String,
    /// Para quem.
    #[schema(value_type = crate::schemas::Visibilidade)]
    visibilidade: String,
    /// A anotação que uma anotação responde.
    resposta_a: Option<Uuid>,
    /// Quem.
    por: PersonRef,
    /// O aparelho.
    aparelho: Uuid,
    /// O nome do aparelho.
    aparelho_nome: Option<String>,
    /// Quando, pelo relógio do aparelho.
    no_aparelho: DateTime<Utc>,
    /// Quando chegou, pelo relógio do servidor.
    no_servidor: DateTime<Utc>,
    /// O e-mail ao cliente, onde é um: o que diz, e o que foi dele.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<Email>,
}

/// Um trecho do trâmite: o tempo em que nem a situação nem quem é responsável mudou.
#[derive(Debug, Serialize, ToSchema)]
pub struct Etapa {
    /// A situação.
    situacao: Option<Situacao>,
    /// Quem era responsável.
    responsavel: Option<PersonRef>,
    /// Desde quando.
    entrou_em: DateTime<Utc>,
    /// Até quando; ausente no trecho atual.
    saiu_em: Option<DateTime<Utc>>,
    /// Quanto durou, em segundos; até agora, se ainda dura; ausente onde o trabalho acabou.
    duracao_s: Option<i64>,
    /// Quem o começou.
    por: PersonRef,
    /// A transição que o começou.
    verbo: Option<String>,
    /// O que uma pessoa lê dela.
    rotulo: Option<String>,
    /// O motivo que foi dado.
    motivo: Option<String>,
}

/// Uma anotação com as respostas.
#[derive(Debug, Serialize, ToSchema)]
struct Conversa {
    /// A anotação.
    #[serde(flatten)]
    nota: Nota,
    /// O que se seguiu a ela, na ordem; `resposta_a` diz o que cada uma responde.
    respostas: Vec<Nota>,
}

/// Where a page ended: the view, and a place in it.
type Chave = (Visao, i64, i32);

/// Lê o acompanhamento de um registro.
#[utoipa::path(get, path = "/v1/{kind}/{id}/acompanhamento", tag = "Registros",
    params(("kind" = Registros, Path), ("id" = Uuid, Path), Filtro),
    security(("token" = ["registros:ler"])),
    responses((status = 200, body = Pagina<LinhaDoAcompanhamento>),
        crate::http::problems::Problemas))]
pub async fn ver(
    State(app): State<App>,
    acesso: Acesso<LerRegistros>,
    OriginalUri(uri): OriginalUri,
    ApiPath((colecao, id)): ApiPath<(Registros, Uuid)>,
    ApiQuery(filtro): ApiQuery<Filtro>,
) -> ApiResult<Response> {
    let visao = filtro.visao;
    let folha = Folha::<Chave>::new(filtro.limite, filtro.cursor.as_deref())?;
    if folha.depois.is_some_and(|(de, ..)| de != visao) {
        return Err(page::bad_cursor());
    }
    let mut tx = app.db.snapshot(acesso.tenant).await?;
    let read = read::of_kind(&mut tx, &acesso, colecao.kind(), id.into()).await?;
    let linhas = match visao {
        Visao::Tudo | Visao::Historico | Visao::Alteracoes => {
            let before = folha.depois.map_or((i64::MAX, 0), |(_, seq, ordem)| (seq, ordem));
            let kept = kept(&mut tx, read.record.id, visao, before, folha.rows()).await?;
            events(&mut tx, &acesso, &read, kept).await?
        }
        Visao::Tramite => stages(&mut tx, &acesso, &read).await?,
        Visao::Conversas => conversations(&mut tx, &acesso, &read).await?,
    };
    // The two that are made of the record itself are cut here: their key is the place in the list.
    let of_list = matches!(visao, Visao::Tramite | Visao::Conversas);
    let start = folha.depois.filter(|_| of_list).map_or(0, |(_, place, _)| place);
    let skipped = usize::try_from(start).unwrap_or(usize::MAX);
    let rows = usize::try_from(folha.rows()).unwrap_or(usize::MAX);
    let linhas: Vec<LinhaDoAcompanhamento> = linhas.into_iter().skip(skipped).take(rows).collect();
    let place = start.saturating_add(folha.rows() - 1);
    let pagina = folha.close(linhas, |last| match last {
        LinhaDoAcompanhamento::Evento(event) if !of_list => (visao, event.seq, event.ordem),
        _ => (visao, place, 0),
    });
    Ok(pagina.linked(&uri))
}

/// A line of the log, or an e-mail as if the log had it.
struct Kept {
    row: LogRow,
    email: Option<Email>,
}

/// A line of the log with its place.
struct LogRow {
    place: (i64, i32),
    at: DateTime<Utc>,
    entry: Entry,
}

impl From<(Place, Entry)> for Kept {
    fn from((place, entry): (Place, Entry)) -> Self {
        let at = entry.on_server.unwrap_or(entry.on_device);
        let row = LogRow { place: (place.seq, place.order), at, entry };
        Self { row, email: None }
    }
}

impl From<EmailToClient> for Kept {
    /// An e-mail is no change of the record, and its state goes on.
    fn from(EmailToClient { seq, ordem, email }: EmailToClient) -> Self {
        let Email { nome, assunto, .. } = &email;
        let to = match &email.endereco {
            Some(address) => format!("{nome} ({address})"),
            None => nome.clone(),
        };
        let text = match (email.situacao.as_str(), &email.erro) {
            ("enviado", _) => format!("E-mail enviado para {to}: {assunto}"),
            ("pendente", None) => format!("E-mail na fila para {to}: {assunto}"),
            ("pendente", Some(error)) => format!("E-mail na fila para {to}: {assunto} ({error})"),
            (_, Some(error)) => format!("E-mail não enviado para {to}: {assunto} ({error})"),
            (_, None) => format!("E-mail não enviado para {to}: {assunto}"),
        };
        let entry = Entry {
            tipo: "email".into(),
            part: Some(email.id),
            field: None,
            label: None,
            before: None,
            after: None,
            text,
            visibility: Visibilidade::Cliente,
            answers: None,
            by: UserId::SERVIDOR,
            device: DeviceId::ESCRITORIO,
            on_device: email.criado_em,
            on_server: Some(email.criado_em),
        };
        let row = LogRow { place: (seq, ordem), at: email.criado_em, entry };
        Self { row, email: Some(email) }
    }
}

/// Up to `limit` lines of a view before a place, the newest first, with the e-mails among them.
async fn kept(
    tx: &mut PgTransaction<'_>,
    id: DocumentId,
    view: Visao,
    before: (i64, i32),
    limit: i64,
) -> ApiResult<Vec<Kept>> {
    let place = Place { seq: before.0, order: before.1 };
    let rows = timeline::history(tx, id.uuid(), view.view(), Some(place), limit).await?;
    let mut kept: Vec<Kept> = rows.into_iter().map(Kept::from).collect();
    if view != Visao::Alteracoes {
        let emails = email::to_client(tx, id).await?.into_iter().map(Kept::from);
        kept.extend(emails.filter(|email| email.row.place < before));
        kept.sort_by_key(|kept| Reverse(kept.row.place));
        kept.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    }
    Ok(kept)
}

/// Lines with names beside ids.
async fn events(
    tx: &mut PgTransaction<'_>,
    who: &Principal,
    read: &RecordRead,
    kept: Vec<Kept>,
) -> ApiResult<Vec<LinhaDoAcompanhamento>> {
    let mut cited = Cited::default();
    kept.iter().for_each(|kept| kept.row.entry.cite(read.record.kind, &mut cited));
    let names = cited::names(tx, Viewer::of(&who.pessoa), &cited).await?;
    let look = read.look(who, &names, reading::zone(tx).await?);
    Ok(shown(&look, kept).into_iter().map(LinhaDoAcompanhamento::from).collect())
}

fn shown(look: &Look<'_>, kept: Vec<Kept>) -> Vec<Acontecimento> {
    /// Sequence number and order of an entry, when it arrived, and the e-mail that told of it.
    type Placed = ((i64, i32), DateTime<Utc>, Option<Email>);
    let (places, entries): (Vec<Placed>, Vec<Entry>) =
        kept.into_iter().map(|Kept { row, email }| ((row.place, row.at, email), row.entry)).unzip();
    let event = |(line, ((seq, ordem), at, email)): (Line<'_>, Placed)| {
        let entry = line.entry;
        let change = line.change;
        let (before, after) = change
            .as_ref()
            .map_or((None, None), |change| (change.before.as_ref(), change.after.as_ref()));
        Acontecimento {
            seq,
            ordem,
            tipo: entry.tipo.clone(),
            parte: entry.part,
            de: value(before),
            para: value(after),
            de_exibicao: before.and_then(words),
            para_exibicao: after.and_then(words),
            campo: change.as_ref().map_or(&entry.field, |change| &change.field).clone(),
            rotulo: change.as_ref().map_or(&entry.label, |change| &change.label).clone(),
            texto: line.text,
            visibilidade: entry.visibility.codigo().to_owned(),
            resposta_a: entry.answers.map(|id| id.uuid()),
            por: PersonRef::of(entry.by, look.names),
            aparelho: entry.device.uuid(),
            aparelho_nome: look.names.device(entry.device).map(str::to_owned),
            no_aparelho: entry.on_device,
            no_servidor: at,
            email,
        }
    };
    lines(look, &entries).into_iter().zip(places).map(event).collect()
}

/// One side of a change, for programs.
fn value(side: Option<&Side>) -> Value {
    match side {
        Some(Side { value: Some((campo, value)), .. }) => json::valor(campo, value),
        Some(Side { text, .. }) => text.as_str().into(),
        None => Value::Null,
    }
}

/// One side of a change, for people; nothing where its name is not known.
fn words(side: &Side) -> Option<String> {
    (!side.words.unknown).then(|| side.words.text.clone())
}

impl From<Acontecimento> for LinhaDoAcompanhamento {
    fn from(event: Acontecimento) -> Self {
        LinhaDoAcompanhamento::Evento(Box::new(event))
    }
}

impl Etapa {
    fn of(stage: Stage<'_>, names: &Names) -> Self {
        let request = stage.request;
        Self {
            situacao: stage.situacao.map(Situacao::from),
            responsavel: stage.responsible.map(|id| PersonRef::of(id, names)),
            entrou_em: stage.since,
            saiu_em: stage.until,
            duracao_s: stage.lasted_s,
            por: PersonRef::of(stage.by, names),
            verbo: request.map(|request| request.verbo.clone()),
            rotulo: stage.label.map(str::to_owned),
            motivo: request.and_then(|request| request.motivo.clone()),
        }
    }
}

async fn stages(
    tx: &mut PgTransaction<'_>,
    who: &Principal,
    read: &RecordRead,
) -> ApiResult<Vec<LinhaDoAcompanhamento>> {
    let (record, tipo) = (&read.record, &*read.tipo);
    let handovers = timeline::handovers(tx, record.id.uuid()).await?;
    let stages = campo_screens::stages(record, tipo, &handovers, Utc::now());
    let mut cited = Cited::default();
    for stage in &stages {
        cited.people.extend(stage.responsible.into_iter().chain([stage.by]));
    }
    let names = cited::names(tx, Viewer::of(&who.pessoa), &cited).await?;
    let shown = |stage| LinhaDoAcompanhamento::Etapa(Box::new(Etapa::of(stage, &names)));
    Ok(stages.into_iter().map(shown).collect())
}

/// Notes with their answers, and the e-mails to the client, each before the first conversation that
/// is younger.
async fn conversations(
    tx: &mut PgTransaction<'_>,
    who: &Principal,
    read: &RecordRead,
) -> ApiResult<Vec<LinhaDoAcompanhamento>> {
    let record = &read.record;
    let emails = email::to_client(tx, record.id).await?;
    let emails: Vec<Kept> = emails.into_iter().map(Kept::from).collect();
    let mut cited = Cited::default();
    record.notas.iter().for_each(|note| cited.authorship(note.autoria));
    emails.iter().for_each(|email| email.row.entry.cite(record.kind, &mut cited));
    let names = cited::names(tx, Viewer::of(&who.pessoa), &cited).await?;
    let look = read.look(who, &names, reading::zone(tx).await?);
    let mut rows: Vec<(DateTime<Utc>, LinhaDoAcompanhamento)> = conversation_rows(&look);
    for email in shown(&look, emails) {
        let place = rows.iter().position(|(since, _)| *since > email.no_servidor);
        rows.insert(place.unwrap_or(rows.len()), (email.no_servidor, email.into()));
    }
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

/// Each conversation with the time of the note that began it, in the order of those notes.
fn conversation_rows(look: &Look<'_>) -> Vec<(DateTime<Utc>, LinhaDoAcompanhamento)> {
    let notes = &look.record.notas;
    let answered: Vec<_> = notes.iter().map(|note| (note.id, note.resposta_a)).collect();
    let row = |thread: Vec<(u32, usize)>| {
        let places = thread.into_iter().map(|(_, place)| place);
        let mut said = places.filter_map(|place| Some((place, notes.get(place)?)));
        let (_, first) = said.next()?;
        let mut answers: Vec<_> = said.collect();
        answers.sort_by_key(|(place, _)| *place);
        let conversation = Conversa {
            nota: Nota::of(first, look.names),
            respostas: answers.into_iter().map(|(_, n)| Nota::of(n, look.names)).collect(),
        };
        Some((first.quando, LinhaDoAcompanhamento::Conversa(Box::new(conversation))))
    };
    threads(&answered).into_iter().filter_map(row).collect()
}
