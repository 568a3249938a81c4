//! What a request wants of a list: which rows, in which order, and which part of them.

use std::sync::Arc;

use super::super::{Bound, Dialect, Statement};
use super::filter::{Filter, Filtering, Source, Values};
use super::order::Term;
use super::select::{Alias, Reads};
use super::shape::Made;
use super::sql::quote;
use crate::value::DbValue;

/// From how many words on a search takes long.
const COSTLY: usize = 50;

/// What rows are ordered by.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// The value.
    pub source: Arc<Source>,
    /// Whether the greatest comes first.
    pub descending: bool,
}

/// Which rows of a resource a request wants, in which order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listing {
    /// All of them hold; each is a call of Django's `filter()`.
    pub filters: Vec<Filter>,
    /// Another order than the resource's own; rows that it leaves at one place come in the order of their key.
    pub order: Option<Vec<Order>>,
    /// Values that are read beside the rows, behind their columns.
    pub keys: Vec<Arc<Source>>,
    /// Whether a row comes once even where a filter finds it several times over a relation to many, Django's `distinct()`.
    pub distinct: bool,
}

impl Listing {
    /// Whether it wants nothing but what the resource shows by itself.
    pub fn is_plain(&self) -> bool {
        self.filters.is_empty() && self.order.is_none() && self.keys.is_empty()
    }

    /// Whether it takes the database long for each row.
    pub fn is_costly(&self) -> bool {
        is_costly(&self.filters)
    }
}

/// The part of a list that a statement reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// All rows.
    All,
    /// Some rows, with the count of all as their last column.
    Counted {
        /// The most rows.
        limit: u64,
        /// The rows before them.
        offset: u64,
    },
    /// Some rows.
    Part {
        /// The most rows.
        limit: u64,
        /// The rows before them.
        offset: u64,
    },
    /// The last rows, as many as the last of the pages of this size has, with the count of all as their last column.
    Last {
        /// The size of a page.
        size: u64,
    },
    /// The count alone.
    Count,
    /// What the database takes the count for: its plan, of which [`estimate`] reads the count. PostgreSQL alone.
    Estimate,
}

impl Window {
    fn made(self) -> Made {
        match self {
            Window::All => Made::All,
            Window::Counted { .. } => Made::Counted,
            Window::Part { .. } => Made::Part,
            Window::Last { .. } => Made::Last,
            Window::Count => Made::Count,
            Window::Estimate => Made::Estimate,
        }
    }
}

/// The number of rows that a plan counts with.
pub fn estimate(plan: &str) -> Option<u64> {
    let (_, rest) = plan.split_once("\"Plan Rows\":")?;
    let number: String = rest.trim_start().chars().take_while(char::is_ascii_digit).collect();
    number.parse().ok()
}

impl Reads {
    /// The statement that reads a part of the rows that a request wants.
    ///
    /// Its text depends on what is asked and not on the values; clients can ask for any number of things, so that only some
    /// texts are kept prepared.
    pub fn listing(&self, listing: &Listing, window: Window) -> Bound {
        if listing.is_plain() {
            match window {
                Window::All => return self.list(),
                Window::Counted { limit, offset } => return self.page(limit, offset),
                Window::Part { limit, offset } => return self.page_uncounted(limit, offset),
                Window::Count => return self.count(),
                Window::Last { .. } | Window::Estimate => {}
            }
        }
        let statement = self.shapes().statement(window.made(), listing, || {
            let made = self.made(listing, window);
            debug_assert_eq!(made.values, self.values(listing, window), "{}", made.statement.sql);
            made.statement
        });
        statement.bind(self.values(listing, window))
    }

    /// The values of a listing's places.
    fn values(&self, listing: &Listing, window: Window) -> Vec<DbValue> {
        let mut values = Vec::with_capacity(listing.filters.len() + 2);
        listing.filters.iter().for_each(|filter| filter.values(self.parts().dialect, &mut values));
        match window {
            Window::Counted { limit, offset } | Window::Part { limit, offset } => {
                values.extend([count(limit), count(offset)]);
            }
            Window::Last { size } => values.push(count(size)),
            Window::All | Window::Count | Window::Estimate => {}
        }
        values
    }

    /// The statement with its values, of a shape that was not met before.
    fn made(&self, listing: &Listing, window: Window) -> Bound {
        let parts = self.parts();
        let mut values = Values { dialect: parts.dialect, values: Vec::new() };
        let mut text = Filtering::new(parts.dialect, Alias::ROOT.to_string(), &mut values);
        let own = listing.filters.iter().map(|filter| format!("({})", text.step(filter, !listing.distinct)));
        let wanted: Vec<String> = parts.scope.iter().cloned().chain(own.collect::<Vec<_>>()).collect();
        let wanted = if wanted.is_empty() { String::new() } else { format!(" WHERE {}", wanted.join(" AND ")) };
        let counted = format!("{}{}{wanted}", parts.root, text.joins());
        let order = match &listing.order {
            Some(order) if !order.is_empty() => {
                let by = |o: &Order| Term { value: text.value(&o.source), descending: o.descending };
                parts.ties.broken(&order.iter().map(by).collect::<Vec<_>>())
            }
            _ => parts.order.clone(),
        };
        let columns = std::iter::once(parts.columns.clone()).filter(|columns| !columns.is_empty());
        let columns: Vec<String> = columns.chain(listing.keys.iter().map(|key| text.value(key))).collect();
        let columns = columns.join(", ");
        let from = format!("{}{}{wanted}{order}", parts.from, text.joins());
        let sql = match window {
            Window::Count => format!("SELECT count(*) FROM {counted}"),
            Window::Estimate => format!("EXPLAIN (FORMAT JSON) SELECT 1 FROM {counted}"),
            Window::All => format!("SELECT {columns} FROM {from}"),
            // a page that is not full and not empty says by itself how many rows there are: they are not looked through
            // once more
            Window::Counted { limit, offset } => {
                let (limit, offset) = (text.cast(count(limit), "bigint"), text.cast(count(offset), "bigint"));
                format!(
                    "WITH page AS (SELECT {columns} FROM {from} LIMIT {limit} OFFSET {offset}), \
                     seen AS (SELECT count(*) AS n FROM page) \
                     SELECT page.*, CASE WHEN (SELECT n FROM seen) < {limit} THEN {offset} + (SELECT n FROM seen) \
                     ELSE (SELECT count(*) FROM {counted}) END FROM page"
                )
            }
            Window::Last { size } => {
                let size = text.cast(count(size), "bigint");
                format!(
                    "SELECT {columns}, (SELECT count(*) FROM {counted}) FROM {from} LIMIT {size} OFFSET \
                     (SELECT CASE count(*) WHEN 0 THEN 0 ELSE (count(*) - 1) / {size} * {size} END FROM {counted})"
                )
            }
            Window::Part { limit, offset } => {
                let (limit, offset) = (text.place(count(limit)), text.place(count(offset)));
                format!("SELECT {columns} FROM {from} LIMIT {limit} OFFSET {offset}")
            }
        };
        self.texts().kept(Statement::new(sql)).bind(values.values)
    }

    /// One row by its key, among those that a request may see.
    pub fn one(&self, key: &DbValue, narrow: &[Filter]) -> Bound {
        if narrow.is_empty() {
            return self.retrieve(key);
        }
        let costly = is_costly(narrow);
        let listing = Listing { filters: narrow.to_vec(), ..Listing::default() };
        let mut values = vec![key.clone()];
        narrow.iter().for_each(|filter| filter.values(self.parts().dialect, &mut values));
        let statement = self.shapes().statement(Made::One(costly), &listing, || {
            let made = self.made_one(key, narrow, costly);
            debug_assert_eq!(made.values, values, "{}", made.statement.sql);
            made.statement
        });
        statement.bind(values)
    }

    fn made_one(&self, key: &DbValue, narrow: &[Filter], costly: bool) -> Bound {
        let parts = self.parts();
        let mut values = Values { dialect: parts.dialect, values: Vec::new() };
        let mut text = Filtering::new(parts.dialect, Alias::ROOT.to_string(), &mut values);
        let key = match parts.dialect {
            Dialect::Postgres => text.place(key.clone()),
            Dialect::Sqlite => text.cast(key.clone(), &parts.by_type),
        };
        let by = format!("{}.{} = {key}", Alias::ROOT, quote(&parts.by));
        let own = narrow.iter().map(|filter| format!("({})", text.step(filter, false)));
        let wanted: Vec<String> = parts.scope.iter().cloned().chain(own.collect::<Vec<_>>()).chain([by]).collect();
        let sql = format!("SELECT {} FROM {} WHERE {}", parts.columns, parts.from, wanted.join(" AND "));
        // what takes long is not for the calling task
        let statement = if costly { Statement::new(sql) } else { Statement::point(sql) };
        self.texts().kept(statement).bind(values.values)
    }
}

/// Whether filters match a row by regular expressions, or by so many words that it comes to the same.
fn is_costly(filters: &[Filter]) -> bool {
    filters.iter().map(Filter::cost).sum::<usize>() >= COSTLY
}

fn count(n: u64) -> DbValue {
    DbValue::BigInt(Some(i64::try_from(n).unwrap_or(i64::MAX)))
}
