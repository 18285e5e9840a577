//! Tells calls, and conversations, apart.

use std::hash::Hasher as _;

use siphasher::sip128::{Hasher128 as _, SipHasher13};

use super::history::{History, text_of};
use crate::body;
use crate::dialect::Dialect;

/// Fields that say nothing about what is asked.
const VOLATILE: [&str; 6] =
    ["stream", "stream_options", "user", "metadata", "safety_identifier", "prompt_cache_key"];

/// The same for calls that ask the same, byte for byte but for fields that say nothing about it.
pub fn fingerprint(request: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new();
    body::for_each_top_level(request, |key, value| {
        if !VOLATILE.contains(&key) {
            hasher.write(key.as_bytes());
            hasher.write_u8(0);
            hasher.write(value);
        }
    });
    hasher.finish128().h1
}

/// A name for the run of a request that names none: the same for all steps of one conversation of one key.
///
/// That is the response it goes on from, where it names one, else what it began with: the system's words and the
/// first of the user's.
pub fn derived_run(dialect: Dialect, request: &[u8], key_name: &str) -> Option<String> {
    let mut hasher = SipHasher13::new();
    hasher.write(key_name.as_bytes());
    hasher.write_u8(0);
    let mut goes_on = false;
    body::for_each_top_level(request, |key, value| match key {
        "previous_response_id" if value != b"null" => {
            goes_on = true;
            hasher.write(value);
        }
        "system" | "instructions" => hasher.write(value),
        _ => {}
    });
    if !goes_on {
        let history = History::read(dialect, request)?;
        let begin = history.messages().take_while(|message| !message.is_assistant());
        let mut is_empty = true;
        for message in begin {
            is_empty = false;
            hasher.write(message.role.as_bytes());
            hasher.write(text_of(&message.content).as_bytes());
            hasher.write_u8(0);
        }
        if is_empty {
            return None;
        }
    }
    Some(format!("auto-{:016x}", hasher.finish128().h1))
}
