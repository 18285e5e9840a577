//! Sources of a text, in the words that encoders read.

use super::text::write_json;

/// A page of the web as Anthropic's citation.
pub(super) fn web_source(url: &str, title: &str) -> String {
    let mut raw = b"{\"type\":\"web_search_result_location\",\"url\":".to_vec();
    write_json(&mut raw, url);
    raw.extend_from_slice(b",\"title\":");
    write_json(&mut raw, title);
    raw.extend_from_slice(b",\"cited_text\":\"\",\"encrypted_index\":\"\"}");
    String::from_utf8_lossy(&raw).into_owned()
}
