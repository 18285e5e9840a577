//! Two texts beside each other, trait by trait.

use super::code;
use super::lexicon;
use super::objects;
use super::order;
use super::replaced;
use super::traits::Traits;

/// In what two texts differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Difference {
    /// One is in another language.
    Language,
    /// A name of code.
    Code,
    /// A number.
    Number,
    /// A unit or a currency.
    Unit,
    /// A month, a day or a time of day.
    Date,
    /// One says no.
    Negation,
    /// Who, when, where, why, how many.
    Question,
    /// Who or what it is about, by name.
    Name,
    /// A word stands where its opposite does.
    Opposite,
    /// The same words, the other way round.
    Order,
    /// A word or two in the place of others.
    Word,
}

impl Difference {
    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Language => "language",
            Self::Code => "code",
            Self::Number => "number",
            Self::Unit => "unit",
            Self::Date => "date",
            Self::Negation => "negation",
            Self::Question => "question",
            Self::Name => "name",
            Self::Opposite => "opposite",
            Self::Order => "order",
            Self::Word => "word",
        }
    }
}

/// In what two texts differ that lie near each other; none where one answer may serve both. Symmetric.
pub fn difference(a: &Traits, b: &Traits) -> Option<Difference> {
    let either = |differs: fn(&Traits, &Traits) -> bool| differs(a, b) || differs(b, a);
    let checks = [
        (Difference::Language, a.language.differs(&b.language)),
        (Difference::Code, either(lacks_code)),
        (Difference::Number, a.numbers != b.numbers || a.operators != b.operators),
        (Difference::Unit, !a.units.is_empty() && !b.units.is_empty() && a.units != b.units),
        (Difference::Date, a.dates != b.dates),
        (Difference::Negation, negate_unlike(a, b)),
        (Difference::Question, a.questions.differ(&b.questions)),
        (Difference::Name, either(lacks_name)),
        (Difference::Opposite, either(has_opposite)),
        (Difference::Order, order::is_turned(a, b) && have_the_same(a, b)),
        (Difference::Name, objects::differ(a, b)),
        (Difference::Word, replaced::is_replaced(a, b)),
    ];
    checks.into_iter().find(|(_, differs)| *differs).map(|(difference, _)| difference)
}

/// Whether one has a name of code that the other neither has nor says in words.
fn lacks_code(a: &Traits, b: &Traits) -> bool {
    let is_there = |name: &String| {
        b.code.iter().any(|each| code::is_same(each, name))
            || code::spoken(name).is_some_and(|mut parts| parts.all(|it| b.spoken.contains(&it)))
    };
    !a.code.iter().all(is_there)
}

fn negate_unlike(a: &Traits, b: &Traits) -> bool {
    (a.negations > 0) != (b.negations > 0) || a.negations.abs_diff(b.negations) > 1
}

fn lacks_name(a: &Traits, b: &Traits) -> bool {
    !a.names.iter().all(|name| b.stems.contains(name) || has_initials(b, name))
}

/// Whether an abbreviation's letters begin words that follow each other.
fn has_initials(traits: &Traits, name: &str) -> bool {
    const LONGEST: usize = 6;
    let initials: String = traits.content().filter_map(|word| word.chars().next()).collect();
    (2..=LONGEST).contains(&name.len()) && initials.contains(name)
}

/// Whether a word of one stands in the other as its opposite, and not as itself.
fn has_opposite(a: &Traits, b: &Traits) -> bool {
    let only_in_a = a.stems.iter().filter(|stem| !b.stems.contains(*stem));
    let only_in_b = || b.stems.iter().filter(|stem| !a.stems.contains(*stem));
    only_in_a.into_iter().any(|one| only_in_b().any(|other| lexicon::are_opposite(one, other)))
}

/// Whether each word that says something has one like it on the other side.
fn have_the_same(a: &Traits, b: &Traits) -> bool {
    let covers = |a: &Traits, b: &Traits| {
        let words: Vec<&str> = b.content().collect();
        a.content()
            .filter(|word| !lexicon::is_filler(word))
            .all(|word| words.iter().any(|each| lexicon::are_alike(each, word)))
    };
    covers(a, b) && covers(b, a)
}
