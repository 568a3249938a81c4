//! Statements that SeaORM wrote, with their values as SeaORM's drivers bind them.

use chrono::{DateTime, NaiveDateTime, SecondsFormat, TimeZone};
use sea_orm::Statement as SeaStatement;
use sea_orm::sea_query::{ArrayType, Value};
use tokio_postgres::types::Type;

use super::KnownEntities;
use crate::store::{Bound, Dialect, Statement};

/// A statement of more values than this is not kept prepared.
const MOST_CACHED: usize = 32;

/// A statement that SeaORM wrote.
pub(in crate::store) fn bound(dialect: Dialect, statement: SeaStatement, known: &KnownEntities) -> Bound {
    let mut values = statement.values.map(|values| values.0).unwrap_or_default();
    // SeaORM writes the same text for the same call, so keeping it prepared pays; but values in the text, or
    // lists of any length (`IN`, many rows), would fill the connection's cache with texts used once.
    let cached = (1..=MOST_CACHED).contains(&values.len());
    let types = match dialect {
        Dialect::Sqlite => {
            if values.iter().any(has_two_forms) {
                let djangos = known.djangos(&statement.sql, values.len());
                let formed = |(value, djangos): (Value, bool)| if djangos { value } else { as_the_driver(value) };
                values = values.into_iter().zip(djangos).map(formed).collect();
            }
            None
        }
        Dialect::Postgres => {
            let kept = known.concerned(&statement.sql).unwrap_or_default();
            let ty = |value: &Value| match value {
                Value::BigInt(_) if kept.spans => Type::UNKNOWN,
                Value::String(_) if kept.texts => Type::UNKNOWN,
                value => type_of(value),
            };
            Some(values.iter().map(ty).collect())
        }
    };
    let text = Statement { cached, types, ..Statement::new(statement.sql) };
    Bound { statement: text, values }
}

/// Whether Django keeps a value otherwise than SeaORM's driver for SQLite.
fn has_two_forms(value: &Value) -> bool {
    matches!(
        value,
        Value::Uuid(_)
            | Value::ChronoDateTime(_)
            | Value::ChronoDateTimeUtc(_)
            | Value::ChronoDateTimeLocal(_)
            | Value::ChronoDateTimeWithTimeZone(_)
            | Value::ChronoTime(_)
    )
}

/// The value in the form that SeaORM's driver for SQLite stores.
fn as_the_driver(value: Value) -> Value {
    match value {
        Value::Uuid(Some(uuid)) => Value::Bytes(Some(uuid.as_bytes().to_vec())),
        Value::ChronoDateTime(Some(at)) => text(naive(at)),
        Value::ChronoDateTimeUtc(Some(at)) => text(zoned(at)),
        Value::ChronoDateTimeLocal(Some(at)) => text(zoned(at)),
        Value::ChronoDateTimeWithTimeZone(Some(at)) => text(zoned(at)),
        Value::ChronoTime(Some(at)) => text(at.format("%T%.f").to_string()),
        other => other,
    }
}

fn text(text: String) -> Value {
    Value::String(Some(text))
}

fn naive(at: NaiveDateTime) -> String {
    at.format("%F %T%.f").to_string()
}

fn zoned<Z: TimeZone>(at: DateTime<Z>) -> String
where
    Z::Offset: std::fmt::Display,
{
    at.to_rfc3339_opts(SecondsFormat::AutoSi, false)
}

/// The type that SeaORM's driver for PostgreSQL says a value to be of: `$1 + $2`, `concat($1)` or `CASE … THEN $1` have no other
/// way to know.
fn type_of(value: &Value) -> Type {
    match value {
        Value::Bool(_) => Type::BOOL,
        Value::SmallInt(_) | Value::TinyUnsigned(_) => Type::INT2,
        Value::Int(_) | Value::SmallUnsigned(_) => Type::INT4,
        Value::BigInt(_) | Value::Unsigned(_) | Value::BigUnsigned(_) => Type::INT8,
        Value::Float(_) => Type::FLOAT4,
        Value::Double(_) => Type::FLOAT8,
        Value::String(_) | Value::Enum(_) | Value::Char(_) => Type::TEXT,
        Value::Bytes(_) => Type::BYTEA,
        Value::Json(_) => Type::JSONB,
        Value::ChronoDate(_) => Type::DATE,
        Value::ChronoTime(_) => Type::TIME,
        Value::ChronoDateTime(_) => Type::TIMESTAMP,
        Value::ChronoDateTimeUtc(_) | Value::ChronoDateTimeLocal(_) | Value::ChronoDateTimeWithTimeZone(_) => {
            Type::TIMESTAMPTZ
        }
        Value::Uuid(_) => Type::UUID,
        Value::Decimal(_) => Type::NUMERIC,
        Value::Array(element, _) => list_of(element),
        // `"char"` is not what a small integer is kept in
        _ => Type::UNKNOWN,
    }
}

fn list_of(element: &ArrayType) -> Type {
    match element {
        ArrayType::Bool => Type::BOOL_ARRAY,
        ArrayType::SmallInt | ArrayType::TinyUnsigned => Type::INT2_ARRAY,
        ArrayType::Int | ArrayType::SmallUnsigned => Type::INT4_ARRAY,
        ArrayType::BigInt | ArrayType::Unsigned | ArrayType::BigUnsigned => Type::INT8_ARRAY,
        ArrayType::Float => Type::FLOAT4_ARRAY,
        ArrayType::Double => Type::FLOAT8_ARRAY,
        ArrayType::String | ArrayType::Char => Type::TEXT_ARRAY,
        ArrayType::Bytes => Type::BYTEA_ARRAY,
        ArrayType::Json => Type::JSONB_ARRAY,
        ArrayType::ChronoDate => Type::DATE_ARRAY,
        ArrayType::ChronoTime => Type::TIME_ARRAY,
        ArrayType::ChronoDateTime => Type::TIMESTAMP_ARRAY,
        ArrayType::ChronoDateTimeUtc | ArrayType::ChronoDateTimeLocal | ArrayType::ChronoDateTimeWithTimeZone => {
            Type::TIMESTAMPTZ_ARRAY
        }
        ArrayType::Uuid => Type::UUID_ARRAY,
        ArrayType::Decimal => Type::NUMERIC_ARRAY,
        _ => Type::UNKNOWN,
    }
}
