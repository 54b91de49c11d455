//! Sources for reports: flat rows of what the viewer sees, of every kind of record.

use super::lists;
use crate::{
    projection::table,
    visibility::{Viewer, visible},
};
use campo_domain::{
    kind::Kind,
    parte::Colecao,
    valor::{Alvo, Campo, TipoCampo},
};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{FromRow, PgTransaction, Postgres, QueryBuilder};
use std::collections::BTreeMap;
use utoipa::ToSchema;
use uuid::Uuid;

/// Uma fonte de relatórios.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Fonte {
    /// Um registro por linha, de todos os tipos.
    Registros,
    /// Um item por linha.
    Itens,
    /// Uma despesa por linha.
    Despesas,
    /// Uma análise por linha.
    Analises,
    /// Uma ação por linha.
    Acoes,
    /// Um acontecimento por linha.
    Acompanhamentos,
    /// Uma passagem por uma situação por linha, com quanto tempo durou.
    Situacoes,
    /// Um e-mail sobre um registro por linha.
    Emails,
    /// Um registro vinculado a uma ação corretiva por linha.
    AcoesCorretivas,
    /// Um registro que mudou, ou deixou de ser visto, por linha, na ordem em que aconteceu.
    Mudancas,
}

impl Fonte {
    /// Every source.
    pub const TODAS: [Fonte; 10] = [
        Fonte::Registros,
        Fonte::Itens,
        Fonte::Despesas,
        Fonte::Analises,
        Fonte::Acoes,
        Fonte::Acompanhamentos,
        Fonte::Situacoes,
        Fonte::Emails,
        Fonte::AcoesCorretivas,
        Fonte::Mudancas,
    ];

    /// The name in the address.
    pub const fn codigo(self) -> &'static str {
        match self {
            Fonte::Registros => "registros",
            Fonte::Itens => "itens",
            Fonte::Despesas => "despesas",
            Fonte::Analises => "analises",
            Fonte::Acoes => "acoes",
            Fonte::Acompanhamentos => "acompanhamentos",
            Fonte::Situacoes => "situacoes",
            Fonte::Emails => "emails",
            Fonte::AcoesCorretivas => "acoes-corretivas",
            Fonte::Mudancas => "mudancas",
        }
    }

    /// What it has, for whoever chooses.
    pub const fn descricao(self) -> &'static str {
        match self {
            Fonte::Registros => "Um registro por linha, de todos os tipos.",
            Fonte::Itens => "Um item por linha.",
            Fonte::Despesas => "Uma despesa por linha.",
            Fonte::Analises => "Uma análise por linha.",
            Fonte::Acoes => "Uma ação por linha.",
            Fonte::Acompanhamentos => "Um acontecimento por linha.",
            Fonte::Situacoes => "Uma passagem por uma situação por linha, com quanto durou.",
            Fonte::Emails => "Um e-mail sobre um registro por linha.",
            Fonte::AcoesCorretivas => "Um registro vinculado a uma ação corretiva por linha.",
            Fonte::Mudancas => {
                "Um registro que mudou, ou deixou de ser visto, por linha, na ordem em que \
                 aconteceu: para manter uma cópia."
            }
        }
    }
}

/// A row of a source.
#[derive(Clone, Debug, FromRow)]
pub struct SourceRow {
    /// The record.
    pub chave_id: Uuid,
    /// Its place among the rows of the record.
    pub chave_lugar: String,
    /// Its columns by name, which differ from source to source.
    pub colunas: Value,
}

/// Which records.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted {
    /// Those of this kind.
    pub kind: Option<Kind>,
    /// Those that changed since then.
    pub since: Option<DateTime<Utc>>,
}

/// Where a page ended: the record, the place in it.
pub type Place = (Uuid, String);

/// At most `rows` rows of a source, after that place.
///
/// # Errors
/// PostgreSQL refuses; with a data exception (class 22) where the place was tampered with.
pub async fn page(
    tx: &mut PgTransaction<'_>,
    (viewer, zone): (Viewer, Tz),
    fonte: Fonte,
    wanted: Wanted,
    after: Option<&Place>,
    rows: i64,
) -> sqlx::Result<Vec<SourceRow>> {
    let mut sql = lists::begin(viewer, zone)?;
    select(&mut sql, fonte, wanted, after);
    sql.push(" LIMIT ").push_bind(rows);
    sql.build_query_as().fetch_all(&mut **tx).await
}

/// One row a record, whatever its kind, with what every source shows of it; then the source.
pub fn select(
    sql: &mut QueryBuilder<Postgres>,
    fonte: Fonte,
    wanted: Wanted,
    after: Option<&Place>,
) {
    sql.push("SELECT t.id AS chave_id, s.lugar AS chave_lugar, ");
    sql.push("to_jsonb(s) - 'lugar' || jsonb_build_object('registro', t.id, 'kind', t.kind, ");
    sql.push("'numero', t.numero, 'tipo', t.tipo) AS colunas FROM (");
    in_common(sql, wanted, after.map(|(id, _)| *id));
    sql.push(") t CROSS JOIN LATERAL (").push(da_fonte(fonte)).push(") s WHERE true");
    if let Some((id, place)) = after {
        sql.push(" AND (t.id, s.lugar) > (").push_bind(*id).push(", ").push_bind(place.clone());
        sql.push(")");
    }
    sql.push(" ORDER BY t.id, s.lugar");
}

/// The records of every kind that was asked for, from `first` on: what they have in common.
fn in_common(sql: &mut QueryBuilder<Postgres>, wanted: Wanted, first: Option<Uuid>) {
    let kinds = Kind::TODOS.into_iter().filter(|kind| wanted.kind.is_none_or(|so| so == *kind));
    for (position, kind) in kinds.enumerate() {
        if position > 0 {
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
        if let Some(since) = wanted.since {
            sql.push(" AND t.atualizado_em >= ").push_bind(since);
        }
        // Here too, for each table to begin where the page does.
        if let Some(first) = first {
            sql.push(" AND t.id >= ").push_bind(first);
        }
    }
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
        // Not of one record: `super::changes`.
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
