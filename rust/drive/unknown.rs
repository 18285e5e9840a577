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
