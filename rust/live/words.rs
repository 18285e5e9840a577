//! What the gateway itself says in a session, in `OpenAI`'s shape.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::body;

/// Ends a response that runs.
pub const CANCEL: &str = r#"{"type":"response.cancel"}"#;

#[derive(Serialize)]
#[allow(clippy::struct_field_names)] // the vendor's names
struct Event<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    event_id: String,
    error: Error<'a>,
}

#[derive(Serialize)]
struct Error<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    code: &'a str,
    message: &'a str,
    param: Option<&'a str>,
    event_id: Option<&'a str>,
    origin: &'a str,
    request_id: &'a str,
}

/// An event that sets terms, which was read, with the session's model under another name.
pub fn renamed(event: &str, model: &str) -> String {
    let session = serde_json::from_str::<Sets<'_>>(event).ok().and_then(|event| event.session);
    let Some(session) = session else { return event.to_owned() };
    let name = serde_json::to_vec(model).unwrap_or_default();
    let session = body::set(session.get().as_bytes(), "model", &name);
    let changed = body::set(event.as_bytes(), "session", &session);
    String::from_utf8(changed).unwrap_or_else(|_| event.to_owned())
}

#[derive(Deserialize)]
struct Sets<'a> {
    #[serde(borrow)]
    session: Option<&'a RawValue>,
}

/// What is wrong, as the SDKs read it.
#[derive(Debug, Clone, Copy)]
pub struct Wrong<'a> {
    /// An HTTP status that says the same.
    pub status: u16,
    /// Stable, for programs.
    pub code: &'a str,
    /// For people.
    pub message: &'a str,
    /// The field that is to blame.
    pub param: Option<&'a str>,
    /// The client's event that is.
    pub event_id: Option<&'a str>,
    /// Whose fault it is.
    pub origin: &'a str,
    /// The session.
    pub request_id: &'a str,
}

/// An `error` event.
pub fn error_event(wrong: &Wrong<'_>, number: u64) -> String {
    let Wrong { code, message, param, event_id, origin, request_id, .. } = *wrong;
    let kind = match wrong.status {
        401 => "authentication_error",
        402 => "insufficient_quota",
        403 => "permission_error",
        429 => "rate_limit_error",
        400..500 => "invalid_request_error",
        _ => "server_error",
    };
    let error = Error { kind, code, message, param, event_id, origin, request_id };
    let event = Event { kind: "error", event_id: format!("event_sluicegate_{number}"), error };
    // Strings and numbers alone: writing them cannot fail.
    serde_json::to_string(&event).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_renamed_and_nothing_else() {
        for (event, wanted) in [
            (
                r#"{"type":"session.update","model":1,"session": {"model" : "a", "x":[1.0]}}"#,
                r#"{"type":"session.update","model":1,"session": {"model" : "b\"", "x":[1.0]}}"#,
            ),
            (r#"{"type":"session.update"}"#, r#"{"type":"session.update"}"#),
        ] {
            assert_eq!(renamed(event, "b\""), wanted);
        }
    }

    #[test]
    fn an_error_names_the_event_that_is_to_blame() {
        let wrong = Wrong {
            status: 402,
            code: "budget_exceeded",
            message: "no \"money\"",
            param: None,
            event_id: Some("e"),
            origin: "gateway",
            request_id: "r",
        };
        assert_eq!(
            error_event(&wrong, 1),
            r#"{"type":"error","event_id":"event_sluicegate_1","error":{"type":"insufficient_quota","code":"budget_exceeded","message":"no \"money\"","param":null,"event_id":"e","origin":"gateway","request_id":"r"}}"#
        );
    }
}
