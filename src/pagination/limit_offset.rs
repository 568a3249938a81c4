//! Pages by a limit and an offset.

use std::borrow::Cow;
use std::sync::Arc;

use super::envelope::{Envelope, PageInfo, Wrap};
use super::number::Total;
use super::size::{Asked, Size, number};
use super::{Found, Links, Page, Pagination, Wanted};
use crate::context::Context;
use crate::error::{Result, ValidationError};
use crate::model::ModelMeta;
use crate::store::Dialect;
use crate::store::plan::Listing;

/// Some rows from a place on, DRF's `LimitOffsetPagination`: `?limit=100&offset=400`, envelope `count, next, previous,
/// results`.
///
/// What is no number counts as nothing said, and an offset beyond the end is an empty page, as in DRF. A limit that no
/// database can count to is a 400.
///
/// ```
/// use bowline::prelude::*;
/// let pagination = LimitOffsetPagination::new(20).max_limit(100);
/// ```
#[derive(Clone, Debug)]
pub struct LimitOffsetPagination {
    size: Size,
    offset: Cow<'static, str>,
    total: Total,
    wrap: Wrap,
}

impl LimitOffsetPagination {
    /// So many rows where the client names no limit; 0 stops the start of the program.
    pub fn new(default_limit: u64) -> Self {
        LimitOffsetPagination::of(Size::new(Some(default_limit)))
    }

    /// The whole list where the client names no limit (DRF's `default_limit = None`).
    pub fn on_demand() -> Self {
        LimitOffsetPagination::of(Size::new(None))
    }

    fn of(size: Size) -> Self {
        let size = Size { parameter: Some(Cow::Borrowed("limit")), ..size };
        LimitOffsetPagination { size, offset: Cow::Borrowed("offset"), total: Total::Counted, wrap: Wrap::drf() }
    }

    /// The most rows that clients get, whatever they ask for.
    pub fn max_limit(mut self, rows: u64) -> Self {
        self.size.max = Some(rows);
        self
    }

    /// The parameter that names the limit; `limit` by default.
    pub fn limit_query_param(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.size.parameter = Some(name.into());
        self
    }

    /// The parameter that names the offset; `offset` by default.
    pub fn offset_query_param(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.offset = name.into();
        self
    }

    /// Does not count: `next` is there when there is a further row.
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
}

impl Pagination for LimitOffsetPagination {
    fn over(&self, model: &ModelMeta, _: Dialect) -> Result<Option<Arc<dyn Pagination>>, String> {
        self.size.check(&model.name).map(|()| None)
    }

    fn paginate(&self, cx: &Context, _: &mut Listing) -> Result<Option<Box<dyn Page>>> {
        let limit = match self.size.of(cx) {
            None => return Ok(None),
            Some(Asked::Rows(limit)) => limit,
            Some(Asked::Endless) => return Err(too_many(self.size.parameter.as_deref())),
        };
        let offset = cx.query_param(&self.offset).and_then(|text| number(&text)).unwrap_or(0);
        let names = (self.size.parameter.clone(), self.offset.clone());
        let Self { total, wrap, .. } = self.clone();
        Ok(Some(Box::new(Part { limit, offset, names, total, wrap, links: Links::of(cx) })))
    }
}

/// 400 for more rows than can be counted.
pub(super) fn too_many(parameter: Option<&str>) -> crate::error::Error {
    let message = format!("Ensure this value is less than or equal to {}.", i64::MAX);
    ValidationError::field(parameter.unwrap_or("limit").to_owned(), ValidationError::new(message, "max_value")).into()
}

struct Part {
    limit: u64,
    /// As the client sent it: more than a database can skip, perhaps.
    offset: u128,
    names: (Option<Cow<'static, str>>, Cow<'static, str>),
    total: Total,
    wrap: Wrap,
    links: Links,
}

impl Part {
    fn link(&self, offset: u128) -> String {
        let (limit, text) = (self.limit.to_string(), offset.to_string());
        let text = (offset > 0).then_some(text.as_str());
        match &self.names {
            (Some(name), offset) => self.links.with(&[(name, Some(&limit)), (offset, text)]),
            (None, offset) => self.links.with(&[(offset, text)]),
        }
    }
}

impl Page for Part {
    fn wanted(&self) -> Wanted {
        let limit = self.limit;
        let offset = u64::try_from(self.offset).unwrap_or(u64::MAX).min(i64::MAX.unsigned_abs());
        match self.total {
            Total::Counted => Wanted::Counted { limit, offset },
            Total::Estimated => Wanted::Estimated { limit: limit + 1, offset },
            Total::Unknown => Wanted::Part { limit: limit + 1, offset },
        }
    }

    fn envelope(&self, found: &Found<'_>) -> Result<Envelope> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let after = self.offset.saturating_add(self.limit.into());
        let more = match (self.total, found.count()) {
            (Total::Counted, Some(count)) => after < count.into(),
            _ => found.len() > limit,
        };
        let page = PageInfo {
            count: found.count(),
            size: self.limit,
            offset: u64::try_from(self.offset).ok(),
            next: more.then(|| self.link(after)),
            previous: (self.offset > 0).then(|| self.link(self.offset.saturating_sub(self.limit.into()))),
            ..PageInfo::default()
        };
        Ok(self.wrap.around(&page).showing(found.len().min(limit)))
    }
}
