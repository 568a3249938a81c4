//! Media types, as DRF compares those of `Accept` and `Content-Type` headers.

use std::borrow::Cow;

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
    /// Reads a header's value, or one of its parts between commas.
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

/// A header with parameters, Django's `parse_header_parameters`: what stands before the first `;` in lower case, and each
/// `name=value` after it, unquoted.
pub fn parameters(line: &str) -> (Cow<'_, str>, Vec<(String, Cow<'_, str>)>) {
    let mut parts = split(line);
    let first = parts.next().unwrap_or("").trim();
    let first = match first.bytes().any(|b| b.is_ascii_uppercase()) {
        true => Cow::Owned(first.to_ascii_lowercase()),
        false => Cow::Borrowed(first),
    };
    let params = parts.filter_map(|part| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let name = name.trim().to_ascii_lowercase();
        (!name.is_empty()).then(|| (name, unquoted(value.trim())))
    });
    (first, params.collect())
}

/// The parts between semicolons that are not inside quotes.
fn split(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let text = rest?;
        let (mut quoted, mut escaped) = (false, false);
        let end = text.bytes().position(|b| {
            match b {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                b';' if !quoted => return true,
                _ => {}
            }
            false
        });
        let (part, after) = match end {
            Some(end) => (text.get(..end).unwrap_or(text), text.get(end + 1..)),
            None => (text, None),
        };
        rest = after;
        Some(part)
    })
}

fn unquoted(value: &str) -> Cow<'_, str> {
    match value.strip_prefix('"').and_then(|v| v.strip_suffix('"')) {
        Some(inner) if inner.contains('\\') => inner.replace("\\\\", "\\").replace("\\\"", "\"").into(),
        Some(inner) => inner.into(),
        None => value.into(),
    }
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
    fn quotes() {
        let (first, params) = parameters(r#"attachment; filename="a;\"b\".txt"; ; X = y ;z"#);
        assert_eq!(first, "attachment");
        let params: Vec<_> = params.iter().map(|(n, v)| (n.as_str(), v.as_ref())).collect();
        assert_eq!(params, [("filename", "a;\"b\".txt"), ("x", "y"), ("z", "")]);
    }
}
