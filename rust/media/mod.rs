//! Pictures and sound as other vendors answer with them, in `OpenAI`'s forms. Base64 of pictures goes on as it came.

mod frames;
mod length;
mod pictures;
mod said;
mod speech;
mod transcript;
mod verdicts;

use crate::error::Error;
use crate::stream::Usage;

pub use length::length_ms;
pub use pictures::{Pictures, count as count_pictures};
pub use speech::Speech;
pub use transcript::Transcript;
pub use verdicts::with_flags;

const JSON: &str = "application/json";

/// An answer for a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// What it is.
    pub content_type: &'static str,
    /// All of it.
    pub body: Vec<u8>,
    /// How many pictures are in it.
    pub pictures: u64,
}

/// What a client asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Pictures, with the second since 1970 that they were asked for in.
    Pictures {
        /// See above.
        created_s: u64,
    },
    /// Speech: in a file, or its samples alone.
    Speech {
        /// See above.
        is_wav: bool,
    },
    /// What is said in a recording: as JSON, or the words alone.
    Transcript {
        /// See above.
        is_text: bool,
    },
}

/// A host's answer in the form that was asked for; `None` where nothing is in it. `usage`: what the host says of it.
///
/// What is no JSON is `InvalidJson`; JSON of another shape, or sound that cannot be read, is `MalformedEvent`.
pub fn make(wanted: Wanted, body: &[u8], usage: &Usage) -> Result<Option<Made>, Error> {
    let said = said::read(body)?;
    Ok(match wanted {
        Wanted::Pictures { created_s } => {
            Pictures::of(&said).map(|pictures| pictures.write(created_s, usage))
        }
        Wanted::Speech { is_wav } => Speech::of(&said)?.map(|speech| speech.write(is_wav)),
        Wanted::Transcript { is_text } => {
            Transcript::of(&said).map(|transcript| transcript.write(is_text, usage))
        }
    })
}

/// The counts of a usage, as `OpenAI` has them everywhere but in chat.
fn totals(usage: &Usage) -> (u64, u64, u64) {
    let (input, output) = (usage.input_tokens.unwrap_or(0), usage.output_tokens.unwrap_or(0));
    (input, output, input.saturating_add(output))
}

/// The part of a count that is not in another.
fn without(all: Option<u64>, part: Option<u64>) -> u64 {
    all.unwrap_or(0).saturating_sub(part.unwrap_or(0))
}
