//! Exact numbers.

use std::cmp::Ordering;
use std::fmt;

use super::{FieldContext, FieldType, Limit, Unrepresentable, limit};
use crate::context::Context;
use crate::error::{ErrorDetail, ValidationError};
use crate::store::Cell;
use crate::value::{Decimal, Rounding, Value, python, write};

/// The digits that Python's `decimal` keeps where nothing else is said.
const PRECISION: u32 = 28;

/// The significant digits that Django takes from a float of SQLite.
const FLOAT_DIGITS: usize = 15;

/// The digits before the point that every float has room for.
const FLOAT_POWERS: u32 = 300;

/// An exact number of limited digits, shown as text (`"10.00"`); any input is printed first and then read as Python's
/// `Decimal()` reads it.
///
/// | code | message |
/// |---|---|
/// | `invalid` | `A valid number is required.` (infinities and NaN too) |
/// | `max_digits` | `Ensure that there are no more than {max_digits} digits in total.` |
/// | `max_decimal_places` | `Ensure that there are no more than {max_decimal_places} decimal places.` |
/// | `max_whole_digits` | `Ensure that there are no more than {max_whole_digits} digits before the decimal point.` |
/// | `max_value` | `Ensure this value is less than or equal to {max_value}.` |
/// | `min_value` | `Ensure this value is greater than or equal to {min_value}.` |
/// | `max_string_length` | `String value too large.` (more than 1000 characters, written out) |
///
/// Without `max_digits`, a number that no float comes near is invalid (DRF shows it as text, and answers 500 where it is shown
/// as a number), and one that takes more than 28 digits with `decimal_places` has too many (DRF answers 500).
///
/// ```
/// use bowline::context::Context;
/// use bowline::fields::{DecimalField, Field, FieldContext, FieldType};
/// use bowline::store::Cell;
/// use bowline::value::Value;
/// let field = Field::new("price", DecimalField::new(6, 2).min_value(0));
/// let request = Context::default();
/// let cx = FieldContext::new(&request);
/// let errors = field.run_validation(Some(&Value::Float(9.999)), &cx).unwrap_err();
/// assert_eq!(errors.to_json(), r#"["Ensure that there are no more than 2 decimal places."]"#);
///
/// let mut out = Vec::new();
/// field.kind.to_representation(Cell::Text("9.9"), &request, &mut out).unwrap();
/// assert_eq!(out, br#""9.90""#);
/// ```
#[derive(Clone, Debug)]
pub struct DecimalField {
    max_digits: Option<u32>,
    decimal_places: Option<u32>,
    coerce_to_string: bool,
    min: Option<Bound>,
    max: Option<Bound>,
    rounding: Rounding,
    normalize_output: bool,
    column: Option<(u32, u32)>,
}

/// A limit, and the exact number that it is.
#[derive(Clone, Debug)]
struct Bound {
    limit: Limit,
    number: Option<Decimal>,
}

impl From<Limit> for Bound {
    fn from(limit: Limit) -> Self {
        Bound { number: limit.to_decimal(), limit }
    }
}

impl From<Bound> for Value {
    fn from(bound: Bound) -> Self {
        bound.limit.into()
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.limit.fmt(f)
    }
}

impl DecimalField {
    /// A number of so many digits in all and after the point, where they are limited.
    pub fn new(max_digits: impl Into<Option<u32>>, decimal_places: impl Into<Option<u32>>) -> Self {
        DecimalField {
            max_digits: max_digits.into(),
            decimal_places: decimal_places.into(),
            coerce_to_string: true,
            min: None,
            max: None,
            rounding: Rounding::default(),
            normalize_output: false,
            column: None,
        }
    }

    /// Whether answers hold it as text (the default), or as the nearest float.
    pub fn coerce_to_string(mut self, yes: bool) -> Self {
        self.coerce_to_string = yes;
        self
    }

    /// The smallest number that is accepted.
    pub fn min_value(mut self, min: impl Into<Limit>) -> Self {
        self.min = Some(min.into().into());
        self
    }

    /// The largest number that is accepted.
    pub fn max_value(mut self, max: impl Into<Limit>) -> Self {
        self.max = Some(max.into().into());
        self
    }

    /// How a stored number is cut to the decimal places that are shown.
    pub fn rounding(mut self, rounding: Rounding) -> Self {
        self.rounding = rounding;
        self
    }

    /// Whether zeros at the end are left out of answers.
    pub fn normalize_output(mut self, yes: bool) -> Self {
        self.normalize_output = yes;
        self
    }

    /// The digits and decimal places of the column that it stands for.
    ///
    /// SQLite keeps its numbers as floats and integers, of which Django takes 15 digits and so many places.
    pub fn column(mut self, digits: u32, places: u32) -> Self {
        self.column = Some((digits, places));
        self
    }

    /// DRF's `validate_precision`.
    fn check_precision(&self, number: &Decimal, cx: &FieldContext<'_>) -> Result<(), ValidationError> {
        let digits = i64::try_from(number.digits().len()).unwrap_or(i64::MAX);
        let exponent = number.exponent();
        let (total, whole, places) = if exponent >= 0 {
            let total = digits.saturating_add(exponent);
            (total, total, 0)
        } else if digits > -exponent {
            (digits, digits + exponent, -exponent)
        } else {
            (-exponent, 0, -exponent)
        };
        let whole_digits = self.max_digits.zip(self.decimal_places).map(|(d, p)| i64::from(d) - i64::from(p));
        if let Some(max) = self.max_digits.filter(|max| total > i64::from(*max)) {
            return Err(too_many_digits(max, cx));
        }
        if let Some(max) = self.decimal_places.filter(|max| places > i64::from(*max)) {
            let default = "Ensure that there are no more than {max_decimal_places} decimal places.";
            return Err(cx.error("max_decimal_places", default, &[("max_decimal_places", &max.to_string())]));
        }
        if let Some(max) = whole_digits.filter(|max| whole > *max) {
            let default = "Ensure that there are no more than {max_whole_digits} digits before the decimal point.";
            return Err(cx.error("max_whole_digits", default, &[("max_whole_digits", &max.to_string())]));
        }
        Ok(())
    }

    fn quantize(&self, number: Decimal) -> Result<Decimal, Decimal> {
        match self.decimal_places {
            None => Ok(number),
            // as it was written, as most are
            Some(places)
                if number.exponent() == -i64::from(places)
                    && number.digits().len() <= self.max_digits.unwrap_or(PRECISION) as usize =>
            {
                Ok(number)
            }
            Some(places) => number.quantize(places, self.rounding, self.max_digits.unwrap_or(PRECISION)).ok_or(number),
        }
    }

    /// What Django makes of a number that SQLite keeps in a decimal column.
    fn stored(&self, number: Decimal) -> Decimal {
        match self.column {
            None => number,
            Some((digits, places)) => {
                let number = number.round(FLOAT_DIGITS as u32, Rounding::HalfEven);
                number.quantize(places, Rounding::HalfEven, digits).unwrap_or(number)
            }
        }
    }

    /// The number of a cell; the text of what is none, as `NaN`.
    fn number<'a>(&self, cell: Cell<'a>) -> Result<Result<Decimal, &'a str>, Unrepresentable> {
        Ok(Ok(match cell {
            Cell::Text(text) => match python::parse_decimal(text) {
                Some(number) => number,
                None if matches!(text, "NaN" | "Infinity" | "-Infinity") => return Ok(Err(text)),
                None => return Err(Unrepresentable),
            },
            Cell::Numeric(number) => match number.to_decimal() {
                Some(number) => number,
                None => return Ok(Err(number.special().unwrap_or_default())),
            },
            Cell::Int(i) => self.stored(Decimal::from(i)),
            Cell::Float(f) if f.is_nan() => return Ok(Err("NaN")),
            Cell::Float(f) if f.is_infinite() => return Ok(Err(if f > 0.0 { "Infinity" } else { "-Infinity" })),
            Cell::Float(f) if self.column.is_some() => {
                let text = format!("{f:.*e}", FLOAT_DIGITS - 1);
                self.stored(text.parse().map_err(|_| Unrepresentable)?)
            }
            Cell::Float(f) => python::float_repr(f).parse().map_err(|_| Unrepresentable)?,
            Cell::Value(Value::Decimal(number)) => number.clone(),
            Cell::Value(Value::BigInt(digits)) => digits.parse().map_err(|_| Unrepresentable)?,
            _ => return Err(Unrepresentable),
        }))
    }
}

/// What is wrong with a number that no answer can hold.
fn unwritable(number: &Decimal, cx: &FieldContext<'_>) -> Option<ErrorDetail> {
    if number.to_f64().is_infinite() {
        return Some(invalid(cx));
    }
    // a few characters with an exponent would become an answer of any length
    limit::too_long(number.plain_length(), cx)
}

fn invalid(cx: &FieldContext<'_>) -> ErrorDetail {
    cx.detail("invalid", "A valid number is required.", &[])
}

fn too_many_digits(max: u32, cx: &FieldContext<'_>) -> ValidationError {
    let default = "Ensure that there are no more than {max_digits} digits in total.";
    cx.error("max_digits", default, &[("max_digits", &max.to_string())])
}

impl FieldType for DecimalField {
    fn to_internal_value(&self, input: &Value, cx: &FieldContext<'_>) -> Result<Value, ValidationError> {
        let text = input.to_python_str();
        let text = python::strip(&text);
        limit::refuse_long(text, cx)?;
        let number = python::parse_decimal(text).ok_or_else(|| invalid(cx))?;
        self.check_precision(&number, cx)?;
        let number = self.quantize(number).map_err(|_| too_many_digits(self.max_digits.unwrap_or(PRECISION), cx))?;
        Ok(Value::Decimal(number))
    }

    fn check(&self, value: &Value, cx: &FieldContext<'_>, errors: &mut Vec<ErrorDetail>) {
        let Value::Decimal(number) = value else {
            return;
        };
        let compare = |bound: &Bound| bound.number.as_ref().map_or(Ordering::Equal, |bound| number.cmp(bound));
        limit::check((self.min.as_ref(), self.max.as_ref()), compare, cx, errors);
        if errors.is_empty() && self.max_digits.is_none_or(|digits| digits > FLOAT_POWERS) {
            errors.extend(unwritable(number, cx));
        }
    }

    fn is_null_input(&self, input: &Value, allow_null: bool) -> bool {
        allow_null && matches!(input, Value::Str(text) if python::strip(text).is_empty())
    }

    fn to_representation(&self, cell: Cell<'_>, _cx: &Context, out: &mut Vec<u8>) -> Result<(), Unrepresentable> {
        // PostgreSQL's column has the field's places nearly always: its digits are the answer
        if let (Cell::Numeric(number), Some(places), true) = (cell, self.decimal_places, self.coerce_to_string)
            && number.is_finite()
            && u32::from(number.scale()) == places
            && !self.normalize_output
        {
            out.push(b'"');
            number.write(out);
            out.push(b'"');
            return Ok(());
        }
        let number = match self.number(cell)? {
            Ok(number) => number,
            Err(text) if self.coerce_to_string => {
                write::string(text, out);
                return Ok(());
            }
            Err(_) => {
                out.extend_from_slice(b"null");
                return Ok(());
            }
        };
        // what has more digits than the field was stored by something else; it is shown as it is
        let number = self.quantize(number).unwrap_or_else(|number| number);
        let number = if self.normalize_output { number.normalize() } else { number };
        if self.coerce_to_string {
            out.push(b'"');
            number.write_plain(out);
            out.push(b'"');
        } else {
            write::float(number.to_f64(), out);
        }
        Ok(())
    }

    fn metadata_type(&self) -> &'static str {
        "decimal"
    }

    fn metadata_limits(&self) -> Vec<(&'static str, Value)> {
        let mut limits = limit::metadata(self.min.as_ref(), self.max.as_ref());
        let digits = [("max_digits", self.max_digits), ("decimal_places", self.decimal_places)];
        limits.extend(digits.into_iter().filter_map(|(name, n)| Some((name, Value::Int(n?.into())))));
        limits
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::super::testing::{error, field, null, set, shown};
    use super::*;
    use crate::store::Numeric;

    fn text(kind: &DecimalField, json: &str) -> String {
        set(kind, json).to_python_str().into_owned()
    }

    #[test]
    fn decimals() {
        let kind = DecimalField::new(6, 2);
        for (json, decimal) in [
            ("1", "1.00"),
            ("-1.5", "-1.50"),
            (r#"" 1_0.5 ""#, "10.50"),
            (r#""١.٥""#, "1.50"),
            (r#""1e3""#, "1000.00"),
            ("0.1", "0.10"),
            (r#""-0""#, "-0.00"),
            (r#""0e3""#, "0.00"),
        ] {
            assert_eq!(text(&kind, json), decimal, "{json}");
        }
        for json in [
            r#""x""#,
            r#""NaN""#,
            r#""-Infinity""#,
            "true",
            "[]",
            "{}",
            r#""""#,
            r#""1,5""#,
            "1e400",
            r#""1e99999999999999999999""#,
        ] {
            assert_eq!(error(&kind, json), ["invalid: A valid number is required."], "{json}");
        }
    }

    #[test]
    fn digits_are_judged_in_order() {
        let kind = DecimalField::new(6, 2);
        let total = "max_digits: Ensure that there are no more than 6 digits in total.";
        let places = "max_decimal_places: Ensure that there are no more than 2 decimal places.";
        let whole = "max_whole_digits: Ensure that there are no more than 4 digits before the decimal point.";
        for (json, message) in [
            (r#""12345.678""#, total),
            (r#""1e6""#, total),
            (r#""0.0000001""#, total),
            (r#""1.234""#, places),
            (r#""1.000""#, places),
            (r#""12345.6""#, whole),
            (r#""0e5""#, whole),
            ("1e300", total),
        ] {
            assert_eq!(error(&kind, json), [message], "{json}");
        }
        let long = format!("\"{}\"", "1".repeat(1001));
        assert_eq!(error(&kind, &long), ["max_string_length: String value too large."]);
    }

    #[test]
    fn without_limits() {
        let free = DecimalField::new(None, None);
        assert_eq!(text(&free, r#""1e40""#), "1E+40");
        assert_eq!(error(&free, r#""1e309""#), ["invalid: A valid number is required."]);
        assert_eq!(error(&free, r#""1e-1000""#), ["max_string_length: String value too large."]);
        let places = DecimalField::new(None, 2);
        assert_eq!(text(&places, r#""1e25""#), "10000000000000000000000000.00");
        let message = "max_digits: Ensure that there are no more than 28 digits in total.";
        assert_eq!(error(&places, r#""1e26""#), [message]);
    }

    #[test]
    fn limits() {
        let kind = DecimalField::new(5, 1).min_value(0).max_value("99.9".parse::<Decimal>().unwrap());
        set(&kind, r#""-0""#);
        assert_eq!(error(&kind, "100"), ["max_value: Ensure this value is less than or equal to 99.9."]);
        assert_eq!(error(&kind, "-0.1"), ["min_value: Ensure this value is greater than or equal to 0."]);
        let mut metadata = Vec::new();
        write::value(&Value::Map(kind.metadata_limits().into_iter().collect()), &mut metadata);
        let json = r#"{"min_value":0,"max_value":99.9,"max_digits":5,"decimal_places":1}"#;
        assert_eq!(String::from_utf8(metadata).unwrap(), json);
    }

    #[test]
    fn blank_is_null() {
        let kind = field(&DecimalField::new(6, 2)).allow_null(true);
        assert!(null(&kind, r#"" \t""#));
        assert_eq!(error(&DecimalField::new(6, 2), r#"" ""#), ["invalid: A valid number is required."]);
    }

    #[test]
    fn numbers_of_postgres() {
        let stored = |groups: &[u16], sign: u16, scale: u16| -> Vec<u8> {
            let head = [u16::try_from(groups.len()).unwrap(), 0, sign, scale];
            head.iter().chain(groups).flat_map(|word| word.to_be_bytes()).collect()
        };
        let kind = DecimalField::new(6, 2);
        let text = |kind: &DecimalField, raw: &[u8]| shown(kind, Cell::Numeric(Numeric::read(raw).unwrap())).unwrap();
        assert_eq!(text(&kind, &stored(&[12, 5000], 0, 2)), r#""12.50""#);
        assert_eq!(text(&kind, &stored(&[12, 5000], 0x4000, 1)), r#""-12.50""#);
        assert_eq!(text(&kind, &stored(&[0, 1250], 0, 3)), r#""0.12""#);
        assert_eq!(text(&kind, &stored(&[], 0xC000, 0)), r#""NaN""#);
        let number = kind.coerce_to_string(false);
        assert_eq!(text(&number, &stored(&[12, 5000], 0, 2)), "12.5");
        assert_eq!(text(&number, &stored(&[], 0xC000, 0)), "null");
        let normal = DecimalField::new(6, 2).normalize_output(true);
        assert_eq!(text(&normal, &stored(&[12, 5000], 0, 2)), r#""12.5""#);
    }

    #[test]
    fn output() {
        let kind = DecimalField::new(6, 2);
        for (cell, json) in [
            (Cell::Text("10.5"), r#""10.50""#),
            (Cell::Text("0.125"), r#""0.12""#),
            (Cell::Int(7), r#""7.00""#),
            (Cell::Float(0.1), r#""0.10""#),
            (Cell::Text("NaN"), r#""NaN""#),
            (Cell::Text("12345678.9"), r#""12345678.9""#),
            (Cell::Value(&Value::BigInt("9".repeat(20))), "\"99999999999999999999\""),
        ] {
            assert_eq!(shown(&kind, cell).unwrap(), json);
        }
        assert!(shown(&kind, Cell::Text("x")).is_err());
        let up = kind.clone().rounding(Rounding::HalfUp);
        assert_eq!(shown(&up, Cell::Text("0.125")).unwrap(), r#""0.13""#);
        let short = DecimalField::new(8, 4).normalize_output(true);
        assert_eq!(shown(&short, Cell::Text("100.5000")).unwrap(), r#""100.5""#);
        assert_eq!(shown(&short, Cell::Text("100")).unwrap(), r#""100""#);
        let number = kind.coerce_to_string(false);
        assert_eq!(shown(&number, Cell::Text("10.5")).unwrap(), "10.5");
        assert_eq!(shown(&number, Cell::Text("10")).unwrap(), "10.0");
        assert_eq!(shown(&number, Cell::Text("NaN")).unwrap(), "null");
    }

    #[test]
    fn what_sqlite_keeps() {
        let kind = DecimalField::new(20, 5);
        // 17 digits of a float, of which Django takes 15
        assert_eq!(shown(&kind, Cell::Float(123456789012.34567)).unwrap(), r#""123456789012.34567""#);
        let stored = kind.column(20, 5);
        assert_eq!(shown(&stored, Cell::Float(123456789012.34567)).unwrap(), r#""123456789012.34600""#);
        assert_eq!(shown(&stored, Cell::Int(10)).unwrap(), r#""10.00000""#);
        // first to the column's places, then to the field's
        let shorter = DecimalField::new(6, 1).rounding(Rounding::HalfUp).column(6, 2);
        assert_eq!(shown(&shorter, Cell::Float(0.2451)).unwrap(), r#""0.3""#);
    }
}
