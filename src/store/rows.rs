//! Rows as a transport hands them up: cells borrowed from the driver's bytes.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use sea_orm::prelude::Decimal as Exact;
use sea_orm::sea_query::prelude::rust_decimal::RoundingStrategy;
use uuid::Uuid;

use super::{List, Pairs, StoreError};
use crate::model::{ColumnKind, ColumnMeta};
use crate::value::{DbValue, Value, convert, json, write};

mod inet;
mod numeric;

pub use inet::Inet;
pub use numeric::Numeric;

/// One column of one row.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Cell<'a> {
    /// NULL.
    Null,
    /// A boolean column (SQLite has none: 0 and 1 are [`Cell::Int`]).
    Bool(bool),
    /// An integer of any width.
    Int(i64),
    /// A floating point number.
    Float(f64),
    /// An exact number of PostgreSQL's (SQLite keeps a decimal as a float, an integer or text).
    Numeric(Numeric<'a>),
    /// Text; on SQLite also JSON, UUIDs, addresses, dates and times that are kept as text.
    Text(&'a str),
    /// The text of a `json` or `jsonb` column.
    Json(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
    /// A UUID.
    Uuid(Uuid),
    /// A point in time.
    Timestamp(DateTime<Utc>),
    /// A date and time without zone.
    DateTime(NaiveDateTime),
    /// A day.
    Date(NaiveDate),
    /// A time of day.
    Time(NaiveTime),
    /// A span of time (on SQLite an integer of microseconds).
    Duration(TimeDelta),
    /// An address of the Internet (on SQLite text).
    Inet(Inet),
    /// A list (an array of PostgreSQL's; on SQLite JSON text).
    List(List<'a>),
    /// Keys with their texts (PostgreSQL's `hstore`).
    Pairs(Pairs<'a>),
    /// A point in time with the offset that it is shown in; no column's, but an attribute's.
    Zoned(DateTime<FixedOffset>),
    /// Anything else that an attribute may be: a decimal, a list, an object, a file.
    Value(&'a Value),
}

impl<'a> From<&'a Value> for Cell<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Null => Cell::Null,
            Value::Bool(b) => Cell::Bool(*b),
            Value::Int(i) => Cell::Int(*i),
            Value::Float(f) => Cell::Float(*f),
            Value::Str(text) => Cell::Text(text),
            Value::DateTime(at) => Cell::Zoned(*at),
            Value::NaiveDateTime(at) => Cell::DateTime(*at),
            Value::Date(date) => Cell::Date(*date),
            Value::Time(time) => Cell::Time(*time),
            Value::Duration(span) => Cell::Duration(*span),
            Value::Uuid(uuid) => Cell::Uuid(*uuid),
            Value::Bytes(bytes) => Cell::Bytes(bytes),
            other => Cell::Value(other),
        }
    }
}

/// The rows of one statement.
#[derive(Debug)]
pub enum Rows {
    /// As PostgreSQL sent them.
    Postgres(Vec<tokio_postgres::Row>),
    /// As SQLite held them, copied into one buffer.
    Packed(PackedRows),
}

impl Rows {
    /// No rows.
    pub fn none() -> Self {
        Rows::Packed(PackedRows::default())
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        match self {
            Rows::Postgres(rows) => rows.len(),
            Rows::Packed(rows) => rows.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// About how many bytes they are.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Rows::Postgres(rows) => rows.iter().map(tokio_postgres::Row::raw_size_bytes).sum(),
            Rows::Packed(rows) => rows.text.len() + rows.bytes.len() + 8 * rows.cells.len(),
        }
    }

    /// The cell at a row and a column, both from 0.
    ///
    /// # Errors
    ///
    /// [`StoreError::Internal`] where there is no such cell, or its bytes are not of the type that the database named.
    pub fn cell(&self, row: usize, column: usize) -> Result<Cell<'_>, StoreError> {
        match self {
            Rows::Postgres(rows) => match rows.get(row) {
                Some(row) => super::postgres::cell(row, column),
                None => Err(StoreError::Internal("no such row".into())),
            },
            Rows::Packed(rows) => rows.cell(row, column),
        }
    }
}

/// About how many bytes of text a row has.
const ROW: usize = 240;

/// Rows in one buffer: what leaves a SQLite thread.
#[derive(Debug, Default)]
pub struct PackedRows {
    width: usize,
    columns: Vec<PackedColumn>,
    cells: Vec<Packed>,
    text: String,
    bytes: Vec<u8>,
}

/// What SQLite says of a column of a result.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackedColumn {
    /// Its name.
    pub name: String,
    /// The type that it was declared with; none for an expression.
    pub declared: Option<String>,
    /// The table and the column that it shows, also through an alias, a view or a subquery; none for an expression.
    pub origin: Option<(String, String)>,
}

#[derive(Clone, Copy, Debug)]
enum Packed {
    Null,
    Int(i64),
    Float(f64),
    Text(usize, usize),
    Blob(usize, usize),
}

impl PackedRows {
    /// No rows yet, of so many columns.
    pub fn new(width: usize) -> Self {
        PackedRows { width, ..PackedRows::default() }
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.cells.len().checked_div(self.width).unwrap_or(0)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The columns, where the transport was asked for them.
    pub fn columns(&self) -> &[PackedColumn] {
        &self.columns
    }

    /// Keeps what is known of the columns.
    pub fn set_columns(&mut self, columns: Vec<PackedColumn>) {
        self.columns = columns;
    }

    /// Adds the next cell.
    ///
    /// # Errors
    ///
    /// [`StoreError::Internal`] for text that is not UTF-8.
    pub fn push(&mut self, value: rusqlite::types::ValueRef<'_>) -> Result<(), StoreError> {
        use rusqlite::types::ValueRef;
        if self.cells.capacity() == 0 {
            // for a row or two; more of them double it
            self.cells.reserve(self.width);
            self.text.reserve(ROW);
        }
        self.cells.push(match value {
            ValueRef::Null => Packed::Null,
            ValueRef::Integer(i) => Packed::Int(i),
            ValueRef::Real(f) => Packed::Float(f),
            ValueRef::Text(text) => {
                let start = self.text.len();
                self.text.push_str(std::str::from_utf8(text).map_err(|e| StoreError::Internal(Box::new(e)))?);
                Packed::Text(start, self.text.len())
            }
            ValueRef::Blob(blob) => {
                let start = self.bytes.len();
                self.bytes.extend_from_slice(blob);
                Packed::Blob(start, self.bytes.len())
            }
        });
        Ok(())
    }

    /// The cell at a row and a column, both from 0.
    pub(super) fn cell(&self, row: usize, column: usize) -> Result<Cell<'_>, StoreError> {
        let missing = || StoreError::Internal("no such cell".into());
        if column >= self.width {
            return Err(missing());
        }
        Ok(match *self.cells.get(row * self.width + column).ok_or_else(missing)? {
            Packed::Null => Cell::Null,
            Packed::Int(i) => Cell::Int(i),
            Packed::Float(f) => Cell::Float(f),
            Packed::Text(start, end) => Cell::Text(self.text.get(start..end).ok_or_else(missing)?),
            Packed::Blob(start, end) => Cell::Bytes(self.bytes.get(start..end).ok_or_else(missing)?),
        })
    }
}

impl Cell<'_> {
    /// The cell as SeaORM's value, by the kind of its column: what hooks and rules read, the same on both databases.
    ///
    /// A decimal is [`DbValue::Decimal`] (text where it has more than 28 digits), a span of time [`DbValue::BigInt`] of
    /// microseconds, JSON and addresses are text. What does not fit its kind, as SQLite allows, stays as it is.
    pub(crate) fn to_value(self, kind: ColumnKind) -> DbValue {
        match (self, kind) {
            (Cell::Null, _) => DbValue::String(None),
            (Cell::Int(_) | Cell::Float(_) | Cell::Text(_), ColumnKind::Decimal(digits)) => {
                match stored_decimal(self, digits.map(|(_, places)| places)) {
                    Some(decimal) => DbValue::Decimal(Some(decimal)),
                    None => self.to_value(ColumnKind::Other),
                }
            }
            (Cell::Numeric(number), kind) => exact(number, kind),
            (Cell::Bool(b), _) => DbValue::Bool(Some(b)),
            (Cell::Int(i), ColumnKind::Boolean) => DbValue::Bool(Some(i != 0)),
            (Cell::Int(i), ColumnKind::Float) => DbValue::Double(Some(i as f64)),
            (Cell::Int(i), _) => DbValue::BigInt(Some(i)),
            (Cell::Float(f), _) => DbValue::Double(Some(f)),
            (Cell::Json(text), _) | (Cell::Text(text), ColumnKind::Json) => DbValue::String(Some(compact(text))),
            (Cell::Text(text), kind) => stored_text(text, kind),
            (Cell::Bytes(bytes), ColumnKind::Uuid) => match Uuid::from_slice(bytes) {
                Ok(uuid) => DbValue::Uuid(Some(uuid)),
                Err(_) => DbValue::Bytes(Some(bytes.to_vec())),
            },
            (Cell::Bytes(bytes), _) => DbValue::Bytes(Some(bytes.to_vec())),
            (Cell::Uuid(uuid), _) => DbValue::Uuid(Some(uuid)),
            (Cell::Timestamp(at), _) => DbValue::ChronoDateTimeUtc(Some(at)),
            (Cell::DateTime(at), _) => DbValue::ChronoDateTime(Some(at)),
            (Cell::Date(date), _) => DbValue::ChronoDate(Some(date)),
            (Cell::Time(time), _) => DbValue::ChronoTime(Some(time)),
            (Cell::Duration(span), _) => convert::to_db(Value::Duration(span)),
            (Cell::Inet(inet), _) => DbValue::String(Some(inet.to_string())),
            (Cell::List(list), _) => DbValue::String(Some(convert::json_text(&list.to_value()))),
            (Cell::Pairs(pairs), _) => DbValue::String(Some(convert::json_text(&pairs.to_value()))),
            (Cell::Zoned(at), _) => DbValue::ChronoDateTimeWithTimeZone(Some(at)),
            (Cell::Value(value), _) => convert::to_db(value.clone()),
        }
    }

    /// The cell as a value that properties and method fields read, by its column.
    pub(crate) fn to_attribute(self, column: &ColumnMeta) -> Value {
        self.to_attribute_of(match column.kind {
            ColumnKind::Decimal(digits) => ColumnKind::Decimal(column.attributes.digits.or(digits)),
            kind => kind,
        })
    }

    /// The same by the column's kind alone.
    pub(crate) fn to_attribute_of(self, kind: ColumnKind) -> Value {
        match (self, kind) {
            (Cell::Int(micros), ColumnKind::Duration) => Value::Duration(TimeDelta::microseconds(micros)),
            (Cell::Text(text), ColumnKind::Json) => json::parse_str(text).unwrap_or(Value::Null),
            (Cell::Numeric(_) | Cell::Duration(_) | Cell::Json(_) | Cell::List(_) | Cell::Pairs(_), _)
            | (Cell::Zoned(_) | Cell::Value(_), _) => self.to_plain_attribute(),
            (cell, kind) => convert::from_db(&cell.to_value(kind)),
        }
    }

    /// The same where nothing is known of the column.
    pub(crate) fn to_plain_attribute(self) -> Value {
        match self {
            Cell::Json(text) => json::parse_str(text).unwrap_or(Value::Null),
            Cell::Duration(span) => Value::Duration(span),
            Cell::Numeric(number) => number.to_decimal().map_or_else(|| Value::Str(number.to_string()), Value::Decimal),
            Cell::List(list) => list.to_value(),
            Cell::Pairs(pairs) => pairs.to_value(),
            Cell::Zoned(at) => Value::DateTime(at),
            Cell::Value(value) => value.clone(),
            cell => convert::from_db(&cell.to_value(ColumnKind::Other)),
        }
    }
}

/// A `numeric` as the kind of its column wants it.
fn exact(number: Numeric<'_>, kind: ColumnKind) -> DbValue {
    let text = number.to_string();
    let parsed = match kind {
        ColumnKind::Float => text.parse().ok().map(|f| DbValue::Double(Some(f))),
        ColumnKind::SmallInteger | ColumnKind::Integer | ColumnKind::BigInteger => {
            text.parse().ok().map(|i| DbValue::BigInt(Some(i)))
        }
        ColumnKind::Char(_) | ColumnKind::Text => None,
        _ => Exact::from_str_exact(&text).ok().map(|decimal| DbValue::Decimal(Some(decimal))),
    };
    parsed.unwrap_or(DbValue::String(Some(text)))
}

/// What Django makes of a number that SQLite keeps in a decimal column: of a float 15 digits count, and there are as
/// many decimal places as the column has.
pub(super) fn stored_decimal(cell: Cell<'_>, places: Option<u32>) -> Option<Exact> {
    let decimal = match cell {
        Cell::Int(i) => Exact::from(i),
        Cell::Float(f) => Exact::from_scientific(&format!("{f:.14e}")).ok()?,
        Cell::Text(text) => Exact::from_str_exact(text).or_else(|_| Exact::from_scientific(text)).ok()?,
        _ => return None,
    };
    let Some(places) = places else {
        return Some(if matches!(cell, Cell::Float(_)) { decimal.normalize() } else { decimal });
    };
    let mut rounded = decimal.round_dp_with_strategy(places, RoundingStrategy::MidpointNearestEven);
    rounded.rescale(places);
    Some(rounded)
}

/// JSON as fields write it: PostgreSQL's `jsonb`, and Django on SQLite, put blanks between its parts.
fn compact(json: &str) -> String {
    let mut out = Vec::with_capacity(json.len());
    match write::transcode(json, &mut out) {
        Ok(()) => String::from_utf8(out).unwrap_or_else(|_| json.to_owned()),
        Err(_) => json.to_owned(),
    }
}

/// Text of SQLite's, by the kind of its column.
fn stored_text(text: &str, kind: ColumnKind) -> DbValue {
    let value = match kind {
        ColumnKind::Uuid => Uuid::try_parse(text).ok().map(|uuid| DbValue::Uuid(Some(uuid))),
        ColumnKind::Date => text.parse().ok().map(|date| DbValue::ChronoDate(Some(date))),
        ColumnKind::Time => text.parse().ok().map(|time| DbValue::ChronoTime(Some(time))),
        ColumnKind::DateTime(_) => stored_datetime(text).map(|at| DbValue::ChronoDateTimeUtc(Some(at))),
        _ => None,
    };
    value.unwrap_or_else(|| DbValue::String(Some(text.to_owned())))
}

/// A date and time as SQLite databases keep it: with an offset, or naive and then in UTC, as Django writes it.
fn stored_datetime(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(at.to_utc());
    }
    let naive = text.strip_suffix("+00:00").unwrap_or(text);
    ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(naive, format).ok())
        .map(|at| at.and_utc())
}

#[cfg(test)]
mod tests;
