//! An upstream's stream as one client is told it: in its dialect, under its own ids, at its own cost.

use super::client_stream::translating;
use super::cut::{Cut, Spent, write_cut};
use super::exchange::Exchange;
use super::last_words::own_error;
use super::reader::{Form, Reader};
use super::snapshot::Target;
use crate::cache::Facts;
use crate::dialect::Dialect;
use crate::error::Error;
use crate::sse::Frame;
use crate::stream::{Decoder, Delta, Encoder, Options, StreamError, Usage};

/// It cost nothing this time.
pub(super) const FREE: Option<&str> = Some("0");

/// A stream that was another client's, told anew.
#[derive(Debug)]
pub(super) enum Retelling {
    /// In the form that it came in.
    Same,
    Translated(Box<Translation>),
}

impl Retelling {
    /// Of a stream that a target gives.
    pub fn new(x: &Exchange, target: &Target, form: Form) -> Self {
        let a = &x.admission;
        let from = target.upstream.dialect_for(a.dialect);
        if from == a.dialect && (form == Form::Array) == a.place.as_array {
            return Self::Same;
        }
        let (most, options) = (a.snapshot.max_event_bytes, translating(x, target));
        Self::Translated(Box::new(Translation::new((from, form), a.dialect, most, options)))
    }

    /// Tells whole events.
    pub fn feed(&mut self, events: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        match self {
            Self::Same => {
                out.extend_from_slice(events);
                Ok(())
            }
            Self::Translated(translation) => translation.feed(events, out),
        }
    }

    /// The end, as far as it was not told; the response that it is, where that is kept.
    pub fn finish(
        &mut self,
        facts: &Facts,
        cost_usd: Option<&str>,
        out: &mut Vec<u8>,
    ) -> Option<Vec<u8>> {
        match self {
            Self::Same => None,
            Self::Translated(translation) => translation.finish(facts, cost_usd, out),
        }
    }

    /// The end that a limit of its client's makes.
    pub fn cut(&mut self, x: &Exchange, cut: &Cut, cost_usd: Option<&str>, out: &mut Vec<u8>) {
        let encoder = match self {
            Self::Same => None,
            Self::Translated(translation) => Some(&mut translation.teller.encoder),
        };
        let spent = Spent { usage: usage(&cut.facts), cost_usd };
        write_cut(x, &cut.limit, (&cut.trail, encoder), &spent, out);
    }

    /// An error as the last event.
    pub fn error(&mut self, x: &Exchange, error: &StreamError<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Same => own_error(x, error, out),
            Self::Translated(translation) => translation.teller.encoder.error(error, out),
        }
    }
}

/// A stream on its way to another dialect, or another form.
#[derive(Debug)]
pub(super) struct Translation {
    reader: Reader,
    teller: Teller,
}

#[derive(Debug)]
struct Teller {
    decoder: Decoder,
    encoder: Encoder,
    told: Usage,
}

impl Translation {
    pub fn new(
        (from, form): (Dialect, Form),
        to: Dialect,
        max_event_bytes: usize,
        options: Options,
    ) -> Self {
        // Chunks were made events of when they came.
        let form = if form == Form::Chunks { Form::Events } else { form };
        let teller = Teller {
            decoder: Decoder::new(from),
            encoder: Encoder::new(to, options),
            told: Usage::default(),
        };
        Self { reader: Reader::new(form, max_event_bytes), teller }
    }

    pub fn feed(&mut self, events: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let Self { reader, teller } = self;
        let mut told = Ok(());
        let fed = reader.feed(events, |frame| {
            if told.is_ok() {
                told = teller.tell(&frame, out);
            }
        });
        fed.and(told)
    }

    pub fn finish(
        &mut self,
        facts: &Facts,
        cost_usd: Option<&str>,
        out: &mut Vec<u8>,
    ) -> Option<Vec<u8>> {
        let Self { reader, teller } = self;
        // What stands unended behind the last event was read when it came, or it was none.
        reader.finish(|frame| drop(teller.tell(&frame, out)));
        let told = teller.told;
        let is_told = told.input_tokens.is_some() && told.output_tokens.is_some();
        teller.encoder.settle(if is_told { told } else { usage(facts) }, cost_usd);
        teller.encoder.terminator(out);
        teller.encoder.take_kept()
    }
}

impl Teller {
    fn tell(&mut self, frame: &Frame<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
        let Some(event) = &frame.event else { return Ok(()) };
        let Self { decoder, encoder, told } = self;
        decoder.event(event.name(), &event.data, |delta| match delta {
            Delta::End => {} // behind what is settled
            delta => {
                if let Delta::Usage { usage, .. } = delta {
                    *told = *usage;
                }
                encoder.delta(delta, out);
            }
        })
    }
}

/// What an answer used when it was made.
pub(super) fn usage(facts: &Facts) -> Usage {
    Usage {
        input_tokens: Some(facts.input_tokens),
        cached_input_tokens: Some(facts.cached_input_tokens).filter(|tokens| *tokens > 0),
        output_tokens: Some(facts.output_tokens),
        reasoning_tokens: Some(facts.reasoning_tokens).filter(|tokens| *tokens > 0),
        ..Usage::default()
    }
}
