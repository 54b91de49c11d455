//! The lists of records: filters, full text, order by any column, keyset. One builder of SQL for
//! every kind, driven by the table of its fields: an identifier comes from that table or is not in
//! the query, and every value is bound.

use super::{
    Registros, colunas,
    colunas::Coluna,
    json::{self, Situacao, TipoLinha},
};
use crate::{
    api::{
        extract::{ApiPath, ApiQuery},
        page::{Folha, Pagina},
        principal::{Acesso, LerRegistros},
    },
    app::App,
    error::{ApiError, ApiResult},
    ledger::table,
    search,
    web::queries::{Viewer, visible},
};
use axum::{
    extract::{OriginalUri, State},
    response::Response,
};
use campo_domain::{kind::Kind, registro::Registro};
use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sqlx::{PgTransaction, Postgres, QueryBuilder, Row, postgres::PgRow};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Order of a list when nobody asks for another.
const PADRAO: &str = "-atualizado_em";
/// Most codes in one filter.
const CODIGOS_MAX: usize = 50;
/// Longest search, in characters.
const BUSCA_CHARS_MAX: usize = 200;

/// What a list is narrowed to, and how it is ordered.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Filtro {
    /// Códigos de situação, separados por vírgula.
    situacao: Option<String>,
    /// Fases, separadas por vírgula; `aberta` vale por todas em que ainda há trabalho.
    fase: Option<String>,
    /// Códigos de tipo, separados por vírgula.
    tipo: Option<String>,
    /// Id de quem é responsável; `eu` para quem pergunta, `nenhum` para registros sem responsável.
    responsavel: Option<String>,
    /// Id do cliente.
    #[param(value_type = Option<Uuid>)]
    cliente: Option<Uuid>,
    /// Só os que passaram do prazo, da etapa ou do registro, e ainda estão abertos.
    atrasado: Option<bool>,
    /// Códigos de categoria, separados por vírgula.
    categoria: Option<String>,
    /// Criado a partir deste dia (`AAAA-MM-DD`) ou instante (RFC 3339).
    criado_de: Option<String>,
    /// Criado até este dia, inclusive, ou antes deste instante.
    criado_ate: Option<String>,
    /// Alterado a partir deste dia ou instante.
    atualizado_de: Option<String>,
    /// Alterado até este dia, inclusive, ou antes deste instante.
    atualizado_ate: Option<String>,
    /// Texto livre: número, cliente, telefone, série ou lote, qualquer texto. Acentos não importam.
    q: Option<String>,
    /// Coluna da ordem; com `-` na frente, decrescente. Padrão: `-atualizado_em`.
    ordenar: Option<String>,
    /// Linhas por página, até 200.
    limite: Option<u16>,
    /// O `proximo` da página anterior.
    cursor: Option<String>,
}

/// One record of a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RegistroDaLista {
    /// O identificador.
    id: Uuid,
    /// assistencia, ocorrencia, agenda ou cliente.
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
    chave: Option<String>,
}

/// Where a page ended: the order, the value of its column, the id.
pub type Chave = (String, Option<String>, Uuid);

/// The order that was asked for.
struct Ordem {
    nome: String,
    coluna: Coluna,
    desc: bool,
}

impl Ordem {
    fn ler(kind: Kind, texto: Option<&str>) -> ApiResult<Self> {
        let nome = texto.filter(|texto| !texto.is_empty()).unwrap_or(PADRAO);
        let (desc, coluna) = match nome.strip_prefix('-') {
            Some(coluna) => (true, coluna),
            None => (false, nome),
        };
        let coluna = colunas::de(kind, coluna).ok_or_else(|| {
            let mensagem = "Não há essa coluna para ordenar. Veja as que há em “colunas”.";
            ApiError::invalido(mensagem).with("colunas", colunas::nomes(kind))
        })?;
        Ok(Self { nome: nome.to_owned(), coluna, desc })
    }
}

/// Lista os registros que a pessoa pode ver.
#[utoipa::path(get, path = "/v1/{kind}", tag = "Registros",
    params(("kind" = Registros, Path), Filtro),
    security(("token" = ["registros:ler"])),
    responses((status = 200, body = Pagina<RegistroDaLista>), crate::api::docs::Problemas))]
pub async fn listar(
    State(app): State<App>,
    acesso: Acesso<LerRegistros>,
    OriginalUri(uri): OriginalUri,
    ApiPath(colecao): ApiPath<Registros>,
    ApiQuery(filtro): ApiQuery<Filtro>,
) -> ApiResult<Response> {
    let kind = colecao.kind();
    let ordem = Ordem::ler(kind, filtro.ordenar.as_deref())?;
    let folha = Folha::<Chave>::new(filtro.limite, filtro.cursor.as_deref())?;
    if folha.depois.as_ref().is_some_and(|(nome, ..)| *nome != ordem.nome) {
        let mensagem = "O cursor é de outra ordem. Recomece sem ele.";
        return Err(ApiError::invalido(mensagem));
    }
    let mut tx = app.db.snapshot(acesso.tenant).await?;
    let fuso = super::fuso(&mut tx).await?;
    let viewer = Viewer::of(&acesso.pessoa);
    let mut sql = super::visto(viewer, fuso)?;
    consulta(&mut sql, kind, &ordem.coluna);
    filtrar(&mut sql, kind, &filtro, acesso.pessoa.id.uuid(), fuso)?;
    depois(&mut sql, &ordem, folha.depois.as_ref());
    ordenar(&mut sql, &ordem);
    sql.push(" LIMIT ").push_bind(folha.rows());
    let linhas = ler(&mut tx, kind, sql).await?;
    let pagina =
        folha.close(linhas, |ultima| (ordem.nome.clone(), ultima.chave.clone(), ultima.id));
    Ok(pagina.linked(&uri))
}

/// The client of a row: its own, or that of the record that it belongs to.
const fn cliente(kind: Kind) -> &'static str {
    match kind {
        Kind::Assistencia => "t.cliente",
        Kind::Ocorrencia => "coalesce(t.cliente, a.cliente)",
        Kind::Agenda => "coalesce(a.cliente, o.cliente)",
        Kind::Cliente => "t.id",
    }
}

const fn responsavel(kind: Kind) -> &'static str {
    match kind {
        Kind::Cliente => "NULL::uuid",
        _ => "t.responsavel",
    }
}

/// Late: past the day of the record, or of its situação, while work may still happen.
fn atrasado(kind: Kind) -> String {
    let prazo = match kind.campo("prazo") {
        Some(_) => " OR t.prazo < (now() AT TIME ZONE $3)::date",
        None => "",
    };
    let fase = colunas::FECHADAS;
    format!("(t.fase NOT IN ({fase}) AND coalesce(t.etapa_ate < now(){prazo}, false))")
}

/// The columns and the joins; `$1` and `$2` are the viewer, `$3` the company's time zone.
fn consulta(sql: &mut QueryBuilder<Postgres>, kind: Kind, chave: &Coluna) {
    let numero = if kind.numerado() { "t.numero" } else { "NULL::text" };
    sql.push(format!(
        "SELECT t.id, {numero} AS numero, t.tipo, t.tipo_versao, tp.data->>'nome' AS tipo_nome, \
         t.situacao, t.situacao_nome, t.fase, t.titulo, t.criado_por, t.criado_em, t.recebido_em, \
         t.atualizado_em, t.etapa_desde, t.etapa_ate, {atrasado} AS atrasado, \
         {cliente} AS cliente_id, c.nome AS cliente_nome, u.nome AS responsavel_nome, \
         t.conflitos NOT IN ('[]', '{{}}', 'null') AS conflito, \
         EXISTS (SELECT 1 FROM held h WHERE h.tenant = t.tenant AND h.document = t.id \
             AND h.status = 'aguardando') AS retido, ({chave})::text AS chave",
        atrasado = atrasado(kind),
        cliente = cliente(kind),
        chave = chave.sql,
    ));
    for campo in kind.campos() {
        sql.push(format!(", {}", colunas::lida(campo)));
    }
    let tabela = table(kind);
    sql.push(format!(" FROM {tabela} t"));
    if matches!(kind, Kind::Ocorrencia | Kind::Agenda) {
        sql.push(" LEFT JOIN assistencias a ON a.tenant = t.tenant AND a.id = t.assistencia");
    }
    if kind == Kind::Agenda {
        sql.push(" LEFT JOIN ocorrencias o ON o.tenant = t.tenant AND o.id = t.ocorrencia");
    }
    sql.push(format!(
        " LEFT JOIN clientes c ON c.tenant = t.tenant AND c.id = {cliente} \
         LEFT JOIN usuario u ON u.tenant = t.tenant AND u.id = {responsavel} \
         LEFT JOIN referencia tp ON tp.tenant = t.tenant AND tp.collection = 'tipo' \
             AND tp.key = t.tipo || '@' || t.tipo_versao WHERE ",
        cliente = cliente(kind),
        responsavel = responsavel(kind),
    ));
    sql.push(match kind {
        Kind::Cliente => "$1 IS NOT NULL",
        _ => visible!("t"),
    });
}

fn filtrar(
    sql: &mut QueryBuilder<Postgres>,
    kind: Kind,
    filtro: &Filtro,
    eu: Uuid,
    fuso: Tz,
) -> ApiResult<()> {
    for (coluna, codigos) in [("situacao", &filtro.situacao), ("tipo", &filtro.tipo)] {
        if let Some(codigos) = codigos {
            sql.push(format!(" AND t.{coluna} = ANY(")).push_bind(lista(codigos)?).push(")");
        }
    }
    if let Some(fases) = &filtro.fase {
        let mut fases = lista(fases)?;
        if fases.iter().any(|fase| fase == "aberta") {
            fases.extend(colunas::ABERTAS.map(str::to_owned));
        }
        sql.push(" AND t.fase = ANY(").push_bind(fases).push(")");
    }
    if let Some(categorias) = &filtro.categoria {
        tem(kind, "categoria")?;
        sql.push(" AND t.categoria = ANY(").push_bind(lista(categorias)?).push(")");
    }
    if let Some(quem) = &filtro.responsavel {
        tem(kind, "responsavel")?;
        match quem.as_str() {
            "nenhum" => {
                sql.push(" AND t.responsavel IS NULL");
            }
            quem => {
                let eu = (quem == "eu").then_some(eu);
                let id = eu.or_else(|| quem.parse().ok()).ok_or_else(|| {
                    ApiError::invalido("O parâmetro responsavel é um id, “eu” ou “nenhum”.")
                })?;
                sql.push(" AND t.responsavel = ").push_bind(id);
            }
        }
    }
    if let Some(id) = filtro.cliente {
        sql.push(format!(" AND {} = ", cliente(kind))).push_bind(id);
    }
    if let Some(late) = filtro.atrasado {
        sql.push(format!(" AND {} = ", atrasado(kind))).push_bind(late);
    }
    let momentos = [
        ("t.criado_em >= ", "criado_de", &filtro.criado_de, false),
        ("t.criado_em < ", "criado_ate", &filtro.criado_ate, true),
        ("t.atualizado_em >= ", "atualizado_de", &filtro.atualizado_de, false),
        ("t.atualizado_em < ", "atualizado_ate", &filtro.atualizado_ate, true),
    ];
    for (condicao, nome, texto, fim) in momentos {
        if let Some(texto) = texto {
            let momento = momento(nome, texto, fuso, fim)?;
            sql.push(format!(" AND {condicao}")).push_bind(momento);
        }
    }
    if let Some(q) = &filtro.q {
        procurar(sql, kind, q)?;
    }
    Ok(())
}

fn tem(kind: Kind, campo: &str) -> ApiResult<()> {
    if kind.campo(campo).is_some() {
        return Ok(());
    }
    let mensagem = format!("{} não tem o campo {campo} para filtrar.", kind.rotulo());
    Err(ApiError::invalido(mensagem))
}

fn lista(codigos: &str) -> ApiResult<Vec<String>> {
    let codigos: Vec<String> = codigos.split(',').map(|codigo| codigo.trim().to_owned()).collect();
    if codigos.len() > CODIGOS_MAX {
        return Err(ApiError::invalido(format!("Um filtro aceita até {CODIGOS_MAX} códigos.")));
    }
    Ok(codigos)
}

/// A day of the company, or an instant. A day as an end is included: the next one begins there.
pub fn momento(nome: &str, texto: &str, fuso: Tz, fim: bool) -> ApiResult<DateTime<Utc>> {
    if let Ok(instante) = DateTime::parse_from_rfc3339(texto) {
        return Ok(instante.with_timezone(&Utc));
    }
    let dia = NaiveDate::parse_from_str(texto, "%Y-%m-%d").ok();
    let dia = dia.filter(|dia| (1..=9999).contains(&dia.year()));
    let dia = if fim { dia.and_then(|dia| dia.checked_add_days(Days::new(1))) } else { dia };
    // Where a day begins at 1 because of summer time, midnight is not in it.
    let inicio = dia.and_then(|dia| {
        let meia_noite = dia.and_time(NaiveTime::MIN);
        fuso.from_local_datetime(&meia_noite).earliest().or_else(|| {
            let uma = meia_noite + chrono::TimeDelta::hours(1);
            fuso.from_local_datetime(&uma).earliest()
        })
    });
    inicio.map(|inicio| inicio.with_timezone(&Utc)).ok_or_else(|| {
        let mensagem = format!(
            "O parâmetro {nome} é um dia (2026-11-21) ou um instante (2026-11-21T09:00:00-03:00)."
        );
        ApiError::invalido(mensagem)
    })
}

/// Adds the condition of a search: every word is in the record, or in its client.
fn procurar(sql: &mut QueryBuilder<Postgres>, kind: Kind, q: &str) -> ApiResult<()> {
    if q.chars().count() > BUSCA_CHARS_MAX {
        let mensagem = format!("A busca aceita até {BUSCA_CHARS_MAX} caracteres.");
        return Err(ApiError::invalido(mensagem));
    }
    if let Some(palavras) = search::query(q) {
        sql.push(format!(" AND t.id IN (SELECT busca_{}(", table(kind)));
        sql.push_bind(palavras).push("))");
    }
    Ok(())
}

/// Only what comes after the last row of the page before.
fn depois(sql: &mut QueryBuilder<Postgres>, ordem: &Ordem, chave: Option<&Chave>) {
    let Some((_, valor, id)) = chave else { return };
    let Coluna { sql: coluna, pg, nula, .. } = &ordem.coluna;
    let sinal = if ordem.desc { "<" } else { ">" };
    match valor {
        Some(valor) if !nula => {
            sql.push(format!(" AND ({coluna}, t.id) {sinal} ("));
            sql.push_bind(valor.clone()).push(format!("::{pg}, ")).push_bind(*id).push(")");
        }
        Some(valor) => {
            sql.push(format!(" AND ({coluna} {sinal} ")).push_bind(valor.clone());
            sql.push(format!("::{pg} OR ({coluna} = ")).push_bind(valor.clone());
            sql.push(format!("::{pg} AND t.id {sinal} ")).push_bind(*id);
            sql.push(format!(") OR {coluna} IS NULL)"));
        }
        None => {
            sql.push(format!(" AND {coluna} IS NULL AND t.id {sinal} ")).push_bind(*id);
        }
    }
}

/// Empty values come last either way. What is never empty says nothing of them, for an index to
/// serve it.
fn ordenar(sql: &mut QueryBuilder<Postgres>, ordem: &Ordem) {
    let sentido = if ordem.desc { "DESC" } else { "ASC" };
    let nulos = if ordem.coluna.nula { " NULLS LAST" } else { "" };
    sql.push(format!(" ORDER BY {} {sentido}{nulos}, t.id {sentido}", ordem.coluna.sql));
}

async fn ler(
    tx: &mut PgTransaction<'_>,
    kind: Kind,
    mut sql: QueryBuilder<Postgres>,
) -> ApiResult<Vec<RegistroDaLista>> {
    let rows = sql.build().fetch_all(&mut **tx).await.map_err(super::cursor_estranho)?;
    Ok(rows.iter().map(|row| linha(kind, row)).collect::<sqlx::Result<_>>()?)
}

fn linha(kind: Kind, row: &PgRow) -> sqlx::Result<RegistroDaLista> {
    let id: Uuid = row.try_get("id")?;
    let numero: Option<String> = row.try_get("numero")?;
    let mut campos = Map::new();
    for campo in kind.campos() {
        let valor = colunas::valor(campo, row)?;
        campos.insert(campo.nome.to_owned(), json::valor(campo, &valor));
    }
    let provisorio = || Registro::rotulo_provisorio(id.into());
    Ok(RegistroDaLista {
        id,
        kind: kind.codigo(),
        rotulo: numero.clone().unwrap_or_else(provisorio),
        numero,
        tipo: TipoLinha {
            codigo: row.try_get("tipo")?,
            versao: row.try_get::<i32, _>("tipo_versao")?.unsigned_abs(),
            nome: row.try_get("tipo_nome")?,
        },
        situacao: Situacao {
            codigo: row.try_get("situacao")?,
            nome: row.try_get("situacao_nome")?,
            fase: row.try_get("fase")?,
        },
        titulo: row.try_get("titulo")?,
        criado_por: row.try_get("criado_por")?,
        criado_em: row.try_get("criado_em")?,
        recebido_em: row.try_get("recebido_em")?,
        atualizado_em: row.try_get("atualizado_em")?,
        etapa_desde: row.try_get("etapa_desde")?,
        etapa_ate: row.try_get("etapa_ate")?,
        atrasado: row.try_get("atrasado")?,
        cliente_id: row.try_get("cliente_id")?,
        cliente_nome: row.try_get("cliente_nome")?,
        responsavel_nome: row.try_get("responsavel_nome")?,
        conflito: row.try_get("conflito")?,
        retido: row.try_get("retido")?,
        campos,
        chave: row.try_get("chave")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        auth::accounts::{self, NewCompany},
        testing,
    };

    const FUSO: Tz = chrono_tz::America::Sao_Paulo;

    /// Ten thousand records, a person who sees everything and one who sees a few.
    #[tokio::test]
    async fn the_order_that_nobody_asked_for_is_read_from_its_index() {
        let test = testing::database().await.unwrap();
        let new = NewCompany {
            nome: "Aurora",
            slug: "aurora",
            fuso: "America/Sao_Paulo",
            preset: Some("P001"),
        };
        let tenant = accounts::create_company(&test.db, new).await.unwrap();
        let eu = Uuid::now_v7();
        sqlx::query(
            "INSERT INTO ocorrencias (tenant, id, raiz, tipo, tipo_versao, situacao, \
                 situacao_nome, fase, titulo, criado_por, criado_em, atualizado_em, conflitos, \
                 busca) \
             SELECT $1, r.id, r.id, 'p001.ocorrencia', 1, 'aberta', 'Aberta', 'fila', 'Porta', \
                 $2, now(), now() - n * interval '1 minute', '[]', '' \
             FROM (SELECT gen_random_uuid() AS id, n FROM generate_series(1, 10000) n) r",
        )
        .bind(tenant.uuid())
        .bind(eu)
        .execute(test.db.owner())
        .await
        .unwrap();
        sqlx::query(
            "INSERT INTO envolvido (tenant, raiz, document, usuario) \
             SELECT tenant, raiz, id, $1 FROM ocorrencias ORDER BY atualizado_em DESC LIMIT 5000",
        )
        .bind(eu)
        .execute(test.db.owner())
        .await
        .unwrap();
        sqlx::raw_sql("ANALYZE").execute(test.db.owner()).await.unwrap();
        let ordem = Ordem::ler(Kind::Ocorrencia, None).unwrap();
        let agora = Utc::now().to_rfc3339();
        let chave: Chave = (PADRAO.into(), Some(agora), Uuid::nil());
        for all in [true, false] {
            for pagina in [None, Some(&chave)] {
                let mut tx = test.db.snapshot(tenant).await.unwrap();
                let mut sql = super::super::visto(Viewer { id: Some(eu), all }, FUSO).unwrap();
                sql.push("EXPLAIN ");
                consulta(&mut sql, Kind::Ocorrencia, &ordem.coluna);
                depois(&mut sql, &ordem, pagina);
                ordenar(&mut sql, &ordem);
                sql.push(" LIMIT 51");
                let plan = sql.build().fetch_all(&mut *tx).await.unwrap();
                let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
                let plan = plan.join("\n");
                assert!(plan.contains("Index Scan using ocorrencias_lista"), "{all}:\n{plan}");
                assert!(!plan.contains("Seq Scan on ocorrencias"), "{all}:\n{plan}");
                assert!(!plan.contains("Sort"), "{all}:\n{plan}");
            }
        }
    }

    #[test]
    fn a_day_is_one_of_the_company_and_its_end_is_included() {
        let at = |texto, fim| momento("criado_de", texto, FUSO, fim).unwrap().to_rfc3339();
        assert_eq!(at("2026-11-21", false), "2026-11-21T03:00:00+00:00");
        assert_eq!(at("2026-11-21", true), "2026-11-22T03:00:00+00:00");
        assert_eq!(at("2026-11-21T09:00:00-03:00", true), "2026-11-21T12:00:00+00:00");
        // The night on which summer time began has no midnight.
        assert_eq!(at("2018-11-04", false), "2018-11-04T03:00:00+00:00");
        assert!(momento("criado_de", "ontem", FUSO, false).is_err());
    }
}
