//! How rows of a source for reports are asked for.

use campo_domain::kind::Kind;
use serde::Deserialize;
use utoipa::IntoParams;

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
