//! Floating point numbers.

use std::cmp::Ordering;

use super::{FieldContext, FieldType, Limit, Unrepresentable, limit};
use crate::context::Context;
use crate::error::{ErrorDetail, ValidationError};
use crate::store::Cell;
use crate::value::{Value, python, write};

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
///
/// ```
/// use bowline::context::Context;
/// use bowline::fields::{Field, FieldContext, FloatField, Outcome};
/// use bowline::value::Value;
/// let field = Field::new("weight", FloatField::new().min_value(0));
/// let request = Context::default();
/// let cx = FieldContext::new(&request);
/// assert_eq!(field.run_validation(Some(&Value::Str("1e3".into())), &cx), Ok(Outcome::Set(Value::Float(1000.0))));
/// let errors = field.run_validation(Some(&Value::Float(-0.5)), &cx).unwrap_err();
/// assert_eq!(errors.to_json(), r#"["Ensure this value is greater than or equal to 0."]"#);
/// ```
#[derive(Clone, Debug, Default)]
pub struct FloatField {
    min: Option<Limit>,
    max: Option<Limit>,
}

impl FloatField {
    /// Any float.
    pub fn new() -> Self {
        FloatField::default()
    }

    /// The smallest number that is accepted.
    pub fn min_value(mut self, min: impl Into<Limit>) -> Self {
        self.min = Some(min.into());
        self
    }

    /// The largest number that is accepted.
    pub fn max_value(mut self, max: impl Into<Limit>) -> Self {
        self.max = Some(max.into());
        self
    }
}

impl FieldType for FloatField {
    #[allow(clippy::cast_precision_loss)]
    fn to_internal_value(&self, input: &Value, cx: &FieldContext<'_>) -> Result<Value, ValidationError> {
        let float = match input {
            Value::Bool(b) => Some(f64::from(u8::from(*b))),
            Value::Int(i) => Some(*i as f64),
            Value::Float(f) => Some(*f),
            Value::Decimal(decimal) => Some(decimal.to_f64()),
            Value::Str(text) | Value::Surrogates(_, text) => {
                limit::refuse_long(text, cx)?;
                python::parse_float(text)
            }
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

    fn coerce(&self, value: &mut Value, cx: &FieldContext<'_>) -> Result<(), ValidationError> {
        if !matches!(value, Value::Float(float) if float.is_finite()) {
            *value = self.to_internal_value(value, cx)?;
        }
        Ok(())
    }

    fn check(&self, value: &Value, cx: &FieldContext<'_>, errors: &mut Vec<ErrorDetail>) {
        let Value::Float(value) = value else {
            return;
        };
        let compare = |limit: &Limit| value.partial_cmp(&limit.to_f64()).unwrap_or(Ordering::Equal);
        limit::check((self.min.as_ref(), self.max.as_ref()), compare, cx, errors);
    }

    #[allow(clippy::cast_precision_loss)]
    fn to_representation(&self, cell: Cell<'_>, _cx: &Context, out: &mut Vec<u8>) -> Result<(), Unrepresentable> {
        let float = match cell {
            Cell::Float(f) => f,
            Cell::Int(i) => i as f64,
            Cell::Bool(b) => f64::from(u8::from(b)),
            Cell::Text(text) => python::parse_float(text).ok_or(Unrepresentable)?,
            Cell::Numeric(number) => number.to_string().parse().map_err(|_| Unrepresentable)?,
            Cell::Value(Value::Decimal(decimal)) => decimal.to_f64(),
            Cell::Value(Value::BigInt(digits)) => digits.parse().map_err(|_| Unrepresentable)?,
            _ => return Err(Unrepresentable),
        };
        write::float(float, out);
        Ok(())
    }

    fn metadata_type(&self) -> &'static str {
        "float"
    }

    fn metadata_limits(&self) -> Vec<(&'static str, Value)> {
        limit::metadata(self.min.as_ref(), self.max.as_ref())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::super::testing::{error, set, shown};
    use super::*;

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
        let whole = FloatField::new().max_value(3);
        assert_eq!(error(&whole, "3.5"), ["max_value: Ensure this value is less than or equal to 3."]);
        assert_eq!(whole.metadata_limits(), [("max_value", Value::Int(3))]);
    }

    #[test]
    fn cells() {
        let field = FloatField::new();
        for (cell, json) in [
            (Cell::Float(1e-7), "1e-07"),
            (Cell::Int(2), "2.0"),
            (Cell::Text("1_0"), "10.0"),
            (Cell::Bool(true), "1.0"),
            (Cell::Float(f64::NAN), "null"),
        ] {
            assert_eq!(shown(&field, cell).unwrap(), json);
        }
        assert!(shown(&field, Cell::Text("x")).is_err());
    }
}
