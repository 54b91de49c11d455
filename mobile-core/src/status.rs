//! How the device stands, for a status line.

use crate::{
    error::Error,
    phone::Phone,
    photos::PhotoSummary,
    sign_in::SessionState,
    store::{
        cursor, fates, marks, queue,
        session::{self, Conta},
    },
    sync::notice_of_damage,
};
use campo_domain::ids::DeviceId;
use chrono::{DateTime, Utc};
use serde::Serialize;

/// How the device stands.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// Who is signed in.
    #[serde(rename = "conta")]
    pub account: Option<Conta>,
    /// Whether the session is good.
    #[serde(flatten)]
    pub session: SessionState,
    /// This installation.
    #[serde(rename = "dispositivo")]
    pub device: DeviceId,
    /// How people call it.
    #[serde(rename = "dispositivo_nome")]
    pub device_name: String,
    /// Commands that wait.
    #[serde(rename = "pendentes")]
    pub pending: u32,
    /// Commands that the office has to decide on.
    #[serde(rename = "retidas")]
    pub held: u32,
    /// Commands that were refused and not dismissed.
    #[serde(rename = "recusadas")]
    pub refused: u32,
    /// Documents that could not be read and are set aside; they will be asked for again.
    #[serde(rename = "danificados")]
    pub damaged: u32,
    /// What the person is told of them.
    #[serde(rename = "aviso")]
    pub notice: Option<String>,
    /// When a synchronisation last came to its end.
    #[serde(rename = "ultima_sincronizacao")]
    pub last_sync_at: Option<DateTime<Utc>>,
    /// When the next try is due, after a failure (ff41).
    #[serde(rename = "proxima_tentativa")]
    pub next_try_at: Option<DateTime<Utc>>,
    /// Failures in a row.
    #[serde(rename = "falhas")]
    pub failures: u32,
    /// What the last failure said.
    #[serde(rename = "ultimo_erro")]
    pub last_error: Option<String>,
    /// Photos that the server is not known to have.
    #[serde(rename = "fotos")]
    pub photos: PhotoSummary,
}

impl Phone {
    /// How the device stands, for a status line.
    ///
    /// # Errors
    /// Storage.
    pub fn status(&self) -> Result<Status, Error> {
        self.read(|conn| {
            let (device, device_name) = session::device(conn)?;
            let session = session::session(conn)?.as_ref().into();
            let account = session::signed_in(conn)?;
            // No account has the key 0, so all counts are zero while nobody is signed in.
            let key = account.as_ref().map_or(0, |account| account.key);
            let place = cursor::load(conn, key)?;
            let (held, refused) = fates::counts(conn, key, None)?;
            let damaged = marks::damaged(conn, key)?;
            Ok(Status {
                account: account.map(|account| account.conta),
                session,
                device,
                device_name,
                pending: queue::count(conn, key, None)?,
                held,
                refused,
                damaged,
                notice: notice_of_damage(damaged),
                last_sync_at: place.last_sync_at,
                next_try_at: place.next_try_at,
                failures: place.failures,
                last_error: place.last_error,
                photos: PhotoSummary::load(conn, key)?,
            })
        })
    }
}
