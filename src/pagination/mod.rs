//! Pages of a list, in DRF's envelopes.
//!
//! | way | parameters | envelope |
//! |---|---|---|
//! | [`PageNumberPagination`] | `page` | `count`, `next`, `previous`, `results` |
//! | [`LimitOffsetPagination`] | `limit`, `offset` | the same |
//! | [`CursorPagination`] | `cursor` | `next`, `previous`, `results` |
//!
//! Each can have another [envelope](Envelope); a way of one's own is a [`Pagination`]. Nothing is paginated unless a view
//! set or the settings say so. See DRF's chapter "Pagination".

use std::fmt;
use std::sync::Arc;

use crate::context::Context;
use crate::error::Result;
use crate::model::ModelMeta;
use crate::store::plan::{Listing, Source};
use crate::store::{Cell, Dialect, Rows};
use crate::value::Value;

mod cursor;
mod envelope;
mod limit_offset;
mod links;
mod number;
mod size;

pub use cursor::CursorPagination;
pub use envelope::{Envelope, PageInfo};
pub use limit_offset::LimitOffsetPagination;
pub use links::Links;
pub use number::PageNumberPagination;

/// A way to divide a list into pages, DRF's `BasePagination`.
///
/// One value serves all requests. What a request wants is worked out by [`paginate`](Self::paginate) into a [`Page`], which
/// knows what to read and what the answer looks like.
///
/// ```
/// use bowline::pagination::{Envelope, Found, Page, Pagination, Wanted};
/// use bowline::prelude::*;
/// use bowline::store::plan::Listing;
///
/// /// `?top=3`: the first rows, and nothing else.
/// #[derive(Debug)]
/// struct Top;
///
/// impl Pagination for Top {
///     fn paginate(&self, cx: &Context, _: &mut Listing) -> bowline::Result<Option<Box<dyn Page>>> {
///         let top = cx.query_param("top").and_then(|top| top.parse().ok());
///         Ok(Some(Box::new(First(top.unwrap_or(10)))))
///     }
/// }
///
/// struct First(u64);
///
/// impl Page for First {
///     fn wanted(&self) -> Wanted {
///         Wanted::Part { limit: self.0, offset: 0 }
///     }
///
///     fn envelope(&self, found: &Found<'_>) -> bowline::Result<Envelope> {
///         Ok(Envelope::object().with("found", found.len()).results("top"))
///     }
/// }
///
/// # use bowline::doc::booking;
/// let bookings = ModelViewSet::<booking::Entity>::new().pagination(Top);
/// # let _ = bookings;
/// ```
pub trait Pagination: fmt::Debug + Send + Sync + 'static {
    /// The same over a model, where the names of fields have to be looked up; called when the router is built.
    ///
    /// # Errors
    ///
    /// A sentence that says what to change.
    fn over(&self, model: &ModelMeta, dialect: Dialect) -> Result<Option<Arc<dyn Pagination>>, String> {
        let _ = (model, dialect);
        Ok(None)
    }

    /// The page that a request asks for; none where it gets the whole list. It may narrow and order the list.
    ///
    /// # Errors
    ///
    /// 404 for a page that there cannot be.
    fn paginate(&self, cx: &Context, listing: &mut Listing) -> Result<Option<Box<dyn Page>>>;
}

/// A page that a request asked for.
pub trait Page: Send + Sync {
    /// What is to be read of it.
    fn wanted(&self) -> Wanted;

    /// What stands around the rows that were found, and which of them are shown.
    ///
    /// # Errors
    ///
    /// 404 for a page that turns out not to be there.
    fn envelope(&self, found: &Found<'_>) -> Result<Envelope>;
}

/// The rows that a page needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wanted {
    /// Some rows, and how many there are in all, of one state of the database.
    Counted {
        /// The most rows.
        limit: u64,
        /// The rows before them.
        offset: u64,
    },
    /// Some rows, and about how many there are in all; exactly where that costs nothing.
    Estimated {
        /// The most rows.
        limit: u64,
        /// The rows before them.
        offset: u64,
    },
    /// The rows of the last of the pages of this size, and how many there are in all, of one state of the database.
    Last {
        /// The size of a page.
        size: u64,
    },
    /// Some rows.
    Part {
        /// The most rows.
        limit: u64,
        /// The rows before them.
        offset: u64,
    },
}

/// The rows that were read for a page.
#[derive(Debug)]
pub struct Found<'a> {
    pub(crate) rows: &'a Rows,
    pub(crate) count: Option<u64>,
    /// The listing's [`keys`](Listing::keys), and the column where their values begin.
    pub(crate) keys: &'a [Arc<Source>],
    pub(crate) keys_at: usize,
}

impl Found<'_> {
    /// How many rows were read.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether none was.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How many rows there are in all, where the page wanted to know.
    pub fn count(&self) -> Option<u64> {
        self.count
    }

    /// A value beside a row: one of the listing's [`keys`](Listing::keys).
    ///
    /// # Errors
    ///
    /// 500 where there is no such row or key.
    pub fn key(&self, row: usize, key: usize) -> Result<Value> {
        let kind = self.keys.get(key).map_or(crate::model::ColumnKind::Other, |source| source.kind);
        let cell = self.rows.cell(row, self.keys_at + key)?;
        Ok(match (cell, kind) {
            (Cell::Int(micros), crate::model::ColumnKind::Duration) => {
                Value::Duration(chrono::TimeDelta::microseconds(micros))
            }
            (cell @ (Cell::Duration(_) | Cell::Numeric(_)), _) => cell.to_plain_attribute(),
            (cell, kind) => crate::value::convert::from_db(&cell.to_value(kind)),
        })
    }
}
