//! Pages by a place in an order.

use std::borrow::Cow;
use std::sync::Arc;

use super::envelope::{Envelope, PageInfo, Wrap};
use super::limit_offset::too_many;
use super::size::{Asked, Size};
use super::{Found, Links, Page, Pagination, Wanted};
use crate::context::Context;
use crate::error::Result;
use crate::model::ModelMeta;
use crate::store::Dialect;
use crate::store::plan::{Listing, Order, Source};
use crate::suggest::candidates;

mod keyset;
mod token;
mod walk;

use keyset::{Key, after, has_positions};
use token::{Cursor, Position, invalid};
use walk::Walk;

/// Pages from a place on, DRF's `CursorPagination`: `?cursor=cD0yMDI0…`, envelope `next, previous, results`.
///
/// A page costs the same however far down the list it is, and rows that come or go meanwhile move no others: whoever walks
/// from the first page to the last meets every row that is there all the time exactly once, as long as its keys stay.
///
/// Cursors are DRF's, and those that DRF made are understood. DRF's say the value of the first field of the order and how many
/// rows to pass over that share it; where several do, these also say the whole place of a row, for which the key is added to
/// the order. So they are right where DRF skips or repeats rows, goes round in circles (more rows of one value than
/// `offset_cutoff`) or fails (NULL). [`drf_cursors`](Self::drf_cursors) makes them DRF's to the letter.
///
/// The order is that of an `OrderingFilter` of the view where there is one.
///
/// ```
/// use bowline::prelude::*;
/// let newest_first = CursorPagination::new(20, ["-created"]);
/// let by_rank = CursorPagination::new(20, ["rank", "label"]).page_size_query_param("page_size").max_page_size(100);
/// # let _ = (newest_first, by_rank);
/// ```
#[derive(Clone, Debug)]
pub struct CursorPagination {
    size: Size,
    ordering: Vec<(String, bool)>,
    parameter: Cow<'static, str>,
    cutoff: u64,
    drf: bool,
    wrap: Wrap,
}

impl CursorPagination {
    /// Pages of this size, ordered by these fields, descending with `-` before them.
    ///
    /// The fields should keep their values. A field that the model does not have, or whose values have no order, is a mistake
    /// that start-up reports.
    pub fn new<'a>(page_size: u64, ordering: impl IntoIterator<Item = &'a str>) -> Self {
        let ordering = ordering.into_iter().map(|field| match field.strip_prefix('-') {
            Some(name) => (name.to_owned(), true),
            None => (field.to_owned(), false),
        });
        CursorPagination {
            size: Size::new(Some(page_size)),
            ordering: ordering.collect(),
            parameter: Cow::Borrowed("cursor"),
            cutoff: 1000,
            drf: false,
            wrap: Wrap::drf(),
        }
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

    /// The parameter that names the cursor; `cursor` by default.
    pub fn cursor_query_param(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.parameter = name.into();
        self
    }

    /// The most rows that a cursor may pass over, DRF's `offset_cutoff`; 1000 by default.
    pub fn offset_cutoff(mut self, rows: u64) -> Self {
        self.cutoff = rows;
        self
    }

    /// Writes cursors as DRF does, byte for byte, wherever DRF's do not fail: rows that share a value are counted, and a row that
    /// comes or goes among them meanwhile makes the walk pass over another one or meet it twice.
    pub fn drf_cursors(mut self) -> Self {
        self.drf = true;
        self
    }

    /// With an envelope of one's own (DRF's `get_paginated_response`).
    pub fn envelope(mut self, make: impl Fn(&PageInfo) -> Envelope + Send + Sync + 'static) -> Self {
        self.wrap = Wrap::new(make);
        self
    }
}

impl Pagination for CursorPagination {
    fn over(&self, model: &ModelMeta, dialect: Dialect) -> Result<Option<Arc<dyn Pagination>>, String> {
        self.size.check(&model.name)?;
        let primary = || model.primary_key.first().copied();
        let mut keys = Vec::with_capacity(self.ordering.len());
        for (name, descending) in &self.ordering {
            let found = if name == "pk" { primary() } else { model.named(name).or_else(|| model.column(name)) };
            let Some(source) = found.and_then(|n| Source::column(model, n)) else {
                let known = candidates(name, model.columns.iter().map(|column| column.name.as_str()));
                return Err(format!("{} has no field {name} for a cursor to follow.{known}", model.name));
            };
            if !has_positions(source.kind) {
                return Err(format!("{}.{name}: a cursor cannot follow values of this kind.", model.name));
            }
            keys.push(Key { source, descending: *descending });
        }
        if keys.is_empty() {
            return Err(format!("{}: cursor pagination needs an ordering.", model.name));
        }
        let tie = primary().and_then(|n| Source::column(model, n));
        Ok(Some(Arc::new(Bound { pagination: self.clone(), dialect, keys, tie })))
    }

    fn paginate(&self, _: &Context, _: &mut Listing) -> Result<Option<Box<dyn Page>>> {
        Err(crate::error::Error::internal("cursor pagination outside of a router has no model"))
    }
}

/// Over a model.
#[derive(Debug)]
struct Bound {
    pagination: CursorPagination,
    dialect: Dialect,
    keys: Vec<Key>,
    /// What rows differ by in any case.
    tie: Option<Arc<Source>>,
}

impl Bound {
    /// The order of the list, in which no two rows have the same place.
    fn order(&self, listing: &Listing) -> Vec<Key> {
        let key = |Order { source, descending }: &Order| Key { source: Arc::clone(source), descending: *descending };
        let mut keys: Vec<Key> = match listing.order.as_deref() {
            None | Some([]) => self.keys.clone(),
            Some(order) => order.iter().map(key).collect(),
        };
        if let Some(tie) = &self.tie
            && !keys.iter().any(|key| key.source == *tie)
        {
            keys.push(Key { source: Arc::clone(tie), descending: false });
        }
        keys
    }
}

impl Pagination for Bound {
    fn paginate(&self, cx: &Context, listing: &mut Listing) -> Result<Option<Box<dyn Page>>> {
        let CursorPagination { size, parameter, cutoff, drf, wrap, .. } = &self.pagination;
        let size = match size.of(cx) {
            None => return Ok(None),
            Some(Asked::Rows(size)) if size < i64::MAX.unsigned_abs() => size,
            Some(_) => return Err(too_many(size.parameter.as_deref())),
        };
        let keys = self.order(listing);
        let cursor = cx.query_param(parameter).map(|text| Cursor::decode(&text, *cutoff)).transpose()?;
        let reverse = cursor.as_ref().is_some_and(|cursor| cursor.reverse);
        let walked: Vec<Key> = keys.iter().map(|key| if reverse { key.reversed() } else { key.clone() }).collect();
        let mut offset = 0;
        if let Some(Cursor { position, anchor, offset: passed, .. }) = &cursor {
            match (anchor, position) {
                (Some(anchor), _) if anchor.len() != walked.len() => return Err(invalid()),
                (Some(anchor), _) => listing.filters.push(after(&walked, anchor, self.dialect)?),
                (None, Some(position)) => {
                    listing.filters.push(after(&walked, &[Some(position.clone())], self.dialect)?);
                    offset = *passed;
                }
                (None, None) => offset = *passed,
            }
        }
        listing.keys = keys.iter().map(|key| Arc::clone(&key.source)).collect();
        let order = walked.into_iter().map(|Key { source, descending, .. }| Order { source, descending });
        listing.order = Some(order.collect());
        Ok(Some(Box::new(Stretch {
            size,
            offset,
            width: keys.len(),
            cursor,
            parameter: parameter.clone(),
            cutoff: drf.then_some(*cutoff),
            wrap: wrap.clone(),
            links: Links::of(cx),
        })))
    }
}

/// A page of a walk.
struct Stretch {
    size: u64,
    offset: u64,
    /// How many keys the order has.
    width: usize,
    cursor: Option<Cursor>,
    parameter: Cow<'static, str>,
    cutoff: Option<u64>,
    wrap: Wrap,
    links: Links,
}

impl Stretch {
    fn positions(&self, found: &Found<'_>, row: usize) -> Result<Vec<Position>> {
        let position = |key| {
            let value = found.key(row, key)?;
            Ok(if value.is_null() { None } else { Some(value.to_python_str().into_owned()) })
        };
        (0..self.width).map(position).collect()
    }
}

impl Page for Stretch {
    fn wanted(&self) -> Wanted {
        Wanted::Part { limit: self.size + 1, offset: self.offset }
    }

    fn envelope(&self, found: &Found<'_>) -> Result<Envelope> {
        let shown = found.len().min(usize::try_from(self.size).unwrap_or(usize::MAX));
        let backwards = self.cursor.as_ref().is_some_and(|cursor| cursor.reverse);
        let mut rows: Vec<Vec<Position>> = (0..shown).map(|row| self.positions(found, row)).collect::<Result<_>>()?;
        if backwards {
            rows.reverse();
        }
        let beyond = if found.len() > shown { Some(self.positions(found, shown)?.swap_remove(0)) } else { None };
        let walk = Walk { cursor: self.cursor.as_ref(), size: self.size, rows: &rows, beyond, cutoff: self.cutoff };
        let link = |cursor: Cursor| self.links.with(&[(&self.parameter, Some(&cursor.encode()))]);
        let page = PageInfo {
            size: self.size,
            next: walk.next().map(link),
            previous: walk.previous().map(link),
            ..PageInfo::default()
        };
        Ok(self.wrap.around(&page).showing(shown).backwards(backwards))
    }
}
