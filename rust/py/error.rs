//! Core errors as Python exceptions.

use pyo3::create_exception;
use pyo3::exceptions::{PyException, PyOSError, PyValueError};
use pyo3::prelude::*;

use crate::drive::{Refused, SnapshotError};
use crate::error::Error;

create_exception!(
    _core,
    RefusedError,
    PyException,
    "A request that is answered without any upstream."
);
create_exception!(_core, EventTooLargeError, PyValueError, "A server-sent event passed its bound.");
create_exception!(
    _core,
    MalformedEventError,
    PyValueError,
    "An event that its dialect does not allow."
);
create_exception!(_core, InvalidBodyError, PyValueError, "A JSON body that cannot be accepted.");
create_exception!(_core, JournalFullError, PyOSError, "The journal can take no new intent.");

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = m.py();
    m.add("RefusedError", py.get_type::<RefusedError>())?;
    m.add("EventTooLargeError", py.get_type::<EventTooLargeError>())?;
    m.add("MalformedEventError", py.get_type::<MalformedEventError>())?;
    m.add("InvalidBodyError", py.get_type::<InvalidBodyError>())?;
    m.add("JournalFullError", py.get_type::<JournalFullError>())
}

impl From<Error> for PyErr {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error {
            Error::EventTooLarge { .. } => EventTooLargeError::new_err(text),
            Error::MalformedEvent { .. } => MalformedEventError::new_err(text),
            Error::JournalFull { .. } => JournalFullError::new_err(text),
            Error::Journal(_) => PyOSError::new_err(text),
            _ => InvalidBodyError::new_err(text),
        }
    }
}

impl From<SnapshotError> for PyErr {
    fn from(error: SnapshotError) -> Self {
        PyValueError::new_err(error.to_string())
    }
}

/// `RefusedError(status, code, message, param, request_id)`.
pub fn refused(refused: Refused) -> PyErr {
    let Refused { id, refusal, .. } = refused;
    RefusedError::new_err((
        refusal.status,
        refusal.code,
        refusal.message,
        refusal.param,
        id.to_string(),
    ))
}
