//! Fields that point at other rows.
//!
//! Whether the target exists is not asked here: it is the foreign key's business when the row is written, and a
//! probe's when an error body has to be complete. See DRF's chapter "Serializer relations".

use crate::context::Context;
use crate::error::{ErrorDetail, ValidationError};
use crate::fields::{FieldContext, FieldType, Messages, Unrepresentable};
use crate::model::ColumnKind;
use crate::store::Cell;
use crate::value::{Value, python, write};

/// A relation shown and written as the target's primary key, DRF's `PrimaryKeyRelatedField`.
///
/// | code | message |
/// |---|---|
/// | `does_not_exist` | `Invalid pk "5" - object does not exist.` |
/// | `incorrect_type` | `Incorrect type. Expected pk value, received str.` |
#[derive(Clone, Debug)]
pub struct PrimaryKeyRelatedField {
    key: ColumnKind,
}

impl PrimaryKeyRelatedField {
    /// A relation to a table whose key is of this kind.
    pub fn new(key: ColumnKind) -> Self {
        PrimaryKeyRelatedField { key }
    }

    /// DRF's message for a target that is not there, with the input as it was sent.
    pub fn does_not_exist(input: &Value, messages: &Messages) -> ErrorDetail {
        let text = "Invalid pk \"{pk_value}\" - object does not exist.";
        messages.detail("does_not_exist", text, &[("pk_value", &input.to_python_str())])
    }

    fn incorrect_type(input: &Value, cx: &FieldContext<'_>) -> ErrorDetail {
        let text = "Incorrect type. Expected pk value, received {data_type}.";
        cx.detail("incorrect_type", text, &[("data_type", input.type_name())])
    }
}

/// Reads a primary key as Django's lookups do.
///
/// # Errors
///
/// [`KeyError`] says whether the text is of the wrong type or no row can have such a key.
pub fn parse_key(kind: ColumnKind, input: &Value) -> Result<Value, KeyError> {
    match kind {
        ColumnKind::SmallInteger | ColumnKind::Integer | ColumnKind::BigInteger => {
            let key = match input {
                Value::Int(i) => *i,
                Value::BigInt(_) => return Err(KeyError::NoSuchRow),
                // Python's int() cuts a fraction off
                Value::Float(f) if f.is_finite() => {
                    if f.abs() >= 9.2e18 {
                        return Err(KeyError::NoSuchRow);
                    }
                    *f as i64
                }
                Value::Str(text) => match python::parse_int(text) {
                    Some(Value::Int(i)) => i,
                    Some(_) => return Err(KeyError::NoSuchRow),
                    None => return Err(KeyError::WrongType),
                },
                _ => return Err(KeyError::WrongType),
            };
            let fits = match kind {
                ColumnKind::SmallInteger => i16::try_from(key).is_ok(),
                ColumnKind::Integer => i32::try_from(key).is_ok(),
                _ => true,
            };
            if fits { Ok(Value::Int(key)) } else { Err(KeyError::NoSuchRow) }
        }
        ColumnKind::Uuid => match input {
            Value::Str(text) => match uuid::Uuid::try_parse(text.trim_start_matches("urn:uuid:")) {
                Ok(key) => Ok(Value::Uuid(key)),
                Err(_) => Err(KeyError::NotAUuid),
            },
            _ => Err(KeyError::NotAUuid),
        },
        _ => match input {
            Value::Str(text) if text.contains('\0') => Err(KeyError::NoSuchRow),
            Value::Surrogates(..) => Err(KeyError::NoSuchRow),
            Value::Bool(_) | Value::Null => Err(KeyError::WrongType),
            other => Ok(Value::Str(other.to_python_str().into_owned())),
        },
    }
}

/// Why an input is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// Of a type that a key of this table cannot have.
    WrongType,
    /// Not a UUID where one is needed.
    NotAUuid,
    /// Of the right type, but no row can have it.
    NoSuchRow,
}

impl FieldType for PrimaryKeyRelatedField {
    fn to_internal_value(&self, input: &Value, cx: &FieldContext<'_>) -> Result<Value, ValidationError> {
        if matches!(input, Value::Bool(_)) {
            return Err(Self::incorrect_type(input, cx).into());
        }
        parse_key(self.key, input).map_err(|error| match error {
            KeyError::WrongType => Self::incorrect_type(input, cx).into(),
            KeyError::NoSuchRow => Self::does_not_exist(input, cx.messages).into(),
            KeyError::NotAUuid => {
                ErrorDetail::new(format!("“{}” is not a valid UUID.", input.to_python_str()), "invalid").into()
            }
        })
    }

    fn is_null_input(&self, input: &Value, _allow_null: bool) -> bool {
        matches!(input, Value::Str(text) if text.is_empty())
    }

    fn to_representation(&self, cell: Cell<'_>, _cx: &Context, out: &mut Vec<u8>) -> Result<(), Unrepresentable> {
        match cell {
            Cell::Int(key) => write::int(key, out),
            Cell::Uuid(key) => write::string(key.hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()), out),
            Cell::Text(key) if self.key == ColumnKind::Uuid => match uuid::Uuid::try_parse(key) {
                Ok(key) => write::string(key.hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()), out),
                Err(_) => return Err(Unrepresentable),
            },
            Cell::Text(key) => write::string(key, out),
            _ => return Err(Unrepresentable),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::Field;

    fn key(input: Value) -> Result<Value, KeyError> {
        parse_key(ColumnKind::BigInteger, &input)
    }

    #[test]
    fn integers_are_read_as_python_reads_them() {
        let one = Ok(Value::Int(1));
        assert_eq!(key(Value::Int(1)), one);
        assert_eq!(key(Value::Str(" 1 ".into())), one);
        assert_eq!(key(Value::Float(1.9)), one);
        assert_eq!(key(Value::Str("1.5".into())), Err(KeyError::WrongType));
        assert_eq!(key(Value::Str("x".into())), Err(KeyError::WrongType));
        assert_eq!(key(Value::Float(f64::INFINITY)), Err(KeyError::WrongType));
        assert_eq!(key(Value::BigInt("100000000000000000000".into())), Err(KeyError::NoSuchRow));
        assert_eq!(parse_key(ColumnKind::Integer, &Value::Int(1 << 40)), Err(KeyError::NoSuchRow));
    }

    #[test]
    fn messages_are_drfs() {
        let field = PrimaryKeyRelatedField::new(ColumnKind::BigInteger);
        let message = |input| Field::new("of", field.clone()).clean(&input).map_err(|error| error.to_json());
        let wrong = |name| Err(format!("[\"Incorrect type. Expected pk value, received {name}.\"]"));
        assert_eq!(message("x".into()), wrong("str"));
        assert_eq!(message(true.into()), wrong("bool"));
        let detail = PrimaryKeyRelatedField::does_not_exist(&Value::Float(99.0), &Messages::default());
        assert_eq!(detail.message, "Invalid pk \"99.0\" - object does not exist.");
    }
}
