//! Attempts of a gateway that died: their row is what they had reserved, and is counted once somebody finds it.

use serde::Deserialize;

use super::operation::Operation;
use super::row::Outcome;
use crate::dialect::Dialect;
use crate::observe::{Attempted, Metrics, RequestEnd};
use crate::price::pico_of;

/// The columns that are counted, of a row as [`super::row::Row`] writes it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Unknown {
    operation: Option<Operation>,
    dialect: Option<Dialect>,
    provider: String,
    routed_model: String,
    client_status: Option<u16>,
    input_tokens: u64,
    output_tokens: u64,
    cost_usd: Option<String>,
    /// Of a line of a batch, which has ended.
    outcome: Option<Outcome>,
    #[serde(flatten)]
    parts: Parts,
}

/// Parts of the tokens, where they are known.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[allow(clippy::struct_field_names)] // the ledger's own names
struct Parts {
    cached_input_tokens: u64,
    cache_write_tokens: u64,
    cache_write_1h_tokens: u64,
    reasoning_tokens: u64,
    audio_tokens: u64,
    image_tokens: u64,
}

/// Counts a row of a line of a batch: an attempt, and no request.
pub(super) fn count_line(metrics: &Metrics, row: &[u8]) {
    let Ok(row) = serde_json::from_slice::<Unknown>(row) else { return };
    let model = metrics.model(&row.provider, &row.routed_model, false);
    let parts = &row.parts;
    metrics.attempt(
        &model,
        &Attempted {
            operation: row.operation.map(Into::into).unwrap_or_default(),
            outcome: row.outcome.unwrap_or(Outcome::Unknown).name(),
            has_tokens: row.input_tokens > 0 || row.output_tokens > 0,
            tokens: [
                row.input_tokens,
                row.output_tokens,
                parts.cached_input_tokens,
                parts.cache_write_tokens,
                parts.cache_write_1h_tokens,
                parts.reasoning_tokens,
                parts.audio_tokens,
                parts.image_tokens,
            ],
            cost_pico: row.cost_usd.as_deref().and_then(pico_of).unwrap_or(0),
            ..Attempted::default()
        },
    );
}

/// Counts a row of an attempt whose end nobody knows. What is no such row is not counted.
pub(super) fn count(metrics: &Metrics, row: &[u8]) {
    let Ok(row) = serde_json::from_slice::<Unknown>(row) else { return };
    let operation = row.operation.map(Into::into).unwrap_or_default();
    let dialect = row.dialect.map(Into::into).unwrap_or_default();
    let model = metrics.model(&row.provider, &row.routed_model, false);
    let outcome = Outcome::Unknown.name();
    metrics.attempt(
        &model,
        &Attempted {
            operation,
            outcome,
            has_tokens: true,
            tokens: [row.input_tokens, row.output_tokens, 0, 0, 0, 0, 0, 0],
            cost_pico: row.cost_usd.as_deref().and_then(pico_of).unwrap_or(0),
            ..Attempted::default()
        },
    );
    metrics.request(&RequestEnd {
        operation,
        dialect,
        outcome,
        client_status: row.client_status.unwrap_or(0),
    });
}
