//! What the addresses of a view set begin with: plain text, or text with the values of what it is nested in.

use super::pattern::{Kwargs, PathPattern, expression_of};

/// The prefix of a view set, DRF's: `books`, `authors/<int:author_pk>/books`, or a regular expression after `^`.
#[derive(Clone, Debug)]
pub(super) struct Prefix {
    text: String,
    /// None where the text is all of it.
    pattern: Option<PathPattern>,
}

impl Prefix {
    /// Reads a prefix as it is written.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("\"{text}\" cannot be a prefix: it begins or ends with a slash, or has a dot.");
        if text.starts_with('/') || text.ends_with('/') {
            return Err(wrong());
        }
        let pattern = match is_plain(text) {
            true if text.contains('.') => return Err(wrong()),
            true => None,
            false => Some(PathPattern::beginning(text)?),
        };
        Ok(Prefix { text: text.to_owned(), pattern })
    }

    /// The values of a path that begins with it, and what comes after it.
    pub(super) fn strip<'a>(&self, path: &'a str) -> Option<(Kwargs, &'a str)> {
        match &self.pattern {
            None => Some((Vec::new(), path.strip_prefix(self.text.as_str())?)),
            Some(pattern) => pattern.strip(path),
        }
    }

    /// The names of its values.
    pub(super) fn names(&self) -> Vec<&str> {
        self.pattern.iter().flat_map(PathPattern::names).collect()
    }

    /// As it was written.
    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

/// Whether a prefix has no values.
pub(super) fn is_plain(text: &str) -> bool {
    !text.starts_with('^') && !text.contains('<')
}

/// A path below a prefix, both as they are written.
///
/// # Errors
///
/// A sentence that says what is wrong with the path.
pub(super) fn below(prefix: &str, path: &str, whole: bool) -> Result<String, String> {
    let end = if whole { "$" } else { "" };
    Ok(match (prefix.strip_prefix('^'), path.strip_prefix('^')) {
        (None, None) => format!("{prefix}{path}"),
        (None, Some(expression)) => format!("^{}{expression}", expression_of(prefix)?),
        (Some(prefix), None) => format!("^{prefix}{}{end}", expression_of(path)?),
        (Some(prefix), Some(expression)) => format!("^{prefix}{expression}"),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_paths_begin_with() {
        for (prefix, path, expected) in [
            ("books", "books/1/", Some(("", "/1/"))),
            ("books", "book/1/", None),
            ("a/<int:a_pk>/books", "a/07/books/1/", Some(("a_pk=7", "/1/"))),
            ("a/<int:a_pk>/books", "a/x/books/1/", None),
            ("^a/(?P<a_pk>[^/.]+)/books", "a/x y/books.json", Some(("a_pk=x y", ".json"))),
            ("^a/(?P<a_pk>[^/.]+)/books", "z/a/x/books/", None),
        ] {
            let found = Prefix::parse(prefix).unwrap().strip(path).map(|(kwargs, rest)| {
                (kwargs.iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>().join(" "), rest)
            });
            let found = found.as_ref().map(|(kwargs, rest)| (kwargs.as_str(), *rest));
            assert_eq!(found, expected, "{prefix} {path}");
        }
        for wrong in ["/a", "a/", "a.b", "^(", "<a"] {
            assert!(Prefix::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn below_each_other() {
        for (prefix, path, expected) in [
            ("a/", "b", "a/b"),
            ("a/", "^b$", "^a/b$"),
            ("a/<x>/", "^b$", "^a/(?P<x>[^/]+)/b$"),
            ("^a/(?P<x>.)/", "b.c/<int:n>/", "^a/(?P<x>.)/b\\.c/(?P<n>[0-9]+)/$"),
            ("^a/", "^b$", "^a/b$"),
        ] {
            assert_eq!(below(prefix, path, true).unwrap(), expected);
        }
    }
}
