//! How a stream that fails says so, as its last event.

use super::client_stream::encoding;
use super::exchange::Exchange;
use super::failure::{Failure, FailureKind};
use crate::dialect::Dialect;
use crate::error::Error;
use crate::stream::{self, Encoder, StreamError, Trail};

/// An error as the last event of a stream that went out as it came.
pub(super) fn own_error(x: &Exchange, error: &StreamError<'_>, out: &mut Vec<u8>) {
    Encoder::resume(x.admission.dialect, encoding(x), &Trail::default()).error(error, out);
}

/// An error as all that a stream says.
pub fn write_error(dialect: Dialect, as_array: bool, error: &StreamError<'_>, out: &mut Vec<u8>) {
    let options = stream::Options { as_array, ..stream::Options::default() };
    Encoder::new(dialect, options).error(error, out);
}

/// A failure as the client of a request reads it behind the beginning of its answer.
pub(super) fn told<'a>(x: &'a Exchange, failure: &Failure) -> StreamError<'a> {
    StreamError {
        message: message(failure),
        kind: "api_error",
        code: failure.kind.code(),
        origin: origin(failure),
        request_id: &x.id_text,
    }
}

pub(super) fn origin(failure: &Failure) -> &'static str {
    match failure.kind {
        FailureKind::Shutdown
        | FailureKind::RunEnded
        | FailureKind::EndedByPlugin
        | FailureKind::RunOver => "gateway",
        _ => "upstream",
    }
}

/// What the client is told; details that name hosts stay in the log.
pub(super) fn message(failure: &Failure) -> &'static str {
    match failure.kind {
        FailureKind::IdleTimeout => "the upstream fell silent in the middle of its answer",
        FailureKind::TotalTimeout => "the request's time ran out in the middle of the answer",
        FailureKind::MalformedEvent => "the upstream sent an event that cannot be read",
        FailureKind::TooLarge => "the upstream sent an event that is too large",
        FailureKind::InBandError => "the upstream reported an error in the middle of its answer",
        FailureKind::Shutdown => "the gateway is shutting down",
        FailureKind::RunOver => "the run's time is over",
        FailureKind::EndedByPlugin => "a plugin of the gateway ended the answer",
        FailureKind::RunEnded => "the run was ended by an administrator",
        _ => "the upstream's answer ended before its end",
    }
}

pub(super) fn malformed(error: &Error) -> Failure {
    let kind = match error {
        Error::EventTooLarge { .. } => FailureKind::TooLarge,
        _ => FailureKind::MalformedEvent,
    };
    Failure::new(kind, error.to_string())
}
