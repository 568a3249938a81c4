//! Pages by number.

use std::borrow::Cow;
use std::sync::Arc;

use super::envelope::{Envelope, PageInfo, Wrap};
use super::size::{Asked, Size};
use super::{Found, Links, Page, Pagination, Wanted};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::model::ModelMeta;
use crate::store::Dialect;
use crate::store::plan::Listing;
use crate::value::{Value, python};

/// Pages by number, DRF's `PageNumberPagination`: `?page=2`, envelope `count, next, previous, results`.
///
/// Off unless a view set or the settings name it. Count and page come from one statement and so from one snapshot.
/// Counting reads the whole table: [`without_count`](Self::without_count) leaves it out, and with it the key `count`;
/// [`estimated_count`](Self::estimated_count) asks the database's statistics.
///
/// ```
/// use bowline::prelude::*;
/// let pagination = PageNumberPagination::new(20).page_size_query_param("page_size").max_page_size(100);
/// ```
#[derive(Clone, Debug)]
pub struct PageNumberPagination {
    size: Size,
    parameter: Cow<'static, str>,
    last: Vec<Cow<'static, str>>,
    total: Total,
    wrap: Wrap,
}

/// How it becomes known how many rows there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Total {
    Counted,
    Estimated,
    Unknown,
}

impl PageNumberPagination {
    /// Pages of this size; 0 stops the start of the program.
    pub fn new(page_size: u64) -> Self {
        PageNumberPagination {
            size: Size::new(Some(page_size)),
            parameter: Cow::Borrowed("page"),
            last: vec![Cow::Borrowed("last")],
            total: Total::Counted,
            wrap: Wrap::drf(),
        }
    }

    /// The whole list, unless the client says by this parameter how many rows a page is to have (DRF's `page_size = None`).
    pub fn on_demand(page_size_query_param: impl Into<Cow<'static, str>>) -> Self {
        let mut pagination = PageNumberPagination::new(1);
        pagination.size = Size::new(None);
        pagination.page_size_query_param(page_size_query_param)
    }

    /// Clients may name another page size by this parameter; [`max_page_size`](Self::max_page_size) should bound it.
    pub fn page_size_query_param(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.size.parameter = Some(name.into());
        self
    }

    /// The most rows of a page that clients get, whatever they ask for.
    pub fn max_page_size(mut self, rows: u64) -> Self {
        self.size.max = Some(rows);
        self
    }

    /// The parameter that names the page; `page` by default.
    pub fn page_query_param(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.parameter = name.into();
        self
    }

    /// The words for the last page; `last` by default.
    pub fn last_page_strings<W: Into<Cow<'static, str>>>(mut self, words: impl IntoIterator<Item = W>) -> Self {
        self.last = words.into_iter().map(Into::into).collect();
        self
    }

    /// Does not count: `next` is there when there is a further row, and the last page has no name.
    pub fn without_count(mut self) -> Self {
        self.total = Total::Unknown;
        self
    }

    /// Counts by the database's statistics where there are more than about 10,000 rows; `next` is right nevertheless.
    ///
    /// SQLite has no such statistics and counts.
    pub fn estimated_count(mut self) -> Self {
        self.total = Total::Estimated;
        self
    }

    /// With an envelope of one's own (DRF's `get_paginated_response`).
    pub fn envelope(mut self, make: impl Fn(&PageInfo) -> Envelope + Send + Sync + 'static) -> Self {
        self.wrap = Wrap::new(make);
        self
    }

    /// The page that a text names: none for the last one.
    fn number(&self, text: Option<&str>) -> Result<Option<u64>> {
        // an empty one is none, as in DRF
        let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(Some(1)) };
        if self.last.iter().any(|word| word == text) {
            // the last page is known only with the count
            return if self.total == Total::Unknown { Err(invalid()) } else { Ok(None) };
        }
        match python::parse_int(text) {
            Some(Value::Int(number)) if number >= 1 => Ok(Some(number.unsigned_abs())),
            _ => Err(invalid()),
        }
    }
}

impl Pagination for PageNumberPagination {
    fn over(&self, model: &ModelMeta, _: Dialect) -> Result<Option<Arc<dyn Pagination>>, String> {
        self.size.check(&model.name).map(|()| None)
    }

    fn paginate(&self, cx: &Context, _: &mut Listing) -> Result<Option<Box<dyn Page>>> {
        let size = match self.size.of(cx) {
            None => return Ok(None),
            Some(Asked::Rows(size)) => size,
            Some(Asked::Endless) => i64::MAX.unsigned_abs(),
        };
        let number = self.number(cx.query_param(&self.parameter).as_deref())?;
        let offset = match number {
            Some(number) => (number - 1).checked_mul(size).filter(|n| i64::try_from(*n).is_ok()).ok_or_else(invalid)?,
            None => 0,
        };
        let Self { parameter, total, wrap, .. } = self.clone();
        Ok(Some(Box::new(Numbered { number, size, offset, parameter, total, wrap, links: Links::of(cx) })))
    }
}

struct Numbered {
    /// None for the last one.
    number: Option<u64>,
    size: u64,
    offset: u64,
    parameter: Cow<'static, str>,
    total: Total,
    wrap: Wrap,
    links: Links,
}

impl Numbered {
    fn link(&self, number: u64) -> String {
        // the first page has no number
        let text = (number > 1).then(|| number.to_string());
        self.links.with(&[(&self.parameter, text.as_deref())])
    }
}

impl Page for Numbered {
    fn wanted(&self) -> Wanted {
        let Numbered { size, offset, .. } = *self;
        match (self.number, self.total) {
            (None, _) => Wanted::Last { size },
            (_, Total::Counted) => Wanted::Counted { limit: size, offset },
            // one row more than the page tells whether there is a next one
            (_, Total::Estimated) => Wanted::Estimated { limit: size + 1, offset },
            (_, Total::Unknown) => Wanted::Part { limit: size + 1, offset },
        }
    }

    fn envelope(&self, found: &Found<'_>) -> Result<Envelope> {
        let pages = found.count().map(|count| count.div_ceil(self.size).max(1));
        let number = self.number.or(pages).unwrap_or(1);
        if found.is_empty() && number > 1 {
            return Err(invalid());
        }
        let size = usize::try_from(self.size).unwrap_or(usize::MAX);
        let more = match (self.number, self.total, pages) {
            (None, ..) => false,
            (_, Total::Counted, Some(pages)) => number < pages,
            _ => found.len() > size,
        };
        let page = PageInfo {
            count: found.count(),
            pages,
            number: Some(number),
            size: self.size,
            offset: Some((number - 1).saturating_mul(self.size)),
            next: more.then(|| self.link(number + 1)),
            previous: (number > 1).then(|| self.link(number - 1)),
        };
        Ok(self.wrap.around(&page).showing(found.len().min(size)))
    }
}

fn invalid() -> Error {
    Error::NotFound("Invalid page.".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_named_by_numbers_and_words() {
        let pagination = PageNumberPagination::new(5).last_page_strings(["last", "end"]);
        for (text, number) in
            [(None, Some(1)), (Some(""), Some(1)), (Some(" 2 "), Some(2)), (Some("last"), None), (Some("end"), None)]
        {
            assert_eq!(pagination.number(text).ok(), Some(number), "{text:?}");
        }
        for text in ["0", "-1", "abc", "1.0", "99999999999999999999", "LAST"] {
            assert!(pagination.number(Some(text)).is_err(), "{text}");
        }
        assert!(pagination.without_count().number(Some("last")).is_err());
    }
}
