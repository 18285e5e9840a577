//! The one task of a worker that speaks to the server: one batch at a time, what comes meanwhile is the next one.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::batch::{Batch, Part};
use super::desk::{Event, Share, Wish};
use super::keys::{counter_name, mark_key};
use super::kin;
use super::ledger::Ledger;
use super::link::{Link, LinkError, Memory};
use super::reply::{Decision, Reply, number};
use super::tracked::Tracked;
use crate::budget::{Ask, Budgets, Limit, NoRoom, Now, Terms};
use crate::error::Error;

/// How long an answer is waited for until the server is taken to be away.
const PATIENCE: Duration = Duration::from_millis(250);
/// Between two tries to find a server again that was just there.
const RECONNECT_EVERY: Duration = Duration::from_millis(20);
/// Between two looks at the leases; each is a heartbeat too.
const TICK: Duration = Duration::from_millis(200);
/// Between two looks at whether all hosts have spoken.
const HEARING: Duration = Duration::from_millis(50);
/// Between two questions about the server's memory.
const MEMORY_EVERY: Duration = Duration::from_secs(2);
const MIN_BACKOFF: Duration = Duration::from_millis(100);
const MAX_BACKOFF: Duration = Duration::from_secs(2);
/// What is paid for ahead of a rate is worth so much of its time, and lapses after as much.
const AHEAD: Duration = Duration::from_millis(100);
/// For how long the word that nothing is left holds.
const GONE_HOLDS: Duration = Duration::from_millis(100);
/// And the word that others hold it.
const HELD_HOLDS: Duration = Duration::from_millis(50);
/// Wishes in one batch.
const MAX_WISHES: usize = 512;
/// Refusals of one and the same batch after which it is given up.
const MAX_TRIES: u32 = 20;
/// For the last batch.
const FAREWELL: Duration = Duration::from_secs(1);

/// Who shares, and through what.
#[derive(Debug, Clone)]
pub struct Options {
    /// `redis://`, `rediss://` or `unix://`.
    pub url: String,
    /// This host.
    pub host: String,
    /// Whether the ledger knows what other hosts spent.
    pub knows_others: bool,
}

/// What each answer of a batch means.
enum Step {
    Decision(Wish, Vec<Part>),
    Known(Arc<Limit>),
    Look(SyncSender<(u64, u64)>),
    Kin,
    Told,
}

struct Pending {
    batch: Batch,
    steps: Vec<Step>,
    tries: u32,
}

/// Tells how the server is.
struct Herald {
    share: Arc<Share>,
    on_event: Box<dyn Fn(Event) + Send>,
}

impl Herald {
    /// It does not answer. Nobody waits for it until it does.
    fn away(&self, why: &str) {
        self.share.set_status(|status| {
            status.is_well = false;
            why.clone_into(&mut status.detail);
        });
        if self.share.sharing.set_adrift(true) {
            (self.on_event)(Event::Away(why.to_owned()));
        }
        self.share.let_go();
    }

    fn back(&self) {
        if self.share.sharing.set_adrift(false) {
            self.share.set_status(|status| {
                status.is_well = true;
                status.detail.clear();
            });
            (self.on_event)(Event::Back);
        }
    }

    /// It may evict keys, or not any more.
    fn warn(&self, memory: &Memory, place: &str) {
        let warning = if memory.is_kept() {
            String::new()
        } else if memory.policy.is_empty() {
            format!("{place} does not say what it evicts: maxmemory-policy must be noeviction")
        } else {
            format!(
                "{place} may evict counters (maxmemory-policy {}, {} keys evicted so far): set it to noeviction",
                memory.policy, memory.evicted
            )
        };
        let mut is_new = false;
        self.share.set_status(|status| {
            is_new = status.warning.is_empty() && !warning.is_empty();
            status.warning.clone_from(&warning);
        });
        if is_new {
            (self.on_event)(Event::Evicts(warning));
        }
    }
}

/// The task.
pub struct Keeper {
    herald: Herald,
    share: Arc<Share>,
    budgets: Arc<Budgets>,
    link: Link,
    options: Options,
    worker: String,
    sequence: u64,
    tracked: Tracked,
    ledger: Ledger,
    limits: HashMap<String, Arc<Limit>>,
    /// Limits of which it is not known whether the server has heard from a ledger.
    unseen: Vec<Arc<Limit>>,
    /// Wishes that wait for other hosts to speak.
    unheard: Vec<Wish>,
    /// Of what hosts told of runs and their parents, how much is known here.
    kin_known: u64,
    generation: Option<String>,
    memory: Memory,
    memory_read: Instant,
    ticked: Instant,
    stops: Vec<oneshot::Sender<()>>,
}

impl Keeper {
    /// A task that was not begun.
    pub fn new(
        share: Arc<Share>,
        budgets: Arc<Budgets>,
        options: Options,
        on_event: impl Fn(Event) + Send + 'static,
    ) -> Result<Self, Error> {
        let link = Link::new(&options.url).map_err(|why| Error::SharedState(why.to_string()))?;
        share.set_status(|status| "not connected yet".clone_into(&mut status.detail));
        let now = Instant::now();
        Ok(Self {
            herald: Herald { share: share.clone(), on_event: Box::new(on_event) },
            share,
            budgets,
            link,
            options,
            worker: uuid::Uuid::new_v4().simple().to_string(),
            sequence: 0,
            tracked: Tracked::default(),
            ledger: Ledger::default(),
            limits: HashMap::new(),
            unseen: Vec::new(),
            unheard: Vec::new(),
            kin_known: 0,
            generation: None,
            memory: Memory::default(),
            memory_read: now,
            ticked: now,
            stops: Vec::new(),
        })
    }

    /// Speaks to the server until it is told to stop; then gives back what is not used.
    pub async fn run(mut self) {
        let mut backoff = MIN_BACKOFF;
        let mut pending = None;
        let mut lost_at = None;
        while self.stops.is_empty() {
            let failed = match self.turn(&mut pending).await {
                Ok(()) => {
                    (backoff, lost_at) = (MIN_BACKOFF, None);
                    continue;
                }
                // A server that was restarted, or gave its place to another one, is there again soon: who asks waits
                // for it as long as for an answer.
                Err(why) => (why, *lost_at.get_or_insert_with(Instant::now)),
            };
            match failed {
                (LinkError::Lost(_), since) if since.elapsed() < PATIENCE => {
                    self.link.close();
                    tokio::time::sleep(RECONNECT_EVERY).await;
                }
                (why, _) => {
                    self.ledger.release_all();
                    self.unheard.clear();
                    self.herald.away(&why.to_string());
                    self.link.close();
                    self.pause(backoff).await;
                    backoff = (backoff * 2).min(MAX_BACKOFF);
                }
            }
        }
        if self.link.is_open() {
            let _ = timeout(FAREWELL, self.farewell(pending)).await;
        }
        for stop in self.stops.drain(..) {
            let _ = stop.send(());
        }
    }

    /// One exchange with the server.
    async fn turn(&mut self, pending: &mut Option<Pending>) -> Result<(), LinkError> {
        if !self.link.is_open() {
            let memory = self.link.open().await?;
            self.remember(memory);
        }
        let mut next = if let Some(unanswered) = pending.take() {
            unanswered
        } else {
            let tick = if self.unheard.is_empty() { TICK } else { HEARING };
            let left = tick.saturating_sub(self.ticked.elapsed());
            let _ = timeout(left, self.share.bell.notified()).await;
            if self.memory_read.elapsed() >= MEMORY_EVERY {
                let memory = self.link.memory().await?;
                self.remember(memory);
            }
            self.compose(false)
        };
        match self.exchange(&mut next).await {
            Ok(reply) => {
                self.heed(next.steps, reply);
                Ok(())
            }
            Err(why) => {
                forget(&mut next.steps);
                next.tries += 1;
                let is_poison = matches!(why, LinkError::Refused(_)) && next.tries >= MAX_TRIES;
                *pending = Some(next).filter(|_| !is_poison);
                Err(why)
            }
        }
    }

    /// Waits before the next try, unless the end comes.
    async fn pause(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until && self.stops.is_empty() {
            let left = until.saturating_duration_since(Instant::now());
            let _ = timeout(left, self.share.bell.notified()).await;
            self.share.let_go();
            self.stops.append(&mut self.share.stops());
        }
    }

    /// The answer to a batch. One that is late finds nobody waiting.
    async fn exchange(&mut self, next: &mut Pending) -> Result<Reply, LinkError> {
        let Self { link, herald, ledger, unheard, .. } = self;
        let mut call = std::pin::pin!(link.call(&next.batch));
        let value = if let Ok(answered) = timeout(PATIENCE, call.as_mut()).await {
            let value = answered?;
            herald.back();
            value
        } else {
            forget(&mut next.steps);
            ledger.release_all();
            unheard.clear();
            herald.away("it does not answer in time");
            call.await?
        };
        Reply::read(value).ok_or_else(|| LinkError::Refused("its answer has another form".into()))
    }

    fn remember(&mut self, memory: Memory) {
        self.memory_read = Instant::now();
        self.herald.warn(&memory, &self.link.place());
        if memory.evicted > self.memory.evicted && self.generation.is_some() {
            let count = memory.evicted - self.memory.evicted;
            self.lost(format!("{} has evicted {count} keys", self.link.place()));
        }
        self.memory = memory;
    }

    /// The server does not know any more what it was told.
    fn lost(&mut self, why: String) {
        self.tracked.forget_told();
        self.kin_known = 0;
        self.unseen = self.limits.values().cloned().collect();
        (self.herald.on_event)(Event::Lost(why));
    }

    /// The next batch: all that came meanwhile.
    fn compose(&mut self, is_last: bool) -> Pending {
        self.sequence += 1;
        let now = Now::read();
        let mut next = Pending {
            batch: Batch::new(
                (&self.options.host, self.budgets.life()),
                (&self.worker, self.sequence),
                self.memory.is_kept(),
                self.options.knows_others,
                now.unix_ns / 1_000_000,
            ),
            steps: Vec::new(),
            tries: 0,
        };
        let inbox = self.share.take(MAX_WISHES);
        self.stops.extend(inbox.stops);
        for limit in inbox.limits {
            self.limits.insert(limit.name.clone(), limit.clone());
            self.unseen.push(limit);
        }
        let mut wishes = inbox.wishes;
        for answer in inbox.answers {
            let (told, waited) = self.ledger.tell(answer, &mut next.batch, now.unix_ns);
            next.steps.extend(std::iter::repeat_with(|| Step::Told).take(told));
            wishes.extend(waited);
        }
        let told = self.share.sharing.take_kin();
        if !told.is_empty() || self.ticked.elapsed() >= TICK {
            next.batch.kin(self.kin_known, &told);
            next.steps.push(Step::Kin);
        }
        let hears = !self.unheard.is_empty() && self.ticked.elapsed() >= HEARING;
        if is_last || hears || self.ticked.elapsed() >= TICK {
            self.ticked = Instant::now();
            self.ledger.release(PATIENCE);
            self.unheard.retain(|wish| wish.since.elapsed() < PATIENCE);
            wishes.append(&mut self.unheard);
            let told = self.tracked.report(&self.budgets, &mut next.batch, is_last, now);
            next.steps.extend(std::iter::repeat_with(|| Step::Told).take(told));
        }
        wishes.extend(self.refills());
        for wish in wishes {
            self.wish(wish, &mut next, now);
        }
        for limit in std::mem::take(&mut self.unseen) {
            next.batch.is_known(&mark_key(&limit));
            next.steps.push(Step::Known(limit));
        }
        for (name, sender) in inbox.looks {
            next.batch.look(&name);
            next.steps.push(Step::Look(sender));
        }
        next
    }

    /// What should be there before the next request wants it: once for each counter.
    fn refills(&self) -> Vec<Wish> {
        let mut asks: Vec<Ask> = Vec::new();
        for ask in self.share.sharing.take_refills() {
            match asks.iter_mut().find(|known| known.is_of(&ask.charge)) {
                Some(known) => known.want = known.want.max(ask.want),
                None => asks.push(ask),
            }
        }
        let since = Instant::now();
        asks.into_iter().map(|ask| Wish { asks: vec![ask], waiter: None, since }).collect()
    }

    /// Counters that cannot be asked now let their wishes go.
    fn wish(&mut self, wish: Wish, next: &mut Pending, now: Now) {
        let mut parts = Vec::with_capacity(wish.asks.len());
        for ask in &wish.asks {
            let Ok(stand) = self.budgets.stand(&ask.charge, now) else { return };
            let (name, terms) = self.tracked.keep(&ask.charge, &stand);
            let mut want = ask.want;
            if let Terms::Rate(rate) = terms {
                let ahead_ns = u64::try_from(AHEAD.as_nanos()).unwrap_or(u64::MAX);
                want = want.saturating_add(rate.units_in(ahead_ns).min(stand.used));
                let units = self.budgets.take_correction(&ask.charge, now).unwrap_or(0);
                if units != 0 {
                    next.batch.correct(&name, terms, units);
                    next.steps.push(Step::Told);
                }
            }
            parts.push(Part { name, terms, stand, need: ask.need, want });
        }
        next.batch.decide(&parts);
        next.steps.push(Step::Decision(wish, parts));
    }

    /// Does what the answers say.
    fn heed(&mut self, steps: Vec<Step>, reply: Reply) {
        let known = self.generation.replace(reply.generation);
        if known.is_some_and(|known| self.generation.as_ref() != Some(&known)) {
            self.lost(format!(
                "{} was restarted and is empty, or evicted what hosts had told it",
                self.link.place()
            ));
        }
        self.share.sharing.set_hosts(reply.hosts);
        for name in reply.wanted.iter().filter_map(|key| counter_name(key)) {
            self.tracked.want(name);
        }
        for (step, answer) in steps.into_iter().zip(reply.answers) {
            match step {
                Step::Decision(wish, parts) => {
                    if let Some(decision) = Decision::read(&answer) {
                        self.decided(wish, &parts, decision);
                    }
                }
                Step::Known(limit) => {
                    if answer.first().and_then(number) == Some(0) {
                        self.ledger.ask(&self.share, &limit);
                    }
                }
                Step::Look(sender) => {
                    if let [_, spent, held] = answer.as_slice()
                        && let (Some(spent), Some(held)) = (number(spent), number(held))
                    {
                        let _ = sender.try_send((spent, held));
                    }
                }
                Step::Kin => self.kin_known = kin::learn(&self.budgets, &answer, self.kin_known),
                Step::Told => {}
            }
        }
    }

    /// Puts a decision into the counters; then whoever waits for it hears of it.
    fn decided(&mut self, wish: Wish, parts: &[Part], decision: Decision) {
        let now = Now::read();
        match decision {
            Decision::Granted(grants) => {
                for ((ask, part), granted) in wish.asks.iter().zip(parts).zip(grants) {
                    self.granted(ask, part, granted, now);
                }
            }
            Decision::Unknown(at) => {
                if let Some(ask) = wish.asks.get(at) {
                    let charge = ask.charge.clone();
                    self.ledger.ask(&self.share, &charge.limit);
                    self.ledger.park(wish, charge);
                }
            }
            Decision::Unheard => self.unheard.push(wish),
            Decision::NoRoom { part, remaining, wait_us, is_gone, stale } => {
                let Some(ask) = wish.asks.get(part) else { return };
                let is_rate = ask.charge.limit.is_rate();
                let wait_ns = match wait_us {
                    None => u64::MAX,
                    Some(wait_us) => wait_us.saturating_mul(1000),
                };
                let is_held = !is_rate && !is_gone;
                let holds = if is_held { HELD_HOLDS } else { GONE_HOLDS };
                let word = word(ask.need, remaining, wait_ns, is_held, holds, now);
                let _ = self.budgets.set_no_room(&ask.charge, word, now);
                if self.options.knows_others {
                    self.ledger.ask_stale(&self.share, &ask.charge, stale);
                }
            }
        }
    }

    fn granted(&self, ask: &Ask, part: &Part, (units, other): (u64, u64), now: Now) {
        let put = if part.terms.is_rate() {
            let lapse_ns = u64::try_from(AHEAD.as_nanos()).unwrap_or(u64::MAX);
            let owed_ns = other.saturating_mul(1000);
            self.budgets.prepay(&ask.charge, units, owed_ns, lapse_ns, now)
        } else {
            self.budgets.grant(&ask.charge, part.stand.window, (units, other), now)
        };
        let has = part.stand.free.saturating_add(units);
        if put.is_ok() && has < ask.want {
            // That is all that there is: what can begin with less, begins.
            let word = word(ask.want, has, 0, !part.terms.is_rate(), GONE_HOLDS, now);
            let _ = self.budgets.set_no_room(&ask.charge, word, now);
        }
    }

    /// The last word of this worker: what it does not use is free for others.
    async fn farewell(&mut self, pending: Option<Pending>) {
        if let Some(mut unanswered) = pending
            && let Ok(reply) = self.exchange(&mut unanswered).await
        {
            self.heed(unanswered.steps, reply);
        }
        let mut last = self.compose(true);
        let _ = self.exchange(&mut last).await;
    }
}

fn word(
    need: u64,
    remaining: u64,
    wait_ns: u64,
    is_held: bool,
    holds: Duration,
    now: Now,
) -> NoRoom {
    let holds_ns = u64::try_from(holds.as_nanos()).unwrap_or(u64::MAX);
    let until_ns = now.monotonic_ns.saturating_add(holds_ns);
    NoRoom { need, remaining, wait_ns, is_held, until_ns }
}

/// Nobody waits for these any more; what they bring is still put into the counters.
fn forget(steps: &mut [Step]) {
    for step in steps {
        if let Step::Decision(wish, _) = step {
            wish.waiter = None;
        }
    }
}
