//! Retrieve and list.

use super::resource::Resource;
use crate::error::Result;
use crate::pagination::{Location, PageNumberPagination};
use crate::store::{Cell, Rows, StoreError};
use crate::value::DbValue;

impl Resource {
    /// One row as JSON.
    ///
    /// # Errors
    ///
    /// 404 where no row has the key.
    pub(crate) async fn retrieve(&self, key: &DbValue) -> Result<Vec<u8>> {
        let rows = self.read(self.plan.retrieve(key)).await?;
        if rows.is_empty() {
            return Err(self.no_match());
        }
        let mut out = Vec::with_capacity(128);
        self.serializer.represent(&rows, 0, &self.layout, None, &mut out)?;
        Ok(out)
    }

    /// All rows as a JSON array, or a page in DRF's envelope.
    ///
    /// # Errors
    ///
    /// 404 for a page that does not exist.
    pub(crate) async fn list(&self, location: &Location<'_>) -> Result<Vec<u8>> {
        let Some(pagination) = &self.pagination else {
            let rows = self.read(self.plan.list()).await?;
            let mut out = Vec::with_capacity(16 + 128 * rows.len());
            self.write_list(&rows, rows.len(), &self.layout, &mut out)?;
            return Ok(out);
        };
        let mut page = pagination.page(location)?;
        if PageNumberPagination::is_last(&page) {
            let rows = self.read(self.plan.page(1, 0)).await?;
            page = pagination.last_of(counted(&rows)?);
        }
        if !pagination.counts() {
            // one row more than the page tells whether there is a next one
            let rows = self.read(self.plan.page_uncounted(page.limit + 1, page.offset)).await?;
            let shown = rows.len().min(usize::try_from(page.limit).unwrap_or(usize::MAX));
            let mut out = Vec::with_capacity(256 + 128 * shown);
            pagination.open_uncounted(location, &page, rows.len() > shown, rows.is_empty(), &mut out)?;
            self.write_list(&rows, shown, &self.layout, &mut out)?;
            out.push(b'}');
            return Ok(out);
        }
        let rows = self.read(self.plan.page(page.limit, page.offset)).await?;
        let count = counted(&rows)?;
        let shown = rows.len();
        if shown == 0 && page.number > 1 {
            return Err(pagination.no_such_page());
        }
        let mut out = Vec::with_capacity(256 + 128 * shown);
        pagination.open(location, &page, count, &mut out)?;
        self.write_list(&rows, shown, &self.page_layout, &mut out)?;
        out.push(b'}');
        Ok(out)
    }

    fn write_list(
        &self,
        rows: &crate::store::Rows,
        shown: usize,
        layout: &crate::serializers::Layout,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        out.push(b'[');
        for row in 0..shown {
            if row > 0 {
                out.push(b',');
            }
            self.serializer.represent(rows, row, layout, None, out)?;
        }
        out.push(b']');
        Ok(())
    }
}

/// The count that stands before the columns of a page; an empty first page has none to show.
fn counted(rows: &Rows) -> Result<u64, StoreError> {
    if rows.is_empty() {
        return Ok(0);
    }
    Ok(match rows.cell(0, 0)? {
        Cell::Int(n) => u64::try_from(n).unwrap_or(0),
        _ => 0,
    })
}
