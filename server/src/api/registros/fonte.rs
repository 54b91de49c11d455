//! The sources for reports, and how rows of one are asked for.

use campo_domain::kind::Kind;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Uma fonte de relatórios.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Fonte {
    /// Um registro por linha, de todos os tipos.
    Registros,
    /// Um item por linha.
    Itens,
    /// Uma despesa por linha.
    Despesas,
    /// Uma análise por linha.
    Analises,
    /// Uma ação por linha.
    Acoes,
    /// Um acontecimento por linha.
    Acompanhamentos,
    /// Uma passagem por uma situação por linha, com quanto tempo durou.
    Situacoes,
    /// Um e-mail sobre um registro por linha.
    Emails,
    /// Um registro vinculado a uma ação corretiva por linha.
    AcoesCorretivas,
    /// Um registro que mudou, ou deixou de ser visto, por linha, na ordem em que aconteceu.
    Mudancas,
}

impl Fonte {
    /// Every source.
    pub const TODAS: [Fonte; 10] = [
        Fonte::Registros,
        Fonte::Itens,
        Fonte::Despesas,
        Fonte::Analises,
        Fonte::Acoes,
        Fonte::Acompanhamentos,
        Fonte::Situacoes,
        Fonte::Emails,
        Fonte::AcoesCorretivas,
        Fonte::Mudancas,
    ];

    /// The name in the address.
    pub const fn codigo(self) -> &'static str {
        match self {
            Fonte::Registros => "registros",
            Fonte::Itens => "itens",
            Fonte::Despesas => "despesas",
            Fonte::Analises => "analises",
            Fonte::Acoes => "acoes",
            Fonte::Acompanhamentos => "acompanhamentos",
            Fonte::Situacoes => "situacoes",
            Fonte::Emails => "emails",
            Fonte::AcoesCorretivas => "acoes-corretivas",
            Fonte::Mudancas => "mudancas",
        }
    }

    /// What it has, for whoever chooses.
    pub const fn descricao(self) -> &'static str {
        match self {
            Fonte::Registros => "Um registro por linha, de todos os tipos.",
            Fonte::Itens => "Um item por linha.",
            Fonte::Despesas => "Uma despesa por linha.",
            Fonte::Analises => "Uma análise por linha.",
            Fonte::Acoes => "Uma ação por linha.",
            Fonte::Acompanhamentos => "Um acontecimento por linha.",
            Fonte::Situacoes => "Uma passagem por uma situação por linha, com quanto durou.",
            Fonte::Emails => "Um e-mail sobre um registro por linha.",
            Fonte::AcoesCorretivas => "Um registro vinculado a uma ação corretiva por linha.",
            Fonte::Mudancas => {
                "Um registro que mudou, ou deixou de ser visto, por linha, na ordem em que \
                 aconteceu: para manter uma cópia."
            }
        }
    }
}

/// Which rows.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Filtro {
    /// Só de assistencia, ocorrencia, agenda ou cliente.
    #[param(value_type = Option<crate::schemas::Kind>)]
    pub(super) kind: Option<Kind>,
    /// Só de registros alterados a partir deste dia ou instante. É para relatórios: o que deixou de
    /// existir não aparece. Para manter uma cópia, use a fonte `mudancas`.
    pub(super) atualizado_de: Option<String>,
    /// Só da fonte `mudancas`: o que veio depois deste `seq`, o da última linha que chegou.
    pub(super) depois_de: Option<i64>,
    /// Linhas por página, até 200.
    pub(super) limite: Option<u16>,
    /// O `proximo` da página anterior.
    pub(super) cursor: Option<String>,
}
