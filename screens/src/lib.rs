//! How a record reads to a person: fields, buttons, reasons, the lines of its history, conflicts.
//!
//! Pure, on `campo-domain` alone, and compiled into server and phone: the office's pages, the REST
//! API and the phone render what these functions return and decide nothing themselves. Whoever
//! calls brings a [`Look`]: the record, who looks at it, where and when, and the [`Names`] of what
//! it mentions ([`Cited`] says which those are).

mod buttons;
mod columns;
mod command;
mod disputes;
mod files;
mod form;
mod history;
mod late;
mod locked;
mod log;
mod look;
mod names;
mod parts;
mod portal;
mod stages;
mod standing;
mod words;

pub use buttons::{Button, ErpAction, May, Offer, Style, buttons, erp_actions, may};
pub use columns::{Column, columns};
pub use command::{Labelled, content};
pub use disputes::{Dispute, Proposal, Proposed, Version, disputes, proposed};
pub use files::{File, files};
pub use form::{Choice, Field, NewForm, asked_first, choices, form, new_form, new_part};
pub use history::{Change, Entry, Line, Quote, Side, View, lines, threads};
pub use late::{late, late_from};
pub use locked::{Locked, locked};
pub use log::{Located, kept, located};
pub use look::Look;
pub use names::{Cited, Link, Names, link_label};
pub use parts::{Part, Parts, parts, parts_in_use};
pub use portal::{
    ClientStep, client_form, client_reads, client_steps, client_title, is_internal,
    waits_for_client,
};
pub use stages::{Handover, Stage, Visit, stages, visits};
pub use standing::{
    Analysis, AnalysisState, Badges, Waiting, analyses, badges, priority_label, waiting,
};
pub use words::{Words, typed, words};
