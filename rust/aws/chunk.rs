//! What Bedrock puts around the events of a model's own dialect: `{"bytes": "..."}`, in base64.
//!
//! Source: <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_PayloadPart.html>.

use std::borrow::Cow;

use serde::Deserialize;

use super::base64::decode_into;
use crate::error::Error;

#[derive(Deserialize)]
struct PayloadPart<'a> {
    #[serde(borrow)]
    bytes: Cow<'a, str>,
}

/// Appends what the payload of a `chunk` carries to `out`.
pub fn write_bytes(payload: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
    let part: PayloadPart<'_> =
        serde_json::from_slice(payload).map_err(|_| malformed("a chunk without bytes"))?;
    decode_into(&part.bytes, out).ok_or_else(|| malformed("the bytes of a chunk are no base64"))
}

fn malformed(reason: &str) -> Error {
    Error::MalformedEvent { dialect: "bedrock", reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::write_bytes;

    #[test]
    fn the_bytes_are_found_whatever_stands_beside_them() {
        for payload in [
            r#"{"bytes":"eyJhIjoxfQ=="}"#,
            r#"{"p":"abc","bytes":"eyJhIjoxfQ=="}"#,
            r#"{"bytes":"eyJhIjoxfQ==","p":"abcdefghij"}"#,
            r#"{"bytes":"eyJhIjoxfQ\u003d="}"#,
        ] {
            let mut out = b">".to_vec();
            write_bytes(payload.as_bytes(), &mut out).unwrap();
            assert_eq!(out, b">{\"a\":1}", "{payload}");
        }
        for broken in ["", "{}", "[]", r#"{"bytes":7}"#, r#"{"bytes":"eyJ"}"#, r#"{"bytes":"+"#] {
            assert!(write_bytes(broken.as_bytes(), &mut Vec::new()).is_err(), "{broken}");
        }
    }
}
