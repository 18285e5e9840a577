//! Answers to questions that mean the same: what a request asks, which question it is nearest to, and whether the answer
//! to that may serve.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use tokio::task::spawn_blocking;

use super::caching::Caching;
use super::clock::unix_ms;
use super::exchange::Exchange;
use super::runtime::Runtime;
use super::said::said;
use crate::cache::{Chore, Entry, Judgement, Key, Remembered, Reply};
use crate::embedder;
use crate::semantic::{self, Memory, Near};

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
#[allow(missing_docs)] // each field is named after the configuration's
pub struct SemanticSpec {
    pub embedder: String,
    pub threshold: f32,
    /// The threshold is the embedder's own, which may be learned.
    pub is_auto: bool,
    pub shadow: bool,
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
    fn as_asked(&self) -> semantic::Question<'_> {
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
    let a = &x.admission;
    let tags = a.headers.cache.iter().flat_map(|control| &control.tags).chain(&a.headers.tag);
    if a.headers.on_behalf.is_some() || tags.into_iter().any(|tag| spec.excluded_tags.contains(tag))
    {
        return None;
    }
    let asks_nobody = [NGRAM, MINILM].contains(&&*spec.embedder) && spec.verify.is_none();
    if caching.only_if_cached && !asks_nobody {
        return None;
    }
    let asked = semantic::asked(a.dialect, &a.body, spec.window)?;
    let scope = caching.scope(&asked.scope_part);
    let (model_id, vector) = vector(rt, x, spec, &asked.text).await?;
    let question = Arc::new(Question { scope, text: asked.text, model_id, vector });
    caching.set_question(question.clone());
    rt.meaning.looked.fetch_add(1, Ordering::Relaxed);
    let near = nearest(rt, spec, question.clone()).await?;
    if near.refused.is_some() {
        rt.meaning.refused.fetch_add(1, Ordering::Relaxed);
        return None;
    }
    let entry = answer_of(rt, x, caching, &near).await?;
    if spec.shadow {
        rt.meaning.shadow.fetch_add(1, Ordering::Relaxed);
        caching.set_shadow(Shadow { entry, similarity: near.similarity, text: near.text.into() });
        return None;
    }
    if !is_verified(rt, x, spec, &question.text, &near, &entry).await {
        return None;
    }
    rt.meaning.hits.fetch_add(1, Ordering::Relaxed);
    Some(entry)
}

async fn vector(
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
        Reply::Verified(_) => None,
    }
}

/// Texts are compared beside the runtime's thread: it takes a millisecond.
async fn nearest(rt: &Runtime, spec: &SemanticSpec, question: Arc<Question>) -> Option<Near> {
    let (meaning, guards) = (rt.meaning.clone(), spec.guards);
    let threshold = meaning.threshold(spec);
    let look = move || meaning.memory.nearest(question.as_asked(), threshold, guards);
    spawn_blocking(look).await.ok()?
}

/// The answer to the nearest question, where it still is one, and its tenant's.
async fn answer_of(
    rt: &Runtime,
    x: &Exchange,
    caching: &Caching,
    near: &Near,
) -> Option<Arc<Entry>> {
    let now_ms = unix_ms(SystemTime::now());
    let mut entry = rt.cache.get(&near.key, now_ms);
    if entry.is_none() && caching.spec.is_durable {
        entry = rt.cache.find(&near.key, now_ms).await;
    }
    let Some(entry) = entry else {
        if !caching.spec.is_durable {
            rt.meaning.memory.remove(near.key); // it was purged, or made room; a store may only be slow
        }
        return None;
    };
    let is_own = entry.about.tenant == x.admission.principal.tenant();
    let is_fresh = now_ms < entry.fresh_until_ms && caching.takes(&entry, now_ms);
    Some(entry).filter(|_| is_own && is_fresh)
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
    let asked = rt.cache.chores.ask(|id| Chore::Verify {
        id,
        model: model.clone(),
        text: text.to_owned(),
        other: near.text.to_string(),
        answer: said(entry, x.admission.snapshot.max_event_bytes),
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
    let judgement = Judgement {
        model: a.requested_model.clone(),
        tenant: a.principal.tenant(),
        embedder: spec.embedder.clone(),
        similarity: shadow.similarity,
        text: question.text.clone(),
        other: shadow.text,
        kept: said(&shadow.entry, max_event_bytes),
        real: said(real, max_event_bytes),
    };
    rt.cache.chores.put(Chore::Judge(Box::new(judgement)));
}

/// Keeps what was asked, now that it has an answer.
pub(super) fn remember(rt: &Runtime, caching: &Caching, entry: &Entry) {
    let Some(question) = caching.question() else { return };
    let (meaning, asked, key) = (rt.meaning.clone(), question.clone(), entry.key);
    // Putting it in its place takes longer than other requests should wait.
    drop(spawn_blocking(move || meaning.memory.insert(asked.as_asked(), key)));
    if caching.spec.is_durable {
        let remembered = Remembered {
            model_id: question.model_id.clone(),
            scope: question.scope,
            key: entry.key,
            text: question.text.clone(),
            vector: question.vector.clone(),
            expires_ms: entry.kept_until_ms,
        };
        rt.cache.chores.put(Chore::Remember(Box::new(remembered)));
    }
}
