//! Who looks at which record, where and when: what every other module of this crate takes.

use crate::names::Names;
use campo_domain::{pessoa::Pessoa, registro::Registro, tipo::Tipo, workflow::Onde};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;

/// A record as somebody is about to see it.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// The record: what is shown.
    pub record: &'a Registro,
    /// The record as it will stand once the server accepts what the person asked for on this
    /// device (`workflow::predict`): what is decided on. On the server it is `record` itself.
    pub expected: &'a Registro,
    /// The tipo that the record pins.
    pub tipo: &'a Tipo,
    /// Who looks.
    pub person: &'a Pessoa,
    /// On a phone, or in the office.
    pub place: Onde,
    /// The moment for which "late" is said.
    pub now: DateTime<Utc>,
    /// The company's time zone.
    pub zone: Tz,
    /// Names of what the record mentions.
    pub names: &'a Names,
}
