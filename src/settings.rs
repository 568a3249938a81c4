//! One typed value with everything that can be set, and DRF's defaults.

use crate::negotiation::BodyLimits;
use crate::pagination::PageNumberPagination;
use crate::store::StoreOptions;

/// What holds for the whole application unless a view set says otherwise.
///
/// ```
/// use bowline::prelude::*;
/// let settings = Settings { pagination: Some(PageNumberPagination::new(20)), ..Settings::default() };
/// ```
#[derive(Clone, Debug)]
pub struct Settings {
    /// DRF's `DEFAULT_PAGINATION_CLASS` with its `PAGE_SIZE`; none by default, as in DRF.
    pub pagination: Option<PageNumberPagination>,
    /// Limits of request bodies.
    pub body: BodyLimits,
    /// How often a write that another transaction got in the way of is replayed before the answer is 503.
    pub replays: u32,
    /// Whether an empty database gets the application's tables.
    pub create_tables: bool,
    /// Limits and sizes of the database layer.
    pub store: StoreOptions,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            pagination: None,
            body: BodyLimits::default(),
            replays: 16,
            create_tables: true,
            store: StoreOptions::default(),
        }
    }
}
