//! A person of a company and what that person may do (R85).

use crate::ids::UserId;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, fmt, str::FromStr};

/// The five permissions of R85, and the administrator of the company (R86).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permissao {
    /// See one's own records, and create.
    Ver,
    /// See everybody's.
    VerTodas,
    /// Put in analysis, cancel, estornar. Neither conclude nor issue a laudo.
    Gerenciar,
    /// Issue a laudo. Not conclude.
    EmitirLaudo,
    /// Conclude.
    Aprovar,
    /// Look after the company: people, devices, catalogues.
    Administrar,
}

impl Permissao {
    /// Every permission, in the order of R85.
    pub const TODAS: [Permissao; 6] = [
        Permissao::Ver,
        Permissao::VerTodas,
        Permissao::Gerenciar,
        Permissao::EmitirLaudo,
        Permissao::Aprovar,
        Permissao::Administrar,
    ];

    /// The stable name: what is stored and what travels.
    pub const fn codigo(self) -> &'static str {
        match self {
            Permissao::Ver => "ver",
            Permissao::VerTodas => "ver_todas",
            Permissao::Gerenciar => "gerenciar",
            Permissao::EmitirLaudo => "emitir_laudo",
            Permissao::Aprovar => "aprovar",
            Permissao::Administrar => "administrar",
        }
    }
}

impl fmt::Display for Permissao {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.codigo())
    }
}

/// The name is not one of the six permissions.
#[derive(Debug, thiserror::Error)]
#[error(
    "permissão desconhecida: {0} (há ver, ver_todas, gerenciar, emitir_laudo, aprovar, administrar)"
)]
pub struct PermissaoDesconhecida(String);

impl FromStr for Permissao {
    type Err = PermissaoDesconhecida;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Permissao::TODAS
            .into_iter()
            .find(|permissao| permissao.codigo() == text)
            .ok_or_else(|| PermissaoDesconhecida(text.to_owned()))
    }
}

/// The set of permissions of one person.
pub type Permissoes = BTreeSet<Permissao>;

/// Who acts: a person with permissions, or the server itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pessoa {
    /// Who it is.
    pub id: UserId,
    /// Name as people know it.
    pub nome: String,
    /// What the person may do.
    pub permissoes: Permissoes,
    /// False once the person left: may then do nothing.
    pub ativo: bool,
}

impl Pessoa {
    /// Whether the person is active and holds the permission.
    pub fn pode(&self, permissao: Permissao) -> bool {
        self.ativo && self.permissoes.contains(&permissao)
    }
}
