//! Retrieve and list.

use std::sync::Arc;

use axum::body::Body;
use http::Method;
use http::header::CONTENT_TYPE;

use super::resource::Resource;
use super::{Action, View};
use crate::context::Context;
use crate::error::Result;
use crate::filters::Settling;
use crate::pagination::{Found, Page, Wanted};
use crate::renderers::{Accepted, ListContext};
use crate::response::Response;
use crate::serializers::shape::Group;
use crate::store::plan::{Filter, Listing, Window, estimate};
use crate::store::{Ahead, Bound, Cell, Dialect, Isolation, Rows, StoreError};
use crate::value::DbValue;

/// From how many rows on an estimate will do instead of a count.
const WORTH_AN_ESTIMATE: u64 = 10_000;
/// About how many bytes one row is as JSON.
const ROW: usize = 256;
/// A list of more rows than this is written while it is read.
const LONG: u64 = 1_000;

impl Resource {
    /// One row as JSON.
    ///
    /// # Errors
    ///
    /// 404 where no row has the key.
    pub(crate) async fn retrieve(&self, key: &DbValue, cx: &Context) -> Result<Vec<u8>> {
        self.retrieve_among(key, self.plan.narrow(), cx).await
    }

    /// The same among those that a request may see.
    pub(crate) async fn retrieve_narrowed(&self, key: &DbValue, cx: &Context) -> Result<Vec<u8>> {
        if self.filters.is_empty() {
            return self.retrieve_among(key, &[], cx).await;
        }
        let listing = Box::pin(self.listing(cx)).await?;
        Box::pin(self.retrieve_among(key, &listing.filters, cx)).await
    }

    /// What a GET of an object reads, where it is the same for everybody.
    pub(crate) fn read_ahead(&self, key: &DbValue) -> Option<Bound> {
        let is_same = self.filters.is_empty() && self.isolation == Isolation::ReadCommitted;
        is_same.then(|| self.plan.reads().one(key, &[]))
    }

    async fn retrieve_among(&self, key: &DbValue, narrow: &[Filter], cx: &Context) -> Result<Vec<u8>> {
        let read = self.plan.reads().one(key, narrow);
        let rows = match cx.kept::<Arc<Ahead>>().and_then(|ahead| ahead.take(&read)) {
            Some(rows) => rows,
            None => self.read_filtered(read, cx).await?,
        };
        match rows.len() {
            0 => return Err(self.no_match()),
            1 => {}
            // a lookup field that is not unique
            _ => return Err(crate::error::Error::not_found()),
        }
        self.permit_read(&rows, cx)?;
        let groups = self.shape.load(&rows, self.via(cx)).await?;
        let mut out = Vec::with_capacity(ROW);
        self.shape.represent(&rows, 0, &groups, cx, &mut out)?;
        Ok(out)
    }

    /// DRF's `get_object` where only its errors are wanted, among the rows of a narrowed resource.
    ///
    /// # Errors
    ///
    /// 404 where no row has the key, 401 or 403 where the permissions do not grant it, 412 where it is not in the state that the
    /// request names.
    pub(crate) async fn must_see(&self, key: &DbValue, cx: &Context) -> Result<()> {
        self.must_see_among(key, self.plan.narrow(), cx).await
    }

    /// The same among those that a request may see.
    ///
    /// # Errors
    ///
    /// 400 for parameters that a filter backend refuses.
    pub(crate) async fn must_see_narrowed(&self, key: &DbValue, cx: &Context) -> Result<()> {
        let listing = Box::pin(self.listing(cx)).await?;
        self.must_see_among(key, &listing.filters, cx).await
    }

    async fn must_see_among(&self, key: &DbValue, narrow: &[Filter], cx: &Context) -> Result<()> {
        let rows = self.read_filtered(self.plan.reads().one(key, narrow), cx).await?;
        if rows.is_empty() {
            return Err(self.no_match());
        }
        self.permit_read(&rows, cx)?;
        self.would_meet_demands(key, cx).await
    }

    /// A page in its envelope.
    ///
    /// # Errors
    ///
    /// 404 for a page that does not exist.
    async fn page(
        &self,
        listing: &Listing,
        settling: Option<&Settling>,
        page: &dyn Page,
        cx: &Context,
    ) -> Result<Response> {
        let (rows, count) = self.rows_of(listing, settling, page.wanted(), cx).await?;
        let found = Found { rows: &rows, count, keys: &listing.keys, keys_at: self.plan.width() };
        let envelope = page.envelope(&found)?;
        let shown = envelope.shown.unwrap_or(rows.len()).min(rows.len());
        let groups = self.shape.load(&rows, self.via(cx)).await?;
        let mut out = Vec::with_capacity(256 + 128 * shown);
        envelope.open(&mut out);
        if envelope.backwards {
            self.write_list(&rows, (0..shown).rev(), &groups, cx, &mut out)?;
        } else {
            self.write_list(&rows, 0..shown, &groups, cx, &mut out)?;
        }
        envelope.close(&mut out);
        let mut response = Response::json(out);
        response.headers = envelope.headers;
        Ok(response)
    }

    /// The rows that a page wants, and how many there are in all where it wants to know.
    async fn rows_of(
        &self,
        listing: &Listing,
        settling: Option<&Settling>,
        wanted: Wanted,
        cx: &Context,
    ) -> Result<(Rows, Option<u64>)> {
        let reads = self.plan.reads();
        let behind = self.plan.width() + listing.keys.len();
        let read = |window| self.read_list(reads.listing(listing, window), settling, cx);
        match wanted {
            Wanted::Part { limit, offset } => Ok((read(Window::Part { limit, offset }).await?, None)),
            Wanted::Counted { limit, offset } => {
                let rows = read(Window::Counted { limit, offset }).await?;
                if !rows.is_empty() || offset == 0 {
                    let count = counted(&rows, behind)?;
                    return Ok((rows, Some(count)));
                }
                // behind the end no row says how many there are
                let part = reads.listing(listing, Window::Part { limit, offset });
                let mut both = self.snapshot(vec![part, reads.listing(listing, Window::Count)], cx).await?;
                let count = both.pop().map_or(Ok(0), |rows| counted(&rows, 0))?;
                Ok((both.pop().unwrap_or_else(Rows::none), Some(count)))
            }
            Wanted::Last { size } => {
                let rows = read(Window::Last { size }).await?;
                let count = counted(&rows, behind)?;
                Ok((rows, Some(count)))
            }
            Wanted::Estimated { limit, offset } => {
                let rows = read(Window::Part { limit, offset }).await?;
                let seen = offset.saturating_add(u64::try_from(rows.len()).unwrap_or(u64::MAX));
                if seen < offset.saturating_add(limit) && (seen > offset || offset == 0) {
                    return Ok((rows, Some(seen)));
                }
                let count = self.estimated(listing, cx).await?;
                Ok((rows, Some(count.max(seen))))
            }
        }
    }

    /// About how many rows there are; exactly where these are few.
    async fn estimated(&self, listing: &Listing, cx: &Context) -> Result<u64> {
        let reads = self.plan.reads();
        if self.dialect() == Dialect::Postgres {
            let plan = self.read_filtered(reads.listing(listing, Window::Estimate), cx).await?;
            let estimate = match plan.cell(0, 0)? {
                Cell::Json(plan) | Cell::Text(plan) => estimate(plan),
                _ => None,
            };
            if let Some(estimate) = estimate.filter(|rows| *rows >= WORTH_AN_ESTIMATE) {
                return Ok(estimate);
            }
        }
        Ok(counted(&self.read_filtered(reads.listing(listing, Window::Count), cx).await?, 0)?)
    }

    fn write_list(
        &self,
        rows: &Rows,
        shown: impl Iterator<Item = usize>,
        groups: &[Group],
        cx: &Context,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        out.push(b'[');
        for (n, row) in shown.enumerate() {
            if n > 0 {
                out.push(b',');
            }
            self.shape.represent(rows, row, groups, cx, out)?;
        }
        out.push(b']');
        Ok(())
    }
}

impl View {
    /// All rows as a JSON array, or a page in its envelope.
    ///
    /// # Errors
    ///
    /// 404 for a page that does not exist.
    pub(crate) async fn list(self: &Arc<Self>, cx: &Context, accepted: Option<&Accepted>) -> Result<Response> {
        let resource = self.resource(Action::List);
        let (mut listing, settling) = resource.listing_of_list(cx).await?;
        let settling = settling.as_ref();
        let page = match &resource.pagination {
            Some(pagination) => match pagination.paginate(cx, &mut listing) {
                Ok(page) => page,
                Err(error) => {
                    if let Some(settling) = settling {
                        Box::pin(settling.settle()).await?;
                    }
                    return Err(error);
                }
            },
            None => None,
        };
        if let Some(page) = page {
            return resource.page(&listing, settling, &*page, cx).await;
        }
        // renderers that cannot write row by row want all of it at once
        let writer = accepted.and_then(|accepted| {
            let cx = ListContext { accepted: accepted.media_type(), fields: resource.shape.columns() };
            Some((accepted, accepted.renderer().list_writer(&cx)?))
        });
        let window = match writer {
            Some(_) => Window::Part { limit: LONG + 1, offset: 0 },
            None => Window::All,
        };
        let rows = resource.read_list(resource.plan.reads().listing(&listing, window), settling, cx).await?;
        if let Some((accepted, writer)) = writer.filter(|_| rows.len() as u64 > LONG) {
            drop(rows);
            // nobody reads what comes after the headers
            let is_head = cx.method() == Method::HEAD;
            let body = if is_head { Body::empty() } else { self.flow(&listing, cx, writer).await? };
            let mut response = Response::from(axum::response::Response::new(body));
            if let Some(media_type) = &accepted.prepared.content_type {
                response.headers.insert(CONTENT_TYPE, media_type.clone());
            }
            return Ok(response);
        }
        let groups = resource.shape.load(&rows, resource.via(cx)).await?;
        let mut out = Vec::with_capacity(16 + 128 * rows.len());
        resource.write_list(&rows, 0..rows.len(), &groups, cx, &mut out)?;
        Ok(Response::json(out))
    }
}

/// The count that stands in a column of a page; an empty first page has none to show.
fn counted(rows: &Rows, column: usize) -> Result<u64, StoreError> {
    if rows.is_empty() {
        return Ok(0);
    }
    Ok(match rows.cell(0, column)? {
        Cell::Int(n) => u64::try_from(n).unwrap_or(0),
        _ => 0,
    })
}
