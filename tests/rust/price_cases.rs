//! Recorded usage blocks: what was used and what it cost, against `genai-prices` itself.
//!
//! Each case holds a recorded body, and for every way in which `genai-prices` reads it the usage and the
//! prices that come out. Bodies of our dialects go through our decoders; others through a small reading
//! here, and are counted apart. Every difference is an exception with a reason, or the test fails.

#[path = "price_cases/published.rs"]
mod published;
#[path = "price_cases/reading.rs"]
mod reading;
mod recorded;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::sync::Arc;

use published::{book_of_the_cases, gz, pico};
use reading::{Case, Extractor, Reader, ours, read_here, reader, theirs};
use serde_json::Value;
use sluicegate::price::{Book, Factor, Sheet, Tokens, dollars};

/// 2025-11-06T12:00:00Z, at which the cases were priced.
const PRICED_AT: i64 = 1_762_430_400;

/// Prices of the cases that are not in the data that came with them: it is some days older.
const NOT_IN_THE_DATA: [(&str, &str, &str); 4] = [
    ("anthropic", "claude-sonnet-4-5-20250929", "searches have no price in it yet"),
    ("google", "gemini-2.5-flash-image", "images have no price of their own in it yet"),
    ("aws", "openai.gpt-5.6-luna", "it has no such model yet"),
    ("zai", "glm-5.2", "it has no such provider yet"),
];

/// Models whose price of that day is another in the book that ships.
const CHANGED_SINCE: [(&str, &str); 1] = [("mistral", "ministral-8b-latest")]; // another model by now

/// A class that one side reads and the other does not, with the reason.
type Field = (fn(&mut Tokens) -> &mut u64, &'static str);

/// Their mappings name fewer fields for some hosts than those hosts report.
const LESS_READ: [Field; 8] = [
    (|t| &mut t.reasoning, "their reading of this host leaves out reasoning"),
    (|t| &mut t.cached_input, "their reading of this host leaves out cached input"),
    (|t| &mut t.cache_write, "their reading of this host leaves out cache writes"),
    (|t| &mut t.cache_write_1h, "their reading of this host leaves out one-hour writes"),
    (|t| &mut t.output, "their reading of embeddings leaves out output"),
    (|t| &mut t.input_audio, "their reading of this host leaves out audio"),
    (|t| &mut t.output_audio, "their reading of this host leaves out audio"),
    (|t| &mut t.web_searches, "their reading of this host leaves out searches"),
];

/// Why a reading may differ from theirs; what is no such case is an error.
fn why_read_differently(
    extractor: &Extractor,
    body: &Value,
    ours: &Tokens,
    theirs: &Tokens,
) -> Result<String, String> {
    let (mut left, mut other) = (*ours, *theirs);
    let mut reasons = Vec::new();
    let count = |name: &str| body["usage"][name].as_u64().unwrap_or(0);
    let completion = count("completion_tokens");
    let says_inside = count("total_tokens") == count("prompt_tokens") + completion;
    let differs = left.output != other.output && left.output == completion;
    if extractor.provider_id == "x-ai" && says_inside && differs {
        left.output = other.output;
        reasons.push("not xAI's body: its total says that reasoning is inside the output");
    }
    for (field, reason) in LESS_READ {
        if *field(&mut left) != *field(&mut other) && *field(&mut other) == 0 {
            *field(&mut left) = 0;
            reasons.push(reason);
        }
    }
    if left == other {
        return Ok(if reasons.is_empty() { "equal".to_owned() } else { reasons.join("; ") });
    }
    Err(format!("{}/{}: {ours:?} is not {theirs:?}", extractor.provider_id, extractor.api_flavor))
}

/// What a book makes of a case, beside what the case says; the cost of both where they differ.
fn priced(
    sheet: Option<&Sheet>,
    tokens: &Tokens,
    extractor: &Extractor,
) -> Result<&'static str, String> {
    let expected = extractor.input_price.as_deref().zip(extractor.output_price.as_deref());
    let sum = expected.map(|(input, output)| {
        extractor.total_price.as_deref().map_or_else(|| pico(input) + pico(output), pico)
    });
    match (sheet.map(|sheet| sheet.cost(tokens)), sum) {
        (None, None) => Ok("no price, as they say"),
        (Some(ours), Some(theirs)) if ours == theirs => Ok("equal"),
        (ours, theirs) => Err(format!("{:?} is not {:?}", ours.map(dollars), theirs.map(dollars))),
    }
}

fn sheet(book: &Book, provider: &str, model: &str) -> Option<Arc<Sheet>> {
    book.resolve(provider, model, Factor::ONE)?.at(PRICED_AT).cloned()
}

/// How often what was seen, with one example.
#[derive(Default)]
struct Tally(BTreeMap<String, (usize, String)>);

impl Tally {
    fn note(&mut self, what: String, example: &str) {
        self.0.entry(what).or_insert_with(|| (0, example.to_owned())).0 += 1;
    }

    fn print(&self, title: &str) {
        println!("{title}");
        for (what, (count, example)) in &self.0 {
            println!("  {count:6}  {what} ({example})");
        }
    }
}

/// What was found, and what has no explanation.
#[derive(Default)]
struct Findings {
    read: Tally,
    then: Tally,
    now: Tally,
    wrong: Vec<String>,
}

impl Findings {
    fn usage(&mut self, case: &Case, body: &Value, extractor: &Extractor, theirs: &Tokens) {
        let reader = reader(extractor);
        if reader == Reader::Other {
            return self.read.note("not read".to_owned(), &case.id);
        }
        let (tokens, by) = match ours(reader, &extractor.provider_id, case.body.get()) {
            Some(tokens) => (tokens, "our decoder"),
            None => (read_here(reader, body), "read in the test"),
        };
        match why_read_differently(extractor, body, &tokens, theirs) {
            Ok(why) => self.read.note(format!("{reader:?}, {by}: {why}"), &case.id),
            Err(what) => self.wrong.push(format!("{}: {what}", case.id)),
        }
    }

    fn price(&mut self, case: &Case, book: &Book, extractor: &Extractor, theirs: &Tokens) {
        let Some(model) = case.model.as_deref() else { return };
        let provider = extractor.provider_id.as_str();
        let then = sheet(book, provider, model);
        let verdict = priced(then.as_deref(), theirs, extractor).map(str::to_owned);
        let verdict = verdict.or_else(|what| {
            let known = NOT_IN_THE_DATA.iter().find(|(p, m, _)| (*p, *m) == (provider, model));
            known.map(|(.., why)| format!("{provider}/{model}: {why}")).ok_or(what)
        });
        match verdict {
            Ok(what) => self.then.note(what, &case.id),
            Err(what) => self.wrong.push(format!("{}: {provider}/{model}: {what}", case.id)),
        }
        let now = sheet(Book::shipped(), provider, model);
        match priced(now.as_deref(), theirs, extractor) {
            Ok(what) => self.now.note(what.to_owned(), &case.id),
            Err(_) if then.is_none() && now.is_some() => {
                self.now.note(format!("{provider}: they had no price yet"), &case.id);
            }
            Err(_) if CHANGED_SINCE.contains(&(provider, model)) => {
                self.now.note(format!("{provider}/{model}: has another price by now"), &case.id);
            }
            Err(what) => {
                self.wrong.push(format!("{}: {provider}/{model}, our book: {what}", case.id));
            }
        }
    }
}

#[test]
fn recorded_usage_is_read_and_priced_as_published() {
    let Some((cases, book)) = gz("usage_price_cases.jsonl.gz").zip(book_of_the_cases()) else {
        eprintln!("SKIPPED: no recorded usage; set SLUICEGATE_CORPORA");
        return;
    };
    let mut found = Findings::default();
    let mut count = 0;
    for line in BufReader::new(cases).lines() {
        let case: Case = serde_json::from_str(&line.unwrap()).unwrap();
        let body: Value = serde_json::from_str(case.body.get()).unwrap();
        count += 1;
        for extracted in &case.extracted {
            let theirs = theirs(&extracted.usage);
            for extractor in &extracted.extractors {
                found.usage(&case, &body, extractor, &theirs);
                found.price(&case, &book, extractor, &theirs);
            }
        }
    }
    println!("{count} cases");
    found.read.print("usage:");
    found.then.print("price, by the data of the cases' own day:");
    found.now.print("price, by the book that ships:");
    assert!(found.wrong.is_empty(), "{} differ:\n{}", found.wrong.len(), found.wrong.join("\n"));
    assert_eq!(count, 1011);
}
