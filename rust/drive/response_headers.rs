//! The head that the client gets: the gateway's own headers and an allow-list of the upstream's.

use bytes::Bytes;
use http::HeaderMap;

use super::exchange::Exchange;
use super::outbox::Head;
use super::snapshot::Target;

/// Upstream headers that clients use. All others stay here: cookies, server names, hop-by-hop fields.
const ALLOWED: &[&str] = &[
    "anthropic-organization-id",
    "openai-model",
    "openai-processing-ms",
    "openai-version",
    "request-id",
    "x-request-id",
];
const ALLOWED_PREFIXES: &[&str] = &["anthropic-ratelimit-", "x-ratelimit-"];

/// The head of an answer with content in it.
pub fn answer(
    x: &Exchange,
    target: &Target,
    upstream: &HeaderMap,
    content_type: &'static str,
    overhead_us: u128,
    cost_usd: Option<String>,
) -> Head {
    let mut headers = gateway(x);
    headers
        .push((Bytes::from_static(b"content-type"), Bytes::from_static(content_type.as_bytes())));
    headers.push((
        Bytes::from_static(b"x-sluicegate-provider"),
        Bytes::copy_from_slice(target.upstream.provider.as_bytes()),
    ));
    if target.model.bytes().all(|b| (0x20..0x7f).contains(&b)) {
        let model = Bytes::copy_from_slice(target.model.as_bytes());
        headers.push((Bytes::from_static(b"x-sluicegate-model"), model));
    }
    headers.push((Bytes::from_static(b"x-sluicegate-cache"), Bytes::from_static(b"bypass")));
    headers.push((Bytes::from_static(b"x-sluicegate-overhead-us"), number(overhead_us)));
    if let Some(cost) = cost_usd {
        headers.push((Bytes::from_static(b"x-sluicegate-cost-usd"), cost.into()));
    }
    for (name, value) in upstream {
        let name = name.as_str();
        if ALLOWED.contains(&name) || ALLOWED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        {
            let pair =
                (Bytes::copy_from_slice(name.as_bytes()), Bytes::copy_from_slice(value.as_bytes()));
            headers.push(pair);
        }
    }
    Head { status: 200, headers }
}

/// What every answer of the gateway carries.
pub fn gateway(x: &Exchange) -> Vec<(Bytes, Bytes)> {
    let mut headers = Vec::with_capacity(12);
    headers.push((
        Bytes::from_static(b"x-sluicegate-request-id"),
        Bytes::copy_from_slice(x.id_text.as_bytes()),
    ));
    headers.push((Bytes::from_static(b"x-sluicegate-attempts"), number(u128::from(x.attempts()))));
    headers
}

fn number(value: u128) -> Bytes {
    Bytes::from(value.to_string())
}
