//! `ledger_values`, `ledger_groups`, `ledger_arrays`: journal rows as a store takes them.

use std::collections::BTreeMap;

use pyo3::prelude::*;
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};
use pyo3::types::{PyInt, PyString, PyTuple};

use crate::ledger::{self, COLUMNS, Entry, Reader, Sorted, TIME, Value, Values};

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    let columns = COLUMNS.map(|column| (column.name, column.kind.name()));
    m.add("LEDGER_COLUMNS", PyTuple::new(m.py(), columns)?)?;
    m.add_function(wrap_pyfunction!(ledger_values, m)?)?;
    m.add_function(wrap_pyfunction!(ledger_groups, m)?)?;
    m.add_function(wrap_pyfunction!(ledger_arrays, m)?)
}

/// The column of the store that no row of the journal has: who wrote it.
const HOST: &str = "host";

/// `(request_id, attempt, kind, payload)`.
type JournalRow<'py> = (PyBackedStr, u32, Bound<'py, PyAny>, PyBackedBytes);
/// Whole rows.
type Rows<'py> = Vec<Bound<'py, PyTuple>>;
/// `(columns, rows)`.
type Group<'py> = (Bound<'py, PyTuple>, Rows<'py>);
/// `(place, reason)`.
type Unreadable = Vec<(usize, String)>;

#[pyfunction]
fn ledger_values<'py>(py: Python<'py>, row: JournalRow<'py>) -> PyResult<Bound<'py, PyTuple>> {
    let (request_id, attempt, _, payload) = row;
    let values = Reader::default().read(&request_id, attempt, &payload)?;
    whole(&mut Texts::new(py), &values)
}

#[pyfunction]
#[pyo3(signature = (rows, together, *, host=None, apart_until=None))]
#[allow(clippy::needless_pass_by_value)] // pyo3 extracts owned lists
fn ledger_groups<'py>(
    py: Python<'py>,
    rows: Vec<JournalRow<'py>>,
    together: usize,
    host: Option<Bound<'py, PyString>>,
    apart_until: Option<&str>,
) -> PyResult<(Vec<Group<'py>>, Rows<'py>, Unreadable)> {
    let sorted = ledger::sort_out(&entries(&rows));
    let (mut texts, together) = (Texts::new(py), together.max(1));
    let (mut alike, mut rest) = (BTreeMap::<u64, Vec<&Values<'_>>>::new(), Vec::new());
    for row in &sorted.rows {
        if is_apart(row, apart_until) {
            rest.push(whole(&mut texts, row)?);
        } else {
            alike.entry(shape(row)).or_default().push(row);
        }
    }
    let mut groups = Vec::new();
    for (shape, rows) in alike {
        let (full, odd) = rows.split_at(rows.len() - rows.len() % together);
        for row in odd {
            rest.push(whole(&mut texts, row)?);
        }
        if !full.is_empty() {
            groups.push(group(&mut texts, shape, full, together, host.as_ref())?);
        }
    }
    Ok((groups, rest, unreadable(sorted)))
}

#[pyfunction]
#[pyo3(signature = (rows, *, apart_until=None))]
#[allow(clippy::needless_pass_by_value)] // pyo3 extracts owned lists
fn ledger_arrays<'py>(
    py: Python<'py>,
    rows: Vec<JournalRow<'py>>,
    apart_until: Option<&str>,
) -> PyResult<(Vec<String>, Rows<'py>, Unreadable)> {
    let sorted = ledger::sort_out(&entries(&rows));
    let mut texts = Texts::new(py);
    let (apart, rows): (Vec<_>, Vec<_>) =
        sorted.rows.iter().partition(|row| is_apart(row, apart_until));
    let rest = apart.into_iter().map(|row| whole(&mut texts, row)).collect::<PyResult<_>>()?;
    let arrays = ledger::arrays(&rows);
    Ok((arrays, rest, unreadable(sorted)))
}

fn entries<'a>(rows: &'a [JournalRow<'_>]) -> Vec<Entry<'a>> {
    let entry = |(request_id, attempt, _, payload): &'a JournalRow<'_>| Entry {
        request_id,
        attempt: *attempt,
        payload,
    };
    rows.iter().map(entry).collect()
}

fn unreadable(sorted: Sorted<'_>) -> Unreadable {
    sorted.unreadable.into_iter().map(|(place, cause)| (place, cause.to_string())).collect()
}

/// Whether a row is from before a moment; times are written so that they sort as texts.
fn is_apart(row: &Values<'_>, until: Option<&str>) -> bool {
    matches!((&row[TIME], until), (Value::Text(time), Some(until)) if **time <= *until)
}

/// A bit for each column that says something.
fn shape(row: &Values<'_>) -> u64 {
    row.iter().rev().fold(0, |bits, value| (bits << 1) | u64::from(*value != Value::Null))
}

/// Rows of one shape, `together` to a tuple, without the columns that say nothing.
fn group<'a, 'py>(
    texts: &mut Texts<'a, 'py>,
    shape: u64,
    rows: &[&'a Values<'_>],
    together: usize,
    host: Option<&Bound<'py, PyString>>,
) -> PyResult<Group<'py>> {
    let said = |place: &usize| (shape >> place) & 1 == 1;
    let columns = COLUMNS.iter().enumerate().filter(|(place, _)| said(place));
    let columns = columns.map(|(_, column)| column.name).chain(host.map(|_| HOST));
    let columns = PyTuple::new(texts.py, columns.collect::<Vec<_>>())?;
    let mut tuples = Vec::with_capacity(rows.len() / together);
    let mut values = Vec::with_capacity(COLUMNS.len() * together);
    for rows in rows.chunks(together) {
        for row in rows {
            let some = row.iter().enumerate().filter(|(place, _)| said(place));
            values.extend(some.map(|(place, value)| texts.object(place, value)));
            values.extend(host.map(|host| host.clone().into_any()));
        }
        tuples.push(PyTuple::new(texts.py, values.drain(..))?);
    }
    Ok((columns, tuples))
}

fn whole<'a, 'py>(
    texts: &mut Texts<'a, 'py>,
    row: &'a Values<'_>,
) -> PyResult<Bound<'py, PyTuple>> {
    let py = texts.py;
    PyTuple::new(py, row.iter().enumerate().map(|(place, value)| texts.object(place, value)))
}

/// Values as Python has them. Most columns say the same in row after row: that is then one object.
struct Texts<'a, 'py> {
    py: Python<'py>,
    last: [Option<(&'a str, Bound<'py, PyString>)>; COLUMNS.len()],
}

impl<'a, 'py> Texts<'a, 'py> {
    fn new(py: Python<'py>) -> Self {
        Self { py, last: [const { None }; COLUMNS.len()] }
    }

    fn object(&mut self, place: usize, value: &'a Value<'_>) -> Bound<'py, PyAny> {
        match value {
            Value::Null => self.py.None().into_bound(self.py),
            Value::Integer(number) => PyInt::new(self.py, *number).into_any(),
            Value::Text(text) => self.text(place, text).into_any(),
        }
    }

    fn text(&mut self, place: usize, text: &'a str) -> Bound<'py, PyString> {
        let Some(last) = self.last.get_mut(place) else {
            return PyString::new(self.py, text);
        };
        match last {
            Some((same, object)) if *same == text => object.clone(),
            _ => last.insert((text, PyString::new(self.py, text))).1.clone(),
        }
    }
}
