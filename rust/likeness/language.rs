//! In which language a text is, as far as its script and its smallest words tell.

/// The smallest words of languages in Latin letters that share few of them.
const SMALLEST: [(&str, &[&str]); 7] = [
    (
        "en",
        &["the", "is", "are", "of", "and", "what", "how", "to", "my", "you", "do", "with", "for"],
    ),
    (
        "de",
        &[
            "der", "die", "das", "ist", "und", "wie", "nicht", "ein", "eine", "ich", "mit", "wird",
            "von",
        ],
    ),
    (
        "fr",
        &[
            "le", "la", "les", "est", "et", "des", "une", "quel", "quelle", "comment", "je",
            "pour", "du",
        ],
    ),
    (
        "es",
        &["el", "los", "las", "es", "y", "qué", "cómo", "una", "para", "mi", "por", "del", "cuál"],
    ),
    (
        "it",
        &[
            "il", "gli", "che", "è", "come", "di", "una", "per", "mio", "della", "sono", "qual",
            "cosa",
        ],
    ),
    ("pt", &["o", "os", "é", "e", "como", "uma", "para", "não", "meu", "qual", "da", "do", "em"]),
    (
        "nl",
        &[
            "de", "het", "een", "is", "en", "hoe", "niet", "mijn", "wat", "van", "voor", "ik",
            "zijn",
        ],
    ),
];

/// What is known of it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Language {
    script: Option<&'static str>,
    name: Option<&'static str>,
}

impl Language {
    pub fn of<'w>(words: impl Iterator<Item = &'w str> + Clone) -> Self {
        let mut counts = [0_usize; 7];
        for word in words.clone() {
            for (count, (_, smallest)) in counts.iter_mut().zip(SMALLEST) {
                *count += usize::from(smallest.contains(&word));
            }
        }
        let most = counts.iter().max().copied().unwrap_or(0);
        let is_clear = most > 0 && counts.iter().filter(|count| **count == most).count() == 1;
        let at = counts.iter().position(|count| *count == most).filter(|_| is_clear);
        Self {
            script: words.flat_map(str::chars).find_map(script),
            name: at.and_then(|at| SMALLEST.get(at)).map(|it| it.0),
        }
    }

    /// Its short name, where its small words tell.
    pub const fn name(&self) -> Option<&'static str> {
        self.name
    }

    /// Whether both are known, and not the same.
    pub fn differs(&self, other: &Self) -> bool {
        let differ = |a: Option<&str>, b: Option<&str>| a.is_some() && b.is_some() && a != b;
        differ(self.script, other.script) || differ(self.name, other.name)
    }
}

/// Of a letter.
fn script(letter: char) -> Option<&'static str> {
    Some(match letter {
        'a'..='z' | 'à'..='ɏ' => "latin",
        '\u{370}'..='\u{3ff}' => "greek",
        '\u{400}'..='\u{52f}' => "cyrillic",
        '\u{590}'..='\u{5ff}' => "hebrew",
        '\u{600}'..='\u{6ff}' => "arabic",
        '\u{900}'..='\u{97f}' => "devanagari",
        '\u{e00}'..='\u{e7f}' => "thai",
        '\u{3040}'..='\u{30ff}' => "kana",
        '\u{3400}'..='\u{9fff}' => "han",
        '\u{ac00}'..='\u{d7af}' => "hangul",
        _ => return None,
    })
}
