//! The head that the client gets: the gateway's own headers and an allow-list of the upstream's.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};

use super::exchange::Exchange;
use super::forwarding;
use super::outbox::Head;
use super::rate_headers;
use super::snapshot::Target;
use crate::cache;

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
    let is_limited = add_answer(x, target, overhead_us, cost_usd, &mut headers);
    for (name, value) in upstream {
        let name = name.as_str();
        if ALLOWED.contains(&name) || (is_rate(name) && !is_limited) {
            headers.push(pair(name, value.as_bytes()));
        }
    }
    Head { status: 200, headers }
}

/// The head of an answer that is carried as it is, with the upstream's word for what it is.
pub fn carried(
    x: &Exchange,
    target: &Target,
    upstream: &HeaderMap,
    overhead_us: u128,
    cost_usd: Option<String>,
) -> Head {
    let mut head = answer(x, target, upstream, "application/json", overhead_us, cost_usd);
    let told = upstream.get(CONTENT_TYPE).filter(|kind| !kind.is_empty());
    for (name, value) in &mut head.headers {
        if let Some(kind) = told.filter(|_| **name == *b"content-type") {
            *value = Bytes::copy_from_slice(kind.as_bytes());
        }
    }
    head
}

/// The head of a session: the way is open from here on.
pub fn opened(x: &Exchange, target: &Target, upstream: &HeaderMap, overhead_us: u128) -> Head {
    let mut headers = gateway(x);
    let is_limited = add_answer(x, target, overhead_us, None, &mut headers);
    for (name, value) in upstream {
        let name = name.as_str();
        if ALLOWED.contains(&name) || (is_rate(name) && !is_limited) {
            headers.push(pair(name, value.as_bytes()));
        }
    }
    if x.admission.headers.speaks_realtime {
        headers.push(pair("sec-websocket-protocol", b"realtime"));
    }
    Head { status: StatusCode::SWITCHING_PROTOCOLS.as_u16(), headers }
}

/// The head of an answer that passes as it is.
pub fn passed(
    x: &Exchange,
    target: &Target,
    upstream: &HeaderMap,
    status: StatusCode,
    overhead_us: u128,
    cost_usd: Option<String>,
) -> Head {
    let mut headers = gateway(x);
    let is_limited = add_answer(x, target, overhead_us, cost_usd, &mut headers);
    for (name, value) in forwarding::downward(upstream) {
        if !(is_limited && is_rate(name.as_str())) {
            headers.push(pair(name.as_str(), value));
        }
    }
    Head { status: status.as_u16(), headers }
}

fn is_rate(name: &str) -> bool {
    ALLOWED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

fn pair(name: &str, value: &[u8]) -> (Bytes, Bytes) {
    (Bytes::copy_from_slice(name.as_bytes()), Bytes::copy_from_slice(value))
}

/// Who answered, how the limits stand, and what it took. Says whether limits of the key's own are told: then the
/// upstream's are the gateway's affair.
fn add_answer(
    x: &Exchange,
    target: &Target,
    overhead_us: u128,
    cost_usd: Option<String>,
    headers: &mut Vec<(Bytes, Bytes)>,
) -> bool {
    headers.push((
        Bytes::from_static(b"x-sluicegate-provider"),
        Bytes::copy_from_slice(target.upstream.provider.as_bytes()),
    ));
    if let Some(key) = &target.upstream.key
        && is_header(&key.name)
    {
        let name = Bytes::copy_from_slice(key.name.as_bytes());
        headers.push((Bytes::from_static(b"x-sluicegate-provider-key"), name));
    }
    if is_header(&target.model) && !target.model.is_empty() {
        let model = Bytes::copy_from_slice(target.model.as_bytes());
        headers.push((Bytes::from_static(b"x-sluicegate-model"), model));
    }
    if let Some(name) = &x.admission.downgraded
        && is_header(name)
    {
        let name = Bytes::copy_from_slice(name.as_bytes());
        headers.push((Bytes::from_static(b"x-sluicegate-downgraded-to"), name));
    }
    let own = rate_headers::of_standings(x.hold().standings());
    let is_limited = own.iter().any(|(name, _)| name.starts_with("x-ratelimit-"));
    for (name, value) in own {
        headers.push((Bytes::from_static(name.as_bytes()), value.into()));
    }
    let told = x.cache_told().name();
    headers.push((Bytes::from_static(b"x-sluicegate-cache"), Bytes::from_static(told.as_bytes())));
    if let Some(caching) = x.caching() {
        let key = cache::hex(caching.answer_key());
        headers.push((Bytes::from_static(b"x-sluicegate-cache-key"), key.into()));
    }
    headers.push((Bytes::from_static(b"x-sluicegate-overhead-us"), number(overhead_us)));
    if let Some(cost) = cost_usd {
        headers.push((Bytes::from_static(b"x-sluicegate-cost-usd"), cost.into()));
    }
    is_limited
}

/// What every answer of the gateway carries.
pub fn gateway(x: &Exchange) -> Vec<(Bytes, Bytes)> {
    let mut headers = Vec::with_capacity(12);
    headers.push((
        Bytes::from_static(b"x-sluicegate-request-id"),
        Bytes::copy_from_slice(x.id_text.as_bytes()),
    ));
    headers.push((Bytes::from_static(b"x-sluicegate-attempts"), number(u128::from(x.attempts()))));
    if let Some(dropped) = x.dropped() {
        headers.push((Bytes::from_static(b"x-sluicegate-dropped"), dropped));
    }
    add_run(x, &mut headers);
    headers
}

/// What an agent can adapt to: which run this is, how it stands, and that it goes round in circles.
fn add_run(x: &Exchange, headers: &mut Vec<(Bytes, Bytes)>) {
    let a = &x.admission;
    let Some(run) = a.headers.run.as_deref() else { return };
    if is_header(run) {
        let run = Bytes::copy_from_slice(run.as_bytes());
        headers.push((Bytes::from_static(b"x-sluicegate-run"), run));
    }
    let rules = &a.governance.runs;
    if rules.bounds_runs() {
        let lineage = &a.step.lineage;
        let depth = lineage.above.len() as u64;
        let told = number(u128::from(depth));
        headers.push((Bytes::from_static(b"x-sluicegate-run-depth"), told));
        let left_s = lineage.wall_left_ns.map(|left_ns| left_ns / 1_000_000_000);
        let depth_left = rules.depth.map(|most| most.saturating_sub(depth));
        for (name, left) in [
            (&b"x-sluicegate-run-remaining-s"[..], left_s),
            (b"x-sluicegate-run-remaining-depth", depth_left),
            (b"x-sluicegate-run-remaining-sub-runs", lineage.fan_out_left),
        ] {
            headers.extend(left.map(|left| (Bytes::from_static(name), number(u128::from(left)))));
        }
    }
    if let Some(circle) = &a.step.circle {
        let circle = rate_headers::printable(circle);
        headers.push((Bytes::from_static(b"x-sluicegate-run-loop"), circle.into()));
    }
}

fn is_header(text: &str) -> bool {
    text.bytes().all(|b| (0x20..0x7f).contains(&b))
}

fn number(value: u128) -> Bytes {
    Bytes::from(value.to_string())
}
