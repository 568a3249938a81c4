//! Exact numbers, as Python's `decimal` keeps them.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use smol_str::{SmolStr, SmolStrBuilder, ToSmolStr};

/// The longest number that [`Decimal::to_plain`] writes out.
const MAX_PLAIN: usize = 200_000;

/// A decimal number of any length: its digits and the power of ten of the last one.
///
/// `1.50` and `1.5` are equal but print as they were written, as Python's do.
///
/// ```
/// use bowline::value::{Decimal, Rounding};
/// let price: Decimal = "9.995".parse().unwrap();
/// assert_eq!(price.quantize(2, Rounding::HalfUp, 28).unwrap().to_string(), "10.00");
/// ```
#[derive(Clone, Debug)]
pub struct Decimal {
    /// A minus sign where it has one, then ASCII digits without leading zeros; `0` for zero.
    signed: SmolStr,
    exponent: i64,
}

/// How a number is cut to fewer places: Python's `ROUND_*`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
    /// To the nearest, a half to the even digit: Python's default.
    #[default]
    HalfEven,
    /// Away from zero if the last digit would be 0 or 5.
    ZeroFiveUp,
}

/// Text that is no decimal number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotADecimal;

impl std::fmt::Display for NotADecimal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("not a decimal number")
    }
}

impl std::error::Error for NotADecimal {}

impl Decimal {
    /// From digits and the power of ten of the last one.
    pub fn new(negative: bool, digits: &str, exponent: i64) -> Self {
        let digits = digits.trim_start_matches('0');
        let digits = if digits.is_empty() { "0" } else { digits };
        Decimal::of(negative, [digits, ""], exponent)
    }

    /// From digits without leading zeros, in two parts.
    fn of(negative: bool, digits: [&str; 2], exponent: i64) -> Self {
        let mut signed = SmolStrBuilder::new();
        if negative {
            signed.push('-');
        }
        digits.into_iter().for_each(|part| signed.push_str(part));
        Decimal { signed: signed.finish(), exponent }
    }

    /// Reads digits and a point, short enough to be kept in place, as nearly all numbers are; none of anything else.
    fn short(text: &str) -> Option<Self> {
        // what a `SmolStr` keeps in place
        let mut signed = [0; 23];
        let mut length = 0;
        let rest = match text.as_bytes() {
            [b'-', rest @ ..] => {
                signed[0] = b'-';
                length = 1;
                rest
            }
            rest => rest,
        };
        let first = length;
        let mut places = None;
        let mut read = false;
        for byte in rest {
            match byte {
                b'0'..=b'9' => {
                    read = true;
                    places = places.map(|places| places + 1);
                    if length > first || *byte != b'0' {
                        *signed.get_mut(length)? = *byte;
                        length += 1;
                    }
                }
                b'.' if places.is_none() => places = Some(0),
                _ => return None,
            }
        }
        if length == first {
            signed[length] = b'0';
            length += 1;
        }
        let signed = std::str::from_utf8(signed.get(..length)?).ok()?;
        read.then(|| Decimal { signed: SmolStr::new(signed), exponent: -places.unwrap_or(0) })
    }

    /// Whether it has a minus sign.
    pub fn is_negative(&self) -> bool {
        self.signed.as_bytes().first() == Some(&b'-')
    }

    /// Whether it is zero, of whatever sign.
    pub fn is_zero(&self) -> bool {
        self.digits() == "0"
    }

    /// The digits without leading zeros; `0` for zero.
    pub fn digits(&self) -> &str {
        self.signed.get(usize::from(self.is_negative())..).unwrap_or_default()
    }

    /// The power of ten of the last digit.
    pub fn exponent(&self) -> i64 {
        self.exponent
    }

    /// The power of ten of the first digit, Python's `adjusted()`.
    pub fn adjusted(&self) -> i64 {
        self.exponent.saturating_add(self.length() - 1)
    }

    fn length(&self) -> i64 {
        i64::try_from(self.digits().len()).unwrap_or(i64::MAX)
    }

    /// The same number with so many decimal places, Python's `quantize`; none where that takes more digits than
    /// `precision`.
    ///
    /// ```
    /// use bowline::value::{Decimal, Rounding};
    /// let number: Decimal = "10.5".parse().unwrap();
    /// assert_eq!(number.quantize(2, Rounding::HalfEven, 4).unwrap().to_string(), "10.50");
    /// assert!(number.quantize(2, Rounding::HalfEven, 3).is_none());
    /// ```
    pub fn quantize(&self, places: u32, rounding: Rounding, precision: u32) -> Option<Decimal> {
        let exponent = -i64::from(places);
        if self.exponent == exponent {
            return (self.length() <= i64::from(precision)).then(|| self.clone());
        }
        let Ok(drop) = usize::try_from(exponent.saturating_sub(self.exponent)) else {
            if self.is_zero() {
                return Some(Decimal { exponent, ..self.clone() });
            }
            let pad = self.exponent.checked_sub(exponent)?;
            if self.length().checked_add(pad)? > i64::from(precision) {
                return None;
            }
            let mut signed = SmolStrBuilder::new();
            signed.push_str(&self.signed);
            for _ in 0..pad {
                signed.push('0');
            }
            return Some(Decimal { signed: signed.finish(), exponent });
        };
        let cut = self.cut(drop, exponent, rounding);
        (cut.length() <= i64::from(precision)).then_some(cut)
    }

    /// The same number with at most so many digits, as a context of that precision makes it.
    pub fn round(&self, digits: u32, rounding: Rounding) -> Decimal {
        let Ok(drop @ 1..) = usize::try_from(self.length() - i64::from(digits)) else {
            return self.clone();
        };
        let power = i64::try_from(drop).unwrap_or(i64::MAX);
        let cut = self.cut(drop, self.exponent.saturating_add(power), rounding);
        // 9.99 becomes 10.0, which has a digit more
        if cut.length() > i64::from(digits) { cut.round(digits, rounding) } else { cut }
    }

    /// The same number without zeros at its end, Python's `normalize`, which keeps 28 digits.
    pub fn normalize(&self) -> Decimal {
        let number = self.round(28, Rounding::HalfEven);
        if number.is_zero() {
            return Decimal { exponent: 0, ..number };
        }
        let kept = number.signed.trim_end_matches('0');
        let zeros = i64::try_from(number.signed.len() - kept.len()).unwrap_or(0);
        Decimal { signed: kept.into(), exponent: number.exponent.saturating_add(zeros) }
    }

    /// Without its last `drop` digits, rounded.
    fn cut(&self, drop: usize, exponent: i64, rounding: Rounding) -> Decimal {
        let at = self.digits().len().saturating_sub(drop);
        let (kept, rest) = self.digits().split_at(at);
        let is_exact = rest.bytes().all(|b| b == b'0');
        // zeros stand between the point and the digits where more is dropped than there is
        let half = match rest.as_bytes().split_first() {
            Some((first, after)) if drop <= self.digits().len() => first
                .cmp(&b'5')
                .then(if after.iter().all(|b| *b == b'0') { Ordering::Equal } else { Ordering::Greater }),
            _ => Ordering::Less,
        };
        let last = kept.bytes().last().unwrap_or(b'0');
        let away = !is_exact
            && match rounding {
                Rounding::Up => true,
                Rounding::Down => false,
                Rounding::Ceiling => !self.is_negative(),
                Rounding::Floor => self.is_negative(),
                Rounding::HalfUp => half.is_ge(),
                Rounding::HalfDown => half.is_gt(),
                Rounding::HalfEven => half.is_gt() || (half.is_eq() && !last.is_multiple_of(2)),
                Rounding::ZeroFiveUp => matches!(last, b'0' | b'5'),
            };
        let digits = if away { incremented(kept) } else { kept.to_owned() };
        Decimal::new(self.is_negative(), &digits, exponent)
    }

    /// The nearest float; infinite where there is none.
    pub fn to_f64(&self) -> f64 {
        self.to_string().parse().unwrap_or(f64::NAN)
    }

    /// How many characters [`Decimal::to_plain`] writes.
    pub(crate) fn plain_length(&self) -> usize {
        let digits = if self.exponent >= 0 {
            if self.is_zero() { 1 } else { self.length().saturating_add(self.exponent) }
        } else {
            self.length().max(self.exponent.saturating_neg().saturating_add(1)).saturating_add(1)
        };
        usize::try_from(digits).unwrap_or(usize::MAX).saturating_add(usize::from(self.is_negative()))
    }

    /// Without an exponent: `12.50`, `1000`; with one only where more than 200,000 characters would be written.
    pub fn to_plain(&self) -> String {
        let mut text = Vec::with_capacity(self.plain_length().min(MAX_PLAIN));
        self.write_plain(&mut text);
        String::from_utf8(text).unwrap_or_default()
    }

    /// Writes what [`Decimal::to_plain`] answers.
    pub(crate) fn write_plain(&self, text: &mut Vec<u8>) {
        if self.plain_length() > MAX_PLAIN {
            return text.extend_from_slice(self.to_scientific().as_bytes());
        }
        if self.is_negative() {
            text.push(b'-');
        }
        let power = usize::try_from(self.exponent.unsigned_abs()).unwrap_or(usize::MAX);
        if self.exponent >= 0 {
            text.extend_from_slice(self.digits().as_bytes());
            if !self.is_zero() {
                text.extend(std::iter::repeat_n(b'0', power));
            }
        } else if self.digits().len() > power {
            let (whole, fraction) = self.digits().split_at(self.digits().len() - power);
            text.extend_from_slice(whole.as_bytes());
            text.push(b'.');
            text.extend_from_slice(fraction.as_bytes());
        } else {
            text.extend_from_slice(b"0.");
            text.extend(std::iter::repeat_n(b'0', power - self.digits().len()));
            text.extend_from_slice(self.digits().as_bytes());
        }
    }

    fn to_scientific(&self) -> String {
        let sign = if self.is_negative() { "-" } else { "" };
        let (first, rest) = self.digits().split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        format!("{sign}{first}{point}{rest}E{:+}", self.adjusted())
    }
}

/// A number of decimal digits and one.
fn incremented(digits: &str) -> String {
    let nines = digits.bytes().rev().take_while(|b| *b == b'9').count();
    let (head, _) = digits.split_at(digits.len() - nines);
    let mut text = String::with_capacity(digits.len() + 1);
    match head.as_bytes().split_last() {
        Some((last, _)) => {
            text.push_str(&head[..head.len() - 1]);
            text.push(char::from(last + 1));
        }
        None => text.push('1'),
    }
    text.extend(std::iter::repeat_n('0', nines));
    text
}

impl FromStr for Decimal {
    type Err = NotADecimal;

    /// Reads `[+-]digits[.digits][e[+-]digits]`, as Python's `Decimal` does, but neither infinities nor NaN.
    ///
    /// Numbers that Python cannot hold exactly are refused: powers of ten beyond 999999999999999999.
    fn from_str(text: &str) -> Result<Self, NotADecimal> {
        if let Some(number) = Decimal::short(text) {
            return Ok(number);
        }
        let (negative, rest) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        // by bytes, which is faster in text as short as this
        let (number, power) = match rest.bytes().position(|b| matches!(b, b'e' | b'E')) {
            Some(at) => (&rest[..at], rest[at + 1..].parse::<i64>().map_err(|_| NotADecimal)?),
            None => (rest, 0),
        };
        let (whole, fraction) = match number.bytes().position(|b| b == b'.') {
            Some(at) => (&number[..at], &number[at + 1..]),
            None => (number, ""),
        };
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !digits(whole) || !digits(fraction) {
            return Err(NotADecimal);
        }
        let places = i64::try_from(fraction.len()).map_err(|_| NotADecimal)?;
        let exponent = power.checked_sub(places).ok_or(NotADecimal)?;
        let decimal = match whole.trim_start_matches('0') {
            "" => Decimal::new(negative, fraction, exponent),
            whole => Decimal::of(negative, [whole, fraction], exponent),
        };
        let fits = decimal.adjusted() <= MAX_POWER && exponent >= MIN_POWER;
        fits.then_some(decimal).ok_or(NotADecimal)
    }
}

/// The largest power of ten of a first digit, Python's `MAX_EMAX`.
const MAX_POWER: i64 = 999_999_999_999_999_999;

/// The smallest power of ten of a last digit, Python's `MIN_ETINY`.
const MIN_POWER: i64 = -1_999_999_999_999_999_997;

/// As Python's `str` prints it: with an exponent where the number is very small or has zeros that were not written.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_plain = self.exponent <= 0 && self.adjusted() >= -6;
        f.write_str(&if is_plain { self.to_plain() } else { self.to_scientific() })
    }
}

impl From<i64> for Decimal {
    fn from(value: i64) -> Self {
        Decimal { signed: value.to_smolstr(), exponent: 0 }
    }
}

impl From<i32> for Decimal {
    fn from(value: i32) -> Self {
        Decimal::from(i64::from(value))
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
        let sign = |d: &Decimal| match (d.is_zero(), d.is_negative()) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        let by_sign = sign(self).cmp(&sign(other));
        if by_sign != Ordering::Equal || self.is_zero() {
            return by_sign;
        }
        let magnitude = |d: &Decimal| d.exponent.saturating_add(i64::try_from(d.digits().len()).unwrap_or(i64::MAX));
        let (own, others) = (self.digits().trim_end_matches('0'), other.digits().trim_end_matches('0'));
        // at the same magnitude the first different digit decides, as in text
        let larger = magnitude(self).cmp(&magnitude(other)).then_with(|| own.cmp(others));
        if self.is_negative() { larger.reverse() } else { larger }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn text_there_and_back() {
        for (text, python) in
            [("1.50", "1.50"), ("-0", "-0"), ("1e3", "1E+3"), ("0.0000001", "1E-7"), ("00012", "12"), ("1.5e1", "15")]
        {
            assert_eq!(decimal(text).to_string(), python, "{text}");
        }
        for text in ["", ".", "e1", "1e", "x", "1_0", "NaN", "--1", "1e1000000000000000000", "1e99999999999999999999"] {
            assert!(text.parse::<Decimal>().is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_short_number_is_read_as_any(text in "[-+]?0{0,2}[0-9_]{0,12}\\.?0{0,2}[0-9]{0,12}") {
            // the exponent leads past the short way
            let any = format!("{text}e0").parse::<Decimal>();
            let short = Decimal::short(&text);
            let parts = |number: &Decimal| (number.signed.clone(), number.exponent);
            if let Some(short) = &short {
                proptest::prop_assert_eq!(any.as_ref().ok().map(parts), Some(parts(short)));
            }
            proptest::prop_assert_eq!(text.parse::<Decimal>().ok().map(|n| parts(&n)), any.ok().map(|n| parts(&n)));
        }
    }

    #[test]
    fn plain_text() {
        for (text, plain) in [("0e5", "0"), ("1e2", "100"), ("-12e-1", "-1.2"), ("5e-3", "0.005"), ("-0.00", "-0.00")] {
            assert_eq!(decimal(text).to_plain(), plain, "{text}");
            assert_eq!(decimal(text).plain_length(), plain.len(), "{text}");
        }
        assert_eq!(decimal("12e999999999999").to_plain(), "1.2E+1000000000000");
    }

    #[test]
    fn order() {
        let order = |a: &str, b: &str| decimal(a).cmp(&decimal(b));
        assert_eq!(order("1.50", "1.5"), Ordering::Equal);
        assert_eq!(order("-0", "0.00"), Ordering::Equal);
        assert_eq!(order("2", "10"), Ordering::Less);
        assert_eq!(order("-2", "-10"), Ordering::Greater);
        assert_eq!(order("1e3", "999.9"), Ordering::Greater);
    }

    #[test]
    fn places() {
        let quantized =
            |text: &str, places| decimal(text).quantize(places, Rounding::HalfEven, 6).map(|d| d.to_string());
        for (text, places, shown) in [
            ("1.5", 2, "1.50"),
            ("1.505", 2, "1.50"),
            ("1.515", 2, "1.52"),
            ("0.004", 2, "0.00"),
            ("-0.00001", 2, "-0.00"),
            ("99.995", 2, "100.00"),
            ("0e3", 1, "0.0"),
            ("1e3", 1, "1000.0"),
        ] {
            assert_eq!(quantized(text, places).as_deref(), Some(shown), "{text}");
        }
        for text in ["99999", "1e40", "9999.995", "1e999999999999999"] {
            assert_eq!(quantized(text, 2), None, "{text}");
        }
    }

    #[test]
    fn roundings() {
        let inputs = ["2.5", "-2.5", "3.5", "2.4", "-2.6", "5.1", "0.1", "-0.1", "2.0"];
        for (rounding, shown) in [
            (Rounding::Up, ["3", "-3", "4", "3", "-3", "6", "1", "-1", "2"]),
            (Rounding::Down, ["2", "-2", "3", "2", "-2", "5", "0", "-0", "2"]),
            (Rounding::Ceiling, ["3", "-2", "4", "3", "-2", "6", "1", "-0", "2"]),
            (Rounding::Floor, ["2", "-3", "3", "2", "-3", "5", "0", "-1", "2"]),
            (Rounding::HalfUp, ["3", "-3", "4", "2", "-3", "5", "0", "-0", "2"]),
            (Rounding::HalfDown, ["2", "-2", "3", "2", "-3", "5", "0", "-0", "2"]),
            (Rounding::HalfEven, ["2", "-2", "4", "2", "-3", "5", "0", "-0", "2"]),
            (Rounding::ZeroFiveUp, ["2", "-2", "3", "2", "-2", "6", "1", "-1", "2"]),
        ] {
            let rounded = inputs.map(|text| decimal(text).quantize(0, rounding, 28).unwrap().to_string());
            assert_eq!(rounded, shown, "{rounding:?}");
        }
        assert_eq!(decimal("99.96").round(3, Rounding::HalfEven).to_string(), "100");
        assert_eq!(decimal("12345").round(2, Rounding::HalfEven).to_string(), "1.2E+4");
    }

    #[test]
    fn zeros_at_the_end() {
        for (text, shown) in [("1.500", "1.5"), ("100", "1E+2"), ("0.00", "0"), ("-0E+5", "-0"), ("0.0010", "0.001")] {
            assert_eq!(decimal(text).normalize().to_string(), shown, "{text}");
        }
    }
}
