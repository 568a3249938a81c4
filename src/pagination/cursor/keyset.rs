//! The rows after a place in an order, as a condition on their keys.

use std::sync::Arc;

use chrono::Utc;

use super::token::{Position, invalid};
use crate::error::Result;
use crate::model::ColumnKind;
use crate::store::Dialect;
use crate::store::plan::{Filter, Operator, Source};
use crate::value::{DbValue, Value, convert, duration, iso, python};

/// A decimal of more digits than this lies beyond all that a column can hold.
const DIGITS: usize = 1_000;

/// One key of an order.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Key {
    pub(super) source: Arc<Source>,
    pub(super) descending: bool,
}

impl Key {
    pub(super) fn reversed(&self) -> Key {
        Key { descending: !self.descending, ..self.clone() }
    }
}

/// A value to compare a key with.
#[derive(Clone, Debug, PartialEq)]
enum Edge {
    Null,
    Value(DbValue),
    /// Above all values of the column, or below.
    Beyond(bool),
}

/// The rows whose first keys come strictly after these positions.
///
/// NULL is where the database puts it: above all on PostgreSQL, below all on SQLite.
///
/// # Errors
///
/// 404 for a position that is no value of its key.
pub(super) fn after(keys: &[Key], positions: &[Position], dialect: Dialect) -> Result<Filter> {
    let mut alternatives = Vec::with_capacity(positions.len());
    let mut equal: Vec<Filter> = Vec::new();
    for (key, position) in keys.iter().zip(positions) {
        let edge = edge(key.source.kind, position)?;
        let mut all = equal.clone();
        all.push(beyond(key, &edge, dialect));
        alternatives.push(if all.len() == 1 { all.swap_remove(0) } else { Filter::All(all) });
        equal.push(same(key, &edge));
    }
    let many = alternatives.len() > 1;
    let filter = if many { Filter::Any(alternatives) } else { alternatives.pop().unwrap_or(Filter::All(Vec::new())) };
    // a bound on the first key alone lets the database begin at the right place of an index
    let bound = keys.first().zip(positions.first()).filter(|(key, _)| many && !key.source.null);
    Ok(match bound.map(|(key, position)| Ok::<_, crate::error::Error>((key, edge(key.source.kind, position)?))) {
        Some(Ok((key, Edge::Value(value)))) => {
            let operator = if key.descending { Operator::Lte } else { Operator::Gte };
            Filter::All(vec![Filter::Compare(Arc::clone(&key.source), operator, value), filter])
        }
        _ => filter,
    })
}

/// That a key comes after a value in its direction.
fn beyond(key: &Key, edge: &Edge, dialect: Dialect) -> Filter {
    let up = !key.descending;
    let nulls_above = dialect == Dialect::Postgres;
    let is_null = |wanted| Filter::IsNull(Arc::clone(&key.source), wanted);
    let (always, never) = (Filter::All(Vec::new()), Filter::Any(Vec::new()));
    let values = match edge {
        // whatever is not NULL lies on its other side
        Edge::Null => return if up == nulls_above { never } else { is_null(false) },
        Edge::Value(value) => {
            let operator = if up { Operator::Gt } else { Operator::Lt };
            Filter::Compare(Arc::clone(&key.source), operator, value.clone())
        }
        Edge::Beyond(above) if *above == up => never,
        Edge::Beyond(_) if key.source.null && up != nulls_above => return is_null(false),
        Edge::Beyond(_) => return always,
    };
    if key.source.null && up == nulls_above { Filter::Any(vec![values, is_null(true)]) } else { values }
}

fn same(key: &Key, edge: &Edge) -> Filter {
    match edge {
        Edge::Null => Filter::IsNull(Arc::clone(&key.source), true),
        Edge::Value(value) => Filter::Compare(Arc::clone(&key.source), Operator::Eq, value.clone()),
        Edge::Beyond(_) => Filter::Any(Vec::new()),
    }
}

/// A position as Django reads it for a lookup.
fn edge(kind: ColumnKind, position: &Position) -> Result<Edge> {
    let Some(text) = position else { return Ok(Edge::Null) };
    read(kind, text).ok_or_else(invalid)
}

fn read(kind: ColumnKind, text: &str) -> Option<Edge> {
    let value = match kind {
        ColumnKind::SmallInteger | ColumnKind::Integer | ColumnKind::BigInteger => match python::parse_int(text)? {
            Value::Int(int) => {
                let (least, most) = match kind {
                    ColumnKind::SmallInteger => (i16::MIN.into(), i16::MAX.into()),
                    ColumnKind::Integer => (i32::MIN.into(), i32::MAX.into()),
                    _ => (i64::MIN, i64::MAX),
                };
                if int < least || int > most {
                    return Some(Edge::Beyond(int > most));
                }
                Value::Int(int)
            }
            Value::BigInt(digits) => return Some(Edge::Beyond(!digits.starts_with('-'))),
            _ => return None,
        },
        ColumnKind::Float => Value::Float(python::parse_float(text).filter(|float| !float.is_nan())?),
        ColumnKind::Decimal(_) => {
            let decimal = python::parse_decimal(text)?;
            if decimal.plain_length() > DIGITS {
                return Some(Edge::Beyond(!decimal.is_negative()));
            }
            Value::Decimal(decimal)
        }
        ColumnKind::Char(_) | ColumnKind::Text => {
            // PostgreSQL has no such text
            if text.contains('\0') {
                return None;
            }
            Value::Str(text.to_owned())
        }
        ColumnKind::Boolean => match text {
            "True" | "true" | "t" | "1" => Value::Bool(true),
            "False" | "false" | "f" | "0" => Value::Bool(false),
            _ => return None,
        },
        ColumnKind::Uuid => Value::Uuid(uuid::Uuid::try_parse(text).ok()?),
        ColumnKind::DateTime(zoned) => {
            let written = iso::parse_datetime(text)?;
            let utc = match written.offset {
                Some(offset) => written.local.checked_sub_signed(offset).filter(|at| iso::in_range(*at))?,
                None => written.local,
            };
            if zoned {
                Value::DateTime(utc.and_local_timezone(Utc).single()?.fixed_offset())
            } else {
                Value::NaiveDateTime(utc)
            }
        }
        ColumnKind::Date => Value::Date(iso::parse_date(text)?),
        ColumnKind::Time => Value::Time(iso::parse_time(text)?),
        ColumnKind::Duration => Value::Duration(duration::parse(text).ok()??),
        ColumnKind::Inet => Value::Str(text.parse::<std::net::IpAddr>().ok()?.to_string()),
        _ => return None,
    };
    Some(Edge::Value(convert::to_db(value)))
}

/// Whether positions can be made of values of this kind and read again.
pub(super) fn has_positions(kind: ColumnKind) -> bool {
    !matches!(kind, ColumnKind::Json | ColumnKind::Binary | ColumnKind::Other)
}
