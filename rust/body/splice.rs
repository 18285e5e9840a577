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

    /// Adds a field that the body does not have; `value` must be JSON, and `key` a name that needs no escape.
    pub const fn insert(key: &'static str, value: Vec<u8>) -> Self {
        Self { at: Place::New(key), value }
    }
}

/// `body`, an object that was scanned, with its fields changed. New fields come first, then the body's own.
///
/// Of edits to the same place the first one counts.
pub fn splice(body: &[u8], edits: &[Edit]) -> Vec<u8> {
    let grown: usize = edits.iter().map(|edit| edit.value.len() + 32).sum();
    let mut out = Vec::with_capacity(body.len() + grown);
    let brace = memchr::memchr(b'{', body).map_or(body.len(), |at| at + 1);
    out.extend_from_slice(body.get(..brace).unwrap_or_default());
    insert(&mut out, body.get(brace..).unwrap_or_default(), edits);
    let mut from = brace;
    for (span, value) in replaced(edits) {
        let Some(kept) = body.get(from..span.start) else { continue };
        out.extend_from_slice(kept);
        out.extend_from_slice(value);
        from = span.end;
    }
    out.extend_from_slice(body.get(from..).unwrap_or_default());
    out
}

/// Writes the new fields, with a comma behind each if one follows; `rest` is what stands behind the brace.
fn insert(out: &mut Vec<u8>, rest: &[u8], edits: &[Edit]) {
    let mut wrote = false;
    for edit in edits {
        if let Place::New(key) = edit.at {
            out.push(b'"');
            out.extend_from_slice(key.as_bytes());
            out.extend_from_slice(b"\":");
            out.extend_from_slice(&edit.value);
            out.push(b',');
            wrote = true;
        }
    }
    if wrote && rest.trim_ascii_start().starts_with(b"}") {
        out.pop();
    }
}

/// The replaced values in the order in which they stand.
fn replaced(edits: &[Edit]) -> Vec<(&Range<usize>, &[u8])> {
    let mut replaced: Vec<(&Range<usize>, &[u8])> = edits
        .iter()
        .filter_map(|edit| match &edit.at {
            Place::Value(span) => Some((span, edit.value.as_slice())),
            Place::New(_) => None,
        })
        .collect();
    replaced.sort_by_key(|(span, _)| span.start);
    replaced
}
