//! The store's errors as SeaORM has its driver's.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use sea_orm::sqlx::Error;
use sea_orm::sqlx::error::{DatabaseError, ErrorKind};
use sea_orm::{DbErr, RuntimeErr};

use super::Converters;
use crate::store::{Dialect, StoreError, Violation, ViolationKind};

/// Which of SeaORM's methods failed.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) enum Asked {
    /// One that answers rows.
    Query,
    /// One that answers how many rows it changed.
    Exec,
}

impl Converters {
    /// SeaORM's error for ours, in which [`store_error`] finds ours again, and `DbErr::sql_err` the kind of a violation.
    pub(in crate::store) async fn failed(&self, dialect: Dialect, asked: Asked, error: Arc<StoreError>) -> DbErr {
        let mut failure = Failure::of(dialect, error);
        if let StoreError::Violation(violation) = &*failure.source {
            failure.genuine = self.genuine(dialect, &failure, violation).await.map(Arc::new);
        }
        let error = RuntimeErr::SqlxError(Arc::new(Error::Database(Box::new(failure))));
        match asked {
            Asked::Query => DbErr::Query(error),
            Asked::Exec => DbErr::Exec(error),
        }
    }
}

/// The store's error inside of an error that SeaORM handed on.
///
/// A [`StoreError::Conflict`] means that the whole unit may be replayed, a [`StoreError::Violation`] that a
/// constraint stopped it.
pub fn store_error(error: &DbErr) -> Option<&StoreError> {
    let (DbErr::Query(RuntimeErr::SqlxError(error))
    | DbErr::Exec(RuntimeErr::SqlxError(error))
    | DbErr::Conn(RuntimeErr::SqlxError(error))) = error
    else {
        return None;
    };
    match &**error {
        // the box itself is an error, too, and has no source
        Error::Database(error) => error.as_ref().source()?.downcast_ref(),
        _ => None,
    }
}

/// An error of the database in the driver's words.
///
/// SeaORM asks two things of it: its code, and whether it is the driver's own type for the database's errors. To the second
/// question [`DatabaseError::as_error`] answers with such an error of the driver's making.
#[derive(Debug)]
pub(super) struct Failure {
    source: Arc<StoreError>,
    pub(super) code: Option<String>,
    pub(super) message: String,
    genuine: Option<Arc<Error>>,
}

impl Failure {
    fn of(dialect: Dialect, source: Arc<StoreError>) -> Self {
        let (code, message) = match (&*source, dialect) {
            (StoreError::Violation(violation), Dialect::Postgres) => {
                (Some(state(violation.kind).to_owned()), in_words_of_postgres(violation))
            }
            (StoreError::Violation(violation), Dialect::Sqlite) => {
                (Some(number(violation.kind).to_owned()), in_words_of_sqlite(violation))
            }
            (error, _) => {
                let cause = error.source().and_then(|cause| cause.downcast_ref::<tokio_postgres::error::DbError>());
                let code = cause.map(|cause| cause.code().code().to_owned());
                (code, error.to_string())
            }
        };
        Failure { source, code, message, genuine: None }
    }

    fn violation(&self) -> Option<&Violation> {
        match &*self.source {
            StoreError::Violation(violation) => Some(violation),
            _ => None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Failure {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.source)
    }
}

impl DatabaseError for Failure {
    fn message(&self) -> &str {
        &self.message
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        self.code.as_deref().map(Cow::Borrowed)
    }

    fn as_error(&self) -> &(dyn StdError + Send + Sync + 'static) {
        match self.genuine.as_deref() {
            Some(Error::Database(genuine)) => genuine.as_error(),
            _ => self,
        }
    }

    fn as_error_mut(&mut self) -> &mut (dyn StdError + Send + Sync + 'static) {
        self
    }

    fn into_error(self: Box<Self>) -> Box<dyn StdError + Send + Sync + 'static> {
        self
    }

    fn constraint(&self) -> Option<&str> {
        self.violation()?.constraint.as_deref()
    }

    fn table(&self) -> Option<&str> {
        self.violation()?.table.as_deref()
    }

    fn kind(&self) -> ErrorKind {
        match self.violation().map(|violation| violation.kind) {
            Some(ViolationKind::Unique) => ErrorKind::UniqueViolation,
            Some(ViolationKind::ForeignKey) => ErrorKind::ForeignKeyViolation,
            Some(ViolationKind::NotNull) => ErrorKind::NotNullViolation,
            Some(ViolationKind::Check) => ErrorKind::CheckViolation,
            Some(ViolationKind::Exclusion) => ErrorKind::ExclusionViolation,
            Some(ViolationKind::Raised | ViolationKind::Deferrable) | None => ErrorKind::Other,
        }
    }
}

fn state(kind: ViolationKind) -> &'static str {
    match kind {
        ViolationKind::Unique => "23505",
        ViolationKind::ForeignKey => "23503",
        ViolationKind::NotNull => "23502",
        ViolationKind::Check => "23514",
        ViolationKind::Exclusion => "23P01",
        ViolationKind::Raised => "P0001",
        ViolationKind::Deferrable => "55000",
    }
}

fn number(kind: ViolationKind) -> &'static str {
    match kind {
        ViolationKind::Unique => "2067",
        ViolationKind::ForeignKey => "787",
        ViolationKind::NotNull => "1299",
        ViolationKind::Raised => "1811",
        ViolationKind::Check | ViolationKind::Exclusion | ViolationKind::Deferrable => "275",
    }
}

fn in_words_of_postgres(violation: &Violation) -> String {
    let constraint = violation.constraint.as_deref().unwrap_or_default();
    let table = violation.table.as_deref().unwrap_or_default();
    match violation.kind {
        ViolationKind::Unique => format!("duplicate key value violates unique constraint \"{constraint}\""),
        ViolationKind::ForeignKey => {
            format!("insert or update on table \"{table}\" violates foreign key constraint \"{constraint}\"")
        }
        ViolationKind::NotNull => {
            let column = violation.columns.first().map(String::as_str).unwrap_or_default();
            format!("null value in column \"{column}\" of relation \"{table}\" violates not-null constraint")
        }
        ViolationKind::Check => {
            format!("new row for relation \"{table}\" violates check constraint \"{constraint}\"")
        }
        ViolationKind::Exclusion => {
            format!("conflicting key value violates exclusion constraint \"{constraint}\"")
        }
        ViolationKind::Raised => constraint.to_owned(),
        ViolationKind::Deferrable => {
            "ON CONFLICT does not support deferrable unique constraints/exclusion constraints as arbiters".to_owned()
        }
    }
}

fn in_words_of_sqlite(violation: &Violation) -> String {
    let table = violation.table.as_deref().unwrap_or_default();
    let columns: Vec<String> = violation.columns.iter().map(|column| format!("{table}.{column}")).collect();
    let name = violation.constraint.as_deref().unwrap_or_default();
    match violation.kind {
        ViolationKind::Unique if columns.is_empty() => format!("UNIQUE constraint failed: index '{name}'"),
        ViolationKind::Unique => format!("UNIQUE constraint failed: {}", columns.join(", ")),
        ViolationKind::NotNull => format!("NOT NULL constraint failed: {}", columns.join(", ")),
        ViolationKind::ForeignKey => "FOREIGN KEY constraint failed".to_owned(),
        ViolationKind::Raised => name.to_owned(),
        ViolationKind::Check | ViolationKind::Exclusion | ViolationKind::Deferrable => {
            format!("CHECK constraint failed: {name}")
        }
    }
}
