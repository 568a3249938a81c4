//! Retrieve and list.

use super::resource::Resource;
use crate::context::Context;
use crate::error::Result;
use crate::pagination::{Location, PageNumberPagination};
use crate::serializers::shape::Group;
use crate::store::{Cell, Rows, StoreError};
use crate::value::DbValue;

impl Resource {
    /// One row as JSON.
    ///
    /// # Errors
    ///
    /// 404 where no row has the key.
    pub(crate) async fn retrieve(&self, key: &DbValue, cx: &Context) -> Result<Vec<u8>> {
        let rows = self.read(self.plan.reads().retrieve(key)).await?;
        match rows.len() {
            0 => return Err(self.no_match()),
            1 => {}
            // a lookup field that is not unique
            _ => return Err(crate::error::Error::not_found()),
        }
        self.permit_read(&rows, cx)?;
        let groups = self.shape.load(&rows, self.via()).await?;
        let mut out = Vec::with_capacity(128);
        self.shape.represent(&rows, 0, &groups, cx, &mut out)?;
        Ok(out)
    }

    /// DRF's `get_object` where only its errors are wanted.
    ///
    /// # Errors
    ///
    /// 404 where no row has the key, 401 or 403 where the permissions do not grant it.
    pub(crate) async fn must_see(&self, key: &DbValue, cx: &Context) -> Result<()> {
        let rows = self.read(self.plan.reads().retrieve(key)).await?;
        if rows.is_empty() {
            return Err(self.no_match());
        }
        self.permit_read(&rows, cx)
    }

    /// Whether a row has the key, and the permissions grant it.
    ///
    /// # Errors
    ///
    /// What is no answer to such a question: the database is away.
    pub(crate) async fn may_see(&self, key: &DbValue, cx: &Context) -> Result<bool> {
        match self.must_see(key, cx).await {
            Ok(()) => Ok(true),
            Err(error) if error.status().is_server_error() => Err(error),
            Err(_) => Ok(false),
        }
    }

    /// All rows as a JSON array, or a page in DRF's envelope.
    ///
    /// # Errors
    ///
    /// 404 for a page that does not exist.
    pub(crate) async fn list(&self, location: &Location<'_>, cx: &Context) -> Result<Vec<u8>> {
        let reads = self.plan.reads();
        let Some(pagination) = &self.pagination else {
            let rows = self.read(reads.list()).await?;
            let groups = self.shape.load(&rows, self.via()).await?;
            let mut out = Vec::with_capacity(16 + 128 * rows.len());
            self.write_list(&rows, rows.len(), &groups, cx, &mut out)?;
            return Ok(out);
        };
        let mut page = pagination.page(location)?;
        if PageNumberPagination::is_last(&page) {
            let rows = self.read(reads.count()).await?;
            page = pagination.last_of(counted(&rows, 0)?);
        }
        if !pagination.counts() {
            // one row more than the page tells whether there is a next one
            let rows = self.read(reads.page_uncounted(page.limit + 1, page.offset)).await?;
            let shown = rows.len().min(usize::try_from(page.limit).unwrap_or(usize::MAX));
            let groups = self.shape.load(&rows, self.via()).await?;
            let mut out = Vec::with_capacity(256 + 128 * shown);
            pagination.open_uncounted(location, &page, rows.len() > shown, rows.is_empty(), &mut out)?;
            self.write_list(&rows, shown, &groups, cx, &mut out)?;
            out.push(b'}');
            return Ok(out);
        }
        let rows = self.read(reads.page(page.limit, page.offset)).await?;
        let count = counted(&rows, self.plan.width())?;
        let shown = rows.len();
        if shown == 0 && page.number > 1 {
            return Err(pagination.no_such_page());
        }
        let groups = self.shape.load(&rows, self.via()).await?;
        let mut out = Vec::with_capacity(256 + 128 * shown);
        pagination.open(location, &page, count, &mut out)?;
        self.write_list(&rows, shown, &groups, cx, &mut out)?;
        out.push(b'}');
        Ok(out)
    }

    fn write_list(&self, rows: &Rows, shown: usize, groups: &[Group], cx: &Context, out: &mut Vec<u8>) -> Result<()> {
        out.push(b'[');
        for row in 0..shown {
            if row > 0 {
                out.push(b',');
            }
            self.shape.represent(rows, row, groups, cx, out)?;
        }
        out.push(b']');
        Ok(())
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
