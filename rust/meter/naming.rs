//! Whether the model that answered is the one that was asked.

/// Words that say how a model is offered, not which one it is.
const TAGS: [&str; 6] = ["latest", "preview", "exp", "beta", "free", "instruct"];

/// Whether two names may mean one model: the same words in any order, but for what stands before them (vendors,
/// hosts, regions) and for dates and versions behind them.
///
/// Numbers of up to two digits tell models apart (`gpt-5` from `gpt-5.4`), longer ones are dates. Of 68 pairs of
/// names in recorded traffic this holds 58 for the same; the others are other models, or names of other words.
pub fn is_same_model(asked: &str, answered: &str) -> bool {
    let dated = answered.strip_prefix(asked).is_some_and(is_date);
    if dated || answered.is_empty() || asked.eq_ignore_ascii_case(answered) {
        return true;
    }
    let (mut ours, mut theirs) = (words(asked), words(answered));
    let first_common = |of: &[String], other: &[String]| of.iter().position(|w| other.contains(w));
    let (Some(at), Some(their_at)) = (first_common(&ours, &theirs), first_common(&theirs, &ours))
    else {
        return false;
    };
    ours.drain(..at);
    theirs.drain(..their_at);
    ours.sort_unstable();
    theirs.sort_unstable();
    ours == theirs
}

/// Nothing, or digits and dashes behind a dash.
fn is_date(rest: &str) -> bool {
    rest.is_empty()
        || (rest.len() > 3
            && rest.starts_with('-')
            && rest.bytes().all(|b| b.is_ascii_digit() || b == b'-'))
}

/// Runs of letters and runs of digits, in lower case, without tags, dates and versions.
fn words(name: &str) -> Vec<String> {
    let name = name.rsplit('/').next().unwrap_or(name).to_ascii_lowercase();
    let mut words = Vec::new();
    let mut behind_version = false;
    let mut rest = name.as_str();
    while let Some(first) = rest.chars().next() {
        let kind = class(first);
        let end = rest.find(|c| class(c) != kind).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        rest = after;
        if kind == Class::Other {
            continue;
        }
        let is_version = match kind {
            Class::Digits => word.len() > 2 || word == "0" || behind_version,
            _ => word == "v" && behind_version,
        };
        behind_version = is_version;
        if !is_version && !TAGS.contains(&word) {
            words.push(word.to_owned());
        }
    }
    words
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Letters,
    Digits,
    Other,
}

fn class(c: char) -> Class {
    match c {
        '0'..='9' => Class::Digits,
        c if c.is_alphabetic() => Class::Letters,
        _ => Class::Other,
    }
}
