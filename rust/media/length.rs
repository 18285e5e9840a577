//! How long a recording is, by what stands in its file. Nothing is decoded.
//!
//! Sources: <http://soundfile.sapp.org/doc/WaveFormat/>, RFC 9639 (FLAC), RFC 3533 and 7845 (Ogg, Opus),
//! <https://xiph.org/vorbis/doc/Vorbis_I_spec.html>, ISO/IEC 14496-12 (MP4), RFC 9559 (Matroska, `WebM`),
//! <http://www.mp3-tech.org/programmer/frame_header.html>.

use memchr::memmem;

use super::frames;

/// Bytes of a second in the widest form in use, 96 kHz of two channels at 24 bits: a file that says it is shorter than
/// its bytes can be is not believed.
const MAX_BYTES_PER_S: u64 = 576_000;
/// Where `WebM` has what it says of the whole.
const MATROSKA_HEAD: usize = 64 << 10;

/// Milliseconds of a recording, at least what its bytes take; `None` where its form is not known or does not say it.
///
/// Cost: a search through the file; of MP3, a step for each of its frames.
pub fn length_ms(file: &[u8]) -> Option<u64> {
    let told = match file {
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', rest @ ..] => wave(rest),
        [b'f', b'L', b'a', b'C', rest @ ..] => flac(rest),
        [b'O', b'g', b'g', b'S', ..] => ogg(file),
        [0x1a, 0x45, 0xdf, 0xa3, ..] => matroska(file),
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => mp4(file),
        _ => frames::length_ms(file),
    };
    let least = (file.len() as u64).saturating_mul(1000) / MAX_BYTES_PER_S;
    told.map(|told| told.max(least))
}

fn wave(mut chunks: &[u8]) -> Option<u64> {
    let mut bytes_per_s = 0;
    loop {
        let (name, rest) = chunks.split_first_chunk::<4>()?;
        let (size, rest) = rest.split_first_chunk::<4>()?;
        let size = u32::from_le_bytes(*size) as usize;
        match name {
            b"fmt " => bytes_per_s = u32_le(rest, 8)?,
            // What is recorded while it is sent has no size yet.
            b"data" => return part(size.min(rest.len()) as u64, bytes_per_s.into()),
            _ => {}
        }
        chunks = rest.get(size.checked_add(size % 2)?..)?;
    }
}

fn flac(rest: &[u8]) -> Option<u64> {
    let info = rest.get(4..).filter(|_| rest.first().is_some_and(|kind| kind % 0x80 == 0))?;
    let packed = u64::from_be_bytes(*info.get(10..)?.first_chunk::<8>()?);
    part(packed & 0xf_ffff_ffff, packed >> 44)
}

fn ogg(file: &[u8]) -> Option<u64> {
    let segments = usize::from(*file.get(26)?);
    let first = file.get(27 + segments..)?;
    let (rate, skipped) = match first {
        [b'O', b'p', b'u', b's', b'H', b'e', b'a', b'd', _, _, low, high, ..] => {
            (48_000, u64::from(u16::from_le_bytes([*low, *high])))
        }
        [1, b'v', b'o', b'r', b'b', b'i', b's', ..] => (u32_le(first, 12)?, 0),
        _ => return None,
    };
    let last = file.get(memmem::rfind(file, b"OggS")?..)?;
    let position = u64::from_le_bytes(*last.get(6..)?.first_chunk::<8>()?);
    part(position.checked_sub(skipped)?, rate.into())
}

fn mp4(file: &[u8]) -> Option<u64> {
    let head = file.get(memmem::find(file, b"mvhd")? + 4..)?;
    let (per_s, units) = match head.first()? {
        0 => (u32_be(head, 12)?, u64::from(u32_be(head, 16)?)),
        1 => (u32_be(head, 20)?, u64::from_be_bytes(*head.get(24..)?.first_chunk::<8>()?)),
        _ => return None,
    };
    part(units, per_s.into())
}

fn matroska(file: &[u8]) -> Option<u64> {
    let head = file.get(..MATROSKA_HEAD.min(file.len()))?;
    let scale_ns = match memmem::find(head, &[0x2a, 0xd7, 0xb1]) {
        Some(at) => match head.get(at + 3..)? {
            [0x83, a, b, c, ..] => f64::from(u32::from_be_bytes([0, *a, *b, *c])),
            [0x84, a, b, c, d, ..] => f64::from(u32::from_be_bytes([*a, *b, *c, *d])),
            _ => return None,
        },
        None => 1e6,
    };
    let info = memmem::find(head, &[0x15, 0x49, 0xa9, 0x66])?;
    let within = head.get(info..)?;
    let duration = number(within.get(memmem::find(within, &[0x44, 0x89])? + 2..)?)?;
    let ms = duration * scale_ns / 1e6;
    let is_time = ms.is_finite() && (1.0..1e12).contains(&ms);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // checked just now
    is_time.then_some(ms.ceil() as u64)
}

/// A floating number behind its size.
fn number(value: &[u8]) -> Option<f64> {
    let (size, rest) = value.split_first()?;
    let bytes = rest.get(..usize::from(size & 0x7f)).filter(|_| size & 0x80 != 0)?;
    let single = <[u8; 4]>::try_from(bytes).map(|four| f64::from(f32::from_be_bytes(four)));
    single.or_else(|_| <[u8; 8]>::try_from(bytes).map(f64::from_be_bytes)).ok()
}

/// So many of which a second has `per_s`; `None` where that is nothing.
pub(super) fn part(units: u64, per_s: u64) -> Option<u64> {
    let ms = units.checked_mul(1000)?.checked_div(per_s)?;
    (ms > 0).then_some(ms)
}

fn u32_le(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u32_be(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::length_ms;

    fn wave(size: u32, samples: usize) -> Vec<u8> {
        let mut file = b"RIFF\0\0\0\0WAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0\x01\0\x01\0".to_vec();
        file.extend(16_000_u32.to_le_bytes());
        file.extend(32_000_u32.to_le_bytes());
        file.extend(b"\x02\0\x10\0data");
        file.extend(size.to_le_bytes());
        file.resize(file.len() + samples * 2, 0);
        file
    }

    fn ogg(head: &[u8], granule: u64) -> Vec<u8> {
        let page = |granule: u64, payload: &[u8]| {
            let mut page = b"OggS\0\0".to_vec();
            page.extend(granule.to_le_bytes());
            page.extend([0; 12]);
            page.extend([1, u8::try_from(payload.len()).unwrap()]);
            page.extend(payload);
            page
        };
        [page(0, head), page(9, b"x"), page(granule, b"y")].concat()
    }

    #[test]
    fn files_say_how_long_they_are() {
        let mut opus = b"OpusHead\x01\x01".to_vec();
        opus.extend(312_u16.to_le_bytes());
        let mut vorbis = b"\x01vorbis\0\0\0\0\x02".to_vec();
        vorbis.extend(44_100_u32.to_le_bytes());
        let flac = |rate: u64, samples: u64| {
            let packed = (rate << 44) | (1 << 41) | (15 << 36) | samples;
            [&b"fLaC\0\0\0\x22"[..], &[0; 10], &packed.to_be_bytes(), &[0; 16]].concat()
        };
        let mp4 =
            |head: &[u8]| [&b"\0\0\0\x18ftypM4A \0\0\0\0moov\0\0\0\x6cmvhd"[..], head].concat();
        let short = [&[0; 12][..], &600_u32.to_be_bytes(), &900_u32.to_be_bytes()].concat();
        let long = [&[1][..], &[0; 19], &1000_u32.to_be_bytes(), &2500_u64.to_be_bytes()].concat();
        let webm = [
            &[0x1a, 0x45, 0xdf, 0xa3, 0x80, 0x15, 0x49, 0xa9, 0x66, 0x90][..],
            &[0x2a, 0xd7, 0xb1, 0x83, 0x0f, 0x42, 0x40, 0x44, 0x89, 0x84],
            &1234.5_f32.to_be_bytes(),
        ]
        .concat();
        for (name, file, ms) in [
            ("wave", wave(32_000, 16_000), Some(1000)),
            ("wave that was not ended", wave(u32::MAX, 24_000), Some(1500)),
            ("opus", ogg(&opus, 312 + 96_000), Some(2000)),
            ("vorbis", ogg(&vorbis, 22_050), Some(500)),
            ("flac", flac(44_100, 441_000), Some(10_000)),
            ("flac without its length", flac(44_100, 0), None),
            ("mp4", mp4(&short), Some(1500)),
            ("long mp4", mp4(&long), Some(2500)),
            ("webm", webm, Some(1235)),
            ("text", b"not a recording at all".to_vec(), None),
            ("nothing", Vec::new(), None),
        ] {
            assert_eq!(length_ms(&file), ms, "{name}");
            for cut in 0..file.len() {
                let _ = length_ms(&file[..cut]); // no byte is taken for granted
            }
        }
    }

    #[test]
    fn a_file_cannot_say_that_it_is_shorter_than_its_bytes() {
        assert_eq!(length_ms(&wave(3200, 576_000)), Some(2000));
    }
}
