//! How an attempt failed: facts for the policy, never a decision.

use bytes::Bytes;

use super::refusal::Refusal;

/// What went wrong with an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// No connection.
    Connect,
    /// No connection in time.
    ConnectTimeout,
    /// The connection ended before the first byte of an answer.
    Reset,
    /// No head, or no first body byte, in time.
    FirstByteTimeout,
    /// Silence in the middle of a body.
    IdleTimeout,
    /// The whole request's time is used up.
    TotalTimeout,
    /// An answer whose head cannot be accepted (too large, not HTTP).
    BadHead,
    /// A redirect; never followed.
    Redirect,
    /// A status other than 2xx.
    Status,
    /// 200 with an error in it.
    InBandError,
    /// 200 with nothing in it.
    Empty,
    /// 200 with something that is not JSON of the dialect.
    InvalidJson,
    /// 200 in another content type than was asked for.
    WrongContentType,
    /// A stream where a whole answer was asked for, or the other way round.
    WrongForm,
    /// The answer ended before its end.
    Truncated,
    /// An event that cannot be read.
    MalformedEvent,
    /// An event or answer beyond its bound.
    TooLarge,
    /// The content coding is unknown, broken or swells too far.
    BadCoding,
    /// The journal could not take the intent: nothing was sent.
    Journal,
    /// A limit of the target has no room: nothing was sent.
    Limited,
    /// The gateway's credential for the target has ended, or was never had: nothing was sent.
    NoCredential,
    /// Nothing is kept that answers it, and nothing else was to be asked.
    NotCached,
    /// Another request for the same was waited for, and failed.
    TwinFailed,
    /// Nothing that is kept answers it, and the front must translate it before it is sent.
    Untried,
    /// The gateway ends.
    Shutdown,
    /// The request's run was ended.
    RunEnded,
    /// A plugin that watches ended it.
    EndedByPlugin,
    /// The time of the request's run is over.
    RunOver,
    /// A defect of the gateway's own.
    Internal,
}

impl FailureKind {
    /// The stable code in errors and in the ledger.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Connect => "upstream_connect_error",
            Self::ConnectTimeout => "upstream_connect_timeout",
            Self::Reset => "upstream_reset",
            Self::FirstByteTimeout => "upstream_first_byte_timeout",
            Self::IdleTimeout => "upstream_idle_timeout",
            Self::TotalTimeout => "request_timeout",
            Self::BadHead => "upstream_bad_head",
            Self::Redirect => "upstream_redirect",
            Self::Status => "upstream_status",
            Self::InBandError => "upstream_error",
            Self::Empty => "upstream_empty_answer",
            Self::InvalidJson => "upstream_invalid_json",
            Self::WrongContentType => "upstream_wrong_content_type",
            Self::WrongForm => "upstream_wrong_form",
            Self::Truncated => "upstream_truncated",
            Self::MalformedEvent => "upstream_malformed_event",
            Self::TooLarge => "upstream_answer_too_large",
            Self::BadCoding => "upstream_bad_coding",
            Self::Journal => "journal_unavailable",
            Self::Limited => "target_limited",
            Self::NoCredential => "credential_unavailable",
            Self::NotCached => "not_cached",
            Self::TwinFailed => "identical_request_failed",
            Self::Untried => "untried",
            Self::Shutdown => "gateway_shutdown",
            Self::RunEnded => "run_ended",
            Self::EndedByPlugin => "ended_by_plugin",
            Self::RunOver => "run_limit_exceeded",
            Self::Internal => "internal_error",
        }
    }

    /// Whether it is a request's own, by its code: another that asks the same may be answered.
    pub fn is_of_one(code: &str) -> bool {
        let own = [Self::TotalTimeout, Self::RunEnded, Self::EndedByPlugin, Self::RunOver];
        own.iter().any(|kind| kind.code() == code)
    }

    /// Whether time ran out, which a client sees as 504 and not as 502.
    pub const fn is_timeout(self) -> bool {
        matches!(
            self,
            Self::ConnectTimeout | Self::FirstByteTimeout | Self::IdleTimeout | Self::TotalTimeout
        )
    }
}

/// A failed attempt.
#[derive(Debug, Clone)]
pub struct Failure {
    /// What went wrong.
    pub kind: FailureKind,
    /// For the log: may name hosts, never a credential or a prompt.
    pub detail: String,
    /// The upstream's status, if it answered.
    pub status: Option<u16>,
    /// The upstream's `retry-after`, as it came.
    pub retry_after: Option<String>,
    /// The class of the error, where the answer's head names it: AWS's `x-amzn-errortype`.
    pub error_type: Option<Box<str>>,
    /// What the upstream said, bounded; for reading an error out of it, never to be relayed as it is.
    pub body: Bytes,
    /// Which target of the route.
    pub target: usize,
    /// The request went out twice: it must not go to the same upstream again.
    pub resent: bool,
    /// What the client is told, where a limit is why.
    pub refusal: Option<Box<Refusal>>,
}

impl Failure {
    pub(super) fn new(kind: FailureKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            status: None,
            retry_after: None,
            error_type: None,
            body: Bytes::new(),
            target: 0,
            resent: false,
            refusal: None,
        }
    }

    pub(super) fn with_status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }
}
