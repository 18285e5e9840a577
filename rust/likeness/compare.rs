//! Two texts beside each other, trait by trait.

use super::alike::Alike;
use super::code;
use super::lexicon;
use super::names;
use super::negation;
use super::numbers;
use super::objects;
use super::order;
use super::replaced;
use super::small;
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

/// Whether two texts differ in something.
type Check = fn(&Traits, &Traits) -> bool;

/// What is looked at, one after the other, until something differs.
pub(super) const CHECKS: [(Difference, Check); 12] = [
    (Difference::Language, |a, b| a.language.differs(&b.language)),
    (Difference::Code, |a, b| lacks_code(a, b) || lacks_code(b, a)),
    (Difference::Number, numbers::differ),
    (Difference::Unit, |a, b| !a.units.is_empty() && !b.units.is_empty() && a.units != b.units),
    (Difference::Date, |a, b| a.dates != b.dates),
    (Difference::Negation, negation::differs),
    (Difference::Question, |a, b| a.questions.differ(&b.questions)),
    (Difference::Name, |a, b| names::lacks(a, b) || names::lacks(b, a)),
    (Difference::Opposite, negation::has_opposite),
    (Difference::Order, |a, b| order::is_turned(a, b) && have_the_same(a, b)),
    (Difference::Name, objects::differ),
    (Difference::Word, |a, b| {
        (small::is_replaced(a, b) || replaced::is_replaced(a, b))
            && !negation::is_said_by_opposite(a, b)
    }),
];

/// In what two texts differ that lie near each other; none where one answer may serve both. Symmetric.
pub fn difference(a: &Traits, b: &Traits) -> Option<Difference> {
    CHECKS.iter().find(|(_, differ)| differ(a, b)).map(|(difference, _)| *difference)
}

/// Whether one has a name of code that the other neither has nor says in words.
fn lacks_code(a: &Traits, b: &Traits) -> bool {
    let is_there = |name: &String| {
        b.code.iter().any(|each| code::is_same(each, name))
            || code::spoken(name).is_some_and(|mut parts| parts.all(|it| b.spoken.contains(&it)))
    };
    !a.code.iter().all(is_there)
}

/// Whether each word that says something has one like it on the other side.
fn have_the_same(a: &Traits, b: &Traits) -> bool {
    let covers = |a: &Traits, b: &Traits| {
        let words: Alike = b.content().collect();
        a.content().all(|word| lexicon::is_filler(word) || words.has(word))
    };
    covers(a, b) && covers(b, a)
}
