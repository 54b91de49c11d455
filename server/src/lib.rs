//! What runs in the office: the sync endpoint, the rows for lists and reports, and the pages.
//!
//! A shell around `campo-sync`: rules live in `campo-domain`, what may travel in `campo-sync`. The
//! server keeps no state that matters, so any number of processes may serve one database.

pub mod admin;
pub mod api;
pub mod app;
pub mod arquivos;
pub mod auth;
pub mod cli;
pub mod commit;
pub mod config;
pub mod db;
pub mod demo;
pub mod drain;
pub mod error;
pub mod http;
pub mod ledger;
pub mod live;
pub mod log;
pub mod objects;
pub mod office;
pub mod outbox;
pub mod postgres;
pub mod projection;
pub(crate) mod reading;
pub mod rebuild;
pub mod reference;
pub mod routes;
pub mod schemas;
pub mod search;
pub mod serve;
pub mod shutdown;
#[doc(hidden)]
pub mod testing;
pub mod timers;
pub(crate) mod visibility;
pub mod web;
