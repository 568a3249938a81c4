//! What one value may be, both ways, and every message.
//!
//! A [`Field`] is DRF's core arguments around a [`FieldType`], which does the coercion. See DRF's
//! chapter "Serializer fields".

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::context::Context;
use crate::error::{ErrorDetail, ValidationError};
use crate::model::ColumnMeta;
use crate::store::Cell;
use crate::value::{Form, Value};

mod boolean;
mod choice;
mod column;
mod computed;
mod context;
mod datetime;
mod decimal;
mod default;
mod dict;
mod domain;
mod duration;
mod email;
mod file;
mod float;
mod formats;
mod image;
mod ip;
mod json;
mod limit;
mod list;
pub mod metadata;
mod number;
mod path;
mod regex;
#[cfg(test)]
mod testing;
mod text;
mod time;
mod unvalidated;
mod url;
pub(crate) mod uuid;
mod validator;

pub use boolean::BooleanField;
pub use choice::{Choice, ChoiceField, MultipleChoiceField};
pub(crate) use column::{ColumnField, NestedRows};
pub use computed::{MethodField, ReadOnlyField};
pub use context::{FieldContext, Messages};
pub use datetime::DateTimeField;
pub use decimal::DecimalField;
pub use default::{CurrentUserDefault, Default};
pub use dict::{DictField, HStoreField};
pub(crate) use duration::fits_column;
pub use duration::{DurationField, DurationFormat};
pub use email::EmailField;
pub use file::FileField;
pub use float::FloatField;
pub use image::ImageField;
pub use ip::{IPAddressField, Protocol};
pub use json::JSONField;
pub use limit::Limit;
pub use list::ListField;
pub use number::{BigIntegerField, IntegerField};
pub use path::{FilePathField, FilePaths};
pub use regex::{RegexField, SlugField};
pub use text::CharField;
pub(crate) use text::length_limits;
pub use time::{DateField, TimeField};
pub use unvalidated::UnvalidatedField;
pub use url::URLField;
pub use uuid::{UUIDField, UUIDFormat};
pub use validator::ValueValidator;

/// The coercion of one kind of value: input to a value, an attribute or a cell of a row to JSON bytes.
pub trait FieldType: Send + Sync + fmt::Debug {
    /// Turns an input that is neither absent nor null into a value.
    ///
    /// # Errors
    ///
    /// What is wrong with it; answered as a 400 under the field's name.
    fn to_internal_value(&self, input: &Value, cx: &FieldContext<'_>) -> Result<Value, ValidationError>;

    /// The same in the place of an input that nobody else needs, so that what stays as it is need not be copied.
    ///
    /// # Errors
    ///
    /// As [`FieldType::to_internal_value`]; what is in the place of the input is then of no use.
    fn coerce(&self, value: &mut Value, cx: &FieldContext<'_>) -> Result<(), ValidationError> {
        *value = self.to_internal_value(value, cx)?;
        Ok(())
    }

    /// What an input means before anything else is asked: the value that it stands for, or why it is refused.
    ///
    /// Text fields judge blank text here. A value that comes from here is not judged any further.
    fn shortcut(&self, _input: &Value, _cx: &FieldContext<'_>) -> Option<Result<Value, ValidationError>> {
        None
    }

    /// Collects the messages of the type's own limits (`max_length`, `min_value`, …) for a coerced value: DRF's
    /// validators that a field makes by itself.
    fn check(&self, _value: &Value, _cx: &FieldContext<'_>, _errors: &mut Vec<ErrorDetail>) {}

    /// Whether an input stands for null (`""` for relations, `"null"` for nullable booleans).
    fn is_null_input(&self, _input: &Value, _allow_null: bool) -> bool {
        false
    }

    /// The field's input in an HTML form, DRF's `get_value`; none where it is absent.
    fn form_value(&self, field: &Field, form: &Form, cx: &FieldContext<'_>) -> Option<Value> {
        let Some(value) = form.get(&field.name) else {
            return if cx.partial { None } else { self.empty_form_value(field) };
        };
        let is_blank = matches!(value, Value::Str(text) if text.is_empty());
        if is_blank && (field.allow_null || !field.required) {
            if self.allows_blank() {
                return Some(value.clone());
            }
            return field.allow_null.then_some(Value::Null);
        }
        Some(value.clone())
    }

    /// What a form that leaves the field out means by that, DRF's `default_empty_html`.
    fn empty_form_value(&self, _field: &Field) -> Option<Value> {
        None
    }

    /// Whether empty text is a value (`allow_blank`).
    fn allows_blank(&self) -> bool {
        false
    }

    /// The type to show a column of this kind by, where the field leaves that to the column (`ReadOnlyField`).
    fn over(&self, _column: &ColumnMeta) -> Option<Arc<dyn FieldType>> {
        None
    }

    /// Writes an attribute or a cell that is not null as JSON.
    ///
    /// # Errors
    ///
    /// When it is not of a kind that the type can show: the row was written by something else.
    fn to_representation(&self, cell: Cell<'_>, cx: &Context, out: &mut Vec<u8>) -> Result<(), Unrepresentable>;

    /// What a body without the field is told, where the field's own messages say nothing.
    fn required_message(&self) -> &'static str {
        "This field is required."
    }

    /// Writes an attribute that is not null as JSON: what a serializer does with plain values.
    ///
    /// # Errors
    ///
    /// As [`FieldType::to_representation`].
    fn represent(&self, value: &Value, cx: &Context, out: &mut Vec<u8>) -> Result<(), Unrepresentable> {
        self.to_representation(Cell::from(value), cx, out)
    }

    /// What a field's own rules found, in the shape of the type: nested objects put messages under `non_field_errors`.
    fn shape_errors(&self, errors: ValidationError) -> ValidationError {
        errors
    }

    /// Sentences about a declaration that cannot work, for the start of the program.
    fn mistakes(&self) -> Vec<String> {
        Vec::new()
    }

    /// The name of the type in OPTIONS metadata: `string`, `integer`, `field`, ….
    fn metadata_type(&self) -> &'static str {
        "field"
    }

    /// Whether what it shows is always text, a number, a truth value or null, never a list or an object: what a table needs to
    /// know. By default the type's name in OPTIONS tells.
    fn shows_one_value(&self) -> bool {
        matches!(
            self.metadata_type(),
            "boolean"
                | "choice"
                | "date"
                | "datetime"
                | "decimal"
                | "duration"
                | "email"
                | "file upload"
                | "float"
                | "image upload"
                | "integer"
                | "regex"
                | "slug"
                | "string"
                | "time"
                | "url"
        )
    }

    /// Further OPTIONS metadata: `max_length`, `min_value`, ….
    fn metadata_limits(&self) -> Vec<(&'static str, Value)> {
        Vec::new()
    }

    /// The values to choose from with their names for people, in OPTIONS metadata.
    fn metadata_choices(&self) -> Option<Vec<(Value, Value)>> {
        None
    }

    /// The field of each item, in OPTIONS metadata.
    fn metadata_child(&self, _field: &Field) -> Option<Cow<'_, Field>> {
        None
    }

    /// The fields of a nested object, in OPTIONS metadata.
    fn metadata_children(&self) -> Option<Vec<&Field>> {
        None
    }
}

/// A cell that a field's type cannot show.
#[derive(Debug)]
pub struct Unrepresentable;

/// What a field reads and writes of its object, DRF's `source`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// The attribute of the field's own name.
    #[default]
    Name,
    /// An attribute by its path: `address.city`.
    Path(Vec<Cow<'static, str>>),
    /// The whole object: `*`.
    Whole,
}

/// One field of a serializer: DRF's core arguments and the type of its value.
#[derive(Clone)]
pub struct Field {
    /// The key in the body.
    pub name: Cow<'static, str>,
    /// What it reads and writes, where it is not of the same name.
    pub source: Source,
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
    /// Neither accepted nor shown: its value is always the default (DRF's `HiddenField`).
    pub hidden: bool,
    /// The name for people.
    pub label: Option<Cow<'static, str>>,
    /// A sentence for people.
    pub help_text: Option<Cow<'static, str>>,
    /// The value that a form for a new object begins with.
    pub initial: Option<Value>,
    /// Whether an empty list is accepted, by a field that points to many rows.
    pub allow_empty: bool,
    /// The field's own messages.
    pub messages: Messages,
    /// Rules about the value, before the limits of its type.
    pub validators: Vec<Arc<dyn ValueValidator>>,
    /// The type of its value.
    pub kind: Arc<dyn FieldType>,
}

/// A field without a name, for the items of lists and dictionaries.
impl<T: FieldType + 'static> From<T> for Field {
    fn from(kind: T) -> Self {
        Field::new("", kind)
    }
}

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Field").field("name", &self.name).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// What a field made of its input.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// A value to write.
    Set(Value),
    /// Nothing: absent and not needed, or read-only.
    Skip,
}

impl Field {
    /// A required field of a type.
    pub fn new(name: impl Into<Cow<'static, str>>, kind: impl FieldType + 'static) -> Self {
        Field::shared(name, Arc::new(kind))
    }

    /// A required field of a type that others have too.
    pub fn shared(name: impl Into<Cow<'static, str>>, kind: Arc<dyn FieldType>) -> Self {
        Field {
            name: name.into(),
            source: Source::Name,
            required: true,
            default: None,
            allow_null: false,
            read_only: false,
            write_only: false,
            hidden: false,
            label: None,
            help_text: None,
            initial: None,
            allow_empty: true,
            messages: Messages::default(),
            validators: Vec::new(),
            kind,
        }
    }

    /// A field that is never in a body and never shown: its value is always the default, DRF's `HiddenField`.
    ///
    /// ```
    /// use bowline::fields::Field;
    /// let source = Field::hidden("source", "import");
    /// assert!(source.hidden && source.write_only);
    /// ```
    pub fn hidden(name: impl Into<Cow<'static, str>>, default: impl Into<Default>) -> Self {
        let mut field = Field::new(name, UnvalidatedField::new()).required(false);
        field.default = Some(default.into());
        field.hidden = true;
        field.write_only = true;
        field
    }

    /// A read-only field that is computed from the whole object, DRF's `SerializerMethodField`.
    ///
    /// ```
    /// use bowline::fields::Field;
    /// let doubled = Field::method("doubled", |object, _| {
    ///     object.get("n").and_then(|n| n.as_int()).map(|n| 2 * n).into()
    /// });
    /// assert!(doubled.read_only);
    /// ```
    pub fn method(
        name: impl Into<Cow<'static, str>>,
        compute: impl Fn(&Value, &Context) -> Value + Send + Sync + 'static,
    ) -> Self {
        Field::new(name, MethodField::new(compute)).source("*").read_only()
    }

    /// What it reads and writes: another attribute, a path (`address.city`), or the whole object (`*`).
    pub fn source(mut self, source: impl Into<Cow<'static, str>>) -> Self {
        let source = source.into();
        self.source = match source.as_ref() {
            "*" => Source::Whole,
            path => Source::Path(path.split('.').map(|part| Cow::Owned(part.to_owned())).collect()),
        };
        self
    }

    /// Whether a body without it is refused (never on PATCH).
    pub fn required(mut self, required: bool) -> Self {
        self.required = required;
        self
    }

    /// What an absent field becomes on POST and PUT; makes it not required.
    pub fn default(mut self, value: impl Into<Value>) -> Self {
        self.default = Some(Default::Value(value.into()));
        self.required = false;
        self
    }

    /// The same from a helper such as [`CurrentUserDefault`].
    pub fn default_from(mut self, default: impl Into<Default>) -> Self {
        self.default = Some(default.into());
        self.required = false;
        self
    }

    /// The same, made anew for each object, by the request.
    pub fn default_with(mut self, make: impl Fn(&Context) -> Value + Send + Sync + 'static) -> Self {
        self.default = Some(Default::Call(Arc::new(make)));
        self.required = false;
        self
    }

    /// Lets the default count for new objects only (DRF's `CreateOnlyDefault`).
    pub fn create_only(mut self) -> Self {
        self.default = self.default.map(|default| Default::CreateOnly(Box::new(default)));
        self
    }

    /// Accepts null.
    pub fn allow_null(mut self, yes: bool) -> Self {
        self.allow_null = yes;
        self
    }

    /// Shows the field and ignores it on input.
    pub fn read_only(mut self) -> Self {
        self.read_only = true;
        self.required = false;
        self
    }

    /// Accepts the field and never shows it.
    pub fn write_only(mut self) -> Self {
        self.write_only = true;
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

    /// The value that a form for a new object begins with.
    pub fn initial(mut self, value: impl Into<Value>) -> Self {
        self.initial = Some(value.into());
        self
    }

    /// The message of a code: `required`, `null`, `invalid`, `max_length`, ….
    pub fn error_message(mut self, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        self.messages.set(code, message);
        self
    }

    /// A rule about the value.
    pub fn validator(mut self, validator: impl ValueValidator) -> Self {
        self.validators.push(Arc::new(validator));
        self
    }

    /// The field's input in a body, DRF's `get_value`; none where it is absent.
    pub fn get_value<'a>(&self, data: &'a Value, cx: &FieldContext<'_>) -> Option<Cow<'a, Value>> {
        if self.hidden {
            return None;
        }
        match data {
            Value::Form(form) => self.kind.form_value(self, form, cx).map(Cow::Owned),
            Value::Map(map) => map.get(self.name.as_ref()).map(Cow::Borrowed),
            _ => None,
        }
    }

    /// What the field makes of an input of a new object, outside any request; null where it is read-only.
    ///
    /// # Errors
    ///
    /// As [`Field::run_validation`].
    ///
    /// ```
    /// use bowline::fields::{Field, IntegerField};
    /// use bowline::value::Value;
    /// let field = Field::new("seats", IntegerField::new().max_value(8));
    /// assert_eq!(field.clean(&"4".into()), Ok(Value::Int(4)));
    /// assert_eq!(
    ///     field.clean(&Value::Int(9)).unwrap_err().to_json(),
    ///     r#"["Ensure this value is less than or equal to 8."]"#
    /// );
    /// ```
    pub fn clean(&self, input: &Value) -> Result<Value, ValidationError> {
        match self.run_validation(Some(input), &FieldContext::new(&Context::default()))? {
            Outcome::Set(value) => Ok(value),
            Outcome::Skip => Ok(Value::Null),
        }
    }

    /// DRF's `Field.run_validation`: empty-check, coercion, limits, rules.
    ///
    /// # Errors
    ///
    /// Every message about this value, in DRF's order.
    pub fn run_validation(&self, input: Option<&Value>, cx: &FieldContext<'_>) -> Result<Outcome, ValidationError> {
        if self.read_only {
            return Ok(Outcome::Skip);
        }
        let cx = &cx.of(self);
        if let Some(outcome) = self.validate_empty_values(input, cx)? {
            return Ok(outcome);
        }
        let value = self.kind.to_internal_value(input.unwrap_or(&Value::Null), cx)?;
        self.run_validators(&value, cx)?;
        Ok(Outcome::Set(value))
    }

    /// The same of an input that is there, in its place, by a field that is not read-only.
    pub(crate) fn coerce(&self, value: &mut Value, cx: &FieldContext<'_>) -> Result<(), ValidationError> {
        let cx = &cx.of(self);
        if let Some(found) = self.kind.shortcut(value, cx) {
            *value = found?;
            return Ok(());
        }
        if self.is_null(value, cx)? {
            *value = Value::Null;
            return Ok(());
        }
        self.kind.coerce(value, cx)?;
        self.run_validators(value, cx)
    }

    /// DRF's `validate_empty_values`: what an absent or null input becomes; none where there is a value to look at.
    ///
    /// # Errors
    ///
    /// `required` and `null`.
    pub fn validate_empty_values(
        &self,
        input: Option<&Value>,
        cx: &FieldContext<'_>,
    ) -> Result<Option<Outcome>, ValidationError> {
        let Some(input) = input else {
            if cx.partial {
                return Ok(Some(Outcome::Skip));
            }
            return match &self.default {
                Some(default) => Ok(Some(default.get(cx).map_or(Outcome::Skip, Outcome::Set))),
                None if self.required => Err(cx.error("required", self.kind.required_message(), &[])),
                None => Ok(Some(Outcome::Skip)),
            };
        };
        if let Some(found) = self.kind.shortcut(input, cx) {
            return found.map(|value| Some(Outcome::Set(value)));
        }
        Ok(self.is_null(input, cx)?.then_some(Outcome::Set(Value::Null)))
    }

    /// Whether an input is null, or stands for it.
    fn is_null(&self, input: &Value, cx: &FieldContext<'_>) -> Result<bool, ValidationError> {
        let is_null = input.is_null();
        if !is_null && !self.kind.is_null_input(input, self.allow_null) {
            return Ok(false);
        }
        if !self.allow_null {
            return Err(cx.error("null", "This field may not be null.", &[]));
        }
        // the whole object is never null: its field may make something of it
        Ok(!(is_null && self.source == Source::Whole))
    }

    /// Whether it, or a field within it, is for a file.
    pub(crate) fn takes_files(&self) -> bool {
        matches!(self.kind.metadata_type(), "file upload" | "image upload")
            || self.kind.metadata_child(self).is_some_and(|child| child.takes_files())
            || self.kind.metadata_children().is_some_and(|fields| fields.iter().any(|field| field.takes_files()))
    }

    /// Rules and limits for a value: the messages of all of them, or the first error that is more than messages.
    ///
    /// # Errors
    ///
    /// What they found.
    pub fn run_validators(&self, value: &Value, cx: &FieldContext<'_>) -> Result<(), ValidationError> {
        let mut errors = Vec::new();
        for validator in &self.validators {
            match validator.validate(value, cx) {
                Ok(()) => {}
                Err(ValidationError::List(found)) => errors.extend(found),
                Err(ValidationError::Message(found)) => errors.push(found),
                Err(found) => return Err(self.kind.shape_errors(found)),
            }
        }
        self.kind.check(value, cx, &mut errors);
        if errors.is_empty() { Ok(()) } else { Err(self.kind.shape_errors(errors.into())) }
    }

    /// Writes an attribute as JSON.
    ///
    /// # Errors
    ///
    /// [`Unrepresentable`] where it is not of a kind that the field's type can show.
    pub fn represent(&self, value: &Value, cx: &Context, out: &mut Vec<u8>) -> Result<(), Unrepresentable> {
        if value.is_null() {
            out.extend_from_slice(b"null");
            return Ok(());
        }
        self.kind.represent(value, cx, out)
    }

    /// Shows an attribute as JSON outside of a request, for tests: the counterpart of [`Field::clean`].
    ///
    /// # Errors
    ///
    /// As [`Field::represent`].
    ///
    /// ```
    /// use bowline::fields::{DecimalField, Field};
    /// let price = Field::new("price", DecimalField::new(6, 2));
    /// assert_eq!(price.show(&"9.9".into()).unwrap(), r#""9.90""#);
    /// ```
    pub fn show(&self, value: &Value) -> Result<String, Unrepresentable> {
        let mut out = Vec::new();
        self.represent(value, &Context::default(), &mut out)?;
        String::from_utf8(out).map_err(|_| Unrepresentable)
    }

    /// Sentences about a declaration that cannot work, for the start of the program; none where all is well.
    ///
    /// ```
    /// use bowline::fields::{Field, IntegerField};
    /// let field = Field::new("n", IntegerField::new()).read_only().write_only();
    /// assert_eq!(field.mistakes(), ["field `n`: may not be both read-only and write-only"]);
    /// ```
    pub fn mistakes(&self) -> Vec<String> {
        let path_is_name = matches!(&self.source, Source::Path(path) if path.len() == 1 && path[0] == self.name);
        let own = [
            (self.read_only && self.write_only, "may not be both read-only and write-only"),
            (self.read_only && self.required, "may not be both read-only and required"),
            (self.required && self.default.is_some(), "may not be both required and have a default"),
            (self.hidden && self.default.is_none(), "is hidden and needs a default"),
            (path_is_name, "need not name its source, which has the same name"),
        ];
        let own = own.into_iter().filter(|(wrong, _)| *wrong).map(|(_, sentence)| sentence.to_owned());
        own.chain(self.kind.mistakes()).map(|sentence| format!("field `{}`: {sentence}", self.name)).collect()
    }
}

#[cfg(test)]
mod tests;
