//! How a relayed stream ends: as it should, or with an error as its last event.

use std::sync::Arc;

use super::attempt::{End, Running};
use super::failure::{Failure, FailureKind};
use super::flight::Landing;
use super::last_words::{own_error, told};
use super::outbox::State;
use super::recording::Recording;
use super::relay::Relay;
use super::step::unquoted;
use super::tally;
use crate::meter::Sighting;
use crate::stream::StreamError;

impl Relay {
    /// The body ended cleanly: what stands unterminated in it, then what the stream owes its client.
    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        if let Some(decoder) = self.decoder.take() {
            let rest = decoder
                .finish()
                .map_err(|e| Failure::new(FailureKind::BadCoding, e.to_string()))?;
            self.feed(&rest)?;
        }
        let mut result = Ok(());
        let (reader, mut step) = self.step();
        let mut unended: &'static [u8] = b"";
        reader.finish(|frame| {
            let passes = step.encoder.is_none() && frame.event.is_some() && !frame.complete;
            result = step.frame(&frame);
            if passes && result.is_ok() {
                unended = if frame.raw.ends_with(b"\n") { b"\n" } else { b"\n\n" };
            }
        });
        self.unended = unended;
        // A tail that is no event is a truncation, told below.
        let truncated = result.is_err();
        if self.is_over() {
            return Ok(());
        }
        if truncated || !self.seen.contains(Sighting::FINISH) {
            return Err(Failure::new(FailureKind::Truncated, "the stream ended before its end"));
        }
        if self.encoder.is_none() {
            let owed = [self.unended, self.reader.terminator(self.x.admission.dialect)].concat();
            self.out.extend_from_slice(&owed);
            Recording::add(&mut self.recording, &owed);
            if let Some(shared) = &mut self.shared {
                shared.extend_from_slice(&owed);
            }
        }
        Ok(())
    }

    /// The end of a translated stream: the upstream's usage, or our count where it gave none, and what it cost.
    pub(super) fn end_translation(&mut self, run: &mut Running) {
        let Some(encoder) = &mut self.encoder else { return };
        tally::stream(run, &mut self.meter, true, true);
        if run.payer.is_some() {
            return; // its client has had its end
        }
        encoder.settle(run.report.usage, run.cost_usd().as_deref());
        encoder.terminator(&mut self.out);
        run.kept = encoder.take_kept();
    }

    /// A terminator behind neither content nor a reason to stop ends no answer.
    pub(super) fn check_end(&self) -> Result<(), Failure> {
        let ended = self.seen.contains(Sighting::END) && !self.seen.contains(Sighting::ERROR);
        if ended && !self.commits() {
            return Err(Failure::new(FailureKind::Empty, "the stream has no message in it"));
        }
        Ok(())
    }

    /// Content was seen, or why there is none: from here on nothing is tried elsewhere.
    pub(super) fn commits(&self) -> bool {
        [Sighting::CONTENT, Sighting::FINISH].into_iter().any(|s| self.seen.contains(s))
    }

    /// The upstream has said its last.
    pub(super) fn is_over(&self) -> bool {
        [Sighting::END, Sighting::ERROR].into_iter().any(|s| self.seen.contains(s))
    }

    pub(super) fn ended(&self) -> End {
        if self.seen.contains(Sighting::ERROR) {
            let detail = self.meter.upstream_error().map(|e| e.message.clone()).unwrap_or_default();
            End::Failed(Failure::new(FailureKind::InBandError, detail))
        } else {
            End::Done(State::End)
        }
    }

    /// The attempt's report, and for a client who has content already the error as the stream's last event.
    pub(super) fn close(mut self, run: &mut Running, end: End) -> End {
        let committed = self.commits();
        if run.report.basis.is_none() {
            tally::stream(run, &mut self.meter, matches!(end, End::Done(_)), committed);
        }
        run.report.first_token_ms = self.first_content;
        run.recorded = self.recording.take().map(Recording::finish);
        let end = match end {
            End::Cancelled if run.payer.is_none() => match run.x.told() {
                Some((kind, detail)) => run.failed(kind, detail),
                None => End::Cancelled,
            },
            end => end,
        };
        // What arrived of an exchange that was ended is counted, and may be its first content: a client
        // without a head is told by an answer of its own.
        let is_told_here = committed && run.x.client_status().is_some();
        match end {
            End::Failed(failure) if is_told_here => {
                self.tell_others(run, &failure);
                let mut out = Vec::new();
                let passed_on = failure.kind == FailureKind::InBandError && self.encoder.is_none();
                if !passed_on {
                    let error = told(&run.x, &failure);
                    // The upstream's own error event was translated when it came.
                    if failure.kind != FailureKind::InBandError {
                        self.write_error(&error, &mut out);
                    }
                }
                run.rest.body.append(&mut out);
                End::Broken(failure)
            }
            other => other,
        }
    }

    /// An error as the last event.
    pub(super) fn write_error(&mut self, error: &StreamError<'_>, out: &mut Vec<u8>) {
        if let Some(encoder) = &mut self.encoder {
            return encoder.error(error, out);
        }
        out.extend_from_slice(self.unended);
        own_error(&self.x, error, out);
    }

    /// Those who follow are told by themselves why it broke off, where that is not this request's own affair.
    fn tell_others(&self, run: &mut Running, failure: &Failure) {
        if run.flight().is_none() || FailureKind::is_of_one(failure.kind.code()) {
            return;
        }
        if self.encoder.is_none() {
            run.share(self.form, self.unended);
        }
        let said = self.meter.upstream_error().filter(|_| failure.kind == FailureKind::InBandError);
        let said = said.map(|error| unquoted(error, &self.upstream));
        run.landing = Some(Landing::Broke(Arc::new((failure.clone(), said))));
    }
}
