//! A client's own cases, newest first. For many rows at once, as `policy::alcanca` has it of one.

use crate::{
    api::registros::{consulta::cursor_estranho, lido::empresa},
    app::App,
    error::{ApiError, ApiResult},
    http::{
        extract::ApiQuery,
        page::{Folha, Pagina},
        principal::{LerRegistros, Portal},
    },
    reading::{json::Situacao, lists::columns, record},
};
use axum::{
    extract::{OriginalUri, State},
    response::Response,
};
use campo_domain::{
    busca,
    fluxo::{Fase, Situacao as Estagio},
    tipo::{Tipo, TipoRef, Tipos},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::{Postgres, QueryBuilder, Row, postgres::PgRow};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Uma ocorrência, como o cliente a vê na lista.
#[derive(Debug, Serialize, ToSchema)]
pub struct LinhaDoPortal {
    /// O identificador.
    pub(super) id: Uuid,
    /// O código da ocorrência; antes dele, um rótulo provisório.
    pub(super) rotulo: String,
    /// O código, depois que o servidor o atribui.
    pub(super) numero: Option<String>,
    /// O código do tipo.
    pub(super) tipo: String,
    /// O nome do tipo.
    pub(super) tipo_nome: String,
    /// O começo do texto principal.
    pub(super) titulo: String,
    /// O estágio.
    pub(super) situacao: Option<Situacao>,
    /// Se espera uma resposta do cliente.
    pub(super) espera_resposta: bool,
    /// Quando foi aberta.
    pub(super) criado_em: DateTime<Utc>,
}

/// Which cases.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Filtro {
    /// Só as que ainda estão abertas, ou só as que não estão.
    aberta: Option<bool>,
    /// Parte do título, ou o código.
    q: Option<String>,
    /// Linhas por página, até 200.
    limite: Option<u16>,
    /// O `proximo` da página anterior.
    cursor: Option<String>,
}

/// Lista as ocorrências do cliente, das mais novas às mais antigas.
#[utoipa::path(get, path = "/v1/portal/ocorrencias", tag = "Portal", params(Filtro),
    security(("token" = ["registros:ler"])),
    responses((status = 200, body = Pagina<LinhaDoPortal>), crate::http::problems::Problemas))]
pub async fn listar(
    State(app): State<App>,
    acesso: Portal<LerRegistros>,
    OriginalUri(uri): OriginalUri,
    ApiQuery(filtro): ApiQuery<Filtro>,
) -> ApiResult<Response> {
    let folha = Folha::<(DateTime<Utc>, Uuid)>::new(filtro.limite, filtro.cursor.as_deref())?;
    let (_, tipos) = empresa(&app, acesso.tenant).await?;
    let mut sql = consulta(acesso.cliente.uuid(), &tipos, &filtro)?;
    if let Some((quando, id)) = folha.depois {
        sql.push(" AND (t.criado_em, t.id) < (").push_bind(quando).push(", ").push_bind(id);
        sql.push(")");
    }
    sql.push(" ORDER BY t.criado_em DESC, t.id DESC LIMIT ").push_bind(folha.rows());
    let mut tx = app.db.snapshot(acesso.tenant).await?;
    let rows = sql.build().fetch_all(&mut *tx).await.map_err(cursor_estranho)?;
    let linhas = rows.iter().filter_map(|row| linha(row, &tipos).transpose());
    let linhas = linhas.collect::<sqlx::Result<Vec<_>>>()?;
    Ok(folha.close(linhas, |ultima| (ultima.criado_em, ultima.id)).linked(&uri))
}

fn consulta(cliente: Uuid, tipos: &Tipos, filtro: &Filtro) -> ApiResult<QueryBuilder<Postgres>> {
    let (mut mostrados, mut internas) = (Vec::new(), Vec::new());
    for tipo in tipos.todos().filter(|tipo| tipo.visivel_no_portal) {
        let chave = chave(tipo);
        let categorias = tipo.categorias.iter().filter(|categoria| categoria.interna);
        internas.extend(categorias.map(|categoria| format!("{chave}/{}", categoria.codigo)));
        mostrados.push(chave);
    }
    let mut sql = QueryBuilder::new(
        "SELECT t.id, t.numero, t.tipo, t.tipo_versao, t.titulo, t.criado_em, t.situacao, \
             t.situacao_cliente, ",
    );
    sql.push(CAMPO_DO_TITULO).push(
        " AS campo_do_titulo \
         FROM (SELECT *, tipo || '@' || tipo_versao AS chave FROM ocorrencias) t \
         WHERE t.cliente = ",
    );
    sql.push_bind(cliente).push(" AND t.interno IS NOT TRUE AND t.chave = ANY(");
    sql.push_bind(mostrados).push(") AND (t.categoria IS NULL OR t.chave || '/' || t.categoria ");
    sql.push("<> ALL(").push_bind(internas).push("))");
    if let Some(aberta) = filtro.aberta {
        let fechadas = columns::CLOSED;
        sql.push(format!(" AND (t.fase NOT IN ({fechadas})) = ")).push_bind(aberta);
    }
    if let Some(q) = &filtro.q {
        procurar(&mut sql, q, tipos)?;
    }
    Ok(sql)
}

/// As `Registro::titulo` chooses it.
const CAMPO_DO_TITULO: &str =
    "CASE WHEN btrim(coalesce(t.assunto, '')) = '' THEN 'relato' ELSE 'assunto' END";

/// A row as the client reads it; nothing where its tipo is not known.
fn linha(row: &PgRow, tipos: &Tipos) -> sqlx::Result<Option<LinhaDoPortal>> {
    let referencia = TipoRef {
        codigo: row.try_get("tipo")?,
        versao: row.try_get::<i32, _>("tipo_versao")?.unsigned_abs(),
    };
    let Ok(tipo) = tipos.obter(&referencia) else { return Ok(None) };
    let (id, numero): (Uuid, Option<String>) = (row.try_get("id")?, row.try_get("numero")?);
    let do_cliente: Option<String> = row.try_get("situacao_cliente")?;
    let do_cliente = do_cliente.and_then(|codigo| tipo.fluxo.situacao(&codigo));
    let situacao = tipo.situacao(Some(row.try_get("situacao")?));
    let lido = tipo.le_no_portal(row.try_get("campo_do_titulo")?, situacao);
    Ok(Some(LinhaDoPortal {
        id,
        rotulo: record::label(id, numero.as_deref()),
        numero,
        tipo: tipo.codigo.clone(),
        tipo_nome: tipo.nome.clone(),
        titulo: if lido { row.try_get("titulo")? } else { String::new() },
        situacao: do_cliente.map(Situacao::from),
        espera_resposta: espera(do_cliente),
        criado_em: row.try_get("criado_em")?,
    }))
}

/// Whether an answer of the client is waited for.
pub(super) fn espera(situacao: Option<&Estagio>) -> bool {
    situacao.is_some_and(|situacao| situacao.fase == Fase::EsperaCliente)
}

fn chave(tipo: &Tipo) -> String {
    format!("{}@{}", tipo.codigo, tipo.versao)
}

/// By the code, and by the title where the client may read what it is taken from. Not in the full
/// text: either would tell letter by letter what is in a field that the client may not read.
fn procurar(sql: &mut QueryBuilder<Postgres>, q: &str, tipos: &Tipos) -> ApiResult<()> {
    if q.chars().count() > 200 {
        return Err(ApiError::invalido("A busca aceita até 200 caracteres."));
    }
    let mut lidos = Vec::new();
    for tipo in tipos.todos().filter(|tipo| tipo.visivel_no_portal) {
        for situacao in &tipo.fluxo.situacoes {
            let campos = ["assunto", "relato"].into_iter();
            let campos = campos.filter(|campo| tipo.le_no_portal(campo, Some(situacao)));
            let onde = format!("{}/{}", chave(tipo), situacao.codigo);
            lidos.extend(campos.map(|campo| format!("{onde}/{campo}")));
        }
    }
    let padrao = columns::pattern(&busca::dobrar(q));
    sql.push(format!(" AND ({} LIKE ", columns::text("t.titulo"))).push_bind(padrao.clone());
    sql.push(format!(" AND t.chave || '/' || t.situacao || '/' || {CAMPO_DO_TITULO} = ANY("));
    sql.push_bind(lidos).push(") OR t.numero LIKE ").push_bind(padrao).push(")");
    Ok(())
}
