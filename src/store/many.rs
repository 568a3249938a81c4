//! Many values in one statement: lists of keys as one parameter, and many rows in one INSERT.
//!
//! A statement's text must not depend on how many values a request brings, or it could not be prepared once, and both
//! databases count a statement's parameters (65,535 on PostgreSQL, 32,766 on SQLite). So a list is *one* parameter,
//! [`list`]: an array on PostgreSQL, JSON text on SQLite.
//!
//! | wanted | PostgreSQL | SQLite |
//! |---|---|---|
//! | rows whose column is in the list, [`any_of`] | `= ANY($1::bigint[])` | `IN (SELECT value FROM json_each(?1))` |
//! | the list as rows, [`each_of`] | `unnest($1::bigint[]) WITH ORDINALITY` | `json_each(?1)` |
//! | many new rows, [`InsertMany`] | `INSERT … SELECT … FROM unnest(…)` | `INSERT … VALUES (…), (…)`, in several statements |

use sea_orm::sea_query::ArrayType;

use super::forms::kept;
use super::plan::sql::{cast, quote};
use super::{Bound, Dialect, Statement, StoreError};
use crate::value::DbValue;

/// SQLite's limit of parameters in one statement.
const SQLITE_PARAMETERS: usize = 32_766;

/// A text for more rows than this is made for one use: texts for every number of rows would fill the connections'
/// caches.
const KEPT_ROWS: usize = 16;

/// Values as one parameter, for [`any_of`] and [`each_of`]; NULLs are left out, for no key equals them.
///
/// Each value is stored as it would be by itself: on SQLite a UUID is compared with `char(32)`, a date with its text.
/// Bytes have no form in a list of SQLite's: such a statement fails with [`StoreError::Data`].
pub fn list(values: impl IntoIterator<Item = DbValue>) -> DbValue {
    array(values.into_iter().filter(DbValue::is_some).collect())
}

/// The element's type of SeaORM's array is of no account: the transports ask each value.
fn array(values: Vec<DbValue>) -> DbValue {
    DbValue::Array(ArrayType::String, Some(Box::new(values)))
}

/// The condition, behind a column, that it equals one of a [`list`]; an empty list matches nothing.
///
/// `place` counts from 1, `db_type` is the column's type as the catalogue names it. Integers of any width are compared
/// as 64 bits, so that a key out of the column's range finds nothing instead of failing. It may be negated:
/// `NOT "id" = ANY(…)`.
///
/// ```
/// use bowline::store::{Dialect, many};
/// assert_eq!(many::any_of(Dialect::Postgres, 1, "integer"), "= ANY($1::bigint[])");
/// assert_eq!(many::any_of(Dialect::Postgres, 2, "character varying(50)"), "= ANY($2::character varying[])");
/// assert_eq!(many::any_of(Dialect::Sqlite, 1, "bigint"), "IN (SELECT value FROM json_each(?1))");
/// ```
pub fn any_of(dialect: Dialect, place: usize, db_type: &str) -> String {
    match dialect {
        Dialect::Postgres => format!("= ANY(${place}::{})", array_of(db_type)),
        Dialect::Sqlite => any_of_place(dialect, &format!("?{place}"), db_type),
    }
}

/// The same for a place that has its text already.
pub(super) fn any_of_place(dialect: Dialect, place: &str, db_type: &str) -> String {
    match dialect {
        Dialect::Postgres => format!("= ANY({place}::{})", array_of(db_type)),
        Dialect::Sqlite => format!("IN (SELECT {} FROM json_each({place}))", kept(db_type, "value".into())),
    }
}

/// A [`list`] as rows, for FROM: the columns `value` and `n`, its place in the list from 1.
///
/// ```
/// use bowline::store::{Dialect, many};
/// let tags = many::each_of(Dialect::Postgres, 2, "bigint", "k");
/// let sql = format!("INSERT INTO book_tags (book_id, tag_id) SELECT $1, k.value FROM {tags} ORDER BY k.n");
/// assert!(sql.ends_with(r#"FROM unnest($2::bigint[]) WITH ORDINALITY AS "k"(value, n) ORDER BY k.n"#));
/// ```
pub fn each_of(dialect: Dialect, place: usize, db_type: &str, alias: &str) -> String {
    let alias = quote(alias);
    match dialect {
        Dialect::Postgres => {
            format!("unnest(${place}::{}) WITH ORDINALITY AS {alias}(value, n)", array_of(db_type))
        }
        Dialect::Sqlite => {
            let value = kept(db_type, "value".into());
            let value = if value == "value" { value } else { format!("{value} AS value") };
            format!("(SELECT {value}, key + 1 AS n FROM json_each(?{place})) AS {alias}")
        }
    }
}

/// An INSERT of any number of rows of the same columns.
///
/// On PostgreSQL it is always one statement with one text, and one parameter for each column; on SQLite one statement
/// for as many rows as its parameters allow, to be run in one unit. Rows are inserted, and by `RETURNING` returned,
/// in their order.
///
/// ```
/// use bowline::store::Dialect;
/// use bowline::store::many::InsertMany;
/// let insert = InsertMany::new(
///     Dialect::Sqlite,
///     r#""library_book_tags""#,
///     &[("book_id", "bigint"), ("tag_id", "bigint")],
///     "ON CONFLICT DO NOTHING RETURNING \"id\"",
/// );
/// let bounds = insert.bind(vec![vec![1.into(), 7.into()], vec![1.into(), 9.into()]]).unwrap();
/// assert_eq!(
///     &*bounds[0].statement.sql,
///     r#"INSERT INTO "library_book_tags" ("book_id", "tag_id") VALUES (?,?),(?,?) ON CONFLICT DO NOTHING RETURNING "id""#
/// );
/// ```
#[derive(Clone, Debug)]
pub struct InsertMany {
    dialect: Dialect,
    width: usize,
    /// The whole text on PostgreSQL; up to VALUES on SQLite.
    head: Statement,
    /// The places of one row of SQLite's.
    row: String,
    tail: String,
}

impl InsertMany {
    /// The statement for a table as SQL names it, for columns with their types as the catalogue names them; `tail`
    /// comes after the rows (`ON CONFLICT …`, `RETURNING …`) and has no places of its own.
    pub fn new(dialect: Dialect, table: &str, columns: &[(&str, &str)], tail: &str) -> Self {
        let names = columns.iter().map(|(name, _)| quote(name)).collect::<Vec<_>>().join(", ");
        let head = match dialect {
            _ if columns.is_empty() => format!("INSERT INTO {table} DEFAULT VALUES {tail}"),
            Dialect::Postgres => {
                let aliases = (0..columns.len()).map(|n| format!("c{n}")).collect::<Vec<_>>().join(", ");
                let mut arrays = Vec::with_capacity(columns.len());
                let mut picked = Vec::with_capacity(columns.len());
                for (n, (_, db_type)) in columns.iter().enumerate() {
                    // there are no arrays of arrays: an array's text is read on the other side
                    if db_type.ends_with("[]") {
                        arrays.push(format!("${}::text[]", n + 1));
                        picked.push(format!("r.c{n}::{}", cast(db_type)));
                    } else {
                        arrays.push(format!("${}::{}[]", n + 1, cast(db_type)));
                        picked.push(format!("r.c{n}"));
                    }
                }
                format!(
                    "INSERT INTO {table} ({names}) SELECT {} FROM unnest({}) WITH ORDINALITY AS r({aliases}, n) \
                     ORDER BY r.n {tail}",
                    picked.join(", "),
                    arrays.join(", "),
                )
            }
            Dialect::Sqlite => format!("INSERT INTO {table} ({names}) VALUES "),
        };
        let head = Statement::new(head.trim_end());
        let places = columns.iter().map(|(_, db_type)| kept(db_type, "?".into())).collect::<Vec<_>>().join(",");
        InsertMany { dialect, width: columns.len(), head, row: format!("({places})"), tail: tail.to_owned() }
    }

    /// The statements for some rows, none for none.
    ///
    /// # Errors
    ///
    /// [`StoreError::Internal`] where a row has not one value for each column.
    pub fn bind(&self, rows: Vec<Vec<DbValue>>) -> Result<Vec<Bound>, StoreError> {
        if let Some(row) = rows.iter().find(|row| row.len() != self.width) {
            let text = format!("a row of {} values for {} columns", row.len(), self.width);
            return Err(StoreError::Internal(text.into()));
        }
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        if self.width == 0 {
            return Ok(rows.into_iter().map(|_| self.head.bind(Vec::new())).collect());
        }
        match self.dialect {
            Dialect::Postgres => {
                let mut columns: Vec<Vec<DbValue>> = vec![Vec::with_capacity(rows.len()); self.width];
                for row in rows {
                    for (column, value) in columns.iter_mut().zip(row) {
                        column.push(value);
                    }
                }
                Ok(vec![self.head.bind(columns.into_iter().map(array).collect())])
            }
            Dialect::Sqlite => {
                let most = (SQLITE_PARAMETERS / self.width).max(1);
                let mut bounds = Vec::with_capacity(rows.len().div_ceil(most));
                let mut rows = rows.into_iter();
                loop {
                    let values: Vec<DbValue> = rows.by_ref().take(most).flatten().collect();
                    if values.is_empty() {
                        return Ok(bounds);
                    }
                    bounds.push(self.values(values.len() / self.width).bind(values));
                }
            }
        }
    }

    /// SQLite's text for so many rows.
    fn values(&self, rows: usize) -> Statement {
        let text = format!("{} {} {}", self.head.sql, vec![self.row.as_str(); rows].join(","), self.tail);
        if rows <= KEPT_ROWS { Statement::new(text.trim_end()) } else { Statement::once(text.trim_end()) }
    }
}

/// The type of a list of keys.
fn array_of(db_type: &str) -> String {
    match cast(db_type).as_str() {
        "smallint" | "integer" => "bigint[]".into(),
        // before the catalogue was read
        "" => "text[]".into(),
        other => format!("{other}[]"),
    }
}

#[cfg(test)]
mod tests;
