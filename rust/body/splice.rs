//! Changes fields in place; every other byte stays.

use std::ops::Range;

/// One change to a top-level field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    at: Place,
    value: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Value(Range<usize>),
    New(&'static str),
}

impl Edit {
    /// Puts `value`, which must be JSON, where a value stood.
    pub const fn replace(span: Range<usize>, value: Vec<u8>) -> Self {
        Self { at: Place::Value(span), value }
    }

    /// Adds a field that the body does not have; `value` must be JSON.
    pub const fn insert(key: &'static str, value: Vec<u8>) -> Self {
        Self { at: Place::New(key), value }
    }
}

/// `body`, an object that was scanned, with its fields changed. New fields come first, then the body's own.
pub fn splice(body: &[u8], edits: &[Edit]) -> Vec<u8> {
    let grown: usize = edits.iter().map(|edit| edit.value.len() + 32).sum();
    let mut out = Vec::with_capacity(body.len() + grown);
    let brace = memchr::memchr(b'{', body).map_or(body.len(), |at| at + 1);
    out.extend_from_slice(body.get(..brace).unwrap_or_default());
    for edit in edits {
        if let Place::New(key) = edit.at {
            out.push(b'"');
            out.extend_from_slice(key.as_bytes());
            out.extend_from_slice(b"\":");
            out.extend_from_slice(&edit.value);
            out.push(b',');
        }
    }
    let mut replaced: Vec<(&Range<usize>, &[u8])> = edits
        .iter()
        .filter_map(|edit| match &edit.at {
            Place::Value(span) => Some((span, edit.value.as_slice())),
            Place::New(_) => None,
        })
        .collect();
    replaced.sort_by_key(|(span, _)| span.start);
    let rest = body.get(brace..).unwrap_or_default();
    if rest.trim_ascii_start().first() == Some(&b'}') && out.last() == Some(&b',') {
        out.pop();
    }
    let mut from = brace;
    for (span, value) in replaced {
        out.extend_from_slice(body.get(from..span.start).unwrap_or_default());
        out.extend_from_slice(value);
        from = span.end;
    }
    out.extend_from_slice(body.get(from..).unwrap_or_default());
    out
}
