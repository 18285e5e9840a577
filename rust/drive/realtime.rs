//! Opens a session at an upstream: `GET .../realtime` over a connection of its own.

use std::time::Instant;

use bytes::Bytes;
use http::header::{
    CONNECTION, HOST, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE, USER_AGENT,
};
use http::{HeaderMap, HeaderValue, Request};
use http_body_util::Full;

use super::address::{self, Address};
use super::attempt::{End, Running};
use super::failure::FailureKind;
use super::response_headers;
use super::send::{AGENT, REQUEST_ID, uri};
use super::snapshot::Target;
use super::talk::Talk;
use super::{tally, whole};
use crate::journal::Journal;
use crate::live;
use crate::transport::{Opened, Opening, RequestBody, Socket, TransportError};

/// One session, from its upstream's handshake to its end.
pub(super) async fn run(run: &mut Running) -> End {
    let socket = match open(run).await {
        Ok(socket) => socket,
        Err(end) => return end,
    };
    let vocabulary = tally::vocabulary(&run.target);
    if !vocabulary.is_loaded() {
        // Beside the session: it counts what nobody reports.
        drop(tokio::task::spawn_blocking(move || vocabulary.load()));
    }
    Talk::new(run, socket).carry().await
}

async fn open(run: &mut Running) -> Result<Socket, End> {
    run.intend(false)?;
    let key = live::new_key();
    let Some(request) = request(run, &key) else {
        return Err(run.failed(FailureKind::Internal, "the request cannot be built"));
    };
    let opening = connect(run).await?;
    let x = run.x.clone();
    run.journal(Journal::sent)?;
    x.hold().mark_sent();
    run.sent = Some(Instant::now());
    run.deadline.enter(run.target.timeouts.first_byte);
    let config = live::config(x.admission.snapshot.max_event_bytes);
    let answered = run.deadline.guard(&x, opening.ask(request, config)).await;
    match answered {
        Ok(Ok(Opened::Socket(socket, headers))) => opened(run, *socket, &headers, &key),
        Ok(Ok(Opened::Refused(response))) => {
            run.note(&response);
            if response.status().is_success() {
                return Err(run.failed(FailureKind::WrongForm, "it answers without an upgrade"));
            }
            Err(whole::turned_down(run, response).await.0)
        }
        Ok(Err(TransportError::BadHead(detail))) => Err(run.failed(FailureKind::BadHead, detail)),
        Ok(Err(error)) => Err(run.failed(FailureKind::Reset, error.to_string())),
        Err(stop) => Err(run.stopped(stop, FailureKind::FirstByteTimeout)),
    }
}

async fn connect(run: &mut Running) -> Result<Opening, End> {
    let (rt, x, upstream) = (run.rt.clone(), run.x.clone(), run.target.upstream.clone());
    run.deadline.enter(run.target.timeouts.connect);
    match run.deadline.guard(&x, rt.pool.open(&upstream.endpoint)).await {
        Ok(Ok(opening)) => Ok(opening),
        Ok(Err(error)) => Err(run.failed(FailureKind::Connect, error.to_string())),
        Err(stop) => Err(run.stopped(stop, FailureKind::ConnectTimeout)),
    }
}

/// The way is open: the client hears of it.
fn opened(
    run: &mut Running,
    socket: Socket,
    headers: &HeaderMap,
    key: &str,
) -> Result<Socket, End> {
    if !live::agrees(headers, key) {
        return Err(run.failed(FailureKind::BadHead, "its handshake does not answer ours"));
    }
    let answered = Instant::now();
    run.report.status = Some(101);
    let overhead_us = run.overhead_us(answered);
    let head = response_headers::opened(&run.x, &run.target, headers, overhead_us);
    run.x.set_client_status(head.status);
    run.x.fill(|ready| ready.head = Some(head));
    Ok(socket)
}

fn request(run: &Running, key: &str) -> Option<Request<RequestBody>> {
    let upstream = &run.target.upstream;
    let mut request = Request::new(Full::new(Bytes::new()));
    *request.uri_mut() = uri(upstream, &path(&run.target), false)?;
    let headers = request.headers_mut();
    headers.insert(HOST, upstream.endpoint.authority().clone());
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    headers.insert(SEC_WEBSOCKET_KEY, HeaderValue::from_str(key).ok()?);
    headers.insert(USER_AGENT, AGENT);
    headers.insert(REQUEST_ID, HeaderValue::from_str(&run.x.id_text).ok()?);
    for (name, value) in &run.x.admission.headers.forward {
        headers.append(name, value.clone());
    }
    for (name, value) in &upstream.headers {
        headers.insert(name, value.clone());
    }
    Some(request)
}

/// Azure names the deployment where all others name the model. Source:
/// <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/realtime-audio-websockets>.
fn path(target: &Target) -> String {
    let upstream = &target.upstream;
    let base = upstream.endpoint.base_path();
    let (mut path, name) = match upstream.address {
        Address::Deployments => (format!("{base}/realtime"), "deployment"),
        _ => (address::full_path(base, "/realtime", upstream.unversioned), "model"),
    };
    path.push('?');
    if !upstream.query.is_empty() {
        path.push_str(&upstream.query);
        path.push('&');
    }
    path.push_str(name);
    path.push('=');
    address::push_segment(&mut path, &target.model);
    path
}
