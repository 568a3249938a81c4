//! What a database can answer instead of rows, told apart by what to do about it.

use std::error::Error as StdError;
use std::fmt;

use crate::error::{Error, Source};

/// Why a statement failed; the driver's text stays in the source, for the log.
#[derive(Debug)]
#[non_exhaustive]
pub enum StoreError {
    /// A constraint stopped it (SQLSTATE class 23, SQLITE_CONSTRAINT).
    Violation(Violation),
    /// A value that the column cannot hold (SQLSTATE class 22).
    Data(Source),
    /// Another transaction was in the way; the whole unit may be replayed (40001, 40P01, SQLITE_BUSY).
    Conflict(Source),
    /// The database is away, or a wait reached its limit; nothing was done.
    Unavailable(Source),
    /// The answer to a write was lost: it may have been carried out, and it may not.
    OutcomeUnknown(Source),
    /// Anything else: a mistake of ours or of a user's SQL.
    Internal(Source),
}

/// Which constraint stopped a write, as far as the database says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Its kind.
    pub kind: ViolationKind,
    /// The table, where the database names it.
    pub table: Option<String>,
    /// The constraint's or index's name, where the database names it.
    pub constraint: Option<String>,
    /// The columns, where the database names them.
    pub columns: Vec<String>,
}

/// The kinds of constraints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ViolationKind {
    /// A unique constraint or index, or a primary key (23505; 2067, 1555).
    Unique,
    /// A foreign key, at once or at the end of the transaction (23503; 787).
    ForeignKey,
    /// NOT NULL (23502; 1299).
    NotNull,
    /// CHECK (23514; 275).
    Check,
    /// EXCLUDE (23P01).
    Exclusion,
    /// An error that a trigger raises (P0001; 1811): `RAISE EXCEPTION`, `RAISE(ABORT, …)`; its text stands for the constraint's name.
    Raised,
    /// A unique constraint that the statement takes for one that cannot be deferred, and that by now can (55000): nobody
    /// broke it.
    Deferrable,
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Violation(v) => write!(f, "a constraint stopped the write: {v:?}"),
            StoreError::Data(source) => write!(f, "a value does not fit its column: {source}"),
            StoreError::Conflict(source) => write!(f, "another transaction was in the way: {source}"),
            StoreError::Unavailable(source) => write!(f, "the database is not available: {source}"),
            StoreError::OutcomeUnknown(source) => write!(f, "the answer to a write was lost: {source}"),
            StoreError::Internal(source) => write!(f, "the database refused a statement: {source}"),
        }
    }
}

impl StdError for StoreError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            StoreError::Violation(_) => None,
            StoreError::Data(s)
            | StoreError::Conflict(s)
            | StoreError::Unavailable(s)
            | StoreError::OutcomeUnknown(s)
            | StoreError::Internal(s) => Some(s.as_ref()),
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict(_) | StoreError::Unavailable(_) => Error::Unavailable(Box::new(error)),
            StoreError::OutcomeUnknown(_) => Error::OutcomeUnknown(Box::new(error)),
            error => Error::Internal(Box::new(error)),
        }
    }
}
