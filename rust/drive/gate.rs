//! What a decision about a request looks at.

use std::sync::Arc;

use super::alerts::Alerts;
use super::crossings::Crossings;
use super::defect::Rigged;
use super::learned::Learned;
use super::snapshot::Snapshot;
use crate::budget::Budgets;
use crate::govern::{Digester, Governance, Sighting};

/// What decides about requests, as it is at one moment.
#[derive(Debug)]
pub struct Gate<'a> {
    /// Providers, models and prices.
    pub snapshot: Arc<Snapshot>,
    /// Keys and limits.
    pub governance: Arc<Governance>,
    /// Of credentials.
    pub digester: &'a Digester,
    /// When the store was last seen to have the keys in force.
    pub store: &'a Sighting,
    /// The counters of limits.
    pub budgets: &'a Arc<Budgets>,
    /// Thresholds that were reached.
    pub crossings: &'a Arc<Crossings>,
    /// What an operator should hear of.
    pub alerts: &'a Alerts,
    /// Where a test has it panic.
    pub rigged: &'a Rigged,
    /// How long answers become.
    pub learned: &'a Learned,
}
