//! Whether a request's answer may come out of the cache and go into it, and under which key.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use serde::Deserialize;

use super::admit::Admission;
use super::flight::Flight;
use super::heavy::MAX_AT_ONCE_BYTES;
use super::meaning::{Question, SemanticSpec, Shadow};
use super::operation::Operation;
use super::parts::Parts;
use super::snapshot::{Route, Target};
use super::spec::Strategy;
use crate::cache::{About, Cache, Control, Entry, Key, KeyMaker, Reading};
use crate::govern::Principal;
use crate::observe::Member;

/// How answers of a model are kept, as Python hands it over.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, clippy::struct_excessive_bools)] // each field is named after the configuration's
pub struct CacheSpec {
    pub exact: bool,
    pub ttl_s: f64,
    pub max_entry_bytes: usize,
    pub tool_calls: bool,
    /// What the later targets of a fallback answer is kept too.
    pub fallbacks: bool,
    pub max_temperature: Option<f64>,
    pub stale_while_revalidate_s: f64,
    pub stale_if_error_s: f64,
    pub replay: Pace,
    pub scope: Scope,
    pub namespace: String,
    /// Stores beyond the worker's memory have it too.
    pub is_durable: bool,
    /// Questions that mean the same have one answer.
    pub semantic: Option<SemanticSpec>,
}

/// How a stream that is kept is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pace {
    /// As fast as the client takes it.
    #[default]
    AtOnce,
    /// In the time that it took the model.
    Paced,
}

/// Who shares answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// A tenant's keys.
    #[default]
    Tenant,
    /// Nobody: each key has its own.
    Key,
}

/// What the cache did for a request: what `x-sluicegate-cache` and the ledger say of it, and what is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Told {
    /// The cache was not asked.
    Bypass,
    /// It had no answer.
    Miss,
    /// It had.
    Hit,
    /// It had one to a question that means the same.
    Semantic,
    /// It had one that was too old, and better than none.
    Stale,
    /// Another asked the same at the time, and shared its answer.
    Followed,
}

impl Told {
    /// All of them, in their order.
    const ALL: [Self; 6] =
        [Self::Bypass, Self::Miss, Self::Hit, Self::Semantic, Self::Stale, Self::Followed];

    /// The word for it: to its client a hit is a hit.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stale | Self::Followed => Self::Hit.counted(),
            told => told.counted(),
        }
    }

    /// The word for it in metrics.
    const fn counted(self) -> &'static str {
        match self {
            Self::Bypass => "bypass",
            Self::Miss => "miss",
            Self::Hit => "hit",
            Self::Semantic => "semantic",
            Self::Stale => "stale",
            Self::Followed => "followed",
        }
    }
}

impl From<Told> for Member {
    fn from(told: Told) -> Self {
        Self { number: told as usize, name: told.counted() }
    }
}

/// A request whose model's answers are kept.
#[derive(Debug)]
pub struct Caching {
    pub spec: Arc<CacheSpec>,
    pub key: Key,
    /// Of all that shapes the answer but the body.
    frame: KeyMaker,
    /// The highest epoch of a purge when it began.
    pub epoch: u64,
    pub ttl: Duration,
    pub max_age: Option<Duration>,
    pub reads: bool,
    pub keeps: bool,
    pub only_if_cached: bool,
    namespace: String,
    told: AtomicU8,
    /// Of the answer to another question, where that is given.
    near: OnceLock<Key>,
    /// Those who asked the same meanwhile, and wait for its answer.
    flight: OnceLock<Arc<Flight>>,
    /// An answer that is too old, and better than none.
    stale: Mutex<Option<Arc<Entry>>>,
    /// Of a request for vectors: what of it is kept.
    parts: OnceLock<Parts>,
    /// What it asks, where questions are compared.
    question: OnceLock<Arc<Question>>,
    /// What it would have been answered.
    shadow: Mutex<Option<Shadow>>,
}

impl Caching {
    /// Whether its model's answers are kept, of which its body may make an exception. Cost: a look-up.
    pub fn is_on(a: &Admission) -> bool {
        let own = a.principal.cache.as_ref().and_then(|own| own.enabled);
        let is_on = own.unwrap_or_else(|| spec(a).exact);
        let is_asked = a.operation.writes() || a.operation == Operation::Embeddings;
        let stands_alone = a.place.passage.is_none() && a.place.about.is_none();
        let is_ours = a.headers.on_behalf.is_some() && a.headers.cache.is_none();
        is_on && is_asked && stands_alone && !is_ours
    }

    /// Whether its body takes longer to read than others of its thread should wait.
    pub fn is_late(a: &Admission) -> bool {
        a.body.len() > MAX_AT_ONCE_BYTES
    }

    /// `None` where its model's answers are not kept, or such ones are not.
    ///
    /// Cost: a look-up where the cache is off; else what [`crate::cache::Readings::read`] costs.
    pub fn of(a: &Admission, cache: &Cache) -> Option<Self> {
        if !Self::is_on(a) {
            return None;
        }
        let (spec, own) = (spec(a), a.principal.cache.as_ref());
        let Reading { digest, nature } =
            cache.readings.read(&a.principal.tenant(), &a.body).ok()?;
        let too_free = |most: f64| nature.temperature.is_some_and(|asked| asked > most);
        if nature.is_stateful || spec.max_temperature.is_some_and(too_free) {
            return None;
        }
        let nothing = Control::default();
        let control = a.headers.cache.as_deref().unwrap_or(&nothing);
        let spaces = spaces(spec, &a.principal, control);
        let frame = frame(a, spec, spaces);
        let key = frame.clone().part(b"body").part(&digest).finish();
        let most = own.and_then(|own| own.ttl_s).unwrap_or(spec.ttl_s);
        let most = Duration::try_from_secs_f64(most).unwrap_or_default();
        let spec = spec.clone();
        let reads = !control.no_store && !control.no_cache;
        // Who looks has nothing until it is given something.
        let told = if reads { Told::Miss } else { Told::Bypass };
        Some(Self {
            key,
            frame,
            epoch: cache.epoch(),
            ttl: control.ttl.map_or(most, |asked| asked.min(most)),
            max_age: control.max_age,
            reads,
            keeps: !control.no_store,
            only_if_cached: control.only_if_cached,
            namespace: named(spaces),
            spec,
            told: AtomicU8::new(told as u8),
            near: OnceLock::new(),
            flight: OnceLock::new(),
            stale: Mutex::default(),
            parts: OnceLock::new(),
            question: OnceLock::new(),
            shadow: Mutex::default(),
        })
    }

    /// What its answer belongs to.
    pub fn about(&self, a: &Admission, provider: &str, model: &str) -> About {
        About {
            tenant: a.principal.tenant(),
            namespace: self.namespace.clone(),
            model: a.requested_model.clone(),
            target: format!("{provider}/{model}"),
            tags: a.headers.cache.as_ref().map_or_else(Vec::new, |control| control.tags.clone()),
        }
    }

    /// Whether a target's answer stands for its whole route's. In a fallback those of the first alone do, unless the
    /// configuration says otherwise: what comes behind it is another model, which the next request is not to get once
    /// the first is back.
    pub fn is_of_choice(&self, route: &Route, target: &Target) -> bool {
        self.spec.fallbacks
            || route.strategy == Strategy::Weighted
            || route.targets.first().is_none_or(|first| first.group == target.group)
    }

    /// Whether an entry is young enough for it.
    pub fn takes(&self, entry: &Entry, now_ms: u64) -> bool {
        let age = Duration::from_millis(now_ms.saturating_sub(entry.made_ms));
        self.max_age.is_none_or(|most| age <= most)
    }

    pub fn told(&self) -> Told {
        let told = usize::from(self.told.load(Ordering::Acquire));
        Told::ALL.get(told).copied().unwrap_or(Told::Bypass)
    }

    pub fn tell(&self, told: Told) {
        self.told.store(told as u8, Ordering::Release);
    }

    /// It is given the answer to another question, which is kept under this key.
    pub fn tell_near(&self, key: Key) {
        let _ = self.near.set(key);
    }

    /// The key that its answer is kept under.
    pub fn answer_key(&self) -> &Key {
        self.near.get().unwrap_or(&self.key)
    }

    /// Others wait for its answer from now on.
    pub fn lead(&self, flight: Arc<Flight>) {
        let _ = self.flight.set(flight);
    }

    /// Those who wait for its answer look again: it is kept, or is none.
    pub fn free(&self) {
        if let Some(flight) = self.flight.get() {
            flight.free();
        }
    }

    /// Who waits for its answer.
    pub fn flight(&self) -> Option<&Arc<Flight>> {
        self.flight.get()
    }

    /// What must be the same of two requests whose questions are compared.
    pub fn scope(&self, body_but_the_question: &[u8]) -> Key {
        self.frame.clone().part(b"scope").part(body_but_the_question).finish()
    }

    pub fn set_parts(&self, parts: Parts) {
        let _ = self.parts.set(parts);
    }

    pub fn parts(&self) -> Option<&Parts> {
        self.parts.get()
    }

    pub fn set_question(&self, question: Arc<Question>) {
        let _ = self.question.set(question);
    }

    pub fn question(&self) -> Option<&Arc<Question>> {
        self.question.get()
    }

    pub fn set_shadow(&self, shadow: Shadow) {
        *self.shadow.lock().unwrap_or_else(PoisonError::into_inner) = Some(shadow);
    }

    pub fn take_shadow(&self) -> Option<Shadow> {
        self.shadow.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub fn keep_stale(&self, entry: Arc<Entry>) {
        *self.stale.lock().unwrap_or_else(PoisonError::into_inner) = Some(entry);
    }

    pub fn take_stale(&self) -> Option<Arc<Entry>> {
        self.stale.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for Caching {
    /// Nobody waits for a request that is no more.
    fn drop(&mut self) {
        self.free();
    }
}

fn spec(a: &Admission) -> &Arc<CacheSpec> {
    a.snapshot.caching(a.downgraded.as_deref().unwrap_or(&a.requested_model))
}

/// The key's namespace or else the configuration's, and within it the request's.
fn spaces<'a>(
    spec: &'a CacheSpec,
    principal: &'a Principal,
    control: &'a Control,
) -> (&'a str, &'a str) {
    let own = principal.cache.as_ref().and_then(|own| own.namespace.as_deref());
    (own.unwrap_or(&spec.namespace), control.namespace.as_deref().unwrap_or_default())
}

/// Both as administrators name them. Two may be written alike, so that it is no part of a key.
fn named((outer, inner): (&str, &str)) -> String {
    let between = if outer.is_empty() || inner.is_empty() { "" } else { "/" };
    format!("{outer}{between}{inner}")
}

/// Everything that shapes an answer, but for its body and whether it streams.
fn frame(a: &Admission, spec: &CacheSpec, (outer, inner): (&str, &str)) -> KeyMaker {
    let holder = if spec.scope == Scope::Key { a.principal.name.as_str() } else { "" };
    // Gemini's clients ask for streams by another path.
    let verb = a.place.verb().filter(|_| !a.operation.writes()).unwrap_or_default();
    let mut key = KeyMaker::new("answer 1")
        .part(a.principal.tenant().as_bytes())
        .part(holder.as_bytes())
        .part(outer.as_bytes())
        .part(inner.as_bytes())
        .part(a.operation.name().as_bytes())
        .part(a.dialect.name().as_bytes())
        .part(verb.as_bytes())
        .part(a.requested_model.as_bytes())
        .part(format!("{:?}", a.route.strategy).as_bytes());
    for target in &a.route.targets {
        let upstream = &target.upstream;
        key = key.part(upstream.provider.as_bytes()).part(target.model.as_bytes());
        key = key.part(&upstream.whereabouts);
    }
    let mut forward: Vec<_> = a.headers.forward.iter().collect();
    forward.sort_by(|one, other| one.0.as_str().cmp(other.0.as_str()));
    for (name, value) in forward {
        key = key.part(name.as_str().as_bytes()).part(value.as_bytes());
    }
    key
}
