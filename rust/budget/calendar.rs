//! Windows of the calendar: minutes to months, in a time zone.

use std::sync::Mutex;

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Unit, Zoned, ZonedRound};
use serde::Deserialize;

/// The length of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Period {
    Second,
    Minute,
    Hour,
    Day,
    /// Monday to Sunday, ISO 8601.
    Week,
    Month,
}

impl Period {
    /// Its length for rates, to which months are 30 days.
    pub const fn nominal_ns(self) -> u64 {
        const SECOND: u64 = 1_000_000_000;
        match self {
            Self::Second => SECOND,
            Self::Minute => 60 * SECOND,
            Self::Hour => 3600 * SECOND,
            Self::Day => 86_400 * SECOND,
            Self::Week => 7 * 86_400 * SECOND,
            Self::Month => 30 * 86_400 * SECOND,
        }
    }
}

/// Windows that follow the calendar.
#[derive(Debug)]
pub struct Calendar {
    period: Period,
    zone: TimeZone,
    /// The window of the last look, nanoseconds since 1970: nearly every look falls into it.
    current: Mutex<(u64, u64)>,
}

impl Calendar {
    /// Windows of a period in a zone by its IANA name; None where there is no such zone.
    pub fn new(period: Period, zone: &str) -> Option<Self> {
        let zone = if zone == "UTC" { TimeZone::UTC } else { TimeZone::get(zone).ok()? };
        Some(Self { period, zone, current: Mutex::new((0, 0)) })
    }

    /// Beginning and end of the window that a moment is in, nanoseconds since 1970.
    pub fn window(&self, now_unix_ns: u64) -> (u64, u64) {
        let mut current = self.current.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if now_unix_ns < current.0 || now_unix_ns >= current.1 {
            *current = self.compute(now_unix_ns).unwrap_or((now_unix_ns, u64::MAX));
        }
        *current
    }

    fn compute(&self, now_unix_ns: u64) -> Option<(u64, u64)> {
        let now = Timestamp::from_nanosecond(i128::from(now_unix_ns)).ok()?;
        let now = now.to_zoned(self.zone.clone());
        let unit = match self.period {
            Period::Second => Unit::Second,
            Period::Minute => Unit::Minute,
            Period::Hour => Unit::Hour,
            Period::Day | Period::Week | Period::Month => Unit::Day,
        };
        let floor = ZonedRound::new().smallest(unit).mode(jiff::RoundMode::Floor);
        let begin: Zoned = now.round(floor).ok()?;
        let (begin, length) = match self.period {
            Period::Second => (begin, 1.second()),
            Period::Minute => (begin, 1.minute()),
            Period::Hour => (begin, 1.hour()),
            Period::Day => (begin, 1.day()),
            Period::Week => {
                let since = begin.date().weekday().since(Weekday::Monday);
                (begin.checked_sub(i64::from(since).days()).ok()?, 1.week())
            }
            Period::Month => (begin.first_of_month().ok()?.start_of_day().ok()?, 1.month()),
        };
        let end = begin.checked_add(length).ok()?;
        let ns = |at: &Zoned| u64::try_from(at.timestamp().as_nanosecond()).ok();
        Some((ns(&begin)?, ns(&end)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(period: Period, zone: &str, at: &str) -> (String, String) {
        let at: Timestamp = at.parse().unwrap();
        let calendar = Calendar::new(period, zone).unwrap();
        let (begin, end) = calendar.window(u64::try_from(at.as_nanosecond()).unwrap());
        let text = |ns: u64| Timestamp::from_nanosecond(i128::from(ns)).unwrap().to_string();
        (text(begin), text(end))
    }

    #[test]
    fn windows_follow_the_calendar_of_their_zone() {
        for (period, zone, at, begin, end) in [
            (
                Period::Minute,
                "UTC",
                "2026-11-24T01:02:03Z",
                "2026-11-24T01:02:00Z",
                "2026-11-24T01:03:00Z",
            ),
            (
                Period::Day,
                "UTC",
                "2026-11-24T23:59:59.9Z",
                "2026-11-24T00:00:00Z",
                "2026-11-25T00:00:00Z",
            ),
            (
                Period::Week,
                "UTC",
                "2026-11-22T12:00:00Z",
                "2026-11-16T00:00:00Z",
                "2026-11-23T00:00:00Z",
            ),
            (
                Period::Month,
                "UTC",
                "2028-02-29T12:00:00Z",
                "2028-02-01T00:00:00Z",
                "2028-03-01T00:00:00Z",
            ),
            // The day on which clocks go forward has 23 hours, the one on which they go back 25.
            (
                Period::Day,
                "Europe/Berlin",
                "2026-03-29T12:00:00Z",
                "2026-03-28T23:00:00Z",
                "2026-03-29T22:00:00Z",
            ),
            (
                Period::Day,
                "Europe/Berlin",
                "2026-10-25T12:00:00Z",
                "2026-10-24T22:00:00Z",
                "2026-10-25T23:00:00Z",
            ),
            (
                Period::Month,
                "Asia/Kolkata",
                "2026-11-30T20:00:00Z",
                "2026-11-30T18:30:00Z",
                "2026-12-31T18:30:00Z",
            ),
        ] {
            assert_eq!(window(period, zone, at), (begin.to_owned(), end.to_owned()), "{at}");
        }
    }

    #[test]
    fn unknown_zones_are_no_zones() {
        assert!(Calendar::new(Period::Day, "Mars/Olympus").is_none());
    }
}
