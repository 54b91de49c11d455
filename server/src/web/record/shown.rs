//! What `campo_screens` says, as a page writes it: addresses for records, names for ids, moments
//! for instants.

use crate::web::format::Moment;
use campo_domain::ids::{DeviceId, UserId};
use campo_screens::{Link, Look, Words};
use chrono::{DateTime, Utc};

/// A value, ready to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// The text; empty when nothing is filled in.
    pub text: String,
    /// Where it leads, if it names a record.
    pub href: Option<String>,
}

impl Shown {
    /// A text that leads nowhere.
    pub fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), href: None }
    }
}

impl From<&Words> for Shown {
    fn from(words: &Words) -> Self {
        Self { text: words.text.clone(), href: words.link.as_ref().map(href) }
    }
}

/// The page of a record.
pub fn href(link: &Link) -> String {
    format!("/registros/{}/{}", link.kind, link.id)
}

/// The name of a person.
pub fn person(look: &Look<'_>, id: UserId) -> String {
    look.names.person_or_unknown(id).to_owned()
}

/// Where something was written: the name of the device, or the office.
pub fn device(look: &Look<'_>, id: DeviceId) -> String {
    look.names.device(id).unwrap_or("aparelho desconhecido").to_owned()
}

/// A moment as it reads now.
pub fn moment(look: &Look<'_>, at: DateTime<Utc>) -> Moment {
    Moment::new(at, look.now, look.zone)
}
