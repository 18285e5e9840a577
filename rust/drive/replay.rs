//! A kept answer in the form that its client wants: as it was, put together, taken apart, or in another dialect.

use super::client_stream::{stream_type, translating};
use super::exchange::Exchange;
use super::failure::{Failure, FailureKind};
use super::gather::{brought_to, gather};
use super::last_words::malformed;
use super::reader::{Form, Reader};
use super::recording::form;
use super::retelling::{FREE, Translation, usage};
use super::snapshot::Target;
use super::whole::JSON;
use crate::cache::Entry;
use crate::dialect::Dialect;
use crate::stream::{Decoder, Delta, Options, Transcoder};

/// An answer for a client.
#[derive(Debug)]
pub(super) struct Replayed {
    pub content_type: &'static str,
    pub body: Vec<u8>,
    /// As a response object, where the gateway keeps it for who goes on from it.
    pub kept: Option<Vec<u8>>,
}

/// Writes an entry for an exchange, as an answer of this target.
///
/// Cost: a copy where it was kept in the form that is asked for; else about what the stream cost when it came.
pub(super) fn replay(x: &Exchange, target: &Target, entry: &Entry) -> Result<Replayed, Failure> {
    let a = &x.admission;
    // It asks the same, so that its own translation would have done the same.
    let tool_forms = entry.facts.tool_forms.clone();
    let options = Options { tool_forms, ..translating(x, target) };
    let max_event_bytes = a.snapshot.max_event_bytes;
    let streams = a.scan.stream() && a.operation.writes();
    match (streams, form(entry.shape)) {
        (true, Some(form)) => {
            let is_own = entry.dialect == a.dialect && (form == Form::Array) == a.place.as_array;
            let mut kept = None;
            let body = if !is_own {
                let (body, response) =
                    translated(a.dialect, form, entry, max_event_bytes, options)?;
                kept = response;
                body
            } else if has_usage_apart(a.dialect) && !a.scan.include_usage() {
                without_usage(form, entry, max_event_bytes)?
            } else {
                entry.body.to_vec()
            };
            Ok(Replayed { content_type: stream_type(x), body, kept })
        }
        (true, None) => {
            let mut body = Vec::with_capacity(entry.body.len() * 2);
            let mut transcoder = Transcoder::new(entry.dialect, a.dialect, options);
            // A whole answer says it last, and a stream of some dialects first.
            transcoder.settle(usage(&entry.facts), FREE);
            transcoder.whole(&entry.body, &mut body).map_err(|error| malformed(&error))?;
            transcoder.settle(usage(&entry.facts), FREE);
            transcoder.finish(&mut body);
            let kept = transcoder.take_kept();
            Ok(Replayed { content_type: stream_type(x), body, kept })
        }
        (false, form) => {
            let (body, from) = match form {
                None => (entry.body.to_vec(), entry.dialect),
                Some(form) => {
                    let (from, known) = (entry.dialect, usage(&entry.facts));
                    let body = gather(from, form, &entry.body, max_event_bytes, &known, &options)?;
                    (body, from.written())
                }
            };
            if from == a.dialect || !a.operation.writes() {
                return Ok(Replayed { content_type: JSON, body, kept: None });
            }
            let is_kept = options.is_kept;
            let body = brought_to(a.dialect, from, &body, &usage(&entry.facts), &options)
                .map_err(|error| Failure::new(FailureKind::InvalidJson, error.to_string()))?;
            let kept = is_kept.then(|| body.clone());
            Ok(Replayed { content_type: JSON, body, kept })
        }
    }
}

/// Whether clients of a dialect see a stream's usage only where they ask for it.
const fn has_usage_apart(dialect: Dialect) -> bool {
    matches!(dialect, Dialect::OpenAiChat | Dialect::OpenAiCompletions)
}

/// A stream in another dialect, or another form; with the response that it is, where that is kept.
fn translated(
    to: Dialect,
    form: Form,
    entry: &Entry,
    max_event_bytes: usize,
    options: Options,
) -> Result<(Vec<u8>, Option<Vec<u8>>), Failure> {
    let mut out = Vec::with_capacity(entry.body.len());
    let mut translation = Translation::new((entry.dialect, form), to, max_event_bytes, options);
    translation.feed(&entry.body, &mut out).map_err(|error| malformed(&error))?;
    let kept = translation.finish(&entry.facts, FREE, &mut out);
    Ok((out, kept))
}

/// A stream as it was, but for events that say nothing but what it used.
fn without_usage(form: Form, entry: &Entry, max_event_bytes: usize) -> Result<Vec<u8>, Failure> {
    let mut out = Vec::with_capacity(entry.body.len());
    let mut decoder = Decoder::new(entry.dialect);
    let mut reader = Reader::new(form, max_event_bytes);
    let fed = reader.feed(&entry.body, |frame| {
        let mut is_usage_alone = false;
        if let Some(event) = &frame.event {
            // It was read when it came, so it can be read again.
            let _ = decoder.event(event.name(), &event.data, |delta| {
                is_usage_alone |= matches!(delta, Delta::Usage { alone: true, .. });
            });
        }
        if !is_usage_alone {
            out.extend_from_slice(frame.raw);
        }
    });
    fed.map_err(|error| malformed(&error))?;
    Ok(out)
}
