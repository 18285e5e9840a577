//! What the gateway counts, by what happened.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::board::{Board, DRAINED_MS, MAX_SERIES, RELOAD_FAILED};
use super::cells::{Cells, Key};
use super::family::{Family, Kind};
use super::seat::{Component, Health, health};
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
    pub operation: &'a str,
    pub dialect: &'a str,
    pub outcome: &'a str,
    /// 0 where the client was given none.
    pub client_status: u16,
    pub duration: Duration,
}

/// An attempt that is over, with the figures that its row has.
#[derive(Debug, Clone, Copy, Default)]
#[allow(missing_docs)] // the ledger's own names
pub struct Attempted<'a> {
    pub operation: &'a str,
    pub outcome: &'a str,
    /// Empty where there is none.
    pub error_code: &'a str,
    /// Whether the row has tokens: its basis is not `none`.
    pub has_tokens: bool,
    /// By class: `input`, `output` and so on.
    pub tokens: &'a [(&'static str, u64)],
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
    own: Cells,
    others: Arc<Cells>,
    models: Mutex<Models>,
}

#[derive(Debug, Default)]
struct Models {
    cells: HashMap<(String, String), Arc<Cells>>,
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
        let others = Arc::new(Cells::of_others());
        Self { board, own: Cells::default(), others, models: Mutex::default() }
    }

    /// Where they stand.
    pub const fn board(&self) -> &Board {
        &self.board
    }

    /// A model's series. Models beyond what there is room for share theirs; those that a configuration names come
    /// first, whatever names clients invent.
    pub fn model(&self, provider: &str, model: &str, is_configured: bool) -> Arc<Cells> {
        let mut models = self.models.lock().unwrap_or_else(PoisonError::into_inner);
        let name = (provider.to_owned(), model.to_owned());
        if let Some(cells) = models.cells.get(&name) {
            return cells.clone();
        }
        let has_room =
            is_configured || (models.open < MAX_OPEN_MODELS && self.board.len() < MAX_SERIES / 2);
        if !has_room || models.cells.len() >= MAX_MODELS {
            return self.others.clone();
        }
        models.open += usize::from(!is_configured);
        let cells = Arc::new(Cells::of(provider, model));
        models.cells.insert(name, cells.clone());
        cells
    }

    /// A request began.
    pub fn begin_request(&self) {
        if let Some(seat) = self.board.seat() {
            seat.active(&self.board, true);
        }
    }

    /// A request that had begun is over.
    pub fn end_request(&self, end: &RequestEnd<'_>) {
        if let Some(seat) = self.board.seat() {
            seat.active(&self.board, false);
        }
        self.answered(end);
    }

    /// A request was answered that never began.
    pub fn refused(&self, end: &RequestEnd<'_>, code: &str) {
        self.refusal(code);
        self.answered(end);
    }

    /// A request is answered without any upstream.
    pub fn refusal(&self, code: &str) {
        self.count(Key::new(Family::Refusals, [code, "", ""]));
    }

    /// A request is over of which nobody knows how long it took.
    pub fn lost_request(&self, end: &RequestEnd<'_>) {
        let RequestEnd { operation, dialect, outcome, client_status, .. } = *end;
        let words = [operation, dialect, outcome];
        self.count(Key { family: Family::Requests, words, number: client_status });
    }

    fn answered(&self, end: &RequestEnd<'_>) {
        self.lost_request(end);
        let key = Key::new(Family::RequestDuration, [end.operation, end.dialect, end.outcome]);
        self.observe(&self.own, &key, nanos(end.duration));
    }

    /// An attempt is over.
    pub fn attempt(&self, model: &Cells, attempted: &Attempted<'_>) {
        let Attempted { operation, outcome, error_code, .. } = *attempted;
        self.add(model, &Key::new(Family::Attempts, [outcome, error_code, ""]), 1);
        if attempted.has_tokens {
            self.tokens(model, operation, attempted.tokens);
        }
        self.cost(model, attempted.cost_pico);
        if let Some(duration) = attempted.duration {
            let error = match outcome {
                "ok" => "",
                _ if error_code.is_empty() => outcome,
                _ => error_code,
            };
            let key = Key::new(Family::OperationDuration, [operation, error, ""]);
            self.observe(model, &key, nanos(duration));
        }
        if let Some(first_chunk) = attempted.first_chunk {
            let key = Key::new(Family::FirstChunk, [operation, "", ""]);
            self.observe(model, &key, nanos(first_chunk));
        }
    }

    fn tokens(&self, model: &Cells, operation: &str, tokens: &[(&'static str, u64)]) {
        for (class, count) in tokens {
            if *count != 0 {
                self.add(model, &Key::new(Family::Tokens, [class, "", ""]), *count);
            }
            if matches!(*class, "input" | "output") {
                let key = Key::new(Family::TokenUsage, [operation, class, ""]);
                self.observe(model, &key, *count);
            }
        }
    }

    fn cost(&self, model: &Cells, pico: u128) {
        let key = Key::new(Family::Cost, [""; 3]);
        if let Some(at) = self.place(model, &key).filter(|_| pico != 0) {
            self.board.add(at, u64::try_from(pico / PICO_PER_NANO).unwrap_or(u64::MAX));
            self.board.add(at + 1, u64::try_from(pico % PICO_PER_NANO).unwrap_or_default());
        }
    }

    /// The gateway itself took so long before an answer's head.
    pub fn overhead(&self, overhead: Duration) {
        self.observe(&self.own, &Key::new(Family::Overhead, [""; 3]), nanos(overhead));
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

    fn count(&self, key: Key<'_>) {
        self.add(&self.own, &key, 1);
    }

    fn add(&self, cells: &Cells, key: &Key<'_>, n: u64) {
        if let Some(at) = self.place(cells, key) {
            self.board.add(at, n);
        }
    }

    fn observe(&self, cells: &Cells, key: &Key<'_>, value: u64) {
        let Kind::Histogram(bounds) = key.family.spec().kind else { return };
        if let Some(at) = self.place(cells, key) {
            self.board.add(at + bounds.bucket(value), 1);
            self.board.add(at + bounds.sum(), value);
        }
    }

    /// Where a series counts: its own place, or that of all which have none.
    fn place(&self, cells: &Cells, key: &Key<'_>) -> Option<usize> {
        let own = cells.at(&self.board, key);
        if own.is_some() {
            return own;
        }
        let shared = if cells.is_of_model() {
            self.others.at(&self.board, key)
        } else {
            cells.at_other(&self.board, key)
        };
        shared.inspect(|at| cells.remember(key, *at))
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
