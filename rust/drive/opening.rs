//! What an answer turns out to be that was to be a stream.

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::attempt::{End, Running};
use super::deadline::Stop;
use super::failure::{Failure, FailureKind};
use super::pacing::heartbeat;
use super::reader::Form;
use super::whole;
use crate::dialect::Dialect;
use crate::transport::{Coding, Decoder, UnknownCoding};

/// What an answer is that was to be a stream, and what was read of it to find out.
pub(super) enum Beginning {
    Stream(Form, Option<Bytes>),
    Whole(Bytes),
}

pub(super) async fn beginning(
    run: &mut Running,
    headers: &HeaderMap,
    body: &mut Incoming,
) -> Result<Beginning, End> {
    let form = match (whole::form(headers), speaks(run)) {
        (Some(whole::Form::Lines), Dialect::Ollama) => Form::Lines,
        (Some(whole::Form::Messages), Dialect::Bedrock) => Form::Messages,
        (Some(whole::Form::Messages), said) if run.target.upstream.streams_messages(said) => {
            Form::Chunks
        }
        (Some(whole::Form::Other | whole::Form::Messages), _) => {
            return Err(run.failed(FailureKind::WrongContentType, "not an event stream"));
        }
        // Some hosts label their streams as JSON, or lines not at all: the first bytes tell.
        (Some(whole::Form::Json | whole::Form::Lines), _) | (None, Dialect::Ollama) => {
            let data = first_data(run, body).await?;
            return Ok(match form_of(run, &data) {
                Some(form) => Beginning::Stream(form, Some(data)),
                None => Beginning::Whole(data),
            });
        }
        (Some(whole::Form::Stream) | None, _) => Form::Events,
    };
    Ok(Beginning::Stream(form, None))
}

/// The dialect of what comes from the upstream.
pub(super) fn speaks(run: &Running) -> Dialect {
    run.target.upstream.dialect_for(run.x.admission.dialect)
}

/// The form of a stream with these first bytes, of those that the dialect has; `None` where they are no stream's.
fn form_of(run: &Running, data: &[u8]) -> Option<Form> {
    match speaks(run) {
        Dialect::Ollama => (whole::looks_like_lines(data) == Some(true)).then_some(Form::Lines),
        Dialect::Gemini if is_array(data) => Some(Form::Array),
        _ => (whole::looks_like_events(data) == Some(true)).then_some(Form::Events),
    }
}

fn is_array(data: &[u8]) -> bool {
    data.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(data).trim_ascii_start().starts_with(b"[")
}

/// As many first bytes of a body as tell what it is; all of it where it ends before that.
async fn first_data(run: &mut Running, body: &mut Incoming) -> Result<Bytes, End> {
    let mut begun = BytesMut::new();
    let max_bytes = run.x.admission.snapshot.max_event_bytes;
    let tells = match speaks(run) {
        Dialect::Ollama => whole::looks_like_lines,
        _ => whole::looks_like_events,
    };
    while tells(&begun).is_none() && begun.len() <= max_bytes {
        match run.deadline.guard(&run.x, body.frame()).await {
            Err(Stop::Tick) => heartbeat(&run.x, &mut run.deadline),
            Err(stop) => return Err(run.stopped(stop, FailureKind::FirstByteTimeout)),
            Ok(None) => break,
            Ok(Some(Err(error))) => {
                return Err(run.failed(FailureKind::Truncated, error.to_string()));
            }
            Ok(Some(Ok(frame))) => {
                if let Ok(data) = frame.into_data() {
                    begun.extend_from_slice(&data);
                }
            }
        }
    }
    Ok(begun.freeze())
}

pub(super) fn decoder(headers: &HeaderMap) -> Result<Option<Decoder>, Failure> {
    let Some(value) = headers.get(http::header::CONTENT_ENCODING) else { return Ok(None) };
    let bad = |detail: String| Failure::new(FailureKind::BadCoding, detail);
    match Coding::from_header(value.as_bytes()) {
        Ok(None) => Ok(None),
        Ok(Some(coding)) => Decoder::new(coding).map(Some).map_err(|e| bad(e.to_string())),
        Err(UnknownCoding) => Err(bad(format!("content-encoding {value:?} is not known"))),
    }
}
