//! A request as a step of an agent's run.

use super::admit::Gate;
use super::refusal::Refusal;
use super::request_headers::RequestHeaders;
use super::snapshot::Operation;
use crate::budget::{self, RunRefused, RunStanding};
use crate::dialect::Dialect;
use crate::govern::{CircleAction, Principal};
use crate::run;

/// What the run's rules make of a request.
#[derive(Debug, Default)]
pub struct RunStep {
    /// How the run stands; None where nothing of it is remembered.
    pub standing: Option<RunStanding>,
    /// The circle that it goes round in, in words.
    pub circle: Option<String>,
    /// The request with a note to the model.
    pub noted: Option<Vec<u8>>,
}

/// A request, as far as its run is concerned.
pub(super) struct Stepping<'a> {
    pub principal: &'a Principal,
    pub headers: &'a RequestHeaders,
    pub operation: Operation,
    pub dialect: Dialect,
    pub body: &'a [u8],
}

impl Gate<'_> {
    /// The name of a request's run, if it belongs to one.
    pub(super) fn run_of(&self, step: &Stepping<'_>) -> Option<String> {
        let named = step.headers.run.clone().filter(|name| !name.is_empty());
        if named.is_some() || !self.governance.runs.derive || step.operation != Operation::Chat {
            return named;
        }
        run::derived_run(step.dialect, step.body, &step.principal.name)
    }

    /// Takes a step of a run, or says why it goes no further.
    pub(super) fn step(&self, name: &str, step: &Stepping<'_>) -> Result<RunStep, Box<Refusal>> {
        let rules = &self.governance.runs;
        if name.is_empty() || !rules.remembers() {
            return Ok(RunStep::default());
        }
        let tenant = format!("{}\u{1f}{}", step.principal.organisation, step.principal.team);
        let watches = rules.circles.as_ref().filter(|_| step.operation == Operation::Chat);
        let taken = budget::Step {
            tenant: &tenant,
            run: name,
            parent: step.headers.parent_run.as_deref().filter(|parent| !parent.is_empty()),
            call: if watches.is_some() { run::fingerprint(step.body) } else { 0 },
        };
        let standing = self
            .budgets
            .enter_run(&taken, &rules.caps(), budget::Now::read())
            .map_err(|error| Box::new(Refusal::limits_unavailable(&error)))?
            .map_err(|refused| Box::new(too_far(name, refused)))?;
        let mut taken = RunStep { standing: Some(standing), ..RunStep::default() };
        let Some(rule) = watches else { return Ok(taken) };
        let same_call = usize::try_from(standing.times).unwrap_or(usize::MAX);
        let said = if same_call >= rule.repeats {
            Some(format!("the same request {same_call} times"))
        } else {
            run::circle(step.dialect, step.body, rule.repeats).map(|circle| circle.to_string())
        };
        let Some(said) = said else { return Ok(taken) };
        match rule.action {
            CircleAction::Stop => return Err(Box::new(Refusal::in_circles(name, &said))),
            CircleAction::Note => taken.noted = run::with_note(step.dialect, step.body, &rule.note),
            CircleAction::Warn => {}
        }
        taken.circle = Some(said);
        Ok(taken)
    }
}

fn too_far(name: &str, refused: RunRefused) -> Refusal {
    let why = match refused {
        RunRefused::Wall(wall_ns) => {
            format!("has had its {} seconds", wall_ns / 1_000_000_000)
        }
        RunRefused::Depth(depth, most) => {
            format!("would be {depth} runs below the first one; {most} are allowed")
        }
        RunRefused::FanOut(most) => {
            format!("is one more sub-run of its parent than the {most} that are allowed")
        }
    };
    Refusal::run_too_far(name, &why)
}
