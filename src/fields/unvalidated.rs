//! Values that are taken as they come.

use super::text::surrogate_characters;
use super::{FieldContext, FieldType, Unrepresentable};
use crate::context::Context;
use crate::error::{ErrorDetail, ValidationError};
use crate::store::Cell;
use crate::value::{Value, write};

/// Any value, as it came: what lists and dictionaries have for a child where none is named.
///
/// Refused, since no answer could show them: lone surrogates (`surrogate_characters_not_allowed`) and numbers that are not
/// finite (`invalid`, `Value must be valid JSON.`), however deep inside.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct UnvalidatedField;

impl UnvalidatedField {
    /// Any value.
    pub fn new() -> Self {
        UnvalidatedField
    }
}

/// Why a value could not be shown again.
fn unanswerable(value: &Value) -> Option<ErrorDetail> {
    match value {
        Value::Surrogates(unit, _) => Some(surrogate_characters(*unit)),
        Value::Float(f) if !f.is_finite() => Some(ErrorDetail::new("Value must be valid JSON.", "invalid")),
        Value::List(items) => items.iter().find_map(unanswerable),
        Value::Map(map) => map.values().find_map(unanswerable),
        _ => None,
    }
}

impl FieldType for UnvalidatedField {
    fn to_internal_value(&self, input: &Value, _: &FieldContext<'_>) -> Result<Value, ValidationError> {
        match unanswerable(input) {
            Some(detail) => Err(detail.into()),
            None => Ok(input.clone()),
        }
    }

    fn coerce(&self, value: &mut Value, _: &FieldContext<'_>) -> Result<(), ValidationError> {
        unanswerable(value).map_or(Ok(()), |detail| Err(detail.into()))
    }

    fn allows_blank(&self) -> bool {
        true
    }

    fn to_representation(&self, cell: Cell<'_>, _: &Context, out: &mut Vec<u8>) -> Result<(), Unrepresentable> {
        match cell {
            Cell::Json(text) => write::transcode(text, out).map_err(|_| Unrepresentable),
            Cell::Text(text) => {
                write::string(text, out);
                Ok(())
            }
            other => {
                write::value(&other.to_plain_attribute(), out);
                Ok(())
            }
        }
    }

    fn represent(&self, value: &Value, _: &Context, out: &mut Vec<u8>) -> Result<(), Unrepresentable> {
        write::value(value, out);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::super::testing::{error, parsed, set, shown};
    use super::*;

    #[test]
    fn anything_that_can_be_shown() {
        for json in [r#"{"a":[1,null,"\u0000"]}"#, r#""""#, "10000000000000000000000000"] {
            assert_eq!(set(&UnvalidatedField::new(), json), parsed(json));
        }
        let surrogate = "surrogate_characters_not_allowed: Surrogate characters are not allowed: U+DC00.";
        for json in [r#"[{"a": "\udc00"}]"#, r#"{"\udc00": 1}"#] {
            assert_eq!(error(&UnvalidatedField::new(), json), [surrogate], "{json}");
        }
        assert_eq!(error(&UnvalidatedField::new(), "[1e999]"), ["invalid: Value must be valid JSON."]);
    }

    #[test]
    fn cells() {
        let field = UnvalidatedField::new();
        for (cell, json) in [
            (Cell::Json("[1, 2]"), "[1,2]"),
            (Cell::Text("[1, 2]"), r#""[1, 2]""#),
            (Cell::Bool(true), "true"),
            (Cell::Value(&Value::List(vec![Value::Null])), "[null]"),
        ] {
            assert_eq!(shown(&field, cell).unwrap(), json);
        }
    }
}
