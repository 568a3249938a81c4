//! What one value may be, both ways, and every message.
//!
//! A [`Field`] is DRF's core arguments around a [`FieldType`], which does the coercion. See DRF's
//! chapter "Serializer fields".

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::error::ErrorDetail;
use crate::store::Cell;
use crate::value::{DbValue, Value};

mod boolean;
mod iso;
mod json;
mod number;
#[cfg(test)]
mod testing;
mod text;
mod time;
mod uuid;

pub use boolean::BooleanField;
pub use json::JSONField;
pub use number::{BigIntegerField, FloatField, IntegerField};
pub use text::CharField;
pub use time::{DateField, DateTimeField};
pub use uuid::{UUIDField, UUIDFormat};

/// The coercion of one kind of value: input to a database value, a cell of a row to JSON bytes.
pub trait FieldType: Send + Sync + fmt::Debug {
    /// Turns an input that is neither absent nor null into a database value.
    ///
    /// # Errors
    ///
    /// The first message that applies; answered as a 400 under the field's name.
    fn to_internal_value(&self, input: &Value, messages: &Messages) -> Result<DbValue, ErrorDetail>;

    /// Collects the messages of the type's own limits (`max_length`, `min_value`, …) for a coerced value.
    fn check(&self, _value: &DbValue, _messages: &Messages, _errors: &mut Vec<ErrorDetail>) {}

    /// Whether an input stands for null (`""` for relations, `"null"` for nullable booleans).
    fn is_null_input(&self, _input: &Value, _allow_null: bool) -> bool {
        false
    }

    /// Writes a cell that is not NULL as JSON.
    ///
    /// # Errors
    ///
    /// When the cell is not of a kind that the type can show: the row was written by something else.
    fn to_representation(&self, cell: Cell<'_>, out: &mut Vec<u8>) -> Result<(), Unrepresentable>;

    /// The name of the type in OPTIONS metadata: `string`, `integer`, `field`, ….
    fn metadata_type(&self) -> &'static str {
        "field"
    }

    /// Further OPTIONS metadata: `max_length`, `min_value`, ….
    fn metadata_limits(&self) -> Vec<(&'static str, Value)> {
        Vec::new()
    }
}

/// A cell that a field's type cannot show.
#[derive(Debug)]
pub struct Unrepresentable;

/// A field's own messages by code, over the ones of its type.
#[derive(Clone, Debug, Default)]
pub struct Messages(Vec<(&'static str, Cow<'static, str>)>);

impl Messages {
    /// Sets the message of a code.
    pub fn set(&mut self, code: &'static str, message: impl Into<Cow<'static, str>>) {
        self.0.retain(|(c, _)| *c != code);
        self.0.push((code, message.into()));
    }

    /// The detail of a code: the field's own message, else the given one.
    ///
    /// `{name}` places are filled in from `parameters`.
    pub fn detail(&self, code: &'static str, default: &'static str, parameters: &[(&str, &str)]) -> ErrorDetail {
        let own = self.0.iter().find(|(c, _)| *c == code).map(|(_, m)| m.clone());
        let mut message = own.unwrap_or(Cow::Borrowed(default));
        for (name, value) in parameters {
            let place = format!("{{{name}}}");
            if message.contains(&place) {
                message = Cow::Owned(message.replace(&place, value));
            }
        }
        ErrorDetail::new(message, code)
    }
}

/// A default for an absent field.
#[derive(Clone)]
pub enum Default {
    /// A fixed value.
    Value(DbValue),
    /// A value made anew for each object.
    Call(Arc<dyn Fn() -> DbValue + Send + Sync>),
}

impl fmt::Debug for Default {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Default::Value(v) => f.debug_tuple("Value").field(v).finish(),
            Default::Call(_) => f.write_str("Call(..)"),
        }
    }
}

/// One field of a serializer: DRF's core arguments and the type of its value.
#[derive(Clone, Debug)]
pub struct Field {
    /// The key in the body.
    pub name: Cow<'static, str>,
    /// The model's field that it reads and writes, where it is not of the same name.
    pub source: Option<Cow<'static, str>>,
    /// Whether a body without it is refused (never on PATCH).
    pub required: bool,
    /// What an absent field becomes on POST and PUT.
    pub default: Option<Default>,
    /// Whether null is accepted.
    pub allow_null: bool,
    /// Shown, ignored on input.
    pub read_only: bool,
    /// Accepted, never shown.
    pub write_only: bool,
    /// The name for people.
    pub label: Option<Cow<'static, str>>,
    /// A sentence for people.
    pub help_text: Option<Cow<'static, str>>,
    /// The field's own messages.
    pub messages: Messages,
    /// The type of its value.
    pub kind: Arc<dyn FieldType>,
}

/// What a field made of its input.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// A value to write.
    Set(DbValue),
    /// Nothing: absent and not needed, or read-only.
    Skip,
}

impl Field {
    /// A required field of a type.
    pub fn new(name: impl Into<Cow<'static, str>>, kind: impl FieldType + 'static) -> Self {
        Field {
            name: name.into(),
            source: None,
            required: true,
            default: None,
            allow_null: false,
            read_only: false,
            write_only: false,
            label: None,
            help_text: None,
            messages: Messages::default(),
            kind: Arc::new(kind),
        }
    }

    /// DRF's `Field.run_validation` without validators of the user's: empty-check, coercion, limits.
    ///
    /// # Errors
    ///
    /// Every message about this value, in DRF's order.
    pub fn run_validation(&self, input: Option<&Value>, partial: bool) -> Result<Outcome, Vec<ErrorDetail>> {
        if self.read_only {
            return Ok(Outcome::Skip);
        }
        let Some(input) = input else {
            if partial {
                return Ok(Outcome::Skip);
            }
            return match &self.default {
                Some(Default::Value(value)) => Ok(Outcome::Set(value.clone())),
                Some(Default::Call(make)) => Ok(Outcome::Set(make())),
                None if self.required => Err(vec![self.messages.detail("required", "This field is required.", &[])]),
                None => Ok(Outcome::Skip),
            };
        };
        if matches!(input, Value::Null) || self.kind.is_null_input(input, self.allow_null) {
            return if self.allow_null {
                Ok(Outcome::Set(DbValue::String(None)))
            } else {
                Err(vec![self.messages.detail("null", "This field may not be null.", &[])])
            };
        }
        let value = self.kind.to_internal_value(input, &self.messages).map_err(|detail| vec![detail])?;
        let mut errors = Vec::new();
        self.kind.check(&value, &self.messages, &mut errors);
        if errors.is_empty() { Ok(Outcome::Set(value)) } else { Err(errors) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn messages(field: &Field, input: Option<&Value>, partial: bool) -> Vec<String> {
        let errors = field.run_validation(input, partial).unwrap_err();
        errors.into_iter().map(|detail| format!("{}: {}", detail.code, detail.message)).collect()
    }

    #[test]
    fn an_absent_field() {
        let mut field = Field::new("n", IntegerField::new());
        assert_eq!(messages(&field, None, false), ["required: This field is required."]);
        assert_eq!(field.run_validation(None, true), Ok(Outcome::Skip));
        field.required = false;
        assert_eq!(field.run_validation(None, false), Ok(Outcome::Skip));
        field.default = Some(Default::Value(DbValue::BigInt(Some(42))));
        assert_eq!(field.run_validation(None, false), Ok(Outcome::Set(DbValue::BigInt(Some(42)))));
        assert_eq!(field.run_validation(None, true), Ok(Outcome::Skip));
        field.default = Some(Default::Call(Arc::new(|| DbValue::BigInt(Some(7)))));
        assert_eq!(field.run_validation(None, false), Ok(Outcome::Set(DbValue::BigInt(Some(7)))));
    }

    #[test]
    fn null() {
        let mut field = Field::new("n", IntegerField::new());
        field.default = Some(Default::Value(DbValue::BigInt(Some(42))));
        assert_eq!(messages(&field, Some(&Value::Null), true), ["null: This field may not be null."]);
        field.allow_null = true;
        assert_eq!(field.run_validation(Some(&Value::Null), false), Ok(Outcome::Set(DbValue::String(None))));
    }

    #[test]
    fn a_read_only_field_ignores_its_input() {
        let mut field = Field::new("n", IntegerField::new());
        field.read_only = true;
        assert_eq!(field.run_validation(Some(&Value::Str("x".into())), false), Ok(Outcome::Skip));
        assert_eq!(field.run_validation(None, false), Ok(Outcome::Skip));
    }

    #[test]
    fn own_messages() {
        let mut field = Field::new("n", IntegerField::new().max_value(3));
        field.messages.set("max_value", "{max_value} at most, not more than {max_value}.");
        field.messages.set("required", "Say {something}.");
        assert_eq!(messages(&field, Some(&Value::Int(4)), false), ["max_value: 3 at most, not more than 3."]);
        assert_eq!(messages(&field, None, false), ["required: Say {something}."]);
        field.messages.set("required", "Say it.");
        assert_eq!(messages(&field, None, false), ["required: Say it."]);
    }
}
