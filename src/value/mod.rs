//! A value on its way through a serializer, and the writer of JSON answers.
//!
//! [`Value`] is what a parser made of a request's body, and what the fields make of that.
//! It keeps what Python's `json` keeps and JSON libraries of other languages lose: integers of any
//! size, the difference of `1` and `1.0`, and the fact that a string held lone surrogates. Fields add the types
//! that JSON has no form for: decimals, days and times, UUIDs, files.

use std::borrow::Cow;
use std::sync::Arc;

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};
use uuid::Uuid;

pub(crate) mod base64;
pub mod convert;
mod decimal;
pub(crate) mod duration;
mod form;
mod index;
pub(crate) mod iso;
pub mod json;
mod literal;
mod map;
pub mod pattern;
pub mod python;
pub mod query;
pub(crate) mod strftime;
pub(crate) mod strptime;
pub mod typed;
mod upload;
pub mod write;
mod zone;

pub use decimal::{Decimal, Rounding};
pub use form::Form;
pub use map::Map;
pub use upload::{Upload, UploadReader};
pub use zone::{TimeZone, UnknownTimeZone};

pub use sea_orm::Value as DbValue;

/// What a parser read, or what a field made of it.
// a tag as wide as a register: what is moved is then copied in whole words, which is what a validated value costs most by
#[repr(u64)]
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// JSON `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer that fits 64 bits.
    Int(i64),
    /// An integer that does not: its decimal digits, with a leading `-` where negative.
    BigInt(String),
    /// A number written with a fraction or an exponent; may be infinite (`1e999`).
    Float(f64),
    /// Text.
    Str(String),
    /// Text with lone surrogates, which no Rust string can hold: the first of them, and the text with
    /// U+FFFD in their places.
    Surrogates(u16, String),
    /// A JSON array.
    List(Vec<Value>),
    /// A JSON object; of equal keys the last value at the place of the first key, as in Python.
    Map(Map),
    /// What an HTML form sent: every name with all of its values, Django's `QueryDict`.
    Form(Box<Form>),
    /// An uploaded file.
    File(Arc<Upload>),
    /// An exact number.
    Decimal(Decimal),
    /// A point in time, with the offset that it is shown in.
    DateTime(DateTime<FixedOffset>),
    /// A date and time without zone.
    NaiveDateTime(NaiveDateTime),
    /// A day.
    Date(NaiveDate),
    /// A time of day.
    Time(NaiveTime),
    /// A span of time, to the microsecond.
    Duration(TimeDelta),
    /// A UUID.
    Uuid(Uuid),
    /// Bytes.
    Bytes(Vec<u8>),
}

impl Value {
    /// The name that Python gives the value's type, as DRF prints it in its messages.
    ///
    /// ```
    /// use bowline::value::Value;
    /// assert_eq!(Value::Str("x".into()).type_name(), "str");
    /// assert_eq!(Value::Float(1.5).type_name(), "float");
    /// ```
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Null => "NoneType",
            Value::Bool(_) => "bool",
            Value::Int(_) | Value::BigInt(_) => "int",
            Value::Float(_) => "float",
            Value::Str(_) | Value::Surrogates(..) => "str",
            Value::List(_) => "list",
            Value::Map(_) => "dict",
            Value::Form(_) => "MultiValueDict",
            Value::File(file) if file.in_memory().is_none() => "TemporaryUploadedFile",
            Value::File(_) => "InMemoryUploadedFile",
            Value::Decimal(_) => "Decimal",
            Value::DateTime(_) | Value::NaiveDateTime(_) => "datetime",
            Value::Date(_) => "date",
            Value::Time(_) => "time",
            Value::Duration(_) => "timedelta",
            Value::Uuid(_) => "UUID",
            Value::Bytes(_) => "bytes",
        }
    }

    /// The value as Python's `str()` prints it, for messages that echo the input.
    pub fn to_python_str(&self) -> Cow<'_, str> {
        match self {
            Value::Str(s) | Value::Surrogates(_, s) | Value::BigInt(s) => Cow::Borrowed(s),
            Value::Null => Cow::Borrowed("None"),
            Value::Bool(true) => Cow::Borrowed("True"),
            Value::Bool(false) => Cow::Borrowed("False"),
            Value::Int(i) => Cow::Owned(i.to_string()),
            Value::Float(f) => Cow::Owned(python::float_repr(*f)),
            Value::Decimal(decimal) => Cow::Owned(decimal.to_string()),
            Value::Uuid(uuid) => Cow::Owned(uuid.to_string()),
            Value::Date(date) => Cow::Owned(date.to_string()),
            Value::Time(_) | Value::DateTime(_) | Value::NaiveDateTime(_) | Value::Duration(_) => {
                Cow::Owned(python::time_str(self))
            }
            Value::File(file) => Cow::Borrowed(file.name()),
            Value::List(_) | Value::Map(_) | Value::Form(_) | Value::Bytes(_) => Cow::Owned(python::repr(self)),
        }
    }
}

impl Value {
    /// An empty object.
    pub fn map() -> Self {
        Value::Map(Map::new())
    }

    /// Whether it is [`Value::Null`].
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Str(text) => Some(text),
            _ => None,
        }
    }

    /// An integer that fits 64 bits.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Value::Int(i) => Some(*i),
            _ => None,
        }
    }

    /// The items of a list.
    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// The entries of an object.
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The value of a key of an object.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_map()?.get(key)
    }
}

macro_rules! from {
    ($($from:ty => $make:expr),+ $(,)?) => {$(
        impl From<$from> for Value {
            fn from(value: $from) -> Self {
                #[allow(clippy::redundant_closure_call)]
                ($make)(value)
            }
        }
    )+};
}

from! {
    bool => Value::Bool,
    i16 => |i: i16| Value::Int(i.into()),
    i32 => |i: i32| Value::Int(i.into()),
    i64 => Value::Int,
    u16 => |i: u16| Value::Int(i.into()),
    u32 => |i: u32| Value::Int(i.into()),
    i128 => |i: i128| <i64 as TryFrom<i128>>::try_from(i).map_or_else(|_| Value::BigInt(i.to_string()), Value::Int),
    u64 => |i: u64| <i64 as TryFrom<u64>>::try_from(i).map_or_else(|_| Value::BigInt(i.to_string()), Value::Int),
    usize => |i: usize| <i64 as TryFrom<usize>>::try_from(i).map_or_else(|_| Value::BigInt(i.to_string()), Value::Int),
    f64 => Value::Float,
    String => Value::Str,
    &str => |text: &str| Value::Str(text.to_owned()),
    &String => |text: &String| Value::Str(text.clone()),
    Cow<'_, str> => |text: Cow<'_, str>| Value::Str(text.into_owned()),
    &Value => |value: &Value| value.clone(),
    Decimal => Value::Decimal,
    NaiveDate => Value::Date,
    NaiveTime => Value::Time,
    TimeDelta => Value::Duration,
    DateTime<FixedOffset> => Value::DateTime,
    Uuid => Value::Uuid,
    Vec<Value> => Value::List,
    Map => Value::Map,
}

/// A value that a callee may keep.
impl From<Value> for Cow<'_, Value> {
    fn from(value: Value) -> Self {
        Cow::Owned(value)
    }
}

/// A value that a callee has to copy what it keeps of.
impl<'a> From<&'a Value> for Cow<'a, Value> {
    fn from(value: &'a Value) -> Self {
        Cow::Borrowed(value)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

/// Whether a database value is NULL, of whatever type.
pub(crate) fn is_null(value: &DbValue) -> bool {
    // `Value` has one variant per type, each around an Option; `as_null` keeps the variant and empties it
    *value == value.as_null()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_small() {
        assert_eq!(size_of::<Value>(), 40);
        assert_eq!(size_of::<Option<Value>>(), 40);
    }
}
