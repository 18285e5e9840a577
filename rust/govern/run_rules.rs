//! What runs may do.

use std::time::Duration;

use serde::Deserialize;

use crate::budget::RunCaps;

/// Bounds of runs, as Python hands them over.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs)] // the names are the configuration's
pub struct RunRules {
    pub wall_s: Option<f64>,
    pub depth: Option<u64>,
    pub fan_out: Option<u64>,
    /// Requests that name no run belong to that of their conversation.
    pub derive: bool,
    #[serde(rename = "loop")]
    pub circles: Option<CircleRule>,
}

/// What happens to a run that goes round in circles.
#[derive(Debug, Deserialize)]
#[allow(missing_docs)]
pub struct CircleRule {
    pub repeats: usize,
    pub action: CircleAction,
    /// What the model is told.
    pub note: String,
}

/// The word for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum CircleAction {
    Warn,
    Note,
    Stop,
}

impl RunRules {
    /// The bounds that are counted.
    pub fn caps(&self) -> RunCaps {
        let wall = self.wall_s.and_then(|s| Duration::try_from_secs_f64(s).ok());
        RunCaps {
            wall_ns: wall.map(|wall| u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX)),
            depth: self.depth,
            fan_out: self.fan_out,
        }
    }

    /// Whether runs are bounded by more than limits.
    pub fn bounds_runs(&self) -> bool {
        self.caps() != RunCaps::default() || self.circles.is_some()
    }
}
