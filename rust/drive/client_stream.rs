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
    if target.upstream.dialect_for(x.admission.dialect) == Dialect::Bedrock {
        options.model = Some(target.model.clone()); // its answers do not name it
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
            Dialect::OpenAiResponses => stream::openai_responses::echo(&x.admission.body),
            _ => Vec::new(),
        },
        ..stream::Options::default()
    }
}
