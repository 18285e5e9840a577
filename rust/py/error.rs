//! Core errors as Python exceptions.

use pyo3::create_exception;
use pyo3::exceptions::{PyException, PyOSError, PyValueError};
use pyo3::panic::PanicException;
use pyo3::prelude::*;

use crate::drive::{Refusal, Refused, SnapshotError};
use crate::error::Error;
use crate::govern::GovernanceError;

create_exception!(
    _core,
    RefusedError,
    PyException,
    "A request that is answered without any upstream."
);
create_exception!(
    _core,
    GrantNeededError,
    PyException,
    "A request that other hosts must be asked about first."
);
create_exception!(_core, EventTooLargeError, PyValueError, "A server-sent event passed its bound.");
create_exception!(
    _core,
    MalformedEventError,
    PyValueError,
    "An event that its dialect does not allow."
);
create_exception!(_core, InvalidBodyError, PyValueError, "A body that cannot be accepted.");
create_exception!(_core, BodyTooLargeError, PyValueError, "A body that passes its bound.");
create_exception!(
    _core,
    UnreadableRowError,
    PyValueError,
    "A journal row that the ledger's columns cannot hold."
);
create_exception!(_core, JournalFullError, PyOSError, "The journal can take no new intent.");

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = m.py();
    m.add("PanicException", py.get_type::<PanicException>())?;
    m.add("RefusedError", py.get_type::<RefusedError>())?;
    m.add("GrantNeededError", py.get_type::<GrantNeededError>())?;
    m.add("EventTooLargeError", py.get_type::<EventTooLargeError>())?;
    m.add("MalformedEventError", py.get_type::<MalformedEventError>())?;
    m.add("InvalidBodyError", py.get_type::<InvalidBodyError>())?;
    m.add("BodyTooLargeError", py.get_type::<BodyTooLargeError>())?;
    m.add("UnreadableRowError", py.get_type::<UnreadableRowError>())?;
    m.add("JournalFullError", py.get_type::<JournalFullError>())
}

impl From<Error> for PyErr {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error {
            Error::EventTooLarge { .. } => EventTooLargeError::new_err(text),
            Error::MalformedEvent { .. } => MalformedEventError::new_err(text),
            Error::UnreadableRow(_) => UnreadableRowError::new_err(text),
            Error::JournalFull { .. } => JournalFullError::new_err(text),
            Error::Journal(_)
            | Error::Limits(_)
            | Error::LimitsBusy
            | Error::LimitsAdrift
            | Error::Metrics(_)
            | Error::SharedState(_) => PyOSError::new_err(text),
            _ => InvalidBodyError::new_err(text),
        }
    }
}

impl From<SnapshotError> for PyErr {
    fn from(error: SnapshotError) -> Self {
        PyValueError::new_err(error.to_string())
    }
}

impl From<GovernanceError> for PyErr {
    fn from(error: GovernanceError) -> Self {
        PyValueError::new_err(error.to_string())
    }
}

/// A refusal as Python has it: `(status, code, message, param, retry_after_s, headers, is_held)`.
pub type RefusalFields =
    (u16, &'static str, String, Option<String>, Option<f64>, Vec<(&'static str, String)>, bool);

#[allow(clippy::cast_precision_loss)] // waits are far below what a double holds
pub fn refusal_fields(refusal: Refusal) -> RefusalFields {
    let Refusal { status, code, message, param, retry_after_ms, headers, is_held } = refusal;
    let retry_after_s = retry_after_ms.map(|ms| ms as f64 / 1000.0);
    (status, code, message, param, retry_after_s, headers, is_held)
}

/// `RefusedError(request_id, refusal)`.
pub fn refused(refused: Refused) -> PyErr {
    let Refused { id, refusal, .. } = refused;
    RefusedError::new_err((id.to_string(), refusal_fields(*refusal)))
}
