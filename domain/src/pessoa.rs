//! A person of a company and what that person may do (R85).

use crate::ids::{DocumentId, UserId};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, fmt, str::FromStr};

/// The five permissions of R85, the administrator of the company (R86), and a client's login (R23).
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
    /// A client of the company: its own cases in the portal, and nothing else (R23).
    Portal,
}

impl Permissao {
    /// Every permission, in the order of R85.
    pub const TODAS: [Permissao; 7] = [
        Permissao::Ver,
        Permissao::VerTodas,
        Permissao::Gerenciar,
        Permissao::EmitirLaudo,
        Permissao::Aprovar,
        Permissao::Administrar,
        Permissao::Portal,
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
            Permissao::Portal => "portal",
        }
    }
}

impl fmt::Display for Permissao {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.codigo())
    }
}

/// The name is not one of the seven permissions.
#[derive(Debug, thiserror::Error)]
#[error(
    "permissão desconhecida: {0} (há ver, ver_todas, gerenciar, emitir_laudo, aprovar, \
     administrar, portal)"
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
    /// Groups that the person belongs to, by code (R86).
    #[serde(default)]
    pub grupos: BTreeSet<String>,
    /// The branch that the person works in (R32).
    #[serde(default)]
    pub filial: Option<String>,
    /// Whose client's login it is (R23).
    #[serde(default)]
    pub cliente: Option<DocumentId>,
}

impl Pessoa {
    /// The server acting by itself: no permission, and whatever a fluxo leaves to the system.
    pub fn servidor() -> Self {
        Pessoa {
            id: UserId::SERVIDOR,
            nome: "Campo".into(),
            permissoes: Permissoes::new(),
            ativo: true,
            grupos: BTreeSet::new(),
            filial: None,
            cliente: None,
        }
    }

    /// Whether the person is active and holds the permission.
    pub fn pode(&self, permissao: Permissao) -> bool {
        self.ativo && self.permissoes.contains(&permissao)
    }

    /// Whether it is a client in the portal, not one of the company's people (R23).
    pub fn portal(&self) -> bool {
        self.pode(Permissao::Portal) && !self.pode(Permissao::Ver)
    }
}
