//! Journal rows as the ledger's columns.
//!
//! The journal keeps a row as the JSON that the request path wrote in one go; a store wants values, many rows at a time.

mod arrays;
mod columns;
mod json;
mod read;
mod sort;

pub use arrays::arrays;
pub use columns::{COLUMNS, Column, Kind, TIME};
pub use read::{Reader, Value, Values};
pub use sort::{Entry, Sorted, sort_out};
