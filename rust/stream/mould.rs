//! The shape of the last plain text event, to read the next one without parsing it.
//!
//! Within one stream, text events differ in one JSON string alone, and where the dialect numbers or dates them in that
//! number or date, which nobody reads. If all other bytes are those of an event that was parsed, and the string holds
//! nothing that needs escaping, then the event is the parsed one with another text: no other reading is possible.

/// Keys of random padding beside the text, which nobody reads: `OpenAI`'s and Mistral's.
const PADDING_KEYS: [&[u8]; 2] = [b"\"obfuscation\":\"", b"\"p\":\""];

/// The key of an event's number, which nobody reads: `OpenAI` Responses'.
const NUMBER_KEY: &[u8] = b"\"sequence_number\":";
/// The key of an event's date, likewise: Ollama's.
const DATE_KEY: &[u8] = b"\"created_at\":\"";

/// What is left out of the shape, and where it stood.
#[derive(Debug, Clone, Copy)]
enum Gap {
    Number(usize),
    Date(usize),
}

/// An event with its text left out, and what that text was.
#[derive(Debug)]
pub(crate) struct Mould<T> {
    /// What the text is; `None` until an event was learned.
    what: Option<T>,
    head: Vec<u8>,
    /// Where in `head` the event's number or date stood, which was left out of it.
    gap: Option<Gap>,
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
            gap: None,
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
        let (head, gap, behind) = split_at_gap(head).unwrap_or((head, None, b""));
        self.gap = gap;
        self.head.extend_from_slice(head);
        self.head.extend_from_slice(behind);
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
        let at = self.gap.map_or(0, |(Gap::Number(at) | Gap::Date(at))| at);
        let (head, behind) = self.head.split_at_checked(at)?;
        let rest = event.strip_prefix(head)?;
        let rest = match self.gap {
            None => rest,
            Some(Gap::Number(_)) => skip_number(rest)?,
            Some(Gap::Date(_)) => skip_date(rest)?,
        };
        let rest = rest.strip_prefix(behind)?;
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

/// Splits around an event's number or date. As with padding, the patterns can only be keys.
fn split_at_gap(head: &[u8]) -> Option<(&[u8], Option<Gap>, &[u8])> {
    if let Some(at) = memchr::memmem::find(head, NUMBER_KEY) {
        let at = at + NUMBER_KEY.len();
        let (before, number) = head.split_at_checked(at)?;
        return Some((before, Some(Gap::Number(at)), skip_number(number)?));
    }
    let at = memchr::memmem::find(head, DATE_KEY)? + DATE_KEY.len();
    let (before, date) = head.split_at_checked(at)?;
    Some((before, Some(Gap::Date(at)), skip_date(date)?))
}

/// What is behind a date, its closing quote included.
fn skip_date(bytes: &[u8]) -> Option<&[u8]> {
    let (date, rest) = split_plain(bytes)?;
    (date.is_ascii() && rest.first() == Some(&b'"')).then_some(rest)
}

/// What is behind a whole number, which is there and is one of JSON's.
fn skip_number(bytes: &[u8]) -> Option<&[u8]> {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let is_one = digits == 1 || (digits > 1 && bytes.first() != Some(&b'0'));
    let rest = bytes.get(digits..)?;
    (is_one && rest.first() == Some(&b',')).then_some(rest)
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

#[cfg(test)]
mod tests {
    use super::Mould;

    #[test]
    fn a_date_may_differ_and_must_be_a_plain_text() {
        let line = |date: &str, text: &str| {
            format!(r#"{{"model":"m","created_at":{date},"message":{{"content":"{text}"}}}}"#)
        };
        let learned = line("\"2026-01-01T00:00:00.5Z\"", "a");
        let at = learned.find("\"a\"").unwrap() + 1;
        let mut mould = Mould::default();
        mould.learn(learned.as_bytes(), learned.get(at..=at).unwrap(), ());
        for (date, fits) in [
            ("\"2026-01-01T00:00:00.75Z\"", true),
            ("\"\"", true),
            ("\"\\u0032\"", false),
            ("\"\u{e9}\"", false),
            ("7", false),
            ("null", false),
            ("\"a\",\"model\":\"b\"", false),
        ] {
            let line = line(date, "next");
            let fit = mould.fit(line.as_bytes()).map(|((), text)| text);
            assert_eq!(fit, fits.then_some("next"), "{line}");
        }
    }

    fn event(number: &str, text: &str) -> String {
        format!(r#"{{"type":"t","sequence_number":{number},"item_id":"i","delta":"{text}"}}"#)
    }

    #[test]
    fn a_number_may_differ_and_must_be_one() {
        let learned = event("7", "a");
        let at = learned.find("\"a\"").unwrap() + 1;
        let mut mould = Mould::default();
        mould.learn(learned.as_bytes(), learned.get(at..=at).unwrap(), ());
        for (number, fits) in [
            ("7", true),
            ("8", true),
            ("0", true),
            ("1234567", true),
            ("", false),
            ("01", false),
            ("1.5", false),
            ("1e9", false),
            ("-1", false),
            ("null", false),
            ("1 ", false),
            ("1,\"sequence_number\":2", false),
        ] {
            let event = event(number, "next");
            let fit = mould.fit(event.as_bytes()).map(|((), text)| text);
            assert_eq!(fit, fits.then_some("next"), "{event}");
        }
    }
}
