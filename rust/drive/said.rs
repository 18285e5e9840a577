//! What stands in a kept answer.

use bytes::Bytes;

use super::reader::Reader;
use super::recording::form;
use crate::cache::{Entry, Shape};
use crate::dialect::Dialect;
use crate::error::Error;
use crate::stream::{Decoder, Delta};

/// The bytes of an answer, and how they are read.
#[derive(Debug, Clone)]
pub(super) struct Said {
    pub dialect: Dialect,
    pub shape: Shape,
    pub body: Bytes,
}

impl Said {
    /// An entry's.
    pub fn of(entry: &Entry) -> Self {
        Self { dialect: entry.dialect, shape: entry.shape, body: entry.body.clone() }
    }

    /// The words; of several answers the first's.
    pub fn words(&self, max_event_bytes: usize) -> String {
        let mut text = String::new();
        // It was read when it came, so it can be read again.
        let _ = read(self, max_event_bytes, |delta| {
            if let Delta::Text { choice: 0, text: more } = delta {
                text.push_str(more);
            }
        });
        text
    }
}

/// Reads an answer once more.
pub(super) fn read(
    Said { dialect, shape, body }: &Said,
    max_event_bytes: usize,
    mut on_delta: impl FnMut(&Delta<'_>),
) -> Result<(), Error> {
    let mut decoder = Decoder::new(*dialect);
    let Some(form) = form(*shape) else {
        return decoder.whole(body, on_delta);
    };
    let mut broken = Ok(());
    let mut reader = Reader::new(form, max_event_bytes);
    let fed = reader.feed(body, |frame| {
        if let Some(event) = &frame.event
            && broken.is_ok()
        {
            broken = decoder.event(event.name(), &event.data, &mut on_delta);
        }
    });
    fed.and(broken)
}
