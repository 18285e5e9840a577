//! A text in its words, numbers and signs of money.

use super::code::Code;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// In small letters.
    pub text: String,
    pub is_number: bool,
    /// Written with a capital where no sentence begins, or in capitals alone.
    pub is_name: bool,
    /// Of which sentence.
    pub sentence: usize,
}

/// A text that was read.
#[derive(Debug, Default)]
pub struct Text {
    /// In their order; those of code are the words that its names are made of.
    pub words: Vec<Word>,
    /// Sentences that end with a question mark.
    pub asked: Vec<usize>,
}

/// Reads a text of which the names of code are known.
pub fn read(text: &str, code: &[Code]) -> Text {
    let mut reader = Reader::default();
    let mut code = code.iter().peekable();
    let mut inside: Option<usize> = None;
    let mut signs = text.char_indices().peekable();
    while let Some((at, sign)) = signs.next() {
        while code.peek().is_some_and(|it| it.range.end <= at) {
            code.next();
            inside = None;
        }
        let in_code = code.peek().is_some_and(|it| it.range.start <= at);
        if in_code && inside.is_none() {
            reader.end();
            inside = Some(at);
        }
        reader.sign(sign, signs.peek().map(|it| it.1), in_code);
    }
    reader.end();
    reader.read
}

#[derive(Default)]
struct Reader {
    read: Text,
    open: String,
    open_in_code: bool,
    sentence: usize,
    has_begun: bool,
}

impl Reader {
    fn sign(&mut self, sign: char, next: Option<char>, in_code: bool) {
        let is_letter = sign.is_alphabetic() || sign.is_ascii_digit();
        if is_a_word(sign) || matches!(sign, '$' | '€' | '£' | '¥' | '%') {
            self.end();
            self.open.push(sign);
            self.end();
        } else if is_letter && !self.changes_kind(sign) {
            self.open.push(sign);
            self.open_in_code = in_code;
        } else if is_letter {
            self.end();
            self.open.push(sign);
            self.open_in_code = in_code;
        } else if self.joins(sign, next) {
            self.open.push(if sign == '’' { '\'' } else { sign });
        } else {
            self.end();
            let ends = matches!(sign, '.' | '?' | '!' | '\n' | ':' | ';' | '。' | '？' | '！');
            if ends && !in_code && self.has_begun {
                if matches!(sign, '?' | '？') {
                    self.read.asked.push(self.sentence);
                }
                self.sentence += 1;
                self.has_begun = false;
            }
        }
    }

    /// Digits and letters are words of their own, but for "1st" and "2nd".
    fn changes_kind(&self, sign: char) -> bool {
        let last = self.open.chars().rev().find(|sign| sign.is_alphanumeric());
        last.is_some_and(|last| last.is_ascii_digit() != sign.is_ascii_digit())
    }

    /// What stands between two letters or two digits of one word.
    fn joins(&self, sign: char, next: Option<char>) -> bool {
        let (Some(last), Some(next)) = (self.open.chars().next_back(), next) else { return false };
        match sign {
            '\'' | '’' => last.is_alphabetic() && next.is_alphabetic(),
            '.' | ',' | ':' => last.is_ascii_digit() && next.is_ascii_digit(),
            _ => false,
        }
    }

    fn end(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let word = std::mem::take(&mut self.open);
        let is_number = word.starts_with(|sign: char| sign.is_ascii_digit());
        let begins = !std::mem::replace(&mut self.has_begun, true);
        let mut signs = word.chars();
        let is_capital = signs.next().is_some_and(char::is_uppercase);
        let is_shouted =
            is_capital && signs.clone().next().is_some() && signs.all(char::is_uppercase);
        let is_name = is_capital && (!begins || is_shouted) && word != "I" && !self.open_in_code;
        let text = if is_number { plain(&word) } else { word.to_lowercase() };
        self.read.words.push(Word { text, is_number, is_name, sentence: self.sentence });
        self.open_in_code = false;
    }
}

/// "1,000.50" as "1000.5".
fn plain(number: &str) -> String {
    let bare: String = number.chars().filter(|sign| *sign != ',').collect();
    match bare.matches('.').count() {
        1 => bare.trim_end_matches('0').trim_end_matches('.').to_owned(),
        _ => bare,
    }
}

/// Of scripts without spaces each sign is taken for a word: Han, Kana. Hangul has spaces.
const fn is_a_word(sign: char) -> bool {
    matches!(sign, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}')
}

#[cfg(test)]
mod tests {
    use super::super::code::code;
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        read(text, &code(text)).words.into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn words_of() {
        let cases: [(&str, &[&str]); 6] = [
            ("What's the price? $1,000.50!", &["what's", "the", "price", "$", "1000.5"]),
            ("at 7:30pm in 2.10.0", &["at", "7:30", "pm", "in", "2.10.0"]),
            ("os.path_join() there", &["os", "path", "join", "there"]),
            ("東京の人", &["東", "京", "の", "人"]),
            ("Größe — don’t", &["größe", "don't"]),
            ("", &[]),
        ];
        for (text, expected) in cases {
            assert_eq!(texts(text), expected, "{text}");
        }
    }

    #[test]
    fn names_are_capitals_within_a_sentence() {
        let text = "Where is Paris? The EU, I think. NASA";
        let names = read(text, &[]).words.into_iter().filter(|word| word.is_name);
        assert_eq!(names.map(|word| word.text).collect::<Vec<_>>(), ["paris", "eu", "nasa"]);
    }
}
