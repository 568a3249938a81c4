//! Whole numbers.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::{FieldContext, FieldType, Unrepresentable, limit};
use crate::context::Context;
use crate::error::{ErrorDetail, ValidationError};
use crate::store::Cell;
use crate::value::{Value, python, write};

/// What the two integer fields share.
#[derive(Clone, Debug, Default)]
struct Range {
    min: Option<i64>,
    max: Option<i64>,
}

impl Range {
    fn check(&self, value: &Value, cx: &FieldContext<'_>, errors: &mut Vec<ErrorDetail>) {
        limit::check((self.min.as_ref(), self.max.as_ref()), |limit| compare(value, *limit), cx, errors);
    }

    fn metadata(&self) -> Vec<(&'static str, Value)> {
        limit::metadata(self.min.as_ref(), self.max.as_ref())
    }
}

fn compare(value: &Value, limit: i64) -> Ordering {
    match value {
        Value::Int(i) => i.cmp(&limit),
        Value::BigInt(digits) if digits.starts_with('-') => Ordering::Less,
        Value::BigInt(_) => Ordering::Greater,
        _ => Ordering::Equal,
    }
}

/// DRF prints any input and reads that as an integer, without a fraction that is zero.
fn read(input: &Value, cx: &FieldContext<'_>, invalid: &'static str) -> Result<Value, ValidationError> {
    let text = match input {
        Value::Int(i) => return Ok(Value::Int(*i)),
        Value::Str(text) | Value::Surrogates(_, text) => {
            limit::refuse_long(text, cx)?;
            Cow::Borrowed(text.as_str())
        }
        _ => input.to_python_str(),
    };
    python::parse_int(without_zero_fraction(&text)).ok_or_else(|| cx.error("invalid", invalid, &[]))
}

/// `re.sub(r'\.0*\s*$', '', text)`.
fn without_zero_fraction(text: &str) -> &str {
    match text.rsplit_once('.') {
        Some((whole, fraction)) if fraction.trim_end_matches(python::is_space).bytes().all(|b| b == b'0') => whole,
        _ => text,
    }
}

/// `int()` of an attribute or a cell.
fn integer(cell: Cell<'_>) -> Result<Value, Unrepresentable> {
    match cell {
        Cell::Int(i) => Ok(Value::Int(i)),
        Cell::Bool(b) => Ok(Value::Int(b.into())),
        Cell::Float(f) if f.is_finite() => python::parse_int(&format!("{:.0}", f.trunc())).ok_or(Unrepresentable),
        Cell::Text(text) => python::parse_int(text).ok_or(Unrepresentable),
        // `int()` of a decimal drops what is behind the point
        Cell::Numeric(number) => {
            let text = number.to_string();
            python::parse_int(text.split('.').next().unwrap_or_default()).ok_or(Unrepresentable)
        }
        Cell::Value(value @ Value::BigInt(_)) => Ok(value.clone()),
        _ => Err(Unrepresentable),
    }
}

/// An integer; text is read as Python's `int()` reads it, and may end in `.0`.
///
/// | code | message |
/// |---|---|
/// | `invalid` | `A valid integer is required.` |
/// | `max_value` | `Ensure this value is less than or equal to {max_value}.` |
/// | `min_value` | `Ensure this value is greater than or equal to {min_value}.` |
/// | `max_string_length` | `String value too large.` (more than 1000 characters) |
///
/// It may have any size; a field of a model is limited to what its column holds.
///
/// ```
/// use bowline::context::Context;
/// use bowline::fields::{Field, FieldContext, IntegerField, Outcome};
/// use bowline::value::Value;
/// let field = Field::new("seats", IntegerField::new().min_value(1).max_value(8));
/// let request = Context::default();
/// let cx = FieldContext::new(&request);
/// assert_eq!(field.run_validation(Some(&Value::Str("4".into())), &cx), Ok(Outcome::Set(Value::Int(4))));
/// let errors = field.run_validation(Some(&Value::Int(9)), &cx).unwrap_err();
/// assert_eq!(errors.to_json(), r#"["Ensure this value is less than or equal to 8."]"#);
/// ```
#[derive(Clone, Debug, Default)]
pub struct IntegerField {
    range: Range,
}

impl IntegerField {
    /// Any integer.
    pub fn new() -> Self {
        IntegerField::default()
    }

    /// The smallest integer that is accepted.
    pub fn min_value(mut self, min: impl Into<Option<i64>>) -> Self {
        self.range.min = min.into();
        self
    }

    /// The largest integer that is accepted.
    pub fn max_value(mut self, max: impl Into<Option<i64>>) -> Self {
        self.range.max = max.into();
        self
    }
}

impl FieldType for IntegerField {
    fn to_internal_value(&self, input: &Value, cx: &FieldContext<'_>) -> Result<Value, ValidationError> {
        read(input, cx, "A valid integer is required.")
    }

    fn coerce(&self, value: &mut Value, cx: &FieldContext<'_>) -> Result<(), ValidationError> {
        if !matches!(value, Value::Int(_)) {
            *value = self.to_internal_value(value, cx)?;
        }
        Ok(())
    }

    fn check(&self, value: &Value, cx: &FieldContext<'_>, errors: &mut Vec<ErrorDetail>) {
        self.range.check(value, cx, errors);
    }

    fn to_representation(&self, cell: Cell<'_>, _cx: &Context, out: &mut Vec<u8>) -> Result<(), Unrepresentable> {
        match cell {
            Cell::Int(i) => write::int(i, out),
            other => write::value(&integer(other)?, out),
        }
        Ok(())
    }

    fn metadata_type(&self) -> &'static str {
        "integer"
    }

    fn metadata_limits(&self) -> Vec<(&'static str, Value)> {
        self.range.metadata()
    }
}

/// An [`IntegerField`] that can be shown as text, for clients whose numbers are floats.
///
/// | code | message |
/// |---|---|
/// | `invalid` | `A valid biginteger is required.` |
/// | the others | as [`IntegerField`] |
#[derive(Clone, Debug, Default)]
pub struct BigIntegerField {
    range: Range,
    coerce_to_string: bool,
}

impl BigIntegerField {
    /// Any integer, shown as a number.
    pub fn new() -> Self {
        BigIntegerField::default()
    }

    /// The smallest integer that is accepted.
    pub fn min_value(mut self, min: impl Into<Option<i64>>) -> Self {
        self.range.min = min.into();
        self
    }

    /// The largest integer that is accepted.
    pub fn max_value(mut self, max: impl Into<Option<i64>>) -> Self {
        self.range.max = max.into();
        self
    }

    /// Whether answers hold it as text.
    pub fn coerce_to_string(mut self, yes: bool) -> Self {
        self.coerce_to_string = yes;
        self
    }
}

impl FieldType for BigIntegerField {
    fn to_internal_value(&self, input: &Value, cx: &FieldContext<'_>) -> Result<Value, ValidationError> {
        read(input, cx, "A valid biginteger is required.")
    }

    fn check(&self, value: &Value, cx: &FieldContext<'_>, errors: &mut Vec<ErrorDetail>) {
        self.range.check(value, cx, errors);
    }

    fn to_representation(&self, cell: Cell<'_>, _cx: &Context, out: &mut Vec<u8>) -> Result<(), Unrepresentable> {
        match cell {
            Cell::Int(i) if !self.coerce_to_string => write::int(i, out),
            other => {
                let value = integer(other)?;
                if self.coerce_to_string {
                    write::string(&value.to_python_str(), out);
                } else {
                    write::value(&value, out);
                }
            }
        }
        Ok(())
    }

    fn metadata_type(&self) -> &'static str {
        "integer"
    }

    fn metadata_limits(&self) -> Vec<(&'static str, Value)> {
        self.range.metadata()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::super::testing::{error, set, shown};
    use super::*;

    #[test]
    fn integers() {
        let field = IntegerField::new();
        for (json, int) in [
            ("0", 0),
            ("-5", -5),
            (r#""12""#, 12),
            (r#"" 12 ""#, 12),
            (r#""+4""#, 4),
            (r#""1.0""#, 1),
            (r#""12.00 \n""#, 12),
            (r#""1.""#, 1),
            ("1.0", 1),
            ("-0.0", 0),
            (r#""٣""#, 3),
            (r#""1_000""#, 1000),
            ("9223372036854775807", i64::MAX),
        ] {
            assert_eq!(set(&field, json), Value::Int(int), "{json}");
        }
        for json in [
            r#""1.5""#,
            "1.5",
            "1e16",
            "1e400",
            r#""1e3""#,
            r#""abc""#,
            "true",
            "false",
            r#""""#,
            r#"".0""#,
            r#""1.0.0""#,
            r#""0x10""#,
            r#""\ud800""#,
            "[]",
            "{}",
        ] {
            assert_eq!(error(&field, json), ["invalid: A valid integer is required."], "{json}");
        }
        for (json, digits) in [
            ("9223372036854775808", "9223372036854775808"),
            (r#""-1_0000_0000_0000_0000_0000""#, "-100000000000000000000"),
        ] {
            assert_eq!(set(&field, json), Value::BigInt(digits.into()), "{json}");
        }
        let long = |n| format!("\"{}\"", "é".repeat(n));
        assert_eq!(error(&field, &long(1001)), ["max_string_length: String value too large."]);
        assert_eq!(error(&field, &long(1000)), ["invalid: A valid integer is required."]);
    }

    #[test]
    fn integer_limits() {
        let field = IntegerField::new().min_value(-5).max_value(10);
        for json in ["-5", "10", r#""10""#, "9.0"] {
            set(&field, json);
        }
        let max = ["max_value: Ensure this value is less than or equal to 10."];
        let min = ["min_value: Ensure this value is greater than or equal to -5."];
        for json in ["11", "1000000000000000000000000000000", r#""9223372036854775808""#] {
            assert_eq!(error(&field, json), max, "{json}");
        }
        for json in ["-6", "-9223372036854775809"] {
            assert_eq!(error(&field, json), min, "{json}");
        }
        let limits = field.metadata_limits();
        assert_eq!(limits, [("min_value", Value::Int(-5)), ("max_value", Value::Int(10))]);
        assert!(IntegerField::new().metadata_limits().is_empty());
    }

    #[test]
    fn big_integers() {
        let field = BigIntegerField::new();
        for json in [r#""x""#, "1.5", "true"] {
            assert_eq!(error(&field, json), ["invalid: A valid biginteger is required."], "{json}");
        }
        assert_eq!(set(&field, r#""12""#), Value::Int(12));
        assert_eq!(shown(&field, Cell::Int(i64::MIN)).unwrap(), "-9223372036854775808");
        let big = set(&field, "9223372036854775808");
        assert_eq!(shown(&field, Cell::from(&big)).unwrap(), "9223372036854775808");
        let field = field.coerce_to_string(true);
        assert_eq!(shown(&field, Cell::Int(-7)).unwrap(), r#""-7""#);
        assert_eq!(shown(&field, Cell::from(&big)).unwrap(), r#""9223372036854775808""#);
    }

    #[test]
    fn cells() {
        let field = IntegerField::new();
        for (cell, json) in [
            (Cell::Int(0), "0"),
            (Cell::Text(" 12"), "12"),
            (Cell::Bool(true), "1"),
            (Cell::Float(-1.9), "-1"),
            (Cell::Float(1e20), "100000000000000000000"),
        ] {
            assert_eq!(shown(&field, cell).unwrap(), json);
        }
        for cell in [Cell::Text("x"), Cell::Float(f64::NAN), Cell::Bytes(b"1")] {
            assert!(shown(&field, cell).is_err(), "{cell:?}");
        }
    }
}
