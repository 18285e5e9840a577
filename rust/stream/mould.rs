//! The shape of the last plain text event, to read the next one without parsing it.
//!
//! Within one stream, text events differ in one JSON string alone. If all bytes around that string are
//! those of an event that was parsed, and the string holds nothing that needs escaping, then the event
//! is the parsed one with another text: no other reading is possible.

/// Keys of random padding beside the text, which nobody reads: `OpenAI`'s and Mistral's.
const PADDING_KEYS: [&[u8]; 2] = [b"\"obfuscation\":\"", b"\"p\":\""];

/// An event with its text left out, and what that text was.
#[derive(Debug)]
pub(crate) struct Mould<T> {
    /// What the text is; `None` until an event was learned.
    what: Option<T>,
    head: Vec<u8>,
    tail: Vec<u8>,
    /// Whether padding follows `tail`, and then `after_padding`.
    padded: bool,
    after_padding: Vec<u8>,
}

impl<T> Default for Mould<T> {
    fn default() -> Self {
        Self {
            what: None,
            head: Vec::new(),
            tail: Vec::new(),
            padded: false,
            after_padding: Vec::new(),
        }
    }
}

impl<T: Copy> Mould<T> {
    /// Takes the shape of `event`, which was parsed and said `text` and nothing else.
    ///
    /// `text` must be borrowed from `event`; another one is not learned.
    pub(crate) fn learn(&mut self, event: &[u8], text: &str, what: T) {
        self.forget();
        let Some(start) = text.as_ptr().addr().checked_sub(event.as_ptr().addr()) else {
            return;
        };
        let (Some(head), Some(tail)) = (event.get(..start), event.get(start + text.len()..)) else {
            return;
        };
        // The text must be a whole string, not a part of one.
        if head.last() != Some(&b'"') || tail.first() != Some(&b'"') {
            return;
        }
        self.head.clear();
        self.head.extend_from_slice(head);
        let (tail, after_padding) = split_at_padding(tail);
        self.tail.clear();
        self.tail.extend_from_slice(tail);
        self.padded = after_padding.is_some();
        self.after_padding.clear();
        self.after_padding.extend_from_slice(after_padding.unwrap_or_default());
        self.what = Some(what);
    }

    /// Drops what was learned, since the same event would now mean something else.
    pub(crate) fn forget(&mut self) {
        self.what = None;
    }

    /// The text of `event` if it fits.
    pub(crate) fn fit<'e>(&self, event: &'e [u8]) -> Option<(T, &'e str)> {
        let what = self.what?;
        let rest = event.strip_prefix(self.head.as_slice())?;
        let (text, rest) = split_plain(rest)?;
        let rest = rest.strip_prefix(self.tail.as_slice())?;
        let rest = if self.padded {
            let (padding, rest) = split_plain(rest)?;
            padding.is_ascii().then_some(rest)?
        } else {
            rest
        };
        let text = std::str::from_utf8(text).ok()?;
        (rest == self.after_padding).then_some((what, text))
    }
}

/// Splits before the first byte that ends a string or is special in one.
fn split_plain(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))?;
    bytes.split_at_checked(end)
}

/// Splits after the opening quote of a padding's value, and gives what follows its closing quote on.
///
/// In JSON that was parsed, the pattern can only be a key: within a string its quotes were escaped.
fn split_at_padding(tail: &[u8]) -> (&[u8], Option<&[u8]>) {
    for key in PADDING_KEYS {
        if let Some(at) = memchr::memmem::rfind(tail, key)
            && let Some((before, value)) = tail.split_at_checked(at + key.len())
            && let Some((_, after)) = split_plain(value)
        {
            return (before, Some(after));
        }
    }
    (tail, None)
}
