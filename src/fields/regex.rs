//! Text of a pattern.

use super::text::text_field;
use super::{CharField, FieldContext};
use crate::error::ErrorDetail;
use crate::value::pattern::{Pattern, PatternError};

/// Text in which a regular expression of Python's syntax is found.
///
/// | code | message |
/// |---|---|
/// | `invalid` | `This value does not match the required pattern.` |
/// | the others | as [`CharField`] |
///
/// The pattern is searched, not anchored: begin it with `^` and end it with `$`, or with `\Z` where a newline at the end
/// is not to pass (see [`Pattern`]).
///
/// ```
/// use bowline::fields::{Field, RegexField};
/// let field = Field::new("code", RegexField::new(r"^[A-Z]{2}\d{3}$")?);
/// assert!(field.clean(&"AB123".into()).is_ok());
/// assert!(field.clean(&"xAB123".into()).is_err());
/// # Ok::<(), bowline::value::pattern::PatternError>(())
/// ```
#[derive(Clone, Debug)]
pub struct RegexField {
    text: CharField,
    pattern: Pattern,
}

const NO_MATCH: &str = "This value does not match the required pattern.";

impl RegexField {
    /// Text of any length that matches.
    ///
    /// # Errors
    ///
    /// [`PatternError`] where the pattern is none; it becomes an [`Error`](crate::Error) of the start.
    pub fn new(pattern: impl Into<String>) -> Result<Self, PatternError> {
        Ok(RegexField { text: CharField::new(), pattern: Pattern::new(pattern)? })
    }

    fn refusal(&self, text: &str, cx: &FieldContext<'_>) -> Option<ErrorDetail> {
        (!self.pattern.is_match(text)).then(|| cx.text_detail("invalid", NO_MATCH, text))
    }
}

text_field!(RegexField, "regex", NO_MATCH);

/// Letters, digits, underscores and hyphens.
///
/// | code | message |
/// |---|---|
/// | `invalid` | `Enter a valid "slug" consisting of letters, numbers, underscores or hyphens.` |
/// | `invalid`, with [`allow_unicode`] | `Enter a valid "slug" consisting of Unicode letters, numbers, underscores, or hyphens.` |
/// | the others | as [`CharField`] |
///
/// An own message for letters of all scripts is set under `invalid_unicode`.
///
/// [`allow_unicode`]: SlugField::allow_unicode
///
/// ```
/// use bowline::fields::{Field, SlugField};
/// let field = Field::new("slug", SlugField::new());
/// assert!(field.clean(&"a-b_C9".into()).is_ok());
/// assert!(field.clean(&"a.b".into()).is_err());
/// ```
#[derive(Clone, Debug, Default)]
pub struct SlugField {
    text: CharField,
    unicode: Option<Pattern>,
}

const NO_SLUG: &str = "Enter a valid \"slug\" consisting of letters, numbers, underscores or hyphens.";
const NO_UNICODE_SLUG: &str = "Enter a valid \"slug\" consisting of Unicode letters, numbers, underscores, or hyphens.";

impl SlugField {
    /// ASCII letters only.
    pub fn new() -> Self {
        SlugField::default()
    }

    /// Whether letters and digits of all scripts are accepted.
    pub fn allow_unicode(mut self, yes: bool) -> Self {
        // a pattern that is known to be one
        self.unicode = if yes { Pattern::new(r"^[-\w]+\Z").ok() } else { None };
        self
    }

    fn refusal(&self, text: &str, cx: &FieldContext<'_>) -> Option<ErrorDetail> {
        if let Some(pattern) = &self.unicode {
            return (!pattern.is_match(text)).then(|| {
                let detail = cx.text_detail("invalid_unicode", NO_UNICODE_SLUG, text);
                ErrorDetail { code: "invalid".into(), ..detail }
            });
        }
        // DRF's pattern ends with `$`, which lets a newline at the end pass
        let line = text.strip_suffix('\n').unwrap_or(text);
        let refused = line.is_empty() || !line.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        refused.then(|| cx.text_detail("invalid", NO_SLUG, text))
    }
}

text_field!(SlugField, "slug", NO_SLUG);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::super::testing::{details, error, set};
    use super::*;
    use crate::fields::Field;

    #[test]
    fn patterns() {
        let field = RegexField::new(r"^[A-Z]{2}\d{3}$").unwrap();
        for json in [r#""AB123""#, r#"" AB123\n""#, r#""AB12٣""#] {
            set(&field, json);
        }
        let wrong = ["invalid: This value does not match the required pattern."];
        for json in [r#""ab123""#, r#""AB1234""#, r#""xAB123""#, "12345", "true", "[]", "{}"] {
            assert_eq!(error(&field, json), wrong, "{json}");
        }
        let field = RegexField::new("^[a-z]+$").unwrap().min_length(2).max_length(4);
        let max = "max_length: Ensure this field has no more than 4 characters.";
        assert_eq!(error(&field, r#""ABCDE""#), [max, wrong[0]]);
        let untrimmed = RegexField::new("^a$").unwrap().trim_whitespace(false);
        assert_eq!(set(&untrimmed, r#""a\n""#), "a\n".into());
        assert!(RegexField::new("(").is_err());
    }

    #[test]
    fn slugs() {
        let field = SlugField::new();
        for json in [r#""a-b_C9""#, r#""-""#, r#"" trimmed ""#, "12"] {
            set(&field, json);
        }
        let wrong = r#"invalid: Enter a valid "slug" consisting of letters, numbers, underscores or hyphens."#;
        for json in [r#""with space""#, r#""é""#, r#""a.b""#, "1.5", "true"] {
            assert_eq!(error(&field, json), [wrong], "{json}");
        }
        let untrimmed = SlugField::new().trim_whitespace(false);
        assert_eq!(set(&untrimmed, r#""a\n""#), "a\n".into());
        assert_eq!(error(&untrimmed, r#""\n""#), [wrong]);
    }

    #[test]
    fn slugs_of_all_scripts() {
        let field = SlugField::new().allow_unicode(true);
        for json in [r#""héllo-wörld""#, r#""日本語""#, r#""a-ß_9""#, r#""٣""#, r#""½""#] {
            set(&field, json);
        }
        let wrong = r#"invalid: Enter a valid "slug" consisting of Unicode letters, numbers, underscores, or hyphens."#;
        for json in [r#""a b""#, r#""☃""#, r#""a.b""#, r#""e\u0301""#] {
            assert_eq!(error(&field, json), [wrong], "{json}");
        }
        assert_eq!(error(&field.clone().trim_whitespace(false), r#""a\n""#), [wrong]);
        let own =
            Field::new("slug", field).error_message("invalid_unicode", "No.").error_message("invalid", "Not text.");
        assert_eq!(details(own.clean(&"☃".into()).unwrap_err()), ["invalid: No."]);
        assert_eq!(details(own.clean(&true.into()).unwrap_err()), ["invalid: Not text."]);
    }
}
