//! The back office (retaguarda): pages that the server renders, and the two files they load.
//!
//! Handlers read through `crate::reading`, show what `campo_screens` says of it and write through
//! `crate::office`, the same gate as a device's work; no rule is decided here. Every page works
//! without JavaScript: `assets/app.js` only keeps it fresh and spares clicks.

pub(crate) mod agenda;
pub(crate) mod anexos;
pub(crate) mod assets;
pub(crate) mod create;
pub(crate) mod form;
pub(crate) mod format;
pub(crate) mod held;
pub(crate) mod lists;
pub(crate) mod page;
pub(crate) mod record;
pub(crate) mod session;
