//! What runs in the office: the sync endpoint, the rows for lists and reports, and the pages.
//!
//! A shell around `campo-sync`: rules live in `campo-domain`, what may travel in `campo-sync`. The
//! server keeps no state that matters, so any number of processes may serve one database.
//!
//! Each module imports those above it in this list and none below; no two import each other.
//!
//! - `config`: the settings. `db`, `error`, `visibility`, `shutdown`, `search`, `drain`,
//!   `postgres`, `schemas`: what everything stands on.
//! - `log`, `objects`, `ledger` (the log of changes), `live`, `projection` (rows for lists and
//!   reports), `reference` (catalogues, tipos, people).
//! - `reading`: every query that a screen or a message reads.
//! - `outbox`: what leaves Campo.
//! - `commit`: plans work and writes it in one transaction.
//! - `app`: the state of the process.
//! - `auth`: who is asking. `office`: what the office does to records.
//! - `http`: what routes for programs share.
//! - `arquivos`: files, in and out.
//! - `web`: the pages. `api`: the REST API, sync, sessions, live. Neither imports the other.
//! - `routes`: every address. `timers`, `rebuild`, `demo`, `serve`, `admin`, `cli`: what runs.

mod admin;
pub mod api;
pub mod app;
pub mod arquivos;
pub mod auth;
pub mod cli;
pub mod commit;
pub mod config;
pub mod db;
mod demo;
mod drain;
mod error;
mod http;
pub mod ledger;
mod live;
mod log;
pub mod objects;
pub mod office;
pub mod outbox;
pub mod postgres;
pub mod projection;
mod reading;
pub mod rebuild;
pub mod reference;
pub mod routes;
mod schemas;
mod search;
pub mod serve;
mod shutdown;
#[doc(hidden)]
pub mod testing;
pub mod timers;
mod visibility;
mod web;
