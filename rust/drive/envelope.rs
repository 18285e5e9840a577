//! Claude on Google's and on Amazon's cloud: Anthropic's own body, in which the cloud's version stands and not what its
//! path says.

use bytes::Bytes;
use http::HeaderName;

use super::address::Address;
use super::exchange::Exchange;
use super::send::ANTHROPIC_VERSION;
use super::snapshot::{Target, Upstream};
use crate::body::enveloped;

pub(super) const ANTHROPIC_BETA: HeaderName = HeaderName::from_static("anthropic-beta");
/// Source: <https://cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude/use-claude>.
const VERTEX_VERSION: &[u8] = b"\"vertex-2023-10-16\"";
/// Source: <https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html>.
const BEDROCK_VERSION: &[u8] = b"\"bedrock-2023-05-31\"";

/// A body of Anthropic's as the upstream wants it; every other as it is.
pub(super) fn around(x: &Exchange, target: &Target, body: Bytes) -> Bytes {
    let a = &x.admission;
    if a.place.passage.is_some() {
        return body;
    }
    match target.upstream.address {
        Address::RawPredict => {
            let left_out: &[_] = if a.operation.writes() { &["model"] } else { &[] };
            enveloped(&body, left_out, &[("anthropic_version", VERTEX_VERSION)]).into()
        }
        Address::InvokeModel => {
            let betas = betas(x, &target.upstream);
            let betas = betas.as_deref().map(|betas| ("anthropic_beta", betas));
            let added: Vec<_> =
                std::iter::once(("anthropic_version", BEDROCK_VERSION)).chain(betas).collect();
            enveloped(&body, &["model", "stream"], &added).into()
        }
        Address::Dialect | Address::Deployments => body,
    }
}

/// Whether a header of a client that speaks the upstream's dialect has no place beside the envelope.
pub(super) fn replaces(upstream: &Upstream, name: &HeaderName) -> bool {
    match upstream.address {
        Address::RawPredict => name == ANTHROPIC_VERSION,
        Address::InvokeModel => name == ANTHROPIC_VERSION || name == ANTHROPIC_BETA,
        Address::Dialect | Address::Deployments => false,
    }
}

/// What the client asks for beyond the version, which Bedrock reads in the body alone.
fn betas(x: &Exchange, upstream: &Upstream) -> Option<Vec<u8>> {
    let a = &x.admission;
    if upstream.dialect_for(a.dialect) != a.dialect {
        return None;
    }
    let given = a.headers.forward.iter().filter(|(name, _)| name == ANTHROPIC_BETA);
    let names: Vec<&str> = given
        .filter_map(|(_, value)| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .collect();
    if names.is_empty() { None } else { serde_json::to_vec(&names).ok() }
}
