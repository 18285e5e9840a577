//! Published prices, found by provider and model.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, OnceLock};

use regex::Regex;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::clause::Clause;
use super::factor::Factor;
use super::schedule::{Period, Schedule, WhenSpec};
use super::spec::{PriceSet, SpecError};
use crate::stream::ServiceTier;

/// Built by `tools/build_price_book.py`; licence beside it.
static SHIPPED: LazyLock<Book> = LazyLock::new(|| {
    Book::parse(Cow::Borrowed(include_str!("book.jsonl"))).unwrap_or_else(|_| Book::empty())
});

/// Why a book cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    /// Not the JSON that the line must be.
    #[error("price book, line {line}: {source}")]
    Shape {
        /// From 1.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A price that cannot be kept.
    #[error("price book, line {line}: {source}")]
    Price {
        /// From 1.
        line: usize,
        /// Which and why.
        source: SpecError,
    },
    /// A constraint that is no date and no time of day.
    #[error("price book, line {line}: a constraint that cannot be read")]
    When {
        /// From 1.
        line: usize,
    },
    /// The first line does not name the version.
    #[error("price book: it has no version")]
    Version,
}

/// The prices of many providers' models.
///
/// The text stays as it is; a provider's lines are read when the first of its models is asked for.
#[derive(Debug)]
pub struct Book {
    version: Arc<str>,
    text: Cow<'static, str>,
    providers: Vec<Provider>,
}

#[derive(Debug)]
struct Provider {
    id: String,
    api_pattern: String,
    /// Whose models it offers too.
    fallback: Vec<String>,
    /// Its models' lines: where they begin and end in the text, and the first one's number.
    span: (usize, usize),
    first_line: usize,
    models: OnceLock<Vec<Model>>,
}

#[derive(Debug)]
struct Model {
    clause: Clause,
    periods: Vec<Period>,
    tiers: Vec<(ServiceTier, Period)>,
}

#[derive(Deserialize)]
struct VersionLine {
    version: String,
}

#[derive(Deserialize)]
struct ProviderLine {
    provider: String,
    api_pattern: String,
    #[serde(default)]
    fallback_model_providers: Vec<String>,
}

#[derive(Deserialize)]
struct ModelLine<'a> {
    #[serde(rename = "match")]
    clause: Clause,
    #[serde(borrow)]
    prices: Vec<PeriodLine<'a>>,
    #[serde(borrow, default)]
    price_variants: Vec<VariantLine<'a>>,
}

#[derive(Deserialize)]
struct VariantLine<'a> {
    when: HashMap<String, String>,
    constraint: Option<WhenSpec>,
    #[serde(borrow)]
    prices: HashMap<String, &'a RawValue>,
}

#[derive(Deserialize)]
struct PeriodLine<'a> {
    constraint: Option<WhenSpec>,
    #[serde(borrow)]
    prices: HashMap<String, &'a RawValue>,
}

impl Book {
    /// The book that comes with this build.
    pub fn shipped() -> &'static Self {
        &SHIPPED
    }

    /// A book of JSON lines. Only the lines that name the version and the providers are read.
    pub fn parse(text: Cow<'static, str>) -> Result<Self, BookError> {
        let mut lines = text.split_inclusive('\n').enumerate();
        let head = lines.next().map_or("", |(_, line)| line);
        let head: VersionLine = serde_json::from_str(head).map_err(|_| BookError::Version)?;
        let mut providers: Vec<Provider> = Vec::new();
        let mut end = text.find('\n').map_or(text.len(), |at| at + 1);
        for (index, line) in lines {
            end += line.len();
            if line.starts_with("{\"provider\":") {
                let spec: ProviderLine = serde_json::from_str(line)
                    .map_err(|source| BookError::Shape { line: index + 1, source })?;
                providers.push(Provider {
                    id: spec.provider,
                    api_pattern: spec.api_pattern,
                    fallback: spec.fallback_model_providers,
                    span: (end, end),
                    first_line: index + 2,
                    models: OnceLock::new(),
                });
            } else if let Some(provider) = providers.last_mut() {
                provider.span.1 = end;
            }
        }
        Ok(Self { version: head.version.into(), text, providers })
    }

    /// A book that knows nothing.
    pub fn empty() -> Self {
        Self { version: "".into(), text: Cow::Borrowed(""), providers: Vec::new() }
    }

    /// As the ledger names it: source, its version, and the day on which it was taken.
    pub fn version(&self) -> &Arc<str> {
        &self.version
    }

    /// The provider that answers at a base URL.
    pub fn provider_at(&self, base_url: &str) -> Option<&str> {
        let found = self.providers.iter().find(|provider| {
            Regex::new(&format!("^(?:{})", provider.api_pattern))
                .is_ok_and(|pattern| pattern.is_match(base_url))
        });
        found.map(|provider| provider.id.as_str())
    }

    /// Whether the book knows a provider of that name.
    pub fn knows(&self, provider: &str) -> bool {
        self.provider(provider).is_some()
    }

    /// Reads a provider's lines now, so that no request waits for it.
    pub fn open(&self, provider: &str) {
        if let Some(provider) = self.provider(provider) {
            self.models(provider);
        }
    }

    /// A model's prices, or `None`: never a guess. Cost: some microseconds; a millisecond the first time.
    pub fn resolve(&self, provider: &str, model: &str, factor: Factor) -> Option<Schedule> {
        let name = model.to_lowercase();
        let model = self.find(provider, &name).or_else(|| {
            // Gateways write `gpt-5.2-20251211` for the vendor's `gpt-5.2-2025-12-11`.
            self.find(provider, &with_dashed_date(&name)?)
        })?;
        Schedule::new(&model.periods, &model.tiers, factor, &self.version)
    }

    /// Reads every line. For tests: what is shipped must be whole.
    pub fn check(&self) -> Result<usize, BookError> {
        let mut count = 0;
        for provider in &self.providers {
            for line in self.lines(provider) {
                read_model(line.1, line.0)?;
                count += 1;
            }
        }
        Ok(count)
    }

    fn find(&self, provider: &str, name: &str) -> Option<&Model> {
        let own = self.provider(provider)?;
        let others = own.fallback.iter().filter_map(|id| self.provider(id));
        let mut all = std::iter::once(own).chain(others);
        all.find_map(|each| self.models(each).iter().find(|model| model.clause.matches(name)))
    }

    fn provider(&self, id: &str) -> Option<&Provider> {
        self.providers.iter().find(|provider| provider.id == id)
    }

    fn lines(&self, provider: &Provider) -> impl Iterator<Item = (usize, &str)> {
        let text = self.text.get(provider.span.0..provider.span.1).unwrap_or("");
        (provider.first_line..).zip(text.lines())
    }

    fn models<'a>(&'a self, provider: &'a Provider) -> &'a [Model] {
        provider.models.get_or_init(|| {
            self.lines(provider).filter_map(|(line, text)| read_model(text, line).ok()).collect()
        })
    }
}

fn read_model(text: &str, line: usize) -> Result<Model, BookError> {
    let spec: ModelLine<'_> =
        serde_json::from_str(text).map_err(|source| BookError::Shape { line, source })?;
    let mut clause = spec.clause;
    clause.lower();
    let mut periods = Vec::with_capacity(spec.prices.len());
    for period in &spec.prices {
        periods.push(read_period(period.constraint.as_ref(), &period.prices, line)?);
    }
    let mut tiers = Vec::new();
    for variant in &spec.price_variants {
        if let Some(tier) = tier_of(&variant.when) {
            let period = read_period(variant.constraint.as_ref(), &variant.prices, line)?;
            tiers.push((tier, period));
        }
    }
    Ok(Model { clause, periods, tiers })
}

fn read_period(
    constraint: Option<&WhenSpec>,
    prices: &HashMap<String, &RawValue>,
    line: usize,
) -> Result<Period, BookError> {
    let prices = PriceSet::read(prices).map_err(|source| BookError::Price { line, source })?;
    let when = match constraint {
        Some(when) => Some(when.read().ok_or(BookError::When { line })?),
        None => None,
    };
    Ok(Period { when, prices })
}

/// The tier of service that a variant is for; `None` for regions and modes of search, which no answer names.
fn tier_of(when: &HashMap<String, String>) -> Option<ServiceTier> {
    let mut conditions = when.iter();
    let (key, word) = conditions.next()?;
    let is_tier = matches!(key.as_str(), "processing" | "service_tier" | "speed");
    if is_tier && conditions.next().is_none() { ServiceTier::of(word) } else { None }
}

/// A name whose `-20251211` is written `-2025-12-11`; `None` where it has none.
fn with_dashed_date(name: &str) -> Option<String> {
    static DATE: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"-(20[0-9]{2})(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])(-|:|$)").ok()
    });
    let dashed = DATE.as_ref()?.replace(name, "-$1-$2-$3$4");
    (dashed != name).then(|| dashed.into_owned())
}
