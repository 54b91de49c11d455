//! The acompanhamento of a record: one log, five views of it (R78–R82).

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::{AssertSqlSafe, FromRow, PgTransaction};
use utoipa::ToSchema;
use uuid::Uuid;

// R78, R79, R80, R81, R82, in this order.
/// Uma vista do acompanhamento.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Visao {
    /// Tudo o que aconteceu, do mais novo ao mais antigo.
    #[default]
    Tudo,
    /// Cada situação e cada responsável por que passou, com quanto tempo, do mais antigo ao mais
    /// novo.
    Tramite,
    /// As atividades, sem as alterações de campos.
    Historico,
    /// As anotações, cada conversa com as respostas.
    Conversas,
    /// Cada campo alterado: de, para, quem e quando.
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

    /// Which rows of the log it has. The stages of a trâmite are the record's own; of the log it
    /// has who was responsible when.
    pub const fn condicao(self) -> &'static str {
        match self {
            Visao::Tudo => "true",
            Visao::Tramite => "tipo = 'campo' AND campo = 'responsavel'",
            Visao::Historico => {
                "tipo NOT IN ('campo', 'texto') AND \
                 NOT (tipo IN ('item', 'despesa', 'anexo', 'vinculo') AND campo IS NOT NULL)"
            }
            Visao::Conversas => "tipo = 'nota'",
            Visao::Alteracoes => {
                "(tipo IN ('campo', 'texto', 'item', 'despesa', 'anexo', 'vinculo', \
                     'participante', 'interessado') \
                 OR (tipo = 'veredito' AND de IS DISTINCT FROM para))"
            }
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
    let sql = format!(
        "SELECT seq, ordem, tipo, parte, visibilidade, resposta_a, campo, de, para, texto, \
             por, dispositivo, no_aparelho, no_servidor \
         FROM acompanhamentos WHERE document = $1 AND {} ORDER BY seq DESC, ordem DESC LIMIT $2",
        visao.condicao()
    );
    sqlx::query_as(AssertSqlSafe(sql)).bind(document).bind(limit).fetch_all(&mut **tx).await
}
