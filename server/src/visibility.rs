//! Who may see a record, as SQL says it: `campo_domain::policy::visivel` over the rows that a query
//! already reads. Every query that answers a person goes by [`visible!`]; nothing here reads or
//! writes.

use campo_domain::pessoa::{Permissao, Pessoa};
use uuid::Uuid;

/// Whether a person with `Ver` sees a row that has `tenant` and `raiz`. Given are the row's alias,
/// the person, and whether that person sees everybody's cases; without the last two, `$1` and `$2`
/// are the two parts of a [`Viewer`]. What else decides is read from the person's own row.
///
/// The form `with kind` is for rows of any kind, which have `kind` too.
macro_rules! visible {
    ($row:literal) => {
        $crate::visibility::visible!($row, "$1", "$2")
    };
    ($row:literal, with kind) => {
        concat!(
            "(($1 IS NOT NULL AND ",
            $row,
            ".kind = 'cliente') OR ",
            $crate::visibility::visible!($row),
            ")"
        )
    };
    ($row:literal, $user:literal, $all:literal) => {
        concat!(
            "((",
            $all,
            " OR EXISTS (SELECT 1 FROM envolvido vis_e WHERE vis_e.tenant = ",
            $row,
            ".tenant AND vis_e.raiz = ",
            $row,
            ".raiz AND vis_e.usuario = ",
            $user,
            ")) AND NOT EXISTS (SELECT 1 FROM restricao vis_r WHERE vis_r.tenant = ",
            $row,
            ".tenant AND vis_r.raiz = ",
            $row,
            ".raiz AND NOT EXISTS (SELECT 1 FROM usuario vis_u \
                 WHERE vis_u.tenant = vis_r.tenant AND vis_u.id = ",
            $user,
            " AND (vis_u.id = ANY (vis_r.usuarios) OR vis_u.grupos && vis_r.grupos \
                   OR 'administrar' = ANY (vis_u.permissoes)))))"
        )
    };
}
pub(crate) use visible;

/// Who reads, as [`visible!`] wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Viewer {
    /// The person; `None` without `Ver`, who sees nothing.
    pub id: Option<Uuid>,
    /// Whether the person sees everybody's records.
    pub all: bool,
}

impl Viewer {
    /// The person as a reader.
    pub fn of(pessoa: &Pessoa) -> Self {
        let sees = pessoa.pode(Permissao::Ver);
        Self { id: sees.then(|| pessoa.id.uuid()), all: sees && pessoa.pode(Permissao::VerTodas) }
    }
}
