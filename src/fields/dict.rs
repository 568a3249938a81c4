//! Dictionaries.

use std::borrow::Cow;

use super::list::child_mistakes;
use super::text::{null_characters, surrogate_characters};
use super::{CharField, Field, FieldContext, FieldType, Outcome, Unrepresentable, UnvalidatedField};
use crate::context::Context;
use crate::error::ValidationError;
use crate::store::Cell;
use crate::value::{Form, Map, Value, json, write};

/// A dictionary with text for keys, of which every value is judged by the same field; errors are keyed as the values are.
///
/// | code | message |
/// |---|---|
/// | `not_a_dict` | `Expected a dictionary of items but got type "{input_type}".` |
/// | `empty` | `This dictionary may not be empty.` |
///
/// Keys are not judged, but for lone surrogates, which no answer could show. An HTML form sends it as `name.key=1`.
///
/// ```
/// use bowline::fields::{DictField, Field, IntegerField};
/// use bowline::value::json;
/// let field = Field::new("stock", DictField::of(IntegerField::new()));
/// let input = json::parse(br#"{"a": "1", "b": "x"}"#).unwrap();
/// assert_eq!(field.clean(&input).unwrap_err().to_json(), r#"{"b":["A valid integer is required."]}"#);
/// ```
#[derive(Clone, Debug)]
pub struct DictField {
    child: Field,
    allow_empty: bool,
    no_null_keys: bool,
}

impl Default for DictField {
    fn default() -> Self {
        DictField::new()
    }
}

impl DictField {
    /// A dictionary of anything, null too.
    pub fn new() -> Self {
        DictField::of(Field::from(UnvalidatedField::new()).allow_null(true))
    }

    /// A dictionary of what a field accepts: a field type, or a [`Field`] where a value may be null or has rules of its
    /// own.
    pub fn of(child: impl Into<Field>) -> Self {
        DictField { child: child.into(), allow_empty: true, no_null_keys: false }
    }

    /// Whether an empty dictionary is accepted.
    pub fn allow_empty(mut self, yes: bool) -> Self {
        self.allow_empty = yes;
        self
    }

    /// The field of the values.
    pub fn child(&self) -> &Field {
        &self.child
    }

    fn refuse_key(&self, key: &str, value: &Value) -> Result<(), ValidationError> {
        match value {
            // how the parser says that a key was not text
            Value::Surrogates(unit, text) if text == key => Err(surrogate_characters(*unit).into()),
            _ if self.no_null_keys && key.contains('\0') => Err(null_characters().into()),
            _ => Ok(()),
        }
    }
}

impl FieldType for DictField {
    fn to_internal_value(&self, input: &Value, cx: &FieldContext<'_>) -> Result<Value, ValidationError> {
        let plain;
        let map = match input {
            Value::Map(map) => map,
            Value::Form(form) => {
                let last = |(name, values): (&str, &[Value])| Some((name.to_owned(), values.last()?.clone()));
                plain = form.lists().filter_map(last).collect();
                &plain
            }
            other => {
                let text = "Expected a dictionary of items but got type \"{input_type}\".";
                return Err(cx.error("not_a_dict", text, &[("input_type", other.type_name())]));
            }
        };
        if map.is_empty() && !self.allow_empty {
            return Err(cx.error("empty", "This dictionary may not be empty.", &[]));
        }
        let mut found = Map::with_capacity(map.len());
        let mut errors = ValidationError::fields();
        for (key, value) in map {
            let outcome = self.refuse_key(key, value).and_then(|()| self.child.run_validation(Some(value), cx));
            match outcome {
                Ok(Outcome::Set(value)) => {
                    found.insert(key, value);
                }
                Ok(Outcome::Skip) => {}
                Err(error) => errors.insert(key.to_owned(), error),
            }
            if errors.is_full() {
                break;
            }
        }
        if errors.is_empty() { Ok(Value::Map(found)) } else { Err(errors) }
    }

    fn form_value(&self, field: &Field, form: &Form, _: &FieldContext<'_>) -> Option<Value> {
        let found = form.parse_dict(&field.name);
        if found.is_empty() {
            // the name alone clears the field
            return form.contains(&field.name).then(Value::map);
        }
        Some(Value::Form(Box::new(found)))
    }

    fn to_representation(&self, cell: Cell<'_>, cx: &Context, out: &mut Vec<u8>) -> Result<(), Unrepresentable> {
        let parsed;
        let map = match cell {
            Cell::Value(Value::Map(map)) => map,
            Cell::Json(text) | Cell::Text(text) => match json::parse_str(text) {
                Ok(Value::Map(map)) => {
                    parsed = map;
                    &parsed
                }
                _ => return Err(Unrepresentable),
            },
            // an `hstore` of PostgreSQL's
            cell => match cell.to_plain_attribute() {
                Value::Map(map) => {
                    parsed = map;
                    &parsed
                }
                _ => return Err(Unrepresentable),
            },
        };
        out.push(b'{');
        for (n, (key, value)) in map.iter().enumerate() {
            if n > 0 {
                out.push(b',');
            }
            write::string(key, out);
            out.push(b':');
            self.child.represent(value, cx, out)?;
        }
        out.push(b'}');
        Ok(())
    }

    fn mistakes(&self) -> Vec<String> {
        child_mistakes(&self.child)
    }

    fn metadata_type(&self) -> &'static str {
        "nested object"
    }

    fn metadata_child(&self, _: &Field) -> Option<Cow<'_, Field>> {
        Some(Cow::Borrowed(&self.child))
    }
}

/// A dictionary of text or null, as PostgreSQL's `hstore` holds it.
///
/// The messages are those of [`DictField`] and, for the values, of [`CharField`]; a key with a NUL character is refused as
/// such a value is.
///
/// ```
/// use bowline::fields::{Field, HStoreField};
/// use bowline::value::json;
/// let field = Field::new("labels", HStoreField::new());
/// let input = json::parse(br#"{"a": 1, "b": null}"#).unwrap();
/// assert_eq!(field.clean(&input), Ok(json::parse(br#"{"a": "1", "b": null}"#).unwrap()));
/// ```
#[derive(Clone, Debug)]
pub struct HStoreField {
    dict: DictField,
}

impl Default for HStoreField {
    fn default() -> Self {
        HStoreField::new()
    }
}

impl HStoreField {
    /// Text of any length, blank text too, or null.
    pub fn new() -> Self {
        HStoreField::of(CharField::new().allow_blank(true), true)
    }

    /// What a text field accepts, and null where `allow_null` says so.
    pub fn of(child: CharField, allow_null: bool) -> Self {
        let dict = DictField::of(Field::from(child).allow_null(allow_null));
        HStoreField { dict: DictField { no_null_keys: true, ..dict } }
    }

    /// Whether an empty dictionary is accepted.
    pub fn allow_empty(mut self, yes: bool) -> Self {
        self.dict = self.dict.allow_empty(yes);
        self
    }
}

impl FieldType for HStoreField {
    fn to_internal_value(&self, input: &Value, cx: &FieldContext<'_>) -> Result<Value, ValidationError> {
        self.dict.to_internal_value(input, cx)
    }

    fn form_value(&self, field: &Field, form: &Form, cx: &FieldContext<'_>) -> Option<Value> {
        self.dict.form_value(field, form, cx)
    }

    fn to_representation(&self, cell: Cell<'_>, cx: &Context, out: &mut Vec<u8>) -> Result<(), Unrepresentable> {
        self.dict.to_representation(cell, cx, out)
    }

    fn metadata_type(&self) -> &'static str {
        "nested object"
    }

    fn metadata_child(&self, field: &Field) -> Option<Cow<'_, Field>> {
        self.dict.metadata_child(field)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::super::testing::{error, json_error, parsed, set, shown};
    use super::*;
    use crate::fields::IntegerField;

    #[test]
    fn values() {
        let anything = r#"{"a":1,"b":[null]}"#;
        assert_eq!(set(&DictField::new(), anything), parsed(anything));
        let numbers = DictField::of(IntegerField::new());
        assert_eq!(set(&numbers, r#"{"": "1"}"#), parsed(r#"{"":1}"#));
        let errors = r#"{"a":["A valid integer is required."],"c":["This field may not be null."]}"#;
        assert_eq!(json_error(&numbers, r#"{"a": "x", "b": 3, "c": null}"#), errors);
        for (json, name) in [("[]", "list"), (r#""x""#, "str"), ("1.5", "float")] {
            let message = format!("not_a_dict: Expected a dictionary of items but got type \"{name}\".");
            assert_eq!(error(&numbers, json), [message]);
        }
        assert_eq!(error(&numbers.allow_empty(false), "{}"), ["empty: This dictionary may not be empty."]);
    }

    #[test]
    fn keys() {
        let surrogate = "{\"\u{fffd}\":[\"Surrogate characters are not allowed: U+DC00.\"]}";
        assert_eq!(json_error(&DictField::of(IntegerField::new()), r#"{"\udc00": 1}"#), surrogate);
        set(&DictField::new(), r#"{"\u0000": 1}"#);
        let null = r#"{"\u0000":["Null characters are not allowed."]}"#;
        assert_eq!(json_error(&HStoreField::new(), r#"{"\u0000": 1}"#), null);
        assert_eq!(json_error(&HStoreField::new(), r#"{"a": []}"#), r#"{"a":["Not a valid string."]}"#);
    }

    #[test]
    fn forms() {
        let field = Field::new("d", DictField::of(IntegerField::new()));
        let value = |pairs: &[(&str, &str)]| {
            let mut form = Form::new();
            pairs.iter().for_each(|(name, value)| form.append(*name, (*value).into()));
            let cx = Context::default();
            field.get_value(&Value::Form(Box::new(form)), &FieldContext::new(&cx)).map(|value| field.clean(&value))
        };
        assert_eq!(value(&[("d.a", "1"), ("d.b", "2"), ("d.a", "3")]), Some(Ok(parsed(r#"{"a":3,"b":2}"#))));
        assert_eq!(value(&[("d", "")]), Some(Ok(Value::map())));
        assert_eq!(value(&[("e.a", "1")]), None);
    }

    #[test]
    fn cells() {
        let field = DictField::of(IntegerField::new());
        assert_eq!(shown(&field, Cell::Value(&parsed(r#"{"a":null}"#))).unwrap(), r#"{"a":null}"#);
        assert_eq!(shown(&field, Cell::Json(r#"{"a": 1}"#)).unwrap(), r#"{"a":1}"#);
        assert!(shown(&field, Cell::Json("[]")).is_err());
    }
}
