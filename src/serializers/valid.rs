//! Rust types that a body can be validated into.

use std::borrow::Cow;

use super::{ListSerializer, Serializer};
use crate::context::Context;
use crate::error::ValidationError;
use crate::value::Value;

/// A type with a serializer of its own: `#[derive(Serializer)]` writes this for a struct.
///
/// `Valid<T>` extracts one from a request in an axum handler.
///
/// ```
/// use std::sync::LazyLock;
///
/// use bowline::fields::{CharField, Field};
/// use bowline::prelude::*;
/// use bowline::serializers::{Serializer, Validate};
/// use bowline::value::json;
///
/// struct Greeting {
///     name: String,
/// }
///
/// impl Validate for Greeting {
///     fn serializer() -> &'static Serializer {
///         static SERIALIZER: LazyLock<Serializer> =
///             LazyLock::new(|| Serializer::new().field(Field::new("name", CharField::new())));
///         &SERIALIZER
///     }
///
///     fn from_value(value: Value) -> Result<Self, ValidationError> {
///         let name = value.get("name").and_then(Value::as_str).unwrap_or_default();
///         Ok(Greeting { name: name.to_owned() })
///     }
/// }
///
/// let body = json::parse(br#"{"name": " Ann "}"#).unwrap();
/// assert_eq!(Greeting::validate(&body, &Context::default()).unwrap().name, "Ann");
/// let errors = Greeting::validate(&Value::map(), &Context::default()).err().unwrap();
/// assert_eq!(errors.to_json(), r#"{"name":["This field is required."]}"#);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no serializer",
    label = "cannot be validated out of a body",
    note = "write `#[derive(bowline::Serializer)]` on the struct, or implement `bowline::serializers::Validate` for it"
)]
pub trait Validate: Sized {
    /// The fields and rules of the type; the same ones at every call.
    fn serializer() -> &'static Serializer;

    /// The type from what its serializer validated: a [`Value::Map`] of attributes.
    ///
    /// # Errors
    ///
    /// A value that its field accepts and the Rust type does not hold (an integer that is too large for it); answered
    /// with 400 like any other error of the field.
    fn from_value(value: Value) -> Result<Self, ValidationError>;

    /// Validates a whole body.
    ///
    /// # Errors
    ///
    /// DRF's errors by field, in the order of the fields.
    fn validate<'a>(data: impl Into<Cow<'a, Value>>, request: &Context) -> Result<Self, ValidationError> {
        Self::from_value(Self::serializer().run_validation(data, request)?)
    }
}

/// What `Valid<T>` makes of a body: one object (`T`), or a list of them (`Vec<T>`, DRF's
/// `many=True`).
pub trait FromBody: Sized {
    /// Validates a body.
    ///
    /// # Errors
    ///
    /// DRF's errors, by field or by index.
    fn from_body<'a>(data: impl Into<Cow<'a, Value>>, request: &Context) -> Result<Self, ValidationError>;
}

impl<T: Validate> FromBody for T {
    fn from_body<'a>(data: impl Into<Cow<'a, Value>>, request: &Context) -> Result<Self, ValidationError> {
        T::validate(data, request)
    }
}

impl<T: Validate> FromBody for Vec<T> {
    fn from_body<'a>(data: impl Into<Cow<'a, Value>>, request: &Context) -> Result<Self, ValidationError> {
        let list = ListSerializer::new(T::serializer().clone());
        let Value::List(items) = list.run_validation(data, request)? else { return Ok(Vec::new()) };
        let length = items.len();
        let mut found = Vec::with_capacity(length);
        let mut errors = Vec::new();
        for (n, item) in items.into_iter().enumerate() {
            match T::from_value(item) {
                Ok(item) => found.push(item),
                Err(error) => errors.push((n, error)),
            }
        }
        if errors.is_empty() { Ok(found) } else { Err(ValidationError::items(length, errors)) }
    }
}
