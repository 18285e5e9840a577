//! What is true of a process only while it lives: requests that run, parts that fail.

use super::board::{Board, SEATS_AT};
use crate::mapped::Owner;

/// Processes that may count at once; what runs in more of them is not shown.
pub(super) const SEATS: usize = 64;
/// Two lines of the processor's cache.
pub(super) const SEAT_WORDS: usize = 16;
const OWNER: usize = 0;
const ACTIVE: usize = 1;
const DRAINING: usize = 2;
const COMPONENTS: usize = 3;
const HOLDINGS: usize = COMPONENTS + Component::ALL.len();
const _: () = assert!(HOLDINGS + Holding::ALL.len() <= SEAT_WORDS);

/// What a gateway needs beside itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Component {
    /// The store of rows and keys.
    Ledger = 0,
    /// What rows are kept in until the store has them.
    Journal = 1,
    /// What several hosts count limits in.
    SharedState = 2,
    /// What is known of the store's keys.
    Keys = 3,
}

impl Component {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Ledger, Self::Journal, Self::SharedState, Self::Keys];

    /// The name in metrics and in the answer to `/health/ready`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ledger => "ledger",
            Self::Journal => "journal",
            Self::SharedState => "shared_state",
            Self::Keys => "keys",
        }
    }

    /// What it is where some process cannot use it.
    pub const fn trouble(self) -> &'static str {
        match self {
            Self::Journal => "full",
            Self::Keys => "stale",
            Self::Ledger | Self::SharedState => "degraded",
        }
    }
}

/// What the memory of a process has room for, each process its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Holding {
    /// Answers of the cache.
    Entries = 0,
    /// Bytes of these.
    Bytes = 1,
    /// Questions of the semantic cache.
    Questions = 2,
}

impl Holding {
    /// All of them.
    pub(super) const ALL: [Self; 3] = [Self::Entries, Self::Bytes, Self::Questions];

    /// The gauge's name and meaning.
    pub(super) const fn gauge(self) -> (&'static str, &'static str) {
        match self {
            Self::Entries => ("sluicegate_cache_entries", "Answers in the memory of workers."),
            Self::Bytes => ("sluicegate_cache_bytes", "Bytes of these."),
            Self::Questions => {
                ("sluicegate_cache_questions", "Questions in the semantic index of workers.")
            }
        }
    }
}

/// How the processes that live are, all together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Health {
    /// Processes that take requests.
    pub workers: u64,
    /// Of them, those that take no new ones.
    pub draining: u64,
    /// Requests that run.
    pub active: u64,
    /// Processes that cannot use a component, by [`Component`].
    pub troubled: [u64; Component::ALL.len()],
    /// What they hold, by [`Holding`].
    pub holds: [u64; Holding::ALL.len()],
}

/// A process's own words.
#[derive(Debug)]
pub(super) struct Seat {
    pub number: usize,
}

impl Seat {
    /// A free seat, or a dead process's. Called under the board's lock.
    pub fn take(board: &Board, me: Owner) -> Option<Self> {
        let is_free = |number: &usize| {
            let owner = board.get(at(*number));
            owner == 0 || !Owner(owner).is_alive()
        };
        let number = (0..SEATS).find(is_free)?;
        for word in (at(number) + 1)..at(number + 1) {
            board.set(word, 0);
        }
        board.set(at(number) + OWNER, me.0);
        Some(Self { number })
    }

    pub fn leave(&self, board: &Board) {
        board.set(at(self.number) + OWNER, 0);
    }

    /// Begins and ends a request.
    pub fn active(&self, board: &Board, is_more: bool) {
        if let Some(word) = board.words().get(at(self.number) + ACTIVE) {
            let step = if is_more { 1 } else { u64::MAX }; // which wraps to one less
            word.fetch_add(step, std::sync::atomic::Ordering::Relaxed);
        }
    }

    pub fn draining(&self, board: &Board) {
        board.set(at(self.number) + DRAINING, 1);
    }

    pub fn troubled(&self, board: &Board, component: Component, is_troubled: bool) {
        board.set(at(self.number) + COMPONENTS + component as usize, u64::from(is_troubled));
    }

    pub fn holds(&self, board: &Board, holding: Holding, count: u64) {
        board.set(at(self.number) + HOLDINGS + holding as usize, count);
    }
}

/// The processes that live, with their seats.
pub(super) fn living(board: &Board) -> impl Iterator<Item = (usize, Owner)> {
    let seated = (0..SEATS).map(|number| (number, Owner(board.get(at(number) + OWNER))));
    seated.filter(|(_, owner)| owner.0 != 0 && owner.is_alive())
}

/// How they are, all together.
pub(super) fn health(board: &Board) -> Health {
    let mut health = Health::default();
    for (number, _) in living(board) {
        let word = |offset| board.get(at(number) + offset);
        health.workers += 1;
        health.draining += word(DRAINING);
        health.active = health.active.wrapping_add(word(ACTIVE));
        for (component, troubled) in health.troubled.iter_mut().enumerate() {
            *troubled += word(COMPONENTS + component);
        }
        for (holding, holds) in health.holds.iter_mut().enumerate() {
            *holds += word(HOLDINGS + holding);
        }
    }
    health
}

const fn at(number: usize) -> usize {
    SEATS_AT + number * SEAT_WORDS
}
