//! Rankings of documents: where a host makes them, and its answer in the client's form.

use std::time::Instant;

use bytes::Bytes;
use http::response::Parts;
use tokio::task::spawn_blocking;

use super::address::{Address, bedrock, beside, deployment, full_path};
use super::attempt::{End, Rest, Running};
use super::carrying;
use super::failure::{Failure, FailureKind};
use super::outbox::State;
use super::passing::give_whole;
use super::place::Place;
use super::row::millis;
use super::snapshot::Target;
use super::weighing::Bearing;
use super::whole::{self, JSON, MAX_ERROR_BYTES, unreadable};
use super::{response_headers, tally};
use crate::error::Error;
use crate::rerank::{self, Form, Ranking, Wanted};
use crate::stream::Usage;

/// What is larger is counted beside the runtime's thread.
const MAX_AT_ONCE_BYTES: usize = 32 << 10;
/// Cohere's second version of the path.
const SECOND: &str = "/v2/";

/// Whether a client's request goes to a target as it is.
pub(super) fn is_own(place: &Place, target: &Target) -> bool {
    match target.upstream.rerank {
        Some(Form::Jina) => version(place) == 1,
        Some(Form::Cohere) => version(place) == 2,
        _ => false,
    }
}

fn version(place: &Place) -> u8 {
    if place.route.path.starts_with(SECOND) { 2 } else { 1 }
}

/// Where a target ranks; None where it does not.
pub(super) fn path(target: &Target) -> Option<String> {
    let upstream = &target.upstream;
    let base = upstream.endpoint.base_path();
    Some(match upstream.rerank? {
        Form::Jina if upstream.address == Address::Deployments => {
            deployment(base, &target.model, "/rerank")
        }
        Form::Jina | Form::Voyage => full_path(base, "/rerank", upstream.unversioned),
        Form::Cohere => beside(base, "/v2/rerank"),
        Form::Bedrock => bedrock(base, &target.model, "invoke"),
    })
}

/// Passes on an answer in the client's own form.
pub(super) async fn own(run: &mut Running, parts: &Parts, body: Bytes) -> End {
    let found = match rerank::read(&body) {
        Ok(Ranking { model, usage, .. }) => (model, usage),
        // An object of a shape that only the host and its clients know.
        Err(_) => (String::new(), Usage::default()),
    };
    account(run, found, run.x.admission.body.clone()).await;
    // What it cost is known.
    let bearing = Bearing { is_free: true, ..carrying::bearing(run) };
    give_whole(run, bearing, parts, body)
}

/// Asks a host that has another form, and answers the client.
pub(super) async fn ask(run: &mut Running, sent: Bytes) -> End {
    match answered(run, sent).await {
        Ok(()) => End::Done(State::End),
        Err(end) => end,
    }
}

async fn answered(run: &mut Running, sent: Bytes) -> Result<(), End> {
    let (lease, response) = run.send(sent).await?;
    run.note(&response);
    if !response.status().is_success() {
        return Err(whole::refused(run, lease, response).await);
    }
    let (parts, body) = response.into_parts();
    let body = whole::read_json(run, lease, &parts.headers, body).await?;
    let answered = Instant::now();
    let ranking = rerank::read(&body).map_err(|error| unreadable(run, &error))?;
    if let Some(error) = &ranking.error {
        let mut failure = Failure::new(FailureKind::InBandError, error.clone());
        failure.status = run.report.status;
        failure.body = body.slice(..body.len().min(MAX_ERROR_BYTES));
        return Err(End::Failed(failure));
    }
    if ranking.results.is_empty() {
        return Err(run.failed(FailureKind::Empty, "the answer has no ranking in it"));
    }
    let asked = run.x.admission.body.clone();
    let found = (ranking.model.clone(), ranking.usage);
    let wanted = Wanted::by(&asked, version(&run.x.admission.place));
    let input_tokens = account(run, found, asked).await;
    let model = if ranking.model.is_empty() { &run.target.model } else { &ranking.model };
    let Some(body) = wanted.whole(&ranking, model, input_tokens) else {
        let reason = "a document that nobody sent".to_owned();
        return Err(unreadable(run, &Error::MalformedEvent { dialect: "rerank", reason }));
    };
    run.report.first_token_ms = Some(millis(run.x.admission.arrived));
    let overhead = run.overhead_us(answered);
    let cost = run.cost_usd();
    let head = response_headers::answer(&run.x, &run.target, &parts.headers, JSON, overhead, cost);
    run.x.set_client_status(200);
    run.rest = Rest { head: Some(head), body, ..Rest::default() };
    Ok(())
}

/// Writes down what an answer cost. Gives the tokens that were read for it.
async fn account(run: &mut Running, (model, usage): (String, Usage), asked: Bytes) -> u64 {
    let reported = usage.input_tokens;
    let input_tokens = match reported {
        Some(tokens) => tokens,
        None => counted(run, asked).await,
    };
    let usage = Usage { input_tokens: Some(input_tokens), ..usage };
    tally::read(run, &model, &usage, reported.is_some());
    input_tokens
}

async fn counted(run: &Running, asked: Bytes) -> u64 {
    let vocabulary = tally::vocabulary(&run.target);
    if asked.len() <= MAX_AT_ONCE_BYTES && vocabulary.is_loaded() {
        return rerank::count_tokens(&asked, vocabulary);
    }
    let counted = spawn_blocking(move || rerank::count_tokens(&asked, vocabulary)).await;
    counted.unwrap_or(run.x.admission.demand.input_tokens)
}
