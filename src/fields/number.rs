//! Whole numbers and floats.

use std::borrow::Cow;

use super::{FieldContext, FieldType, Unrepresentable};
use crate::context::Context;
use crate::error::{ErrorDetail, ValidationError};
use crate::store::Cell;
use crate::value::{Value, python, write};

const MAX_VALUE: &str = "Ensure this value is less than or equal to {max_value}.";
const MIN_VALUE: &str = "Ensure this value is greater than or equal to {min_value}.";

/// The most characters of a number that is sent as text.
const MAX_STRING_LENGTH: usize = 1000;

fn refuse_long(input: &Value, cx: &FieldContext<'_>) -> Result<(), ValidationError> {
    match input {
        Value::Str(text) | Value::Surrogates(_, text)
            if text.len() > MAX_STRING_LENGTH && text.chars().count() > MAX_STRING_LENGTH =>
        {
            Err(cx.error("max_string_length", "String value too large.", &[]))
        }
        _ => Ok(()),
    }
}

fn too_big(max: impl ToString, cx: &FieldContext<'_>) -> ErrorDetail {
    cx.detail("max_value", MAX_VALUE, &[("max_value", &max.to_string())])
}

fn too_small(min: impl ToString, cx: &FieldContext<'_>) -> ErrorDetail {
    cx.detail("min_value", MIN_VALUE, &[("min_value", &min.to_string())])
}

/// What the two integer fields share.
#[derive(Clone, Debug, Default)]
struct Range {
    min: Option<i64>,
    max: Option<i64>,
}

impl Range {
    fn read(&self, input: &Value, cx: &FieldContext<'_>, invalid: &'static str) -> Result<Value, ValidationError> {
        refuse_long(input, cx)?;
        let invalid = || cx.error("invalid", invalid, &[]);
        // DRF prints any input and reads that as an integer, without a fraction that is zero
        let text = match input {
            Value::Int(i) => return Ok(Value::Int(*i)),
            Value::BigInt(digits) => Cow::Borrowed(digits.as_str()),
            Value::Str(text) => Cow::Borrowed(text.as_str()),
            Value::Float(_) => input.to_python_str(),
            _ => return Err(invalid()),
        };
        match python::parse_int(without_zero_fraction(&text)).ok_or_else(invalid)? {
            Value::Int(i) => Ok(Value::Int(i)),
            // no column holds more than 64 bits
            other => match (other.to_python_str().starts_with('-'), self.min, self.max) {
                (true, Some(min), _) => Err(too_small(min, cx).into()),
                (false, _, Some(max)) => Err(too_big(max, cx).into()),
                _ => Err(invalid()),
            },
        }
    }

    fn check(&self, value: &Value, cx: &FieldContext<'_>, errors: &mut Vec<ErrorDetail>) {
        let Value::Int(value) = value else {
            return;
        };
        if let Some(max) = self.max.filter(|max| value > max) {
            errors.push(too_big(max, cx));
        }
        if let Some(min) = self.min.filter(|min| value < min) {
            errors.push(too_small(min, cx));
        }
    }

    fn metadata(&self) -> Vec<(&'static str, Value)> {
        let limits = [("min_value", self.min), ("max_value", self.max)];
        limits.into_iter().filter_map(|(name, limit)| Some((name, Value::Int(limit?)))).collect()
    }
}

/// `re.sub(r'\.0*\s*$', '', text)`.
fn without_zero_fraction(text: &str) -> &str {
    match text.rsplit_once('.') {
        Some((whole, fraction)) if fraction.trim_end_matches(python::is_space).bytes().all(|b| b == b'0') => whole,
        _ => text,
    }
}

/// An integer of up to 64 bits; text is read as Python's `int()` reads it, and may end in `.0`.
///
/// | code | message |
/// |---|---|
/// | `invalid` | `A valid integer is required.` |
/// | `max_value` | `Ensure this value is less than or equal to {max_value}.` |
/// | `min_value` | `Ensure this value is greater than or equal to {min_value}.` |
/// | `max_string_length` | `String value too large.` (more than 1000 characters) |
///
/// What 64 bits do not hold is refused: with the message of the limit on that side, else as no valid integer.
///
/// ```
/// use bowline::fields::{Field, IntegerField, Outcome};
/// use bowline::value::Value;
/// let field = Field::new("seats", IntegerField::new().min_value(1).max_value(8));
/// assert_eq!(field.run_validation(Some(&Value::Str("4".into())), &FieldContext::new(&Context::default())), Ok(Outcome::Set(Value::Int(4))));
/// let errors = field.run_validation(Some(&Value::Int(9)), &FieldContext::new(&Context::default())).unwrap_err();
/// assert_eq!(errors[0].message, "Ensure this value is less than or equal to 8.");
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
        self.range.read(input, cx, "A valid integer is required.")
    }

    fn check(&self, value: &Value, cx: &FieldContext<'_>, errors: &mut Vec<ErrorDetail>) {
        self.range.check(value, cx, errors);
    }

    fn to_representation(&self, cell: Cell<'_>, _cx: &Context, out: &mut Vec<u8>) -> Result<(), Unrepresentable> {
        let Cell::Int(i) = cell else {
            return Err(Unrepresentable);
        };
        write::int(i, out);
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
        self.range.read(input, cx, "A valid biginteger is required.")
    }

    fn check(&self, value: &Value, cx: &FieldContext<'_>, errors: &mut Vec<ErrorDetail>) {
        self.range.check(value, cx, errors);
    }

    fn to_representation(&self, cell: Cell<'_>, _cx: &Context, out: &mut Vec<u8>) -> Result<(), Unrepresentable> {
        let Cell::Int(i) = cell else {
            return Err(Unrepresentable);
        };
        if self.coerce_to_string {
            out.push(b'"');
            write::int(i, out);
            out.push(b'"');
        } else {
            write::int(i, out);
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

/// A float; text is read as Python's `float()` reads it.
///
/// | code | message |
/// |---|---|
/// | `invalid` | `A valid number is required.` (infinities and NaN too) |
/// | `max_value` | `Ensure this value is less than or equal to {max_value}.` |
/// | `min_value` | `Ensure this value is greater than or equal to {min_value}.` |
/// | `max_string_length` | `String value too large.` (more than 1000 characters) |
/// | `overflow` | `Integer value too large to convert to float` |
///
/// A stored value that is not finite is shown as `null`.
#[derive(Clone, Debug, Default)]
pub struct FloatField {
    min: Option<f64>,
    max: Option<f64>,
}

impl FloatField {
    /// Any float.
    pub fn new() -> Self {
        FloatField::default()
    }

    /// The smallest number that is accepted.
    pub fn min_value(mut self, min: impl Into<Option<f64>>) -> Self {
        self.min = min.into();
        self
    }

    /// The largest number that is accepted.
    pub fn max_value(mut self, max: impl Into<Option<f64>>) -> Self {
        self.max = max.into();
        self
    }
}

impl FieldType for FloatField {
    fn to_internal_value(&self, input: &Value, cx: &FieldContext<'_>) -> Result<Value, ValidationError> {
        refuse_long(input, cx)?;
        let float = match input {
            Value::Bool(b) => Some(f64::from(u8::from(*b))),
            Value::Int(i) => Some(*i as f64),
            Value::Float(f) => Some(*f),
            Value::Str(text) => python::parse_float(text),
            Value::BigInt(digits) => {
                let float: Option<f64> = digits.parse().ok();
                if float.is_some_and(f64::is_infinite) {
                    return Err(cx.error("overflow", "Integer value too large to convert to float", &[]));
                }
                float
            }
            _ => None,
        };
        match float.filter(|f| f.is_finite()) {
            Some(float) => Ok(Value::Float(float)),
            None => Err(cx.error("invalid", "A valid number is required.", &[])),
        }
    }

    fn check(&self, value: &Value, cx: &FieldContext<'_>, errors: &mut Vec<ErrorDetail>) {
        let Value::Float(value) = value else {
            return;
        };
        if let Some(max) = self.max.filter(|max| value > max) {
            errors.push(too_big(python::float_repr(max), cx));
        }
        if let Some(min) = self.min.filter(|min| value < min) {
            errors.push(too_small(python::float_repr(min), cx));
        }
    }

    fn to_representation(&self, cell: Cell<'_>, _cx: &Context, out: &mut Vec<u8>) -> Result<(), Unrepresentable> {
        match cell {
            Cell::Float(f) => write::float(f, out),
            Cell::Int(i) => write::float(i as f64, out),
            _ => return Err(Unrepresentable),
        }
        Ok(())
    }

    fn metadata_type(&self) -> &'static str {
        "float"
    }

    fn metadata_limits(&self) -> Vec<(&'static str, Value)> {
        let limits = [("min_value", self.min), ("max_value", self.max)];
        limits.into_iter().filter_map(|(name, limit)| Some((name, Value::Float(limit?)))).collect()
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
            "9223372036854775808",
        ] {
            assert_eq!(error(&field, json), ["invalid: A valid integer is required."], "{json}");
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
        for json in [r#""x""#, "1.5", "true", "9223372036854775808", "-9223372036854775809"] {
            assert_eq!(error(&field, json), ["invalid: A valid biginteger is required."], "{json}");
        }
        assert_eq!(set(&field, r#""12""#), Value::Int(12));
        assert_eq!(shown(&field, Cell::Int(i64::MIN)).unwrap(), "-9223372036854775808");
        assert_eq!(shown(&field.coerce_to_string(true), Cell::Int(-7)).unwrap(), r#""-7""#);
    }

    #[test]
    fn floats() {
        let field = FloatField::new();
        for (json, float) in [
            ("0", 0.0),
            ("1", 1.0),
            ("-1.5", -1.5),
            (r#"" 2.5 ""#, 2.5),
            (r#""1E-3""#, 0.001),
            (r#""1_0""#, 10.0),
            (r#"".5""#, 0.5),
            ("true", 1.0),
            ("false", 0.0),
            (r#""１.５""#, 1.5),
            ("100000000000000000000", 1e20),
        ] {
            assert_eq!(set(&field, json), Value::Float(float), "{json}");
        }
        for json in [
            r#""abc""#,
            r#""nan""#,
            r#""-inf""#,
            r#""1e309""#,
            "1e400",
            r#""1,5""#,
            r#""  ""#,
            r#""0x1p3""#,
            r#""true""#,
            r#""\udc00""#,
            r#""""#,
            "[1.5]",
            "{}",
        ] {
            assert_eq!(error(&field, json), ["invalid: A valid number is required."], "{json}");
        }
        let digits = "1".repeat(1001);
        assert_eq!(error(&field, &digits), ["overflow: Integer value too large to convert to float"]);
        assert_eq!(error(&field, &format!("\"{digits}\"")), ["max_string_length: String value too large."]);
    }

    #[test]
    fn float_limits() {
        let field = FloatField::new().min_value(-1.5).max_value(2.5);
        set(&field, r#""-1.5""#);
        set(&field, "2.5");
        assert_eq!(error(&field, "3"), ["max_value: Ensure this value is less than or equal to 2.5."]);
        assert_eq!(error(&field, "-1.50001"), ["min_value: Ensure this value is greater than or equal to -1.5."]);
    }

    #[test]
    fn cells() {
        assert_eq!(shown(&IntegerField::new(), Cell::Int(0)).unwrap(), "0");
        assert!(shown(&IntegerField::new(), Cell::Text("1")).is_err());
        assert_eq!(shown(&FloatField::new(), Cell::Float(1e-7)).unwrap(), "1e-07");
        assert_eq!(shown(&FloatField::new(), Cell::Int(2)).unwrap(), "2.0");
        assert_eq!(shown(&FloatField::new(), Cell::Float(f64::NAN)).unwrap(), "null");
        assert!(shown(&FloatField::new(), Cell::Bool(true)).is_err());
    }
}
