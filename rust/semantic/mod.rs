//! The semantic cache's core: what a request asks, told from everything else of it, and what was asked before.
//!
//! Only the words of the last user turn may differ between a question and the one whose answer it gets. All else of
//! both requests is their scope, which must be the same to the last bit: a scope is never searched from another.

mod asked;
mod held;
mod memory;
mod turns;

pub use asked::{Asked, MAX_TEXT_BYTES, asked};
pub use memory::{AWAITED_MS, Answer, LOOKED_AT, Look, Memory, Near, Question, pick};
