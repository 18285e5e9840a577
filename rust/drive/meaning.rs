//! Answers to questions that mean the same: what a request asks, which question it is nearest to, and whether the answer
//! to that may serve.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use serde::Deserialize;
use tokio::task::{spawn_blocking, spawn_local};

use super::caching::Caching;
use super::clock::unix_ms;
use super::exchange::Exchange;
use super::heavy::beside;
use super::missed::Missed;
use super::nearby::Nearby;
use super::runtime::Runtime;
use super::said::Said;
use crate::cache::{Chore, Entry, Judgement, Key, Remembered, Reply, Stored};
use crate::embedder;
use crate::observe::Metrics;
use crate::semantic::{self, Answer, Memory, Near};

/// The embedder that is made here; all others are asked for.
const NGRAM: &str = "ngram";
/// The one that runs in this process.
const MINILM: &str = "minilm";
/// How long a request waits for a vector of this process, of a provider, and for a model that verifies.
const OWN_WAIT: Duration = Duration::from_millis(250);
const PROVIDER_WAIT: Duration = Duration::from_secs(2);
const VERIFY_WAIT: Duration = Duration::from_secs(5);

/// How questions are compared, as Python hands it over.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, clippy::struct_excessive_bools)] // each field is named after the configuration's
pub struct SemanticSpec {
    pub embedder: String,
    pub threshold: f32,
    /// The threshold is the embedder's own, which may be learned.
    pub is_auto: bool,
    pub shadow: bool,
    /// The store finds what memory does not.
    pub in_store: bool,
    pub window: usize,
    pub guards: bool,
    pub verify: Option<String>,
    pub excluded_tags: Vec<String>,
}

/// What was asked before, and how that is compared.
#[derive(Debug)]
pub struct Meaning {
    /// The questions.
    pub memory: Memory,
    /// Learned thresholds, by embedder.
    thresholds: RwLock<HashMap<String, f32>>,
    looked: AtomicU64,
    hits: AtomicU64,
    refused: AtomicU64,
    shadow: AtomicU64,
}

impl Meaning {
    /// With room for so many questions.
    pub fn new(max_entries: usize) -> Self {
        Self {
            memory: Memory::new(max_entries),
            thresholds: RwLock::default(),
            looked: AtomicU64::new(0),
            hits: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            shadow: AtomicU64::new(0),
        }
    }

    /// Puts in what others were asked; false where it is of no use.
    pub fn learn(&self, told: Remembered) -> bool {
        let Remembered { model_id, scope, text, vector, key, about, epoch, ends_ms } = told;
        let question =
            semantic::Question { model_id: &model_id, scope, text: &text, vector: &vector };
        let answer = Answer { key, about, epoch, ends_ms };
        self.memory.insert(question, answer, unix_ms(SystemTime::now()))
    }

    /// What an embedder's likeness must reach, where the configuration leaves it open.
    pub fn set_threshold(&self, embedder: String, threshold: f32) {
        let mut thresholds = self.thresholds.write().unwrap_or_else(PoisonError::into_inner);
        thresholds.insert(embedder, threshold);
    }

    fn threshold(&self, spec: &SemanticSpec) -> f32 {
        let learned = self.thresholds.read().unwrap_or_else(PoisonError::into_inner);
        let learned = learned.get(&spec.embedder).copied().filter(|_| spec.is_auto);
        learned.unwrap_or(spec.threshold)
    }

    /// Counts a look, by what came of it.
    fn count(&self, metrics: &Metrics, missed: Option<Missed>) {
        self.looked.fetch_add(1, Ordering::Relaxed);
        let own = match missed {
            None => Some(&self.hits),
            Some(Missed::Refused(_)) => Some(&self.refused),
            Some(Missed::Shadow) => Some(&self.shadow),
            Some(Missed::Far | Missed::Unverified) => None,
        };
        if let Some(counter) = own {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        let (result, difference) = missed.map_or(("hit", ""), Missed::labels);
        metrics.cache_look(result, difference);
    }

    /// How it stands: questions, their bytes, looks, hits, near ones that differ in what matters, would-be hits.
    pub fn stats(&self) -> [(&'static str, u64); 6] {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        [
            ("questions", self.memory.len() as u64),
            ("bytes", self.memory.bytes() as u64),
            ("looked", of(&self.looked)),
            ("hits", of(&self.hits)),
            ("refused", of(&self.refused)),
            ("shadow", of(&self.shadow)),
        ]
    }
}

/// What a request asks, with its vector.
#[derive(Debug, Clone)]
pub struct Question {
    scope: Key,
    text: String,
    model_id: String,
    vector: Vec<f32>,
}

impl Question {
    pub(super) fn as_asked(&self) -> semantic::Question<'_> {
        semantic::Question {
            model_id: &self.model_id,
            scope: self.scope,
            text: &self.text,
            vector: &self.vector,
        }
    }
}

/// The answer to a question that is near enough; `None` where there is none, or where it is only compared.
pub(super) async fn find(rt: &Rc<Runtime>, x: &Exchange, caching: &Caching) -> Option<Arc<Entry>> {
    let spec = caching.spec.semantic.as_ref()?;
    if x.admission.headers.on_behalf.is_some() {
        return None;
    }
    let asks_nobody = [NGRAM, MINILM].contains(&&*spec.embedder) && spec.verify.is_none();
    if caching.only_if_cached && !asks_nobody {
        return None;
    }
    let question = Arc::new(asked(rt, x, caching, spec).await?);
    caching.set_question(question.clone());
    let found = look(rt, x, caching, spec, &question).await;
    rt.meaning.count(&rt.metrics, found.as_ref().err().copied());
    found.ok()
}

async fn look(
    rt: &Runtime,
    x: &Exchange,
    caching: &Caching,
    spec: &SemanticSpec,
    question: &Arc<Question>,
) -> Result<Arc<Entry>, Missed> {
    let (near, entry) = answered(rt, x, caching, spec, question).await?;
    if spec.shadow {
        caching.set_shadow(Shadow { entry, similarity: near.similarity, text: near.text.into() });
        return Err(Missed::Shadow);
    }
    if !is_verified(rt, x, spec, &question.text, &near, &entry).await {
        return Err(Missed::Unverified);
    }
    Ok(entry)
}

/// What a request asks, with its vector; none where that is not to be compared.
async fn asked(
    rt: &Runtime,
    x: &Exchange,
    caching: &Caching,
    spec: &SemanticSpec,
) -> Option<Question> {
    let a = &x.admission;
    let tags = a.headers.cache.iter().flat_map(|control| &control.tags).chain(&a.headers.tag);
    if tags.into_iter().any(|tag| spec.excluded_tags.contains(tag)) {
        return None;
    }
    let (dialect, body, window) = (a.dialect, a.body.clone(), spec.window);
    let read = move || semantic::asked(dialect, &body, window);
    let semantic::Asked { scope_part, text } = beside(a.body.len(), read).await.ok()??;
    let (model_id, vector) = vector(rt, x, spec, &text).await?;
    Some(Question { scope: caching.scope(&scope_part), text, model_id, vector })
}

/// A text's vector, and what made it.
async fn vector(
    rt: &Runtime,
    x: &Exchange,
    spec: &SemanticSpec,
    text: &str,
) -> Option<(String, Vec<f32>)> {
    let begun = Instant::now();
    let made = embedded(rt, x, spec, text).await;
    rt.metrics.cache_vector(&spec.embedder, made.is_some(), begun.elapsed());
    made
}

async fn embedded(
    rt: &Runtime,
    x: &Exchange,
    spec: &SemanticSpec,
    text: &str,
) -> Option<(String, Vec<f32>)> {
    if spec.embedder == NGRAM {
        return Some((embedder::MODEL_ID.to_owned(), embedder::vector(text)?));
    }
    let holder = holder(x);
    let (embedder, text) = (spec.embedder.clone(), text.to_owned());
    let asked = rt.cache.chores.ask(|id| Chore::Embed { id, embedder, text, holder })?;
    let within = if spec.embedder == MINILM { OWN_WAIT } else { PROVIDER_WAIT };
    match asked.answered(within).await? {
        Reply::Vector(model_id, vector) => Some((model_id, vector)),
        _ => None,
    }
}

/// The nearest question that has an answer for a request, and that, or why there is none; of the few that are looked at,
/// those are passed over whose answers are no more, or not for it.
async fn answered(
    rt: &Runtime,
    x: &Exchange,
    caching: &Caching,
    spec: &SemanticSpec,
    question: &Arc<Question>,
) -> Result<(Near, Arc<Entry>), Missed> {
    let threshold = rt.meaning.threshold(spec);
    let mut nearby = Nearby::new(question.clone(), threshold, spec.guards, spec.in_store);
    while let Some(near) = nearby.next(rt).await {
        if let Some(difference) = near.refused {
            return Err(Missed::Refused(difference));
        }
        let now_ms = unix_ms(SystemTime::now());
        match answer_of(rt, caching, &near, now_ms).await {
            Stored::Kept(entry) if serves(x, caching, &entry, now_ms) => {
                return Ok((near, entry));
            }
            Stored::Kept(_) => {}
            Stored::Gone => forget(rt, caching, near.key, now_ms),
            Stored::Unknown => break, // of the next it would be asked in vain as well
        }
        nearby.pass(near.key);
    }
    Err(Missed::Far)
}

/// The answer to the nearest question, where it still is one.
async fn answer_of(rt: &Runtime, caching: &Caching, near: &Near, now_ms: u64) -> Stored {
    match rt.cache.get(&near.key, now_ms) {
        Some(entry) => Stored::Kept(entry),
        None if caching.spec.is_durable => rt.cache.find(&near.key, now_ms).await,
        None => Stored::Gone,
    }
}

/// An answer is no more, and neither are its questions: here at once, in the store soon. One that others gave may be on
/// its way yet.
fn forget(rt: &Runtime, caching: &Caching, key: Key, now_ms: u64) {
    if !caching.spec.is_durable {
        rt.meaning.memory.remove(key);
    } else if rt.meaning.memory.give_up(key, now_ms) {
        rt.cache.chores.put(Chore::Forget(key));
    }
}

/// Whether an answer is its tenant's, and as new as a request wants it.
fn serves(x: &Exchange, caching: &Caching, entry: &Entry, now_ms: u64) -> bool {
    entry.about.tenant == x.admission.principal.tenant()
        && now_ms < entry.fresh_until_ms
        && caching.takes(entry, now_ms)
}

/// What a cheap model says of the answer, where one is to be asked.
async fn is_verified(
    rt: &Runtime,
    x: &Exchange,
    spec: &SemanticSpec,
    text: &str,
    near: &Near,
    entry: &Entry,
) -> bool {
    let Some(model) = &spec.verify else { return true };
    let (said, max_event_bytes) = (Said::of(entry), x.admission.snapshot.max_event_bytes);
    let read = move || said.words(max_event_bytes);
    let Ok(answer) = beside(entry.body.len(), read).await else { return false };
    let asked = rt.cache.chores.ask(|id| Chore::Verify {
        id,
        model: model.clone(),
        text: text.to_owned(),
        other: near.text.to_string(),
        answer,
        holder: holder(x),
    });
    let Some(asked) = asked else { return false };
    matches!(asked.answered(VERIFY_WAIT).await, Some(Reply::Verified(true)))
}

/// Who asks, as the gateway asks in its name.
fn holder(x: &Exchange) -> Vec<u8> {
    serde_json::to_vec(&*x.admission.principal).unwrap_or_default()
}

/// An answer that would have been given.
#[derive(Debug)]
pub struct Shadow {
    entry: Arc<Entry>,
    similarity: f32,
    /// The question that it answered.
    text: String,
}

/// Has the would-be answer judged by the real one.
pub(super) fn judge(rt: &Runtime, x: &Exchange, caching: &Caching, real: &Entry) {
    let (Some(shadow), Some(question)) = (caching.take_shadow(), caching.question()) else {
        return;
    };
    let Some(spec) = &caching.spec.semantic else { return };
    let a = &x.admission;
    let max_event_bytes = a.snapshot.max_event_bytes;
    let (kept, real) = (Said::of(&shadow.entry), Said::of(real));
    let mut judgement = Judgement {
        model: a.requested_model.clone(),
        tenant: a.principal.tenant(),
        embedder: spec.embedder.clone(),
        similarity: shadow.similarity,
        text: question.text.clone(),
        other: shadow.text,
        kept: String::new(),
        real: String::new(),
    };
    let chores = rt.cache.chores.clone();
    // Nobody waits for it.
    drop(spawn_blocking(move || {
        judgement.kept = kept.words(max_event_bytes);
        judgement.real = real.words(max_event_bytes);
        chores.put(Chore::Judge(Box::new(judgement)));
    }));
}

/// Keeps what was asked, now that it has an answer. What did not look for one is compared with what comes later all the
/// same.
pub(super) fn remember(rt: &Rc<Runtime>, x: &Arc<Exchange>, caching: &Caching, entry: &Arc<Entry>) {
    if let Some(question) = caching.question() {
        return keep(rt, caching, question.clone(), entry);
    }
    if caching.reads || caching.spec.semantic.is_none() {
        return; // it was looked at, and asks nothing that could be compared
    }
    let (rt, x, entry) = (rt.clone(), x.clone(), entry.clone());
    spawn_local(async move {
        let Some(caching) = x.caching() else { return };
        let Some(spec) = &caching.spec.semantic else { return };
        if let Some(question) = asked(&rt, &x, caching, spec).await {
            keep(&rt, caching, Arc::new(question), &entry);
        }
    });
}

fn keep(rt: &Runtime, caching: &Caching, question: Arc<Question>, entry: &Entry) {
    let answer = Answer {
        key: entry.key,
        about: entry.about.clone(),
        epoch: entry.epoch,
        ends_ms: entry.fresh_until_ms, // what is older answers no other question
    };
    if caching.spec.is_durable {
        let remembered = Remembered {
            model_id: question.model_id.clone(),
            scope: question.scope,
            text: question.text.clone(),
            vector: question.vector.clone(),
            key: answer.key,
            about: answer.about.clone(),
            epoch: answer.epoch,
            ends_ms: answer.ends_ms,
        };
        rt.cache.chores.put(Chore::Remember(Box::new(remembered)));
    }
    let (meaning, now_ms) = (rt.meaning.clone(), unix_ms(SystemTime::now()));
    // Putting it in its place takes longer than other requests should wait.
    drop(spawn_blocking(move || meaning.memory.insert(question.as_asked(), answer, now_ms)));
}
