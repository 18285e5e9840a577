//! Reserve, extend, settle: each of them one decision over all limits of a request.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};
use siphasher::sip128::{Hasher128, SipHasher13};
use std::hash::Hasher;

use super::charge::Charge;
use super::counter::{Counter, Held};
use super::demand::{Actual, Demand};
use super::fitting::{Fit, amount_to_hold};
use super::limit::{Limit, Measure};
use super::places::{Places, Room};
use super::shared::{self, Layout, Opened, Shared};
use super::sharing::{Ask, Posture, Sharing};
use super::transaction::{Transaction, redo};
use crate::error::Error;
use crate::mapped::{self, Owner};

/// Limits that one request may have, those of the runs above its own among them.
pub const MAX_CHARGES: usize = 40;
pub(super) const ENTRY_WORDS: usize = 3; // the counter's place, the amount, the window
pub(super) const ENTRIES_AT: usize = 6;
const STATE: usize = 0;
const OWNER: usize = 1;
const REQUEST: usize = 2; // two words
const COUNT: usize = 4;
const NEXT_FREE: usize = 5;

const RESERVED: u64 = 1;
const SENT: u64 = 2;

/// A moment on both clocks: rates run on one that never jumps, windows of the calendar on the calendar's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Since the machine's start, the same in all its processes.
    pub monotonic_ns: u64,
    /// Since 1970.
    pub unix_ns: u64,
}

impl Now {
    /// This moment.
    pub fn read() -> Self {
        let since_start = clock_gettime(ClockId::Monotonic);
        let seconds = u64::try_from(since_start.tv_sec).unwrap_or_default();
        let nanos = u64::try_from(since_start.tv_nsec).unwrap_or_default();
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        Self {
            monotonic_ns: seconds * 1_000_000_000 + nanos,
            unix_ns: u64::try_from(unix).unwrap_or(u64::MAX),
        }
    }
}

/// How a limit stood when a request began.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The limit.
    pub limit: Arc<Limit>,
    /// Units left after the request's reservation.
    pub remaining: u64,
    /// Until all of it is free again; `u64::MAX` is never.
    pub reset_ns: u64,
}

/// The limit that refuses a request.
#[derive(Debug, Clone)]
pub struct Denied {
    /// Which.
    pub limit: Arc<Limit>,
    /// Units left, and units that were asked for.
    pub remaining: u64,
    /// Units that were asked for.
    pub needed: u64,
    /// Until time alone brings them back; `u64::MAX` is never.
    pub wait_ns: u64,
    /// Requests that still run hold what it needs: some of it may come back when they end.
    pub is_held: bool,
}

/// Why nothing was reserved.
#[derive(Debug, Clone)]
pub enum Refused {
    /// A limit.
    Limit(Denied),
    /// The counters cannot be asked.
    Failed(Error),
    /// Other hosts must be asked first.
    Short(Vec<Ask>),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// A percentage of a limit that was reached for the first time in its window.
#[derive(Debug, Clone)]
pub struct Crossing {
    /// Which.
    pub limit: Arc<Limit>,
    /// Whose.
    pub instance: String,
    /// How many hundredths.
    pub percent: u8,
    /// Units spent.
    pub spent: u64,
}

/// What a running request holds. It must be settled, or the counters keep it until its process ends.
#[derive(Debug)]
pub struct Reservation {
    pub(super) record: usize,
    pub(super) entries: Vec<Entry>,
    pub(super) demand: Demand,
    /// Tokens of the answer that it holds room for.
    pub output_tokens: u64,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub charge: Charge,
    pub counter: Counter,
    /// Of the counter: in its place may stand another one by now.
    key: (u64, u64),
    pub held: Held,
    remaining: u64,
    reset_ns: u64,
}

impl Entry {
    /// Whether its counter is still there, in the same window.
    pub fn stands(&self, tx: &Transaction<'_>) -> bool {
        self.is_there(tx) && self.counter.window(tx) == self.held.window
    }

    /// What nobody holds any of may have been forgotten meanwhile.
    pub fn is_there(&self, tx: &Transaction<'_>) -> bool {
        self.counter.key_before(tx) == self.key
    }
}

impl Reservation {
    /// Whether some limit can end the answer before the model does.
    pub fn bounds_answer(&self) -> bool {
        self.entries.iter().any(|entry| {
            let limit = &entry.charge.limit;
            entry.charge.cuts()
                && !limit.is_rate()
                && !matches!(
                    limit.measure,
                    Measure::Requests | Measure::Parallel | Measure::InputTokens
                )
        })
    }

    /// How the request's limits stand.
    pub fn standings(&self) -> impl Iterator<Item = Standing> + '_ {
        self.entries.iter().map(|entry| Standing {
            limit: entry.charge.limit.clone(),
            remaining: entry.remaining,
            reset_ns: entry.reset_ns,
        })
    }
}

/// All counters of a host.
#[derive(Debug)]
pub struct Budgets {
    shared: Shared,
    /// None where this host has them for itself.
    pub(super) sharing: Option<Arc<Sharing>>,
    me: Owner,
    forgotten: AtomicU64,
}

impl Budgets {
    /// Opens the counters in a directory, and gives back what dead processes held.
    pub fn open(directory: &Path) -> Result<Opened, Error> {
        let (shared, is_new) = Shared::open(directory)?;
        let (me, forgotten) = (Owner::this(), AtomicU64::new(0));
        let budgets = Self { shared, sharing: None, me, forgotten };
        if !is_new {
            budgets.recover()?;
        }
        Ok(Opened { budgets, is_new })
    }

    /// Lets other processes use the counters, once what the ledger knows has been put in.
    pub fn seeded(&self) -> Result<(), Error> {
        self.shared.admit_others()
    }

    /// Reserves what a request may use, or says which limit refuses it; then nothing has changed.
    ///
    /// Where less than the whole demand is there, the answer's part shrinks down to `least_output_tokens`.
    pub fn reserve(
        &self,
        request: u128,
        charges: Vec<Charge>,
        demand: &Demand,
        now: Now,
    ) -> Result<Reservation, Refused> {
        if charges.len() > MAX_CHARGES {
            let text =
                format!("{} limits apply to one request; at most {MAX_CHARGES} can", charges.len());
            return Err(Error::Limits(text).into());
        }
        let _turn = self.turn()?;
        let mut tx = self.transaction();
        let mut output_tokens = demand.output_tokens;
        let mut found = Vec::with_capacity(charges.len());
        let mut asks = Vec::new();
        for charge in charges {
            let counter = self.counter(&mut tx, &charge, now)?;
            match self.fit(&tx, counter, &charge, demand, now)? {
                Fit::Within(within) => output_tokens = output_tokens.min(within),
                Fit::Short(ask) => asks.push(ask),
            }
            found.push((charge, counter));
        }
        if !asks.is_empty() {
            // All that it needs is asked for at once, so that all of it is granted, or nothing.
            let binding = found.iter().filter(|(charge, _)| !charge.is_waived);
            let rest: Vec<Ask> = binding
                .filter(|(charge, _)| !asks.iter().any(|ask| ask.is_of(charge)))
                .map(|(charge, _)| Ask::of(charge, demand))
                .collect();
            asks.extend(rest);
            return Err(Refused::Short(asks));
        }
        let mut entries = Vec::with_capacity(found.len());
        for (charge, counter) in found {
            let amount = amount_to_hold(&tx, counter, &charge, demand, output_tokens, now);
            counter.hold(&mut tx, &charge.limit, amount, now);
            let (room, reset_ns) = counter.room(&tx, &charge.limit, now);
            self.refill(&charge, room, amount, &tx);
            let remaining = counter.remaining(&tx, &charge.limit, now);
            let held = Held { amount, window: counter.window(&tx) };
            let key = counter.key(&tx);
            entries.push(Entry { charge, counter, key, held, remaining, reset_ns });
        }
        let record = self.take_record(&mut tx, request, &entries)?;
        commit(tx)?;
        Ok(Reservation { record, entries, demand: *demand, output_tokens })
    }

    /// Notes that the upstream may have acted: from here on a crash costs what is held.
    pub fn mark_sent(&self, reservation: &Reservation) {
        // One word, written only by its owner: no turn is needed.
        if let Some(state) = self.shared.words().get(reservation.record + STATE) {
            state.store(SENT, Ordering::Release);
        }
    }

    /// Ends a reservation: what was used is spent, the rest is free at once. Gives the percentages that this reached.
    pub fn settle(
        &self,
        reservation: Reservation,
        actual: &Actual,
        now: Now,
    ) -> Result<Vec<Crossing>, Error> {
        let _turn = self.turn()?;
        let mut tx = self.transaction();
        let mut crossings = Vec::new();
        let mut forgotten = Vec::new();
        let Reservation { record, entries, .. } = reservation;
        for entry in &entries {
            if entry.is_there(&tx) {
                settle_one(
                    &mut tx,
                    entry.counter,
                    (entry, entry.held),
                    actual,
                    now,
                    &mut crossings,
                );
            } else {
                forgotten.push(entry);
            }
        }
        for entry in forgotten {
            // What was held was forgotten with it; what was used is known.
            let held = Held { amount: 0, ..entry.held };
            if let Ok(counter) = self.counter(&mut tx, &entry.charge, now) {
                settle_one(&mut tx, counter, (entry, held), actual, now, &mut crossings);
            }
        }
        free_record(&mut tx, self.layout(), record);
        commit(tx)?;
        Ok(crossings)
    }

    /// Adds what the ledger says was spent in the running window.
    pub fn spend(&self, charge: &Charge, amount: u64, now: Now) -> Result<(), Error> {
        self.on_counter(charge, now, |tx, counter| {
            counter.spend(tx, amount);
            Self::grant_spent(tx, counter);
        })
    }

    /// Puts right what was charged at a moment for something whose use is known only now. What belongs to a window that
    /// is over changes nothing, and neither does what a rate forgets by itself.
    pub fn correct(
        &self,
        charge: &Charge,
        (before, after): (&Actual, &Actual),
        at_unix_ns: u64,
        now: Now,
    ) -> Result<(), Error> {
        let limit = &charge.limit;
        if limit.is_rate() || limit.measure == Measure::Parallel {
            return Ok(());
        }
        let (before, after) = (before.amount(limit), after.amount(limit));
        self.on_counter(charge, now, |tx, counter| {
            if counter.window(tx) <= at_unix_ns {
                let spent = counter.spent(tx).saturating_add(after).saturating_sub(before);
                counter.set_spent(tx, spent);
            }
        })
    }

    /// Units spent, units held and units left of a limit.
    pub fn standing(&self, charge: &Charge, now: Now) -> Result<(u64, u64, u64), Error> {
        let mut standing = (0, 0, 0);
        self.on_counter(charge, now, |tx, counter| {
            let (room, _) = counter.room(tx, &charge.limit, now);
            standing = if charge.limit.is_rate() {
                (charge.limit.amount.saturating_sub(room), 0, room)
            } else {
                (counter.spent(tx), counter.held(tx), room)
            };
        })?;
        Ok(standing)
    }

    /// Gives back what dead processes held: all of it where nothing had been sent, else it is spent. Returns how many
    /// requests that were.
    pub fn recover(&self) -> Result<usize, Error> {
        let _turn = self.turn()?;
        let used =
            usize::try_from(self.transaction().get(shared::RECORDS_USED)).unwrap_or(usize::MAX);
        let mut recovered = 0;
        let mut alive = std::collections::HashMap::new();
        let layout = self.layout();
        for index in 0..used.min(layout.records) {
            let record = layout.records_at() + index * shared::RECORD_WORDS;
            let mut tx = self.transaction();
            let state = tx.get(record + STATE);
            let owner = Owner(tx.get(record + OWNER));
            if state == 0
                || owner == self.me
                || *alive.entry(owner.0).or_insert_with(|| owner.is_alive())
            {
                continue;
            }
            let count = usize::try_from(tx.get(record + COUNT)).unwrap_or(0).min(MAX_CHARGES);
            for at in (0..count).map(|n| record + ENTRIES_AT + n * ENTRY_WORDS) {
                let place = tx.get(at);
                let amount = tx.get(at + 1);
                let held = Held { amount, window: tx.get(at + 2) };
                let is_slot = place & PARALLEL != 0;
                let counter = Counter(usize::try_from(place & !PARALLEL).unwrap_or(usize::MAX));
                let spent = if state == SENT && !is_slot { amount } else { 0 };
                counter.settle_counted(&mut tx, held, spent);
            }
            free_record(&mut tx, layout, record);
            commit(tx)?;
            recovered += 1;
        }
        Ok(recovered)
    }

    /// Reservations that are held now, by all processes.
    pub fn reservations(&self) -> Result<usize, Error> {
        let _turn = self.turn()?;
        let tx = self.transaction();
        let used = usize::try_from(tx.get(shared::RECORDS_USED)).unwrap_or(usize::MAX);
        let layout = self.layout();
        let records = (0..used.min(layout.records))
            .map(|index| layout.records_at() + index * shared::RECORD_WORDS);
        Ok(records.filter(|record| tx.get(record + STATE) != 0).count())
    }

    pub(super) fn on_counter(
        &self,
        charge: &Charge,
        now: Now,
        act: impl FnOnce(&mut Transaction<'_>, Counter),
    ) -> Result<(), Error> {
        let _turn = self.turn()?;
        let mut tx = self.transaction();
        let counter = self.counter(&mut tx, charge, now)?;
        act(&mut tx, counter);
        commit(tx)
    }

    pub(super) fn turn(&self) -> Result<mapped::Held<'_>, Error> {
        let word: &AtomicU64 = self.shared.lock_word().ok_or(Error::LimitsBusy)?;
        let held = mapped::Held::take(word, self.me)?;
        // What the last holder noted and did not finish.
        redo(self.shared.words(), self.shared.notes());
        Ok(held)
    }

    pub(super) fn layout(&self) -> Layout {
        self.shared.layout()
    }

    pub(super) fn seed_words(&self) -> (u64, u64) {
        self.shared.seed()
    }

    pub(super) fn transaction(&self) -> Transaction<'_> {
        let posture = self.sharing.as_ref().map_or(Posture::Alone, |sharing| sharing.posture());
        Transaction::new(self.shared.words(), self.shared.notes()).in_posture(posture)
    }

    /// The charge's counter in its running window.
    pub(super) fn counter(
        &self,
        tx: &mut Transaction<'_>,
        charge: &Charge,
        now: Now,
    ) -> Result<Counter, Error> {
        let Limit { name, epoch, unit_pico, .. } = charge.limit.as_ref();
        let key = self.key(name, (*epoch, *unit_pico), &charge.instance);
        if let Some(counter) = self.places().find(tx, key) {
            counter.roll(tx, charge, now);
            return Ok(counter);
        }
        let counter = match self.places().room(tx, key, now) {
            Some(Room::Free(counter)) => counter,
            Some(Room::Forgets(counter)) => {
                self.forgotten.fetch_add(1, Ordering::Relaxed);
                counter
            }
            None => {
                let text = format!("no room for another counter of {:?}", charge.limit.name);
                return Err(Error::Limits(text));
            }
        };
        counter.begin(tx, key, charge, now);
        Ok(counter)
    }

    pub(super) fn places(&self) -> Places {
        Places { base: shared::COUNTERS_AT, count: self.layout().counters }
    }

    /// Counters of names that clients made up which this process forgot so that others had room, since it was last
    /// asked.
    pub fn take_forgotten(&self) -> u64 {
        if self.forgotten.load(Ordering::Relaxed) == 0 {
            return 0; // shared by all threads, and hardly ever written
        }
        self.forgotten.swap(0, Ordering::Relaxed)
    }

    /// Units of another worth are counted by another counter.
    pub(super) fn key(
        &self,
        name: &str,
        (epoch, unit_pico): (u64, u64),
        instance: &str,
    ) -> (u64, u64) {
        let (seed, other) = self.shared.seed();
        let mut hasher = SipHasher13::new_with_keys(seed, other);
        hasher.write(name.as_bytes());
        hasher.write_u8(0);
        hasher.write_u64(epoch);
        hasher.write_u64(unit_pico);
        hasher.write(instance.as_bytes());
        let hash = hasher.finish128();
        (hash.h1 | 1, hash.h2) // never the mark of a free place
    }

    fn take_record(
        &self,
        tx: &mut Transaction<'_>,
        request: u128,
        entries: &[Entry],
    ) -> Result<usize, Error> {
        let layout = self.layout();
        let free = tx.get(shared::FREE);
        let index = if let Some(index) = free.checked_sub(1) {
            let record = place(layout, index)?;
            tx.set(shared::FREE, tx.get(record + NEXT_FREE));
            index
        } else {
            let index = tx.get(shared::RECORDS_USED);
            if index >= layout.records as u64 {
                return Err(Error::Limits(format!("{} requests run at once", layout.records)));
            }
            tx.set(shared::RECORDS_USED, index + 1);
            index
        };
        let record = place(layout, index)?;
        #[allow(clippy::cast_possible_truncation)] // the two halves
        let halves = [(request >> 64) as u64, request as u64];
        for (at, value) in [
            (STATE, RESERVED),
            (OWNER, self.me.0),
            (REQUEST, halves[0]),
            (REQUEST + 1, halves[1]),
            (COUNT, entries.len() as u64),
        ] {
            tx.set(record + at, value);
        }
        for (n, entry) in entries.iter().enumerate() {
            let at = record + ENTRIES_AT + n * ENTRY_WORDS;
            let slot = if entry.charge.limit.measure == Measure::Parallel { PARALLEL } else { 0 };
            tx.set(at, entry.counter.0 as u64 | slot);
            tx.set(at + 1, entry.held.amount);
            tx.set(at + 2, entry.held.window);
        }
        Ok(record)
    }
}

/// Marks the place of a counter of running requests: what is held of it is never spent.
const PARALLEL: u64 = 1 << 63;

fn place(layout: Layout, index: u64) -> Result<usize, Error> {
    let index = usize::try_from(index).ok().filter(|index| *index < layout.records);
    let index =
        index.ok_or_else(|| Error::Limits("a reservation's place is out of bounds".to_owned()))?;
    Ok(layout.records_at() + index * shared::RECORD_WORDS)
}

/// Settles one limit, and notes the percentages that this reaches.
fn settle_one(
    tx: &mut Transaction<'_>,
    counter: Counter,
    (Entry { charge, .. }, held): (&Entry, Held),
    actual: &Actual,
    now: Now,
    crossings: &mut Vec<Crossing>,
) {
    counter.settle(tx, &charge.limit, held, actual.amount(&charge.limit), now);
    if charge.limit.notify.is_empty() || charge.limit.is_rate() {
        return;
    }
    let spent = counter.spent(tx);
    crossings.extend(counter.cross(tx, &charge.limit).into_iter().map(|percent| Crossing {
        limit: charge.limit.clone(),
        instance: charge.instance.clone(),
        percent,
        spent,
    }));
}

fn free_record(tx: &mut Transaction<'_>, layout: Layout, record: usize) {
    tx.set(record + STATE, 0);
    tx.set(record + NEXT_FREE, tx.get(shared::FREE));
    let index = (record - layout.records_at()) / shared::RECORD_WORDS;
    tx.set(shared::FREE, index as u64 + 1);
}

pub(super) fn commit(tx: Transaction<'_>) -> Result<(), Error> {
    if tx.commit() { Ok(()) } else { Err(Error::Limits("a decision is too large".to_owned())) }
}
