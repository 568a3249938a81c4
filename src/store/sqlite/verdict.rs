//! What a failure of SQLite means: its extended result code and message, told apart.

use rusqlite::{Error, ErrorCode, ffi};

use crate::store::{StoreError, Violation, ViolationKind};
use crate::value::pattern::TooManySteps;

/// Classifies a failure of the driver.
pub(super) fn classify(error: &Error) -> StoreError {
    match error {
        Error::SqliteFailure(code, message) => {
            let message = message.as_deref().unwrap_or("");
            from_code(code.extended_code, message)
        }
        Error::ToSqlConversionFailure(_) => StoreError::Data(error.to_string().into()),
        other => StoreError::Internal(other.to_string().into()),
    }
}

/// The same, as a function for `map_err`.
pub(super) fn failed(error: Error) -> StoreError {
    classify(&error)
}

/// The failure of a COMMIT. SQLite undoes what it could not commit, but after an error of the disk a crash may bring it back:
/// nobody knows.
pub(super) fn uncommitted(error: &Error) -> StoreError {
    match error {
        Error::SqliteFailure(code, _) if code.extended_code & 0xff == ffi::SQLITE_IOERR => {
            StoreError::OutcomeUnknown(error.to_string().into())
        }
        other => classify(other),
    }
}

/// Whether another process, or another connection, is in the way.
pub(super) fn is_busy(error: &Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
}

/// What is still in the way after a wait is nothing that another try would find gone.
pub(super) fn waited(error: StoreError) -> StoreError {
    match error {
        StoreError::Conflict(source) => StoreError::Unavailable(source),
        other => other,
    }
}

fn from_code(extended: i32, message: &str) -> StoreError {
    let source = || format!("{message} (SQLite result code {extended})").into();
    match extended {
        ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID => {
            violation(ViolationKind::Unique, message)
        }
        ffi::SQLITE_CONSTRAINT_NOTNULL => violation(ViolationKind::NotNull, message),
        ffi::SQLITE_CONSTRAINT_CHECK => violation(ViolationKind::Check, message),
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => violation(ViolationKind::ForeignKey, message),
        // ON DELETE RESTRICT is a trigger inside SQLite; others are the schema's own RAISE.
        ffi::SQLITE_CONSTRAINT_TRIGGER if message == FOREIGN_KEY => violation(ViolationKind::ForeignKey, message),
        ffi::SQLITE_CONSTRAINT_TRIGGER => violation(ViolationKind::Raised, message),
        ffi::SQLITE_ERROR if message == TooManySteps::SENTENCE => StoreError::Data(source()),
        ffi::SQLITE_CONSTRAINT_DATATYPE => StoreError::Data(source()),
        // The low byte is the primary code.
        _ => match extended & 0xff {
            ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED | ffi::SQLITE_PROTOCOL => StoreError::Conflict(source()),
            ffi::SQLITE_INTERRUPT => StoreError::Unavailable("a statement reached its limit of time".into()),
            ffi::SQLITE_FULL
            | ffi::SQLITE_IOERR
            | ffi::SQLITE_READONLY
            | ffi::SQLITE_CANTOPEN
            | ffi::SQLITE_CORRUPT
            | ffi::SQLITE_NOTADB
            | ffi::SQLITE_NOMEM
            | ffi::SQLITE_PERM => StoreError::Unavailable(source()),
            ffi::SQLITE_MISMATCH | ffi::SQLITE_TOOBIG => StoreError::Data(source()),
            _ => StoreError::Internal(source()),
        },
    }
}

const FOREIGN_KEY: &str = "FOREIGN KEY constraint failed";

/// Reads `UNIQUE constraint failed: t.a, t.b`, `… index 'name'`, `CHECK constraint failed: name`.
fn violation(kind: ViolationKind, message: &str) -> StoreError {
    let mut violation = Violation { kind, table: None, constraint: None, columns: Vec::new() };
    let detail = message.split_once(" constraint failed: ").map(|(_, d)| d);
    match (kind, detail) {
        (ViolationKind::Check, detail) => {
            violation.constraint = Some(detail.unwrap_or(message).to_owned());
        }
        // The text of a trigger's RAISE is all the name that it has.
        (ViolationKind::Raised, _) => violation.constraint = Some(message.to_owned()),
        (ViolationKind::Unique | ViolationKind::NotNull, Some(detail)) => {
            let index = detail.strip_prefix("index '");
            if let Some(index) = index.and_then(|name| name.strip_suffix('\'')) {
                violation.constraint = Some(index.to_owned());
            } else {
                for item in detail.split(", ") {
                    if let Some((table, column)) = item.split_once('.') {
                        violation.table.get_or_insert_with(|| table.to_owned());
                        violation.columns.push(column.to_owned());
                    }
                }
            }
        }
        _ => {}
    }
    StoreError::Violation(violation)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use rusqlite::Connection;

    use super::*;

    fn fail(setup: &str, sql: &str) -> StoreError {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("PRAGMA foreign_keys = ON").unwrap();
        connection.execute_batch(setup).unwrap();
        classify(&connection.execute_batch(sql).unwrap_err())
    }

    fn violated(setup: &str, sql: &str) -> Violation {
        match fail(setup, sql) {
            StoreError::Violation(violation) => violation,
            other => panic!("{other:?}"),
        }
    }

    fn expected(kind: ViolationKind, table: Option<&str>, constraint: Option<&str>, columns: &[&str]) -> Violation {
        Violation {
            kind,
            table: table.map(str::to_owned),
            constraint: constraint.map(str::to_owned),
            columns: columns.iter().map(|&c| c.to_owned()).collect(),
        }
    }

    #[test]
    fn uniqueness() {
        use ViolationKind::Unique;
        let twice = "INSERT INTO t VALUES (1, 'x', 'y'); INSERT INTO t VALUES (1, 'x', 'y')";
        for (setup, sql, wanted) in [
            (
                "CREATE TABLE t (a INT, b TEXT, c TEXT, UNIQUE (a, b))",
                twice,
                expected(Unique, Some("t"), None, &["a", "b"]),
            ),
            (
                "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT, c TEXT)",
                twice,
                expected(Unique, Some("t"), None, &["a"]),
            ),
            (
                "CREATE TABLE t (a INT, b TEXT, c TEXT, PRIMARY KEY (a, c)) WITHOUT ROWID",
                twice,
                expected(Unique, Some("t"), None, &["a", "c"]),
            ),
            (
                "CREATE TABLE t (a INT, b TEXT, c TEXT); CREATE UNIQUE INDEX low ON t (lower(b))",
                twice,
                expected(Unique, None, Some("low"), &[]),
            ),
            (
                "CREATE TABLE t (a INT, b TEXT, c TEXT)",
                "INSERT INTO t (rowid, a) VALUES (1, 1); INSERT INTO t (rowid, a) VALUES (1, 1)",
                expected(Unique, Some("t"), None, &["rowid"]),
            ),
        ] {
            assert_eq!(violated(setup, sql), wanted, "{setup}");
        }
    }

    #[test]
    fn other_constraints() {
        use ViolationKind::{Check, ForeignKey, NotNull, Raised};
        assert_eq!(
            violated("CREATE TABLE t (a INT NOT NULL)", "INSERT INTO t VALUES (NULL)"),
            expected(NotNull, Some("t"), None, &["a"]),
        );
        assert_eq!(
            violated("CREATE TABLE t (a INT, CONSTRAINT positive CHECK (a > 0))", "INSERT INTO t VALUES (0)"),
            expected(Check, None, Some("positive"), &[]),
        );
        assert_eq!(
            violated(
                "CREATE TABLE t (a INT); CREATE TRIGGER g BEFORE INSERT ON t
                 BEGIN SELECT RAISE(ABORT, 'closed'); END",
                "INSERT INTO t VALUES (0)"
            ),
            expected(Raised, None, Some("closed"), &[]),
        );
        let parent = "CREATE TABLE p (id INTEGER PRIMARY KEY); INSERT INTO p VALUES (1);";
        for (reference, sql) in [
            ("REFERENCES p", "INSERT INTO c VALUES (9)"),
            ("REFERENCES p ON DELETE RESTRICT", "INSERT INTO c VALUES (1); DELETE FROM p"),
            ("REFERENCES p DEFERRABLE INITIALLY DEFERRED", "BEGIN; INSERT INTO c VALUES (9); COMMIT"),
        ] {
            let setup = format!("{parent} CREATE TABLE c (p INT {reference})");
            let wanted = expected(ForeignKey, None, None, &[]);
            assert_eq!(violated(&setup, sql), wanted, "{reference}");
        }
    }

    #[test]
    fn values_that_do_not_fit() {
        for (setup, sql) in [
            ("CREATE TABLE t (a INT) STRICT", "INSERT INTO t VALUES ('x')"),
            ("CREATE TABLE t (a INTEGER PRIMARY KEY)", "INSERT INTO t VALUES ('x')"),
            ("CREATE TABLE t (a BLOB)", "INSERT INTO t VALUES (zeroblob(2000000000))"),
        ] {
            assert!(matches!(fail(setup, sql), StoreError::Data(_)), "{sql}");
        }
    }

    #[test]
    fn mistakes_are_internal() {
        for sql in ["SELEC 1", "SELECT * FROM missing"] {
            assert!(matches!(fail("", sql), StoreError::Internal(_)), "{sql}");
        }
    }

    #[test]
    fn codes_without_a_statement_to_provoke_them() {
        for code in [5, 261, 517, 773, 6, 262, 15] {
            assert!(matches!(from_code(code, ""), StoreError::Conflict(_)), "{code}");
        }
        // 3850 is SQLITE_IOERR_LOCK.
        for code in [9, 13, 10, 522, 3850, 8, 1032, 14, 11, 26, 7] {
            assert!(matches!(from_code(code, ""), StoreError::Unavailable(_)), "{code}");
        }
        let committing = |code| uncommitted(&Error::SqliteFailure(ffi::Error::new(code), None));
        for (code, is_unknown) in [(10, true), (1034, true), (778, true), (13, false), (787, false)] {
            assert_eq!(matches!(committing(code), StoreError::OutcomeUnknown(_)), is_unknown, "{code}");
        }
        for code in [1, 21, 25] {
            assert!(matches!(from_code(code, ""), StoreError::Internal(_)), "{code}");
        }
    }
}
