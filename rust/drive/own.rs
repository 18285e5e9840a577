//! Whether a request goes to a target as its client wrote it.

use super::exchange::Exchange;
use super::operation::Operation;
use super::snapshot::Target;
use super::{embeddings, reranking};

/// Whether the target has what is asked in the form that the client speaks.
pub fn is_own(x: &Exchange, target: &Target) -> bool {
    let a = &x.admission;
    // What the gateway put together may hold what other vendors sealed.
    let is_expanded = a.place.about.as_ref().is_some_and(|about| about.is_expanded());
    let speaks_it = match a.operation {
        Operation::Passthrough | Operation::File => return true,
        // What is sent is made of its lines.
        Operation::Batch => return a.place.demand.is_none(),
        Operation::Embeddings => embeddings::is_own(a.dialect, target),
        Operation::Rerank => reranking::is_own(&a.place, target),
        operation => {
            let upstream = &target.upstream;
            upstream.dialect_for(a.dialect) == a.dialect && upstream.has(operation)
        }
    };
    speaks_it && !is_expanded
}
