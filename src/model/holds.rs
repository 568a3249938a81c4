//! What a column holds, as Rust types: read by hooks and rules, written by hooks.

use std::net::IpAddr;

use sea_orm::ColumnTrait;
use sea_orm::sea_query::ValueType;
use sea_orm::sea_query::prelude::rust_decimal::Decimal;
use sea_orm::{EntityName, IdenStatic};

use super::{ColumnKind, ColumnMeta, Condition, ModelMeta};
use crate::suggest::candidates;
use crate::value::{DbValue, json, typed};

impl ModelMeta {
    /// The position of a column that an entity names.
    ///
    /// # Errors
    ///
    /// A sentence where the column is another table's.
    pub(crate) fn own_column<C: ColumnTrait>(&self, column: C) -> Result<usize, String> {
        let (entity, name) = (C::EntityName::default(), IdenStatic::as_str(&column));
        let same_schema = self.schema.is_none() || entity.schema_name() == self.schema.as_deref();
        let own = if entity.table_name() == self.table && same_schema { self.column(name) } else { None };
        own.ok_or_else(|| {
            format!("{} has no column {}.{name}: it is another entity's.", self.name, entity.table_name())
        })
    }

    /// Why a condition cannot hold for rows of the model: a column that it names and that is not there, or a value that the column
    /// never has.
    pub(crate) fn unknown_in(&self, condition: &Condition) -> Option<String> {
        let unknown = condition.columns().into_iter().find(|name| Condition::position(self, name).is_none());
        let Some(name) = unknown else { return self.uncomparable(condition) };
        let known = candidates(name, self.columns.iter().map(|column| column.name.as_str()));
        Some(format!("{} has no column {name}.{known}", self.name))
    }

    /// A value of a column as a Rust type; what is not known is as NULL.
    ///
    /// # Errors
    ///
    /// A sentence where the column holds something else, or NULL that the type does not take.
    pub(crate) fn read<T: ValueType>(&self, column: usize, value: Option<&DbValue>) -> Result<T, String> {
        let Some(meta) = self.columns.get(column) else { return Err(format!("{} has no such column.", self.name)) };
        let null = DbValue::String(None);
        let found = meta.read(value.unwrap_or(&null));
        found.ok_or_else(|| {
            let (model, name, wanted) = (&self.name, &meta.column, T::type_name());
            match value {
                None => {
                    format!("{model}.{name} is not known before it is saved: read it as Option<{wanted}>, or later.")
                }
                Some(value) if !value.is_some() => {
                    format!("{model}.{name} is NULL, and cannot be read as {wanted}: read it as Option<{wanted}>.")
                }
                Some(_) => format!("{model}.{name} is {}, and cannot be read as {wanted}.", meta.kind.name()),
            }
        })
    }

    /// Why a column cannot take a value that the program gives it.
    pub(crate) fn refuses(&self, column: usize, value: &DbValue) -> Option<String> {
        let meta = self.columns.get(column)?;
        let reason = meta.takes(value).err()?;
        Some(format!("{}.{} cannot be set: {reason}.", self.name, meta.column))
    }
}

impl ColumnMeta {
    fn read<T: ValueType>(&self, value: &DbValue) -> Option<T> {
        typed::get(value).or_else(|| {
            // a decimal and a UUID may be there as text, and SQLite has integers where a float is whole
            let other = match (value, self.kind) {
                (DbValue::String(Some(text)), ColumnKind::Decimal(_)) => DbValue::Decimal(Some(text.parse().ok()?)),
                (DbValue::BigInt(Some(i)), ColumnKind::Decimal(_)) => DbValue::Decimal(Some((*i).into())),
                (DbValue::String(Some(text)), ColumnKind::Uuid) => DbValue::Uuid(Some(text.parse().ok()?)),
                (DbValue::BigInt(Some(i)), ColumnKind::Float) => DbValue::Double(Some(*i as f64)),
                _ => return None,
            };
            typed::get(&other)
        })
    }

    /// Whether the column takes a value on both databases, whatever else is in the row.
    pub(super) fn takes(&self, value: &DbValue) -> Result<(), String> {
        if !value.is_some() {
            return if self.null { Ok(()) } else { Err("it is NOT NULL".into()) };
        }
        let fits = match self.kind {
            ColumnKind::Boolean => matches!(value, DbValue::Bool(_)),
            ColumnKind::SmallInteger => return within(value, i16::MIN.into(), i16::MAX.into()),
            ColumnKind::Integer => return within(value, i32::MIN.into(), i32::MAX.into()),
            ColumnKind::BigInteger | ColumnKind::Duration => return within(value, i64::MIN.into(), i64::MAX.into()),
            ColumnKind::Float => number(value) || matches!(value, DbValue::Decimal(_)),
            ColumnKind::Decimal(digits) => return decimal(value, digits),
            ColumnKind::Char(most) => return text(value, most),
            ColumnKind::Text => return text(value, None),
            ColumnKind::Json => match value {
                DbValue::String(Some(text)) => json::parse_str(text).is_ok(),
                value => matches!(value, DbValue::Json(_)),
            },
            ColumnKind::Uuid => match value {
                DbValue::String(Some(text)) => uuid::Uuid::try_parse(text).is_ok(),
                value => matches!(value, DbValue::Uuid(_)),
            },
            ColumnKind::DateTime(_) => matches!(
                value,
                DbValue::ChronoDateTime(_)
                    | DbValue::ChronoDateTimeUtc(_)
                    | DbValue::ChronoDateTimeLocal(_)
                    | DbValue::ChronoDateTimeWithTimeZone(_)
            ),
            ColumnKind::Date => matches!(value, DbValue::ChronoDate(_)),
            ColumnKind::Time => matches!(value, DbValue::ChronoTime(_)),
            ColumnKind::Inet => {
                matches!(value, DbValue::String(Some(text)) if text.is_empty() || text.parse::<IpAddr>().is_ok())
            }
            ColumnKind::Binary => matches!(value, DbValue::Bytes(_)),
            ColumnKind::Other => true,
        };
        if fits { Ok(()) } else { Err(format!("it is {}, and was given {}", self.kind.name(), given(value))) }
    }
}

impl ColumnKind {
    /// What it is, for people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            ColumnKind::Boolean => "a truth value",
            ColumnKind::SmallInteger => "an integer of 16 bits",
            ColumnKind::Integer => "an integer of 32 bits",
            ColumnKind::BigInteger => "an integer of 64 bits",
            ColumnKind::Float => "a number",
            ColumnKind::Char(_) | ColumnKind::Text => "text",
            ColumnKind::Json => "JSON",
            ColumnKind::Uuid => "a UUID",
            ColumnKind::DateTime(_) => "a date and time",
            ColumnKind::Date => "a date",
            ColumnKind::Time => "a time",
            ColumnKind::Decimal(_) => "a decimal",
            ColumnKind::Duration => "a duration in microseconds",
            ColumnKind::Inet => "an IP address",
            ColumnKind::Binary => "bytes",
            ColumnKind::Other => "of the database's own type",
        }
    }
}

/// The variant of a value; never the value, which may be a secret.
fn given(value: &DbValue) -> String {
    let text = format!("{:?}", value.as_null());
    text.split('(').next().unwrap_or_default().to_owned()
}

fn integer(value: &DbValue) -> Option<i128> {
    Some(match value {
        DbValue::TinyInt(Some(i)) => (*i).into(),
        DbValue::SmallInt(Some(i)) => (*i).into(),
        DbValue::Int(Some(i)) => (*i).into(),
        DbValue::BigInt(Some(i)) => (*i).into(),
        DbValue::TinyUnsigned(Some(i)) => (*i).into(),
        DbValue::SmallUnsigned(Some(i)) => (*i).into(),
        DbValue::Unsigned(Some(i)) => (*i).into(),
        DbValue::BigUnsigned(Some(i)) => (*i).into(),
        _ => return None,
    })
}

fn number(value: &DbValue) -> bool {
    match value {
        DbValue::Float(Some(f)) => !f.is_nan(),
        DbValue::Double(Some(f)) => !f.is_nan(),
        value => integer(value).is_some(),
    }
}

fn within(value: &DbValue, least: i128, most: i128) -> Result<(), String> {
    match integer(value) {
        Some(i) if (least..=most).contains(&i) => Ok(()),
        Some(_) => Err("the number is out of its range".into()),
        None => Err(format!("it is an integer, and was given {}", given(value))),
    }
}

fn decimal(value: &DbValue, digits: Option<(u32, u32)>) -> Result<(), String> {
    let number: Option<Decimal> = match value {
        DbValue::Decimal(Some(number)) => Some(*number),
        DbValue::String(Some(text)) => match text.parse::<crate::value::Decimal>() {
            // beyond what `rust_decimal` holds the database decides
            Ok(_) => return Ok(()),
            Err(_) => None,
        },
        value => integer(value).and_then(|i| Decimal::try_from_i128_with_scale(i, 0).ok()),
    };
    let Some(number) = number else { return Err(format!("it is a decimal, and was given {}", given(value))) };
    let most = digits.and_then(|(all, places)| 10_i128.checked_pow(all.saturating_sub(places)));
    match most.and_then(|most| Decimal::try_from_i128_with_scale(most, 0).ok()) {
        Some(most) if number.abs() >= most => Err("the number has too many digits".into()),
        _ => Ok(()),
    }
}

fn text(value: &DbValue, most: Option<u32>) -> Result<(), String> {
    let length = match value {
        DbValue::String(Some(text)) if text.contains('\0') => return Err("the text has a null character".into()),
        DbValue::String(Some(text)) => text.chars().count(),
        DbValue::Char(Some(_)) => 1,
        DbValue::Enum(sea_orm::sea_query::OptionEnum::Some(_)) | DbValue::Uuid(_) => 0,
        value => return Err(format!("it is text, and was given {}", given(value))),
    };
    match most.and_then(|most| usize::try_from(most).ok()) {
        Some(most) if length > most => Err(format!("the text has more than {most} characters")),
        _ => Ok(()),
    }
}
