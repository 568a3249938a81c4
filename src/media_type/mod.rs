//! Media types, as DRF compares those of `Accept` and `Content-Type` headers.

use std::borrow::Cow;

pub(crate) mod charset;
pub(crate) mod header;

use header::Parameters;

use crate::value::python;

/// Longer media types match nothing.
const MAX_LENGTH: usize = 256;

/// A media type with its parameters: `application/json; indent=4`.
///
/// ```
/// use bowline::media_type::MediaType;
/// let json = MediaType::parse("Application/JSON; Indent=\"4\"");
/// assert_eq!((json.full_type().as_ref(), json.param("indent")), ("application/json", Some("4")));
/// assert!(MediaType::parse("application/*").matches(&json));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaType<'a> {
    main: Cow<'a, str>,
    sub: Cow<'a, str>,
    params: Vec<(String, Cow<'a, str>)>,
}

impl<'a> MediaType<'a> {
    /// Reads a header's value, or one of its parts between commas; what cannot be read is the empty type.
    pub fn parse(text: &'a str) -> Self {
        let (full, params) = parameters(text);
        let (main, sub) = match full {
            Cow::Borrowed(full) => full.split_once('/').map_or((full.into(), "".into()), |(m, s)| (m.into(), s.into())),
            Cow::Owned(full) => {
                let (main, sub) = full.split_once('/').unwrap_or((&full, ""));
                (main.to_owned().into(), sub.to_owned().into())
            }
        };
        MediaType { main, sub, params }
    }

    /// The same, borrowing nothing.
    pub fn into_owned(self) -> MediaType<'static> {
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        MediaType {
            main: owned(self.main),
            sub: owned(self.sub),
            params: self.params.into_iter().map(|(name, value)| (name, owned(value))).collect(),
        }
    }

    /// The type without parameters, in lower case.
    pub fn full_type(&self) -> Cow<'_, str> {
        if self.sub.is_empty() { Cow::Borrowed(&self.main) } else { format!("{}/{}", self.main, self.sub).into() }
    }

    /// The value of a parameter.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_ref())
    }

    /// The parameters, with their names in lower case.
    pub fn params(&self) -> impl Iterator<Item = (&str, &str)> {
        self.params.iter().map(|(name, value)| (name.as_str(), value.as_ref()))
    }

    /// Whether both may mean the same type; parameters of `self` other than `q` must be in `other` too.
    pub fn matches(&self, other: &MediaType<'_>) -> bool {
        let same = |a: &str, b: &str| a == "*" || b == "*" || a == b;
        self.params().all(|(name, value)| name == "q" || other.param(name) == Some(value))
            && same(&self.sub, &other.sub)
            && same(&self.main, &other.main)
    }

    /// How specific it is: `*/*` 0, `text/*` 1, `text/html` 2, with parameters 3.
    pub fn precedence(&self) -> u8 {
        if self.main == "*" {
            0
        } else if self.sub == "*" {
            1
        } else if self.params.iter().all(|(name, _)| name == "q") {
            2
        } else {
            3
        }
    }
}

/// Whether a content type is one of the two that HTML forms have.
pub(crate) fn is_form(content_type: &str) -> bool {
    let is_type = |full: &str| matches!(full, "application/x-www-form-urlencoded" | "multipart/form-data");
    !is_too_long(content_type) && is_type(&parameters(content_type).0)
}

/// Whether a media type is longer than DRF reads.
pub(crate) fn is_too_long(media_type: &str) -> bool {
    media_type.len() > MAX_LENGTH && media_type.chars().count() > MAX_LENGTH
}

/// What stands before the first `;` in lower case, and the parameters after it.
fn parameters(line: &str) -> (Cow<'_, str>, Vec<(String, Cow<'_, str>)>) {
    if !line.contains(';') {
        let full = python::strip(line);
        let is_lower = !full.contains(|c: char| c.is_uppercase());
        return (if is_lower { full.into() } else { full.to_lowercase().into() }, Vec::new());
    }
    let Parameters { main, parameters } = Parameters::parse(line).unwrap_or_default();
    (main.into(), parameters.into_iter().map(|(name, value)| (name, value.into())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precedence() {
        for (text, precedence) in [
            ("*/*", 0),
            ("*/*; q=0.1", 0),
            ("text/*", 1),
            ("text/html", 2),
            ("text/html;q=1", 2),
            ("text/html;level=1", 3),
            ("nonsense", 2),
            ("", 2),
        ] {
            assert_eq!(MediaType::parse(text).precedence(), precedence, "{text}");
        }
    }

    #[test]
    fn matching() {
        let json = MediaType::parse("application/json");
        for (text, matches) in [
            ("application/json", true),
            ("application/json; indent=4", true),
            ("APPLICATION/JSON", true),
            ("application/*", true),
            ("*/*", true),
            ("*/json", true),
            ("text/json", false),
            ("nonsense", false),
            ("", false),
        ] {
            assert_eq!(json.matches(&MediaType::parse(text)), matches, "{text}");
        }
        let versioned = MediaType::parse("application/json; version=1; q=0.5");
        assert!(!versioned.matches(&json));
        assert!(versioned.matches(&MediaType::parse("application/json; version=1")));
    }

    #[test]
    fn forms() {
        assert!(is_form("Multipart/Form-Data; boundary=x"));
        assert!(is_form("APPLICATION/x-www-form-urlencoded"));
        assert!(!is_form("multipart/*"));
        assert!(!is_form("multipart/form-data; x*=nope''x"));
        assert!(!is_form(&format!("multipart/form-data; boundary={}", "x".repeat(256))));
    }
}
