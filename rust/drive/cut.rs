//! The end of a stream that a limit has no room for: the model's own, had it been told to write no more, and why it is there.

use std::sync::Arc;

use super::client_stream::encoding;
use super::exchange::Exchange;
use crate::cache::Facts;
use crate::stream::{Delta, Encoder, FinishReason, Trail, Usage, write_json};

/// Where the stream ends for one who follows it.
#[derive(Debug)]
pub struct Cut {
    /// The name of its limit.
    pub limit: String,
    pub trail: Arc<Trail>,
    /// What the answer used up to there.
    pub facts: Arc<Facts>,
}

/// What an answer has used where it is cut, and what that costs its client.
pub(super) struct Spent<'a> {
    pub usage: Usage,
    pub cost_usd: Option<&'a str>,
}

/// Ends a stream for a client. Where it went out as it came, there is no encoder, and the trail knows what is open.
pub(super) fn write_cut(
    x: &Exchange,
    limit: &str,
    (trail, encoder): (&Trail, Option<&mut Encoder>),
    spent: &Spent<'_>,
    out: &mut Vec<u8>,
) {
    if !x.admission.place.as_array {
        out.extend_from_slice(b": sluicegate: cut at limit ");
        write_json(out, limit);
        out.extend_from_slice(b"\n\n");
    }
    let mut own = None;
    let encoder = encoder
        .unwrap_or_else(|| own.insert(Encoder::resume(x.admission.dialect, encoding(x), trail)));
    for choice in trail.unfinished() {
        let reason = FinishReason::Length;
        encoder.delta(&Delta::Finish { choice, reason, stop_sequence: None }, out);
    }
    encoder.settle(spent.usage, spent.cost_usd);
    encoder.terminator(out);
}
