//! The lists of records: filters, full text, order by any columns, keyset. One builder of SQL for
//! every kind, driven by the table of its fields: an identifier comes from that table or is not in
//! the query, and every value is bound.

use super::{
    colunas::{self, Coluna},
    consulta,
    enderecos::Registros,
    filtro::{Filtro, atrasado, cliente, filtrar},
    lido,
};
use crate::{
    app::App,
    error::{ApiError, ApiResult},
    http::{
        extract::{ApiPath, ApiQuery},
        page::{self, Folha, Pagina},
        principal::{Acesso, LerRegistros},
    },
    ledger,
    projection::table,
    reading::json::{self, Situacao, TipoLinha},
    visibility::{Viewer, visible},
};
use axum::{
    extract::{OriginalUri, State},
    response::Response,
};
use campo_domain::{kind::Kind, registro::Registro};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value};
use sqlx::{PgTransaction, Postgres, QueryBuilder, Row, postgres::PgRow};
use utoipa::ToSchema;
use uuid::Uuid;

/// Order of a list when nobody asks for another.
const PADRAO: &str = "-atualizado_em";
/// Most columns of one order.
const COLUNAS_MAX: usize = 3;

/// One record of a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RegistroDaLista {
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

/// Where a page ended: the list, its order, the values of its columns, the id.
pub type Chave = (Kind, String, Vec<Option<String>>, Uuid);

/// The order that was asked for.
struct Ordem {
    nome: String,
    /// What decides first is first.
    colunas: Vec<Sentido>,
}

/// A column of an order, and whether the greatest comes first.
#[derive(Clone)]
struct Sentido {
    coluna: Coluna,
    desc: bool,
}

impl Sentido {
    const fn sql(&self) -> &'static str {
        if self.desc { "DESC" } else { "ASC" }
    }

    /// Whether it may be empty, and is read and not reckoned: an index may have it in this order.
    fn de_indice(&self) -> bool {
        let coluna = self.coluna.sql.strip_prefix("t.");
        let nome = |nome: &str| nome.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        self.coluna.nula && coluna.is_some_and(nome)
    }

    /// What comes after is on this side.
    const fn sinal(&self) -> &'static str {
        if self.desc { "<" } else { ">" }
    }
}

impl Ordem {
    fn ler(kind: Kind, texto: Option<&str>) -> ApiResult<Self> {
        let nome = texto.filter(|texto| !texto.is_empty()).unwrap_or(PADRAO);
        if nome.split(',').count() > COLUNAS_MAX {
            let mensagem = format!("A ordem aceita até {COLUNAS_MAX} colunas.");
            return Err(ApiError::invalido(mensagem));
        }
        let uma = |nome: &str| {
            let (desc, coluna) = match nome.strip_prefix('-') {
                Some(coluna) => (true, coluna),
                None => (false, nome),
            };
            let coluna = colunas::de(kind, coluna).ok_or_else(|| {
                let mensagem = "Não há essa coluna para ordenar. Veja as que há em “colunas”.";
                ApiError::invalido(mensagem).with("colunas", colunas::nomes(kind))
            })?;
            Ok(Sentido { coluna, desc })
        };
        let colunas = nome.split(',').map(uma).collect::<ApiResult<_>>()?;
        Ok(Self { nome: nome.to_owned(), colunas })
    }

    /// What is read one after the other: what has a value in the first column, and what has none,
    /// which comes last either way. One index then serves both directions.
    fn partes(&self, depois: Option<&Chave>) -> Vec<Parte> {
        let chave = depois.map(|(_, _, valores, id)| (valores.clone(), *id));
        let (primeira, colunas) = (&self.colunas[0], self.colunas.clone());
        let id = Sentido {
            coluna: Coluna { sql: "t.id".into(), pg: "uuid", nula: false },
            desc: primeira.desc,
        };
        if !primeira.de_indice() {
            return vec![Parte { condicao: None, colunas, id, chave }];
        }
        let coluna = &primeira.coluna.sql;
        let mut cheias =
            Parte { condicao: Some(format!("{coluna} IS NOT NULL")), colunas, id, chave };
        cheias.colunas[0].coluna.nula = false;
        let vazias = Parte {
            condicao: Some(format!("{coluna} IS NULL")),
            colunas: self.colunas[1..].to_vec(),
            id: cheias.id.clone(),
            chave: None,
        };
        match &cheias.chave {
            Some((valores, id)) if valores[0].is_none() => {
                let chave = Some((valores[1..].to_vec(), *id));
                vec![Parte { chave, ..vazias }]
            }
            _ => vec![cheias, vazias],
        }
    }
}

/// A part of a list, in its own order.
struct Parte {
    /// Which rows are in it.
    condicao: Option<String>,
    colunas: Vec<Sentido>,
    /// What decides last.
    id: Sentido,
    /// The row that it comes after: the values of `colunas`, and its id.
    chave: Option<(Vec<Option<String>>, Uuid)>,
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
    let ordem = Ordem::ler(kind, filtro.ordenar.as_deref())?;
    let folha = Folha::<Chave>::new(filtro.limite, filtro.cursor.as_deref())?;
    let sua = |(de, nome, valores, _): &Chave| {
        *de == kind && *nome == ordem.nome && valores.len() == ordem.colunas.len()
    };
    if folha.depois.as_ref().is_some_and(|chave| !sua(chave)) {
        return Err(page::bad_cursor());
    }
    let mut tx = app.db.snapshot(acesso.tenant).await?;
    let fuso = lido::fuso(&mut tx).await?;
    let tipos = ledger::tipos(&mut tx, acesso.tenant).await?;
    let viewer = Viewer::of(&acesso.pessoa);
    let mut linhas = Vec::new();
    for parte in ordem.partes(folha.depois.as_ref()) {
        let faltam = folha.rows() - linhas.len() as i64;
        if faltam > 0 {
            let mut sql = consulta::visto(viewer, fuso)?;
            consulta(&mut sql, kind, &ordem, viewer);
            filtrar(&mut sql, kind, &filtro, &tipos, (acesso.pessoa.id.uuid(), fuso))?;
            juntar(&mut sql, kind);
            em_ordem(&mut sql, &parte);
            sql.push(" LIMIT ").push_bind(faltam);
            linhas.extend(ler(&mut tx, kind, sql).await?);
        }
    }
    let pagina =
        folha.close(linhas, |ultima| (kind, ordem.nome.clone(), ultima.chave.clone(), ultima.id));
    Ok(pagina.linked(&uri))
}

const fn responsavel(kind: Kind) -> &'static str {
    match kind {
        Kind::Cliente => "NULL::uuid",
        _ => "t.responsavel",
    }
}

/// The columns, and the rows of `t` that the viewer sees: conditions on them may follow, then
/// [`juntar`]. `$1` and `$2` are the viewer, `$3` the company's time zone.
fn consulta(sql: &mut QueryBuilder<Postgres>, kind: Kind, ordem: &Ordem, viewer: Viewer) {
    let chaves: Vec<String> =
        ordem.colunas.iter().map(|s| format!("({})::text", s.coluna.sql)).collect();
    let numero = if kind.numerado() { "t.numero" } else { "NULL::text" };
    sql.push(format!(
        "SELECT t.id, {numero} AS numero, t.tipo, t.tipo_versao, tp.data->>'nome' AS tipo_nome, \
         t.situacao, t.situacao_nome, t.fase, t.titulo, t.criado_por, t.criado_em, t.recebido_em, \
         t.atualizado_em, t.etapa_desde, t.etapa_ate, {atrasado} AS atrasado, \
         {cliente} AS cliente_id, c.nome AS cliente_nome, u.nome AS responsavel_nome, \
         t.conflitos NOT IN ('[]', '{{}}', 'null') AS conflito, \
         EXISTS (SELECT 1 FROM held h WHERE h.tenant = t.tenant AND h.document = t.id \
             AND h.status = 'aguardando') AS retido, ARRAY[{chaves}] AS chave",
        atrasado = atrasado(kind),
        cliente = cliente(kind, "t"),
        chaves = chaves.join(", "),
    ));
    for campo in kind.campos() {
        sql.push(format!(", {}", colunas::lida(campo)));
    }
    sql.push(format!(" FROM (SELECT * FROM {} t WHERE ", table(kind)));
    sql.push(match kind {
        Kind::Cliente => "$1 IS NOT NULL",
        _ => visible!("t"),
    });
    if kind != Kind::Cliente && !viewer.all {
        // Once more and alone, for a list to be read from a person's few cases.
        sql.push(
            " AND EXISTS (SELECT 1 FROM envolvido e WHERE e.tenant = t.tenant \
             AND e.raiz = t.raiz AND e.usuario = $1)",
        );
    }
}

/// Ends the rows that [`consulta`] began, and joins what is shown with them.
fn juntar(sql: &mut QueryBuilder<Postgres>, kind: Kind) {
    sql.push(") t");
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
             AND tp.key = t.tipo || '@' || t.tipo_versao WHERE true",
        cliente = cliente(kind, "t"),
        responsavel = responsavel(kind),
    ));
}

/// The rows of a part, in its order.
fn em_ordem(sql: &mut QueryBuilder<Postgres>, parte: &Parte) {
    if let Some(condicao) = &parte.condicao {
        sql.push(format!(" AND {condicao}"));
    }
    depois(sql, parte);
    ordenar(sql, parte);
}

/// Only what comes after the last row of the page before.
fn depois(sql: &mut QueryBuilder<Postgres>, parte: &Parte) {
    let Some((valores, id)) = &parte.chave else { return };
    let sinal = parte.id.sinal();
    let juntas = parte.colunas.iter().all(|s| !s.coluna.nula && s.desc == parte.id.desc);
    sql.push(" AND ");
    if juntas && valores.iter().all(Option::is_some) {
        // One comparison, for an index to serve it.
        sql.push("(");
        for sentido in &parte.colunas {
            sql.push(format!("{}, ", sentido.coluna.sql));
        }
        sql.push(format!("t.id) {sinal} ("));
        for (sentido, valor) in parte.colunas.iter().zip(valores) {
            sql.push_bind(valor.clone()).push(format!("::{}, ", sentido.coluna.pg));
        }
        sql.push_bind(*id).push(")");
        return;
    }
    for (sentido, valor) in parte.colunas.iter().zip(valores) {
        let Coluna { sql: coluna, pg, nula } = &sentido.coluna;
        sql.push("(");
        match valor {
            Some(valor) => {
                sql.push(format!("{coluna} {} ", sentido.sinal())).push_bind(valor.clone());
                let vazias = if *nula { format!(" OR {coluna} IS NULL") } else { String::new() };
                sql.push(format!("::{pg}{vazias} OR ({coluna} = ")).push_bind(valor.clone());
                sql.push(format!("::{pg} AND "));
            }
            None => {
                sql.push(format!("({coluna} IS NULL AND "));
            }
        }
    }
    sql.push(format!("t.id {sinal} ")).push_bind(*id);
    sql.push("))".repeat(valores.len()));
}

/// Empty values come last either way. What is never empty says nothing of them, for an index to
/// serve it.
fn ordenar(sql: &mut QueryBuilder<Postgres>, parte: &Parte) {
    sql.push(" ORDER BY ");
    for sentido in &parte.colunas {
        let nulos = if sentido.coluna.nula { " NULLS LAST" } else { "" };
        sql.push(format!("{} {}{nulos}, ", sentido.coluna.sql, sentido.sql()));
    }
    sql.push(format!("t.id {}", parte.id.sql()));
}

async fn ler(
    tx: &mut PgTransaction<'_>,
    kind: Kind,
    mut sql: QueryBuilder<Postgres>,
) -> ApiResult<Vec<RegistroDaLista>> {
    let rows = sql.build().fetch_all(&mut **tx).await.map_err(consulta::cursor_estranho)?;
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
    use crate::api::registros::{busca, fonte::Fonte, fontes, lista::*};
    use crate::{
        auth::accounts::{self, NewCompany},
        testing,
    };
    use serde_json::json;

    const FUSO: chrono_tz::Tz = chrono_tz::America::Sao_Paulo;

    const MUITOS: i32 = 20_000;

    /// Many records of every kind, and a person who sees a few.
    async fn muitos(db: &crate::db::Db, tenant: Uuid, eu: Uuid) {
        let caso = "CASE WHEN n % 2 = 0 THEN md5('assistencias' || n)::uuid END";
        for (tabela, campos, valores) in [
            ("clientes", "nome", "'Cliente ' || n".to_owned()),
            (
                "assistencias",
                "numero, prazo, etapa_ate, responsavel, cliente",
                "'2026/' || n, CASE WHEN n % 3 = 0 THEN current_date - n END, \
                 CASE WHEN n % 4 = 0 THEN now() - n * interval '1 hour' END, \
                 md5('u' || n % 50)::uuid, md5('clientes' || n)::uuid"
                    .to_owned(),
            ),
            (
                "ocorrencias",
                "numero, prazo, etapa_ate, responsavel, cliente, assistencia, categoria",
                format!(
                    "'2027/' || n, CASE WHEN n % 3 = 0 THEN current_date - n END, \
                     CASE WHEN n % 4 = 0 THEN now() - n * interval '1 hour' END, \
                     md5('u' || n % 50)::uuid, \
                     CASE WHEN n % 2 = 1 THEN md5('clientes' || n)::uuid END, {caso}, \
                     CASE WHEN n % 3 = 0 THEN 'c' || n % 300 END"
                ),
            ),
            (
                "agendas",
                "inicio, responsavel, assistencia, ocorrencia",
                format!(
                    "now() - n * interval '1 hour', md5('u' || n % 50)::uuid, {caso}, \
                     CASE WHEN n % 2 = 1 THEN md5('ocorrencias' || n)::uuid END"
                ),
            ),
        ] {
            sqlx::query(sqlx::AssertSqlSafe(format!(
                "INSERT INTO {tabela} (tenant, id, raiz, tipo, tipo_versao, situacao, \
                     situacao_nome, fase, titulo, criado_por, criado_em, atualizado_em, \
                     conflitos, busca, {campos}) \
                 SELECT $1, md5('{tabela}' || n)::uuid, md5('{tabela}' || n)::uuid, \
                     CASE WHEN n % 4000 = 0 THEN 'raro' ELSE 't' || n % 3 END, 1, 's' || n % 5, \
                     's', CASE WHEN n % 50 = 0 THEN 'fila' ELSE 'concluido' END, \
                     'Título ' || md5(n::text), $2, now() - n * interval '1 hour', \
                     now() - n * 7919 % 20000 * interval '1 hour', '[]', '', {valores} \
                 FROM generate_series(1, {MUITOS}) n"
            )))
            .bind(tenant)
            .bind(eu)
            .execute(db.owner())
            .await
            .unwrap();
        }
        sqlx::query(
            "INSERT INTO envolvido (tenant, raiz, document, usuario) \
             SELECT tenant, id, id, CASE WHEN n <= 100 THEN $1 ELSE md5('u' || n % 50)::uuid END \
             FROM (SELECT tenant, id, row_number() OVER () AS n FROM ocorrencias \
                 UNION ALL SELECT tenant, id, row_number() OVER () FROM assistencias \
                 UNION ALL SELECT tenant, id, row_number() OVER () FROM agendas) r",
        )
        .bind(eu)
        .execute(db.owner())
        .await
        .unwrap();
        sqlx::raw_sql("VACUUM ANALYZE").execute(db.owner()).await.unwrap();
    }

    /// The plans of a list and of the page behind `valor` in its order.
    async fn planos(
        db: &crate::db::Db,
        tenant: campo_domain::ids::TenantId,
        kind: Kind,
        viewer: Viewer,
        (ordenar, valor): (&str, &str),
        filtro: Value,
    ) -> Vec<String> {
        let filtro: Filtro = serde_json::from_value(filtro).unwrap();
        let ordem = Ordem::ler(kind, Some(ordenar)).unwrap();
        let depois: Chave = (kind, ordenar.into(), vec![Some(valor.into())], Uuid::nil());
        let mut planos = Vec::new();
        for parte in ordem.partes(None).into_iter().chain(ordem.partes(Some(&depois))) {
            let mut tx = db.snapshot(tenant).await.unwrap();
            let mut sql = super::super::consulta::visto(viewer, FUSO).unwrap();
            sql.push("EXPLAIN ");
            consulta(&mut sql, kind, &ordem, viewer);
            let eu = (viewer.id.unwrap(), FUSO);
            filtrar(&mut sql, kind, &filtro, &Default::default(), eu).unwrap();
            juntar(&mut sql, kind);
            em_ordem(&mut sql, &parte);
            sql.push(" LIMIT 51");
            let plano = sql.build().fetch_all(&mut *tx).await.unwrap();
            let plano: Vec<String> = plano.iter().map(|row| row.get(0)).collect();
            planos.push(plano.join("\n"));
        }
        planos
    }

    /// The plans of what shows every kind with its client: a report's page, and the search.
    async fn planos_de_todos(
        db: &crate::db::Db,
        tenant: campo_domain::ids::TenantId,
        viewer: Viewer,
    ) -> [String; 2] {
        let mut tx = db.snapshot(tenant).await.unwrap();
        let mut fonte = super::super::consulta::visto(viewer, FUSO).unwrap();
        fonte.push("EXPLAIN ");
        fontes::consulta(&mut fonte, Fonte::Registros, &Default::default(), FUSO, None).unwrap();
        fonte.push(" LIMIT 51");
        let fonte = fonte.build().fetch_all(&mut *tx).await.unwrap();
        let sql = format!("EXPLAIN {}", busca::sql());
        let busca = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(viewer.id)
            .bind(viewer.all)
            .bind(crate::search::query("titulo 7").unwrap())
            .bind(20_i64);
        let busca = busca.fetch_all(&mut *tx).await.unwrap();
        [fonte, busca].map(|plano| {
            let linhas: Vec<String> = plano.iter().map(|row| row.get(0)).collect();
            linhas.join("\n")
        })
    }

    /// A person who sees everything, and one who sees a few.
    #[tokio::test]
    async fn no_list_in_an_order_or_by_a_filter_of_an_index_reads_a_whole_table() {
        let test = testing::database().await.unwrap();
        let new = NewCompany {
            nome: "Aurora",
            slug: "aurora",
            fuso: "America/Sao_Paulo",
            preset: Some("P001"),
        };
        let tenant = accounts::create_company(&test.db, new).await.unwrap();
        let eu = Uuid::now_v7();
        muitos(&test.db, tenant.uuid(), eu).await;
        let agora = Utc::now().to_rfc3339();
        let hoje = Utc::now().date_naive().to_string();
        let padrao = (PADRAO, agora.as_str());
        let de = |texto: &str| {
            sqlx::query_scalar::<_, Uuid>("SELECT md5($1)::uuid").bind(texto.to_owned())
        };
        let cliente = de("clientes77").fetch_one(test.db.owner()).await.unwrap();
        let alguem = de("u7").fetch_one(test.db.owner()).await.unwrap();
        let comuns = [("criado_em", agora.as_str()), ("-criado_em", &agora), padrao];
        let numerados = [
            ("numero", "2026/5"),
            ("-numero", "2026/5"),
            ("titulo", "titulo 7"),
            ("-titulo", "titulo 7"),
            ("etapa_ate", &agora),
            ("-etapa_ate", &agora),
            ("prazo", &hoje),
            ("-prazo", &hoje),
        ];
        let filtros = [
            json!({"tipo": "raro"}),
            json!({"fase": "aberta"}),
            json!({"atrasado": true}),
            json!({"cliente": cliente}),
            json!({"responsavel": alguem}),
        ];
        let de_ocorrencias = [
            json!({"categoria": "c30"}),
            json!({"assistencia": cliente}),
            json!({"criado_de": hoje}),
            json!({"tipo": "raro,t1", "categoria": "c30"}),
        ];
        for all in [true, false] {
            let viewer = Viewer { id: Some(eu), all };
            for plano in planos_de_todos(&test.db, tenant, viewer).await {
                assert!(!plano.contains("Seq Scan on clientes c"), "{all}:\n{plano}");
            }
        }
        let casos = [
            (Kind::Assistencia, [&comuns[..], &numerados].concat(), filtros.to_vec()),
            (
                Kind::Ocorrencia,
                [&comuns[..], &numerados].concat(),
                [&filtros[..], &de_ocorrencias].concat(),
            ),
            (
                Kind::Agenda,
                [&comuns[..], &[("inicio", &agora), ("-inicio", &agora)]].concat(),
                vec![json!({"cliente": cliente}), json!({"responsavel": alguem})],
            ),
            (Kind::Cliente, [&comuns[..], &[("nome", "cliente 7")]].concat(), vec![]),
        ];
        for (kind, ordens, filtros) in casos {
            let ordens = ordens.into_iter().map(|ordem| (ordem, json!({})));
            let pedidos = ordens.chain(filtros.into_iter().map(|filtro| (padrao, filtro)));
            for (ordem, filtro) in pedidos {
                for all in [true, false] {
                    let viewer = Viewer { id: Some(eu), all };
                    let pedido = format!("{kind} {} {filtro} {all}", ordem.0);
                    for plano in planos(&test.db, tenant, kind, viewer, ordem, filtro.clone()).await
                    {
                        let inteira = Kind::TODOS
                            .iter()
                            .any(|kind| plano.contains(&format!("Seq Scan on {}", table(*kind))));
                        assert!(!inteira, "{pedido}:\n{plano}");
                    }
                }
            }
        }
    }
}
