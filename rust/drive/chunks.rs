//! Anthropic's events in Bedrock's binary messages, made the server-sent events that they are everywhere else.

use std::borrow::Cow;
use std::ops::Range;

use serde::Deserialize;
use serde_json::json;

use crate::aws::{self, Kind};
use crate::error::Error;
use crate::sse::{Event, Frame};

/// Finds events in a stream that arrives in pieces.
#[derive(Debug)]
pub(super) struct Chunks {
    parser: aws::Parser,
    /// The event at hand.
    data: Vec<u8>,
    /// The same as lines.
    lines: Vec<u8>,
}

/// Where in the lines an event's name and its data stand.
struct Places {
    name: Range<usize>,
    data: Range<usize>,
}

impl Chunks {
    /// At the start of a stream. A message of more than `max_message_bytes` is an error.
    pub const fn new(max_message_bytes: usize) -> Self {
        Self { parser: aws::Parser::new(max_message_bytes), data: Vec::new(), lines: Vec::new() }
    }

    /// Hands out the events that `chunk` completes.
    pub fn feed(&mut self, chunk: &[u8], mut on_frame: impl FnMut(Frame<'_>)) -> Result<(), Error> {
        let Self { parser, data, lines } = self;
        let mut result = Ok(());
        parser.feed(chunk, |message| {
            if result.is_err() {
                return;
            }
            match write(&message, data, lines) {
                Ok(Some(places)) => on_frame(frame(lines, &places)),
                Ok(None) => {} // what AWS will add
                Err(error) => result = Err(error),
            }
        })?;
        result
    }

    /// Bytes of a message that has begun and not ended.
    pub const fn pending(&self) -> &[u8] {
        self.parser.pending()
    }
}

fn frame<'a>(lines: &'a [u8], places: &Places) -> Frame<'a> {
    let name = lines.get(places.name.clone()).unwrap_or_default();
    let data = lines.get(places.data.clone()).unwrap_or_default();
    let event = Some(Event::new(name, Cow::Borrowed(data)));
    Frame { raw: lines, event, retry: None, complete: true }
}

/// Writes a message as an event; None where it is none of Anthropic's.
fn write(
    message: &aws::Message<'_>,
    data: &mut Vec<u8>,
    lines: &mut Vec<u8>,
) -> Result<Option<Places>, Error> {
    lines.clear();
    let told = match message.kind() {
        Kind::Event("chunk") => {
            data.clear();
            aws::write_bytes(message.payload, data)?;
            return Ok(Some(write_lines(kind_of(data), data, lines)));
        }
        Kind::Event(_) | Kind::Unknown => return Ok(None),
        Kind::Exception(name) => {
            let said: Said<'_> = serde_json::from_slice(message.payload).unwrap_or_default();
            error(name, said.message.as_deref().unwrap_or_default())
        }
        Kind::Error { code, message } => error(code, message),
    };
    Ok(Some(write_lines(b"error", &told, lines)))
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Said<'a> {
    #[serde(borrow)]
    message: Option<Cow<'a, str>>,
}

/// An error of AWS's as Anthropic tells its own.
fn error(name: &str, message: &str) -> Vec<u8> {
    let kind = match name {
        "throttlingException" => "rate_limit_error",
        "validationException" => "invalid_request_error",
        "modelTimeoutException" => "timeout_error",
        "serviceUnavailableException" => "overloaded_error",
        _ => "api_error",
    };
    let error = json!({"type": kind, "message": message, "code": name});
    json!({"type": "error", "error": error}).to_string().into_bytes()
}

fn write_lines(name: &[u8], data: &[u8], out: &mut Vec<u8>) -> Places {
    out.extend_from_slice(b"event: ");
    let begin = out.len();
    out.extend_from_slice(name);
    let name = begin..out.len();
    out.extend_from_slice(b"\ndata: ");
    let begin = out.len();
    // A line break in JSON is white space, which a line of its own would end.
    out.extend(data.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }));
    let data = begin..out.len();
    out.extend_from_slice(b"\n\n");
    Places { name, data }
}

/// The `type` of an event, which is its name; empty where it has none that a line could hold.
fn kind_of(data: &[u8]) -> &[u8] {
    const FIRST: &[u8] = b"{\"type\":\"";
    let is_word = |kind: &&[u8]| kind.iter().all(|b| b.is_ascii_lowercase() || *b == b'_');
    let first = data.strip_prefix(FIRST).and_then(|rest| {
        let end = memchr::memchr(b'"', rest)?;
        rest.get(..end)
    });
    let found = first.filter(is_word).or_else(|| {
        let event: Typed<'_> = serde_json::from_slice(data).ok()?;
        Some(event.kind?.as_bytes())
    });
    found.filter(is_word).unwrap_or_default()
}

#[derive(Deserialize)]
struct Typed<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a str>,
}

#[cfg(test)]
mod tests {
    use super::{error, kind_of, write_lines};

    #[test]
    fn an_event_is_named_by_its_type_wherever_that_stands() {
        for (data, wanted) in [
            (r#"{"type":"message_start","message":{"type":"message"}}"#, "message_start"),
            (r#"{"index":0,"type":"content_block_stop"}"#, "content_block_stop"),
            (r#"{ "type" : "ping" }"#, "ping"),
            (r#"{"type":"pi\u006eg"}"#, ""),
            (r#"{"type":"a b"}"#, ""),
            (r#"{"type":7}"#, ""),
            (r#"{"completion":" a"}"#, ""),
            ("", ""),
        ] {
            assert_eq!(kind_of(data.as_bytes()), wanted.as_bytes(), "{data}");
        }
    }

    #[test]
    fn no_line_break_splits_an_event() {
        let mut out = Vec::new();
        let places = write_lines(b"ping", b"{\n\"type\":\r\n\"ping\"}", &mut out);
        assert_eq!(out, b"event: ping\ndata: { \"type\":  \"ping\"}\n\n");
        assert_eq!(out.get(places.name), Some(&b"ping"[..]));
        assert_eq!(out.get(places.data), Some(&b"{ \"type\":  \"ping\"}"[..]));
    }

    #[test]
    fn an_error_has_anthropics_word_and_awss() {
        let told: serde_json::Value =
            serde_json::from_slice(&error("throttlingException", "Too \"many\"")).unwrap();
        let inner = told.get("error").unwrap();
        assert_eq!(inner.get("type").unwrap(), "rate_limit_error");
        assert_eq!(inner.get("code").unwrap(), "throttlingException");
        assert_eq!(inner.get("message").unwrap(), "Too \"many\"");
    }
}
