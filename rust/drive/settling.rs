//! The end of an attempt: what it used is given to the limits, its row is written, the front is told.

use std::sync::Arc;
use std::time::Instant;

use super::about;
use super::alerts::AlertKind;
use super::attempt::{End, Running, translation};
use super::batch;
use super::failure::FailureKind;
use super::keeping::Kept;
use super::operation::Operation;
use super::outbox::{State, append};
use super::recording;
use super::row::{Basis, Outcome, Row, millis};
use super::run_guard;
use crate::budget::Actual;
use crate::meter;
use crate::observe::{Attempted, Saved};
use crate::price::{Sheet, Tokens, dollars};
use crate::stream::FinishReason;

impl Running {
    /// Writes the row, then tells the front: a client that has read its answer finds it in the ledger.
    pub(super) fn settle(mut self, target: usize, end: End) {
        if self.payer.is_some() {
            return self.settle_rest(end);
        }
        self.give_back(&end);
        self.learn(&end);
        self.keep(&end);
        recording::keep(&mut self, &end);
        let (mut row, cost_pico) = self.row();
        self.tell(&row);
        let state = self.concluded(&mut row, target, end);
        self.count(&row, cost_pico);
        let (rt, x) = (&self.rt, &self.x);
        if x.admission.operation == Operation::StoredResponse {
            about::settle(&self, &mut row);
        }
        if !matches!(state, State::Failed(_)) {
            x.end(row.outcome, row.client_status);
        }
        let written = rt.settle_row(self.id, &row);
        x.show_row(&written);
        match row.client_status {
            None => x.keep_unfinished(self.id.attempt, written.into()),
            Some(status) => rt.complete(x, status),
        }
        let Self { x, mut rest, .. } = self;
        x.fill(|ready| {
            ready.head = rest.head.or(ready.head.take());
            append(&mut ready.body, &mut rest.body);
            ready.state = state;
        });
    }

    /// Limits have what it used, and others the rest of what was held for it.
    fn give_back(&self, end: &End) {
        let used = self.used();
        self.count_for_key(&used);
        let mut hold = self.x.hold();
        hold.end_attempt(used);
        if !matches!(end, End::Failed(_)) {
            hold.settle(); // nothing follows; other requests need not wait for the client
        }
        drop(hold);
        if matches!(end, End::Broken(_) | End::Cancelled) {
            run_guard::forgive(&self.x); // of a failure the front tells when it gives up
        }
    }

    /// The provider's key has used this.
    pub(super) fn count_for_key(&self, used: &Actual) {
        if let Some(key) = &self.target.upstream.key
            && batch::held(self).is_none()
        {
            key.count_tokens(used.input_tokens + used.output_tokens, Instant::now());
        }
    }

    /// Remembers how long the answer became, where what streams hold is made of it.
    pub(super) fn learn(&self, end: &End) {
        let a = &self.x.admission;
        let is_whole = matches!(end, End::Done(_)) && !self.was_cut;
        if a.snapshot.reserve_learned && is_whole && a.operation.writes() {
            let tokens = self.report.usage.output_tokens.unwrap_or(0);
            self.rt.learned.note(&self.target, tokens / a.answers());
        }
    }

    /// Hands a whole answer over to be kept.
    fn keep(&mut self, end: &End) {
        let is_whole = matches!(end, End::Done(_)) && translation(&self.x, &self.target).is_some();
        let Some(response) = self.kept.take().filter(|_| is_whole) else { return };
        let kept = Kept::of(&self.x.admission, response);
        self.rt.keeping.hand_over(kept, &self.target, &self.rt.alerts);
    }

    /// What the ledger will have of it, but for how it ended; and what it cost.
    pub(super) fn row(&self) -> (Row<'_>, Option<i128>) {
        let (report, x) = (&self.report, self.who_pays());
        let mut row = Row::open(x, self.id.attempt, Some(&self.target));
        row.status = report.status;
        row.upstream_request_id = report.upstream_request_id.as_deref();
        row.response_id = report.response_id.as_deref();
        let cut = self.was_cut.then_some(FinishReason::Length);
        row.finish_reason = cut.or(report.finish).map(FinishReason::name);
        row.response_model = report.response_model.as_deref();
        row.tokens = self.paid.rest_of(&report.tokens());
        row.basis = report.basis.unwrap_or(Basis::None);
        row.first_token_ms = report.first_token_ms;
        row.latency_ms = millis(x.admission.arrived);
        if let Some(saved) = self.saved() {
            row.saved_input_tokens = Some(saved.input_tokens);
            row.saved_usd = saved.cost_pico.map(dollars);
        }
        let used = report.used();
        let cost_pico = match &self.sheet {
            _ if report.is_unpriced => row.unprice(),
            Some(sheet) if self.payer.is_some() => Some(row.deduct(&self.paid, (sheet, &used))),
            sheet => row.price(sheet.as_deref(), &used),
        };
        (row, cost_pico)
    }

    /// What of its answer was kept, so that it was not asked for.
    fn saved(&self) -> Option<Saved> {
        let input = Some(self.saved_input_tokens).filter(|input| *input > 0)?;
        let cost = |sheet: &Arc<Sheet>| sheet.cost(&Tokens { input, ..Tokens::default() });
        let cost_pico = self.sheet.as_ref().map(cost);
        Some(Saved { input_tokens: input, output_tokens: 0, cost_pico })
    }

    /// An operator hears of what cannot be priced, or may be priced wrongly.
    pub(super) fn tell(&self, row: &Row<'_>) {
        let (alerts, target) = (&self.rt.alerts, &self.target);
        if self.sheet.is_none() && row.basis != Basis::None {
            alerts.raise(AlertKind::Unpriced, target, Instant::now(), || {
                "it is recorded without a cost; give it a price under `prices`".to_owned()
            });
        }
        if let Some(answered) = row.response_model
            && !target.model.is_empty()
            && !meter::is_same_model(&target.model, answered)
        {
            alerts.raise(AlertKind::ModelDiffers, target, Instant::now(), || {
                format!("{answered} answered; the row is priced as what was asked")
            });
        }
    }

    /// How it ended, in the row and for the front.
    fn concluded(&self, row: &mut Row<'_>, target: usize, end: End) -> State {
        row.outcome = Outcome::Error;
        match end {
            End::Done(state) => {
                // What passes as it is may be the provider's refusal.
                let status = self.x.client_status().unwrap_or(200);
                let is_ok = status < 400;
                row.outcome = match is_ok {
                    true if self.x.is_abandoned() => Outcome::Cancelled, // others have the answer
                    true => Outcome::Ok,
                    false => Outcome::Error,
                };
                let cut = self.was_cut.then_some("cut_by_limit");
                row.error_code = if is_ok { cut } else { Some(FailureKind::Status.code()) };
                row.client_status = Some(status);
                state
            }
            End::Cancelled => {
                row.outcome = Outcome::Cancelled;
                State::End
            }
            End::Broken(failure) => {
                let refused = failure.refusal.as_ref().map(|refusal| refusal.code);
                row.error_code = Some(refused.unwrap_or(failure.kind.code()));
                if self.rest.breaks_off { State::Broken } else { State::End }
            }
            End::Failed(mut failure) => {
                row.error_code = Some(failure.kind.code());
                failure.target = target;
                State::Failed(Box::new(failure))
            }
        }
    }

    /// Counts what the row says. Before the last byte goes out: a client that has read its answer finds it counted.
    pub(super) fn count(&self, row: &Row<'_>, cost_pico: Option<i128>) {
        let metrics = &self.rt.metrics;
        let first_chunk = self.first_chunk;
        let model = self.target.series(metrics, false);
        if let Some(saved) = self.saved() {
            metrics.cache_saved(model, &saved);
        }
        metrics.attempt(
            model,
            &Attempted {
                operation: self.x.admission.operation.into(),
                outcome: row.outcome.name(),
                error_code: row.error_code.unwrap_or_default(),
                has_tokens: row.basis != Basis::None,
                tokens: row.tokens.by_class(),
                cost_pico: cost_pico.and_then(|pico| pico.try_into().ok()).unwrap_or(0),
                duration: Some(self.begun.elapsed()),
                first_chunk: first_chunk.map(|at| at.duration_since(self.begun)),
            },
        );
    }
}
