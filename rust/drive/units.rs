//! What requests use that is charged beside tokens: before they run, and when they are answered.

use std::sync::Arc;

use super::admit::Admission;
use super::operation::Operation;
use crate::body::{self, Scan};
use crate::media;
use crate::price::{AskedPicture, Sheet, Unit, Units};
use crate::rerank;
use crate::stream::Usage;

/// A recording that the request only names, or whose file does not say how long it is, is taken for so long.
const UNKNOWN_MS: u64 = 3_600_000;
/// Bytes of a second of a recording, at least, in any codec in use.
const MIN_BYTES_PER_S: u64 = 500;

/// A request, as far as its units depend on it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request<'a> {
    pub operation: Operation,
    pub scan: &'a Scan,
    pub body: &'a [u8],
    /// The boundary of a form.
    pub form: Option<&'a str>,
}

impl<'a> Request<'a> {
    pub fn of(a: &'a Admission) -> Self {
        let (scan, body, form) = (&a.scan, &a.body, a.headers.form.as_deref());
        Self { operation: a.operation, scan, body, form }
    }

    /// The prices that hold for it; `None` where they say nothing of what it costs.
    pub fn sheet(&self, sheet: Option<&Arc<Sheet>>) -> Option<Arc<Sheet>> {
        let sheet = sheet.filter(|sheet| sheet.covers(self.operation.unit()))?;
        Some(self.of_picture(sheet).map_or_else(|| sheet.clone(), Arc::new))
    }

    /// The prices of the picture that it asks for, where they are not the same for all.
    pub fn of_picture(&self, sheet: &Sheet) -> Option<Sheet> {
        if self.operation != Operation::ImageGeneration {
            return None;
        }
        let (quality, size) = (self.scan.quality(), self.scan.size());
        sheet.of_pictures(AskedPicture { quality, size })
    }

    /// At most so much.
    pub fn bound(&self) -> Units {
        let units = Units::default();
        match self.operation.unit() {
            None => units,
            Some(Unit::Picture) => Units { pictures: self.scan.answers(), ..units },
            Some(Unit::Character) => Units { characters: self.characters(), ..units },
            Some(Unit::Search) => Units { searches: rerank::most_searches(self.body), ..units },
            Some(Unit::Audio) => Units { audio_ms: self.longest_ms(), ..units },
        }
    }

    /// So much, by what its answer says, or else by itself.
    pub fn used(&self, usage: &Usage, pictures: Option<u64>) -> Units {
        let units = Units::default();
        match self.operation.unit() {
            None => units,
            Some(Unit::Picture) => {
                Units { pictures: pictures.unwrap_or_else(|| self.scan.answers()), ..units }
            }
            Some(Unit::Character) => Units { characters: self.characters(), ..units },
            Some(Unit::Search) => {
                let searches = usage.searches.unwrap_or_else(|| rerank::searches(self.body));
                Units { searches, ..units }
            }
            Some(Unit::Audio) => {
                Units { audio_ms: usage.audio_ms.unwrap_or_else(|| self.longest_ms()), ..units }
            }
        }
    }

    /// Of what shall be spoken.
    fn characters(&self) -> u64 {
        let mut characters = 0;
        body::for_each_top_level(self.body, |key, value| {
            if key == "input" {
                let text: String = serde_json::from_slice(value).unwrap_or_default();
                characters = text.chars().count() as u64;
            }
        });
        characters
    }

    /// How long its recording is, or can be.
    fn longest_ms(&self) -> u64 {
        let parts = self.form.and_then(|form| body::form_parts(self.body, form).ok());
        let parts = parts.unwrap_or_default();
        let files = parts.iter().filter(|part| part.name == "file");
        let files = files.filter_map(|part| self.body.get(part.value.clone()));
        let longest = |file: &[u8]| {
            let by_bytes = (file.len() as u64).saturating_mul(1000) / MIN_BYTES_PER_S;
            media::length_ms(file).unwrap_or(by_bytes)
        };
        files.map(longest).max().unwrap_or(UNKNOWN_MS)
    }
}
