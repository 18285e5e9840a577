//! One try at one upstream, from the journal's intent to its settlement.

use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Response;
use hyper::body::Incoming;

use super::about;
use super::caching::Caching;
use super::deadline::{Deadline, Stop, after};
use super::defect::{Point, caught_async};
use super::exchange::Exchange;
use super::failure::{Failure, FailureKind};
use super::flight::{Flight, Landing, Source};
use super::operation::Operation;
use super::outbox::{Head, State};
use super::pacing::heartbeat;
use super::paying::{Paid, Payer};
use super::reader::Form;
use super::recording::{self, Recorded};
use super::refusal::Refusal;
use super::row::{Basis, Outcome, Row, TokenColumns, millis};
use super::runtime::Runtime;
use super::snapshot::Target;
use super::units::Request;
use super::{
    batch, carrying, embeddings, envelope, marking, media, passing, realtime, relay, reranking,
    send, tally, whole,
};
use crate::budget::{Actual, Denied, Refused};
use crate::dialect::Dialect;
use crate::error::Error;
use crate::journal::{Journal, RecordId};
use crate::price::{Sheet, Tokens, Units, dollars};
use crate::stream::{FinishReason, Usage};
use crate::transport::{Lease, TransportError};

/// Which target to try, and with what body.
#[derive(Debug, Clone, Default)]
pub struct Attempt {
    /// Index into the route's targets.
    pub target: usize,
    /// The request in the upstream's dialect; `None` sends the client's own.
    pub body: Option<Bytes>,
    /// Further calls that the host wants for it, one after the other.
    pub more: Vec<Bytes>,
}

/// What is known of an attempt's answer when it is over.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub status: Option<u16>,
    pub upstream_request_id: Option<String>,
    pub response_model: Option<String>,
    /// The answer's id, as the upstream has it.
    pub response_id: Option<String>,
    /// Why the model stopped.
    pub finish: Option<FinishReason>,
    pub usage: Usage,
    /// What is charged beside its tokens.
    pub units: Units,
    /// Our own count; `None` where there was too much to count.
    pub counted_output_tokens: Option<u64>,
    pub basis: Option<Basis>,
    pub first_token_ms: Option<u64>,
    /// It may have cost something, and nobody knows what.
    pub is_unpriced: bool,
}

impl Report {
    /// The ledger's figures.
    pub fn tokens(&self) -> TokenColumns {
        let counted_output_tokens = self.counted_output_tokens;
        TokenColumns { counted_output_tokens, ..TokenColumns::from(&self.usage) }
    }

    /// What is priced.
    pub fn used(&self) -> Tokens {
        Tokens { units: self.units, ..Tokens::from(&self.usage) }
    }
}

/// The last of an answer, kept until the attempt is counted and its row is written.
#[derive(Debug, Default)]
pub(super) struct Rest {
    pub head: Option<Head>,
    pub body: Vec<u8>,
    /// The client must not take what it has for all of it.
    pub breaks_off: bool,
}

/// How an attempt ended.
pub(super) enum End {
    /// The answer was given to its end.
    Done(State),
    /// Nothing of it reached the client.
    Failed(Failure),
    /// Part of it reached the client, who has been told.
    Broken(Failure),
    /// The client left.
    Cancelled,
}

/// An attempt while it runs.
#[allow(clippy::struct_excessive_bools)] // each is a question of its own
pub(super) struct Running {
    pub rt: Rc<Runtime>,
    pub x: Arc<Exchange>,
    pub target: Target,
    /// The prices that held when the request began, whatever the configuration says by now.
    pub sheet: Option<Arc<Sheet>>,
    pub deadline: Deadline,
    pub report: Report,
    /// The gateway asked for usage that the client did not ask for.
    pub hides_usage: bool,
    /// When it last went out; from then on the upstream may have acted.
    pub sent: Option<Instant>,
    pub begun: Instant,
    /// When the first content of a stream came.
    pub first_chunk: Option<Instant>,
    /// Goes out with the end.
    pub rest: Rest,
    /// A limit ended the stream before the model did.
    pub was_cut: bool,
    /// Who follows, and pays for what is left; None while its own request does.
    pub payer: Option<Payer>,
    /// What rows have by now of what its upstream charges.
    pub paid: Box<Paid>,
    /// What those who follow are told of its end, where its relay knows more than its end says.
    pub landing: Option<Landing>,
    /// It asks for less than its client did, since a limit has no room for more.
    pub is_bounded: bool,
    /// The answer as a response object, where the gateway keeps it.
    pub kept: Option<Vec<u8>>,
    /// The answer as it came, where others may be given it.
    pub recorded: Option<Recorded>,
    /// Tokens of the answer that were read by an earlier request.
    pub saved_input_tokens: u64,
    /// The target's place in the route.
    index: usize,
    /// The request went out before, over a pooled connection that broke under it.
    resent: bool,
    /// By the calls before the one that runs, where the host wants several.
    pub earlier: Actual,
    pub id: RecordId,
}

/// How often other hosts are asked for one and the same.
const MAX_ASKED: u32 = 8;

/// Runs one attempt and leaves its result in the exchange's outbox.
pub(super) async fn run(rt: Rc<Runtime>, x: Arc<Exchange>, attempt: Attempt) {
    let Some(target) = x.admission.route.targets.get(attempt.target).cloned() else {
        return x.fill(|r| {
            let failure = Failure::new(FailureKind::Internal, "the route has no such target");
            r.state = State::Failed(Box::new(failure));
        });
    };
    if !target.upstream.has_credential() {
        let detail = "its credential has ended, and there is no new one yet";
        let mut failure = Failure::new(FailureKind::NoCredential, detail);
        failure.target = attempt.target;
        return x.fill(|r| r.state = State::Failed(Box::new(failure)));
    }
    let mut guard = PanicGuard(Some(x.clone()));
    if let Err(failure) = hold_target(&rt, &x, &target, attempt.target).await {
        guard.0 = None;
        return x.fill(|r| r.state = State::Failed(Box::new(failure)));
    }
    let number = x.begin_attempt();
    if let Some(key) = &target.upstream.key {
        key.count_request(Instant::now());
    }
    let tick =
        x.admission.scan.stream().then(|| {
            after(x.admission.arrived, x.admission.snapshot.commit_after).max(Instant::now())
        });
    let mut running = Running {
        id: RecordId { request_id: x.id.into_bytes(), attempt: number },
        deadline: Deadline::new(target.timeouts.connect, x.admission.deadline, tick),
        report: Report::default(),
        hides_usage: false,
        sent: None,
        begun: Instant::now(),
        first_chunk: None,
        rest: Rest::default(),
        was_cut: false,
        payer: None,
        paid: Box::default(),
        landing: None,
        is_bounded: false,
        kept: None,
        recorded: None,
        saved_input_tokens: 0,
        index: attempt.target,
        resent: false,
        earlier: Actual::default(),
        sheet: Request::of(&x.admission).sheet(target.sheet(x.admission.unix_s)),
        rt,
        x,
        target,
    };
    let driven = caught_async(pin!(running.drive(attempt.body, attempt.more))).await;
    let mut end = driven.unwrap_or_else(|| running.lost());
    if let End::Failed(failure) = &mut end {
        failure.resent = running.resent;
    }
    recording::weigh(&mut running, &end).await;
    running.settle(attempt.target, end);
    guard.0 = None;
}

impl Running {
    async fn drive(&mut self, translated: Option<Bytes>, more: Vec<Bytes>) -> End {
        self.rt.rigged.at(Point::Attempt, &self.x.admission.requested_model);
        if self.x.admission.operation == Operation::Realtime {
            return Box::pin(realtime::run(self)).await;
        }
        match (&translated, self.x.admission.operation) {
            (Some(body), Operation::Embeddings) => {
                let calls = std::iter::once(body.clone()).chain(more).collect();
                return Box::pin(embeddings::ask(self, calls)).await;
            }
            (Some(body), Operation::Rerank) => {
                return Box::pin(reranking::ask(self, body.clone())).await;
            }
            _ => {}
        }
        let body = if let Some(body) = translated {
            body
        } else if self.x.admission.place.passage.is_some() {
            self.x.admission.body.clone()
        } else {
            let (body, hides_usage) = send::same_dialect_body(&self.x, &self.target);
            self.hides_usage = hides_usage;
            body
        };
        let body = self.within_budget(body);
        let mut body = envelope::around(&self.x, &self.target, body);
        if self.target.prompt_cache {
            body = Box::pin(marking::marked(self, body)).await;
        }
        let unpacking = self.unpack_vocabulary();
        let (lease, response) = match self.send(body).await {
            Ok(answered) => answered,
            Err(end) => return end,
        };
        if let Some(unpacking) = unpacking {
            let _ = unpacking.await; // where that failed, the first count does it
        }
        let status = response.status();
        self.note(&response);
        if let Some(passage) = self.x.admission.place.passage.clone() {
            return Box::pin(passing::answer(self, &passage, lease, response)).await;
        }
        if !status.is_success() {
            return Box::pin(whole::refused(self, lease, response)).await;
        }
        if self.x.admission.operation.is_carried() {
            return match translation(&self.x, &self.target) {
                None => Box::pin(carrying::answer(self, lease, response)).await,
                Some(_) => Box::pin(media::answer(self, lease, response)).await,
            };
        }
        let operation = self.x.admission.operation;
        let streams = operation.writes() || operation == Operation::StoredResponse;
        if self.x.admission.scan.stream() && streams {
            Box::pin(relay::stream(self, lease, response)).await // large, and only streams need it
        } else {
            whole::answer(self, lease, response).await
        }
    }

    /// Who asked the same, and waits for the answer.
    pub(super) fn flight(&self) -> Option<&Arc<Flight>> {
        self.x.caching().and_then(Caching::flight)
    }

    /// Shows who asked the same what the upstream says. Whether anybody may want to know.
    pub(super) fn share(&self, form: Form, events: &[u8]) -> bool {
        let source = || Source {
            target: self.index,
            form,
            tool_forms: self.x.tool_forms(),
            dropped: self.x.dropped(),
        };
        self.flight().is_some_and(|flight| flight.give(source, events))
    }

    /// The client has not taken what it was given, and others are far ahead: it goes on for them.
    pub(super) fn fall_behind(&self) {
        if self.flight().is_some_and(|flight| flight.leave()) {
            self.x.break_off();
        }
    }

    /// Notes what an answer's head says.
    pub(super) fn note(&mut self, response: &Response<Incoming>) {
        self.report.status = Some(response.status().as_u16());
        self.report.upstream_request_id = upstream_request_id(response);
    }

    /// Unpacks the vocabulary that will count the answer, if nobody has yet, while the upstream thinks: on this thread
    /// it would hold up all other requests for a tenth of a second.
    fn unpack_vocabulary(&self) -> Option<tokio::task::JoinHandle<()>> {
        let vocabulary = tally::vocabulary(&self.target);
        let is_unpacked = vocabulary.is_loaded();
        (!is_unpacked).then(|| tokio::task::spawn_blocking(move || vocabulary.load()))
    }

    /// The body of an answer that is no stream, and so cannot be cut, asks for no more than there is room for.
    fn within_budget(&mut self, body: Bytes) -> Bytes {
        let a = &self.x.admission;
        if a.scan.stream() || !a.operation.writes() {
            return body;
        }
        let room = self.x.hold().output_tokens();
        match room {
            Some(room) if room < a.demand.output_tokens => {
                self.is_bounded = true;
                send::bounded(&body, &self.target, a.dialect, room / a.answers())
            }
            _ => body,
        }
    }

    /// Sends the request over an idle connection, or a new one.
    ///
    /// The pool gives only connections that looked alive a moment ago. One that turns out to be closed
    /// before the request has left is replaced in silence. One that breaks under it, before a byte of an
    /// answer came, may have carried it, so that was an attempt: the request is sent once more, over a
    /// new connection, as the next one, and there is no third.
    pub(super) async fn send(&mut self, body: Bytes) -> Result<(Lease, Response<Incoming>), End> {
        let mut lease = self.rt.pool.idle(&self.target.upstream.endpoint);
        self.intend(lease.is_some())?;
        loop {
            let mut open = match lease.take() {
                Some(open) => open,
                None => Box::pin(self.connect()).await?, // seldom
            };
            let Some(request) = send::request(&self.x, &self.target, body.clone(), open.is_http2())
            else {
                return Err(self.failed(FailureKind::Internal, "the request cannot be built"));
            };
            self.sent = Some(Instant::now());
            self.deadline.enter(self.target.timeouts.first_byte);
            let reused = open.reused;
            let result = {
                let mut answer = pin!(open.send(request));
                loop {
                    match self.deadline.guard(&self.x, answer.as_mut()).await {
                        Err(Stop::Tick) => heartbeat(&self.x, &mut self.deadline),
                        other => break other,
                    }
                }
            };
            return match result {
                Ok(Ok(response)) => Ok((open, response)),
                Ok(Err(error @ (TransportError::Unsent | TransportError::Reset(_)))) if reused => {
                    open.distrust();
                    if matches!(error, TransportError::Reset(_)) {
                        self.resend()?;
                    }
                    continue;
                }
                Ok(Err(TransportError::BadHead(detail))) => {
                    Err(self.failed(FailureKind::BadHead, detail))
                }
                Ok(Err(error)) => {
                    open.distrust();
                    Err(self.failed(FailureKind::Reset, error.to_string()))
                }
                Err(stop) => Err(self.stopped(stop, FailureKind::FirstByteTimeout)),
            };
        }
    }

    /// Writes the row of the attempt that broke, and the next one's intent.
    fn resend(&mut self) -> Result<(), End> {
        self.resent = true;
        let mut row = Row::open(&self.x, self.id.attempt, Some(&self.target));
        row.outcome = Outcome::Error;
        row.error_code = Some(FailureKind::Reset.code());
        row.basis = Basis::None;
        row.price(self.sheet.as_deref(), &Tokens::default());
        self.count(&row, None);
        row.latency_ms = millis(self.x.admission.arrived);
        let written = self.rt.settle_row(self.id, &row);
        self.x.keep_unfinished(self.id.attempt, written.into());
        self.id.attempt = self.x.begin_attempt();
        (self.begun, self.sent) = (Instant::now(), None);
        self.intend(false)
    }

    async fn connect(&mut self) -> Result<Lease, End> {
        let rt = self.rt.clone();
        self.deadline.enter(self.target.timeouts.connect);
        let mut connecting = pin!(rt.pool.connect(&self.target.upstream.endpoint));
        let result = loop {
            match self.deadline.guard(&self.x, connecting.as_mut()).await {
                Err(Stop::Tick) => heartbeat(&self.x, &mut self.deadline),
                other => break other,
            }
        };
        match result {
            Ok(Ok(lease)) => {
                lease.share();
                // From here on the upstream may act on what it gets.
                self.journal(Journal::sent)?;
                self.x.hold().mark_sent();
                Ok(lease)
            }
            Ok(Err(error)) => Err(self.failed(FailureKind::Connect, error.to_string())),
            Err(stop) => Err(self.stopped(stop, FailureKind::ConnectTimeout)),
        }
    }

    pub(super) fn intend(&self, sent: bool) -> Result<(), End> {
        let mut row = Row::open(&self.x, self.id.attempt, Some(&self.target));
        let a = &self.x.admission;
        if batch::begins(a) {
            batch::free(&mut row); // what is held for it stands in the store
        } else {
            row.reserve(&a.demand, self.x.hold().output_tokens(), self.sheet.as_deref());
        }
        if sent {
            self.x.hold().mark_sent();
        }
        self.rt
            .intend(self.id, &row, sent)
            .map_err(|e| self.failed(FailureKind::Journal, e.to_string()))
    }

    pub(super) fn journal<T>(
        &self,
        act: impl FnOnce(&mut Journal, RecordId) -> Result<T, crate::error::Error>,
    ) -> Result<T, End> {
        act(&mut self.rt.journal.borrow_mut(), self.id)
            .map_err(|e| self.failed(FailureKind::Journal, e.to_string()))
    }

    /// The attempt panicked. As after a crash, nobody knows what it used: it costs what was held for it, if anything of it
    /// was sent.
    fn lost(&mut self) -> End {
        if self.sent.is_some() && self.report.basis.is_none() {
            self.charge_hold();
        }
        self.failed(FailureKind::Internal, "the attempt's task died")
    }

    /// What was held becomes the charge, behind what rows have of it already.
    pub(super) fn charge_hold(&mut self) {
        let x = self.who_pays();
        let demand = x.admission.demand;
        let held = x.hold().output_tokens().unwrap_or(u64::MAX).min(demand.output_tokens);
        let (input_tokens, output_tokens) = self.paid.tokens();
        self.report.usage.input_tokens = Some(demand.input_tokens.max(input_tokens));
        self.report.usage.output_tokens = Some(output_tokens.saturating_add(held));
        tally::class(self.x.admission.operation, &mut self.report.usage);
        if self.report.units == Units::default() {
            self.report.units = Request::of(&self.x.admission).bound();
        }
        self.report.basis = Some(Basis::Estimated);
    }

    pub(super) fn failed(&self, kind: FailureKind, detail: impl Into<String>) -> End {
        let mut failure = Failure::new(kind, detail);
        failure.status = self.report.status;
        End::Failed(failure)
    }

    /// What a cut wait means in a phase.
    pub(super) fn stopped(&self, stop: Stop, phase: FailureKind) -> End {
        match stop {
            Stop::Cancelled => match self.x.told() {
                Some((kind, detail)) => self.failed(kind, detail),
                None => End::Cancelled,
            },
            Stop::Total if self.x.admission.step.ends_first => {
                self.failed(FailureKind::RunOver, "the time of the request's run is over")
            }
            Stop::Total => self.failed(FailureKind::TotalTimeout, "the request's time is used up"),
            Stop::Phase | Stop::Tick => self.failed(phase, "no answer in time"),
        }
    }

    /// What the attempt cost with all its calls, where its price is known.
    pub(super) fn cost_usd(&self) -> Option<String> {
        let sheet = self.sheet.as_ref()?;
        let earlier = i128::try_from(self.earlier.cost_pico).unwrap_or(i128::MAX);
        Some(dollars(sheet.cost(&self.report.used()).saturating_add(earlier)))
    }

    /// What the attempt used of the request's limits, with all its calls.
    pub(super) fn used(&self) -> Actual {
        if let Some(used) = batch::held(self) {
            return used;
        }
        let mut used = Actual { requests: 1, ..Actual::default() };
        if self.report.basis.is_some_and(|basis| basis != Basis::None) {
            let tokens = self.report.used();
            used.input_tokens = tokens.input;
            used.output_tokens = tokens.output;
            let cost = self.sheet.as_ref().map_or(0, |sheet| sheet.cost(&tokens));
            used.cost_pico = u128::try_from(cost).unwrap_or(0);
        }
        used.add(self.earlier);
        about::charged(&self.x, self.paid.rest_of_use(used))
    }

    /// Microseconds that the gateway has held the request itself, up to its answer's head.
    pub(super) fn overhead_us(&self, answered: Instant) -> u128 {
        let arrived = self.x.admission.arrived;
        let before = self.sent.unwrap_or(arrived).duration_since(arrived);
        let overhead: Duration = before + answered.elapsed();
        self.rt.metrics.overhead(overhead);
        overhead.as_micros()
    }
}

/// Holds what the attempt may use of its target's own limits.
async fn hold_target(
    rt: &Runtime,
    x: &Exchange,
    target: &Target,
    index: usize,
) -> Result<(), Failure> {
    let refusal = match reserve(rt, || {
        let charges = x.admission.target_charges(target);
        x.hold().reserve_target(charges)
    })
    .await
    {
        Ok(()) => return Ok(()),
        Err(Unheld::Limit(denied)) => Refusal::limited(&denied),
        Err(Unheld::Failed(error)) => Refusal::limits_unavailable(&error),
    };
    let mut failure = Failure::new(FailureKind::Limited, refusal.message.clone());
    failure.target = index;
    failure.refusal = Some(Box::new(refusal));
    Err(failure)
}

/// Why nothing could be held, once all who could help were asked.
pub(super) enum Unheld {
    Limit(Box<Denied>),
    Failed(Error),
}

/// Reserves, and asks other hosts as often as it takes.
pub(super) async fn reserve(
    rt: &Runtime,
    mut hold: impl FnMut() -> Result<(), Refused>,
) -> Result<(), Unheld> {
    let mut tries = 0;
    loop {
        match hold() {
            Ok(()) => return Ok(()),
            Err(Refused::Limit(denied)) => return Err(Unheld::Limit(denied.into())),
            Err(Refused::Failed(error)) => return Err(Unheld::Failed(error)),
            Err(Refused::Short(asks)) => match &rt.share {
                Some(share) if tries < MAX_ASKED => share.asked(asks).await,
                _ => return Err(Unheld::Failed(Error::LimitsAdrift)),
            },
        }
        tries += 1;
    }
}

fn upstream_request_id(response: &Response<Incoming>) -> Option<String> {
    ["x-request-id", "request-id", "x-amzn-requestid"].iter().find_map(|name| {
        let value = response.headers().get(*name)?.to_str().ok()?;
        Some(value.chars().take(256).collect())
    })
}

/// The dialect that an answer must be brought to, where it is not the client's own.
pub(super) fn translation(x: &Exchange, target: &Target) -> Option<(Dialect, Dialect)> {
    let to = x.admission.dialect;
    let from = target.upstream.dialect_for(to);
    (from != to).then_some((from, to))
}

/// Tells the front if the attempt's task dies: a defect ends one request, never leaves it hanging.
pub(super) struct PanicGuard(pub Option<Arc<Exchange>>);

impl Drop for PanicGuard {
    fn drop(&mut self) {
        if let Some(x) = self.0.take() {
            x.fill(|r| {
                let failure = Failure::new(FailureKind::Internal, "the attempt's task died");
                r.state = State::Failed(Box::new(failure));
            });
        }
    }
}
