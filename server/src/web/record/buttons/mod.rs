//! What the buttons of a record's page do.

pub mod erp;
pub mod fields;
pub mod flow;
pub mod notes;
pub mod parts;
pub mod people;
mod post;
pub mod quality;
