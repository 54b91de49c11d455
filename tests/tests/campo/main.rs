//! Everything above one crate: the simulator, and the product as a whole on its real layers.

#![allow(clippy::unwrap_used, clippy::expect_used)] // Helpers of tests are not tests to clippy.

mod aparelho;
mod api_admin;
mod api_consultas;
mod api_listas;
mod api_registros;
mod api_routes;
mod browser;
mod casa;
mod client;
mod concurrency;
mod crashes;
mod end_to_end;
mod engine_failures;
mod estudio;
mod field_failures;
mod harness;
mod http;
mod office_api;
mod one_record;
mod outside;
mod pages;
mod photo_failures;
mod photo_storm;
mod policy_matrix;
mod postgres;
mod preset_p000;
mod preset_p000_erp;
mod preset_p001;
mod preset_p002;
mod preset_p003;
mod preset_p003_apart;
mod preset_p004;
mod requirements;
mod rest;
mod road;
mod rules;
mod s3;
mod simulation;
mod sixth;
mod sixth_preset;
mod tidy;
mod tus;
mod visibility;
mod wire_golden;
