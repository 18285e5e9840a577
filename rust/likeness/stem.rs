//! What is left of an English word without its endings: enough to see that two forms are of one word.

/// Endings with the least that must be left before them, the longer ones first.
const LONG: [(&str, usize); 6] =
    [("ization", 3), ("isation", 3), ("ations", 4), ("ation", 4), ("ments", 4), ("ment", 4)];
const SHORT: [&str; 14] =
    ["ingly", "edly", "ing", "ers", "er", "ors", "or", "ions", "ion", "ed", "ely", "ly", "es", "e"];
const LEAST: usize = 3;

/// The stem. Not a word always, but the same for the forms of one.
pub fn stem(word: &str) -> String {
    let word = word.strip_suffix("'s").unwrap_or(word);
    if word.len() <= LEAST || !word.is_ascii() {
        return if word == "use" { "us" } else { word }.to_owned();
    }
    if matches!(word, "used" | "uses" | "using") {
        return "us".to_owned();
    }
    let cut = |(ending, least): &(&str, usize)| {
        word.strip_suffix(ending).filter(|cut| cut.len() >= *least)
    };
    if let Some(cut) = LONG.iter().find_map(cut) {
        return single(cut).to_owned();
    }
    if let Some(cut) = word.strip_suffix("ies").filter(|cut| cut.len() > 1) {
        return format!("{cut}y");
    }
    let word = singular(word);
    let cut =
        SHORT.iter().find_map(|ending| word.strip_suffix(ending).filter(|cut| cut.len() >= LEAST));
    cut.map_or(word, single).to_owned()
}

fn singular(word: &str) -> &str {
    if ["sses", "shes", "ches", "xes"].iter().any(|ending| word.ends_with(ending)) {
        return word.strip_suffix("es").unwrap_or(word);
    }
    if ["ss", "us", "is"].iter().any(|ending| word.ends_with(ending)) {
        return word;
    }
    word.strip_suffix('s').unwrap_or(word)
}

/// `runn` of `running` is `run`; `stor` of `stored` and `store` is the same.
fn single(cut: &str) -> &str {
    match cut.as_bytes() {
        [_, _, .., a, b] if a == b && !matches!(b, b's' | b'l' | b'e' | b'o') => {
            cut.get(..cut.len() - 1).unwrap_or(cut)
        }
        _ => cut.strip_suffix('e').filter(|cut| cut.len() >= LEAST).unwrap_or(cut),
    }
}

#[cfg(test)]
mod tests {
    use super::stem;

    #[test]
    fn forms_of_one_word() {
        for forms in [
            &["install", "installs", "installed", "installing", "installation", "installer"][..],
            &["use", "uses", "used", "using"],
            &["run", "runs", "running"],
            &["query", "queries"],
            &["store", "stores", "stored", "storing"],
            &["class", "classes"],
            &["process", "processes", "processed", "processing"],
            &["method", "methods", "method's"],
        ] {
            for form in forms {
                assert_eq!(stem(form), stem(forms[0]), "{form}");
            }
        }
    }

    #[test]
    fn words_that_are_not_one() {
        for (a, b) in [("paris", "london"), ("cat", "car"), ("status", "state"), ("this", "the")] {
            assert_ne!(stem(a), stem(b));
        }
        assert_eq!(stem("größe"), "größe");
        assert_eq!(stem(""), "");
    }
}
