//! What a request has to do with a response that is there already. Who made that is found out before the request is
//! admitted, since it decides where it may go.

use http::Method;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::attempt::Running;
use super::exchange::Exchange;
use super::operation::Operation;
use super::place::Place;
use super::row::{Basis, Row, TokenColumns};
use crate::body;
use crate::budget::Actual;
use crate::dialect::Dialect;
use crate::journal::RecordId;
use crate::meter;
use crate::price::{Tokens, pico_of};
use crate::stream::Usage;

/// A response that a request names.
#[derive(Debug, Clone)]
pub struct About {
    /// Its id.
    pub response: String,
    /// Where it is.
    pub origin: Origin,
    /// What is asked about it; None where a request goes on from it.
    pub errand: Option<Errand>,
    /// A job in the background that nobody has seen done.
    pub is_unpaid: bool,
}

/// Where a response is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nowhere, or with somebody else.
    Missing,
    /// The gateway keeps it.
    Kept,
    /// A provider made it.
    Made {
        /// Which.
        provider: String,
        /// Its name for the model.
        model: String,
    },
}

impl About {
    /// Whether a request is one that goes on from what the gateway keeps: all of that was put into its body.
    pub fn is_expanded(&self) -> bool {
        self.origin == Origin::Kept && self.errand.is_none()
    }
}

/// What is asked about a response.
#[derive(Debug, Clone)]
pub struct Errand {
    /// How.
    pub method: Method,
    /// Behind the path of responses: its id, what is behind that, and the query.
    pub tail: String,
    /// The answer is a stream.
    pub stream: bool,
    /// What is still to be paid for it.
    pub owed: Option<Owed>,
}

/// The row of an attempt whose use was not known when it ended.
#[derive(Debug, Clone)]
pub struct Owed {
    id: RecordId,
    row: Map<String, Value>,
    /// When its request came, in seconds since 1970: that moment's prices hold.
    pub unix_s: i64,
}

impl Owed {
    /// Of a row as the ledger has it; None where it is none.
    pub fn new(row: &[u8], unix_s: i64) -> Option<Self> {
        let row: Map<String, Value> = serde_json::from_slice(row).ok()?;
        let request_id = Uuid::parse_str(row.get("request_id")?.as_str()?).ok()?.into_bytes();
        let attempt = u32::try_from(row.get("attempt")?.as_u64()?).ok()?;
        Some(Self { id: RecordId { request_id, attempt }, row, unix_s })
    }

    /// What of all that was used its limits have not heard of.
    fn rest(&self, used: Actual) -> Actual {
        let told = |name| self.row.get(name).and_then(Value::as_u64).unwrap_or(0);
        let cost = self.row.get("cost_usd").and_then(Value::as_str).and_then(pico_of).unwrap_or(0);
        Actual {
            input_tokens: used.input_tokens.saturating_sub(told("input_tokens")),
            output_tokens: used.output_tokens.saturating_sub(told("output_tokens")),
            cost_pico: used.cost_pico.saturating_sub(cost),
            ..used
        }
    }

    /// The row with these figures.
    fn paid(&self, by: &Row<'_>) -> Vec<u8> {
        let mut row = self.row.clone();
        let figures = serde_json::to_value(by.tokens).unwrap_or_default();
        if let Value::Object(figures) = figures {
            row.extend(figures);
        }
        let mut set = |name: &str, value: Value| drop(row.insert(name.to_owned(), value));
        set("basis", serde_json::to_value(by.basis).unwrap_or_default());
        set("price_version", by.price_version.into());
        set("cost_usd", by.cost_usd.clone().map_or(Value::Null, Value::String));
        if let Some(model) = by.response_model {
            set("response_model", model.into());
        }
        row.retain(|_, value| !value.is_null());
        serde_json::to_vec(&row).unwrap_or_default()
    }
}

/// The response that a request goes on from, or the message of a thread of Anthropic's, by its body; or the response that
/// the path of a provider's own names.
///
/// Cost: a search for the field's name, and where it stands one pass over the body.
pub fn goes_on_from(place: &Place, request: &[u8]) -> Option<String> {
    const RESPONSE: &str = "previous_response_id";
    const MESSAGE: &str = "previous_message_id";
    if let Some(passage) = &place.passage
        && let Some(response) = passage.named_response()
    {
        return Some(response.to_owned());
    }
    let is_response = place.passage.is_some()
        || place.route.kind() == (Operation::Chat, Dialect::OpenAiResponses);
    let has = |field: &str| memchr::memmem::find(request, field.as_bytes()).is_some();
    let is_there = (is_response && has(RESPONSE)) || (place.may_be_threaded() && has(MESSAGE));
    if !is_there {
        return None;
    }
    let mut response = None;
    body::for_each_top_level(request, |key, value| match key {
        RESPONSE if is_response => response = serde_json::from_slice(value).ok(),
        "thread" if place.may_be_threaded() => response = body::previous_message(value),
        _ => {}
    });
    response.filter(|id: &String| !id.is_empty())
}

/// What the request of an exchange asks about a response.
pub(super) fn errand(x: &Exchange) -> Option<&Errand> {
    x.admission.place.about.as_ref()?.errand.as_ref()
}

fn owed(x: &Exchange) -> Option<&Owed> {
    errand(x)?.owed.as_ref()
}

/// Reads a whole answer to an errand: it cost nothing by itself, and may say what the response did.
pub(super) fn check(run: &mut Running, body: &[u8]) -> Result<(), crate::error::Error> {
    body::scan(body)?;
    if owed(&run.x).is_some()
        && let Ok(answer) = meter::read_answer(Dialect::OpenAiResponses, body)
    {
        pay(run, &answer.usage, &answer.model);
    }
    Ok(())
}

/// Takes what a response says at its end, where it is owed.
pub(super) fn pay(run: &mut Running, usage: &Usage, model: &str) {
    let is_whole = usage.input_tokens.is_some() && usage.output_tokens.is_some();
    let Some(unix_s) = owed(&run.x).filter(|_| is_whole).map(|owed| owed.unix_s) else { return };
    run.sheet = match (usage.service_tier, &run.target.prices) {
        (Some(tier), Some(prices)) => prices.at_tier(unix_s, tier),
        _ => run.target.sheet(unix_s).cloned(),
    };
    run.report.usage = *usage;
    run.report.basis = Some(Basis::Reported);
    run.report.response_model = Some(model.to_owned()).filter(|model| !model.is_empty());
}

/// What an errand's limits are charged with.
pub(super) fn charged(x: &Exchange, used: Actual) -> Actual {
    owed(x).map_or(used, |owed| owed.rest(used))
}

/// Moves the figures of an errand's row to the row that owed them; the errand itself used nothing.
pub(super) fn settle<'a>(run: &'a Running, row: &mut Row<'a>) {
    if let Some(owed) = owed(&run.x).filter(|_| row.basis != Basis::None) {
        run.rt.settle(owed.id, &owed.paid(row), false);
    }
    row.tokens = TokenColumns::default();
    row.basis = Basis::None;
    row.response_model = None;
    row.price(run.sheet.as_deref(), &Tokens::default());
}
