//! A request as a step of an agent's run.

use std::time::Duration;

use super::admit::Gate;
use super::attempt::{Running, translation};
use super::exchange::{Cancel, Exchange};
use super::refusal::Refusal;
use super::request_headers::RequestHeaders;
use super::snapshot::Operation;
use crate::body::Scan;
use crate::budget::{self, RunRefused, RunStanding};
use crate::dialect::Dialect;
use crate::govern::{CircleAction, Governance, Principal};
use crate::run::{self, Origin, Speaker};

/// What the run's rules make of a request.
#[derive(Debug, Default)]
pub struct RunStep {
    /// How the run stands; None where nothing of it is remembered.
    pub standing: Option<RunStanding>,
    /// What is asked, where repetitions are counted.
    pub call: Option<u64>,
    /// The circle that it goes round in, in words.
    pub circle: Option<String>,
    /// The request with a note to the model.
    pub noted: Option<Vec<u8>>,
    /// The run's time is over before the request's own.
    pub ends_first: bool,
}

/// A request, as far as its run is concerned.
pub(super) struct Stepping<'a> {
    pub principal: &'a Principal,
    pub headers: &'a RequestHeaders,
    pub scan: &'a Scan,
    pub operation: Operation,
    pub dialect: Dialect,
    pub body: &'a [u8],
}

/// Of the runs that a request names, its own and the one above, the one that was ended.
pub(super) fn killed<'h>(
    governance: &Governance,
    headers: &'h RequestHeaders,
    principal: &Principal,
) -> Option<&'h str> {
    let named = [&headers.run, &headers.parent_run].into_iter().flatten();
    named.map(String::as_str).find(|run| governance.is_killed(run, principal))
}

impl Exchange {
    /// Ends it, and tells the client, if its run was ended since it began.
    pub fn end_if_killed(&self, governance: &Governance) {
        if killed(governance, &self.admission.headers, &self.admission.principal).is_some() {
            self.cancel(Cancel::RunEnded);
        }
    }
}

impl Gate<'_> {
    /// The name of a request's run, if it belongs to one.
    pub(super) fn run_of(&self, step: &Stepping<'_>) -> Option<String> {
        let named = step.headers.run.clone().filter(|name| !name.is_empty());
        if named.is_some() || !self.governance.runs.derive || step.operation != Operation::Chat {
            return named;
        }
        let key = &step.principal.name;
        let end_user = step.headers.user.as_deref().or_else(|| step.scan.user());
        let speaker = Speaker { key, end_user: end_user.unwrap_or_default() };
        let conversation = match run::origin(step.body, speaker)? {
            Origin::Begins(conversation) => conversation,
            // Counters that cannot be asked make it another run, as an answer does that nobody remembers.
            Origin::GoesOn(response) => self
                .budgets
                .conversation_of(key, &response)
                .ok()
                .flatten()
                .unwrap_or_else(|| run::fingerprint_of(speaker, &response)),
        };
        Some(run::derived_name(conversation))
    }

    /// Takes a step of a run, or says why it goes no further.
    pub(super) fn step(&self, name: &str, step: &Stepping<'_>) -> Result<RunStep, Box<Refusal>> {
        let rules = &self.governance.runs;
        if name.is_empty() || !rules.remembers() {
            return Ok(RunStep::default());
        }
        let watches = rules.circles.as_ref().filter(|_| step.operation == Operation::Chat);
        let call = watches.map(|_| run::fingerprint(step.body));
        let taken = budget::Step {
            tenant: &step.principal.name,
            run: name,
            parent: step.headers.parent_run.as_deref().filter(|parent| !parent.is_empty()),
            call,
        };
        let standing = self
            .budgets
            .enter_run(&taken, &rules.caps(), budget::Now::read())
            .map_err(|error| Box::new(Refusal::limits_unavailable(&error)))?
            .map_err(|refused| Box::new(too_far(name, refused)))?;
        let mut taken = RunStep { standing: Some(standing), call, ..RunStep::default() };
        let Some(rule) = watches else { return Ok(taken) };
        let same_call = usize::try_from(standing.times).unwrap_or(usize::MAX);
        let said = if same_call >= rule.repeats {
            Some(format!("the same request {same_call} times"))
        } else {
            run::circle(step.body, rule.repeats).map(|circle| circle.to_string())
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

/// A request came to nothing: its client may ask the same again, and goes round in no circle.
pub(super) fn forgive(x: &Exchange) {
    let a = &x.admission;
    if let (Some(_), Some(run)) = (a.step.call, a.headers.run.as_deref()) {
        let step = budget::Step { tenant: &a.principal.name, run, parent: None, call: a.step.call };
        // Counters that cannot be asked: it counts as it would have.
        let _ = x.hold().budgets().forgive_call(&step);
    }
}

/// Remembers whose a response is that its provider keeps, and to which derived run it belongs: requests can go on from
/// it by its id alone.
pub(super) fn remember_response(run: &Running, response_id: &str) {
    let (x, a) = (&run.x, &run.x.admission);
    let is_kept = translation(x, &run.target).is_none() && !a.scan.is_unstored();
    if a.dialect != Dialect::OpenAiResponses || response_id.is_empty() || !is_kept {
        return;
    }
    let (hold, now) = (x.hold(), budget::Now::read());
    // What is not remembered is nobody's, and begins another run.
    let _ = hold.budgets().note_owner(&a.principal.tenant(), response_id, now);
    let conversation = a.headers.run.as_deref().and_then(run::derived_from);
    if let Some(conversation) = conversation.filter(|_| a.governance.runs.derive) {
        let noted = &a.principal.name;
        let _ = hold.budgets().note_response(noted, response_id, conversation, now);
    }
}

fn too_far(name: &str, refused: RunRefused) -> Refusal {
    let why = match refused {
        RunRefused::Wall(wall_ns) => {
            format!("has had its {} seconds", Duration::from_nanos(wall_ns).as_secs_f64())
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
