//! How long an attempt may take, and its parts.

use std::time::Duration;

use serde::Deserialize;

/// Deadlines of one attempt, and of the whole request (`total`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Timeouts {
    /// Name resolution, TCP and TLS.
    pub connect: Duration,
    /// From the request's sending to the first body byte.
    pub first_byte: Duration,
    /// Between two reads of the body.
    pub idle: Duration,
    /// The whole request, from its arrival, all attempts together.
    pub total: Duration,
    /// A whole session, from its arrival.
    pub session: Duration,
    /// Of a session in which neither side says anything.
    pub session_idle: Duration,
}

/// The wire form of [`Timeouts`], seconds.
#[derive(Debug, Clone, Copy, Deserialize)]
#[allow(missing_docs, clippy::struct_field_names)] // named in `Timeouts`; the unit belongs in each name
pub struct TimeoutsSpec {
    pub connect_s: f64,
    pub first_byte_s: f64,
    pub idle_s: f64,
    pub total_s: f64,
    #[serde(default = "an_hour")]
    pub session_s: f64,
    #[serde(default = "ten_minutes")]
    pub session_idle_s: f64,
}

/// The longest that `OpenAI` lets a session last.
fn an_hour() -> f64 {
    3600.0
}

fn ten_minutes() -> f64 {
    600.0
}

impl From<TimeoutsSpec> for Timeouts {
    fn from(spec: TimeoutsSpec) -> Self {
        let seconds = |s: f64| Duration::try_from_secs_f64(s).unwrap_or(Duration::MAX);
        Self {
            connect: seconds(spec.connect_s),
            first_byte: seconds(spec.first_byte_s),
            idle: seconds(spec.idle_s),
            total: seconds(spec.total_s),
            session: seconds(spec.session_s),
            session_idle: seconds(spec.session_idle_s),
        }
    }
}
