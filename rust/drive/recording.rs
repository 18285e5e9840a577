//! An answer on its way past, written down to be kept.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;

use super::attempt::{End, Running};
use super::caching::Caching;
use super::clock::unix_ms;
use super::failure::FailureKind;
use super::flight::Landing;
use super::heavy::{MAX_AT_ONCE_BYTES, beside};
use super::meaning;
use super::opening::speaks;
use super::operation::Operation;
use super::parts::Parts;
use super::reader::Form;
use super::row::millis;
use super::said::Said;
use super::verdict::Verdict;
use crate::cache::{Entry, Facts, Shape};
use crate::dialect::Dialect;
use crate::price::{Sheet, Tokens};
use crate::stream::FinishReason;

/// What was written down of an answer.
#[derive(Debug)]
pub(super) struct Recorded {
    said: Said,
    /// Of a large one, which is read beside the runtime's thread.
    verdict: Option<Verdict>,
}

impl Recorded {
    const fn of(dialect: Dialect, shape: Shape, body: Bytes) -> Self {
        Self { said: Said { dialect, shape, body }, verdict: None }
    }
}

/// Notes a whole answer.
pub(super) fn whole(run: &mut Running, dialect: Dialect, body: &Bytes) {
    if run.x.caching().is_some() {
        run.recorded = Some(Recorded::of(dialect, Shape::Whole, body.clone()));
    }
}

/// A stream that is written down while it flows.
#[derive(Debug)]
pub(super) struct Recording {
    dialect: Dialect,
    shape: Shape,
    bytes: Vec<u8>,
    max_bytes: usize,
}

impl Recording {
    /// `None` where the answer will not be kept.
    pub fn begin(run: &Running, form: Form) -> Option<Self> {
        let caching = run.x.caching().filter(|caching| caching.keeps)?;
        let shape = shape(form);
        let max_bytes = caching.spec.max_entry_bytes;
        Some(Self { dialect: speaks(run), shape, bytes: Vec::new(), max_bytes })
    }

    /// Adds to it. What becomes too large is given up.
    pub fn add(this: &mut Option<Self>, raw: &[u8]) {
        let Some(recording) = this else { return };
        if recording.bytes.len() + raw.len() > recording.max_bytes {
            *this = None;
        } else {
            recording.bytes.extend_from_slice(raw);
        }
    }

    /// The stream ended well.
    pub fn finish(self) -> Recorded {
        Recorded::of(self.dialect, self.shape, self.bytes.into())
    }
}

/// The shape of a stream in this form. What stood in chunks stands alone when it is written down.
const fn shape(form: Form) -> Shape {
    match form {
        Form::Events | Form::Chunks => Shape::Events,
        Form::Array => Shape::Array,
        Form::Lines => Shape::Lines,
        Form::Messages => Shape::Messages,
    }
}

/// The form in which a shape is read; `None` of a whole answer.
pub(super) const fn form(shape: Shape) -> Option<Form> {
    Some(match shape {
        Shape::Whole => return None,
        Shape::Events => Form::Events,
        Shape::Array => Form::Array,
        Shape::Lines => Form::Lines,
        Shape::Messages => Form::Messages,
    })
}

/// Reads a large answer, of which it must be known whether it is one to be kept.
pub(super) async fn weigh(run: &mut Running, end: &End) {
    let is_kept = matches!(end, End::Done(_)) && run.x.caching().is_some_and(|c| c.keeps);
    let Some(recorded) = run.recorded.as_mut().filter(|_| is_kept) else { return };
    let (said, max_event_bytes) = (recorded.said.clone(), run.x.admission.snapshot.max_event_bytes);
    if said.body.len() > MAX_AT_ONCE_BYTES {
        let read = move || Verdict::of(&said, max_event_bytes);
        recorded.verdict = beside(recorded.said.body.len(), read).await.ok();
    }
}

/// Keeps the answer of an attempt that ended, where it is one to be kept, and tells who waits for it.
pub(super) fn keep(run: &mut Running, end: &End) {
    let recorded = run.recorded.take();
    let x = run.x.clone();
    let Some(caching) = x.caching() else { return };
    let is_answered = x.client_status().is_none_or(|status| status == 200);
    let is_answered = is_answered && !run.was_cut && !was_bounded(run);
    let landing = match end {
        End::Done(_) if is_answered => {
            let facts = facts(run);
            let entry = recorded.map(|Recorded { said, verdict }| {
                let entry = Arc::new(entry(run, caching, &facts, said));
                file(run, caching, &entry, verdict);
                entry
            });
            Landing::Answered(facts.into(), entry)
        }
        // The front decides whether another attempt follows.
        End::Failed(_) => return,
        End::Broken(failure) if !FailureKind::is_of_one(failure.kind.code()) => {
            run.landing.take().unwrap_or(Landing::Failed(502))
        }
        End::Broken(_) | End::Done(_) | End::Cancelled => Landing::Free,
    };
    if let Some(flight) = caching.flight() {
        flight.land(landing);
    }
}

/// The model was told to write less than the request asks for, by a limit of who asks, and wrote as much.
fn was_bounded(run: &Running) -> bool {
    run.is_bounded && run.report.finish == Some(FinishReason::Length)
}

/// Keeps an answer that is one to be given again.
fn file(run: &Running, caching: &Caching, entry: &Arc<Entry>, verdict: Option<Verdict>) {
    // It went on for those who follow it, though a plugin ended it.
    if matches!(run.x.told(), Some((FailureKind::EndedByPlugin, _))) {
        return;
    }
    if !caching.is_of_choice(&run.x.admission.route, &run.target) {
        return;
    }
    meaning::judge(&run.rt, &run.x, caching, entry);
    if !caching.keeps || caching.ttl.is_zero() || entry.body.len() > caching.spec.max_entry_bytes {
        return;
    }
    if run.x.admission.operation == Operation::Embeddings {
        if caching.parts().is_none_or(Parts::wants_whole) {
            run.rt.cache.put(entry.clone(), caching.spec.is_durable);
        }
        return;
    }
    let read = || Verdict::of(&Said::of(entry), run.x.admission.snapshot.max_event_bytes);
    let verdict = verdict.unwrap_or_else(read);
    if verdict.is_good(caching.spec.tool_calls) {
        run.rt.cache.put(entry.clone(), caching.spec.is_durable);
        if !verdict.has_tools {
            meaning::remember(&run.rt, &run.x, caching, entry); // what acts answers no question but its own
        }
    }
}

/// What an answer is known to have used, and to have cost.
pub(super) fn facts(run: &Running) -> Facts {
    let report = &run.report;
    let tokens = report.tokens();
    let saved = Tokens { input: run.saved_input_tokens, ..Tokens::default() };
    let cost_of = |sheet: &Arc<Sheet>| sheet.cost(&report.used()) + sheet.cost(&saved);
    let cost = run.sheet.as_ref().map(cost_of);
    let earlier = i128::try_from(run.earlier.cost_pico).unwrap_or(i128::MAX);
    let latency_ms = millis(run.x.admission.arrived);
    Facts {
        response_model: report.response_model.clone(),
        finish_reason: report.finish.map(|reason| reason.name().to_owned()),
        input_tokens: tokens.input_tokens + run.earlier.input_tokens + run.saved_input_tokens,
        cached_input_tokens: tokens.cached_input_tokens,
        output_tokens: tokens.output_tokens,
        reasoning_tokens: tokens.reasoning_tokens,
        cost_pico: cost.and_then(|cost| i64::try_from(cost.saturating_add(earlier)).ok()),
        first_ms: report.first_token_ms.unwrap_or(latency_ms),
        latency_ms,
        tool_forms: run.x.tool_forms(),
        dropped: run.x.dropped_text(),
    }
}

fn entry(run: &Running, caching: &Caching, facts: &Facts, said: Said) -> Entry {
    let now_ms = unix_ms(SystemTime::now());
    let ms = |s: f64| {
        u64::try_from(std::time::Duration::try_from_secs_f64(s).unwrap_or_default().as_millis())
    };
    let spec = &caching.spec;
    let beyond_ms = ms(spec.stale_while_revalidate_s.max(spec.stale_if_error_s)).unwrap_or(0);
    let fresh_until_ms = now_ms + u64::try_from(caching.ttl.as_millis()).unwrap_or(0);
    let target = &run.target;
    Entry {
        key: caching.key,
        about: caching.about(&run.x.admission, &target.upstream.provider, &target.model),
        epoch: caching.epoch,
        made_ms: caching.parts().and_then(Parts::oldest_ms).unwrap_or(now_ms),
        fresh_until_ms,
        kept_until_ms: fresh_until_ms.saturating_add(beyond_ms),
        facts: facts.clone(),
        dialect: said.dialect,
        shape: said.shape,
        body: said.body,
    }
}
