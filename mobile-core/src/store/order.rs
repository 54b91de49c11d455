//! What a list may be ordered by (R91): the columns of its rows and every field of its kind, by
//! what a person reads of it. Identifiers in queries come only from here and from the
//! domain's tables of fields, never from input.

use campo_domain::{
    ids::DocumentId,
    kind::Kind,
    valor::{Alvo, Campo, TipoCampo},
};
use rusqlite::{
    ToSql,
    types::{FromSql, FromSqlResult, ToSqlOutput, ValueRef},
};
use serde::Serialize;

/// By what a list is ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ordem {
    /// A column of the rows, such as `situacao`, or a field of the kind.
    pub coluna: String,
    /// The greatest first.
    pub decrescente: bool,
}

impl Default for Ordem {
    /// The newest first.
    fn default() -> Self {
        Ordem { coluna: "criado_em".into(), decrescente: true }
    }
}

/// Where a page ends: what the next one starts after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Chave {
    /// By what the last row was ordered.
    pub marca: Marca,
    /// The last row.
    pub id: DocumentId,
}

/// The value that a row is ordered by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Marca {
    /// Numbers, instants, choices by their rank.
    Numero(i64),
    /// Everything else, folded.
    Texto(String),
}

impl ToSql for Marca {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self {
            Marca::Numero(n) => n.to_sql(),
            Marca::Texto(texto) => texto.to_sql(),
        }
    }
}

impl FromSql for Marca {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value {
            ValueRef::Integer(n) => Ok(Marca::Numero(n)),
            value => Ok(Marca::Texto(value.as_str()?.to_owned())),
        }
    }
}

const FASES: &str = "rascunho fila andamento espera_cliente conclusao concluido negado cancelado";

/// The SQL expression that a list of the kind is ordered by. It is never NULL, so that keyset
/// pagination can compare rows; empty values come last in both directions. `None` if the kind has
/// no such column.
pub(super) fn expressao(kind: Kind, ordem: &Ordem) -> Option<String> {
    let numero = |sql: String| {
        let ultimo = if ordem.decrescente { i64::MIN + 1 } else { i64::MAX };
        format!("coalesce({sql}, {ultimo})")
    };
    let texto = |sql: String| {
        let ultimo = if ordem.decrescente { "''" } else { "char(1114111)" };
        format!("coalesce(nullif({sql}, ''), {ultimo})")
    };
    Some(match ordem.coluna.as_str() {
        "criado_em" => "l.criado_em".into(),
        "titulo" => "l.ordem".into(),
        "numero" => texto("l.numero".into()),
        "rotulo" => "l.rotulo".into(),
        "tipo" => texto("dobrar(l.tipo_nome)".into()),
        "situacao" => texto("dobrar(l.situacao_nome)".into()),
        "fase" => format!("instr('{FASES}', l.fase)"),
        "cliente" => texto("c.ordem".into()),
        "recebido_em" | "etapa_desde" | "etapa_ate" | "atrasa_em" => {
            numero(format!("l.{}", ordem.coluna))
        }
        nome => {
            let campo = kind.campo(nome)?;
            let valor = format!("json_extract(l.campos, '$.{}')", campo.nome);
            if numerico(campo) { numero(valor) } else { texto(nome_de(campo, valor)) }
        }
    })
}

const fn numerico(campo: &Campo) -> bool {
    matches!(
        campo.tipo,
        TipoCampo::Centavos { .. }
            | TipoCampo::Milesimos { .. }
            | TipoCampo::Inteiro { .. }
            | TipoCampo::Logico
            | TipoCampo::Instante
            | TipoCampo::Escolha(_)
    )
}

/// What a person reads where a code or an id is stored.
fn nome_de(campo: &Campo, valor: String) -> String {
    let TipoCampo::Referencia(alvo) = campo.tipo else { return valor };
    let colecao = match alvo {
        Alvo::Documento(_) | Alvo::Qualquer => {
            return format!(
                "(SELECT dobrar(x.rotulo) FROM lista x WHERE x.account = l.account \
                 AND x.id = unhex(replace({valor}, '-', '')))"
            );
        }
        Alvo::Usuario => "usuario",
        Alvo::Catalogo(catalogo) => catalogo,
    };
    format!(
        "coalesce((SELECT dobrar(json_extract(x.data, '$.nome')) FROM reference x \
         WHERE x.account = l.account AND x.collection = '{colecao}' AND x.key = {valor}), {valor})"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_ordered_by_columns_that_are_known_and_by_nothing_else() {
        for kind in Kind::TODOS {
            for campo in kind.campos() {
                let ordem = Ordem { coluna: campo.nome.into(), decrescente: false };
                assert!(expressao(kind, &ordem).is_some(), "{kind} {}", campo.nome);
            }
            for coluna in ["", "id", "l.id", "busca; DROP TABLE lista", "titulo--"] {
                let ordem = Ordem { coluna: coluna.into(), decrescente: true };
                assert_eq!(expressao(kind, &ordem), None, "{kind} {coluna}");
            }
        }
    }
}
