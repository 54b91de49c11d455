//! `/registros/{kind}/{id}`: one record, whole, with everything that the person may do to it.
//!
//! `load` gathers, `view` shapes it for the template; each subject has a module with what is shown
//! of it, and one in `buttons` with what its buttons do. A refused form comes back as the same page (422) with what was typed.

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
