//! What an upstream is told in confidence, taken out of what it says: some quote it, whole or in part.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

/// What stands in its place.
const MASK: &str = "***";
/// A header's value that could be a secret; shorter ones are words.
const MIN_WHOLE: usize = 8;
/// A piece of a credential that tells something of it: more than a vendor's prefix, less than what errors show of it.
const PART: usize = 12;
/// Headers whose pieces are hidden too; other values are dates and versions, which errors may well name.
const CREDENTIALS: [&str; 4] = ["auth", "key", "secret", "token"];

/// Whether a header of this name may hold a credential.
pub(super) fn is_credential(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    CREDENTIALS.iter().any(|word| name.contains(word))
}

/// The secrets of one upstream.
#[derive(Debug, Default)]
pub struct Secrets {
    whole: Vec<String>,
    parts: HashSet<[u8; PART]>,
}

impl Secrets {
    /// Those among the headers that are sent with every request.
    pub fn of<'a>(headers: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut secrets = Self::default();
        for (name, value) in headers {
            let secret = value.strip_prefix("Bearer ").unwrap_or(value);
            if secret.len() < MIN_WHOLE {
                continue;
            }
            secrets.whole.push(secret.to_owned());
            if is_credential(name) {
                secrets.parts.extend(secret.as_bytes().windows(PART).filter_map(part));
            }
        }
        secrets
    }

    /// A text without them.
    pub fn hidden<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let spans = self.found(text);
        if spans.is_empty() {
            return text.into();
        }
        let (mut out, mut from) = (String::with_capacity(text.len()), 0);
        for span in spans {
            out.push_str(text.get(from..span.start).unwrap_or_default());
            out.push_str(MASK);
            from = span.end;
        }
        out.push_str(text.get(from..).unwrap_or_default());
        out.into()
    }

    /// Where they stand, in order and apart.
    fn found(&self, text: &str) -> Vec<Range<usize>> {
        let windows = text.as_bytes().windows(PART).enumerate();
        let mut found: Vec<Range<usize>> = windows
            .filter(|(_, window)| part(window).is_some_and(|part| self.parts.contains(&part)))
            .map(|(at, _)| at..at + PART)
            .collect();
        for whole in &self.whole {
            found.extend(text.match_indices(whole).map(|(at, _)| at..at + whole.len()));
        }
        found.sort_by_key(|span| span.start);
        let mut apart: Vec<Range<usize>> = Vec::new();
        for span in found {
            match apart.last_mut() {
                Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
                _ => apart.push(span),
            }
        }
        apart
    }
}

/// Text may be cut there without tearing a character: secrets are ASCII.
fn part(window: &[u8]) -> Option<[u8; PART]> {
    window.try_into().ok().filter(|part: &[u8; PART]| part.as_slice().is_ascii())
}

#[cfg(test)]
mod tests {
    use super::Secrets;

    #[test]
    fn secrets_are_hidden_whole_and_in_part() {
        let secrets = Secrets::of([
            ("authorization", "Bearer sk-proj-0123456789abcdef"),
            ("x-of-the-house", "value-of-the-house"),
            ("anthropic-beta", "context-1m-2025-08-07"),
            ("x-word", "short"),
        ]);
        for (text, hidden) in [
            ("no secret", "no secret"),
            ("key sk-proj-0123456789abcdef!", "key ***!"),
            ("Bearer sk-proj-0123456789abcdef", "Bearer ***"),
            ("key sk-proj-0123 and 456789abcdef", "key *** and ***"),
            ("key sk-proj-01 and 89abcdef", "key sk-proj-01 and 89abcdef"),
            ("sk-proj-0123456789abcdefsk-proj-0123456789abcdef", "***"),
            ("ä-sk-proj-0123456789abcdef-ä", "ä-***-ä"),
            ("x value-of-the-house x", "x *** x"),
            ("value-of-the-", "value-of-the-"),
            ("since 2025-08-07, short", "since 2025-08-07, short"),
            ("", ""),
        ] {
            assert_eq!(secrets.hidden(text), hidden);
        }
    }

    #[test]
    fn an_upstream_without_secrets_is_quoted_as_it_is() {
        assert_eq!(Secrets::default().hidden("anything at all"), "anything at all");
    }
}
