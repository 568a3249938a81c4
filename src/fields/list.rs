//! Lists.

use std::borrow::Cow;

use super::text::length_limits;
use super::{Field, FieldContext, FieldType, Outcome, Unrepresentable, UnvalidatedField};
use crate::context::Context;
use crate::error::{ErrorDetail, ValidationError};
use crate::store::Cell;
use crate::value::{Form, Value, json};

/// A list of which every item is judged by the same field; errors are keyed by the items' places.
///
/// | code | message |
/// |---|---|
/// | `not_a_list` | `Expected a list of items but got type "{input_type}".` |
/// | `empty` | `This list may not be empty.` |
/// | `min_length` | `Ensure this field has at least {min_length} elements.` |
/// | `max_length` | `Ensure this field has no more than {max_length} elements.` |
///
/// An HTML form sends it as `name=1&name=2` or as `name[0]=1&name[1]=2`.
///
/// ```
/// use bowline::fields::{Field, IntegerField, ListField};
/// use bowline::value::Value;
/// let field = Field::new("scores", ListField::of(IntegerField::new().min_value(0)));
/// assert_eq!(field.clean(&Value::List(vec!["1".into()])), Ok(Value::List(vec![Value::Int(1)])));
/// let error = field.clean(&Value::List(vec![Value::Int(1), "x".into()])).unwrap_err();
/// assert_eq!(error.to_json(), r#"{"1":["A valid integer is required."]}"#);
/// ```
#[derive(Clone, Debug)]
pub struct ListField {
    child: Field,
    allow_empty: bool,
    min_length: Option<usize>,
    max_length: Option<usize>,
}

impl Default for ListField {
    fn default() -> Self {
        ListField::new()
    }
}

impl ListField {
    /// A list of anything, null too.
    pub fn new() -> Self {
        ListField::of(Field::from(UnvalidatedField::new()).allow_null(true))
    }

    /// A list of what a field accepts: a field type, or a [`Field`] where an item may be null or has rules of its own.
    pub fn of(child: impl Into<Field>) -> Self {
        ListField { child: child.into(), allow_empty: true, min_length: None, max_length: None }
    }

    /// Whether an empty list is accepted.
    pub fn allow_empty(mut self, yes: bool) -> Self {
        self.allow_empty = yes;
        self
    }

    /// The fewest items.
    pub fn min_length(mut self, min: impl Into<Option<usize>>) -> Self {
        self.min_length = min.into();
        self
    }

    /// The most items.
    pub fn max_length(mut self, max: impl Into<Option<usize>>) -> Self {
        self.max_length = max.into();
        self
    }

    /// The field of the items.
    pub fn child(&self) -> &Field {
        &self.child
    }
}

impl ListField {
    fn refuse_empty(&self, items: &[Value], cx: &FieldContext<'_>) -> Result<(), ValidationError> {
        match items.is_empty() && !self.allow_empty {
            true => Err(cx.error("empty", "This list may not be empty.", &[])),
            false => Ok(()),
        }
    }
}

impl FieldType for ListField {
    fn to_internal_value(&self, input: &Value, cx: &FieldContext<'_>) -> Result<Value, ValidationError> {
        let parsed;
        let items = match input {
            Value::List(items) => items.as_slice(),
            Value::Form(form) => {
                parsed = form.parse_list("").unwrap_or_default();
                parsed.as_slice()
            }
            other => return Err(not_a_list(other, cx)),
        };
        self.refuse_empty(items, cx)?;
        let mut found = Vec::with_capacity(items.len());
        let mut errors = ValidationError::fields();
        for (n, item) in items.iter().enumerate() {
            match self.child.run_validation(Some(item), cx) {
                Ok(Outcome::Set(value)) => found.push(value),
                Ok(Outcome::Skip) => {}
                Err(error) => errors.insert(n.to_string(), error),
            }
            if errors.is_full() {
                break;
            }
        }
        if errors.is_empty() { Ok(Value::List(found)) } else { Err(errors) }
    }

    fn coerce(&self, value: &mut Value, cx: &FieldContext<'_>) -> Result<(), ValidationError> {
        let items = match value {
            Value::List(items) if !self.child.read_only => items,
            other => {
                *other = self.to_internal_value(other, cx)?;
                return Ok(());
            }
        };
        self.refuse_empty(items, cx)?;
        let mut errors = None;
        for (n, item) in items.iter_mut().enumerate() {
            if let Err(error) = self.child.coerce(item, cx) {
                let errors = errors.get_or_insert_with(ValidationError::fields);
                errors.insert(n.to_string(), error);
                if errors.is_full() {
                    break;
                }
            }
        }
        errors.map_or(Ok(()), Err)
    }

    fn check(&self, value: &Value, cx: &FieldContext<'_>, errors: &mut Vec<ErrorDetail>) {
        let length = value.as_list().map_or(0, <[Value]>::len);
        if let Some(max) = self.max_length.filter(|max| length > *max) {
            let default = "Ensure this field has no more than {max_length} elements.";
            errors.push(cx.detail("max_length", default, &[("max_length", &max.to_string())]));
        }
        if let Some(min) = self.min_length.filter(|min| length < *min) {
            let default = "Ensure this field has at least {min_length} elements.";
            errors.push(cx.detail("min_length", default, &[("min_length", &min.to_string())]));
        }
    }

    fn form_value(&self, field: &Field, form: &Form, _: &FieldContext<'_>) -> Option<Value> {
        match form.get_list(&field.name) {
            [] => form.parse_list(&field.name).map(Value::List),
            items => Some(Value::List(items.to_vec())),
        }
    }

    fn to_representation(&self, cell: Cell<'_>, cx: &Context, out: &mut Vec<u8>) -> Result<(), Unrepresentable> {
        let parsed;
        let items = match cell {
            Cell::Value(Value::List(items)) => items,
            Cell::Json(text) | Cell::Text(text) => match json::parse_str(text) {
                Ok(Value::List(items)) => {
                    parsed = items;
                    &parsed
                }
                _ => return Err(Unrepresentable),
            },
            // an array of PostgreSQL's
            cell => match cell.to_plain_attribute() {
                Value::List(items) => {
                    parsed = items;
                    &parsed
                }
                _ => return Err(Unrepresentable),
            },
        };
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

    fn mistakes(&self) -> Vec<String> {
        child_mistakes(&self.child)
    }

    fn metadata_type(&self) -> &'static str {
        "list"
    }

    fn metadata_limits(&self) -> Vec<(&'static str, Value)> {
        length_limits(self.min_length, self.max_length)
    }

    fn metadata_child(&self, _: &Field) -> Option<Cow<'_, Field>> {
        Some(Cow::Borrowed(&self.child))
    }
}

/// DRF's message for what is no list.
pub(super) fn not_a_list(input: &Value, cx: &FieldContext<'_>) -> ValidationError {
    let text = "Expected a list of items but got type \"{input_type}\".";
    cx.error("not_a_list", text, &[("input_type", input.type_name())])
}

/// What is wrong with the declaration of a child.
pub(super) fn child_mistakes(child: &Field) -> Vec<String> {
    let has_source = child.source != super::Source::Name;
    let own = has_source.then(|| "a source means nothing in the field of an item".to_owned());
    own.into_iter().chain(child.kind.mistakes()).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::super::testing::{error, json_error, parsed, set, shown};
    use super::*;
    use crate::fields::{CharField, IntegerField};

    #[test]
    fn items() {
        let anything = r#"[1,"a",null,{"b":[]}]"#;
        assert_eq!(set(&ListField::new(), anything), parsed(anything));
        let numbers = ListField::of(IntegerField::new().min_value(0));
        assert_eq!(set(&numbers, r#"[1, "2", 3.0]"#), parsed("[1,2,3]"));
        let errors = r#"{"0":["Ensure this value is greater than or equal to 0."],"1":["A valid integer is required."],"3":["This field may not be null."]}"#;
        assert_eq!(json_error(&numbers, r#"[-1, "x", 2, null]"#), errors);
        let nested = ListField::of(numbers.clone());
        let errors =
            r#"{"0":{"1":["A valid integer is required."]},"1":["Expected a list of items but got type \"int\"."]}"#;
        assert_eq!(json_error(&nested, r#"[[1, "x"], 2]"#), errors);
        for (json, name) in [(r#""abc""#, "str"), ("{}", "dict"), ("5", "int"), (r#""\ud800""#, "str")] {
            let message = format!("not_a_list: Expected a list of items but got type \"{name}\".");
            assert_eq!(error(&numbers, json), [message]);
        }
        let surrogate = r#"{"0":["Surrogate characters are not allowed: U+D800."]}"#;
        assert_eq!(json_error(&ListField::new(), r#"["\ud800"]"#), surrogate);
    }

    #[test]
    fn lengths() {
        let field = ListField::of(CharField::new()).min_length(2).max_length(3);
        assert_eq!(error(&field, "[]"), ["min_length: Ensure this field has at least 2 elements."]);
        assert_eq!(error(&field, "[1,2,3,4]"), ["max_length: Ensure this field has no more than 3 elements."]);
        assert_eq!(json_error(&field, r#"[""]"#), r#"{"0":["This field may not be blank."]}"#);
        assert_eq!(error(&field.allow_empty(false), "[]"), ["empty: This list may not be empty."]);
    }

    #[test]
    fn forms() {
        let field = Field::new("n", ListField::of(IntegerField::new()));
        let value = |pairs: &[(&str, &str)], partial| {
            let mut form = Form::new();
            pairs.iter().for_each(|(name, value)| form.append(*name, (*value).into()));
            let request = Context::default();
            let cx = FieldContext { partial, ..FieldContext::new(&request) };
            field.get_value(&Value::Form(Box::new(form)), &cx).map(|value| field.clean(&value))
        };
        assert_eq!(value(&[("n", "1"), ("n", "2")], false), Some(Ok(parsed("[1,2]"))));
        assert_eq!(value(&[("n[1]", "1"), ("n[0]", "2")], true), Some(Ok(parsed("[2,1]"))));
        assert_eq!(value(&[("m", "1")], false), None);
    }

    #[test]
    fn cells() {
        let field = ListField::of(IntegerField::new());
        assert_eq!(shown(&field, Cell::Value(&parsed("[1,null]"))).unwrap(), "[1,null]");
        assert_eq!(shown(&field, Cell::Text("[1, 2]")).unwrap(), "[1,2]");
        assert!(shown(&field, Cell::Text("{}")).is_err());
        let wrong = ListField::of(Field::from(IntegerField::new()).source("x.y"));
        assert_eq!(wrong.mistakes().len(), 1);
    }
}
