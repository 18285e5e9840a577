//! Sources that the other dialect tells beside its text, as citations of it.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};

/// An entry of `annotations`.
#[derive(Deserialize)]
struct Annotation<'a> {
    #[serde(borrow)]
    url_citation: UrlCitation<'a>,
}

#[derive(Deserialize)]
struct UrlCitation<'a> {
    #[serde(borrow)]
    url: Cow<'a, str>,
    #[serde(borrow, default)]
    title: Option<Cow<'a, str>>,
}

/// The citations of what stood beside a message; none where that was no list of sources.
pub(super) fn citations(field: &str, raw: &str) -> Vec<Box<RawValue>> {
    if field != "annotations" {
        return Vec::new();
    }
    let entries: Vec<&RawValue> = serde_json::from_str(raw).unwrap_or_default();
    entries.into_iter().filter_map(citation).collect()
}

fn citation(raw: &RawValue) -> Option<Box<RawValue>> {
    let source = serde_json::from_str::<Annotation<'_>>(raw.get()).ok()?.url_citation;
    let citation = json!({
        "type": "web_search_result_location",
        "url": source.url,
        "title": source.title.unwrap_or_default(),
        "cited_text": "",
        "encrypted_index": "",
    });
    to_raw_value(&citation).ok()
}
