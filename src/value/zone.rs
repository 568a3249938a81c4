//! Time zones: a fixed offset, one of the IANA database, or none.

use std::borrow::Cow;
use std::fmt;

use chrono::{DateTime, Datelike, FixedOffset, LocalResult, NaiveDateTime, Offset, TimeDelta, TimeZone as _};
use chrono_tz::OffsetName;

use super::iso;

/// The zone that dates and times without one are meant in, and that all are shown in.
///
/// ```
/// use bowline::value::TimeZone;
/// assert!(TimeZone::named("America/New_York").is_ok());
/// assert!(TimeZone::named("America/Springfield").is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TimeZone {
    /// None: dates and times are naive, and those with an offset are turned to UTC (Django without `USE_TZ`).
    Naive,
    /// Always so far from UTC.
    Fixed(FixedOffset),
    /// A zone of the IANA database.
    Named(chrono_tz::Tz),
}

/// A name that is not in the IANA database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownTimeZone(String);

impl fmt::Display for UnknownTimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no time zone {:?}", self.0)
    }
}

impl std::error::Error for UnknownTimeZone {}

/// The last year for which the database lists changes; later ones follow the same rules.
const LAST_LISTED: i32 = 2099;

impl TimeZone {
    /// UTC.
    pub const UTC: TimeZone = TimeZone::Named(chrono_tz::UTC);

    /// A zone by its name in the IANA database: `Europe/Berlin`.
    ///
    /// # Errors
    ///
    /// [`UnknownTimeZone`] where it has none of that name.
    pub fn named(name: &str) -> Result<Self, UnknownTimeZone> {
        name.parse().map(TimeZone::Named).map_err(|_| UnknownTimeZone(name.to_owned()))
    }

    /// How far it is from UTC at a point in time; none is UTC.
    pub fn offset_at(self, utc: NaiveDateTime) -> FixedOffset {
        match self {
            TimeZone::Naive => chrono::Utc.fix(),
            TimeZone::Fixed(offset) => offset,
            // nothing to look up
            TimeZone::UTC => chrono::Utc.fix(),
            TimeZone::Named(zone) => zone.offset_from_utc_datetime(&listed(utc)).fix(),
        }
    }

    /// How far it is from UTC when its clocks show this.
    ///
    /// Where they show it twice it is the first time; where they skip it, the offset before the leap: what Python's
    /// `zoneinfo` does when nobody says otherwise (PEP 495, `fold=0`).
    pub fn offset_of(self, local: NaiveDateTime) -> FixedOffset {
        match self {
            TimeZone::Named(zone) if self != TimeZone::UTC => named_offset(zone, local).fix(),
            _ => self.offset_at(local),
        }
    }

    /// A point in time as its clocks show it; none outside the years 1 to 9999.
    pub(crate) fn at(self, utc: NaiveDateTime) -> Option<DateTime<FixedOffset>> {
        aware(utc, self.offset_at(utc))
    }

    /// The point in time at which its clocks show this; none outside the years 1 to 9999 in UTC.
    pub(crate) fn localize(self, local: NaiveDateTime) -> Option<DateTime<FixedOffset>> {
        let offset = self.offset_of(local);
        aware(local.checked_sub_offset(offset)?, offset)
    }

    /// The short name that it goes by when its clocks show this, so far from UTC: Python's `tzname()`.
    pub(crate) fn abbreviation(self, local: NaiveDateTime, offset: FixedOffset) -> Cow<'static, str> {
        match self {
            TimeZone::Naive => Cow::Borrowed(""),
            TimeZone::Fixed(offset) => match offset.local_minus_utc() {
                0 => Cow::Borrowed("UTC"),
                seconds => {
                    let mut out = b"UTC".to_vec();
                    iso::write_offset(seconds, &mut out);
                    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
                }
            },
            TimeZone::Named(zone) => {
                let at = local.checked_sub_offset(offset).unwrap_or(local);
                let found = zone.offset_from_utc_datetime(&listed(at));
                let found = if found.fix() == offset { found } else { named_offset(zone, local) };
                match found.abbreviation() {
                    Some(name) => Cow::Owned(name.to_owned()),
                    None => Cow::Owned(numeric(found.fix().local_minus_utc())),
                }
            }
        }
    }
}

fn named_offset(zone: chrono_tz::Tz, local: NaiveDateTime) -> <chrono_tz::Tz as chrono::TimeZone>::Offset {
    let local = listed(local);
    match zone.offset_from_local_datetime(&local) {
        LocalResult::Single(offset) | LocalResult::Ambiguous(offset, _) => offset,
        LocalResult::None => {
            // no clock was ever put forward by more than a day
            let before = (1..=50).filter_map(|halves| local.checked_sub_signed(TimeDelta::minutes(30 * halves)));
            let mut offsets = before.filter_map(|earlier| match zone.offset_from_local_datetime(&earlier) {
                LocalResult::Single(offset) | LocalResult::Ambiguous(_, offset) => Some(offset),
                LocalResult::None => None,
            });
            offsets.next().unwrap_or_else(|| zone.offset_from_utc_datetime(&local))
        }
    }
}

/// The name of an offset that has none: `+03`, `-0330`.
fn numeric(seconds: i32) -> String {
    let minutes = seconds.unsigned_abs() / 60;
    let sign = if seconds < 0 { '-' } else { '+' };
    match minutes % 60 {
        0 => format!("{sign}{:02}", minutes / 60),
        rest => format!("{sign}{:02}{rest:02}", minutes / 60),
    }
}

fn aware(utc: NaiveDateTime, offset: FixedOffset) -> Option<DateTime<FixedOffset>> {
    let local = utc.checked_add_offset(offset)?;
    (iso::in_range(utc) && iso::in_range(local)).then(|| DateTime::from_naive_utc_and_offset(utc, offset))
}

/// The same moment in a year that the database lists: rules are about months, weekdays and times, so that a year of the
/// same length that begins with the same weekday has the same changes.
fn listed(at: NaiveDateTime) -> NaiveDateTime {
    if at.year() <= LAST_LISTED {
        return at;
    }
    let first = |year| chrono::NaiveDate::from_ymd_opt(year, 1, 1).map(|day| (day.weekday(), day.leap_year()));
    let alike = (LAST_LISTED - 27..=LAST_LISTED).rev().find(|year| first(*year) == first(at.year()));
    alike.and_then(|year| at.with_year(year)).unwrap_or(at)
}

impl Default for TimeZone {
    /// UTC.
    fn default() -> Self {
        TimeZone::UTC
    }
}

impl From<FixedOffset> for TimeZone {
    fn from(offset: FixedOffset) -> Self {
        TimeZone::Fixed(offset)
    }
}

impl From<chrono_tz::Tz> for TimeZone {
    fn from(zone: chrono_tz::Tz) -> Self {
        TimeZone::Named(zone)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn local(text: &str) -> NaiveDateTime {
        iso::parse_datetime(text).unwrap().local
    }

    #[test]
    fn clocks_that_are_put_forward_and_back() {
        let new_york = TimeZone::named("America/New_York").unwrap();
        let samoa = TimeZone::named("Pacific/Apia").unwrap();
        for (zone, shown, offset) in [
            (new_york, "2024-01-02T00:00", -5 * 3600),
            (new_york, "2024-07-02T00:00", -4 * 3600),
            (new_york, "2024-03-10T02:30", -5 * 3600),
            (new_york, "2024-11-03T01:30", -4 * 3600),
            (new_york, "1800-01-01T00:00", -17762),
            (new_york, "2150-07-01T00:00", -4 * 3600),
            (new_york, "9999-12-31T00:00", -5 * 3600),
            (samoa, "2011-12-30T12:00", -10 * 3600),
        ] {
            assert_eq!(zone.offset_of(local(shown)).local_minus_utc(), offset, "{shown}");
        }
    }

    #[test]
    fn names() {
        let name = |zone: TimeZone, at| zone.abbreviation(local(at), zone.offset_of(local(at)));
        let named = |name| TimeZone::named(name).unwrap();
        assert_eq!(name(named("America/New_York"), "2024-07-01T00:00"), "EDT");
        assert_eq!(name(named("America/New_York"), "2024-03-10T02:30"), "EST");
        assert_eq!(name(named("Asia/Tehran"), "2024-07-01T00:00"), "+0330");
        assert_eq!(name(FixedOffset::east_opt(19800).unwrap().into(), "2024-07-01T00:00"), "UTC+05:30");
        assert_eq!(name(TimeZone::UTC, "2024-07-01T00:00"), "UTC");
    }

    #[test]
    fn the_ends_of_time() {
        let india = TimeZone::from(FixedOffset::east_opt(19800).unwrap());
        assert!(india.localize(local("0001-01-01T00:00")).is_none());
        assert!(india.at(local("9999-12-31T23:00")).is_none());
        assert!(TimeZone::UTC.localize(local("0001-01-01T00:00")).is_some());
    }
}
