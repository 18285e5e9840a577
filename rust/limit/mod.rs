//! How often something may happen: one bucket, and a bucket for each of many keys in bounded memory.
//!
//! No clock in here: every decision gets its time, in nanoseconds from any fixed moment of a monotonic clock.

mod bucket;
mod shards;
mod table;

pub use bucket::{Bucket, Decision, Rate, State};
pub use shards::Shards;
pub use table::Table;
