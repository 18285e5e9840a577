//! `usage` of a response, read and written.

use std::io::Write as _;

use crate::stream::lenient::One;
use crate::stream::usage::{Count, ServiceTier, Usage};

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct WireUsage {
    input_tokens: Count,
    input_tokens_details: One<InputDetails>,
    output_tokens: Count,
    output_tokens_details: One<OutputDetails>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
#[allow(clippy::struct_field_names)] // the vendor's names
struct InputDetails {
    cached_tokens: Count,
    cache_write_tokens: Count,
    /// Ours, where this gateway stands before another.
    cache_write_1h_tokens: Count,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
struct OutputDetails {
    reasoning_tokens: Count,
}

impl WireUsage {
    /// The counts in neutral meaning. Reasoning is part of the output at every host of this dialect, also at those
    /// whose Chat Completions count it beside.
    pub(super) fn read(&self, tier: &str, web_searches: u64) -> Usage {
        let input = self.input_tokens_details.0.as_ref();
        let output = self.output_tokens_details.0.as_ref();
        let usage = Usage {
            input_tokens: self.input_tokens.tokens(),
            cached_input_tokens: input.and_then(|details| details.cached_tokens.tokens()),
            cache_write_tokens: input.and_then(|details| details.cache_write_tokens.tokens()),
            cache_write_1h_tokens: input.and_then(|details| details.cache_write_1h_tokens.tokens()),
            output_tokens: self.output_tokens.tokens(),
            reasoning_tokens: output.and_then(|details| details.reasoning_tokens.tokens()),
            web_searches: Some(web_searches).filter(|searches| *searches > 0),
            service_tier: ServiceTier::of(tier),
            ..Usage::default()
        };
        usage.without_absurd_parts()
    }
}

/// Appends the counts. SDKs demand all of these fields.
pub(super) fn write_usage(usage: &Usage, cost_usd: Option<&str>, out: &mut Vec<u8>) {
    let input = usage.input_tokens.unwrap_or(0);
    let output = usage.output_tokens.unwrap_or(0);
    let cached = usage.cached_input_tokens.unwrap_or(0);
    let written = usage.cache_write_tokens.unwrap_or(0);
    let reasoning = usage.reasoning_tokens.unwrap_or(0);
    // Writing into memory cannot fail.
    let _ = write!(
        out,
        r#"{{"input_tokens":{input},"input_tokens_details":{{"cached_tokens":{cached},"cache_write_tokens":{written}"#
    );
    if let Some(hour) = usage.cache_write_1h_tokens {
        let _ = write!(out, r#","cache_write_1h_tokens":{hour}"#);
    }
    let _ = write!(
        out,
        r#"}},"output_tokens":{output},"output_tokens_details":{{"reasoning_tokens":{reasoning}}},"total_tokens":{}"#,
        input.saturating_add(output)
    );
    if let Some(cost_usd) = cost_usd {
        let _ = write!(out, r#","cost_usd":{cost_usd}"#);
    }
    out.push(b'}');
}
