//! The frames of an MP3 file, each with its own rate. Source: <http://www.mp3-tech.org/programmer/frame_header.html>.

use super::length::part;

/// Kilobits a second of the third layer, by index; version 1, then 2 and 2.5.
const KBITS: [[u16; 15]; 2] = [
    [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
    [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];
/// Samples a second of version 1, by index.
const RATES: [u32; 3] = [44_100, 48_000, 32_000];
/// So many in a row are no accident.
const MIN_FRAMES: u32 = 3;

/// One frame.
struct Frame {
    bytes: usize,
    samples: u32,
    rate: u32,
}

impl Frame {
    /// At the beginning of these bytes; `None` where there is none of the third layer.
    fn at(bytes: &[u8]) -> Option<Self> {
        let [0xff, second, third, _, ..] = *bytes else { return None };
        // Eleven bits of sync, and the layer.
        if second & 0xe6 != 0xe2 {
            return None;
        }
        let divisor = match (second >> 3) & 3 {
            3 => 1,
            2 => 2,
            0 => 4,
            _ => return None,
        };
        let is_first = divisor == 1;
        let kbits = *KBITS.get(usize::from(!is_first))?.get(usize::from(third >> 4))?;
        let rate = RATES.get(usize::from((third >> 2) & 3))? / divisor;
        let samples = if is_first { 1152 } else { 576 };
        let padding = u32::from((third >> 1) & 1);
        let bytes = samples / 8 * u32::from(kbits) * 1000 / rate + padding;
        (kbits > 0).then_some(Self { bytes: bytes as usize, samples, rate })
    }
}

/// Milliseconds of a file; what cannot be followed counts as what was.
pub(super) fn length_ms(file: &[u8]) -> Option<u64> {
    let all = file.get(tag_bytes(file)..)?;
    let (mut at, mut frames, mut samples, mut rate) = (0_usize, 0_u32, 0_u64, 0);
    while let Some(frame) = all.get(at..).and_then(Frame::at) {
        at = at.saturating_add(frame.bytes);
        frames += 1;
        samples += u64::from(frame.samples);
        rate = frame.rate;
    }
    let followed = at.min(all.len()) as u64;
    let ms = part(samples, rate.into()).filter(|_| frames >= MIN_FRAMES)?;
    Some(ms.saturating_mul(all.len() as u64) / followed.max(1))
}

/// Bytes of the title and pictures before the sound.
fn tag_bytes(file: &[u8]) -> usize {
    let [b'I', b'D', b'3', _, _, _, a, b, c, d, ..] = *file else { return 0 };
    let size = [a, b, c, d].iter().fold(0, |size, byte| size << 7 | usize::from(byte & 0x7f));
    size + 10
}

#[cfg(test)]
mod tests {
    use super::length_ms;

    /// A frame of 128 kbit/s at 44.1 kHz, or of 64 kbit/s at 22.05 kHz.
    fn frame(is_first: bool) -> Vec<u8> {
        let mut frame = vec![0xff, if is_first { 0xfb } else { 0xf3 }, 0, 0];
        frame[2] = if is_first { 0x90 } else { 0x80 };
        frame.resize(if is_first { 417 } else { 208 }, 0);
        frame
    }

    #[test]
    fn frames_add_up() {
        let tag = b"ID3\x04\0\0\0\0\x01\0".iter().copied().chain([0; 128]).collect::<Vec<u8>>();
        for (file, ms) in [
            (frame(true).repeat(100), Some(2612)),
            (frame(false).repeat(100), Some(2612)),
            ([tag, frame(true).repeat(50)].concat(), Some(1306)),
            (frame(true).repeat(2), None),
            (vec![0xff; 400], None),
        ] {
            assert_eq!(length_ms(&file), ms);
        }
    }

    #[test]
    fn what_cannot_be_followed_counts_as_what_was() {
        let file = [frame(true).repeat(100), vec![0; 41_700]].concat();
        assert_eq!(length_ms(&file), Some(5224));
    }
}
