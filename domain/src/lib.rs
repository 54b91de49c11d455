//! What the business is: records, rules and refusals. Pure: no Automerge, no SQL, no clock, no I/O.
//!
//! `sync` turns these into what travels; `mobile-core` and `server` run them at the two ends.

pub mod agenda;
pub mod analise;
pub mod assistencia;
pub mod busca;
mod campos;
pub mod catalogo;
pub mod cliente;
pub mod command;
pub mod fluxo;
pub mod ids;
pub mod invariantes;
pub mod kind;
pub mod ocorrencia;
pub mod origem;
pub mod parte;
pub mod pessoa;
pub mod policy;
pub mod preenchimento;
pub mod preset;
pub mod pt_br;
pub mod refusal;
pub mod registro;
pub mod texto;
pub mod tipo;
pub mod valor;
pub mod workflow;
