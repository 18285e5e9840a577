//! The fields that the gateway acts on, read out of a body that is checked whole.

use std::ops::Range;

use super::keys::Keys;
use super::shadow::{is_read_as, shadowed};
use super::string::unescaped;
use super::text::{Sizes, is_read};
use super::walk::{Step, Unseen, Walk};
use crate::error::Error;

/// Answers to one prompt; more than any vendor gives.
const MAX_ANSWERS: u64 = 128;
/// A key that is told to a client is cut to this many characters.
const MAX_SHOWN_KEY: usize = 64;

/// What a body says to the gateway.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // a request's own fields
pub struct Scan {
    pub(super) model: Option<String>,
    pub(super) model_span: Option<Range<usize>>,
    pub(super) stream: bool,
    pub(super) stream_options_span: Option<Range<usize>>,
    pub(super) include_usage: bool,
    pub(super) user: Option<String>,
    pub(super) service_tier: Option<String>,
    pub(super) max_tokens: Option<u64>,
    pub(super) n: Option<u64>,
    pub(super) best_of: Option<u64>,
    pub(super) answer_format: Option<String>,
    pub(super) size: Option<String>,
    pub(super) quality: Option<String>,
    pub(super) prompts: usize,
    pub(super) follows_schema: bool,
    pub(super) forces_tool: bool,
    pub(super) background: bool,
    pub(super) is_unstored: bool,
    pub(super) previous_response: Option<String>,
    pub(super) is_thread: bool,
    pub(super) text_bytes: usize,
    pub(super) opaque_bytes: usize,
    pub(super) media: usize,
    tools_bytes: usize,
}

impl Scan {
    /// This, of a request whose path names the model and says whether it streams: what its body says of that is void.
    pub(crate) fn addressed(&mut self, model: &str, stream: bool) {
        self.model = Some(model.to_owned());
        self.stream = stream;
    }

    /// `model`.
    pub fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// Where the value of `model` stands, quotes included; also where it is null.
    pub fn model_span(&self) -> Option<Range<usize>> {
        self.model_span.clone()
    }

    /// `stream`; false where it is not there or null.
    pub const fn stream(&self) -> bool {
        self.stream
    }

    /// Where the value of `stream_options` stands; also where it is null.
    pub fn stream_options_span(&self) -> Option<Range<usize>> {
        self.stream_options_span.clone()
    }

    /// `stream_options.include_usage`.
    pub const fn include_usage(&self) -> bool {
        self.include_usage
    }

    /// `user`, or Anthropic's `metadata.user_id`, if it is a string.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// `service_tier`, if it is a string.
    pub fn service_tier(&self) -> Option<&str> {
        self.service_tier.as_deref()
    }

    /// The most output tokens asked for: `max_completion_tokens`, `max_output_tokens` or `max_tokens`. Where several
    /// stand, the largest, so that it bounds the answer whichever the upstream reads.
    pub const fn max_tokens(&self) -> Option<u64> {
        self.max_tokens
    }

    /// `n`.
    pub const fn n(&self) -> Option<u64> {
        self.n
    }

    /// How many texts are written in answer: `n`, or as many as the best are chosen from (`best_of`), to each prompt.
    pub fn answers(&self) -> u64 {
        let each = self.n.max(self.best_of).unwrap_or(1).clamp(1, MAX_ANSWERS);
        each.saturating_mul(self.prompts.max(1) as u64)
    }

    /// `response_format`, if it is a string, as of pictures and sound.
    pub fn answer_format(&self) -> Option<&str> {
        self.answer_format.as_deref()
    }

    /// `size`, if it is a string, as of pictures.
    pub fn size(&self) -> Option<&str> {
        self.size.as_deref()
    }

    /// `quality`, if it is a string, as of pictures.
    pub fn quality(&self) -> Option<&str> {
        self.quality.as_deref()
    }

    /// Whether the answer must follow a schema that the request gives.
    pub const fn follows_schema(&self) -> bool {
        self.follows_schema
    }

    /// Whether one tool, given by its name, must be called.
    pub const fn forces_tool(&self) -> bool {
        self.forces_tool
    }

    /// `background`: the answer is wanted later, by its id.
    pub const fn background(&self) -> bool {
        self.background
    }

    /// `store` is false: nobody can go on from the answer by its id.
    pub const fn is_unstored(&self) -> bool {
        self.is_unstored
    }

    /// `thread` is an object: the answer can be gone on from by its id, at Anthropic.
    pub const fn is_thread(&self) -> bool {
        self.is_thread
    }

    /// `previous_response_id`, or `thread.previous_message_id`, if it is a string.
    pub fn previous_response(&self) -> Option<&str> {
        self.previous_response.as_deref()
    }

    /// Bytes of text that the model reads, escapes as written: at least its tokens. Tools count with their braces.
    pub const fn text_bytes(&self) -> usize {
        self.text_bytes
    }

    /// Pictures, recordings and files, at least as many as there are.
    pub const fn media(&self) -> usize {
        self.media
    }

    /// Bytes of the tools' definitions; part of [`Self::text_bytes`].
    pub const fn tools_bytes(&self) -> usize {
        self.tools_bytes
    }

    /// Bytes of the strings beside the text: media as base64 or by address, ids, labels.
    pub const fn opaque_bytes(&self) -> usize {
        self.opaque_bytes
    }
}

/// Checks a body whole and reads the fields above. Cost: one pass; see `bench/rust/body.rs`.
///
/// Accepts what `orjson.loads` accepts, if it is an object with no top-level key twice, none that some readers take for
/// another that is acted on, and at most 128 levels deep.
/// Numbers are checked for their form only: one too large for a double passes through.
pub fn scan(body: &[u8]) -> Result<Scan, Error> {
    if let Err(error) = simdutf8::compat::from_utf8(body) {
        return Err(Error::InvalidJson { offset: error.valid_up_to(), reason: "not valid UTF-8" });
    }
    let mut scan = Scan::default();
    let mut sizes = Sizes::default();
    let mut seen = Keys::default();
    for_each_field(body, |walk, key| {
        let key = unescaped(body.get(key).unwrap_or_default());
        let begin = walk.at;
        if is_read(&key) {
            walk.value(&mut sizes)?;
        } else {
            walk.value(&mut Unseen)?;
        }
        let value = begin..walk.at;
        if matches!(&*key, "tools" | "functions") {
            sizes.text_bytes += value.len();
            scan.tools_bytes += value.len();
        }
        scan.field(&key, body, value)?;
        if seen.contains(&key) {
            return Err(Error::DuplicateKey { key: shown(&key) });
        }
        if let Some(field) = shadowed(&key) {
            return Err(Error::ShadowedField { field, key: shown(&key) });
        }
        seen.insert(key);
        Ok(())
    })?;
    scan.text_bytes += sizes.text_bytes;
    scan.opaque_bytes = sizes.opaque_bytes;
    scan.media = sizes.media;
    Ok(scan)
}

/// The `model` alone, of a body whose other fields may mean anything. What is no JSON object names none; one that names
/// two, as some readers would see it, is an error.
pub fn scan_model(body: &[u8]) -> Result<Scan, Error> {
    let mut scan = Scan::default();
    if simdutf8::basic::from_utf8(body).is_err() {
        return Ok(scan);
    }
    let walked = for_each_field(body, |walk, key| {
        let begin = walk.at;
        walk.value(&mut Unseen)?;
        let key = unescaped(body.get(key).unwrap_or_default());
        if !is_read_as(&key, "model") {
            return Ok(());
        }
        let stands = begin..walk.at;
        let value = body.get(stands.clone()).unwrap_or_default();
        scan.model = value.starts_with(b"\"").then(|| unescaped(value).into_owned());
        match scan.model_span.replace(stands) {
            None => Ok(()),
            Some(_) => Err(Error::DuplicateKey { key: shown(&key) }),
        }
    });
    match walked {
        Ok(()) => Ok(scan),
        Err(error @ Error::DuplicateKey { .. }) => Err(error),
        Err(_) => Ok(Scan::default()),
    }
}

/// A key as a client is told of it.
fn shown(key: &str) -> String {
    key.chars().take(MAX_SHOWN_KEY).collect()
}

/// Calls `each` with every field of a body that was scanned, and its value as it stands there.
pub fn for_each_top_level(body: &[u8], mut each: impl FnMut(&str, &[u8])) {
    // A body that breaks off was refused when it was scanned.
    let _ = for_each_field(body, |walk, key| {
        let begin = walk.at;
        walk.value(&mut Unseen)?;
        let key = unescaped(body.get(key).unwrap_or_default());
        each(&key, body.get(begin..walk.at).unwrap_or_default());
        Ok(())
    });
}

/// Walks through a body that must be one object. `each` gets where a key stands and passes the value behind it.
pub(super) fn for_each_field<'a>(
    body: &'a [u8],
    mut each: impl FnMut(&mut Walk<'a>, Range<usize>) -> Step,
) -> Step {
    let mut walk = Walk::new(body);
    walk.space();
    if walk.peek() != b'{' {
        return Err(walk.fail("the body is not a JSON object"));
    }
    walk.at += 1;
    walk.space();
    if walk.peek() == b'}' {
        walk.at += 1;
    } else {
        loop {
            let key = walk.key()?;
            each(&mut walk, key)?;
            walk.space();
            match walk.peek() {
                b',' => walk.at += 1,
                b'}' => break,
                _ => return Err(walk.fail("a comma or the container's end is missing")),
            }
            walk.space();
        }
        walk.at += 1;
    }
    walk.space();
    if walk.is_done() { Ok(()) } else { Err(walk.fail("something follows the object")) }
}
