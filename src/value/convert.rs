//! Between the values of serializers and the values of the database.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use sea_orm::sea_query::ValueType;

use super::{DbValue, Decimal, Value, write};

/// The value as a statement's place takes it.
///
/// A decimal and a span of time go as text and microseconds, which both databases read as Django writes them; lists and objects as
/// JSON text. A span beyond 64 bits, which serializers refuse, becomes the longest one.
pub fn to_db(value: Value) -> DbValue {
    match value {
        Value::Null => DbValue::String(None),
        Value::Bool(b) => DbValue::Bool(Some(b)),
        Value::Int(i) => DbValue::BigInt(Some(i)),
        Value::Float(f) => DbValue::Double(Some(f)),
        Value::Str(text) | Value::BigInt(text) | Value::Surrogates(_, text) => DbValue::String(Some(text)),
        Value::Decimal(decimal) => DbValue::String(Some(decimal.to_plain())),
        Value::DateTime(at) => DbValue::ChronoDateTimeUtc(Some(at.to_utc())),
        Value::NaiveDateTime(at) => DbValue::ChronoDateTime(Some(at)),
        Value::Date(date) => DbValue::ChronoDate(Some(date)),
        Value::Time(time) => DbValue::ChronoTime(Some(time)),
        Value::Duration(span) => DbValue::BigInt(Some(microseconds(span))),
        Value::Uuid(uuid) => DbValue::Uuid(Some(uuid)),
        Value::Bytes(bytes) => DbValue::Bytes(Some(bytes)),
        Value::File(file) => DbValue::String(Some(file.name().to_owned())),
        Value::List(_) | Value::Map(_) | Value::Form(_) => DbValue::String(Some(json_text(&value))),
    }
}

/// The microseconds of a span, as near as 64 bits come to it.
pub(crate) fn microseconds(span: TimeDelta) -> i64 {
    span.num_microseconds().unwrap_or(if span < TimeDelta::zero() { i64::MIN } else { i64::MAX })
}

/// The value as compact JSON text.
pub fn json_text(value: &Value) -> String {
    let mut out = Vec::new();
    write::value(value, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// The value of a database value; kinds that no field makes become their text.
pub fn from_db(value: &DbValue) -> Value {
    match value {
        DbValue::Bool(Some(b)) => Value::Bool(*b),
        DbValue::TinyInt(Some(i)) => Value::Int((*i).into()),
        DbValue::SmallInt(Some(i)) => Value::Int((*i).into()),
        DbValue::Int(Some(i)) => Value::Int((*i).into()),
        DbValue::BigInt(Some(i)) => Value::Int(*i),
        DbValue::TinyUnsigned(Some(i)) => Value::Int((*i).into()),
        DbValue::SmallUnsigned(Some(i)) => Value::Int((*i).into()),
        DbValue::Unsigned(Some(i)) => Value::Int((*i).into()),
        DbValue::BigUnsigned(Some(i)) => match <i64 as TryFrom<u64>>::try_from(*i) {
            Ok(i) => Value::Int(i),
            Err(_) => Value::BigInt(i.to_string()),
        },
        DbValue::Float(Some(f)) => Value::Float((*f).into()),
        DbValue::Double(Some(f)) => Value::Float(*f),
        DbValue::String(Some(text)) => Value::Str(text.clone()),
        DbValue::Char(Some(c)) => Value::Str(c.to_string()),
        DbValue::Bytes(Some(bytes)) => Value::Bytes(bytes.clone()),
        DbValue::Json(Some(json)) => super::json::parse_str(&json.to_string()).unwrap_or(Value::Null),
        DbValue::ChronoDate(Some(date)) => Value::Date(*date),
        DbValue::ChronoTime(Some(time)) => Value::Time(*time),
        DbValue::ChronoDateTime(Some(at)) => Value::NaiveDateTime(*at),
        DbValue::ChronoDateTimeUtc(Some(at)) => Value::DateTime(at.fixed_offset()),
        DbValue::ChronoDateTimeWithTimeZone(Some(at)) => Value::DateTime(*at),
        DbValue::Uuid(Some(uuid)) => Value::Uuid(*uuid),
        DbValue::Decimal(Some(decimal)) => match decimal.to_string().parse::<Decimal>() {
            Ok(decimal) => Value::Decimal(decimal),
            Err(_) => Value::Null,
        },
        _ => Value::Null,
    }
}

/// The value as a Rust type that SeaORM knows, where it is one.
///
/// ```
/// use bowline::value::{Value, convert};
/// assert_eq!(convert::get::<i32>(&Value::Int(7)), Some(7));
/// assert_eq!(convert::get::<String>(&Value::Int(7)), None);
/// ```
pub fn get<T: ValueType>(value: &Value) -> Option<T> {
    super::typed::get(&to_db(value.clone()))
}

/// A date and time as an aware one: naive ones are in UTC.
pub fn aware(at: NaiveDateTime) -> DateTime<FixedOffset> {
    at.and_local_timezone(Utc).single().unwrap_or_default().fixed_offset()
}

/// The start of a day.
pub fn midnight(date: NaiveDate) -> NaiveDateTime {
    date.and_time(NaiveTime::MIN)
}
