//! What a client's stream is: its type, and what its encoder must know.

use super::exchange::Exchange;
use super::snapshot::Target;
use crate::dialect::Dialect;
use crate::stream;

const EVENT_STREAM: &str = "text/event-stream";

/// What a client's stream is called.
pub(super) fn stream_type(x: &Exchange) -> &'static str {
    if x.admission.place.as_array { "application/json" } else { EVENT_STREAM }
}

/// What the encoder of another dialect's answer must know.
pub(super) fn translating(x: &Exchange, target: &Target) -> stream::Options {
    let mut options = encoding(x);
    if !target.upstream.dialect_for(x.admission.dialect).names_model() {
        options.model = Some(target.model.clone());
    }
    options
}

/// What an encoder must know of the request.
pub(super) fn encoding(x: &Exchange) -> stream::Options {
    stream::Options {
        request_id: x.id_text.clone(),
        include_usage: x.admission.scan.include_usage(),
        as_array: x.admission.place.as_array,
        created_s: x.id.get_timestamp().map_or(0, |time| time.to_unix().0),
        echo: match x.admission.dialect {
            Dialect::OpenAiResponses => echo(x),
            _ => Vec::new(),
        },
        is_kept: keeps(x),
        tool_forms: x.tool_forms(),
        ..stream::Options::default()
    }
}

/// Whether the gateway keeps the answer, so that its client can go on from it: `OpenAI` does, the others do not.
fn keeps(x: &Exchange) -> bool {
    let a = &x.admission;
    a.dialect == Dialect::OpenAiResponses && a.snapshot.keep_responses && !a.scan.is_unstored()
}

/// What a response repeats of its request; what that went on from is in its body no more.
fn echo(x: &Exchange) -> Vec<(String, String)> {
    let mut echo = stream::openai_responses::echo(&x.admission.body);
    if let Some(about) = x.admission.place.about.as_ref().filter(|about| about.is_expanded()) {
        let response = serde_json::to_string(&about.response).unwrap_or_default();
        echo.push(("previous_response_id".to_owned(), response));
    }
    echo
}
