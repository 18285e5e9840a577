//! The request as the upstream gets it: the client's bytes with a few fields spliced, our headers.

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::Full;
use jiff::Timestamp;

use super::about;
use super::exchange::Exchange;
use super::snapshot::{Target, Upstream};
use super::{address, envelope, gemini, passing};
use crate::aws::{Asked, Signer};
use crate::body::{self, BoundField, Edit};
use crate::dialect::Dialect;
use crate::transport::RequestBody;

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const AMZ_DATE: HeaderName = HeaderName::from_static("x-amz-date");
pub(super) const ANTHROPIC_VERSION: HeaderName = HeaderName::from_static("anthropic-version");
/// The only published version. Source: <https://docs.anthropic.com/en/api/versioning>.
pub(super) const ANTHROPIC_VERSION_DEFAULT: HeaderValue = HeaderValue::from_static("2023-06-01");
/// Who asks.
pub(super) const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("sluicegate/", env!("CARGO_PKG_VERSION")));

/// The client's own body for an upstream of the same dialect.
///
/// Two fields are ever touched: `model`, when the upstream calls it otherwise, and `stream_options`, so that
/// a stream reports its usage. Returns whether usage was asked for on the client's behalf.
pub fn same_dialect_body(x: &Exchange, target: &Target) -> (Bytes, bool) {
    let a = &x.admission;
    if a.place.model.is_some() {
        return (renamed_body(x, target), false);
    }
    if a.operation.is_carried() && a.headers.form.is_some() {
        return (renamed_form(x, target), false);
    }
    let (scan, body) = x.asked();
    let mut changes = Vec::with_capacity(2);
    if a.requested_model != target.model {
        let model = serde_json::to_vec(&target.model).unwrap_or_default();
        changes.extend(scan.model_span().map(|span| Edit::replace(span, model)));
    }
    let dialect = target.upstream.dialect_for(a.dialect);
    let wants_usage = a.operation.writes()
        && matches!(dialect, Dialect::OpenAiChat | Dialect::OpenAiCompletions)
        && target.upstream.ask_usage
        && scan.stream()
        && !scan.include_usage();
    if wants_usage {
        changes.push(ask_for_usage(x));
    }
    if changes.is_empty() {
        return (body.clone(), false);
    }
    (body::splice(body, &changes).into(), wants_usage)
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
    let (_, body) = x.asked();
    let is_named =
        a.requested_model != target.model && memchr::memmem::find(body, b"\"model\"").is_some();
    if !is_named {
        return body.clone();
    }
    let model = serde_json::to_vec(&gemini::resource(&target.model)).unwrap_or_default();
    body::rename_gemini_model(body, &model).into()
}

/// A form with the upstream's name of the model in it.
fn renamed_form(x: &Exchange, target: &Target) -> Bytes {
    let a = &x.admission;
    let Some(span) = a.scan.model_span().filter(|_| a.requested_model != target.model) else {
        return a.body.clone();
    };
    let before = a.body.get(..span.start).unwrap_or_default();
    let behind = a.body.get(span.end..).unwrap_or_default();
    [before, target.model.as_bytes(), behind].concat().into()
}

/// A body of an upstream's dialect that asks for so many tokens at most.
pub fn bounded(body: &Bytes, target: &Target, client: Dialect, max_tokens: u64) -> Bytes {
    let missing = match target.upstream.dialect_for(client) {
        Dialect::Gemini => {
            return body::lower_gemini_max_tokens(body, max_tokens.max(1)).into();
        }
        Dialect::Bedrock => {
            return body::lower_bedrock_max_tokens(body, max_tokens.max(1)).into();
        }
        Dialect::Ollama => return body::lower_ollama_max_tokens(body, max_tokens.max(1)).into(),
        Dialect::OpenAiResponses => BoundField::MaxOutputTokens,
        Dialect::OpenAiCompletions => BoundField::MaxTokens,
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
    if let Some(passage) = &a.place.passage {
        return passing::request(x, target, passage, body, http2);
    }
    let upstream = &target.upstream;
    let dialect = upstream.dialect_for(a.dialect);
    let path = address::path(x, target, dialect)?;
    let uri = uri(upstream, &path, http2)?;
    let method = about::errand(x).map_or(Method::POST, |errand| errand.method.clone());
    let has_body = method == Method::POST;
    let signed = signed(upstream, &method, &path, &body)?;
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    let headers = request.headers_mut();
    headers.reserve(8 + upstream.headers.len() + a.headers.forward.len());
    if !http2 {
        headers.insert(HOST, upstream.endpoint.authority().clone());
    }
    if has_body {
        headers.insert(CONTENT_TYPE, content_type(x, dialect == a.dialect)?);
    }
    let is_events = a.scan.stream() && !(a.place.as_array && dialect == a.dialect);
    let accept = match is_events {
        _ if a.operation.is_carried() && dialect == a.dialect => "*/*",
        true if upstream.streams_messages(dialect) => "application/vnd.amazon.eventstream",
        true if dialect == Dialect::Ollama => "application/x-ndjson",
        true => "text/event-stream",
        false => "application/json",
    };
    headers.insert(ACCEPT, HeaderValue::from_static(accept));
    // Compressed streams are held back by compressors; what is compressed all the same is decoded.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(USER_AGENT, AGENT);
    headers.insert(REQUEST_ID, HeaderValue::from_str(&x.id_text).ok()?);
    if dialect == Dialect::Anthropic && !envelope::replaces(upstream, &ANTHROPIC_VERSION) {
        headers.insert(ANTHROPIC_VERSION, ANTHROPIC_VERSION_DEFAULT);
    }
    if dialect == a.dialect {
        let forward = a.headers.forward.iter();
        for (name, value) in forward.filter(|(name, _)| !envelope::replaces(upstream, name)) {
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
    headers.extend(signed);
    Some(request)
}

/// A form's boundary is written anew: nobody reads another one in it than we did.
fn content_type(x: &Exchange, is_own: bool) -> Option<HeaderValue> {
    let a = &x.admission;
    match a.headers.form.as_deref().filter(|_| a.operation.is_carried() && is_own) {
        None => Some(HeaderValue::from_static("application/json")),
        Some(bare) if bare.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)) => {
            HeaderValue::from_str(&format!("multipart/form-data; boundary={bare}")).ok()
        }
        Some(quoted) => {
            HeaderValue::from_str(&format!("multipart/form-data; boundary=\"{quoted}\"")).ok()
        }
    }
}

/// Where a path stands at an upstream.
pub(super) fn uri(upstream: &Upstream, path: &str, http2: bool) -> Option<Uri> {
    if !http2 {
        return path.parse().ok();
    }
    Uri::builder()
        .scheme(if upstream.endpoint.server_name().is_some() { "https" } else { "http" })
        .authority(upstream.endpoint.authority().to_str().ok()?)
        .path_and_query(path)
        .build()
        .ok()
}

/// The headers that prove who sends a request; none where the upstream wants none.
pub(super) fn signed(
    upstream: &Upstream,
    method: &Method,
    path: &str,
    body: &[u8],
) -> Option<HeaderMap> {
    match &upstream.signer {
        Some(signer) => sign(signer, method, path, upstream.endpoint.authority(), body),
        None => Some(HeaderMap::new()),
    }
}

fn sign(
    signer: &Signer,
    method: &Method,
    path: &str,
    host: &HeaderValue,
    body: &[u8],
) -> Option<HeaderMap> {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let asked = Asked { method: method.as_str(), path, query, host: host.to_str().ok()?, body };
    let proof = signer.sign(&asked, Timestamp::now().as_second())?;
    let mut authorization = HeaderValue::try_from(proof.authorization).ok()?;
    authorization.set_sensitive(true);
    let date = HeaderValue::try_from(proof.date).ok()?;
    Some(HeaderMap::from_iter([(AUTHORIZATION, authorization), (AMZ_DATE, date)]))
}
