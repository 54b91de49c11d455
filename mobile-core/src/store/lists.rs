//! The rows that lists show. Written from a `View` in the transaction that writes its document,
//! read by index, and never by loading a document.

use super::{Stored, id, id_or_none, instant, instant_or_none};
use campo_domain::{
    busca::dobrar,
    ids::{DocumentId, UserId},
    kind::Kind,
    registro::Registro,
    tipo::Tipo,
    valor::Valor,
};
use campo_sync::client::View;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params, params_from_iter};
use serde::Serialize;

/// Most rows in one page.
pub const LIMITE_MAX: u32 = 500;

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
    /// When an agenda starts.
    pub inicio: Option<DateTime<Utc>>,
    /// When it ends.
    pub fim: Option<DateTime<Utc>>,
    /// When it was created, by the clock of the device that did.
    pub criado_em: DateTime<Utc>,
    /// How many commands of this device wait to be sent.
    pub pendente: u32,
    /// Whether a field has several values.
    pub conflito: bool,
}

/// Where a page ends: what the next one starts after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Chave {
    /// Of the last row.
    pub criado_em: DateTime<Utc>,
    /// Of the last row.
    pub id: DocumentId,
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
    /// Continue after this row.
    pub depois_de: Option<Chave>,
    /// Most rows; 0 means 50.
    pub limite: u32,
}

const COLUNAS: &str = "l.id, l.kind, l.raiz, l.numero, l.rotulo, l.titulo, l.situacao, \
    l.situacao_nome, l.fase, l.situacao_prevista, coalesce(l.cliente, r.cliente), c.titulo, \
    l.responsavel, json_extract(u.data, '$.nome'), l.inicio, l.fim, l.criado_em, l.pendente, \
    l.conflito";

const JUNCOES: &str = "LEFT JOIN lista r ON r.account = l.account AND r.id = l.raiz \
    LEFT JOIN lista c ON c.account = l.account AND c.id = coalesce(l.cliente, r.cliente) \
    LEFT JOIN reference u ON u.account = l.account AND u.collection = 'usuario' \
        AND u.key = l.responsavel";

/// A query under construction: the text, and what its `?` stand for.
pub(super) struct Consulta {
    pub(super) sql: String,
    pub(super) valores: Vec<Box<dyn ToSql>>,
}

impl Consulta {
    fn nova(indexed_by: &str, account: i64) -> Self {
        let sql =
            format!("SELECT {COLUNAS} FROM lista l {indexed_by} {JUNCOES} WHERE l.account = ?");
        Consulta { sql, valores: vec![Box::new(account)] }
    }

    fn e(mut self, condicao: &str, valor: impl ToSql + 'static) -> Self {
        self.sql.push_str(" AND ");
        self.sql.push_str(condicao);
        self.valores.push(Box::new(valor));
        self
    }

    fn palavras(mut self, busca: Option<&str>) -> Self {
        for palavra in dobrar(busca.unwrap_or_default()).split(' ').filter(|p| !p.is_empty()) {
            let condicao = "instr(l.busca || ' ' || coalesce(c.busca, ''), ?) > 0";
            self = self.e(condicao, palavra.to_owned());
        }
        self
    }

    fn fim(mut self, ordem: &str, limite: u32) -> Self {
        self.sql.push_str(&format!(" ORDER BY {ordem} LIMIT {limite}"));
        self
    }

    fn linhas(&self, conn: &Connection) -> Stored<Vec<Linha>> {
        let mut statement = conn.prepare_cached(&self.sql)?;
        let rows = statement.query_map(params_from_iter(&self.valores), linha)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// The newest documents of a kind, by the filter.
pub(super) fn recentes_sql(account: i64, kind: Kind, filtro: &Filtro) -> Consulta {
    let mut consulta = Consulta::nova("", account).e("l.kind = ?", kind.codigo());
    if filtro.apenas_minhas {
        consulta = consulta.e("l.minha = ?", true);
    }
    if let Some(situacao) = &filtro.situacao {
        consulta = consulta.e("l.situacao = ?", situacao.clone());
    }
    if let Some(chave) = filtro.depois_de {
        consulta = consulta.e("(l.criado_em, l.id) < (?", chave.criado_em.timestamp_millis());
        consulta.sql.push_str(", ?)");
        consulta.valores.push(Box::new(*chave.id.bytes()));
    }
    let limite = if filtro.limite == 0 { 50 } else { filtro.limite.min(LIMITE_MAX) };
    consulta.palavras(filtro.busca.as_deref()).fim("l.criado_em DESC, l.id DESC", limite)
}

/// As [`recentes_sql`] says.
///
/// # Errors
/// Storage.
pub fn recentes(
    conn: &Connection,
    account: i64,
    kind: Kind,
    filtro: &Filtro,
) -> Stored<Vec<Linha>> {
    recentes_sql(account, kind, filtro).linhas(conn)
}

/// Agendas that touch `[de, ate)`, first to start first. None is longer than 31 days here.
pub(super) fn agenda_sql(
    account: i64,
    de: DateTime<Utc>,
    ate: DateTime<Utc>,
    todas: bool,
) -> Consulta {
    let desde = de - chrono::TimeDelta::days(31);
    let mut consulta = Consulta::nova("INDEXED BY lista_agenda", account)
        .e("l.kind = ?", Kind::Agenda.codigo())
        .e("l.inicio >= ?", desde.timestamp_millis())
        .e("l.inicio < ?", ate.timestamp_millis())
        .e("max(l.inicio + 1, coalesce(l.fim, 0)) > ?", de.timestamp_millis());
    if !todas {
        consulta = consulta.e("l.minha = ?", true);
    }
    consulta.fim("l.inicio, l.id", LIMITE_MAX)
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
    agenda_sql(account, de, ate, todas).linhas(conn)
}

/// Documents of a kind by name.
pub(super) fn por_nome_sql(account: i64, kind: Kind, busca: &str) -> Consulta {
    Consulta::nova("", account)
        .e("l.kind = ?", kind.codigo())
        .palavras(Some(busca))
        .fim("l.ordem, l.id", LIMITE_MAX)
}

/// As [`por_nome_sql`] says.
///
/// # Errors
/// Storage.
pub fn por_nome(conn: &Connection, account: i64, kind: Kind, busca: &str) -> Stored<Vec<Linha>> {
    por_nome_sql(account, kind, busca).linhas(conn)
}

/// Documents of any kind in which every word occurs, newest first.
///
/// # Errors
/// Storage.
pub fn buscar(conn: &Connection, account: i64, busca: &str) -> Stored<Vec<Linha>> {
    Consulta::nova("", account)
        .palavras(Some(busca))
        .fim("l.criado_em DESC, l.id DESC", 50)
        .linhas(conn)
}

/// The other documents that belong to a record.
///
/// # Errors
/// Storage.
pub fn da_raiz(conn: &Connection, account: i64, raiz: DocumentId) -> Stored<Vec<Linha>> {
    Consulta::nova("INDEXED BY lista_raiz", account)
        .e("l.raiz = ?", *raiz.bytes())
        .e("l.id <> ?", *raiz.bytes())
        .fim("l.kind, l.criado_em, l.id", LIMITE_MAX)
        .linhas(conn)
}

/// The row of one document.
///
/// # Errors
/// Storage.
pub fn uma(conn: &Connection, account: i64, document: DocumentId) -> Stored<Option<Linha>> {
    let consulta = Consulta::nova("", account).e("l.id = ?", *document.bytes());
    let mut statement = conn.prepare_cached(&consulta.sql)?;
    Ok(statement.query_row(params_from_iter(&consulta.valores), linha).optional()?)
}

/// Documents that a person may mean by a number, a label or the beginning of an id.
///
/// # Errors
/// Storage.
pub fn chamados(conn: &Connection, account: i64, texto: &str) -> Stored<Vec<(DocumentId, Kind)>> {
    let mut statement = conn.prepare_cached(
        "SELECT id, kind FROM lista WHERE account = ?1 AND (rotulo IN (?2, ?3) \
             OR 'P-' || substr(hex(id), 25) = ?3)",
    )?;
    let par = |row: &Row<'_>| {
        let kind: String = row.get(1)?;
        Ok((id(row, 0)?, kind.parse().unwrap_or(Kind::Assistencia)))
    };
    let rows = statement.query_map(params![account, texto, texto.to_uppercase()], par)?;
    let achados: Vec<_> = rows.collect::<Result<_, _>>()?;
    let hexa = texto.replace('-', "").to_uppercase();
    if !achados.is_empty() || hexa.len() < 4 || !hexa.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(achados);
    }
    let mut statement = conn.prepare_cached(
        "SELECT id, kind FROM lista WHERE account = ?1 AND substr(hex(id), 1, ?2) = ?3 LIMIT 3",
    )?;
    let tamanho = i64::try_from(hexa.len()).unwrap_or(i64::MAX);
    let rows = statement.query_map(params![account, tamanho, hexa], par)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Writes the row of a document.
///
/// # Errors
/// Storage.
pub fn write(
    conn: &Connection,
    account: i64,
    view: &View,
    pendente: usize,
    eu: UserId,
    fuso: Tz,
) -> Stored<()> {
    let View { registro, previsto, tipo } = view;
    let vazia = (String::new(), String::new());
    let (codigo, nome) =
        registro.situacao(tipo).map_or(vazia, |s| (s.codigo.clone(), s.nome.clone()));
    let prevista = previsto.situacao(tipo).filter(|s| s.codigo != codigo).map(|s| s.nome.clone());
    let titulo = registro.titulo();
    let instante = |campo| registro.valor(campo).instante().map(|i| i.timestamp_millis());
    let mut statement = conn.prepare_cached(
        "INSERT OR REPLACE INTO lista (account, id, kind, raiz, numero, rotulo, titulo, ordem, \
             situacao, situacao_nome, fase, situacao_prevista, cliente, responsavel, minha, \
             inicio, fim, busca, criado_em, pendente, conflito) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?;
    statement.execute(params![
        account,
        registro.id.bytes(),
        registro.kind.codigo(),
        registro.raiz().bytes(),
        registro.numero,
        registro.rotulo(),
        titulo,
        dobrar(&titulo),
        codigo,
        nome,
        registro.fase(tipo).codigo(),
        prevista,
        registro.referencia("cliente").map(|id| *id.as_bytes()),
        registro.responsavel().map(|id| id.to_string()),
        minha(registro, eu),
        instante("inicio"),
        instante("fim"),
        dobrar(&textos(registro, tipo, fuso)),
        registro.criado_em.timestamp_millis(),
        i64::try_from(pendente).unwrap_or(i64::MAX),
        !registro.conflitos.is_empty(),
    ])?;
    Ok(())
}

/// Removes the row of a document that is out of sight or cannot be shown yet.
///
/// # Errors
/// Storage.
pub fn remove(conn: &Connection, account: i64, document: DocumentId) -> Stored<()> {
    conn.prepare_cached("DELETE FROM lista WHERE account = ? AND id = ?")?
        .execute(params![account, document.bytes()])?;
    Ok(())
}

fn minha(registro: &Registro, eu: UserId) -> bool {
    registro.participantes.contains(&eu)
        || registro.responsavel().unwrap_or(registro.criacao.por) == eu
}

/// All that a person may search for. The cliente's own texts are joined when searching.
fn textos(registro: &Registro, tipo: &Tipo, fuso: Tz) -> String {
    let mut textos = vec![registro.rotulo(), Registro::rotulo_provisorio(registro.id)];
    textos.push(tipo.nome.clone());
    textos.extend(registro.situacao(tipo).map(|s| s.nome.clone()));
    let mostrar = |valor: &Valor, campo: Option<&_>| match (valor, campo) {
        (Valor::Id(_), _) | (_, None) => String::new(),
        (valor, Some(campo)) => valor.exibir(campo, fuso),
    };
    for (nome, valor) in &registro.campos {
        textos.push(mostrar(valor, registro.kind.campo(nome)));
    }
    for item in registro.itens.values().filter(|item| !item.removido) {
        for (nome, valor) in &item.campos {
            textos.push(mostrar(valor, registro.kind.campo_item(nome)));
        }
    }
    let versoes = registro.conflitos.iter().flat_map(|conflito| &conflito.versoes);
    textos.extend(versoes.filter_map(|versao| versao.valor.texto().map(str::to_owned)));
    textos.extend(registro.notas.iter().map(|nota| nota.texto.clone()));
    textos.extend(registro.laudos.iter().map(|laudo| laudo.conclusao.clone()));
    textos.join(" ")
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
    })
}
