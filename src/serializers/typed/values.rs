//! The types that have fields.

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;
use std::sync::Arc;

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use indexmap::IndexMap;
use uuid::Uuid;

use super::{FieldValue, Limits};
use crate::error::{ErrorDetail, ValidationError};
use crate::fields::{
    BooleanField, CharField, Choice, DateField, DateTimeField, DecimalField, DictField, DurationField, Field,
    FieldType, FileField, FloatField, IntegerField, JSONField, Limit, MultipleChoiceField, TimeField, UUIDField,
};
use crate::value::{Decimal, TimeZone, Upload, Value, convert, json};

/// A field that makes other values than its type holds: a `field = …` that does not fit.
fn not_held(value: &Value) -> ValidationError {
    ValidationError::new(format!("Not a valid value: \"{}\".", value.type_name()), "invalid")
}

/// A number beyond what a type holds.
fn out_of_range(code: &'static str, limit: impl std::fmt::Display) -> ValidationError {
    let relation = if code == "max_value" { "less" } else { "greater" };
    ErrorDetail::new(format!("Ensure this value is {relation} than or equal to {limit}."), code).into()
}

macro_rules! simple {
    ($($type:ty, $field:expr, $pattern:pat => $value:expr, $it:ident => $into:expr;)+) => {$(
        impl FieldValue for $type {
            fn field_type(_: &Limits) -> Arc<dyn FieldType> {
                Arc::new($field)
            }

            fn from_value(value: Value) -> Result<Self, ValidationError> {
                match value {
                    $pattern => Ok($value),
                    other => Err(not_held(&other)),
                }
            }

            fn into_value(self) -> Value {
                let $it = self;
                $into
            }
        }
    )+};
}

simple! {
    bool, BooleanField::new(), Value::Bool(truth) => truth, it => Value::Bool(it);
    Uuid, UUIDField::new(), Value::Uuid(uuid) => uuid, it => Value::Uuid(it);
    DateTime<FixedOffset>, DateTimeField::new(), Value::DateTime(at) => at, it => Value::DateTime(it);
    DateTime<Utc>, DateTimeField::new(), Value::DateTime(at) => at.to_utc(), it => Value::DateTime(it.fixed_offset());
    NaiveDateTime, DateTimeField::new().default_timezone(TimeZone::Naive), Value::NaiveDateTime(at) => at,
        it => Value::NaiveDateTime(it);
    NaiveDate, DateField::new(), Value::Date(day) => day, it => Value::Date(it);
    NaiveTime, TimeField::new(), Value::Time(time) => time, it => Value::Time(it);
}

impl FieldValue for String {
    fn field_type(limits: &Limits) -> Arc<dyn FieldType> {
        let field = CharField::new().allow_blank(limits.allow_blank);
        let field = field.min_length(limits.min_length).max_length(limits.max_length);
        Arc::new(field.trim_whitespace(limits.trim_whitespace.unwrap_or(true)))
    }

    fn from_value(value: Value) -> Result<Self, ValidationError> {
        match value {
            Value::Str(text) => Ok(text),
            other => Err(not_held(&other)),
        }
    }

    fn into_value(self) -> Value {
        Value::Str(self)
    }
}

macro_rules! integers {
    ($($type:ty),+) => {$(
        impl FieldValue for $type {
            fn field_type(limits: &Limits) -> Arc<dyn FieldType> {
                // 64 bits are what a field holds at most: one that is wider keeps its own bound
                let own = |bound: $type| i64::try_from(bound).ok().filter(|bound| !matches!(*bound, i64::MIN | i64::MAX));
                let given = |limit: &Option<Value>| limit.as_ref().and_then(Value::as_int);
                let field = IntegerField::new().min_value(given(&limits.min_value).or(own(<$type>::MIN)));
                Arc::new(field.max_value(given(&limits.max_value).or(own(<$type>::MAX))))
            }

            fn from_value(value: Value) -> Result<Self, ValidationError> {
                let (found, negative) = match &value {
                    Value::Int(i) => (<$type>::try_from(*i).ok(), *i < 0),
                    Value::BigInt(digits) => (digits.parse().ok(), digits.starts_with('-')),
                    other => return Err(not_held(other)),
                };
                found.ok_or_else(|| match negative {
                    true => out_of_range("min_value", <$type>::MIN),
                    false => out_of_range("max_value", <$type>::MAX),
                })
            }

            fn into_value(self) -> Value {
                i64::try_from(self).map_or_else(|_| Value::BigInt(self.to_string()), Value::Int)
            }
        }
    )+};
}

integers!(i8, i16, i32, i64, u8, u16, u32, u64);

/// A limit of a field of numbers.
fn limit(value: &Option<Value>) -> Option<Limit> {
    match value {
        Some(Value::Int(i)) => Some(Limit::Int(*i)),
        Some(Value::Float(f)) => Some(Limit::Float(*f)),
        Some(Value::Decimal(decimal)) => Some(Limit::Decimal(decimal.clone())),
        _ => None,
    }
}

impl FieldValue for f64 {
    fn field_type(limits: &Limits) -> Arc<dyn FieldType> {
        let mut field = FloatField::new();
        if let Some(min) = limit(&limits.min_value) {
            field = field.min_value(min);
        }
        if let Some(max) = limit(&limits.max_value) {
            field = field.max_value(max);
        }
        Arc::new(field)
    }

    #[allow(clippy::cast_precision_loss)]
    fn from_value(value: Value) -> Result<Self, ValidationError> {
        match value {
            Value::Float(f) => Ok(f),
            Value::Int(i) => Ok(i as f64),
            Value::Decimal(decimal) => Ok(decimal.to_f64()),
            other => Err(not_held(&other)),
        }
    }

    fn into_value(self) -> Value {
        Value::Float(self)
    }
}

impl FieldValue for f32 {
    fn field_type(limits: &Limits) -> Arc<dyn FieldType> {
        f64::field_type(limits)
    }

    #[allow(clippy::cast_possible_truncation)]
    fn from_value(value: Value) -> Result<Self, ValidationError> {
        let wide = <f64 as FieldValue>::from_value(value)?;
        let narrow = wide as f32;
        match narrow.is_finite() || !wide.is_finite() {
            true => Ok(narrow),
            false if wide < 0.0 => Err(out_of_range("min_value", f32::MIN)),
            false => Err(out_of_range("max_value", f32::MAX)),
        }
    }

    fn into_value(self) -> Value {
        Value::Float(self.into())
    }
}

impl FieldValue for Decimal {
    fn field_type(limits: &Limits) -> Arc<dyn FieldType> {
        let mut field = DecimalField::new(limits.max_digits, limits.decimal_places);
        if let Some(min) = limit(&limits.min_value) {
            field = field.min_value(min);
        }
        if let Some(max) = limit(&limits.max_value) {
            field = field.max_value(max);
        }
        Arc::new(field)
    }

    fn from_value(value: Value) -> Result<Self, ValidationError> {
        match value {
            Value::Decimal(decimal) => Ok(decimal),
            Value::Int(i) => Ok(Decimal::from(i)),
            other => Err(not_held(&other)),
        }
    }

    fn into_value(self) -> Value {
        Value::Decimal(self)
    }
}

/// The most digits of a `rust_decimal::Decimal`.
const EXACT_DIGITS: u32 = 28;

impl FieldValue for sea_orm::prelude::Decimal {
    fn field_type(limits: &Limits) -> Arc<dyn FieldType> {
        Decimal::field_type(limits)
    }

    fn from_value(value: Value) -> Result<Self, ValidationError> {
        let decimal = <Decimal as FieldValue>::from_value(value)?;
        Self::from_str_exact(&decimal.to_plain()).map_err(|_| {
            ErrorDetail::new(
                format!("Ensure that there are no more than {EXACT_DIGITS} digits in total."),
                "max_digits",
            )
            .into()
        })
    }

    fn into_value(self) -> Value {
        self.to_string().parse().map_or(Value::Null, Value::Decimal)
    }
}

impl FieldValue for TimeDelta {
    fn field_type(limits: &Limits) -> Arc<dyn FieldType> {
        let span = |limit: &Option<Value>| match limit {
            Some(Value::Duration(span)) => Some(*span),
            _ => None,
        };
        Arc::new(DurationField::new().min_value(span(&limits.min_value)).max_value(span(&limits.max_value)))
    }

    fn from_value(value: Value) -> Result<Self, ValidationError> {
        match value {
            Value::Duration(span) => Ok(span),
            other => Err(not_held(&other)),
        }
    }

    fn into_value(self) -> Value {
        Value::Duration(self)
    }
}

impl FieldValue for Value {
    fn field_type(_: &Limits) -> Arc<dyn FieldType> {
        Arc::new(JSONField::new())
    }

    fn from_value(value: Value) -> Result<Self, ValidationError> {
        Ok(value)
    }

    fn into_value(self) -> Value {
        self
    }
}

impl FieldValue for serde_json::Value {
    fn field_type(_: &Limits) -> Arc<dyn FieldType> {
        Arc::new(JSONField::new())
    }

    fn from_value(value: Value) -> Result<Self, ValidationError> {
        serde_json::from_str(&convert::json_text(&value)).map_err(|_| not_held(&value))
    }

    fn into_value(self) -> Value {
        json::parse_str(&self.to_string()).unwrap_or(Value::Null)
    }
}

impl FieldValue for Arc<Upload> {
    fn field_type(limits: &Limits) -> Arc<dyn FieldType> {
        Arc::new(FileField::new().allow_empty_file(limits.allow_empty.unwrap_or(false)))
    }

    fn from_value(value: Value) -> Result<Self, ValidationError> {
        match value {
            Value::File(file) => Ok(file),
            other => Err(not_held(&other)),
        }
    }

    fn into_value(self) -> Value {
        Value::File(self)
    }
}

impl<T: FieldValue> FieldValue for Option<T> {
    const OPTIONAL: bool = true;

    fn field_type(limits: &Limits) -> Arc<dyn FieldType> {
        T::field_type(limits)
    }

    fn choice_type(choices: Vec<Choice>, limits: &Limits) -> Arc<dyn FieldType> {
        T::choice_type(choices, limits)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }

    fn from_value(value: Value) -> Result<Self, ValidationError> {
        if value.is_null() { Ok(None) } else { T::from_value(value).map(Some) }
    }

    fn into_value(self) -> Value {
        self.map_or(Value::Null, T::into_value)
    }
}

impl<T: FieldValue> FieldValue for Vec<T> {
    fn field_type(limits: &Limits) -> Arc<dyn FieldType> {
        T::list_type(limits)
    }

    fn choice_type(choices: Vec<Choice>, limits: &Limits) -> Arc<dyn FieldType> {
        Arc::new(MultipleChoiceField::new(choices).allow_empty(limits.allow_empty.unwrap_or(true)))
    }

    fn from_value(value: Value) -> Result<Self, ValidationError> {
        let Value::List(items) = value else { return Err(not_held(&value)) };
        let items = items.into_iter().enumerate().map(|(n, item)| (n.to_string(), item));
        collected(items.map(|(n, item)| (n, item, ()))).map(|all| all.into_iter().map(|(item, ())| item).collect())
    }

    fn into_value(self) -> Value {
        Value::List(self.into_iter().map(T::into_value).collect())
    }
}

/// All items as Rust values, or the errors of those that are none by their keys.
fn collected<T: FieldValue, K>(
    items: impl Iterator<Item = (String, Value, K)>,
) -> Result<Vec<(T, K)>, ValidationError> {
    let mut found = Vec::with_capacity(items.size_hint().0);
    let mut errors = ValidationError::fields();
    for (name, item, key) in items {
        match T::from_value(item) {
            Ok(item) => found.push((item, key)),
            Err(error) => errors.insert(name, error),
        }
    }
    if errors.is_empty() { Ok(found) } else { Err(errors) }
}

fn dict_type<T: FieldValue>(limits: &Limits) -> Arc<dyn FieldType> {
    let child = Field::shared("", T::field_type(&Limits::new())).allow_null(T::OPTIONAL);
    Arc::new(DictField::of(child).allow_empty(limits.allow_empty.unwrap_or(true)))
}

fn entries<T: FieldValue>(value: Value) -> Result<impl Iterator<Item = (String, T)>, ValidationError> {
    let Value::Map(map) = value else { return Err(not_held(&value)) };
    let found = collected(map.into_iter().map(|(key, item)| (key.clone(), item, key)))?;
    Ok(found.into_iter().map(|(item, key)| (key, item)))
}

fn map_value<T: FieldValue>(entries: impl IntoIterator<Item = (String, T)>) -> Value {
    Value::Map(entries.into_iter().map(|(key, item)| (key, item.into_value())).collect())
}

macro_rules! dictionaries {
    ($([$($generics:tt)+] $type:ty;)+) => {$(
        impl<$($generics)+> FieldValue for $type {
            fn field_type(limits: &Limits) -> Arc<dyn FieldType> {
                dict_type::<T>(limits)
            }

            fn from_value(value: Value) -> Result<Self, ValidationError> {
                Ok(entries(value)?.collect())
            }

            fn into_value(self) -> Value {
                map_value(self)
            }
        }
    )+};
}

dictionaries! {
    [T: FieldValue, S: BuildHasher + Default] HashMap<String, T, S>;
    [T: FieldValue] BTreeMap<String, T>;
    [T: FieldValue, S: BuildHasher + Default] IndexMap<String, T, S>;
}
