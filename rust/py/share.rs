//! `LedgerQuestion`: what only the ledger knows of a limit that hosts share.

use std::sync::{Arc, Mutex};

use pyo3::prelude::*;

use super::engine::lock;
use crate::govern::row_of;
use crate::share::{Question, Share};

#[pyclass(frozen, module = "sluicegate._core")]
pub struct LedgerQuestion {
    share: Arc<Share>,
    question: Mutex<Option<Question>>,
    #[pyo3(get)]
    limit: String,
    #[pyo3(get)]
    since_unix_ns: u64,
}

impl LedgerQuestion {
    pub fn new(share: Arc<Share>, question: Question, since_unix_ns: u64) -> Self {
        let limit = question.limit.name.clone();
        Self { share, question: Mutex::new(Some(question)), limit, since_unix_ns }
    }
}

#[pymethods]
impl LedgerQuestion {
    /// Answers it: the values of the scope, the host, what was spent; None where it cannot be known now.
    #[allow(clippy::needless_pass_by_value)] // what Python hands over is ours
    fn answer(&self, rows: Option<Vec<(Vec<String>, String, u128)>>) {
        let Some(question) = lock(&self.question).take() else { return };
        let limit = question.limit.clone();
        let rows = rows.map(|rows| {
            let rows = rows.iter().filter_map(|(values, host, amount)| {
                let (instance, units) = row_of(&limit, values, *amount)?;
                Some((instance, host.clone(), units))
            });
            rows.collect()
        });
        self.share.answer(question, rows);
    }
}
