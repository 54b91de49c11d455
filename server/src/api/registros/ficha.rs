//! `GET /v1/{kind}/{id}`: one record whole, with what the person may do to it now. The record, its
//! version and all that is shown beside it are read in one transaction.

use super::{
    caso::{self, ClienteDoCaso, Filho},
    enderecos::{self, Registros},
    formulario::CampoFicha,
    possivel::{AcaoPossivel, Bloqueio, Pode, Verbo},
    read::{self, RecordRead},
    vista::{
        AcaoDoRegistro, Analise, Anexo, Conflito, CorretivaDoRegistro, Nota, Parte, Pedido,
        Restricao, VinculadoPor,
    },
};
use crate::{
    app::App,
    error::ApiResult,
    http::{
        etag::ETag,
        extract::ApiPath,
        principal::{Acesso, LerRegistros, Principal},
    },
    office::{self, Case},
    outbox::delivery::{self, EntregaDaAcao},
    reading::{
        self, cited,
        json::{self, PersonRef, Situacao, TipoLinha},
        record,
    },
    visibility::Viewer,
};
use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use campo_domain::{
    ids::{DocumentId, UserId},
    kind::Kind,
    parte::Colecao,
    preenchimento::Dados,
};
use campo_screens::{Cited, Look, Names, badges, may};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::Serialize;
use serde_json::{Map, Value};
use sqlx::PgTransaction;
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;
use uuid::Uuid;

/// Um registro inteiro.
#[derive(Debug, Serialize, ToSchema)]
pub struct Ficha {
    /// O identificador.
    id: Uuid,
    /// O que ele é.
    #[schema(value_type = crate::schemas::Kind)]
    kind: &'static str,
    /// O número; antes dele, um rótulo provisório.
    rotulo: String,
    /// O número, depois que o servidor o atribui.
    numero: Option<String>,
    /// O tipo, na versão com que foi criado.
    tipo: TipoLinha,
    /// A situação atual.
    situacao: Option<Situacao>,
    /// O começo do texto principal.
    titulo: String,
    /// A prioridade do registro, ou a da categoria dele.
    prioridade: Option<String>,
    /// Quem criou.
    criado_por: PersonRef,
    /// Em que aparelho.
    criado_em_aparelho: Option<String>,
    /// Quando, pelo relógio do aparelho.
    criado_em: DateTime<Utc>,
    /// Quando chegou ao servidor.
    recebido_em: Option<DateTime<Utc>>,
    /// Desde quando está na situação.
    etapa_desde: Option<DateTime<Utc>>,
    /// Até quando deveria sair dela.
    etapa_ate: Option<DateTime<Utc>>,
    /// Se passou do prazo da etapa ou do registro e ainda está aberto.
    atrasado: bool,
    /// Todos os campos, pelo nome; os vazios são nulos.
    #[schema(value_type = Object)]
    campos: Map<String, Value>,
    /// Os campos do tipo na ordem do formulário, como uma pessoa os lê.
    formulario: Vec<CampoFicha>,
    /// O cliente, do registro ou daquele a que pertence.
    cliente: Option<ClienteDoCaso>,
    /// De uma assistência e do que pertence a ela, o endereço que vale: o do contrato, se houver,
    /// ou o da assistência.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    endereco_efetivo: Option<Dados>,
    /// Itens.
    itens: Vec<Parte>,
    /// Despesas.
    despesas: Vec<Parte>,
    /// Anexos.
    anexos: Vec<Anexo>,
    /// As ocorrências de uma assistência, as mais antigas na frente; até 200.
    ocorrencias: Vec<Filho>,
    /// As agendas de uma ocorrência, ou as que a tela da assistência mostra; até 200.
    agendas: Vec<Filho>,
    /// Vínculos com outros registros e contatos.
    vinculos: Vec<Parte>,
    /// Registros que têm um vínculo com este.
    vinculado_por: Vec<VinculadoPor>,
    /// Anotações, na ordem.
    notas: Vec<Nota>,
    /// Análises parciais, laudos, soluções e pareceres, na ordem.
    analises: Vec<Analise>,
    /// Ações pedidas ao ERP.
    acoes: Vec<AcaoDoRegistro>,
    /// Ações corretivas a que pertence.
    corretivas: Vec<CorretivaDoRegistro>,
    /// Pedidos de transição, com o veredito de cada um.
    pedidos: Vec<Pedido>,
    /// Campos que foram escritos por vários ao mesmo tempo.
    conflitos: Vec<Conflito>,
    /// Quem participa além de quem é responsável.
    participantes: Vec<PersonRef>,
    /// Quem é avisado na abertura e na conclusão.
    interessados: Vec<PersonRef>,
    /// Quem pode ver, se foi restringido.
    restricao: Option<Restricao>,
    /// Quantos trabalhos retidos esperam decisão.
    retidos: i64,
    /// As transições que a pessoa pode pedir agora.
    verbos: Vec<Verbo>,
    /// As ações que a pessoa pode pedir agora.
    acoes_possiveis: Vec<AcaoPossivel>,
    /// O que mais a pessoa pode fazer agora.
    pode: Pode,
    /// O que a pessoa não pode alterar nem pedir agora, e por quê.
    bloqueios: Vec<Bloqueio>,
}

/// Lê um registro inteiro.
#[utoipa::path(get, path = "/v1/{kind}/{id}", tag = "Registros",
    params(("kind" = Registros, Path), ("id" = Uuid, Path)),
    security(("token" = ["registros:ler"])),
    responses((status = 200, body = Ficha,
        headers(("ETag" = String, description = "A versão do registro, para `If-Match`."))),
        crate::http::problems::Problemas))]
pub async fn ver(
    State(app): State<App>,
    acesso: Acesso<LerRegistros>,
    ApiPath((colecao, id)): ApiPath<(Registros, Uuid)>,
) -> ApiResult<Response> {
    let mut tx = app.db.snapshot(acesso.tenant).await?;
    let read = read::of_kind(&mut tx, &acesso, colecao.kind(), id.into()).await?;
    let whole = assemble(&mut tx, &acesso, &read).await?;
    // Never 304: deliveries, children and the client are shown too, and are no part of its version.
    Ok(([read.etag.header()], Json(whole)).into_response())
}

/// The record as it is now, with its tag; `None` where the person does not see it.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn now(app: &App, who: &Principal, id: DocumentId) -> ApiResult<Option<(ETag, Ficha)>> {
    let mut tx = app.db.snapshot(who.tenant).await?;
    let Some(read) = read::find(&mut tx, who, id).await? else { return Ok(None) };
    let whole = assemble(&mut tx, who, &read).await?;
    Ok(Some((read.etag, whole)))
}

/// The record after it was changed, with its new tag; 204 where the change took it out of the
/// person's sight.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn respond(app: &App, who: &Principal, id: DocumentId) -> ApiResult<Response> {
    Ok(match now(app, who, id).await? {
        Some((etag, whole)) => ([etag.header()], Json(whole)).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}

/// O registro criado; só o identificador, se quem o criou não o vê.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum RegistroCriado {
    /// O registro.
    Visto(Box<Ficha>),
    /// De outros, desde o começo.
    NaoVisto(SoId),
}

/// O identificador, e mais nada.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SoId {
    /// O identificador.
    id: Uuid,
}

/// A record that was made, with its tag and where to find it. Whoever may not see it learns its id
/// all the same.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn created(
    app: &App,
    who: &Principal,
    kind: Kind,
    id: DocumentId,
) -> ApiResult<Response> {
    let address = [(header::LOCATION, enderecos::address(kind, id))];
    Ok(match now(app, who, id).await? {
        Some((etag, whole)) => {
            let seen = RegistroCriado::Visto(Box::new(whole));
            (StatusCode::CREATED, [etag.header()], address, Json(seen)).into_response()
        }
        None => {
            let only_id = RegistroCriado::NaoVisto(SoId { id: id.uuid() });
            (StatusCode::CREATED, address, Json(only_id)).into_response()
        }
    })
}

/// What is shown beside a record, out of other tables.
struct Beside {
    case: Case,
    ocorrencias: Vec<Filho>,
    agendas: Vec<Filho>,
    linked_by: Vec<VinculadoPor>,
    held_count: i64,
    deliveries: BTreeMap<Uuid, EntregaDaAcao>,
}

/// Shapes a record for whoever asks, in the transaction in which it was read.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn assemble(
    tx: &mut PgTransaction<'_>,
    who: &Principal,
    read: &RecordRead,
) -> ApiResult<Ficha> {
    let (names, zone, beside) = beside(tx, who, read).await?;
    Ok(shape(&read.look(who, &names, zone), beside))
}

async fn beside(
    tx: &mut PgTransaction<'_>,
    who: &Principal,
    read: &RecordRead,
) -> ApiResult<(Names, Tz, Beside)> {
    let (record, viewer) = (&read.record, Viewer::of(&who.pessoa));
    let case = office::case(tx, who.tenant, &who.pessoa, record).await?;
    let mut cited = Cited::of(record);
    cited.documents.extend(case.client);
    let (ocorrencias, agendas) = caso::children(tx, viewer, record).await?;
    let linked_by = record::linked_by(tx, viewer, record.id.uuid()).await?;
    let actions: Vec<Uuid> = record.acoes.iter().map(|action| action.id.uuid()).collect();
    let beside = Beside {
        case,
        ocorrencias,
        agendas,
        linked_by: linked_by.into_iter().map(VinculadoPor::from).collect(),
        held_count: record::held_count(tx, record.id).await?,
        deliveries: delivery::of_actions(tx, who.tenant, &actions).await?,
    };
    Ok((cited::names(tx, viewer, &cited).await?, reading::zone(tx).await?, beside))
}

fn shape(look: &Look<'_>, mut beside: Beside) -> Ficha {
    let (record, tipo, names) = (look.record, look.tipo, look.names);
    let parts = |collection| Parte::all(look, collection);
    let people = |ids: &BTreeSet<UserId>| ids.iter().map(|id| PersonRef::of(*id, names)).collect();
    let mut action = |action: &campo_domain::registro::Acao| {
        AcaoDoRegistro::of(action, look, beside.deliveries.remove(&action.id.uuid()))
    };
    Ficha {
        id: record.id.uuid(),
        kind: record.kind.codigo(),
        rotulo: record.rotulo(),
        numero: record.numero.clone(),
        tipo: TipoLinha {
            codigo: tipo.codigo.clone(),
            versao: tipo.versao,
            nome: Some(tipo.nome.clone()),
        },
        situacao: record.situacao(tipo).map(Situacao::from),
        titulo: record.titulo(),
        prioridade: record.prioridade(tipo).map(str::to_owned),
        criado_por: PersonRef::of(record.criacao.por, names),
        criado_em_aparelho: names.device(record.criacao.em).map(str::to_owned),
        criado_em: record.criado_em,
        recebido_em: record.recebido_em,
        etapa_desde: record.etapa_desde(),
        etapa_ate: record.etapa_ate(tipo),
        atrasado: badges(look).late.is_some(),
        campos: json::campos(record.kind.campos(), &record.campos),
        formulario: CampoFicha::all(look),
        cliente: beside.case.client.map(|id| ClienteDoCaso::of(id, names)),
        endereco_efetivo: beside.case.address,
        itens: parts(Colecao::Itens),
        despesas: parts(Colecao::Despesas),
        anexos: Anexo::all(look),
        ocorrencias: beside.ocorrencias,
        agendas: beside.agendas,
        vinculos: parts(Colecao::Vinculos),
        vinculado_por: beside.linked_by,
        notas: record.notas.iter().map(|note| Nota::of(note, names)).collect(),
        analises: Analise::all(look),
        acoes: record.acoes.iter().map(&mut action).collect(),
        corretivas: record.corretivas.iter().map(|c| CorretivaDoRegistro::of(c, names)).collect(),
        pedidos: record.pedidos.iter().map(|request| Pedido::of(request, look)).collect(),
        conflitos: Conflito::all(look),
        participantes: people(&record.participantes),
        interessados: people(&record.interessados),
        restricao: record.restricao.as_ref().map(|r| Restricao::of(r, names)),
        retidos: beside.held_count,
        verbos: Verbo::all(look),
        acoes_possiveis: AcaoPossivel::all(look),
        pode: may(look).into(),
        bloqueios: Bloqueio::all(look),
    }
}
