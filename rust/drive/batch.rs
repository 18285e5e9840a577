//! Many requests that a provider answers within a day: what they may cost before they go, and what each did cost.
//!
//! What is held for a batch outlives every process, so that it stands in the store as a row of the ledger, and the
//! counters of limits take it as spent. When the batch is over they are put right by what its lines say.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::admit::Admission;
use super::attempt::Running;
use super::clock::unix_seconds;
use super::demand::Asked;
use super::draft::subject;
use super::engine::Engine;
use super::exchange::Exchange;
use super::operation::Operation;
use super::place::Place;
use super::row::{Basis, Row, TokenColumns};
use super::snapshot::{Route, Target};
use super::units::Request;
use super::unknown;
use crate::budget::{Actual, Demand};
use crate::dialect::Dialect;
use crate::error::Error;
use crate::govern::{Dimension, Subject};
use crate::meter;
use crate::price::{Tokens, dollars};
use crate::stream::{Collected, Decoder, Options, ServiceTier};

/// The most that one line may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quote {
    /// Tokens of its prompt.
    pub input_tokens: u64,
    /// Tokens of its answer.
    pub output_tokens: u64,
    /// Pico-dollars; `None` where there is no price.
    pub pico: Option<u128>,
}

/// What the answer to one line says, by the ledger's columns.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct Told<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    pub response_id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub response_model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finish_reason: Option<&'static str>,
    pub basis: Basis,
    #[serde(flatten)]
    pub tokens: TokenColumns,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<String>,
    pub price_version: Cow<'a, str>,
}

/// Under whose limits a request falls, and where it went; kept for when its use is known.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct Bearer {
    pub organisation: String,
    pub team: String,
    pub project: String,
    pub user: String,
    pub key: String,
    pub end_user: String,
    pub tag: String,
    pub run: String,
    /// Runs above its own.
    pub above: Vec<String>,
    pub asked_model: String,
    pub provider: String,
    pub model: String,
}

/// Whether a request begins a batch.
pub(super) fn begins(a: &Admission) -> bool {
    a.operation == Operation::Batch && a.place.demand.is_some()
}

/// What was held for a batch that its provider took; `None` for anything else.
pub(super) fn held(run: &Running) -> Option<Actual> {
    let a = &run.x.admission;
    let taken = run.report.status.is_some_and(|status| (200..300).contains(&status));
    (begins(a) && taken).then(|| used(&a.demand))
}

fn used(demand: &Demand) -> Actual {
    let Demand { input_tokens, output_tokens, .. } = *demand;
    Actual { requests: 1, input_tokens, output_tokens, cost_pico: demand.pico(output_tokens) }
}

/// A row that costs nothing.
pub(super) fn free(row: &mut Row<'_>) {
    row.basis = Basis::None;
    row.price(None, &Tokens::default());
}

impl Exchange {
    /// Whose it is and where it goes, as the ledger's columns say it.
    pub fn open_row(&self) -> Vec<u8> {
        let mut out = Vec::new();
        Row::open(self, 1, self.admission.route.targets.first()).write(&mut out);
        out
    }

    /// Under whose limits it falls.
    pub fn bearer(&self) -> Bearer {
        let a = &self.admission;
        let (principal, headers) = (&a.principal, &a.headers);
        let subject = subject(principal, headers, &a.scan, &a.requested_model);
        let of = |dimension| subject.get(dimension).to_owned();
        let target = a.route.targets.first();
        Bearer {
            organisation: of(Dimension::Organisation),
            team: of(Dimension::Team),
            project: of(Dimension::Project),
            user: of(Dimension::User),
            key: of(Dimension::Key),
            end_user: of(Dimension::EndUser),
            tag: of(Dimension::Tag),
            run: of(Dimension::Run),
            above: a.step.lineage.above.clone(),
            asked_model: of(Dimension::Model),
            provider: target.map(|t| t.upstream.provider.clone()).unwrap_or_default(),
            model: target.map(|t| t.model.clone()).unwrap_or_default(),
        }
    }
}

impl Engine {
    /// The most that one line of a batch may use, as a request to `place`, at the prices of batches.
    pub fn quote(
        &self,
        place: &Place,
        provider: &str,
        model: &str,
        body: &[u8],
    ) -> Result<Quote, Error> {
        let snapshot = self.snapshot();
        let unix_s = unix_seconds(SystemTime::now());
        let scan = place.scan(body)?;
        let found = snapshot.passage(provider, model);
        let target = found.as_ref().and_then(|route| route.targets.first());
        let prices = target.and_then(|target| {
            Some(Arc::new(target.prices.as_ref()?.in_tier(unix_s, ServiceTier::Batch)?))
        });
        let is_priced = prices.is_some();
        let targets = target.map(|target| Target { prices, ..target.clone() });
        let demand = Asked {
            answers: place.answers(&scan, body),
            scan: &scan,
            body,
            route: &Route::to(targets.into_iter().collect()),
            unix_s,
            default_max_output_tokens: snapshot.default_max_output_tokens,
            learned: None,
            given: None,
            request: Request { operation: place.route.operation, scan: &scan, body, form: None },
        }
        .bound();
        let Demand { input_tokens, output_tokens, .. } = demand;
        let pico = is_priced.then(|| demand.pico(output_tokens));
        Ok(Quote { input_tokens, output_tokens, pico })
    }

    /// What the answer to one line of a batch says of its cost, at the prices of batches of when that was made. Where it
    /// does not say it, it is what was held for the line.
    pub fn told(
        &self,
        dialect: Dialect,
        (provider, model): (&str, &str),
        unix_s: i64,
        held: (u64, u64),
        body: &[u8],
    ) -> Result<Vec<u8>, Error> {
        let snapshot = self.snapshot();
        let found = snapshot.passage(provider, model);
        let target = found.as_ref().and_then(|route| route.targets.first());
        let counting = target.map(|target| target.upstream.counting).unwrap_or_default();
        let prices = target.and_then(|target| target.prices.as_ref());
        let sheet = prices.and_then(|prices| prices.at_tier(unix_s, ServiceTier::Batch));
        let answer = meter::read_answer_of(dialect, counting, body)?;
        let mut usage = answer.usage;
        let basis = match (usage.input_tokens, usage.output_tokens) {
            (Some(_), _) => Basis::Reported,
            (None, output) => {
                usage.input_tokens = Some(held.0);
                usage.output_tokens = output.or(Some(held.1));
                Basis::Estimated
            }
        };
        let cost = sheet.as_ref().map(|sheet| dollars(sheet.cost(&Tokens::from(&usage))));
        let version = sheet.as_ref().map_or("unpriced", |sheet| sheet.version());
        let told = Told {
            response_id: &answer.id,
            response_model: &answer.model,
            finish_reason: answer.finish_reasons.first().map(|(_, reason)| reason.name()),
            basis,
            tokens: TokenColumns::from(&usage),
            cost_usd: cost,
            price_version: version.into(),
        };
        Ok(serde_json::to_vec(&told).unwrap_or_default())
    }

    /// Counts the ledger's row of a line that was answered.
    pub fn count_line(&self, row: &[u8]) {
        unknown::count_line(self.metrics(), row);
    }

    /// Puts the counters of limits right: a batch that was begun at a moment used this, where that was held for it.
    pub fn correct(
        &self,
        bearer: &Bearer,
        (before, after): (&Actual, &Actual),
        at_unix_ns: u64,
    ) -> Result<(), Error> {
        let governance = self.governance();
        let subject = Subject::default()
            .with(Dimension::Organisation, &bearer.organisation)
            .with(Dimension::Team, &bearer.team)
            .with(Dimension::Project, &bearer.project)
            .with(Dimension::User, &bearer.user)
            .with(Dimension::Key, &bearer.key)
            .with(Dimension::EndUser, &bearer.end_user)
            .with(Dimension::Tag, &bearer.tag)
            .with(Dimension::Run, &bearer.run)
            .with(Dimension::Model, &bearer.asked_model);
        let mut charges = governance.request_charges(&subject, &bearer.above);
        let (provider, model) = (&bearer.provider, &bearer.model);
        charges.extend(governance.target_charges(&subject, &bearer.above, provider, model));
        governance.correct(self.budgets(), charges, (before, after), at_unix_ns)
    }
}

/// A whole answer of one dialect in another.
pub fn answer_in(
    (from, to): (Dialect, Dialect),
    options: &Options,
    body: &[u8],
) -> Result<Vec<u8>, Error> {
    let mut collected = Collected::default();
    Decoder::new(from).whole(body, |delta| collected.delta(delta))?;
    let mut out = Vec::with_capacity(body.len());
    collected.write(to, options, &mut out);
    Ok(out)
}
