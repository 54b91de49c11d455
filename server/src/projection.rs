//! Writes the relational rows of documents (lists, reports, acompanhamento) in the transaction that
//! merges them. The rows follow from the document and its log alone, so `rebuild` gives the same.

use crate::search;
use anyhow::Result;
use campo_domain::{
    assistencia::PRIORIDADES,
    busca,
    fluxo::Quem,
    ids::{DocumentId, TenantId},
    kind::Kind,
    parte::Colecao,
    registro::Registro,
    tipo::Tipo,
    valor::{Campo, Valor},
};
use campo_sync::history::Evento;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use sqlx::{AssertSqlSafe, PgTransaction};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Columns that every kind has.
const COMMON: &[&str] = &[
    "tenant",
    "id",
    "raiz",
    "tipo",
    "tipo_versao",
    "numero",
    "situacao",
    "situacao_nome",
    "fase",
    "situacao_cliente",
    "titulo",
    "criado_por",
    "criado_em",
    "atualizado_em",
    "recebido_em",
    "etapa_desde",
    "etapa_ate",
    "inativa_em",
    "prioridade_ordem",
    "conflitos",
    "busca",
];

/// The table of a kind's records.
pub(crate) const fn table(kind: Kind) -> &'static str {
    match kind {
        Kind::Assistencia => "assistencias",
        Kind::Ocorrencia => "ocorrencias",
        Kind::Agenda => "agendas",
        Kind::Cliente => "clientes",
    }
}

/// The tables of the parts of records. All rows of a record are replaced whenever it is written.
pub const PARTS: [&str; 11] = [
    "itens",
    "despesas",
    "anexos",
    "vinculos",
    "participantes",
    "interessados",
    "analises",
    "pedidos",
    "acoes",
    "corretiva_vinculo",
    "entradas_citadas",
];

/// Writes the rows of documents as they are now; the time is that of the last change.
///
/// # Errors
/// PostgreSQL's.
pub async fn write(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    documents: &[(&Registro, &Tipo, DateTime<Utc>)],
) -> Result<()> {
    if documents.is_empty() {
        return Ok(());
    }
    for kind in Kind::TODOS {
        let of_kind = documents.iter().filter(|(registro, ..)| registro.kind == kind);
        let rows: Vec<Value> =
            of_kind.map(|(registro, tipo, at)| row(tenant, registro, tipo, *at)).collect();
        if !rows.is_empty() {
            sqlx::query(AssertSqlSafe(upsert(kind)))
                .bind(Value::Array(rows))
                .execute(&mut **tx)
                .await?;
        }
    }
    parts(tx, tenant, documents).await
}

fn upsert(kind: Kind) -> String {
    let columns: Vec<&str> =
        COMMON.iter().copied().chain(kind.campos().iter().map(|campo| campo.nome)).collect();
    let set: Vec<String> =
        columns.iter().skip(2).map(|column| format!("{column} = excluded.{column}")).collect();
    let read: Vec<String> = columns.iter().map(|column| format!("r.{column}")).collect();
    let (table, columns, set, read) =
        (table(kind), columns.join(", "), set.join(", "), read.join(", "));
    format!(
        "INSERT INTO {table} ({columns}, busca_fts) \
         SELECT {read}, busca_indice(r.tenant, j.row->>'busca_texto', j.row->>'busca_dobrado', \
             ARRAY(SELECT jsonb_array_elements_text(j.row->'busca_palavras'))) \
         FROM jsonb_array_elements($1) j (row) \
         CROSS JOIN LATERAL jsonb_populate_record(NULL::{table}, j.row) r \
         ON CONFLICT (tenant, id) DO UPDATE SET {set}, busca_fts = excluded.busca_fts"
    )
}

fn row(tenant: TenantId, registro: &Registro, tipo: &Tipo, at: DateTime<Utc>) -> Value {
    let mut row = fields(registro.kind.campos(), |nome| registro.valor(nome));
    let situacao = registro.situacao(tipo);
    let prioridade = registro.prioridade(tipo);
    let order = prioridade.and_then(|p| PRIORIDADES.iter().position(|(codigo, _)| *codigo == p));
    if row.contains_key("prioridade") {
        row.insert("prioridade".to_owned(), json!(prioridade));
    }
    // `inativa_em` only where the fluxo lets the server itself make a transition then (R54).
    let ends = tipo.fluxo.transicoes.iter().any(|transicao| {
        transicao.quem.contains(&Quem::Sistema)
            && situacao.is_some_and(|situacao| transicao.de.contains(&situacao.codigo))
    });
    let words = searchable(registro, tipo);
    let common = json!({
        "tenant": tenant,
        "id": registro.id,
        "raiz": registro.raiz(),
        "tipo": registro.tipo.codigo,
        "tipo_versao": registro.tipo.versao,
        "numero": registro.numero,
        "situacao": situacao.map(|s| s.codigo.as_str()).unwrap_or_default(),
        "situacao_nome": situacao.map(|s| s.nome.as_str()).unwrap_or_default(),
        "fase": registro.fase(tipo).codigo(),
        "situacao_cliente": registro.situacao_do_cliente(tipo).map(|s| &s.codigo),
        "titulo": registro.titulo(),
        "criado_por": registro.criacao.por,
        "criado_em": instant(registro.criado_em),
        "atualizado_em": at,
        "recebido_em": registro.recebido_em,
        "etapa_desde": registro.etapa_desde(),
        "etapa_ate": registro.etapa_ate(tipo),
        "inativa_em": registro.inativo_em(tipo, at).filter(|_| ends),
        "prioridade_ordem": order.map(|order| order + 1),
        "conflitos": registro.conflitos,
        "busca": words.folded,
        "busca_texto": words.text,
        "busca_dobrado": words.folded,
        "busca_palavras": words.words,
    });
    if let Value::Object(common) = common {
        row.extend(common);
    }
    Value::Object(row)
}

fn fields<'a>(campos: &[Campo], valor: impl Fn(&str) -> &'a Valor) -> Map<String, Value> {
    campos.iter().map(|campo| (campo.nome.to_owned(), value(valor(campo.nome)))).collect()
}

fn value(valor: &Valor) -> Value {
    match valor {
        Valor::Nulo => Value::Null,
        Valor::Texto(texto) => json!(texto),
        Valor::Inteiro(n) => json!(n),
        Valor::Logico(sim) => json!(sim),
        Valor::Data(data) => json!(data),
        Valor::Instante(instante) => json!(instante),
        Valor::Id(id) => json!(id),
    }
}

/// PostgreSQL reads only years 1 to 9999 as text; a device's clock outside of that becomes 1970.
fn instant(instant: DateTime<Utc>) -> DateTime<Utc> {
    use chrono::Datelike;
    if (1..=9999).contains(&instant.year()) { instant } else { DateTime::UNIX_EPOCH }
}

/// The words by which the search finds a record.
fn searchable(registro: &Registro, tipo: &Tipo) -> search::Indexed {
    let texts = busca::textos(registro, tipo);
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let phones: Vec<&str> = busca::telefones(registro).collect();
    search::index(&texts, &phones)
}

async fn parts(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    documents: &[(&Registro, &Tipo, DateTime<Utc>)],
) -> Result<()> {
    let mut rows: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for (registro, ..) in documents {
        of_record(registro, &mut |table, mut row| {
            row["tenant"] = json!(tenant);
            row["document"] = json!(registro.id);
            rows.entry(table).or_default().push(row);
        });
    }
    let ids: Vec<Uuid> = documents.iter().map(|(registro, ..)| registro.id.uuid()).collect();
    let clear = PARTS.map(|table| {
        format!("{table}_ AS (DELETE FROM {table} WHERE tenant = $1 AND document = ANY($2))")
    });
    sqlx::query(AssertSqlSafe(format!("WITH {} SELECT", clear.join(", "))))
        .bind(tenant.uuid())
        .bind(&ids)
        .execute(&mut **tx)
        .await?;
    for (table, rows) in rows {
        sqlx::query(AssertSqlSafe(format!(
            "INSERT INTO {table} SELECT * FROM jsonb_populate_recordset(NULL::{table}, $1)"
        )))
        .bind(Value::Array(rows))
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}

/// The rows of the parts of a record, each with its table.
fn of_record(registro: &Registro, add: &mut dyn FnMut(&'static str, Value)) {
    for colecao in Colecao::TODAS {
        let campos = registro.kind.campos_de(colecao);
        for (id, parte) in registro.vivos(colecao) {
            let mut row = fields(campos, |nome| parte.valor(nome));
            row.insert("id".to_owned(), json!(id));
            if colecao == Colecao::Anexos {
                let arquivo = registro.arquivos.get(id);
                row.insert("autor".to_owned(), json!(parte.autoria.por));
                row.insert("estado".to_owned(), json!(registro.arquivo(id).codigo()));
                row.insert("estado_em".to_owned(), json!(arquivo.map(|arquivo| arquivo.quando)));
                row.insert("motivo".to_owned(), json!(arquivo.and_then(|a| a.motivo.as_ref())));
            }
            add(colecao.codigo(), Value::Object(row));
        }
    }
    for usuario in &registro.participantes {
        add("participantes", json!({ "usuario": usuario }));
    }
    for usuario in &registro.interessados {
        add("interessados", json!({ "usuario": usuario }));
    }
    for analise in &registro.analises {
        let vigente = registro.vigente(analise.tipo).map(|vigente| vigente.id);
        let row = json!({
            "id": analise.id, "tipo": analise.tipo.codigo(), "procedente": analise.procedente,
            "texto": analise.texto, "pedido": analise.pedido,
            "emitida_por": analise.autoria.por, "emitida_em": instant(analise.quando),
            "encaminhar": analise.encaminhar, "vigente": vigente == Some(analise.id),
        });
        add("analises", row);
    }
    for pedido in &registro.pedidos {
        let veredito = pedido.veredito.as_ref();
        let recusa = veredito.map(|v| v.recusa.as_ref());
        let row = json!({
            "id": pedido.id, "verbo": pedido.verbo, "motivo": pedido.motivo,
            "email": pedido.email, "pedido_por": pedido.autoria.por,
            "pedido_em": instant(pedido.quando),
            "aceito": recusa.map(|recusa| recusa.is_none()),
            "recusa": recusa.flatten().map(|r| r.codigo.codigo()),
            "recusa_mensagem": recusa.flatten().map(|r| r.mensagem()),
            "de": veredito.map(|v| &v.de), "para": veredito.map(|v| &v.para),
            "julgado_em": veredito.map(|v| v.quando),
        });
        add("pedidos", row);
    }
    for acao in &registro.acoes {
        let row = json!({
            "id": acao.id, "codigo": acao.codigo, "pedida_por": acao.por,
            "pedida_em": acao.quando, "observacao": acao.observacao,
            "situacao": acao.situacao.codigo(), "externo": acao.externo, "retorno": acao.retorno,
            "atualizada_em": acao.atualizada_em,
        });
        add("acoes", row);
    }
    for corretiva in &registro.corretivas {
        let row = json!({
            "id": corretiva.id, "numero": corretiva.numero, "vinculada_por": corretiva.por,
            "vinculada_em": corretiva.quando,
        });
        add("corretiva_vinculo", row);
    }
    for (catalogo, codigo) in busca::entradas(registro) {
        add("entradas_citadas", json!({ "catalogo": catalogo, "codigo": codigo }));
    }
}

/// Adds events to the acompanhamento, each with its position in the log, the root of its case and
/// the server's time. Events of one position must follow one another.
///
/// # Errors
/// PostgreSQL's.
pub async fn follow(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    eventos: &[(u64, DocumentId, &Evento, DateTime<Utc>)],
) -> Result<()> {
    let mut ordem = 0;
    let mut last = None;
    let rows: Vec<Value> = eventos
        .iter()
        .map(|(seq, raiz, evento, at)| {
            ordem = if last == Some(*seq) { ordem + 1 } else { 0 };
            last = Some(*seq);
            json!({
                "tenant": tenant, "document": evento.documento, "seq": seq, "ordem": ordem,
                "raiz": raiz, "tipo": evento.tipo, "parte": evento.parte,
                "visibilidade": evento.visibilidade.codigo(), "resposta_a": evento.resposta_a,
                "campo": evento.campo, "rotulo": evento.rotulo, "de": evento.de,
                "para": evento.para, "texto": evento.texto, "por": evento.autoria.por,
                "dispositivo": evento.autoria.em, "no_aparelho": instant(evento.quando),
                "no_servidor": at,
            })
        })
        .collect();
    if !rows.is_empty() {
        sqlx::query(
            "INSERT INTO acompanhamentos \
             SELECT * FROM jsonb_populate_recordset(NULL::acompanhamentos, $1)",
        )
        .bind(Value::Array(rows))
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}
