//! Columns as PostgreSQL sent them, read in place.

use std::error::Error as StdError;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta};
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Kind, Type};
use uuid::Uuid;

use super::bind::{base, is_text};
use super::list::{List, Pairs};
use crate::store::{Cell, Inet, Numeric, StoreError};

/// Seconds from 1970 to 2000, where PostgreSQL's clock starts.
const EPOCH_SECONDS: i64 = 946_684_800;

/// The most days of Python's `timedelta`.
const MAX_DAYS: i64 = 999_999_999;

/// The cell of a row, borrowed from the bytes that PostgreSQL sent.
///
/// # Errors
///
/// [`StoreError::Internal`] where there is no such column, and for a type that no [`Cell`] stands for (ranges, points…:
/// select them as text). What no Rust value can hold is text, as PostgreSQL prints it: the date `infinity`, the time
/// `24:00:00`.
pub fn cell(row: &Row, column: usize) -> Result<Cell<'_>, StoreError> {
    match row.try_get::<_, InPlace<'_>>(column) {
        Ok(InPlace(cell)) => Ok(cell),
        Err(error) => Err(StoreError::Internal(Box::new(error))),
    }
}

struct InPlace<'a>(Cell<'a>);

type Unreadable = Box<dyn StdError + Sync + Send>;

impl<'a> FromSql<'a> for InPlace<'a> {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Unreadable> {
        read(base(ty), raw).map(InPlace)
    }

    fn from_sql_null(_: &Type) -> Result<Self, Unreadable> {
        Ok(InPlace(Cell::Null))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// Reads the bytes of a type that is no domain.
pub(super) fn read<'a>(ty: &Type, raw: &'a [u8]) -> Result<Cell<'a>, Unreadable> {
    Ok(match *ty {
        Type::INT4 => Cell::Int(i32::from_be_bytes(raw.try_into()?).into()),
        Type::INT8 => Cell::Int(i64::from_be_bytes(raw.try_into()?)),
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN | Type::XML | Type::CHAR => {
            Cell::Text(std::str::from_utf8(raw)?)
        }
        Type::BOOL => Cell::Bool(u8::from_be_bytes(raw.try_into()?) != 0),
        Type::TIMESTAMPTZ => instant(micros(raw)?).map_or_else(Cell::Text, Cell::Timestamp),
        Type::TIMESTAMP => instant(micros(raw)?).map_or_else(Cell::Text, |at| Cell::DateTime(at.naive_utc())),
        Type::UUID => Cell::Uuid(Uuid::from_slice(raw)?),
        Type::FLOAT8 => Cell::Float(f64::from_be_bytes(raw.try_into()?)),
        Type::FLOAT4 => Cell::Float(widen(f32::from_be_bytes(raw.try_into()?))),
        Type::INT2 => Cell::Int(i16::from_be_bytes(raw.try_into()?).into()),
        Type::OID => Cell::Int(u32::from_be_bytes(raw.try_into()?).into()),
        Type::JSON => Cell::Json(std::str::from_utf8(raw)?),
        Type::JSONB => match raw.split_first() {
            Some((1, text)) => Cell::Json(std::str::from_utf8(text)?),
            _ => return Err("a version of jsonb that is not known".into()),
        },
        Type::DATE => date(i32::from_be_bytes(raw.try_into()?)).map_or_else(Cell::Text, Cell::Date),
        Type::NUMERIC => Cell::Numeric(Numeric::read(raw).ok_or("a numeric that is cut short")?),
        Type::INTERVAL => interval(raw)?.map_or(Cell::Text(OUT_OF_RANGE), Cell::Duration),
        Type::INET | Type::CIDR => Cell::Inet(Inet::read(raw).ok_or("an address of a family that is not known")?),
        Type::TIME => time(micros(raw)?),
        // No zone without a day: Python's and Django's advice is to drop it.
        Type::TIMETZ => time(micros(raw.get(..8).ok_or("a time that is cut short")?)?),
        Type::BYTEA => Cell::Bytes(raw),
        // An extension's text type has an OID of its own; an enum's value is its label.
        _ if is_text(ty) || ty.name() == "citext" || matches!(ty.kind(), Kind::Enum(_)) => {
            Cell::Text(std::str::from_utf8(raw)?)
        }
        _ if ty.name() == "hstore" => Cell::Pairs(Pairs::read(raw)?),
        _ => {
            if let Kind::Array(element) = ty.kind() {
                return Ok(Cell::List(List::read(element, raw)?));
            }
            return Err(format!("columns of type {ty} cannot be read; select them as text").into());
        }
    })
}

fn micros(raw: &[u8]) -> Result<i64, Unreadable> {
    Ok(i64::from_be_bytes(raw.try_into()?))
}

/// What is shown of a date, a time or a span that no Rust value can hold.
const OUT_OF_RANGE: &str = "out of range";

/// The point in time, or its text where it is none.
fn instant(micros: i64) -> Result<DateTime<chrono::Utc>, &'static str> {
    match micros {
        i64::MAX => return Err("infinity"),
        i64::MIN => return Err("-infinity"),
        _ => {}
    }
    let nanos = u32::try_from(micros.rem_euclid(1_000_000)).map_err(|_| OUT_OF_RANGE)? * 1000;
    DateTime::from_timestamp(micros.div_euclid(1_000_000) + EPOCH_SECONDS, nanos).ok_or(OUT_OF_RANGE)
}

/// The day, or its text where it is none.
fn date(days: i32) -> Result<NaiveDate, &'static str> {
    match days {
        i32::MAX => return Err("infinity"),
        i32::MIN => return Err("-infinity"),
        _ => {}
    }
    let start = NaiveDate::from_ymd_opt(2000, 1, 1);
    let distance = Days::new(days.unsigned_abs().into());
    let day = if days < 0 {
        start.and_then(|d| d.checked_sub_days(distance))
    } else {
        start.and_then(|d| d.checked_add_days(distance))
    };
    day.ok_or(OUT_OF_RANGE)
}

fn time<'a>(micros: i64) -> Cell<'a> {
    match NaiveTime::MIN.overflowing_add_signed(TimeDelta::microseconds(micros)) {
        (time, 0) => Cell::Time(time),
        _ => Cell::Text("24:00:00"),
    }
}

/// The span of an interval, whose months and years psycopg, and so Django, takes for 30 and 365 days; none
/// beyond Python's.
fn interval(raw: &[u8]) -> Result<Option<TimeDelta>, Unreadable> {
    let (micros, rest) = raw.split_first_chunk::<8>().ok_or("an interval that is cut short")?;
    let (days, months) = rest.split_first_chunk::<4>().ok_or("an interval that is cut short")?;
    let (micros, days) = (i64::from_be_bytes(*micros), i64::from(i32::from_be_bytes(*days)));
    let months = i64::from(i32::from_be_bytes(months.try_into()?));
    let days = days + months / 12 * 365 + months % 12 * 30;
    let span = TimeDelta::try_days(days).filter(|_| days.abs() <= MAX_DAYS);
    Ok(span.and_then(|span| span.checked_add(&TimeDelta::microseconds(micros))))
}

/// The number that a `real` prints as, so that `0.1` stays `0.1`.
fn widen(v: f32) -> f64 {
    if v.is_finite() { ryu::Buffer::new().format_finite(v).parse().unwrap_or(f64::from(v)) } else { f64::from(v) }
}
