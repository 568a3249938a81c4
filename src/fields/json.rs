//! Any JSON value.

use std::borrow::Cow;

use super::{Field, FieldContext, FieldType, Unrepresentable};
use crate::context::Context;
use crate::error::ValidationError;
use crate::store::Cell;
use crate::value::{Form, Value, convert, json, write};

/// Any JSON value.
///
/// | code | message |
/// |---|---|
/// | `invalid` | `Value must be valid JSON.` |
///
/// Refused anywhere in the value: infinite numbers, lone surrogates and NUL characters. No database holds them all, and a
/// row that does breaks every answer that shows it. An HTML form sends the value as JSON text.
///
/// ```
/// use bowline::fields::{Field, JSONField};
/// use bowline::value::json;
/// let field = Field::new("blob", JSONField::new());
/// let input = json::parse(br#"{"n": [1, null]}"#).unwrap();
/// assert_eq!(field.clean(&input), Ok(input));
/// assert!(field.clean(&f64::INFINITY.into()).is_err());
/// ```
#[derive(Clone, Debug, Default)]
pub struct JSONField {
    binary: bool,
}

impl JSONField {
    /// Any JSON value.
    pub fn new() -> Self {
        JSONField::default()
    }

    /// Whether bodies hold the value as a string of JSON text.
    pub fn binary(mut self, yes: bool) -> Self {
        self.binary = yes;
        self
    }

    fn write(&self, text: &str, out: &mut Vec<u8>) -> Result<(), Unrepresentable> {
        if !self.binary {
            return write::transcode(text, out).map_err(|_| Unrepresentable);
        }
        let mut shown = Vec::new();
        write::dumps(text, &mut shown).map_err(|_| Unrepresentable)?;
        write::string(&String::from_utf8_lossy(&shown), out);
        Ok(())
    }
}

/// Whether every database can hold the value.
fn storable(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::BigInt(_) => true,
        Value::Float(f) => f.is_finite(),
        Value::Str(text) => !text.contains('\0'),
        Value::Surrogates(..) => false,
        Value::List(items) => items.iter().all(storable),
        Value::Map(map) => map.iter().all(|(key, value)| !key.contains('\0') && storable(value)),
        _ => false,
    }
}

impl FieldType for JSONField {
    fn to_internal_value(&self, input: &Value, cx: &FieldContext<'_>) -> Result<Value, ValidationError> {
        let value = match (self.binary, input) {
            // JSON text that a form sent, see `form_value`
            (_, Value::Bytes(text)) => json::parse(text).ok(),
            (true, Value::Str(text)) => json::parse_str(text).ok(),
            (true, _) => None,
            (false, value) => Some(value.clone()),
        };
        match value.filter(storable) {
            Some(value) => Ok(value),
            None => Err(cx.error("invalid", "Value must be valid JSON.", &[])),
        }
    }

    fn coerce(&self, value: &mut Value, cx: &FieldContext<'_>) -> Result<(), ValidationError> {
        if self.binary || !storable(value) {
            *value = self.to_internal_value(value, cx)?;
        }
        Ok(())
    }

    fn form_value(&self, field: &Field, form: &Form, _: &FieldContext<'_>) -> Option<Value> {
        // as bytes, which no JSON body holds, so that they are read as JSON text
        form.get(&field.name).map(|value| Value::Bytes(value.to_python_str().into_owned().into_bytes()))
    }

    fn to_representation(&self, cell: Cell<'_>, _cx: &Context, out: &mut Vec<u8>) -> Result<(), Unrepresentable> {
        let text = match cell {
            Cell::Json(text) | Cell::Text(text) => Cow::Borrowed(text),
            Cell::Value(value) => Cow::Owned(convert::json_text(value)),
            Cell::Bool(_) | Cell::Int(_) | Cell::Float(_) => Cow::Owned(convert::json_text(&cell.to_plain_attribute())),
            _ => return Err(Unrepresentable),
        };
        self.write(&text, out)
    }

    fn represent(&self, value: &Value, _: &Context, out: &mut Vec<u8>) -> Result<(), Unrepresentable> {
        if !self.binary {
            write::value(value, out);
            return Ok(());
        }
        self.write(&convert::json_text(value), out)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::super::testing::{error, set, shown};
    use super::*;

    #[test]
    fn inputs() {
        for (json, stored) in [
            (r#"{"a": [1, null, "é", 1.5]}"#, r#"{"a":[1,null,"é",1.5]}"#),
            (r#"{"z": 1, "a": 2}"#, r#"{"z":1,"a":2}"#),
            (r#"{"a": 1, "b": 2, "a": 3}"#, r#"{"a":3,"b":2}"#),
            ("[]", "[]"),
            (r#""""#, r#""""#),
            (r#""null""#, r#""null""#),
            ("1e-7", "1e-07"),
            ("10000000000000000000000000", "10000000000000000000000000"),
            (r#""{\"a\": 1}""#, r#""{\"a\": 1}""#),
        ] {
            assert_eq!(convert::json_text(&set(&JSONField::new(), json)), stored, "{json}");
        }
        assert_eq!(error(&JSONField::new(), "null"), ["null: This field may not be null."]);
    }

    #[test]
    fn what_no_database_holds() {
        for json in [
            "1e400",
            "[-1e400]",
            r#""\u0000""#,
            r#"{"a": {"\u0000": 1}}"#,
            r#"[["\ud800"]]"#,
            r#"{"\udc00": 1}"#,
            r#"{"\udc00": {}}"#,
        ] {
            assert_eq!(error(&JSONField::new(), json), ["invalid: Value must be valid JSON."], "{json}");
        }
    }

    #[test]
    fn binary() {
        let field = JSONField::new().binary(true);
        for (json, stored) in [(r#""{\"a\": 1}""#, r#"{"a":1}"#), (r#""5""#, "5"), (r#""\"s\"""#, r#""s""#)] {
            assert_eq!(convert::json_text(&set(&field, json)), stored, "{json}");
        }
        for json in [r#""[1,""#, r#"{"a": 1}"#, "5", r#""NaN""#, r#""\"\\ud800\"""#] {
            assert_eq!(error(&field, json), ["invalid: Value must be valid JSON."], "{json}");
        }
        let cell = Cell::Json(r#"{"a":[1,"é😀"],"b":{}}"#);
        assert_eq!(shown(&field, cell).unwrap(), r#""{\"a\": [1, \"\\u00e9\\ud83d\\ude00\"], \"b\": {}}""#);
    }

    #[test]
    fn cells() {
        assert_eq!(shown(&JSONField::new(), Cell::Json(r#"{"n": 1}"#)).unwrap(), r#"{"n":1}"#);
        assert_eq!(shown(&JSONField::new(), Cell::Text(r#""\u00e9""#)).unwrap(), r#""é""#);
        assert!(shown(&JSONField::new(), Cell::Text("{")).is_err());
        assert_eq!(shown(&JSONField::new(), Cell::Int(1)).unwrap(), "1");
        let mut out = Vec::new();
        JSONField::new().represent(&"{".into(), &Context::default(), &mut out).unwrap();
        assert_eq!(out, br#""{""#);
    }

    #[test]
    fn forms() {
        let field = Field::new("value", JSONField::new());
        let value = |text: &str| {
            let mut form = Form::new();
            form.append("value", text.into());
            let request = Context::default();
            let form = Value::Form(Box::new(form));
            field.clean(&field.get_value(&form, &FieldContext::new(&request)).unwrap())
        };
        assert_eq!(value(r#"{"a": [1]}"#).map(|value| convert::json_text(&value)), Ok(r#"{"a":[1]}"#.into()));
        assert_eq!(value("null"), Ok(Value::Null));
        assert!(value("").is_err() && value("{").is_err());
    }
}
