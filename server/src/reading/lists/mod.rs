//! The lists of records, for pages and API alike: filters, full text, order by any columns, keyset.

pub mod columns;
mod filter;
mod order;
mod query;

pub use filter::{Bound, Filter, Responsible, client};
pub use order::{BadOrder, COLUMNS_MAX, DEFAULT, Key, Order};
#[cfg(test)]
pub use query::plans;
pub use query::{Linha, List, begin, count, page};
