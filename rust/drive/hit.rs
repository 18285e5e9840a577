//! A kept answer on its way to a client, and its row: nothing was asked of anybody, and nothing is paid.

use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::HeaderMap;

use super::alerts::Alerts;
use super::caching::{Pace, Told};
use super::clock::unix_ms;
use super::deadline::{Deadline, Stop};
use super::exchange::Exchange;
use super::failure::{Failure, FailureKind};
use super::heavy::{MAX_AT_ONCE_BYTES, beside};
use super::keeping::{Keeping, Kept};
use super::outbox::{Head, State, append};
use super::reader::{Form, Reader};
use super::recording::form;
use super::replay::{Replayed, replay};
use super::response_headers;
use super::row::{Basis, Outcome, Row, millis};
use super::runtime::Runtime;
use super::snapshot::Target;
use crate::budget::Actual;
use crate::cache::{Entry, Facts};
use crate::journal::RecordId;
use crate::price::{Tokens, dollars};

/// Steps in which a paced stream is given.
const STEP: Duration = Duration::from_millis(20);

/// Answers a client on the spot: the row that is to be written, unless the entry is one for [`give`], as a large one is.
pub(super) fn at_once(
    keeping: &Keeping,
    alerts: &Alerts,
    x: &Exchange,
    entry: &Entry,
) -> Option<(RecordId, Vec<u8>)> {
    let caching = x.caching()?;
    if caching.spec.replay == Pace::Paced || entry.body.len() > MAX_AT_ONCE_BYTES {
        return None;
    }
    let target = made_by(x, &entry.about.target)?;
    let Replayed { content_type, mut body, kept } = replay(x, &target, entry).ok()?;
    // A response that its client may go on from has an id of its own each time.
    if let Some(response) = kept {
        keeping.hand_over(Kept::of(&x.admission, response), &target, alerts);
    }
    let head = told(x, &target, entry, Told::Hit, content_type);
    x.set_client_status(200);
    let row = settled(x, &target, (&entry.facts, None), millis(x.admission.arrived));
    x.fill(|ready| {
        ready.head = Some(head);
        append(&mut ready.body, &mut body);
        ready.state = State::End;
    });
    Some((RecordId { request_id: x.id.into_bytes(), attempt: 0 }, row))
}

/// Answers a client with an entry. An error is that it cannot be read, and nothing was given.
pub(super) async fn give(
    rt: &Rc<Runtime>,
    x: &Arc<Exchange>,
    entry: &Arc<Entry>,
    word: Told,
) -> Result<(), Failure> {
    let Some(target) = made_by(x, &entry.about.target) else {
        return Err(Failure::new(FailureKind::Internal, "a route without a target"));
    };
    let (Replayed { content_type, mut body, kept }, ends) = {
        let (x, target, entry) = (x.clone(), target.clone(), entry.clone());
        beside(entry.body.len(), move || read(&x, &target, &entry)).await??
    };
    if let Some(response) = kept {
        rt.keeping.hand_over(Kept::of(&x.admission, response), &target, &rt.alerts);
    }
    let head = told(x, &target, entry, word, content_type);
    let mut head = x.client_status().is_none().then_some(head);
    x.set_client_status(200);
    let first_ms = millis(x.admission.arrived);
    if let Some(ends) = ends {
        let whole = std::mem::take(&mut body);
        if !paced(x, &mut head, (&whole, &ends), entry).await {
            left(rt, x, &target);
            return Ok(());
        }
    }
    settle(rt, x, &target, (&entry.facts, None), first_ms);
    x.fill(|ready| {
        ready.head = head.or(ready.head.take());
        append(&mut ready.body, &mut body);
        ready.state = State::End;
    });
    Ok(())
}

/// An answer for its client, and, where it is given in the time that its model took, the ends of its events.
fn read(
    x: &Exchange,
    target: &Target,
    entry: &Entry,
) -> Result<(Replayed, Option<Vec<usize>>), Failure> {
    let replayed = replay(x, target, entry)?;
    let is_paced = x.caching().is_some_and(|c| c.spec.replay == Pace::Paced)
        && x.admission.scan.stream()
        && entry.facts.latency_ms > entry.facts.first_ms;
    let ends = is_paced.then(|| ends_of_events(x, &replayed.body, entry));
    Ok((replayed, ends))
}

/// The target that made an answer, as the route has it now.
fn made_by(x: &Exchange, name: &str) -> Option<Target> {
    let targets = &x.admission.route.targets;
    let is_it = |target: &&Target| {
        let model = name.strip_prefix(target.upstream.provider.as_str());
        model.and_then(|rest| rest.strip_prefix('/')) == Some(&target.model)
    };
    // The key has all of them in it, so that it is one.
    targets.iter().find(is_it).or_else(|| targets.first()).cloned()
}

/// The head of an answer that nobody was asked for.
pub(super) fn head(x: &Exchange, target: &Target, content_type: &'static str) -> Head {
    let overhead_us = x.admission.arrived.elapsed().as_micros();
    // A stream says what it cost in its last usage, or nowhere.
    let cost = (!x.admission.scan.stream()).then(|| "0".to_owned());
    response_headers::answer(x, target, &HeaderMap::new(), content_type, overhead_us, cost)
}

/// The same of a kept one, with its age.
fn told(
    x: &Exchange,
    target: &Target,
    entry: &Entry,
    word: Told,
    content_type: &'static str,
) -> Head {
    if let Some(caching) = x.caching() {
        caching.tell(word);
        if word == Told::Semantic {
            caching.tell_near(entry.key);
        }
    }
    x.set_dropped(entry.facts.dropped.clone().map(Bytes::from));
    let mut head = head(x, target, content_type);
    let age_s = unix_ms(SystemTime::now()).saturating_sub(entry.made_ms) / 1000;
    head.headers.push((Bytes::from_static(b"x-sluicegate-cache-age-s"), age_s.to_string().into()));
    head
}

/// Gives a stream in the time that its model took; whether its client stayed.
async fn paced(
    x: &Arc<Exchange>,
    head: &mut Option<Head>,
    (whole, ends): (&[u8], &[usize]),
    entry: &Entry,
) -> bool {
    let lasting = Duration::from_millis(entry.facts.latency_ms - entry.facts.first_ms);
    let steps = u32::try_from(lasting.as_millis() / STEP.as_millis()).unwrap_or(u32::MAX).max(1);
    let begun = Instant::now();
    let mut given = 0;
    let mut deadline = Deadline::new(Duration::MAX, x.admission.deadline, None);
    for step in 1..=steps {
        let due = ends.len() * step as usize / steps as usize;
        let to = due.checked_sub(1).and_then(|at| ends.get(at)).copied().unwrap_or(0);
        if let Some(more) = whole.get(given..to).filter(|more| !more.is_empty()) {
            x.fill(|ready| {
                if head.is_some() {
                    ready.head = head.take();
                }
                ready.body.extend_from_slice(more);
            });
            given = to;
        }
        if step == steps {
            break;
        }
        let next = tokio::time::sleep_until((begun + STEP * step).into());
        let room = poll_fn(|cx| x.outbox.poll_room(cx));
        let wait = async {
            next.await;
            room.await;
        };
        if let Err(Stop::Cancelled | Stop::Total) = deadline.guard(x, wait).await {
            return false;
        }
    }
    let rest = whole.get(given..).unwrap_or_default();
    x.fill(|ready| ready.body.extend_from_slice(rest));
    true
}

/// Where each event of a stream ends, as its client has it.
fn ends_of_events(x: &Exchange, whole: &[u8], entry: &Entry) -> Vec<usize> {
    let array = x.admission.place.as_array.then_some(Form::Array);
    let own = form(entry.shape).filter(|_| entry.dialect == x.admission.dialect);
    let form = array.or(own).unwrap_or(Form::Events);
    let mut reader = Reader::new(form, x.admission.snapshot.max_event_bytes);
    let (mut end, mut ends) = (0, Vec::new());
    // What cannot be told apart goes out at the end.
    let _ = reader.feed(whole, |frame| {
        end += frame.raw.len();
        ends.push(end);
    });
    ends
}

/// Gives back what was held and writes the row, before the client has the last of it. `first_ms` is when it had the
/// first, `code` why it had not all.
pub(super) fn settle(
    rt: &Runtime,
    x: &Exchange,
    target: &Target,
    (facts, code): (&Facts, Option<&'static str>),
    first_ms: u64,
) {
    rt.cache.count(true);
    let row = settled(x, target, (facts, code), first_ms);
    rt.settle(RecordId { request_id: x.id.into_bytes(), attempt: 0 }, &row, true);
    rt.complete(x, 200);
}

/// Gives back what was held, and counts the request. Its row.
fn settled(
    x: &Exchange,
    target: &Target,
    (facts, code): (&Facts, Option<&'static str>),
    first_ms: u64,
) -> Vec<u8> {
    {
        let mut hold = x.hold();
        hold.end_attempt(Actual { requests: 1, ..Actual::default() });
        hold.settle();
    }
    let mut row = row(x, target);
    row.outcome = Outcome::Cached;
    row.error_code = code;
    row.client_status = Some(200);
    row.response_model = facts.response_model.as_deref();
    row.finish_reason = facts.finish_reason.as_deref();
    row.saved_usd = facts.cost_pico.map(|pico| dollars(pico.into()));
    row.saved_input_tokens = Some(facts.input_tokens);
    row.saved_output_tokens = Some(facts.output_tokens);
    row.saved_ms = Some(facts.latency_ms.saturating_sub(row.latency_ms));
    row.first_token_ms = Some(first_ms);
    x.count_saved(target, facts);
    x.end(row.outcome, row.client_status);
    let mut written = Vec::with_capacity(768);
    row.write(&mut written);
    x.show_row(&written);
    written
}

/// The row of a request whose client left before it had its answer from the cache.
pub(super) fn left(rt: &Runtime, x: &Exchange, target: &Target) {
    x.hold().settle();
    let mut row = row(x, target);
    row.outcome = Outcome::Cancelled;
    write(rt, x, &row);
    x.fill(|ready| ready.state = State::End);
}

/// The row of a request whose answer broke off while it followed another.
pub(super) fn broken(rt: &Runtime, x: &Exchange, target: &Target, code: &'static str) {
    x.hold().settle();
    let mut row = row(x, target);
    row.outcome = Outcome::Error;
    row.error_code = Some(code);
    write(rt, x, &row);
}

fn row<'a>(x: &'a Exchange, target: &'a Target) -> Row<'a> {
    let mut row = Row::open(x, 0, Some(target));
    row.basis = Basis::None;
    row.price(None, &Tokens::default());
    row.price_version = "";
    row.latency_ms = millis(x.admission.arrived);
    row
}

fn write(rt: &Runtime, x: &Exchange, row: &Row<'_>) {
    x.end(row.outcome, row.client_status);
    let id = RecordId { request_id: x.id.into_bytes(), attempt: 0 };
    x.show_row(&rt.settle_row(id, row));
}
