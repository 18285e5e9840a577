//! A request that its host takes in several calls: each is an attempt with a row of its own, so that what the first ones
//! cost stands in the ledger whatever becomes of the last.

use std::time::Instant;

use super::attempt::{Report, Running};
use super::row::{Basis, Outcome, Row, millis};
use crate::budget::Actual;

impl Running {
    /// The call is answered and another one follows it: writes its row.
    pub(super) fn next_call(&mut self) {
        let mut row = Row::open(&self.x, self.id.attempt, Some(&self.target));
        row.status = self.report.status;
        row.upstream_request_id = self.report.upstream_request_id.as_deref();
        row.response_model = self.report.response_model.as_deref();
        row.tokens = self.report.tokens();
        row.basis = self.report.basis.unwrap_or(Basis::None);
        row.outcome = Outcome::Ok;
        row.first_token_ms = self.report.first_token_ms;
        row.latency_ms = millis(self.x.admission.arrived);
        let cost_pico = row.price(self.sheet.as_deref(), &self.report.used());
        self.count(&row, cost_pico);
        let written = self.rt.settle_row(self.id, &row);
        self.x.keep_unfinished(self.id.attempt, written.into());
        self.earlier = Actual { requests: 0, ..self.used() };
        self.report = Report::default();
        self.id.attempt = self.x.begin_attempt();
        (self.begun, self.sent) = (Instant::now(), None);
        if let Some(key) = &self.target.upstream.key {
            key.count_request(Instant::now());
        }
    }
}
