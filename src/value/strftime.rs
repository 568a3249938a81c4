//! Python's `strftime` in the C locale, as the GNU C library does it.

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike, Weekday};

/// The widest that a place may be padded to.
const MAX_WIDTH: usize = 255;

/// A date and time with what is known of its zone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment<'a> {
    pub(crate) local: NaiveDateTime,
    /// Seconds from UTC.
    pub(crate) offset: Option<i32>,
    /// The zone's short name.
    pub(crate) zone: &'a str,
}

impl From<NaiveDate> for Moment<'_> {
    fn from(date: NaiveDate) -> Self {
        Moment { local: date.and_time(NaiveTime::MIN), offset: None, zone: "" }
    }
}

impl From<NaiveTime> for Moment<'_> {
    /// A time of day is one of the first day of 1900.
    fn from(time: NaiveTime) -> Self {
        let date = NaiveDate::from_ymd_opt(1900, 1, 1).unwrap_or_default();
        Moment { local: date.and_time(time), offset: None, zone: "" }
    }
}

/// How a place is written: what stands between `%` and its letter.
#[derive(Clone, Copy, Default)]
struct Style {
    /// `-`, `_` or `0`.
    pad: Option<char>,
    upper: bool,
    swap: bool,
    width: usize,
}

/// Fills a pattern in; letters that mean nothing stay as they are.
pub(crate) fn strftime(pattern: &str, moment: Moment<'_>) -> String {
    let mut out = String::new();
    let mut rest = pattern;
    while let Some(at) = rest.find('%') {
        let (before, place) = rest.split_at(at);
        out.push_str(before);
        rest = place;
        let mut chars = place.char_indices().skip(1).peekable();
        let mut style = Style::default();
        while let Some((_, flag)) = chars.next_if(|(_, c)| matches!(c, '-' | '_' | '0' | '^' | '#')) {
            match flag {
                '^' => style.upper = true,
                '#' => style.swap = true,
                pad => style.pad = Some(pad),
            }
        }
        while let Some((_, digit)) = chars.next_if(|(_, c)| c.is_ascii_digit()) {
            let digit = digit.to_digit(10).and_then(|d| usize::try_from(d).ok()).unwrap_or(0);
            style.width = (style.width * 10 + digit).min(MAX_WIDTH);
        }
        while chars.next_if(|(_, c)| matches!(c, 'E' | 'O')).is_some() {}
        let Some((at, letter)) = chars.next() else {
            break;
        };
        let (place, after) = place.split_at(at + letter.len_utf8());
        rest = after;
        if !write(letter, style, moment, &mut out) {
            out.push_str(place);
        }
    }
    out.push_str(rest);
    out
}

/// Writes what a letter stands for; false where it stands for nothing.
fn write(letter: char, style: Style, moment: Moment<'_>, out: &mut String) -> bool {
    let at = moment.local;
    let hour12 = (at.hour() + 11) % 12 + 1;
    let number = |value: u32, digits: usize, pad: char| padded(i64::from(value), digits, pad, style);
    let text = match letter {
        'Y' => padded(at.year().into(), 1, '0', style),
        'C' => padded((at.year() / 100).into(), 1, '0', style),
        'y' => padded(at.year().rem_euclid(100).into(), 2, '0', style),
        'G' => padded(at.iso_week().year().into(), 1, '0', style),
        'g' => padded(at.iso_week().year().rem_euclid(100).into(), 2, '0', style),
        'm' => number(at.month(), 2, '0'),
        'd' => number(at.day(), 2, '0'),
        'e' => number(at.day(), 2, ' '),
        'H' => number(at.hour(), 2, '0'),
        'k' => number(at.hour(), 2, ' '),
        'I' => number(hour12, 2, '0'),
        'l' => number(hour12, 2, ' '),
        'M' => number(at.minute(), 2, '0'),
        'S' => number(at.second(), 2, '0'),
        'j' => number(at.ordinal(), 3, '0'),
        'V' => number(at.iso_week().week(), 2, '0'),
        'U' => number(week(at, Weekday::Sun), 2, '0'),
        'W' => number(week(at, Weekday::Mon), 2, '0'),
        'u' => number(at.weekday().number_from_monday(), 1, '0'),
        'w' => number(at.weekday().num_days_from_sunday(), 1, '0'),
        // the clocks of the process are in UTC
        's' => padded(at.and_utc().timestamp(), 1, '0', style),
        'a' => named(&weekday(at)[..3], style),
        'A' => named(weekday(at), style),
        'b' | 'h' => named(&month(at)[..3], style),
        'B' => named(month(at), style),
        'p' if style.swap => named(if at.hour() < 12 { "am" } else { "pm" }, Style { swap: false, ..style }),
        'p' => named(if at.hour() < 12 { "AM" } else { "PM" }, style),
        'P' => named(if at.hour() < 12 { "am" } else { "pm" }, Style { swap: false, ..style }),
        'f' => format!("{:06}", at.nanosecond() % 1_000_000_000 / 1000),
        'z' => offset(moment.offset),
        'Z' => moment.zone.to_owned(),
        'c' => named(&strftime("%a %b %e %H:%M:%S %Y", moment), style),
        'D' | 'x' => named(&strftime("%m/%d/%y", moment), style),
        'F' => named(&strftime("%Y-%m-%d", moment), style),
        'T' | 'X' => named(&strftime("%H:%M:%S", moment), style),
        'R' => named(&strftime("%H:%M", moment), style),
        'r' => named(&strftime("%I:%M:%S %p", moment), style),
        'n' => "\n".to_owned(),
        't' => "\t".to_owned(),
        '%' => "%".to_owned(),
        _ => return false,
    };
    out.push_str(&text);
    true
}

fn padded(value: i64, digits: usize, pad: char, style: Style) -> String {
    let width = style.width.max(digits);
    match style.pad {
        Some('-') => value.to_string(),
        Some('_') => format!("{value:width$}"),
        Some(_) => format!("{value:0width$}"),
        None if pad == ' ' => format!("{value:width$}"),
        None => format!("{value:0width$}"),
    }
}

fn named(text: &str, style: Style) -> String {
    let text = if style.upper || style.swap { text.to_uppercase() } else { text.to_owned() };
    let width = style.width;
    match style.pad {
        Some('0') => format!("{text:0>width$}"),
        Some('-') => text,
        _ => format!("{text:>width$}"),
    }
}

fn weekday(at: NaiveDateTime) -> &'static str {
    match at.weekday() {
        Weekday::Mon => "Monday",
        Weekday::Tue => "Tuesday",
        Weekday::Wed => "Wednesday",
        Weekday::Thu => "Thursday",
        Weekday::Fri => "Friday",
        Weekday::Sat => "Saturday",
        Weekday::Sun => "Sunday",
    }
}

fn month(at: NaiveDateTime) -> &'static str {
    match at.month() {
        1 => "January",
        2 => "February",
        3 => "March",
        4 => "April",
        5 => "May",
        6 => "June",
        7 => "July",
        8 => "August",
        9 => "September",
        10 => "October",
        11 => "November",
        _ => "December",
    }
}

/// The week of the year, when weeks begin with this day; 0 before the first one.
fn week(at: NaiveDateTime, first: Weekday) -> u32 {
    (at.ordinal() + 6 - at.weekday().days_since(first)) / 7
}

/// `+HHMM` or `+HHMMSS`.
fn offset(seconds: Option<i32>) -> String {
    let Some(seconds) = seconds else {
        return String::new();
    };
    let sign = if seconds < 0 { '-' } else { '+' };
    let size = seconds.unsigned_abs();
    let mut text = format!("{sign}{:02}{:02}", size / 3600, size / 60 % 60);
    if !size.is_multiple_of(60) {
        text.push_str(&format!("{:02}", size % 60));
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn patterns() {
        let local = NaiveDate::from_ymd_opt(2024, 3, 5).unwrap().and_hms_micro_opt(16, 7, 8, 90).unwrap();
        let moment = Moment { local, offset: Some(-17762), zone: "LMT" };
        for (pattern, shown) in [
            ("%d/%m/%Y %H:%M", "05/03/2024 16:07"),
            ("%-d.%-m.%y, %_H|%e|%k|%l", "5.3.24, 16| 5|16| 4"),
            ("%a %A %b %B %^a %h", "Tue Tuesday Mar March TUE Mar"),
            ("%I:%M:%S.%f %p %P %#p", "04:07:08.000090 PM pm pm"),
            ("%j %U %W %V %G %u %w", "065 09 10 10 2024 2 2"),
            ("%z %Z", "-045602 LMT"),
            (
                "%c|%x|%X|%F|%T|%R|%r|%D",
                "Tue Mar  5 16:07:08 2024|03/05/24|16:07:08|2024-03-05|16:07:08|16:07|04:07:08 PM|03/05/24",
            ),
            ("100%% %Q %", "100% %Q %"),
            ("é%Yé", "é2024é"),
            ("%5d %_5m", "00005     3"),
        ] {
            assert_eq!(strftime(pattern, moment), shown, "{pattern}");
        }
        assert_eq!(strftime("%Y-%m-%d%z%Z", NaiveDate::from_ymd_opt(1, 2, 3).unwrap().into()), "1-02-03");
        assert_eq!(strftime("%Y %H", NaiveTime::from_hms_opt(4, 0, 0).unwrap().into()), "1900 04");
    }
}
