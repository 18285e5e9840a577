//! Whether two texts can be answered alike: what a vector does not see, or takes for all the same.
//!
//! A model of language lays "enable it" beside "disable it", and 2023 beside 2024. Here each text gives its [`Traits`],
//! once, and two texts that lie near each other must agree in them: numbers, units, dates, negations, names, code,
//! language, kind of question, which way round it goes; and where they differ in a word or two, those must say the
//! same. English for the most part; of other languages script, words, numbers, names and code, and of six how they
//! say no and ask.

mod alike;
mod code;
mod compare;
mod foreign;
mod language;
mod lexicon;
mod names;
mod negation;
mod numbers;
mod objects;
mod operators;
mod order;
mod question;
mod replaced;
mod reworded;
mod small;
mod stem;
mod traits;
mod words;

pub use compare::{Difference, difference};
pub use traits::Traits;
