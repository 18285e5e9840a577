//! Pictures and sound from a host of another dialect: where it has them, and its answer in the client's form.

use std::time::Instant;

use bytes::Bytes;
use http::Response;
use hyper::body::Incoming;
use tokio::task::spawn_blocking;

use super::attempt::{End, Rest, Running};
use super::exchange::Exchange;
use super::failure::FailureKind;
use super::operation::Operation;
use super::outbox::State;
use super::row::millis;
use super::snapshot::Target;
use super::whole::{self, Form, in_band};
use super::{address, gemini, response_headers, tally};
use crate::dialect::Dialect;
use crate::error::Error;
use crate::media::{self, Made, Wanted};
use crate::meter;
use crate::stream::Usage;
use crate::transport::Lease;

/// What is larger is read beside the runtime's thread: a millisecond is long for those who share it.
const MAX_AT_ONCE_BYTES: usize = 128 << 10;

/// Where a host of that dialect has it; `None` where it has no such operation.
pub(super) fn path(target: &Target, dialect: Dialect) -> Option<String> {
    let (base, model) = (target.upstream.endpoint.base_path(), target.model.as_str());
    match dialect {
        Dialect::Gemini if is_predicted(model) => {
            Some(gemini::path(base, model, ":predict", false))
        }
        Dialect::Gemini => Some(gemini::path(base, model, ":generateContent", false)),
        Dialect::Bedrock => Some(address::invocation(base, model)),
        _ => None,
    }
}

/// Imagen's models, which Google serves in a way of their own.
fn is_predicted(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model);
    name.starts_with("imagen-") || name.starts_with("imagegeneration")
}

/// Reads an answer whole, and gives it in the client's form.
pub(super) async fn answer(run: &mut Running, lease: Lease, response: Response<Incoming>) -> End {
    let (parts, body) = response.into_parts();
    if !matches!(whole::form(&parts.headers), Some(Form::Json) | None) {
        return run.failed(FailureKind::WrongContentType, "not JSON");
    }
    let max_bytes = run.x.admission.snapshot.max_answer_bytes;
    let body = match whole::read(run, &parts.headers, None, body, max_bytes, true).await {
        Ok(body) => body,
        Err(end) => return end,
    };
    lease.recycle();
    let answered = Instant::now();
    let made = match made(run, body).await {
        Ok(made) => made,
        Err(end) => return end,
    };
    run.report.first_token_ms = Some(millis(run.x.admission.arrived));
    let overhead = run.overhead_us(answered);
    let (kind, cost) = (made.content_type, run.report.basis.and_then(|_| run.cost_usd()));
    let head = response_headers::answer(&run.x, &run.target, &parts.headers, kind, overhead, cost);
    run.x.set_client_status(200);
    run.rest = Rest { head: Some(head), body: made.body, ..Rest::default() };
    End::Done(State::End)
}

async fn made(run: &mut Running, body: Bytes) -> Result<Made, End> {
    let usage = usage(run, &body)?;
    let wanted = wanted(&run.x);
    let made = if body.len() <= MAX_AT_ONCE_BYTES {
        media::make(wanted, &body, &usage)
    } else {
        let body = body.clone();
        let made = spawn_blocking(move || media::make(wanted, &body, &usage)).await;
        made.unwrap_or(Err(Error::InvalidJson { offset: 0, reason: "its reader died" }))
    };
    match made {
        Ok(Some(made)) => {
            let pictures = Some(made.pictures).filter(|count| *count > 0);
            tally::told(run, &usage, pictures);
            Ok(made)
        }
        Ok(None) => Err(run.failed(FailureKind::Empty, "the answer has nothing of it in it")),
        Err(error @ Error::MalformedEvent { .. }) => {
            Err(run.failed(FailureKind::WrongForm, error.to_string()))
        }
        Err(error) => Err(run.failed(FailureKind::InvalidJson, error.to_string())),
    }
}

/// What the host says of its cost; Bedrock's models say nothing.
fn usage(run: &mut Running, body: &Bytes) -> Result<Usage, End> {
    if run.target.upstream.dialect_for(run.x.admission.dialect) != Dialect::Gemini {
        return Ok(Usage::default());
    }
    let answer = match meter::read_answer(Dialect::Gemini, body) {
        Ok(answer) => answer,
        Err(Error::MalformedEvent { .. }) => return Ok(Usage::default()),
        Err(error) => return Err(run.failed(FailureKind::InvalidJson, error.to_string())),
    };
    if let Some(error) = &answer.error {
        return Err(in_band(run, error, body));
    }
    run.report.response_model = Some(answer.model).filter(|model| !model.is_empty());
    Ok(answer.usage)
}

fn wanted(x: &Exchange) -> Wanted {
    let a = &x.admission;
    let form = a.scan.answer_format().unwrap_or_default();
    match a.operation {
        Operation::Speech => Wanted::Speech { is_wav: form != "pcm" },
        Operation::Transcription => Wanted::Transcript { is_text: form == "text" },
        _ => {
            Wanted::Pictures { created_s: x.id.get_timestamp().map_or(0, |time| time.to_unix().0) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_predicted;

    #[test]
    fn imagen_is_known_by_its_name() {
        for (model, predicted) in [
            ("imagen-4.0-generate-001", true),
            ("models/imagen-3.0-generate-002", true),
            ("publishers/google/models/imagegeneration@006", true),
            ("gemini-2.5-flash-image", false),
            ("not-imagen-4", false),
        ] {
            assert_eq!(is_predicted(model), predicted, "{model}");
        }
    }
}
