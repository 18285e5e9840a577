//! What stands in a kept answer.

use super::reader::Reader;
use super::recording::form;
use crate::cache::Entry;
use crate::error::Error;
use crate::stream::{Decoder, Delta};

/// Reads an entry once more.
pub(super) fn read(
    entry: &Entry,
    max_event_bytes: usize,
    mut on_delta: impl FnMut(&Delta<'_>),
) -> Result<(), Error> {
    let mut decoder = Decoder::new(entry.dialect);
    let Some(form) = form(entry.shape) else {
        return decoder.whole(&entry.body, on_delta);
    };
    let mut broken = Ok(());
    let mut reader = Reader::new(form, max_event_bytes);
    let fed = reader.feed(&entry.body, |frame| {
        if let Some(event) = &frame.event
            && broken.is_ok()
        {
            broken = decoder.event(event.name(), &event.data, &mut on_delta);
        }
    });
    fed.and(broken)
}

/// The words of an answer; of several the first's.
pub(super) fn said(entry: &Entry, max_event_bytes: usize) -> String {
    let mut text = String::new();
    // It was read when it came, so it can be read again.
    let _ = read(entry, max_event_bytes, |delta| {
        if let Delta::Text { choice: 0, text: more } = delta {
            text.push_str(more);
        }
    });
    text
}
