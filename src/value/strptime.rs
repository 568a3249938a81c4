//! Python's `datetime.strptime` in the C locale.
//!
//! A pattern matches as Python's regular expression for it does: leading zeros may be left out, names are of any case,
//! white space stands for any white space, and digits may be of any script. What it does not name is the first day of
//! 1900 at midnight.

use chrono::{Datelike, Days, NaiveDate, NaiveTime, TimeDelta};

use super::{iso, python};
use crate::value::iso::Written;

const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// A pattern, ready to read text.
#[derive(Clone, Debug)]
pub(crate) struct Pattern(Vec<Item>);

#[derive(Clone, Copy, Debug)]
enum Item {
    /// One character, of any case.
    Char(char),
    /// White space, at least one character.
    Space,
    /// What the letter after `%` stands for.
    Directive(char),
}

impl Pattern {
    /// None where Python has no such pattern: an unknown letter, or one that occurs twice.
    pub(crate) fn new(text: &str) -> Option<Pattern> {
        let mut items = Vec::new();
        push(text, &mut items)?;
        let letter = |item: &Item| if let Item::Directive(letter) = item { Some(*letter) } else { None };
        let letters: Vec<char> = items.iter().filter_map(letter).collect();
        let is_once = |(n, letter): (usize, &char)| !letters[..n].contains(letter);
        letters.iter().enumerate().all(is_once).then_some(Pattern(items))
    }

    /// Reads a text; none where it does not match as a whole, or there is no such day or time.
    pub(crate) fn parse(&self, text: &str) -> Option<Written> {
        let text: Vec<char> = text.chars().collect();
        let mut found = Found { text: &text, places: Vec::new() };
        let end = found.matches(&self.0, 0)?;
        (end == text.len()).then(|| found.read())?
    }
}

fn push(text: &str, items: &mut Vec<Item>) -> Option<()> {
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if python::is_space(c) {
            while chars.next_if(|c| python::is_space(*c)).is_some() {}
            items.push(Item::Space);
        } else if c == '%' {
            match chars.next()? {
                '%' => items.push(Item::Char('%')),
                'c' => push("%a %b %d %H:%M:%S %Y", items)?,
                'x' => push("%m/%d/%y", items)?,
                'X' => push("%H:%M:%S", items)?,
                letter if "aAbBdfGHIjmMpSuUVwWyYzZ".contains(letter) => items.push(Item::Directive(letter)),
                _ => return None,
            }
        } else {
            items.push(Item::Char(c));
        }
    }
    Some(())
}

/// One character of a directive's regular expression.
#[derive(Clone, Copy)]
enum Class {
    /// An ASCII character from the first to the last.
    Of(char, char),
    /// `\d`.
    Digit,
}

use Class::{Digit, Of};

/// The alternatives of the directives whose regular expressions are plain, in the order in which they are tried.
fn alternatives(letter: char) -> &'static [&'static [Class]] {
    const ONE: Class = Of('1', '9');
    match letter {
        'd' => {
            &[&[Of('3', '3'), Of('0', '1')], &[Of('1', '2'), Digit], &[Of('0', '0'), ONE], &[ONE], &[Of(' ', ' '), ONE]]
        }
        'H' => &[&[Of('2', '2'), Of('0', '3')], &[Of('0', '1'), Digit], &[Digit]],
        'I' | 'm' => &[&[Of('1', '1'), Of('0', '2')], &[Of('0', '0'), ONE], &[ONE]],
        'G' | 'Y' => &[&[Digit, Digit, Digit, Digit]],
        'j' => &[
            &[Of('3', '3'), Of('6', '6'), Of('0', '6')],
            &[Of('3', '3'), Of('0', '5'), Digit],
            &[Of('1', '2'), Digit, Digit],
            &[Of('0', '0'), ONE, Digit],
            &[Of('0', '0'), Of('0', '0'), ONE],
            &[ONE, Digit],
            &[Of('0', '0'), ONE],
            &[ONE],
        ],
        'M' => &[&[Of('0', '5'), Digit], &[Digit]],
        'S' => &[&[Of('6', '6'), Of('0', '1')], &[Of('0', '5'), Digit], &[Digit]],
        'U' | 'W' => &[&[Of('5', '5'), Of('0', '3')], &[Of('0', '4'), Digit], &[Digit]],
        'V' => &[&[Of('5', '5'), Of('0', '3')], &[Of('0', '0'), ONE], &[Of('1', '4'), Digit], &[Digit]],
        'w' => &[&[Of('0', '6')]],
        'u' => &[&[Of('1', '7')]],
        'y' => &[&[Digit, Digit]],
        'f' => {
            const D: Class = Of('0', '9');
            &[&[D, D, D, D, D, D], &[D, D, D, D, D], &[D, D, D, D], &[D, D, D], &[D, D], &[D]]
        }
        _ => &[],
    }
}

/// The characters as a regular expression that ignores case takes them for each other.
fn fold(c: char) -> char {
    match c {
        'ſ' => 's',
        'ı' => 'i',
        c => c.to_lowercase().next().unwrap_or(c),
    }
}

/// What the directives matched so far.
struct Found<'a> {
    text: &'a [char],
    places: Vec<(char, usize, usize)>,
}

impl Found<'_> {
    /// Matches the items from a place on; the end of the first match, as a regular expression finds it.
    fn matches(&mut self, items: &[Item], at: usize) -> Option<usize> {
        let Some((item, rest)) = items.split_first() else {
            return Some(at);
        };
        match item {
            Item::Char(c) => {
                let same = self.text.get(at).is_some_and(|t| fold(*t) == fold(*c));
                if same { self.matches(rest, at + 1) } else { None }
            }
            Item::Space => {
                let length = self.text[at..].iter().take_while(|c| python::is_space(**c)).count();
                (1..=length).rev().find_map(|n| self.matches(rest, at + n))
            }
            Item::Directive(letter) => self.ends(*letter, at).into_iter().find_map(|end| {
                self.places.push((*letter, at, end));
                let found = self.matches(rest, end);
                if found.is_none() {
                    self.places.pop();
                }
                found
            }),
        }
    }

    /// Where a directive that begins here may end, in the order in which its regular expression tries them.
    fn ends(&self, letter: char, at: usize) -> Vec<usize> {
        let of_names = |names: &[&str]| {
            let is_here = |name: &&str| {
                let mut chars = name.chars().enumerate();
                chars.all(|(n, c)| self.text.get(at + n).is_some_and(|t| fold(*t) == c))
            };
            let mut names: Vec<&str> = names.iter().copied().filter(is_here).collect();
            names.sort_by_key(|name| std::cmp::Reverse(name.len()));
            names.into_iter().map(|name| at + name.len()).collect()
        };
        let short = |names: &[&'static str]| names.iter().map(|name| &name[..3]).collect::<Vec<_>>();
        match letter {
            'A' => of_names(&WEEKDAYS),
            'a' => of_names(&short(&WEEKDAYS)),
            'B' => of_names(&MONTHS),
            'b' => of_names(&short(&MONTHS)),
            'p' => of_names(&["am", "pm"]),
            'Z' => of_names(&["utc", "gmt"]),
            'z' => self.offset_ends(at),
            _ => {
                let fits = |classes: &&&[Class]| classes.iter().enumerate().all(|(n, class)| self.is(at + n, *class));
                alternatives(letter).iter().filter(fits).map(|classes| at + classes.len()).collect()
            }
        }
    }

    fn is(&self, at: usize, class: Class) -> bool {
        self.text.get(at).is_some_and(|c| match class {
            Of(first, last) => (first..=last).contains(c),
            Digit => python::decimal(*c).is_some(),
        })
    }

    /// `[+-]\d\d:?[0-5]\d(:?[0-5]\d(\.\d{1,6})?)?|Z`.
    fn offset_ends(&self, at: usize) -> Vec<usize> {
        if self.is(at, Of('Z', 'Z')) {
            return vec![at + 1];
        }
        let sign = self.is(at, Of('+', '+')) || self.is(at, Of('-', '-'));
        let after_colon = |at| at + usize::from(self.is(at, Of(':', ':')));
        let pair = |at| self.is(at, Of('0', '5')) && self.is(at + 1, Digit);
        let minutes = after_colon(at + 3);
        if !sign || !self.is(at + 1, Digit) || !self.is(at + 2, Digit) || !pair(minutes) {
            return Vec::new();
        }
        let mut ends = vec![minutes + 2];
        let seconds = after_colon(minutes + 2);
        if pair(seconds) {
            ends.push(seconds + 2);
            if self.is(seconds + 2, Of('.', '.')) {
                let digits = (0..6).take_while(|n| self.is(seconds + 3 + n, Digit)).count();
                ends.extend((1..=digits).map(|n| seconds + 3 + n));
            }
        }
        ends.reverse();
        ends
    }

    /// What a directive matched.
    fn of(&self, letter: char) -> Option<&[char]> {
        let (_, start, end) = self.places.iter().find(|(l, ..)| *l == letter)?;
        self.text.get(*start..*end)
    }

    fn number(&self, letter: char) -> Option<i32> {
        self.of(letter).map(number)
    }

    /// The place of the name among those of which its text is one or the beginning.
    fn name(&self, letter: char, names: &[&str]) -> Option<i32> {
        // what matched by folding alone (`ſ`) is no name
        let text: String = self.of(letter)?.iter().flat_map(|c| c.to_lowercase()).collect();
        i32::try_from(names.iter().position(|name| name.starts_with(&text))?).ok()
    }

    /// The date and time that were matched, where there are such.
    fn read(&self) -> Option<Written> {
        let year = match self.last("Yy") {
            Some('y') => self.number('y').map(|year| if year <= 68 { 2000 + year } else { 1900 + year }),
            _ => self.number('Y'),
        };
        let month = match self.last("mBb") {
            Some('m') => self.number('m'),
            Some(letter) => Some(self.name(letter, &MONTHS)? + 1),
            None => None,
        };
        let (month, day) = (month.unwrap_or(1), self.number('d').unwrap_or(1));
        let date = self.date(year, month, day)?;
        let hour = match self.last("HI") {
            Some('I') => {
                let is_pm = self.of('p').is_some_and(|p| p.first().is_some_and(|c| fold(*c) == 'p'));
                self.number('I')? % 12 + if is_pm { 12 } else { 0 }
            }
            Some(_) => self.number('H')?,
            None => 0,
        };
        let micro = self.of('f').map_or(0, |digits| number(digits) * 10_i32.pow(6 - digits.len().min(6) as u32));
        let part = |n: i32| u32::try_from(n).ok();
        let minute = part(self.number('M').unwrap_or(0))?;
        let second = part(self.number('S').unwrap_or(0))?;
        let time = NaiveTime::from_hms_micro_opt(part(hour)?, minute, second, part(micro)?)?;
        let offset = match self.of('z') {
            Some(text) => Some(offset(text)?),
            None => None,
        };
        Some(Written { local: date.and_time(time), offset })
    }

    /// Of several directives for the same thing, the one that counts.
    fn last(&self, letters: &str) -> Option<char> {
        self.places.iter().map(|(letter, ..)| *letter).rfind(|letter| letters.contains(*letter))
    }

    /// The day, which weeks and days of the year decide where they are given.
    fn date(&self, year: Option<i32>, month: i32, day: i32) -> Option<NaiveDate> {
        let iso_year = self.number('G');
        let iso_week = self.number('V');
        let weekday = self.weekday()?;
        let julian = self.number('j');
        let week = self.last("UW").and_then(|letter| Some((self.number(letter)?, letter == 'W')));
        if year.is_none() && iso_year.is_some() {
            if iso_week.is_none() || weekday.is_none() || julian.is_some() {
                return None;
            }
        } else if week.is_none() && iso_week.is_some() {
            return None;
        }
        // the 29th of February needs a leap year to be worked with, and is refused in 1900 in the end
        let is_leap_day = year.is_none() && month == 2 && day == 29;
        let mut year = year.unwrap_or(if is_leap_day { 1904 } else { 1900 });
        let mut ordinal = julian;
        if let (None, Some(weekday)) = (julian, weekday) {
            if let Some((week, monday)) = week {
                ordinal = Some(ordinal_of_week(first_of(year)?, week, weekday, monday));
            } else if let (Some(iso_year), Some(iso_week)) = (iso_year, iso_week) {
                (year, ordinal) = ordinal_of_iso_week(iso_year, iso_week, weekday + 1)?;
            }
            if let Some(days) = ordinal.filter(|days| *days <= 0) {
                year -= 1;
                let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
                ordinal = Some(days + if is_leap { 366 } else { 365 });
            }
        }
        let date = match ordinal {
            Some(ordinal) => moved(first_of(year)?, ordinal - 1)?,
            None => NaiveDate::from_ymd_opt(year, u32::try_from(month).ok()?, u32::try_from(day).ok()?)?,
        };
        let date = if is_leap_day { date.with_year(1900)? } else { date };
        iso::in_range(date).then_some(date)
    }

    /// The day of the week from Monday as 0; the outer none is a name that is none.
    fn weekday(&self) -> Option<Option<i32>> {
        Some(match self.last("Aawu") {
            Some(letter @ ('A' | 'a')) => Some(self.name(letter, &WEEKDAYS)?),
            Some('w') => self.number('w').map(|day| (day + 6) % 7),
            Some(_) => self.number('u').map(|day| day - 1),
            None => None,
        })
    }
}

fn number(digits: &[char]) -> i32 {
    let digits = digits.iter().filter_map(|c| python::decimal(*c));
    digits.fold(0, |number, digit| number * 10 + i32::try_from(digit).unwrap_or(0))
}

fn first_of(year: i32) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(year, 1, 1).filter(|date| iso::in_range(*date))
}

fn moved(date: NaiveDate, days: i32) -> Option<NaiveDate> {
    let distance = Days::new(days.unsigned_abs().into());
    if days < 0 { date.checked_sub_days(distance) } else { date.checked_add_days(distance) }
}

/// The day of the year of a weekday in a week that begins on Monday or Sunday; week 0 is before the first such day.
fn ordinal_of_week(first: NaiveDate, week: i32, weekday: i32, monday: bool) -> i32 {
    let first_weekday = i32::try_from(first.weekday().num_days_from_monday()).unwrap_or(0);
    let (first_weekday, weekday) =
        if monday { (first_weekday, weekday) } else { ((first_weekday + 1) % 7, (weekday + 1) % 7) };
    match week {
        0 => 1 + weekday - first_weekday,
        _ => 1 + (7 - first_weekday) % 7 + 7 * (week - 1) + weekday,
    }
}

/// The year and the day of it of a weekday (from 1) in an ISO week.
fn ordinal_of_iso_week(year: i32, week: i32, weekday: i32) -> Option<(i32, Option<i32>)> {
    let first = first_of(year)?;
    let fourth = moved(first, 3)?;
    let correction = i32::try_from(fourth.weekday().number_from_monday()).ok()? + 3;
    let ordinal = week * 7 + weekday - correction;
    if ordinal >= 1 {
        return Some((year, Some(ordinal)));
    }
    let before = first_of(year - 1)?;
    Some((year - 1, Some(ordinal + i32::try_from((first - before).num_days()).ok()?)))
}

/// An offset as `%z` matched it; none where its colons differ or it is a day or more.
fn offset(text: &[char]) -> Option<TimeDelta> {
    let (sign, rest) = text.split_first()?;
    if *sign == 'Z' {
        return Some(TimeDelta::zero());
    }
    let (clock, fraction) = match rest.iter().position(|c| *c == '.') {
        Some(at) => (&rest[..at], &rest[at + 1..]),
        None => (rest, &[][..]),
    };
    let parts: Vec<i32> = match clock {
        [a, b, ':', c, d] => vec![number(&[*a, *b]), number(&[*c, *d]), 0],
        [a, b, ':', c, d, ':', e, f] => vec![number(&[*a, *b]), number(&[*c, *d]), number(&[*e, *f])],
        [a, b, c, d] if *c != ':' => vec![number(&[*a, *b]), number(&[*c, *d]), 0],
        [a, b, c, d, e, f] if !clock.contains(&':') => vec![number(&[*a, *b]), number(&[*c, *d]), number(&[*e, *f])],
        _ => return None,
    };
    let seconds = parts.iter().fold(0, |sum, part| sum * 60 + part);
    let micros = number(fraction) * 10_i32.pow(6 - fraction.len().min(6) as u32);
    let size = TimeDelta::seconds(seconds.into()) + TimeDelta::microseconds(micros.into());
    (size < TimeDelta::days(1)).then_some(if *sign == '-' { -size } else { size })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn read(text: &str, pattern: &str) -> Option<String> {
        let written = Pattern::new(pattern)?.parse(text)?;
        let offset = written.offset.map(|o| format!("{:+}", o.num_seconds())).unwrap_or_default();
        Some(format!("{}{offset}", written.local))
    }

    #[test]
    fn patterns() {
        for (text, pattern, shown) in [
            ("02/01/2024 03:04", "%d/%m/%Y %H:%M", "2024-01-02 03:04:00"),
            ("2/1/2024\t\n 3:4", "%d/%m/%Y %H:%M", "2024-01-02 03:04:00"),
            ("2024111", "%Y%m%d", "2024-11-01 00:00:00"),
            ("03 FEBRUARY 70", "%d %B %y", "1970-02-03 00:00:00"),
            ("3 feb 69", "%d %b %y", "1969-02-03 00:00:00"),
            ("12:05 am", "%I:%M %p", "1900-01-01 00:05:00"),
            ("12:05 PM", "%I:%M %p", "1900-01-01 12:05:00"),
            ("1.5", "%S.%f", "1900-01-01 00:00:01.500"),
            ("2024-060", "%Y-%j", "2024-02-29 00:00:00"),
            ("2023 366", "%Y %j", "2024-01-01 00:00:00"),
            ("2024 10 Sun", "%Y %U %a", "2024-03-10 00:00:00"),
            ("2024 10 1", "%Y %W %w", "2024-03-04 00:00:00"),
            ("2020 53 5", "%G %V %u", "2021-01-01 00:00:00"),
            ("Tue Jan  2 03:04:05 2024", "%c", "2024-01-02 03:04:05"),
            ("01:00+05:30", "%H:%M%z", "1900-01-01 01:00:00+19800"),
            ("01:00-053010", "%H:%M%z", "1900-01-01 01:00:00-19810"),
            ("UTC 1", "%Z %d", "1900-01-01 00:00:00"),
            ("٢٠٢٤-1", "%Y-%m", "2024-01-01 00:00:00"),
            ("ISO-8601", "iso-8601", "1900-01-01 00:00:00"),
        ] {
            assert_eq!(read(text, pattern).as_deref(), Some(shown), "{text} {pattern}");
        }
    }

    #[test]
    fn what_does_not_match() {
        for (text, pattern) in [
            ("2024-02-30", "%Y-%m-%d"),
            ("29/2", "%d/%m"),
            ("24", "%H"),
            ("60", "%S"),
            ("1x", "%d"),
            (" 1", "%m"),
            ("ſep", "%b"),
            ("1+24:00", "%d%z"),
            ("1+01:0203", "%d%z"),
            ("1", "%Q"),
            ("1 1", "%d %d"),
            ("1", "%"),
            ("2024 1", "%Y %V"),
            ("0000", "%Y"),
        ] {
            assert_eq!(read(text, pattern), None, "{text} {pattern}");
        }
    }
}
