//! The rows that lists show: written by `rows`, read by index, and never by loading a document.

use super::{
    columns::{id, id_or_none, instant, instant_or_none},
    error::Stored,
    order::{self, Chave, Marca, Ordem},
    rows::digitos,
};
use campo_domain::{
    agenda,
    busca::dobrar,
    ids::{DocumentId, UserId},
    kind::Kind,
    tipo::TipoRef,
};
use chrono::{DateTime, NaiveDate, Utc};
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params, params_from_iter};
use serde::Serialize;

/// Most rows in one page.
pub const LIMITE_MAX: u32 = 500;
/// Digits of a telephone without its area, and with it.
const TELEFONE_MIN: usize = 8;
const TELEFONE_MAX: usize = 11;

/// One row of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Linha {
    /// The document.
    pub id: DocumentId,
    /// Its kind.
    pub kind: Kind,
    /// The record that it belongs to; itself where there is none.
    pub raiz: DocumentId,
    /// The number, once the server minted it.
    pub numero: Option<String>,
    /// Number or provisional label.
    pub rotulo: String,
    /// What tells it from its neighbours.
    pub titulo: String,
    /// Code of its tipo.
    pub tipo: String,
    /// Name of its tipo.
    pub tipo_nome: String,
    /// Code of the situação in force.
    pub situacao: String,
    /// Its name.
    pub situacao_nome: String,
    /// Its fase.
    pub fase: String,
    /// Name of the situação that it will have if the server accepts what was asked, where that
    /// differs.
    pub situacao_prevista: Option<String>,
    /// The cliente, its own or its assistência's.
    pub cliente: Option<DocumentId>,
    /// The cliente's name, where it is on the device.
    pub cliente_nome: Option<String>,
    /// The responsável.
    pub responsavel: Option<UserId>,
    /// The responsável's name, where it is known.
    pub responsavel_nome: Option<String>,
    /// The priority, its own or its category's.
    pub prioridade: Option<String>,
    /// The day by which it should be done.
    pub prazo: Option<NaiveDate>,
    /// Until when it may stay in its situação (R70).
    pub etapa_ate: Option<DateTime<Utc>>,
    /// Whether work may still happen and either has passed.
    pub atrasado: bool,
    /// When an agenda starts.
    pub inicio: Option<DateTime<Utc>>,
    /// When it ends.
    pub fim: Option<DateTime<Utc>>,
    /// When it was created, by the clock of the device that did.
    pub criado_em: DateTime<Utc>,
    /// When it reached the server, by the server's clock.
    pub recebido_em: Option<DateTime<Utc>>,
    /// How many commands of this device wait to be sent.
    pub pendente: u32,
    /// Whether a field has several values.
    pub conflito: bool,
}

/// What a list shows.
#[derive(Clone, Debug, Default)]
pub struct Filtro {
    /// Words that all must occur, accents and case aside.
    pub busca: Option<String>,
    /// Only what the person is responsible for, takes part in, or made and nobody took.
    pub apenas_minhas: bool,
    /// Only this situação, by its code.
    pub situacao: Option<String>,
    /// Only this tipo, by its code.
    pub tipo: Option<String>,
    /// Only what is late.
    pub atrasadas: bool,
    /// By what it is ordered.
    pub ordem: Ordem,
    /// Continue after this row.
    pub depois_de: Option<Chave>,
    /// Most rows; 0 means 50.
    pub limite: u32,
}

const COLUNAS: &str = "l.id, l.kind, l.raiz, l.numero, l.rotulo, l.titulo, l.situacao, \
    l.situacao_nome, l.fase, l.situacao_prevista, coalesce(l.cliente, r.cliente), c.titulo, \
    l.responsavel, json_extract(u.data, '$.nome'), l.inicio, l.fim, l.criado_em, l.pendente, \
    l.conflito, l.tipo, l.tipo_nome, l.prioridade, l.prazo, l.etapa_ate, l.atrasa_em, \
    l.recebido_em";

/// The place after them: by what the row was ordered.
const MARCA: usize = 26;

const JUNCOES: &str = "LEFT JOIN lista r ON r.account = l.account AND r.id = l.raiz \
    LEFT JOIN lista c ON c.account = l.account AND c.id = coalesce(l.cliente, r.cliente) \
    LEFT JOIN reference u ON u.account = l.account AND u.collection = 'usuario' \
        AND u.key = l.responsavel";

/// A query under construction: the text, and what its `?` stand for.
pub(super) struct Query {
    pub(super) sql: String,
    pub(super) values: Vec<Box<dyn ToSql>>,
}

impl Query {
    fn new(indexed_by: &str, account: i64) -> Self {
        Query::ordered("l.id", indexed_by, account)
    }

    fn ordered(marca: &str, indexed_by: &str, account: i64) -> Self {
        let sql = format!(
            "SELECT {COLUNAS}, {marca} FROM lista l {indexed_by} {JUNCOES} WHERE l.account = ?"
        );
        Query { sql, values: vec![Box::new(account)] }
    }

    fn and(mut self, condicao: &str, valor: impl ToSql + 'static) -> Self {
        self.sql.push_str(" AND ");
        self.sql.push_str(condicao);
        self.values.push(Box::new(valor));
        self
    }

    /// Every word must occur; a telephone also without the signs between its digits.
    fn words(mut self, busca: Option<&str>) -> Self {
        const ONDE: &str = "(l.busca || ' ' || coalesce(c.busca, ''))";
        let busca = dobrar(busca.unwrap_or_default());
        let inteiro = digitos(&busca).filter(|digitos| digitos.len() >= TELEFONE_MIN);
        if let Some(numero) = inteiro {
            // Without the country code, which stored numbers do not have.
            let numero = numero[numero.len().saturating_sub(TELEFONE_MAX)..].to_owned();
            let condicao = format!("(instr({ONDE}, ?) > 0 OR instr({ONDE}, ");
            self = self.and(&condicao, busca);
            self.sql.push_str("?) > 0)");
            self.values.push(Box::new(numero));
            return self;
        }
        for palavra in busca.split(' ').filter(|palavra| !palavra.is_empty()) {
            let outra = digitos(palavra).unwrap_or_else(|| palavra.to_owned());
            self =
                self.and(&format!("(instr({ONDE}, ?) > 0 OR instr({ONDE}, "), palavra.to_owned());
            self.sql.push_str("?) > 0)");
            self.values.push(Box::new(outra));
        }
        self
    }

    fn end(mut self, ordem: &str, limite: u32) -> Self {
        self.sql.push_str(&format!(" ORDER BY {ordem} LIMIT {limite}"));
        self
    }

    fn rows(&self, conn: &Connection) -> Stored<Vec<Linha>> {
        self.all(conn, linha)
    }

    fn all<T>(
        &self,
        conn: &Connection,
        ler: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Stored<Vec<T>> {
        let mut statement = conn.prepare_cached(&self.sql)?;
        let rows = statement.query_map(params_from_iter(&self.values), ler)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// The documents of a kind by the filter; `None` where there is no such column to order by.
pub(super) fn lista_sql(account: i64, kind: Kind, filtro: &Filtro) -> Option<Query> {
    let marca = order::expressao(kind, &filtro.ordem)?;
    let mut query = Query::ordered(&marca, "", account).and("l.kind = ?", kind.codigo());
    if filtro.apenas_minhas {
        query = query.and("l.minha = ?", true);
    }
    if let Some(situacao) = &filtro.situacao {
        query = query.and("l.situacao = ?", situacao.clone());
    }
    if let Some(tipo) = &filtro.tipo {
        query = query.and("l.tipo = ?", tipo.clone());
    }
    if filtro.atrasadas {
        query = query.and("l.atrasa_em <= ?", Utc::now().timestamp_millis());
    }
    let (sinal, sentido) = if filtro.ordem.decrescente { ("<", "DESC") } else { (">", "ASC") };
    if let Some(chave) = &filtro.depois_de {
        query = query.and(&format!("({marca}, l.id) {sinal} (?"), chave.marca.clone());
        query.sql.push_str(", ?)");
        query.values.push(Box::new(*chave.id.bytes()));
    }
    let limite = if filtro.limite == 0 { 50 } else { filtro.limite.min(LIMITE_MAX) };
    let ordem = format!("{marca} {sentido}, l.id {sentido}");
    Some(query.words(filtro.busca.as_deref()).end(&ordem, limite))
}

/// As [`lista_sql`] says, each row with what it is ordered by.
///
/// # Errors
/// Storage.
pub fn lista(
    conn: &Connection,
    account: i64,
    kind: Kind,
    filtro: &Filtro,
) -> Stored<Option<Vec<(Linha, Marca)>>> {
    let Some(query) = lista_sql(account, kind, filtro) else { return Ok(None) };
    query.all(conn, |row| Ok((linha(row)?, row.get(MARCA)?))).map(Some)
}

/// Agendas that touch `[de, ate)`, first to start first. Found by their end in the index: few end
/// after the beginning of the day, compared with all that are over.
pub(super) fn agenda_sql(
    account: i64,
    de: DateTime<Utc>,
    ate: DateTime<Utc>,
    todas: bool,
) -> Query {
    let mut query = Query::new("INDEXED BY lista_agenda", account)
        .and("l.kind = ?", Kind::Agenda.codigo())
        .and("l.inicio < ?", ate.timestamp_millis())
        .and("max(l.inicio + 1, coalesce(l.fim, 0)) > ?", de.timestamp_millis());
    if !todas {
        query = query.and("l.minha = ?", true);
    }
    query.end("l.inicio, l.id", LIMITE_MAX)
}

/// As [`agenda_sql`] says.
///
/// # Errors
/// Storage.
pub fn agenda(
    conn: &Connection,
    account: i64,
    de: DateTime<Utc>,
    ate: DateTime<Utc>,
    todas: bool,
) -> Stored<Vec<Linha>> {
    agenda_sql(account, de, ate, todas).rows(conn)
}

/// Documents of a kind by name.
pub(super) fn por_nome_sql(account: i64, kind: Kind, busca: &str) -> Query {
    Query::new("", account)
        .and("l.kind = ?", kind.codigo())
        .words(Some(busca))
        .end("l.ordem, l.id", LIMITE_MAX)
}

/// As [`por_nome_sql`] says.
///
/// # Errors
/// Storage.
pub fn por_nome(conn: &Connection, account: i64, kind: Kind, busca: &str) -> Stored<Vec<Linha>> {
    por_nome_sql(account, kind, busca).rows(conn)
}

/// Documents of any kind in which every word occurs, newest first.
///
/// # Errors
/// Storage.
pub fn buscar(conn: &Connection, account: i64, busca: &str) -> Stored<Vec<Linha>> {
    Query::new("", account).words(Some(busca)).end("l.criado_em DESC, l.id DESC", 50).rows(conn)
}

/// The other documents that belong to a record: of the agendas those whose type the catalogue puts
/// there (R42).
///
/// # Errors
/// Storage.
pub fn da_raiz(conn: &Connection, account: i64, raiz: DocumentId) -> Stored<Vec<Linha>> {
    let tipo_agenda = format!(
        "(l.kind <> 'agenda' OR EXISTS (SELECT 1 FROM reference x WHERE x.account = l.account \
             AND x.collection = 'tipo_agenda' AND x.key = json_extract(l.campos, '$.tipo_agenda') \
             AND json_extract(x.data, '$.dados.{}') = ?))",
        agenda::NA_ASSISTENCIA
    );
    Query::new("INDEXED BY lista_raiz", account)
        .and("l.raiz = ?", *raiz.bytes())
        .and("l.id <> ?", *raiz.bytes())
        .and(&tipo_agenda, "sim")
        .end("l.kind, l.criado_em, l.id", LIMITE_MAX)
        .rows(conn)
}

/// The row of one document.
///
/// # Errors
/// Storage.
pub fn uma(conn: &Connection, account: i64, document: DocumentId) -> Stored<Option<Linha>> {
    let query = Query::new("", account).and("l.id = ?", *document.bytes());
    let mut statement = conn.prepare_cached(&query.sql)?;
    Ok(statement.query_row(params_from_iter(&query.values), linha).optional()?)
}

/// The tipo of a document, in the version that it pins; `None` where no list shows it.
///
/// # Errors
/// Storage.
pub fn tipo(conn: &Connection, account: i64, document: DocumentId) -> Stored<Option<TipoRef>> {
    let mut statement =
        conn.prepare_cached("SELECT tipo, tipo_versao FROM lista WHERE account = ? AND id = ?")?;
    let tipo = |row: &Row<'_>| Ok(TipoRef { codigo: row.get(0)?, versao: row.get(1)? });
    Ok(statement.query_row(params![account, document.bytes()], tipo).optional()?)
}

/// A link as its other end reads it (R38).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Vinculado {
    /// The record that has the link.
    pub linha: Linha,
    /// Code of what it is to this one.
    pub relacao: Option<String>,
    /// What was added.
    pub descricao: Option<String>,
}

/// The documents on the device that link to this one.
///
/// # Errors
/// Storage.
pub fn vinculado_por(
    conn: &Connection,
    account: i64,
    document: DocumentId,
) -> Stored<Vec<Vinculado>> {
    let mut statement = conn.prepare_cached(
        "SELECT id, relacao, descricao FROM vinculo WHERE account = ? AND alvo = ? ORDER BY rowid",
    )?;
    let rows = statement.query_map(params![account, document.bytes()], |row| {
        Ok((id(row, 0)?, row.get(1)?, row.get(2)?))
    })?;
    let links: Vec<(DocumentId, _, _)> = rows.collect::<Result<_, _>>()?;
    let mut vinculados = Vec::new();
    for (id, relacao, descricao) in links {
        let linha = uma(conn, account, id)?;
        vinculados.extend(linha.map(|linha| Vinculado { linha, relacao, descricao }));
    }
    Ok(vinculados)
}

/// Documents that a person may mean by a number, a label, the beginning of an id, or the title.
///
/// # Errors
/// Storage.
pub fn chamados(conn: &Connection, account: i64, texto: &str) -> Stored<Vec<(DocumentId, Kind)>> {
    let mut statement = conn.prepare_cached(
        "SELECT id, kind FROM lista WHERE account = ?1 AND (rotulo IN (?2, ?3) \
             OR 'P-' || substr(hex(id), 21, 4) || '-' || substr(hex(id), 25, 4) || '-' \
                 || substr(hex(id), 29) = ?3)",
    )?;
    let par = |row: &Row<'_>| {
        let kind: String = row.get(1)?;
        Ok((id(row, 0)?, kind.parse().unwrap_or(Kind::Assistencia)))
    };
    let rows = statement.query_map(params![account, texto, texto.to_uppercase()], par)?;
    let achados: Vec<_> = rows.collect::<Result<_, _>>()?;
    if !achados.is_empty() {
        return Ok(achados);
    }
    let hexa = texto.replace('-', "").to_uppercase();
    if hexa.len() >= 4 && hexa.bytes().all(|b| b.is_ascii_hexdigit()) {
        let mut statement = conn.prepare_cached(
            "SELECT id, kind FROM lista WHERE account = ?1 AND substr(hex(id), 1, ?2) = ?3 LIMIT 3",
        )?;
        let tamanho = i64::try_from(hexa.len()).unwrap_or(i64::MAX);
        let rows = statement.query_map(params![account, tamanho, hexa], par)?;
        let achados: Vec<_> = rows.collect::<Result<_, _>>()?;
        if !achados.is_empty() {
            return Ok(achados);
        }
    }
    let mut statement = conn.prepare_cached(
        "SELECT id, kind FROM lista WHERE account = ? AND ordem = ? AND ordem <> ''",
    )?;
    let rows = statement.query_map(params![account, dobrar(texto)], par)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn linha(row: &Row<'_>) -> rusqlite::Result<Linha> {
    Ok(Linha {
        id: id(row, 0)?,
        kind: row.get::<_, String>(1)?.parse().unwrap_or(Kind::Assistencia),
        raiz: id(row, 2)?,
        numero: row.get(3)?,
        rotulo: row.get(4)?,
        titulo: row.get(5)?,
        situacao: row.get(6)?,
        situacao_nome: row.get(7)?,
        fase: row.get(8)?,
        situacao_prevista: row.get(9)?,
        cliente: id_or_none(row, 10)?,
        cliente_nome: row.get(11)?,
        responsavel: row.get::<_, Option<String>>(12)?.and_then(|texto| texto.parse().ok()),
        responsavel_nome: row.get(13)?,
        inicio: instant_or_none(row, 14)?,
        fim: instant_or_none(row, 15)?,
        criado_em: instant(row, 16)?,
        pendente: row.get(17)?,
        conflito: row.get(18)?,
        tipo: row.get(19)?,
        tipo_nome: row.get(20)?,
        prioridade: row.get(21)?,
        prazo: row.get::<_, Option<String>>(22)?.and_then(|dia| dia.parse().ok()),
        etapa_ate: instant_or_none(row, 23)?,
        atrasado: instant_or_none(row, 24)?.is_some_and(|em| em <= Utc::now()),
        recebido_em: instant_or_none(row, 25)?,
    })
}
