//! Values as Django stores them in SQLite.

use chrono::{NaiveDateTime, NaiveTime, Timelike, Utc};
use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, Value as Owned, ValueRef};

use crate::value::DbValue;

/// A value on its way into a place of a statement.
pub(super) struct Param<'a>(pub(super) &'a DbValue);

impl ToSql for Param<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self.0 {
            DbValue::Bool(value) => integer(*value),
            DbValue::TinyInt(value) => integer(*value),
            DbValue::SmallInt(value) => integer(*value),
            DbValue::Int(value) => integer(*value),
            DbValue::BigInt(value) => integer(*value),
            DbValue::TinyUnsigned(value) => integer(*value),
            DbValue::SmallUnsigned(value) => integer(*value),
            DbValue::Unsigned(value) => integer(*value),
            DbValue::BigUnsigned(value) => match value.map(i64::try_from).transpose() {
                Ok(value) => integer(value),
                Err(_) => return Err(unfit("an integer above 9223372036854775807")),
            },
            DbValue::Float(value) => float(value.map(f64::from))?,
            DbValue::Double(value) => float(*value)?,
            DbValue::String(value) => text(value.as_deref()),
            DbValue::Enum(sea_orm::sea_query::OptionEnum::Some(value)) => text(Some(&value.value)),
            DbValue::Enum(sea_orm::sea_query::OptionEnum::None(_)) => owned(None),
            DbValue::Char(value) => owned(value.map(String::from)),
            DbValue::Bytes(value) => ToSqlOutput::Borrowed(match value {
                Some(bytes) => ValueRef::Blob(bytes),
                None => ValueRef::Null,
            }),
            DbValue::Json(value) => owned(value.as_ref().map(|json| json.to_string())),
            DbValue::ChronoDate(value) => owned(value.map(|date| date.to_string())),
            DbValue::ChronoTime(value) => owned(value.map(clock)),
            DbValue::ChronoDateTime(value) => owned(value.map(date_time)),
            DbValue::ChronoDateTimeUtc(value) => owned(value.map(|at| date_time(at.naive_utc()))),
            DbValue::ChronoDateTimeLocal(value) => owned(value.map(|at| date_time(at.with_timezone(&Utc).naive_utc()))),
            DbValue::ChronoDateTimeWithTimeZone(value) => owned(value.map(|at| date_time(at.naive_utc()))),
            DbValue::Uuid(value) => owned(value.map(|uuid| uuid.simple().to_string())),
            DbValue::Decimal(value) => owned(value.map(|decimal| decimal.to_string())),
            DbValue::Array(_, items) => owned(items.as_ref().map(|items| list(items)).transpose()?),
            // An application may turn on features of SeaORM that add kinds of values.
            #[allow(unreachable_patterns)]
            _ => return Err(unfit("a kind of value that SQLite has no form for")),
        })
    }
}

/// The value as SQL text; NULL for what has no form here.
pub(in crate::store) fn literal(value: &DbValue) -> String {
    let value = Param(value);
    let bound = value.to_sql();
    let value = match &bound {
        Ok(ToSqlOutput::Borrowed(value)) => *value,
        Ok(ToSqlOutput::Owned(value)) => value.into(),
        _ => ValueRef::Null,
    };
    match value {
        ValueRef::Null => "NULL".into(),
        ValueRef::Integer(i) => i.to_string(),
        ValueRef::Real(f) if f.is_infinite() => if f > 0.0 { "9e999" } else { "-9e999" }.into(),
        ValueRef::Real(f) => format!("{f:e}"),
        ValueRef::Text(text) => format!("'{}'", String::from_utf8_lossy(text).replace('\'', "''")),
        ValueRef::Blob(blob) => {
            let hex: String = blob.iter().map(|byte| format!("{byte:02X}")).collect();
            format!("X'{hex}'")
        }
    }
}

fn integer<'a>(value: Option<impl Into<i64>>) -> ToSqlOutput<'a> {
    ToSqlOutput::Borrowed(value.map_or(ValueRef::Null, |value| ValueRef::Integer(value.into())))
}

/// SQLite would silently store NaN as NULL.
fn float<'a>(value: Option<f64>) -> rusqlite::Result<ToSqlOutput<'a>> {
    match value {
        Some(value) if value.is_nan() => Err(unfit("a number that is not a number")),
        Some(value) => Ok(ToSqlOutput::Borrowed(ValueRef::Real(value))),
        None => Ok(ToSqlOutput::Borrowed(ValueRef::Null)),
    }
}

fn text(value: Option<&str>) -> ToSqlOutput<'_> {
    ToSqlOutput::Borrowed(value.map_or(ValueRef::Null, |text| ValueRef::Text(text.as_bytes())))
}

fn owned<'a>(value: Option<String>) -> ToSqlOutput<'a> {
    ToSqlOutput::Owned(value.map_or(Owned::Null, Owned::Text))
}

/// A list as JSON text, for `json_each`: each element as it would be stored by itself.
fn list(items: &[DbValue]) -> rusqlite::Result<String> {
    let mut json = String::from("[");
    for (n, item) in items.iter().enumerate() {
        if n > 0 {
            json.push(',');
        }
        let item = Param(item);
        let bound = item.to_sql()?;
        let value = match &bound {
            ToSqlOutput::Borrowed(value) => *value,
            ToSqlOutput::Owned(value) => value.into(),
            _ => return Err(unfit("a list of such values")),
        };
        match value {
            ValueRef::Null => json.push_str("null"),
            ValueRef::Integer(i) => json.push_str(&i.to_string()),
            ValueRef::Real(f) if f.is_infinite() => json.push_str(if f > 0.0 { "9e999" } else { "-9e999" }),
            ValueRef::Real(f) => json.push_str(ryu::Buffer::new().format_finite(f)),
            ValueRef::Text(text) => json.push_str(&serde_json::Value::from(String::from_utf8_lossy(text)).to_string()),
            ValueRef::Blob(_) => return Err(unfit("a list of bytes, which SQLite cannot unpack")),
        }
    }
    json.push(']');
    Ok(json)
}

fn date_time(value: NaiveDateTime) -> String {
    format!("{} {}", value.date(), clock(value.time()))
}

/// Python's `str(time)`: six digits of a second, or none.
fn clock(value: NaiveTime) -> String {
    // A leap second counts its nanoseconds past one second; neither Python nor SQLite knows it.
    let micros = (value.nanosecond() / 1000).min(999_999);
    let (hour, minute, second) = (value.hour(), value.minute(), value.second());
    if micros == 0 {
        format!("{hour:02}:{minute:02}:{second:02}")
    } else {
        format!("{hour:02}:{minute:02}:{second:02}.{micros:06}")
    }
}

fn unfit(what: &'static str) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(what.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use chrono::{DateTime, FixedOffset, NaiveDate};
    use rusqlite::Connection;

    use super::*;

    /// What SQLite holds after a value was bound: its storage class and its literal.
    fn stored(value: DbValue) -> String {
        let connection = Connection::open_in_memory().unwrap();
        let sql = "SELECT typeof(?1) || ' ' || quote(?1)";
        connection.query_row(sql, [Param(&value)], |row| row.get(0)).unwrap()
    }

    #[test]
    fn values_are_stored_as_django_stores_them() {
        let day = NaiveDate::from_ymd_opt(2024, 2, 29).unwrap();
        let noon = day.and_hms_opt(12, 0, 5).unwrap();
        let micro = day.and_hms_micro_opt(12, 0, 5, 1200).unwrap();
        let zoned: DateTime<FixedOffset> = "2024-03-01T01:30:00+02:00".parse().unwrap();
        let uuid = "6fa459ea-ee8a-3ca4-894e-db77e160355e".parse().unwrap();
        let json = serde_json::json!({"a": [1, null]});
        for (value, expected) in [
            (DbValue::Bool(Some(true)), "integer 1"),
            (DbValue::Bool(Some(false)), "integer 0"),
            (DbValue::TinyInt(Some(-3)), "integer -3"),
            (DbValue::BigInt(Some(i64::MIN)), "integer -9223372036854775808"),
            (DbValue::BigUnsigned(Some(1 << 62)), "integer 4611686018427387904"),
            (DbValue::Double(Some(1.5)), "real 1.5"),
            (DbValue::Float(Some(0.25)), "real 0.25"),
            (DbValue::String(Some("o'k".into())), "text 'o''k'"),
            (DbValue::Char(Some('ß')), "text 'ß'"),
            (DbValue::Bytes(Some(vec![0, 255])), "blob X'00FF'"),
            (DbValue::Bytes(Some(vec![])), "blob X''"),
            (DbValue::Json(Some(Box::new(json))), "text '{\"a\":[1,null]}'"),
            (DbValue::ChronoDate(Some(day)), "text '2024-02-29'"),
            (DbValue::ChronoTime(Some(noon.time())), "text '12:00:05'"),
            (DbValue::ChronoTime(Some(micro.time())), "text '12:00:05.001200'"),
            (DbValue::ChronoDateTime(Some(noon)), "text '2024-02-29 12:00:05'"),
            (DbValue::ChronoDateTimeUtc(Some(micro.and_utc())), "text '2024-02-29 12:00:05.001200'"),
            (DbValue::ChronoDateTimeWithTimeZone(Some(zoned)), "text '2024-02-29 23:30:00'"),
            (DbValue::Uuid(Some(uuid)), "text '6fa459eaee8a3ca4894edb77e160355e'"),
            (DbValue::Decimal(Some("12.50".parse().unwrap())), "text '12.50'"),
            (DbValue::Bool(None), "null NULL"),
            (DbValue::String(None), "null NULL"),
            (DbValue::Bytes(None), "null NULL"),
            (DbValue::Uuid(None), "null NULL"),
            (DbValue::Json(None), "null NULL"),
        ] {
            assert_eq!(stored(value.clone()), expected, "{value:?}");
            let connection = Connection::open_in_memory().unwrap();
            let sql = format!("SELECT {} IS ?1", literal(&value));
            let same: bool = connection.query_row(&sql, [Param(&value)], |row| row.get(0)).unwrap();
            assert!(same, "{sql}");
        }
    }

    #[test]
    fn values_without_a_form_are_refused() {
        for value in [DbValue::BigUnsigned(Some(u64::MAX)), DbValue::Double(Some(f64::NAN))] {
            assert!(Param(&value).to_sql().is_err(), "{value:?}");
        }
    }

    #[test]
    fn a_leap_second_stays_within_its_second() {
        let leap = NaiveTime::from_hms_milli_opt(23, 59, 59, 1_500).unwrap();
        assert_eq!(clock(leap), "23:59:59.999999");
    }
}
