//! Serializers without a model: DRF's `Serializer` and `ListSerializer`.

use std::fmt;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::context::Context;
use crate::error::{Error, ErrorDetail, Result, ValidationError};
use crate::fields::{Field, FieldContext, FieldType, Outcome, Source, Unrepresentable};
use crate::store::Cell;
use crate::value::{Form, Value, write};

type Attributes = IndexMap<String, Value>;
type FieldHook = Arc<dyn Fn(Value, &FieldContext<'_>) -> Result<Value, ValidationError> + Send + Sync>;
type Hook = Arc<dyn Fn(Attributes, &FieldContext<'_>) -> Result<Attributes, ValidationError> + Send + Sync>;
type Map = Arc<dyn Fn(Value) -> Value + Send + Sync>;

/// A rule about all attributes of a plain serializer: a pure function of them.
///
/// Every `Fn(&IndexMap<String, Value>) -> Result<(), ValidationError>` is one; a type that implements the trait also
/// gets the serializer and the request (DRF's `requires_context`).
pub trait AttributesValidator: Send + Sync + 'static {
    /// Judges the validated attributes.
    ///
    /// # Errors
    ///
    /// Messages for `non_field_errors`, or errors by field; answered with 400.
    fn validate(&self, attributes: &Attributes, serializer: &Serializer) -> Result<(), ValidationError>;
}

impl<F> AttributesValidator for F
where
    F: Fn(&Attributes) -> Result<(), ValidationError> + Send + Sync + 'static,
{
    fn validate(&self, attributes: &Attributes, _: &Serializer) -> Result<(), ValidationError> {
        self(attributes)
    }
}

/// A set of fields over plain values, DRF's `Serializer`.
///
/// It validates a body and represents a value; as a [`FieldType`] it nests in other serializers.
///
/// ```
/// use bowline::fields::{CharField, Field, IntegerField};
/// use bowline::prelude::*;
/// use bowline::serializers::Serializer;
/// use bowline::value::json;
///
/// let line = Serializer::new()
///     .field(Field::new("sku", CharField::new()))
///     .field(Field::new("quantity", IntegerField::new().min_value(1)).default(1));
/// let body = json::parse(br#"{"sku": "A1"}"#).unwrap();
/// let valid = line.run_validation(&body, &Context::default()).unwrap();
/// assert_eq!(valid.get("quantity"), Some(&Value::Int(1)));
/// ```
#[derive(Clone, Default)]
pub struct Serializer {
    fields: Vec<PlainField>,
    validators: Vec<Arc<dyn AttributesValidator>>,
    validate: Vec<Hook>,
    map_input: Option<Map>,
    map_output: Option<Map>,
}

#[derive(Clone)]
struct PlainField {
    field: Field,
    /// `"name":`, ready to be written.
    key: Vec<u8>,
    hooks: Vec<FieldHook>,
}

impl Serializer {
    /// Without fields yet.
    pub fn new() -> Self {
        Serializer::default()
    }

    /// Adds a field; of fields with the same name the last one counts, at the place of the first.
    pub fn field(mut self, field: Field) -> Self {
        let mut key = Vec::new();
        write::string(&field.name, &mut key);
        key.push(b':');
        let place = self.fields.iter().position(|f| f.field.name == field.name);
        let field = PlainField { field, key, hooks: Vec::new() };
        match place {
            Some(n) => self.fields[n] = field,
            None => self.fields.push(field),
        }
        self
    }

    /// A hook after a field's own validation, DRF's `validate_<field>`: it may refuse the value or answer another one.
    pub fn validate_field(
        mut self,
        name: &str,
        hook: impl Fn(Value, &FieldContext<'_>) -> Result<Value, ValidationError> + Send + Sync + 'static,
    ) -> Self {
        if let Some(field) = self.fields.iter_mut().find(|f| f.field.name == name) {
            field.hooks.push(Arc::new(hook));
        }
        self
    }

    /// A rule about all attributes, after all fields were right (DRF's `Meta.validators`).
    pub fn validator(mut self, validator: impl AttributesValidator) -> Self {
        self.validators.push(Arc::new(validator));
        self
    }

    /// A hook after all rules, DRF's `validate`: it may refuse the attributes or answer others.
    pub fn validate(
        mut self,
        hook: impl Fn(Attributes, &FieldContext<'_>) -> Result<Attributes, ValidationError> + Send + Sync + 'static,
    ) -> Self {
        self.validate.push(Arc::new(hook));
        self
    }

    /// Changes an input before the fields see it (an overridden `to_internal_value` that calls its parent's).
    pub fn map_input(mut self, map: impl Fn(Value) -> Value + Send + Sync + 'static) -> Self {
        self.map_input = Some(Arc::new(map));
        self
    }

    /// Changes what the fields represent (an overridden `to_representation` that calls its parent's).
    pub fn map_output(mut self, map: impl Fn(Value) -> Value + Send + Sync + 'static) -> Self {
        self.map_output = Some(Arc::new(map));
        self
    }

    /// The fields in the order of the body.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().map(|f| &f.field)
    }

    /// Validates a whole body of a new object.
    ///
    /// # Errors
    ///
    /// Errors by field, in the order of the fields; only where every field is right those of the whole.
    pub fn run_validation(&self, data: &Value, request: &Context) -> Result<Value, ValidationError> {
        self.run(data, &FieldContext::new(request))
    }

    /// Validates a body that need not have every field (DRF's `partial=True`).
    ///
    /// # Errors
    ///
    /// As [`Serializer::run_validation`].
    pub fn run_partial_validation(&self, data: &Value, request: &Context) -> Result<Value, ValidationError> {
        self.run(data, &FieldContext { partial: true, ..FieldContext::new(request) })
    }

    fn run(&self, data: &Value, cx: &FieldContext<'_>) -> Result<Value, ValidationError> {
        if data.is_null() {
            return Err(ValidationError::field("non_field_errors", ErrorDetail::new("No data provided", "null")));
        }
        self.to_internal_value(data, cx)
    }

    fn attributes(&self, data: &Value, cx: &FieldContext<'_>) -> Result<Attributes, ValidationError> {
        let mut found = Attributes::with_capacity(self.fields.len());
        let mut errors = ValidationError::fields();
        for PlainField { field, hooks, .. } in &self.fields {
            let input = field.get_value(data, cx);
            let is_absent = input.is_none();
            let value = field.run_validation(input.as_deref(), cx).and_then(|outcome| match outcome {
                Outcome::Set(value) if !(is_absent && field.read_only) => {
                    let cx = cx.of(field);
                    hooks.iter().try_fold(value, |value, hook| hook(value, &cx)).map(Outcome::Set)
                }
                other => Ok(other),
            });
            match value {
                Ok(Outcome::Set(value)) => set_value(&mut found, field, value),
                Ok(Outcome::Skip) => {}
                Err(error) => errors.insert(field.name.clone(), error),
            }
        }
        if errors.is_empty() { Ok(found) } else { Err(errors) }
    }

    /// An instance as its fields represent it, DRF's `serializer.data`.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] where an attribute is missing or not of a kind that its field can show.
    pub fn data(&self, instance: &Value, cx: &Context) -> Result<Value> {
        let mut text = Vec::new();
        let written = self.represent(instance, cx, &mut text);
        written.map_err(|_| Error::internal("an instance is not of the kind that its serializer represents"))?;
        crate::value::json::parse(&text).map_err(Error::internal)
    }

    /// Writes a value as a JSON object.
    ///
    /// # Errors
    ///
    /// [`Unrepresentable`] where an attribute is missing or not of a kind that its field can show.
    pub fn represent(&self, instance: &Value, cx: &Context, out: &mut Vec<u8>) -> Result<(), Unrepresentable> {
        if let Some(map) = &self.map_output {
            let mut own = Vec::new();
            self.write(instance, cx, &mut own)?;
            let text = std::str::from_utf8(&own).map_err(|_| Unrepresentable)?;
            let shown = crate::value::json::parse_str(text).map_err(|_| Unrepresentable)?;
            write::value(&map(shown), out);
            return Ok(());
        }
        self.write(instance, cx, out)
    }

    fn write(&self, instance: &Value, cx: &Context, out: &mut Vec<u8>) -> Result<(), Unrepresentable> {
        out.push(b'{');
        let mut first = true;
        for PlainField { field, key, .. } in self.fields.iter().filter(|f| !f.field.write_only) {
            let default;
            let attribute = match attribute(instance, field) {
                Some(attribute) => attribute,
                None => match &field.default {
                    Some(found) => {
                        default = found.get(&FieldContext::new(cx)).unwrap_or(Value::Null);
                        &default
                    }
                    None if field.allow_null => &Value::Null,
                    None if !field.required => continue,
                    None => return Err(Unrepresentable),
                },
            };
            if !first {
                out.push(b',');
            }
            first = false;
            out.extend_from_slice(key);
            if attribute.is_null() {
                out.extend_from_slice(b"null");
            } else {
                field.kind.to_representation(Cell::from(attribute), cx, out)?;
            }
        }
        out.push(b'}');
        Ok(())
    }
}

/// DRF's `set_value`: a path makes the objects on its way, the whole is laid over what is there.
fn set_value(attributes: &mut Attributes, field: &Field, value: Value) {
    match &field.source {
        Source::Name => {
            attributes.insert(field.name.clone().into_owned(), value);
        }
        Source::Path(path) => {
            let Some((last, parents)) = path.split_last() else { return };
            let mut place = attributes;
            for parent in parents {
                let next = place.entry(parent.clone().into_owned()).or_insert_with(Value::map);
                if !matches!(next, Value::Map(_)) {
                    *next = Value::map();
                }
                let Value::Map(next) = next else { return };
                place = next;
            }
            place.insert(last.clone().into_owned(), value);
        }
        Source::Whole => match value {
            Value::Map(map) => attributes.extend(map),
            other => {
                attributes.insert(field.name.clone().into_owned(), other);
            }
        },
    }
}

/// DRF's `get_attribute` over plain values; none where something on the way is missing.
fn attribute<'a>(instance: &'a Value, field: &Field) -> Option<&'a Value> {
    match &field.source {
        Source::Name => instance.get(&field.name),
        Source::Path(path) => path.iter().try_fold(instance, |value, part| value.get(part)),
        Source::Whole => Some(instance),
    }
}

impl FieldType for Serializer {
    fn to_internal_value(&self, input: &Value, cx: &FieldContext<'_>) -> Result<Value, ValidationError> {
        let mapped = self.map_input.as_ref().map(|map| map(input.clone()));
        let input = mapped.as_ref().unwrap_or(input);
        if !matches!(input, Value::Map(_) | Value::Form(_)) {
            let text = "Invalid data. Expected a dictionary, but got {datatype}.";
            let detail = cx.detail("invalid", text, &[("datatype", input.type_name())]);
            return Err(ValidationError::field("non_field_errors", detail));
        }
        let mut attributes = self.attributes(input, cx)?;
        let mut errors = ValidationError::fields();
        for validator in &self.validators {
            if let Err(error) = validator.validate(&attributes, self) {
                match error {
                    // an error by field ends the rules, messages are collected
                    ValidationError::Fields(_) => return Err(error),
                    messages => errors.merge(messages),
                }
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        for hook in &self.validate {
            attributes = hook(attributes, cx).map_err(ValidationError::into_fields)?;
        }
        Ok(Value::Map(attributes))
    }

    fn form_value(&self, field: &Field, form: &Form, _: &FieldContext<'_>) -> Option<Value> {
        let found = form.parse_dict(&field.name);
        (!found.is_empty()).then(|| Value::Form(Box::new(found)))
    }

    fn to_representation(&self, cell: Cell<'_>, cx: &Context, out: &mut Vec<u8>) -> Result<(), Unrepresentable> {
        match cell {
            Cell::Value(value) => self.represent(value, cx, out),
            _ => Err(Unrepresentable),
        }
    }

    fn metadata_type(&self) -> &'static str {
        "nested object"
    }
}

impl fmt::Debug for Serializer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serializer").field("fields", &self.fields().collect::<Vec<_>>()).finish_non_exhaustive()
    }
}

/// A list of objects, each by the same serializer: DRF's `many=True`.
#[derive(Clone)]
pub struct ListSerializer {
    child: Serializer,
    allow_empty: bool,
    min_length: Option<usize>,
    max_length: Option<usize>,
    validate: Vec<ListHook>,
}

type ListHook = Arc<dyn Fn(&[Value], &FieldContext<'_>) -> Result<(), ValidationError> + Send + Sync>;

impl ListSerializer {
    /// Any number of objects.
    pub fn new(child: Serializer) -> Self {
        ListSerializer { child, allow_empty: true, min_length: None, max_length: None, validate: Vec::new() }
    }

    /// Whether an empty list is accepted.
    pub fn allow_empty(mut self, yes: bool) -> Self {
        self.allow_empty = yes;
        self
    }

    /// The fewest objects.
    pub fn min_length(mut self, n: usize) -> Self {
        self.min_length = Some(n);
        self
    }

    /// The most objects.
    pub fn max_length(mut self, n: usize) -> Self {
        self.max_length = Some(n);
        self
    }

    /// A rule about the list as a whole, after all of its objects were right.
    pub fn validate(
        mut self,
        hook: impl Fn(&[Value], &FieldContext<'_>) -> Result<(), ValidationError> + Send + Sync + 'static,
    ) -> Self {
        self.validate.push(Arc::new(hook));
        self
    }

    /// The serializer of each object.
    pub fn child(&self) -> &Serializer {
        &self.child
    }

    /// Validates a body that is a list.
    ///
    /// # Errors
    ///
    /// `non_field_errors` about the list, or the errors of its objects by their index.
    pub fn run_validation(&self, data: &Value, request: &Context) -> Result<Value, ValidationError> {
        if data.is_null() {
            return Err(ValidationError::field("non_field_errors", ErrorDetail::new("No data provided", "null")));
        }
        self.to_internal_value(data, &FieldContext::new(request))
    }
}

impl FieldType for ListSerializer {
    fn to_internal_value(&self, input: &Value, cx: &FieldContext<'_>) -> Result<Value, ValidationError> {
        let whole = |detail: ErrorDetail| ValidationError::field("non_field_errors", detail);
        let parsed;
        let items = match input {
            Value::List(items) => items.as_slice(),
            Value::Form(form) => {
                parsed = form.parse_list("").unwrap_or_default();
                parsed.as_slice()
            }
            other => {
                let text = "Expected a list of items but got type \"{input_type}\".";
                return Err(whole(cx.detail("not_a_list", text, &[("input_type", other.type_name())])));
            }
        };
        if items.is_empty() && !self.allow_empty {
            return Err(whole(cx.detail("empty", "This list may not be empty.", &[])));
        }
        if let Some(max) = self.max_length.filter(|max| items.len() > *max) {
            let text = "Ensure this field has no more than {max_length} elements.";
            return Err(whole(cx.detail("max_length", text, &[("max_length", &max.to_string())])));
        }
        if let Some(min) = self.min_length.filter(|min| items.len() < *min) {
            let text = "Ensure this field has at least {min_length} elements.";
            return Err(whole(cx.detail("min_length", text, &[("min_length", &min.to_string())])));
        }
        let mut found = Vec::with_capacity(items.len());
        let mut errors = Vec::new();
        for (n, item) in items.iter().enumerate() {
            let child = FieldContext { name: "", ..*cx };
            match self.child.run(item, &child) {
                Ok(value) => found.push(value),
                Err(error) => errors.push((n, error)),
            }
        }
        if !errors.is_empty() {
            return Err(ValidationError::items(items.len(), errors));
        }
        for hook in &self.validate {
            hook(&found, cx).map_err(ValidationError::into_fields)?;
        }
        Ok(Value::List(found))
    }

    fn form_value(&self, field: &Field, form: &Form, cx: &FieldContext<'_>) -> Option<Value> {
        match form.parse_list(&field.name) {
            Some(items) => Some(Value::List(items)),
            None if cx.partial => None,
            None => Some(Value::List(Vec::new())).filter(|_| field.required),
        }
    }

    fn to_representation(&self, cell: Cell<'_>, cx: &Context, out: &mut Vec<u8>) -> Result<(), Unrepresentable> {
        let Cell::Value(Value::List(items)) = cell else { return Err(Unrepresentable) };
        out.push(b'[');
        for (n, item) in items.iter().enumerate() {
            if n > 0 {
                out.push(b',');
            }
            self.child.represent(item, cx, out)?;
        }
        out.push(b']');
        Ok(())
    }

    fn metadata_type(&self) -> &'static str {
        "field"
    }
}

impl fmt::Debug for ListSerializer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListSerializer").field("child", &self.child).finish_non_exhaustive()
    }
}
