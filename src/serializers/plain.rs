//! Serializers without a model: DRF's `Serializer` and `ListSerializer`.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

mod attributes;
mod list;

pub use list::ListSerializer;

use crate::context::Context;
use crate::error::{Error, ErrorDetail, NON_FIELD_ERRORS, Result, ValidationError};
use crate::fields::{Field, FieldContext, FieldType, Source, Unrepresentable};
use crate::store::Cell;
use crate::value::{Form, Map, Value, write};

type Attributes = Map;
type FieldHook = Arc<dyn Fn(Value, &FieldContext<'_>) -> Result<Value, ValidationError> + Send + Sync>;
type Hook = Arc<dyn Fn(Attributes, &FieldContext<'_>) -> Result<Attributes, ValidationError> + Send + Sync>;
type MapValue = Arc<dyn Fn(Value) -> Value + Send + Sync>;

/// A rule about all attributes of a plain serializer: a pure function of them.
///
/// Every `Fn(&Map) -> Result<(), ValidationError>` is one; a type that implements the trait also
/// gets the serializer and the request (DRF's `requires_context`).
///
/// ```
/// use bowline::fields::{Field, FieldContext, IntegerField};
/// use bowline::prelude::*;
/// use bowline::serializers::{AttributesValidator, Serializer};
/// use bowline::value::Map;
///
/// struct Different;
///
/// impl AttributesValidator for Different {
///     fn validate(&self, found: &Map, serializer: &Serializer, _: &FieldContext<'_>) -> Result<(), ValidationError> {
///         match found.get("a") == found.get("b") {
///             true => Err(format!("The {} fields must differ.", serializer.fields().count()).into()),
///             false => Ok(()),
///         }
///     }
/// }
///
/// let serializer = Serializer::new()
///     .field(Field::new("a", IntegerField::new()))
///     .field(Field::new("b", IntegerField::new()))
///     .validator(Different);
/// let body = bowline::value!({"a": 1, "b": "1"});
/// let errors = serializer.run_validation(&body, &Context::default()).unwrap_err();
/// assert_eq!(errors.to_json(), r#"{"non_field_errors":["The 2 fields must differ."]}"#);
/// ```
pub trait AttributesValidator: Send + Sync + 'static {
    /// Judges the validated attributes, and the defaults of read-only fields that are not among them.
    ///
    /// # Errors
    ///
    /// Messages for `non_field_errors`, or errors by field; answered with 400.
    fn validate(
        &self,
        attributes: &Attributes,
        serializer: &Serializer,
        cx: &FieldContext<'_>,
    ) -> Result<(), ValidationError>;
}

impl<F> AttributesValidator for F
where
    F: Fn(&Attributes) -> Result<(), ValidationError> + Send + Sync + 'static,
{
    fn validate(&self, attributes: &Attributes, _: &Serializer, _: &FieldContext<'_>) -> Result<(), ValidationError> {
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
    map_input: Option<MapValue>,
    map_output: Option<MapValue>,
    /// Hooks that came before their field.
    waiting: Vec<(String, FieldHook)>,
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
        let (own, waiting) = self.waiting.into_iter().partition(|(name, _)| *name == field.name);
        self.waiting = waiting;
        let hooks = own.into_iter().map(|(_, hook)| hook);
        match self.fields.iter_mut().find(|f| f.field.name == field.name) {
            Some(known) => known.field = field,
            None => self.fields.push(PlainField { field, key, hooks: hooks.collect() }),
        }
        self
    }

    /// A hook after a field's own validation, DRF's `validate_<field>`: it may refuse the value or answer another one.
    ///
    /// The field may be added later; [`Serializer::mistakes`] tells of a hook whose field never came.
    pub fn validate_field(
        mut self,
        name: &str,
        hook: impl Fn(Value, &FieldContext<'_>) -> Result<Value, ValidationError> + Send + Sync + 'static,
    ) -> Self {
        match self.fields.iter_mut().find(|f| f.field.name == name) {
            Some(field) => field.hooks.push(Arc::new(hook)),
            None => self.waiting.push((name.to_owned(), Arc::new(hook))),
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

    /// Sentences about a declaration that cannot work, of the fields inside too; none where all is well.
    ///
    /// ```
    /// use bowline::serializers::Serializer;
    /// let serializer = Serializer::new().validate_field("name", |value, _| Ok(value));
    /// assert_eq!(serializer.mistakes(), ["a hook validates the field `name`, which the serializer does not have"]);
    /// ```
    pub fn mistakes(&self) -> Vec<String> {
        let waiting = self
            .waiting
            .iter()
            .map(|(name, _)| format!("a hook validates the field `{name}`, which the serializer does not have"));
        self.fields().flat_map(Field::mistakes).chain(waiting).collect()
    }

    /// Validates a whole body of a new object.
    ///
    /// # Errors
    ///
    /// Errors by field, in the order of the fields; only where every field is right those of the whole.
    pub fn run_validation<'a>(
        &self,
        data: impl Into<Cow<'a, Value>>,
        request: &Context,
    ) -> Result<Value, ValidationError> {
        self.run(data.into(), &FieldContext::new(request))
    }

    /// Validates a body that need not have every field (DRF's `partial=True`).
    ///
    /// # Errors
    ///
    /// As [`Serializer::run_validation`].
    pub fn run_partial_validation<'a>(
        &self,
        data: impl Into<Cow<'a, Value>>,
        request: &Context,
    ) -> Result<Value, ValidationError> {
        self.run(data.into(), &FieldContext { partial: true, ..FieldContext::new(request) })
    }

    /// The defaults of read-only fields, which validators see beside what was validated.
    fn read_only_defaults(&self, cx: &FieldContext<'_>) -> Attributes {
        let mut defaults = Attributes::new();
        for field in self.fields().filter(|field| field.read_only && !cx.partial) {
            let name = match &field.source {
                Source::Name => &field.name,
                Source::Path(path) => match path.as_slice() {
                    [name] => name,
                    _ => continue,
                },
                Source::Whole => continue,
            };
            if let Some(value) = field.default.as_ref().and_then(|default| default.get(cx)) {
                defaults.insert(name, value);
            }
        }
        defaults
    }

    /// Every validator's messages, or the first error that names fields.
    fn run_validators(&self, attributes: &Attributes, cx: &FieldContext<'_>) -> Result<(), ValidationError> {
        if self.validators.is_empty() {
            return Ok(());
        }
        let mut judged = self.read_only_defaults(cx);
        let judged = if judged.is_empty() {
            attributes
        } else {
            judged.extend(attributes.iter().map(|(name, value)| (name, value.clone())));
            &judged
        };
        let mut errors = Vec::new();
        for validator in &self.validators {
            match validator.validate(judged, self, cx) {
                Ok(()) => {}
                Err(ValidationError::List(found)) => errors.extend(found),
                Err(ValidationError::Message(found)) => errors.push(found),
                Err(found) => return Err(found.into_fields()),
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(ValidationError::from(errors).into_fields()) }
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
        let mut near = 0;
        for own @ PlainField { field, key, .. } in self.fields.iter().filter(|f| !f.field.write_only) {
            let default;
            let attribute = match own.attribute(instance, &mut near) {
                Some(attribute) => attribute,
                None => match &field.default {
                    Some(_) if cx.is_partial() => continue,
                    Some(found) => {
                        let Some(found) = found.get(&FieldContext::new(cx)) else { continue };
                        default = found;
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
            field.represent(attribute, cx, out)?;
        }
        out.push(b'}');
        Ok(())
    }
}

/// What DRF answers where there is no body at all.
fn no_data() -> ValidationError {
    ValidationError::field(NON_FIELD_ERRORS, ErrorDetail::new("No data provided", "null"))
}

impl PlainField {
    /// DRF's `get_attribute` over plain values; none where something on the way is missing.
    fn attribute<'a>(&self, instance: &'a Value, near: &mut usize) -> Option<&'a Value> {
        match &self.field.source {
            Source::Name => {
                let map = instance.as_map()?;
                map.at(self.place(map, near)?)
            }
            Source::Path(path) => path.iter().try_fold(instance, |value, part| value.get(part)),
            Source::Whole => Some(instance),
        }
    }

    fn place(&self, map: &Map, near: &mut usize) -> Option<usize> {
        let place = map.place_near(&self.field.name, *near)?;
        *near = place + 1;
        Some(place)
    }
}

impl FieldType for Serializer {
    fn to_internal_value(&self, input: &Value, cx: &FieldContext<'_>) -> Result<Value, ValidationError> {
        if let Some(map) = &self.map_input {
            let mut mapped = map(input.clone());
            return self.coerce_mapped(&mut mapped, cx).map(|()| mapped);
        }
        self.refuse_no_object(input, cx)?;
        self.judge(self.attributes(input, cx)?, cx).map(Value::Map)
    }

    fn coerce(&self, value: &mut Value, cx: &FieldContext<'_>) -> Result<(), ValidationError> {
        if let Some(map) = &self.map_input {
            *value = map(std::mem::replace(value, Value::Null));
        }
        self.coerce_mapped(value, cx)
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

    fn shape_errors(&self, errors: ValidationError) -> ValidationError {
        errors.into_fields()
    }

    fn mistakes(&self) -> Vec<String> {
        Serializer::mistakes(self)
    }

    fn metadata_type(&self) -> &'static str {
        "nested object"
    }

    fn metadata_children(&self) -> Option<Vec<&Field>> {
        Some(self.fields().collect())
    }
}

impl fmt::Debug for Serializer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serializer").field("fields", &self.fields().collect::<Vec<_>>()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
