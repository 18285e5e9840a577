//! The body of an answer, whoever writes it.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::activity::Busy;
use super::case::Answer;
use super::model::Relayed;

/// One of the bodies that leave here.
pub(super) enum FrontBody {
    /// All of it at once.
    Whole(Option<Bytes>),
    /// A model's answer as it comes.
    Relayed(Box<Relayed>),
    /// The ASGI app's.
    Handed(Incoming),
}

/// A body on its way; the connection is busy as long as it lives.
pub(super) struct Outgoing {
    body: FrontBody,
    #[allow(dead_code)] // held as long as it lives
    busy: Busy,
}

impl Outgoing {
    pub const fn new(body: FrontBody, busy: Busy) -> Self {
        Self { body, busy }
    }
}

/// Ends the connection in the middle of an answer: what a client must not take for its end.
#[derive(Debug, thiserror::Error)]
#[error("the answer ends here")]
pub(super) struct Broken;

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match &mut self.body {
            FrontBody::Whole(body) => Poll::Ready(body.take().map(|body| Ok(Frame::data(body)))),
            FrontBody::Relayed(relayed) => {
                relayed.poll_bytes(cx).map(|bytes| bytes.map(|bytes| bytes.map(Frame::data)))
            }
            FrontBody::Handed(body) => Pin::new(body).poll_frame(cx).map_err(|_| Broken),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.body {
            FrontBody::Whole(body) => body.is_none(),
            FrontBody::Relayed(relayed) => relayed.is_over(),
            FrontBody::Handed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            FrontBody::Whole(body) => {
                SizeHint::with_exact(body.as_ref().map_or(0, |body| body.len() as u64))
            }
            FrontBody::Relayed(_) => SizeHint::default(),
            FrontBody::Handed(body) => body.size_hint(),
        }
    }
}

/// An answer that is there in whole.
pub(super) fn whole(answer: Answer) -> Response<FrontBody> {
    let Answer { status, headers, body } = answer;
    with_headers(status, headers, FrontBody::Whole(Some(body).filter(|body| !body.is_empty())))
}

/// A response; headers that HTTP does not allow are left out.
pub(super) fn with_headers(
    status: u16,
    headers: Vec<(Bytes, Bytes)>,
    body: FrontBody,
) -> Response<FrontBody> {
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let map = response.headers_mut();
    map.reserve(headers.len());
    for (name, value) in headers {
        let name = HeaderName::from_bytes(&name);
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_maybe_shared(value)) {
            map.append(name, value);
        }
    }
    response
}
