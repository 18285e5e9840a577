//! Signatures of AWS, version 4, over one request each.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>.

use std::fmt::Write as _;

use hmac::{Hmac, Mac};
use jiff::Timestamp;
use serde::Deserialize;
use sha2::{Digest, Sha256};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Whose signature, and for which service in which region.
#[derive(Clone, Deserialize)]
pub struct Signer {
    /// `AKIA...` or `ASIA...`.
    pub access_key_id: String,
    /// Never sent.
    pub secret_access_key: String,
    /// Of temporary credentials.
    #[serde(default)]
    pub session_token: Option<String>,
    /// `us-east-1` ...
    pub region: String,
    /// `bedrock` ...
    pub service: String,
}

/// What is signed of a request.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// `POST` ...
    pub method: &'a str,
    /// The path as it goes out, percent signs included.
    pub path: &'a str,
    /// Its query as it goes out: names in order.
    pub query: &'a str,
    /// The `host` header.
    pub host: &'a str,
    /// The whole body.
    pub body: &'a [u8],
}

/// The headers that a signed request has more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// `authorization`.
    pub authorization: String,
    /// `x-amz-date`.
    pub date: String,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer({}/{})", self.region, self.service)
    }
}

impl Signer {
    /// Signs a request that goes out at this second since 1970; `None` for a time that no calendar has.
    ///
    /// Cost: two hashes of the request's size, five short ones.
    pub fn sign(&self, asked: &Asked<'_>, unix_s: i64) -> Option<Signed> {
        let date = Timestamp::from_second(unix_s).ok()?.strftime("%Y%m%dT%H%M%SZ").to_string();
        let day = date.get(..8)?;
        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let (canonical, names) = self.canonical(asked, &date);
        let hashed = hex(&Sha256::digest(canonical));
        let text = format!("{ALGORITHM}\n{date}\n{scope}\n{hashed}");
        let mut key = format!("AWS4{}", self.secret_access_key).into_bytes();
        for part in [day, &self.region, &self.service, "aws4_request", &text] {
            key = mac(&key, part.as_bytes())?;
        }
        let authorization = format!(
            "{ALGORITHM} Credential={}/{scope}, SignedHeaders={names}, Signature={}",
            self.access_key_id,
            hex(&key)
        );
        Some(Signed { authorization, date })
    }

    /// The request in the one form that both sides hash, and the names of the headers in it.
    fn canonical(&self, asked: &Asked<'_>, date: &str) -> (String, &'static str) {
        let (path, query) = (encoded(asked.path), asked.query);
        let mut out = format!("{}\n{path}\n{query}\n", asked.method);
        // Writing into memory cannot fail.
        let _ = writeln!(out, "host:{}\nx-amz-date:{date}", asked.host);
        let names = match &self.session_token {
            Some(token) => {
                let _ = writeln!(out, "x-amz-security-token:{token}");
                "host;x-amz-date;x-amz-security-token"
            }
            None => "host;x-amz-date",
        };
        let _ = write!(out, "\n{names}\n{}", hex(&Sha256::digest(asked.body)));
        (out, names)
    }
}

/// A path with each byte encoded once more, as all services but S3 have it.
fn encoded(path: &str) -> String {
    let mut out = String::with_capacity(path.len() + 16);
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing into memory cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

fn mac(key: &[u8], text: &[u8]) -> Option<Vec<u8>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?; // a key may have any length
    mac.update(text);
    Some(mac.finalize().into_bytes().to_vec())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From AWS's own test suite for implementers, `aws-sig-v4-test-suite`.
    const AT: i64 = 1_440_938_160;

    fn signer(session_token: Option<&str>) -> Signer {
        Signer {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned(),
            session_token: session_token.map(str::to_owned),
            region: "us-east-1".to_owned(),
            service: "service".to_owned(),
        }
    }

    #[test]
    fn the_published_vectors_hold() {
        for (name, method, query, wanted) in [
            (
                "get-vanilla",
                "GET",
                "",
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            (
                "post-vanilla",
                "POST",
                "",
                "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
            (
                "get-vanilla-query-order-key-case",
                "GET",
                "Param1=value1&Param2=value2",
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
        ] {
            let host = "example.amazonaws.com";
            let asked = Asked { method, path: "/", query, host, body: b"" };
            let signed = signer(None).sign(&asked, AT).unwrap();
            assert_eq!(signed.date, "20150830T123600Z");
            assert_eq!(
                signed.authorization,
                format!(
                    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
                     SignedHeaders=host;x-amz-date, Signature={wanted}"
                ),
                "{name}"
            );
        }
    }

    #[test]
    fn a_session_token_is_signed_and_no_secret_is_shown() {
        let asked = Asked { method: "POST", path: "/", query: "", host: "h", body: b"" };
        let with = signer(Some("token")).sign(&asked, AT).unwrap();
        assert!(with.authorization.contains("host;x-amz-date;x-amz-security-token"));
        assert_ne!(with, signer(None).sign(&asked, AT).unwrap());
        assert_eq!(format!("{:?}", signer(Some("token"))), "Signer(us-east-1/service)");
    }
}
