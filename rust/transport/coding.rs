//! Undoes a content coding while it streams, with bounds on how far it may swell.

use std::io::Write;

/// A content coding that upstreams use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// gzip (RFC 1952).
    Gzip,
    /// zlib or raw deflate is not told apart by servers; zlib is what RFC 9110 means.
    Deflate,
    /// Brotli (RFC 7932).
    Brotli,
    /// Zstandard (RFC 8878).
    Zstd,
}

impl Coding {
    /// Reads `content-encoding`; `Ok(None)` for identity.
    pub fn from_header(value: &[u8]) -> Result<Option<Self>, UnknownCoding> {
        match value.trim_ascii().to_ascii_lowercase().as_slice() {
            b"" | b"identity" => Ok(None),
            b"gzip" | b"x-gzip" => Ok(Some(Self::Gzip)),
            b"deflate" => Ok(Some(Self::Deflate)),
            b"br" => Ok(Some(Self::Brotli)),
            b"zstd" => Ok(Some(Self::Zstd)),
            _ => Err(UnknownCoding),
        }
    }
}

/// A content coding that cannot be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownCoding;

/// Bytes fed at a time, so that a bomb is noticed after one step of it.
const STEP_BYTES: usize = 1024;
/// A coded answer may swell this much; JSON and text stay below 20.
const MAX_RATIO: usize = 200;
/// Below this much output the ratio says nothing.
const RATIO_FROM_BYTES: usize = 1024 * 1024;

/// A decoder for one answer, or one request.
pub struct Decoder {
    engine: Engine,
    fed_bytes: usize,
    given_bytes: usize,
    max_bytes: usize,
}

/// Takes what is decoded, up to a bound: some codings say in a few bytes what takes gigabytes.
#[derive(Default)]
struct Sink {
    out: Vec<u8>,
    /// How much more fits.
    room: usize,
    is_full: bool,
}

impl Write for Sink {
    fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
        if data.len() > self.room {
            self.is_full = true;
            return Err(std::io::Error::other("content swells too much"));
        }
        self.room -= data.len();
        self.out.extend_from_slice(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

enum Engine {
    /// Several members one behind the other are one answer.
    Gzip(flate2::write::MultiGzDecoder<Sink>),
    Deflate(flate2::write::ZlibDecoder<Sink>),
    Brotli(Box<brotli_decompressor::DecompressorWriter<Sink>>),
    /// The library's own write decoder does not tell a cut frame from a whole one.
    Zstd(zstd::stream::zio::Writer<Sink, zstd::stream::raw::Decoder<'static>>),
}

impl Decoder {
    /// A decoder at the start of an answer.
    pub fn new(coding: Coding) -> std::io::Result<Self> {
        Self::bounded(coding, usize::MAX)
    }

    /// A decoder that gives no more than so much.
    pub fn bounded(coding: Coding, max_bytes: usize) -> std::io::Result<Self> {
        let sink = Sink::default();
        let engine = match coding {
            Coding::Gzip => Engine::Gzip(flate2::write::MultiGzDecoder::new(sink)),
            Coding::Deflate => Engine::Deflate(flate2::write::ZlibDecoder::new(sink)),
            Coding::Brotli => {
                Engine::Brotli(Box::new(brotli_decompressor::DecompressorWriter::new(sink, 4096)))
            }
            Coding::Zstd => Engine::Zstd(zstd::stream::zio::Writer::new(
                sink,
                zstd::stream::raw::Decoder::new()?,
            )),
        };
        Ok(Self { engine, fed_bytes: 0, given_bytes: 0, max_bytes })
    }

    /// What `chunk` decodes to, all of it that is known now: nothing waits for the next chunk.
    pub fn feed(&mut self, chunk: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut out = Vec::new();
        for step in chunk.chunks(STEP_BYTES) {
            self.fed_bytes += step.len();
            let given = self.given_bytes + out.len();
            let most = RATIO_FROM_BYTES.max(self.fed_bytes.saturating_mul(MAX_RATIO));
            self.sink().room = most.min(self.max_bytes).saturating_sub(given);
            let writer: &mut dyn Write = match &mut self.engine {
                Engine::Gzip(w) => w,
                Engine::Deflate(w) => w,
                Engine::Brotli(w) => w,
                Engine::Zstd(w) => w,
            };
            writer.write_all(step)?;
            writer.flush()?;
            out.append(&mut self.sink().out);
        }
        self.given_bytes += out.len();
        Ok(out)
    }

    /// The rest, at the end of the answer; an error if the coded data was cut short.
    pub fn finish(mut self) -> std::io::Result<Vec<u8>> {
        match &mut self.engine {
            Engine::Gzip(w) => w.try_finish()?,
            Engine::Deflate(w) => w.try_finish()?,
            Engine::Brotli(w) => w.close()?,
            Engine::Zstd(w) => w.finish()?,
        }
        Ok(std::mem::take(&mut self.sink().out))
    }

    /// Whether there was more than fits.
    pub fn is_full(&mut self) -> bool {
        self.sink().is_full
    }

    fn sink(&mut self) -> &mut Sink {
        match &mut self.engine {
            Engine::Gzip(w) => w.get_mut(),
            Engine::Deflate(w) => w.get_mut(),
            Engine::Brotli(w) => w.get_mut(),
            Engine::Zstd(w) => w.writer_mut(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::{Coding, Decoder};

    const TEXT: &[u8] = b"data: {\"choices\":[]}\n\ndata: [DONE]\n\n";
    /// `hello` as one block that is stored, then the empty last one.
    const BROTLI: &[u8] = b"\x0b\x02\x80hello\x03";

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(plain: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    fn cases() -> [(Coding, Vec<u8>); 5] {
        let members = [gzip(&TEXT[..7]), gzip(&TEXT[7..])].concat();
        let zstd = zstd::stream::encode_all(TEXT, 1).unwrap();
        let frames =
            [zstd::stream::encode_all(&TEXT[..7], 1), zstd::stream::encode_all(&TEXT[7..], 1)];
        let frames = frames.map(Result::unwrap).concat();
        [
            (Coding::Gzip, gzip(TEXT)),
            (Coding::Gzip, members),
            (Coding::Deflate, zlib(TEXT)),
            (Coding::Zstd, zstd),
            (Coding::Zstd, frames),
        ]
    }

    fn decode(coding: Coding, coded: &[u8], step: usize) -> std::io::Result<Vec<u8>> {
        let mut decoder = Decoder::new(coding)?;
        let mut out = Vec::new();
        for chunk in coded.chunks(step) {
            out.extend(decoder.feed(chunk)?);
        }
        out.extend(decoder.finish()?);
        Ok(out)
    }

    #[test]
    fn brotli_decodes_and_tells_a_cut() {
        for end in 1..BROTLI.len() {
            assert!(decode(Coding::Brotli, &BROTLI[..end], 8).is_err(), "cut at {end}");
        }
        assert_eq!(decode(Coding::Brotli, BROTLI, 1).unwrap(), b"hello");
    }

    #[test]
    fn whole_answers_decode_at_any_cut() {
        for (coding, coded) in cases() {
            for step in 1..=coded.len() {
                assert_eq!(decode(coding, &coded, step).unwrap(), TEXT, "{coding:?} by {step}");
            }
        }
    }

    #[test]
    fn cut_answers_are_errors() {
        for (coding, coded) in cases() {
            let last = coded.len() - 1;
            assert!(decode(coding, &coded[..last], 8).is_err(), "{coding:?}");
            assert!(decode(coding, &coded[..last / 4], 8).is_err(), "{coding:?}");
        }
    }
}
