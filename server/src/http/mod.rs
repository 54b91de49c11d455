//! What the routes for programs share: who asks, how a request is read, what an answer carries. No
//! route is here, and nothing of the business is decided.

pub mod etag;
pub mod extract;
pub mod idempotency;
pub mod page;
pub mod principal;
pub mod problems;
mod strict;

/// Largest body of a route that does not set its own limit.
pub const BODY_BYTES_MAX: usize = 2 * 1024 * 1024;
