//! Lists and maps in one parameter or column: PostgreSQL's arrays and `hstore`.
//!
//! A list of values is bound as an array; JSON text bound to an array or an `hstore` is read first, so that one
//! representation serves both databases, of which SQLite keeps JSON. Columns are read in place: [`List`], [`Pairs`].

use std::error::Error as StdError;
use std::fmt;

use bytes::{BufMut, BytesMut};
use serde_json::Value as Json;
use tokio_postgres::types::{Kind, Type};

use super::bind::{Form, base, is_text, write};
use super::cell;
use crate::store::{Cell, StoreError};
use crate::value::{DbValue, Value};

/// Writes a list for a parameter whose elements are of a type.
///
/// In binary where every element has a binary form, otherwise as PostgreSQL's own text, `{"1.50",NULL}`: an array is one
/// or the other as a whole.
///
/// # Errors
///
/// As `bind` for the single values; [`StoreError::Data`] for a list of more elements than PostgreSQL counts.
pub(super) fn list(items: &[DbValue], element: &Type, out: &mut BytesMut) -> Result<Form, StoreError> {
    let start = out.len();
    if binary(items, element, out)? {
        return Ok(Form::Binary);
    }
    out.truncate(start);
    text(items, element, out)?;
    Ok(Form::Text)
}

/// The wire's array: dimensions, whether there are NULLs, the element's type, then length and lower bound of the one
/// dimension, and the elements, each behind its length. `false` where an element has no binary form.
fn binary(items: &[DbValue], element: &Type, out: &mut BytesMut) -> Result<bool, StoreError> {
    let too_long = |_| StoreError::Data("a list is too long for an array".into());
    out.put_i32(i32::from(!items.is_empty()));
    out.put_i32(i32::from(items.iter().any(|item| !item.is_some())));
    out.put_u32(element.oid());
    if items.is_empty() {
        return Ok(true);
    }
    out.put_i32(i32::try_from(items.len()).map_err(too_long)?);
    out.put_i32(1);
    for item in items {
        let place = out.len();
        out.put_i32(-1);
        let form = if matches!(item, DbValue::Array(..)) { Form::Text } else { write(item, base(element), out)? };
        match form {
            Form::Null => {}
            Form::Binary => {
                let length = i32::try_from(out.len() - place - 4).map_err(too_long)?;
                out[place..place + 4].copy_from_slice(&length.to_be_bytes());
            }
            Form::Text => return Ok(false),
        }
    }
    Ok(true)
}

/// Every element in quotes, so that none of its characters can end it.
fn text(items: &[DbValue], element: &Type, out: &mut BytesMut) -> Result<(), StoreError> {
    let mut one = BytesMut::new();
    out.put_u8(b'{');
    for (n, item) in items.iter().enumerate() {
        if n > 0 {
            out.put_u8(b',');
        }
        if let DbValue::Array(_, Some(inner)) = item {
            text(inner, element, out)?;
            continue;
        }
        one.clear();
        let form = match write(item, base(element), &mut one)? {
            // microseconds have no such text
            Form::Binary if *base(element) == Type::INTERVAL => {
                return Err(StoreError::Internal("a list of spans in texts and in microseconds".into()));
            }
            // a list of mixed kinds: this one again, in the form that a text has
            Form::Binary if !is_text(base(element)) => {
                one.clear();
                match item {
                    DbValue::Bool(Some(v)) => one.put_slice(if *v { b"t" } else { b"f" }),
                    item => drop(write(item, &Type::TEXT, &mut one)?),
                }
                Form::Text
            }
            form => form,
        };
        if form == Form::Null {
            out.put_slice(b"NULL");
        } else {
            quoted(&one, out);
        }
    }
    out.put_u8(b'}');
    Ok(())
}

fn quoted(text: &[u8], out: &mut BytesMut) {
    out.put_u8(b'"');
    for byte in text {
        if matches!(byte, b'"' | b'\\') {
            out.put_u8(b'\\');
        }
        out.put_u8(*byte);
    }
    out.put_u8(b'"');
}

/// Writes JSON text for an array or an `hstore`; nothing where it is no such JSON, and PostgreSQL's own text then.
pub(super) fn json(text: &str, ty: &Type, out: &mut BytesMut) -> Result<Option<Form>, StoreError> {
    match ty.kind() {
        Kind::Array(element) if text.starts_with('[') => match serde_json::from_str(text) {
            Ok(Json::Array(items)) => list(&elements(items, element), element, out).map(Some),
            _ => Ok(None),
        },
        Kind::Simple if text.starts_with('{') && ty.name() == "hstore" => match serde_json::from_str(text) {
            Ok(Json::Object(map)) => {
                pairs(&map, out);
                Ok(Some(Form::Text))
            }
            _ => Ok(None),
        },
        _ => Ok(None),
    }
}

fn pairs(map: &serde_json::Map<String, Json>, out: &mut BytesMut) {
    for (n, (key, value)) in map.iter().enumerate() {
        if n > 0 {
            out.put_u8(b',');
        }
        quoted(key.as_bytes(), out);
        out.put_slice(b"=>");
        match value {
            Json::Null => out.put_slice(b"NULL"),
            Json::String(text) => quoted(text.as_bytes(), out),
            other => quoted(other.to_string().as_bytes(), out),
        }
    }
}

fn elements(items: Vec<Json>, element: &Type) -> Vec<DbValue> {
    let is_json = matches!(*base(element), Type::JSON | Type::JSONB);
    let value = |item: Json| match item {
        Json::Null => DbValue::String(None),
        Json::Array(items) if !is_json => {
            DbValue::Array(sea_orm::sea_query::ArrayType::String, Some(Box::new(elements(items, element))))
        }
        item if is_json => item.to_string().into(),
        Json::Bool(v) => v.into(),
        Json::String(v) => v.into(),
        Json::Number(v) => match v.as_i64() {
            Some(i) => i.into(),
            None => v.to_string().into(),
        },
        item @ (Json::Object(_) | Json::Array(_)) => item.to_string().into(),
    };
    items.into_iter().map(value).collect()
}

/// An array of PostgreSQL's, read in place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct List<'a> {
    /// The type of the elements, by its number.
    element: u32,
    /// The length of each dimension, each with its lower bound behind it.
    dimensions: &'a [u8],
    items: &'a [u8],
}

type Unreadable = Box<dyn StdError + Sync + Send>;

impl<'a> List<'a> {
    /// The array of a column's bytes, whose elements are all readable.
    pub(super) fn read(element: &Type, raw: &'a [u8]) -> Result<Self, Unreadable> {
        let (count, rest) = number(raw)?;
        // whether there are NULLs, and the element's type
        let rest = rest.get(8..).ok_or("an array that is cut short")?;
        let (dimensions, items) =
            rest.split_at_checked(usize::try_from(count)? * 8).ok_or("an array that is cut short")?;
        let element = base(element);
        // an extension's or an enum's number says nothing here, but its text is known to be one
        let is_label = is_text(element) || element.name() == "citext" || matches!(element.kind(), Kind::Enum(_));
        let element = if is_label { Type::TEXT.oid() } else { element.oid() };
        let list = List { element, dimensions, items };
        list.iter().try_for_each(|item| item.map(drop))?;
        Ok(list)
    }

    /// Its elements one after the other, whatever its dimensions.
    pub fn iter(self) -> impl Iterator<Item = Result<Cell<'a>, StoreError>> {
        let ty = Type::from_oid(self.element);
        let mut rest = self.items;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let item = item(ty.as_ref(), &mut rest);
            if item.is_err() {
                rest = &[];
            }
            Some(item.map_err(StoreError::Internal))
        })
    }

    /// As a value, a list in a list for each dimension.
    pub(crate) fn to_value(self) -> Value {
        let mut items = self.iter().filter_map(Result::ok).map(Cell::to_plain_attribute);
        let lengths: Vec<usize> = self
            .dimensions
            .chunks_exact(8)
            .filter_map(|dimension| usize::try_from(number(dimension).ok()?.0).ok())
            .collect();
        nested(&lengths, &mut items)
    }
}

fn nested(lengths: &[usize], items: &mut dyn Iterator<Item = Value>) -> Value {
    match lengths {
        [] => Value::List(Vec::new()),
        [length] => Value::List(items.take(*length).collect()),
        [length, below @ ..] => Value::List((0..*length).map(|_| nested(below, items)).collect()),
    }
}

fn item<'a>(ty: Option<&Type>, rest: &mut &'a [u8]) -> Result<Cell<'a>, Unreadable> {
    let (length, after) = number(rest)?;
    if length == -1 {
        *rest = after;
        return Ok(Cell::Null);
    }
    let (raw, after) = after.split_at_checked(usize::try_from(length)?).ok_or("an array that is cut short")?;
    *rest = after;
    cell::read(ty.ok_or("an array of a type that is not known")?, raw)
}

fn number(raw: &[u8]) -> Result<(i32, &[u8]), Unreadable> {
    let (number, rest) = raw.split_first_chunk::<4>().ok_or("an array that is cut short")?;
    Ok((i32::from_be_bytes(*number), rest))
}

impl fmt::Debug for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().filter_map(Result::ok)).finish()
    }
}

/// An `hstore` of PostgreSQL's, read in place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Pairs<'a>(&'a [u8]);

impl<'a> Pairs<'a> {
    /// The pairs of a column's bytes.
    pub(super) fn read(raw: &'a [u8]) -> Result<Self, Unreadable> {
        let (_count, pairs) = number(raw)?;
        let mut rest = pairs;
        while !rest.is_empty() {
            pair(&mut rest)?;
        }
        Ok(Pairs(pairs))
    }

    /// Its keys with their values.
    pub fn iter(self) -> impl Iterator<Item = (&'a str, Option<&'a str>)> {
        let mut rest = self.0;
        std::iter::from_fn(move || if rest.is_empty() { None } else { pair(&mut rest).ok() })
    }

    /// As a value.
    pub(crate) fn to_value(self) -> Value {
        Value::Map(self.iter().map(|(key, value)| (key.to_owned(), value.into())).collect())
    }
}

fn pair<'a>(rest: &mut &'a [u8]) -> Result<(&'a str, Option<&'a str>), Unreadable> {
    let (Cell::Text(key), value) = (item(Some(&Type::TEXT), rest)?, item(Some(&Type::TEXT), rest)?) else {
        return Err("a pair without a key".into());
    };
    Ok((key, if let Cell::Text(value) = value { Some(value) } else { None }))
}

impl fmt::Debug for Pairs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
