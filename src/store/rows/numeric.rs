//! Exact numbers as PostgreSQL sends them.

use std::fmt;

use crate::value::Decimal;

/// A `numeric` of PostgreSQL's, read in place: every digit of it and its scale, without a detour by floating point.
///
/// It prints as PostgreSQL prints it: `12.50`, `-0.001`, `NaN`, `Infinity`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Numeric<'a>(&'a [u8]);

/// The four numbers before the digits: how many groups, the power of the first, sign, scale.
const HEAD: usize = 8;

/// A group is a digit to the base of 10000.
const GROUP: usize = 4;

const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xC000;
const INFINITY: u16 = 0xD000;
const NEGATIVE_INFINITY: u16 = 0xF000;

impl<'a> Numeric<'a> {
    /// The number of a column's bytes; none where they are no `numeric`.
    pub(crate) fn read(raw: &'a [u8]) -> Option<Self> {
        let number = Numeric(raw);
        let groups = raw.get(HEAD..)?;
        let complete = groups.len() == 2 * usize::from(number.word(0));
        let known = matches!(number.sign(), 0 | NEGATIVE | NAN | INFINITY | NEGATIVE_INFINITY);
        let digits = groups.chunks_exact(2).all(|group| u16::from_be_bytes([group[0], group[1]]) < 10_000);
        (complete && known && digits).then_some(number)
    }

    /// What it is called where it is no number.
    pub fn special(self) -> Option<&'static str> {
        match self.sign() {
            NAN => Some("NaN"),
            INFINITY => Some("Infinity"),
            NEGATIVE_INFINITY => Some("-Infinity"),
            _ => None,
        }
    }

    /// Whether it is neither an infinity nor `NaN`.
    pub fn is_finite(self) -> bool {
        self.special().is_none()
    }

    /// How many digits are after the point.
    pub fn scale(self) -> u16 {
        self.word(3)
    }

    /// The number as Python's `decimal` would hold it; none for infinities and `NaN`.
    pub fn to_decimal(self) -> Option<Decimal> {
        if !self.is_finite() {
            return None;
        }
        let mut digits = String::with_capacity(self.0.len() * 2);
        // writing to a String cannot fail
        let _ = self.write_digits(&mut digits, "");
        Some(Decimal::new(self.sign() == NEGATIVE, &digits, -i64::from(self.scale())))
    }

    /// Appends what it prints as.
    pub fn write(self, out: &mut Vec<u8>) {
        use std::io::Write;
        // writing to a Vec cannot fail
        let _ = write!(out, "{self}");
    }

    fn word(self, n: usize) -> u16 {
        match self.0.get(2 * n..2 * n + 2) {
            Some(bytes) => u16::from_be_bytes([bytes[0], bytes[1]]),
            None => 0,
        }
    }

    fn sign(self) -> u16 {
        self.word(2)
    }

    /// The group of a power of 10000; PostgreSQL leaves out zeros at both ends.
    fn group(self, power: i32) -> u16 {
        let place = i32::from(self.word(1).cast_signed()) - power;
        usize::try_from(place).map_or(0, |place| self.word(HEAD / 2 + place))
    }

    fn write_digits(self, out: &mut impl fmt::Write, point: &str) -> fmt::Result {
        let first = i32::from(self.word(1).cast_signed()).max(0);
        write!(out, "{}", self.group(first))?;
        for power in (0..first).rev() {
            write!(out, "{:04}", self.group(power))?;
        }
        let mut left = usize::from(self.scale());
        if left > 0 {
            out.write_str(point)?;
        }
        let mut power = 0;
        while left > 0 {
            power -= 1;
            let shown = left.min(GROUP);
            // of the last group only so many digits as the scale says
            let cut = 10_u16.pow(u32::try_from(GROUP - shown).unwrap_or(0));
            write!(out, "{:0shown$}", self.group(power) / cut)?;
            left -= shown;
        }
        Ok(())
    }
}

impl fmt::Display for Numeric<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = self.special() {
            return f.write_str(name);
        }
        if self.sign() == NEGATIVE {
            f.write_str("-")?;
        }
        self.write_digits(f, ".")
    }
}

impl fmt::Debug for Numeric<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Numeric({self})")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn raw(weight: i16, sign: u16, scale: u16, groups: &[u16]) -> Vec<u8> {
        let head = [u16::try_from(groups.len()).unwrap(), weight.cast_unsigned(), sign, scale];
        head.iter().chain(groups).flat_map(|word| word.to_be_bytes()).collect()
    }

    #[test]
    fn numbers_print_as_postgres_prints_them() {
        for (raw, text) in [
            (raw(0, 0, 0, &[]), "0"),
            (raw(0, 0, 2, &[]), "0.00"),
            (raw(0, 0, 2, &[12, 5000]), "12.50"),
            (raw(0, NEGATIVE, 1, &[12, 5000]), "-12.5"),
            (raw(-1, 0, 3, &[10]), "0.001"),
            (raw(-2, 0, 8, &[25]), "0.00000025"),
            (raw(2, 0, 0, &[1]), "100000000"),
            (raw(2, 0, 5, &[1, 0, 0, 2, 5000]), "100000000.00025"),
            (raw(0, NAN, 0, &[]), "NaN"),
            (raw(0, INFINITY, 0, &[]), "Infinity"),
            (raw(0, NEGATIVE_INFINITY, 0, &[]), "-Infinity"),
        ] {
            let number = Numeric::read(&raw).unwrap();
            assert_eq!(number.to_string(), text);
            let decimal = number.to_decimal().map(|decimal| decimal.to_plain());
            assert_eq!(decimal.as_deref(), number.is_finite().then_some(text));
        }
    }

    #[test]
    fn other_bytes_are_no_number() {
        let short = &raw(0, 0, 0, &[1])[..9];
        for raw in [&[][..], &[0; 7], short, &raw(0, 1, 0, &[]), &raw(0, 0, 0, &[10_000])] {
            assert!(Numeric::read(raw).is_none(), "{raw:?}");
        }
    }
}
