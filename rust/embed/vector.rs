//! One vector: numbers as JSON has them, or base64 of 32-bit floats, the lower byte first.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::aws::{decode_base64, encode_base64};
use crate::stream::write_json;

/// A vector as a host gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Vector<'a> {
    /// A JSON array.
    Numbers(&'a str),
    /// The text of a JSON string.
    Base64(Cow<'a, str>),
}

impl<'a> Vector<'a> {
    /// None for what is neither.
    pub fn of(raw: &'a RawValue) -> Option<Self> {
        let json = raw.get();
        match json.as_bytes().first()? {
            b'[' => Some(Self::Numbers(json)),
            b'"' => {
                // A text without escapes is borrowed.
                let inner = json.get(1..json.len() - 1)?;
                let text = if inner.contains('\\') {
                    serde_json::from_str::<String>(json).ok()?.into()
                } else {
                    inner.into()
                };
                Some(Self::Base64(text))
            }
            _ => None,
        }
    }

    /// Appends it as a JSON array. Numbers stand there as the host wrote them; floats as shortly as they can be told from
    /// all others. None for what is no base64 of floats.
    pub fn write_numbers(&self, out: &mut Vec<u8>) -> Option<()> {
        match self {
            // Most hosts put nothing between them.
            Self::Numbers(json) if !has_space(json) => out.extend_from_slice(json.as_bytes()),
            Self::Numbers(json) => {
                out.extend(json.bytes().filter(|byte| !byte.is_ascii_whitespace()));
            }
            Self::Base64(text) => {
                let bytes = decode_base64(text)?;
                let (floats, rest) = bytes.as_chunks::<4>();
                if !rest.is_empty() {
                    return None;
                }
                out.push(b'[');
                for (at, float) in floats.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    let float = Some(f32::from_le_bytes(*float)).filter(|f| f.is_finite())?;
                    // Writing into memory cannot fail.
                    let _ = serde_json::to_writer(&mut *out, &float);
                }
                out.push(b']');
            }
        }
        Some(())
    }

    /// Appends it as a JSON string of base64: each number as the nearest float. None for what is no list of numbers.
    pub fn write_base64(&self, out: &mut Vec<u8>) -> Option<()> {
        match self {
            Self::Numbers(json) => {
                let inner = json.strip_prefix('[')?.strip_suffix(']')?;
                let mut bytes = Vec::with_capacity(inner.len() / 2);
                if !inner.trim_ascii().is_empty() {
                    for number in inner.split(',') {
                        let float: f32 = number.trim_ascii().parse().ok()?;
                        bytes.extend(Some(float).filter(|f| f.is_finite())?.to_le_bytes());
                    }
                }
                out.push(b'"');
                encode_base64(&bytes, out);
                out.push(b'"');
            }
            Self::Base64(text) => write_json(out, text),
        }
        Some(())
    }
}

fn has_space(json: &str) -> bool {
    memchr::memchr3(b' ', b'\n', b'\t', json.as_bytes()).is_some() || json.contains('\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.to_owned()).unwrap()
    }

    fn written(json: &str) -> (Option<String>, Option<String>) {
        let raw = raw(json);
        let vector = Vector::of(&raw).unwrap();
        let (mut numbers, mut base64) = (Vec::new(), Vec::new());
        let numbers = vector.write_numbers(&mut numbers).map(|()| numbers);
        let base64 = vector.write_base64(&mut base64).map(|()| base64);
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (numbers.map(text), base64.map(text))
    }

    #[test]
    fn numbers_stay_as_they_are_and_become_the_nearest_float() {
        for (json, numbers, base64) in [
            ("[1, -2.5]", "[1,-2.5]", r#""AACAPwAAIMA=""#),
            ("[\n 0.1,\n 1e-1]", "[0.1,1e-1]", r#""zczMPc3MzD0=""#),
            ("[18,-7]", "[18,-7]", r#""AACQQQAA4MA=""#),
            ("[]", "[]", r#""""#),
            (r#""AACAPwAAIMA=""#, "[1.0,-2.5]", r#""AACAPwAAIMA=""#),
            (r#""AACAP\u0077AAIMA=""#, "[1.0,-2.5]", r#""AACAPwAAIMA=""#),
        ] {
            assert_eq!(
                written(json),
                (Some(numbers.to_owned()), Some(base64.to_owned())),
                "{json}"
            );
        }
    }

    #[test]
    fn what_is_no_vector_is_none() {
        assert!(Vector::of(&raw("{}")).is_none());
        assert!(Vector::of(&raw("null")).is_none());
        for json in ["[[1],[2]]", "[null]", "[1e39]", r#"["1"]"#] {
            assert_eq!(written(json).1, None, "{json}");
        }
        for json in [r#""AACAPw""#, r#""AAA=""#, r#""AADAfw==""#, r#""not base64""#] {
            assert_eq!(written(json).0, None, "{json}");
        }
    }

    #[test]
    fn every_float_survives_both_ways() {
        let mut bits = 1_u32;
        for _ in 0..5000 {
            bits = bits.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
            let float = f32::from_bits(bits);
            if !float.is_finite() {
                continue;
            }
            let mut coded = vec![b'"'];
            encode_base64(&float.to_le_bytes(), &mut coded);
            coded.push(b'"');
            let coded = String::from_utf8(coded).unwrap();
            let numbers = written(&coded).0.unwrap();
            assert_eq!(written(&numbers).1.as_deref(), Some(coded.as_str()), "{numbers}");
        }
    }
}
