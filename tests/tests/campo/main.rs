//! Everything above one crate: the simulator, and the product as a whole on its real layers.

#![allow(clippy::unwrap_used, clippy::expect_used)] // Helpers of tests are not tests to clippy.

mod api_admin;
mod api_consultas;
mod api_listas;
mod api_registros;
mod api_routes;
mod browser;
mod client;
mod concurrency;
mod crashes;
mod end_to_end;
mod engine_failures;
mod field_failures;
mod harness;
mod http;
mod one_record;
mod pages;
mod policy_matrix;
mod postgres;
mod rest;
mod road;
mod rules;
mod simulation;
mod sixth;
mod tidy;
mod visibility;
mod wire_golden;
