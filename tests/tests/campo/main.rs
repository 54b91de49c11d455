//! Everything above one crate: the simulator, and the product as a whole on its real layers.

#![allow(clippy::unwrap_used, clippy::expect_used)] // Helpers of tests are not tests to clippy.

mod browser;
mod client;
mod crashes;
mod end_to_end;
mod engine_failures;
mod field_failures;
mod harness;
mod http;
mod pages;
mod policy_matrix;
mod postgres;
mod road;
mod simulation;
mod tidy;
mod wire_golden;
