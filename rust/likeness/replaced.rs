//! Words that stand in one text in the place of others in the other: "the capital of France", "the capital of Peru".
//!
//! Texts that say the same in other words differ in many places. Those that differ in one or two, with all the rest
//! alike, ask for different things, unless the words are known to say the same.

use super::alike::Alike;
use super::lexicon;
use super::reworded;
use super::traits::{Token, Traits};

/// With more differences than these a text is another wording, and nothing stands in a place of something.
const MOST_RUNS: usize = 2;
const MOST_LEFT_OUT: usize = 2;
const PREPOSITIONS: [&str; 9] = ["to", "for", "in", "on", "at", "from", "with", "without", "as"];

/// Words of one text, one behind the other, that the other text does not have, with what stands on both sides.
#[derive(Debug)]
struct Run<'t> {
    words: Vec<&'t str>,
    before: Option<&'t Token>,
    /// What stands before its preposition, where it has one: "to a child", "without nuts".
    head: Option<&'t Token>,
    behind: Option<&'t Token>,
}

impl Run<'_> {
    fn is_light(&self) -> bool {
        self.words.iter().all(|word| lexicon::is_light(word))
    }
}

/// Whether a word or two were replaced, put in or left out.
pub fn is_replaced(a: &Traits, b: &Traits) -> bool {
    says_another(a, b) || is_filler_replaced(a, b)
}

/// Whether a word that may be there or not stands where the other has a word that says something, or another such: "find
/// my card", "block my card".
fn is_filler_replaced(a: &Traits, b: &Traits) -> bool {
    let (ours, theirs) = (runs(a, b, false), runs(b, a, false));
    let is_in_its_place = |one: &Run<'_>, other: &Run<'_>| {
        one.before == other.before
            && one.behind == other.behind
            && !(one.is_light() && other.is_light())
    };
    ours.len().max(theirs.len()) <= MOST_RUNS
        && ours.iter().any(|one| theirs.iter().any(|other| is_in_its_place(one, other)))
        && !reworded::is_reworded(a, b)
}

fn says_another(a: &Traits, b: &Traits) -> bool {
    let (ours, theirs) = (runs(a, b, true), runs(b, a, true));
    if ours.is_empty() && theirs.is_empty() {
        return false;
    }
    if ours.is_empty() || theirs.is_empty() {
        let (with, longer, shorter) =
            if theirs.is_empty() { (&ours, a, b) } else { (&theirs, b, a) };
        return with.len() <= MOST_LEFT_OUT
            && with.iter().any(|run| is_put_in(run, shorter))
            && !reworded::is_more_than(longer, shorter);
    }
    if ours.len() > MOST_RUNS || theirs.len() > MOST_RUNS || reworded::is_reworded(a, b) {
        return false;
    }
    // Of one against one, one side tells the place; of more, both must.
    let sides = if ours.len() == 1 && theirs.len() == 1 { 1 } else { 2 };
    ours.iter().any(|one| {
        theirs.iter().any(|other| {
            let is_same_place = usize::from(one.before == other.before)
                + usize::from(one.behind == other.behind)
                >= sides;
            is_same_place && !(one.is_light() && other.is_light())
        })
    })
}

/// Whether what stands on both sides of a run stands side by side in the other text.
fn is_put_in(run: &Run<'_>, without: &Traits) -> bool {
    let is_between = |before| are_neighbours(without.core(), before, run.behind);
    !run.is_light() && (is_between(run.before) || (run.head.is_some() && is_between(run.head)))
}

fn are_neighbours(sequence: &[Token], before: Option<&Token>, behind: Option<&Token>) -> bool {
    match (before, behind) {
        (None, None) => sequence.is_empty(),
        (None, behind) => sequence.first() == behind,
        (before, None) => sequence.last() == before,
        (Some(before), Some(behind)) => sequence
            .windows(2)
            .any(|pair| pair.first() == Some(before) && pair.last() == Some(behind)),
    }
}

/// What stands before the preposition of the words at a place.
fn head(sequence: &[Token], at: usize) -> Option<&Token> {
    let small = sequence.get(..at)?.iter().rev().take_while(|token| token.is_function).count();
    let first = sequence.get(at - small..at)?;
    let from = first.iter().rposition(|token| PREPOSITIONS.contains(&token.text.as_str()))?;
    sequence.get((at - small + from).checked_sub(1)?)
}

/// Runs of words that say something, without fillers or with them, and have nothing like them in the other text.
fn runs<'t>(of: &'t Traits, other: &Traits, without_fillers: bool) -> Vec<Run<'t>> {
    let others: Alike = other.content().collect();
    let is_missing = |token: &Token| {
        let is_passed_over = without_fillers && lexicon::is_filler(&token.text);
        !token.is_function && !is_passed_over && !others.has(&token.text)
    };
    let mut runs: Vec<Run<'t>> = Vec::new();
    let mut was_missing = false;
    for (at, token) in of.core().iter().enumerate() {
        let missing = is_missing(token);
        if missing {
            if !was_missing {
                let before = at.checked_sub(1).and_then(|at| of.core().get(at));
                let head = head(of.core(), at);
                runs.push(Run { words: Vec::new(), before, head, behind: None });
            }
            if let Some(run) = runs.last_mut() {
                run.words.push(&token.text);
                run.behind = of.core().get(at + 1);
            }
        }
        was_missing = missing;
    }
    runs
}
