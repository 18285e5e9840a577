//! Finds what lies near in meaning: vectors, the graph that searches them, and an index of many scopes.
//!
//! Nothing here knows what the vectors stand for. A scope is never searched for another's question.

mod beam;
mod distance;
mod graph;
mod index;
mod layer;
mod rows;
mod scope;
mod scored;
mod vectors;
mod visited;

pub use index::{Capacity, Hit, Index};
pub use scope::FLAT_AT_MOST;
