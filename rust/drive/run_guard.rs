//! A request as a step of an agent's run.

use std::time::Duration;

use super::attempt::{Running, translation};
use super::exchange::{Cancel, Exchange};
use super::gate::Gate;
use super::operation::Operation;
use super::refusal::Refusal;
use super::request_headers::RequestHeaders;
use crate::body::Scan;
use crate::budget::{self, Lineage, RunName, RunRefused};
use crate::dialect::Dialect;
use crate::govern::{CircleAction, Governance, Principal};
use crate::run::{self, Origin, Speaker};

/// What the run's rules make of a request.
#[derive(Debug, Default)]
pub struct RunStep {
    /// How the run stands among others.
    pub lineage: Lineage,
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

impl Stepping<'_> {
    fn name<'n>(&'n self, run: &'n str) -> RunName<'n> {
        RunName { tenant: &self.principal.name, run }
    }
}

impl Exchange {
    /// Ends it, and tells the client, if its run, or one above it, was ended since it began.
    pub fn end_if_killed(&self, governance: &Governance) {
        let a = &self.admission;
        let Some(run) = a.headers.run.as_deref().filter(|_| governance.has_ended_runs()) else {
            return;
        };
        // A run above may have named its own parent meanwhile.
        let name = RunName { tenant: &a.principal.name, run };
        let now_above = self.hold().budgets().runs_above(name).unwrap_or_default();
        let above = a.step.lineage.above.iter().chain(&now_above).map(String::as_str);
        let is_ended = |run| governance.ended(run, &a.principal).is_some();
        if std::iter::once(run).chain(above).any(is_ended) {
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

    /// How the run of a request stands among others, or why it goes no further.
    pub(super) fn lineage(&self, step: &Stepping<'_>) -> Result<Lineage, Box<Refusal>> {
        let Some(run) = step.headers.run.as_deref().filter(|run| !run.is_empty()) else {
            return Ok(Lineage::default());
        };
        let check = |ended: &str| match self.governance.ended(ended, step.principal) {
            Some(reason) => Err(Box::new(Refusal::run_ended(run, ended, reason))),
            None => Ok(()),
        };
        check(run)?;
        let caps = self.governance.runs.caps();
        let parent = step.headers.parent_run.as_deref();
        let lineage = self
            .budgets
            .begin_run(step.name(run), parent, &caps, budget::Now::read())
            .map_err(|error| Box::new(Refusal::limits_unavailable(&error)))?
            .map_err(|refused| Box::new(too_far(run, refused)))?;
        lineage.above.iter().try_for_each(|above| check(above))?;
        match (lineage.wall_left_ns, caps.wall_ns) {
            (Some(0), Some(wall_ns)) => Err(Box::new(too_late(run, wall_ns))),
            _ => Ok(lineage),
        }
    }

    /// Takes a step of a run, or says why it goes no further.
    pub(super) fn step(
        &self,
        lineage: Lineage,
        step: &Stepping<'_>,
    ) -> Result<RunStep, Box<Refusal>> {
        let mut taken = RunStep { lineage, ..RunStep::default() };
        let name = step.headers.run.as_deref().unwrap_or_default();
        let is_watched = !name.is_empty() && step.operation == Operation::Chat;
        let Some(rule) = self.governance.runs.circles.as_ref().filter(|_| is_watched) else {
            return Ok(taken);
        };
        let call = run::fingerprint(step.body);
        let times = self
            .budgets
            .repeat_call(step.name(name), call, budget::Now::read())
            .map_err(|error| Box::new(Refusal::limits_unavailable(&error)))?;
        taken.call = Some(call);
        let same_call = usize::try_from(times).unwrap_or(usize::MAX);
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
    if let (Some(call), Some(run)) = (a.step.call, a.headers.run.as_deref()) {
        let name = RunName { tenant: &a.principal.name, run };
        // Counters that cannot be asked: it counts as it would have.
        let _ = x.hold().budgets().forgive_call(name, call);
    }
}

/// More bytes than any vendor's id of an answer has.
const MAX_RESPONSE_ID_BYTES: usize = 256;

/// Notes an answer's id for the ledger. Of a response that its provider keeps it remembers whose it is too, and to
/// which derived run it belongs: requests can go on from it by its id alone.
pub(super) fn remember_response(run: &mut Running, response_id: &str) {
    if response_id.is_empty() || response_id.len() > MAX_RESPONSE_ID_BYTES {
        return;
    }
    run.report.response_id = Some(response_id.to_owned());
    let (x, a) = (&run.x, &run.x.admission);
    let passage = a.place.passage.as_ref();
    let is_own = passage.is_some() || translation(x, &run.target).is_none();
    let is_kept = match passage.and_then(|passage| passage.dialect).unwrap_or(a.dialect) {
        Dialect::OpenAiResponses => !a.scan.is_unstored(),
        Dialect::Anthropic => a.scan.is_thread(),
        _ => false,
    };
    if !is_own || !is_kept {
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
        RunRefused::Depth(depth, most) => {
            format!("would be {depth} runs below the first one; {most} are allowed")
        }
        RunRefused::FanOut(most) => {
            format!("is one more sub-run of its parent than the {most} that are allowed")
        }
    };
    Refusal::run_too_far(name, &why)
}

fn too_late(name: &str, wall_ns: u64) -> Refusal {
    let seconds = Duration::from_nanos(wall_ns).as_secs_f64();
    Refusal::run_too_far(name, &format!("or a run above it has had its {seconds} seconds"))
}
