//! Fresh databases of both kinds, and what is in them as the database itself tells it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};
use tempfile::TempDir;

use super::postgres::{Postgres, query};

/// A row of `seed_document` as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Document {
    pub(crate) collection: i64,
    pub(crate) uid: String,
    pub(crate) blob: Json,
}

/// A database that one test owns.
pub(crate) enum Database {
    /// A file in a folder that goes with it.
    Sqlite(TempDir),
    /// The address of a database in a cluster.
    Postgres(String),
}

impl Database {
    /// Runs a test on an empty SQLite file and on an empty PostgreSQL database.
    pub(crate) fn each(test: impl Fn(&Database)) {
        test(&Database::sqlite());
        test(&Database::postgres());
    }

    pub(crate) fn sqlite() -> Database {
        Database::Sqlite(tempfile::Builder::new().prefix("bowline-sqlite-").tempdir().unwrap())
    }

    pub(crate) fn postgres() -> Database {
        Database::Postgres(Postgres::shared().database())
    }

    /// A SQLite file with the tables and rows that Django made.
    pub(crate) fn django_sqlite() -> Database {
        let database = Database::sqlite();
        fs::copy(data("oracle/template.sqlite3"), database.url()).unwrap();
        database
    }

    /// A PostgreSQL database with the tables and rows that Django made.
    pub(crate) fn django_postgres() -> Database {
        Database::Postgres(Postgres::shared().load(&data("oracle/template.sql")))
    }

    /// What `DATABASE_URL` is set to.
    pub(crate) fn url(&self) -> String {
        match self {
            Database::Sqlite(folder) => folder.path().join("rows.sqlite3").to_str().unwrap().to_owned(),
            Database::Postgres(url) => url.clone(),
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Database::Sqlite(_) => "SQLite",
            Database::Postgres(_) => "PostgreSQL",
        }
    }

    /// Runs statements.
    pub(crate) fn run(&self, sql: &str) {
        match self {
            Database::Sqlite(_) => rusqlite::Connection::open(self.url()).unwrap().execute_batch(sql).unwrap(),
            Database::Postgres(url) => drop(query(url, sql)),
        }
    }

    /// The one column of a query's rows, as text.
    pub(crate) fn list(&self, sql: &str) -> Vec<String> {
        match self {
            Database::Sqlite(_) => {
                let connection = rusqlite::Connection::open(self.url()).unwrap();
                let mut statement = connection.prepare(sql).unwrap();
                let text = |row: &rusqlite::Row<'_>| match row.get(0)? {
                    rusqlite::types::Value::Integer(number) => Ok(number.to_string()),
                    rusqlite::types::Value::Text(text) => Ok(text),
                    other => panic!("{other:?}"),
                };
                statement.query_map([], text).unwrap().collect::<Result<_, _>>().unwrap()
            }
            Database::Postgres(url) => query(url, sql).lines().map(str::to_owned).collect(),
        }
    }

    /// Every document, by its id.
    pub(crate) fn documents(&self) -> BTreeMap<i64, Document> {
        let rows = self.rows("id, collection_id, uid, blob", "seed_document");
        let document = |row: &Json| Document {
            collection: row["collection_id"].as_i64().unwrap(),
            uid: row["uid"].as_str().unwrap().to_owned(),
            blob: match &row["blob"] {
                Json::String(text) if matches!(self, Database::Sqlite(_)) => serde_json::from_str(text).unwrap(),
                blob => blob.clone(),
            },
        };
        rows.iter().map(|row| (row["id"].as_i64().unwrap(), document(row))).collect()
    }

    /// The ids of all collections.
    pub(crate) fn collections(&self) -> Vec<i64> {
        self.rows("id", "seed_collection").iter().map(|row| row["id"].as_i64().unwrap()).collect()
    }

    /// Sessions that are left inside a transaction; a file has none.
    pub(crate) fn idle_in_transaction(&self) -> usize {
        self.count_sessions("state LIKE 'idle in transaction%'")
    }

    /// Sessions that have waited within a transaction for a second or longer; a file has none.
    pub(crate) fn stalled(&self) -> usize {
        self.count_sessions("state LIKE 'idle in transaction%' AND clock_timestamp() - state_change > '1 s'")
    }

    /// Sessions with a transaction, at work or idle, other than the one that asks; a file has none.
    pub(crate) fn in_transaction(&self) -> usize {
        self.count_sessions("pid <> pg_backend_pid() AND backend_type = 'client backend' AND xact_start IS NOT NULL")
    }

    /// Sessions of any kind; a file has none.
    pub(crate) fn sessions(&self) -> usize {
        self.count_sessions("pid <> pg_backend_pid()")
    }

    fn count_sessions(&self, which: &str) -> usize {
        let Database::Postgres(url) = self else { return 0 };
        let here = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()";
        query(url, &format!("{here} AND {which}")).parse().unwrap()
    }

    fn rows(&self, columns: &str, table: &str) -> Vec<Json> {
        match self {
            Database::Sqlite(_) => {
                let connection = rusqlite::Connection::open(self.url()).unwrap();
                let problems: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
                assert_eq!(problems, "ok");
                let names = columns.split(", ").collect::<Vec<_>>();
                let mut statement = connection.prepare(&format!("SELECT {columns} FROM {table} ORDER BY id")).unwrap();
                let row = |row: &rusqlite::Row<'_>| {
                    let cell = |(n, name): (usize, &&str)| {
                        let value = match row.get(n)? {
                            rusqlite::types::Value::Integer(number) => json!(number),
                            rusqlite::types::Value::Text(text) => json!(text),
                            other => panic!("{name}: {other:?}"),
                        };
                        Ok(((*name).to_owned(), value))
                    };
                    names.iter().enumerate().map(cell).collect::<rusqlite::Result<Json>>()
                };
                statement.query_map([], row).unwrap().collect::<Result<_, _>>().unwrap()
            }
            Database::Postgres(url) => {
                let sql =
                    format!("SELECT coalesce(json_agg(r), '[]') FROM (SELECT {columns} FROM {table} ORDER BY id) AS r");
                serde_json::from_str(&query(url, &sql)).unwrap()
            }
        }
    }
}

/// A file of `tests/data`.
fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}
