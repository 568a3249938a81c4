//! Dates and times as Django's `parse_date`, `parse_time` and `parse_datetime` read them, and as Python's `isoformat` writes them.
//!
//! Django asks Python's `fromisoformat` first and then a looser regular expression. Both are followed here, with what
//! CPython 3.11 accepts beyond its documentation.

use std::str::Chars;

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike, Weekday};

use crate::value::python;

/// A date and time as written, and how far its zone is from UTC where it names one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Written {
    pub(crate) local: NaiveDateTime,
    pub(crate) offset: Option<TimeDelta>,
}

/// Whether Python has a date for it.
pub(crate) fn in_range(date: impl Datelike) -> bool {
    (1..=9999).contains(&date.year())
}

pub(crate) fn parse_date(text: &str) -> Option<NaiveDate> {
    let bytes = text.as_bytes();
    if let (7 | 8 | 10, Some(date)) = (bytes.len(), Iso(bytes).date(bytes.len())) {
        return Some(date);
    }
    let mut loose = Loose(text.chars());
    let date = loose.date()?;
    loose.end().then_some(date)
}

pub(crate) fn parse_datetime(text: &str) -> Option<Written> {
    Iso(text.as_bytes()).datetime().or_else(|| Loose(text.chars()).datetime())
}

/// An offset that is written with it is forgotten.
pub(crate) fn parse_time(text: &str) -> Option<NaiveTime> {
    let bytes = text.as_bytes();
    let iso = Iso(bytes.strip_prefix(b"T").unwrap_or(bytes));
    if let Some((time, _)) = iso.time() {
        return Some(time);
    }
    let mut loose = Loose(text.chars());
    let time = loose.time()?;
    loose.end().then_some(time)
}

fn date(year: u32, month: u32, day: u32) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day).filter(|date| in_range(*date))
}

/// Text as C sees it: past its end there are NUL bytes.
#[derive(Clone, Copy)]
struct Iso<'a>(&'a [u8]);

/// What `fromisoformat` found in a time of day or an offset.
struct Clock {
    hour: u32,
    minute: u32,
    second: u32,
    microsecond: u32,
    /// Whether something follows.
    more: bool,
}

impl Iso<'_> {
    fn at(self, n: usize) -> u8 {
        self.0.get(n).copied().unwrap_or(0)
    }

    fn is_digit(self, n: usize) -> bool {
        self.at(n).is_ascii_digit()
    }

    fn digits(self, from: usize, count: usize) -> Option<u32> {
        let digit = |n| char::from(self.at(n)).to_digit(10);
        (from..from + count).try_fold(0, |number, n| Some(number * 10 + digit(n)?))
    }

    /// A date of `length` bytes: `YYYY-MM-DD`, `YYYY-Www-D`, `YYYY-Www`, or those without hyphens.
    fn date(self, length: usize) -> Option<NaiveDate> {
        let year = self.digits(0, 4)?;
        let hyphen = usize::from(self.at(4) == b'-');
        let joined = |n| hyphen == 0 || self.at(n) == b'-';
        let mut at = 4 + hyphen;
        if self.at(at) == b'W' {
            let week = self.digits(at + 1, 2)?;
            at += 3;
            let day = if at >= length {
                1
            } else if joined(at) {
                self.digits(at + hyphen, 1)?
            } else {
                return None;
            };
            let day = Weekday::try_from(u8::try_from(day.checked_sub(1)?).ok()?).ok()?;
            let year = i32::try_from(year).ok().filter(|year| *year > 0)?;
            return NaiveDate::from_isoywd_opt(year, week, day).filter(|date| in_range(*date));
        }
        let month = self.digits(at, 2)?;
        at += 2;
        if !joined(at) {
            return None;
        }
        date(year, month, self.digits(at + hyphen, 2)?)
    }

    /// Where the date ends and one character of any kind stands before the time.
    fn separator(self) -> Option<usize> {
        let length = self.0.len();
        Some(match (self.at(4), self.at(5)) {
            _ if length == 7 => 7,
            (b'-', b'W') if self.at(8) != b'-' => 8,
            (b'-', b'W') if length == 9 => return None,
            (b'-', b'W') if self.is_digit(10) => 8,
            (b'-', _) => 10,
            (b'W', _) => {
                let end = (7..length).find(|n| !self.is_digit(*n)).unwrap_or(length);
                match end {
                    ..9 => end,
                    _ if end % 2 == 0 => 7,
                    _ => 8,
                }
            }
            _ => 8,
        })
    }

    fn datetime(self) -> Option<Written> {
        let length = self.0.len();
        if length < 7 {
            return None;
        }
        let separator = self.separator()?;
        let date = self.date(separator)?;
        if length <= separator {
            return Some(Written { local: date.and_time(NaiveTime::MIN), offset: None });
        }
        let width = match self.at(separator) {
            0..0x80 => 1,
            0xe0..0xf0 => 3,
            0xf0.. => 4,
            _ => 2,
        };
        let rest = Iso(self.0.get(separator + width..)?);
        let (time, offset) = rest.time()?;
        Some(Written { local: date.and_time(time), offset })
    }

    /// A time of day, with or without an offset from UTC.
    fn time(self) -> Option<(NaiveTime, Option<TimeDelta>)> {
        let length = self.0.len();
        let zone = self.0.iter().position(|b| matches!(b, b'+' | b'-' | b'Z')).unwrap_or(length);
        let clock = self.clock(0, zone)?;
        let time = NaiveTime::from_hms_micro_opt(clock.hour, clock.minute, clock.second, clock.microsecond)?;
        if zone == length {
            return (!clock.more).then_some((time, None));
        }
        if self.at(zone) == b'Z' {
            return (self.at(zone + 1) == 0).then_some((time, Some(TimeDelta::zero())));
        }
        let clock = self.clock(zone + 1, length)?;
        if clock.more {
            return None;
        }
        // CPython 3.11 forgets the fraction of an offset of less than a second
        let seconds = i64::from(clock.hour * 3600 + clock.minute * 60 + clock.second);
        let fraction = if seconds == 0 { 0 } else { clock.microsecond };
        let size = TimeDelta::seconds(seconds) + TimeDelta::microseconds(fraction.into());
        let offset = if self.at(zone) == b'-' { -size } else { size };
        (size < TimeDelta::days(1)).then_some((time, Some(offset)))
    }

    /// `HH`, `HH:MM`, `HH:MM:SS`, `HH:MM:SS.ffffff…`, or those without colons.
    fn clock(self, from: usize, end: usize) -> Option<Clock> {
        let mut parts = [0; 3];
        let mut at = from;
        let mut colons = true;
        for (n, part) in parts.iter_mut().enumerate() {
            *part = self.digits(at, 2)?;
            let after = self.at(at + 2);
            at += 3;
            if n == 0 {
                colons = after == b':';
            }
            if at >= end {
                let [hour, minute, second] = parts;
                return Some(Clock { hour, minute, second, microsecond: 0, more: after != 0 });
            }
            match after {
                b':' if colons => {}
                b'.' | b',' => break,
                _ if !colons => at -= 1,
                _ => return None,
            }
        }
        let [hour, minute, second] = parts;
        let count = (end - at).min(6);
        let fraction = self.digits(at, count)?;
        let microsecond = (count..6).fold(fraction, |fraction, _| fraction * 10);
        let rest = (at + count..).find(|n| !self.is_digit(*n)).unwrap_or(end);
        Some(Clock { hour, minute, second, microsecond, more: self.at(rest) != 0 })
    }
}

/// Django's regular expressions, in which a digit is one of any script.
struct Loose<'a>(Chars<'a>);

impl Loose<'_> {
    fn peek(&self) -> Option<char> {
        self.0.clone().next()
    }

    fn take(&mut self, wanted: impl Fn(char) -> bool) -> Option<char> {
        self.peek().filter(|c| wanted(*c)).inspect(|_| {
            self.0.next();
        })
    }

    fn digits(&mut self, least: u32, most: u32) -> Option<u32> {
        let mut number = 0;
        for n in 0..most {
            match self.peek().and_then(python::decimal) {
                Some(digit) => number = number * 10 + digit,
                None if n >= least => break,
                None => return None,
            }
            self.0.next();
        }
        Some(number)
    }

    /// `$`, which a line feed may follow.
    fn end(&self) -> bool {
        matches!(self.0.as_str(), "" | "\n")
    }

    fn date(&mut self) -> Option<NaiveDate> {
        let year = self.digits(4, 4)?;
        self.take(|c| c == '-')?;
        let month = self.digits(1, 2)?;
        self.take(|c| c == '-')?;
        date(year, month, self.digits(1, 2)?)
    }

    fn datetime(&mut self) -> Option<Written> {
        let date = self.date()?;
        self.take(|c| c == 'T' || c == ' ')?;
        let time = self.time()?;
        while self.take(python::is_space).is_some() {}
        let offset = self.offset()?;
        self.end().then_some(Written { local: date.and_time(time), offset })
    }

    fn time(&mut self) -> Option<NaiveTime> {
        let hour = self.digits(1, 2)?;
        self.take(|c| c == ':')?;
        let minute = self.digits(1, 2)?;
        let (mut second, mut microsecond) = (0, 0);
        if self.take(|c| c == ':').is_some() {
            second = self.digits(1, 2)?;
            if self.take(|c| c == '.' || c == ',').is_some() {
                microsecond = self.fraction()?;
            }
        }
        NaiveTime::from_hms_micro_opt(hour, minute, second, microsecond)
    }

    /// One to twelve digits, of which six count.
    fn fraction(&mut self) -> Option<u32> {
        let length = |rest: &Self| rest.0.as_str().chars().map_while(python::decimal).count();
        let before = length(self);
        let digits = self.digits(1, 6)?;
        let read = before - length(self);
        self.digits(0, 6)?;
        Some((read..6).fold(digits, |digits, _| digits * 10))
    }

    fn offset(&mut self) -> Option<Option<TimeDelta>> {
        if self.take(|c| c == 'Z').is_some() {
            return Some(Some(TimeDelta::zero()));
        }
        let Some(sign) = self.take(|c| c == '+' || c == '-') else {
            return Some(None);
        };
        let mut minutes = i64::from(self.digits(2, 2)?) * 60;
        if !self.end() {
            self.take(|c| c == ':');
            minutes += i64::from(self.digits(2, 2)?);
        }
        let minutes = if sign == '-' { -minutes } else { minutes };
        (minutes.abs() < 24 * 60).then_some(Some(TimeDelta::minutes(minutes)))
    }
}

/// Writes the lowest two digits.
fn two(number: u32, out: &mut Vec<u8>) {
    out.extend([b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8]);
}

/// `date.isoformat()` of a year from 1 to 9999.
pub(crate) fn write_date(date: NaiveDate, out: &mut Vec<u8>) {
    let year = date.year().unsigned_abs();
    two(year / 100, out);
    two(year, out);
    out.push(b'-');
    two(date.month(), out);
    out.push(b'-');
    two(date.day(), out);
}

/// `time.isoformat()`; what is finer than a microsecond is cut off.
pub(crate) fn write_time(time: NaiveTime, out: &mut Vec<u8>) {
    two(time.hour(), out);
    out.push(b':');
    two(time.minute(), out);
    out.push(b':');
    two(time.second(), out);
    let microsecond = time.nanosecond() % 1_000_000_000 / 1000;
    if microsecond > 0 {
        out.push(b'.');
        two(microsecond / 10_000, out);
        two(microsecond / 100, out);
        two(microsecond, out);
    }
}

/// An offset as `isoformat` writes it, and DRF's `Z` for none.
pub(crate) fn write_offset(seconds: i32, out: &mut Vec<u8>) {
    if seconds == 0 {
        return out.push(b'Z');
    }
    out.push(if seconds < 0 { b'-' } else { b'+' });
    let seconds = seconds.unsigned_abs();
    two(seconds / 3600, out);
    out.push(b':');
    two(seconds / 60 % 60, out);
    if !seconds.is_multiple_of(60) {
        out.push(b':');
        two(seconds % 60, out);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    /// The date and time as `datetime.isoformat()` shows them, with the offset in seconds.
    fn datetime(text: &str) -> Option<(String, Option<f64>)> {
        let written = parse_datetime(text)?;
        let mut out = Vec::new();
        write_date(written.local.date(), &mut out);
        out.push(b' ');
        write_time(written.local.time(), &mut out);
        let offset = written.offset.map(|o| o.num_microseconds().unwrap() as f64 / 1e6);
        Some((String::from_utf8(out).unwrap(), offset))
    }

    #[test]
    fn dates() {
        for (text, ymd) in [
            ("2024-01-02", (2024, 1, 2)),
            ("20240102", (2024, 1, 2)),
            ("2024-1-2", (2024, 1, 2)),
            ("2024-01-02\n", (2024, 1, 2)),
            ("٢٠٢٤-01-2", (2024, 1, 2)),
            ("2024-W01-1", (2024, 1, 1)),
            ("2024W011", (2024, 1, 1)),
            ("2024-W01", (2024, 1, 1)),
            ("2024W02", (2024, 1, 8)),
            ("2020-W53-5", (2021, 1, 1)),
            ("0001-01-01", (1, 1, 1)),
            ("9999-12-31", (9999, 12, 31)),
        ] {
            let (year, month, day) = ymd;
            assert_eq!(parse_date(text), NaiveDate::from_ymd_opt(year, month, day), "{text}");
        }
        for text in [
            "",
            "x",
            "2024-02-30",
            "2023-02-29",
            "2024-13-01",
            "0000-01-01",
            "10000-01-01",
            " 2024-01-02",
            "2024-01-02T03:04:05",
            "02.01.2024",
            "2024-0102",
            "2024-W00-1",
            "2024-W53-1",
            "2024-W01-8",
            "9999-W52-6",
            "0000-W01-1",
            "2024-123",
        ] {
            assert_eq!(parse_date(text), None, "{text}");
        }
    }

    #[test]
    fn dates_and_times() {
        for (text, shown, offset) in [
            ("2024-01-02T03:04:05Z", "2024-01-02 03:04:05", Some(0.0)),
            ("2024-01-02 03:04:05", "2024-01-02 03:04:05", None),
            ("2024-01-02é03:04", "2024-01-02 03:04:00", None),
            ("2024-01-02😀03", "2024-01-02 03:00:00", None),
            ("2024-01-02T03:04:05.1", "2024-01-02 03:04:05.100000", None),
            ("2024-01-02T03:04:05,1234567Z", "2024-01-02 03:04:05.123456", Some(0.0)),
            ("2024-01-02T03:04:05-0530", "2024-01-02 03:04:05", Some(-19800.0)),
            ("2024-01-02T03:04:05+02", "2024-01-02 03:04:05", Some(7200.0)),
            ("2024-01-02T03:04:05+00:00:01.5", "2024-01-02 03:04:05", Some(1.5)),
            ("2024-01-02T03:04:05-00:00:00.5", "2024-01-02 03:04:05", Some(0.0)),
            ("2024-01-02", "2024-01-02 00:00:00", None),
            ("20240102T030405Z", "2024-01-02 03:04:05", Some(0.0)),
            ("2024-1-2T3:04:05Z", "2024-01-02 03:04:05", Some(0.0)),
            ("2024-01-02 3:4", "2024-01-02 03:04:00", None),
            ("2024-01-02 3:4:5.01 \t+0130\n", "2024-01-02 03:04:05.010000", Some(5400.0)),
            ("2024-W01-1T05", "2024-01-01 05:00:00", None),
            ("2024-W01-05:30", "2024-01-01 05:30:00", None),
            ("2024W01105", "2024-01-01 05:00:00", None),
        ] {
            assert_eq!(datetime(text), Some((shown.to_owned(), offset)), "{text}");
        }
        for text in [
            "",
            "x",
            " ",
            "2024",
            "2024-02-30T00:00:00Z",
            "2024-01-02T24:00:00Z",
            "2024-01-02T00:60",
            "2024-01-02T00:00:60",
            "2024-01-02T00:00+24:00",
            "2024-01-02 3:04+24",
            "02/01/2024",
            "2024-01-02T03:04:05Zz",
            "2024-01-02T03:04:05.1234567890123Z1",
            "2024-01-02T03:04:",
            "2024-01-02T03:0405",
            "2024-01-02T",
            "2024-01-02Z",
            "2024-01-02é",
            "2024-W01-",
            "1704164645",
        ] {
            assert_eq!(datetime(text), None, "{text}");
        }
    }

    #[test]
    fn times() {
        for (text, shown) in [
            ("03:04:05", "03:04:05"),
            ("T03:04", "03:04:00"),
            ("3:4", "03:04:00"),
            ("3:4:5,1\n", "03:04:05.100000"),
            ("03", "03:00:00"),
            ("030405.5", "03:04:05.500000"),
            ("03:04:05+02:00", "03:04:05"),
            ("03:04:05Z", "03:04:05"),
        ] {
            let mut out = Vec::new();
            write_time(parse_time(text).unwrap(), &mut out);
            assert_eq!(out, shown.as_bytes(), "{text}");
        }
        for text in
            ["", "T", "3", "24:00", "03:60", "3:4Z", "03:04:05 ", "03:04:05+24:00", "2024-01-02T03:04:05", "T3:4"]
        {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }

    #[test]
    fn offsets() {
        for (seconds, shown) in [(0, "Z"), (19800, "+05:30"), (-3600, "-01:00"), (-1, "-00:00:01")] {
            let mut out = Vec::new();
            write_offset(seconds, &mut out);
            assert_eq!(out, shown.as_bytes());
        }
    }
}
