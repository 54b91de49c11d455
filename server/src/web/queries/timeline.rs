//! The acompanhamento of a record: one log, five views of it (R78–R82).

use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgTransaction};
use uuid::Uuid;

/// A view of the acompanhamento.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Visao {
    /// Every operation (R78).
    #[default]
    Tudo,
    /// Every stage and attendant that it passed through (R79).
    Tramite,
    /// The activities, without the changes of single fields (R80).
    Historico,
    /// Messages, threaded (R81).
    Conversas,
    /// Field, old value, new value, who, when (R82).
    Alteracoes,
}

impl Visao {
    /// Every view, in the order of the tabs.
    pub const TODAS: [Visao; 5] =
        [Visao::Tudo, Visao::Tramite, Visao::Historico, Visao::Conversas, Visao::Alteracoes];

    /// The name in the page's address.
    pub const fn codigo(self) -> &'static str {
        match self {
            Visao::Tudo => "tudo",
            Visao::Tramite => "tramite",
            Visao::Historico => "historico",
            Visao::Conversas => "conversas",
            Visao::Alteracoes => "alteracoes",
        }
    }

    /// What a person reads.
    pub const fn rotulo(self) -> &'static str {
        match self {
            Visao::Tudo => "Tudo",
            Visao::Tramite => "Trâmite",
            Visao::Historico => "Histórico",
            Visao::Conversas => "Conversas",
            Visao::Alteracoes => "Alterações",
        }
    }

    /// The view of that name; the whole for any other.
    pub fn de_codigo(codigo: &str) -> Self {
        Visao::TODAS.into_iter().find(|visao| visao.codigo() == codigo).unwrap_or_default()
    }
}

/// One line of the acompanhamento.
#[derive(Clone, Debug, FromRow)]
pub struct Entry {
    pub seq: i64,
    pub ordem: i32,
    pub tipo: String,
    pub parte: Option<Uuid>,
    pub visibilidade: String,
    pub resposta_a: Option<Uuid>,
    pub campo: Option<String>,
    pub de: Option<String>,
    pub para: Option<String>,
    pub texto: String,
    pub por: Uuid,
    pub dispositivo: Uuid,
    pub no_aparelho: DateTime<Utc>,
    pub no_servidor: DateTime<Utc>,
}

macro_rules! of_record {
    ($which:literal) => {
        concat!(
            "SELECT seq, ordem, tipo, parte, visibilidade, resposta_a, campo, de, para, texto, \
                 por, dispositivo, no_aparelho, no_servidor \
             FROM acompanhamentos WHERE document = $1 AND (",
            $which,
            ") ORDER BY seq DESC, ordem DESC LIMIT $2"
        )
    };
}

/// The newest `limit` lines of a view of a record that the person may see.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn history(
    tx: &mut PgTransaction<'_>,
    document: Uuid,
    visao: Visao,
    limit: i64,
) -> sqlx::Result<Vec<Entry>> {
    let sql = match visao {
        Visao::Tudo => of_record!("true"),
        // The stages are the record's own; of the log, who was responsible when.
        Visao::Tramite => of_record!("campo = 'responsavel'"),
        Visao::Historico => of_record!(
            "tipo NOT IN ('campo', 'texto') AND NOT (campo IS NOT NULL \
                 AND tipo IN ('item', 'despesa', 'anexo', 'vinculo'))"
        ),
        Visao::Conversas => of_record!("tipo = 'nota'"),
        Visao::Alteracoes => of_record!(
            "tipo IN ('campo', 'texto', 'item', 'despesa', 'anexo', 'vinculo', 'participante', \
                 'interessado') OR (tipo = 'veredito' AND de IS DISTINCT FROM para)"
        ),
    };
    sqlx::query_as(sql).bind(document).bind(limit).fetch_all(&mut **tx).await
}
