//! UUIDs.

use uuid::Uuid;

use super::{FieldContext, FieldType, Unrepresentable};
use crate::context::Context;
use crate::error::ValidationError;
use crate::store::Cell;
use crate::value::{Value, python, write};

/// How answers show a UUID.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UUIDFormat {
    /// `"5ce0e9a5-5ffa-654b-cee0-1238041fb31a"`.
    #[default]
    HexVerbose,
    /// `"5ce0e9a55ffa654bcee01238041fb31a"`.
    Hex,
    /// `123456789012312313134124512351145145114`.
    Int,
    /// `"urn:uuid:5ce0e9a5-5ffa-654b-cee0-1238041fb31a"`.
    Urn,
}

/// A UUID, in every form that Python's `uuid.UUID` reads: with hyphens, braces or `urn:uuid:` or without, or an integer.
///
/// | code | message |
/// |---|---|
/// | `invalid` | `Must be a valid UUID.` |
///
/// ```
/// use bowline::fields::{Field, UUIDField};
/// let field = Field::new("key", UUIDField::new());
/// assert!(field.clean(&"{0000000000004000800000000000abcd}".into()).is_ok());
/// assert!(field.clean(&"0000".into()).is_err());
/// ```
#[derive(Clone, Debug, Default)]
pub struct UUIDField {
    format: UUIDFormat,
}

impl UUIDField {
    /// A UUID, shown with hyphens.
    pub fn new() -> Self {
        UUIDField::default()
    }

    /// How answers show it.
    pub fn format(mut self, format: UUIDFormat) -> Self {
        self.format = format;
        self
    }
}

/// `uuid.UUID(text)`.
fn parse(text: &str) -> Option<Uuid> {
    // the usual forms; the crate takes `URN:UUID:` too, which Python does not
    if let Some(uuid) = Some(text).filter(|text| text.len() <= 36).and_then(|text| Uuid::try_parse(text).ok()) {
        return Some(uuid);
    }
    let text = text.replace("urn:", "").replace("uuid:", "");
    let text = text.trim_matches(['{', '}']).replace('-', "");
    if text.chars().count() != 32 {
        return None;
    }
    python::parse_hex(&text).map(Uuid::from_u128)
}

/// The UUID that an input names: text as `uuid.UUID(text)` reads it, or an integer.
pub(crate) fn read(input: &Value) -> Option<Uuid> {
    match input {
        // a Python bool is an int
        Value::Bool(b) => Some(Uuid::from_u128((*b).into())),
        Value::Int(i) => u128::try_from(*i).ok().map(Uuid::from_u128),
        Value::BigInt(digits) => digits.parse().ok().map(Uuid::from_u128),
        Value::Str(text) => parse(text),
        _ => None,
    }
}

impl FieldType for UUIDField {
    fn to_internal_value(&self, input: &Value, cx: &FieldContext<'_>) -> Result<Value, ValidationError> {
        match read(input) {
            Some(uuid) => Ok(Value::Uuid(uuid)),
            None => Err(cx.error("invalid", "Must be a valid UUID.", &[])),
        }
    }

    fn to_representation(&self, cell: Cell<'_>, _cx: &Context, out: &mut Vec<u8>) -> Result<(), Unrepresentable> {
        let uuid = match cell {
            Cell::Uuid(uuid) => uuid,
            Cell::Text(text) => Uuid::try_parse(text).map_err(|_| Unrepresentable)?,
            // of SeaORM's driver for SQLite
            Cell::Bytes(bytes) => Uuid::from_slice(bytes).map_err(|_| Unrepresentable)?,
            _ => return Err(Unrepresentable),
        };
        let mut buffer = Uuid::encode_buffer();
        write::string(
            match self.format {
                UUIDFormat::HexVerbose => uuid.hyphenated().encode_lower(&mut buffer),
                UUIDFormat::Hex => uuid.simple().encode_lower(&mut buffer),
                UUIDFormat::Urn => uuid.urn().encode_lower(&mut buffer),
                UUIDFormat::Int => {
                    out.extend_from_slice(uuid.as_u128().to_string().as_bytes());
                    return Ok(());
                }
            },
            out,
        );
        Ok(())
    }

    fn metadata_type(&self) -> &'static str {
        "string"
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::super::testing::{error, set, shown};
    use super::*;

    const ABCD: Uuid = Uuid::from_u128(0x0000_0000_0000_4000_8000_0000_0000_abcd);

    #[test]
    fn inputs() {
        for json in [
            r#""00000000-0000-4000-8000-00000000abcd""#,
            r#""0000000000004000800000000000ABCD""#,
            r#""{00000000-0000-4000-8000-00000000abcd}""#,
            r#""urn:uuid:00000000-0000-4000-8000-00000000abcd""#,
            r#""}}uuid:00-00000000004000800000000000abc-d-{""#,
            r#""0x00000000004000800000000000abcd""#,
            r#"" 000000000004000800000000000abcd""#,
            "302240678275694148496333",
        ] {
            assert_eq!(set(&UUIDField::new(), json), Value::Uuid(ABCD), "{json}");
        }
        for (json, int) in [("1", 1), ("255", 255), ("true", 1), ("false", 0)] {
            assert_eq!(set(&UUIDField::new(), json), Value::Uuid(Uuid::from_u128(int)), "{json}");
        }
        for json in [
            r#""URN:UUID:00000000-0000-4000-8000-00000000abcd""#,
            r#""00000000-0000-4000-8000-00000000abc""#,
            r#""x""#,
            r#""""#,
            r#""gggggggggggggggggggggggggggggggg""#,
            r#""éééééééééééééééé""#,
            "-1",
            "1.0",
            "340282366920938463463374607431768211456",
            "-340282366920938463463374607431768211456",
            "[]",
            "{}",
        ] {
            assert_eq!(error(&UUIDField::new(), json), ["invalid: Must be a valid UUID."], "{json}");
        }
    }

    #[test]
    fn cells() {
        for (format, json) in [
            (UUIDFormat::HexVerbose, r#""00000000-0000-4000-8000-00000000abcd""#),
            (UUIDFormat::Hex, r#""0000000000004000800000000000abcd""#),
            (UUIDFormat::Int, "302240678275694148496333"),
            (UUIDFormat::Urn, r#""urn:uuid:00000000-0000-4000-8000-00000000abcd""#),
        ] {
            assert_eq!(shown(&UUIDField::new().format(format), Cell::Uuid(ABCD)).unwrap(), json);
        }
        let field = UUIDField::new();
        let shown_text = r#""00000000-0000-4000-8000-00000000abcd""#;
        assert_eq!(shown(&field, Cell::Text("0000000000004000800000000000abcd")).unwrap(), shown_text);
        assert_eq!(shown(&field, Cell::Text("00000000-0000-4000-8000-00000000abcd")).unwrap(), shown_text);
        assert!(shown(&field, Cell::Text("x")).is_err());
        assert!(shown(&field, Cell::Int(1)).is_err());
    }
}
