//! Which prices hold for a target: the configuration's own, or the book's.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::snapshot::SnapshotError;
use super::spec::UpstreamSpec;
use crate::price::{Book, Factor, PriceSet, Schedule};

/// What the ledger names as the source of a price of the configuration.
const CONFIG: &str = "config";

/// Prices of the configuration, by key of the book: `input_mtok` and so on.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub struct PriceSpec(HashMap<String, Box<RawValue>>);

/// The configuration's prices.
#[derive(Debug)]
pub(super) struct Pricing {
    /// By `provider/model`, or `provider/*` for all others of a provider.
    own: HashMap<String, PriceSet>,
    version: Arc<str>,
}

/// How one upstream is priced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tariff {
    /// The book's name for it; `None` where the book does not know it.
    provider: Option<String>,
    /// From the book's price to what a row costs.
    list: Factor,
    /// The same from a price of the configuration, which is net of every discount.
    own: Factor,
}

impl Tariff {
    pub(super) fn new(spec: &UpstreamSpec, book: &Book) -> Result<Self, SnapshotError> {
        let factor = |discount: &str| {
            Factor::new(discount, &spec.margin_percent)
                .ok_or_else(|| SnapshotError::Percent { provider: spec.provider.clone() })
        };
        let named = spec.price_provider.as_deref().filter(|name| book.knows(name));
        let provider = named.or_else(|| book.provider_at(&spec.base_url));
        if let Some(provider) = provider {
            book.open(provider);
        }
        Ok(Self {
            provider: provider.map(str::to_owned),
            list: factor(&spec.discount_percent)?,
            own: factor("0")?,
        })
    }
}

impl Pricing {
    pub(super) fn new(specs: &HashMap<String, PriceSpec>) -> Result<Self, SnapshotError> {
        let own = specs
            .iter()
            .map(|(name, spec)| Ok((name.clone(), spec.read(name)?)))
            .collect::<Result<_, SnapshotError>>()?;
        Ok(Self { own, version: CONFIG.into() })
    }

    /// A model's prices over time; `None` where neither the configuration nor the book has any.
    pub(super) fn schedule(
        &self,
        tariff: &Tariff,
        provider: &str,
        model: &str,
    ) -> Option<Arc<Schedule>> {
        let named = self.own.get(&format!("{provider}/{model}"));
        if let Some(prices) = named.or_else(|| self.own.get(&format!("{provider}/*"))) {
            return Some(Arc::new(Schedule::constant(prices, tariff.own, self.version.clone())));
        }
        let schedule = Book::shipped().resolve(tariff.provider.as_deref()?, model, tariff.list)?;
        Some(Arc::new(schedule))
    }
}

impl PriceSpec {
    fn read(&self, name: &str) -> Result<PriceSet, SnapshotError> {
        let prices = self.0.iter().map(|(key, value)| (key.clone(), value.as_ref())).collect();
        PriceSet::read(&prices)
            .map_err(|source| SnapshotError::Price { model: name.to_owned(), source })
    }
}
