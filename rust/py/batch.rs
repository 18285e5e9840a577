//! What batches ask of the core: where a line's model leads, what lines may cost and did cost.

use http::Method;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::engine::{Engine, dialect_of, header_pairs};
use super::error::refused;
use super::place::PyPlace;
use crate::budget::{Actual, Demand};
use crate::drive::{Bearer, Passage, Place, answer_in};
use crate::stream::Options;

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(batch_place, m)?)?;
    m.add_function(wrap_pyfunction!(batch_targets, m)?)?;
    m.add_function(wrap_pyfunction!(batch_quote, m)?)?;
    m.add_function(wrap_pyfunction!(batch_told, m)?)?;
    m.add_function(wrap_pyfunction!(batch_correct, m)?)?;
    m.add_function(wrap_pyfunction!(batch_count, m)?)?;
    m.add_function(wrap_pyfunction!(answer_between, m)?)
}

/// Tokens in, tokens out, pico-dollars.
type Use = (u64, u64, u128);

/// Where a request of the gateway's own goes, on a client's behalf.
#[pyfunction]
#[pyo3(signature = (place, method, provider, path, *, asked="", model="", key="", held=None))]
#[allow(clippy::too_many_arguments)] // keywords, in Python
fn batch_place(
    place: &PyPlace,
    method: &str,
    provider: String,
    path: String,
    asked: &str,
    model: &str,
    key: &str,
    held: Option<Use>,
) -> PyResult<PyPlace> {
    let method =
        Method::from_bytes(method.as_bytes()).map_err(|_| PyValueError::new_err("no method"))?;
    let names = (asked.to_owned(), model.to_owned());
    let passage = Passage::errand(method, provider, path, names, key.to_owned());
    let demand = held.map(|(input_tokens, output_tokens, pico)| Demand {
        input_tokens,
        output_tokens,
        least_output_tokens: output_tokens,
        fixed_pico: pico,
        output_pico: 0,
    });
    Ok(PyPlace(Place { passage: Some(passage.into()), demand, ..place.0.clone() }))
}

/// `(provider, model, dialect)` of each target behind a name that the holder of the headers' key may ask for.
#[pyfunction]
fn batch_targets(
    engine: &Engine,
    place: &PyPlace,
    headers: &Bound<'_, PyAny>,
    name: &str,
) -> PyResult<Vec<(String, String, &'static str)>> {
    let pairs = header_pairs(headers)?;
    let pairs = pairs.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    let route = engine.core.reach(&place.0, pairs, name).map_err(refused)?;
    let told = route.targets.iter().map(|target| {
        let dialect = target.upstream.dialect_for(place.0.route.dialect);
        (target.upstream.provider.clone(), target.model.clone(), dialect.name())
    });
    Ok(told.collect())
}

/// `(input_tokens, output_tokens, pico_usd)` that one line may use at most.
#[pyfunction]
fn batch_quote(
    engine: &Engine,
    place: &PyPlace,
    provider: &str,
    model: &str,
    body: &[u8],
) -> PyResult<(u64, u64, Option<u128>)> {
    let quote = engine.core.quote(&place.0, provider, model, body)?;
    Ok((quote.input_tokens, quote.output_tokens, quote.pico))
}

/// What the answer to one line says, as JSON by the ledger's columns.
#[pyfunction]
#[allow(clippy::too_many_arguments)] // all that a price depends on
fn batch_told<'py>(
    py: Python<'py>,
    engine: &Engine,
    dialect: &str,
    provider: &str,
    model: &str,
    unix_s: i64,
    held: (u64, u64),
    body: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let told = engine.core.told(dialect_of(dialect)?, (provider, model), unix_s, held, body)?;
    Ok(PyBytes::new(py, &told))
}

/// Puts the counters of limits right.
#[pyfunction]
fn batch_correct(
    engine: &Engine,
    bearer: &[u8],
    before: Use,
    after: Use,
    at_unix_ns: u64,
) -> PyResult<()> {
    let bearer: Bearer =
        serde_json::from_slice(bearer).map_err(|error| PyValueError::new_err(error.to_string()))?;
    let used = |(input_tokens, output_tokens, cost_pico): Use| Actual {
        requests: 1,
        input_tokens,
        output_tokens,
        cost_pico,
    };
    Ok(engine.core.correct(&bearer, (&used(before), &used(after)), at_unix_ns)?)
}

/// Counts the ledger's row of a line that was answered.
#[pyfunction]
fn batch_count(engine: &Engine, row: &[u8]) {
    engine.core.count_line(row);
}

/// A whole answer of one dialect in another.
#[pyfunction]
#[pyo3(signature = (dialect, to, body, *, request_id, created_s, model=None))]
fn answer_between<'py>(
    py: Python<'py>,
    dialect: &str,
    to: &str,
    body: &[u8],
    request_id: String,
    created_s: u64,
    model: Option<String>,
) -> PyResult<Bound<'py, PyBytes>> {
    let options = Options { model, request_id, created_s, ..Options::default() };
    let answer = answer_in((dialect_of(dialect)?, dialect_of(to)?), &options, body)?;
    Ok(PyBytes::new(py, &answer))
}
