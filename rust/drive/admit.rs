//! Decides, without waiting for anything, whether a request may go on, and where to.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use uuid::Uuid;

use super::clock::{rfc3339, unix_seconds};
use super::deadline::after;
use super::principal::Principal;
use super::request_headers::RequestHeaders;
use super::snapshot::{Operation, Route, Snapshot, Target};
use crate::body::{self, Scan};
use crate::dialect::Dialect;
use crate::error::Error;

/// A request that is answered without any upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// Stable, for programs.
    pub code: &'static str,
    /// For people: names the field, the value and the remedy.
    pub message: String,
    /// The field or header that is to blame.
    pub param: Option<String>,
}

impl Refusal {
    pub(super) fn malformed(message: impl Into<String>, param: Option<&str>) -> Self {
        Self {
            status: 400,
            code: "invalid_request",
            message: message.into(),
            param: param.map(str::to_owned),
        }
    }

    pub(super) fn header(name: &'static str, reason: &str) -> Self {
        Self::malformed(format!("header {name} {reason}"), Some(name))
    }

    /// One text for every way a credential can be wrong: it tells nobody which part was.
    pub(super) fn unauthorized() -> Self {
        Self {
            status: 401,
            code: "invalid_api_key",
            message: "no valid API key: send a key of this gateway as `Authorization: Bearer KEY` or `x-api-key: KEY`"
                .to_owned(),
            param: None,
        }
    }

    fn missing_model() -> Self {
        Self::malformed("`model` is missing: name the model to use", Some("model"))
    }

    fn forbidden(model: &str) -> Self {
        Self {
            status: 403,
            code: "model_not_allowed",
            message: format!("this key may not use the model {model:?}"),
            param: Some("model".to_owned()),
        }
    }

    /// A model whose cost nobody knows, where somebody has to.
    pub(super) fn unpriced(target: &Target) -> Self {
        Self {
            status: 403,
            code: "unpriced_model",
            message: format!(
                "{}/{} has no price, so what it costs cannot be bounded: give it one under `prices`",
                target.upstream.provider, target.model
            ),
            param: Some("model".to_owned()),
        }
    }

    fn unknown_model(model: &str) -> Self {
        Self {
            status: 404,
            code: "model_not_found",
            message: format!(
                "no model {model:?}: ask for a name under `models` or for `provider/model`; GET /v1/models lists them"
            ),
            param: Some("model".to_owned()),
        }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let param = match &error {
            Error::InvalidField { field, .. } => Some(field.to_string()),
            Error::DuplicateKey { key } => Some(key.clone()),
            _ => None,
        };
        Self::malformed(error.to_string(), param.as_deref())
    }
}

/// A request as a front brings it.
#[derive(Debug)]
pub struct Incoming<'a, H> {
    /// What is asked.
    pub operation: Operation,
    /// In which dialect.
    pub dialect: Dialect,
    /// Lower-case names with values.
    pub headers: H,
    /// All of the body.
    pub body: &'a [u8],
}

/// A request that may not go on.
#[derive(Debug)]
pub struct Refused {
    /// The gateway's id of the request.
    pub id: Uuid,
    /// What the client is told.
    pub refusal: Refusal,
    /// Who asked, where the key was good: such a refusal has a ledger row. Requests without a key have none, so
    /// that nobody fills the ledger from outside.
    pub principal: Option<Arc<Principal>>,
    /// The model that was asked for, as far as it was read.
    pub requested_model: String,
}

impl Refused {
    fn unknown(id: Uuid, refusal: Refusal) -> Self {
        Self { id, refusal, principal: None, requested_model: String::new() }
    }
}

/// A request that may go on.
#[derive(Debug)]
pub struct Admission {
    /// The gateway's id of the request, UUID version 7.
    pub id: Uuid,
    /// The configuration it began with.
    pub snapshot: Arc<Snapshot>,
    /// Who asks.
    pub principal: Arc<Principal>,
    /// The targets behind the requested model.
    pub route: Arc<Route>,
    /// What its headers say.
    pub headers: RequestHeaders,
    /// What its body says.
    pub scan: Scan,
    /// The body itself.
    pub body: Bytes,
    /// What is asked.
    pub operation: Operation,
    /// In which dialect.
    pub dialect: Dialect,
    /// The name that the client asked for.
    pub requested_model: String,
    /// When it arrived.
    pub arrived: Instant,
    /// When it arrived, in seconds since 1970: the prices of that moment hold for all its attempts.
    pub unix_s: i64,
    /// When it arrived, as the ledger writes it.
    pub time: String,
    /// When it must be over.
    pub deadline: Instant,
}

/// Who asks, for requests that go to no model.
pub fn authenticate<'a>(
    snapshot: &Snapshot,
    headers: impl Iterator<Item = (&'a [u8], &'a [u8])>,
) -> Result<Arc<Principal>, Refused> {
    let unknown = |refusal| Refused::unknown(Uuid::now_v7(), refusal);
    let headers = RequestHeaders::read(headers).map_err(unknown)?;
    holder(snapshot, &headers).ok_or_else(|| unknown(Refusal::unauthorized()))
}

fn holder(snapshot: &Snapshot, headers: &RequestHeaders) -> Option<Arc<Principal>> {
    match &headers.credential {
        Some(digest) => snapshot.principal(digest).cloned(),
        None => snapshot.anonymous().cloned(),
    }
}

/// Admits or refuses a request. Cost: one pass over the body, one hash of the key, no lock, no I/O.
pub fn admit<'a, H>(
    snapshot: Arc<Snapshot>,
    incoming: Incoming<'_, H>,
) -> Result<Admission, Refused>
where
    H: Iterator<Item = (&'a [u8], &'a [u8])>,
{
    let arrived = Instant::now();
    let now = SystemTime::now();
    let (time, unix_s) = (rfc3339(now), unix_seconds(now));
    let id = Uuid::now_v7();
    let unknown = |refusal| Refused::unknown(id, refusal);
    let headers = RequestHeaders::read(incoming.headers).map_err(unknown)?;
    let principal = holder(&snapshot, &headers).ok_or_else(|| unknown(Refusal::unauthorized()))?;
    let refused = |refusal, model: &str| Refused {
        id,
        refusal,
        principal: Some(principal.clone()),
        requested_model: model.to_owned(),
    };

    let scan = body::scan(incoming.body).map_err(|e| refused(e.into(), ""))?;
    let requested_model = scan.model().filter(|m| !m.is_empty()).map(str::to_owned);
    let requested_model = requested_model.ok_or_else(|| refused(Refusal::missing_model(), ""))?;
    let model = requested_model.as_str();
    let route = snapshot.route(model);
    let route = route.ok_or_else(|| refused(Refusal::unknown_model(model), model))?;
    if !principal.may_use(model) {
        return Err(refused(Refusal::forbidden(model), model));
    }
    if snapshot.refuse_unpriced
        && incoming.operation != Operation::CountTokens
        && let Some(target) = route.unpriced(unix_s)
    {
        return Err(refused(Refusal::unpriced(target), model));
    }
    let total = route.targets.iter().map(|t| t.timeouts.total).max().unwrap_or(Duration::MAX);
    let asked = headers.timeout_ms.map_or(Duration::MAX, Duration::from_millis);
    Ok(Admission {
        id,
        deadline: after(arrived, total.min(asked)),
        body: Bytes::copy_from_slice(incoming.body),
        operation: incoming.operation,
        dialect: incoming.dialect,
        snapshot,
        principal,
        route,
        headers,
        scan,
        requested_model,
        arrived,
        unix_s,
        time,
    })
}
