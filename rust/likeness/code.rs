//! Names of code in a text: identifiers, calls, flags, paths, files, addresses, and what stands between backticks.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

/// ASCII for the most part, for code is; the order of the alternatives decides which takes a text.
static CODE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let alternatives = [
        r"`[^`\n]{1,200}`",
        r"(?:https?://|www\.)[^\s]+",
        r"[A-Za-z0-9_.+-]+@[A-Za-z0-9-]+\.[A-Za-z]+",
        r"[A-Za-z_][A-Za-z0-9_]*(?:(?:\.|::|->)[A-Za-z_][A-Za-z0-9_]*)+(?:\(\))?",
        r"[A-Za-z_][A-Za-z0-9_]*\(\)",
        r"[A-Za-z0-9]*_[A-Za-z0-9_]+",
        r"[A-Za-z]+[a-z0-9][A-Z][A-Za-z0-9]*",
        r"[A-Za-z]+(?:\+\+|#)",
        r"(?:/[A-Za-z0-9_.-]+){2,}",
        r"--?[A-Za-z][A-Za-z0-9-]*",
        r"[=!<>]=|&&|\|\|",
    ];
    Regex::new(&alternatives.join("|")).ok()
});
/// What is written like code and is none.
const NONE: [&str; 6] = ["e.g", "i.e", "a.m", "p.m", "u.s", "ph.d"];

/// A name of code, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    pub name: String,
    pub range: Range<usize>,
}

/// All of a text, in their order.
pub fn code(text: &str) -> Vec<Code> {
    let Some(pattern) = CODE.as_ref() else { return Vec::new() };
    let found = pattern.find_iter(text).filter(|it| {
        // A dash between words is no flag.
        let before = text[..it.start()].chars().next_back();
        !it.as_str().starts_with('-') || before.is_none_or(|sign| !sign.is_alphanumeric())
    });
    let named = found.map(|it| Code { name: name(it.as_str()), range: it.range() });
    named.filter(|code| is_name(&code.name)).collect()
}

/// Without its backticks, quotes and arguments.
fn name(found: &str) -> String {
    let bare = found.trim_matches('`').trim().trim_end_matches(['.', ',', ';', ':']);
    let is_name =
        |text: &str| text.bytes().all(|it| it.is_ascii_alphanumeric() || b"_.:".contains(&it));
    let bare = match bare.split_once('(') {
        Some((called, rest)) if rest.ends_with(')') && is_name(called) => called,
        _ => bare,
    };
    bare.trim_matches(['"', '\'']).to_owned()
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !NONE.contains(&name.to_ascii_lowercase().as_str())
}

/// Whether two names are of one thing: the same, or one is the other with where it belongs to before it.
pub fn is_same(a: &str, b: &str) -> bool {
    let ends = |long: &str, short: &str| {
        long.strip_suffix(short).is_some_and(|owner| owner.ends_with(['.', ':']))
    };
    a.eq_ignore_ascii_case(b) || ends(a, b) || ends(b, a)
}

/// The words that a name is made of; none where it has signs that are no words.
pub fn spoken(name: &str) -> Option<impl Iterator<Item = String>> {
    let is_joint = |sign: char| matches!(sign, '_' | '.' | ':' | '(' | ')' | '-' | '/' | ' ');
    let is_spoken = name.chars().all(|sign| sign.is_alphanumeric() || is_joint(sign))
        && name.contains(char::is_alphanumeric);
    let parts = name.split(is_joint).filter(|part| !part.is_empty()).map(str::to_lowercase);
    is_spoken.then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_code() {
        let cases: [(&str, &[&str]); 9] = [
            ("How does `map` work?", &["map"]),
            ("call os.path.join() twice", &["os.path.join"]),
            ("the load_dataset function", &["load_dataset"]),
            ("use IterableDataset.take(5)", &["IterableDataset.take"]),
            ("run it with --verbose, well-known", &["--verbose"]),
            ("see https://a.example/b?c=1.", &["https://a.example/b?c=1"]),
            ("C++ or C#?", &["C++", "C#"]),
            ("is a == b in JavaScript", &["==", "JavaScript"]),
            ("Plain words, e.g. these. And those", &[]),
        ];
        for (text, names) in cases {
            let found: Vec<String> = code(text).into_iter().map(|it| it.name).collect();
            assert_eq!(found, names, "{text}");
        }
    }

    #[test]
    fn one_thing() {
        assert!(is_same("Dataset.map", "map"));
        assert!(is_same("load", "LOAD"));
        assert!(!is_same("map", "bitmap"));
    }
}
