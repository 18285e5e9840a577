//! Where a run of plain text in a string stops: at a quote, a backslash or a control character.
//!
//! Strings in a request are short (half under 16 bytes), so finding where one ends must not cost a call or a loop of
//! its own. 64 bytes are looked at together and the answer is kept for the strings that follow.

const BLOCK: usize = 64;

/// Times a word of flags (0 or 1 in each byte): puts the flag of byte n at bit 56 + n.
const GATHER: u64 = 0x0102_0408_1020_4080;

/// The stops in the block that was looked at last.
#[derive(Debug, Clone)]
pub(super) struct Stops {
    /// Offset of the block.
    block: usize,
    /// A bit for each of its bytes.
    mask: u64,
}

impl Stops {
    /// Nothing looked at.
    pub const fn new() -> Self {
        Self { block: usize::MAX, mask: 0 }
    }

    /// Offset of the first stop at or behind `at`; the length of `bytes` if there is none.
    #[inline(always)]
    pub fn next(&mut self, bytes: &[u8], at: usize) -> usize {
        let mut block = at - at % BLOCK;
        if block != self.block {
            self.look(bytes, block);
        }
        let mut mask = self.mask & (u64::MAX << (at % BLOCK));
        while mask == 0 {
            block += BLOCK;
            if block >= bytes.len() {
                return bytes.len();
            }
            self.look(bytes, block);
            mask = self.mask;
        }
        block + mask.trailing_zeros() as usize
    }

    #[inline(never)]
    fn look(&mut self, bytes: &[u8], block: usize) {
        let rest = bytes.get(block..).unwrap_or_default();
        self.block = block;
        self.mask = if let Some(bytes) = rest.first_chunk() {
            mask(bytes)
        } else {
            let mut last = [b' '; BLOCK];
            last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
            mask(&last)
        };
    }
}

/// Bit n: whether byte n is a stop.
fn mask(block: &[u8; BLOCK]) -> u64 {
    // A loop without a branch, which becomes vector code; then the flags of eight bytes at a time, gathered into one.
    let flag = |byte| u8::from(byte == b'"') | u8::from(byte == b'\\') | u8::from(byte < 0x20);
    let flags = block.map(flag);
    let (words, _) = flags.as_chunks::<8>();
    let bits = words.iter().map(|word| u64::from_le_bytes(*word).wrapping_mul(GATHER) >> 56);
    bits.enumerate().fold(0, |mask, (at, bits)| mask | bits << (8 * at))
}
