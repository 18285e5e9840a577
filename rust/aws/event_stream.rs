//! Finds the messages of `application/vnd.amazon.eventstream` in bytes that arrive in pieces cut anywhere.
//!
//! A message is its length, the length of its headers and a checksum of both; the headers; the payload; a checksum of
//! all. Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html>,
//! <https://smithy.io/2.0/aws/amazon-eventstream.html>.

use crate::error::Error;

const PRELUDE_BYTES: usize = 12;
const CHECKSUM_BYTES: usize = 4;
/// A buffer larger than this is given back once its message is done.
const KEPT_BYTES: usize = 64 * 1024;

/// One whole message, both checksums of which are right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// The bytes as they came. Those of all messages, one behind the other, are the bytes fed.
    pub raw: &'a [u8],
    /// What it carries.
    pub payload: &'a [u8],
    headers: &'a [u8],
}

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind<'a> {
    /// One of the stream's events.
    Event(&'a str),
    /// One of its modelled errors.
    Exception(&'a str),
    /// An error outside of the model.
    Error {
        /// Which.
        code: &'a str,
        /// In words.
        message: &'a str,
    },
    /// None of these.
    Unknown,
}

/// A header's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// True or false.
    Bool(bool),
    /// A whole number of any width.
    Integer(i64),
    /// Bytes.
    Bytes(&'a [u8]),
    /// Text.
    Text(&'a str),
    /// Milliseconds since 1970.
    TimestampMs(i64),
    /// Sixteen bytes.
    Uuid([u8; 16]),
}

/// An incremental parser of one stream.
///
/// Cost: linear in the bytes fed, whatever the cut. A message that lies whole in one piece is borrowed from it.
#[derive(Debug, Clone)]
pub struct Parser {
    max_message_bytes: usize,
    pending: Vec<u8>,
}

impl Parser {
    /// A parser at the start of a stream. A message of more than `max_message_bytes` is an error.
    pub const fn new(max_message_bytes: usize) -> Self {
        Self { max_message_bytes, pending: Vec::new() }
    }

    /// Hands out the messages that `chunk` completes; the rest waits for the next call.
    ///
    /// After an error the rest of the stream means nothing: what was pending is dropped.
    pub fn feed(
        &mut self,
        chunk: &[u8],
        mut on_message: impl FnMut(Message<'_>),
    ) -> Result<(), Error> {
        let mut pending = std::mem::take(&mut self.pending);
        let mut rest = chunk;
        while !pending.is_empty() {
            let wanted = self.length(&pending)?.unwrap_or(PRELUDE_BYTES);
            let (more, behind) =
                rest.split_at_checked(wanted - pending.len()).unwrap_or((rest, &[]));
            pending.extend_from_slice(more);
            rest = behind;
            match self.length(&pending)? {
                Some(length) if length == pending.len() => {
                    on_message(message(&pending)?);
                    pending.clear();
                }
                _ if rest.is_empty() => {
                    self.pending = pending;
                    return Ok(());
                }
                _ => {}
            }
        }
        while let Some((raw, behind)) =
            self.length(rest)?.and_then(|length| rest.split_at_checked(length))
        {
            on_message(message(raw)?);
            rest = behind;
        }
        if pending.capacity() <= KEPT_BYTES {
            self.pending = pending;
        }
        self.pending.extend_from_slice(rest);
        Ok(())
    }

    /// Bytes of a message that has begun and not ended.
    pub const fn pending(&self) -> &[u8] {
        self.pending.as_slice()
    }

    /// Length of the message that begins here; `None` until its prelude is there. Never less than what is read by then.
    fn length(&self, bytes: &[u8]) -> Result<Option<usize>, Error> {
        let Some(prelude) = bytes.first_chunk::<PRELUDE_BYTES>() else { return Ok(None) };
        let Some((lengths, [length, headers, checksum])) = numbers(prelude) else {
            return Ok(None);
        };
        if crc32fast::hash(lengths) != checksum {
            return Err(malformed("the checksum of a message's lengths is wrong"));
        }
        let (length, headers) = (length as usize, headers as usize);
        if length > self.max_message_bytes {
            return Err(Error::EventTooLarge { max_event_bytes: self.max_message_bytes });
        }
        if headers.saturating_add(PRELUDE_BYTES + CHECKSUM_BYTES) > length {
            return Err(malformed("a message is shorter than what it holds"));
        }
        Ok(Some(length))
    }
}

impl<'a> Message<'a> {
    /// What it is.
    pub fn kind(&self) -> Kind<'a> {
        match self.text(":message-type") {
            Some("event") => Kind::Event(self.text(":event-type").unwrap_or_default()),
            Some("exception") => Kind::Exception(self.text(":exception-type").unwrap_or_default()),
            Some("error") => Kind::Error {
                code: self.text(":error-code").unwrap_or_default(),
                message: self.text(":error-message").unwrap_or_default(),
            },
            _ => Kind::Unknown,
        }
    }

    /// Names and values, in order.
    pub fn headers(&self) -> impl Iterator<Item = (&'a str, Value<'a>)> {
        let mut rest = self.headers;
        std::iter::from_fn(move || {
            let (name, value, behind) = header(rest)?;
            rest = behind;
            Some((name, value))
        })
    }

    fn text(&self, wanted: &str) -> Option<&'a str> {
        self.headers().find_map(|(name, value)| match value {
            Value::Text(text) if name == wanted => Some(text),
            _ => None,
        })
    }
}

/// The two lengths of a prelude as bytes; then they, and their checksum, as numbers.
fn numbers(prelude: &[u8; PRELUDE_BYTES]) -> Option<(&[u8], [u32; 3])> {
    let (length, rest) = prelude.split_first_chunk::<4>()?;
    let (headers, rest) = rest.split_first_chunk::<4>()?;
    let checksum = rest.first_chunk::<4>()?;
    Some((prelude.get(..8)?, [length, headers, checksum].map(|number| u32::from_be_bytes(*number))))
}

/// The message in exactly these bytes, which are as long as it says.
fn message(raw: &[u8]) -> Result<Message<'_>, Error> {
    let broken = || malformed("a message is shorter than what it holds");
    let (checked, checksum) = raw.split_last_chunk::<CHECKSUM_BYTES>().ok_or_else(broken)?;
    if crc32fast::hash(checked) != u32::from_be_bytes(*checksum) {
        return Err(malformed("the checksum of a message is wrong"));
    }
    let (prelude, content) = checked.split_first_chunk::<PRELUDE_BYTES>().ok_or_else(broken)?;
    let (_, [_, length, _]) = numbers(prelude).ok_or_else(broken)?;
    let (headers, payload) = content.split_at_checked(length as usize).ok_or_else(broken)?;
    let mut rest = headers;
    while !rest.is_empty() {
        let (_, _, behind) = header(rest).ok_or_else(|| malformed("a header cannot be read"))?;
        rest = behind;
    }
    Ok(Message { raw, payload, headers })
}

/// The first header, and what stands behind it.
fn header(bytes: &[u8]) -> Option<(&str, Value<'_>, &[u8])> {
    let (length, rest) = bytes.split_first()?;
    let (name, rest) = rest.split_at_checked(usize::from(*length))?;
    let name = std::str::from_utf8(name).ok()?;
    let (kind, rest) = rest.split_first()?;
    let (value, rest) = match kind {
        0 => (Value::Bool(true), rest),
        1 => (Value::Bool(false), rest),
        2 => integer(rest, i8::from_be_bytes)?,
        3 => integer(rest, i16::from_be_bytes)?,
        4 => integer(rest, i32::from_be_bytes)?,
        5 => integer(rest, i64::from_be_bytes)?,
        6 | 7 => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            let (value, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
            let value = match kind {
                6 => Value::Bytes(value),
                _ => Value::Text(std::str::from_utf8(value).ok()?),
            };
            (value, rest)
        }
        8 => {
            let (value, rest) = rest.split_first_chunk::<8>()?;
            (Value::TimestampMs(i64::from_be_bytes(*value)), rest)
        }
        9 => {
            let (value, rest) = rest.split_first_chunk::<16>()?;
            (Value::Uuid(*value), rest)
        }
        _ => return None,
    };
    Some((name, value, rest))
}

fn integer<const N: usize, T: Into<i64>>(
    bytes: &[u8],
    read: impl FnOnce([u8; N]) -> T,
) -> Option<(Value<'_>, &[u8])> {
    let (value, rest) = bytes.split_first_chunk::<N>()?;
    Some((Value::Integer(read(*value).into()), rest))
}

fn malformed(reason: &str) -> Error {
    Error::MalformedEvent { dialect: "bedrock", reason: reason.to_owned() }
}
