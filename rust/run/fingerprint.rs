//! Tells calls, and conversations, apart.

use std::hash::{Hash as _, Hasher as _};

use siphasher::sip128::{Hasher128 as _, SipHasher13};

use super::history::{History, sign_json};
use crate::body;

/// Fields that say nothing about what is asked.
const VOLATILE: [&str; 8] = [
    "stream",
    "stream_options",
    "user",
    "metadata",
    "safety_identifier",
    "prompt_cache_key",
    "service_tier",
    "store",
];

/// The same for calls that ask the same, however their fields are ordered and the JSON is spaced, and whatever the
/// fields are that say nothing about it. Never 0. Cost: one pass over the body.
pub fn fingerprint(request: &[u8]) -> u64 {
    let mut sum = 0_u64;
    body::for_each_top_level(request, |key, value| {
        if VOLATILE.contains(&key) {
            return;
        }
        let mut hasher = SipHasher13::new();
        hasher.write(key.as_bytes());
        hasher.write_u8(0);
        for part in unspaced(value) {
            hasher.write(part);
        }
        sum = sum.wrapping_add(hasher.finish128().h1);
    });
    sum.max(1)
}

/// JSON in the pieces between the white space around its tokens.
fn unspaced(json: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut in_string, mut escaped) = (false, false);
    let pieces = json.split(move |byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_string,
            b'"' => in_string = !in_string,
            _ => return !in_string && byte.is_ascii_whitespace(),
        }
        false
    });
    pieces.filter(|piece| !piece.is_empty())
}

/// Whose conversation it is: names of runs are told apart by it.
#[derive(Debug, Clone, Copy)]
pub struct Speaker<'a> {
    /// The key, by its name.
    pub key: &'a str,
    /// Who stands behind the key's owner; empty where nobody is named.
    pub end_user: &'a str,
}

/// What a request that names no run says about its run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// It begins a conversation, or carries all of it: the same for all its steps. Made of the system's words and what
    /// was said before the model first spoke.
    Begins(u64),
    /// It goes on from a response of which only the id is named.
    GoesOn(String),
}

/// Which conversation a request belongs to, in any dialect; None where it has none.
pub fn origin(request: &[u8], speaker: Speaker<'_>) -> Option<Origin> {
    let mut hasher = SipHasher13::new();
    (speaker.key, speaker.end_user).hash(&mut hasher);
    let (mut response, mut is_named, mut is_empty) = (None, false, true);
    body::for_each_top_level(request, |key, value| match key {
        "previous_response_id" => response = serde_json::from_slice::<String>(value).ok(),
        "conversation" if value != b"null" => {
            is_named = true;
            hasher.write(&conversation_id(value));
        }
        "system" | "instructions" | "systemInstruction" | "system_instruction" => {
            sign_json(value, &mut hasher);
        }
        "input" if value.starts_with(b"\"") => {
            is_empty = false;
            hasher.write(value);
        }
        _ => {}
    });
    if let Some(response) = response {
        return Some(Origin::GoesOn(response));
    }
    if is_named {
        return Some(Origin::Begins(hasher.finish128().h1));
    }
    if is_empty {
        let history = History::read(request)?;
        for message in history.messages().take_while(|m| !m.is_models() && !m.is_thought()) {
            is_empty = false;
            message.role().hash(&mut hasher);
            message.sign(&mut hasher);
        }
    }
    (!is_empty).then(|| Origin::Begins(hasher.finish128().h1))
}

/// The conversation of a response of which nothing is remembered.
pub fn fingerprint_of(speaker: Speaker<'_>, response: &str) -> u64 {
    let mut hasher = SipHasher13::new();
    (speaker.key, speaker.end_user, response).hash(&mut hasher);
    hasher.finish128().h1
}

/// `"conv_1"`, or `{"id": "conv_1"}`.
fn conversation_id(value: &[u8]) -> Vec<u8> {
    #[derive(serde::Deserialize)]
    #[serde(untagged)]
    enum Conversation {
        Id(String),
        Object { id: String },
    }
    match serde_json::from_slice(value) {
        Ok(Conversation::Id(id) | Conversation::Object { id }) => id.into_bytes(),
        Err(_) => value.to_vec(),
    }
}

/// How derived runs are called.
const DERIVED: &str = "auto-";

/// The name of a derived run.
pub fn derived_name(conversation: u64) -> String {
    format!("{DERIVED}{conversation:016x}")
}

/// The conversation of a derived run; None where a client has named the run.
pub fn derived_from(name: &str) -> Option<u64> {
    let digits = name.strip_prefix(DERIVED).filter(|digits| digits.len() == 16)?;
    u64::from_str_radix(digits, 16).ok()
}
