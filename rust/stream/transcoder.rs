//! Events of one dialect in, bytes of another out.

use super::{Decoder, Encoder, Options, StreamError, Usage};
use crate::dialect::Dialect;
use crate::error::Error;

/// Translates one stream: a decoder and an encoder back to back.
#[derive(Debug)]
pub struct Transcoder {
    decoder: Decoder,
    encoder: Encoder,
}

impl Transcoder {
    /// A transcoder at the start of a stream that comes in `from` and goes out in `to`.
    pub fn new(from: Dialect, to: Dialect, options: Options) -> Self {
        Self { decoder: Decoder::new(from), encoder: Encoder::new(to, options) }
    }

    /// Appends what one upstream event becomes to `out`.
    ///
    /// A malformed event appends nothing and leaves the stream as it was.
    pub fn event(&mut self, name: &str, data: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let encoder = &mut self.encoder;
        self.decoder.event(name, data, |delta| encoder.delta(delta, out))
    }

    /// Appends what a whole, unstreamed answer becomes, up to its end, which [`Self::finish`] writes.
    pub fn whole(&mut self, body: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let encoder = &mut self.encoder;
        self.decoder.whole(body, |delta| encoder.delta(delta, out))
    }

    /// Sets what the last usage will say; see [`Encoder::settle`].
    pub fn settle(&mut self, usage: Usage, cost_usd: Option<&str>) {
        self.encoder.settle(usage, cost_usd);
    }

    /// Ends the stream in success where the upstream sent no terminator of its own.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        self.encoder.terminator(out);
    }

    /// See [`Encoder::take_kept`].
    pub fn take_kept(&mut self) -> Option<Vec<u8>> {
        self.encoder.take_kept()
    }

    /// Ends the stream with an error.
    pub fn error(&mut self, error: &StreamError<'_>, out: &mut Vec<u8>) {
        self.encoder.error(error, out);
    }
}
