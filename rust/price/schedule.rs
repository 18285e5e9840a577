//! One model's prices over time.

use std::sync::Arc;

use serde::Deserialize;

use super::factor::Factor;
use super::sheet::Sheet;
use super::spec::PriceSet;
use crate::stream::ServiceTier;

const DAY_S: i64 = 86_400;

/// When a price holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// From this second on, since 1970, UTC.
    From(i64),
    /// Each day between two seconds of it, the second one excluded; over midnight where it is the earlier.
    Daily(i64, i64),
}

/// A constraint as the data writes it.
#[derive(Debug, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub(super) enum WhenSpec {
    From { start_date: String },
    Daily { start_time: String, end_time: String },
}

impl WhenSpec {
    /// `None` where it is not a date or two times of day in UTC.
    pub(super) fn read(&self) -> Option<When> {
        Some(match self {
            Self::From { start_date } => When::From(midnight(start_date)?),
            Self::Daily { start_time, end_time } => {
                When::Daily(second_of_day(start_time)?, second_of_day(end_time)?)
            }
        })
    }
}

/// The whole numbers of a text like `2026-03-13` or `00:30:00`.
fn three(text: &str, separator: char) -> Option<[i64; 3]> {
    let mut parts = text.splitn(3, separator).map(|part| part.parse().ok());
    Some([parts.next()??, parts.next()??, parts.next()??])
}

/// When a date begins in UTC, in seconds since 1970.
/// Source: Howard Hinnant, "chrono-compatible low-level date algorithms", `days_from_civil`.
fn midnight(date: &str) -> Option<i64> {
    let [year, month, day] = three(date, '-')?;
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some((era * 146_097 + day_of_era - 719_468) * DAY_S)
}

fn second_of_day(time: &str) -> Option<i64> {
    let [hour, minute, second] = three(time.trim_end_matches('Z'), ':')?;
    let good = (0..24).contains(&hour) && (0..60).contains(&minute) && (0..60).contains(&second);
    good.then_some(hour * 3600 + minute * 60 + second)
}

impl When {
    const fn holds(self, unix_s: i64) -> bool {
        match self {
            Self::From(start) => unix_s >= start,
            Self::Daily(start, end) => {
                let second = unix_s.rem_euclid(DAY_S);
                if end < start {
                    second >= start || second < end
                } else {
                    start <= second && second < end
                }
            }
        }
    }
}

/// Prices that hold for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Period {
    pub when: Option<When>,
    pub prices: PriceSet,
}

impl Period {
    fn holds(&self, unix_s: i64) -> bool {
        self.when.is_none_or(|when| when.holds(unix_s))
    }
}

/// The prices of one model at one provider, as they are and were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// The last that holds counts; the first where none does.
    periods: Vec<(Period, Arc<Sheet>)>,
    /// What other tiers of service cost instead, where it is another price; the first that holds counts.
    tiers: Vec<(ServiceTier, Period)>,
    factor: Factor,
    version: Arc<str>,
}

impl Schedule {
    /// The same prices at all times.
    pub fn constant(prices: &PriceSet, factor: Factor, version: Arc<str>) -> Self {
        let sheet = Arc::new(Sheet::new(prices, factor, version.clone()));
        let period = Period { when: None, prices: prices.clone() };
        Self { periods: vec![(period, sheet)], tiers: Vec::new(), factor, version }
    }

    /// `None` where there are no prices at all.
    pub(super) fn new(
        periods: &[Period],
        tiers: &[(ServiceTier, Period)],
        factor: Factor,
        version: &Arc<str>,
    ) -> Option<Self> {
        let with_sheet = |period: &Period| {
            let sheet = Sheet::new(&period.prices, factor, version.clone());
            (period.clone(), Arc::new(sheet))
        };
        (!periods.is_empty()).then(|| Self {
            periods: periods.iter().map(with_sheet).collect(),
            tiers: tiers.to_vec(),
            factor,
            version: version.clone(),
        })
    }

    /// The prices for a request that began then, in seconds since 1970.
    pub fn at(&self, unix_s: i64) -> Option<&Arc<Sheet>> {
        self.period(unix_s).map(|(_, sheet)| sheet)
    }

    /// The prices for a request that began then and was served in another tier than the ordinary one.
    ///
    /// Cost: makes a sheet; for what such answers say, not for every request.
    pub fn at_tier(&self, unix_s: i64, tier: ServiceTier) -> Option<Arc<Sheet>> {
        let (period, ordinary) = self.period(unix_s)?;
        let mut holding =
            self.tiers.iter().filter(|(known, other)| *known == tier && other.holds(unix_s));
        let Some((_, first)) = holding.next() else { return Some(ordinary.clone()) };
        let own = holding.fold(first.prices.clone(), |own, (_, next)| own.or(&next.prices));
        let prices = own.or(&period.prices);
        Some(Arc::new(Sheet::new(&prices, self.factor, self.version.clone())))
    }

    /// The prices of a tier, as the ordinary ones of a schedule.
    ///
    /// Cost: as of [`Schedule::at_tier`].
    #[must_use]
    pub fn in_tier(&self, unix_s: i64, tier: ServiceTier) -> Option<Self> {
        let sheet = self.at_tier(unix_s, tier)?;
        let (period, _) = self.period(unix_s)?;
        let period = Period { when: None, prices: period.prices.clone() };
        let (factor, version) = (self.factor, self.version.clone());
        Some(Self { periods: vec![(period, sheet)], tiers: Vec::new(), factor, version })
    }

    fn period(&self, unix_s: i64) -> Option<&(Period, Arc<Sheet>)> {
        let found = self.periods.iter().rev().find(|(period, _)| period.holds(unix_s));
        found.or_else(|| self.periods.first())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_times_are_read() {
        for (date, unix_s) in [
            ("1970-01-01", Some(0)),
            ("2000-02-29", Some(951_782_400)),
            ("2026-03-13", Some(1_773_360_000)),
            ("2026-13-01", None),
            ("2026-01", None),
            ("soon", None),
        ] {
            assert_eq!(midnight(date), unix_s, "{date}");
        }
        for (time, second) in
            [("00:30:00Z", Some(1800)), ("16:30:00", Some(59_400)), ("24:00:00", None), ("1", None)]
        {
            assert_eq!(second_of_day(time), second, "{time}");
        }
    }
}
