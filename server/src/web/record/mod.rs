//! `/registros/{kind}/{id}`: one record, whole, with everything that the person may do to it.
//!
//! `load` gathers, `campo_screens` says how it reads and what may be done, `view` and a module a
//! subject write that as HTML, `buttons` has what the forms do. A refused form comes back as the
//! same page (422) with what was typed.

pub mod buttons;
pub mod disputes;
pub mod erp;
pub mod fields;
pub mod flow;
pub mod gallery;
pub mod history;
pub mod inputs;
pub mod load;
pub mod parts;
pub mod people;
pub mod quality;
pub mod show;
pub mod shown;
pub mod view;
pub mod which;
