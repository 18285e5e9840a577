//! Where hosts put pictures, sound and words.
//!
//! Sources: <https://ai.google.dev/api/generate-content>, <https://ai.google.dev/gemini-api/docs/imagen>,
//! <https://docs.aws.amazon.com/nova/latest/userguide/image-gen-req-resp-structure.html>,
//! <https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-stability-diffusion.html>.

use std::borrow::Cow;

use serde::Deserialize;

use crate::error::Error;

/// An answer of Gemini, of Imagen, or of one of Bedrock's models.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Said<'a> {
    #[serde(borrow)]
    pub candidates: Option<Vec<Candidate<'a>>>,
    #[serde(borrow)]
    pub predictions: Option<Vec<Prediction<'a>>>,
    #[serde(borrow)]
    pub images: Option<Vec<Base64<'a>>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Candidate<'a> {
    #[serde(borrow)]
    pub content: Option<Content<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Content<'a> {
    #[serde(borrow)]
    pub parts: Option<Vec<Part<'a>>>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Part<'a> {
    #[serde(borrow)]
    pub text: Option<Cow<'a, str>>,
    pub thought: Option<bool>,
    #[serde(borrow)]
    pub inline_data: Option<Blob<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Blob<'a> {
    #[serde(borrow)]
    pub mime_type: Cow<'a, str>,
    #[serde(borrow)]
    pub data: Cow<'a, str>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Prediction<'a> {
    #[serde(borrow)]
    pub bytes_base64_encoded: Option<Cow<'a, str>>,
}

/// A text that is borrowed where no escapes stand in it.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Base64<'a>(#[serde(borrow)] pub Cow<'a, str>);

impl<'a> Said<'a> {
    /// The parts of the first candidate that are no thoughts.
    pub fn parts(&self) -> impl Iterator<Item = &Part<'a>> {
        let first = self.candidates.iter().flatten().next();
        let content = first.and_then(|candidate| candidate.content.as_ref());
        let parts = content.and_then(|content| content.parts.as_deref()).unwrap_or_default();
        parts.iter().filter(|part| part.thought != Some(true))
    }
}

pub(super) fn read(body: &[u8]) -> Result<Said<'_>, Error> {
    serde_json::from_slice(body).map_err(|error| {
        if error.is_data() {
            let reason = "a whole answer of the wrong shape".to_owned();
            return Error::MalformedEvent { dialect: "media", reason };
        }
        Error::InvalidJson { offset: 0, reason: "not one complete JSON value" }
    })
}
