//! Which headers go on where a request or an answer passes as it is.

use http::header::{self, HeaderMap, HeaderName};

/// They speak of one connection and end with it. RFC 9110, section 7.6.1.
const HOP_BY_HOP: [HeaderName; 9] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// What the gateway says itself, what is between it and its client, and what would choose who pays at the provider.
const OURS: &[&str] = &[
    "accept-encoding",
    "api-key",
    "authorization",
    "content-length",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "openai-organization",
    "openai-project",
    "referer",
    "user-agent",
    "via",
    "x-api-key",
    "x-goog-api-key",
    "x-goog-user-project",
    "x-real-ip",
    "x-request-id",
];
const OUR_PREFIXES: &[&str] = &["x-sluicegate-", "x-forwarded-", "x-amz-", "sec-", "cf-"];

/// Of an answer: who served it, and what holds for the provider's own site.
const THEIRS: &[&str] = &[
    "alt-svc",
    "content-encoding",
    "content-length",
    "nel",
    "report-to",
    "server",
    "set-cookie",
    "strict-transport-security",
    "via",
    "x-powered-by",
];
const THEIR_PREFIXES: &[&str] = &["x-sluicegate-", "access-control-", "cf-", "x-envoy-"];

/// Whether a request's header goes to the provider.
pub(super) fn goes_up(name: &str) -> bool {
    is_kept(name, OURS, OUR_PREFIXES)
}

/// Whether an answer's header goes to the client.
pub(super) fn goes_down(name: &str) -> bool {
    is_kept(name, THEIRS, THEIR_PREFIXES)
}

fn is_kept(name: &str, not: &[&str], prefixes: &[&str]) -> bool {
    let is_hop = HOP_BY_HOP.iter().any(|hop| hop.as_str() == name);
    !is_hop && !not.contains(&name) && !prefixes.iter().any(|prefix| name.starts_with(prefix))
}

/// The names that `Connection` says end with it, of all such headers.
pub(super) fn named<'a>(values: impl Iterator<Item = &'a [u8]>) -> Vec<HeaderName> {
    let texts = values.filter_map(|value| std::str::from_utf8(value).ok());
    texts.flat_map(|text| text.split(',')).filter_map(|name| name.trim().parse().ok()).collect()
}

/// The headers of an answer that go to the client.
pub(super) fn downward(headers: &HeaderMap) -> impl Iterator<Item = (&HeaderName, &[u8])> {
    let values = headers.get_all(header::CONNECTION).iter().map(http::HeaderValue::as_bytes);
    let named = named(values);
    let kept =
        headers.iter().filter(move |(name, _)| goes_down(name.as_str()) && !named.contains(name));
    kept.map(|(name, value)| (name, value.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_hops_and_our_own_headers_stay_here() {
        for name in ["authorization", "x-api-key", "cookie", "connection", "te", "x-sluicegate-run"]
        {
            assert!(!goes_up(name), "{name}");
        }
        for name in
            ["content-type", "accept", "anthropic-beta", "openai-beta", "range", "x-stainless-os"]
        {
            assert!(goes_up(name), "{name}");
        }
        for name in ["set-cookie", "server", "transfer-encoding", "x-sluicegate-provider", "cf-ray"]
        {
            assert!(!goes_down(name), "{name}");
        }
        for name in ["content-type", "retry-after", "x-request-id", "content-disposition"] {
            assert!(goes_down(name), "{name}");
        }
        let values = [&b"close, X-Hop"[..], b"x-other"];
        assert_eq!(named(values.into_iter()), ["close", "x-hop", "x-other"]);
    }
}
