//! The binding to `CPython`; the only place that names `pyo3`.
//!
//! Shapes, errors and costs are documented in `python/sluicegate/_core.pyi`, where editors look.

mod aws;
mod batch;
mod cache;
mod cache_question;
mod chores;
mod embedder;
mod engine;
mod error;
mod exchange;
mod front;
mod governance;
mod headers;
mod journal;
mod json;
mod ledger;
mod likeness;
mod line;
mod metrics;
mod place;
mod secrets;
mod share;
mod similarity;
mod sse;
mod stream;
mod tokens;
mod wake;

use pyo3::prelude::*;

/// `sluicegate._core`.
#[pymodule(gil_used = false)]
fn _core(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add("__version__", env!("CARGO_PKG_VERSION"))?;
    m.add("build_profile", env!("BUILD_PROFILE"))?;
    aws::register(m)?;
    batch::register(m)?;
    cache::register(m)?;
    chores::register(m)?;
    error::register(m)?;
    embedder::register(m)?;
    engine::register(m)?;
    front::register(m)?;
    journal::register(m)?;
    json::register(m)?;
    ledger::register(m)?;
    likeness::register(m)?;
    line::register(m)?;
    metrics::register(m)?;
    place::register(m)?;
    secrets::register(m)?;
    similarity::register(m)?;
    sse::register(m)?;
    stream::register(m)?;
    tokens::register(m)
}
