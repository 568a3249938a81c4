//! A cell as the variant of `Value` that SeaORM wants.

use std::collections::BTreeMap;

use chrono::{DateTime, Local, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use sea_orm::prelude::Decimal;
use sea_orm::sea_query::{ArrayType, Value};
use sea_orm::{ProxyRow, QueryResult};
use uuid::Uuid;

use super::known::{KnownEntities, Wanted, samples};
use crate::error::Source;
use crate::store::rows::stored_decimal;
use crate::store::{Cell, List, Rows, StoreError};
use crate::value::convert::json_text;

/// The rows of a statement that SeaORM wrote, as SeaORM reads them.
///
/// # Errors
///
/// [`StoreError::Internal`] where a cell does not fit the entity's field, or several Rust types would do and nobody
/// told of the entity.
pub(in crate::store) fn results(rows: &Rows, sql: &str, known: &KnownEntities) -> Result<Vec<QueryResult>, StoreError> {
    let names = names(rows);
    let plan = names.iter().map(|name| known.find(sql, name)).collect::<Vec<_>>();
    let mut results = Vec::with_capacity(rows.len());
    for row in 0..rows.len() {
        let mut values = BTreeMap::new();
        for (column, (name, wanted)) in names.iter().zip(&plan).enumerate() {
            values.insert(name.clone(), value(rows, row, column, wanted)?);
        }
        results.push(ProxyRow::new(values).into());
    }
    Ok(results)
}

/// The names of the result's columns.
fn names(rows: &Rows) -> Vec<String> {
    match rows {
        Rows::Postgres(rows) => match rows.first() {
            Some(row) => row.columns().iter().map(|column| column.name().to_owned()).collect(),
            None => Vec::new(),
        },
        Rows::Packed(rows) => rows.names().to_vec(),
    }
}

/// One column of one row.
fn value(rows: &Rows, row: usize, column: usize, wanted: &Wanted) -> Result<Value, StoreError> {
    let cell = rows.cell(row, column)?;
    match wanted {
        Wanted::Variant(variant) => convert(cell, variant).map_err(|reason| unfit(rows, column, cell, &reason)),
        Wanted::Unknown(table) if is_ambiguous(rows, cell) => Err(StoreError::Internal(
            format!("the entity of table `{table}` is not known, so its columns cannot be decoded; register it").into(),
        )),
        Wanted::Unknown(_) | Wanted::Any => by_database(rows, row, column, cell),
    }
}

fn unfit(rows: &Rows, column: usize, cell: Cell<'_>, reason: &Source) -> StoreError {
    let kind = format!("{cell:?}");
    let kind = kind.split('(').next().unwrap_or_default();
    let names = names(rows);
    let name = names.get(column).map(String::as_str).unwrap_or_default();
    StoreError::Internal(format!("column `{name}`: a {kind} does not fit the entity's field: {reason}").into())
}

/// Whether entities may read such a cell into more than one Rust type.
fn is_ambiguous(rows: &Rows, cell: Cell<'_>) -> bool {
    match rows {
        Rows::Postgres(_) => matches!(cell, Cell::Timestamp(_)),
        Rows::Packed(_) => matches!(cell, Cell::Int(_) | Cell::Text(_) | Cell::Bytes(_)),
    }
}

/// The variant that the database's type names.
fn by_database(rows: &Rows, row: usize, column: usize, cell: Cell<'_>) -> Result<Value, StoreError> {
    use tokio_postgres::types::Type;
    let ty = match rows {
        Rows::Postgres(rows) => rows.get(row).and_then(|row| row.columns().get(column)).map(|column| column.type_()),
        Rows::Packed(_) => None,
    };
    let variant = match (cell, ty) {
        (_, Some(&Type::INT2)) => Value::SmallInt(None),
        (_, Some(&Type::INT4)) => Value::Int(None),
        (_, Some(&Type::OID)) => Value::Unsigned(None),
        (_, Some(&Type::FLOAT4)) => Value::Float(None),
        (Cell::Bool(_), _) => Value::Bool(None),
        (Cell::Int(_), _) => Value::BigInt(None),
        (Cell::Float(_), _) => Value::Double(None),
        (Cell::Json(_), _) => Value::Json(None),
        (Cell::Bytes(_), _) => Value::Bytes(None),
        (Cell::Uuid(_), _) => Value::Uuid(None),
        (Cell::Timestamp(_), _) => Value::ChronoDateTimeWithTimeZone(None),
        (Cell::DateTime(_), _) => Value::ChronoDateTime(None),
        (Cell::Date(_), _) => Value::ChronoDate(None),
        (Cell::Time(_), _) => Value::ChronoTime(None),
        (Cell::Duration(_), _) => Value::BigInt(None),
        (Cell::Numeric(_), _) => Value::Decimal(None),
        // A null reads as `None` whatever its variant is.
        // which of Rust's types its elements are, the entity alone says
        (Cell::List(_) | Cell::Pairs(_), _) => Value::Json(None),
        (Cell::Text(_) | Cell::Inet(_) | Cell::Null | Cell::Zoned(_) | Cell::Value(_), _) => Value::String(None),
    };
    convert(cell, &variant).map_err(|reason| unfit(rows, column, cell, &reason))
}

/// The cell as the variant of `wanted`.
fn convert(cell: Cell<'_>, wanted: &Value) -> Result<Value, Source> {
    if cell == Cell::Null {
        return Ok(wanted.as_null());
    }
    if let (Cell::Numeric(number), true) = (cell, !matches!(wanted, Value::Decimal(_))) {
        return convert(Cell::Text(&number.to_string()), wanted);
    }
    Ok(match wanted {
        Value::Bool(_) => Value::Bool(Some(match cell {
            Cell::Bool(v) => v,
            Cell::Int(v) => v != 0,
            _ => return no(),
        })),
        Value::TinyInt(_) => Value::TinyInt(Some(int(cell)?.try_into()?)),
        Value::SmallInt(_) => Value::SmallInt(Some(int(cell)?.try_into()?)),
        Value::Int(_) => Value::Int(Some(int(cell)?.try_into()?)),
        Value::BigInt(_) => Value::BigInt(Some(int(cell)?)),
        Value::TinyUnsigned(_) => Value::TinyUnsigned(Some(int(cell)?.try_into()?)),
        Value::SmallUnsigned(_) => Value::SmallUnsigned(Some(int(cell)?.try_into()?)),
        Value::Unsigned(_) => Value::Unsigned(Some(int(cell)?.try_into()?)),
        Value::BigUnsigned(_) => Value::BigUnsigned(Some(int(cell)?.try_into()?)),
        #[allow(clippy::cast_possible_truncation)] // the field is an f32: so is what was stored
        Value::Float(_) => Value::Float(Some(float(cell)? as f32)),
        Value::Double(_) => Value::Double(Some(float(cell)?)),
        Value::Decimal(_) => Value::Decimal(Some(match cell {
            Cell::Numeric(v) if v.is_finite() => Decimal::from_str_exact(&v.to_string())?,
            cell => stored_decimal(cell, None).ok_or("it is no decimal")?,
        })),
        Value::String(_) => Value::String(Some(match cell {
            Cell::Text(v) | Cell::Json(v) => v.to_owned(),
            Cell::Uuid(v) => v.to_string(),
            Cell::Inet(v) => v.to_string(),
            _ => return no(),
        })),
        Value::Char(_) => Value::Char(Some(match cell {
            Cell::Text(v) => v.parse()?,
            _ => return no(),
        })),
        Value::Bytes(_) => Value::Bytes(Some(match cell {
            Cell::Bytes(v) => v.to_owned(),
            _ => return no(),
        })),
        Value::Json(_) => Value::Json(Some(match cell {
            Cell::Json(v) | Cell::Text(v) => serde_json::from_str(v)?,
            Cell::List(v) => serde_json::from_str(&json_text(&v.to_value()))?,
            Cell::Pairs(v) => serde_json::from_str(&json_text(&v.to_value()))?,
            _ => return no(),
        })),
        Value::Uuid(_) => Value::Uuid(Some(match cell {
            Cell::Uuid(v) => v,
            Cell::Text(v) => v.parse()?,
            Cell::Bytes(v) => Uuid::from_slice(v)?,
            _ => return no(),
        })),
        Value::ChronoDate(_) => Value::ChronoDate(Some(match cell {
            Cell::Date(v) => v,
            Cell::Text(v) => v.parse::<NaiveDate>()?,
            _ => return no(),
        })),
        Value::ChronoTime(_) => Value::ChronoTime(Some(match cell {
            Cell::Time(v) => v,
            Cell::Text(v) => v.parse::<NaiveTime>()?,
            _ => return no(),
        })),
        Value::Array(ty, _) => Value::Array(
            ty.clone(),
            Some(match cell {
                Cell::List(list) => Box::new(elements(list, ty)?),
                _ => return no(),
            }),
        ),
        Value::ChronoDateTime(_) => Value::ChronoDateTime(Some(instant(cell)?.naive_utc())),
        Value::ChronoDateTimeUtc(_) => Value::ChronoDateTimeUtc(Some(instant(cell)?)),
        Value::ChronoDateTimeLocal(_) => Value::ChronoDateTimeLocal(Some(instant(cell)?.with_timezone(&Local))),
        Value::ChronoDateTimeWithTimeZone(_) => Value::ChronoDateTimeWithTimeZone(Some(instant(cell)?.fixed_offset())),
        _ => return no(),
    })
}

/// The elements of an array as the variant that the entity's type has.
fn elements(list: List<'_>, ty: &ArrayType) -> Result<Vec<Value>, Source> {
    let Some(wanted) = samples().into_iter().find(|sample| sample.array_type() == *ty) else {
        return no();
    };
    list.iter().map(|item| convert(item?, &wanted)).collect()
}

fn no<T>() -> Result<T, Source> {
    Err("its type is another one".into())
}

fn int(cell: Cell<'_>) -> Result<i64, Source> {
    match cell {
        Cell::Int(v) => Ok(v),
        Cell::Bool(v) => Ok(v.into()),
        // microseconds, as SQLite keeps them
        Cell::Duration(v) => v.num_microseconds().ok_or_else(|| "more microseconds than 64 bits hold".into()),
        Cell::Text(v) => Ok(v.parse()?),
        _ => no(),
    }
}

fn float(cell: Cell<'_>) -> Result<f64, Source> {
    match cell {
        Cell::Float(v) => Ok(v),
        #[allow(clippy::cast_precision_loss)]
        // SQLite keeps a whole number of a REAL column as an integer
        Cell::Int(v) => Ok(v as f64),
        Cell::Text(v) => Ok(v.parse()?),
        _ => no(),
    }
}

/// A point in time; text without an offset is UTC, as SeaORM and Django write it.
fn instant(cell: Cell<'_>) -> Result<DateTime<Utc>, Source> {
    match cell {
        Cell::Timestamp(v) => Ok(v),
        Cell::DateTime(v) => Ok(v.and_utc()),
        Cell::Date(v) => Ok(v.and_time(NaiveTime::MIN).and_utc()),
        Cell::Text(v) => match v.parse::<DateTime<Utc>>() {
            Ok(instant) => Ok(instant),
            Err(_) => Ok(naive(v)?.and_utc()),
        },
        _ => no(),
    }
}

fn naive(text: &str) -> Result<NaiveDateTime, chrono::ParseError> {
    let format = if text.contains('T') { "%Y-%m-%dT%H:%M:%S%.f" } else { "%Y-%m-%d %H:%M:%S%.f" };
    NaiveDateTime::parse_from_str(text, format)
}
