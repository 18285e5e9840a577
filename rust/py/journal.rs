//! `JournalDrain`, `journal_snapshot`: what the store and the export read.

use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use uuid::Uuid;

use crate::journal::{self, Drain, Row, RowKind};

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<JournalDrain>()?;
    m.add_function(wrap_pyfunction!(journal_snapshot, m)?)
}

/// `(request_id, attempt, kind, payload)`.
type PyRow = (String, u32, &'static str, Py<PyBytes>);

fn to_py(py: Python<'_>, rows: Vec<Row>) -> Vec<PyRow> {
    let row = |row: Row| {
        let kind = match row.kind {
            RowKind::Settlement => "settled",
            RowKind::Released => "released",
            RowKind::Unknown => "unknown",
        };
        let id = Uuid::from_bytes(row.id.request_id).to_string();
        (id, row.id.attempt, kind, PyBytes::new(py, &row.payload).unbind())
    };
    rows.into_iter().map(row).collect()
}

/// The one reader that may remove what it has read.
#[pyclass(module = "sluicegate._core")]
struct JournalDrain(Drain);

#[pymethods]
impl JournalDrain {
    /// None where another process drains.
    #[staticmethod]
    #[allow(clippy::needless_pass_by_value)] // pyo3 extracts owned paths
    fn try_open(py: Python<'_>, directory: PathBuf) -> PyResult<Option<Self>> {
        Ok(py.detach(|| Drain::try_open(&directory))?.map(Self))
    }

    fn next_batch(&mut self, py: Python<'_>, max_rows: usize) -> PyResult<Vec<PyRow>> {
        let rows = py.detach(|| self.0.next_batch(max_rows))?;
        Ok(to_py(py, rows))
    }

    fn commit(&mut self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.0.commit())?;
        Ok(())
    }

    /// Reads again from the last commit: the store did not take what was read since.
    fn rewind(&mut self) {
        self.0.rewind();
    }
}

#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // pyo3 extracts owned paths
fn journal_snapshot(py: Python<'_>, directory: PathBuf) -> PyResult<Vec<PyRow>> {
    let rows = py.detach(|| journal::snapshot(&directory))?;
    Ok(to_py(py, rows))
}
