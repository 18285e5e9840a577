//! Sources of a streamed text as `annotations`, kept for the last chunk: the SDK cannot join lists
//! without indices over chunks.

use std::borrow::Cow;
use std::io::Write as _;

use serde_json::value::RawValue;

use crate::stream::Delta;
use crate::stream::citation::web_source;
use crate::stream::text::write_json;

/// What is above it is dropped.
const MAX_ANNOTATIONS_BYTES: usize = 256 * 1024;

/// The sources of one answer. A source belongs to the whole block of text in which it is told, be it
/// ahead of the text or behind it.
#[derive(Debug, Default)]
pub(super) struct Sources {
    /// Characters of text so far, and where the open block began.
    written: usize,
    block_began: usize,
    /// Sources of the open block, each up to its place in the text.
    waiting: Vec<Vec<u8>>,
    /// Entries of a JSON list.
    annotations: Vec<u8>,
    bytes: usize,
}

/// More than any host names; bounds what a hostile one has us write.
const MAX_CITATIONS: usize = 256;

/// What of Anthropic's citation this dialect can say.
#[derive(serde::Deserialize, Default)]
struct Source<'a> {
    #[serde(borrow, default)]
    url: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    title: Option<Cow<'a, str>>,
}

impl Sources {
    /// Notes more text.
    pub(super) fn text(&mut self, text: &str) {
        self.written += text.chars().count();
    }

    /// Keeps a source of the open block. Places in documents that the caller sent have no counterpart.
    pub(super) fn cite(&mut self, raw: &str) {
        let Ok(source) = serde_json::from_str::<Source<'_>>(raw) else {
            return;
        };
        let Some(url) = source.url.filter(|_| self.bytes < MAX_ANNOTATIONS_BYTES) else {
            return;
        };
        let mut out = b"{\"type\":\"url_citation\",\"url_citation\":{\"url\":".to_vec();
        write_json(&mut out, &url);
        out.extend_from_slice(b",\"title\":");
        write_json(&mut out, source.title.as_deref().unwrap_or_default());
        self.bytes += out.len();
        self.waiting.push(out);
    }

    /// The open block ended.
    pub(super) fn block_end(&mut self) {
        let (begin, end) = (self.block_began, self.written);
        for source in self.waiting.drain(..) {
            if !self.annotations.is_empty() {
                self.annotations.push(b',');
            }
            self.annotations.extend_from_slice(&source);
            // Writing into memory cannot fail.
            let _ = write!(self.annotations, r#","start_index":{begin},"end_index":{end}}}}}"#);
        }
        self.block_began = end;
    }

    /// Hands out the entries.
    pub(super) fn take(&mut self) -> Vec<u8> {
        self.block_end();
        std::mem::take(&mut self.annotations)
    }
}

/// Sources that a host names beside its answer. Some repeat them in each chunk, so they are told once, near the end.
#[derive(Debug, Default)]
pub(super) struct Cited(bool);

impl Cited {
    /// Tells each in Anthropic's words: a URL, or an object with one.
    pub(super) fn tell(&mut self, sources: Option<&RawValue>, sink: &mut impl FnMut(&Delta<'_>)) {
        let Some(sources) = sources.filter(|_| !self.0) else { return };
        let sources: Vec<&RawValue> = serde_json::from_str(sources.get()).unwrap_or_default();
        self.0 = !sources.is_empty();
        for source in sources.into_iter().take(MAX_CITATIONS) {
            let source = match serde_json::from_str::<Cow<'_, str>>(source.get()) {
                Ok(url) => Source { url: Some(url), title: None },
                Err(_) => serde_json::from_str(source.get()).unwrap_or_default(),
            };
            let Some(url) = source.url else { continue };
            let raw = web_source(&url, source.title.as_deref().unwrap_or_default());
            sink(&Delta::Citation { raw: &raw });
        }
    }
}
