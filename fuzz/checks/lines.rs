//! What must hold of lines of JSON, cut anywhere. Shared by the fuzz target and the smoke test.

use sluicegate::sse::{Frame, Lines};

const MAX_LINE_BYTES: usize = 1 << 16;

/// The data of every line and whether its end came, and the bytes of all of them.
#[derive(Debug, Default, PartialEq)]
struct Read {
    lines: Vec<(Vec<u8>, bool)>,
    raw: Vec<u8>,
}

/// The first byte says how large the pieces are, the rest is the stream.
pub fn check(input: &[u8]) {
    let Some((size, wire)) = input.split_first() else { return };
    let whole = read(std::iter::once(wire));
    assert_eq!(whole, read(wire.chunks(usize::from(*size).max(1))));
    assert_eq!(whole, read(wire.chunks(1)));
    if wire.len() <= MAX_LINE_BYTES {
        assert_eq!(whole.raw, wire, "the lines are the stream");
    }
    let plain = wire.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let given = whole.lines.iter().map(|(line, _)| line.as_slice());
    let bom = b"\xEF\xBB\xBF";
    assert!(
        wire.windows(bom.len()).any(|window| window == bom)
            || given.eq(plain.filter(|line| !line.is_empty())),
        "they are those that a plain reading finds"
    );
}

fn read<'a>(mut pieces: impl Iterator<Item = &'a [u8]>) -> Read {
    let mut reader = Lines::new(MAX_LINE_BYTES);
    let mut read = Read::default();
    let mut take = |frame: Frame<'_>| {
        read.raw.extend_from_slice(frame.raw);
        let data = frame.event.as_ref().map(|event| event.data.to_vec());
        read.lines.extend(data.map(|data| (data, frame.complete)));
    };
    let fed = pieces.try_for_each(|piece| reader.feed(piece, &mut take));
    if fed.is_ok() {
        reader.finish(&mut take);
    }
    assert!(reader.pending_bytes() <= MAX_LINE_BYTES);
    read
}
