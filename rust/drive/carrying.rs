//! The good answer of an operation that is carried as it is: checked as far as its form goes, then passed on.
//!
//! JSON is read whole, so that what it costs stands in its head; recordings, texts and events pass piece by piece. What
//! fails before the first piece may still be tried elsewhere.

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::response::Parts;
use http::{HeaderMap, Response};
use hyper::body::Incoming;

use super::attempt::{End, Running};
use super::failure::FailureKind;
use super::operation::Operation;
use super::passing::{self, next_data};
use super::reranking;
use super::weighing::Bearing;
use super::whole::{self, Form, in_band};
use crate::dialect::Dialect;
use crate::error::Error;
use crate::media;
use crate::meter;
use crate::sse::Parser;
use crate::stream::{Decoder, Delta, UpstreamError};
use crate::transport::Lease;

/// Passes an answer on.
pub(super) async fn answer(run: &mut Running, lease: Lease, response: Response<Incoming>) -> End {
    let (parts, mut body) = response.into_parts();
    match kind(run.x.admission.operation, &parts.headers) {
        Some(Kind::Json) => return at_once(run, lease, parts, body).await,
        Some(Kind::Pieces) => {}
        None => return run.failed(FailureKind::WrongContentType, "nothing of this operation's"),
    }
    let first = match next_data(run, &mut body, FailureKind::FirstByteTimeout).await {
        Ok(Some(first)) => first,
        Ok(None) => return run.failed(FailureKind::Empty, "the body is empty"),
        Err(end) => return end,
    };
    if let Some((error, data)) = begins_with_error(run, &parts.headers, &first) {
        return in_band(run, &error, &data);
    }
    passing::as_it_comes(run, bearing(run), lease, parts, body, Some(first)).await
}

/// What is known of an answer before it comes.
pub(super) fn bearing(run: &Running) -> Bearing {
    Bearing {
        dialect: None,
        is_free: !run.x.admission.operation.wants_price() && run.sheet.is_none(),
        is_headless: false,
        is_watched: true,
    }
}

/// How an answer is passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Json,
    Pieces,
}

/// `None` for what is no answer to the operation, such as a page of a proxy in between.
fn kind(operation: Operation, headers: &HeaderMap) -> Option<Kind> {
    let is_of = |prefix: &[u8]| {
        headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(prefix))
    };
    match (whole::form(headers), operation) {
        (Some(Form::Stream), _) | (None, Operation::Speech) => Some(Kind::Pieces),
        (Some(Form::Other), Operation::Speech) if !is_of(b"text/") => Some(Kind::Pieces),
        (Some(Form::Other), Operation::Transcription) if !is_of(b"text/html") => Some(Kind::Pieces),
        (Some(Form::Json) | None, _) => Some(Kind::Json),
        _ => None,
    }
}

async fn at_once(run: &mut Running, lease: Lease, parts: Parts, body: Incoming) -> End {
    let max_bytes = run.x.admission.snapshot.max_answer_bytes;
    let mut body = match whole::read(run, &parts.headers, None, body, max_bytes, true).await {
        Ok(body) => body,
        Err(end) => return end,
    };
    lease.recycle();
    if let Err(end) = check(run, &body) {
        return end;
    }
    if run.x.admission.operation == Operation::Rerank {
        return reranking::own(run, &parts, body).await;
    }
    if run.x.admission.operation == Operation::Moderation
        && let Some(flagged) = media::with_flags(&body)
    {
        body = flagged.into();
    }
    passing::give_whole(run, bearing(run), &parts, body)
}

/// Finds out whether a body is an answer. What is in it only the host and its clients know.
fn check(run: &Running, body: &Bytes) -> Result<(), End> {
    if body.trim_ascii().is_empty() {
        return Err(run.failed(FailureKind::Empty, "the body is empty"));
    }
    match meter::read_answer(Dialect::OpenAiChat, body) {
        Ok(answer) => answer.error.map_or(Ok(()), |error| Err(in_band(run, &error, body))),
        Err(Error::MalformedEvent { .. }) => Ok(()), // JSON, of another shape than a chat's
        Err(error) => Err(run.failed(FailureKind::InvalidJson, error.to_string())),
    }
}

/// The error that a stream of events says first, and the event's data.
fn begins_with_error(
    run: &Running,
    headers: &HeaderMap,
    first: &[u8],
) -> Option<(UpstreamError, Bytes)> {
    if whole::form(headers) != Some(Form::Stream) || headers.contains_key(CONTENT_ENCODING) {
        return None;
    }
    let (mut decoder, mut told) = (Decoder::new(Dialect::OpenAiChat), None);
    let mut parser = Parser::new(run.x.admission.snapshot.max_answer_bytes);
    let read = parser.feed(first, |frame| {
        if told.is_none()
            && let Some(event) = &frame.event
        {
            told = error_in(&mut decoder, event.name(), &event.data)
                .map(|error| (error, Bytes::copy_from_slice(&event.data)));
        }
    });
    told.filter(|_| read.is_ok())
}

/// The error that one event is.
pub(super) fn error_in(decoder: &mut Decoder, name: &str, data: &[u8]) -> Option<UpstreamError> {
    let mut found = None;
    let read = decoder.event(name, data, |delta| {
        if let Delta::Error(error) = delta {
            found = Some(error.clone());
        }
    });
    found.filter(|_| read.is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_answer_to_an_operation_is_told_by_its_type() {
        use Operation::{ImageGeneration, Speech, Transcription};
        for (operation, kind_of_body, wanted) in [
            (Speech, "audio/mpeg", Some(Kind::Pieces)),
            (Speech, "application/octet-stream", Some(Kind::Pieces)),
            (Speech, "text/event-stream", Some(Kind::Pieces)),
            (Speech, "application/json", Some(Kind::Json)),
            (Speech, "text/html; charset=utf-8", None),
            (Speech, "text/plain", None),
            (Speech, "", Some(Kind::Pieces)),
            (Transcription, "text/plain; charset=utf-8", Some(Kind::Pieces)),
            (Transcription, "text/vtt", Some(Kind::Pieces)),
            (Transcription, "text/html", None),
            (Transcription, "application/json", Some(Kind::Json)),
            (ImageGeneration, "application/json; charset=utf-8", Some(Kind::Json)),
            (ImageGeneration, "text/event-stream", Some(Kind::Pieces)),
            (ImageGeneration, "image/png", None),
            (ImageGeneration, "", Some(Kind::Json)),
            (ImageGeneration, "application/vnd.amazon.eventstream", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, kind_of_body.parse().unwrap());
            assert_eq!(kind(operation, &headers), wanted, "{operation:?} {kind_of_body}");
        }
    }

    #[test]
    fn an_event_may_be_an_error_in_several_ways() {
        for (name, data, is_error) in [
            ("", r#"{"type":"image_generation.partial_image","b64_json":"AA=="}"#, false),
            ("", r#"{"type":"speech.audio.delta","audio":"AA=="}"#, false),
            ("", r#"{"type":"transcript.text.done","text":"x","usage":{"type":"tokens"}}"#, false),
            ("error", r#"{"type":"error","error":{"message":"m"}}"#, true),
            ("", r#"{"type":"error","code":"c","message":"m"}"#, true),
            ("", r#"{"error":{"message":"m"}}"#, true),
            ("", "not JSON", false),
        ] {
            let mut decoder = Decoder::new(Dialect::OpenAiChat);
            assert_eq!(error_in(&mut decoder, name, data.as_bytes()).is_some(), is_error, "{data}");
        }
    }
}
