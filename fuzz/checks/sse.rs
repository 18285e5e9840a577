//! What must hold of any stream, cut anywhere. Shared by the fuzz target and the smoke test.

use sluicegate::sse::{Frame, Parser};

const MAX_EVENT_BYTES: usize = 1 << 16;

/// Name, data and last event id of every event, and the bytes of all frames.
#[derive(Debug, Default, PartialEq)]
struct Read {
    events: Vec<(String, Vec<u8>, Vec<u8>, bool)>,
    raw: Vec<u8>,
    too_large: bool,
}

/// The first byte says how large the pieces are, the rest is the stream.
pub fn check(input: &[u8]) {
    let Some((size, wire)) = input.split_first() else { return };
    let whole = read(std::iter::once(wire));
    let pieces = read(wire.chunks(usize::from(*size).max(1)));
    let bytes = read(wire.chunks(1));
    if !whole.too_large {
        assert_eq!(whole.raw, wire, "the frames are the stream");
    }
    assert_eq!(whole.events, pieces.events);
    assert_eq!(whole.events, bytes.events);
}

fn read<'a>(mut pieces: impl Iterator<Item = &'a [u8]>) -> Read {
    let mut parser = Parser::new(MAX_EVENT_BYTES);
    let mut read = Read::default();
    let mut take = |frame: Frame<'_>| {
        read.raw.extend_from_slice(frame.raw);
        read.events.extend(frame.event.as_ref().map(|event| {
            let id = event.last_event_id().to_vec();
            (event.name().to_owned(), event.data.to_vec(), id, frame.complete)
        }));
    };
    let fed = pieces.try_for_each(|piece| parser.feed(piece, &mut take));
    if fed.is_ok() {
        parser.finish(&mut take);
    }
    assert!(parser.pending_bytes() <= MAX_EVENT_BYTES);
    read.too_large = fed.is_err();
    read
}
