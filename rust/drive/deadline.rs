//! Waits for one thing at a time, but never past a deadline or the client's leaving.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::time::Sleep;

use super::exchange::Exchange;

/// What cut a wait short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The phase's own deadline passed.
    Phase,
    /// The whole request's deadline passed.
    Total,
    /// The client left, or the gateway ends.
    Cancelled,
    /// Nothing went to the client for so long that it should hear something.
    Tick,
}

/// The deadlines of one attempt, on a single timer.
///
/// The timer is set once and moved only when it fires: a stream that flows never touches it.
#[derive(Debug)]
pub struct Deadline {
    timer: Pin<Box<Sleep>>,
    phase: Instant,
    total: Instant,
    tick: Option<Instant>,
    heeds_cancel: bool,
}

impl Deadline {
    /// Deadlines from now: `phase` for what comes first, `total` for everything.
    pub fn new(phase: Duration, total: Instant, tick: Option<Instant>) -> Self {
        let phase = after(Instant::now(), phase);
        let first = earliest(phase, total, tick);
        let timer = Box::pin(tokio::time::sleep_until(first.into()));
        Self { timer, phase, total, tick, heeds_cancel: true }
    }

    /// Begins the next phase.
    pub fn enter(&mut self, phase: Duration) {
        self.phase = after(Instant::now(), phase);
        self.advance_timer();
    }

    /// Moves the time at which the client should hear something.
    pub fn tick_at(&mut self, tick: Option<Instant>) {
        self.tick = tick;
        self.advance_timer();
    }

    /// From now on the client's leaving ends nothing: the rest is read for the usage in it.
    pub const fn outlive_client(&mut self) {
        self.heeds_cancel = false;
        self.tick = None;
    }

    /// From now on only the upstream's own time counts: the rest is for others.
    pub fn outlive_request(&mut self) {
        self.outlive_client();
        self.total = after(Instant::now(), Duration::MAX);
    }

    /// A later deadline is noticed when the timer fires; an earlier one must move it.
    fn advance_timer(&mut self) {
        let first = earliest(self.phase, self.total, self.tick).into();
        if first < self.timer.deadline() {
            self.timer.as_mut().reset(first);
        }
    }

    /// Waits for `future` until a deadline passes or the exchange is cancelled.
    ///
    /// A future that must survive [`Stop::Tick`] is passed pinned.
    pub async fn guard<F: Future>(&mut self, x: &Exchange, future: F) -> Result<F::Output, Stop> {
        let mut future = pin!(future);
        poll_fn(|cx| {
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(Ok(output));
            }
            if self.heeds_cancel && x.poll_cancelled(cx).is_ready() {
                return Poll::Ready(Err(Stop::Cancelled));
            }
            while self.timer.as_mut().poll(cx).is_ready() {
                if let Some(stop) = self.passed(Instant::now()) {
                    return Poll::Ready(Err(stop));
                }
                let first = earliest(self.phase, self.total, self.tick);
                self.timer.as_mut().reset(first.into());
            }
            Poll::Pending
        })
        .await
    }

    fn passed(&self, now: Instant) -> Option<Stop> {
        if now >= self.total {
            Some(Stop::Total)
        } else if now >= self.phase {
            Some(Stop::Phase)
        } else if self.tick.is_some_and(|tick| now >= tick) {
            Some(Stop::Tick)
        } else {
            None
        }
    }
}

fn earliest(phase: Instant, total: Instant, tick: Option<Instant>) -> Instant {
    let first = phase.min(total);
    tick.map_or(first, |tick| tick.min(first))
}

/// `start + wait`, or as late as can be said.
pub fn after(start: Instant, wait: Duration) -> Instant {
    const FAR: Duration = Duration::from_hours(24 * 365);
    start + wait.min(FAR)
}
