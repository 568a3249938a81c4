//! PostgreSQL's messages, as its server writes them.

use bytes::{BufMut, Bytes, BytesMut};

/// Of text, in the columns of [`fields`].
pub(super) const TEXT: u32 = 25;

/// A column as a row's description tells of it.
#[derive(Debug)]
pub(super) struct Field<'a> {
    pub(super) name: &'a str,
    pub(super) table: u32,
    pub(super) number: i16,
    pub(super) oid: u32,
    pub(super) modifier: i32,
    /// Binary, not text.
    pub(super) binary: bool,
}

impl<'a> Field<'a> {
    /// A column of no table.
    pub(super) fn computed(name: &'a str, oid: u32, binary: bool) -> Self {
        Field { name, table: 0, number: 0, oid, modifier: -1, binary }
    }
}

/// The answer to a startup: welcome, and ready.
pub(super) fn welcome() -> Bytes {
    let mut out = BytesMut::new();
    message(&mut out, b'R', |out| out.put_u32(0));
    ready(&mut out);
    out.freeze()
}

/// One message: its letter, its length, its content.
pub(super) fn message(out: &mut BytesMut, letter: u8, content: impl FnOnce(&mut BytesMut)) {
    out.put_u8(letter);
    let start = out.len();
    out.put_u32(0);
    content(out);
    let length = u32::try_from(out.len() - start).unwrap_or(u32::MAX);
    if let Some(place) = out.get_mut(start..start + 4) {
        place.copy_from_slice(&length.to_be_bytes());
    }
}

/// Ready for the next statement, outside of a transaction.
pub(super) fn ready(out: &mut BytesMut) {
    message(out, b'Z', |out| out.put_u8(b'I'));
}

/// The columns of the rows that follow.
pub(super) fn fields<'a>(out: &mut BytesMut, fields: impl ExactSizeIterator<Item = Field<'a>>) {
    message(out, b'T', |out| {
        out.put_u16(u16::try_from(fields.len()).unwrap_or(u16::MAX));
        for field in fields {
            out.put_slice(field.name.as_bytes());
            out.put_u8(0);
            out.put_u32(field.table);
            out.put_i16(field.number);
            out.put_u32(field.oid);
            out.put_i16(-1);
            out.put_i32(field.modifier);
            out.put_i16(i16::from(field.binary));
        }
    });
}

/// A value of a row: its length and its bytes, or none.
pub(super) fn value(out: &mut BytesMut, bytes: Option<&[u8]>) {
    match bytes {
        None => out.put_i32(-1),
        Some(bytes) => {
            out.put_i32(i32::try_from(bytes.len()).unwrap_or(i32::MAX));
            out.put_slice(bytes);
        }
    }
}

/// The end of a statement that concerned so many rows.
pub(super) fn complete(out: &mut BytesMut, rows: u64) {
    message(out, b'C', |out| {
        out.put_slice(format!("UPDATE {rows}").as_bytes());
        out.put_u8(0);
    });
}
