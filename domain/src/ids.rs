//! Typed ids. Each is a UUID (v7 when Campo mints it) that cannot be passed where another is meant.
//!
//! Pure: nothing here mints an id; whoever has a clock does (`mobile-core`, `server`).

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use uuid::Uuid;

macro_rules! typed_id {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// The id as a plain UUID, for a wire format or a column.
            pub const fn uuid(self) -> Uuid {
                self.0
            }

            /// An id from its number, for constants.
            pub const fn from_u128(number: u128) -> Self {
                Self(Uuid::from_u128(number))
            }

            /// The id as its 16 bytes, big-endian.
            pub const fn bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Ok(Self(Uuid::parse_str(text)?))
            }
        }
    )+};
}

typed_id! {
    /// A company that uses Campo. Every row belongs to one.
    TenantId,
    /// A person of a company.
    UserId,
    /// One installation of the app.
    DeviceId,
    /// A document of any kind: assistência, ocorrência, agenda or cliente.
    DocumentId,
    /// A part of a document: an item, despesa, anexo or vínculo.
    ItemId,
    /// A partial analysis, laudo, solução or parecer (R63, R65, R66, R71).
    AnaliseId,
    /// A request of transition (the offline rule).
    PedidoId,
    /// One entry of the acompanhamento that a person wrote (R78).
    NotaId,
    /// One command, from the tap to its fate.
    CommandId,
    /// A held branch, waiting for the office.
    HeldId,
    /// An intent for the ERP (R72–R75).
    AcaoId,
    /// A corrective action (R76).
    CorretivaId,
}

/// Who wrote something, and on which device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Autoria {
    /// The person; [`UserId::SERVIDOR`] for the server itself.
    pub por: UserId,
    /// The device; [`DeviceId::ESCRITORIO`] for the office.
    pub em: DeviceId,
}

impl UserId {
    /// The server acting by itself: it writes `situacao`, `numero` and verdicts.
    pub const SERVIDOR: UserId = UserId(Uuid::nil());
}

impl DeviceId {
    /// The "device" of everything that is written in the office.
    pub const ESCRITORIO: DeviceId = DeviceId(Uuid::nil());
}

impl DocumentId {
    /// Before every other: where a walk over documents begins.
    pub const NIL: DocumentId = DocumentId(Uuid::nil());
}
