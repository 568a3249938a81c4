//! The Rust types of a derived serializer's fields, and what `#[derive(Serializer)]` is made of.
//!
//! A struct with named fields gets its serializer from the types of its fields:
//!
//! ```
//! use bowline::Serializer;
//! use bowline::prelude::*;
//! use bowline::serializers::Validate;
//! use bowline::value;
//!
//! /// A table for some people.
//! #[derive(Serializer)]
//! struct Booking {
//!     #[serializer(max_length = 20)]
//!     name: String,
//!     #[serializer(min_value = 1, max_value = 8, default = 2)]
//!     seats: u32,
//!     note: Option<String>,
//! }
//!
//! let request = Context::default();
//! let booking = Booking::validate(&value!({"name": " Ann "}), &request).unwrap();
//! assert_eq!((booking.name.as_str(), booking.seats, booking.note), ("Ann", 2, None));
//!
//! let errors = Booking::validate(&value!({"seats": 9}), &request).err().unwrap();
//! assert_eq!(
//!     errors.to_json(),
//!     r#"{"name":["This field is required."],"seats":["Ensure this value is less than or equal to 8."]}"#
//! );
//! ```
//!
//! | Rust | field |
//! |---|---|
//! | `String` | [`CharField`](crate::fields::CharField) |
//! | `bool` | [`BooleanField`](crate::fields::BooleanField) |
//! | `i8` to `i64`, `u8` to `u64` | [`IntegerField`](crate::fields::IntegerField) with the bounds of the type |
//! | `f32`, `f64` | [`FloatField`](crate::fields::FloatField) |
//! | [`Decimal`](crate::value::Decimal), `rust_decimal::Decimal` | [`DecimalField`](crate::fields::DecimalField) |
//! | `Uuid` | [`UUIDField`](crate::fields::UUIDField) |
//! | `DateTime<Utc>`, `DateTime<FixedOffset>`, `NaiveDateTime` | [`DateTimeField`](crate::fields::DateTimeField) |
//! | `NaiveDate`, `NaiveTime`, `TimeDelta` | [`DateField`](crate::fields::DateField), [`TimeField`](crate::fields::TimeField), [`DurationField`](crate::fields::DurationField) |
//! | `Vec<T>` | [`ListField`]; [`ListSerializer`] where `T` has a serializer |
//! | `HashMap`, `BTreeMap`, `IndexMap` of `String` to `T` | [`DictField`](crate::fields::DictField) |
//! | `serde_json::Value`, [`Value`] | [`JSONField`](crate::fields::JSONField) |
//! | `Arc<Upload>` | [`FileField`](crate::fields::FileField) |
//! | a struct that derives it too | its serializer |
//! | `Option<T>` | that of `T`, not required, null allowed |
//!
//! | attribute of a field | what |
//! |---|---|
//! | `max_length = 10`, `min_length = 2` | of text, or of a list |
//! | `max_value = 10`, `min_value = 1` | of numbers and durations |
//! | `max_digits = 6`, `decimal_places = 2` | of decimals |
//! | `allow_blank`, `trim_whitespace = false` | of text |
//! | `allow_empty = false` | of lists, dictionaries and files |
//! | `choices("r", "g")`, `choices(("r", "Red"), …)` | only these; a list of them for a `Vec` |
//! | `field = EmailField::new()` | another field, whose values the Rust type holds |
//! | `required = false`, `default = 5`, `read_only`, `write_only` | DRF's core arguments; a read-only field gets its type's `Default` |
//! | `rename = "name"`, `source = "a.b"` | the name in the body, and where the value is among the attributes |
//! | `label = "…"`, `help_text = "…"` | for people |
//! | `messages(required = "Say it.")` | own messages by their codes |
//! | `validate = path::to::function` | DRF's `validate_<field>`: `fn(T) -> Result<T, ValidationError>` |
//!
//! On the struct `#[serializer(validate = path::to::function)]` is DRF's `validate`, `fn(Self) -> Result<Self, ValidationError>`; it
//! is not asked about a part of an object (PATCH). A struct also becomes a [`Value`] (`Value::from(booking)`), which its serializer
//! represents.

use std::sync::Arc;

use super::{ListSerializer, Validate};
use crate::error::ValidationError;
use crate::fields::{Choice, ChoiceField, Field, FieldType, ListField};
use crate::value::{Map, Value};

mod limits;
mod values;

pub use limits::{HasChoices, HasDefault, HasDigits, HasEmptiness, HasLength, HasLimits, IsText, Limits};

/// A type that a field of a derived serializer may have.
///
/// Structs that derive `Serializer` are; a type of one's own is when this is implemented for it:
///
/// ```
/// use std::sync::Arc;
///
/// use bowline::Serializer;
/// use bowline::error::ValidationError;
/// use bowline::fields::{FieldType, RegexField};
/// use bowline::prelude::*;
/// use bowline::serializers::typed::{FieldValue, Limits};
///
/// struct Colour(u32);
///
/// impl FieldValue for Colour {
///     fn field_type(_: &Limits) -> Arc<dyn FieldType> {
///         Arc::new(RegexField::new("^#[0-9a-f]{6}$").unwrap())
///     }
///
///     fn from_value(value: Value) -> Result<Self, ValidationError> {
///         let digits = value.as_str().and_then(|text| u32::from_str_radix(text.get(1..)?, 16).ok());
///         digits.map(Colour).ok_or_else(|| "Not a colour.".into())
///     }
///
///     fn into_value(self) -> Value {
///         format!("#{:06x}", self.0).into()
///     }
/// }
///
/// #[derive(Serializer)]
/// struct Tag {
///     colour: Colour,
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "a serializer has no field for the type `{Self}`",
    label = "not a type that a field of a serializer may have",
    note = "a struct needs `#[derive(bowline::Serializer)]` of its own; for another type implement \
            `bowline::serializers::typed::FieldValue`"
)]
pub trait FieldValue: Sized {
    /// Whether null is one of its values, and absence the same.
    const OPTIONAL: bool = false;

    /// The field that makes its values, within limits.
    fn field_type(limits: &Limits) -> Arc<dyn FieldType>;

    /// The field of a list of them.
    fn list_type(limits: &Limits) -> Arc<dyn FieldType> {
        let child = Field::shared("", Self::field_type(&Limits::new())).allow_null(Self::OPTIONAL);
        let list = ListField::of(child).min_length(limits.min_length).max_length(limits.max_length);
        Arc::new(list.allow_empty(limits.allow_empty.unwrap_or(true)))
    }

    /// The field that accepts only these.
    fn choice_type(choices: Vec<Choice>, limits: &Limits) -> Arc<dyn FieldType> {
        Arc::new(ChoiceField::new(choices).allow_blank(limits.allow_blank))
    }

    /// The value of an absent field, where there is one.
    fn absent() -> Option<Self> {
        None
    }

    /// The value that the field made.
    ///
    /// # Errors
    ///
    /// A value that the field accepts and the type does not hold.
    fn from_value(value: Value) -> Result<Self, ValidationError>;

    /// The value that the field represents.
    fn into_value(self) -> Value;
}

/// The field of one struct: what [`FieldValue::field_type`] is for a type that derives `Serializer`.
pub fn one<T: Validate>() -> Arc<dyn FieldType> {
    Arc::new(T::serializer().clone())
}

/// The field of many of them.
pub fn many<T: Validate>(limits: &Limits) -> Arc<dyn FieldType> {
    let mut list = ListSerializer::new(T::serializer().clone()).allow_empty(limits.allow_empty.unwrap_or(true));
    if let Some(min) = limits.min_length {
        list = list.min_length(min);
    }
    if let Some(max) = limits.max_length {
        list = list.max_length(max);
    }
    Arc::new(list)
}

/// Takes a value from the attributes: the field's name, its path, its default.
pub type Take<T> = fn(&mut Attributes, &'static str, &[&str], Option<fn() -> Value>) -> Option<T>;

/// What a derived serializer does with the values of a type, asked for in one place: a type that is no [`FieldValue`]
/// is one error, not one for each use.
#[derive(Debug)]
pub struct Uses<T> {
    /// [`FieldValue::OPTIONAL`].
    pub optional: bool,
    /// [`FieldValue::field_type`].
    pub field_type: fn(&Limits) -> Arc<dyn FieldType>,
    /// [`FieldValue::from_value`].
    pub from_value: fn(Value) -> Result<T, ValidationError>,
    /// [`FieldValue::into_value`].
    pub into_value: fn(T) -> Value,
    /// The value among the attributes; none with an error under the field's name.
    pub take: Take<T>,
}

/// Those of a type.
pub const fn uses<T: FieldValue>() -> Uses<T> {
    Uses {
        optional: T::OPTIONAL,
        field_type: T::field_type,
        from_value: T::from_value,
        into_value: T::into_value,
        take: Attributes::take,
    }
}

/// The value of a read-only field.
pub fn unread<T: HasDefault>() -> T {
    T::default_value()
}

/// The attributes that a serializer validated, while a struct is made of them.
#[derive(Debug)]
pub struct Attributes {
    found: Map,
    errors: ValidationError,
}

impl Attributes {
    /// Those of a validated value; none where it is no object.
    pub fn new(value: Value) -> Self {
        let found = match value {
            Value::Map(found) => found,
            _ => Map::new(),
        };
        Attributes { found, errors: ValidationError::fields() }
    }

    /// The attribute at a path, or its default, as a Rust type; the whole of them at the empty path. None with an error
    /// under `name`.
    pub fn take<T: FieldValue>(
        &mut self,
        name: &'static str,
        path: &[&str],
        default: Option<fn() -> Value>,
    ) -> Option<T> {
        let value = match self.get(path).or_else(|| default.map(|default| default())) {
            Some(value) => T::from_value(value),
            None => T::absent().ok_or_else(|| ValidationError::new("This field is required.", "required")),
        };
        value.map_err(|error| self.errors.insert(name, error)).ok()
    }

    /// A value that two fields have is there for both.
    fn get(&self, path: &[&str]) -> Option<Value> {
        let Some((last, parents)) = path.split_last() else { return Some(Value::Map(self.found.clone())) };
        let mut place = &self.found;
        for parent in parents {
            place = place.get(parent)?.as_map()?;
        }
        place.get(last).cloned()
    }

    /// What was wrong with them.
    pub fn into_errors(self) -> ValidationError {
        self.errors
    }
}

/// The attributes of a struct.
pub fn attributes(of: impl Into<Value>) -> Map {
    match of.into() {
        Value::Map(attributes) => attributes,
        _ => Map::new(),
    }
}

/// Takes an attribute away.
pub fn forget(attributes: &mut Map, path: &[&str]) {
    let Some((last, parents)) = path.split_last() else { return };
    let mut place = attributes;
    for parent in parents {
        let Some(Value::Map(next)) = place.get_mut(parent) else { return };
        place = next;
    }
    place.remove(last);
}

/// Sets an attribute at a path, and makes the objects on its way; lays an object over them all at the empty path.
pub fn put(attributes: &mut Map, path: &[&str], value: Value) {
    let Some((last, parents)) = path.split_last() else {
        if let Value::Map(map) = value {
            attributes.extend(map);
        }
        return;
    };
    let mut place = attributes;
    for parent in parents {
        let next = place.get_or_insert_with(parent, Value::map);
        if !matches!(next, Value::Map(_)) {
            *next = Value::map();
        }
        let Value::Map(next) = next else { return };
        place = next;
    }
    place.insert(last, value);
}

#[cfg(test)]
mod tests;
