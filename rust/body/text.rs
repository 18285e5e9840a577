//! The texts of a request: what the model reads, told from the data and the labels around it.

use std::ops::Range;

use super::scan::for_each_field;
use super::string::unescaped;
use super::walk::{Unseen, Visit};

/// Whether strings in this top-level field are read by the model. The names are those of `OpenAI`, Anthropic, Gemini
/// and, of reranking, Cohere.
pub(super) fn is_read(field: &str) -> bool {
    matches!(
        field,
        "messages"
            | "system"
            | "input"
            | "instructions"
            | "prompt"
            | "suffix"
            | "query"
            | "documents"
            | "contents"
            | "systemInstruction"
            | "system_instruction"
            | "content"
            | "requests"
            | "generateContentRequest"
            | "generate_content_request"
    )
}

/// Whether strings under this key are text. Only what is known not to be is left out, so that a bound made of texts
/// holds for keys that nobody has invented yet.
fn is_text(key: &[u8]) -> bool {
    !matches!(
        key,
        // Media, encoded; and thoughts that only their own vendor can read.
        br#""data""#
            | br#""url""#
            | br#""image_url""#
            | br#""file_data""#
            | br#""file_url""#
            | br#""fileUri""#
            | br#""file_uri""#
            | br#""encrypted_content""#
            | br#""signature""#
            | br#""thoughtSignature""#
            | br#""thought_signature""#
            // Labels.
            | br#""type""#
            | br#""role""#
            | br#""id""#
            | br#""call_id""#
            | br#""tool_call_id""#
            | br#""tool_use_id""#
            | br#""file_id""#
            | br#""media_type""#
            | br#""mime_type""#
            | br#""mimeType""#
            | br#""detail""#
            | br#""format""#
            | br#""ttl""#
    )
}

/// Whether a string under this key is no text but a picture, a recording, a file: what it holds, or where it is.
/// `image_url` is one in Responses; elsewhere an object stands there, with its `url`.
fn is_medium(key: &[u8]) -> bool {
    matches!(
        key,
        br#""data""#
            | br#""url""#
            | br#""image_url""#
            | br#""file_data""#
            | br#""file_id""#
            | br#""file_url""#
            | br#""fileUri""#
            | br#""file_uri""#
    )
}

/// Adds up the bytes of strings.
#[derive(Default)]
pub(super) struct Sizes {
    pub text_bytes: usize,
    pub opaque_bytes: usize,
    pub media: usize,
    /// The last key was a medium's.
    is_medium: bool,
}

impl Visit for Sizes {
    fn is_text(&mut self, key: &[u8]) -> bool {
        let is_text = is_text(key);
        self.is_medium = !is_text && is_medium(key);
        is_text
    }

    fn string(&mut self, inner: Range<usize>, is_text: bool) {
        self.media += usize::from(std::mem::take(&mut self.is_medium));
        let bytes = if is_text { &mut self.text_bytes } else { &mut self.opaque_bytes };
        *bytes += inner.len();
    }
}

/// Calls back with each text's place, quotes included.
struct Texts<F>(F);

impl<F: FnMut(Range<usize>)> Visit for Texts<F> {
    fn is_text(&mut self, key: &[u8]) -> bool {
        is_text(key)
    }

    fn string(&mut self, inner: Range<usize>, is_text: bool) {
        if is_text {
            (self.0)(inner.start - 1..inner.end + 1);
        }
    }
}

/// Calls `each` with every text that the model reads, decoded, in the body's order; with none if it is not valid.
pub fn for_each_text(body: &[u8], mut each: impl FnMut(&str)) {
    let mut spans = Texts(|span: Range<usize>| {
        each(&unescaped(body.get(span).unwrap_or_default()));
    });
    // A body that breaks off was refused when it was scanned.
    let _ = for_each_field(body, |walk, key| {
        if is_read(&unescaped(body.get(key).unwrap_or_default())) {
            walk.value(&mut spans)
        } else {
            walk.value(&mut Unseen)
        }
    });
}
