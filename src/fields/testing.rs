//! Short spellings for the tests of the fields.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::{Field, FieldType, Unrepresentable};
use crate::context::Context;
use crate::error::ValidationError;
use crate::store::Cell;
use crate::value::{Value, json};

pub(super) fn parsed(text: &str) -> Value {
    json::parse(text.as_bytes()).unwrap()
}

pub(super) fn field(kind: &(impl FieldType + Clone + 'static)) -> Field {
    Field::new("value", kind.clone())
}

/// What a field makes of a JSON input that it accepts.
pub(super) fn set(kind: &(impl FieldType + Clone + 'static), input: &str) -> Value {
    match field(kind).clean(&parsed(input)) {
        Ok(value) => value,
        Err(error) => panic!("{input}: {}", error.to_json()),
    }
}

/// The codes and messages for a JSON input that it refuses.
pub(super) fn error(kind: &(impl FieldType + Clone + 'static), input: &str) -> Vec<String> {
    match field(kind).clean(&parsed(input)) {
        Err(error) => details(error),
        Ok(value) => panic!("{input}: {value:?}"),
    }
}

/// The body of the answer for a JSON input that it refuses.
pub(super) fn json_error(kind: &(impl FieldType + Clone + 'static), input: &str) -> String {
    field(kind).clean(&parsed(input)).unwrap_err().to_json()
}

/// The codes and messages of an error that is a list.
pub(super) fn details(error: ValidationError) -> Vec<String> {
    let ValidationError::List(errors) = error else { panic!("{error:?}") };
    errors.iter().map(|detail| format!("{}: {}", detail.code, detail.message)).collect()
}

/// Whether a field takes a JSON input for null.
pub(super) fn null(field: &Field, input: &str) -> bool {
    field.clean(&parsed(input)) == Ok(Value::Null)
}

/// The JSON that a field writes for a cell.
pub(super) fn shown(kind: &impl FieldType, cell: Cell<'_>) -> Result<String, Unrepresentable> {
    let mut out = Vec::new();
    kind.to_representation(cell, &Context::default(), &mut out)?;
    Ok(String::from_utf8(out).unwrap())
}
