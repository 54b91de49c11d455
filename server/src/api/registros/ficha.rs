//! `GET /v1/{kind}/{id}`: one record whole, with what the person may do to it now.

use super::{
    caso::{self, ClienteDoCaso, Filho},
    enderecos::{self, Registros},
    formulario::{self, CampoFicha},
    lido::{self, Lido},
    possivel::{self, AcaoPossivel, Pode, Verbo},
    vista::{
        AcaoDoRegistro, Analise, Anexo, Conflito, CorretivaDoRegistro, Nota, Parte, Pedido,
        Restricao, VinculadoPor, conflitos,
    },
};
use crate::{
    app::App,
    error::ApiResult,
    http::{
        extract::ApiPath,
        principal::{Acesso, LerRegistros, Principal},
    },
    outbox::delivery,
    reading::{
        json::{self, Situacao, TipoLinha},
        nomes::{Pedidos, Quem},
    },
    visibility::{Viewer, visible},
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
    registro::Registro,
    tipo::Tipo,
    valor::Valor,
};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::Serialize;
use serde_json::{Map, Value};
use sqlx::PgTransaction;
use std::collections::BTreeSet;
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
    criado_por: Quem,
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
    participantes: Vec<Quem>,
    /// Quem é avisado na abertura e na conclusão.
    interessados: Vec<Quem>,
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
    let lido = lido::carregar(&app, &acesso, colecao.kind(), id.into()).await?;
    let etag = lido.etag.clone();
    // Never 304: deliveries, children and the client are shown too, and are no part of its version.
    Ok(([etag.header()], Json(montar(&app, &acesso, lido).await?)).into_response())
}

/// The record after it was changed, with its new tag; 204 where the change took it out of the
/// person's sight.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn responder(app: &App, quem: &Principal, id: DocumentId) -> ApiResult<Response> {
    let Some(lido) = lido::abrir(app, quem, id).await? else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    let etag = lido.etag.clone();
    Ok(([etag.header()], Json(montar(app, quem, lido).await?)).into_response())
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
pub async fn criado(
    app: &App,
    quem: &Principal,
    kind: Kind,
    id: DocumentId,
) -> ApiResult<Response> {
    let endereco = [(header::LOCATION, enderecos::endereco(kind, id))];
    let Some(lido) = lido::abrir(app, quem, id).await? else {
        let so_id = RegistroCriado::NaoVisto(SoId { id: id.uuid() });
        return Ok((StatusCode::CREATED, endereco, Json(so_id)).into_response());
    };
    let etag = lido.etag.clone();
    let visto = RegistroCriado::Visto(Box::new(montar(app, quem, lido).await?));
    Ok((StatusCode::CREATED, [etag.header()], endereco, Json(visto)).into_response())
}

/// Shapes a record for whoever asks.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn montar(app: &App, quem: &Principal, lido: Lido) -> ApiResult<Ficha> {
    let Lido { registro, tipo, .. } = lido;
    let (pessoa, kind) = (&quem.pessoa, registro.kind);
    let viewer = Viewer::of(pessoa);
    let dono = caso::dono(app, quem, &registro).await?;
    let mut tx = app.db.snapshot(quem.tenant).await?;
    let fuso = lido::fuso(&mut tx).await?;
    let cliente = caso::cliente(&registro, dono.as_ref());
    let mut citados = citados(&registro);
    cliente.into_iter().for_each(|id| citados.documento(id));
    let nomes = citados.ler(&mut tx, viewer).await?;
    let endereco_efetivo = caso::endereco(&mut tx, &registro, dono.as_ref()).await?;
    let (ocorrencias, agendas) = caso::filhos(&mut tx, viewer, &registro).await?;
    let vinculado_por = vinculado_por(&mut tx, viewer, registro.id).await?;
    let retidos: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM held WHERE document = $1 AND status = 'aguardando'",
    )
    .bind(registro.id.uuid())
    .fetch_one(&mut *tx)
    .await?;
    let acoes: Vec<Uuid> = registro.acoes.iter().map(|acao| acao.id.uuid()).collect();
    let mut entregas = delivery::of_actions(&mut tx, quem.tenant, &acoes).await?;
    tx.rollback().await?;
    let partes = |colecao| Parte::todas(&registro, colecao, &nomes, fuso);
    let pessoas = |ids: &BTreeSet<UserId>| ids.iter().map(|id| nomes.quem(*id)).collect();
    Ok(Ficha {
        id: registro.id.uuid(),
        kind: kind.codigo(),
        rotulo: registro.rotulo(),
        numero: registro.numero.clone(),
        tipo: TipoLinha {
            codigo: tipo.codigo.clone(),
            versao: tipo.versao,
            nome: Some(tipo.nome.clone()),
        },
        situacao: registro.situacao(&tipo).map(Situacao::from),
        titulo: registro.titulo(),
        prioridade: registro.prioridade(&tipo).map(str::to_owned),
        criado_por: nomes.quem(registro.criacao.por),
        criado_em_aparelho: nomes.aparelho(registro.criacao.em),
        criado_em: registro.criado_em,
        recebido_em: registro.recebido_em,
        etapa_desde: registro.etapa_desde(),
        etapa_ate: registro.etapa_ate(&tipo),
        atrasado: atrasado(&registro, &tipo, fuso),
        campos: json::campos(kind.campos(), &registro.campos),
        formulario: formulario::campos(&registro, &tipo, pessoa, &nomes, fuso),
        cliente: cliente.map(|id| ClienteDoCaso { id, nome: nomes.documento(id) }),
        endereco_efetivo,
        itens: partes(Colecao::Itens),
        despesas: partes(Colecao::Despesas),
        anexos: Anexo::todos(&registro, &nomes, fuso),
        ocorrencias,
        agendas,
        vinculos: partes(Colecao::Vinculos),
        vinculado_por,
        notas: registro.notas.iter().map(|nota| Nota::de(nota, &nomes)).collect(),
        analises: Analise::todas(&registro, &nomes),
        acoes: registro
            .acoes
            .iter()
            .map(|a| AcaoDoRegistro::de(a, &tipo, &nomes, entregas.remove(&a.id.uuid())))
            .collect(),
        corretivas: registro
            .corretivas
            .iter()
            .map(|c| CorretivaDoRegistro::de(c, &nomes))
            .collect(),
        pedidos: registro.pedidos.iter().map(|p| Pedido::de(p, &tipo, &nomes)).collect(),
        conflitos: conflitos(&registro, &nomes),
        participantes: pessoas(&registro.participantes),
        interessados: pessoas(&registro.interessados),
        restricao: registro.restricao.as_ref().map(|r| Restricao::de(r, &nomes)),
        retidos,
        verbos: possivel::verbos(&registro, &tipo, pessoa),
        acoes_possiveis: possivel::acoes(&registro, &tipo, pessoa),
        pode: possivel::pode(&registro, &tipo, pessoa),
    })
}

/// Late: past the time of the situação or the day of the record, while work may still happen.
fn atrasado(registro: &Registro, tipo: &Tipo, fuso: Tz) -> bool {
    let agora = Utc::now();
    let da_etapa = registro.etapa_ate(tipo).is_some_and(|ate| ate < agora);
    let hoje = agora.with_timezone(&fuso).date_naive();
    let do_registro = matches!(registro.valor("prazo"), Valor::Data(prazo) if *prazo < hoje);
    registro.aberto(tipo) && (da_etapa || do_registro)
}

/// Everything that the answer names.
fn citados(registro: &Registro) -> Pedidos {
    let mut citados = Pedidos::default();
    let kind = registro.kind;
    for campo in kind.campos() {
        citados.valor(campo, registro.valor(campo.nome));
    }
    for colecao in Colecao::TODAS {
        for (_, parte) in registro.vivos(colecao) {
            citados.autoria(parte.autoria);
            for campo in kind.campos_de(colecao) {
                citados.valor(campo, parte.valor(campo.nome));
            }
        }
    }
    citados.autoria(registro.criacao);
    registro.notas.iter().for_each(|nota| citados.autoria(nota.autoria));
    registro.pedidos.iter().for_each(|pedido| citados.autoria(pedido.autoria));
    for analise in &registro.analises {
        citados.autoria(analise.autoria);
        analise.encaminhar.into_iter().for_each(|id| citados.pessoa(id));
    }
    registro.acoes.iter().for_each(|acao| citados.pessoa(acao.por));
    registro.corretivas.iter().for_each(|corretiva| citados.pessoa(corretiva.por));
    for versao in registro.conflitos.iter().flat_map(|conflito| &conflito.versoes) {
        citados.autoria(versao.autoria);
    }
    let restricao = registro.restricao.iter();
    let listados = restricao.flat_map(|r| r.usuarios.iter().copied().chain([r.por]));
    let listas = registro.participantes.iter().chain(&registro.interessados).copied();
    listados.chain(listas).for_each(|id| citados.pessoa(id));
    citados
}

/// Records that link to this one, of those that the person may see (R38).
async fn vinculado_por(
    tx: &mut PgTransaction<'_>,
    viewer: Viewer,
    id: DocumentId,
) -> sqlx::Result<Vec<VinculadoPor>> {
    sqlx::query_as(concat!(
        "SELECT t.id, 'ocorrencia' AS kind, t.numero, t.titulo, v.relacao, v.descricao \
         FROM vinculos v JOIN ocorrencias t ON t.tenant = v.tenant AND t.id = v.document \
         WHERE v.documento = $3 AND ",
        visible!("t"),
        " UNION ALL \
         SELECT t.id, 'assistencia', t.numero, t.titulo, v.relacao, v.descricao \
         FROM vinculos v JOIN assistencias t ON t.tenant = v.tenant AND t.id = v.document \
         WHERE v.documento = $3 AND ",
        visible!("t"),
        " ORDER BY 1 LIMIT 200"
    ))
    .bind(viewer.id)
    .bind(viewer.all)
    .bind(id.uuid())
    .fetch_all(&mut **tx)
    .await
}
