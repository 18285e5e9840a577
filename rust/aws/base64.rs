//! Base64 as AWS, and others, write bytes into JSON.

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The bytes; `None` where the text is no base64 with its padding. Source: RFC 4648, section 4.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    decode_into(text, &mut out)?;
    Some(out)
}

/// Appends the bytes to `out`, or some of them where the text turns out to be none.
pub fn decode_into(text: &str, out: &mut Vec<u8>) -> Option<()> {
    let digits = text.trim_end_matches('=').as_bytes();
    let padding = text.len() - digits.len();
    if !text.len().is_multiple_of(4) || padding > 2 {
        return None;
    }
    out.reserve(text.len() / 4 * 3);
    for group in digits.chunks(4) {
        let mut bits = 0_u32;
        for digit in group {
            bits = bits << 6 | value(*digit)?;
        }
        bits <<= 6 * (4 - group.len());
        let bytes = bits.to_be_bytes();
        out.extend_from_slice(bytes.get(1..group.len())?);
    }
    Some(())
}

/// Appends bytes as base64, with its padding.
pub fn encode(bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(bytes.len().div_ceil(3) * 4);
    let (groups, rest) = bytes.as_chunks::<3>();
    for group in groups {
        out.extend_from_slice(&digits(*group));
    }
    match rest {
        [a] => {
            let [first, second, ..] = digits([*a, 0, 0]);
            out.extend_from_slice(&[first, second, b'=', b'=']);
        }
        [a, b] => {
            let [first, second, third, _] = digits([*a, *b, 0]);
            out.extend_from_slice(&[first, second, third, b'=']);
        }
        _ => {}
    }
}

fn digits([a, b, c]: [u8; 3]) -> [u8; 4] {
    let digit = |six: u8| DIGITS.get(usize::from(six & 63)).copied().unwrap_or_default();
    [digit(a >> 2), digit(a << 4 | b >> 4), digit(b << 2 | c >> 6), digit(c)]
}

fn value(digit: u8) -> Option<u32> {
    let value = match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(value.into())
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    #[test]
    fn the_vectors_of_rfc_4648_are_read_and_written() {
        for (text, wanted) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg==", "foob"),
            ("Zm9vYmE=", "fooba"),
            ("Zm9vYmFy", "foobar"),
        ] {
            assert_eq!(decode(text).as_deref(), Some(wanted.as_bytes()), "{text}");
            let mut written = Vec::new();
            encode(wanted.as_bytes(), &mut written);
            assert_eq!(written, text.as_bytes(), "{wanted}");
        }
        for broken in ["Z", "Zg", "Zg=", "Z===", "====", "Zm9v\n", "Zm-_", "Zg==Zg=="] {
            assert_eq!(decode(broken), None, "{broken}");
        }
    }
}
