//! Labels as text that stays one line and one size, whatever is in their values.

/// Bytes of a value that are kept: clients choose names of models.
const MAX_VALUE_BYTES: usize = 120;
/// Bytes of all labels of a series: four names, two values as long as they may be and escaped throughout, two short ones.
pub(super) const MAX_BYTES: usize = 640;

/// `a="b",c="d"`; a label whose value is empty is left out.
pub(super) fn text<'a>(names: &[&str], values: impl IntoIterator<Item = &'a str>) -> String {
    let mut out = String::with_capacity(128);
    for (name, value) in names.iter().zip(values) {
        if value.is_empty() {
            continue;
        }
        if !out.is_empty() {
            out.push(',');
        }
        out.push_str(name);
        out.push_str("=\"");
        push(&mut out, value);
        out.push('"');
    }
    out
}

/// A value, cut and escaped. Nothing in it ends its line, or turns what a terminal shows of it.
fn push(out: &mut String, value: &str) {
    let mut bytes = 0;
    for c in value.chars() {
        let c = if breaks(c) { '?' } else { c };
        bytes += c.len_utf8();
        if bytes > MAX_VALUE_BYTES {
            out.push('…');
            return;
        }
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
}

/// Controls, separators of lines, and what reverses a text's direction.
fn breaks(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped_cut_and_stay_on_one_line() {
        for (value, shown) in [
            ("gpt-5", "gpt-5"),
            ("a\"b\\c", "a\\\"b\\\\c"),
            ("a\nb\r\x1b[31m\u{85}\u{2028}\u{202e}", "a?b??[31m???"),
            ("é漢", "é漢"),
            (&"x".repeat(120), &"x".repeat(120)),
            (&"x".repeat(121), &format!("{}…", "x".repeat(120))),
            (&"漢".repeat(41), &format!("{}…", "漢".repeat(40))),
        ] {
            assert_eq!(text(&["m"], [value]), format!("m=\"{shown}\""));
        }
    }

    #[test]
    fn the_longest_labels_fit() {
        let names = super::super::family::Family::ALL;
        for family in names {
            let labels = family.spec().labels;
            let long = "\"".repeat(1000);
            let values = labels.iter().enumerate().map(|(at, name)| {
                let is_open = at < 2 || *name == "code";
                if is_open { long.as_str() } else { "upstream_wrong_content_type" }
            });
            assert!(text(labels, values).len() <= MAX_BYTES);
        }
    }
}
