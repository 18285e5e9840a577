//! Vectors of texts that need no model: those of texts that are written alike lie near each other.
//!
//! They see letters and no meaning: what finds near-duplicates, a question asked again with a word more or a plural,
//! and not the same question in other words.

mod ngram;

pub use ngram::{DIMENSIONS, MODEL_ID, vector};
