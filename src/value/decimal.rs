//! Exact numbers, as Python's `decimal` keeps them.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// A decimal number of any length: its digits and the power of ten of the last one.
///
/// `1.50` and `1.5` are equal but print as they were written, as Python's do.
#[derive(Clone, Debug)]
pub struct Decimal {
    negative: bool,
    /// ASCII digits without leading zeros; `0` for zero.
    digits: String,
    exponent: i64,
}

/// How a number is cut to fewer places: Python's `ROUND_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rounding {
    /// Away from zero.
    Up,
    /// Towards zero.
    Down,
    /// Towards infinity.
    Ceiling,
    /// Towards negative infinity.
    Floor,
    /// To the nearest, a half away from zero.
    HalfUp,
    /// To the nearest, a half towards zero.
    HalfDown,
    /// To the nearest, a half to the even digit.
    HalfEven,
    /// Away from zero if the last digit would be 0 or 5.
    ZeroFiveUp,
}

/// Text that is no decimal number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotADecimal;

impl Decimal {
    /// From digits and the power of ten of the last one.
    pub fn new(negative: bool, digits: &str, exponent: i64) -> Self {
        let digits = digits.trim_start_matches('0');
        let digits = if digits.is_empty() { "0" } else { digits };
        Decimal { negative, digits: digits.to_owned(), exponent }
    }

    /// Whether it has a minus sign.
    pub fn is_negative(&self) -> bool {
        self.negative
    }

    /// Whether it is zero, of whatever sign.
    pub fn is_zero(&self) -> bool {
        self.digits == "0"
    }

    /// The digits without leading zeros; `0` for zero.
    pub fn digits(&self) -> &str {
        &self.digits
    }

    /// The power of ten of the last digit.
    pub fn exponent(&self) -> i64 {
        self.exponent
    }
}

impl Decimal {
    /// Without an exponent: `12.50`, `1000`.
    pub fn to_plain(&self) -> String {
        let mut text = String::new();
        if self.negative {
            text.push('-');
        }
        if self.exponent >= 0 {
            text.push_str(&self.digits);
            if !self.is_zero() {
                text.extend(std::iter::repeat_n('0', usize::try_from(self.exponent).unwrap_or(0).min(1000)));
            }
            return text;
        }
        let places = usize::try_from(-self.exponent).unwrap_or(usize::MAX).min(100_000);
        if self.digits.len() > places {
            let (whole, fraction) = self.digits.split_at(self.digits.len() - places);
            text.push_str(whole);
            text.push('.');
            text.push_str(fraction);
        } else {
            text.push_str("0.");
            text.extend(std::iter::repeat_n('0', places - self.digits.len()));
            text.push_str(&self.digits);
        }
        text
    }
}

impl FromStr for Decimal {
    type Err = NotADecimal;

    /// Reads `[+-]digits[.digits][e[+-]digits]`, as Python's `Decimal` does, but neither infinities nor NaN.
    fn from_str(text: &str) -> Result<Self, NotADecimal> {
        let (negative, rest) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        let (number, power) = match rest.find(['e', 'E']) {
            Some(at) => (&rest[..at], rest[at + 1..].parse::<i64>().map_err(|_| NotADecimal)?),
            None => (rest, 0),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !digits(whole) || !digits(fraction) {
            return Err(NotADecimal);
        }
        let places = i64::try_from(fraction.len()).map_err(|_| NotADecimal)?;
        Ok(Decimal::new(negative, &format!("{whole}{fraction}"), power.checked_sub(places).ok_or(NotADecimal)?))
    }
}

/// As Python's `str` prints it: with an exponent where the number is very small or has zeros that were not written.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = i64::try_from(self.digits.len()).unwrap_or(i64::MAX);
        let adjusted = self.exponent.saturating_add(length - 1);
        if self.exponent <= 0 && adjusted >= -6 {
            return f.write_str(&self.to_plain());
        }
        if self.negative {
            f.write_str("-")?;
        }
        let (first, rest) = self.digits.split_at(1);
        f.write_str(first)?;
        if !rest.is_empty() {
            write!(f, ".{rest}")?;
        }
        write!(f, "E{adjusted:+}")
    }
}

impl From<i64> for Decimal {
    fn from(value: i64) -> Self {
        Decimal::new(value < 0, &value.unsigned_abs().to_string(), 0)
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Decimal {}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let sign = |d: &Decimal| match (d.is_zero(), d.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        let by_sign = sign(self).cmp(&sign(other));
        if by_sign != Ordering::Equal || self.is_zero() {
            return by_sign;
        }
        let magnitude = |d: &Decimal| d.exponent.saturating_add(i64::try_from(d.digits.len()).unwrap_or(i64::MAX));
        let (own, others) = (self.digits.trim_end_matches('0'), other.digits.trim_end_matches('0'));
        // at the same magnitude the first different digit decides, as in text
        let larger = magnitude(self).cmp(&magnitude(other)).then_with(|| own.cmp(others));
        if self.negative { larger.reverse() } else { larger }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn text_there_and_back() {
        for (text, python) in
            [("1.50", "1.50"), ("-0", "-0"), ("1e3", "1E+3"), ("0.0000001", "1E-7"), ("00012", "12"), ("1.5e1", "15")]
        {
            assert_eq!(text.parse::<Decimal>().unwrap().to_string(), python, "{text}");
        }
        for text in ["", ".", "e1", "1e", "x", "1_0", "NaN", "--1"] {
            assert!(text.parse::<Decimal>().is_err(), "{text}");
        }
    }

    #[test]
    fn order() {
        let order = |a: &str, b: &str| a.parse::<Decimal>().unwrap().cmp(&b.parse().unwrap());
        assert_eq!(order("1.50", "1.5"), Ordering::Equal);
        assert_eq!(order("-0", "0.00"), Ordering::Equal);
        assert_eq!(order("2", "10"), Ordering::Less);
        assert_eq!(order("-2", "-10"), Ordering::Greater);
        assert_eq!(order("1e3", "999.9"), Ordering::Greater);
    }
}
