//! Values as PostgreSQL wants them: written for the type that it asked for, before anything is sent.
//!
//! A unit goes out in one piece, its COMMIT included, so a value that cannot be written has to be found
//! before the first byte leaves. [`bind`] writes all values of a statement; sending them cannot fail.
//!
//! The usual pairs go in binary, an integer bound to an `interval` as microseconds. For everything else there is
//! PostgreSQL's own parser: a string bound to a `numeric`, an enum, an array (`{1,2}`) or an `inet` goes as text, and
//! what it cannot read is class 22.

use std::error::Error as StdError;
use std::fmt::Display;
use std::ops::Range;

use bytes::{BufMut, BytesMut};
use chrono::{DateTime, Utc};
use tokio_postgres::types::{Format, IsNull, Kind, ToSql, Type, to_sql_checked};

use super::list::{json, list};
use crate::store::StoreError;
use crate::value::DbValue;

/// The most parameters that one statement may have: the protocol counts them in 16 bits.
const MAX_PARAMETERS: usize = u16::MAX as usize;

/// The written values of one statement.
#[derive(Debug)]
pub(super) struct Params {
    bytes: BytesMut,
    places: Vec<(Form, Range<usize>)>,
}

/// One written value.
#[derive(Debug)]
pub(super) struct Param<'a> {
    form: Form,
    bytes: &'a [u8],
}

/// In which of the protocol's forms a value was written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Form {
    Null,
    Binary,
    Text,
}

/// Writes a statement's values for the types of its parameters.
///
/// # Errors
///
/// [`StoreError::Data`] for a number that the parameter's type cannot hold, [`StoreError::Internal`] for a
/// value that has no meaning in that type, or a wrong number of values.
pub(super) fn bind(values: &[DbValue], types: &[Type]) -> Result<Params, StoreError> {
    if values.len() != types.len() || values.len() > MAX_PARAMETERS {
        return Err(StoreError::Internal(format!("{} values for {} parameters", values.len(), types.len()).into()));
    }
    let mut params = Params { bytes: BytesMut::new(), places: Vec::with_capacity(values.len()) };
    for (value, ty) in values.iter().zip(types) {
        let start = params.bytes.len();
        let form = write(value, base(ty), &mut params.bytes)?;
        params.places.push((form, start..params.bytes.len()));
    }
    Ok(params)
}

impl Params {
    /// The values in order.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = Param<'_>> {
        self.places
            .iter()
            .map(|(form, range)| Param { form: *form, bytes: self.bytes.get(range.clone()).unwrap_or_default() })
    }
}

impl ToSql for Param<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        if self.form == Form::Null {
            return Ok(IsNull::Yes);
        }
        out.put_slice(self.bytes);
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        if self.form == Form::Text { Format::Text } else { Format::Binary }
    }

    to_sql_checked!();
}

/// The type under a domain.
pub(super) fn base(mut ty: &Type) -> &Type {
    while let Kind::Domain(inner) = ty.kind() {
        ty = inner;
    }
    ty
}

/// Whether the binary form of the type is its text.
pub(super) fn is_text(ty: &Type) -> bool {
    matches!(*ty, Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN)
}

/// Writes one value for a type that is no domain.
pub(super) fn write(value: &DbValue, ty: &Type, out: &mut BytesMut) -> Result<Form, StoreError> {
    let written = match value {
        DbValue::Bool(Some(v)) if *ty == Type::BOOL => {
            out.put_u8(u8::from(*v));
            Some(Form::Binary)
        }
        DbValue::TinyInt(Some(v)) => integer((*v).into(), ty, out)?,
        DbValue::SmallInt(Some(v)) => integer((*v).into(), ty, out)?,
        DbValue::Int(Some(v)) => integer((*v).into(), ty, out)?,
        DbValue::BigInt(Some(v)) => integer((*v).into(), ty, out)?,
        DbValue::TinyUnsigned(Some(v)) => integer((*v).into(), ty, out)?,
        DbValue::SmallUnsigned(Some(v)) => integer((*v).into(), ty, out)?,
        DbValue::Unsigned(Some(v)) => integer((*v).into(), ty, out)?,
        DbValue::BigUnsigned(Some(v)) => integer((*v).into(), ty, out)?,
        DbValue::Float(Some(v)) => float((*v).into(), v, ty, out)?,
        DbValue::Double(Some(v)) => float(*v, v, ty, out)?,
        DbValue::Decimal(Some(v)) if is_number(ty) || is_text(ty) => Some(as_text(v, out)),
        // An empty address is none, as Django has it.
        DbValue::String(Some(v)) if v.is_empty() && *ty == Type::INET => Some(Form::Null),
        DbValue::String(Some(v)) => match json(v, ty, out)? {
            Some(form) => Some(form),
            None => text(v, ty, out),
        },
        DbValue::Char(Some(v)) => text(v.encode_utf8(&mut [0; 4]), ty, out),
        DbValue::Enum(sea_orm::sea_query::OptionEnum::Some(v)) => text(&v.value, ty, out),
        DbValue::Bytes(Some(v)) if *ty == Type::BYTEA => {
            out.put_slice(v);
            Some(Form::Binary)
        }
        DbValue::Json(Some(v)) if matches!(*ty, Type::JSON | Type::JSONB) || is_text(ty) => Some(as_text(v, out)),
        DbValue::Uuid(Some(v)) if *ty == Type::UUID => {
            out.put_slice(v.as_bytes());
            Some(Form::Binary)
        }
        DbValue::Uuid(Some(v)) if is_text(ty) => Some(as_text(v, out)),
        DbValue::ChronoDate(Some(v)) => match *ty {
            Type::DATE => Some(binary(v, ty, out)?),
            Type::TIMESTAMP | Type::TIMESTAMPTZ => Some(as_text(v, out)),
            _ => is_text(ty).then(|| as_text(v, out)),
        },
        DbValue::ChronoTime(Some(v)) => match *ty {
            Type::TIME => Some(binary(v, ty, out)?),
            Type::TIMETZ => Some(as_text(v, out)),
            _ => is_text(ty).then(|| as_text(v, out)),
        },
        DbValue::ChronoDateTime(Some(v)) => match *ty {
            Type::TIMESTAMP => Some(binary(v, ty, out)?),
            Type::TIMESTAMPTZ => Some(binary(&v.and_utc(), ty, out)?),
            _ => is_text(ty).then(|| as_text(v, out)),
        },
        DbValue::ChronoDateTimeUtc(Some(v)) => instant(*v, ty, out)?,
        DbValue::ChronoDateTimeLocal(Some(v)) => instant(v.to_utc(), ty, out)?,
        DbValue::ChronoDateTimeWithTimeZone(Some(v)) => instant(v.to_utc(), ty, out)?,
        DbValue::Array(_, Some(items)) => match ty.kind() {
            Kind::Array(element) => Some(list(items, element, out)?),
            _ => None,
        },
        other if !other.is_some() => Some(Form::Null),
        _ => None,
    };
    // The value itself stays out of the message: it may be a secret.
    written.ok_or_else(|| {
        let name = format!("{:?}", value.as_null());
        let name = name.split('(').next().unwrap_or_default();
        StoreError::Internal(format!("a {name} cannot be bound to a parameter of type {ty}").into())
    })
}

fn integer(v: i128, ty: &Type, out: &mut BytesMut) -> Result<Option<Form>, StoreError> {
    let too_large = || StoreError::Data(format!("{v} is out of range for type {ty}").into());
    match *ty {
        Type::INT2 => out.put_i16(i16::try_from(v).map_err(|_| too_large())?),
        Type::INT4 => out.put_i32(i32::try_from(v).map_err(|_| too_large())?),
        Type::INT8 => out.put_i64(i64::try_from(v).map_err(|_| too_large())?),
        Type::OID => out.put_u32(u32::try_from(v).map_err(|_| too_large())?),
        Type::INTERVAL => interval(i64::try_from(v).map_err(|_| too_large())?, out),
        Type::FLOAT4 | Type::FLOAT8 | Type::NUMERIC => return Ok(Some(as_text(&v, out))),
        _ => return Ok(is_text(ty).then(|| as_text(&v, out))),
    }
    Ok(Some(Form::Binary))
}

/// Microseconds, in days and the rest of a day that is never negative, as Python's `timedelta` and so Django keep them.
fn interval(micros: i64, out: &mut BytesMut) {
    const DAY: i64 = 86_400_000_000;
    out.put_i64(micros.rem_euclid(DAY));
    // A day of 64 bits' microseconds is within 32 bits.
    out.put_i32(i32::try_from(micros.div_euclid(DAY)).unwrap_or(i32::MAX));
    out.put_i32(0);
}

fn float(v: f64, shortest: &dyn Display, ty: &Type, out: &mut BytesMut) -> Result<Option<Form>, StoreError> {
    match *ty {
        Type::FLOAT8 => out.put_f64(v),
        Type::FLOAT4 => {
            #[allow(clippy::cast_possible_truncation)]
            // rounding is what the column's type asks for
            let narrow = v as f32;
            if narrow.is_infinite() && v.is_finite() {
                return Err(StoreError::Data(format!("{v} is out of range for type {ty}").into()));
            }
            out.put_f32(narrow);
        }
        Type::NUMERIC => return Ok(Some(as_text(shortest, out))),
        _ => return Ok(is_text(ty).then(|| as_text(shortest, out))),
    }
    Ok(Some(Form::Binary))
}

fn text(v: &str, ty: &Type, out: &mut BytesMut) -> Option<Form> {
    // Text for bytea would be read as an escape syntax: bytes are bound as bytes.
    if *ty == Type::BYTEA {
        return None;
    }
    out.put_slice(v.as_bytes());
    Some(if is_text(ty) { Form::Binary } else { Form::Text })
}

fn instant(v: DateTime<Utc>, ty: &Type, out: &mut BytesMut) -> Result<Option<Form>, StoreError> {
    match *ty {
        Type::TIMESTAMPTZ => binary(&v, ty, out).map(Some),
        Type::TIMESTAMP => binary(&v.naive_utc(), ty, out).map(Some),
        _ => Ok(is_text(ty).then(|| as_text(&v.to_rfc3339(), out))),
    }
}

fn binary(v: &dyn ToSql, ty: &Type, out: &mut BytesMut) -> Result<Form, StoreError> {
    v.to_sql_checked(ty, out).map_err(StoreError::Data)?;
    Ok(Form::Binary)
}

fn as_text(v: &(impl Display + ?Sized), out: &mut BytesMut) -> Form {
    out.put_slice(v.to_string().as_bytes());
    Form::Text
}

fn is_number(ty: &Type) -> bool {
    matches!(*ty, Type::NUMERIC | Type::FLOAT4 | Type::FLOAT8)
}
