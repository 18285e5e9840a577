//! Prices as they were published, for the cases.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;

use flate2::read::GzDecoder;
use serde::Deserialize;
use serde_json::value::RawValue;
use sluicegate::price::Book;

use crate::recorded;

/// A decimal text in pico-dollars, a half to the even neighbour.
pub fn pico(text: &str) -> i128 {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: i128 = format!("{whole}{fraction}").parse().unwrap();
    let power = 12 + exponent.parse::<i32>().unwrap() - i32::try_from(fraction.len()).unwrap();
    if let Ok(power) = u32::try_from(power) {
        return digits * 10_i128.pow(power);
    }
    let divisor = 10_i128.pow(power.unsigned_abs());
    let (down, rest) = (digits / divisor, digits % divisor);
    down + i128::from(rest * 2 > divisor || (rest * 2 == divisor && down % 2 == 1))
}

pub fn gz(name: &str) -> Option<GzDecoder<File>> {
    let path = recorded::corpora().join("prices").join(name);
    File::open(path).ok().map(GzDecoder::new)
}

/// One provider of the data.
#[derive(Deserialize)]
struct Provider<'a> {
    id: String,
    api_pattern: String,
    #[serde(default)]
    fallback_model_providers: Vec<String>,
    #[serde(borrow)]
    models: Vec<Model<'a>>,
}

#[derive(Deserialize)]
struct Model<'a> {
    #[serde(borrow, rename = "match")]
    clause: &'a RawValue,
    #[serde(borrow)]
    prices: &'a RawValue,
}

/// The line that names a provider in a book.
#[derive(serde::Serialize)]
struct ProviderLine<'a> {
    provider: &'a str,
    api_pattern: &'a str,
    fallback_model_providers: &'a [String],
}

/// The price data of the cases' own day, in the book's form.
pub fn book_of_the_cases() -> Option<Book> {
    let mut json = String::new();
    gz("genai_prices_data.json.gz")?.read_to_string(&mut json).unwrap();
    // as the tool that builds the book does: more places are binary fractions that slipped in
    let fine = regex::Regex::new(r"\b\d+\.\d{13,}").unwrap();
    let json = json.replace('\n', "");
    let json = fine.replace_all(&json, |found: &regex::Captures<'_>| {
        format!("{:.12}", found[0].parse::<f64>().unwrap())
    });
    let providers: Vec<Provider<'_>> = serde_json::from_str(&json).unwrap();
    let mut text = String::from("{\"version\":\"cases\"}\n");
    for Provider { id, api_pattern, fallback_model_providers, models } in &providers {
        let line = ProviderLine { provider: id, api_pattern, fallback_model_providers };
        writeln!(text, "{}", serde_json::to_string(&line).unwrap()).unwrap();
        for model in models {
            let prices = model.prices.get();
            let prices = match prices.as_bytes().first() {
                Some(b'{') => format!("[{{\"prices\":{prices}}}]"),
                _ => prices.to_owned(),
            };
            let clause = model.clause.get();
            writeln!(text, "{{\"match\":{clause},\"prices\":{prices}}}").unwrap();
        }
    }
    let book = Book::parse(Cow::Owned(text)).unwrap();
    book.check().unwrap();
    Some(book)
}
