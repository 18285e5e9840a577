//! The ledger row of one attempt, as the journal keeps it.

use std::time::Instant;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::admit::Known;
use super::caching::Told;
use super::exchange::Exchange;
use super::operation::Operation;
use super::paying::Paid;
use super::refusal::Refusal;
use super::snapshot::Target;
use crate::budget::Demand;
use crate::dialect::Dialect;
use crate::price::{Sheet, Tokens, dollars};
use crate::stream::Usage;

/// No price is known: the cost is not known either, which is not the same as 0.
const UNPRICED: &str = "unpriced";

/// How an attempt, or a request that made none, ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Answered.
    Ok,
    /// Failed.
    Error,
    /// The client left, or the gateway ended.
    Cancelled,
    /// Never sent: a kept answer was given.
    Cached,
    /// Never sent: refused by the gateway.
    Refused,
    /// The gateway died while it ran.
    Unknown,
}

impl Outcome {
    /// The name in ledger and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Cancelled => "cancelled",
            Self::Cached => "cached",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
        }
    }
}

/// Where the token figures come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The upstream's usage.
    Reported,
    /// Our count with the model's own vocabulary, or o200k where the model is unknown.
    Counted,
    /// A bound or a ratio.
    Estimated,
    /// Nothing was generated.
    None,
}

/// One row. The names are the export's columns; what is unknown is left out.
#[derive(Debug, Serialize)]
#[allow(missing_docs)] // the columns are documented where the export is
pub struct Row<'a> {
    pub request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_ref: Option<&'a str>,
    pub attempt: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_run: Option<&'a str>,
    pub key_name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub organisation: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub team: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub project: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<&'a RawValue>,
    pub time: &'a str,
    pub operation: &'static str,
    pub dialect: &'static str,
    pub requested_model: &'a str,
    pub stream: bool,
    #[serde(flatten)]
    pub target: Option<TargetColumns<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_model: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream_request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finish_reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_status: Option<u16>,
    pub outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_code: Option<&'a str>,
    pub basis: Basis,
    #[serde(flatten)]
    pub tokens: TokenColumns,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_cache_saved_usd: Option<String>,
    pub price_version: &'a str,
    pub latency_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_token_ms: Option<u64>,
    pub cache: &'static str,
    /// What an answer from the cache would have cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saved_usd: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saved_input_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saved_output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saved_ms: Option<u64>,
}

/// Where an attempt went.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct TargetColumns<'a> {
    pub provider: &'a str,
    pub routed_model: &'a str,
    pub upstream_dialect: &'static str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_byok: bool,
}

/// The token figures; a class that was never mentioned is 0.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
#[allow(missing_docs, clippy::struct_field_names)] // the ledger's own names
pub struct TokenColumns {
    pub input_tokens: u64,
    pub cached_input_tokens: u64,
    pub cache_write_tokens: u64,
    pub cache_write_1h_tokens: u64,
    pub output_tokens: u64,
    pub reasoning_tokens: u64,
    pub audio_tokens: u64,
    pub image_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counted_output_tokens: Option<u64>,
}

impl TokenColumns {
    /// Each figure with another's.
    pub(super) fn zip(&self, other: &Self, of: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            input_tokens: of(self.input_tokens, other.input_tokens),
            cached_input_tokens: of(self.cached_input_tokens, other.cached_input_tokens),
            cache_write_tokens: of(self.cache_write_tokens, other.cache_write_tokens),
            cache_write_1h_tokens: of(self.cache_write_1h_tokens, other.cache_write_1h_tokens),
            output_tokens: of(self.output_tokens, other.output_tokens),
            reasoning_tokens: of(self.reasoning_tokens, other.reasoning_tokens),
            audio_tokens: of(self.audio_tokens, other.audio_tokens),
            image_tokens: of(self.image_tokens, other.image_tokens),
            counted_output_tokens: match (self.counted_output_tokens, other.counted_output_tokens) {
                (Some(own), Some(other)) => Some(of(own, other)),
                (own, _) => own,
            },
        }
    }

    /// The figures in the order of metrics. What we counted ourselves beside an upstream's own is none of them.
    pub(super) const fn by_class(&self) -> [u64; 8] {
        [
            self.input_tokens,
            self.output_tokens,
            self.cached_input_tokens,
            self.cache_write_tokens,
            self.cache_write_1h_tokens,
            self.reasoning_tokens,
            self.audio_tokens,
            self.image_tokens,
        ]
    }
}

impl From<&Usage> for TokenColumns {
    fn from(usage: &Usage) -> Self {
        Self {
            input_tokens: usage.input_tokens.unwrap_or(0),
            cached_input_tokens: usage.cached_input_tokens.unwrap_or(0),
            cache_write_tokens: usage.cache_write_tokens.unwrap_or(0),
            cache_write_1h_tokens: usage.cache_write_1h_tokens.unwrap_or(0),
            output_tokens: usage.output_tokens.unwrap_or(0),
            reasoning_tokens: usage.reasoning_tokens.unwrap_or(0),
            audio_tokens: usage.audio_tokens.unwrap_or(0),
            image_tokens: usage.image_tokens.unwrap_or(0),
            counted_output_tokens: None,
        }
    }
}

impl<'a> Row<'a> {
    /// The row of an attempt as it must read if the gateway dies while the attempt runs.
    pub(super) fn open(x: &'a Exchange, attempt: u32, target: Option<&'a Target>) -> Self {
        let a = &x.admission;
        let user = a.headers.user.as_deref().or_else(|| a.scan.user());
        let own_user = Some(a.principal.user.as_str()).filter(|u| !u.is_empty());
        Self {
            request_id: &x.id_text,
            client_ref: a.headers.client_ref.as_deref(),
            attempt,
            run: a.headers.run.as_deref(),
            parent_run: a.headers.parent_run.as_deref(),
            key_name: &a.principal.name,
            organisation: &a.principal.organisation,
            team: &a.principal.team,
            project: &a.principal.project,
            user: user.or(own_user),
            tags: a.headers.tag.as_deref(),
            metadata: a.headers.metadata.as_deref(),
            time: &a.time,
            operation: a.operation.name(),
            dialect: a.dialect.name(),
            requested_model: &a.requested_model,
            stream: a.scan.stream(),
            target: target.map(|t| TargetColumns {
                provider: &t.upstream.provider,
                routed_model: &t.model,
                upstream_dialect: t.upstream.dialect_for(a.dialect).name(),
                is_byok: t.upstream.is_byok,
            }),
            response_model: None,
            upstream_request_id: None,
            response_id: None,
            finish_reason: None,
            status: None,
            client_status: x.client_status(),
            outcome: Outcome::Unknown,
            error_code: None,
            basis: Basis::Estimated,
            tokens: TokenColumns::default(),
            cost_usd: None,
            prompt_cache_saved_usd: None,
            price_version: UNPRICED,
            latency_ms: millis(a.arrived),
            first_token_ms: None,
            cache: x.cache_told().name(),
            saved_usd: None,
            saved_input_tokens: None,
            saved_output_tokens: None,
            saved_ms: None,
        }
    }

    /// The row of a request that was refused to a known key.
    pub(super) fn refused(
        request_id: &'a str,
        known: &'a Known,
        operation: Operation,
        dialect: Dialect,
        refusal: &'a Refusal,
    ) -> Self {
        let Known { principal, headers, scan, time } = known;
        let own_user = Some(principal.user.as_str()).filter(|user| !user.is_empty());
        Self {
            request_id,
            client_ref: headers.client_ref.as_deref(),
            attempt: 0,
            run: headers.run.as_deref(),
            parent_run: headers.parent_run.as_deref(),
            key_name: &principal.name,
            organisation: &principal.organisation,
            team: &principal.team,
            project: &principal.project,
            user: headers.user.as_deref().or_else(|| scan.user()).or(own_user),
            tags: headers.tag.as_deref(),
            metadata: headers.metadata.as_deref(),
            time,
            operation: operation.name(),
            dialect: dialect.name(),
            requested_model: scan.model().unwrap_or_default(),
            stream: scan.stream(),
            target: None,
            response_model: None,
            upstream_request_id: None,
            response_id: None,
            finish_reason: None,
            status: None,
            client_status: Some(refusal.status),
            outcome: Outcome::Refused,
            error_code: Some(refusal.code),
            basis: Basis::None,
            tokens: TokenColumns::default(),
            cost_usd: Some("0".to_owned()),
            prompt_cache_saved_usd: None,
            price_version: "",
            latency_ms: 0,
            first_token_ms: None,
            cache: Told::Bypass.name(),
            saved_usd: None,
            saved_input_tokens: None,
            saved_output_tokens: None,
            saved_ms: None,
        }
    }

    /// Fills in what is held, which is what the attempt costs if nobody ever hears of it again.
    pub(super) fn reserve(&mut self, demand: &Demand, held: Option<u64>, sheet: Option<&'a Sheet>) {
        let output_tokens = held.map_or(demand.output_tokens, |h| h.min(demand.output_tokens));
        self.tokens.input_tokens = demand.input_tokens;
        self.tokens.output_tokens = output_tokens;
        if let Some(sheet) = sheet {
            let pico = i128::try_from(demand.pico(output_tokens)).unwrap_or(i128::MAX);
            self.cost_usd = Some(dollars(pico));
            self.price_version = sheet.version();
        }
    }

    /// Prices what was used. What used nothing costs nothing, whatever the price. Returns the pico-dollars, where they
    /// are known.
    pub(super) fn price(&mut self, sheet: Option<&'a Sheet>, used: &Tokens) -> Option<i128> {
        let pico = match sheet {
            _ if self.basis == Basis::None => Some(0),
            Some(sheet) => Some(sheet.cost(used)),
            None => None,
        };
        self.cost_usd = pico.map(dollars);
        let is_cached = used.is_cached() && self.basis != Basis::None;
        let saved = sheet.filter(|_| is_cached).map(|sheet| sheet.prompt_cache_saved(used));
        self.prompt_cache_saved_usd = saved.map(dollars);
        self.price_version = sheet.map_or(UNPRICED, |sheet| sheet.version());
        pico
    }

    /// Prices what others have not paid of what was used.
    pub(super) fn deduct(&mut self, paid: &Paid, (sheet, used): (&'a Sheet, &Tokens)) -> i128 {
        let pico = paid.rest_of_cost(sheet.cost(used));
        self.cost_usd = Some(dollars(pico));
        self.price_version = sheet.version();
        let saved = || dollars(paid.rest_of_saving(sheet.prompt_cache_saved(used)));
        self.prompt_cache_saved_usd = used.is_cached().then(saved);
        pico
    }

    /// Says that what was used is not known, and so has no price.
    pub(super) fn unprice(&mut self) -> Option<i128> {
        self.cost_usd = None;
        self.prompt_cache_saved_usd = None;
        self.price_version = UNPRICED;
        None
    }

    /// The row as the journal's payload.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.clear();
        // Writing strings and integers into memory cannot fail.
        let _ = serde_json::to_writer(out, self);
    }
}

/// A written row with the client's status added, which was not known when it was written.
pub(super) fn with_client_status(row: &[u8], status: u16) -> Vec<u8> {
    let open = row.strip_suffix(b"}").unwrap_or(row);
    [open, format!(",\"client_status\":{status}}}").as_bytes()].concat()
}

/// Milliseconds since then.
pub(super) fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
