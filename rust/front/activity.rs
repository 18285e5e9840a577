//! Whether a connection has something to do: how long it may be silent depends on that.

use std::cell::Cell;
use std::rc::Rc;

use super::wire::Phase;

/// What runs on one connection.
#[derive(Clone)]
pub(super) enum Activity {
    /// One request after the other.
    Single(Rc<Cell<Phase>>),
    /// Requests beside each other.
    Many(Rc<Calls>),
}

/// The requests of a connection that has many at once.
#[derive(Default)]
pub(super) struct Calls {
    running: Cell<usize>,
    begun: Cell<u64>,
}

/// A request, from its head to the last byte of its answer.
pub(super) struct Busy(Activity);

impl Activity {
    /// A request begins.
    pub fn begin(&self) -> Busy {
        match self {
            Self::Single(phase) => phase.set(Phase::Busy),
            Self::Many(calls) => {
                calls.running.set(calls.running.get() + 1);
                calls.begun.set(calls.begun.get() + 1);
            }
        }
        Busy(self.clone())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        match &self.0 {
            Activity::Single(phase) => phase.set(Phase::Idle),
            Activity::Many(calls) => calls.running.set(calls.running.get() - 1),
        }
    }
}

impl Calls {
    /// How many have begun, where none runs.
    pub fn idle_behind(&self) -> Option<u64> {
        (self.running.get() == 0).then(|| self.begun.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_are_idle_once_the_last_is_over() {
        let calls = Rc::new(Calls::default());
        let activity = Activity::Many(calls.clone());
        assert_eq!(calls.idle_behind(), Some(0));
        let (one, other) = (activity.begin(), activity.begin());
        drop(one);
        assert_eq!(calls.idle_behind(), None);
        drop(other);
        assert_eq!(calls.idle_behind(), Some(2));
    }

    #[test]
    fn a_single_one_waits_for_the_next() {
        let phase = Rc::new(Cell::new(Phase::Head));
        let busy = Activity::Single(phase.clone()).begin();
        assert_eq!(phase.get(), Phase::Busy);
        drop(busy);
        assert_eq!(phase.get(), Phase::Idle);
    }
}
