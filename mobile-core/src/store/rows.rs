//! Writes the row that lists show of a document, in the transaction that writes the document: what
//! is shown, what is searched, what it may be ordered by, when it is late, and whom it links to.

use super::{error::Stored, references};
use campo_domain::{
    busca::{self, dobrar},
    ids::{DocumentId, UserId},
    parte::Colecao,
    registro::Registro,
    tipo::Tipo,
    valor::{Campo, TipoCampo, Valor},
};
use campo_sync::client::View;
use chrono::{DateTime, Days, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;
use rusqlite::{Connection, params};
use serde_json::{Map, Value, json};

/// Characters by which a text is ordered.
const ORDEM_CHARS: usize = 120;

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
    let ms = |instante: DateTime<Utc>| instante.timestamp_millis();
    let instante = |campo| registro.valor(campo).instante().map(ms);
    let textos = textos(conn, account, registro, tipo)?;
    let mut statement = conn.prepare_cached(
        "INSERT OR REPLACE INTO lista (account, id, kind, raiz, numero, rotulo, titulo, ordem, \
             situacao, situacao_nome, fase, situacao_prevista, cliente, responsavel, minha, \
             inicio, fim, busca, criado_em, pendente, conflito, tipo, tipo_versao, tipo_nome, \
             prioridade, prazo, recebido_em, etapa_desde, etapa_ate, atrasa_em, campos) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, \
             ?, ?, ?, ?)",
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
        dobrar(&textos.join(" ")),
        ms(registro.criado_em),
        i64::try_from(pendente).unwrap_or(i64::MAX),
        !registro.conflitos.is_empty(),
        tipo.codigo,
        tipo.versao,
        tipo.nome,
        registro.prioridade(tipo),
        prazo(registro).map(|dia| dia.to_string()),
        registro.recebido_em.map(ms),
        registro.etapa_desde().map(ms),
        registro.etapa_ate(tipo).map(ms),
        atrasa_em(registro, tipo, fuso).map(ms),
        Value::Object(ordenaveis(registro, tipo)).to_string(),
    ])?;
    links(conn, account, registro)
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

/// To whom the document links, for the other end to read (R38).
fn links(conn: &Connection, account: i64, registro: &Registro) -> Stored<()> {
    conn.prepare_cached("DELETE FROM vinculo WHERE account = ? AND id = ?")?
        .execute(params![account, registro.id.bytes()])?;
    let mut insert = conn.prepare_cached(
        "INSERT INTO vinculo (account, id, alvo, relacao, descricao) VALUES (?, ?, ?, ?, ?)",
    )?;
    for (_, vinculo) in registro.vivos(Colecao::Vinculos) {
        if let Some(alvo) = vinculo.valor("documento").id() {
            let texto = |nome| vinculo.valor(nome).texto();
            let (relacao, descricao) = (texto("relacao"), texto("descricao"));
            insert.execute(params![
                account,
                registro.id.bytes(),
                alvo.as_bytes(),
                relacao,
                descricao
            ])?;
        }
    }
    Ok(())
}

fn minha(registro: &Registro, eu: UserId) -> bool {
    registro.participantes.contains(&eu)
        || registro.responsavel().unwrap_or(registro.criacao.por) == eu
}

fn prazo(registro: &Registro) -> Option<chrono::NaiveDate> {
    match registro.valor("prazo") {
        Valor::Data(prazo) => Some(*prazo),
        _ => None,
    }
}

/// When an open record becomes late: by the time allowed in its situação (R70) or by its own due
/// day (R4), whichever is earlier.
fn atrasa_em(registro: &Registro, tipo: &Tipo, fuso: Tz) -> Option<DateTime<Utc>> {
    let depois = prazo(registro).and_then(|dia| dia.checked_add_days(Days::new(1)));
    let meia_noite = depois.and_then(|dia| {
        fuso.from_local_datetime(&dia.and_time(NaiveTime::MIN)).earliest().map(|i| i.to_utc())
    });
    let prazos = registro.etapa_ate(tipo).into_iter().chain(meia_noite);
    prazos.min().filter(|_| registro.aberto(tipo))
}

/// Fields as `order` compares them.
fn ordenaveis(registro: &Registro, tipo: &Tipo) -> Map<String, Value> {
    let campos = registro.kind.campos().iter();
    let mut todos: Map<String, Value> = campos
        .filter_map(|campo| {
            Some((campo.nome.to_owned(), ordenavel(campo, registro.valor(campo.nome))?))
        })
        .collect();
    // The one in force, which may be its category's (R27).
    let prioridade = registro.prioridade(tipo).map(|codigo| Valor::Texto(codigo.to_owned()));
    if let (Some(campo), Some(valor)) = (registro.kind.campo("prioridade"), prioridade)
        && let Some(posicao) = ordenavel(campo, &valor)
    {
        todos.insert("prioridade".to_owned(), posicao);
    }
    todos
}

fn ordenavel(campo: &Campo, valor: &Valor) -> Option<Value> {
    Some(match (valor, campo.tipo) {
        (Valor::Nulo, _) => return None,
        (Valor::Texto(codigo), TipoCampo::Escolha(opcoes)) => {
            json!(opcoes.iter().position(|(opcao, _)| opcao == codigo)?)
        }
        (Valor::Texto(codigo), TipoCampo::Referencia(_)) => json!(codigo),
        (Valor::Texto(texto), _) => {
            json!(dobrar(&texto.chars().take(ORDEM_CHARS).collect::<String>()))
        }
        (Valor::Inteiro(n), _) => json!(n),
        (Valor::Logico(sim), _) => json!(u8::from(*sim)),
        (Valor::Data(dia), _) => json!(dia),
        (Valor::Instante(instante), _) => json!(instante.timestamp_millis()),
        (Valor::Id(id), _) => json!(id),
    })
}

/// All that a person may search for. The cliente's own texts are joined when searching.
fn textos(
    conn: &Connection,
    account: i64,
    registro: &Registro,
    tipo: &Tipo,
) -> Stored<Vec<String>> {
    let mut textos = busca::textos(registro, tipo);
    for (catalogo, codigo) in busca::entradas(registro) {
        textos.extend(references::nome(conn, account, catalogo, codigo)?);
        let dados = references::dados(conn, account, catalogo, codigo)?.unwrap_or_default();
        textos.extend(["telefone", "email"].iter().filter_map(|nome| dados.get(*nome).cloned()));
    }
    let digitos: Vec<String> = textos.iter().filter_map(|texto| digitos(texto)).collect();
    textos.extend(digitos);
    Ok(textos)
}

/// The digits alone of what is written with signs between them, such as a telephone.
pub(super) fn digitos(texto: &str) -> Option<String> {
    let sinal = |c: char| c.is_whitespace() || "()+-./".contains(c);
    let digitos: String = texto.chars().filter(char::is_ascii_digit).collect();
    let outros = texto.chars().filter(|c| !c.is_ascii_digit());
    (!digitos.is_empty() && outros.clone().all(sinal)).then_some(digitos)
}
