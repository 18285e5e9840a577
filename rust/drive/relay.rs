//! A streamed answer on its way to the client: counted, checked, and untouched where the dialect is the same.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use bytes::Bytes;
use http::Response;
use http_body_util::BodyExt;
use hyper::body::{Frame, Incoming};

use super::allowance::Allowance;
use super::arrival::{Next, arrived, behind};
use super::attempt::{End, Rest, Running, translation};
use super::client_stream::{stream_type, translating};
use super::deadline::{Stop, after};
use super::defect::Point;
use super::draining::{Draining, recycle};
use super::exchange::Exchange;
use super::failure::{Failure, FailureKind};
use super::last_words::malformed;
use super::opening::{Beginning, beginning, decoder, speaks};
use super::outbox::append;
use super::pacing::{heartbeat, wait_for_room};
use super::reader::{Form, Reader};
use super::recording::Recording;
use super::row::millis;
use super::snapshot::Upstream;
use super::step::{Stall, Step};
use super::{response_headers, tally, whole};
use crate::meter::{Meter, Sighting};
use crate::stream::{Encoder, Trail};
use crate::tokens::StreamCounter;
use crate::transport::{Decoder, Lease};

/// Bytes that are read on for a client that left.
const MAX_DRAIN_BYTES: usize = 16 * 1024 * 1024;
/// Bytes read from an upstream before what is in them goes out.
const MAX_BATCH_BYTES: usize = 32 * 1024;
/// Bytes that may wait in a connection's buffers when its client leaves.
const MAX_ARRIVED_BYTES: usize = 1024 * 1024;

/// Relays a stream to its end.
pub(super) async fn stream(run: &mut Running, lease: Lease, response: Response<Incoming>) -> End {
    let answered = Instant::now();
    let (mut parts, mut body) = response.into_parts();
    let (form, first) = match beginning(run, &parts.headers, &mut body).await {
        Ok(Beginning::Stream(form, first)) => (form, first),
        Ok(Beginning::Whole(data)) => {
            return Box::pin(whole::as_stream(run, lease, parts, body, data)).await;
        }
        Err(end) => return end,
    };
    let decoder = match decoder(&parts.headers) {
        Ok(decoder) => decoder,
        Err(failure) => return run.failed(failure.kind, failure.detail),
    };
    let mut relay = Relay::new(run, decoder, form);
    let end = relay.run(run, &mut body, first, &mut parts.headers, answered).await;
    let end = relay.close(run, end);
    if matches!(end, End::Done(_)) && !run.was_cut {
        recycle(lease, body);
    }
    end
}

/// One stream's state between two reads.
pub(super) struct Relay {
    pub(super) x: Arc<Exchange>,
    pub(super) upstream: Arc<Upstream>,
    pub(super) decoder: Option<Decoder>,
    pub(super) reader: Reader,
    pub(super) meter: Meter<StreamCounter>,
    pub(super) encoder: Option<Encoder>,
    pub(super) hides_usage: bool,
    pub(super) out: Vec<u8>,
    /// What the last event passed on lacks of its blank line, where the upstream left it unended.
    pub(super) unended: &'static [u8],
    pub(super) seen: Sighting,
    pub(super) first_content: Option<u64>,
    pub(super) discarded: usize,
    /// None where no limit can end the stream.
    pub(super) allowance: Option<Allowance>,
    /// Of a stream that a limit may end, be it that of one who follows.
    pub(super) trail: Option<Trail>,
    /// A limit has no room for more of it.
    pub(super) is_full: bool,
    pub(super) stall: Stall,
    /// None where the answer is not kept.
    pub(super) recording: Option<Recording>,
    pub(super) form: Form,
    /// What came since the last time that others had it; None where nobody can follow.
    pub(super) shared: Option<Vec<u8>>,
}

impl Relay {
    fn new(run: &Running, decoder: Option<Decoder>, form: Form) -> Self {
        let a = &run.x.admission;
        let counter = StreamCounter::new(tally::vocabulary(&run.target));
        let allowance = Allowance::of(&run.x);
        let shared = run.flight().map(|_| Vec::new());
        let is_cut = allowance.is_some() || shared.is_some();
        let differs =
            translation(&run.x, &run.target).is_some() || (form == Form::Array) != a.place.as_array;
        let encoder = differs.then(|| Encoder::new(a.dialect, translating(&run.x, &run.target)));
        Self {
            x: run.x.clone(),
            upstream: run.target.upstream.clone(),
            decoder,
            reader: Reader::new(form, a.snapshot.max_event_bytes),
            meter: Meter::new(speaks(run), counter)
                .counting(run.target.upstream.counting)
                .framed(tally::framing(run)),
            encoder,
            hides_usage: run.hides_usage,
            out: Vec::new(),
            unended: b"",
            seen: Sighting::NOTHING,
            first_content: None,
            discarded: 0,
            allowance,
            trail: is_cut.then(|| Trail::of(a.dialect)),
            is_full: false,
            stall: Stall::default(),
            recording: Recording::begin(run, form),
            form,
            shared,
        }
    }

    /// Reads until the stream ends, one way or the other.
    async fn run(
        &mut self,
        run: &mut Running,
        body: &mut Incoming,
        first: Option<Bytes>,
        upstream: &mut http::HeaderMap,
        answered: Instant,
    ) -> End {
        let mut draining: Option<Draining> = None;
        let mut begun = first.is_some();
        let mut at_hand = first.map(|data| Some(Ok(Frame::data(data))));
        let mut room = Ok(());
        loop {
            let next = match (std::mem::replace(&mut room, Ok(())), at_hand.take()) {
                (Err(stop), next) => {
                    at_hand = next;
                    Err(stop)
                }
                (Ok(()), Some(frame)) => Ok(frame),
                (Ok(()), None) if draining.is_none() && run.flight().is_some() => {
                    self.next_of_many(run, body).await
                }
                (Ok(()), None) => run.deadline.guard(&run.x, body.frame()).await,
            };
            let frame = match next {
                Ok(frame) => frame,
                Err(Stop::Tick) => {
                    heartbeat(&run.x, &mut run.deadline);
                    continue;
                }
                Err(stop) if Box::pin(self.outlives(run, stop)).await => continue,
                Err(Stop::Cancelled) => {
                    let is_over = run.x.told().is_some() || run.payer.is_some();
                    draining = if is_over { None } else { Draining::begin(run) };
                    if draining.is_none() {
                        self.count_arrived(body).await;
                        return End::Cancelled;
                    }
                    continue;
                }
                Err(stop) if begun => return run.stopped(stop, FailureKind::IdleTimeout),
                Err(stop) => return run.stopped(stop, FailureKind::FirstByteTimeout),
            };
            let fed = match frame {
                Some(Ok(frame)) => {
                    let Ok(data) = frame.into_data() else { continue }; // trailers
                    begun = true;
                    run.deadline.enter(run.target.timeouts.idle);
                    match self.feed_coded(&data) {
                        Ok(()) => {
                            let (fed, next) = self.feed_at_hand(body, data.len()).await;
                            at_hand = next;
                            fed
                        }
                        failed => failed,
                    }
                }
                Some(Err(error)) => Err(Failure::new(FailureKind::Truncated, error.to_string())),
                None => self.finish().map(|()| self.seen |= Sighting::END),
            };
            let fed = match fed {
                Ok(()) if self.stall.is_on() => {
                    self.flush(run, upstream, answered);
                    self.go_on(run).await
                }
                fed => fed,
            };
            let fed = match fed {
                Ok(()) if self.is_full => {
                    Box::pin(self.within_limits(run, upstream, answered)).await
                }
                fed => fed,
            };
            let fed = fed.and_then(|()| self.check_end());
            if fed.is_ok() && self.seen.contains(Sighting::END) && !run.was_cut {
                self.end_translation(run);
            }
            self.flush(run, upstream, answered);
            if let Err(failure) = fed {
                return End::Failed(failure);
            }
            if self.is_over() {
                return self.ended();
            }
            if draining.is_some() {
                if self.discarded > MAX_DRAIN_BYTES {
                    return End::Cancelled;
                }
            } else {
                room = wait_for_room(run).await;
            }
        }
    }

    /// Feeds what the connection has read already: it goes out in one write with what came before it, and waits for
    /// nothing. Also gives what is no data, for the next round.
    async fn feed_at_hand(
        &mut self,
        body: &mut Incoming,
        mut read: usize,
    ) -> (Result<(), Failure>, Option<Next>) {
        while read < MAX_BATCH_BYTES && !self.is_over() && !self.is_full && !self.stall.is_on() {
            match behind(body).await {
                Poll::Pending => break,
                Poll::Ready(Some(Ok(frame))) => {
                    let Ok(data) = frame.into_data() else { continue };
                    read += data.len();
                    if let Err(failure) = self.feed_coded(&data) {
                        return (Err(failure), None);
                    }
                }
                Poll::Ready(end) => return (Ok(()), Some(end)),
            }
        }
        (Ok(()), None)
    }

    /// Counts what the upstream had sent before its client left: it has cost money, whoever reads it.
    async fn count_arrived(&mut self, body: &mut Incoming) {
        let before = self.out.len();
        let mut read = 0;
        while read < MAX_ARRIVED_BYTES {
            let Poll::Ready(Some(Ok(frame))) = arrived(body).await else { break };
            let Ok(data) = frame.into_data() else { continue };
            read += data.len();
            if self.feed_coded(&data).is_err() {
                break;
            }
        }
        self.out.truncate(before);
    }

    /// Asks other hosts for room; then what waited goes on, or the stream is full.
    async fn go_on(&mut self, run: &Running) -> Result<(), Failure> {
        while self.stall.is_on() {
            let Stall { asks, frames } = std::mem::take(&mut self.stall);
            let (Some(allowance), Some(share)) = (&mut self.allowance, &run.rt.share) else {
                return Ok(());
            };
            let left = poll_fn(|cx| match run.payer {
                None => run.x.poll_cancelled(cx),
                Some(_) => Poll::Pending,
            });
            let has_room = tokio::select! {
                has_room = allowance.ask(share, asks, &mut self.meter) => has_room,
                () = left => return Ok(()), // the next wait hears of it
            };
            if !has_room {
                self.is_full = true;
                return Ok(());
            }
            self.feed_again(&frames)?;
        }
        Ok(())
    }

    /// Ends the stream where a limit has no room for more of it, unless it goes on for others.
    async fn within_limits(
        &mut self,
        run: &mut Running,
        upstream: &mut http::HeaderMap,
        answered: Instant,
    ) -> Result<(), Failure> {
        while self.is_full {
            if run.flight().is_some() {
                self.flush(run, upstream, answered);
            }
            // Before others are looked at: what they free may be of the same limit.
            let limit = self.allowance.as_ref().map(Allowance::limit).unwrap_or_default();
            if !self.outlives_limit(run, &limit).await {
                self.cut(run, &limit);
                break;
            }
            let frames = std::mem::take(&mut self.stall.frames);
            self.feed_again(&frames)?;
        }
        Ok(())
    }

    /// Feeds whole frames that were set aside.
    fn feed_again(&mut self, frames: &[u8]) -> Result<(), Failure> {
        let mut reader = self.reader.for_frames(frames.len().saturating_add(1));
        let mut result = Ok(());
        let (_, mut step) = self.step();
        let parsed = reader.feed(frames, |frame| {
            if result.is_ok() {
                result = step.frame(&frame);
            }
        });
        result.and(parsed).map_err(|e| malformed(&e))
    }

    fn feed_coded(&mut self, data: &[u8]) -> Result<(), Failure> {
        match &mut self.decoder {
            None => self.feed(data),
            Some(decoder) => {
                let plain = decoder
                    .feed(data)
                    .map_err(|e| Failure::new(FailureKind::BadCoding, e.to_string()))?;
                self.feed(&plain)
            }
        }
    }

    pub(super) fn feed(&mut self, data: &[u8]) -> Result<(), Failure> {
        let mut result = Ok(());
        let (reader, mut step) = self.step();
        let parsed = reader.feed(data, |frame| {
            if result.is_ok() {
                result = step.frame(&frame);
            }
        });
        result.and(parsed).map_err(|e| malformed(&e))
    }

    pub(super) fn step(&mut self) -> (&mut Reader, Step<'_>) {
        let Self {
            reader,
            meter,
            encoder,
            hides_usage,
            out,
            seen,
            allowance,
            trail,
            is_full,
            stall,
            recording,
            shared,
            ..
        } = self;
        let step = Step {
            x: &self.x,
            upstream: &self.upstream,
            closing: reader.closing(),
            meter,
            encoder: encoder.as_mut(),
            hides_usage: *hides_usage,
            out,
            seen,
            allowance: allowance.as_mut(),
            trail: trail.as_mut(),
            is_full,
            stall,
            recording,
            shared: shared.as_mut(),
        };
        (reader, step)
    }

    /// Shows those who follow what came.
    fn share(&mut self, run: &Running) {
        if let Some(shared) = &mut self.shared {
            let is_wanted = run.share(self.form, shared);
            shared.clear();
            if !is_wanted {
                self.shared = None;
                self.trail = self.trail.take().filter(|_| self.allowance.is_some());
            }
        }
    }

    /// Hands what is ready to the front. Before the first content nothing is: a failure may still go elsewhere.
    fn flush(&mut self, run: &mut Running, upstream: &mut http::HeaderMap, answered: Instant) {
        if !self.commits() {
            return;
        }
        if self.first_content.is_none() {
            self.first_content = Some(millis(run.x.admission.arrived));
            run.first_chunk = Some(Instant::now());
        }
        self.share(run);
        if run.x.is_cancelled() || run.payer.is_some() {
            self.discarded += self.out.len();
            self.out.clear();
            return;
        }
        // Kept any longer they would keep the buffer that they were read into.
        let upstream = std::mem::take(upstream);
        let head = run.x.client_status().is_none().then(|| {
            run.x.set_client_status(200);
            let overhead = run.overhead_us(answered);
            let kind = stream_type(&run.x);
            response_headers::answer(&run.x, &run.target, &upstream, kind, overhead, None)
        });
        if head.is_none() && self.out.is_empty() {
            return;
        }
        if self.is_over() {
            run.rest = Rest { head, body: std::mem::take(&mut self.out), ..Rest::default() };
            return;
        }
        // By what it had before: one event may be larger than that.
        if run.flight().is_some_and(|flight| run.x.outbox.waiting() > flight.max_lag()) {
            run.fall_behind();
        }
        run.x.fill(|ready| {
            if head.is_some() {
                ready.head = head;
            }
            append(&mut ready.body, &mut self.out);
        });
        run.deadline.tick_at(Some(after(Instant::now(), run.x.admission.snapshot.commit_after)));
        run.rt.rigged.at(Point::Relay, &run.x.admission.requested_model);
    }
}
