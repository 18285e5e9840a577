//! Speech: samples in base64, as a file that players know or as they are.

use super::Made;
use super::said::Said;
use crate::aws::decode_base64;
use crate::error::Error;

/// Where a host does not say it. Source: <https://ai.google.dev/gemini-api/docs/speech-generation>.
const RATE: u32 = 24_000;

/// Samples of 16 bits, one channel, little-endian.
#[derive(Debug)]
pub struct Speech {
    samples: Vec<u8>,
    rate: u32,
}

impl Speech {
    pub(super) fn of(said: &Said<'_>) -> Result<Option<Self>, Error> {
        let mut speech = Self { samples: Vec::new(), rate: RATE };
        for blob in said.parts().filter_map(|part| part.inline_data.as_ref()) {
            let (rate, samples) =
                rate_of(&blob.mime_type).zip(decode_base64(&blob.data)).ok_or_else(|| {
                    let reason = "sound that is no plain samples".to_owned();
                    Error::MalformedEvent { dialect: "media", reason }
                })?;
            speech.rate = rate;
            speech.samples.extend_from_slice(&samples);
        }
        Ok((!speech.samples.is_empty()).then_some(speech))
    }

    pub(super) fn write(self, is_wav: bool) -> Made {
        if !is_wav {
            return Made { content_type: "audio/pcm", body: self.samples, pictures: 0 };
        }
        let mut body = header(self.rate, self.samples.len());
        body.extend_from_slice(&self.samples);
        Made { content_type: "audio/wav", body, pictures: 0 }
    }
}

/// Samples a second of `audio/L16;codec=pcm;rate=24000`; `None` for any other kind of sound.
fn rate_of(mime_type: &str) -> Option<u32> {
    let (kind, parameters) = mime_type.split_once(';').unwrap_or((mime_type, ""));
    let is_plain = ["audio/l16", "audio/pcm"].contains(&kind.trim().to_ascii_lowercase().as_str());
    let rate = parameters.split(';').find_map(|one| one.trim().strip_prefix("rate="));
    is_plain.then(|| rate.map_or(Some(RATE), |rate| rate.parse().ok()))?
}

/// The head of a WAV file. Source: <http://soundfile.sapp.org/doc/WaveFormat/>.
fn header(rate: u32, length: usize) -> Vec<u8> {
    let length = u32::try_from(length).unwrap_or(u32::MAX - 36);
    let mut out = b"RIFF".to_vec();
    out.extend_from_slice(&(36 + length).to_le_bytes());
    out.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    out.extend_from_slice(&rate.to_le_bytes());
    out.extend_from_slice(&rate.saturating_mul(2).to_le_bytes());
    out.extend_from_slice(b"\x02\0\x10\0data");
    out.extend_from_slice(&length.to_le_bytes());
    out
}

#[cfg(test)]
mod tests {
    use crate::media::{Wanted, make};
    use crate::stream::Usage;

    fn spoken(mime_type: &str, data: &str, is_wav: bool) -> Result<Option<Vec<u8>>, ()> {
        let part = format!(r#"{{"inlineData":{{"mimeType":"{mime_type}","data":"{data}"}}}}"#);
        let body = format!(r#"{{"candidates":[{{"content":{{"parts":[{part},{part}]}}}}]}}"#);
        let made = make(Wanted::Speech { is_wav }, body.as_bytes(), &Usage::default());
        made.map(|made| made.map(|made| made.body)).map_err(|_| ())
    }

    #[test]
    fn samples_come_bare_or_in_a_file() {
        let kind = "audio/L16;codec=pcm;rate=24000";
        assert_eq!(spoken(kind, "AAE=", false), Ok(Some(vec![0, 1, 0, 1])));
        let file = spoken(kind, "AAE=", true).unwrap().unwrap();
        assert_eq!((file.len(), &file[..4], &file[8..16]), (48, &b"RIFF"[..], &b"WAVEfmt "[..]));
        assert_eq!(file[4..8], 40_u32.to_le_bytes());
        assert_eq!(file[24..32], [24_000_u32.to_le_bytes(), 48_000_u32.to_le_bytes()].concat());
        assert_eq!(file[40..], [&4_u32.to_le_bytes()[..], &[0, 1, 0, 1]].concat());
        let slower = spoken("audio/pcm; rate=16000", "AAE=", true).unwrap().unwrap();
        assert_eq!(slower[24..28], 16_000_u32.to_le_bytes());
    }

    #[test]
    fn sound_of_another_kind_is_not_passed_for_samples() {
        for (kind, data) in
            [("audio/mpeg", "AAE="), ("audio/L16;rate=x", "AAE="), ("audio/L16", "?")]
        {
            assert!(spoken(kind, data, true).is_err(), "{kind} {data}");
        }
        assert_eq!(spoken("audio/L16", "", true), Ok(None));
    }
}
