//! Where a text can be cut so that the counts of the parts add up to the count of the whole.
//!
//! Every vocabulary here splits text into pieces by a pattern, then merges bytes within a piece, so a cut is safe where a piece ends whatever stands around it. Three such places, read off
//! the patterns and fuzzed for every vocabulary:
//!
//! - before a space that follows anything but white space: a piece has a space only at its start or
//!   among other white space;
//! - after a line break, before anything but white space and `/`: a piece that has a line break
//!   ends with it, but o200k lets slashes follow (`".\n/"` is one piece);
//! - between a Chinese, Japanese or Korean letter and the punctuation of those scripts: letters end
//!   there, and text without spaces needs a place to be cut.
//!
//! Source of the patterns: <https://github.com/openai/tiktoken/blob/main/tiktoken_ext/openai_public.py>.

/// The last safe cut of `text` that is not before the character that ends at `from`.
///
/// With `from` where the newest part starts, nothing is looked at twice.
pub(super) fn last_safe_cut(text: &str, from: usize) -> Option<usize> {
    let mut after = None;
    for (at, character) in text.char_indices().rev() {
        let end = at + character.len_utf8();
        if after.is_some_and(|after| is_safe(character, after)) {
            return Some(end);
        }
        if end <= from {
            return None;
        }
        after = Some(character);
    }
    None
}

/// The first safe cut of `text` at or after the byte `from`.
pub(super) fn first_safe_cut(text: &str, from: usize) -> Option<usize> {
    let mut before = None;
    for (at, character) in text.char_indices() {
        if at >= from && before.is_some_and(|before| is_safe(before, character)) {
            return Some(at);
        }
        before = Some(character);
    }
    None
}

fn is_safe(before: char, after: char) -> bool {
    match (before, after) {
        (_, ' ') => !before.is_whitespace(),
        ('\n' | '\r', _) => after != '/' && !after.is_whitespace(),
        (_, '、' | '。' | '，' | '！' | '？' | '：' | '；') => is_east_asian_letter(before),
        _ => false,
    }
}

/// Letters only: the marks and dots in between belong to punctuation in some vocabularies.
fn is_east_asian_letter(character: char) -> bool {
    matches!(character,
        '\u{3041}'..='\u{3096}' // Hiragana
        | '\u{30a1}'..='\u{30fa}' | '\u{30fc}'..='\u{30fe}' // Katakana
        | '\u{4e00}'..='\u{9fff}' // Han
        | '\u{ac00}'..='\u{d7a3}') // Hangul
}
