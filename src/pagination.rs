//! Pages of a list, in DRF's envelopes.
//!
//! See DRF's chapter "Pagination".

use std::borrow::Cow;

use crate::error::{Error, Result};
use crate::value::query::{encode, parameters};
use crate::value::{Value, python, write};

/// Pages by number, DRF's `PageNumberPagination`: `?page=2`, envelope `count, next, previous, results`.
///
/// Off unless a view set or the settings name it. Count and page come from one statement and so from one snapshot.
/// Counting reads the whole table: [`without_count`](Self::without_count) leaves it out, and with it the key `count`.
///
/// ```
/// use bowline::prelude::*;
/// let pagination = PageNumberPagination::new(20);
/// ```
#[derive(Clone, Debug)]
pub struct PageNumberPagination {
    page_size: u64,
    counted: bool,
}

/// Where a request asked for a list.
#[derive(Clone, Copy, Debug)]
pub struct Location<'a> {
    /// Scheme, host and path: `http://example.org/documents/`.
    pub url: &'a str,
    /// The query string, without `?`.
    pub query: &'a str,
}

/// A page that a request asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Its number, from 1.
    pub number: u64,
    /// The most rows it has.
    pub limit: u64,
    /// The rows before it.
    pub offset: u64,
    /// Whether the request named it by a number or `last`.
    last: bool,
}

impl PageNumberPagination {
    /// Pages of this size, which is 1 at least.
    pub fn new(page_size: u64) -> Self {
        PageNumberPagination { page_size: page_size.max(1), counted: true }
    }

    /// Does not count: `next` is there when there is a further row.
    pub fn without_count(mut self) -> Self {
        self.counted = false;
        self
    }

    /// Whether the envelope has a count.
    pub fn counts(&self) -> bool {
        self.counted
    }

    /// The page that a query names; the first where it names none.
    ///
    /// # Errors
    ///
    /// 404 `Invalid page.` for anything but a positive number.
    pub fn page(&self, location: &Location<'_>) -> Result<Page> {
        let named = parameters(location.query).into_iter().rev().find(|(name, _)| name == "page");
        // an empty one is none, as in DRF
        let named = named.filter(|(_, number)| !number.is_empty());
        let number = match &named {
            None => 1,
            // the last page is known only with the count; DRF's `last` needs one
            Some((_, text)) if text == "last" && self.counted => {
                return Ok(Page { number: u64::MAX, limit: self.page_size, offset: 0, last: true });
            }
            Some((_, text)) => match python::parse_int(text) {
                Some(Value::Int(number)) if number >= 1 => number.unsigned_abs(),
                _ => return Err(invalid()),
            },
        };
        let offset = (number - 1).checked_mul(self.page_size).filter(|n| i64::try_from(*n).is_ok());
        Ok(Page { number, limit: self.page_size, offset: offset.ok_or_else(invalid)?, last: false })
    }

    /// 404 for a page past the end.
    pub(crate) fn no_such_page(&self) -> Error {
        invalid()
    }

    /// Whether the page can only be found once the count is known.
    pub(crate) fn is_last(page: &Page) -> bool {
        page.last
    }

    /// The last page of so many rows.
    pub(crate) fn last_of(&self, count: u64) -> Page {
        let number = count.div_ceil(self.page_size).max(1);
        Page { number, limit: self.page_size, offset: (number - 1) * self.page_size, last: false }
    }

    /// Writes the envelope up to its results.
    ///
    /// # Errors
    ///
    /// 404 `Invalid page.` for a page past the end.
    pub fn open(&self, location: &Location<'_>, page: &Page, count: u64, out: &mut Vec<u8>) -> Result<()> {
        let pages = count.div_ceil(self.page_size).max(1);
        if page.number > pages {
            return Err(invalid());
        }
        out.extend_from_slice(b"{\"count\":");
        write::int(i64::try_from(count).unwrap_or(i64::MAX), out);
        out.push(b',');
        self.links(location, page, page.number < pages, out);
        Ok(())
    }

    /// The same without a count.
    ///
    /// # Errors
    ///
    /// 404 `Invalid page.` for an empty page that is not the first.
    pub fn open_uncounted(
        &self,
        location: &Location<'_>,
        page: &Page,
        more: bool,
        empty: bool,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        if empty && page.number > 1 {
            return Err(invalid());
        }
        out.push(b'{');
        self.links(location, page, more, out);
        Ok(())
    }

    fn links(&self, location: &Location<'_>, page: &Page, more: bool, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\"next\":");
        link(location, more.then(|| page.number + 1), out);
        out.extend_from_slice(b",\"previous\":");
        link(location, page.number.checked_sub(1).filter(|n| *n > 0), out);
        out.extend_from_slice(b",\"results\":");
    }
}

fn invalid() -> Error {
    Error::NotFound("Invalid page.".into())
}

/// DRF's `replace_query_param`: the parameters sorted by name; page 1 has no parameter.
fn link(location: &Location<'_>, page: Option<u64>, out: &mut Vec<u8>) {
    let Some(page) = page else {
        out.extend_from_slice(b"null");
        return;
    };
    let mut parameters = parameters(location.query);
    parameters.retain(|(name, _)| name != "page");
    if page > 1 {
        parameters.push((Cow::Borrowed("page"), page.to_string().into()));
    }
    parameters.sort_by(|a, b| a.0.cmp(&b.0));
    let mut url = location.url.to_owned();
    for (n, (name, value)) in parameters.iter().enumerate() {
        url.push(if n == 0 { '?' } else { '&' });
        encode(name, &mut url);
        url.push('=');
        encode(value, &mut url);
    }
    write::string(&url, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(query: &str, count: u64) -> Option<String> {
        let location = Location { url: "http://testserver/lib/", query };
        let pagination = PageNumberPagination::new(5);
        let page = pagination.page(&location).ok()?;
        let mut out = Vec::new();
        pagination.open(&location, &page, count, &mut out).ok()?;
        String::from_utf8(out).ok()
    }

    #[test]
    fn links_are_drfs() {
        let first = r#"{"count":12,"next":"http://testserver/lib/?b=1&page=2&z=%C3%A9+x","previous":null,"results":"#;
        assert_eq!(opened("z=%C3%A9+x&b=1", 12).as_deref(), Some(first));
        let second =
            r#"{"count":12,"next":"http://testserver/lib/?page=3","previous":"http://testserver/lib/","results":"#;
        assert_eq!(opened("page=2", 12).as_deref(), Some(second));
    }

    #[test]
    fn pages_that_are_not_there() {
        for query in
            ["page=0", "page=-1", "page=abc", "page=4", "page=99999999999999999999", "page=9223372036854775807"]
        {
            assert_eq!(opened(query, 12), None, "{query}");
        }
        assert!(opened("page=1", 0).is_some());
    }
}
