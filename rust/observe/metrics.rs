//! What the gateway counts, by what happened.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::board::{Board, DRAINED_MS, MAX_SERIES, RELOAD_FAILED};
use super::cells::{Cells, Key};
use super::family::{Family, Kind};
use super::seat::{Component, Health, health};
use super::slot::{AttemptSlots, CLASSES, MEMBERS, Member, RequestSlots, SavedSlots, Slot};
use crate::error::Error;

/// Models that no configuration names and that still have series of their own. Clients choose such names.
const MAX_OPEN_MODELS: usize = 256;
/// Models with series of their own in all.
const MAX_MODELS: usize = 1024;
/// Pico-dollars in a nano-dollar.
const PICO_PER_NANO: u128 = 1000;

/// A request that is over.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)] // the ledger's own names
pub struct RequestEnd<'a> {
    pub operation: Member,
    pub dialect: Member,
    pub outcome: &'a str,
    /// 0 where the client was given none.
    pub client_status: u16,
}

/// An attempt that is over, with the figures that its row has.
#[derive(Debug, Clone, Copy, Default)]
#[allow(missing_docs)] // the ledger's own names
pub struct Attempted<'a> {
    pub operation: Member,
    pub outcome: &'a str,
    /// Empty where there is none.
    pub error_code: &'a str,
    /// Whether the row has tokens: its basis is not `none`.
    pub has_tokens: bool,
    /// Input, output, read from a cache, written to one, the part of that for an hour, reasoning, audio, images.
    pub tokens: [u64; CLASSES.len()],
    /// Of the cost, where it is known.
    pub cost_pico: u128,
    /// `None` where nobody measured it: the gateway died.
    pub duration: Option<Duration>,
    /// To the first content of a stream.
    pub first_chunk: Option<Duration>,
}

/// The counts of one process.
#[derive(Debug)]
pub struct Metrics {
    board: Board,
    pub(super) own: Cells,
    overhead: Slot,
    requests: [[RequestSlots; MEMBERS]; MEMBERS],
    /// Of requests by what the cache did for them.
    pub(super) cached: [Slot; MEMBERS],
    others: Arc<ModelSeries>,
    models: Mutex<Models>,
}

/// Where the attempts of one model at one provider are counted.
#[derive(Debug)]
pub struct ModelSeries {
    pub(super) cells: Cells,
    slots: [AttemptSlots; MEMBERS],
    pub(super) saved: SavedSlots,
}

impl ModelSeries {
    fn new(cells: Cells) -> Self {
        Self { cells, slots: Default::default(), saved: SavedSlots::default() }
    }
}

#[derive(Debug, Default)]
struct Models {
    series: HashMap<(String, String), Arc<ModelSeries>>,
    /// Those among them that no configuration named when they were first counted.
    open: usize,
}

impl Metrics {
    /// Those of a worker.
    pub fn open(directory: &Path) -> Result<Self, Error> {
        Board::open(directory).map(Self::on)
    }

    /// Those of a process that looks after workers.
    pub fn attach(directory: &Path) -> Result<Self, Error> {
        Board::attach(directory).map(Self::on)
    }

    fn on(board: Board) -> Self {
        Self {
            board,
            own: Cells::default(),
            overhead: Slot::default(),
            requests: Default::default(),
            cached: Default::default(),
            others: Arc::new(ModelSeries::new(Cells::of_others())),
            models: Mutex::default(),
        }
    }

    /// Where they stand.
    pub const fn board(&self) -> &Board {
        &self.board
    }

    /// A model's series. Models beyond what there is room for share theirs; those that a configuration names come
    /// first, whatever names clients invent.
    pub fn model(&self, provider: &str, model: &str, is_configured: bool) -> Arc<ModelSeries> {
        let mut models = self.models.lock().unwrap_or_else(PoisonError::into_inner);
        let name = (provider.to_owned(), model.to_owned());
        if let Some(series) = models.series.get(&name) {
            return series.clone();
        }
        let has_room =
            is_configured || (models.open < MAX_OPEN_MODELS && self.board.len() < MAX_SERIES / 2);
        if !has_room || models.series.len() >= MAX_MODELS {
            return self.others.clone();
        }
        models.open += usize::from(!is_configured);
        let series = Arc::new(ModelSeries::new(Cells::of(provider, model)));
        models.series.insert(name, series.clone());
        series
    }

    /// A request began.
    pub fn begin_request(&self) {
        if let Some(seat) = self.board.seat() {
            seat.active(&self.board, true);
        }
    }

    /// A request that had begun is over.
    pub fn end_request(&self, end: &RequestEnd<'_>, duration: Duration) {
        if let Some(seat) = self.board.seat() {
            seat.active(&self.board, false);
        }
        let slots = self.slots(end);
        self.add(self.find(slots.map(|s| &s.requests), &self.own, &requests(end)), 1);
        let words = [end.operation.name, end.dialect.name, end.outcome];
        let key = Key::new(Family::RequestDuration, words);
        let place = self.find(slots.map(|s| &s.duration), &self.own, &key);
        self.observe(Family::RequestDuration, place, nanos(duration));
    }

    fn slots(&self, end: &RequestEnd<'_>) -> Option<&RequestSlots> {
        let slots = self.requests.get(end.operation.number)?.get(end.dialect.number);
        slots.filter(|_| end.outcome == "ok" && end.client_status == 200)
    }

    /// A request is over that never began, or of which nobody knows how long it took.
    pub fn request(&self, end: &RequestEnd<'_>) {
        self.add(self.place(&self.own, &requests(end)), 1);
    }

    /// A request is answered without any upstream.
    pub fn refusal(&self, code: &str) {
        self.count(Key::new(Family::Refusals, [code, "", ""]));
    }

    /// An attempt is over.
    pub fn attempt(&self, model: &ModelSeries, attempted: &Attempted<'_>) {
        let ModelSeries { cells, slots, .. } = model;
        let slots = slots.get(attempted.operation.number);
        let Attempted { operation: Member { name: operation, .. }, outcome, error_code, .. } =
            *attempted;
        let is_plain = outcome == "ok" && error_code.is_empty();
        let plain = slots.filter(|_| is_plain);
        let at = |slot: Option<&Slot>, family: Family, words: [&str; 3]| {
            self.find(slot, cells, &Key::new(family, words))
        };
        let ended = [outcome, error_code, ""];
        self.add(at(plain.map(|s| &s.attempts), Family::Attempts, ended), 1);
        if attempted.has_tokens {
            self.tokens(model, attempted);
        }
        self.add_money(at(slots.map(|s| &s.cost), Family::Cost, [""; 3]), attempted.cost_pico);
        if let Some(duration) = attempted.duration {
            let error = match outcome {
                "ok" => "",
                _ if error_code.is_empty() => outcome,
                _ => error_code,
            };
            let words = [operation, error, ""];
            let place = at(plain.map(|s| &s.duration), Family::OperationDuration, words);
            self.observe(Family::OperationDuration, place, nanos(duration));
        }
        if let Some(first_chunk) = attempted.first_chunk {
            let words = [operation, "", ""];
            let place = at(slots.map(|s| &s.first_chunk), Family::FirstChunk, words);
            self.observe(Family::FirstChunk, place, nanos(first_chunk));
        }
    }

    fn tokens(&self, ModelSeries { cells, slots, .. }: &ModelSeries, attempted: &Attempted<'_>) {
        let slots = slots.get(attempted.operation.number);
        let counted = CLASSES.iter().zip(attempted.tokens).enumerate();
        for (number, (class, count)) in counted {
            if count != 0 {
                let slot = slots.and_then(|s| s.tokens.get(number));
                let key = Key::new(Family::Tokens, [class, "", ""]);
                self.add(self.find(slot, cells, &key), count);
            }
            if number < 2 {
                let slot = slots.and_then(|s| s.usage.get(number));
                let key = Key::new(Family::TokenUsage, [attempted.operation.name, class, ""]);
                self.observe(Family::TokenUsage, self.find(slot, cells, &key), count);
            }
        }
    }

    /// The gateway itself took so long before an answer's head.
    pub fn overhead(&self, overhead: Duration) {
        let key = Key::new(Family::Overhead, [""; 3]);
        let place = self.find(Some(&self.overhead), &self.own, &key);
        self.observe(Family::Overhead, place, nanos(overhead));
    }

    /// Something that an operator should hear of.
    pub fn alert(&self, kind: &str) {
        self.count(Key::new(Family::Alerts, [kind, "", ""]));
    }

    /// A threshold of a limit was reached.
    pub fn threshold(&self, limit: &str, percent: u8) {
        self.count(Key::new(Family::Thresholds, [limit, &percent.to_string(), ""]));
    }

    /// The configuration was read again, or could not be.
    pub fn reload(&self, is_ok: bool) {
        let outcome = if is_ok { "ok" } else { "failed" };
        self.count(Key::new(Family::Reloads, [outcome, "", ""]));
        self.board.set(RELOAD_FAILED, u64::from(!is_ok));
    }

    /// The ledger has all that was journalled.
    pub fn drained(&self) {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.board.set(DRAINED_MS, u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
    }

    /// Whether this process can use a component.
    pub fn troubled(&self, component: Component, is_troubled: bool) {
        if let Some(seat) = self.board.seat() {
            seat.troubled(&self.board, component, is_troubled);
        }
    }

    /// This process takes no new requests.
    pub fn draining(&self) {
        if let Some(seat) = self.board.seat() {
            seat.draining(&self.board);
        }
    }

    /// How all processes of the host are.
    pub fn health(&self) -> Health {
        health(&self.board)
    }

    pub(super) fn count(&self, key: Key<'_>) {
        self.add(self.place(&self.own, &key), 1);
    }

    pub(super) fn add(&self, place: Option<usize>, n: u64) {
        if let Some(at) = place {
            self.board.add(at, n);
        }
    }

    pub(super) fn add_money(&self, place: Option<usize>, pico: u128) {
        let nano = u64::try_from(pico / PICO_PER_NANO).unwrap_or(u64::MAX);
        self.add(place, nano);
        self.add(place.map(|at| at + 1), u64::try_from(pico % PICO_PER_NANO).unwrap_or_default());
    }

    pub(super) fn observe(&self, family: Family, place: Option<usize>, value: u64) {
        let Kind::Histogram(bounds) = family.spec().kind else { return };
        self.add(place.map(|at| at + bounds.bucket(value)), 1);
        self.add(place.map(|at| at + bounds.sum()), value);
    }

    #[inline]
    pub(super) fn find(&self, slot: Option<&Slot>, cells: &Cells, key: &Key<'_>) -> Option<usize> {
        slot.map_or_else(|| self.place(cells, key), |slot| slot.get(|| self.place(cells, key)))
    }

    /// Where a series counts: its own place, or that of all which have none.
    pub(super) fn place(&self, cells: &Cells, key: &Key<'_>) -> Option<usize> {
        let own = cells.at(&self.board, key);
        if own.is_some() {
            return own;
        }
        let shared = if cells.is_of_model() {
            self.others.cells.at(&self.board, key)
        } else {
            cells.at_other(&self.board, key)
        };
        shared.inspect(|at| cells.remember(key, *at))
    }
}

fn requests<'a>(end: &RequestEnd<'a>) -> Key<'a> {
    let words = [end.operation.name, end.dialect.name, end.outcome];
    Key { family: Family::Requests, words, number: end.client_status }
}

pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
