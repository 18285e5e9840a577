//! What is counted: of requests, of attempts, of the gateway itself; for all workers of a host at once.
//!
//! Counts stand in a mapped file. A *series* is a family with its labels and a place in it; each worker adds at that
//! place of its own part of the file, and whoever is asked adds the parts up. So a request takes no lock and shares no
//! cache line with another worker, what dead workers counted stays, and every worker gives the same answer.

mod board;
mod bounds;
mod caching;
mod cells;
mod family;
mod label;
mod metrics;
mod process;
mod seat;
mod slot;
mod text;

pub use board::Board;
pub use caching::Saved;
pub use metrics::{Attempted, Metrics, ModelSeries, RequestEnd};
pub use seat::{Component, Health, Holding};
pub use slot::Member;
pub use text::{Exposition, render};
