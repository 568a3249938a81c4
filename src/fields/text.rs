//! Text.

use std::borrow::Cow;

use super::{FieldContext, FieldType, Unrepresentable};
use crate::context::Context;
use crate::error::{ErrorDetail, ValidationError};
use crate::store::Cell;
use crate::value::{Value, python, write};

/// Text; numbers are accepted as their text.
///
/// | code | message |
/// |---|---|
/// | `invalid` | `Not a valid string.` |
/// | `blank` | `This field may not be blank.` |
/// | `max_length` | `Ensure this field has no more than {max_length} characters.` |
/// | `min_length` | `Ensure this field has at least {min_length} characters.` |
/// | `null_characters_not_allowed` | `Null characters are not allowed.` |
/// | `surrogate_characters_not_allowed` | `Surrogate characters are not allowed: U+D800.` |
///
/// Lengths count characters, not bytes. Blank text that is allowed is not judged any further, whatever `min_length` is
/// and the field's own rules say.
///
/// ```
/// use bowline::fields::{CharField, Field};
/// let field = Field::new("title", CharField::new().max_length(3));
/// assert_eq!(field.clean(&" é☃ ".into()), Ok("é☃".into()));
/// ```
#[derive(Clone, Debug)]
pub struct CharField {
    allow_blank: bool,
    trim_whitespace: bool,
    max_length: Option<usize>,
    min_length: Option<usize>,
}

impl Default for CharField {
    fn default() -> Self {
        CharField::new()
    }
}

impl CharField {
    /// Text of any length but none, white space around it cut off.
    pub fn new() -> Self {
        CharField { allow_blank: false, trim_whitespace: true, max_length: None, min_length: None }
    }

    /// Whether empty text is accepted.
    pub fn allow_blank(mut self, yes: bool) -> Self {
        self.allow_blank = yes;
        self
    }

    /// Whether white space is cut off both ends.
    pub fn trim_whitespace(mut self, yes: bool) -> Self {
        self.trim_whitespace = yes;
        self
    }

    /// The most characters that are accepted.
    pub fn max_length(mut self, max: impl Into<Option<usize>>) -> Self {
        self.max_length = max.into();
        self
    }

    /// The fewest characters that are accepted.
    pub fn min_length(mut self, min: impl Into<Option<usize>>) -> Self {
        self.min_length = min.into();
        self
    }

    /// The text of an input; none where it has none.
    pub(super) fn read(&self, input: &Value) -> Option<Value> {
        match input {
            Value::Str(text) => Some(Value::Str(self.trimmed(text).to_owned())),
            Value::Int(_) | Value::BigInt(_) | Value::Float(_) => Some(Value::Str(input.to_python_str().into_owned())),
            // refused later, together with whatever else is wrong
            Value::Surrogates(unit, text) => Some(Value::Surrogates(*unit, self.trimmed(text).to_owned())),
            _ => None,
        }
    }

    /// Whether an input is text already, with no white space to be cut off.
    pub(super) fn is_read(&self, input: &Value) -> bool {
        matches!(input, Value::Str(text) if begins_and_ends(text) || self.trimmed(text).len() == text.len())
    }

    fn trimmed<'a>(&self, text: &'a str) -> &'a str {
        if self.trim_whitespace { python::strip(text) } else { text }
    }
}

impl FieldType for CharField {
    fn shortcut(&self, input: &Value, cx: &FieldContext<'_>) -> Option<Result<Value, ValidationError>> {
        let blank = |text: &str| match self.trim_whitespace {
            true => !begins_and_ends(text) && text.chars().all(python::is_space),
            false => text.is_empty(),
        };
        let blank = matches!(input, Value::Str(text) if blank(text));
        blank.then(|| match self.allow_blank {
            true => Ok(Value::Str(String::new())),
            false => Err(cx.error("blank", "This field may not be blank.", &[])),
        })
    }

    fn to_internal_value(&self, input: &Value, cx: &FieldContext<'_>) -> Result<Value, ValidationError> {
        self.read(input).ok_or_else(|| cx.error("invalid", "Not a valid string.", &[]))
    }

    fn coerce(&self, value: &mut Value, cx: &FieldContext<'_>) -> Result<(), ValidationError> {
        if !self.is_read(value) {
            *value = self.to_internal_value(value, cx)?;
        }
        Ok(())
    }

    fn check(&self, value: &Value, cx: &FieldContext<'_>, errors: &mut Vec<ErrorDetail>) {
        let Some(text) = text_of(value) else { return };
        // a character is one to four bytes, so that most texts need not be counted
        if let Some(max) = self.max_length.filter(|max| text.len() > *max && text.chars().count() > *max) {
            let default = "Ensure this field has no more than {max_length} characters.";
            errors.push(cx.detail("max_length", default, &[("max_length", &max.to_string())]));
        }
        if let Some(min) = self.min_length.filter(|min| text.len() / 4 < *min && text.chars().count() < *min) {
            let default = "Ensure this field has at least {min_length} characters.";
            errors.push(cx.detail("min_length", default, &[("min_length", &min.to_string())]));
        }
        if text.as_bytes().contains(&0) {
            errors.push(null_characters());
        }
        if let Value::Surrogates(unit, _) = value {
            errors.push(surrogate_characters(*unit));
        }
    }

    fn allows_blank(&self) -> bool {
        self.allow_blank
    }

    fn to_representation(&self, cell: Cell<'_>, _cx: &Context, out: &mut Vec<u8>) -> Result<(), Unrepresentable> {
        match cell {
            Cell::Text(text) => write::string(text, out),
            Cell::Int(i) => {
                out.push(b'"');
                write::int(i, out);
                out.push(b'"');
            }
            // nothing in them needs an escape
            Cell::Inet(inet) => out.extend_from_slice(format!("\"{inet}\"").as_bytes()),
            Cell::Numeric(number) => out.extend_from_slice(format!("\"{number}\"").as_bytes()),
            other => write::string(&python_str(other), out),
        }
        Ok(())
    }

    fn metadata_type(&self) -> &'static str {
        "string"
    }

    fn metadata_limits(&self) -> Vec<(&'static str, Value)> {
        length_limits(self.min_length, self.max_length)
    }
}

/// Whether text begins and ends with letters of ASCII, so that there is nothing to cut off; most does.
fn begins_and_ends(text: &str) -> bool {
    let bytes = text.as_bytes();
    [bytes.first(), bytes.last()].into_iter().all(|b| b.is_some_and(u8::is_ascii_graphic))
}

/// The text of a value that a text field made.
pub(super) fn text_of(value: &Value) -> Option<&str> {
    match value {
        Value::Str(text) | Value::Surrogates(_, text) => Some(text),
        _ => None,
    }
}

/// Django's message about NUL.
pub(super) fn null_characters() -> ErrorDetail {
    ErrorDetail::new("Null characters are not allowed.", "null_characters_not_allowed")
}

/// DRF's message about a lone surrogate.
pub(super) fn surrogate_characters(unit: u16) -> ErrorDetail {
    let message = format!("Surrogate characters are not allowed: U+{unit:X}.");
    ErrorDetail::new(message, "surrogate_characters_not_allowed")
}

/// Lengths in OPTIONS metadata.
pub(crate) fn length_limits(min: Option<usize>, max: Option<usize>) -> Vec<(&'static str, Value)> {
    let value = |limit: usize| Value::Int(i64::try_from(limit).unwrap_or(i64::MAX));
    let limits = [("min_length", min), ("max_length", max)];
    limits.into_iter().filter_map(|(name, limit)| Some((name, value(limit?)))).collect()
}

/// What Python's `str()` makes of a cell.
pub(super) fn python_str(cell: Cell<'_>) -> Cow<'_, str> {
    match cell {
        Cell::Text(text) => Cow::Borrowed(text),
        Cell::Value(value) => value.to_python_str(),
        other => Cow::Owned(other.to_plain_attribute().to_python_str().into_owned()),
    }
}

/// Makes a field type of a `CharField` in `text`, a rule `refusal` about its text and the message for what is no text.
macro_rules! text_field {
    ($field:ident, $metadata:literal, $invalid:expr) => {
        impl $field {
            /// Whether empty text is accepted.
            pub fn allow_blank(mut self, yes: bool) -> Self {
                self.text = self.text.allow_blank(yes);
                self
            }

            /// Whether white space is cut off both ends.
            pub fn trim_whitespace(mut self, yes: bool) -> Self {
                self.text = self.text.trim_whitespace(yes);
                self
            }

            /// The most characters that are accepted.
            pub fn max_length(mut self, max: impl Into<Option<usize>>) -> Self {
                self.text = self.text.max_length(max);
                self
            }

            /// The fewest characters that are accepted.
            pub fn min_length(mut self, min: impl Into<Option<usize>>) -> Self {
                self.text = self.text.min_length(min);
                self
            }
        }

        impl $crate::fields::FieldType for $field {
            fn shortcut(
                &self,
                input: &$crate::value::Value,
                cx: &$crate::fields::FieldContext<'_>,
            ) -> Option<Result<$crate::value::Value, $crate::error::ValidationError>> {
                self.text.shortcut(input, cx)
            }

            fn to_internal_value(
                &self,
                input: &$crate::value::Value,
                cx: &$crate::fields::FieldContext<'_>,
            ) -> Result<$crate::value::Value, $crate::error::ValidationError> {
                self.text.read(input).ok_or_else(|| cx.error("invalid", $invalid, &[]))
            }

            fn coerce(
                &self,
                value: &mut $crate::value::Value,
                cx: &$crate::fields::FieldContext<'_>,
            ) -> Result<(), $crate::error::ValidationError> {
                if !self.text.is_read(value) {
                    *value = self.to_internal_value(value, cx)?;
                }
                Ok(())
            }

            fn check(
                &self,
                value: &$crate::value::Value,
                cx: &$crate::fields::FieldContext<'_>,
                errors: &mut Vec<$crate::error::ErrorDetail>,
            ) {
                self.text.check(value, cx, errors);
                errors.extend($crate::fields::text::text_of(value).and_then(|text| self.refusal(text, cx)));
            }

            fn allows_blank(&self) -> bool {
                self.text.allows_blank()
            }

            fn to_representation(
                &self,
                cell: $crate::store::Cell<'_>,
                cx: &$crate::context::Context,
                out: &mut Vec<u8>,
            ) -> Result<(), $crate::fields::Unrepresentable> {
                self.text.to_representation(cell, cx, out)
            }

            fn metadata_type(&self) -> &'static str {
                $metadata
            }

            fn metadata_limits(&self) -> Vec<(&'static str, $crate::value::Value)> {
                self.text.metadata_limits()
            }
        }
    };
}

pub(super) use text_field;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::super::testing::{details, error, field, parsed, set, shown};
    use super::*;

    fn text(text: &str) -> Value {
        Value::Str(text.into())
    }

    #[test]
    fn inputs() {
        let field = CharField::new();
        for (json, stored) in [
            (r#""abc""#, "abc"),
            (r#""  padded  ""#, "padded"),
            (r#""tab\t\u001f""#, "tab"),
            ("5", "5"),
            ("1.5", "1.5"),
            ("1e16", "1e+16"),
            ("100000000000000000000", "100000000000000000000"),
            (r#""é☃😀""#, "é☃😀"),
            (r#""line\nbreak""#, "line\nbreak"),
        ] {
            assert_eq!(set(&field, json), text(stored), "{json}");
        }
        for (json, message) in [
            (r#""""#, "blank: This field may not be blank."),
            (r#""  \n""#, "blank: This field may not be blank."),
            ("true", "invalid: Not a valid string."),
            ("[]", "invalid: Not a valid string."),
            ("{}", "invalid: Not a valid string."),
            ("null", "null: This field may not be null."),
            (r#""a\u0000b""#, "null_characters_not_allowed: Null characters are not allowed."),
            (r#""\u0000""#, "null_characters_not_allowed: Null characters are not allowed."),
            (r#"" a\udfff\ud800""#, "surrogate_characters_not_allowed: Surrogate characters are not allowed: U+DFFF."),
        ] {
            assert_eq!(error(&field, json), [message], "{json}");
        }
    }

    #[test]
    fn lengths() {
        let field = CharField::new().min_length(2).max_length(5);
        for (json, stored) in [(r#""ab""#, "ab"), (r#""abcde  ""#, "abcde"), ("12", "12"), (r#""☃☃""#, "☃☃")] {
            assert_eq!(set(&field, json), text(stored), "{json}");
        }
        let min = "min_length: Ensure this field has at least 2 characters.";
        let max = "max_length: Ensure this field has no more than 5 characters.";
        assert_eq!(error(&field, r#""  a  ""#), [min]);
        assert_eq!(error(&field, r#""😀""#), [min]);
        assert_eq!(error(&field, r#""😀😀😀😀😀😀""#), [max]);
        assert_eq!(error(&field, "123456"), [max]);
        let null = "null_characters_not_allowed: Null characters are not allowed.";
        assert_eq!(error(&field, r#""abcde\u0000""#), [max, null]);
        let surrogate = "surrogate_characters_not_allowed: Surrogate characters are not allowed: U+D800.";
        assert_eq!(error(&field, r#""\ud800""#), [min, surrogate]);
        assert_eq!(field.metadata_limits(), [("min_length", Value::Int(2)), ("max_length", Value::Int(5))]);
    }

    #[test]
    fn blank_text() {
        let field = CharField::new().allow_blank(true).min_length(2);
        for json in [r#""""#, r#""   ""#] {
            assert_eq!(set(&field, json), text(""));
        }
        let kept = CharField::new().trim_whitespace(false).max_length(4);
        assert_eq!(set(&kept, r#""    ""#), text("    "));
        assert_eq!(set(&kept, r#"" a ""#), text(" a "));
        assert_eq!(error(&kept, r#""""#), ["blank: This field may not be blank."]);
        assert_eq!(error(&kept, r#""     ""#), ["max_length: Ensure this field has no more than 4 characters."]);
    }

    #[test]
    fn messages_of_the_field() {
        let mut field = field(&CharField::new().max_length(3));
        field.messages.set("blank", "Not empty, please.");
        field.messages.set("max_length", "At most {max_length}!");
        let message = |json| details(field.clean(&parsed(json)).unwrap_err());
        assert_eq!(message(r#""""#), ["blank: Not empty, please."]);
        assert_eq!(message(r#""abcd""#), ["max_length: At most 3!"]);
    }

    #[test]
    fn cells() {
        assert_eq!(
            shown(&CharField::new(), Cell::Text("\"quoted\" <b>\u{2028}")).unwrap(),
            r#""\"quoted\" <b>\u2028""#
        );
        assert_eq!(shown(&CharField::new(), Cell::Int(7)).unwrap(), r#""7""#);
        assert_eq!(shown(&CharField::new(), Cell::Bool(true)).unwrap(), r#""True""#);
    }
}
