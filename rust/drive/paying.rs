//! What each request pays of a stream that several have: who began it what came while it did, and each of those who went on
//! what came in its turn. Together that is what the upstream charges.

use std::sync::Arc;
use std::time::Instant;

use super::attempt::{End, Running};
use super::cut::Cut;
use super::exchange::Exchange;
use super::flight::Flight;
use super::parting::Parted;
use super::recording;
use super::row::{Outcome, Row, TokenColumns};
use super::run_guard;
use crate::budget::{Actual, Demand};
use crate::journal::RecordId;
use crate::observe::Saved;
use crate::price::dollars;
use crate::stream::FinishReason;

/// One who follows, and pays.
#[derive(Debug)]
pub(super) struct Payer {
    pub flight: Arc<Flight>,
    pub reader: u64,
    pub x: Arc<Exchange>,
    /// How it wants its part to end.
    pub parted: Option<Parted>,
    /// Its client is told so once its row is written.
    pub cut: Option<Cut>,
}

impl Payer {
    pub fn has_resigned(&self) -> bool {
        self.flight.resigned(self.reader).is_some()
    }
}

/// What rows have of a stream, whose ends are still to come.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Paid {
    tokens: TokenColumns,
    used: Actual,
    cost_pico: i128,
    prompt_cache_saved_pico: i128,
}

impl Paid {
    /// A row has what was left of these tokens and of that saving, and this use and cost.
    fn add(&mut self, tokens: &TokenColumns, (used, pico): (Actual, i128), saved_pico: i128) {
        self.tokens = tokens.zip(&self.tokens, u64::max);
        self.used.add(used);
        self.cost_pico += pico;
        self.prompt_cache_saved_pico = saved_pico;
    }

    /// Tokens of the prompt, and of the answer.
    pub const fn tokens(&self) -> (u64, u64) {
        (self.tokens.input_tokens, self.tokens.output_tokens)
    }

    /// What is left of the tokens of it all.
    pub fn rest_of(&self, tokens: &TokenColumns) -> TokenColumns {
        tokens.zip(&self.tokens, u64::saturating_sub)
    }

    /// The same of what limits are given.
    pub fn rest_of_use(&self, used: Actual) -> Actual {
        Actual {
            requests: used.requests,
            input_tokens: used.input_tokens.saturating_sub(self.used.input_tokens),
            output_tokens: used.output_tokens.saturating_sub(self.used.output_tokens),
            cost_pico: used.cost_pico.saturating_sub(self.used.cost_pico),
        }
    }

    /// The same of its cost. It is no difference of prices: those of the whole may be others than those of its parts.
    pub fn rest_of_cost(&self, cost_pico: i128) -> i128 {
        (cost_pico - self.cost_pico).max(0)
    }

    /// The same of what the vendor's own cache saved, which may be less than nothing.
    pub const fn rest_of_saving(&self, saved_pico: i128) -> i128 {
        saved_pico - self.prompt_cache_saved_pico
    }
}

impl Running {
    /// Whose request pays.
    pub(super) fn who_pays(&self) -> &Arc<Exchange> {
        self.payer.as_ref().map_or(&self.x, |payer| &payer.x)
    }

    /// Settles the part of who pays: its limits have what it used, its row is written.
    pub(super) fn pay(&mut self, parted: &Parted) {
        let x = self.who_pays().clone();
        let used = self.used();
        self.give_back_part(&x, used, parted);
        let (mut row, cost_pico) = self.row();
        self.tell(&row);
        row.outcome = parted.outcome;
        row.error_code = parted.code;
        if parted.outcome == Outcome::Ok {
            row.client_status.get_or_insert(200); // should its client be about to have the first of it
        }
        if parted.is_cut() {
            row.finish_reason = Some(FinishReason::Length.name());
        }
        if let Some(payer) = &self.payer {
            row.first_token_ms = payer.flight.first_ms(payer.reader);
            if parted.outcome == Outcome::Ok {
                self.saved_by_others(&mut row, cost_pico.is_some());
            }
        }
        self.count(&row, cost_pico);
        if has_ended(&x, parted) {
            x.end(row.outcome, row.client_status);
        }
        self.write_part(&x, &row);
        let cost_usd = row.cost_usd.take();
        drop(row);
        let whole = self.report.used();
        let saved_pico = self.sheet.as_ref().map_or(0, |sheet| sheet.prompt_cache_saved(&whole));
        self.paid.add(&self.report.tokens(), (used, cost_pico.unwrap_or(0)), saved_pico);
        self.report.basis = None; // more may come
        if let Some(Payer { flight, reader, cut, .. }) = &mut self.payer {
            flight.relieve(*reader, cost_usd);
            if let Some(cut) = cut.take() {
                flight.cut(*reader, cut);
            }
        }
    }

    /// Limits have what it used, and others the rest of what was held for it.
    fn give_back_part(&self, x: &Exchange, used: Actual, parted: &Parted) {
        self.count_for_key(&used);
        let mut hold = x.hold();
        hold.end_attempt(used);
        if has_ended(x, parted) {
            hold.settle();
        }
        drop(hold);
        if parted.outcome != Outcome::Ok {
            run_guard::forgive(x);
        }
    }

    fn write_part(&self, x: &Exchange, row: &Row<'_>) {
        let written = self.rt.settle_row(self.id, row);
        x.show_row(&written);
        match row.client_status {
            None => x.keep_unfinished(self.id.attempt, written.into()),
            Some(status) => self.rt.complete(x, status),
        }
    }

    /// What others paid of its answer, the one who pays has saved.
    fn saved_by_others(&self, row: &mut Row<'_>, is_priced: bool) {
        let Paid { tokens, cost_pico, .. } = &*self.paid;
        let saved = Saved {
            input_tokens: tokens.input_tokens,
            output_tokens: tokens.output_tokens,
            cost_pico: is_priced.then_some(*cost_pico),
        };
        row.saved_input_tokens = Some(saved.input_tokens);
        row.saved_output_tokens = Some(saved.output_tokens);
        row.saved_usd = saved.cost_pico.map(dollars);
        self.rt.metrics.cache_saved(self.target.series(&self.rt.metrics, false), &saved);
    }

    /// One who follows pays for what comes. A journal that fails now ends no stream: its row is owed.
    pub(super) fn succeed(&mut self, reader: u64, x: Arc<Exchange>, rest: &Demand) {
        let Some(flight) = self.flight().cloned() else { return };
        self.id = RecordId { request_id: x.id.into_bytes(), attempt: x.begin_attempt() };
        self.begun = Instant::now();
        self.first_chunk = None;
        let mut row = Row::open(&x, self.id.attempt, Some(&self.target));
        row.reserve(rest, x.hold().output_tokens(), self.sheet.as_deref());
        let _ = self.rt.intend(self.id, &row, true);
        drop(row);
        x.hold().mark_sent();
        self.payer = Some(Payer { flight, reader, x, parted: None, cut: None });
    }

    /// Settles what was left for who went on with it, before the others hear of the end.
    pub(super) fn settle_rest(mut self, end: End) {
        let parted = match &end {
            End::Done(_) if self.was_cut => Parted::CUT,
            End::Done(_) => Parted::WELL,
            End::Failed(failure) | End::Broken(failure) => Parted::failed(failure.kind.code()),
            End::Cancelled => Parted::LEFT,
        };
        // It may have wanted no more while the end came.
        let own = self
            .payer
            .as_ref()
            .and_then(|payer| payer.parted.or_else(|| payer.flight.resigned(payer.reader)));
        // Nobody hears what became of the leader's attempt: it has ended.
        let end = match end {
            End::Failed(failure) => End::Broken(failure),
            end => end,
        };
        self.learn(&end);
        self.pay(&own.unwrap_or(parted));
        recording::keep(&mut self, &end);
    }
}

/// Whether nothing follows. Of a failure that its client has not been told of, the front decides.
fn has_ended(x: &Exchange, parted: &Parted) -> bool {
    parted.outcome != Outcome::Error || x.client_status().is_some()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn columns(figure: u64) -> TokenColumns {
        TokenColumns {
            input_tokens: figure,
            output_tokens: figure / 2,
            reasoning_tokens: figure / 3,
            counted_output_tokens: Some(figure / 2),
            ..TokenColumns::default()
        }
    }

    proptest! {
        /// However often it is handed on: the rows are what the last bill says, and where an earlier count was too high,
        /// no less than that. A bill that is lower than what rows have takes nothing back.
        #[test]
        fn rows_are_the_bill_together(bills in prop::collection::vec(0..1_000_000_u64, 1..8)) {
            let (mut paid, mut sum) = (Paid::default(), columns(0));
            let (mut used, mut cost) = (Actual::default(), 0);
            for bill in &bills {
                let row = paid.rest_of(&columns(*bill));
                let whole = Actual {
                    requests: 1,
                    input_tokens: *bill,
                    output_tokens: bill / 2,
                    cost_pico: u128::from(*bill) * 7,
                };
                let part = paid.rest_of_use(whole);
                let pico = paid.rest_of_cost(i128::from(*bill) * 7);
                prop_assert_eq!(part.cost_pico, u128::try_from(pico).unwrap());
                sum = sum.zip(&row, |one, other| one + other);
                used.add(part);
                cost += pico;
                paid.add(&columns(*bill), (part, pico), 0);
            }
            let most = *bills.iter().max().unwrap();
            prop_assert_eq!(sum, columns(most));
            prop_assert_eq!((used.requests, used.input_tokens, used.output_tokens), (1, most, most / 2));
            prop_assert_eq!(cost, i128::from(most) * 7);
        }
    }

    #[test]
    fn what_a_vendors_cache_saved_is_told_once_though_writing_to_it_cost_more() {
        let mut paid = Paid::default();
        for (whole, row) in [(-50, -50), (-50, 0), (30, 80)] {
            assert_eq!(paid.rest_of_saving(whole), row);
            paid.add(&columns(1), (Actual::default(), 0), whole);
        }
    }
}
