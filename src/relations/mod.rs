//! Fields that point at other rows.
//!
//! Whether the target exists is not asked here: it is the foreign key's business when the row is written, and a
//! probe's or a lookup's when an error body has to be complete. See DRF's chapter "Serializer relations".

use crate::fields::Unrepresentable;
use crate::model::ColumnKind;
use crate::store::Cell;
use crate::value::{Value, python, write};

mod link;
mod related;

pub(crate) use link::Link;
pub(crate) use related::{Hyperlink, ManyRelatedKind, Naming, Related, RelatedKind, Urls};

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

/// Writes a key as JSON: a number, or text in quotes.
pub(crate) fn represent_key(cell: Cell<'_>, out: &mut Vec<u8>) -> Result<(), Unrepresentable> {
    match cell {
        Cell::Int(key) => write::int(key, out),
        Cell::Uuid(key) => write::string(key.hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()), out),
        Cell::Text(key) => write::string(key, out),
        _ => return Err(Unrepresentable),
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::context::Context;
    use crate::error::ValidationError;
    use crate::fields::{FieldContext, Messages};

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
        let related = Related { naming: Naming::PrimaryKey, kind: ColumnKind::BigInteger };
        let cx = Context::default();
        let message = |input| match related.read(&input, &FieldContext::new(&cx)) {
            Err(ValidationError::List(details)) => details.first().map(|d| d.message.clone().into_owned()),
            _ => None,
        };
        let wrong = |of: &str| Some(format!("Incorrect type. Expected pk value, received {of}."));
        assert_eq!(message(Value::Str("x".into())), wrong("str"));
        assert_eq!(message(Value::Bool(true)), wrong("bool"));
        let detail = related.does_not_exist(&Value::Float(99.0), &Messages::default());
        assert_eq!(detail.message, "Invalid pk \"99.0\" - object does not exist.");
    }

    #[test]
    fn no_row_is_named_null() {
        let related = Related { naming: Naming::Slug("slug".into()), kind: ColumnKind::Text };
        let cx = Context::default();
        let error = related.read(&Value::Null, &FieldContext::new(&cx)).unwrap_err();
        assert_eq!(error.to_json(), r#"["Object with slug=None does not exist."]"#);
    }
}
