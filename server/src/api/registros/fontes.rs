//! Sources for reports: flat rows, a page at a time, of what the person may see. For a tool that
//! takes the whole of it, or what changed lately, by `atualizado_de`. What keeps a copy goes by
//! [`mudancas`], which misses nothing.

use super::{
    consulta, filtro,
    fonte::{Filtro, Fonte},
    lido, mudancas,
};
use crate::{
    app::App,
    error::{ApiError, ApiResult},
    http::{
        extract::{ApiPath, ApiQuery},
        page::{self, Folha, Pagina},
        principal::{Acesso, LerRegistros},
    },
    projection::table,
    reading::lists,
    visibility::{Viewer, visible},
};
use axum::{
    Json,
    extract::{OriginalUri, State},
    response::Response,
};
use campo_domain::{
    kind::Kind,
    parte::Colecao,
    valor::{Alvo, Campo, TipoCampo},
};
use serde::Serialize;
use serde_json::Value;
use sqlx::{Postgres, QueryBuilder, Row, postgres::PgRow};
use std::collections::BTreeMap;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr, Schema,
        schema::{ObjectBuilder, Type},
    },
};
use uuid::Uuid;

/// Uma fonte, descrita.
#[derive(Debug, Serialize, ToSchema)]
pub struct FonteDescrita {
    /// O código.
    codigo: &'static str,
    /// O que tem.
    descricao: &'static str,
    /// O endereço.
    endereco: String,
}

/// A row: its columns by name, which differ from source to source.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct LinhaDaFonte {
    colunas: Value,
    #[serde(skip)]
    chave: (Uuid, String),
}

impl PartialSchema for LinhaDaFonte {
    fn schema() -> RefOr<Schema> {
        let linha = ObjectBuilder::new().schema_type(Type::Object);
        linha.description(Some("Uma linha: as colunas, pelo nome.")).into()
    }
}

impl ToSchema for LinhaDaFonte {}

/// Where a page ended: the source, the record, the place in it.
pub(super) type Chave = (Fonte, Uuid, String);

/// Lista as fontes de relatórios.
#[utoipa::path(get, path = "/v1/fontes", tag = "Fontes",
    security(("token" = ["registros:ler"])),
    responses((status = 200, body = Vec<FonteDescrita>), crate::http::problems::Problemas))]
pub async fn listar(_acesso: Acesso<LerRegistros>) -> Json<Vec<FonteDescrita>> {
    let descrita = |fonte: Fonte| FonteDescrita {
        codigo: fonte.codigo(),
        descricao: fonte.descricao(),
        endereco: format!("/v1/fontes/{}", fonte.codigo()),
    };
    Json(Fonte::TODAS.into_iter().map(descrita).collect())
}

/// Lê as linhas de uma fonte.
#[utoipa::path(get, path = "/v1/fontes/{fonte}", tag = "Fontes",
    params(("fonte" = Fonte, Path), Filtro),
    security(("token" = ["registros:ler"])),
    responses((status = 200, body = Pagina<LinhaDaFonte>), crate::http::problems::Problemas))]
pub async fn ler(
    State(app): State<App>,
    acesso: Acesso<LerRegistros>,
    OriginalUri(uri): OriginalUri,
    ApiPath(fonte): ApiPath<Fonte>,
    ApiQuery(filtro): ApiQuery<Filtro>,
) -> ApiResult<Response> {
    if fonte == Fonte::Mudancas {
        if filtro.atualizado_de.is_some() {
            let mensagem = "A fonte mudancas vai por depois_de, e não por atualizado_de.";
            return Err(ApiError::invalido(mensagem));
        }
        return Ok(mudancas::ler(&app, &acesso, &filtro).await?.linked(&uri));
    }
    if filtro.depois_de.is_some() {
        return Err(ApiError::invalido("O parâmetro depois_de é só da fonte mudancas."));
    }
    let folha = Folha::<Chave>::new(filtro.limite, filtro.cursor.as_deref())?;
    if folha.depois.as_ref().is_some_and(|(de, ..)| *de != fonte) {
        return Err(page::bad_cursor());
    }
    let mut tx = app.db.snapshot(acesso.tenant).await?;
    let fuso = lido::fuso(&mut tx).await?;
    let mut sql = lists::begin(Viewer::of(&acesso.pessoa), fuso)?;
    consulta(&mut sql, fonte, &filtro, fuso, folha.depois.as_ref())?;
    sql.push(" LIMIT ").push_bind(folha.rows());
    let rows = sql.build().fetch_all(&mut *tx).await.map_err(consulta::cursor_estranho)?;
    let linhas = rows.iter().map(linha).collect::<sqlx::Result<Vec<_>>>()?;
    let pagina = folha.close(linhas, |ultima| (fonte, ultima.chave.0, ultima.chave.1.clone()));
    Ok(pagina.linked(&uri))
}

/// One row a record, whatever its kind, with what every source shows of it; then the source.
pub(super) fn consulta(
    sql: &mut QueryBuilder<Postgres>,
    fonte: Fonte,
    filtro: &Filtro,
    fuso: chrono_tz::Tz,
    depois: Option<&Chave>,
) -> ApiResult<()> {
    sql.push("SELECT t.id AS chave_id, s.lugar AS chave_lugar, ");
    sql.push("to_jsonb(s) - 'lugar' || jsonb_build_object('registro', t.id, 'kind', t.kind, ");
    sql.push("'numero', t.numero, 'tipo', t.tipo) AS colunas FROM (");
    comuns(sql, filtro, fuso, depois.map(|(_, id, _)| *id))?;
    sql.push(") t CROSS JOIN LATERAL (").push(da_fonte(fonte)).push(") s WHERE true");
    if let Some((_, id, lugar)) = depois {
        sql.push(" AND (t.id, s.lugar) > (").push_bind(*id).push(", ").push_bind(lugar.clone());
        sql.push(")");
    }
    sql.push(" ORDER BY t.id, s.lugar");
    Ok(())
}

fn linha(row: &PgRow) -> sqlx::Result<LinhaDaFonte> {
    let chave = (row.try_get("chave_id")?, row.try_get("chave_lugar")?);
    Ok(LinhaDaFonte { colunas: row.try_get("colunas")?, chave })
}

/// The records of every kind that was asked for, from `inicio` on: what they have in common.
fn comuns(
    sql: &mut QueryBuilder<Postgres>,
    filtro: &Filtro,
    fuso: chrono_tz::Tz,
    inicio: Option<Uuid>,
) -> ApiResult<()> {
    let desde = filtro.atualizado_de.as_deref();
    let desde =
        desde.map(|texto| filtro::momento("atualizado_de", texto, fuso, false)).transpose()?;
    let kinds = Kind::TODOS.into_iter().filter(|kind| filtro.kind.is_none_or(|so| so == *kind));
    for (lugar, kind) in kinds.enumerate() {
        if lugar > 0 {
            sql.push(" UNION ALL ");
        }
        let numero = if kind.numerado() { "t.numero" } else { "NULL::text" };
        sql.push(format!(
            "SELECT t.tenant, t.id, '{kind}'::text AS kind, {numero} AS numero, t.tipo, \
                 t.tipo_versao FROM {} t WHERE ",
            table(kind)
        ));
        sql.push(match kind {
            Kind::Cliente => "$1 IS NOT NULL",
            _ => visible!("t"),
        });
        if let Some(desde) = desde {
            sql.push(" AND t.atualizado_em >= ").push_bind(desde);
        }
        // Here too, for each table to begin where the page does.
        if let Some(inicio) = inicio {
            sql.push(" AND t.id >= ").push_bind(inicio);
        }
    }
    Ok(())
}

/// The rows of a source for one record `t`, each with its `lugar` in it.
fn da_fonte(fonte: Fonte) -> String {
    match fonte {
        Fonte::Registros => registros(),
        Fonte::Itens => partes(Colecao::Itens),
        Fonte::Despesas => partes(Colecao::Despesas),
        Fonte::Analises => format!(
            "SELECT x.id::text AS lugar, x.id, x.tipo AS analise, x.procedente, x.texto, \
                 x.vigente, x.emitida_por, u.nome AS emitida_por_nome, {} AS emitida_em, \
                 x.encaminhar \
             FROM analises x LEFT JOIN usuario u ON u.tenant = x.tenant AND u.id = x.emitida_por \
             WHERE x.tenant = t.tenant AND x.document = t.id",
            utc("x.emitida_em")
        ),
        Fonte::Acoes => format!(
            "SELECT x.id::text AS lugar, x.id, x.codigo, x.situacao, x.pedida_por, \
                 u.nome AS pedida_por_nome, {} AS pedida_em, x.observacao, x.externo, x.retorno, \
                 {} AS atualizada_em \
             FROM acoes x LEFT JOIN usuario u ON u.tenant = x.tenant AND u.id = x.pedida_por \
             WHERE x.tenant = t.tenant AND x.document = t.id",
            utc("x.pedida_em"),
            utc("x.atualizada_em")
        ),
        Fonte::Acompanhamentos => format!(
            "SELECT to_char(x.seq, 'FM0000000000000000000') || '/' \
                     || to_char(x.ordem, 'FM0000000000') AS lugar, x.seq, x.ordem, \
                 x.tipo AS acontecimento, x.campo, x.rotulo, x.de, x.para, x.texto, \
                 x.visibilidade, x.por, u.nome AS por_nome, x.dispositivo, \
                 {} AS no_aparelho, {} AS no_servidor \
             FROM acompanhamentos x \
             LEFT JOIN usuario u ON u.tenant = x.tenant AND u.id = x.por \
             WHERE x.tenant = t.tenant AND x.document = t.id",
            utc("x.no_aparelho"),
            utc("x.no_servidor")
        ),
        Fonte::Situacoes => situacoes(),
        Fonte::Emails => format!(
            "SELECT x.id::text AS lugar, x.id, x.modelo, x.usuario IS NULL AS ao_cliente, \
                 x.usuario, x.nome, x.endereco, x.assunto, x.situacao, x.tentativas, x.erro, \
                 {} AS criado_em, {} AS enviado_em \
             FROM email_saida x WHERE x.tenant = t.tenant AND x.documento = t.id",
            utc("x.criado_em"),
            utc("x.enviado_em")
        ),
        Fonte::AcoesCorretivas => corretivas(),
        // Not of one record: `mudancas::ler`.
        Fonte::Mudancas => "SELECT '' AS lugar WHERE false".into(),
    }
}

/// The ações corretivas of a record; what the record has too is called otherwise.
fn corretivas() -> String {
    format!(
        "SELECT x.id::text AS lugar, x.id AS acao_corretiva, c.numero AS numero_da_acao, \
             c.titulo, c.descricao, c.situacao, c.criada_por, u.nome AS criada_por_nome, \
             {} AS criada_em, {} AS iniciada_em, {} AS encerrada_em, x.vinculada_por, \
             v.nome AS vinculada_por_nome, {} AS vinculada_em \
         FROM corretiva_vinculo x \
         JOIN acao_corretiva c ON c.tenant = x.tenant AND c.id = x.id \
         LEFT JOIN usuario u ON u.tenant = c.tenant AND u.id = c.criada_por \
         LEFT JOIN usuario v ON v.tenant = x.tenant AND v.id = x.vinculada_por \
         WHERE x.tenant = t.tenant AND x.document = t.id",
        utc("c.criada_em"),
        utc("c.iniciada_em"),
        utc("c.encerrada_em"),
        utc("x.vinculada_em")
    )
}

/// A record with every field of every kind: what a kind does not have is null.
fn registros() -> String {
    let mut nomes: BTreeMap<&str, &Campo> = BTreeMap::new();
    for campo in Kind::TODOS.into_iter().flat_map(|kind| kind.campos()) {
        nomes.entry(campo.nome).or_insert(campo);
    }
    let um = |kind: Kind| {
        let campos = nomes.iter().map(|(nome, campo)| match kind.campo(nome) {
            Some(campo) => format!("{} AS {nome}", exato("x", campo)),
            None => format!("NULL::{} AS {nome}", pg(campo)),
        });
        let campos: Vec<String> = campos.collect();
        let responsavel = match kind {
            Kind::Cliente => "NULL",
            _ => {
                "(SELECT u.nome FROM usuario u \
                   WHERE u.tenant = x.tenant AND u.id = x.responsavel)"
            }
        };
        let cliente = lists::client(kind, "x");
        let donos = [("a", "assistencias", "assistencia"), ("o", "ocorrencias", "ocorrencia")];
        let donos = donos.into_iter().filter(|(_, _, campo)| kind.campo(campo).is_some());
        let donos: Vec<String> = donos
            .map(|(d, tabela, campo)| {
                format!("LEFT JOIN {tabela} {d} ON {d}.tenant = x.tenant AND {d}.id = x.{campo}")
            })
            .collect();
        let instantes = ["criado_em", "recebido_em", "atualizado_em", "etapa_desde", "etapa_ate"];
        let instantes = instantes.map(|nome| format!("{} AS {nome}", utc(&format!("x.{nome}"))));
        format!(
            "SELECT '' AS lugar, x.tipo_versao, x.situacao, x.situacao_nome, x.fase, x.titulo, \
                 x.criado_por, {instantes}, {cliente} AS cliente_id, c.nome AS cliente_nome, \
                 {responsavel} AS responsavel_nome, {campos} \
             FROM {tabela} x {donos} \
             LEFT JOIN clientes c ON c.tenant = x.tenant AND c.id = {cliente} \
             WHERE t.kind = '{kind}' AND x.tenant = t.tenant AND x.id = t.id",
            instantes = instantes.join(", "),
            campos = campos.join(", "),
            tabela = table(kind),
            donos = donos.join(" ")
        )
    };
    Kind::TODOS.map(um).join(" UNION ALL ")
}

fn partes(colecao: Colecao) -> String {
    let campos: Vec<String> = Kind::Ocorrencia
        .campos_de(colecao)
        .iter()
        .map(|campo| format!("{} AS {}", exato("x", campo), campo.nome))
        .collect();
    format!(
        "SELECT x.id::text AS lugar, x.id, {} FROM {colecao} x \
         WHERE x.tenant = t.tenant AND x.document = t.id",
        campos.join(", ")
    )
}

/// Every situação that the record passed through: how it began, then each transition that was done.
fn situacoes() -> String {
    let recebido: Vec<String> = Kind::TODOS
        .map(|kind| {
            format!(
                "SELECT x.situacao, coalesce(x.recebido_em, x.criado_em) AS desde, x.criado_por \
                 FROM {} x WHERE t.kind = '{kind}' AND x.tenant = t.tenant AND x.id = t.id",
                table(kind)
            )
        })
        .to_vec();
    format!(
        "SELECT to_char(e.ordem, 'FM0000000000') AS lugar, e.ordem, e.situacao, s.nome AS \
             situacao_nome, s.fase, {entrou} AS entrou_em, {saiu} AS saiu_em, \
             extract(epoch FROM e.saiu_em - e.entrou_em)::bigint AS duracao_s, e.verbo, e.motivo, \
             e.por, (SELECT u.nome FROM usuario u WHERE u.tenant = t.tenant AND u.id = e.por) AS \
             por_nome \
         FROM (SELECT p.*, row_number() OVER w AS ordem, \
             lead(p.entrou_em) OVER w AS saiu_em FROM ( \
             SELECT coalesce((SELECT q.de FROM pedidos q WHERE q.tenant = t.tenant \
                     AND q.document = t.id AND q.aceito ORDER BY q.julgado_em, q.id LIMIT 1), \
                     r.situacao) AS situacao, r.desde AS entrou_em, NULL::text AS verbo, \
                 NULL::text AS motivo, r.criado_por AS por, NULL::uuid AS id \
             FROM ({recebido}) r \
             UNION ALL SELECT q.para, q.julgado_em, q.verbo, q.motivo, q.pedido_por, q.id \
             FROM pedidos q WHERE q.tenant = t.tenant AND q.document = t.id AND q.aceito \
         ) p WINDOW w AS (ORDER BY p.entrou_em, p.id NULLS FIRST)) e \
         LEFT JOIN LATERAL (SELECT x->>'nome' AS nome, x->>'fase' AS fase FROM referencia f, \
             jsonb_array_elements(f.data->'fluxo'->'situacoes') x WHERE f.tenant = t.tenant \
                 AND f.collection = 'tipo' AND f.key = t.tipo || '@' || t.tipo_versao \
                 AND x->>'codigo' = e.situacao LIMIT 1) s ON true",
        recebido = recebido.join(" UNION ALL "),
        entrou = utc("e.entrou_em"),
        saiu = utc("e.saiu_em")
    )
}

/// An instant as the rest of the API writes it: what is read here may be asked for there.
fn utc(coluna: &str) -> String {
    format!("to_char({coluna} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")
}

/// A field's column as JSON has it: money and quantities as decimal text.
fn exato(alias: &str, campo: &Campo) -> String {
    let coluna = format!("{alias}.{}", campo.nome);
    match campo.tipo {
        TipoCampo::Centavos { .. } => format!("({coluna}::numeric / 100)::numeric(20, 2)::text"),
        TipoCampo::Milesimos { .. } => format!("trim_scale({coluna}::numeric / 1000)::text"),
        TipoCampo::Instante => utc(&coluna),
        _ => coluna,
    }
}

const fn pg(campo: &Campo) -> &'static str {
    match campo.tipo {
        TipoCampo::Inteiro { .. } => "bigint",
        TipoCampo::Logico => "boolean",
        TipoCampo::Data => "date",
        TipoCampo::Referencia(Alvo::Catalogo(_)) => "text",
        TipoCampo::Referencia(_) => "uuid",
        _ => "text",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_one_name_are_of_one_type_in_every_kind() {
        let mut tipos: BTreeMap<&str, &str> = BTreeMap::new();
        for campo in Kind::TODOS.into_iter().flat_map(|kind| kind.campos()) {
            assert_eq!(*tipos.entry(campo.nome).or_insert(pg(campo)), pg(campo), "{}", campo.nome);
        }
        for de_todos in ["titulo", "fase", "criado_em", "tipo", "registro", "cliente_id"] {
            assert!(!tipos.contains_key(de_todos), "{de_todos} is a field as well");
        }
    }
}
