//! What attributes say about a field's values, and which types they may be said of.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::TimeDelta;
use indexmap::IndexMap;

use crate::fields::{Choice, FieldType, Limit};
use crate::value::{Decimal, Upload, Value};

use super::FieldValue;

/// The limits of a field; each can only be set for a type that it means something for.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Limits {
    /// The fewest characters or items.
    pub min_length: Option<usize>,
    /// The most characters or items.
    pub max_length: Option<usize>,
    /// The smallest value.
    pub min_value: Option<Value>,
    /// The largest value.
    pub max_value: Option<Value>,
    /// The most digits.
    pub max_digits: Option<u32>,
    /// The digits after the point.
    pub decimal_places: Option<u32>,
    /// Whether empty text is accepted.
    pub allow_blank: bool,
    /// Whether white space is cut off both ends.
    pub trim_whitespace: Option<bool>,
    /// Whether an empty list, dictionary or file is accepted.
    pub allow_empty: Option<bool>,
}

impl Limits {
    /// None.
    pub fn new() -> Self {
        Limits::default()
    }

    /// Sets the fewest characters or items.
    pub fn min_length<T: HasLength>(&mut self, n: usize) {
        self.min_length = Some(n);
    }

    /// Sets the most characters or items.
    pub fn max_length<T: HasLength>(&mut self, n: usize) {
        self.max_length = Some(n);
    }

    /// Sets the smallest value.
    pub fn min_value<T: HasLimits>(&mut self, value: impl Into<T::Limit>) {
        self.min_value = Some(value.into().into());
    }

    /// Sets the largest value.
    pub fn max_value<T: HasLimits>(&mut self, value: impl Into<T::Limit>) {
        self.max_value = Some(value.into().into());
    }

    /// Sets the most digits.
    pub fn max_digits<T: HasDigits>(&mut self, n: u32) {
        self.max_digits = Some(n);
    }

    /// Sets the digits after the point.
    pub fn decimal_places<T: HasDigits>(&mut self, n: u32) {
        self.decimal_places = Some(n);
    }

    /// Sets whether empty text is accepted.
    pub fn allow_blank<T: IsText>(&mut self, yes: bool) {
        self.allow_blank = yes;
    }

    /// Sets whether white space is cut off both ends.
    pub fn trim_whitespace<T: IsText>(&mut self, yes: bool) {
        self.trim_whitespace = Some(yes);
    }

    /// Sets whether an empty list, dictionary or file is accepted.
    pub fn allow_empty<T: HasEmptiness>(&mut self, yes: bool) {
        self.allow_empty = Some(yes);
    }

    /// The field that accepts only these.
    pub fn choices<T: HasChoices>(&self, choices: Vec<Choice>) -> Arc<dyn FieldType> {
        T::choice_type(choices, self)
    }
}

/// Types whose values have a length.
#[diagnostic::on_unimplemented(
    message = "`min_length` and `max_length` are for text and lists, not for `{Self}`",
    label = "no length to limit"
)]
pub trait HasLength {}

/// Types whose values have an order.
#[diagnostic::on_unimplemented(
    message = "`min_value` and `max_value` are for numbers and durations, not for `{Self}`",
    label = "no value to limit"
)]
pub trait HasLimits {
    /// What a limit is.
    type Limit: Into<Value>;
}

/// Types whose values are decimal digits.
#[diagnostic::on_unimplemented(
    message = "`max_digits` and `decimal_places` are for decimals, not for `{Self}`",
    label = "no digits to limit"
)]
pub trait HasDigits {}

/// Types whose values are text.
#[diagnostic::on_unimplemented(
    message = "`allow_blank` and `trim_whitespace` are for text, not for `{Self}`",
    label = "no text"
)]
pub trait IsText {}

/// Types whose values may be empty.
#[diagnostic::on_unimplemented(
    message = "`allow_empty` is for lists, dictionaries and files, not for `{Self}`",
    label = "nothing that may be empty"
)]
pub trait HasEmptiness {}

/// Types whose values may be a choice.
#[diagnostic::on_unimplemented(
    message = "`choices` are for text, numbers, booleans and lists of them, not for `{Self}`",
    label = "nothing to choose from"
)]
pub trait HasChoices: FieldValue {}

/// Types that have a value by themselves: all that implement [`Default`].
#[diagnostic::on_unimplemented(
    message = "a read-only field is in no body, so that its type `{Self}` needs a `Default`",
    label = "no value of its own: make it `Option<…>`"
)]
pub trait HasDefault {
    /// The value.
    fn default_value() -> Self;
}

#[diagnostic::do_not_recommend]
impl<T: Default> HasDefault for T {
    fn default_value() -> Self {
        T::default()
    }
}

impl HasLength for String {}
impl HasDigits for Decimal {}
impl HasDigits for sea_orm::prelude::Decimal {}
impl IsText for String {}
impl HasEmptiness for Arc<Upload> {}
impl HasChoices for String {}
impl HasChoices for bool {}
impl HasChoices for i8 {}
impl HasChoices for i16 {}
impl HasChoices for i32 {}
impl HasChoices for i64 {}
impl HasChoices for u8 {}
impl HasChoices for u16 {}
impl HasChoices for u32 {}
impl HasChoices for u64 {}
impl HasChoices for f64 {}
impl<T> HasLength for Vec<T> {}
impl<T: HasLength> HasLength for Option<T> {}
impl<T: HasDigits> HasDigits for Option<T> {}
impl<T: IsText> IsText for Option<T> {}
impl<T> HasEmptiness for Vec<T> {}
impl<K, T, S> HasEmptiness for HashMap<K, T, S> {}
impl<K, T> HasEmptiness for BTreeMap<K, T> {}
impl<K, T, S> HasEmptiness for IndexMap<K, T, S> {}
impl<T: HasEmptiness> HasEmptiness for Option<T> {}
impl<T: HasChoices> HasChoices for Vec<T> {}
impl<T: HasChoices> HasChoices for Option<T> {}

macro_rules! limits {
    ($($limit:ty: $($type:ty),+;)+) => {$($(impl HasLimits for $type {
        type Limit = $limit;
    })+)+};
}

limits! {
    i64: i8, i16, i32, i64, u8, u16, u32, u64;
    Limit: f32, f64, Decimal, sea_orm::prelude::Decimal;
    TimeDelta: TimeDelta;
}

impl<T: HasLimits> HasLimits for Option<T> {
    type Limit = T::Limit;
}
