//! Whose a signature is, once it has left its own dialect.
//!
//! A signature means something to the vendor that gave it and is refused by every other. Clients send it back without a
//! word of where it came from, so what crosses dialects carries a mark in front: eight characters of base64, since
//! Gemini's clients decode what they get. `python/sluicegate/dialects/seal.py` reads it.

use std::borrow::Cow;

/// Before a signature of Gemini's in another dialect.
const OURS: &str = "sgGemini";
/// Before a signature of Anthropic's in Gemini's dialect.
const ANTHROPICS: &str = "sgAnthro";
/// Before Anthropic's redacted thoughts in Gemini's dialect.
const REDACTED: &str = "sgRedact";
/// Before reasoning that `OpenAI` encrypted, with the id of its item, once more in base64.
const OPENAIS: &str = "sgOpenAI";
/// How the neutral form marks such reasoning.
const OF_RESPONSES: &str = "openai_responses:";

/// A signature that Gemini gave, as the neutral form has it.
pub(super) fn sealed(signature: &str) -> String {
    format!("{OURS}{signature}")
}

/// A signature of the neutral form, as a client of Gemini's dialect gets it, and whether Gemini gave it; None where it is
/// not base64, which these clients could not read.
pub(super) fn unsealed(signature: &str) -> Option<(Cow<'_, str>, bool)> {
    match signature.strip_prefix(OURS) {
        Some(own) => Some((own.into(), true)),
        None => anothers(signature, ANTHROPICS).map(|marked| (marked.into(), false)),
    }
}

/// Redacted thoughts of the neutral form as the signature of a thought without words; None where they are not base64.
pub(super) fn unsealed_redacted(data: &str) -> Option<String> {
    anothers(data, REDACTED)
}

fn anothers(sealed: &str, mark: &str) -> Option<String> {
    match sealed.strip_prefix(OF_RESPONSES) {
        Some(own) => Some(format!("{OPENAIS}{}", base64(own.as_bytes()))),
        None => is_base64(sealed).then(|| format!("{mark}{sealed}")),
    }
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let digit = (bits >> (18 - 6 * place) & 63) as usize;
            let is_said = place <= chunk.len();
            out.push(DIGITS.get(digit).filter(|_| is_said).map_or('=', |d| char::from(*d)));
        }
    }
    out
}

fn is_base64(text: &str) -> bool {
    let digits = text.trim_end_matches('=');
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(&byte);
    text.len().is_multiple_of(4) && text.len() - digits.len() <= 2 && digits.bytes().all(is_digit)
}

#[cfg(test)]
mod tests {
    use super::{base64, unsealed, unsealed_redacted};

    #[test]
    fn base64_is_that_of_the_rfc() {
        for (plain, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
            ("\u{ff}\u{fe}", "w7/Dvg=="),
        ] {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }

    #[test]
    fn what_a_vendor_sealed_says_whose_it_is() {
        for (sealed, signature, redacted) in [
            (
                "openai_responses:rs_1:gAA",
                Some("sgOpenAIcnNfMTpnQUE="),
                Some("sgOpenAIcnNfMTpnQUE="),
            ),
            ("QUJD", Some("sgAnthroQUJD"), Some("sgRedactQUJD")),
            ("not base64", None, None),
        ] {
            assert_eq!(unsealed(sealed).map(|(text, _)| text.into_owned()).as_deref(), signature);
            assert_eq!(unsealed_redacted(sealed).as_deref(), redacted);
        }
        assert_eq!(unsealed("sgGeminiQUJD"), Some(("QUJD".into(), true)));
    }
}
