//! What a client is told that is answered without any upstream.

use std::fmt::Write as _;

use http::StatusCode;

use super::place::Place;
use super::rate_headers;
use super::snapshot::Target;
use crate::budget::{Denied, Measure};
use crate::error::Error;
use crate::govern::Principal;
use crate::live::UpgradeError;

/// Above it a client had better not come back by itself: official SDKs wait a minute at most.
const MAX_WAITED_NS: u64 = 60_000_000_000;

/// Names that a message lists.
const MAX_LISTED: usize = 20;

/// A request that is answered without any upstream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// Stable, for programs.
    pub code: &'static str,
    /// For people: names the field, the value and the remedy.
    pub message: String,
    /// The field or header that is to blame.
    pub param: Option<String>,
    /// When to come back, milliseconds.
    pub retry_after_ms: Option<u64>,
    /// More headers of the answer.
    pub headers: Vec<(&'static str, String)>,
    /// Requests that still run hold what it needs: it may be asked again in a moment.
    pub is_held: bool,
}

impl Refusal {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status: status.as_u16(), code, message: message.into(), ..Self::default() }
    }

    fn about(mut self, param: &str) -> Self {
        self.param = Some(param.to_owned());
        self
    }

    pub(super) fn malformed(message: impl Into<String>, param: Option<&str>) -> Self {
        let refusal = Self::new(StatusCode::BAD_REQUEST, "invalid_request", message);
        Self { param: param.map(str::to_owned), ..refusal }
    }

    pub(super) fn header(name: &'static str, reason: &str) -> Self {
        Self::malformed(format!("header {name} {reason}"), Some(name))
    }

    /// A body that nobody here can read.
    pub(super) fn unknown_coding(value: &[u8]) -> Self {
        let shown: String = String::from_utf8_lossy(value).chars().take(64).collect();
        let message = format!(
            "content-encoding {shown:?} is not known: send the body plain, or as gzip, deflate, br or zstd"
        );
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_content_encoding", message)
            .about("content-encoding")
    }

    /// A path that is only there for a WebSocket.
    pub fn not_upgraded(error: UpgradeError) -> Self {
        match error {
            UpgradeError::Key => Self::malformed(error.to_string(), None),
            UpgradeError::NotAsked | UpgradeError::Version => {
                let refusal =
                    Self::new(StatusCode::UPGRADE_REQUIRED, "upgrade_required", error.to_string());
                let headers = vec![
                    ("upgrade", "websocket".to_owned()),
                    ("sec-websocket-version", "13".to_owned()),
                ];
                Self { headers, ..refusal }
            }
        }
    }

    /// What would be paid for cannot be written down first.
    pub(super) fn journal_unavailable() -> Self {
        let message = "the gateway cannot write its journal now; try again";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "journal_unavailable", message)
    }

    /// `only-if-cached`, and nothing is.
    pub(super) fn not_cached() -> Self {
        let message =
            "no answer to this request is kept, and x-sluicegate-cache says only-if-cached";
        Self::new(StatusCode::GATEWAY_TIMEOUT, "not_cached", message).about("x-sluicegate-cache")
    }

    /// Others that asked the same failed twice: asking once more would be the same again.
    pub(super) fn twin_failed(status: u16) -> Self {
        let message =
            "an identical request that this one waited for failed, twice; try again later";
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
        Self::new(status, "identical_request_failed", message)
    }

    /// One text for every way a credential can be wrong: it tells nobody which part was.
    pub(super) fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "invalid_api_key",
            "no valid API key: send a key of this gateway as `Authorization: Bearer KEY`, `x-api-key: KEY` or `x-goog-api-key: KEY`",
        )
    }

    /// Nobody can say now whether the credential is a key.
    pub(super) fn keys_unavailable() -> Self {
        let message =
            "the store of keys cannot be read now, so this key cannot be checked; try again";
        let refusal = Self::new(StatusCode::SERVICE_UNAVAILABLE, "key_store_unavailable", message);
        Self { retry_after_ms: Some(1000), ..refusal }
    }

    /// The counters of limits cannot be asked.
    pub(super) fn limits_unavailable(error: &Error) -> Self {
        let refusal = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "limits_unavailable",
            format!("what is left of the limits cannot be known now: {error}"),
        );
        Self { retry_after_ms: Some(1000), ..refusal }
    }

    pub(super) fn missing_model() -> Self {
        Self::malformed("`model` is missing: name the model to use", Some("model"))
    }

    /// As the vendor says it of what does not exist: a response that is asked for, or one, or a message, that a request
    /// goes on from.
    pub(super) fn gone(response: &str, place: &Place) -> Self {
        if place.may_be_threaded() {
            let message = format!(
                "no message thread with the message '{response}' is kept: send the whole conversation"
            );
            let refusal = Self::new(StatusCode::NOT_FOUND, "thread_not_found", message);
            return refusal.about("thread");
        }
        if !place.names_response() {
            return Self::unknown_response(response);
        }
        let message = format!("Response with id '{response}' not found.");
        Self::new(StatusCode::NOT_FOUND, "response_not_found", message)
    }

    /// As the vendor says it of a response that a request goes on from and that does not exist.
    pub(super) fn unknown_response(response: &str) -> Self {
        let message = format!("Previous response with id '{response}' not found.");
        let refusal = Self::new(StatusCode::BAD_REQUEST, "previous_response_not_found", message);
        refusal.about("previous_response_id")
    }

    /// A defect of the gateway's own, which its log tells.
    pub(super) fn defect() -> Self {
        let message = "the gateway failed; its log says why";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", message)
    }

    /// A plugin refuses it.
    pub fn by_plugin(status: u16, message: impl Into<String>) -> Self {
        let refusal = Self::new(StatusCode::FORBIDDEN, "refused_by_plugin", message);
        Self { status, ..refusal }
    }

    /// A plugin could not decide.
    pub fn plugin_failed(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "plugin_failed", message)
    }

    pub(super) fn forbidden(model: &str, principal: &Principal) -> Self {
        let may = listed(principal.models.as_deref());
        let message = format!("this key may not use the model {model:?}; it may use {may}");
        Self::new(StatusCode::FORBIDDEN, "model_not_allowed", message).about("model")
    }

    pub(super) fn provider_forbidden(model: &str, provider: &str, principal: &Principal) -> Self {
        let may = listed(principal.providers.as_deref());
        let message = format!(
            "this key may not use the model {model:?}, which the provider {provider:?} answers; it may use {may}"
        );
        Self::new(StatusCode::FORBIDDEN, "model_not_allowed", message).about("model")
    }

    pub(super) fn route_forbidden(path: &str, principal: &Principal) -> Self {
        let may = listed(principal.routes.as_deref());
        let message = format!("this key may not use {path}; it may use {may}");
        Self::new(StatusCode::FORBIDDEN, "route_not_allowed", message)
    }

    /// A run of which `ended` is it, or above it.
    pub(super) fn run_ended(run: &str, ended: &str, reason: &str) -> Self {
        let mut message = format!("the run {ended:?} was ended by an administrator");
        if ended != run {
            let _ = write!(message, ", and with it {run:?} below it");
        }
        if !reason.is_empty() {
            let _ = write!(message, ": {reason}");
        }
        let refusal = Self::new(StatusCode::FORBIDDEN, "run_ended", message);
        refusal.about("x-sluicegate-run").never_again()
    }

    pub(super) fn run_too_far(run: &str, why: &str) -> Self {
        let message = format!("the run {run:?} {why}");
        let refusal = Self::new(StatusCode::FORBIDDEN, "run_limit_exceeded", message);
        refusal.about("x-sluicegate-run").never_again()
    }

    pub(super) fn in_circles(run: &str, said: &str) -> Self {
        let message = format!("the run {run:?} goes round in circles: {said}");
        let mut refusal = Self::new(StatusCode::FORBIDDEN, "run_loop", message).never_again();
        refusal.headers.push(("x-sluicegate-run-loop", rate_headers::printable(said)));
        refusal
    }

    /// A model whose cost nobody knows, where somebody has to.
    pub(super) fn unpriced(target: &Target) -> Self {
        if target.model.is_empty() {
            let message = "the request names no model that has a price, so what it costs cannot be bounded; this key has a budget";
            return Self::new(StatusCode::FORBIDDEN, "unpriced_model", message).about("model");
        }
        let message = format!(
            "{}/{} has no price, so what it costs cannot be bounded: give it one under `prices`",
            target.upstream.provider, target.model
        );
        Self::new(StatusCode::FORBIDDEN, "unpriced_model", message).about("model")
    }

    pub(super) fn unknown_model(model: &str) -> Self {
        let message = format!(
            "no model {model:?}: ask for a name under `models` or for `provider/model`; GET /v1/models lists them"
        );
        Self::new(StatusCode::NOT_FOUND, "model_not_found", message).about("model")
    }

    /// The provider's key that something was made under is in the configuration no more.
    pub(super) fn key_gone() -> Self {
        let message = "the provider's key that this was made under is not configured any more";
        Self::new(StatusCode::NOT_FOUND, "provider_not_found", message)
    }

    pub(super) fn unknown_provider(provider: &str) -> Self {
        let message = format!("no provider {provider:?}: name one under `providers`");
        Self::new(StatusCode::NOT_FOUND, "provider_not_found", message)
    }

    /// A path that somebody could take for one outside of what the provider serves.
    pub(super) fn leads_out() -> Self {
        Self::malformed("the path must stay below the provider's base URL", None)
    }

    /// A session, or a secret for one, asked of the provider's own path.
    pub(super) fn session_elsewhere() -> Self {
        let message = "realtime sessions are had at /v1/realtime with a key of this gateway: one that was opened elsewhere, or with a provider's own secret, would be neither counted nor bounded";
        Self::new(StatusCode::FORBIDDEN, "session_elsewhere", message)
    }

    /// A path that the provider's signatures have another form for.
    pub(super) fn unsignable() -> Self {
        let message =
            "requests to this provider are signed, and a path with an empty part cannot be";
        Self::malformed(message, None)
    }

    /// A job in the background, asked of the provider's own path.
    pub(super) fn background() -> Self {
        let message = "responses in the background are made at /v1/responses and asked for at /v1/responses/{id}";
        Self::malformed(message, Some("background"))
    }

    /// A limit that has no room for the request.
    pub(super) fn limited(denied: &Denied) -> Self {
        let limit = &denied.limit;
        let (remaining, needed) = (denied.remaining, denied.needed);
        let name = &limit.name;
        let refusal = match limit.measure {
            Measure::Cost => Self::new(
                StatusCode::PAYMENT_REQUIRED,
                "budget_exceeded",
                format!(
                    "the budget {name:?} has ${} left of ${}; this request may cost ${}",
                    limit.usd(remaining),
                    limit.usd(limit.amount),
                    limit.usd(needed)
                ),
            )
            .never_again(),
            Measure::Parallel => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_parallel_requests",
                format!("the limit {name:?} lets {} requests run at once", limit.amount),
            ),
            measure => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                if rate_headers::is_of_runs(limit) {
                    "run_limit_exceeded"
                } else {
                    "rate_limit_exceeded"
                },
                format!(
                    "the limit {name:?} has {remaining} of {} {} left; this request may need {needed}",
                    limit.amount,
                    measure.words()
                ),
            ),
        };
        refusal.waiting(denied)
    }

    fn waiting(mut self, denied: &Denied) -> Self {
        let wait_ns = match denied.limit.measure {
            Measure::Parallel => 1_000_000_000, // somebody's request ends, nobody knows when
            _ => denied.wait_ns,
        };
        if wait_ns != u64::MAX {
            self.retry_after_ms = Some(wait_ns.div_ceil(1_000_000).max(1));
        }
        if wait_ns > MAX_WAITED_NS && !self.has("x-should-retry") {
            self = self.never_again();
        }
        self.is_held = denied.is_held;
        rate_headers::of_denied(denied, &mut self.headers);
        self
    }

    /// Tells official SDKs that coming back is of no use.
    fn never_again(mut self) -> Self {
        self.headers.push(("x-should-retry", "false".to_owned()));
        self
    }

    fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(known, _)| *known == name)
    }
}

/// What a key may use, for its holder to read.
fn listed(allowed: Option<&[String]>) -> String {
    match allowed {
        None => "others".to_owned(),
        Some([]) => "none".to_owned(),
        Some(names) if names.len() > MAX_LISTED => {
            let shown = names.get(..MAX_LISTED).unwrap_or_default();
            format!("{} and {} more", shown.join(", "), names.len() - MAX_LISTED)
        }
        Some(names) => names.join(", "),
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let param = match &error {
            Error::InvalidField { field, .. } => Some(field.to_string()),
            Error::DuplicateKey { key } | Error::ShadowedField { key, .. } => Some(key.clone()),
            _ => None,
        };
        Self::malformed(error.to_string(), param.as_deref())
    }
}
