//! One client's connection: which HTTP it speaks, and its requests one after the other or beside each other.

use std::cell::Cell;
use std::net::SocketAddr;
use std::pin::{self, pin};
use std::rc::Rc;
use std::time::{Duration, Instant};

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;

use super::activity::{Activity, Calls};
use super::floor::Floor;
use super::service::Service;
use super::upgraded::Slot;
use super::wire::{Patience, Phase, Wire};
use crate::drive::after;
use crate::transport::LocalExecutor;

/// What every HTTP/2 connection begins with. RFC 9113, section 3.4.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Longest head and largest read at a time.
const MAX_HEAD_BYTES: usize = 64 * 1024;
const MAX_HEADERS: usize = 128;
/// Streams of one HTTP/2 connection at once, and those that it may reset before they are looked at.
const MAX_STREAMS: u32 = 200;
const MAX_EARLY_RESETS: usize = 20;
/// A client that is slow with the first bytes is looked at again.
const PEEK_AGAIN: Duration = Duration::from_millis(5);

/// The client's end of a connection, and ours.
type Ends = (SocketAddr, SocketAddr);

/// Serves a connection to its end.
pub(super) async fn serve(floor: Rc<Floor>, tcp: TcpStream, peer: SocketAddr) {
    let _ = tcp.set_nodelay(true);
    let Ok(own) = tcp.local_addr() else { return };
    let ends = (peer, own);
    let options = &floor.options;
    let patience = Patience {
        idle: options.idle_timeout,
        head: options.head_timeout,
        write_stall: options.write_stall,
    };
    let Some(is_http2) = speaks_http2(&tcp, options.head_timeout).await else { return };
    if is_http2 {
        Box::pin(serve_http2(floor, tcp, ends, patience)).await; // large, and few speak it
    } else {
        serve_http1(floor, tcp, ends, patience).await;
    }
}

/// None where the client says nothing in time.
async fn speaks_http2(tcp: &TcpStream, within: Duration) -> Option<bool> {
    let until = after(Instant::now(), within);
    let mut begun = [0; PREFACE.len()];
    loop {
        let count = tokio::time::timeout_at(until.into(), tcp.peek(&mut begun)).await.ok()?.ok()?;
        let seen = begun.get(..count)?;
        if seen.is_empty() {
            return None;
        }
        if !PREFACE.starts_with(seen) {
            return Some(false);
        }
        if count == PREFACE.len() {
            return Some(true);
        }
        if Instant::now() >= until {
            return None;
        }
        tokio::time::sleep(PEEK_AGAIN).await;
    }
}

async fn serve_http1(floor: Rc<Floor>, tcp: TcpStream, ends: Ends, patience: Patience) {
    let phase = Rc::new(Cell::new(Phase::Head));
    let wire = TokioIo::new(Wire::new(tcp, patience, phase.clone()));
    let slot = Slot::default();
    let service = Service {
        floor: floor.clone(),
        ends,
        activity: Activity::Single(phase.clone()),
        slot: Some(slot.clone()),
    };
    let mut connection = http1::Builder::new()
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS)
        .header_read_timeout(None)
        .serve_connection(wire, service_fn(move |request| service.clone().call(request)));
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = floor.closing.notified() => {
            pin::Pin::new(&mut connection).graceful_shutdown();
            (&mut connection).await
        }
    };
    if let Some(upgraded) = slot.take().filter(|_| ended.is_ok()) {
        let parts = connection.into_parts();
        phase.set(Phase::Busy); // pings have bounds of their own
        Box::pin(upgraded.serve(parts.io.into_inner(), parts.read_buf)).await;
    }
}

async fn serve_http2(floor: Rc<Floor>, tcp: TcpStream, ends: Ends, patience: Patience) {
    let phase = Rc::new(Cell::new(Phase::Busy));
    let wire = TokioIo::new(Wire::new(tcp, patience, phase));
    let calls = Rc::new(Calls::default());
    let service =
        Service { floor: floor.clone(), ends, activity: Activity::Many(calls.clone()), slot: None };
    let mut connection = pin!(
        http2::Builder::new(LocalExecutor)
            .timer(TokioTimer::new())
            .max_concurrent_streams(MAX_STREAMS)
            .max_pending_accept_reset_streams(MAX_EARLY_RESETS)
            .keep_alive_interval(patience.idle)
            .serve_connection(wire, service_fn(move |request| service.clone().call(request)))
    );
    // What is asked of it next is waited for as on any other connection; its first request as long as for a head.
    let (mut patient, mut seen) = (patience.head, 0);
    loop {
        tokio::select! {
            _ = connection.as_mut() => return,
            () = floor.closing.notified() => break,
            () = tokio::time::sleep(patient) => {
                let idle_behind = calls.idle_behind();
                if idle_behind == Some(seen) {
                    connection.as_mut().graceful_shutdown();
                    let _ = tokio::time::timeout(patience.head, connection).await;
                    return;
                }
                seen = idle_behind.unwrap_or(seen);
                patient = patience.idle;
            }
        }
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drive::room;

    #[test]
    fn a_connection_takes_little_room() {
        assert!(room(&serve) <= 2 * 1024, "{}", room(&serve));
    }
}
