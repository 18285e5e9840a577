//! The configuration as Python hands it over, before anything of it is checked.

use std::collections::HashMap;

use serde::Deserialize;

use super::address::Address;
use super::caching::CacheSpec;
use super::key::KeySpec;
use super::owned::Owner;
use super::pricing::PriceSpec;
use super::timeouts::TimeoutsSpec;
use crate::aws::Signer;
use crate::body::BoundField;
use crate::dialect::Dialect;
use crate::{embed, rerank};

/// What Python hands over, as JSON: the configuration resolved against the catalogue.
#[derive(Debug, Deserialize)]
#[allow(missing_docs, clippy::struct_excessive_bools)] // each field is named after the configuration's
pub struct SnapshotSpec {
    pub upstreams: Vec<UpstreamSpec>,
    pub models: HashMap<String, RouteSpec>,
    /// By `provider/model`, or `provider/*` for all others of a provider.
    #[serde(default)]
    pub prices: HashMap<String, PriceSpec>,
    /// A model without a price is refused; otherwise it is recorded as unpriced.
    #[serde(default)]
    pub refuse_unpriced: bool,
    pub commit_after_s: f64,
    pub max_event_bytes: usize,
    pub max_answer_bytes: usize,
    pub default_max_output_tokens: u64,
    /// Names this configuration to the front.
    #[serde(default)]
    pub generation: u64,
    /// Answers are kept for clients who go on from them, where the provider keeps none.
    #[serde(default)]
    pub keep_responses: bool,
    /// Streams hold what such answers became, not what they may become at most.
    #[serde(default)]
    pub reserve_learned: bool,
    /// A plugin is asked before a request is admitted.
    #[serde(default)]
    pub asks_plugins: bool,
    /// How answers are kept of models that say nothing of it.
    #[serde(default)]
    pub cache: CacheSpec,
    /// What a worker's memory has of them at most.
    #[serde(default)]
    pub cache_max_bytes: usize,
    /// Questions that a worker compares at most; read at start.
    #[serde(default = "default_questions")]
    pub cache_max_entries: usize,
    /// Plugins watch: true where they are shown what clients are given, false where they hear of ends alone.
    #[serde(default)]
    pub watches: Option<bool>,
}

/// A provider as one upstream host with one key.
#[derive(Debug, Deserialize)]
#[allow(missing_docs, clippy::struct_excessive_bools)] // the configuration's own
pub struct UpstreamSpec {
    pub provider: String,
    pub dialect: Dialect,
    pub base_url: String,
    /// Its paths have no version, so that none is added to a bare host.
    #[serde(default)]
    pub unversioned: bool,
    /// Credential and fixed headers.
    pub headers: Vec<(String, String)>,
    pub timeouts: TimeoutsSpec,
    /// Ask for usage in streams where the client did not.
    pub ask_usage: bool,
    /// Read on after the client left, so that usage is reported.
    pub drain: bool,
    /// The price book's name for it; found by the base URL where there is none.
    #[serde(default)]
    pub price_provider: Option<String>,
    /// What the operator pays less than the book says.
    #[serde(default = "zero")]
    pub discount_percent: String,
    /// What is charged above what the operator pays.
    #[serde(default = "zero")]
    pub margin_percent: String,
    /// Its output counts leave out reasoning, which it reports beside them.
    #[serde(default)]
    pub reasoning_beside_output: bool,
    /// Where it wants a bound that the client did not set.
    #[serde(default)]
    pub bound_field: BoundField,
    /// Its `OpenAI` Chat Completions have the Responses API beside them.
    #[serde(default)]
    pub responses: bool,
    /// The same of the older completions.
    #[serde(default)]
    pub completions: bool,
    /// It has `OpenAI`'s realtime sessions.
    #[serde(default)]
    pub realtime: bool,
    /// Which paths it has.
    #[serde(default)]
    pub address: Address,
    /// In which form it has vectors; none where it has none.
    #[serde(default)]
    pub embeddings: Option<embed::Form>,
    /// In which form it ranks documents; none where it does not.
    #[serde(default)]
    pub rerank: Option<rerank::Form>,
    /// What stands behind each path's question mark.
    #[serde(default)]
    pub query: String,
    /// Signs each request.
    #[serde(default)]
    pub signer: Option<Signer>,
    /// What repeats is marked for its own prompt cache.
    #[serde(default)]
    pub prompt_cache: bool,
    /// When its credential ends, in seconds since 1970; 0 is that there is none yet.
    #[serde(default)]
    pub credential_until_s: Option<i64>,
    /// Which of its keys this is, where it has several.
    #[serde(default)]
    pub key: Option<KeySpec>,
    /// Whose own credential it has; the operator's where it is none's.
    #[serde(default)]
    pub owner: Option<Owner>,
}

const fn default_questions() -> usize {
    100_000
}

fn zero() -> String {
    "0".to_owned()
}

/// A name that clients ask for.
#[derive(Debug, Deserialize)]
#[allow(missing_docs)]
pub struct RouteSpec {
    pub strategy: Strategy,
    pub targets: Vec<TargetSpec>,
    /// How its answers are kept.
    #[serde(default)]
    pub cache: Option<CacheSpec>,
}

/// One model of a route.
#[derive(Debug, Deserialize)]
#[allow(missing_docs)]
pub struct TargetSpec {
    /// Index into `upstreams`.
    pub upstream: usize,
    pub model: String,
    pub weight: u32,
    pub timeouts: TimeoutsSpec,
    /// In place of the upstream's.
    #[serde(default)]
    pub prompt_cache: Option<bool>,
    /// Which target of the configuration it is, of which there is one for each key of its provider.
    #[serde(default)]
    pub group: Option<usize>,
}

/// Which target of a route is tried first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// The first; the others in order when it fails.
    Fallback,
    /// Drawn by weight.
    Weighted,
}
