//! A stream put together to a whole answer, and a whole answer in another dialect.

use super::failure::{Failure, FailureKind};
use super::last_words::malformed;
use super::reader::{Form, Reader};
use crate::dialect::Dialect;
use crate::error::Error;
use crate::sse;
use crate::stream::{Collected, Decoder, Delta, Options, Usage};

/// A stream in a dialect, as a whole answer in the dialect that it is [written](Dialect::written) in. `known`: what it used, where
/// it does not say it.
pub(super) fn gather(
    dialect: Dialect,
    form: Form,
    body: &[u8],
    max_event_bytes: usize,
    known: &Usage,
    options: &Options,
) -> Result<Vec<u8>, Failure> {
    let mut parser = Reader::new(form, max_event_bytes);
    let mut reader = Decoder::new(dialect);
    let (mut collected, mut failed) = (Collected::default(), None);
    let (mut said, mut ended) = (false, false);
    let mut broken = Ok(());
    let mut frame = |frame: sse::Frame<'_>| {
        let Some(event) = &frame.event else { return };
        let read = reader.event(event.name(), &event.data, |delta| {
            match delta {
                Delta::Finish { .. } => (said, ended) = (true, true),
                Delta::End => ended = true,
                Delta::Error(error) => failed = Some(error.message.clone()),
                delta => said |= delta.is_content(),
            }
            collected.delta(delta);
        });
        if broken.is_ok() {
            broken = read;
        }
    };
    let parsed = parser.feed(body, &mut frame);
    parser.finish(&mut frame);
    if let Some(message) = failed {
        return Err(Failure::new(FailureKind::InBandError, message));
    }
    parsed.and(broken).map_err(|error| malformed(&error))?;
    if !ended {
        return Err(Failure::new(FailureKind::Truncated, "the stream ended before its end"));
    }
    if !said {
        return Err(Failure::new(FailureKind::Empty, "the stream has no message in it"));
    }
    collected.fill(known);
    let mut out = Vec::with_capacity(body.len() / 2);
    collected.write(dialect, options, &mut out);
    Ok(out)
}

/// A whole answer in a dialect, in another one.
pub(super) fn brought_to(
    to: Dialect,
    from: Dialect,
    body: &[u8],
    usage: &Usage,
    options: &Options,
) -> Result<Vec<u8>, Error> {
    let mut collected = Collected::default();
    Decoder::new(from).whole(body, |delta| collected.delta(delta))?;
    collected.settle(*usage);
    let mut out = Vec::with_capacity(body.len());
    collected.write(to, options, &mut out);
    Ok(out)
}
