//! What a list may be ordered by, and how the value of a field is read out of a row. Whatever
//! stands in a query as an identifier stands here, or in the domain's tables of fields. What the
//! columns are called is said by `campo_screens::columns`.

use crate::projection::table;
use campo_domain::{
    kind::Kind,
    valor::{Alvo, Campo, TipoCampo, Valor},
};
use sqlx::{Row, postgres::PgRow};
use std::borrow::Cow;

/// The fases in which work is over, as a list of SQL.
pub const CLOSED: &str = "'concluido', 'cancelado', 'negado'";
/// Those in which it may still happen.
pub const OPEN: [&str; 5] = ["rascunho", "fila", "andamento", "espera_cliente", "conclusao"];

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
const ACCENTS: (&str, &str) = (
    "áàâãäÁÀÂÃÄéèêëÉÈÊËíìîïÍÌÎÏóòôõöÓÒÔÕÖúùûüÚÙÛÜçÇñÑ",
    "aaaaaaaaaaeeeeeeeeiiiiiiiioooooooooouuuuuuuuccnn",
);

/// Characters by which a text is ordered; a cursor carries no more.
const TEXT_CHARS: usize = 120;

/// Something that a list may be ordered by.
#[derive(Clone, Debug)]
pub struct Column {
    /// The expression.
    pub sql: Cow<'static, str>,
    /// Its type in PostgreSQL.
    pub pg: &'static str,
    /// Whether it may be empty.
    pub nullable: bool,
}

impl Column {
    fn new(sql: impl Into<Cow<'static, str>>, pg: &'static str, nullable: bool) -> Self {
        Self { sql: sql.into(), pg, nullable }
    }
}

/// The names that a list of the kind may be ordered by.
pub fn names(kind: Kind) -> Vec<&'static str> {
    campo_screens::columns(kind).into_iter().map(|column| column.name).collect()
}

/// The column of that name; `t` is the row and `c` its client.
pub fn column(kind: Kind, name: &str) -> Option<Column> {
    Some(match name {
        "numero" if kind.numerado() => Column::new("t.numero", "text", true),
        "tipo" => Column::new("t.tipo", "text", false),
        "situacao" => Column::new(text("t.situacao_nome"), "text", false),
        // The client that the list shows, which may be that of the case.
        "cliente" => Column::new(text("c.nome"), "text", true),
        "fase" => {
            let fases = FASES.map(|fase| format!("'{fase}'")).join(", ");
            Column::new(format!("array_position(ARRAY[{fases}], t.fase)"), "integer", true)
        }
        "titulo" => Column::new(text("t.titulo"), "text", false),
        "criado_em" => Column::new("t.criado_em", "timestamptz", false),
        "atualizado_em" => Column::new("t.atualizado_em", "timestamptz", false),
        "recebido_em" => Column::new("t.recebido_em", "timestamptz", true),
        "etapa_desde" => Column::new("t.etapa_desde", "timestamptz", true),
        "etapa_ate" => Column::new("t.etapa_ate", "timestamptz", true),
        "criado_por" => Column::new(name_of("usuario", "t.criado_por"), "text", true),
        name => of_field(kind.campo(name)?),
    })
}

/// A person orders by what is read: the name and not the id, the rank of a choice and not its code.
fn of_field(campo: &Campo) -> Column {
    let column = format!("t.{}", campo.nome);
    match campo.tipo {
        TipoCampo::Texto { .. } | TipoCampo::TextoLongo { .. } => {
            Column::new(text(&column), "text", true)
        }
        TipoCampo::Centavos { .. } | TipoCampo::Milesimos { .. } | TipoCampo::Inteiro { .. } => {
            Column::new(column, "bigint", true)
        }
        TipoCampo::Logico => Column::new(column, "boolean", true),
        TipoCampo::Data => Column::new(column, "date", true),
        TipoCampo::Instante => Column::new(column, "timestamptz", true),
        TipoCampo::Escolha(choices) => {
            let codes: Vec<String> = choices.iter().map(|(code, _)| format!("'{code}'")).collect();
            // A code that this version does not know comes after those that it does.
            let codes = codes.join(", ");
            let rank = format!(
                "CASE WHEN {column} IS NOT NULL \
                 THEN coalesce(array_position(ARRAY[{codes}], {column}), 1000) END"
            );
            Column::new(rank, "integer", true)
        }
        TipoCampo::Referencia(Alvo::Usuario) => {
            Column::new(name_of("usuario", &column), "text", true)
        }
        TipoCampo::Referencia(Alvo::Documento(Kind::Cliente)) => {
            Column::new(name_of("clientes", &column), "text", true)
        }
        TipoCampo::Referencia(Alvo::Documento(kind)) => {
            let number = format!(
                "(SELECT x.numero FROM {} x WHERE x.tenant = t.tenant AND x.id = {column})",
                table(kind)
            );
            Column::new(number, "text", true)
        }
        TipoCampo::Referencia(Alvo::Qualquer) => Column::new(column, "uuid", true),
        TipoCampo::Referencia(Alvo::Catalogo(catalogue)) => {
            let name = text("coalesce(x.data->>'nome', x.key)");
            // What the catalogue does not know is read as its code.
            let name = format!(
                "coalesce((SELECT {name} FROM referencia x WHERE x.tenant = t.tenant \
                 AND x.collection = '{catalogue}' AND x.key = {column}), {})",
                text(&column)
            );
            Column::new(name, "text", true)
        }
    }
}

fn name_of(table: &str, column: &str) -> String {
    let name = text("x.nome");
    format!("(SELECT {name} FROM {table} x WHERE x.tenant = t.tenant AND x.id = {column})")
}

/// Text as it is ordered: case and accents do not matter, whatever the database's locale.
pub fn text(sql: &str) -> String {
    let (de, para) = ACCENTS;
    format!("lower(translate(left({sql}, {TEXT_CHARS}), '{de}', '{para}'))")
}

/// A folded text as a pattern for `LIKE` that is found anywhere, with nothing special in it.
pub fn pattern(folded: &str) -> String {
    let literal = folded.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{literal}%")
}

/// A field's column, as [`value`] reads it.
pub fn selected(campo: &Campo) -> String {
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
pub fn value(campo: &Campo, row: &PgRow) -> sqlx::Result<Valor> {
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
        let (com, sem) = ACCENTS;
        assert_eq!(com.chars().count(), sem.chars().count());
        for (com, sem) in com.chars().zip(sem.chars()) {
            assert_eq!(campo_domain::busca::dobrar(&com.to_string()), sem.to_string());
        }
    }

    #[test]
    fn a_list_is_ordered_by_names_that_are_known_and_by_nothing_else() {
        for kind in Kind::TODOS {
            for nome in names(kind) {
                assert!(column(kind, nome).is_some(), "{kind} {nome}");
            }
            for nome in ["", "tenant", "busca", "id; DROP TABLE", "t.id", "titulo--", "numero "] {
                assert!(column(kind, nome).is_none(), "{kind} {nome}");
            }
        }
        assert!(column(Kind::Cliente, "numero").is_none());
    }
}
