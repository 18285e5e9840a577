//! One request's life, whatever front brought it: admit, journal, attempt, relay, settle.
//!
//! A front gives a head and a body, takes batches of bytes when it has room for them, and is told through
//! [`Wake`] that something waits. Nothing here knows ASGI or Python.

mod about;
mod address;
mod admit;
mod alerts;
mod allowance;
mod arrival;
mod attempt;
mod calls;
mod carrying;
mod choice;
mod chunks;
mod client_stream;
mod clock;
mod crossings;
mod deadline;
mod defect;
mod demand;
mod draining;
mod embeddings;
mod engine;
mod envelope;
mod exchange;
mod facts;
mod failure;
mod forwarding;
mod gemini;
mod hold;
mod keeping;
mod key;
mod last_words;
mod learned;
mod media;
mod offer;
mod outbox;
mod own;
mod owned;
mod passage;
mod passing;
mod place;
mod pricing;
mod rate_headers;
mod reader;
mod refusal;
mod relay;
mod request_headers;
mod reranking;
mod response_headers;
#[cfg(test)]
mod room;
mod route_cache;
mod row;
mod run_guard;
mod runtime;
mod secrets;
mod send;
mod snapshot;
mod step;
mod tally;
mod unknown;
mod watching;
mod weighing;
mod whole;

pub use about::{About, Errand, Origin, Owed, goes_on_from};
pub use admit::{Admission, Gate, Incoming, Known, Refused};
pub use alerts::{Alert, AlertKind, Alerts};
pub use attempt::Attempt;
pub use crossings::Crossings;
pub use deadline::after;
pub use defect::{Point, Rigged, caught_async, tell_only_places};
pub use engine::{Engine, EngineOptions};
pub use exchange::{Cancel, Exchange, Wake};
pub use failure::{Failure, FailureKind};
pub use hold::Hold;
pub use keeping::{Keeping, Kept};
pub use last_words::write_error;
pub use learned::Learned;
pub use outbox::{Head, Ready, State};
pub use own::is_own;
pub use place::{ModelRoute, ModelRoutes, Place};
pub use pricing::{PriceSpec, Tariff};
pub use refusal::Refusal;
pub use request_headers::RequestHeaders;
#[cfg(test)]
pub use room::room;
pub use row::{Basis, Outcome, Row};
pub use secrets::Secrets;
pub use snapshot::{
    Operation, Route, Snapshot, SnapshotError, Strategy, Target, Timeouts, Upstream,
};
pub use watching::{Sight, Watching, What};
