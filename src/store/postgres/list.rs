//! A list of values as one parameter: PostgreSQL's arrays.

use bytes::{BufMut, BytesMut};
use tokio_postgres::types::Type;

use super::bind::{Form, base, is_text, write};
use crate::store::StoreError;
use crate::value::DbValue;

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
        match write(item, base(element), out)? {
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
        one.clear();
        let form = match write(item, base(element), &mut one)? {
            // microseconds have no such text
            Form::Binary if *base(element) == Type::INTERVAL => {
                return Err(StoreError::Internal("a list of spans in texts and in microseconds".into()));
            }
            // a list of mixed kinds: this one again, in the form that a text has
            Form::Binary if !is_text(base(element)) => {
                one.clear();
                write(item, &Type::TEXT, &mut one)?
            }
            form => form,
        };
        if form == Form::Null {
            out.put_slice(b"NULL");
            continue;
        }
        out.put_u8(b'"');
        for byte in &one {
            if matches!(byte, b'"' | b'\\') {
                out.put_u8(b'\\');
            }
            out.put_u8(*byte);
        }
        out.put_u8(b'"');
    }
    out.put_u8(b'}');
    Ok(())
}
