//! Documents -> relational rows, in the transaction that merges them. A pure function of the
//! document and of its log, so that `rebuild` gives the same rows.

use crate::ledger::table;
use anyhow::Result;
use campo_domain::{
    busca,
    ids::{DocumentId, TenantId},
    kind::Kind,
    registro::Registro,
    tipo::Tipo,
    valor::Valor,
};
use campo_sync::history::Evento;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use sqlx::{AssertSqlSafe, PgTransaction};
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
    "titulo",
    "criado_por",
    "criado_em",
    "atualizado_em",
    "conflitos",
    "busca",
];

/// Writes the rows of documents as they are now.
///
/// # Errors
/// PostgreSQL refuses.
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
    let (table, columns, set) = (table(kind), columns.join(", "), set.join(", "));
    format!(
        "INSERT INTO {table} ({columns}) \
         SELECT {columns} FROM jsonb_populate_recordset(NULL::{table}, $1) \
         ON CONFLICT (tenant, id) DO UPDATE SET {set}"
    )
}

fn row(tenant: TenantId, registro: &Registro, tipo: &Tipo, at: DateTime<Utc>) -> Value {
    let mut row = Map::new();
    for campo in registro.kind.campos() {
        row.insert(campo.nome.to_owned(), value(registro.valor(campo.nome)));
    }
    let situacao = registro.situacao(tipo);
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
        "titulo": registro.titulo(),
        "criado_por": registro.criacao.por,
        "criado_em": instant(registro.criado_em),
        "atualizado_em": at,
        "conflitos": registro.conflitos,
        "busca": searchable(registro),
    });
    if let Value::Object(common) = common {
        row.extend(common);
    }
    Value::Object(row)
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

/// A device's clock may say anything; PostgreSQL takes years 1 to 9999 as text.
fn instant(instant: DateTime<Utc>) -> DateTime<Utc> {
    use chrono::Datelike;
    if (1..=9999).contains(&instant.year()) { instant } else { DateTime::UNIX_EPOCH }
}

/// What the lists search in: number and every text, folded.
fn searchable(registro: &Registro) -> String {
    let texts = registro.campos.values().filter_map(Valor::texto);
    let items = registro.itens.values().filter(|item| !item.removido);
    let items = items.flat_map(|item| item.campos.values().filter_map(Valor::texto));
    let all: Vec<&str> = registro.numero.as_deref().into_iter().chain(texts).chain(items).collect();
    busca::dobrar(&all.join(" "))
}

async fn parts(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    documents: &[(&Registro, &Tipo, DateTime<Utc>)],
) -> Result<()> {
    let (mut itens, mut participantes, mut laudos, mut pedidos) = (vec![], vec![], vec![], vec![]);
    for (registro, ..) in documents {
        let document = registro.id;
        for (id, item) in registro.itens.iter().filter(|(_, item)| !item.removido) {
            let mut row = Map::new();
            for campo in registro.kind.campos_item() {
                let valor = item.campos.get(campo.nome).unwrap_or(&Valor::Nulo);
                row.insert(campo.nome.to_owned(), value(valor));
            }
            row.extend([
                ("tenant".to_owned(), json!(tenant)),
                ("document".to_owned(), json!(document)),
                ("id".to_owned(), json!(id)),
            ]);
            itens.push(Value::Object(row));
        }
        participantes.extend(
            registro.participantes.iter().map(
                |usuario| json!({ "tenant": tenant, "document": document, "usuario": usuario }),
            ),
        );
        let vigente = registro.laudo_vigente().map(|laudo| laudo.id);
        laudos.extend(registro.laudos.iter().map(|laudo| {
            json!({
                "tenant": tenant, "document": document, "id": laudo.id,
                "procedente": laudo.procedente, "conclusao": laudo.conclusao,
                "emitido_por": laudo.autoria.por, "emitido_em": instant(laudo.quando),
                "vigente": vigente == Some(laudo.id),
            })
        }));
        pedidos.extend(registro.pedidos.iter().map(|pedido| {
            let recusa = pedido.veredito.as_ref().map(|v| v.recusa.as_ref());
            json!({
                "tenant": tenant, "document": document, "id": pedido.id, "verbo": pedido.verbo,
                "motivo": pedido.motivo, "pedido_por": pedido.autoria.por,
                "pedido_em": instant(pedido.quando),
                "aceito": recusa.map(|recusa| recusa.is_none()),
                "recusa": recusa.flatten().map(|r| r.codigo.codigo()),
                "recusa_mensagem": recusa.flatten().map(|r| r.mensagem()),
            })
        }));
    }
    let ids: Vec<Uuid> = documents.iter().map(|(registro, ..)| registro.id.uuid()).collect();
    let tables = [
        ("itens", itens),
        ("participantes", participantes),
        ("laudos", laudos),
        ("pedidos", pedidos),
    ];
    for (table, rows) in tables {
        sqlx::query(AssertSqlSafe(format!(
            "DELETE FROM {table} WHERE tenant = $1 AND document = ANY($2)"
        )))
        .bind(tenant.uuid())
        .bind(&ids)
        .execute(&mut **tx)
        .await?;
        if !rows.is_empty() {
            sqlx::query(AssertSqlSafe(format!(
                "INSERT INTO {table} SELECT * FROM jsonb_populate_recordset(NULL::{table}, $1)"
            )))
            .bind(Value::Array(rows))
            .execute(&mut **tx)
            .await?;
        }
    }
    Ok(())
}

/// Adds to the acompanhamento: events with their position, their case and the server's time.
///
/// # Errors
/// PostgreSQL refuses.
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
                "tenant": tenant, "document": evento.document, "seq": seq, "ordem": ordem,
                "raiz": raiz, "tipo": evento.tipo, "campo": evento.campo,
                "rotulo": evento.rotulo, "de": evento.de, "para": evento.para,
                "texto": evento.texto, "por": evento.autoria.por,
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
