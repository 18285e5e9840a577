//! A request to a provider's own path, and its answer, as they are.
//!
//! What the answer says of its cost is read beside its way. Two things never pass: an answer about our credential, and
//! the credential in an error that quotes it.

use std::time::Instant;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, HOST, USER_AGENT};
use http::response::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;

use super::attempt::{End, Running};
use super::deadline::Stop;
use super::exchange::Exchange;
use super::failure::{Failure, FailureKind};
use super::last_words::{message, origin, write_error};
use super::opening::decoder;
use super::outbox::State;
use super::pacing::{heartbeat, wait_for_room};
use super::passage::Passage;
use super::response_headers;
use super::row::millis;
use super::send::{AGENT, ANTHROPIC_VERSION, ANTHROPIC_VERSION_DEFAULT, REQUEST_ID, signed, uri};
use super::snapshot::Target;
use super::weighing::{Bearing, Scale};
use super::whole::{self, Form};
use crate::dialect::Dialect;
use crate::stream::StreamError;
use crate::transport::{Decoder, Lease, RequestBody};

/// The request as the client made it, with the provider's credential for the client's.
pub(super) fn request(
    x: &Exchange,
    target: &Target,
    passage: &Passage,
    body: Bytes,
    http2: bool,
) -> Option<Request<RequestBody>> {
    let upstream = &target.upstream;
    let path = passage.target(upstream);
    let signed = signed(upstream, &passage.method, &path, &body)?;
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = passage.method.clone();
    *request.uri_mut() = uri(upstream, &path, http2)?;
    let headers = request.headers_mut();
    if !http2 {
        headers.insert(HOST, upstream.endpoint.authority().clone());
    }
    if upstream.dialect_for(Dialect::Anthropic) == Dialect::Anthropic {
        headers.insert(ANTHROPIC_VERSION, ANTHROPIC_VERSION_DEFAULT);
    }
    for (name, value) in &x.admission.headers.forward {
        if name == ANTHROPIC_VERSION {
            headers.insert(name, value.clone()); // the client's, not two of them
        } else {
            headers.append(name, value.clone());
        }
    }
    // What is compressed all the same is decoded: usage is read out of it.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(USER_AGENT, AGENT);
    headers.insert(REQUEST_ID, HeaderValue::from_str(&x.id_text).ok()?);
    for (name, value) in &upstream.headers {
        headers.insert(name, value.clone());
    }
    headers.extend(signed);
    Some(request)
}

/// Passes an answer on.
pub(super) async fn answer(
    run: &mut Running,
    passage: &Passage,
    lease: Lease,
    response: Response<Incoming>,
) -> End {
    let status = response.status();
    let is_redirect = status.is_redirection() && status != StatusCode::NOT_MODIFIED;
    if is_redirect || is_about_us(status) {
        return whole::refused(run, lease, response).await;
    }
    let bearing = Bearing {
        dialect: passage.dialect,
        is_free: run.x.admission.operation.is_silent() || passage.is_free(&run.x.admission.body),
        is_headless: passage.method == Method::HEAD,
        is_watched: false,
    };
    let is_json = whole::form(response.headers()) == Some(Form::Json);
    let streams = run.x.admission.scan.stream() || bearing.is_headless;
    let is_error = status.is_client_error() || status.is_server_error();
    if is_error || (is_json && !streams) {
        return at_once(run, bearing, lease, response).await;
    }
    let (parts, body) = response.into_parts();
    as_it_comes(run, bearing, lease, parts, body, None).await
}

/// Whether an answer speaks of our credential at the provider, which is nothing that the client can mend.
fn is_about_us(status: StatusCode) -> bool {
    status == StatusCode::UNAUTHORIZED || status == StatusCode::FORBIDDEN
}

/// An answer that is read whole before any of it goes on: its cost stands in its head.
async fn at_once(
    run: &mut Running,
    bearing: Bearing,
    lease: Lease,
    response: Response<Incoming>,
) -> End {
    let (parts, body) = response.into_parts();
    let max_bytes = run.x.admission.snapshot.max_answer_bytes;
    let body = match whole::read(run, &parts.headers, None, body, max_bytes, true).await {
        Ok(body) => body,
        Err(end) => return end,
    };
    lease.recycle();
    give_whole(run, bearing, &parts, body)
}

/// Gives all of an answer, with what it cost in its head.
pub(super) fn give_whole(run: &mut Running, bearing: Bearing, parts: &Parts, body: Bytes) -> End {
    let answered = Instant::now();
    let body = if parts.status.is_success() {
        let mut scale = Scale::new(run, bearing, &parts.headers);
        scale.whole(run, &body);
        scale.settle(run, true);
        body.into()
    } else {
        without_secrets(run, &body)
    };
    give_head(run, &parts.headers, parts.status, answered);
    run.rest.body = body;
    End::Done(State::End)
}

fn without_secrets(run: &Running, body: &[u8]) -> Vec<u8> {
    match std::str::from_utf8(body) {
        Ok(text) => run.target.upstream.secrets.hidden(text).into_owned().into_bytes(),
        Err(_) => body.to_vec(),
    }
}

/// The head goes out with the end, or before it if anything is sent before.
fn give_head(run: &mut Running, upstream: &HeaderMap, status: StatusCode, answered: Instant) {
    let overhead = run.overhead_us(answered);
    let cost = run.report.basis.and_then(|_| run.cost_usd());
    let (x, target) = (&run.x, &run.target);
    let head = if x.admission.place.passage.is_some() {
        response_headers::passed(x, target, upstream, status, overhead, cost)
    } else {
        response_headers::carried(x, target, upstream, overhead, cost)
    };
    run.x.set_client_status(status.as_u16());
    run.rest.head = Some(head);
}

/// An answer of whatever kind, piece by piece; `first` was read of it already.
pub(super) async fn as_it_comes(
    run: &mut Running,
    bearing: Bearing,
    lease: Lease,
    parts: Parts,
    body: Incoming,
    first: Option<Bytes>,
) -> End {
    let mut decoder = match decoder(&parts.headers) {
        Ok(decoder) => decoder,
        Err(failure) => return run.failed(failure.kind, failure.detail),
    };
    give_head(run, &parts.headers, parts.status, Instant::now());
    let head = run.rest.head.take();
    run.x.fill(|ready| ready.head = head);
    let mut scale = Scale::new(run, bearing, &parts.headers);
    match relay(run, &mut decoder, &mut scale, body, first).await {
        Ok(()) => {
            scale.settle(run, true);
            lease.recycle();
            End::Done(State::End)
        }
        Err(end) => {
            scale.settle(run, false);
            broken(run, bearing, &parts.headers, end)
        }
    }
}

/// The next piece of a body, `None` at its end. `silent`: what it is where none comes in time.
pub(super) async fn next_data(
    run: &mut Running,
    body: &mut Incoming,
    silent: FailureKind,
) -> Result<Option<Bytes>, End> {
    loop {
        let frame = match run.deadline.guard(&run.x, body.frame()).await {
            Err(Stop::Tick) => {
                heartbeat(&run.x, &mut run.deadline);
                continue;
            }
            other => other.map_err(|stop| run.stopped(stop, silent))?,
        };
        match frame {
            None => return Ok(None),
            Some(Err(error)) => return Err(run.failed(FailureKind::Truncated, error.to_string())),
            // What is no data are trailers.
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

async fn relay(
    run: &mut Running,
    decoder: &mut Option<Decoder>,
    scale: &mut Scale,
    mut body: Incoming,
    mut first: Option<Bytes>,
) -> Result<(), End> {
    let mut silent = FailureKind::FirstByteTimeout;
    loop {
        let next = match first.take() {
            Some(data) => Some(data),
            None => next_data(run, &mut body, silent).await?,
        };
        let Some(data) = next else { break };
        silent = FailureKind::IdleTimeout;
        run.deadline.enter(run.target.timeouts.idle);
        let data = match decoder {
            None => data,
            Some(decoder) => decoder
                .feed(&data)
                .map_err(|e| run.failed(FailureKind::BadCoding, e.to_string()))?
                .into(),
        };
        pass(run, scale, &data);
        if let Some(error) = scale.error() {
            return Err(run.failed(FailureKind::InBandError, error.message.clone()));
        }
        wait_for_room(run).await.map_err(|stop| run.stopped(stop, silent))?;
    }
    if let Some(decoder) = decoder.take() {
        let rest = decoder.finish();
        let rest = rest.map_err(|e| run.failed(FailureKind::BadCoding, e.to_string()))?;
        pass(run, scale, &rest);
    }
    Ok(())
}

fn pass(run: &mut Running, scale: &mut Scale, data: &[u8]) {
    if run.report.first_token_ms.is_none() {
        run.report.first_token_ms = Some(millis(run.x.admission.arrived));
    }
    scale.feed(data);
    run.x.fill(|ready| ready.body.extend_from_slice(data));
}

/// The client has a part of the answer, and must not take it for all of it: events end with one that says so, anything
/// else breaks off.
fn broken(run: &mut Running, bearing: Bearing, upstream: &HeaderMap, end: End) -> End {
    let End::Failed(failure) = end else { return end };
    if failure.kind == FailureKind::InBandError {
        return End::Broken(failure); // it has told the client itself
    }
    if whole::form(upstream) == Some(Form::Stream) {
        let dialect = bearing.dialect.unwrap_or(run.x.admission.dialect);
        run.rest.body = last_event(&run.x.id_text, dialect, &failure);
    } else {
        run.rest.breaks_off = true;
    }
    End::Broken(failure)
}

fn last_event(request_id: &str, dialect: Dialect, failure: &Failure) -> Vec<u8> {
    let (kind, code) = ("api_error", failure.kind.code());
    let (message, origin) = (message(failure), origin(failure));
    let mut out = b"\n\n".to_vec(); // ends an event that was cut
    write_error(dialect, false, &StreamError { message, kind, code, origin, request_id }, &mut out);
    out
}
