//! Lookups: how a field is compared with a value that a request brings, as Django prepares and compares it.

use std::net::IpAddr;
use std::sync::Arc;

use super::path::Resolved;
use crate::error::ErrorDetail;
use crate::model::ColumnKind;
use crate::store::Dialect;
use crate::store::plan::{self, Filter, Operator, Part, Source};
use crate::value::pattern::{CLIENT_LENGTH, Pattern};
use crate::value::{DbValue, Decimal, Rounding, Value, convert, duration, iso, python};

/// How a field is compared, Django's field lookups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lookup {
    Text(plan::Lookup),
    Compare(Operator),
    In,
    Range,
    IsNull,
    Regex(bool),
    Search,
}

impl Lookup {
    fn named(name: &str) -> Option<Lookup> {
        Some(match name {
            "exact" => Lookup::Compare(Operator::Eq),
            "gt" => Lookup::Compare(Operator::Gt),
            "gte" => Lookup::Compare(Operator::Gte),
            "lt" => Lookup::Compare(Operator::Lt),
            "lte" => Lookup::Compare(Operator::Lte),
            "iexact" => Lookup::Text(plan::Lookup::IExact),
            "contains" => Lookup::Text(plan::Lookup::Contains),
            "icontains" => Lookup::Text(plan::Lookup::IContains),
            "startswith" => Lookup::Text(plan::Lookup::StartsWith),
            "istartswith" => Lookup::Text(plan::Lookup::IStartsWith),
            "endswith" => Lookup::Text(plan::Lookup::EndsWith),
            "iendswith" => Lookup::Text(plan::Lookup::IEndsWith),
            "in" => Lookup::In,
            "range" => Lookup::Range,
            "isnull" => Lookup::IsNull,
            "regex" => Lookup::Regex(false),
            "iregex" => Lookup::Regex(true),
            "search" => Lookup::Search,
            _ => return None,
        })
    }

    /// Whether its value is a regular expression.
    pub(crate) fn is_pattern(self) -> bool {
        matches!(self, Lookup::Regex(_))
    }

    pub(crate) fn is_of_text(self) -> bool {
        matches!(self, Lookup::Text(_) | Lookup::Regex(_) | Lookup::Search)
    }
}

/// The names of all lookups, and of the parts of points in time.
pub(crate) const LOOKUPS: [&str; 31] = [
    "exact",
    "iexact",
    "contains",
    "icontains",
    "startswith",
    "istartswith",
    "endswith",
    "iendswith",
    "gt",
    "gte",
    "lt",
    "lte",
    "in",
    "range",
    "isnull",
    "regex",
    "iregex",
    "search",
    "date",
    "time",
    "year",
    "iso_year",
    "quarter",
    "month",
    "week",
    "week_day",
    "iso_week_day",
    "day",
    "hour",
    "minute",
    "second",
];

fn part(name: &str) -> Option<Part> {
    Some(match name {
        "date" => Part::Date,
        "time" => Part::Time,
        "year" => Part::Year,
        "iso_year" => Part::IsoYear,
        "quarter" => Part::Quarter,
        "month" => Part::Month,
        "week" => Part::Week,
        "week_day" => Part::WeekDay,
        "iso_week_day" => Part::IsoWeekDay,
        "day" => Part::Day,
        "hour" => Part::Hour,
        "minute" => Part::Minute,
        "second" => Part::Second,
        _ => return None,
    })
}

/// What follows a field in a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Expression {
    pub(crate) part: Option<Part>,
    pub(crate) lookup: Lookup,
    /// Whether the path says a lookup at all.
    pub(crate) said: bool,
}

impl Expression {
    /// Reads the rest of a path; none where it is no lookup.
    pub(crate) fn parse(parts: &[&str]) -> Option<Expression> {
        let exact = Lookup::Compare(Operator::Eq);
        Some(match parts {
            [] => Expression { part: None, lookup: exact, said: false },
            [name] => match Lookup::named(name) {
                Some(lookup) => Expression { part: None, lookup, said: true },
                None => Expression { part: Some(part(name)?), lookup: exact, said: true },
            },
            [first, name] => match Lookup::named(name) {
                Some(lookup) => Expression { part: Some(part(first)?), lookup, said: true },
                // the year of a point in time's day is its year
                None if matches!(*first, "date" | "time") => {
                    Expression { part: Some(part(name)?), lookup: exact, said: true }
                }
                None => return None,
            },
            ["date" | "time", second, name] => {
                Expression { part: Some(part(second)?), lookup: Lookup::named(name)?, said: true }
            }
            _ => return None,
        })
    }
}

/// Why a field cannot be compared with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// A text that is no regular expression.
    Pattern,
    /// One of so many characters.
    LongPattern(usize),
    /// A value that cannot be one of the field's.
    Kind(ColumnKind),
    /// A year before 1 or after 9999.
    Year,
}

impl Refused {
    /// What a client is told.
    pub(crate) fn detail(self) -> ErrorDetail {
        let message = match self {
            Refused::LongPattern(length) => {
                let text = format!("Ensure this value has at most {CLIENT_LENGTH} characters (it has {length}).");
                return ErrorDetail::new(text, "max_length");
            }
            Refused::Pattern => "Enter a valid regular expression.",
            Refused::Year => "Enter a valid year.",
            Refused::Kind(kind) => match kind {
                ColumnKind::SmallInteger | ColumnKind::Integer | ColumnKind::BigInteger => "Enter a whole number.",
                ColumnKind::Float | ColumnKind::Decimal(_) => "Enter a number.",
                ColumnKind::Date => "Enter a valid date.",
                ColumnKind::DateTime(_) => "Enter a valid date/time.",
                ColumnKind::Time => "Enter a valid time.",
                ColumnKind::Duration => "Enter a valid duration.",
                ColumnKind::Uuid => "Enter a valid UUID.",
                ColumnKind::Inet => "Enter a valid IPv4 or IPv6 address.",
                _ => "Enter a valid value.",
            },
        };
        ErrorDetail::new(message, "invalid")
    }
}

/// A value as a column's comparison takes it.
enum Prepared {
    Value(DbValue),
    /// Less than every value of the column.
    Below,
    /// Greater than every value of the column.
    Above,
    /// Of another kind.
    Never,
}

impl Resolved {
    /// The field compared with a value: Django's `filter(path=value)`.
    ///
    /// # Errors
    ///
    /// [`Refused`] for a value of another kind than the field's, and a text that is no regular expression where one is wanted.
    pub(crate) fn compare(&self, dialect: Dialect, value: &Value) -> Result<Filter, Refused> {
        let filter = self.compare_later(dialect, value)?;
        check_pattern(&filter)?;
        Ok(filter)
    }

    /// The same where [`check_pattern`] comes later.
    pub(crate) fn compare_later(&self, dialect: Dialect, value: &Value) -> Result<Filter, Refused> {
        let source = || Arc::clone(&self.source);
        let text = || value.to_python_str().into_owned();
        Ok(match self.expression.lookup {
            Lookup::Compare(Operator::Eq) if value.is_null() => Filter::IsNull(source(), true),
            Lookup::Compare(operator) => self.ordered(dialect, operator, value)?,
            Lookup::IsNull => Filter::IsNull(source(), truth(value)),
            Lookup::In => {
                let values = value.as_list().unwrap_or(std::slice::from_ref(value)).iter();
                let values = values.filter(|v| !v.is_null()).filter_map(|v| match self.storable(dialect, v) {
                    Prepared::Value(value) => Some(Ok(value)),
                    Prepared::Never => Some(Err(Refused::Kind(self.source.kind))),
                    _ => None,
                });
                Filter::In(source(), values.collect::<Result<_, _>>()?)
            }
            Lookup::Range => match value.as_list() {
                Some([from, to]) if [from, to].iter().any(|v| matches!(self.storable(dialect, v), Prepared::Never)) => {
                    return Err(Refused::Kind(self.source.kind));
                }
                Some([from, to]) if !from.is_null() && !to.is_null() => Filter::All(vec![
                    self.ordered(dialect, Operator::Gte, from)?,
                    self.ordered(dialect, Operator::Lte, to)?,
                ]),
                _ => Filter::nothing(),
            },
            Lookup::Text(lookup) => {
                // SQLite keeps a UUID without its hyphens
                let bare = dialect == Dialect::Sqlite && self.source.kind == ColumnKind::Uuid;
                Filter::Text(source(), lookup, if bare { text().replace('-', "") } else { text() })
            }
            Lookup::Regex(insensitive) => {
                let text = text();
                let length = text.chars().count();
                if length > CLIENT_LENGTH {
                    return Err(Refused::LongPattern(length));
                }
                Filter::Regex(source(), text, insensitive)
            }
            Lookup::Search => Filter::Search(source(), text()),
        })
    }

    /// The same with another comparison, for what decides it by the value.
    pub(crate) fn ordered(&self, dialect: Dialect, operator: Operator, value: &Value) -> Result<Filter, Refused> {
        // Django compares a year with the first and the last moment of it
        if matches!(self.expression.part, Some(Part::Year | Part::IsoYear))
            && self.expression.lookup != Lookup::Range
            && !matches!(integer(value, 1, 9999), Prepared::Value(_) | Prepared::Never)
        {
            return Err(Refused::Year);
        }
        let less = matches!(operator, Operator::Lt | Operator::Lte);
        let more = matches!(operator, Operator::Gt | Operator::Gte);
        Ok(match self.prepare(dialect, value) {
            Prepared::Value(value) => Filter::Compare(Arc::clone(&self.source), operator, value),
            Prepared::Never => return Err(Refused::Kind(self.source.kind)),
            Prepared::Above if less => Filter::everything(),
            Prepared::Below if more => Filter::everything(),
            _ => Filter::nothing(),
        })
    }

    /// The same for what Django sends as it is: SQLite takes no integer beyond 64 bits.
    fn storable(&self, dialect: Dialect, value: &Value) -> Prepared {
        let is_integer =
            matches!(self.source.kind, ColumnKind::SmallInteger | ColumnKind::Integer | ColumnKind::BigInteger);
        let fits = || matches!(integer(value, i64::MIN, i64::MAX), Prepared::Value(_));
        match value {
            Value::Null => Prepared::Below,
            _ if is_integer && dialect == Dialect::Sqlite && !fits() => Prepared::Never,
            _ => self.prepare(dialect, value),
        }
    }

    fn prepare(&self, dialect: Dialect, value: &Value) -> Prepared {
        prepare(&self.source, self.places(), dialect, value)
    }
}

/// Compiles the regular expression of a filter, where it has one, to see whether it is one. It may take long: a request says before that
/// it is heavy.
pub(crate) fn check_pattern(filter: &Filter) -> Result<(), Refused> {
    let Filter::Regex(_, text, insensitive) = filter else { return Ok(()) };
    let text = if *insensitive { plan::ignoring_case(text) } else { text.clone() };
    Pattern::of_client(text).map(drop).map_err(|_| Refused::Pattern)
}

/// Django's `get_prep_value`.
fn prepare(source: &Source, places: Option<(u32, u32)>, dialect: Dialect, value: &Value) -> Prepared {
    match source.kind {
        ColumnKind::SmallInteger => integer(value, i16::MIN.into(), i16::MAX.into()),
        ColumnKind::Integer => integer(value, i32::MIN.into(), i32::MAX.into()),
        ColumnKind::BigInteger => integer(value, i64::MIN, i64::MAX),
        ColumnKind::Boolean => match value {
            Value::Bool(b) => Prepared::Value((*b).into()),
            Value::Int(i @ (0 | 1)) => Prepared::Value((*i == 1).into()),
            Value::Decimal(d) if d.is_zero() => Prepared::Value(false.into()),
            Value::Decimal(d) if d.to_f64() == 1.0 => Prepared::Value(true.into()),
            Value::Str(text) => match text.as_str() {
                "t" | "True" | "1" => Prepared::Value(true.into()),
                "f" | "False" | "0" => Prepared::Value(false.into()),
                _ => Prepared::Never,
            },
            _ => Prepared::Never,
        },
        ColumnKind::Float => match value {
            Value::Float(f) if !f.is_nan() => Prepared::Value((*f).into()),
            Value::Int(i) => Prepared::Value((*i as f64).into()),
            Value::Bool(b) => Prepared::Value(f64::from(u8::from(*b)).into()),
            Value::Decimal(d) => Prepared::Value(d.to_f64().into()),
            Value::Str(text) | Value::BigInt(text) => match python::parse_float(text) {
                Some(f) if !f.is_nan() => Prepared::Value(f.into()),
                _ => Prepared::Never,
            },
            _ => Prepared::Never,
        },
        ColumnKind::Decimal(_) => {
            let read = match value {
                Value::Decimal(decimal) => Some(decimal.clone()),
                Value::Int(_) | Value::BigInt(_) | Value::Str(_) => python::parse_decimal(&value.to_python_str()),
                Value::Float(f) if f.is_finite() => python::parse_decimal(&python::float_repr(*f)),
                _ => None,
            };
            read.map_or(Prepared::Never, |decimal| exact(&decimal, places, dialect))
        }
        ColumnKind::Uuid => match value {
            Value::Uuid(uuid) => Prepared::Value((*uuid).into()),
            Value::Str(text) => match uuid::Uuid::try_parse(text.trim_start_matches("urn:uuid:")) {
                Ok(uuid) => Prepared::Value(uuid.into()),
                Err(_) => Prepared::Never,
            },
            _ => Prepared::Never,
        },
        ColumnKind::Date => match value {
            Value::Date(date) => Prepared::Value((*date).into()),
            Value::DateTime(at) => Prepared::Value(at.to_utc().date_naive().into()),
            Value::NaiveDateTime(at) => Prepared::Value(at.date().into()),
            Value::Str(text) => iso::parse_date(text).map_or(Prepared::Never, |date| Prepared::Value(date.into())),
            _ => Prepared::Never,
        },
        ColumnKind::DateTime(zoned) => {
            let naive = match value {
                Value::DateTime(at) => Some(at.naive_utc()),
                Value::NaiveDateTime(at) => Some(*at),
                Value::Date(date) => Some((*date).into()),
                Value::Str(text) => read_datetime(text),
                _ => None,
            };
            match naive {
                Some(naive) if zoned => Prepared::Value(naive.and_utc().into()),
                Some(naive) => Prepared::Value(naive.into()),
                None => Prepared::Never,
            }
        }
        ColumnKind::Time => match value {
            Value::Time(time) => Prepared::Value((*time).into()),
            Value::DateTime(at) => Prepared::Value(at.naive_utc().time().into()),
            Value::NaiveDateTime(at) => Prepared::Value(at.time().into()),
            Value::Str(text) => iso::parse_time(text).map_or(Prepared::Never, |time| Prepared::Value(time.into())),
            _ => Prepared::Never,
        },
        ColumnKind::Duration => match value {
            Value::Duration(_) => Prepared::Value(convert::to_db(value.clone())),
            Value::Str(text) => match duration::parse(text) {
                Ok(Some(span)) => Prepared::Value(convert::to_db(Value::Duration(span))),
                _ => Prepared::Never,
            },
            _ => Prepared::Never,
        },
        ColumnKind::Inet => match value.to_python_str().parse::<IpAddr>() {
            Ok(address) => Prepared::Value(address.to_string().into()),
            Err(_) => Prepared::Never,
        },
        _ if matches!(value, Value::Null) => Prepared::Never,
        _ => Prepared::Value(value.to_python_str().into_owned().into()),
    }
}

fn read_datetime(text: &str) -> Option<chrono::NaiveDateTime> {
    match iso::parse_datetime(text) {
        Some(written) => written.local.checked_sub_signed(written.offset.unwrap_or_default()),
        None => iso::parse_date(text).map(Into::into),
    }
}

/// `int(value)`, which cuts a fraction off.
fn integer(value: &Value, least: i64, greatest: i64) -> Prepared {
    let int = match value {
        Value::Int(i) => *i,
        Value::Bool(b) => (*b).into(),
        Value::BigInt(digits) => return if digits.starts_with('-') { Prepared::Below } else { Prepared::Above },
        Value::Float(f) if f.is_nan() => return Prepared::Never,
        Value::Float(f) if *f >= 9.2e18 => return Prepared::Above,
        Value::Float(f) if *f <= -9.2e18 => return Prepared::Below,
        Value::Float(f) => *f as i64,
        Value::Decimal(decimal) => match whole(decimal) {
            Some(int) => int,
            None if decimal.is_negative() => return Prepared::Below,
            None => return Prepared::Above,
        },
        Value::Str(text) => match python::parse_int(text) {
            Some(Value::Int(i)) => i,
            Some(other) => return integer(&other, least, greatest),
            None => return Prepared::Never,
        },
        _ => return Prepared::Never,
    };
    match int {
        i if i < least => Prepared::Below,
        i if i > greatest => Prepared::Above,
        i => Prepared::Value(i.into()),
    }
}

/// The whole part of a decimal; none where 64 bits do not hold it.
fn whole(decimal: &Decimal) -> Option<i64> {
    if decimal.is_zero() || decimal.adjusted() < 0 {
        return Some(0);
    }
    if decimal.adjusted() > 18 {
        return None;
    }
    let plain = decimal.to_plain();
    plain.split('.').next()?.parse().ok()
}

/// A decimal as its column is compared with it: SQLite rounds it to the column's places first, as Django does there.
fn exact(decimal: &Decimal, places: Option<(u32, u32)>, dialect: Dialect) -> Prepared {
    let out = || if decimal.is_negative() { Prepared::Below } else { Prepared::Above };
    if !decimal.is_zero() && decimal.adjusted() > 1000 {
        return out();
    }
    let bound = |decimal: &Decimal| Prepared::Value(decimal.to_plain().into());
    match (dialect, places) {
        (Dialect::Sqlite, Some((digits, places))) => match decimal.quantize(places, Rounding::HalfEven, digits) {
            Some(rounded) => bound(&rounded),
            None => out(),
        },
        // further digits than any column has
        _ if decimal.exponent() < -1000 => {
            decimal.quantize(1000, Rounding::HalfEven, 3000).map_or_else(out, |rounded| bound(&rounded))
        }
        _ => bound(decimal),
    }
}

fn truth(value: &Value) -> bool {
    match value {
        Value::Bool(b) => *b,
        Value::Int(i) => *i != 0,
        Value::Str(text) => !text.is_empty(),
        _ => false,
    }
}
