//! The tap itself.

use super::counter::Counters;
use super::{Sighting, TextCounter};
use crate::dialect::Dialect;
use crate::error::Error;
use crate::stream::{Counting, Decoder, Delta, FinishReason, UpstreamError, Usage};
use crate::tokens::Framing;

/// More alternatives than any API offers; bounds what a host gone mad can make us keep.
const MAX_CHOICES: usize = 1024;

/// Watches one stream and knows, at any moment, what it holds so far.
#[derive(Debug)]
pub struct Meter<C> {
    decoder: Decoder,
    state: State<C>,
}

#[derive(Debug)]
struct State<C> {
    counters: Counters<C>,
    usage: Usage,
    finish_reasons: Vec<(u32, FinishReason)>,
    response_id: String,
    response_model: String,
    error: Option<UpstreamError>,
    seen: Sighting,
}

impl<C: TextCounter> Meter<C> {
    /// A meter at the start of a stream; `counter` is one that has seen nothing.
    pub fn new(dialect: Dialect, counter: C) -> Self {
        let state = State {
            counters: Counters::new(counter),
            usage: Usage::default(),
            finish_reasons: Vec::new(),
            response_id: String::new(),
            response_model: String::new(),
            error: None,
            seen: Sighting::NOTHING,
        };
        Self { decoder: Decoder::new(dialect), state }
    }

    /// This meter for a host that counts so.
    #[must_use]
    pub fn counting(mut self, counting: Counting) -> Self {
        self.decoder = self.decoder.counting(counting);
        self
    }

    /// This meter for a model that writes so much around its answers.
    #[must_use]
    pub fn framed(mut self, framing: Framing) -> Self {
        self.state.counters.frame(framing);
        self
    }

    /// Takes in one event and says what it showed.
    ///
    /// A malformed event is an error, and the meter stays as it was. What follows the terminator or an
    /// in-band error shows nothing.
    pub fn observe(&mut self, name: &str, data: &[u8]) -> Result<Sighting, Error> {
        self.observe_with(name, data, |_| {})
    }

    /// As [`Self::observe`]; also hands every delta to `sink`, so an encoder rides on the same decoding.
    pub fn observe_with(
        &mut self,
        name: &str,
        data: &[u8],
        mut sink: impl FnMut(&Delta<'_>),
    ) -> Result<Sighting, Error> {
        let mut sighting = Sighting::NOTHING;
        let state = &mut self.state;
        self.decoder.event(name, data, |delta| {
            sighting |= state.fold(delta);
            sink(delta);
        })?;
        state.seen |= sighting;
        Ok(sighting)
    }

    /// The upstream's usage so far; a field that it did not report, or not believably, is `None`.
    pub fn usage(&self) -> Usage {
        self.state.usage
    }

    /// Our own count of what the model wrote: text, reasoning, refusal, tool names and arguments, and what its family
    /// writes around them.
    pub fn counted_output_tokens(&mut self) -> u64 {
        self.state.counters.total()
    }

    /// Never less than [`Self::counted_output_tokens`], and free.
    pub fn output_tokens_at_most(&self) -> u64 {
        self.state.counters.at_most()
    }

    /// Everything that was seen up to now.
    pub fn seen(&self) -> Sighting {
        self.state.seen
    }

    /// Why the first alternative stopped, once it has.
    pub fn finish_reason(&self) -> Option<FinishReason> {
        self.state.finish_reasons.first().map(|(_, reason)| *reason)
    }

    /// Why each alternative stopped, as (choice, reason), in the order in which they did.
    pub fn finish_reasons(&self) -> &[(u32, FinishReason)] {
        &self.state.finish_reasons
    }

    /// The model that the upstream says it is; empty until it says so.
    pub fn response_model(&self) -> &str {
        &self.state.response_model
    }

    /// The upstream's id of the answer; empty until it gives one.
    pub fn response_id(&self) -> &str {
        &self.state.response_id
    }

    /// The error that the upstream put into the stream.
    pub fn upstream_error(&self) -> Option<&UpstreamError> {
        self.state.error.as_ref()
    }
}

impl<C: TextCounter> State<C> {
    fn fold(&mut self, delta: &Delta<'_>) -> Sighting {
        match delta {
            Delta::Start { id, model, .. } => {
                id.as_ref().clone_into(&mut self.response_id);
                model.as_ref().clone_into(&mut self.response_model);
            }
            Delta::Usage { usage, alone } => {
                self.usage = *usage;
                return if *alone { Sighting::USAGE_ONLY } else { Sighting::NOTHING };
            }
            Delta::Finish { choice, reason, .. } => {
                self.finish(*choice, *reason);
                return Sighting::FINISH;
            }
            Delta::Error(error) => {
                self.error = Some(error.clone());
                return Sighting::ERROR;
            }
            Delta::End => return Sighting::END,
            content => {
                self.counters.push(content);
                if content.is_content() {
                    return Sighting::CONTENT;
                }
            }
        }
        Sighting::NOTHING
    }

    fn finish(&mut self, choice: u32, reason: FinishReason) {
        let reasons = &mut self.finish_reasons;
        if let Some((_, known)) = reasons.iter_mut().find(|(known, _)| *known == choice) {
            *known = reason;
        } else if reasons.len() < MAX_CHOICES {
            reasons.push((choice, reason));
        }
    }
}
