//! What a request wants of a list: which rows, in which order, and which part of them.

use std::sync::Arc;

use super::super::{Bound, Dialect, Statement};
use super::select::{Alias, Reads};
use super::sql::{cast, quote};
use crate::model::{ColumnKind, ModelMeta};
use crate::value::DbValue;

/// What a list is filtered or ordered by: a column of its rows.
///
/// Worked out when the router is built; requests share it.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// The SQL of its value.
    sql: String,
    /// The database's type of it, for casts.
    db_type: String,
    /// What its values are.
    pub kind: ColumnKind,
}

impl Source {
    /// A column of the rows themselves, by its position.
    pub fn column(model: &ModelMeta, column: usize) -> Option<Arc<Self>> {
        let column = model.columns.get(column)?;
        let sql = format!("{}.{}", Alias::ROOT, quote(&column.column));
        Some(Arc::new(Source { sql, db_type: column.db_type.clone(), kind: column.kind }))
    }
}

/// What rows have to be like, by the values that a request brings.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Filter {
    /// A value is compared with another one; NULL is neither.
    Compare(Arc<Source>, Operator, DbValue),
    /// A value is NULL, or is not.
    IsNull(Arc<Source>, bool),
    /// All of them hold; none at all is true.
    All(Vec<Filter>),
    /// One of them holds; none at all is false.
    Any(Vec<Filter>),
    /// It does not hold.
    Not(Box<Filter>),
}

/// How values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operator {
    /// `=`
    Eq,
    /// `<`
    Lt,
    /// `<=`
    Lte,
    /// `>`
    Gt,
    /// `>=`
    Gte,
}

impl Operator {
    fn sql(self) -> &'static str {
        match self {
            Operator::Eq => "=",
            Operator::Lt => "<",
            Operator::Lte => "<=",
            Operator::Gt => ">",
            Operator::Gte => ">=",
        }
    }
}

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
    /// All of them hold.
    pub filters: Vec<Filter>,
    /// Another order than the resource's own.
    pub order: Option<Vec<Order>>,
}

impl Listing {
    /// Whether it wants nothing but what the resource shows by itself.
    pub fn is_plain(&self) -> bool {
        self.filters.is_empty() && self.order.is_none()
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
    /// The count alone.
    Count,
}

/// SQL under construction, with the values of its places.
struct Text {
    dialect: Dialect,
    values: Vec<DbValue>,
}

impl Text {
    fn place(&mut self, value: DbValue, db_type: &str) -> String {
        self.values.push(value);
        let n = self.values.len();
        match self.dialect {
            Dialect::Postgres if !db_type.is_empty() => format!("${n}::{}", cast(db_type)),
            Dialect::Postgres => format!("${n}"),
            Dialect::Sqlite => format!("?{n}"),
        }
    }

    fn filter(&mut self, filter: &Filter) -> String {
        match filter {
            Filter::Compare(source, operator, value) => {
                let place = self.place(value.clone(), &source.db_type);
                format!("{} {} {place}", source.sql, operator.sql())
            }
            Filter::IsNull(source, wanted) => format!("{} IS {}NULL", source.sql, if *wanted { "" } else { "NOT " }),
            Filter::All(parts) => self.joined(parts, " AND ", "1 = 1"),
            Filter::Any(parts) => self.joined(parts, " OR ", "1 = 0"),
            Filter::Not(part) => format!("NOT ({})", self.filter(part)),
        }
    }

    fn joined(&mut self, parts: &[Filter], with: &str, empty: &str) -> String {
        if parts.is_empty() {
            return empty.into();
        }
        let parts: Vec<String> = parts.iter().map(|part| format!("({})", self.filter(part))).collect();
        parts.join(with)
    }
}

impl Reads {
    /// The statement that reads a part of the rows that a request wants.
    ///
    /// Its text depends on what is asked and not on the values, but clients can ask for any number of things: it is
    /// prepared anew each time.
    pub fn listing(&self, listing: &Listing, window: Window) -> Bound {
        if listing.is_plain() {
            return match window {
                Window::All => self.list(),
                Window::Counted { limit, offset } => self.page(limit, offset),
                Window::Part { limit, offset } => self.page_uncounted(limit, offset),
                Window::Count => self.count(),
            };
        }
        let parts = self.parts();
        let mut text = Text { dialect: parts.dialect, values: Vec::new() };
        let own = listing.filters.iter().map(|filter| format!("({})", text.filter(filter)));
        let wanted: Vec<String> = parts.scope.iter().cloned().chain(own.collect::<Vec<_>>()).collect();
        let wanted = if wanted.is_empty() { String::new() } else { format!(" WHERE {}", wanted.join(" AND ")) };
        let order = match &listing.order {
            Some(order) if !order.is_empty() => {
                let by = |o: &Order| format!("{}{}", o.source.sql, if o.descending { " DESC" } else { "" });
                order.iter().map(by).collect::<Vec<_>>().join(", ")
            }
            _ => parts.order.clone(),
        };
        let (columns, from, root) = (&parts.columns, &parts.from, &parts.root);
        let sql = match window {
            Window::Count => format!("SELECT count(*) FROM {root}{wanted}"),
            Window::All => format!("SELECT {columns} FROM {from}{wanted} ORDER BY {order}"),
            Window::Counted { limit, offset } => {
                let (limit, offset) = (text.place(count(limit), ""), text.place(count(offset), ""));
                format!(
                    "SELECT {columns}, (SELECT count(*) FROM {root}{wanted}) FROM {from}{wanted} ORDER BY {order} \
                     LIMIT {limit} OFFSET {offset}"
                )
            }
            Window::Part { limit, offset } => {
                let (limit, offset) = (text.place(count(limit), ""), text.place(count(offset), ""));
                format!("SELECT {columns} FROM {from}{wanted} ORDER BY {order} LIMIT {limit} OFFSET {offset}")
            }
        };
        Statement::once(sql).bind(text.values)
    }
}

fn count(n: u64) -> DbValue {
    DbValue::BigInt(Some(i64::try_from(n).unwrap_or(i64::MAX)))
}
