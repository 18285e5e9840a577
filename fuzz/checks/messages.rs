//! What must hold of AWS's binary messages, cut anywhere. Shared by the fuzz target and the smoke test.

use sluicegate::aws::Parser;

const MAX_MESSAGE_BYTES: usize = 1 << 16;

/// The payload of every message, the bytes of all of them, and whether they can be read.
#[derive(Debug, Default, PartialEq)]
struct Read {
    payloads: Vec<Vec<u8>>,
    raw: Vec<u8>,
    failed: bool,
}

/// The first byte says how large the pieces are. The rest is a stream as it is, and once more as the payload of one
/// message: a fuzzer hardly ever meets a checksum.
pub fn check(input: &[u8]) {
    let Some((size, wire)) = input.split_first() else { return };
    let mut framed = message(wire);
    framed.extend_from_slice(wire);
    for wire in [wire, &framed] {
        let whole = read(std::iter::once(wire));
        assert_eq!(whole, read(wire.chunks(usize::from(*size).max(1))));
        assert_eq!(whole, read(wire.chunks(1)));
        assert!(wire.starts_with(&whole.raw), "the messages are the stream");
    }
    assert_eq!(read(std::iter::once(&framed[..])).payloads.first().map(Vec::as_slice), Some(wire));
}

fn message(payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(16 + payload.len()).unwrap_or(u32::MAX);
    let mut out = [length.to_be_bytes(), [0; 4]].concat();
    out.extend_from_slice(&checksum(&out).to_be_bytes());
    out.extend_from_slice(payload);
    let checksum = checksum(&out);
    out.extend_from_slice(&checksum.to_be_bytes());
    out
}

/// CRC-32 bit by bit: the reference for the parser's.
fn checksum(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xEDB8_8320 * (sum & 1)))
    })
}

fn read<'a>(mut pieces: impl Iterator<Item = &'a [u8]>) -> Read {
    let mut parser = Parser::new(MAX_MESSAGE_BYTES);
    let mut read = Read::default();
    let fed = pieces.try_for_each(|piece| {
        parser.feed(piece, |message| {
            assert!(message.headers().count() <= message.raw.len());
            let _ = message.kind();
            read.payloads.push(message.payload.to_vec());
            read.raw.extend_from_slice(message.raw);
        })
    });
    assert!(parser.pending().len() <= MAX_MESSAGE_BYTES);
    read.failed = fed.is_err();
    read
}
