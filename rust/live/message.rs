//! One message of a session; pings and pongs are each connection's own.

use bytes::Bytes;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

pub use tokio_tungstenite::tungstenite::Utf8Bytes;

/// What one side says to the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// UTF-8.
    Text(Utf8Bytes),
    /// Anything.
    Binary(Bytes),
    /// Nothing more follows.
    Close(Option<Closing>),
}

/// Why a side closes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    /// RFC 6455, section 7.4.
    pub code: u16,
    /// For people; at most 123 bytes.
    pub reason: String,
}

/// Longest reason: a control frame has 125 bytes, two of them the code. RFC 6455, section 5.5.
const MAX_REASON_BYTES: usize = 123;

impl Closing {
    /// A reason too long is cut.
    pub fn new(code: u16, reason: &str) -> Self {
        let mut end = reason.len().min(MAX_REASON_BYTES);
        while !reason.is_char_boundary(end) {
            end -= 1;
        }
        Self { code, reason: reason.get(..end).unwrap_or_default().to_owned() }
    }

    /// Whether a code may be sent: others say what happened to a connection and are never on the wire.
    pub const fn may_be_sent(code: u16) -> bool {
        matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}

impl Message {
    /// What it takes of a buffer.
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(data) => data.len(),
            Self::Close(_) => 0,
        }
    }

    /// Whether it has no content.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A close with a code.
    pub fn close(code: u16, reason: &str) -> Self {
        Self::Close(Some(Closing::new(code, reason)))
    }

    /// As it came from a connection; None for what is the connection's own affair.
    pub fn read(message: tungstenite::Message) -> Option<Self> {
        match message {
            tungstenite::Message::Text(text) => Some(Self::Text(text)),
            tungstenite::Message::Binary(data) => Some(Self::Binary(data)),
            tungstenite::Message::Close(frame) => Some(Self::Close(frame.map(|frame| {
                let code = u16::from(frame.code);
                Closing::new(code, &frame.reason)
            }))),
            _ => None,
        }
    }
}

impl From<Message> for tungstenite::Message {
    fn from(message: Message) -> Self {
        match message {
            Message::Text(text) => Self::Text(text),
            Message::Binary(data) => Self::Binary(data),
            Message::Close(closing) => {
                let closing = closing.filter(|closing| Closing::may_be_sent(closing.code));
                Self::Close(closing.map(|Closing { code, reason }| CloseFrame {
                    code: code.into(),
                    reason: reason.into(),
                }))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_cut_between_characters() {
        for (reason, length) in [("no", 2), (&*"x".repeat(200), 123), (&*"ä".repeat(100), 122)] {
            assert_eq!(Closing::new(1008, reason).reason.len(), length, "{reason}");
        }
    }

    #[test]
    fn codes_that_are_never_on_the_wire_are_not_sent() {
        for (code, wanted) in
            [(1000, true), (1005, false), (1006, false), (1015, false), (4000, true)]
        {
            let sent = tungstenite::Message::from(Message::close(code, ""));
            let tungstenite::Message::Close(frame) = sent else { panic!("no close") };
            assert_eq!(frame.is_some(), wanted, "{code}");
        }
    }
}
