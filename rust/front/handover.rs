//! Passes a request on to the ASGI app, and its answer back.

use std::net::SocketAddr;
use std::path::Path;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Request, Response, StatusCode, Uri, Version};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use super::answer::FrontBody;
use crate::live;

/// Says to the app who asks, and where: behind this socket everybody looks alike. A client's own is replaced.
const ENDS: HeaderName = HeaderName::from_static("x-sluicegate-ends");
/// Says to the app that the client asked for a WebSocket, which ends at this hop.
const ASKS_UPGRADE: HeaderName = HeaderName::from_static("x-sluicegate-upgrade");
/// They speak of one connection and end with it. RFC 9110, section 7.6.1.
const HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::EXPECT,
];

/// The app's answer; 503 where it cannot be reached.
pub(super) async fn hand_over(
    path: &Path,
    ends: (SocketAddr, SocketAddr),
    request: Request<Incoming>,
) -> Response<FrontBody> {
    pass(path, ends, request).await.unwrap_or_else(|_| {
        let mut away = Response::new(FrontBody::Whole(None));
        *away.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        away
    })
}

async fn pass(
    path: &Path,
    ends: (SocketAddr, SocketAddr),
    mut request: Request<Incoming>,
) -> Result<Response<FrontBody>, Box<dyn std::error::Error>> {
    let socket = UnixStream::connect(path).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await?;
    tokio::task::spawn_local(connection);
    if let Some(authority) = request.uri().authority().cloned() {
        let host = HeaderValue::from_str(authority.as_str())?;
        request.headers_mut().insert(header::HOST, host);
    }
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    *request.uri_mut() = target.parse::<Uri>()?;
    *request.version_mut() = Version::HTTP_11;
    let headers = request.headers_mut();
    let is_websocket = live::is_websocket(headers);
    end_at_hop(headers);
    headers.remove(ASKS_UPGRADE);
    if is_websocket {
        headers.insert(ASKS_UPGRADE, HeaderValue::from_static("websocket"));
    }
    let (peer, own) = (ends.0.ip(), ends.1);
    let said = format!("{peer} {} {}", own.ip(), own.port());
    headers.insert(ENDS, HeaderValue::from_str(&said)?);
    let (mut parts, body) = sender.send_request(request).await?.into_parts();
    end_at_hop(&mut parts.headers);
    parts.version = Version::HTTP_11;
    Ok(Response::from_parts(parts, FrontBody::Handed(body)))
}

/// Takes out what speaks of this connection alone: the well-known fields and those that `Connection` names.
fn end_at_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .filter(|name| *name != header::CONTENT_LENGTH && *name != header::HOST)
        .collect();
    for name in HOP_BY_HOP.iter().chain(&named) {
        headers.remove(name);
    }
}
