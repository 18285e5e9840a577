//! An answer that is not a stream: read to its end, checked, then given as the upstream's own bytes or for translation.

use std::time::Instant;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::response::Parts;
use http::{HeaderMap, Response};
use http_body_util::BodyExt;
use hyper::body::{Frame, Incoming};

use super::about;
use super::attempt::{End, Rest, Running};
use super::client_stream::{encoding, stream_type, translating};
use super::deadline::Stop;
use super::failure::{Failure, FailureKind};
use super::gather::{brought_to, gather};
use super::opening::{decoder, speaks};
use super::operation::Operation;
use super::outbox::State;
use super::pacing::heartbeat;
use super::reader;
use super::row::millis;
use super::{embeddings, recording, response_headers, tally};
use crate::dialect::Dialect;
use crate::error::Error;
use crate::stream::{Transcoder, UpstreamError, Usage};
use crate::transport::Lease;
use crate::{body, meter};

pub(super) const JSON: &str = "application/json";
/// As much of an error's body as is kept for reading the error out of it.
pub(super) const MAX_ERROR_BYTES: usize = 64 * 1024;

/// What a content type says that a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `text/event-stream`.
    Stream,
    /// JSON.
    Json,
    /// `application/vnd.amazon.eventstream`.
    Messages,
    /// `application/x-ndjson` and its other names.
    Lines,
    /// None of these.
    Other,
}

/// Reads `content-type`; `None` where there is none, which says nothing.
pub(super) fn form(headers: &HeaderMap) -> Option<Form> {
    let value = headers.get(CONTENT_TYPE)?.as_bytes();
    let essence = value.split(|b| *b == b';').next().unwrap_or_default().trim_ascii();
    let essence = essence.to_ascii_lowercase();
    Some(match essence.as_slice() {
        b"" => return None,
        b"text/event-stream" => Form::Stream,
        b"application/vnd.amazon.eventstream" => Form::Messages,
        b"application/x-ndjson"
        | b"application/ndjson"
        | b"application/jsonl"
        | b"application/stream+json" => Form::Lines,
        json if json.ends_with(b"/json") || json.ends_with(b"+json") => Form::Json,
        _ => Form::Other,
    })
}

/// What stands before the text in files of some systems, and in answers of hosts that read them.
const BOM: &[u8] = b"\xEF\xBB\xBF";

/// The JSON of a body.
fn without_bom(body: &Bytes) -> Bytes {
    if body.starts_with(BOM) { body.slice(BOM.len()..) } else { body.clone() }
}

/// Whether a body is a stream of events, whatever its content type says; `None` until its first bytes tell.
pub(super) fn looks_like_events(body: &[u8]) -> Option<bool> {
    const FIELDS: [&[u8]; 5] = [b"data:", b"event:", b"id:", b"retry:", b":"];
    let text = body.strip_prefix(BOM).unwrap_or(body).trim_ascii_start();
    if FIELDS.iter().any(|field| text.starts_with(field)) {
        return Some(true);
    }
    let undecided = BOM.starts_with(body) || FIELDS.iter().any(|field| field.starts_with(text));
    (!undecided).then_some(false)
}

/// Whether a body is lines of JSON objects; `None` until its first line tells, which a whole answer may lack the end of.
pub(super) fn looks_like_lines(body: &[u8]) -> Option<bool> {
    let line = body.get(..memchr::memchr(b'\n', body)?)?.trim_ascii();
    Some(line.starts_with(b"{") && line.ends_with(b"}"))
}

/// Reads an answer whole and hands it over.
pub(super) async fn answer(run: &mut Running, lease: Lease, response: Response<Incoming>) -> End {
    let (parts, body) = response.into_parts();
    let body = match read_json(run, lease, &parts.headers, body).await {
        Ok(body) => body,
        Err(end) => return end,
    };
    let answered = Instant::now();
    let given = if run.x.admission.operation == Operation::Embeddings {
        embeddings::own(run, &parts.headers, body).await
    } else {
        content(run, &parts.headers, body)
    };
    let body = match given {
        Ok(body) => body,
        Err(end) => return end,
    };
    run.report.first_token_ms = Some(millis(run.x.admission.arrived));
    let overhead = run.overhead_us(answered);
    let head = response_headers::answer(
        &run.x,
        &run.target,
        &parts.headers,
        JSON,
        overhead,
        run.cost_usd(),
    );
    run.x.set_client_status(200);
    run.rest = Rest { head: Some(head), body, ..Rest::default() };
    End::Done(State::End)
}

/// All of a body that should be JSON.
pub(super) async fn read_json(
    run: &mut Running,
    lease: Lease,
    headers: &HeaderMap,
    body: Incoming,
) -> Result<Bytes, End> {
    if matches!(form(headers), Some(Form::Other | Form::Messages)) {
        return Err(run.failed(FailureKind::WrongContentType, "not JSON"));
    }
    let max_bytes = run.x.admission.snapshot.max_answer_bytes;
    let body = read(run, headers, None, body, max_bytes, true).await?;
    lease.recycle();
    Ok(body)
}

/// An answer that is none of the operation's.
pub(super) fn unreadable(run: &Running, error: &Error) -> End {
    let kind = match error {
        Error::MalformedEvent { .. } => FailureKind::WrongForm,
        _ => FailureKind::InvalidJson,
    };
    run.failed(kind, error.to_string())
}

/// What the client gets of an answer, once it is checked.
fn content(run: &mut Running, headers: &HeaderMap, mut body: Bytes) -> Result<Vec<u8>, End> {
    let to = run.x.admission.dialect;
    let mut from = run.target.upstream.dialect_for(to);
    if let Some(form) = streamed(run, headers, &body) {
        body = collect(run, form, &body)?;
        from = from.written();
    }
    let json = without_bom(&body);
    check(run, from, &json)?;
    recording::whole(run, from, &json);
    if from == to {
        return Ok(body.into());
    }
    let translated = translate(run, from, to, &json)?;
    run.kept = encoding(&run.x).is_kept.then(|| translated.clone());
    Ok(translated)
}

/// The form of a stream that came where a whole answer was asked for.
fn streamed(run: &Running, headers: &HeaderMap, body: &[u8]) -> Option<reader::Form> {
    if !run.x.admission.operation.writes() {
        return None;
    }
    if form(headers) == Some(Form::Stream) || looks_like_events(body) == Some(true) {
        return Some(reader::Form::Events);
    }
    let has_lines = speaks(run) == Dialect::Ollama;
    (has_lines && looks_like_lines(body) == Some(true)).then_some(reader::Form::Lines)
}

/// A checked answer in the client's dialect.
fn translate(run: &Running, from: Dialect, to: Dialect, body: &[u8]) -> Result<Vec<u8>, End> {
    brought_to(to, from, body, &run.report.usage, &translating(&run.x, &run.target))
        .map_err(|error| run.failed(FailureKind::InvalidJson, error.to_string()))
}

/// A whole answer where a stream was asked for, written as the stream it should have been.
pub(super) async fn as_stream(
    run: &mut Running,
    lease: Lease,
    parts: Parts,
    body: Incoming,
    first: Bytes,
) -> End {
    let max_bytes = run.x.admission.snapshot.max_answer_bytes;
    let body = match read(run, &parts.headers, Some(first), body, max_bytes, true).await {
        Ok(body) => body,
        Err(end) => return end,
    };
    lease.recycle();
    let body = without_bom(&body);
    let answered = Instant::now();
    let to = run.x.admission.dialect;
    let from = run.target.upstream.dialect_for(to);
    if let Err(end) = check(run, from, &body) {
        return end;
    }
    recording::whole(run, from, &body);
    let mut out = Vec::with_capacity(body.len() * 2);
    let mut transcoder = Transcoder::new(from, to, translating(&run.x, &run.target));
    if let Err(error) = transcoder.whole(&body, &mut out) {
        return run.failed(FailureKind::WrongForm, error.to_string());
    }
    transcoder.settle(run.report.usage, run.cost_usd().as_deref());
    transcoder.finish(&mut out);
    run.kept = transcoder.take_kept();
    run.report.first_token_ms = Some(millis(run.x.admission.arrived));
    let overhead = run.overhead_us(answered);
    let head = run.x.client_status().is_none().then(|| {
        let kind = stream_type(&run.x);
        response_headers::answer(&run.x, &run.target, &parts.headers, kind, overhead, None)
    });
    run.x.set_client_status(200);
    run.rest = Rest { head, body: out, ..Rest::default() };
    End::Done(State::End)
}

/// A stream where a whole answer was asked for, put together in the dialect that its own is [written](Dialect::written) in.
fn collect(run: &Running, form: reader::Form, body: &[u8]) -> Result<Bytes, End> {
    let max_event_bytes = run.x.admission.snapshot.max_event_bytes;
    let options = translating(&run.x, &run.target);
    let nothing = Usage::default(); // it is counted behind this, where the answer does not say it
    let gathered = gather(speaks(run), form, body, max_event_bytes, &nothing, &options);
    gathered.map(Bytes::from).map_err(|failure| run.failed(failure.kind, failure.detail))
}

/// Finds out whether a body is an answer of a dialect, and what it cost.
fn check(run: &mut Running, dialect: Dialect, body: &Bytes) -> Result<(), End> {
    if body.trim_ascii().is_empty() {
        return Err(run.failed(FailureKind::Empty, "the body is empty"));
    }
    let operation = run.x.admission.operation;
    if operation == Operation::CountTokens {
        // Nothing is generated and nothing billed.
        return match body::scan(body) {
            Ok(_) => Ok(()),
            Err(error) => Err(run.failed(FailureKind::InvalidJson, error.to_string())),
        };
    }
    if operation == Operation::StoredResponse {
        let checked = about::check(run, body);
        return checked.map_err(|e| run.failed(FailureKind::InvalidJson, e.to_string()));
    }
    let counting = run.target.upstream.counting;
    let answer = match meter::read_answer_of(dialect, counting, body) {
        Ok(answer) => answer,
        // An object of a shape that only the host and its clients know passes as it is; its text is all there is to count.
        Err(Error::MalformedEvent { .. })
            if dialect == run.x.admission.dialect && body.trim_ascii_start().starts_with(b"{") =>
        {
            tally::unread(run, body);
            return Ok(());
        }
        Err(error) => return Err(run.failed(FailureKind::InvalidJson, error.to_string())),
    };
    if let Some(error) = &answer.error {
        return Err(in_band(run, error, body));
    }
    let has_begun = answer.finish_reasons.is_empty() && answer.usage.output_tokens.is_none();
    if run.x.admission.scan.background() && !answer.id.is_empty() && has_begun {
        tally::begun(run, &answer);
        return Ok(());
    }
    // An answer may say nothing and still be one: a refusal, or a limit of zero.
    if answer.empty && answer.finish_reasons.is_empty() && operation.writes() {
        return Err(run.failed(FailureKind::Empty, "the answer has no message in it"));
    }
    tally::answer(run, &answer);
    Ok(())
}

/// An error that came as if it were an answer.
pub(super) fn in_band(run: &Running, error: &UpstreamError, body: &Bytes) -> End {
    let mut failure = Failure::new(FailureKind::InBandError, error.message.clone());
    failure.status = run.report.status;
    failure.body = body.slice(..body.len().min(MAX_ERROR_BYTES));
    End::Failed(failure)
}

/// A status other than 2xx, with what the upstream said.
pub(super) async fn refused(run: &mut Running, lease: Lease, response: Response<Incoming>) -> End {
    let (end, is_read) = turned_down(run, response).await;
    if is_read {
        lease.recycle();
    }
    end
}

/// What an answer other than the one that was asked for makes of the attempt, and whether it was read to its end.
pub(super) async fn turned_down(run: &mut Running, response: Response<Incoming>) -> (End, bool) {
    let (parts, body) = response.into_parts();
    let status = parts.status;
    let kind = if status.is_redirection() { FailureKind::Redirect } else { FailureKind::Status };
    let mut failure = Failure::new(kind, format!("status {status}")).with_status(status.as_u16());
    let retry_after =
        parts.headers.get("retry-after-ms").or_else(|| parts.headers.get(RETRY_AFTER));
    let in_ms = parts.headers.contains_key("retry-after-ms");
    failure.retry_after = retry_after
        .and_then(|v| v.to_str().ok())
        .map(|v| if in_ms { format!("{v}ms") } else { v.to_owned() });
    failure.error_type = error_type(&parts.headers);
    match read(run, &parts.headers, None, body, MAX_ERROR_BYTES, false).await {
        Ok(body) => {
            failure.body = body;
            (End::Failed(failure), true)
        }
        Err(End::Cancelled) => (End::Cancelled, false),
        Err(_) => (End::Failed(failure), false), // the status alone says enough
    }
}

/// The class of an error of AWS's, which its body leaves out: `NAME:http://...`. Source:
/// <https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html#operation-error-serialization>.
fn error_type(headers: &HeaderMap) -> Option<Box<str>> {
    let value = headers.get("x-amzn-errortype")?.to_str().ok()?;
    let name = value.split(':').next().unwrap_or_default();
    let name = name.rsplit('#').next().unwrap_or_default().trim();
    let is_name = (1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric());
    is_name.then(|| name.into())
}

pub(super) async fn read(
    run: &mut Running,
    headers: &HeaderMap,
    mut first: Option<Bytes>,
    mut body: Incoming,
    max_bytes: usize,
    strict: bool,
) -> Result<Bytes, End> {
    let mut decoder = decoder(headers).map_err(|f| run.failed(f.kind, f.detail))?;
    let mut whole: Option<Bytes> = None;
    let mut joined = BytesMut::new();
    let mut first_byte = first.is_none();
    loop {
        let next = match first.take() {
            Some(data) => Ok(Some(Ok(Frame::data(data)))),
            None => match run.deadline.guard(&run.x, body.frame()).await {
                Err(Stop::Tick) => {
                    heartbeat(&run.x, &mut run.deadline);
                    continue;
                }
                other => other,
            },
        };
        let frame = next.map_err(|stop| {
            let kind =
                if first_byte { FailureKind::FirstByteTimeout } else { FailureKind::IdleTimeout };
            run.stopped(stop, kind)
        })?;
        let data = match frame {
            None => break,
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => data,
                Err(_trailers) => continue,
            },
            Some(Err(error)) => return Err(run.failed(FailureKind::Truncated, error.to_string())),
        };
        first_byte = false;
        run.deadline.enter(run.target.timeouts.idle);
        let data = match &mut decoder {
            None => data,
            Some(decoder) => decoder
                .feed(&data)
                .map_err(|e| run.failed(FailureKind::BadCoding, e.to_string()))?
                .into(),
        };
        let so_far = whole.as_ref().map_or(0, Bytes::len) + joined.len();
        if so_far + data.len() > max_bytes {
            if strict {
                return Err(
                    run.failed(FailureKind::TooLarge, format!("more than {max_bytes} bytes"))
                );
            }
            joined.extend_from_slice(data.get(..max_bytes - so_far).unwrap_or_default());
            break;
        }
        // Most answers are one read: then nothing is copied.
        match whole.take() {
            None if joined.is_empty() => whole = Some(data),
            first => {
                if let Some(first) = first {
                    joined.extend_from_slice(&first);
                }
                joined.extend_from_slice(&data);
            }
        }
    }
    if let Some(decoder) = decoder {
        let rest =
            decoder.finish().map_err(|e| run.failed(FailureKind::BadCoding, e.to_string()))?;
        if let Some(first) = whole.take() {
            joined.extend_from_slice(&first);
        }
        joined.extend_from_slice(&rest);
    }
    Ok(whole.unwrap_or_else(|| joined.freeze()))
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::error_type;

    #[test]
    fn awss_class_of_error_is_a_name_alone() {
        let aws = "ValidationException:http://internal.amazon.com/coral/com.amazon.bedrock/";
        for (value, wanted) in [
            (aws, Some("ValidationException")),
            ("ThrottlingException", Some("ThrottlingException")),
            ("com.amazon.bedrock#AccessDeniedException", Some("AccessDeniedException")),
            ("", None),
            (":http://x", None),
            ("a key sk-0123", None),
        ] {
            let headers = HeaderMap::from_iter([(
                "x-amzn-errortype".parse().unwrap(),
                HeaderValue::from_static(value),
            )]);
            assert_eq!(error_type(&headers).as_deref(), wanted, "{value}");
        }
        assert_eq!(error_type(&HeaderMap::new()), None);
    }
}
