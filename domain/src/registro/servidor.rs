//! What only the server writes into a record: actions of the ERP, who may see the record, links to
//! corrective actions, and how far the bytes of files have come.

use crate::ids::{AcaoId, CorretivaId, UserId};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// How far an action has come (R100).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SituacaoAcao {
    /// Asked for; on its way to the ERP.
    Solicitada,
    /// The ERP did it.
    Concluida,
    /// The ERP will not.
    Recusada,
}

impl SituacaoAcao {
    /// The stable name.
    pub const fn codigo(self) -> &'static str {
        match self {
            SituacaoAcao::Solicitada => "solicitada",
            SituacaoAcao::Concluida => "concluida",
            SituacaoAcao::Recusada => "recusada",
        }
    }

    /// What a person reads.
    pub const fn rotulo(self) -> &'static str {
        match self {
            SituacaoAcao::Solicitada => "Solicitada",
            SituacaoAcao::Concluida => "Concluída",
            SituacaoAcao::Recusada => "Recusada",
        }
    }
}

/// An intent for the ERP, and its answer (R21, R72–R75, R100). Written by the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acao {
    /// Its id.
    pub id: AcaoId,
    /// Which of the tipo's actions.
    pub codigo: String,
    /// Who asked for it.
    pub por: UserId,
    /// When, by the server's clock.
    pub quando: DateTime<Utc>,
    /// What the person added.
    pub observacao: Option<String>,
    /// How far it has come.
    pub situacao: SituacaoAcao,
    /// The number of what the ERP made.
    pub externo: Option<String>,
    /// What the ERP said.
    pub retorno: Option<String>,
    /// When it came this far, by the server's clock.
    pub atualizada_em: DateTime<Utc>,
    /// In whose name the ERP answered.
    pub respondida_por: Option<UserId>,
}

/// Who may see a record besides administrators (R86). Written by the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restricao {
    /// These people.
    pub usuarios: BTreeSet<UserId>,
    /// And everyone in these groups.
    pub grupos: BTreeSet<String>,
    /// Who said so.
    pub por: UserId,
    /// When, by the server's clock.
    pub quando: DateTime<Utc>,
}

/// A corrective action that the record belongs to (R77). Written by the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Corretiva {
    /// Its id.
    pub id: CorretivaId,
    /// Its number.
    pub numero: String,
    /// Who linked them.
    pub por: UserId,
    /// When, by the server's clock.
    pub quando: DateTime<Utc>,
}

/// How far the bytes of a file have come (R83).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SituacaoArquivo {
    /// Nothing of them has arrived.
    Esperada,
    /// All of them have arrived, and wait to be verified.
    Recebida,
    /// They are what was declared. It stays so.
    Verificada,
    /// They were not, were discarded, and are asked for again.
    Recusada,
}

impl SituacaoArquivo {
    /// Every one.
    pub const TODAS: [SituacaoArquivo; 4] = [
        SituacaoArquivo::Esperada,
        SituacaoArquivo::Recebida,
        SituacaoArquivo::Verificada,
        SituacaoArquivo::Recusada,
    ];

    /// The stable name.
    pub const fn codigo(self) -> &'static str {
        match self {
            SituacaoArquivo::Esperada => "esperada",
            SituacaoArquivo::Recebida => "recebida",
            SituacaoArquivo::Verificada => "verificada",
            SituacaoArquivo::Recusada => "recusada",
        }
    }

    /// What a person reads.
    pub const fn rotulo(self) -> &'static str {
        match self {
            SituacaoArquivo::Esperada => "Aguardando envio",
            SituacaoArquivo::Recebida => "Recebida, em conferência",
            SituacaoArquivo::Verificada => "Conferida",
            SituacaoArquivo::Recusada => "Recusada",
        }
    }

    /// The one of that name.
    pub fn de_codigo(codigo: &str) -> Option<Self> {
        SituacaoArquivo::TODAS.into_iter().find(|situacao| situacao.codigo() == codigo)
    }
}

/// What the server says of the bytes of a file. Written by the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arquivo {
    /// How far they have come.
    pub situacao: SituacaoArquivo,
    /// Since when, by the server's clock.
    pub quando: DateTime<Utc>,
    /// Why they were discarded: a code for [`crate::parte::frase_do_motivo`].
    pub motivo: Option<String>,
}
