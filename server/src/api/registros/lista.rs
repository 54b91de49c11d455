//! `GET /v1/{kind}`: the lists of records. What is asked for is read here; the list itself is
//! `reading::lists`, as on the pages.

use super::{consulta, enderecos::Registros, filtro::Filtro, lido};
use crate::{
    app::App,
    error::{ApiError, ApiResult},
    http::{
        extract::{ApiPath, ApiQuery},
        page::{self, Folha, Pagina},
        principal::{Acesso, LerRegistros},
    },
    ledger,
    reading::{
        json::{self, Situacao, TipoLinha},
        lists::{self, BadOrder, COLUMNS_MAX, Key, Linha, List, Order, columns},
    },
    visibility::Viewer,
};
use axum::{
    extract::{OriginalUri, State},
    response::Response,
};
use campo_domain::kind::Kind;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

/// One record of a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct RegistroDaLista {
    /// O identificador.
    id: Uuid,
    /// O que ele é.
    #[schema(value_type = crate::schemas::Kind)]
    kind: &'static str,
    /// O número; antes dele, um rótulo provisório.
    rotulo: String,
    /// O número, depois que o servidor o atribui.
    numero: Option<String>,
    /// O tipo, na versão do registro.
    tipo: TipoLinha,
    /// A situação atual.
    situacao: Situacao,
    /// O começo do texto principal.
    titulo: String,
    /// Quem criou.
    criado_por: Uuid,
    /// Quando, pelo relógio do aparelho.
    criado_em: DateTime<Utc>,
    /// Quando chegou ao servidor.
    recebido_em: Option<DateTime<Utc>>,
    /// A última alteração, pelo relógio do servidor.
    atualizado_em: DateTime<Utc>,
    /// Desde quando está na situação.
    etapa_desde: Option<DateTime<Utc>>,
    /// Até quando deveria sair dela.
    etapa_ate: Option<DateTime<Utc>>,
    /// Se passou do prazo e ainda está aberto.
    atrasado: bool,
    /// O cliente, do registro ou daquele a que pertence.
    cliente_id: Option<Uuid>,
    /// O nome do cliente.
    cliente_nome: Option<String>,
    /// O nome de quem é responsável.
    responsavel_nome: Option<String>,
    /// Se algum campo foi escrito por vários ao mesmo tempo.
    conflito: bool,
    /// Se há trabalho retido, à espera de decisão.
    retido: bool,
    /// Todos os campos, pelo nome.
    #[schema(value_type = Object)]
    campos: Map<String, Value>,
    /// Its place in the order.
    #[serde(skip)]
    chave: Vec<Option<String>>,
}

/// Lista os registros que a pessoa pode ver.
#[utoipa::path(get, path = "/v1/{kind}", tag = "Registros",
    params(("kind" = Registros, Path), Filtro),
    security(("token" = ["registros:ler"])),
    responses((status = 200, body = Pagina<RegistroDaLista>), crate::http::problems::Problemas))]
pub async fn listar(
    State(app): State<App>,
    acesso: Acesso<LerRegistros>,
    OriginalUri(uri): OriginalUri,
    ApiPath(colecao): ApiPath<Registros>,
    ApiQuery(filtro): ApiQuery<Filtro>,
) -> ApiResult<Response> {
    let kind = colecao.kind();
    let order = order(kind, filtro.ordenar.as_deref())?;
    let folha = Folha::<Key>::new(filtro.limite, filtro.cursor.as_deref())?;
    if folha.depois.as_ref().is_some_and(|key| key.0 != kind || !order.has(key)) {
        return Err(page::bad_cursor());
    }
    let mut tx = app.db.snapshot(acesso.tenant).await?;
    let zone = lido::fuso(&mut tx).await?;
    let tipos = ledger::tipos(&mut tx, acesso.tenant).await?;
    let filter = filtro.read(kind, &tipos, acesso.pessoa.id.uuid(), zone)?;
    let viewer = Viewer::of(&acesso.pessoa);
    let list = List { kind, viewer, zone, filter: &filter, order: &order };
    let rows = lists::page(&mut tx, &list, folha.depois.as_ref(), folha.rows()).await;
    let rows = rows.map_err(consulta::cursor_estranho)?;
    let rows = rows.into_iter().map(|row| RegistroDaLista::of(kind, row)).collect();
    let key = |last: &RegistroDaLista| (kind, order.name.clone(), last.chave.clone(), last.id);
    Ok(folha.close(rows, key).linked(&uri))
}

fn order(kind: Kind, asked: Option<&str>) -> ApiResult<Order> {
    Order::read(kind, asked).map_err(|bad| match bad {
        BadOrder::TooMany => {
            ApiError::invalido(format!("A ordem aceita até {COLUMNS_MAX} colunas."))
        }
        BadOrder::Unknown => {
            let mensagem = "Não há essa coluna para ordenar. Veja as que há em “colunas”.";
            ApiError::invalido(mensagem).with("colunas", columns::names(kind))
        }
    })
}

impl RegistroDaLista {
    fn of(kind: Kind, linha: Linha) -> Self {
        Self {
            id: linha.id,
            kind: kind.codigo(),
            rotulo: linha.rotulo(),
            numero: linha.numero,
            tipo: TipoLinha { codigo: linha.tipo.0, versao: linha.tipo.1, nome: linha.tipo_nome },
            situacao: Situacao {
                codigo: linha.situacao,
                nome: linha.situacao_nome,
                fase: linha.fase,
            },
            titulo: linha.titulo,
            criado_por: linha.criado_por,
            criado_em: linha.criado_em,
            recebido_em: linha.recebido_em,
            atualizado_em: linha.atualizado_em,
            etapa_desde: linha.etapa_desde,
            etapa_ate: linha.etapa_ate,
            atrasado: linha.atrasado,
            cliente_id: linha.cliente_id,
            cliente_nome: linha.cliente_nome,
            responsavel_nome: linha.responsavel_nome,
            conflito: linha.conflito,
            retido: linha.retido,
            campos: json::campos(kind.campos(), &linha.campos),
            chave: linha.chave,
        }
    }
}

#[cfg(test)]
mod tests;
