//! Whose a signature is, once it has left its own dialect.
//!
//! A signature means something to the vendor that gave it and is refused by every other. Clients send it back without a
//! word of where it came from, so what crosses dialects carries a mark in front: eight characters of base64, since
//! Gemini's clients decode what they get. `python/sluicegate/dialects/seal.py` reads it.

use std::borrow::Cow;

/// Before a signature of Gemini's in another dialect.
const OURS: &str = "sgGemini";
/// Before a signature of another vendor's in Gemini's dialect.
const ANOTHERS: &str = "sgAnthro";

/// A signature that Gemini gave, as the neutral form has it.
pub(super) fn sealed(signature: &str) -> String {
    format!("{OURS}{signature}")
}

/// A signature of the neutral form, as a client of Gemini's dialect gets it, and whether Gemini gave it; None where it is
/// not base64, which these clients could not read.
pub(super) fn unsealed(signature: &str) -> Option<(Cow<'_, str>, bool)> {
    match signature.strip_prefix(OURS) {
        Some(own) => Some((own.into(), true)),
        None if is_base64(signature) => Some((format!("{ANOTHERS}{signature}").into(), false)),
        None => None,
    }
}

fn is_base64(text: &str) -> bool {
    let digits = text.trim_end_matches('=');
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(&byte);
    text.len().is_multiple_of(4) && text.len() - digits.len() <= 2 && digits.bytes().all(is_digit)
}
