//! What PostgreSQL's and the driver's errors mean.

use std::error::Error as StdError;
use std::io;

use tokio_postgres::Error;
use tokio_postgres::error::{DbError, Severity, SqlState};

use crate::store::{StoreError, Violation, ViolationKind};

/// A failed call, and whether its connection can still be trusted.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: StoreError,
    /// The connection must not be used again.
    pub(super) broken: bool,
    /// Nobody knows what the server did with what it was sent.
    pub(super) lost: bool,
}

impl Failure {
    /// A wait that reached its limit: what the server does meanwhile is not known.
    pub(super) fn elapsed() -> Self {
        let error = StoreError::Unavailable("PostgreSQL did not answer in time".into());
        Failure { error, broken: true, lost: false }
    }

    /// The same for what may have been committed.
    pub(super) fn undecided() -> Self {
        let error = StoreError::Unavailable("PostgreSQL did not say in time that a write was stopped".into());
        Failure { error, broken: true, lost: true }
    }

    /// What the failure of a call by which something is committed means: an answer that was lost leaves it open.
    pub(super) fn of_write(self) -> Self {
        match self {
            Failure { error: StoreError::Unavailable(source) | StoreError::Internal(source), broken, lost: true } => {
                Failure { error: StoreError::OutcomeUnknown(source), broken, lost: true }
            }
            failure => failure,
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Failure { error, broken: false, lost: false }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let broken = match error.as_db_error() {
            Some(db) => is_stale(db) || matches!(db.parsed_severity(), Some(Severity::Fatal | Severity::Panic)),
            None => true,
        };
        let lost = match error.as_db_error() {
            Some(db) => is_undecided(db.code()),
            // a value that cannot be sent has a cause of its own, and was not sent
            None => error.is_closed() || error.source().is_none_or(|source| source.is::<io::Error>()),
        };
        Failure { error: classify(error), broken, lost }
    }
}

fn classify(error: Error) -> StoreError {
    let Some(db) = error.as_db_error() else {
        let away = error.is_closed() || error.source().is_some_and(|source| source.is::<io::Error>());
        return if away { StoreError::Unavailable(Box::new(error)) } else { StoreError::Internal(Box::new(error)) };
    };
    if let Some(kind) = violation(db.code()) {
        return StoreError::Violation(Violation {
            kind,
            table: db.table().map(Into::into),
            constraint: db.constraint().map(Into::into),
            columns: db.column().map(Into::into).into_iter().collect(),
        });
    }
    let state = db.code().clone();
    let stale = is_stale(db);
    // The outer error prints as "db error"; the inner one says which.
    let source = match error.into_source() {
        Some(source) => source,
        None => "PostgreSQL answered with an error".into(),
    };
    match state.code() {
        "40001" | "40P01" => StoreError::Conflict(source),
        _ if stale => StoreError::Conflict(source),
        // 55P03: a wait for a lock reached its limit, which another try would only wait for again. 57014: the statement did.
        // 25006: the server became a standby. 25P03, 25P04: it gave up on an open transaction.
        "55P03" | "57014" | "25006" | "25P03" | "25P04" | "40003" | "58030" => StoreError::Unavailable(source),
        // 54000: a text that is too long for its index.
        "54000" => StoreError::Data(source),
        code => match code.get(..2) {
            Some("22") => StoreError::Data(source),
            Some("08" | "53") => StoreError::Unavailable(source),
            Some("57") if code.starts_with("57P") => StoreError::Unavailable(source),
            _ => StoreError::Internal(source),
        },
    }
}

/// Whether the server, or a proxy before it, says that it does not know what became of a statement: class 08 is a connection
/// that broke on the way, 40003 a statement whose completion is unknown.
fn is_undecided(state: &SqlState) -> bool {
    state.code() == "40003" || state.code().starts_with("08")
}

fn violation(state: &SqlState) -> Option<ViolationKind> {
    Some(match state.code() {
        "23505" => ViolationKind::Unique,
        "23503" | "23001" => ViolationKind::ForeignKey,
        "23502" => ViolationKind::NotNull,
        "23514" => ViolationKind::Check,
        "23P01" => ViolationKind::Exclusion,
        _ => return None,
    })
}

/// Whether a prepared statement no longer fits: the tables changed, or somebody deallocated it.
fn is_stale(db: &DbError) -> bool {
    // "cached plan must not change result type" is translated; the routine's name is not.
    *db.code() == SqlState::INVALID_SQL_STATEMENT_NAME
        || (*db.code() == SqlState::FEATURE_NOT_SUPPORTED && db.routine() == Some("RevalidateCachedQuery"))
}
