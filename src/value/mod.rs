//! An input value from any parser, and the writer of JSON answers.
//!
//! [`Value`] is what a parser made of a request's body, before a field has looked at it.
//! It keeps what Python's `json` keeps and JSON libraries of other languages lose: integers of any
//! size, the difference of `1` and `1.0`, and the fact that a string held lone surrogates.

use std::borrow::Cow;

use indexmap::IndexMap;

pub mod json;
pub mod python;
pub mod typed;
pub mod write;

pub use sea_orm::Value as DbValue;

/// What a parser read, not yet validated.
#[derive(Clone, Debug, PartialEq)]
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
    Map(IndexMap<String, Value>),
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
            Value::List(_) | Value::Map(_) => Cow::Owned(python::repr(self)),
        }
    }
}

/// Whether a database value is NULL, of whatever type.
pub(crate) fn is_null(value: &DbValue) -> bool {
    // `Value` has one variant per type, each around an Option; `as_null` keeps the variant and empties it
    *value == value.as_null()
}
