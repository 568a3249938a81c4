//! Media types and what matches them, DRF's `_MediaType`.

use super::header::Parameters;

/// Longer ones match nothing.
const MAX_LENGTH: usize = 256;

/// A media type with wildcards and parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct MediaType {
    main: String,
    sub: String,
    parameters: Parameters,
}

impl MediaType {
    /// Reads `type/subtype; name=value`; what cannot be read matches only a wildcard.
    pub(crate) fn parse(text: &str) -> Self {
        let parameters = Parameters::parse(text).unwrap_or_default();
        let (main, sub) = parameters.main.split_once('/').unwrap_or((&parameters.main, ""));
        MediaType { main: main.to_owned(), sub: sub.to_owned(), parameters }
    }

    /// Whether it is what the other asks for: wildcards on both sides match, and the other has each of its parameters.
    pub(crate) fn matches(&self, other: &MediaType) -> bool {
        let alike = |own: &str, other: &str| own == "*" || other == "*" || own == other;
        let given = |name: &str| other.parameters.get(name) == self.parameters.get(name);
        self.parameters.iter().all(|(name, _)| name == "q" || given(name))
            && alike(&self.sub, &other.sub)
            && alike(&self.main, &other.main)
    }
}

/// Whether a content type is one of the two that HTML forms have.
pub(crate) fn is_form(content_type: &str) -> bool {
    let is_type = |main: &str| matches!(main, "application/x-www-form-urlencoded" | "multipart/form-data");
    !is_too_long(content_type) && Parameters::parse(content_type).is_some_and(|p| is_type(&p.main))
}

/// Whether a content type is longer than DRF reads.
pub(crate) fn is_too_long(content_type: &str) -> bool {
    content_type.len() > MAX_LENGTH && content_type.chars().count() > MAX_LENGTH
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(own: &str, other: &str) -> bool {
        MediaType::parse(own).matches(&MediaType::parse(other))
    }

    #[test]
    fn wildcards_and_parameters() {
        for other in ["application/json", "APPLICATION/json; charset=x", "application/*", "*/*", "*/json"] {
            assert!(matches("application/json", other), "{other}");
        }
        for other in ["", "json", "application", "text/json", "application/*+json", "*"] {
            assert!(!matches("application/json", other), "{other}");
        }
        assert!(matches("*/*", "anything/at-all"));
        assert!(matches("*/*", ""));
        assert!(matches("a/b; v=1; q=0.5", "a/b; x=2; v=1"));
        assert!(!matches("a/b; v=1", "a/b"));
        assert!(!matches("a/b; v=1", "a/b; v=2"));
    }

    #[test]
    fn forms() {
        assert!(is_form("Multipart/Form-Data; boundary=x"));
        assert!(!is_form("multipart/*"));
        assert!(!is_form(&format!("multipart/form-data; boundary={}", "x".repeat(256))));
    }
}
