//! How other languages than English say no and ask, for those that [`Language`](super::language::Language) knows.

use super::question::Kinds;

/// What a language has.
struct Words {
    language: &'static str,
    negations: &'static [&'static str],
    questions: &'static [(&'static str, Kinds)],
}

const OPEN: Kinds = &["open"];
const MANY: Kinds = &["many", "much"];
const WHO: Kinds = &["who"];
const WHEN: Kinds = &["when"];
const WHERE: Kinds = &["where"];
const WHY: Kinds = &["why"];

const WORDS: [Words; 6] = [
    Words {
        language: "de",
        negations: &[
            "nicht", "kein", "keine", "keinem", "keinen", "keiner", "nie", "niemals", "niemand",
            "nichts", "ohne",
        ],
        questions: &[
            ("wer", WHO),
            ("wem", WHO),
            ("wen", WHO),
            ("wann", WHEN),
            ("wo", WHERE),
            ("woher", WHERE),
            ("wohin", WHERE),
            ("warum", WHY),
            ("weshalb", WHY),
            ("wieso", WHY),
            ("wieviel", MANY),
            ("was", OPEN),
            ("welche", OPEN),
            ("welcher", OPEN),
            ("welches", OPEN),
            ("wie", OPEN),
        ],
    },
    Words {
        language: "fr",
        negations: &["pas", "jamais", "sans", "aucun", "aucune", "rien", "ni"],
        questions: &[
            ("qui", &["who", "open"]),
            ("quand", WHEN),
            ("où", WHERE),
            ("pourquoi", WHY),
            ("combien", MANY),
            ("comment", OPEN),
            ("que", OPEN),
            ("quel", OPEN),
            ("quelle", OPEN),
            ("quels", OPEN),
            ("quelles", OPEN),
        ],
    },
    Words {
        language: "es",
        negations: &["no", "nunca", "jamás", "sin", "ningún", "ninguna", "nadie", "nada"],
        questions: &[
            ("quién", WHO),
            ("quiénes", WHO),
            ("cuándo", WHEN),
            ("dónde", WHERE),
            ("adónde", WHERE),
            ("cuánto", MANY),
            ("cuánta", MANY),
            ("cuántos", MANY),
            ("cuántas", MANY),
            ("cómo", OPEN),
            ("qué", OPEN),
            ("cuál", OPEN),
            ("cuáles", OPEN),
        ],
    },
    Words {
        language: "it",
        negations: &["non", "mai", "senza", "nessuno", "nessuna", "niente", "nulla"],
        questions: &[
            ("chi", WHO),
            ("quando", WHEN),
            ("dove", WHERE),
            ("perché", WHY),
            ("quanto", MANY),
            ("quanta", MANY),
            ("quanti", MANY),
            ("quante", MANY),
            ("come", OPEN),
            ("cosa", OPEN),
            ("qual", OPEN),
            ("quale", OPEN),
            ("quali", OPEN),
        ],
    },
    Words {
        language: "pt",
        negations: &["não", "nunca", "jamais", "sem", "nenhum", "nenhuma", "ninguém", "nada"],
        questions: &[
            ("quem", WHO),
            ("quando", WHEN),
            ("onde", WHERE),
            ("quanto", MANY),
            ("quanta", MANY),
            ("quantos", MANY),
            ("quantas", MANY),
            ("como", OPEN),
            ("qual", OPEN),
            ("quais", OPEN),
        ],
    },
    Words {
        language: "nl",
        negations: &["niet", "geen", "nooit", "zonder", "niemand", "niets"],
        questions: &[
            ("wie", WHO),
            ("wanneer", WHEN),
            ("waar", WHERE),
            ("waarom", WHY),
            ("hoeveel", MANY),
            ("hoe", OPEN),
            ("wat", OPEN),
            ("welk", OPEN),
            ("welke", OPEN),
        ],
    },
];
/// Right behind "wie" and "hoe".
const MEASURES: [(&str, Kinds); 12] = [
    ("viel", MANY),
    ("viele", MANY),
    ("veel", MANY),
    ("lange", &["long"]),
    ("lang", &["long"]),
    ("oft", &["often"]),
    ("vaak", &["often"]),
    ("weit", &["far"]),
    ("ver", &["far"]),
    ("alt", &["old"]),
    ("oud", &["old"]),
    ("spät", WHEN),
];

/// Whether a word says no in a language.
pub fn is_negation(language: Option<&str>, word: &str) -> bool {
    words(language).is_some_and(|words| words.negations.contains(&word))
}

/// What a word asks for in a language, by those behind it.
pub fn question(language: Option<&str>, word: &str, behind: &[&str]) -> Option<Kinds> {
    let (_, kinds) = words(language)?.questions.iter().find(|(each, _)| *each == word)?;
    let measured = || behind.first().and_then(|next| MEASURES.iter().find(|it| it.0 == *next));
    match word {
        "wie" | "hoe" if *kinds == OPEN => Some(measured().map_or(OPEN, |it| it.1)),
        _ => Some(kinds),
    }
}

fn words(language: Option<&str>) -> Option<&'static Words> {
    WORDS.iter().find(|words| Some(words.language) == language)
}
