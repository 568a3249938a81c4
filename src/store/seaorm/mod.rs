//! SeaORM over our transactions: statements in, rows, results and errors out.
//!
//! # Why rows take a detour
//!
//! A SeaORM row is decoded by the type that the caller asks for: `max(at)` may be read into an `Option<DateTimeUtc>`, a
//! `NaiveDateTime` or a `String`, and we never learn which. SeaORM has rows of its own for tests and proxies (`MockRow`,
//! `ProxyRow`), in which a cell is one variant of `Value`: asked for another type, they answer "null", which an `Option` turns
//! into `None` without an error; they are sorted by name, so that tuples come in alphabetical order, and of two columns of one
//! name only one is left. No guess at the types makes that right.
//!
//! The rows that do decode by type are those of SeaORM's drivers, `PgRow` and `SqliteRow`. Only the drivers can make them. So
//! the statement runs on our own connection, inside our own transaction, and the rows that it found are handed through a driver:
//!
//! | database | how |
//! |---|---|
//! | SQLite | the cells go as parameters to a private connection in memory, with the names and declared types of their columns, and are read back (`sqlite`) |
//! | PostgreSQL | a driver's connection leads to us instead of a server, and we answer it with the bytes that PostgreSQL sent (`postgres`) |
//!
//! It costs some microseconds for a query; the views' own statements do not come here. The answers are right by
//! construction: it is the driver's own code that decodes the database's own bytes, names and types.
//!
//! Converters are made when they are needed, kept for the next query, and at most a few of them work at a time. One that was
//! left in the middle, since its query was dropped, is thrown away.
//!
//! # Where it differs from the drivers
//!
//! Entities that the application serves ([`KnownEntities`]) have their values in the form that their rows have (`values`), which in
//! SQLite may be Django's; spans of time are `interval`s that an `i64` counts in microseconds, addresses are strings. All
//! others are read and written exactly as SeaORM's drivers do it. Which values of a statement belong to which tables is read from its
//! text (`tables`).

use std::sync::{Mutex, PoisonError};

use sea_orm::sqlx::Error;
use sea_orm::{ExecResult, QueryResult};
use tokio::sync::Semaphore;

use super::{Dialect, Rows, StoreError, Violation};

mod error;
mod known;
mod postgres;
mod sqlite;
mod tables;
#[cfg(test)]
mod tests;
mod values;

pub(super) use error::Asked;
pub use error::store_error;
pub use known::KnownEntities;
pub(super) use values::bound;

/// How many converters work, and are kept, at a time.
const CONVERTERS: usize = 8;

/// The converters of a store.
#[derive(Debug)]
pub(super) struct Converters {
    sqlite: Pool<sqlite::Converter>,
    postgres: Pool<postgres::Converter>,
}

impl Default for Converters {
    fn default() -> Self {
        Converters { sqlite: Pool::new(), postgres: Pool::new() }
    }
}

/// Converters that are idle, and places for those that work.
struct Pool<T> {
    idle: Mutex<Vec<T>>,
    places: Semaphore,
}

impl<T> std::fmt::Debug for Pool<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("places", &self.places.available_permits()).finish_non_exhaustive()
    }
}

impl<T> Pool<T> {
    fn new() -> Self {
        Pool { idle: Mutex::default(), places: Semaphore::new(CONVERTERS) }
    }

    fn take(&self) -> Option<T> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn keep(&self, converter: T) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(converter);
    }
}

/// Why rows could not be handed over; the converter is of no more use.
#[derive(Debug)]
enum Failed {
    /// The rows themselves.
    Rows(StoreError),
    /// The converter.
    Converter(Error),
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Failed::Rows(error)
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Failed::Converter(error)
    }
}

impl From<Failed> for StoreError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Rows(error) => error,
            Failed::Converter(error) => {
                StoreError::Internal(format!("the rows could not be handed to SeaORM: {error}").into())
            }
        }
    }
}

/// Does some work with a converter; one that broke while it lay idle (its runtime ended, say) is replaced once.
macro_rules! with_converter {
    ($pool:expr, $kind:ty, $converter:ident => $work:expr, keep if $fit:expr) => {{
        let pool = $pool;
        let _place = pool.places.acquire().await.map_err(|closed| StoreError::Internal(Box::new(closed)))?;
        let idle = pool.take();
        let mut may_be_stale = idle.is_some();
        let mut taken = idle;
        loop {
            let mut $converter = match taken.take() {
                Some(converter) => converter,
                None => <$kind>::open().await.map_err(Failed::from)?,
            };
            match $work.await {
                Ok(made) => {
                    if $fit {
                        pool.keep($converter);
                    }
                    break made;
                }
                Err(Failed::Converter(_)) if may_be_stale => may_be_stale = false,
                Err(failed) => return Err(failed.into()),
            }
        }
    }};
}

impl Converters {
    /// The rows of a statement as SeaORM reads them.
    ///
    /// # Errors
    ///
    /// [`StoreError::Internal`] where a value has no form for SeaORM, or the system has no more sockets or threads.
    pub(super) async fn rows(&self, rows: &Rows, known: &KnownEntities) -> Result<Vec<QueryResult>, StoreError> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        match rows {
            Rows::Packed(rows) => {
                let made = with_converter!(&self.sqlite, sqlite::Converter,
                    converter => converter.rows(rows, known), keep if converter.is_fresh());
                Ok(made.into_iter().map(QueryResult::from).collect())
            }
            Rows::Postgres(rows) => {
                let made = with_converter!(&self.postgres, postgres::Converter,
                    converter => converter.rows(rows, known), keep if true);
                Ok(made.into_iter().map(QueryResult::from).collect())
            }
        }
    }

    /// The result of a statement that changed so many rows, and the last `rowid` that it inserted into SQLite.
    ///
    /// # Errors
    ///
    /// As [`Converters::rows`].
    pub(super) async fn result(&self, dialect: Dialect, affected: u64, id: i64) -> Result<ExecResult, StoreError> {
        Ok(match dialect {
            Dialect::Sqlite => with_converter!(&self.sqlite, sqlite::Converter,
                converter => converter.result(affected, id), keep if converter.is_fresh())
            .into(),
            Dialect::Postgres => with_converter!(&self.postgres, postgres::Converter,
                converter => converter.result(affected), keep if true)
            .into(),
        })
    }

    /// An error of the driver's own that says the same, or none where it cannot be had.
    async fn genuine(&self, dialect: Dialect, failure: &error::Failure, violation: &Violation) -> Option<Error> {
        match dialect {
            Dialect::Sqlite => self.genuine_of_sqlite(violation).await,
            Dialect::Postgres => self.genuine_of_postgres(failure, violation).await,
        }
        .ok()
    }

    async fn genuine_of_sqlite(&self, violation: &Violation) -> Result<Error, StoreError> {
        Ok(with_converter!(&self.sqlite, sqlite::Converter,
            converter => converter.error(violation), keep if converter.is_fresh()))
    }

    async fn genuine_of_postgres(&self, failure: &error::Failure, violation: &Violation) -> Result<Error, StoreError> {
        Ok(with_converter!(&self.postgres, postgres::Converter,
            converter => converter.error(failure, violation), keep if true))
    }
}
