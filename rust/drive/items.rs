//! Vectors that are kept text by text: what of a request's texts is found.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use super::caching::Caching;
use super::clock::unix_ms;
use super::exchange::Exchange;
use super::heavy::beside;
use super::operation::Operation;
use super::parts::{MAX_STORED, Parts};
use super::runtime::Runtime;
use super::snapshot::Route;
use crate::cache::{About, Entry, Facts, Key, KeyMaker, Shape};
use crate::embed::Items;
use crate::price::Tokens;

/// The texts of a request for vectors, with what was found of them so far.
#[derive(Debug, Default)]
pub(super) struct Texts {
    is_read: bool,
    /// None where the request is kept as a whole.
    items: Option<Arc<Items>>,
    /// What an answer to all of them belongs to: what ends that ends them for it.
    about: About,
    /// By text.
    found: Vec<Option<Arc<Entry>>>,
}

impl Texts {
    /// The answer, where memory has the vectors of all texts.
    pub async fn in_memory(
        &mut self,
        rt: &Runtime,
        x: &Arc<Exchange>,
        caching: &Caching,
    ) -> Option<Arc<Entry>> {
        self.read(x, caching).await;
        let items = self.items.clone()?;
        let now_ms = unix_ms(SystemTime::now());
        let kept = rt.cache.get_all(items.keys(), (&caching.key, &self.about), now_ms);
        let good =
            |entry: Option<Arc<Entry>>| entry.filter(|entry| is_good(caching, entry, now_ms));
        self.found = kept.into_iter().map(good).collect();
        self.whole(x, caching).await
    }

    /// The answer, where memory and stores have them. Few are asked for, and all together.
    pub async fn in_stores(
        &mut self,
        rt: &Runtime,
        x: &Arc<Exchange>,
        caching: &Caching,
    ) -> Option<Arc<Entry>> {
        let items = self.items.clone()?;
        let missing = self.missing(&items);
        if missing.is_empty() || missing.len() > MAX_STORED {
            return None;
        }
        let now_ms = unix_ms(SystemTime::now());
        let stored = rt.cache.find_all(&missing, (&caching.key, &self.about), now_ms).await;
        self.add(&items, &stored, caching);
        self.whole(x, caching).await
    }

    /// What is to be asked: the texts of which nothing was found.
    pub async fn ask(mut self, x: &Arc<Exchange>, caching: &Caching) {
        self.read(x, caching).await;
        let Some(items) = self.items else { return };
        let bytes = x.admission.body.len();
        let (whose, found) = (x.clone(), self.found);
        let parts = beside(bytes, move || Parts::of(&whose.admission, &items, &found)).await;
        if let Ok(Some(parts)) = parts {
            caching.set_parts(parts);
        }
    }

    /// Reads them, once.
    async fn read(&mut self, x: &Arc<Exchange>, caching: &Caching) {
        let a = &x.admission;
        if std::mem::replace(&mut self.is_read, true) || a.operation != Operation::Embeddings {
            return;
        }
        let Some(target) = a.route.targets.first().filter(|_| has_one_model(&a.route)) else {
            return;
        };
        self.about = caching.about(a, &target.upstream.provider, &target.model);
        let owner = KeyMaker::new("text").part(&caching.scope(b"vectors of single texts"));
        let (bytes, whose) = (a.body.len(), x.clone());
        let read = move || {
            let a = &whose.admission;
            Items::read(a.dialect, a.place.verb(), &a.body, &owner)
        };
        self.items = beside(bytes, read).await.ok().flatten().map(Arc::new);
    }

    /// Names of what was not found, each once.
    fn missing(&self, items: &Items) -> Vec<Key> {
        let each = items.keys().iter().zip(&self.found);
        let mut missing: Vec<Key> =
            each.filter(|(_, found)| found.is_none()).map(|(key, _)| *key).collect();
        missing.sort_unstable();
        missing.dedup();
        missing
    }

    fn add(&mut self, items: &Items, stored: &HashMap<Key, Arc<Entry>>, caching: &Caching) {
        let now_ms = unix_ms(SystemTime::now());
        for (key, found) in items.keys().iter().zip(&mut self.found) {
            if found.is_none() {
                let stored = stored.get(key).filter(|entry| is_good(caching, entry, now_ms));
                *found = stored.cloned();
            }
        }
    }

    /// The answer, where something was found of every text: as old as the oldest of it, and good for as long as all of
    /// it is.
    async fn whole(&self, x: &Arc<Exchange>, caching: &Caching) -> Option<Arc<Entry>> {
        let items = self.items.clone()?;
        let parts: Vec<Arc<Entry>> = self.found.iter().cloned().collect::<Option<_>>()?;
        let made_ms = parts.iter().map(|part| part.made_ms).min()?;
        let end_ms = parts.iter().map(|part| part.fresh_until_ms).min()?;
        let first = parts.first()?;
        let about = About { target: first.about.target.clone(), ..self.about.clone() };
        let said = Facts {
            response_model: first.facts.response_model.clone(),
            first_ms: parts.iter().map(|part| part.facts.first_ms).max()?,
            latency_ms: parts.iter().map(|part| part.facts.latency_ms).max()?,
            dropped: parts.iter().find_map(|part| part.facts.dropped.clone()),
            ..Facts::default()
        };
        let bytes = parts.iter().map(|part| part.body.len()).sum();
        let kept = parts.iter().map(|part| Some(part.body.clone())).collect();
        let join = move || Items::clone(&items).with(kept).whole(None, |_| 0);
        let whole = beside(bytes, join).await.ok()??;
        Some(Arc::new(Entry {
            key: caching.key,
            about,
            epoch: caching.epoch,
            made_ms,
            fresh_until_ms: end_ms,
            kept_until_ms: end_ms,
            facts: facts(x, said, whole.input_tokens),
            dialect: x.admission.dialect,
            shape: Shape::Whole,
            body: whole.body.into(),
        }))
    }
}

/// Vectors of two models are no answer together, and which of them will answer is not known before.
fn has_one_model(route: &Route) -> bool {
    let mut models = route.targets.iter().map(|target| &target.model);
    let first = models.next();
    models.all(|model| Some(model) == first)
}

fn is_good(caching: &Caching, entry: &Entry, now_ms: u64) -> bool {
    now_ms < entry.fresh_until_ms && caching.takes(entry, now_ms)
}

/// With what all of it had cost by now.
fn facts(x: &Exchange, said: Facts, input_tokens: u64) -> Facts {
    let a = &x.admission;
    let sheet = a.route.targets.first().and_then(|target| target.sheet(a.unix_s));
    let cost = sheet.map(|sheet| sheet.cost(&Tokens { input: input_tokens, ..Tokens::default() }));
    let cost_pico = cost.and_then(|cost| i64::try_from(cost).ok());
    Facts { input_tokens, cost_pico, ..said }
}
