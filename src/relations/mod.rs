//! Fields that point at other rows.
//!
//! Whether the target exists is not asked here: it is the foreign key's business when the row is written, and a
//! probe's or a lookup's when an error body has to be complete. See DRF's chapter "Serializer relations".

use std::borrow::Cow;
use std::net::IpAddr;

use crate::fields::Unrepresentable;
use crate::model::ColumnKind;
use crate::store::{Cell, Inet};
use crate::value::iso::{self, Written};
use crate::value::{DbValue, Decimal, Value, convert, duration, python, write};

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
        ColumnKind::Uuid => crate::fields::uuid::read(input).map(Value::Uuid).ok_or(NOT_A_UUID),
        _ if matches!(input, Value::Null) => Err(KeyError::WrongType),
        ColumnKind::Date => match input {
            Value::Str(text) => iso::parse_date(text).map(Value::Date).ok_or(match looks_like_a_date(text) {
                true => KeyError::Unreadable("value has the correct format (YYYY-MM-DD) but it is an invalid date."),
                false => KeyError::Unreadable("value has an invalid date format. It must be in YYYY-MM-DD format."),
            }),
            _ => Err(KeyError::WrongType),
        },
        ColumnKind::Time => match input {
            Value::Str(text) => iso::parse_time(text)
                .map(Value::Time)
                .ok_or(KeyError::Unreadable("value has an invalid format. It must be in HH:MM[:ss[.uuuuuu]] format.")),
            _ => Err(KeyError::WrongType),
        },
        ColumnKind::DateTime(_) => match input {
            Value::Str(text) => moment(text).ok_or(KeyError::Unreadable(
                "value has an invalid format. It must be in YYYY-MM-DD HH:MM[:ss[.uuuuuu]][TZ] format.",
            )),
            _ => Err(KeyError::WrongType),
        },
        ColumnKind::Duration => match input {
            Value::Str(text) => match duration::parse(text) {
                Ok(Some(span)) if span.num_microseconds().is_some() => Ok(Value::Duration(span)),
                Ok(None) => Err(KeyError::Unreadable(
                    "value has an invalid format. It must be in [DD] [[HH:]MM:]ss[.uuuuuu] format.",
                )),
                Ok(Some(_)) | Err(_) => Err(KeyError::NoSuchRow),
            },
            _ => Err(KeyError::WrongType),
        },
        ColumnKind::Decimal(_) => {
            let number = match input {
                Value::Bool(b) => Some(Decimal::from(i64::from(*b))),
                Value::Int(i) => Some(Decimal::from(*i)),
                Value::Float(f) => python::parse_decimal(&python::float_repr(*f)),
                Value::Str(text) | Value::BigInt(text) => python::parse_decimal(text),
                _ => return Err(KeyError::WrongType),
            };
            // what is beyond any column is no row's
            match number.map(|number| number.normalize()) {
                Some(number) if number.adjusted().abs() > 1000 => Err(KeyError::NoSuchRow),
                Some(number) => Ok(Value::Decimal(number)),
                None => Err(KeyError::Unreadable("value must be a decimal number.")),
            }
        }
        ColumnKind::Float => {
            let number = match input {
                Value::Bool(b) => Some(f64::from(u8::from(*b))),
                Value::Int(i) => Some(*i as f64),
                Value::Float(f) => Some(*f),
                Value::Str(text) | Value::BigInt(text) => python::parse_float(text),
                _ => None,
            };
            match number {
                Some(number) if number.is_nan() => Err(KeyError::NoSuchRow),
                Some(number) => Ok(Value::Float(number)),
                None => Err(KeyError::WrongType),
            }
        }
        ColumnKind::Boolean => match input {
            Value::Bool(b) => Ok(Value::Bool(*b)),
            Value::Int(i @ (0 | 1)) => Ok(Value::Bool(*i == 1)),
            Value::Float(f) if *f == 0.0 || *f == 1.0 => Ok(Value::Bool(*f == 1.0)),
            Value::Str(text) if matches!(text.as_str(), "t" | "True" | "1") => Ok(Value::Bool(true)),
            Value::Str(text) if matches!(text.as_str(), "f" | "False" | "0") => Ok(Value::Bool(false)),
            Value::List(_) | Value::Map(_) => Err(KeyError::WrongType),
            _ => Err(KeyError::Unreadable("value must be either True or False.")),
        },
        ColumnKind::Inet => match input {
            Value::Str(text) => address(text).map(|text| Value::Str(text.into_owned())).ok_or(KeyError::NoSuchRow),
            _ => Err(KeyError::NoSuchRow),
        },
        _ => match input {
            Value::Str(text) if text.contains('\0') => Err(KeyError::NoSuchRow),
            Value::Surrogates(..) => Err(KeyError::NoSuchRow),
            Value::Bool(_) | Value::Null => Err(KeyError::WrongType),
            other => Ok(Value::Str(other.to_python_str().into_owned())),
        },
    }
}

const NOT_A_UUID: KeyError = KeyError::Unreadable("is not a valid UUID.");

/// The text of a key or a name, alike for what a request sent and what a row holds.
pub(crate) fn key_text(kind: ColumnKind, value: &DbValue) -> String {
    let value = convert::from_db(value);
    let text = |value: &Value| value.to_python_str().into_owned();
    match (kind, &value) {
        (ColumnKind::Decimal(_), Value::Decimal(number)) => number.normalize().to_plain(),
        (ColumnKind::Decimal(_), Value::Str(number)) => match number.parse::<Decimal>() {
            Ok(number) => number.normalize().to_plain(),
            Err(_) => text(&value),
        },
        // a column without a zone holds UTC
        (ColumnKind::DateTime(_), Value::NaiveDateTime(at)) => text(&Value::DateTime(convert::aware(*at))),
        (ColumnKind::Float, Value::Int(i)) => text(&Value::Float(*i as f64)),
        (ColumnKind::Inet, Value::Str(sent)) => address(sent).map_or_else(|| text(&value), Cow::into_owned),
        _ => text(&value),
    }
}

/// Django's `date_re`.
fn looks_like_a_date(text: &str) -> bool {
    let mut parts = text.split('-').map(|part| (part.len(), part.bytes().all(|b| b.is_ascii_digit())));
    let shape = (parts.next(), parts.next(), parts.next(), parts.next());
    matches!(shape, (Some((4, true)), Some((1 | 2, true)), Some((1 | 2, true)), None))
}

/// A point in time, of a day alone its start; without a zone it is in UTC.
fn moment(text: &str) -> Option<Value> {
    let at = match iso::parse_datetime(text) {
        Some(Written { local, offset }) => convert::aware(local.checked_sub_signed(offset.unwrap_or_default())?),
        None => convert::aware(convert::midnight(iso::parse_date(text)?)),
    };
    Some(Value::DateTime(at))
}

/// An address as both databases print it, with the network's prefix where it is one's.
fn address(text: &str) -> Option<Cow<'_, str>> {
    let (host, prefix) = text.split_once('/').map_or((text, None), |(host, prefix)| (host, Some(prefix)));
    let address: IpAddr = host.parse().ok()?;
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let prefix = prefix.map_or(Some(bits), |prefix| prefix.parse().ok().filter(|prefix| *prefix <= bits))?;
    Some(Cow::Owned(Inet { address, prefix, network: false }.to_string()))
}

/// Why an input is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// Of a type that a key of this table cannot have.
    WrongType,
    /// No text of the column's kind: what Django says of it behind the input in quotes.
    Unreadable(&'static str),
    /// Of the right type, but no row can have it.
    NoSuchRow,
}

/// Writes a key as JSON: a number, or text in quotes.
pub(crate) fn represent_key(cell: Cell<'_>, out: &mut Vec<u8>) -> Result<(), Unrepresentable> {
    match cell {
        Cell::Int(key) => write::int(key, out),
        Cell::Uuid(key) => write::string(key.hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()), out),
        Cell::Text(key) => write::string(key, out),
        // of SeaORM's driver for SQLite
        Cell::Bytes(bytes) => {
            return uuid::Uuid::from_slice(bytes)
                .map_or(Err(Unrepresentable), |key| represent_key(Cell::Uuid(key), out));
        }
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
    fn uuids_are_read_as_python_reads_them() {
        let five = Ok(Value::Uuid(uuid::Uuid::from_u128(5)));
        let key = |input| parse_key(ColumnKind::Uuid, &input);
        assert_eq!(key(Value::Int(5)), five);
        assert_eq!(key("{0000000000000000-0000000000000005}".into()), five);
        for input in [Value::Int(-5), Value::Float(5.0), Value::List(Vec::new()), "5".into()] {
            assert_eq!(key(input), Err(NOT_A_UUID));
        }
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
        let related = Related { naming: Naming::PrimaryKey, kind: ColumnKind::BigInteger };
        let error = related.read(&Value::Null, &FieldContext::new(&cx)).unwrap_err();
        assert_eq!(error.to_json(), r#"["Invalid pk \"None\" - object does not exist."]"#);
    }
}
