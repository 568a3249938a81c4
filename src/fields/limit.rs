//! The smallest and the largest value of a number field.

use std::cmp::Ordering;
use std::fmt;

use super::FieldContext;
use crate::error::{ErrorDetail, ValidationError};
use crate::value::{Decimal, Value, python};

/// The most characters of a number that is sent as text: longer ones cost more than they are worth.
const MAX_STRING_LENGTH: usize = 1000;

/// A bound of a [`FloatField`](super::FloatField) or a [`DecimalField`](super::DecimalField); it is printed and shown
/// in OPTIONS as it was given.
///
/// A decimal without a fraction (`Decimal::from(100)`) counts as an integer.
///
/// ```
/// use bowline::fields::Limit;
/// assert_eq!(Limit::from(100).to_string(), "100");
/// assert_eq!(Limit::from(2.0).to_string(), "2.0");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Limit {
    /// A whole number.
    Int(i64),
    /// A float.
    Float(f64),
    /// An exact number.
    Decimal(Decimal),
}

impl Limit {
    /// As an exact number; a float by the digits that it is printed with. None for floats that are not finite.
    pub(super) fn to_decimal(&self) -> Option<Decimal> {
        match self {
            Limit::Int(i) => Some(Decimal::from(*i)),
            Limit::Float(f) => python::float_repr(*f).parse().ok(),
            Limit::Decimal(decimal) => Some(decimal.clone()),
        }
    }

    #[allow(clippy::cast_precision_loss)]
    pub(super) fn to_f64(&self) -> f64 {
        match self {
            Limit::Int(i) => *i as f64,
            Limit::Float(f) => *f,
            Limit::Decimal(decimal) => decimal.to_f64(),
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Limit::Int(i) => i.fmt(f),
            Limit::Float(float) => f.write_str(&python::float_repr(*float)),
            Limit::Decimal(decimal) => decimal.fmt(f),
        }
    }
}

impl From<i32> for Limit {
    fn from(limit: i32) -> Self {
        Limit::Int(limit.into())
    }
}

impl From<i64> for Limit {
    fn from(limit: i64) -> Self {
        Limit::Int(limit)
    }
}

impl From<f64> for Limit {
    fn from(limit: f64) -> Self {
        Limit::Float(limit)
    }
}

impl From<Decimal> for Limit {
    fn from(limit: Decimal) -> Self {
        let whole = if limit.exponent() == 0 { limit.to_string().parse().ok() } else { None };
        whole.map_or(Limit::Decimal(limit), Limit::Int)
    }
}

impl From<Limit> for Value {
    fn from(limit: Limit) -> Self {
        match limit {
            Limit::Int(i) => Value::Int(i),
            Limit::Float(f) => Value::Float(f),
            Limit::Decimal(decimal) => Value::Decimal(decimal),
        }
    }
}

/// Collects the message of a limit that is not kept; the upper one comes first, as in DRF.
pub(super) fn check<L: fmt::Display>(
    (min, max): (Option<&L>, Option<&L>),
    compare: impl Fn(&L) -> Ordering,
    cx: &FieldContext<'_>,
    errors: &mut Vec<ErrorDetail>,
) {
    if let Some(max) = max.filter(|max| compare(max).is_gt()) {
        let default = "Ensure this value is less than or equal to {max_value}.";
        errors.push(cx.detail("max_value", default, &[("max_value", &max.to_string())]));
    }
    if let Some(min) = min.filter(|min| compare(min).is_lt()) {
        let default = "Ensure this value is greater than or equal to {min_value}.";
        errors.push(cx.detail("min_value", default, &[("min_value", &min.to_string())]));
    }
}

/// The limits in OPTIONS metadata.
pub(super) fn metadata<L: Clone + Into<Value>>(min: Option<&L>, max: Option<&L>) -> Vec<(&'static str, Value)> {
    let limits = [("min_value", min), ("max_value", max)];
    limits.into_iter().filter_map(|(name, limit)| Some((name, limit?.clone().into()))).collect()
}

/// Refuses a number that is written with more than 1000 characters.
pub(super) fn refuse_long(text: &str, cx: &FieldContext<'_>) -> Result<(), ValidationError> {
    // characters are counted only where there may be too many
    let length = if text.len() > MAX_STRING_LENGTH { text.chars().count() } else { 0 };
    too_long(length, cx).map_or(Ok(()), |detail| Err(detail.into()))
}

/// The message about a number of so many characters, where they are more than 1000.
pub(super) fn too_long(characters: usize, cx: &FieldContext<'_>) -> Option<ErrorDetail> {
    let is_long = characters > MAX_STRING_LENGTH;
    is_long.then(|| cx.detail("max_string_length", "String value too large.", &[]))
}
