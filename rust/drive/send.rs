//! The request as the upstream gets it: the client's bytes with a few fields spliced, our headers.

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::Full;

use super::exchange::Exchange;
use super::gemini;
use super::snapshot::{Operation, Target};
use crate::body::{self, BoundField, Edit};
use crate::dialect::Dialect;
use crate::transport::RequestBody;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const ANTHROPIC_VERSION: HeaderName = HeaderName::from_static("anthropic-version");
/// The only published version. Source: <https://docs.anthropic.com/en/api/versioning>.
const ANTHROPIC_VERSION_DEFAULT: HeaderValue = HeaderValue::from_static("2023-06-01");

/// The client's own body for an upstream of the same dialect.
///
/// Two fields are ever touched: `model`, when the upstream calls it otherwise, and `stream_options`, so that
/// a stream reports its usage. Returns whether usage was asked for on the client's behalf.
pub fn same_dialect_body(x: &Exchange, target: &Target) -> (Bytes, bool) {
    let a = &x.admission;
    if a.place.model.is_some() {
        return (renamed_body(x, target), false);
    }
    let mut changes = Vec::with_capacity(2);
    if a.requested_model != target.model {
        let model = serde_json::to_vec(&target.model).unwrap_or_default();
        changes.extend(a.scan.model_span().map(|span| Edit::replace(span, model)));
    }
    let wants_usage = a.operation == Operation::Chat
        && target.upstream.dialect_for(a.dialect) == Dialect::OpenAiChat
        && target.upstream.ask_usage
        && a.scan.stream()
        && !a.scan.include_usage();
    if wants_usage {
        changes.push(ask_for_usage(x));
    }
    if changes.is_empty() {
        return (a.body.clone(), false);
    }
    (body::splice(&a.body, &changes).into(), wants_usage)
}

fn ask_for_usage(x: &Exchange) -> Edit {
    let scan = &x.admission.scan;
    let Some(place) = scan.stream_options_span() else {
        return Edit::insert("stream_options", br#"{"include_usage":true}"#.to_vec());
    };
    // Whatever else stands in `stream_options` is kept; they may also be null.
    let given = x.admission.body.get(place.clone()).filter(|given| given.starts_with(b"{"));
    Edit::replace(place, body::set(given.unwrap_or(b"{}"), "include_usage", b"true"))
}

/// The body of a request whose path names the model; some clients name it in the body as well.
fn renamed_body(x: &Exchange, target: &Target) -> Bytes {
    let a = &x.admission;
    let is_named =
        a.requested_model != target.model && memchr::memmem::find(&a.body, b"\"model\"").is_some();
    if !is_named {
        return a.body.clone();
    }
    let model = serde_json::to_vec(&gemini::resource(&target.model)).unwrap_or_default();
    body::rename_gemini_model(&a.body, &model).into()
}

/// A body of an upstream's dialect that asks for so many tokens at most.
pub fn bounded(body: &Bytes, target: &Target, client: Dialect, max_tokens: u64) -> Bytes {
    let missing = match target.upstream.dialect_for(client) {
        Dialect::Gemini => {
            return body::lower_gemini_max_tokens(body, max_tokens.max(1)).into();
        }
        Dialect::OpenAiResponses => BoundField::MaxOutputTokens,
        _ => target.upstream.bound_field,
    };
    body::lower_max_tokens(body, max_tokens.max(1), missing).into()
}

/// The whole request. Client headers pass only by allow-list, and only within one dialect.
pub fn request(
    x: &Exchange,
    target: &Target,
    body: Bytes,
    http2: bool,
) -> Option<Request<RequestBody>> {
    let a = &x.admission;
    let upstream = &target.upstream;
    let dialect = upstream.dialect_for(a.dialect);
    let path = path(x, target, dialect)?;
    let uri = if http2 {
        Uri::builder()
            .scheme(if upstream.endpoint.server_name().is_some() { "https" } else { "http" })
            .authority(upstream.endpoint.authority().to_str().ok()?)
            .path_and_query(path)
            .build()
            .ok()?
    } else {
        path.parse().ok()?
    };
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri;
    let headers = request.headers_mut();
    headers.reserve(8 + upstream.headers.len() + a.headers.forward.len());
    if !http2 {
        headers.insert(HOST, upstream.endpoint.authority().clone());
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let is_events = a.scan.stream() && !(a.place.as_array && dialect == a.dialect);
    let accept = if is_events { "text/event-stream" } else { "application/json" };
    headers.insert(ACCEPT, HeaderValue::from_static(accept));
    // Compressed streams are held back by compressors; what is compressed all the same is decoded.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(
        USER_AGENT,
        HeaderValue::from_static(concat!("sluicegate/", env!("CARGO_PKG_VERSION"))),
    );
    headers.insert(REQUEST_ID, HeaderValue::from_str(&x.id_text).ok()?);
    if dialect == Dialect::Anthropic {
        headers.insert(ANTHROPIC_VERSION, ANTHROPIC_VERSION_DEFAULT);
    }
    if dialect == a.dialect {
        for (name, value) in &a.headers.forward {
            if name == ANTHROPIC_VERSION {
                headers.insert(name, value.clone()); // the client's, not two of them
            } else {
                headers.append(name, value.clone());
            }
        }
    }
    for (name, value) in &upstream.headers {
        headers.insert(name, value.clone());
    }
    Some(request)
}

/// Path and query.
fn path(x: &Exchange, target: &Target, dialect: Dialect) -> Option<String> {
    let a = &x.admission;
    let base = target.upstream.endpoint.base_path();
    let operation = a.operation.path(dialect)?;
    if dialect != Dialect::Gemini {
        return Some(full_path(base, operation, target.upstream.unversioned));
    }
    Some(match a.place.verb().filter(|_| a.dialect == dialect) {
        Some(verb) => gemini::path(base, &target.model, verb, a.scan.stream() && !a.place.as_array),
        None if a.scan.stream() => {
            gemini::path(base, &target.model, ":streamGenerateContent", true)
        }
        None => gemini::path(base, &target.model, operation, false),
    })
}

/// A base URL may end in `/v1` or not; a versioned path of another kind is taken as it is.
fn full_path(base: &str, operation: &str, unversioned: bool) -> String {
    let added = if base.is_empty() && !unversioned { "/v1" } else { "" };
    format!("{base}{added}{operation}")
}

#[cfg(test)]
mod tests {
    use super::full_path;

    #[test]
    fn base_path_may_carry_the_version_or_nothing() {
        for (base, path) in [
            ("", "/v1/chat/completions"),
            ("/v1", "/v1/chat/completions"),
            ("/openai/v1", "/openai/v1/chat/completions"),
            ("/api/paas/v4", "/api/paas/v4/chat/completions"),
        ] {
            assert_eq!(full_path(base, "/chat/completions", false), path);
        }
        assert_eq!(full_path("", "/chat/completions", true), "/chat/completions");
    }
}
