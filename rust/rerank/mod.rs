//! Documents in the order of how well they answer a question: rankings of hosts read in whichever form, and written as
//! Cohere and Jina have them.

mod asked;
mod form;
mod read;
mod write;

pub use asked::{Wanted, count_tokens, most_searches, repeated_bytes, searches};
pub use form::Form;
pub use read::{Ranked, Ranking, read};
