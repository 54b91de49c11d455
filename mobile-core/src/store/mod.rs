//! The device's database: documents, queue, fates, lists, reference data and session in one SQLite
//! file. What belongs together is written in one transaction; callers own the transaction. Holds no
//! rule: `campo_sync::client` decides what is written here. Knows nothing of what uses it.

pub mod anexos;
pub mod arquivos;
pub mod budget;
mod columns;
pub mod cursor;
pub mod database;
pub mod documents;
pub mod error;
pub mod fates;
pub mod lists;
pub mod marks;
pub mod migrations;
pub mod order;
pub mod queue;
pub mod references;
pub mod rows;
pub mod schema;
pub mod session;
#[cfg(test)]
mod tests;
pub mod uploads;
