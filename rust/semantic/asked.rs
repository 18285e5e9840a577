//! What a request asks, and a digest of everything else of it.

use sha2::{Digest, Sha256};

use super::turns;
use crate::body::{Edit, splice};
use crate::cache::{OF_FORM, canonical};
use crate::dialect::Dialect;

/// Longer questions are documents, whose vectors say little of the sentence that asks.
pub const MAX_TEXT_BYTES: usize = 8 << 10;
/// Counted up with any change of what a digest is made of.
const VERSION: &[u8] = b"asked-1";

/// A question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Of all that shapes the answer but the words of the question: model, parameters known or not, system prompt, tools,
    /// earlier turns, pictures and files. Key order and white space play no part.
    pub scope_part: [u8; 32],
    /// The words: those of several parts or turns a line each.
    pub text: String,
}

/// What a client's body asks in its last `window` user turns.
///
/// None where a tool's result comes last, where there is no text or more than [`MAX_TEXT_BYTES`] of it, and where the
/// body cannot be read. Cost: a few passes over the body.
pub fn asked(dialect: Dialect, body: &[u8], window: usize) -> Option<Asked> {
    let found = turns::last_texts(dialect, body, window)?;
    let mut texts: Vec<String> = Vec::with_capacity(found.len());
    let mut edits = Vec::with_capacity(found.len());
    for value in found {
        texts.push(serde_json::from_str(value.get()).ok()?);
        // A slice of the body: how far it is from the beginning is where it stands.
        let from = value.get().as_ptr().addr().checked_sub(body.as_ptr().addr())?;
        edits.push(Edit::replace(from..from + value.get().len(), b"\"\"".to_vec()));
    }
    let text = texts.join("\n");
    if text.len() > MAX_TEXT_BYTES || text.trim().is_empty() {
        return None;
    }
    let rest = canonical(&splice(body, &edits), &OF_FORM).ok()?;
    let mut digest = Sha256::new_with_prefix(VERSION);
    digest.update(dialect.name());
    digest.update([0]);
    digest.update(rest);
    Some(Asked { scope_part: digest.finalize().into(), text })
}
