//! The columns of a list: what each may be ordered by, and how its value is read. Whatever stands
//! in a query as an identifier stands here, or in the domain's tables of fields.

use crate::projection::table;
use campo_domain::{
    kind::Kind,
    valor::{Alvo, Campo, TipoCampo, Valor},
};
use sqlx::{Row, postgres::PgRow};
use std::borrow::Cow;

/// The fases in which work is over, as a list of SQL.
pub const FECHADAS: &str = "'concluido', 'cancelado', 'negado'";
/// Those in which it may still happen.
pub const ABERTAS: [&str; 5] = ["rascunho", "fila", "andamento", "espera_cliente", "conclusao"];

/// Every fase, in the order in which work goes through them.
pub const FASES: [&str; 8] = [
    "rascunho",
    "fila",
    "andamento",
    "espera_cliente",
    "conclusao",
    "concluido",
    "negado",
    "cancelado",
];

/// Letters with accents and those that they are sorted as, one by one.
const ACENTOS: (&str, &str) = (
    "áàâãäÁÀÂÃÄéèêëÉÈÊËíìîïÍÌÎÏóòôõöÓÒÔÕÖúùûüÚÙÛÜçÇñÑ",
    "aaaaaaaaaaeeeeeeeeiiiiiiiioooooooooouuuuuuuuccnn",
);

/// Characters by which a text is ordered; a cursor carries no more.
const TEXTO_CHARS: usize = 120;

/// Something that a list may be ordered by.
#[derive(Clone, Debug)]
pub struct Coluna {
    /// The expression.
    pub sql: Cow<'static, str>,
    /// Its type in PostgreSQL.
    pub pg: &'static str,
    /// Whether it may be empty.
    pub nula: bool,
}

impl Coluna {
    fn nova(sql: impl Into<Cow<'static, str>>, pg: &'static str, nula: bool) -> Self {
        Self { sql: sql.into(), pg, nula }
    }
}

/// Columns that every kind has, besides its fields; `c` is the client of the row.
const COMUNS: [&str; 12] = [
    "numero",
    "cliente",
    "tipo",
    "situacao",
    "fase",
    "titulo",
    "criado_em",
    "recebido_em",
    "atualizado_em",
    "etapa_desde",
    "etapa_ate",
    "criado_por",
];

/// The names that a list of the kind may be ordered by.
pub fn nomes(kind: Kind) -> Vec<&'static str> {
    let campos = kind.campos().iter().map(|campo| campo.nome);
    let campos = campos.filter(|nome| !COMUNS.contains(nome));
    COMUNS.into_iter().filter(|nome| *nome != "numero" || kind.numerado()).chain(campos).collect()
}

/// The column of that name.
pub fn de(kind: Kind, nome: &str) -> Option<Coluna> {
    Some(match nome {
        "numero" if kind.numerado() => Coluna::nova("t.numero", "text", true),
        "tipo" => Coluna::nova("t.tipo", "text", false),
        "situacao" => Coluna::nova(texto("t.situacao_nome"), "text", false),
        // The client that the list shows, which may be that of the case.
        "cliente" => Coluna::nova(texto("c.nome"), "text", true),
        "fase" => {
            let fases = FASES.map(|fase| format!("'{fase}'")).join(", ");
            Coluna::nova(format!("array_position(ARRAY[{fases}], t.fase)"), "integer", true)
        }
        "titulo" => Coluna::nova(texto("t.titulo"), "text", false),
        "criado_em" => Coluna::nova("t.criado_em", "timestamptz", false),
        "atualizado_em" => Coluna::nova("t.atualizado_em", "timestamptz", false),
        "recebido_em" => Coluna::nova("t.recebido_em", "timestamptz", true),
        "etapa_desde" => Coluna::nova("t.etapa_desde", "timestamptz", true),
        "etapa_ate" => Coluna::nova("t.etapa_ate", "timestamptz", true),
        "criado_por" => Coluna::nova(nome_de("usuario", "t.criado_por"), "text", true),
        nome => do_campo(kind.campo(nome)?),
    })
}

/// A person orders by what is read: the name and not the id, the rank of a choice and not its code.
fn do_campo(campo: &Campo) -> Coluna {
    let coluna = format!("t.{}", campo.nome);
    match campo.tipo {
        TipoCampo::Texto { .. } | TipoCampo::TextoLongo { .. } => {
            Coluna::nova(texto(&coluna), "text", true)
        }
        TipoCampo::Centavos { .. } | TipoCampo::Milesimos { .. } | TipoCampo::Inteiro { .. } => {
            Coluna::nova(coluna, "bigint", true)
        }
        TipoCampo::Logico => Coluna::nova(coluna, "boolean", true),
        TipoCampo::Data => Coluna::nova(coluna, "date", true),
        TipoCampo::Instante => Coluna::nova(coluna, "timestamptz", true),
        TipoCampo::Escolha(opcoes) => {
            let codigos: Vec<String> =
                opcoes.iter().map(|(codigo, _)| format!("'{codigo}'")).collect();
            // A code that this version does not know comes after those that it does.
            let codigos = codigos.join(", ");
            let ordem = format!(
                "CASE WHEN {coluna} IS NOT NULL \
                 THEN coalesce(array_position(ARRAY[{codigos}], {coluna}), 1000) END"
            );
            Coluna::nova(ordem, "integer", true)
        }
        TipoCampo::Referencia(Alvo::Usuario) => {
            Coluna::nova(nome_de("usuario", &coluna), "text", true)
        }
        TipoCampo::Referencia(Alvo::Documento(Kind::Cliente)) => {
            Coluna::nova(nome_de("clientes", &coluna), "text", true)
        }
        TipoCampo::Referencia(Alvo::Documento(kind)) => {
            let numero = format!(
                "(SELECT x.numero FROM {} x WHERE x.tenant = t.tenant AND x.id = {coluna})",
                table(kind)
            );
            Coluna::nova(numero, "text", true)
        }
        TipoCampo::Referencia(Alvo::Qualquer) => Coluna::nova(coluna, "uuid", true),
        TipoCampo::Referencia(Alvo::Catalogo(catalogo)) => {
            let nome = texto("coalesce(x.data->>'nome', x.key)");
            // What the catalogue does not know is read as its code.
            let nome = format!(
                "coalesce((SELECT {nome} FROM referencia x WHERE x.tenant = t.tenant \
                 AND x.collection = '{catalogo}' AND x.key = {coluna}), {})",
                texto(&coluna)
            );
            Coluna::nova(nome, "text", true)
        }
    }
}

fn nome_de(tabela: &str, coluna: &str) -> String {
    let nome = texto("x.nome");
    format!("(SELECT {nome} FROM {tabela} x WHERE x.tenant = t.tenant AND x.id = {coluna})")
}

/// Text as it is ordered: case and accents do not matter, whatever the database's locale.
pub fn texto(sql: &str) -> String {
    let (de, para) = ACENTOS;
    format!("lower(translate(left({sql}, {TEXTO_CHARS}), '{de}', '{para}'))")
}

/// A folded text as a pattern for `LIKE` that is found anywhere, with nothing special in it.
pub fn padrao(dobrado: &str) -> String {
    let literal = dobrado.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{literal}%")
}

/// A field's column, as [`valor`] reads it.
pub fn lida(campo: &Campo) -> String {
    match campo.tipo {
        TipoCampo::Centavos { .. } | TipoCampo::Milesimos { .. } | TipoCampo::Inteiro { .. } => {
            format!("t.{0}::bigint AS {0}", campo.nome)
        }
        _ => format!("t.{}", campo.nome),
    }
}

/// The value of a field out of a row.
///
/// # Errors
/// The row has no such column.
pub fn valor(campo: &Campo, row: &PgRow) -> sqlx::Result<Valor> {
    let nome = campo.nome;
    let valor = match campo.tipo {
        TipoCampo::Texto { .. }
        | TipoCampo::TextoLongo { .. }
        | TipoCampo::Escolha(_)
        | TipoCampo::Referencia(Alvo::Catalogo(_)) => {
            row.try_get::<Option<String>, _>(nome)?.map(Valor::Texto)
        }
        TipoCampo::Centavos { .. } | TipoCampo::Milesimos { .. } | TipoCampo::Inteiro { .. } => {
            row.try_get::<Option<i64>, _>(nome)?.map(Valor::Inteiro)
        }
        TipoCampo::Logico => row.try_get::<Option<bool>, _>(nome)?.map(Valor::Logico),
        TipoCampo::Data => row.try_get::<Option<_>, _>(nome)?.map(Valor::Data),
        TipoCampo::Instante => row.try_get::<Option<_>, _>(nome)?.map(Valor::Instante),
        TipoCampo::Referencia(_) => row.try_get::<Option<_>, _>(nome)?.map(Valor::Id),
    };
    Ok(valor.unwrap_or(Valor::Nulo))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_with_an_accent_has_one_without() {
        let (com, sem) = ACENTOS;
        assert_eq!(com.chars().count(), sem.chars().count());
        for (com, sem) in com.chars().zip(sem.chars()) {
            assert_eq!(campo_domain::busca::dobrar(&com.to_string()), sem.to_string());
        }
    }

    #[test]
    fn a_list_is_ordered_by_names_that_are_known_and_by_nothing_else() {
        for kind in Kind::TODOS {
            for nome in nomes(kind) {
                assert!(de(kind, nome).is_some(), "{kind} {nome}");
            }
            for nome in ["", "tenant", "busca", "id; DROP TABLE", "t.id", "titulo--", "numero "] {
                assert!(de(kind, nome).is_none(), "{kind} {nome}");
            }
        }
        assert!(de(Kind::Cliente, "numero").is_none());
    }
}
