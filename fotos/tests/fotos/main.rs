//! Photos through the crate's public surface, with pictures that the tests make themselves.

#![allow(clippy::unwrap_used)] // Helpers of tests are not tests to clippy.

mod derivatives;
mod pictures;
mod wholeness;
