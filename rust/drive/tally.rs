//! Which token figures a row gets, and on what basis.

use std::time::Instant;

use super::about;
use super::alerts::AlertKind;
use super::attempt::Running;
use super::operation::Operation;
use super::row::Basis;
use super::run_guard;
use super::snapshot::Target;
use super::units::Request;
use crate::body;
use crate::meter::{self, Answer, Meter};
use crate::stream::{Usage, sum};
use crate::tokens::{self, Asked, Framing, StreamCounter, Vocabulary};

/// A whole answer that reports its usage is counted beside it up to this size: about a millisecond.
const MAX_COUNTED_BYTES: usize = 64 << 10;

/// The vocabulary that counts a target's text.
pub(super) fn vocabulary(target: &Target) -> Vocabulary {
    tokens::vocabulary_of(&target.model).0
}

/// What the target's model writes around its answer to this request.
pub(super) fn framing(run: &Running) -> Framing {
    let scan = &run.x.admission.scan;
    let asked = Asked {
        tools: scan.tools_bytes() > 0,
        forced: scan.forces_tool(),
        schema: scan.follows_schema(),
    };
    tokens::framing_of(&run.target.model, asked)
}

/// A stream's figures. `complete`: it ended as it should; `content`: some of it was content.
pub(super) fn stream(
    run: &mut Running,
    meter: &mut Meter<StreamCounter>,
    complete: bool,
    content: bool,
) {
    if run.x.admission.operation == Operation::StoredResponse {
        let usage = if complete { meter.usage() } else { Usage::default() };
        return about::pay(run, &usage, meter.response_model());
    }
    run_guard::remember_response(run, meter.response_id());
    run.report.finish = meter.finish_reason();
    run.report.response_model = Some(meter.response_model().to_owned()).filter(|m| !m.is_empty());
    let counted = meter.counted_output_tokens();
    let usage = meter.usage();
    let reported = complete && usage.input_tokens.is_some() && usage.output_tokens.is_some();
    if reported {
        fill(run, &usage, Some(counted), Basis::Reported);
    } else if content || complete {
        // A stream that was cut short reports nothing, or what it had reached long before the cut.
        let usage = Usage {
            input_tokens: usage.input_tokens.or_else(|| Some(input_tokens(run))),
            output_tokens: if complete {
                usage.output_tokens.or(Some(counted))
            } else {
                Some(counted)
            },
            ..usage
        };
        fill(run, &usage, Some(counted), Basis::Counted);
    }
}

/// A whole answer's figures.
pub(super) fn answer(run: &mut Running, answer: &Answer<'_>) {
    run_guard::remember_response(run, &answer.id);
    run.report.finish = answer.finish_reasons.first().map(|(_, reason)| *reason);
    run.report.response_model = Some(answer.model.clone()).filter(|model| !model.is_empty());
    let usage = answer.usage;
    let is_reported = usage.input_tokens.is_some() && usage.output_tokens.is_some();
    if is_reported && answer.body_bytes() > MAX_COUNTED_BYTES {
        return fill(run, &usage, None, Basis::Reported);
    }
    let fresh = StreamCounter::new(vocabulary(&run.target));
    let counted = answer.counted_output_tokens(fresh, framing(run));
    if is_reported {
        return fill(run, &usage, Some(counted), Basis::Reported);
    }
    let usage = Usage {
        input_tokens: usage.input_tokens.or_else(|| Some(input_tokens(run))),
        output_tokens: usage.output_tokens.or(Some(counted)),
        ..usage
    };
    fill(run, &usage, Some(counted), Basis::Counted);
}

/// The figures of an answer in which nothing is written: vectors, rankings.
pub(super) fn read(run: &mut Running, model: &str, usage: &Usage, is_reported: bool) {
    run.report.response_model = Some(model.to_owned()).filter(|model| !model.is_empty());
    let basis = if is_reported { Basis::Reported } else { Basis::Counted };
    run.report.units = Request::of(&run.x.admission).used(usage, None);
    fill(run, usage, Some(0), basis);
}

/// The figures of a stream that was cut after so many tokens, and has said nothing of itself.
pub(super) fn cut(run: &mut Running, output_tokens: u64) {
    let usage = Usage {
        input_tokens: Some(input_tokens(run)),
        output_tokens: Some(output_tokens),
        ..Usage::default()
    };
    fill(run, &usage, Some(output_tokens), Basis::Counted);
}

/// A job in the background was begun: what it uses is known when it is asked for.
pub(super) fn begun(run: &mut Running, answer: &Answer<'_>) {
    run_guard::remember_response(run, &answer.id);
    run.report.response_model = Some(answer.model.clone()).filter(|model| !model.is_empty());
}

/// The figures of an answer that is not counted.
pub(super) fn reported(run: &mut Running, usage: &Usage) {
    let mut usage = *usage;
    class(run.x.admission.operation, &mut usage);
    fill(run, &usage, None, Basis::Reported);
}

/// The figures of an answer with so many pictures in it that says what it used, or says nothing: then it costs what was held for it, and has no price
/// where there is none.
pub(super) fn told(run: &mut Running, usage: &Usage, pictures: Option<u64>) {
    run.report.units = Request::of(&run.x.admission).used(usage, pictures);
    if usage.input_tokens.is_some() || usage.output_tokens.is_some() {
        return reported(run, usage);
    }
    match &run.sheet {
        Some(sheet) if sheet.has_tokens() => run.charge_hold(),
        // Tokens cost nothing, and nobody says how many there were.
        Some(_) if usage.audio_ms.is_some() => fill(run, usage, None, Basis::Reported),
        Some(_) => fill(run, usage, None, Basis::Counted),
        None => run.report.is_unpriced = true,
    }
}

/// Puts tokens of which no class is told into the one that the operation is about: each has its own price.
pub(super) fn class(operation: Operation, usage: &mut Usage) {
    match operation {
        Operation::ImageGeneration if usage.output_image_tokens.is_none() => {
            usage.output_image_tokens = usage.output_tokens;
            usage.image_tokens = sum(&[usage.image_tokens, usage.output_tokens]);
        }
        Operation::Speech if usage.output_audio_tokens.is_none() => {
            usage.output_audio_tokens = usage.output_tokens;
            usage.audio_tokens = sum(&[usage.audio_tokens, usage.output_tokens]);
        }
        Operation::Transcription if usage.audio_tokens.is_none() => {
            usage.audio_tokens = usage.input_tokens;
        }
        _ => {}
    }
}

/// An answer that cannot be read: all of its text counts, which is a bound.
pub(super) fn unread(run: &mut Running, body: &[u8]) {
    let mut counter = StreamCounter::new(vocabulary(&run.target));
    counter.push(&String::from_utf8_lossy(body));
    let total = counter.total();
    let usage = Usage {
        input_tokens: Some(input_tokens(run)),
        output_tokens: Some(total),
        ..Usage::default()
    };
    fill(run, &usage, Some(total), Basis::Estimated);
}

fn fill(run: &mut Running, usage: &Usage, counted_output_tokens: Option<u64>, basis: Basis) {
    if let (Some(tier), Some(prices)) = (usage.service_tier, &run.target.prices) {
        let a = &run.x.admission;
        run.sheet = Request::of(a).sheet(prices.at_tier(a.unix_s, tier).as_ref());
    }
    run.report.usage = *usage;
    run.report.counted_output_tokens = counted_output_tokens;
    run.report.basis = Some(basis);
    let (_, exactness) = tokens::vocabulary_of(&run.target.model);
    if basis == Basis::Reported
        && run.x.admission.operation == Operation::Chat
        && let (Some(reported), Some(counted)) = (usage.output_tokens, counted_output_tokens)
        && meter::diverges(usage, counted, exactness)
    {
        run.rt.alerts.raise(AlertKind::UsageDiverges, &run.target, Instant::now(), || {
            format!("it reports {reported} output tokens where we count {counted}")
        });
    }
}

/// The request's text in tokens. Only for answers that do not report it, since it reads the whole prompt.
fn input_tokens(run: &Running) -> u64 {
    let vocabulary = vocabulary(&run.target);
    let mut total = 0;
    body::for_each_text(run.x.asked().1, |text| {
        total += vocabulary.count(text) as u64;
    });
    total
}
