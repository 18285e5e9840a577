//! A defect ends one request: what unwinds is caught where that request is worked on, and told as an error of its own.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;

/// What came of some work; `None` where it panicked.
///
/// What it worked on must be whole after every step, or not be used again.
pub(super) fn caught<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}

/// The same of a future. Pinned where it stands: one that is passed on takes its room twice.
pub async fn caught_async<F: Future>(mut work: Pin<&mut F>) -> Option<F::Output> {
    poll_fn(move |cx| match caught(|| work.as_mut().poll(cx)) {
        Some(Poll::Pending) => Poll::Pending,
        Some(Poll::Ready(output)) => Poll::Ready(Some(output)),
        None => Poll::Ready(None),
    })
    .await
}

/// Has panics tell where they are and, of their text, only what the source says: the rest may quote a prompt or a key.
pub fn tell_only_places() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let text = info.payload().downcast_ref::<&'static str>().unwrap_or(&"(text withheld)");
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or("unnamed");
        eprintln!("sluicegate: a defect of the core at {place} in thread {thread}: {text}");
        let trace = std::backtrace::Backtrace::capture();
        if trace.status() == std::backtrace::BacktraceStatus::Captured {
            eprintln!("{trace}");
        }
    }));
}

/// Where a test has the core panic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// While a request is decided on, behind its reservation.
    Admit,
    /// Before anything of an attempt is sent.
    Attempt,
    /// Behind the first piece of a stream.
    Relay,
}

/// Models whose requests have the core panic on purpose: for tests, and empty otherwise. Only who starts the gateway
/// sets it.
#[derive(Debug, Default)]
pub struct Rigged(Vec<(Point, String)>);

impl Rigged {
    /// Reads `POINT=MODEL` with commas between; what is none is left out.
    pub fn parse(text: &str) -> Self {
        let point = |name: &str| match name {
            "admit" => Some(Point::Admit),
            "attempt" => Some(Point::Attempt),
            "relay" => Some(Point::Relay),
            _ => None,
        };
        let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
        Self(pairs.filter_map(|(name, model)| Some((point(name)?, model.to_owned()))).collect())
    }

    /// Panics where it is set to.
    #[inline]
    pub fn at(&self, point: Point, model: &str) {
        if !self.0.is_empty() {
            self.look(point, model);
        }
    }

    #[cold]
    fn look(&self, point: Point, model: &str) {
        let is_here = self.0.iter().any(|(at, name)| *at == point && name == model);
        assert!(!is_here, "a test asked for this");
    }
}
