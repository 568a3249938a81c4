//! Truth values.

use super::{Field, FieldContext, FieldType, Unrepresentable};
use crate::context::Context;
use crate::error::ValidationError;
use crate::store::Cell;
use crate::value::Value;

/// A boolean; forms and scripts may spell it `true`, `yes`, `on`, `1`, ….
///
/// Where null is allowed, `""` and `"null"` stand for it. A whole HTML form without the field means false, or null where
/// that is allowed.
///
/// | code | message |
/// |---|---|
/// | `invalid` | `Must be a valid boolean.` |
///
/// ```
/// use bowline::fields::{BooleanField, Field};
/// let field = Field::new("done", BooleanField::new());
/// assert_eq!(field.clean(&"Yes".into()), Ok(true.into()));
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct BooleanField;

impl BooleanField {
    /// A boolean.
    pub fn new() -> Self {
        BooleanField
    }
}

const TRUE: &[&str] = &["t", "y", "yes", "true", "on", "1"];
const FALSE: &[&str] = &["f", "n", "no", "false", "off", "0"];

fn is_one_of(words: &[&str], text: &str) -> bool {
    words.iter().any(|word| word.eq_ignore_ascii_case(text))
}

impl FieldType for BooleanField {
    fn to_internal_value(&self, input: &Value, cx: &FieldContext<'_>) -> Result<Value, ValidationError> {
        let truth = match input {
            Value::Bool(b) => Some(*b),
            Value::Int(1) => Some(true),
            Value::Int(0) => Some(false),
            // as Python compares: 1.0 is 1, -0.0 is 0
            Value::Float(f) if *f == 1.0 => Some(true),
            Value::Float(f) if *f == 0.0 => Some(false),
            Value::Str(text) if is_one_of(TRUE, text) => Some(true),
            Value::Str(text) if is_one_of(FALSE, text) => Some(false),
            _ => None,
        };
        match truth {
            Some(truth) => Ok(Value::Bool(truth)),
            None => Err(cx.error("invalid", "Must be a valid boolean.", &[])),
        }
    }

    fn coerce(&self, value: &mut Value, cx: &FieldContext<'_>) -> Result<(), ValidationError> {
        if !matches!(value, Value::Bool(_)) {
            *value = self.to_internal_value(value, cx)?;
        }
        Ok(())
    }

    fn is_null_input(&self, input: &Value, allow_null: bool) -> bool {
        // where null is not allowed these are no booleans, rather than a null
        allow_null && matches!(input, Value::Str(text) if is_one_of(&["", "null"], text))
    }

    fn empty_form_value(&self, field: &Field) -> Option<Value> {
        // a box that is not ticked is not sent; where there is a default, that is what leaving the field out means
        match (&field.default, field.allow_null) {
            (Some(_), _) => None,
            (None, true) => Some(Value::Null),
            (None, false) => Some(Value::Bool(false)),
        }
    }

    fn to_representation(&self, cell: Cell<'_>, _cx: &Context, out: &mut Vec<u8>) -> Result<(), Unrepresentable> {
        let truth = match cell {
            Cell::Bool(b) => b,
            Cell::Int(i) => i != 0,
            Cell::Float(f) => f != 0.0,
            // whatever is no word for false is true, as in Python
            Cell::Text(text) => !text.is_empty() && !is_one_of(FALSE, text),
            _ => return Err(Unrepresentable),
        };
        out.extend_from_slice(if truth { b"true" } else { b"false" });
        Ok(())
    }

    fn metadata_type(&self) -> &'static str {
        "boolean"
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::super::testing::{error, field, null, set, shown};
    use super::*;

    #[test]
    fn inputs() {
        for json in ["true", r#""true""#, r#""t""#, r#""yes""#, r#""y""#, r#""ON""#, r#""1""#, "1", "1.0"] {
            assert_eq!(set(&BooleanField::new(), json), Value::Bool(true), "{json}");
        }
        for json in ["false", r#""False""#, r#""F""#, r#""NO""#, r#""n""#, r#""Off""#, r#""0""#, "0", "-0.0"] {
            assert_eq!(set(&BooleanField::new(), json), Value::Bool(false), "{json}");
        }
        for json in [r#""null""#, r#""nope""#, r#""""#, "2", "-1", "0.5", "1e400", "[]", "[1]", "{}", r#"" 1""#] {
            assert_eq!(error(&BooleanField::new(), json), ["invalid: Must be a valid boolean."], "{json}");
        }
        assert_eq!(error(&BooleanField::new(), "null"), ["null: This field may not be null."]);
    }

    #[test]
    fn words_for_null() {
        let mut nullable = field(&BooleanField::new());
        nullable.allow_null = true;
        for json in ["null", r#""null""#, r#""NULL""#, r#""""#] {
            assert!(null(&nullable, json), "{json}");
        }
        assert!(nullable.clean(&"None".into()).is_err());
    }

    #[test]
    fn cells() {
        assert_eq!(shown(&BooleanField::new(), Cell::Bool(true)).unwrap(), "true");
        assert_eq!(shown(&BooleanField::new(), Cell::Int(0)).unwrap(), "false");
        assert_eq!(shown(&BooleanField::new(), Cell::Text("No")).unwrap(), "false");
        assert_eq!(shown(&BooleanField::new(), Cell::Text("x")).unwrap(), "true");
        assert!(shown(&BooleanField::new(), Cell::Bytes(b"t")).is_err());
    }

    #[test]
    fn forms() {
        let request = Context::default();
        let whole = FieldContext::new(&request);
        let part = FieldContext { partial: true, ..whole };
        let field = field(&BooleanField::new());
        let empty = Value::Form(Box::default());
        let value = |field: &Field, cx| field.get_value(&empty, cx).map(std::borrow::Cow::into_owned);
        assert_eq!(value(&field, &whole), Some(Value::Bool(false)));
        assert_eq!(value(&field, &part), None);
        assert_eq!(value(&field.clone().allow_null(true), &whole), Some(Value::Null));
        assert_eq!(value(&field.default(true), &whole), None);
    }
}
