//! What a user may say about one field, over what the model says: DRF's `extra_kwargs`.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::context::Context;
use crate::fields::{Default as FieldDefault, FieldType};
use crate::validators::{UniqueValidator, ValueValidator};
use crate::value::Value;

/// Options of one field; whatever is not set stays as the model derives it.
#[derive(Clone, Default)]
pub struct FieldOptions {
    pub(super) source: Option<Cow<'static, str>>,
    pub(super) required: Option<bool>,
    pub(super) default: Option<FieldDefault>,
    pub(super) allow_null: Option<bool>,
    pub(super) allow_blank: Option<bool>,
    pub(super) read_only: Option<bool>,
    pub(super) write_only: Option<bool>,
    pub(super) max_length: Option<usize>,
    pub(super) min_length: Option<usize>,
    pub(super) max_value: Option<i64>,
    pub(super) coerce_to_string: Option<bool>,
    pub(super) format: Option<Cow<'static, str>>,
    pub(super) input_formats: Vec<Cow<'static, str>>,
    pub(super) min_value: Option<i64>,
    pub(super) label: Option<Cow<'static, str>>,
    pub(super) help_text: Option<Cow<'static, str>>,
    pub(super) messages: Vec<(&'static str, Cow<'static, str>)>,
    pub(super) kind: Option<Arc<dyn FieldType>>,
    pub(super) unique: Option<UniqueValidator>,
    pub(super) validators: Vec<Arc<dyn ValueValidator>>,
}

impl FieldOptions {
    /// Whether they contradict each other, or bring a type that may be declared wrongly.
    pub(super) fn may_be_wrong(&self) -> bool {
        let read_only = self.read_only == Some(true);
        let required = self.required == Some(true);
        read_only && (required || self.write_only == Some(true))
            || required && self.default.is_some()
            || self.kind.is_some()
    }

    /// The column that it reads and writes, where the field is not called as the column.
    pub fn source(mut self, column: impl Into<Cow<'static, str>>) -> Self {
        self.source = Some(column.into());
        self
    }

    /// Whether a body without it is refused.
    pub fn required(mut self, required: bool) -> Self {
        self.required = Some(required);
        self
    }

    /// What an absent field becomes on POST and PUT; makes it not required.
    pub fn default(mut self, value: impl Into<Value>) -> Self {
        self.default = Some(FieldDefault::Value(value.into()));
        self
    }

    /// The same, made anew for each object, by the request.
    pub fn default_with(mut self, make: impl Fn(&Context) -> Value + Send + Sync + 'static) -> Self {
        self.default = Some(FieldDefault::Call(Arc::new(make)));
        self
    }

    /// Whether null is accepted.
    pub fn allow_null(mut self, allow: bool) -> Self {
        self.allow_null = Some(allow);
        self
    }

    /// Whether empty text is accepted.
    pub fn allow_blank(mut self, allow: bool) -> Self {
        self.allow_blank = Some(allow);
        self
    }

    /// Shows the field and ignores it on input.
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = Some(read_only);
        self
    }

    /// Accepts the field and never shows it.
    pub fn write_only(mut self, write_only: bool) -> Self {
        self.write_only = Some(write_only);
        self
    }

    /// The most characters that text may have.
    pub fn max_length(mut self, characters: usize) -> Self {
        self.max_length = Some(characters);
        self
    }

    /// The fewest characters that text may have.
    pub fn min_length(mut self, characters: usize) -> Self {
        self.min_length = Some(characters);
        self
    }

    /// The largest integer.
    pub fn max_value(mut self, value: i64) -> Self {
        self.max_value = Some(value);
        self
    }

    /// The smallest integer.
    pub fn min_value(mut self, value: i64) -> Self {
        self.min_value = Some(value);
        self
    }

    /// Whether answers hold a decimal or a large integer as text.
    pub fn coerce_to_string(mut self, yes: bool) -> Self {
        self.coerce_to_string = Some(yes);
        self
    }

    /// How answers write a date or a time: `iso-8601`, or a pattern of Python's `strftime`.
    pub fn format(mut self, format: impl Into<Cow<'static, str>>) -> Self {
        self.format = Some(format.into());
        self
    }

    /// How bodies may write a date or a time: `iso-8601`, or patterns of Python's `strptime`.
    pub fn input_formats(mut self, formats: impl IntoIterator<Item = &'static str>) -> Self {
        self.input_formats = formats.into_iter().map(Cow::Borrowed).collect();
        self
    }

    /// The name for people.
    pub fn label(mut self, label: impl Into<Cow<'static, str>>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// A sentence for people.
    pub fn help_text(mut self, text: impl Into<Cow<'static, str>>) -> Self {
        self.help_text = Some(text.into());
        self
    }

    /// The message of a code: `required`, `null`, `invalid`, `max_length`, ….
    pub fn error_message(mut self, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        self.messages.push((code, message.into()));
        self
    }

    /// Another type than the column's.
    pub fn field_type(mut self, kind: impl FieldType + 'static) -> Self {
        self.kind = Some(Arc::new(kind));
        self
    }

    /// Declares that no other row has the same value, or says how the derived rule is to speak.
    pub fn unique(mut self, validator: UniqueValidator) -> Self {
        self.unique = Some(validator);
        self
    }

    /// A rule about the value.
    pub fn validator(mut self, validator: impl ValueValidator) -> Self {
        self.validators.push(Arc::new(validator));
        self
    }
}

impl fmt::Debug for FieldOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FieldOptions").field("source", &self.source).field("kind", &self.kind).finish_non_exhaustive()
    }
}
