//! A streamed answer on its way to the client: counted, checked, and untouched where the dialect is the same.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::Response;
use http_body_util::BodyExt;
use hyper::body::{Frame, Incoming};

use super::allowance::Allowance;
use super::arrival::{Next, arrived, behind};
use super::attempt::{End, Rest, Running, translation};
use super::client_stream::{stream_type, translating};
use super::deadline::{Deadline, Stop, after};
use super::defect::Point;
use super::draining::{Draining, recycle};
use super::exchange::Exchange;
use super::failure::{Failure, FailureKind};
use super::last_words::{malformed, message, origin, own_error};
use super::outbox::{Head, State, append};
use super::reader::{Form, Reader};
use super::recording::Recording;
use super::row::millis;
use super::snapshot::Upstream;
use super::step::{Stall, Step};
use super::{response_headers, tally, whole};
use crate::dialect::Dialect;
use crate::meter::{Meter, Sighting};
use crate::stream::{Encoder, StreamError};
use crate::tokens::StreamCounter;
use crate::transport::{Coding, Decoder, Lease, UnknownCoding};

/// Bytes that are read on for a client that left.
const MAX_DRAIN_BYTES: usize = 16 * 1024 * 1024;
/// Bytes read from an upstream before what is in them goes out.
const MAX_BATCH_BYTES: usize = 32 * 1024;
/// Bytes that may wait in a connection's buffers when its client leaves.
const MAX_ARRIVED_BYTES: usize = 1024 * 1024;

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

/// What an answer is that was to be a stream, and what was read of it to find out.
enum Beginning {
    Stream(Form, Option<Bytes>),
    Whole(Bytes),
}

async fn beginning(
    run: &mut Running,
    headers: &http::HeaderMap,
    body: &mut Incoming,
) -> Result<Beginning, End> {
    let form = match (whole::form(headers), speaks(run)) {
        (Some(whole::Form::Lines), Dialect::Ollama) => Form::Lines,
        (Some(whole::Form::Messages), Dialect::Bedrock) => Form::Messages,
        (Some(whole::Form::Messages), said) if run.target.upstream.streams_messages(said) => {
            Form::Chunks
        }
        (Some(whole::Form::Other | whole::Form::Messages), _) => {
            return Err(run.failed(FailureKind::WrongContentType, "not an event stream"));
        }
        // Some hosts label their streams as JSON, or lines not at all: the first bytes tell.
        (Some(whole::Form::Json | whole::Form::Lines), _) | (None, Dialect::Ollama) => {
            let data = first_data(run, body).await?;
            return Ok(match form_of(run, &data) {
                Some(form) => Beginning::Stream(form, Some(data)),
                None => Beginning::Whole(data),
            });
        }
        (Some(whole::Form::Stream) | None, _) => Form::Events,
    };
    Ok(Beginning::Stream(form, None))
}

/// The dialect of what comes from the upstream.
pub(super) fn speaks(run: &Running) -> Dialect {
    run.target.upstream.dialect_for(run.x.admission.dialect)
}

/// The form of a stream with these first bytes, of those that the dialect has; `None` where they are no stream's.
fn form_of(run: &Running, data: &[u8]) -> Option<Form> {
    match speaks(run) {
        Dialect::Ollama => (whole::looks_like_lines(data) == Some(true)).then_some(Form::Lines),
        Dialect::Gemini if is_array(data) => Some(Form::Array),
        _ => (whole::looks_like_events(data) == Some(true)).then_some(Form::Events),
    }
}

fn is_array(data: &[u8]) -> bool {
    data.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(data).trim_ascii_start().starts_with(b"[")
}

/// As many first bytes of a body as tell what it is; all of it where it ends before that.
async fn first_data(run: &mut Running, body: &mut Incoming) -> Result<Bytes, End> {
    let mut begun = BytesMut::new();
    let max_bytes = run.x.admission.snapshot.max_event_bytes;
    let tells = match speaks(run) {
        Dialect::Ollama => whole::looks_like_lines,
        _ => whole::looks_like_events,
    };
    while tells(&begun).is_none() && begun.len() <= max_bytes {
        match run.deadline.guard(&run.x, body.frame()).await {
            Err(Stop::Tick) => heartbeat(&run.x, &mut run.deadline),
            Err(stop) => return Err(run.stopped(stop, FailureKind::FirstByteTimeout)),
            Ok(None) => break,
            Ok(Some(Err(error))) => {
                return Err(run.failed(FailureKind::Truncated, error.to_string()));
            }
            Ok(Some(Ok(frame))) => {
                if let Ok(data) = frame.into_data() {
                    begun.extend_from_slice(&data);
                }
            }
        }
    }
    Ok(begun.freeze())
}

pub(super) fn decoder(headers: &http::HeaderMap) -> Result<Option<Decoder>, Failure> {
    let Some(value) = headers.get(http::header::CONTENT_ENCODING) else { return Ok(None) };
    let bad = |detail: String| Failure::new(FailureKind::BadCoding, detail);
    match Coding::from_header(value.as_bytes()) {
        Ok(None) => Ok(None),
        Ok(Some(coding)) => Decoder::new(coding).map(Some).map_err(|e| bad(e.to_string())),
        Err(UnknownCoding) => Err(bad(format!("content-encoding {value:?} is not known"))),
    }
}

/// One stream's state between two reads.
struct Relay {
    x: Arc<Exchange>,
    upstream: Arc<Upstream>,
    decoder: Option<Decoder>,
    reader: Reader,
    meter: Meter<StreamCounter>,
    encoder: Option<Encoder>,
    hides_usage: bool,
    out: Vec<u8>,
    /// What the last event passed on lacks of its blank line, where the upstream left it unended.
    unended: &'static [u8],
    seen: Sighting,
    first_content: Option<u64>,
    discarded: usize,
    /// None where no limit can end the stream.
    allowance: Option<Allowance>,
    /// A limit has no room for more of it.
    is_full: bool,
    stall: Stall,
    /// None where the answer is not kept.
    recording: Option<Recording>,
}

impl Relay {
    fn new(run: &Running, decoder: Option<Decoder>, form: Form) -> Self {
        let a = &run.x.admission;
        let counter = StreamCounter::new(tally::vocabulary(&run.target));
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
            allowance: Allowance::of(&run.x),
            is_full: false,
            stall: Stall::default(),
            recording: Recording::begin(run, form),
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
        loop {
            let frame = match at_hand.take() {
                Some(frame) => frame,
                None => match run.deadline.guard(&run.x, body.frame()).await {
                    Ok(frame) => frame,
                    Err(Stop::Tick) => {
                        heartbeat(&run.x, &mut run.deadline);
                        continue;
                    }
                    Err(Stop::Cancelled) => {
                        draining = if run.x.told().is_some() { None } else { Draining::begin(run) };
                        if draining.is_none() {
                            self.count_arrived(body).await;
                            return End::Cancelled;
                        }
                        continue;
                    }
                    Err(stop) if begun => return run.stopped(stop, FailureKind::IdleTimeout),
                    Err(stop) => return run.stopped(stop, FailureKind::FirstByteTimeout),
                },
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
            if fed.is_ok() && self.is_full {
                self.cut(run);
            }
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
                wait_for_room(run).await;
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
            let left = poll_fn(|cx| run.x.poll_cancelled(cx));
            let has_room = tokio::select! {
                has_room = allowance.ask(share, asks, &mut self.meter) => has_room,
                () = left => return Ok(()), // the next wait hears of it
            };
            if !has_room {
                self.is_full = true;
                return Ok(());
            }
            let mut reader = self.reader.for_frames(frames.len().saturating_add(1));
            let mut result = Ok(());
            let (_, mut step) = self.step();
            let parsed = reader.feed(&frames, |frame| {
                if result.is_ok() {
                    result = step.frame(&frame);
                }
            });
            result.and(parsed).map_err(|e| malformed(&e))?;
        }
        Ok(())
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

    fn feed(&mut self, data: &[u8]) -> Result<(), Failure> {
        let mut result = Ok(());
        let (reader, mut step) = self.step();
        let parsed = reader.feed(data, |frame| {
            if result.is_ok() {
                result = step.frame(&frame);
            }
        });
        result.and(parsed).map_err(|e| malformed(&e))
    }

    fn step(&mut self) -> (&mut Reader, Step<'_>) {
        let Self {
            reader,
            meter,
            encoder,
            hides_usage,
            out,
            seen,
            allowance,
            is_full,
            stall,
            recording,
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
            is_full,
            stall,
            recording,
        };
        (reader, step)
    }

    /// Ends a stream that a limit has no room for; the upstream's connection is closed.
    fn cut(&mut self, run: &mut Running) {
        let Self { allowance: Some(allowance), meter, encoder, out, seen, .. } = self else {
            return;
        };
        allowance.end(run, meter, encoder.as_mut(), out);
        *seen |= Sighting::FINISH | Sighting::END;
    }

    /// The body ended cleanly: what stands unterminated in it, then what the stream owes its client.
    fn finish(&mut self) -> Result<(), Failure> {
        if let Some(decoder) = self.decoder.take() {
            let rest = decoder
                .finish()
                .map_err(|e| Failure::new(FailureKind::BadCoding, e.to_string()))?;
            self.feed(&rest)?;
        }
        let mut result = Ok(());
        let (reader, mut step) = self.step();
        let mut unended: &'static [u8] = b"";
        reader.finish(|frame| {
            let passes = step.encoder.is_none() && frame.event.is_some() && !frame.complete;
            result = step.frame(&frame);
            if passes && result.is_ok() {
                unended = if frame.raw.ends_with(b"\n") { b"\n" } else { b"\n\n" };
            }
        });
        self.unended = unended;
        // A tail that is no event is a truncation, told below.
        let truncated = result.is_err();
        if self.is_over() {
            return Ok(());
        }
        if truncated || !self.seen.contains(Sighting::FINISH) {
            return Err(Failure::new(FailureKind::Truncated, "the stream ended before its end"));
        }
        if self.encoder.is_none() {
            let owed = [self.unended, self.reader.terminator(self.x.admission.dialect)].concat();
            self.out.extend_from_slice(&owed);
            Recording::add(&mut self.recording, &owed);
        }
        Ok(())
    }

    /// The end of a translated stream: the upstream's usage, or our count where it gave none, and what it cost.
    fn end_translation(&mut self, run: &mut Running) {
        let Some(encoder) = &mut self.encoder else { return };
        tally::stream(run, &mut self.meter, true, true);
        encoder.settle(run.report.usage, run.cost_usd().as_deref());
        encoder.terminator(&mut self.out);
        run.kept = encoder.take_kept();
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
        run.share(&self.out);
        if run.x.is_cancelled() {
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
        run.x.fill(|ready| {
            if head.is_some() {
                ready.head = head;
            }
            append(&mut ready.body, &mut self.out);
        });
        run.deadline.tick_at(Some(after(Instant::now(), run.x.admission.snapshot.commit_after)));
        run.rt.rigged.at(Point::Relay, &run.x.admission.requested_model);
    }

    /// A terminator behind neither content nor a reason to stop ends no answer.
    fn check_end(&self) -> Result<(), Failure> {
        let ended = self.seen.contains(Sighting::END) && !self.seen.contains(Sighting::ERROR);
        if ended && !self.commits() {
            return Err(Failure::new(FailureKind::Empty, "the stream has no message in it"));
        }
        Ok(())
    }

    /// Content was seen, or why there is none: from here on nothing is tried elsewhere.
    fn commits(&self) -> bool {
        [Sighting::CONTENT, Sighting::FINISH].into_iter().any(|s| self.seen.contains(s))
    }

    /// The upstream has said its last.
    fn is_over(&self) -> bool {
        [Sighting::END, Sighting::ERROR].into_iter().any(|s| self.seen.contains(s))
    }

    fn ended(&self) -> End {
        if self.seen.contains(Sighting::ERROR) {
            let detail = self.meter.upstream_error().map(|e| e.message.clone()).unwrap_or_default();
            End::Failed(Failure::new(FailureKind::InBandError, detail))
        } else {
            End::Done(State::End)
        }
    }

    /// The attempt's report, and for a client who has content already the error as the stream's last event.
    fn close(mut self, run: &mut Running, end: End) -> End {
        let committed = self.commits();
        if run.report.basis.is_none() {
            tally::stream(run, &mut self.meter, matches!(end, End::Done(_)), committed);
        }
        run.report.first_token_ms = self.first_content;
        run.recorded = self.recording.take().map(Recording::finish);
        let end = match end {
            End::Cancelled => match run.x.told() {
                Some((kind, detail)) => run.failed(kind, detail),
                None => End::Cancelled,
            },
            end => end,
        };
        // What arrived of an exchange that was ended is counted, and may be its first content: a client
        // without a head is told by an answer of its own.
        let is_told_here = committed && run.x.client_status().is_some();
        match end {
            End::Failed(failure) if is_told_here => {
                let mut out = Vec::new();
                let passed_on = failure.kind == FailureKind::InBandError && self.encoder.is_none();
                if !passed_on {
                    let error = StreamError {
                        message: message(&failure),
                        kind: "api_error",
                        code: failure.kind.code(),
                        origin: origin(&failure),
                        request_id: &run.x.id_text,
                    };
                    match &mut self.encoder {
                        // The upstream's own error event was translated when it came.
                        Some(_) if failure.kind == FailureKind::InBandError => {}
                        Some(encoder) => encoder.error(&error, &mut out),
                        None => {
                            out.extend_from_slice(self.unended);
                            own_error(&run.x, &error, &mut out);
                        }
                    }
                }
                run.rest.body.append(&mut out);
                End::Broken(failure)
            }
            other => other,
        }
    }
}

/// Stops reading while the client has enough to take: its slowness reaches the upstream. Its time is not the upstream's.
pub(super) async fn wait_for_room(run: &mut Running) {
    if run.x.outbox.has_room() {
        return;
    }
    run.deadline.enter(Duration::MAX);
    while let Err(Stop::Tick) =
        run.deadline.guard(&run.x, poll_fn(|cx| run.x.outbox.poll_room(cx))).await
    {
        run.deadline.tick_at(Some(after(Instant::now(), run.x.admission.snapshot.commit_after)));
    }
    run.deadline.enter(run.target.timeouts.idle);
}
