//! How many rows a page has, and whether a client may say so.

use std::borrow::Cow;

use crate::context::Context;
use crate::value::{Value, python};

/// The size of pages: one's own, or the client's.
#[derive(Clone, Debug)]
pub(super) struct Size {
    /// Where a client says nothing; without it such a request gets the whole list.
    pub(super) default: Option<u64>,
    /// The parameter by which clients say it.
    pub(super) parameter: Option<Cow<'static, str>>,
    /// The most that they get.
    pub(super) max: Option<u64>,
}

/// What a client wants, which may be more than a database can count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Rows(u64),
    Endless,
}

impl Size {
    pub(super) fn new(default: Option<u64>) -> Self {
        Size { default, parameter: None, max: None }
    }

    /// Whether pages of such a size can have rows.
    ///
    /// # Errors
    ///
    /// A sentence that says what to change.
    pub(super) fn check(&self, model: &str) -> Result<(), String> {
        let empty = |what: &str| Err(format!("{model}: {what} of 0 leaves every page without rows: say 1 or more."));
        if self.default == Some(0) {
            return empty("a page size");
        }
        if self.max == Some(0) {
            return empty("a largest page size");
        }
        match &self.parameter {
            Some(name) if name.is_empty() => Err(format!("{model}: the parameter of the page size has no name.")),
            _ => Ok(()),
        }
    }

    /// DRF's `get_page_size`: what is no positive number counts as nothing said.
    pub(super) fn of(&self, cx: &Context) -> Option<Asked> {
        let said = self.parameter.as_ref().and_then(|name| cx.query_param(name)).and_then(|text| number(&text));
        let said = said.filter(|said| *said > 0);
        match (said, self.max) {
            (Some(said), Some(max)) => Some(Asked::Rows(u64::try_from(said).map_or(max, |said| said.min(max)))),
            (Some(said), None) => Some(match i64::try_from(said) {
                Ok(said) => Asked::Rows(said.unsigned_abs()),
                Err(_) => Asked::Endless,
            }),
            (None, _) => self.default.map(Asked::Rows),
        }
    }
}

/// DRF's `_positive_int`, zero included; beyond 128 bits it is the largest number that these hold.
pub(super) fn number(text: &str) -> Option<u128> {
    match python::parse_int(text)? {
        Value::Int(int) => u128::try_from(int).ok(),
        Value::BigInt(digits) if digits.starts_with('-') => None,
        Value::BigInt(digits) => Some(digits.parse().unwrap_or(u128::MAX)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_are_pythons() {
        assert_eq!(number(" 1_0 "), Some(10));
        assert_eq!(number("0"), Some(0));
        assert_eq!(number("-1"), None);
        assert_eq!(number("1.0"), None);
        assert_eq!(number(""), None);
        assert_eq!(number(&"9".repeat(25)), Some(9_999_999_999_999_999_999_999_999));
        assert_eq!(number(&"9".repeat(60)), Some(u128::MAX));
        assert_eq!(number(&format!("-{}", "9".repeat(60))), None);
    }
}
