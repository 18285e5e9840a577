//! What a worker asks of the shared counters in one step: the script's keys and words.

use std::collections::HashMap;

use super::{keys, kin};
use crate::budget::{CounterName, Kinship, Return, Stand, Terms};

/// Keys of a window stay for so long behind its end, whatever the clocks of hosts say.
const SLACK_MS: u64 = 3_600_000;
/// A counter of parallel requests that nobody asked for a day counts nothing.
const PARALLEL_MS: u64 = 86_400_000;
/// One of many instances of a total, a run or an end user, that was quiet for so long is forgotten.
const QUIET_MS: u64 = 90 * 86_400_000;
/// Bits of a whole number that a double holds, and one to spare for sums.
const EXACT_BITS: u32 = 52;

/// One part of a decision.
#[derive(Debug, Clone)]
pub struct Part {
    /// Of which counter.
    pub name: CounterName,
    /// By which rule.
    pub terms: Terms,
    /// How it stands here.
    pub stand: Stand,
    /// Units without which nothing begins.
    pub need: u64,
    /// Units that are welcome.
    pub want: u64,
}

/// Keys and words, in the making.
#[derive(Debug, Clone)]
pub struct Batch {
    keys: Vec<String>,
    places: HashMap<String, usize>,
    words: Vec<String>,
    operations: usize,
    now_ms: u64,
}

impl Batch {
    /// An empty batch of a worker: the sequence number is another one for every batch.
    pub fn new(
        (host, life): (&str, u64),
        (worker, sequence): (&str, u64),
        is_kept: bool,
        knows_others: bool,
        now_ms: u64,
    ) -> Self {
        let fixed = [keys::HOSTS, keys::WANTED];
        let mut all: Vec<String> = fixed.map(str::to_owned).to_vec();
        all.push(keys::worker_key(host, worker));
        let words = vec![
            host.to_owned(),
            format!("{life:016x}"),
            sequence.to_string(),
            flag(is_kept),
            flag(knows_others),
        ];
        Self { keys: all, places: HashMap::new(), words, operations: 0, now_ms }
    }

    /// Its keys.
    pub fn keys(&self) -> &[String] {
        &self.keys
    }

    /// Its words.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// How many answers it gets.
    pub const fn operations(&self) -> usize {
        self.operations
    }

    /// A decision: all of its parts are granted, or none.
    pub fn decide(&mut self, parts: &[Part]) {
        self.begin("D");
        self.number(parts.len() as u64);
        for part in parts {
            self.charge(&part.name, part.terms);
            if !matches!(part.terms, Terms::Rate(_)) {
                self.state(&part.stand);
            }
            self.number(part.need);
            self.number(part.want);
            self.number(part.stand.free);
        }
    }

    /// What became of a lease.
    pub fn report(&mut self, name: &CounterName, terms: Terms, report: &Return) {
        self.begin("T");
        self.charge(name, terms);
        self.state(&report.before);
        self.number(report.back);
        self.number(report.over);
    }

    /// The same where the terms are not known here: what was asked for is answered, and nothing made.
    pub fn reply(&mut self, name: &CounterName, report: &Return) {
        self.begin("T");
        self.words.push("w".to_owned());
        self.counter(name);
        for word in ["0", "0", "1", "0", "-1"] {
            self.words.push(word.to_owned());
        }
        self.state(&report.before);
        self.number(report.back);
        self.number(report.over);
    }

    /// So many units of a rate more, or fewer, were used than others know.
    pub fn correct(&mut self, name: &CounterName, terms: Terms, units: i64) {
        self.begin("T");
        self.charge(name, terms);
        self.words.push(units.to_string());
    }

    /// What a ledger knows of a limit, by counter and host; `mark` where that is all that it knows.
    pub fn seed(&mut self, mark: Option<&str>, end: u64, rows: &[(CounterName, String, u64)]) {
        self.begin("S");
        let mark = mark.map_or(0, |mark| self.key(mark.to_owned()));
        self.number(mark as u64);
        let until_ms = rows.first().map_or(0, |(name, ..)| self.until_ms(name, end));
        self.number(until_ms);
        self.number(rows.len() as u64);
        for (name, host, units) in rows {
            self.counter(name);
            self.words.push(host.clone());
            self.number(*units);
        }
    }

    /// What a ledger knows of a host that keeps its word no more.
    pub fn fix(&mut self, name: &CounterName, host: &str, units: u64) {
        self.begin("F");
        self.counter(name);
        self.words.push(host.to_owned());
        self.number(units);
    }

    /// Whether a ledger was asked for a limit, by its mark.
    pub fn is_known(&mut self, mark: &str) {
        self.begin("K");
        let place = self.key(mark.to_owned());
        self.number(place as u64);
    }

    /// What other hosts spent and hold.
    pub fn look(&mut self, name: &CounterName) {
        self.begin("Q");
        self.counter(name);
    }

    /// Tells which runs have which parents, and asks for what was told after the `since`th telling.
    pub fn kin(&mut self, since: u64, told: &[Kinship]) {
        self.begin("N");
        let place = self.key(keys::KIN.to_owned());
        for part in [place as u64, since, told.len() as u64] {
            self.number(part);
        }
        self.words.extend(told.iter().map(kin::word));
    }

    fn begin(&mut self, operation: &str) {
        self.operations += 1;
        self.words.push(operation.to_owned());
    }

    fn charge(&mut self, name: &CounterName, terms: Terms) {
        let kind = match terms {
            Terms::Window(..) => "w",
            Terms::Parallel(_) => "p",
            Terms::Rate(_) => "r",
        };
        self.words.push(kind.to_owned());
        self.counter(name);
        let (amount, until_ms) = match terms {
            Terms::Rate(rate) => {
                let (units, period_ns, burst) = rate.parts();
                for part in [units, period_ns / 1000, burst] {
                    self.number(part);
                }
                return;
            }
            Terms::Window(amount, end) => (amount, self.until_ms(name, end)),
            Terms::Parallel(amount) => (amount, self.now_ms + PARALLEL_MS),
        };
        let mark = self.key(keys::mark_of(&name.limit, name.epoch, name.unit_pico));
        for part in [mark as u64, amount, grain(amount), name.window / 1000, until_ms] {
            self.number(part);
        }
    }

    fn state(&mut self, stand: &Stand) {
        for part in [stand.allowance, stand.spent, stand.held] {
            self.number(part);
        }
    }

    /// When a counter's key may go; 0 is never.
    fn until_ms(&self, name: &CounterName, end: u64) -> u64 {
        match end {
            u64::MAX if name.instance.is_empty() => 0,
            u64::MAX => self.now_ms + QUIET_MS,
            end => end / 1_000_000 + SLACK_MS,
        }
    }

    fn counter(&mut self, name: &CounterName) {
        let place = self.key(keys::counter_key(name));
        self.number(place as u64);
    }

    /// Its place among the keys, from 1 as the script counts.
    fn key(&mut self, key: String) -> usize {
        if let Some(place) = self.places.get(&key) {
            return *place;
        }
        self.keys.push(key.clone());
        self.places.insert(key, self.keys.len());
        self.keys.len()
    }

    fn number(&mut self, number: u64) {
        self.words.push(number.to_string());
    }
}

/// The power of two that units of a large amount are counted in, so that doubles hold them exactly.
fn grain(amount: u64) -> u64 {
    1 << (u64::BITS - amount.leading_zeros()).saturating_sub(EXACT_BITS)
}

fn flag(is_set: bool) -> String {
    if is_set { "1" } else { "0" }.to_owned()
}
