//! The families of metrics that are counted: name, labels, meaning. One row makes one.

use super::bounds::{Bounds, FIRST_CHUNK, OPERATION, OVERHEAD, TOKENS, VECTOR};

/// What a family's series hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A count that only grows.
    Counter,
    /// Dollars that only grow; kept as nano-dollars and what is left of them in pico-dollars, written exactly.
    Money,
    /// How often a value fell into which bucket, and the sum of all.
    Histogram(&'static Bounds),
}

impl Kind {
    /// Words that a series takes in each part of the file.
    pub const fn words(self) -> usize {
        match self {
            Self::Counter => 1,
            Self::Money => 2,
            Self::Histogram(bounds) => bounds.words(),
        }
    }

    /// As the expositions name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter | Self::Money => "counter",
            Self::Histogram(_) => "histogram",
        }
    }
}

/// One family.
#[derive(Debug)]
pub(super) struct Spec {
    /// Without the `_total` that counters end in.
    pub name: &'static str,
    pub kind: Kind,
    pub help: &'static str,
    /// Of every series, in the order of its values; one whose value is empty is left out.
    pub labels: &'static [&'static str],
    /// Series beyond it are counted in one whose labels say `other`.
    pub max_series: usize,
}

/// Series of families whose labels name models; the whole file holds fewer than so many of each.
const BY_MODEL: usize = 4096;

macro_rules! families {
    ($($id:ident = $name:literal $kind:expr, $labels:expr, $max:expr, $help:literal;)*) => {
        /// Names a family.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Family { $(#[doc = $help] $id,)* }

        impl Family {
            /// All of them, in the order in which they are written.
            pub(super) const ALL: &'static [Self] = &[$(Self::$id,)*];
        }

        const SPECS: &[Spec] = &[
            $(Spec { name: $name, kind: $kind, help: $help, labels: $labels, max_series: $max },)*
        ];
    };
}

families! {
    TokenUsage = "gen_ai_client_token_usage" Kind::Histogram(&TOKENS),
        &["gen_ai_provider_name", "gen_ai_request_model", "gen_ai_operation_name", "gen_ai_token_type"], BY_MODEL,
        "Tokens of an attempt that the ledger has tokens for; input includes what was cached.";
    OperationDuration = "gen_ai_client_operation_duration" Kind::Histogram(&OPERATION),
        &["gen_ai_provider_name", "gen_ai_request_model", "gen_ai_operation_name", "error_type"], BY_MODEL,
        "Seconds from an attempt's beginning to its end.";
    FirstChunk = "gen_ai_client_operation_time_to_first_chunk" Kind::Histogram(&FIRST_CHUNK),
        &["gen_ai_provider_name", "gen_ai_request_model", "gen_ai_operation_name"], BY_MODEL,
        "Seconds from an attempt's beginning to the first content of its stream.";
    Requests = "sluicegate_requests" Kind::Counter,
        &["operation", "dialect", "outcome", "client_status"], 512,
        "Requests to models that are over, by what the client was given.";
    RequestDuration = "sluicegate_request_duration_seconds" Kind::Histogram(&OPERATION),
        &["operation", "dialect", "outcome"], 128,
        "Seconds from an admitted request's arrival to its end.";
    Overhead = "sluicegate_overhead_seconds" Kind::Histogram(&OVERHEAD),
        &[], 1,
        "Seconds that the gateway itself took before an answer's head went out.";
    Refusals = "sluicegate_refusals" Kind::Counter,
        &["code"], 128,
        "Requests that were answered without any upstream.";
    Attempts = "sluicegate_attempts" Kind::Counter,
        &["provider", "model", "outcome", "error_code"], BY_MODEL,
        "Attempts at upstreams that are over: the ledger's rows from attempt 1.";
    Tokens = "sluicegate_tokens" Kind::Counter,
        &["provider", "model", "class"], BY_MODEL,
        "Tokens as the ledger has them. Input includes what a cache gave and took, output includes reasoning.";
    Cost = "sluicegate_cost_usd" Kind::Money,
        &["provider", "model"], BY_MODEL,
        "Dollars as the ledger has them, exactly.";
    CacheRequests = "sluicegate_cache_requests" Kind::Counter,
        &["result"], 8,
        "Admitted requests that are over, by what the cache did for them.";
    CacheSavedTokens = "sluicegate_cache_saved_tokens" Kind::Counter,
        &["provider", "model", "class"], BY_MODEL,
        "Tokens that answers of the cache had used when a model made them.";
    CacheSavedCost = "sluicegate_cache_saved_usd" Kind::Money,
        &["provider", "model"], BY_MODEL,
        "Dollars that answers of the cache had cost, where their price is known.";
    CacheEvictions = "sluicegate_cache_evictions" Kind::Counter,
        &[], 1,
        "Answers that left the memory of workers to make room.";
    CacheLooks = "sluicegate_cache_semantic_looks" Kind::Counter,
        &["result", "difference"], 64,
        "Questions that were compared with what was asked before, by what came of it.";
    CacheVectors = "sluicegate_cache_embedding_duration_seconds" Kind::Histogram(&VECTOR),
        &["embedder", "outcome"], 64,
        "Seconds that a question waited for its vector.";
    Thresholds = "sluicegate_limit_threshold" Kind::Counter,
        &["limit", "percent"], 512,
        "Thresholds of limits that were reached, each once in a window.";
    Alerts = "sluicegate_alerts" Kind::Counter,
        &["kind"], 64,
        "What an operator should hear of, each time that it happens.";
    Reloads = "sluicegate_config_reloads" Kind::Counter,
        &["outcome"], 8,
        "Readings of the configuration by a process of a running gateway.";
}

impl Family {
    pub(super) const fn spec(self) -> &'static Spec {
        &SPECS[self as usize]
    }

    pub(super) fn of(id: u64) -> Option<Self> {
        Self::ALL.get(usize::try_from(id).ok()?).copied()
    }
}

/// Differs between two layouts of series: processes of two versions never add to one file.
pub(super) const fn layout() -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325; // FNV-1a
    let mut at = 0;
    while at < SPECS.len() {
        let name = SPECS[at].name.as_bytes();
        let mut byte = 0;
        while byte < name.len() {
            hash = (hash ^ name[byte] as u64).wrapping_mul(0x0100_0000_01b3);
            byte += 1;
        }
        hash = (hash ^ SPECS[at].kind.words() as u64).wrapping_mul(0x0100_0000_01b3);
        at += 1;
    }
    hash
}
