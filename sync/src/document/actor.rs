//! Who wrote a change: person and device, in the actor id of each operation.

use automerge::ActorId;
use campo_domain::{
    ids::{DeviceId, UserId},
    registro::Autoria,
};
use uuid::Uuid;

/// Who writes: person, device, and randomness that is renewed after every rollback. The three are
/// the actor id itself, so each operation carries its author and nobody can write as another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Actor {
    /// The person.
    pub user: UserId,
    /// The device.
    pub device: DeviceId,
    /// Random for each installation, document and rollback; the epoch for the server.
    pub nonce: u64,
}

impl Actor {
    /// The server's own actor in this epoch.
    pub const fn servidor(epoch: u64) -> Self {
        Actor { user: UserId::SERVIDOR, device: DeviceId::ESCRITORIO, nonce: epoch }
    }

    /// As Automerge knows it: 40 bytes.
    pub fn actor_id(&self) -> ActorId {
        let mut bytes = Vec::with_capacity(40);
        bytes.extend_from_slice(self.user.bytes());
        bytes.extend_from_slice(self.device.bytes());
        bytes.extend_from_slice(&self.nonce.to_be_bytes());
        ActorId::from(bytes)
    }

    /// Reads an actor id; `None` where it is not one of ours.
    pub fn parse(actor: &ActorId) -> Option<Self> {
        let bytes: &[u8; 40] = actor.to_bytes().try_into().ok()?;
        Some(Actor {
            user: Uuid::from_slice(&bytes[..16]).ok()?.into(),
            device: Uuid::from_slice(&bytes[16..32]).ok()?.into(),
            nonce: u64::from_be_bytes(bytes[32..].try_into().ok()?),
        })
    }

    /// As the domain sees it.
    pub const fn autoria(&self) -> Autoria {
        Autoria { por: self.user, em: self.device }
    }
}
