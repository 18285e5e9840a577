//! Undoes the content codings of a request's body, within the bounds of one that came plain.

use super::coding::{Coding, Decoder, UnknownCoding};

/// More codings one over the other nobody has a use for.
const MAX_CODINGS: usize = 2;

/// Why a body cannot be made plain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnpackError {
    /// Plain it would be larger than a body may be, or swells as nothing does that somebody wrote.
    #[error("the body is too large once it is decoded")]
    TooLarge,
    /// It is not what its header says.
    #[error("the body cannot be decoded: {0}")]
    Broken(String),
}

/// The codings that a `content-encoding` names, in the order in which they were applied; none of a plain body.
pub fn codings(value: &[u8]) -> Result<Vec<Coding>, UnknownCoding> {
    let mut found = Vec::new();
    for word in value.split(|byte| *byte == b',') {
        found.extend(Coding::from_header(word)?);
    }
    if found.len() > MAX_CODINGS { Err(UnknownCoding) } else { Ok(found) }
}

/// A body without its codings. Cost: for bodies of more than some hundred kilobytes milliseconds.
pub fn unpack(codings: &[Coding], body: &[u8], max_bytes: usize) -> Result<Vec<u8>, UnpackError> {
    let (last, earlier) = match codings.split_last() {
        Some((last, earlier)) => (*last, earlier),
        None => return Ok(body.to_vec()),
    };
    let plain = unpack_one(last, body, max_bytes)?;
    if earlier.is_empty() { Ok(plain) } else { unpack(earlier, &plain, max_bytes) }
}

fn unpack_one(coding: Coding, body: &[u8], max_bytes: usize) -> Result<Vec<u8>, UnpackError> {
    let broken = |error: std::io::Error| UnpackError::Broken(error.to_string());
    let mut decoder = Decoder::bounded(coding, max_bytes).map_err(broken)?;
    let fed = decoder.feed(body);
    if decoder.is_full() {
        return Err(UnpackError::TooLarge);
    }
    let mut plain = fed.map_err(broken)?;
    plain.extend(decoder.finish().map_err(broken)?);
    if plain.len() > max_bytes { Err(UnpackError::TooLarge) } else { Ok(plain) }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(plain: &[u8]) -> Vec<u8> {
        zstd::stream::encode_all(plain, 19).unwrap()
    }

    #[test]
    fn the_header_names_what_was_applied_first_to_last() {
        use Coding::{Brotli, Deflate, Gzip, Zstd};
        for (value, wanted) in [
            ("gzip", Some(vec![Gzip])),
            ("ZSTD", Some(vec![Zstd])),
            (" br ", Some(vec![Brotli])),
            ("identity", Some(vec![])),
            ("", Some(vec![])),
            ("deflate, identity,x-gzip", Some(vec![Deflate, Gzip])),
            ("gzip, gzip, gzip", None),
            ("compress", None),
            ("gzip;q=1", None),
        ] {
            assert_eq!(codings(value.as_bytes()).ok(), wanted, "{value}");
        }
    }

    #[test]
    fn codings_are_undone_from_the_last_to_the_first() {
        let body = zstd(&gzip(b"{}"));
        assert_eq!(unpack(&[Coding::Gzip, Coding::Zstd], &body, 100), Ok(b"{}".to_vec()));
        assert!(unpack(&[Coding::Zstd, Coding::Gzip], &body, 100).is_err());
        assert_eq!(unpack(&[], b"{}", 100), Ok(b"{}".to_vec()));
    }

    #[test]
    fn what_would_be_too_large_is_not_made() {
        let text = "one two three ".repeat(200);
        for (coding, body) in
            [(Coding::Gzip, gzip(text.as_bytes())), (Coding::Zstd, zstd(text.as_bytes()))]
        {
            let whole = unpack(&[coding], &body, text.len());
            assert_eq!(whole, Ok(text.clone().into_bytes()), "{coding:?}");
            let short = unpack(&[coding], &body, text.len() - 1);
            assert_eq!(short, Err(UnpackError::TooLarge), "{coding:?}");
        }
        let bomb = vec![b' '; 64 << 20];
        for (coding, body) in [(Coding::Gzip, gzip(&bomb)), (Coding::Zstd, zstd(&bomb))] {
            assert_eq!(
                unpack(&[coding], &body, 32 << 20),
                Err(UnpackError::TooLarge),
                "{coding:?}"
            );
            assert_eq!(unpack(&[coding], &body, 1 << 30), Err(UnpackError::TooLarge), "its ratio");
        }
    }

    #[test]
    fn what_is_not_what_it_says_is_broken() {
        for (coding, body) in [(Coding::Gzip, gzip(b"hello")), (Coding::Zstd, zstd(b"hello"))] {
            for end in 1..body.len() {
                let cut = unpack(&[coding], &body[..end], 100);
                assert!(matches!(cut, Err(UnpackError::Broken(_))), "{coding:?} cut at {end}");
            }
            let plain = unpack(&[coding], b"{\"model\":\"m\"}", 100);
            assert!(matches!(plain, Err(UnpackError::Broken(_))), "{coding:?}");
        }
    }
}
