//! One event of an upstream's stream on its way: metered, held to the limits, written for the client.

use std::borrow::Cow;

use super::allowance::{Allowance, Room};
use super::exchange::Exchange;
use super::last_words::own_error;
use super::recording::Recording;
use super::snapshot::Upstream;
use crate::budget::Ask;
use crate::error::Error;
use crate::meter::{Meter, Sighting};
use crate::sse;
use crate::stream::{Delta, Encoder, StreamError, Trail, UpstreamError};
use crate::tokens::StreamCounter;

/// One frame's way through the meter and, where the dialects differ, the encoder.
pub(super) struct Step<'a> {
    pub x: &'a Exchange,
    pub upstream: &'a Upstream,
    /// What follows an error that is passed on.
    pub closing: &'static [u8],
    pub meter: &'a mut Meter<StreamCounter>,
    pub encoder: Option<&'a mut Encoder>,
    pub hides_usage: bool,
    pub out: &'a mut Vec<u8>,
    pub seen: &'a mut Sighting,
    pub allowance: Option<&'a mut Allowance>,
    /// What its end must know, should the gateway write it.
    pub trail: Option<&'a mut Trail>,
    pub is_full: &'a mut bool,
    pub stall: &'a mut Stall,
    pub recording: &'a mut Option<Recording>,
    /// What those who follow are given.
    pub shared: Option<&'a mut Vec<u8>>,
}

/// A stream that waits for other hosts to say whether there is room for more of it.
#[derive(Debug, Default)]
pub(super) struct Stall {
    pub asks: Vec<Ask>,
    /// Whole frames that came behind the one that was too much.
    pub frames: Vec<u8>,
}

impl Stall {
    pub const fn is_on(&self) -> bool {
        !self.asks.is_empty()
    }
}

impl Step<'_> {
    pub fn frame(&mut self, frame: &sse::Frame<'_>) -> Result<(), Error> {
        let is_over = self.seen.contains(Sighting::END) || self.seen.contains(Sighting::ERROR);
        if is_over || (*self.is_full && self.shared.is_none()) {
            return Ok(()); // what follows the first terminator is dropped
        }
        if self.stall.is_on() || *self.is_full {
            self.stall.frames.extend_from_slice(frame.raw);
            return Ok(());
        }
        Recording::add(self.recording, frame.raw);
        let Some(event) = &frame.event else {
            if self.encoder.is_none() && frame.complete {
                self.out.extend_from_slice(frame.raw);
            }
            self.share(frame);
            return Ok(());
        };
        let trail = &mut self.trail;
        let sighting = match &mut self.encoder {
            None => match trail {
                None => self.meter.observe(event.name(), &event.data)?,
                Some(trail) => {
                    trail.block(event.name(), &event.data);
                    self.meter.observe_with(event.name(), &event.data, |d| trail.delta(d))?
                }
            },
            Some(encoder) => {
                let (out, upstream) = (&mut *self.out, self.upstream);
                self.meter.observe_with(event.name(), &event.data, |delta| {
                    if let Some(trail) = trail {
                        trail.delta(delta);
                    }
                    match delta {
                        Delta::End => {} // it waits until the usage in it is settled
                        Delta::Error(error) => {
                            encoder.delta(&Delta::Error(unquoted(error, upstream)), out);
                        }
                        delta => encoder.delta(delta, out),
                    }
                })?
            }
        };
        *self.seen |= sighting;
        let hidden = self.hides_usage && sighting.contains(Sighting::USAGE_ONLY);
        if !hidden && !sighting.contains(Sighting::ERROR) {
            self.share(frame);
        }
        if self.encoder.is_none() && !hidden {
            if sighting.contains(Sighting::ERROR) {
                self.pass_error(frame.raw);
            } else {
                self.out.extend_from_slice(frame.raw);
            }
        }
        if sighting.contains(Sighting::CONTENT)
            && let Some(allowance) = &mut self.allowance
        {
            match allowance.admits(self.meter) {
                Room::Some => {}
                Room::None => *self.is_full = true,
                Room::Asks(asks) => self.stall.asks = asks,
            }
        }
        Ok(())
    }

    /// An event for those who follow: they ask for what its client asks for.
    fn share(&mut self, frame: &sse::Frame<'_>) {
        let is_whole = frame.event.is_some() || frame.complete || self.encoder.is_some();
        if let Some(shared) = self.shared.as_mut().filter(|_| is_whole) {
            shared.extend_from_slice(frame.raw);
        }
    }

    /// The upstream's own error event as it came, unless it quotes what it was told in confidence.
    fn pass_error(&mut self, raw: &[u8]) {
        let Some(error) = self.meter.upstream_error() else { return };
        let told = unquoted(error, self.upstream);
        let is_clean =
            matches!(self.upstream.secrets.hidden(&String::from_utf8_lossy(raw)), Cow::Borrowed(_));
        // Escapes hide a secret from a search of the bytes, not from one of the text.
        if is_clean && told == *error {
            self.out.extend_from_slice(raw);
            self.out.extend_from_slice(self.closing);
        } else {
            let error = StreamError::from_upstream(&told, &self.x.id_text);
            own_error(self.x, &error, self.out);
        }
    }
}

/// What a client may read of an upstream's error.
pub(super) fn unquoted(error: &UpstreamError, upstream: &Upstream) -> UpstreamError {
    let hidden = |text: &str| upstream.secrets.hidden(text).into_owned();
    UpstreamError {
        message: hidden(&error.message),
        kind: hidden(&error.kind),
        code: hidden(&error.code),
        raw: error.raw.clone(),
    }
}
