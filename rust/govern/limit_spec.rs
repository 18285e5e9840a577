//! A limit as Python hands it over, and as the counters want it.

use std::hash::{Hash as _, Hasher as _};

use serde::Deserialize;
use siphasher::sip::SipHasher13;

use super::scope::Dimension;
use crate::budget::{AtCap, Calendar, Instances, Limit, Measure, Period, Window};
use crate::limit::Rate;

/// A property that a limit is about, with the value that it must have; `*` is each value by itself.
pub type ScopeSpec = (Dimension, String);

/// One rule. The names are the configuration's.
#[derive(Debug, Deserialize)]
#[allow(missing_docs)]
pub struct LimitSpec {
    pub name: String,
    /// In the order of the dimensions.
    pub scope: Vec<ScopeSpec>,
    pub measure: Measure,
    /// Units; pico-dollars of money.
    pub amount: u128,
    /// `None` is for good.
    #[serde(default)]
    pub per: Option<Period>,
    #[serde(default)]
    pub sliding: bool,
    #[serde(default)]
    pub zone: String,
    #[serde(default)]
    pub burst: Option<u64>,
    #[serde(default)]
    pub at_cap: AtCapSpec,
    #[serde(default)]
    pub downgrade_to: String,
    #[serde(default)]
    pub notify: Vec<u8>,
    /// Use before this moment, in milliseconds since 1970, does not count.
    #[serde(default)]
    pub reset_at_ms: u64,
}

/// The word for what happens at the cap.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum AtCapSpec {
    #[default]
    Cut,
    Finish,
    Downgrade,
}

impl LimitSpec {
    /// The rule; the reason where there is none.
    pub(super) fn build(&self) -> Result<Limit, &'static str> {
        let (amount, unit_pico) = if self.measure == Measure::Cost {
            Limit::money(self.amount)
        } else {
            (u64::try_from(self.amount).map_err(|_| "its amount is too large")?, 1)
        };
        Ok(Limit {
            name: self.name.clone(),
            epoch: self.epoch(),
            measure: self.measure,
            amount,
            unit_pico,
            window: self.window(amount)?,
            at_cap: match self.at_cap {
                AtCapSpec::Cut => AtCap::Cut,
                AtCapSpec::Finish => AtCap::Finish,
                AtCapSpec::Downgrade => AtCap::Downgrade(self.downgrade_to.clone()),
            },
            notify: self.notify.clone(),
            instances: self.instances(),
        })
    }

    fn instances(&self) -> Instances {
        let each = |of: Dimension| self.scope.iter().any(|(d, value)| *d == of && value == "*");
        if [Dimension::EndUser, Dimension::Tag, Dimension::Run].into_iter().any(each) {
            Instances::MadeUp
        } else if each(Dimension::Model) {
            Instances::Models
        } else {
            Instances::Given
        }
    }

    fn window(&self, amount: u64) -> Result<Window, &'static str> {
        let Some(period) = self.per.filter(|_| self.measure != Measure::Parallel) else {
            return Ok(Window::Total);
        };
        if !self.sliding {
            let zone = if self.zone.is_empty() { "UTC" } else { &self.zone };
            let calendar = Calendar::new(period, zone).ok_or("its zone is not known")?;
            return Ok(Window::Calendar(calendar));
        }
        if amount == 0 {
            return Ok(Window::Total); // nothing ever fills up again
        }
        let burst = self.burst.unwrap_or(amount);
        let rate = Rate::new(amount, period.nominal_ns(), burst);
        Ok(Window::Sliding(rate.ok_or("its burst takes too long to fill up")?))
    }

    /// What a counter of this limit counts: another measure, window or reset begins another counter.
    fn epoch(&self) -> u64 {
        let mut hasher = SipHasher13::new();
        let what = (self.measure, self.per, self.sliding, &self.zone, self.reset_at_ms);
        what.hash(&mut hasher);
        self.scope.hash(&mut hasher);
        hasher.finish()
    }
}
