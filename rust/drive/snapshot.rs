//! One reading of the configuration, as the hot path wants it: every look-up a hash, every header ready made.
//!
//! A request keeps the snapshot it began with, so that a reload never mixes two of them.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use http::{HeaderName, HeaderValue};

use super::address::Address;
use super::caching::CacheSpec;
use super::clock::unix_seconds;
use super::key::Key;
use super::operation::Operation;
use super::owned::Owned;
use super::pricing::{Pricing, Tariff};
use super::route_cache::RouteCache;
use super::secrets::Secrets;
use super::spec::{RouteSpec, SnapshotSpec, Strategy, UpstreamSpec};
use super::timeouts::Timeouts;
use super::whereabouts::whereabouts;
use crate::aws::Signer;
use crate::body::BoundField;
use crate::dialect::Dialect;
use crate::embed;
use crate::observe::{Metrics, ModelSeries};
use crate::price::{Book, Schedule, Sheet, SpecError};
use crate::rerank;
use crate::stream::Counting;
use crate::transport::{Endpoint, EndpointError};

/// A host, its key and how to speak to it.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools)] // each is a question of its own
pub struct Upstream {
    /// Name in the configuration, ledger and metrics.
    pub provider: String,
    /// What it speaks; see [`Upstream::dialect_for`].
    dialect: Dialect,
    /// It has `OpenAI`'s Responses API too.
    responses: bool,
    /// It has `OpenAI`'s older completions too.
    completions: bool,
    /// It has `OpenAI`'s realtime sessions.
    realtime: bool,
    /// Where it listens.
    pub endpoint: Endpoint,
    /// The same with all else that decides where its requests go, as a digest.
    pub whereabouts: [u8; 32],
    /// No version is added where the base URL is a bare host.
    pub unversioned: bool,
    /// Credential and fixed headers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Its deadlines.
    pub timeouts: Timeouts,
    /// Ask for usage in streams where the client did not.
    pub ask_usage: bool,
    /// Read on after the client left.
    pub drain: bool,
    /// Which prices hold for it.
    pub tariff: Tariff,
    /// How it counts tokens.
    pub counting: Counting,
    /// Where it wants a bound that the client did not set.
    pub bound_field: BoundField,
    /// What its errors may quote and clients may not read.
    pub secrets: Secrets,
    /// Which paths it has.
    pub address: Address,
    /// In which form it has vectors; `None` where it has none.
    pub embeddings: Option<embed::Form>,
    /// In which form it ranks documents; `None` where it does not.
    pub rerank: Option<rerank::Form>,
    /// What stands behind each path's question mark.
    pub query: String,
    /// Signs each request.
    pub signer: Option<Signer>,
    /// What repeats is marked for its own prompt cache.
    pub prompt_cache: bool,
    /// When its credential ends, in seconds since 1970; `None` is never.
    credential_until_s: Option<i64>,
    /// Which of its provider's keys this is, where that has several.
    pub key: Option<Key>,
    /// Its credential is the tenant's own.
    pub is_byok: bool,
}

impl Upstream {
    /// What it is spoken to in for a client of that dialect: the client's own, if it has it.
    pub fn dialect_for(&self, client: Dialect) -> Dialect {
        let has_it = match client {
            Dialect::OpenAiResponses => self.responses,
            Dialect::OpenAiCompletions => self.completions,
            _ => false,
        };
        if has_it { client } else { self.dialect }
    }

    /// Whether its credential holds now, so that anything sent could be answered.
    pub fn has_credential(&self) -> bool {
        self.credential_until_s.is_none_or(|until_s| unix_seconds(SystemTime::now()) < until_s)
    }

    /// Whether it has what a client of its own dialect asks; else the gateway answers as for any other dialect.
    pub fn has(&self, operation: Operation) -> bool {
        match operation {
            Operation::CountTokens => self.address != Address::InvokeModel,
            Operation::Realtime => self.realtime,
            _ => true,
        }
    }

    /// Whether streams in a dialect come as AWS's binary messages.
    pub fn streams_messages(&self, dialect: Dialect) -> bool {
        dialect == Dialect::Bedrock || self.address == Address::InvokeModel
    }
}

/// A model at an upstream.
#[derive(Debug, Clone)]
pub struct Target {
    /// Where.
    pub upstream: Arc<Upstream>,
    /// The upstream's name for the model, verbatim.
    pub model: String,
    /// Share of the draw in a weighted route.
    pub weight: u32,
    /// Which target of the configuration it is; those of one differ in their keys alone.
    pub group: usize,
    /// The upstream's deadlines, or the route's own.
    pub timeouts: Timeouts,
    /// What repeats is marked for the upstream's own prompt cache, by the upstream's setting or the route's own.
    pub prompt_cache: bool,
    /// `None` where neither the configuration nor the price book has a price.
    pub prices: Option<Arc<Schedule>>,
    /// Where it is counted, once it was.
    pub(super) series: Arc<OnceLock<Arc<ModelSeries>>>,
}

impl Target {
    /// The one of a route that nobody configured.
    fn at(upstream: &Arc<Upstream>, model: &str, prices: Option<Arc<Schedule>>) -> Self {
        Self {
            upstream: upstream.clone(),
            model: model.to_owned(),
            weight: 1,
            group: 0,
            timeouts: upstream.timeouts,
            prompt_cache: upstream.prompt_cache,
            prices,
            series: Arc::default(),
        }
    }

    /// Where it is counted.
    pub(super) fn series(&self, metrics: &Metrics, is_configured: bool) -> &ModelSeries {
        let find = || metrics.model(&self.upstream.provider, &self.model, is_configured);
        self.series.get_or_init(find)
    }

    /// The prices for a request that began then, in seconds since 1970; `None` is unpriced, never free.
    pub fn sheet(&self, unix_s: i64) -> Option<&Arc<Sheet>> {
        self.prices.as_ref()?.at(unix_s)
    }
}

/// The targets behind one requested model.
#[derive(Debug)]
pub struct Route {
    /// How the first target is chosen.
    pub strategy: Strategy,
    /// At least one, but for what the gateway answers itself.
    pub targets: Vec<Target>,
    /// A provider among them has several keys.
    pub(super) has_keys: bool,
}

/// The configuration as the hot path sees it.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools)] // each is a question of its own
pub struct Snapshot {
    /// Of each provider, by its keys.
    upstreams: HashMap<String, Vec<Arc<Upstream>>>,
    routes: HashMap<String, Arc<Route>>,
    pub(super) pricing: Pricing,
    /// Upstreams with credentials of tenants' own.
    pub(super) owned: Owned,
    /// Routes of `provider/model` names.
    named: RouteCache,
    /// A model without a price is refused.
    pub refuse_unpriced: bool,
    /// How long status and headers wait for content.
    pub commit_after: Duration,
    /// Largest server-sent event relayed.
    pub max_event_bytes: usize,
    /// Largest answer that is not a stream.
    pub max_answer_bytes: usize,
    /// How long an answer is taken to become where the request does not say.
    pub default_max_output_tokens: u64,
    /// Names this configuration to the front.
    pub generation: u64,
    /// Whether answers are kept for clients who go on from them, where the provider keeps none.
    pub keep_responses: bool,
    /// Whether streams hold what such answers became, and not what they may become at most.
    pub reserve_learned: bool,
    /// A plugin is asked before a request is admitted.
    pub asks_plugins: bool,
    /// See [`SnapshotSpec::watches`].
    pub watches: Option<bool>,
    /// What a worker's memory has of kept answers at most.
    pub cache_max_bytes: usize,
    /// Questions that a worker compares at most.
    pub cache_max_entries: usize,
    /// How answers are kept, of models that say it themselves.
    caching: HashMap<String, Arc<CacheSpec>>,
    /// The same of all others.
    caching_default: Arc<CacheSpec>,
}

/// Why a snapshot cannot be built; the configuration's own checks come before.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// Not the JSON of a [`SnapshotSpec`].
    #[error("snapshot: {0}")]
    Shape(#[from] serde_json::Error),
    /// A base URL that cannot be used.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// A header that cannot be sent.
    #[error("provider {provider}: header {name:?} is not valid")]
    Header {
        /// Whose.
        provider: String,
        /// Which; never its value.
        name: String,
    },
    /// A discount or a margin that cannot be kept exactly.
    #[error(
        "provider {provider}: its discount or margin is not a percentage of at most four decimal places"
    )]
    Percent {
        /// Whose.
        provider: String,
    },
    /// A price that cannot be kept exactly.
    #[error("price of {model:?}: {source}")]
    Price {
        /// Which entry.
        model: String,
        /// What is wrong.
        source: SpecError,
    },
    /// A target names no upstream.
    #[error("model {model:?}: target {index} names no upstream")]
    Target {
        /// Which route.
        model: String,
        /// Which of its targets.
        index: usize,
    },
}

impl Snapshot {
    /// Builds a snapshot from the JSON of a [`SnapshotSpec`].
    pub fn from_json(json: &[u8]) -> Result<Self, SnapshotError> {
        let spec: SnapshotSpec = serde_json::from_slice(json)?;
        let mut owned = Owned::default();
        let mut upstreams: Vec<Arc<Upstream>> = Vec::new();
        for upstream in spec.upstreams {
            // They stand behind all others, which targets name by their places.
            match upstream.owner.clone() {
                Some(whose) => owned.add(whose, Arc::new(upstream.build()?)),
                None => upstreams.push(Arc::new(upstream.build()?)),
            }
        }
        let pricing = Pricing::new(&spec.prices)?;
        let own = |(name, route): (&String, &RouteSpec)| {
            Some((name.clone(), Arc::new(route.cache.clone()?)))
        };
        let caching = spec.models.iter().filter_map(own).collect();
        let routes = spec
            .models
            .into_iter()
            .map(|(name, route)| {
                route.build(&name, &upstreams, &pricing).map(|r| (name, Arc::new(r)))
            })
            .collect::<Result<_, _>>()?;
        let mut by_provider: HashMap<String, Vec<Arc<Upstream>>> = HashMap::new();
        for upstream in upstreams {
            by_provider.entry(upstream.provider.clone()).or_default().push(upstream);
        }
        Ok(Self {
            upstreams: by_provider,
            routes,
            pricing,
            owned,
            named: RouteCache::default(),
            refuse_unpriced: spec.refuse_unpriced,
            commit_after: Duration::try_from_secs_f64(spec.commit_after_s).unwrap_or(Duration::MAX),
            max_event_bytes: spec.max_event_bytes,
            max_answer_bytes: spec.max_answer_bytes,
            default_max_output_tokens: spec.default_max_output_tokens,
            generation: spec.generation,
            keep_responses: spec.keep_responses,
            reserve_learned: spec.reserve_learned,
            asks_plugins: spec.asks_plugins,
            watches: spec.watches,
            cache_max_bytes: spec.cache_max_bytes,
            cache_max_entries: spec.cache_max_entries,
            caching,
            caching_default: Arc::new(spec.cache),
        })
    }

    /// How answers of a model are kept.
    pub(super) fn caching(&self, model: &str) -> &Arc<CacheSpec> {
        self.caching.get(model).unwrap_or(&self.caching_default)
    }

    /// The route of a requested model: an alias, or `provider/model` with everything behind the first slash verbatim.
    ///
    /// Cost: a look-up; some microseconds more for the first request for a `provider/model`.
    pub fn route(&self, model: &str) -> Option<Arc<Route>> {
        if let Some(route) = self.routes.get(model) {
            return Some(route.clone());
        }
        self.named.get(model, || self.named_route(model))
    }

    /// The same, without a place among those that are kept: lists ask for more names than requests do.
    pub fn uncached_route(&self, model: &str) -> Option<Arc<Route>> {
        self.routes.get(model).cloned().or_else(|| self.named_route(model))
    }

    /// The one way to a provider; what its own paths ask of no model has no price.
    pub fn passage(&self, provider: &str, model: &str) -> Option<Arc<Route>> {
        if model.is_empty() {
            let upstreams = self.upstreams.get(provider)?;
            let targets = upstreams.iter().map(|upstream| Target::at(upstream, "", None));
            return Some(Arc::new(Route::to(targets.collect())));
        }
        let name = format!("{provider}/{model}");
        self.named.get(&name, || self.named_route(&name))
    }

    fn named_route(&self, name: &str) -> Option<Arc<Route>> {
        let (provider, model) = name.split_once('/')?;
        let upstreams = self.upstreams.get(provider)?;
        if model.is_empty() {
            return None;
        }
        let targets = upstreams.iter().map(|upstream| {
            let prices = self.pricing.schedule(&upstream.tariff, provider, model);
            Target::at(upstream, model, prices)
        });
        Some(Arc::new(Route::to(targets.collect())))
    }

    /// The route to the target that made something: one of the requested model's, or what the configuration has now
    /// under the provider's name. With all of the provider's keys: which one it was made with is not known.
    pub fn pinned(&self, route: Option<&Route>, provider: &str, model: &str) -> Option<Arc<Route>> {
        let targets = route.map_or(&[][..], |route| &route.targets);
        let made = targets.iter().find(|t| t.upstream.provider == provider && t.model == model);
        let Some(made) = made else {
            return self.named_route(&format!("{provider}/{model}"));
        };
        let by_key = targets.iter().filter(|target| target.group == made.group);
        Some(Arc::new(Route::to(by_key.cloned().collect())))
    }

    /// Gives the models that the configuration names their series, before clients name others.
    pub(super) fn count_in(&self, metrics: &Metrics) {
        for target in self.routes.values().flat_map(|route| &route.targets) {
            target.series(metrics, true);
        }
    }

    /// The aliases, for the list of models.
    pub fn aliases(&self) -> impl Iterator<Item = &str> {
        self.routes.keys().map(String::as_str)
    }
}

impl UpstreamSpec {
    fn build(self) -> Result<Upstream, SnapshotError> {
        let tariff = Tariff::new(&self, Book::shipped())?;
        let told = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let secrets = Secrets::of(told);
        let whereabouts = whereabouts(&self);
        let mut headers = Vec::with_capacity(self.headers.len());
        for (name, value) in self.headers {
            let parsed = HeaderName::try_from(&name).ok().zip(HeaderValue::try_from(&value).ok());
            let Some((name, mut value)) = parsed else {
                return Err(SnapshotError::Header { provider: self.provider, name });
            };
            value.set_sensitive(true);
            headers.push((name, value));
        }
        Ok(Upstream {
            endpoint: Endpoint::parse(&self.base_url)?,
            whereabouts,
            unversioned: self.unversioned,
            provider: self.provider,
            dialect: self.dialect,
            responses: self.responses && self.dialect == Dialect::OpenAiChat,
            completions: self.completions && self.dialect == Dialect::OpenAiChat,
            realtime: self.realtime && self.dialect == Dialect::OpenAiChat,
            headers,
            timeouts: self.timeouts.into(),
            ask_usage: self.ask_usage,
            drain: self.drain,
            tariff,
            counting: Counting { reasoning_beside_output: self.reasoning_beside_output },
            bound_field: self.bound_field,
            secrets,
            address: self.address,
            embeddings: self.embeddings,
            rerank: self.rerank,
            query: self.query,
            signer: self.signer,
            prompt_cache: self.prompt_cache,
            credential_until_s: self.credential_until_s,
            key: self.key.map(Key::from),
            is_byok: self.owner.is_some(),
        })
    }
}

impl RouteSpec {
    fn build(
        self,
        name: &str,
        upstreams: &[Arc<Upstream>],
        pricing: &Pricing,
    ) -> Result<Route, SnapshotError> {
        let targets = self
            .targets
            .into_iter()
            .enumerate()
            .map(|(index, target)| {
                let upstream = upstreams
                    .get(target.upstream)
                    .ok_or_else(|| SnapshotError::Target { model: name.to_owned(), index })?;
                Ok(Target {
                    prices: pricing.schedule(&upstream.tariff, &upstream.provider, &target.model),
                    upstream: upstream.clone(),
                    model: target.model,
                    weight: target.weight,
                    group: target.group.unwrap_or(index),
                    timeouts: target.timeouts.into(),
                    prompt_cache: target.prompt_cache.unwrap_or(upstream.prompt_cache),
                    series: Arc::default(),
                })
            })
            .collect::<Result<Vec<_>, SnapshotError>>()?;
        if targets.is_empty() {
            return Err(SnapshotError::Target { model: name.to_owned(), index: 0 });
        }
        Ok(Route::new(self.strategy, targets))
    }
}

impl Route {
    /// One after the other.
    pub fn to(targets: Vec<Target>) -> Self {
        Self::new(Strategy::Fallback, targets)
    }

    /// The part of it that is at one provider, what `model` names there first; None where nothing of it is.
    pub fn within(&self, provider: &str, model: &str) -> Option<Arc<Self>> {
        let there = self.targets.iter().filter(|target| target.upstream.provider == provider);
        let mut targets: Vec<_> = there.cloned().collect();
        targets.sort_by_key(|target| target.model != model);
        (!targets.is_empty()).then(|| Arc::new(Self::to(targets)))
    }

    /// A route to these targets.
    pub(super) fn new(strategy: Strategy, targets: Vec<Target>) -> Self {
        let has_keys = targets.iter().any(|target| target.upstream.key.is_some());
        Self { strategy, targets, has_keys }
    }

    /// The part of it that goes under one key of the provider's; None where nothing of it does.
    pub fn under(&self, key: &str) -> Option<Arc<Self>> {
        let has_it = |t: &&Target| t.upstream.key.as_ref().is_some_and(|k| k.name == key);
        let targets: Vec<_> = self.targets.iter().filter(has_it).cloned().collect();
        (!targets.is_empty()).then(|| Arc::new(Self::to(targets)))
    }

    /// The first target that has no price for such a request that began then.
    pub fn unpriced(&self, operation: Operation, unix_s: i64) -> Option<&Target> {
        let covers = |sheet: &Arc<Sheet>| sheet.covers(operation.unit());
        self.targets.iter().find(|target| !target.sheet(unix_s).is_some_and(covers))
    }
}
