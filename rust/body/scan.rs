//! The fields that the gateway acts on, read out of a body that is checked whole.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use super::validate::Walk;
use crate::error::Error;

/// Largest number believed in a field that we act on.
const MAX_NUMBER: u64 = 1_000_000_000_000_000;

/// What a body says to the gateway.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Scan {
    model: Option<(String, Range<usize>)>,
    stream: bool,
    stream_options: Option<Range<usize>>,
    include_usage: bool,
    user: Option<String>,
    max_tokens: Option<u64>,
    n: Option<u64>,
}

impl Scan {
    /// `model`.
    pub fn model(&self) -> Option<&str> {
        self.model.as_ref().map(|(model, _)| model.as_str())
    }

    /// Where its value stands, quotes included.
    pub fn model_span(&self) -> Option<Range<usize>> {
        self.model.as_ref().map(|(_, span)| span.clone())
    }

    /// `stream`; false where it is not there or null.
    pub const fn stream(&self) -> bool {
        self.stream
    }

    /// Where the value of `stream_options` stands; none for null.
    pub fn stream_options_span(&self) -> Option<Range<usize>> {
        self.stream_options.clone()
    }

    /// `stream_options.include_usage`.
    pub const fn include_usage(&self) -> bool {
        self.include_usage
    }

    /// `user`, if it is a string.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The most output tokens asked for: `max_completion_tokens`, `max_output_tokens` or `max_tokens`, the least of them.
    pub const fn max_tokens(&self) -> Option<u64> {
        self.max_tokens
    }

    /// `n`.
    pub const fn n(&self) -> Option<u64> {
        self.n
    }
}

/// Checks a body whole and reads the fields above. Cost: one pass; see `bench/rust/body.rs`.
///
/// Accepts what `orjson.loads` accepts, if it is an object with no key twice and at most 128 levels deep.
pub fn scan(body: &[u8]) -> Result<Scan, Error> {
    if let Err(error) = simdutf8::compat::from_utf8(body) {
        return Err(Error::InvalidJson { offset: error.valid_up_to(), reason: "not valid UTF-8" });
    }
    let mut walk = Walk::new(body);
    let mut scan = Scan::default();
    walk.space();
    if walk.peek() != b'{' {
        return Err(walk.fail("the body is not a JSON object"));
    }
    walk.at += 1;
    walk.space();
    if walk.peek() == b'}' {
        walk.at += 1;
    } else {
        fields(&mut walk, body, &mut scan)?;
    }
    walk.space();
    if walk.is_done() { Ok(scan) } else { Err(walk.fail("something follows the object")) }
}

fn fields(walk: &mut Walk<'_>, body: &[u8], scan: &mut Scan) -> Result<(), Error> {
    let mut seen: HashSet<Cow<'_, str>> = HashSet::with_capacity(16);
    loop {
        let begin = walk.at;
        if walk.peek() != b'"' {
            return Err(walk.fail("a key is missing"));
        }
        walk.string()?;
        let key = text(body, begin..walk.at);
        walk.space();
        walk.expect(b':', "a colon is missing")?;
        walk.space();
        let begin = walk.at;
        walk.value(1)?;
        scan.field(&key, body, begin..walk.at)?;
        if !seen.insert(key.clone()) {
            return Err(Error::DuplicateKey { key: key.into_owned() });
        }
        walk.space();
        match walk.peek() {
            b',' => walk.at += 1,
            b'}' => break,
            _ => return Err(walk.fail("a comma or the container's end is missing")),
        }
        walk.space();
    }
    walk.at += 1;
    Ok(())
}

impl Scan {
    fn field(&mut self, key: &str, body: &[u8], span: Range<usize>) -> Result<(), Error> {
        let value = body.get(span.clone()).unwrap_or_default();
        if value == b"null" {
            return Ok(());
        }
        match key {
            "model" => {
                if value.first() != Some(&b'"') {
                    return Err(invalid("model", "is not a string"));
                }
                self.model = Some((text(body, span.clone()).into_owned(), span));
            }
            "stream" => {
                self.stream = match value {
                    b"true" => true,
                    b"false" => false,
                    _ => return Err(invalid("stream", "is neither true nor false")),
                };
            }
            "stream_options" => {
                let options: StreamOptions = serde_json::from_slice(value)
                    .map_err(|_| invalid("stream_options", "is not an object with known types"))?;
                self.include_usage = options.include_usage.unwrap_or(false);
                self.stream_options = Some(span);
            }
            "user" if value.first() == Some(&b'"') => {
                self.user = Some(text(body, span).into_owned());
            }
            "max_tokens" => self.bound(number("max_tokens", value)?),
            "max_completion_tokens" => self.bound(number("max_completion_tokens", value)?),
            "max_output_tokens" => self.bound(number("max_output_tokens", value)?),
            "n" => self.n = Some(number("n", value)?),
            _ => {}
        }
        Ok(())
    }

    fn bound(&mut self, tokens: u64) {
        self.max_tokens = Some(self.max_tokens.map_or(tokens, |known| known.min(tokens)));
    }
}

#[derive(serde::Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
}

/// A string's text; borrowed unless escapes stand in it. It was checked before.
fn text(body: &[u8], span: Range<usize>) -> Cow<'_, str> {
    let quoted = body.get(span).unwrap_or_default();
    let inner = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
    if memchr::memchr(b'\\', inner).is_none() {
        return String::from_utf8_lossy(inner);
    }
    serde_json::from_slice::<String>(quoted)
        .map_or_else(|_| String::from_utf8_lossy(inner), Cow::Owned)
}

fn number(field: &'static str, value: &[u8]) -> Result<u64, Error> {
    let text = std::str::from_utf8(value).unwrap_or_default();
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let number = if digits { text.parse::<u64>().ok() } else { None };
    number
        .filter(|number| *number <= MAX_NUMBER)
        .ok_or_else(|| invalid(field, "is not a whole number between 0 and 10^15"))
}

const fn invalid(field: &'static str, reason: &'static str) -> Error {
    Error::InvalidField { field, reason }
}
