//! The transport as a whole, on files of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::{Duration, Instant};

use rusqlite::Connection;
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use super::*;
use crate::store::{Cell, Statement, Violation, ViolationKind};
use crate::value::DbValue;

mod life;
mod reads;
mod transactions;
mod writes;

/// As Django makes tables: keys deferred.
const SCHEMA: &str = "
    CREATE TABLE c (id INTEGER PRIMARY KEY AUTOINCREMENT, name varchar(20) NOT NULL UNIQUE);
    CREATE TABLE d (id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT NOT NULL,
        c_id bigint NOT NULL REFERENCES c (id) DEFERRABLE INITIALLY DEFERRED);
    INSERT INTO c VALUES (1, 'one');";

/// Never ends by itself.
const ENDLESS: &str = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
    SELECT count(*) FROM n";

struct Fixture {
    sqlite: Sqlite,
    directory: TempDir,
}

impl Fixture {
    async fn new() -> Self {
        Fixture::with(StoreOptions::default()).await
    }

    async fn with(options: StoreOptions) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("test.db");
        Connection::open(&path).unwrap().execute_batch(SCHEMA).unwrap();
        let sqlite = Sqlite::open(path.to_str().unwrap(), options).await.unwrap();
        Fixture { sqlite, directory }
    }

    /// A connection that knows nothing of the store, as another process has.
    fn stranger(&self) -> Connection {
        let connection = Connection::open(self.directory.path().join("test.db")).unwrap();
        connection.busy_timeout(Duration::from_secs(5)).unwrap();
        connection
    }

    /// What a stranger sees.
    fn seen(&self, sql: &str) -> i64 {
        self.stranger().query_row(sql, [], |row| row.get(0)).unwrap()
    }
}

fn sql(text: &str) -> Bound {
    Statement::new(text).bind(Vec::new())
}

fn named(name: &str) -> Bound {
    Statement::new("INSERT INTO c (name) VALUES (?1) RETURNING id").bind(vec![name.into()])
}

fn child(c: i64) -> Bound {
    Statement::new("INSERT INTO d (title, c_id) VALUES ('t', ?1) RETURNING id").bind(vec![c.into()])
}

fn unit(statements: Vec<Bound>) -> Unit {
    Unit { statements, verdict: None }
}

fn int(rows: &Rows) -> i64 {
    match rows.cell(0, 0).unwrap() {
        Cell::Int(value) => value,
        other => panic!("{other:?}"),
    }
}

fn violated<T: std::fmt::Debug>(result: Result<T, StoreError>) -> Violation {
    match result {
        Err(StoreError::Violation(violation)) => violation,
        other => panic!("{other:?}"),
    }
}

fn unavailable<T: std::fmt::Debug>(result: Result<T, StoreError>) -> String {
    match result {
        Err(StoreError::Unavailable(source)) => source.to_string(),
        other => panic!("{other:?}"),
    }
}
