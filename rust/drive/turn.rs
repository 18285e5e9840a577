//! One response of a session: what it may use is held and journalled before it begins, what it used is settled.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use uuid::Uuid;

use super::alerts::AlertKind;
use super::attempt::Running;
use super::clock::{rfc3339, unix_seconds};
use super::hold::Hold;
use super::refusal::Refusal;
use super::row::{Basis, Outcome, Row, TokenColumns, millis};
use super::snapshot::Target;
use super::tally;
use super::turnstile::{Charges, Turnstile};
use crate::budget::{self, Actual, Demand};
use crate::error::Error;
use crate::journal::RecordId;
use crate::live::spoken;
use crate::observe::Attempted;
use crate::price::{Reach, Sheet, Tokens};
use crate::stream::{FinishReason, Usage, sum};

/// The status of the answer that opened the session: its responses have no other.
const SWITCHED: u16 = 101;
/// How often other hosts are asked for one and the same.
const MAX_ASKED: u32 = 8;
/// Text of a response that is kept to be counted, should nobody report what it used.
const MAX_COUNTED_BYTES: usize = 1 << 18;

/// A response, from what asked for it to its end.
pub(super) struct Turn {
    /// The client's name for the event that asked for it.
    pub event_id: Option<String>,
    /// The upstream's name for it, once it began.
    pub response: Option<String>,
    /// How much of the conversation it may know.
    pub mark: u64,
    id: RecordId,
    target: Target,
    sheet: Option<Arc<Sheet>>,
    demand: Demand,
    hold: Hold,
    begun: Instant,
    time: String,
    first: Option<Instant>,
    audio_bytes: usize,
    text: String,
}

/// How a response ended.
#[derive(Debug, Default)]
pub(super) struct Ended {
    /// `None` is well.
    pub failed: Option<(Outcome, &'static str)>,
    pub usage: Usage,
    pub finish: Option<FinishReason>,
    /// It was paid for otherwise than by tokens.
    pub is_unpriced: bool,
}

impl Turn {
    /// A response that is held for, and in the journal.
    pub async fn begin(
        run: &Running,
        (target, input_tokens, output_tokens): (&Target, u64, u64),
    ) -> Result<Self, Refusal> {
        let turnstile = turnstile(run)?;
        let sheet = target.sheet(unix_seconds(SystemTime::now())).cloned();
        let demand = demand(sheet.as_deref(), input_tokens, output_tokens);
        let mut tries = 0;
        let hold = loop {
            let charges = turnstile.charges(&run.x, target)?;
            match reserve(turnstile, charges, demand) {
                Ok(hold) => break hold,
                Err(budget::Refused::Limit(denied)) => return Err(Refusal::limited(&denied)),
                Err(budget::Refused::Failed(error)) => {
                    return Err(Refusal::limits_unavailable(&error));
                }
                Err(budget::Refused::Short(asks)) => match &run.rt.share {
                    Some(share) if tries < MAX_ASKED => share.asked(asks).await,
                    _ => return Err(Refusal::limits_unavailable(&Error::LimitsAdrift)),
                },
            }
            tries += 1;
        };
        Self::intended(run, target.clone(), sheet, demand, hold)
    }

    /// One that runs whatever its limits say: it only counts.
    pub fn waived(run: &Running, target: &Target) -> Result<Self, Refusal> {
        let turnstile = turnstile(run)?;
        let sheet = target.sheet(unix_seconds(SystemTime::now())).cloned();
        // Of a key that was revoked meanwhile nobody is there to be charged, but for the ledger.
        let nobody = Charges { request: Vec::new(), target: Vec::new() };
        let mut charges = turnstile.charges(&run.x, target).unwrap_or(nobody);
        for charge in charges.request.iter_mut().chain(&mut charges.target) {
            charge.is_waived = true;
        }
        let hold = reserve(turnstile, charges, Demand::default())
            .map_err(|_| Refusal::limits_unavailable(&Error::LimitsAdrift))?;
        Self::intended(run, target.clone(), sheet, Demand::default(), hold)
    }

    fn intended(
        run: &Running,
        target: Target,
        sheet: Option<Arc<Sheet>>,
        demand: Demand,
        hold: Hold,
    ) -> Result<Self, Refusal> {
        let id = RecordId { request_id: run.x.id.into_bytes(), attempt: run.x.begin_attempt() };
        let turn = Self {
            event_id: None,
            response: None,
            mark: 0,
            id,
            target,
            sheet,
            demand,
            hold,
            begun: Instant::now(),
            time: rfc3339(SystemTime::now()),
            first: None,
            audio_bytes: 0,
            text: String::new(),
        };
        turn.hold.mark_sent();
        let mut row = turn.row(run);
        row.reserve(&turn.demand, None, turn.sheet.as_deref());
        let written = run.rt.intend(turn.id, &row, true);
        drop(row);
        written.map_err(|_| Refusal::journal_unavailable())?;
        Ok(turn)
    }

    /// A part of it came.
    pub fn add(&mut self, audio_bytes: usize, text: &str) {
        self.first.get_or_insert_with(Instant::now);
        self.audio_bytes += audio_bytes;
        if self.text.len() < MAX_COUNTED_BYTES {
            self.text.push_str(text);
        }
    }

    /// Gives limits what it used, and writes its row. What its upstream does not report is counted; nothing that came is
    /// nothing that is paid.
    pub fn settle(mut self, run: &Running, ended: &Ended) {
        let reported = ended.usage.input_tokens.is_some() && ended.usage.output_tokens.is_some();
        let (usage, basis) = if reported {
            (ended.usage, Basis::Reported)
        } else if self.first.is_some() {
            (self.counted(), Basis::Estimated)
        } else {
            (Usage::default(), Basis::None)
        };
        let tokens = Tokens::from(&usage);
        let cost = self.sheet.as_ref().map_or(0, |sheet| sheet.cost(&tokens));
        self.hold.end_attempt(Actual {
            requests: 1,
            input_tokens: tokens.input,
            output_tokens: tokens.output,
            cost_pico: u128::try_from(cost).unwrap_or(0),
        });
        self.hold.settle();
        if let Some(key) = &self.target.upstream.key {
            key.count_tokens(tokens.input + tokens.output, Instant::now());
        }
        let mut row = self.row(run);
        row.tokens = TokenColumns::from(&usage);
        row.basis = basis;
        row.response_id = self.response.as_deref();
        row.finish_reason = ended.finish.map(FinishReason::name);
        row.outcome = ended.failed.map_or(Outcome::Ok, |(outcome, _)| outcome);
        row.error_code = ended.failed.map(|(_, code)| code).filter(|code| !code.is_empty());
        row.latency_ms = millis(self.begun);
        row.first_token_ms = self.first.map(|at| ms(at, self.begun));
        let cost_pico = if ended.is_unpriced {
            row.unprice()
        } else {
            row.price(self.sheet.as_deref(), &tokens)
        };
        self.count(run, &row, cost_pico);
        let written = run.rt.settle_row(self.id, &row);
        run.x.show_row(&written);
    }

    fn row<'a>(&'a self, run: &'a Running) -> Row<'a> {
        let mut row = Row::open(&run.x, self.id.attempt, Some(&self.target));
        row.time = &self.time;
        row.stream = true;
        row.status = Some(SWITCHED);
        row.client_status = Some(SWITCHED);
        row
    }

    fn count(&self, run: &Running, row: &Row<'_>, cost_pico: Option<i128>) {
        let metrics = &run.rt.metrics;
        metrics.attempt(
            self.target.series(metrics, false),
            &Attempted {
                operation: run.x.admission.operation.into(),
                outcome: row.outcome.name(),
                error_code: row.error_code.unwrap_or_default(),
                has_tokens: row.basis != Basis::None,
                tokens: row.tokens.by_class(),
                cost_pico: cost_pico.and_then(|pico| pico.try_into().ok()).unwrap_or(0),
                duration: Some(self.begun.elapsed()),
                first_chunk: self.first.map(|at| at.duration_since(self.begun)),
            },
        );
        if self.sheet.is_none() && row.basis != Basis::None {
            run.rt.alerts.raise(AlertKind::Unpriced, &self.target, Instant::now(), || {
                "it is recorded without a cost; give it a price under `prices`".to_owned()
            });
        }
    }

    fn counted(&self) -> Usage {
        let sound = spoken(self.audio_bytes);
        let words = tally::vocabulary(&self.target).count(&self.text) as u64;
        Usage {
            input_tokens: Some(self.demand.input_tokens),
            output_tokens: sum(&[Some(words), Some(sound)]),
            audio_tokens: Some(sound),
            output_audio_tokens: Some(sound),
            ..Usage::default()
        }
    }
}

fn turnstile(run: &Running) -> Result<&Turnstile, Refusal> {
    run.x.session.as_ref().map(|session| &session.turnstile).ok_or_else(Refusal::defect)
}

fn reserve(
    turnstile: &Turnstile,
    Charges { request, target }: Charges,
    demand: Demand,
) -> Result<Hold, budget::Refused> {
    let (budgets, crossings) = (turnstile.budgets.clone(), turnstile.crossings.clone());
    let mut hold = Hold::reserve(budgets, crossings, Uuid::now_v7().as_u128(), request, demand)?;
    hold.reserve_target(target)?;
    Ok(hold)
}

/// All that a response may use, at the dearest class of tokens: sound may go in and come out.
fn demand(sheet: Option<&Sheet>, input_tokens: u64, output_tokens: u64) -> Demand {
    let bound = sheet.map(|sheet| sheet.bound(&Reach::any(input_tokens, 0))).unwrap_or_default();
    Demand {
        input_tokens,
        output_tokens,
        least_output_tokens: output_tokens,
        fixed_pico: bound.fixed_pico,
        output_pico: u64::try_from(bound.output_pico).unwrap_or(u64::MAX),
    }
}

fn ms(at: Instant, since: Instant) -> u64 {
    u64::try_from(at.duration_since(since).as_millis()).unwrap_or(u64::MAX)
}
