//! A ranking of whichever form.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::Error;
use crate::meter::Found;
use crate::stream::{Label, Usage};

/// What an answer holds.
#[derive(Debug, Clone, Default)]
pub struct Ranking<'a> {
    /// Empty if none.
    pub id: String,
    /// The model that answered, empty if not said.
    pub model: String,
    /// Checked field by field; empty where nothing was reported.
    pub usage: Usage,
    /// The best first, as the host has them.
    pub results: Vec<Ranked<'a>>,
    /// What Cohere says beside them, as JSON.
    pub meta: Option<&'a str>,
    /// What a failure with a status of success says.
    pub error: Option<String>,
}

/// One document.
#[derive(Debug, Clone, Deserialize)]
pub struct Ranked<'a> {
    /// Where it stood in the request.
    pub index: usize,
    /// As the host wrote it.
    #[serde(borrow)]
    pub relevance_score: &'a RawValue,
    /// Where the host gives it back.
    #[serde(borrow, default)]
    pub document: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Said<'a> {
    #[serde(borrow)]
    id: Label<'a>,
    #[serde(borrow)]
    model: Label<'a>,
    #[serde(borrow)]
    results: Option<Vec<Ranked<'a>>>,
    /// Voyage.
    #[serde(borrow)]
    data: Option<Vec<Ranked<'a>>>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    meta: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

/// Reads an answer. What is not JSON is `InvalidJson`; what is JSON of another shape, `MalformedEvent`.
pub fn read(body: &[u8]) -> Result<Ranking<'_>, Error> {
    let said: Said<'_> = serde_json::from_slice(body).map_err(|error| {
        if error.is_data() {
            let reason = "a ranking of the wrong shape".to_owned();
            return Error::MalformedEvent { dialect: "rerank", reason };
        }
        Error::InvalidJson { offset: 0, reason: "not one complete JSON value" }
    })?;
    let mut found = Found::default();
    for raw in [said.usage, said.meta].into_iter().flatten() {
        found.take_reported(raw);
    }
    let results = said.results.or(said.data).unwrap_or_default();
    let error = said.error.map(RawValue::get).filter(|error| *error != "null");
    Ok(Ranking {
        id: said.id.0.into_owned(),
        model: said.model.0.into_owned(),
        usage: found.usage,
        error: error.filter(|_| results.is_empty()).map(str::to_owned),
        results,
        meta: said.meta.map(RawValue::get).filter(|meta| meta.starts_with('{')),
    })
}
