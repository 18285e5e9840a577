//! What only a ledger knows: how much of a limit each host spent before the server heard of it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::batch::Batch;
use super::desk::{Share, Wish};
use super::keys::mark_key;
use crate::budget::{Charge, CounterName, Limit};

/// Rows in one operation of the script, so that none holds the server up.
const ROWS: usize = 500;
/// Between two questions about the same.
const PAUSE: Duration = Duration::from_secs(5);
/// A question that was not answered for so long is asked again.
const FORGOTTEN: Duration = Duration::from_mins(1);

/// A question to the ledger.
#[derive(Debug, Clone)]
pub struct Question {
    /// What was spent of this limit in its running window, by whom?
    pub limit: Arc<Limit>,
    about: About,
}

#[derive(Debug, Clone)]
enum About {
    /// The whole of it.
    Limit,
    /// One counter, and hosts whose leases nobody will use up or give back.
    Stale(Charge, Vec<String>),
}

/// What the ledger says: the values of the scope, the host, units. None where it cannot be asked.
#[derive(Debug)]
pub(super) struct Answer {
    pub question: Question,
    pub rows: Option<Vec<(String, String, u64)>>,
}

/// A limit, as far as questions go.
type Subject = (String, u64, String);

/// Questions that are open, and who waits for their answers.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    asked: HashMap<Subject, Instant>,
    parked: Vec<(Wish, Charge)>,
}

impl Ledger {
    /// Has a ledger asked what was spent of a limit, unless that is under way.
    pub fn ask(&mut self, share: &Share, limit: &Arc<Limit>) {
        let subject = (limit.name.clone(), limit.epoch, "\u{1}".to_owned());
        if self.may_ask(subject, FORGOTTEN) {
            share.ask_ledger(Question { limit: limit.clone(), about: About::Limit });
        }
    }

    /// Has it asked for the last word of hosts that keep theirs no more.
    pub fn ask_stale(&mut self, share: &Share, charge: &Charge, hosts: Vec<String>) {
        let limit = charge.limit.clone();
        let subject = (limit.name.clone(), limit.epoch, charge.instance.clone());
        if !hosts.is_empty() && self.may_ask(subject, PAUSE) {
            share.ask_ledger(Question { limit, about: About::Stale(charge.clone(), hosts) });
        }
    }

    fn may_ask(&mut self, subject: Subject, pause: Duration) -> bool {
        let now = Instant::now();
        self.asked.retain(|_, at| now.duration_since(*at) < FORGOTTEN);
        if self.asked.get(&subject).is_some_and(|at| now.duration_since(*at) < pause) {
            return false;
        }
        self.asked.insert(subject, now);
        true
    }

    /// Keeps a wish until the ledger was asked for the limit of this charge.
    pub fn park(&mut self, wish: Wish, charge: Charge) {
        self.parked.push((wish, charge));
    }

    /// Lets go of wishes that have waited long enough.
    pub fn release(&mut self, patience: Duration) {
        self.parked.retain(|(wish, _)| wish.since.elapsed() < patience);
    }

    /// Lets go of all.
    pub fn release_all(&mut self) {
        self.parked.clear();
    }

    /// Puts an answer into a batch. Gives how many operations that are, and the wishes that waited for it.
    pub fn tell(
        &mut self,
        answer: Answer,
        batch: &mut Batch,
        now_unix_ns: u64,
    ) -> (usize, Vec<Wish>) {
        let limit = answer.question.limit;
        let Some(rows) = answer.rows else {
            self.asked.retain(|(name, epoch, _), _| *name != limit.name || *epoch != limit.epoch);
            return (0, Vec::new());
        };
        let (window, end) = limit.window_at(now_unix_ns);
        let name =
            |instance: String| CounterName::of(&Charge::new(limit.clone(), instance), window);
        if let About::Stale(charge, hosts) = answer.question.about {
            for host in &hosts {
                let row = rows.iter().find(|row| row.0 == charge.instance && row.1 == *host);
                batch.fix(&name(charge.instance.clone()), host, row.map_or(0, |row| row.2));
            }
            return (hosts.len(), Vec::new());
        }
        self.asked.remove(&(limit.name.clone(), limit.epoch, "\u{1}".to_owned()));
        let is_of =
            |charge: &Charge| charge.limit.name == limit.name && charge.limit.epoch == limit.epoch;
        let (waiting, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.parked).into_iter().partition(|(_, charge)| is_of(charge));
        self.parked = others;
        // Where keys may be evicted each counter must say for itself that the ledger was asked.
        let asked_for =
            waiting.iter().map(|(_, charge)| (name(charge.instance.clone()), String::new(), 0));
        let known = rows.into_iter().map(|(instance, host, units)| (name(instance), host, units));
        let all: Vec<(CounterName, String, u64)> = known.chain(asked_for).collect();
        let mark = mark_key(&limit);
        let pieces = all.len().div_ceil(ROWS).max(1);
        for piece in 0..pieces {
            let rows = all.get(piece * ROWS..).unwrap_or_default();
            let is_last = piece + 1 == pieces;
            let rows = rows.get(..ROWS.min(rows.len())).unwrap_or_default();
            batch.seed(is_last.then_some(mark.as_str()), end, rows);
        }
        (pieces, waiting.into_iter().map(|(wish, _)| wish).collect())
    }
}
