//! Signs of arithmetic and comparison between numbers.

use std::collections::BTreeSet;

/// Those of a text. A dash or a stroke between words is none.
pub fn operators(text: &str) -> BTreeSet<char> {
    let signs: Vec<char> = text.chars().filter(|sign| !matches!(sign, ' ' | '\t')).collect();
    let found = signs.windows(3).filter_map(|around| match around {
        [before, sign, behind] => is_operator(*before, *sign, *behind).then_some(*sign),
        _ => None,
    });
    found.collect()
}

fn is_operator(before: char, sign: char, behind: char) -> bool {
    let digits = [before, behind].iter().filter(|sign| sign.is_ascii_digit()).count();
    let is_between = before.is_alphanumeric() && behind.is_alphanumeric();
    match sign {
        '+' | '*' | '^' | '<' | '>' | '=' | '×' | '÷' | '≤' | '≥' | '≠' => {
            is_between && digits > 0
        }
        '-' | '/' | '−' => digits == 2,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::operators;

    #[test]
    fn between_numbers() {
        for (text, expected) in [
            ("what is 2 + 2", "+"),
            ("6/7 or 6 * 7", "*/"),
            ("is x > 3", ">"),
            ("x^2", "^"),
            ("and/or, well-known, COVID-19, C++17, > quoted", ""),
        ] {
            assert_eq!(operators(text).into_iter().collect::<String>(), expected, "{text}");
        }
    }
}
