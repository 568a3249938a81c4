//! Writes of several rows, and rules that several rows keep or break, under clients that come at the same moment: a
//! race for each, on both databases.
//!
//! Nothing is mocked and nothing is stopped on the way: the requests run side by side in an application of this
//! process. What must not happen is looked for in the answers and in the tables.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(dead_code, unreachable_pub, reason = "what entities generate")]

use crate::support;

mod actions;
mod bulk;
mod clients;
mod constraints;
mod deletions;
mod exchanges;
mod links;
mod models;
mod nested;
mod rules;
mod targets;
mod uploads;

use support::Database;

/// Runs a test on an empty database of each kind, with the tables that a router makes and with those given, Django's.
fn each_kind(tables: [&str; 2], test: impl Fn(&Database)) {
    each(&test);
    each(|database| {
        execute(database, tables);
        test(database);
    });
}

/// Runs a test on an empty database of each kind. PostgreSQL looks for deadlocks sooner than after its second: they are
/// part of the races, and are replayed.
fn each(test: impl Fn(&Database)) {
    test(&Database::sqlite());
    let database = Database::postgres();
    let sooner = "ALTER DATABASE %I SET deadlock_timeout = ''30ms''";
    let sooner = format!("DO $$ BEGIN EXECUTE format('{sooner}', current_database()); END $$");
    execute(&database, [&sooner, ""]);
    test(&database);
}

/// Runs statements of PostgreSQL's or SQLite's.
fn execute(database: &Database, [on_postgres, on_sqlite]: [&str; 2]) {
    database.run(if matches!(database, Database::Postgres(_)) { on_postgres } else { on_sqlite });
}

/// The one number that a query answers.
fn number(database: &Database, sql: &str) -> i64 {
    database.list(sql)[0].parse().unwrap()
}
