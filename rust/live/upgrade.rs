//! The opening handshake of a WebSocket. Source: RFC 6455, section 4.

use http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, HeaderValue};
use ring::digest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use uuid::Uuid;

use crate::aws::encode_base64;

/// What a server adds to a client's key.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// Bytes read at a time; each connection has a buffer of this size.
const READ_BYTES: usize = 8 * 1024;

/// What is wrong with a client's handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UpgradeError {
    /// It is none.
    #[error(
        "this path is a WebSocket: ask for it with `Connection: Upgrade` and `Upgrade: websocket`, over HTTP/1.1"
    )]
    NotAsked,
    /// Of another version.
    #[error("WebSockets of version 13 alone are spoken")]
    Version,
    /// It has no key, or no good one.
    #[error("header sec-websocket-key is not 16 bytes in base64")]
    Key,
}

/// Whether a request asks for a WebSocket.
pub fn is_websocket(headers: &HeaderMap) -> bool {
    let lists = |name, wanted: &str| {
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values
            .flat_map(|value| value.split(','))
            .any(|each| each.trim().eq_ignore_ascii_case(wanted))
    };
    lists(UPGRADE, "websocket") && lists(CONNECTION, "upgrade")
}

/// The answer to a client's key, if its handshake is one.
pub fn check(headers: &HeaderMap) -> Result<String, UpgradeError> {
    if !is_websocket(headers) {
        return Err(UpgradeError::NotAsked);
    }
    if headers.get(SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return Err(UpgradeError::Version);
    }
    let key = headers.get(SEC_WEBSOCKET_KEY).ok_or(UpgradeError::Key)?.as_bytes();
    let is_key = key.len() == 24
        && key.ends_with(b"==")
        && key.iter().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(b));
    if is_key { Ok(accept_key(key)) } else { Err(UpgradeError::Key) }
}

/// What a server answers to a key.
pub fn accept_key(key: &[u8]) -> String {
    let mut context = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    context.update(key);
    context.update(GUID);
    base64(context.finish().as_ref())
}

/// A key of our own.
pub fn new_key() -> String {
    base64(Uuid::new_v4().as_bytes())
}

fn base64(bytes: &[u8]) -> String {
    let mut out = Vec::new();
    encode_base64(bytes, &mut out);
    String::from_utf8(out).unwrap_or_default() // it is ASCII
}

/// How a connection is read: small buffers, since sessions are many and mostly silent.
pub fn config(max_message_bytes: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BYTES)
        .write_buffer_size(0)
        .max_message_size(Some(max_message_bytes))
        .max_frame_size(Some(max_message_bytes))
}

/// Whether an upstream's answer agrees to what was asked with a key, and to nothing else.
pub fn agrees(headers: &HeaderMap, key: &str) -> bool {
    let accepts = headers.get(SEC_WEBSOCKET_ACCEPT).map(HeaderValue::as_bytes);
    is_websocket(headers)
        && accepts == Some(accept_key(key.as_bytes()).as_bytes())
        && !headers.contains_key(SEC_WEBSOCKET_EXTENSIONS)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 6455, section 1.3.
    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| (name.parse().unwrap(), value.parse::<HeaderValue>().unwrap()))
            .collect()
    }

    #[test]
    fn a_handshake_is_checked_before_it_is_answered() {
        let good = [
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "WebSocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", KEY),
        ];
        assert_eq!(check(&headers(&good)).as_deref(), Ok("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        for (name, value, wrong) in [
            ("connection", "close", UpgradeError::NotAsked),
            ("upgrade", "h2c", UpgradeError::NotAsked),
            ("sec-websocket-version", "8", UpgradeError::Version),
            ("sec-websocket-key", "short==", UpgradeError::Key),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ", UpgradeError::Key),
        ] {
            let mut given = headers(&good);
            given.insert(name, value.parse().unwrap());
            assert_eq!(check(&given), Err(wrong), "{name}: {value}");
        }
        assert_eq!(new_key().len(), 24);
    }
}
