//! Upstream streams that are read to their end though nobody takes them.

use std::rc::Rc;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::attempt::Running;
use super::runtime::Runtime;
use crate::transport::Lease;

/// How long the end of a finished stream is waited for, so that its connection can be used again.
const TAIL_WAIT: Duration = Duration::from_millis(500);
/// Streams read on at once for clients that left.
const MAX_DRAINING: usize = 64;

/// A stream that is read on for a client that left; there is room for so many.
pub(super) struct Draining(Rc<Runtime>);

impl Draining {
    pub fn begin(run: &mut Running) -> Option<Self> {
        let count = run.rt.draining.get();
        if !run.target.upstream.drain || count >= MAX_DRAINING {
            return None;
        }
        run.rt.draining.set(count + 1);
        run.deadline.outlive_client();
        Some(Self(run.rt.clone()))
    }
}

impl Drop for Draining {
    fn drop(&mut self) {
        self.0.draining.set(self.0.draining.get().saturating_sub(1));
    }
}

/// Reads the nothing that should be left, so that the connection can serve the next request.
pub(super) fn recycle(lease: Lease, mut body: Incoming) {
    tokio::task::spawn_local(async move {
        let rest = async {
            while let Some(Ok(frame)) = body.frame().await {
                if frame.is_data() && frame.data_ref().is_some_and(|d| !d.is_empty()) {
                    return false;
                }
            }
            true
        };
        if tokio::time::timeout(TAIL_WAIT, rest).await.unwrap_or(false) {
            lease.recycle();
        }
    });
}
