//! Cursors as text: DRF's, and what DRF's cannot say.
//!
//! DRF's cursor is the Base64 of `o=2&r=1&p=9`: the rows from position 9 on, backwards, without the first two. Ours may
//! have the whole place of a row behind that, `&k=.9&k=.Ada&k=.44`, one `k` for each key of the order (`k=` alone is NULL);
//! it is what counts then. DRF reads such a cursor and passes over the `k`s.

use crate::error::{Error, Result};
use crate::pagination::size::number;
use crate::value::query::{encode, parameters};
use crate::value::{Value, base64, python};

/// The value of a key as text, Python's `str()`; none for NULL.
pub(super) type Position = Option<String>;

/// Where a page begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cursor {
    /// The rows to pass over.
    pub(super) offset: u64,
    /// Whether the page is before the place.
    pub(super) reverse: bool,
    /// The value of the first key that the rows come after.
    pub(super) position: Option<String>,
    /// All keys of the row that the rows come after.
    pub(super) anchor: Option<Vec<Position>>,
}

impl Cursor {
    /// DRF's `decode_cursor`; the offset is cut to `cutoff`.
    ///
    /// # Errors
    ///
    /// 404 `Invalid cursor`.
    pub(super) fn decode(text: &str, cutoff: u64) -> Result<Self> {
        let bytes = if text.is_ascii() { base64::decode(text.as_bytes()) } else { None };
        let query = bytes.filter(|bytes| bytes.is_ascii()).and_then(|bytes| String::from_utf8(bytes).ok());
        let query = query.ok_or_else(invalid)?;
        let tokens = parameters(&query);
        let first = |wanted: &str| tokens.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_ref());
        let offset = number(first("o").unwrap_or("0")).ok_or_else(invalid)?;
        let reverse = match python::parse_int(first("r").unwrap_or("0")) {
            Some(Value::Int(0)) => false,
            Some(_) => true,
            None => return Err(invalid()),
        };
        let anchor = tokens.iter().filter(|(name, _)| name == "k").map(|(_, value)| match value.strip_prefix('.') {
            Some(value) => Ok(Some(value.to_owned())),
            None if value.is_empty() => Ok(None),
            None => Err(invalid()),
        });
        let anchor: Vec<Position> = anchor.collect::<Result<_>>()?;
        Ok(Cursor {
            offset: u64::try_from(offset).map_or(cutoff, |offset| offset.min(cutoff)),
            reverse,
            position: first("p").map(str::to_owned),
            anchor: (!anchor.is_empty()).then_some(anchor),
        })
    }

    /// DRF's `encode_cursor`.
    pub(super) fn encode(&self) -> String {
        let mut tokens: Vec<(&str, String)> = Vec::new();
        if self.offset != 0 {
            tokens.push(("o", self.offset.to_string()));
        }
        if self.reverse {
            tokens.push(("r", "1".into()));
        }
        if let Some(position) = &self.position {
            tokens.push(("p", position.clone()));
        }
        for key in self.anchor.iter().flatten() {
            tokens.push(("k", key.as_ref().map(|value| format!(".{value}")).unwrap_or_default()));
        }
        let mut query = String::new();
        for (n, (name, value)) in tokens.iter().enumerate() {
            if n > 0 {
                query.push('&');
            }
            query.push_str(name);
            query.push('=');
            encode(value, &mut query);
        }
        base64::encode(query.as_bytes())
    }
}

pub(super) fn invalid() -> Error {
    Error::NotFound("Invalid cursor".into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn at(offset: u64, reverse: bool, position: Option<&str>) -> Cursor {
        Cursor { offset, reverse, position: position.map(str::to_owned), anchor: None }
    }

    /// The texts are DRF's.
    #[test]
    fn as_drf_writes_them() {
        for (cursor, text) in [
            (at(0, false, Some("9")), "cD05"),
            (at(2, false, Some("9")), "bz0yJnA9OQ=="),
            (at(1, true, Some("8")), "bz0xJnI9MSZwPTg="),
            (at(3, false, None), "bz0z"),
            (at(0, false, None), ""),
            (
                at(0, false, Some("2024-01-03 02:00:00.500000+00:00")),
                "cD0yMDI0LTAxLTAzKzAyJTNBMDAlM0EwMC41MDAwMDAlMkIwMCUzQTAw",
            ),
            (at(0, true, Some("")), "cj0xJnA9"),
            (at(0, false, Some("é &=")), "cD0lQzMlQTkrJTI2JTNE"),
        ] {
            assert_eq!(cursor.encode(), text, "{cursor:?}");
            assert_eq!(Cursor::decode(text, 1000).unwrap(), cursor);
        }
    }

    #[test]
    fn what_drf_makes_of_odd_ones() {
        let decode = |query: &str| Cursor::decode(&base64::encode(query.as_bytes()), 1000).ok();
        assert_eq!(decode("o=99999999999999999999999"), Some(at(1000, false, None)));
        assert_eq!(decode("o= 7 &o=9&r=-3&x=1"), Some(at(7, true, None)));
        for query in ["o=-1", "o=x", "r=x", "o=", "p=é", "k=x"] {
            assert_eq!(decode(query), None, "{query}");
        }
        for text in ["x", "é", "cD05O"] {
            assert!(Cursor::decode(text, 1000).is_err(), "{text}");
        }
        // bytes that are not of the alphabet are passed over
        assert_eq!(Cursor::decode("cD\n05!", 1000).ok(), Some(at(0, false, Some("9"))));
    }

    #[test]
    fn whole_places_come_back() {
        let anchor = Some(vec![Some("9".into()), None, Some(String::new()), Some(".k=&".into())]);
        let cursor = Cursor { anchor, ..at(2, true, None) };
        assert_eq!(Cursor::decode(&cursor.encode(), 1000).unwrap(), cursor);
    }
}
