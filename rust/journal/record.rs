//! One record: 32 bytes of header, then the payload.
//!
//! ```text
//! 0  magic u16 | version u8 | kind u8      12 attempt u32
//! 4  payload length u32                    16 request id, 16 bytes
//! 8  crc32 of everything else, seeded      32 payload
//! ```
//!
//! Integers are little-endian. A segment is preallocated with zeros, so the first bytes that are no
//! record are the end of what was written. The checksum is seeded with the owner, the segment and
//! the offset: bytes left by a failed longer write, or copied into a payload, are a record nowhere.

/// Bytes of a record before its payload.
pub(super) const HEADER_BYTES: usize = 32;

/// The largest payload that a record may carry; a ledger row is about 1 KiB.
pub const MAX_PAYLOAD_BYTES: usize = 16 << 20;

const MAGIC: [u8; 2] = [0xd7, 0x4a];
const VERSION: u8 = 1;

/// What a record is about: one attempt of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId {
    /// The gateway's request id, in its binary form.
    pub request_id: [u8; 16],
    /// Which attempt, from 1; 0 is a request that was never sent.
    pub attempt: u32,
}

/// What a record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The attempt is about to be made.
    Intent,
    /// The attempt's first byte is about to leave.
    Sent,
    /// An intent that is sent at once.
    IntentSent,
    /// The attempt's final row.
    Settlement,
    /// Nothing was sent and nothing is to be recorded.
    Release,
}

impl Kind {
    fn from_byte(byte: u8) -> Option<Self> {
        [Self::Intent, Self::Sent, Self::IntentSent, Self::Settlement, Self::Release]
            .into_iter()
            .find(|kind| kind.byte() == byte)
    }

    fn byte(self) -> u8 {
        match self {
            Self::Intent => 1,
            Self::Sent => 2,
            Self::IntentSent => 3,
            Self::Settlement => 4,
            Self::Release => 5,
        }
    }
}

/// A whole, verified record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) kind: Kind,
    pub(super) id: RecordId,
    pub(super) payload: &'a [u8],
}

impl Record<'_> {
    /// Bytes that the record takes in its segment.
    pub(super) fn encoded_bytes(&self) -> usize {
        HEADER_BYTES + self.payload.len()
    }

    /// Appends the record as it must stand where its checksum is seeded with `seed`.
    ///
    /// The payload is at most [`MAX_PAYLOAD_BYTES`]: the writer has refused larger ones.
    pub(super) fn encode(&self, seed: u32, out: &mut Vec<u8>) {
        let length = u32::try_from(self.payload.len()).unwrap_or(u32::MAX);
        let mut header = [0; HEADER_BYTES];
        header[..2].copy_from_slice(&MAGIC);
        header[2] = VERSION;
        header[3] = self.kind.byte();
        header[4..8].copy_from_slice(&length.to_le_bytes());
        header[12..16].copy_from_slice(&self.id.attempt.to_le_bytes());
        header[16..].copy_from_slice(&self.id.request_id);
        let crc = checksum(seed, &header, self.payload);
        header[8..12].copy_from_slice(&crc.to_le_bytes());
        out.extend_from_slice(&header);
        out.extend_from_slice(self.payload);
    }
}

/// What stands at the start of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decoded<'a> {
    /// A whole record.
    Whole(Record<'a>),
    /// Perhaps a record, if this many bytes were there.
    NeedBytes(usize),
    /// No record: the end of what was written, or a torn one.
    End,
}

/// Reads the record at the start of `bytes`.
pub(super) fn decode(seed: u32, bytes: &[u8]) -> Decoded<'_> {
    let Some((header, rest)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
        return Decoded::NeedBytes(HEADER_BYTES);
    };
    let word = |at: usize| {
        u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    let length = word(4) as usize;
    if header[..2] != MAGIC || header[2] != VERSION || length > MAX_PAYLOAD_BYTES {
        return Decoded::End;
    }
    let Some(kind) = Kind::from_byte(header[3]) else {
        return Decoded::End;
    };
    let Some(payload) = rest.get(..length) else {
        return Decoded::NeedBytes(HEADER_BYTES + length);
    };
    if checksum(seed, header, payload) != word(8) {
        return Decoded::End;
    }
    let mut request_id = [0; 16];
    request_id.copy_from_slice(&header[16..]);
    let id = RecordId { request_id, attempt: word(12) };
    Decoded::Whole(Record { kind, id, payload })
}

fn checksum(seed: u32, header: &[u8; HEADER_BYTES], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(seed);
    hasher.update(&header[..8]);
    hasher.update(&header[12..]);
    hasher.update(payload);
    hasher.finalize()
}
