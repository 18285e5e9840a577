//! Keys and limits of one moment.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::directory::Directory;
use super::index::{Rule, joined};
use super::limit_spec::LimitSpec;
use super::principal::{Principal, PrincipalSpec};
use super::rules::Rules;
use super::run_rules::RunRules;
use super::scope::{Dimension, Subject};
use crate::budget::{Actual, Budgets, Charge, Limit, Measure, Now};
use crate::error::Error;

/// What Python hands over, as JSON.
#[derive(Debug, Deserialize)]
struct GovernanceSpec {
    keys: Vec<PrincipalSpec>,
    limits: Vec<LimitSpec>,
    /// No credential is asked for; the configuration allows it on loopback only.
    open: bool,
    /// False where the store cannot be read, so that there may be more keys than these.
    complete: bool,
    /// How long keys of the store open anything after it was last read.
    stale_keys_s: f64,
    #[serde(default)]
    killed_runs: Vec<KilledRun>,
    #[serde(default)]
    runs: RunRules,
}

#[derive(Debug, Deserialize)]
struct KilledRun {
    run: String,
    #[serde(flatten)]
    end: RunEnd,
}

/// Whose run was ended, and why.
#[derive(Debug, Deserialize)]
struct RunEnd {
    /// Empty: of any.
    organisation: String,
    team: String,
    #[serde(default)]
    reason: String,
}

/// Why keys and limits cannot be put in force.
#[derive(Debug, thiserror::Error)]
pub enum GovernanceError {
    /// Not the JSON that it should be.
    #[error("governance: {0}")]
    Shape(#[from] serde_json::Error),
    /// A key digest that is not 32 bytes in hex.
    #[error("key {0:?}: its digest is not 64 hex digits")]
    Digest(String),
    /// A limit that cannot be counted.
    #[error("limit {name:?}: {reason}")]
    Limit {
        /// Which.
        name: String,
        /// Why.
        reason: &'static str,
    },
}

/// A limit whose counters know nothing of what the ledger knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unseeded {
    /// Which.
    pub name: String,
    /// Since when use counts, in nanoseconds since 1970.
    pub since_unix_ns: u64,
}

/// Keys and limits.
#[derive(Debug, Default)]
pub struct Governance {
    /// Who may ask.
    pub directory: Directory,
    /// What runs may do.
    pub runs: RunRules,
    rules: Rules,
    /// Those that are about runs: they bind what the runs below one use, too.
    run_rules: Rules,
    limits: HashMap<String, (Arc<Limit>, u64)>,
    killed_runs: HashMap<String, Vec<RunEnd>>,
}

impl Governance {
    /// Builds it from JSON; `docs/internals.md` has the shape.
    pub fn from_json(json: &[u8]) -> Result<Self, GovernanceError> {
        let spec: GovernanceSpec = serde_json::from_slice(json)?;
        let mut keys = HashMap::with_capacity(spec.keys.len());
        for key in spec.keys {
            let (digest, principal) = key.build().map_err(GovernanceError::Digest)?;
            keys.insert(digest, Arc::new(principal));
        }
        let mut rules = Vec::with_capacity(spec.limits.len());
        let mut limits = HashMap::with_capacity(spec.limits.len());
        for limit in spec.limits {
            let built = limit.build().map_err(|reason| {
                let name = limit.name.clone();
                GovernanceError::Limit { name, reason }
            })?;
            let built = Arc::new(built);
            limits.insert(limit.name.clone(), (built.clone(), limit.reset_at_ms));
            rules.push(Rule { limit: built, scope: limit.scope });
        }
        let stale_after = Duration::try_from_secs_f64(spec.stale_keys_s).unwrap_or_default();
        let mut killed_runs: HashMap<String, Vec<RunEnd>> = HashMap::new();
        for KilledRun { run, end } in spec.killed_runs {
            killed_runs.entry(run).or_default().push(end);
        }
        let open = spec.open.then(|| Arc::new(Principal::anonymous()));
        Ok(Self {
            directory: Directory { keys, open, complete: spec.complete, stale_after },
            runs: spec.runs,
            rules: Rules::new(rules.iter()),
            run_rules: Rules::new(rules.iter().filter(|rule| rule.is_on_run())),
            limits,
            killed_runs,
        })
    }

    /// Limits that bind a request wherever it goes; `above` are the runs above its own, whose limits it uses too.
    pub fn request_charges(&self, subject: &Subject<'_>, above: &[String]) -> Vec<Charge> {
        let mut charges = Vec::new();
        self.rules.at_request(subject, &mut charges);
        for run in above {
            self.run_rules.at_request(&subject.with(Dimension::Run, run), &mut charges);
        }
        charges
    }

    /// Limits that bind it at one target beside those. `subject` has the requested name as its model.
    pub fn target_charges(
        &self,
        subject: &Subject<'_>,
        above: &[String],
        provider: &str,
        model: &str,
    ) -> Vec<Charge> {
        let mut charges = Vec::new();
        if self.rules.has_none_at_targets() {
            return charges;
        }
        let named = format!("{provider}/{model}");
        self.rules.at_target(subject, provider, &named, &mut charges);
        for run in above {
            let subject = subject.with(Dimension::Run, run);
            self.run_rules.at_target(&subject, provider, &named, &mut charges);
        }
        charges
    }

    /// Whether any run was ended.
    pub fn has_ended_runs(&self) -> bool {
        !self.killed_runs.is_empty()
    }

    /// Why a run was ended, in its administrator's words, if it was.
    pub fn ended(&self, run: &str, principal: &Principal) -> Option<&str> {
        let belongs = |owner: &str, asks: &str| owner.is_empty() || owner == asks;
        let killed = self.killed_runs.get(run)?.iter().find(|killed| {
            belongs(&killed.organisation, &principal.organisation)
                && belongs(&killed.team, &principal.team)
        });
        killed.map(|killed| killed.reason.as_str())
    }

    /// Limits whose counters must hear from the ledger before they are used: those that remember longer than a rate.
    pub fn unseeded(&self, budgets: &Budgets, now: Now) -> Result<Vec<Unseeded>, Error> {
        let mut unseeded = Vec::new();
        for (limit, reset_at_ms) in self.limits.values() {
            if limit.is_rate() || limit.measure == Measure::Parallel {
                continue;
            }
            if !budgets.is_seeded(limit, now)? {
                let since_unix_ns = since(limit, *reset_at_ms, now);
                unseeded.push(Unseeded { name: limit.name.clone(), since_unix_ns });
            }
        }
        Ok(unseeded)
    }

    /// Since when use of a limit counts, in nanoseconds since 1970; None where it is not in force any more.
    pub fn since(&self, asked: &Limit, now: Now) -> Option<u64> {
        let (limit, reset_at_ms) = self.limits.get(&asked.name)?;
        (limit.epoch == asked.epoch).then(|| since(limit, *reset_at_ms, now))
    }

    /// Puts right what was charged for something whose use is known only now, in every limit that it falls under.
    pub fn correct(
        &self,
        budgets: &Budgets,
        charges: Vec<Charge>,
        change: (&Actual, &Actual),
        at_unix_ns: u64,
    ) -> Result<(), Error> {
        let now = Now::read();
        for charge in charges {
            // What was charged before a limit was reset is none of its counter's.
            if self.since(&charge.limit, now).is_some_and(|since| since <= at_unix_ns) {
                budgets.correct(&charge, change, at_unix_ns, now)?;
            }
        }
        Ok(())
    }

    /// A limit in force.
    pub fn limit(&self, name: &str) -> Option<&Arc<Limit>> {
        self.limits.get(name).map(|(limit, _)| limit)
    }

    /// Puts in what the ledger knows of a limit, by the values of its scope; false where another process has.
    pub fn seed(
        &self,
        budgets: &Budgets,
        name: &str,
        spent: Vec<(Vec<String>, u128)>,
        now: Now,
    ) -> Result<bool, Error> {
        let Some((limit, _)) = self.limits.get(name) else { return Ok(false) };
        let rows = spent.into_iter();
        let spent = rows.filter_map(|(values, amount)| row_of(limit, &values, amount));
        budgets.seed(limit, spent, now)
    }

    /// How a limit stands for one instance of its scope, its values joined: spent, held, left. `elsewhere` says what
    /// other hosts spent and hold.
    pub fn standing(
        &self,
        budgets: &Budgets,
        name: &str,
        instance: String,
        elsewhere: impl FnOnce(&Charge) -> Option<(u64, u64)>,
        now: Now,
    ) -> Result<Option<(u128, u128, u128)>, Error> {
        let Some((limit, _)) = self.limits.get(name) else { return Ok(None) };
        let charge = Charge::new(limit.clone(), instance);
        let (mut spent, mut held, mut left) = budgets.standing(&charge, now)?;
        if !limit.is_rate()
            && let Some((spent_elsewhere, held_elsewhere)) = elsewhere(&charge)
        {
            spent = spent.saturating_add(spent_elsewhere);
            held = held.saturating_add(held_elsewhere);
            left = limit.amount.saturating_sub(spent.saturating_add(held));
        }
        let worth = |units: u64| u128::from(units) * u128::from(limit.unit_pico);
        Ok(Some((worth(spent), worth(held), worth(left))))
    }
}

fn since(limit: &Limit, reset_at_ms: u64, now: Now) -> u64 {
    limit.window_at(now.unix_ns).0.max(reset_at_ms.saturating_mul(1_000_000))
}

/// The values of an instance as one text, and what was spent in a limit's units.
pub fn row_of(limit: &Limit, values: &[String], amount: u128) -> Option<(String, u64)> {
    let instance = joined(values.iter().map(String::as_str))?;
    let units = amount.div_ceil(u128::from(limit.unit_pico));
    Some((instance, u64::try_from(units).unwrap_or(u64::MAX)))
}
