//! What an operator should hear of, at most now and then: counted always, told rarely.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::snapshot::Target;
use crate::observe::Metrics;

/// Between two tellings of the same thing.
const QUIET: Duration = Duration::from_mins(10);
/// Subjects of each kind that are told apart; names come from clients.
const MAX_SUBJECTS: usize = 4096;
/// Tellings that wait for the front.
const MAX_WAITING: usize = 256;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum AlertKind {
    /// An answer was recorded without a cost, since its model has no price.
    Unpriced,
    /// The upstream's count of its output is far from ours.
    UsageDiverges,
    /// Another model answered than the one that was asked.
    ModelDiffers,
    /// An agent's run does the same again and again.
    RunLoops,
    /// The store that limits are shared through does not answer.
    SharedStateAway,
    /// It lost what it knew of limits.
    SharedStateLost,
    /// It may lose it.
    SharedStateEvicts,
    /// Clients use more names than there is room for, so that those they used least lately count anew.
    LimitsForgotten,
    /// The store took answers that clients may go on from too slowly.
    ResponsesLost,
}

impl AlertKind {
    /// How many there are.
    const COUNT: usize = 9;

    /// The name in logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unpriced => "unpriced",
            Self::UsageDiverges => "usage_diverges",
            Self::ModelDiffers => "model_differs",
            Self::RunLoops => "run_loops",
            Self::SharedStateAway => "shared_state_away",
            Self::SharedStateLost => "shared_state_lost",
            Self::SharedStateEvicts => "shared_state_evicts",
            Self::LimitsForgotten => "limits_forgotten",
            Self::ResponsesLost => "responses_lost",
        }
    }

    /// Whether it is told again after a while; what only the configuration can change is told once.
    const fn repeats(self) -> bool {
        !matches!(self, Self::Unpriced | Self::ModelDiffers)
    }
}

/// One telling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// What happened.
    pub kind: AlertKind,
    /// At which provider.
    pub provider: String,
    /// With which of its models.
    pub model: String,
    /// For people: the figures of the latest time.
    pub detail: String,
    /// How often since the last telling.
    pub times: u64,
}

/// What waits to be told.
#[derive(Debug)]
pub struct Alerts {
    metrics: Arc<Metrics>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    subjects: [HashMap<(String, String, String), Subject>; AlertKind::COUNT],
    waiting: Vec<Alert>,
}

#[derive(Debug, Default)]
struct Subject {
    untold: u64,
    told: Option<Instant>,
}

impl Subject {
    /// Whether it was told lately.
    fn is_quiet(&self, now: Instant) -> bool {
        self.told.is_some_and(|told| now.saturating_duration_since(told) < QUIET)
    }
}

impl Alerts {
    /// Nothing was raised yet.
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics, state: Mutex::default() }
    }

    /// Counts it, and has it told unless it was told lately. `detail` is made only then.
    pub fn raise(
        &self,
        kind: AlertKind,
        target: &Target,
        now: Instant,
        detail: impl FnOnce() -> String,
    ) {
        self.raise_at(kind, (&target.upstream.provider, &target.model, ""), now, detail);
    }

    /// The same of a part of the gateway, at a place.
    pub fn raise_in(
        &self,
        part: &str,
        place: &str,
        kind: AlertKind,
        now: Instant,
        detail: impl FnOnce() -> String,
    ) {
        self.raise_at(kind, (part, place, ""), now, detail);
    }

    /// The same of something that is told apart by more than its target.
    pub fn raise_of(
        &self,
        kind: AlertKind,
        target: &Target,
        what: &str,
        detail: impl FnOnce() -> String,
    ) {
        let named = (target.upstream.provider.as_str(), target.model.as_str(), what);
        self.raise_at(kind, named, Instant::now(), detail);
    }

    fn raise_at(
        &self,
        kind: AlertKind,
        (provider, model, what): (&str, &str, &str),
        now: Instant,
        detail: impl FnOnce() -> String,
    ) {
        self.metrics.alert(kind.name());
        let mut state = self.state();
        let State { subjects, waiting } = &mut *state;
        let subjects = &mut subjects[kind as usize]; // one kind's names take no room of another's
        let name = (provider.to_owned(), model.to_owned(), what.to_owned());
        if subjects.len() >= MAX_SUBJECTS && !subjects.contains_key(&name) {
            subjects.retain(|_, subject| !kind.repeats() || subject.is_quiet(now));
            if subjects.len() >= MAX_SUBJECTS {
                return;
            }
        }
        let subject = subjects.entry(name).or_default();
        subject.untold += 1;
        let is_due = subject.told.is_none() || (kind.repeats() && !subject.is_quiet(now));
        if is_due && waiting.len() < MAX_WAITING {
            let times = std::mem::take(&mut subject.untold);
            subject.told = Some(now);
            let (provider, model) = (provider.to_owned(), model.to_owned());
            waiting.push(Alert { kind, provider, model, detail: detail(), times });
        }
    }

    /// What waits to be told, oldest first.
    pub fn take(&self) -> Vec<Alert> {
        std::mem::take(&mut self.state().waiting)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts for itself, since nobody has a directory of that name.
    fn alerts() -> Alerts {
        let nowhere = std::path::Path::new("/nonexistent");
        Alerts::new(Arc::new(Metrics::attach(nowhere).unwrap()))
    }

    fn raise(alerts: &Alerts, kind: AlertKind, model: &str, now: Instant) {
        alerts.raise_at(kind, ("u", model, ""), now, || "so".to_owned());
    }

    #[test]
    fn a_model_without_a_price_is_told_once() {
        let (alerts, start) = (alerts(), Instant::now());
        for hour in 0..5 {
            raise(&alerts, AlertKind::Unpriced, "m", start + Duration::from_hours(hour));
        }
        assert_eq!(alerts.take().len(), 1);
    }

    #[test]
    fn a_divergence_is_told_again_with_its_count() {
        let (alerts, start) = (alerts(), Instant::now());
        for second in 0..=600 {
            let now = start + Duration::from_secs(second);
            raise(&alerts, AlertKind::UsageDiverges, "m", now);
        }
        let times: Vec<u64> = alerts.take().iter().map(|alert| alert.times).collect();
        assert_eq!(times, [1, 600]);
    }

    #[test]
    fn runs_are_told_apart_and_take_no_room_of_other_kinds() {
        let (alerts, start) = (alerts(), Instant::now());
        let circles = |run: &str, now| {
            alerts.raise_at(AlertKind::RunLoops, ("u", "m", run), now, || run.to_owned());
        };
        for run in ["a", "b", "a"] {
            circles(run, start);
        }
        let told: Vec<String> = alerts.take().into_iter().map(|alert| alert.detail).collect();
        assert_eq!(told, ["a", "b"]);
        for run in 0..MAX_SUBJECTS {
            circles(&run.to_string(), start);
            let _ = alerts.take();
        }
        raise(&alerts, AlertKind::Unpriced, "m", start);
        assert_eq!(alerts.take().len(), 1, "another kind");
        circles("late", start);
        assert_eq!(alerts.take().len(), 0, "there is no room for more now");
        circles("later", start + QUIET);
        assert_eq!(alerts.take().len(), 1, "those that were told long ago make room");
    }

    #[test]
    fn invented_names_take_no_more_than_their_room() {
        let (alerts, start) = (alerts(), Instant::now());
        for model in 0..3 * MAX_SUBJECTS {
            raise(&alerts, AlertKind::Unpriced, &model.to_string(), start);
        }
        assert_eq!(alerts.take().len(), MAX_WAITING);
        assert_eq!(alerts.state().subjects[0].len(), MAX_SUBJECTS);
    }
}
