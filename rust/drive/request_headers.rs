//! What a client's headers say to the gateway, and what of them goes on to the upstream.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::forwarding;
use super::refusal::Refusal;
use crate::body;
use crate::cache::Control;
use crate::govern::{Digester, Principal};
use crate::transport::{self, Coding, UnpackError};

/// Longest value kept of a header that ends in the ledger; longer ones are refused.
const MAX_VALUE_BYTES: usize = 256;
/// Longest `x-sluicegate-metadata`.
const MAX_METADATA_BYTES: usize = 4096;

/// The headers that matter, read once.
#[derive(Debug, Default, Clone)]
pub struct RequestHeaders {
    /// Digest of the one credential given, if any was.
    pub credential: Option<[u8; 32]>,
    /// `x-request-id`.
    pub client_ref: Option<String>,
    /// `x-sluicegate-user`.
    pub user: Option<String>,
    /// `x-sluicegate-team-tag`.
    pub tag: Option<String>,
    /// `x-sluicegate-run`.
    pub run: Option<String>,
    /// `x-sluicegate-parent-run`: the run that began this one.
    pub parent_run: Option<String>,
    /// `x-sluicegate-metadata`, a JSON object as it came.
    pub metadata: Option<Box<RawValue>>,
    /// `x-sluicegate-timeout-ms`.
    pub timeout_ms: Option<u64>,
    /// The boundary of a body that is a form.
    pub form: Option<String>,
    /// What the body was coded with, first to last; what goes on is plain.
    pub codings: Vec<Coding>,
    /// `x-sluicegate-cache`.
    pub cache: Option<Box<Control>>,
    /// The gateway asks by itself, in the place of who is to pay for it.
    pub on_behalf: Option<Arc<Principal>>,
    /// A browser's WebSocket that offers the protocol `realtime`.
    pub speaks_realtime: bool,
    /// Goes to an upstream of the same dialect; of a request that passes as it is, all that is not ours.
    pub forward: Vec<(HeaderName, HeaderValue)>,
}

/// Vendor headers that change what an upstream answers; everything else stays here.
const FORWARDED: &[&str] = &["anthropic-beta", "anthropic-version", "openai-beta"];

impl RequestHeaders {
    /// Reads lower-case names with raw values. `passes`: the request goes to its provider as it is.
    pub fn read<'a>(
        headers: impl Iterator<Item = (&'a [u8], &'a [u8])>,
        digester: &Digester,
        passes: bool,
    ) -> Result<Self, Refusal> {
        let mut out = Self::default();
        let mut seen_authorization = false;
        let mut hops: Vec<&[u8]> = Vec::new();
        for (name, value) in headers {
            match name {
                b"authorization" => {
                    if std::mem::replace(&mut seen_authorization, true) {
                        return Err(Refusal::header("authorization", "is given twice"));
                    }
                    out.add_credential(bearer(value)?, digester)?;
                }
                b"x-api-key" | b"x-goog-api-key" => {
                    out.add_credential(value.trim_ascii(), digester)?;
                }
                b"x-request-id" => out.client_ref = Some(kept(value)),
                b"x-sluicegate-user" => out.user = Some(text("x-sluicegate-user", value)?),
                b"x-sluicegate-team-tag" => out.tag = Some(text("x-sluicegate-team-tag", value)?),
                b"x-sluicegate-run" => out.run = Some(text("x-sluicegate-run", value)?),
                b"x-sluicegate-parent-run" => {
                    out.parent_run = Some(text("x-sluicegate-parent-run", value)?);
                }
                b"x-sluicegate-metadata" => out.metadata = Some(metadata(value)?),
                b"x-sluicegate-timeout-ms" => out.timeout_ms = Some(timeout_ms(value)?),
                b"x-sluicegate-cache" => {
                    let control = out.cache.get_or_insert_default();
                    let read = control.read(value);
                    read.map_err(|reason| Refusal::header("x-sluicegate-cache", &reason))?;
                }
                b"content-encoding" => out.add_codings(value)?,
                b"sec-websocket-protocol" => out.protocols(value, digester)?,
                _ if passes => {
                    hops.extend((name == b"connection").then_some(value));
                    out.pass(name, value);
                }
                b"content-type" => {
                    let kind = std::str::from_utf8(value).ok();
                    out.form = kind.and_then(body::boundary).map(str::to_owned);
                }
                _ => out.forward(name, value),
            }
        }
        if !hops.is_empty() {
            let named = forwarding::named(hops.into_iter());
            out.forward.retain(|(name, _)| !named.contains(name));
        }
        Ok(out)
    }

    /// What a browser says in the names of protocols, since it can send no other header. Source:
    /// <https://platform.openai.com/docs/guides/realtime-websocket>.
    fn protocols(&mut self, value: &[u8], digester: &Digester) -> Result<(), Refusal> {
        for offered in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            if offered == b"realtime" {
                self.speaks_realtime = true;
            } else if let Some(key) = offered.strip_prefix(b"openai-insecure-api-key.") {
                self.add_credential(key, digester)?;
            } else if let Some(beta) = offered.strip_prefix(b"openai-beta.") {
                // `realtime-v1` there is `realtime=v1` in the header.
                let beta = String::from_utf8_lossy(beta).replacen('-', "=", 1);
                self.forward(b"openai-beta", beta.as_bytes());
            }
        }
        Ok(())
    }

    /// Takes in one more credential, from wherever the dialect has it.
    pub(super) fn add_credential(
        &mut self,
        credential: &[u8],
        digester: &Digester,
    ) -> Result<(), Refusal> {
        let digest = digester.digest(credential);
        match self.credential {
            Some(other) if other != digest => {
                Err(Refusal::malformed("different credentials in one request", None))
            }
            _ => {
                self.credential = Some(digest);
                Ok(())
            }
        }
    }

    fn add_codings(&mut self, value: &[u8]) -> Result<(), Refusal> {
        let found = transport::codings(value).map_err(|_| Refusal::unknown_coding(value))?;
        self.codings.extend(found);
        Ok(())
    }

    /// A body without its codings, where it has any.
    pub fn plain(&self, body: &Bytes, max_bytes: usize) -> Result<Option<Bytes>, UnpackError> {
        if self.codings.is_empty() || body.is_empty() {
            return Ok(None);
        }
        transport::unpack(&self.codings, body, max_bytes).map(|plain| Some(plain.into()))
    }

    fn pass(&mut self, name: &[u8], value: &[u8]) {
        let pair = HeaderName::from_bytes(name).ok().zip(HeaderValue::from_bytes(value).ok());
        self.forward.extend(pair.filter(|(name, _)| forwarding::goes_up(name.as_str())));
    }

    fn forward(&mut self, name: &[u8], value: &[u8]) {
        let Some(known) = FORWARDED.iter().find(|known| known.as_bytes() == name) else { return };
        if let Ok(value) = HeaderValue::from_bytes(value) {
            self.forward.push((HeaderName::from_static(known), value));
        }
    }
}

/// The token of `Bearer TOKEN`; any other scheme is no credential of ours.
fn bearer(value: &[u8]) -> Result<&[u8], Refusal> {
    match value.split_at_checked(7) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case(b"bearer ") => Ok(token.trim_ascii()),
        _ => Err(Refusal::unauthorized()),
    }
}

/// A client's own reference: kept as far as it is printable, never a reason to refuse.
fn kept(value: &[u8]) -> String {
    let value = value.get(..MAX_VALUE_BYTES).unwrap_or(value);
    String::from_utf8_lossy(value).chars().filter(|c| !c.is_control()).collect()
}

fn text(name: &'static str, value: &[u8]) -> Result<String, Refusal> {
    if value.len() > MAX_VALUE_BYTES {
        return Err(Refusal::header(name, "is longer than 256 bytes"));
    }
    match std::str::from_utf8(value) {
        Ok(text) if !text.chars().any(char::is_control) => Ok(text.trim().to_owned()),
        _ => Err(Refusal::header(name, "is not printable UTF-8")),
    }
}

fn metadata(value: &[u8]) -> Result<Box<RawValue>, Refusal> {
    const NAME: &str = "x-sluicegate-metadata";
    if value.len() > MAX_METADATA_BYTES {
        return Err(Refusal::header(NAME, "is longer than 4096 bytes"));
    }
    // Half a surrogate, a number beyond all floats or a thousand levels are JSON by its grammar, but whoever reads the
    // ledger could not read that row.
    let object = serde_json::from_slice::<Box<RawValue>>(value)
        .ok()
        .filter(|raw| serde_json::from_str::<Map<String, Value>>(raw.get()).is_ok());
    object.ok_or_else(|| Refusal::header(NAME, "is not a readable JSON object"))
}

fn timeout_ms(value: &[u8]) -> Result<u64, Refusal> {
    let number = std::str::from_utf8(value).ok().and_then(|v| v.trim().parse::<u64>().ok());
    number.filter(|ms| (1..=1_000_000_000_000_000).contains(ms)).ok_or_else(|| {
        Refusal::header("x-sluicegate-timeout-ms", "is not a whole number of milliseconds above 0")
    })
}
