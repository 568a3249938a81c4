//! Spans of time as Django's `parse_duration` reads them, and as Django and Python print them.

use std::borrow::Cow;

use chrono::TimeDelta;

use super::python;

/// Microseconds of a day.
const DAY: i128 = 86_400_000_000;

/// The days that a Python `timedelta` has at most.
pub(crate) const MAX_DAYS: i64 = 999_999_999;

/// A span longer than Python's `timedelta`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

/// Reads `[DD] [HH:[MM:]]ss[.uuuuuu]`, ISO 8601 (`P3DT04H`) or PostgreSQL's form (`3 days 04:05:06`); none where it is
/// none of them.
pub(crate) fn parse(text: &str) -> Result<Option<TimeDelta>, TooLong> {
    // `$` matches before a line feed at the end
    let text = text.strip_suffix('\n').unwrap_or(text);
    let Some(text) = ascii_digits(text) else {
        return Ok(None);
    };
    match standard(&text).or_else(|| iso(&text)).or_else(|| postgres(&text)) {
        Some(parts) => parts.span().map(Some),
        None => Ok(None),
    }
}

/// The text with digits of other scripts as ASCII digits; none where anything else is not ASCII.
fn ascii_digits(text: &str) -> Option<Cow<'_, str>> {
    if text.is_ascii() {
        return Some(Cow::Borrowed(text));
    }
    let one = |c: char| if c.is_ascii() { Some(c) } else { char::from_digit(python::decimal(c)?, 10) };
    text.chars().map(one).collect::<Option<String>>().map(Cow::Owned)
}

/// The numbers of a span as floats, which is how Django hands them to `timedelta`.
#[derive(Default)]
struct Parts {
    days: f64,
    negative: bool,
    /// Whether the sign is of the days too.
    whole: bool,
    hours: f64,
    minutes: f64,
    seconds: f64,
    microseconds: f64,
}

impl Parts {
    fn span(&self) -> Result<TimeDelta, TooLong> {
        let days = microseconds([(self.days, DAY)])?;
        let rest = microseconds([
            (self.microseconds, 1),
            (self.seconds, 1_000_000),
            (self.minutes, 60_000_000),
            (self.hours, 3_600_000_000),
        ])?;
        let days = if self.negative && self.whole { in_range(-days)? } else { days };
        let rest = if self.negative { in_range(-rest)? } else { rest };
        let total = in_range(days + rest)?;
        let seconds = i64::try_from(total.div_euclid(1_000_000)).map_err(|_| TooLong)?;
        let nanos = u32::try_from(total.rem_euclid(1_000_000) * 1000).map_err(|_| TooLong)?;
        TimeDelta::new(seconds, nanos).ok_or(TooLong)
    }
}

fn in_range(microseconds: i128) -> Result<i128, TooLong> {
    let days = microseconds.div_euclid(DAY);
    if days.abs() <= i128::from(MAX_DAYS) { Ok(microseconds) } else { Err(TooLong) }
}

/// `timedelta` of floats: whole parts are exact, what is left of the fractions is rounded once, a half to the even
/// microsecond.
#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, clippy::float_cmp)]
fn microseconds<const N: usize>(parts: [(f64, i128); N]) -> Result<i128, TooLong> {
    let mut total = 0;
    let mut left = 0.0;
    for (number, factor) in parts {
        // more than any span has, even of microseconds
        if number.is_nan() || number.abs() > 1e20 {
            return Err(TooLong);
        }
        let fraction = number.fract() * factor as f64;
        total += number.trunc() as i128 * factor + fraction.trunc() as i128;
        left += fraction.fract();
    }
    let mut whole = f64::round(left);
    if (whole - left).abs() == 0.5 {
        let odd = if total % 2 == 0 { 0.0 } else { 1.0 };
        whole = 2.0 * f64::round((left + odd) * 0.5) - odd;
    }
    in_range(total + whole as i128)
}

/// The digits at the front, at least one, and what follows.
fn digits(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

fn number(digits: &str) -> f64 {
    digits.replace(',', ".").parse().unwrap_or(f64::NAN)
}

/// `-?\d+ ` at the front, and what follows.
fn days(text: &str) -> Option<(f64, &str)> {
    let (count, rest) = digits(text.strip_prefix('-').unwrap_or(text))?;
    let count = if text.starts_with('-') { -number(count) } else { number(count) };
    Some((count, rest.strip_prefix(' ')?))
}

/// One to `most` digits after the point, as microseconds; none where more follows.
fn fraction(text: &str, most: usize) -> Option<f64> {
    let (found, rest) = digits(text)?;
    if !rest.is_empty() || found.len() > most {
        return None;
    }
    Some(number(&format!("{:0<6}", found.get(..6).unwrap_or(found))))
}

fn standard(text: &str) -> Option<Parts> {
    let mut parts = Parts::default();
    let mut rest = text;
    if let Some((count, after)) = days(text) {
        parts.days = count;
        rest = after.strip_prefix("days, ").or_else(|| after.strip_prefix("day, ")).unwrap_or(after);
    }
    if let Some(after) = rest.strip_prefix('-') {
        parts.negative = true;
        rest = after;
    }
    let mut clock = Vec::new();
    loop {
        let (found, after) = digits(rest)?;
        clock.push(number(found));
        match after.strip_prefix(':') {
            Some(after) if clock.len() < 3 => rest = after,
            _ => {
                rest = after;
                break;
            }
        }
    }
    clock.reverse();
    let part = |n: usize| clock.get(n).copied().unwrap_or(0.0);
    (parts.seconds, parts.minutes, parts.hours) = (part(0), part(1), part(2));
    if let Some(after) = rest.strip_prefix(['.', ',']) {
        parts.microseconds = fraction(after, 12)?;
    } else if !rest.is_empty() {
        return None;
    }
    Some(parts)
}

fn iso(text: &str) -> Option<Parts> {
    let negative = text.starts_with('-');
    let mut parts = Parts { negative, whole: true, ..Parts::default() };
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text).strip_prefix('P')?;
    (parts.days, rest) = component(rest, 'D');
    if let Some(after) = rest.strip_prefix('T') {
        rest = after;
        (parts.hours, rest) = component(rest, 'H');
        (parts.minutes, rest) = component(rest, 'M');
        (parts.seconds, rest) = component(rest, 'S');
    }
    rest.is_empty().then_some(parts)
}

/// A number with a letter behind it; zero, and nothing read, where there is none.
fn component(text: &str, letter: char) -> (f64, &str) {
    let read = || {
        let (whole, mut rest) = digits(text)?;
        let mut length = whole.len();
        if let Some((fraction, after)) = rest.strip_prefix(['.', ',']).and_then(digits) {
            length += 1 + fraction.len();
            rest = after;
        }
        Some((number(text.get(..length)?), rest.strip_prefix(letter)?))
    };
    read().unwrap_or((0.0, text))
}

fn postgres(text: &str) -> Option<Parts> {
    let mut parts = Parts::default();
    let mut rest = text;
    if let Some((count, after)) = days(text)
        && let Some(after) = after.strip_prefix("day")
    {
        parts.days = count;
        rest = after.strip_prefix('s').unwrap_or(after);
        rest = rest.strip_prefix(' ').unwrap_or(rest);
    }
    if rest.is_empty() {
        return Some(parts);
    }
    parts.negative = rest.starts_with('-');
    let (hours, rest) = digits(rest.strip_prefix(['-', '+']).unwrap_or(rest))?;
    let two = |text: &str| digits(text).filter(|(found, _)| found.len() == 2).map(|(found, _)| number(found));
    parts.hours = number(hours);
    parts.minutes = two(rest.strip_prefix(':')?)?;
    let (_, rest) = digits(&rest[1..])?;
    parts.seconds = two(rest.strip_prefix(':')?)?;
    let (_, rest) = digits(&rest[1..])?;
    if let Some(after) = rest.strip_prefix('.') {
        parts.microseconds = fraction(after, 6)?;
    } else if !rest.is_empty() {
        return None;
    }
    Some(parts)
}

/// All of a span's microseconds.
pub(crate) fn total(span: TimeDelta) -> i128 {
    i128::from(span.num_seconds()) * 1_000_000 + i128::from(span.subsec_nanos() / 1000)
}

/// Days (rounded down), hours, minutes, seconds and microseconds, as Python splits them.
fn components(microseconds: i128) -> [i128; 5] {
    let rest = microseconds.rem_euclid(DAY);
    let seconds = rest / 1_000_000;
    [microseconds.div_euclid(DAY), seconds / 3600, seconds / 60 % 60, seconds % 60, rest % 1_000_000]
}

/// Django's `duration_string`: `3 04:05:06.000007`.
pub(crate) fn django_string(span: TimeDelta) -> String {
    let [days, hours, minutes, seconds, micros] = components(total(span));
    let mut text = if days == 0 { String::new() } else { format!("{days} ") };
    text.push_str(&format!("{hours:02}:{minutes:02}:{seconds:02}"));
    if micros != 0 {
        text.push_str(&format!(".{micros:06}"));
    }
    text
}

/// Django's `duration_iso_string`: `P3DT04H05M06.000007S`.
pub(crate) fn iso_string(span: TimeDelta) -> String {
    let total = total(span);
    let [days, hours, minutes, seconds, micros] = components(total.abs());
    let sign = if total < 0 { "-" } else { "" };
    let fraction = if micros == 0 { String::new() } else { format!(".{micros:06}") };
    format!("{sign}P{days}DT{hours:02}H{minutes:02}M{seconds:02}{fraction}S")
}

/// Python's `str(timedelta)`: `3 days, 4:05:06.000007`.
pub(crate) fn python_string(span: TimeDelta) -> String {
    let [days, hours, minutes, seconds, micros] = components(total(span));
    let plural = if days.abs() == 1 { "" } else { "s" };
    let days = if days == 0 { String::new() } else { format!("{days} day{plural}, ") };
    let fraction = if micros == 0 { String::new() } else { format!(".{micros:06}") };
    format!("{days}{hours}:{minutes:02}:{seconds:02}{fraction}")
}

/// Python's `total_seconds()`, as DRF's encoder prints it.
pub(crate) fn seconds_string(span: TimeDelta) -> String {
    let total = total(span);
    let sign = if total < 0 { "-" } else { "" };
    let size = total.unsigned_abs();
    // read as text so that it is rounded once
    let seconds = format!("{sign}{}.{:06}", size / 1_000_000, size % 1_000_000);
    python::float_repr(seconds.parse().unwrap_or(f64::NAN))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn spans() {
        for (text, shown) in [
            ("5", "00:00:05"),
            ("1:02", "00:01:02"),
            ("01:02:03.5", "01:02:03.500000"),
            ("3 4:05:06", "3 04:05:06"),
            ("3 days, 4:05:06", "3 04:05:06"),
            ("1 day, 1", "1 00:00:01"),
            ("-1", "-1 23:59:59"),
            ("-3 -4", "-4 23:59:56"),
            ("1 -0:30", "23:59:30"),
            ("100:200:300", "4 07:25:00"),
            ("1,1234567", "00:00:01.123456"),
            ("٥", "00:00:05"),
            ("5\n", "00:00:05"),
            ("P1DT2H3M4.5S", "1 02:03:04.500000"),
            ("-P1DT2H", "-2 22:00:00"),
            ("P0,5D", "12:00:00"),
            ("P", "00:00:00"),
            ("PT0.0000005S", "00:00:00"),
            ("PT0.0000015S", "00:00:00.000002"),
            ("3 days 04:05:06", "3 04:05:06"),
            ("-1 days -02:03:04.5", "-2 21:56:55.500000"),
            ("2 days", "2 00:00:00"),
            ("", "00:00:00"),
            ("999999999 23:59:59.999999", "999999999 23:59:59.999999"),
            ("-999999999 0", "-999999999 00:00:00"),
        ] {
            assert_eq!(parse(text).unwrap().map(django_string).as_deref(), Some(shown), "{text}");
        }
        for text in [
            "x",
            "1e5",
            "1:2:3:4",
            " 1",
            "1.",
            "1.1234567890123",
            "P1Y",
            "P1H",
            "PT1D",
            "3 days 4:5:6",
            "+5",
            "1 day 1",
        ] {
            assert_eq!(parse(text), Ok(None), "{text}");
        }
        for text in ["1000000000 0", "-999999999 -1", &"9".repeat(400), "P1000000000D"] {
            assert_eq!(parse(text), Err(TooLong), "{text}");
        }
    }

    #[test]
    fn text() {
        let span = parse("-3 04:05:06.5").unwrap().unwrap();
        assert_eq!(django_string(span), "-3 04:05:06.500000");
        assert_eq!(iso_string(span), "-P2DT19H54M53.500000S");
        assert_eq!(python_string(span), "-3 days, 4:05:06.500000");
        assert_eq!(seconds_string(span), "-244493.5");
        assert_eq!(python_string(TimeDelta::days(1)), "1 day, 0:00:00");
        assert_eq!(seconds_string(TimeDelta::zero()), "0.0");
    }
}
