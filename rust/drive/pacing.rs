//! How fast a stream is read: as fast as who reads it takes it.

use std::future::poll_fn;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::attempt::Running;
use super::client_stream::stream_type;
use super::deadline::{Deadline, Stop, after};
use super::exchange::Exchange;
use super::flight::Flight;
use super::held::Pace;
use super::outbox::{Head, ROOM_BYTES};
use super::paying::Payer;
use super::response_headers;
use crate::stream::Encoder;

/// How long one who is far behind is waited for, while the others could go on, before it takes something.
const PATIENCE: Duration = Duration::from_secs(1);

/// Keeps a waiting client's connection alive; the first one sends the head.
pub(super) fn heartbeat(x: &Exchange, deadline: &mut Deadline) {
    if !x.admission.operation.writes() {
        // Only what a model writes streams: elsewhere a comment would stand in the middle of JSON.
        return deadline.tick_at(None);
    }
    if x.client_status().is_none() {
        x.set_client_status(200);
        let mut headers = response_headers::gateway(x);
        headers.push((
            Bytes::from_static(b"content-type"),
            Bytes::from_static(stream_type(x).as_bytes()),
        ));
        x.fill(|r| r.head = Some(Head { status: 200, headers }));
    }
    let is_array = x.admission.place.as_array;
    x.fill(|r| Encoder::heartbeat(is_array, &mut r.body));
    deadline.tick_at(Some(after(Instant::now(), x.admission.snapshot.commit_after)));
}

/// Stops reading while nobody has room for more: their slowness reaches the upstream. Their time is not the upstream's.
pub(super) async fn wait_for_room(run: &mut Running) -> Result<(), Stop> {
    let flight = run.flight();
    let mut pace = pace_of(&run.x, flight.map(|flight| &**flight));
    if pace == Pace::Go {
        return Ok(());
    }
    let flight = flight.cloned();
    run.deadline.enter(Duration::MAX);
    while pace != Pace::Go {
        if run.payer.as_ref().is_some_and(Payer::has_resigned) {
            run.deadline.enter(run.target.timeouts.idle);
            return Err(Stop::Cancelled);
        }
        let x = run.x.clone();
        let moved = Box::pin(moved(&x, flight.as_deref(), pace)); // large, and only who waits needs it
        match run.deadline.guard(&run.x, moved).await {
            Ok(()) => {}
            Err(Stop::Tick) => {
                let next = after(Instant::now(), run.x.admission.snapshot.commit_after);
                run.deadline.tick_at(Some(next));
            }
            Err(stop) => {
                run.deadline.enter(run.target.timeouts.idle);
                return Err(stop);
            }
        }
        pace = pace_of(&run.x, flight.as_deref());
    }
    run.deadline.enter(run.target.timeouts.idle);
    Ok(())
}

fn pace_of(x: &Exchange, flight: Option<&Flight>) -> Pace {
    match flight {
        Some(flight) => flight.pace((!x.is_abandoned()).then(|| x.outbox.waiting())),
        None if x.outbox.has_room() => Pace::Go,
        None => Pace::Stand,
    }
}

/// Somebody took something, came or went; or nobody did for so long that who is behind is waited for no more.
async fn moved(x: &Exchange, flight: Option<&Flight>, pace: Pace) {
    let waiting = x.outbox.waiting();
    // Where the client has room, it is somebody else who has not.
    let bound = if waiting < ROOM_BYTES { 0 } else { waiting };
    let taken = poll_fn(|cx| x.outbox.poll_below(bound, cx));
    let Some(flight) = flight else { return taken.await };
    let patience = async {
        match pace {
            Pace::Slow => tokio::time::sleep(PATIENCE).await,
            _ => std::future::pending().await,
        }
    };
    tokio::select! {
        () = taken => {}
        () = flight.stirred() => {}
        () = patience => flight.pass_over(),
    }
}
