//! Vectors: where a host has them, and its answer in the client's form.

use bytes::Bytes;
use http::HeaderMap;
use tokio::task::spawn_blocking;

use super::address::{Address, bedrock, beside, deployment, full_path};
use super::attempt::{End, Rest, Running};
use super::exchange::Exchange;
use super::failure::{Failure, FailureKind};
use super::outbox::State;
use super::row::millis;
use super::snapshot::Target;
use super::whole::{self, JSON, MAX_ERROR_BYTES, unreadable};
use super::{gemini, parts, recording, response_headers, tally};
use crate::dialect::Dialect;
use crate::embed::{self, Form, Taken, Wanted, is_predicted};
use crate::error::Error;
use crate::stream::{MAX_REPORTED_TOKENS, Usage};

/// What is larger is read, and counted, beside the runtime's thread: a millisecond is long for those who share it.
const MAX_AT_ONCE_BYTES: usize = 128 << 10;

/// Whether a client's request goes to a target as it is.
pub(super) fn is_own(client: Dialect, target: &Target) -> bool {
    target.upstream.embeddings.is_some() && target.upstream.embeddings == Form::of(client)
}

/// Where a target has vectors; None where it has none.
pub(super) fn path(x: &Exchange, target: &Target) -> Option<String> {
    let (a, upstream) = (&x.admission, &target.upstream);
    let base = upstream.endpoint.base_path();
    Some(match upstream.embeddings? {
        Form::OpenAi if upstream.address == Address::Deployments => {
            deployment(base, &target.model, "/embeddings")
        }
        Form::OpenAi | Form::Mistral | Form::Voyage => {
            full_path(base, "/embeddings", upstream.unversioned)
        }
        Form::Gemini => {
            let own = a.place.verb().filter(|_| a.dialect == Dialect::Gemini);
            gemini::path(base, &target.model, own.unwrap_or(":batchEmbedContents"), false)
        }
        Form::Vertex => {
            let is_predicted = is_predicted(&target.model);
            let verb = if is_predicted { ":predict" } else { ":batchEmbedContents" };
            gemini::path(base, &target.model, verb, false)
        }
        Form::Bedrock => bedrock(base, &target.model, "invoke"),
        Form::Cohere => beside(base, "/v2/embed"),
        Form::Ollama => beside(base, "/api/embed"),
    })
}

/// An answer in the client's own form, which passes as it is once it is checked.
pub(super) async fn own(
    run: &mut Running,
    upstream: &HeaderMap,
    body: Bytes,
) -> Result<Vec<u8>, End> {
    let taken = match take(body.clone(), None, 0).await {
        // An object of a shape that only the host and its clients know.
        Err(Error::MalformedEvent { .. }) => Taken::default(),
        read => read.map_err(|error| unreadable(run, &error))?,
    };
    let request = run.x.asked().1.clone();
    account(run, upstream, &taken, &body, request).await?;
    noted(run, body.into()).await
}

/// An answer in the client's form, with the vectors in it that are kept already; it is kept itself.
async fn noted(run: &mut Running, answer: Vec<u8>) -> Result<Vec<u8>, End> {
    let body = Box::pin(parts::complete(run, answer)).await?; // large, and only vectors need it
    if run.x.caching().is_some() {
        recording::whole(run, run.x.admission.dialect, &Bytes::copy_from_slice(&body));
    }
    Ok(body)
}

/// Asks a host that has another form, in as many calls as it wants, and answers the client.
pub(super) async fn ask(run: &mut Running, bodies: Vec<Bytes>) -> End {
    let a = &run.x.admission;
    let wanted = Wanted::by(a.dialect, a.place.verb(), run.x.asked().1);
    let mut joined = Joined::default();
    for (number, body) in bodies.into_iter().enumerate() {
        if number > 0 {
            run.next_call();
        }
        if let Err(end) = joined.call(run, body, &wanted).await {
            return end;
        }
    }
    if joined.count != wanted.count {
        let detail = format!("{} vectors for {} texts", joined.count, wanted.count);
        return run.failed(FailureKind::WrongForm, detail);
    }
    joined.give(run, &wanted).await
}

/// What the answers to one request have said so far.
#[derive(Default)]
struct Joined {
    items: Vec<u8>,
    count: usize,
    input_tokens: u64,
    id: String,
    model: String,
    headers: HeaderMap,
}

impl Joined {
    async fn call(&mut self, run: &mut Running, sent: Bytes, wanted: &Wanted) -> Result<(), End> {
        let (lease, response) = run.send(sent.clone()).await?;
        run.note(&response);
        if !response.status().is_success() {
            return Err(whole::refused(run, lease, response).await);
        }
        let (parts, body) = response.into_parts();
        let body = whole::read_json(run, lease, &parts.headers, body).await?;
        let taken = take(body.clone(), Some(*wanted), self.count).await;
        let taken = taken.map_err(|error| unreadable(run, &error))?;
        if taken.count == 0 && taken.error.is_none() {
            return Err(run.failed(FailureKind::Empty, "the answer has no vector in it"));
        }
        self.input_tokens += account(run, &parts.headers, &taken, &body, sent).await?;
        if !self.items.is_empty() {
            self.items.push(b',');
        }
        self.items.extend_from_slice(&taken.items);
        self.count += taken.count;
        (self.id, self.model, self.headers) = (taken.id, taken.model, parts.headers);
        run.report.first_token_ms = Some(millis(run.x.admission.arrived));
        Ok(())
    }

    async fn give(self, run: &mut Running, wanted: &Wanted) -> End {
        let answered = std::time::Instant::now();
        let model = if self.model.is_empty() { &run.target.model } else { &self.model };
        let body = wanted.whole(&self.items, &self.id, model, self.input_tokens);
        let body = match noted(run, body).await {
            Ok(body) => body,
            Err(end) => return end,
        };
        let overhead = run.overhead_us(answered);
        let cost = run.cost_usd();
        let head =
            response_headers::answer(&run.x, &run.target, &self.headers, JSON, overhead, cost);
        run.x.set_client_status(200);
        run.rest = Rest { head: Some(head), body, ..Rest::default() };
        End::Done(State::End)
    }
}

async fn take(body: Bytes, wanted: Option<Wanted>, first: usize) -> Result<Taken, Error> {
    if body.len() <= MAX_AT_ONCE_BYTES {
        return embed::take(&body, wanted.as_ref(), first);
    }
    let read = spawn_blocking(move || embed::take(&body, wanted.as_ref(), first)).await;
    read.unwrap_or(Err(Error::InvalidJson { offset: 0, reason: "its reader died" }))
}

/// Writes down what an answer cost. Gives the tokens that were read for it.
async fn account(
    run: &mut Running,
    upstream: &HeaderMap,
    taken: &Taken,
    body: &Bytes,
    sent: Bytes,
) -> Result<u64, End> {
    if let Some(error) = &taken.error {
        let mut failure = Failure::new(FailureKind::InBandError, error.clone());
        failure.status = run.report.status;
        failure.body = body.slice(..body.len().min(MAX_ERROR_BYTES));
        return Err(End::Failed(failure));
    }
    let reported = taken.usage.input_tokens.or_else(|| told(upstream));
    let input_tokens = match reported {
        Some(tokens) => tokens,
        None => counted(run, sent).await,
    };
    let usage = Usage { input_tokens: Some(input_tokens), ..taken.usage };
    tally::read(run, &taken.model, &usage, reported.is_some());
    Ok(input_tokens)
}

/// What Bedrock says beside the answer of a model that does not report.
fn told(upstream: &HeaderMap) -> Option<u64> {
    let count = upstream.get("x-amzn-bedrock-input-token-count")?.to_str().ok()?.parse().ok();
    count.filter(|count| *count <= MAX_REPORTED_TOKENS)
}

async fn counted(run: &Running, sent: Bytes) -> u64 {
    let vocabulary = tally::vocabulary(&run.target);
    if sent.len() <= MAX_AT_ONCE_BYTES && vocabulary.is_loaded() {
        return embed::count_tokens(&sent, vocabulary);
    }
    let counted = spawn_blocking(move || embed::count_tokens(&sent, vocabulary)).await;
    counted.unwrap_or(run.x.admission.demand.input_tokens)
}
