//! Lists of objects: DRF's `ListSerializer`.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::{Serializer, no_data};
use crate::context::Context;
use crate::error::{ErrorDetail, MOST_ITEMS, NON_FIELD_ERRORS, ValidationError};
use crate::fields::{Field, FieldContext, FieldType, Unrepresentable, length_limits};
use crate::store::Cell;
use crate::value::{Form, Value};

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
    pub fn run_validation<'a>(
        &self,
        data: impl Into<Cow<'a, Value>>,
        request: &Context,
    ) -> Result<Value, ValidationError> {
        self.run(data.into(), &FieldContext::new(request))
    }

    /// Validates a list of bodies that need not have every field (DRF's `partial=True`).
    ///
    /// # Errors
    ///
    /// As [`ListSerializer::run_validation`].
    pub fn run_partial_validation<'a>(
        &self,
        data: impl Into<Cow<'a, Value>>,
        request: &Context,
    ) -> Result<Value, ValidationError> {
        self.run(data.into(), &FieldContext { partial: true, ..FieldContext::new(request) })
    }

    /// Sentences about a declaration that cannot work; none where all is well.
    pub fn mistakes(&self) -> Vec<String> {
        self.child.mistakes()
    }

    fn run(&self, data: Cow<'_, Value>, cx: &FieldContext<'_>) -> Result<Value, ValidationError> {
        match data {
            data if data.is_null() => Err(no_data()),
            Cow::Borrowed(data) => self.to_internal_value(data, cx),
            Cow::Owned(mut data) => self.coerce(&mut data, cx).map(|()| data),
        }
    }

    fn refuse_length(&self, length: usize, cx: &FieldContext<'_>) -> Result<(), ValidationError> {
        let whole = |detail: ErrorDetail| Err(ValidationError::field(NON_FIELD_ERRORS, detail));
        if length == 0 && !self.allow_empty {
            return whole(cx.detail("empty", "This list may not be empty.", &[]));
        }
        if let Some(max) = self.max_length.filter(|max| length > *max) {
            let text = "Ensure this field has no more than {max_length} elements.";
            return whole(cx.detail("max_length", text, &[("max_length", &max.to_string())]));
        }
        if let Some(min) = self.min_length.filter(|min| length < *min) {
            let text = "Ensure this field has at least {min_length} elements.";
            return whole(cx.detail("min_length", text, &[("min_length", &min.to_string())]));
        }
        Ok(())
    }

    fn run_each(&self, items: &mut [Value], cx: &FieldContext<'_>) -> Result<(), ValidationError> {
        self.refuse_length(items.len(), cx)?;
        let child = FieldContext { name: "", ..*cx };
        let mut errors = Vec::new();
        for (n, item) in items.iter_mut().enumerate() {
            let outcome = match item {
                Value::Null => Err(cx.error("null", "This field may not be null.", &[])),
                item => self.child.coerce(item, &child),
            };
            errors.extend(outcome.err().map(|error| (n, error)));
            if errors.len() == MOST_ITEMS {
                break;
            }
        }
        if !errors.is_empty() {
            return Err(ValidationError::items(items.len(), errors));
        }
        self.validate.iter().try_for_each(|hook| hook(items, cx).map_err(ValidationError::into_fields))
    }
}

impl FieldType for ListSerializer {
    fn to_internal_value(&self, input: &Value, cx: &FieldContext<'_>) -> Result<Value, ValidationError> {
        let mut items = match input {
            Value::List(items) => items.clone(),
            Value::Form(form) => form.parse_list("").unwrap_or_default(),
            other => {
                let text = "Expected a list of items but got type \"{input_type}\".";
                let detail = cx.detail("not_a_list", text, &[("input_type", other.type_name())]);
                return Err(ValidationError::field(NON_FIELD_ERRORS, detail));
            }
        };
        self.run_each(&mut items, cx)?;
        Ok(Value::List(items))
    }

    fn coerce(&self, value: &mut Value, cx: &FieldContext<'_>) -> Result<(), ValidationError> {
        match value {
            Value::List(items) => self.run_each(items, cx),
            other => {
                *other = self.to_internal_value(other, cx)?;
                Ok(())
            }
        }
    }

    fn form_value(&self, field: &Field, form: &Form, _: &FieldContext<'_>) -> Option<Value> {
        form.parse_list(&field.name).map(Value::List)
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

    fn shape_errors(&self, errors: ValidationError) -> ValidationError {
        errors.into_fields()
    }

    fn mistakes(&self) -> Vec<String> {
        ListSerializer::mistakes(self)
    }

    fn metadata_type(&self) -> &'static str {
        "field"
    }

    fn metadata_limits(&self) -> Vec<(&'static str, Value)> {
        length_limits(self.min_length, self.max_length)
    }

    fn metadata_child(&self, field: &Field) -> Option<Cow<'_, Field>> {
        // `many=True` gives most of its arguments to the child too
        let mut child = Field::new("", self.child.clone());
        child.required = field.required;
        child.read_only = field.read_only;
        child.label = field.label.clone();
        child.help_text = field.help_text.clone();
        Some(Cow::Owned(child))
    }
}

impl fmt::Debug for ListSerializer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListSerializer").field("child", &self.child).finish_non_exhaustive()
    }
}
