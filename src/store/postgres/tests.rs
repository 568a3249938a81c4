#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use tokio::time::{sleep, timeout};

mod sessions;
mod trouble;
mod values;

use super::Postgres;
use super::cluster::Cluster;
use crate::store::{Bound, Cell, Isolation, Rows, Statement, StoreError, StoreOptions, Unit, Violation, ViolationKind};
use crate::value::DbValue as V;

const FAMILY: &str = "
    CREATE TABLE parent (id int PRIMARY KEY);
    CREATE TABLE child (id int PRIMARY KEY, parent_id int NOT NULL,
        name varchar(5) CONSTRAINT short UNIQUE, age int CONSTRAINT grown CHECK (age > 17),
        CONSTRAINT child_parent FOREIGN KEY (parent_id) REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
    INSERT INTO parent VALUES (1);
    CREATE TABLE counter (id int PRIMARY KEY, n int NOT NULL);
    INSERT INTO counter VALUES (1, 0), (2, 0);
";

fn sql(text: &str) -> Bound {
    Statement::new(text).bind(Vec::new())
}

fn sql1(text: &str, value: impl Into<V>) -> Bound {
    Statement::new(text).bind(vec![value.into()])
}

fn options() -> StoreOptions {
    StoreOptions { max_connections: 4, ..StoreOptions::default() }
}

async fn int(postgres: &Postgres, text: &str) -> i64 {
    match postgres.read(sql(text)).await.unwrap().cell(0, 0).unwrap() {
        Cell::Int(value) => value,
        other => panic!("{other:?}"),
    }
}

async fn in_transaction(postgres: &Postgres) -> i64 {
    int(
        postgres,
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
         AND pid <> pg_backend_pid() AND state LIKE 'idle in transaction%'",
    )
    .await
}

fn violation(result: Result<impl std::fmt::Debug, StoreError>) -> Violation {
    match result.unwrap_err() {
        StoreError::Violation(violation) => violation,
        other => panic!("{other:?}"),
    }
}

/// What the driver prints for an error, without what it may hold.
fn kind(result: Result<impl std::fmt::Debug, StoreError>) -> &'static str {
    match result.unwrap_err() {
        StoreError::Violation(_) => "violation",
        StoreError::Data(_) => "data",
        StoreError::Conflict(_) => "conflict",
        StoreError::Unavailable(_) => "unavailable",
        StoreError::OutcomeUnknown(_) => "unknown",
        StoreError::Internal(_) => "internal",
    }
}

#[tokio::test]
async fn constraints_are_named() {
    let cluster = Cluster::shared();
    let postgres = cluster.database(FAMILY, options()).await;
    postgres.write(Unit::one(sql("INSERT INTO child VALUES (1, 1, 'a', 20)"))).await.unwrap();
    let broken = async |values: &str| {
        violation(postgres.write(Unit::one(sql(&format!("INSERT INTO child VALUES ({values})")))).await)
    };
    let named = |kind, constraint: &str| Violation {
        kind,
        table: Some("child".into()),
        constraint: Some(constraint.into()),
        columns: Vec::new(),
    };
    assert_eq!(broken("2, 1, 'a', 20").await, named(ViolationKind::Unique, "short"));
    assert_eq!(broken("2, 1, 'b', 17").await, named(ViolationKind::Check, "grown"));
    assert_eq!(
        broken("2, NULL, 'b', 20").await,
        Violation {
            kind: ViolationKind::NotNull,
            table: Some("child".into()),
            constraint: None,
            columns: vec!["parent_id".into()]
        }
    );
    assert_eq!(int(&postgres, "SELECT count(*) FROM child").await, 1);
}

#[tokio::test]
async fn a_deferred_foreign_key_is_reported_wherever_the_commit_is() {
    let cluster = Cluster::shared();
    let postgres = cluster.database(FAMILY, options()).await;
    let orphan = || sql("INSERT INTO child VALUES (2, 99) RETURNING id");
    let expected = Violation {
        kind: ViolationKind::ForeignKey,
        table: Some("child".into()),
        constraint: Some("child_parent".into()),
        columns: Vec::new(),
    };

    assert_eq!(violation(postgres.write(Unit::one(orphan())).await), expected);

    let unit = Unit { statements: vec![sql("INSERT INTO parent VALUES (2)"), orphan()], verdict: None };
    assert_eq!(violation(postgres.write(unit).await), expected);

    let (tx, rows) = postgres.begin(Isolation::ReadCommitted, Some(orphan())).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(violation(tx.commit_with(None).await), expected);

    let (tx, _) = postgres.begin(Isolation::ReadCommitted, None).await.unwrap();
    assert_eq!(violation(tx.commit_with(Some(orphan())).await), expected);

    assert_eq!(int(&postgres, "SELECT count(*) FROM child").await, 0);
    assert_eq!(int(&postgres, "SELECT count(*) FROM parent").await, 1);
    assert_eq!(in_transaction(&postgres).await, 0);
}

#[tokio::test]
async fn a_unit_is_kept_or_undone_as_one() {
    let cluster = Cluster::shared();
    let postgres = cluster.database(FAMILY, StoreOptions { max_connections: 1, ..options() }).await;
    let unit = |last: Bound| Unit {
        statements: vec![
            sql("UPDATE counter SET n = n + 1 WHERE id = 1 RETURNING n"),
            last,
            sql("UPDATE counter SET n = n + 1 WHERE id = 2 RETURNING n"),
        ],
        verdict: None,
    };
    // The server's error in the middle, and one of ours: neither leaves the first statement behind.
    let null = sql("UPDATE counter SET n = NULL RETURNING n");
    assert_eq!(violation(postgres.write(unit(null)).await).kind, ViolationKind::NotNull);
    let large = sql1("UPDATE counter SET n = $1 RETURNING n", i64::MAX);
    assert_eq!(kind(postgres.write(unit(large)).await), "data");
    assert_eq!(int(&postgres, "SELECT sum(n) FROM counter").await, 0);

    let rows = postgres.write(unit(sql1("UPDATE counter SET n = n + $1 RETURNING n", 5))).await.unwrap();
    assert_eq!(rows.iter().map(Rows::len).collect::<Vec<_>>(), [1, 2, 1]);
    assert_eq!(rows[2].cell(0, 0).unwrap(), Cell::Int(6));
    assert_eq!(int(&postgres, "SELECT sum(n) FROM counter").await, 12);
}

#[tokio::test]
async fn a_verdict_runs_only_when_no_row_came() {
    let cluster = Cluster::shared();
    let postgres = cluster.database(FAMILY, options()).await;
    let unit = |id: i32| Unit {
        statements: vec![sql1("UPDATE counter SET n = 1 WHERE id = $1 RETURNING n", id)],
        verdict: Some(sql("SELECT 42")),
    };
    assert_eq!(postgres.write(unit(1)).await.unwrap().len(), 1);
    let rows = postgres.write(unit(9)).await.unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[1].cell(0, 0).unwrap(), Cell::Int(42));
}

#[tokio::test]
async fn a_snapshot_sees_one_state_and_cannot_write() {
    let cluster = Cluster::shared();
    let postgres = cluster.database(FAMILY, options()).await;
    let before = "SELECT n FROM counter WHERE id = 1";
    let rows = postgres.snapshot(vec![sql(before), sql("SELECT pg_sleep(0.3)"), sql(before)]);
    let write = async {
        sleep(Duration::from_millis(100)).await;
        postgres.write(Unit::one(sql("UPDATE counter SET n = 7 WHERE id = 1"))).await.unwrap();
    };
    let (rows, ()) = tokio::join!(rows, write);
    let rows = rows.unwrap();
    assert_eq!((rows[0].cell(0, 0).unwrap(), rows[2].cell(0, 0).unwrap()), (Cell::Int(0), Cell::Int(0)));
    let pid = int(&postgres, "SELECT pg_backend_pid()").await;
    assert_eq!(kind(postgres.snapshot(vec![sql("DELETE FROM counter")]).await), "internal");
    assert_eq!(int(&postgres, "SELECT pg_backend_pid()").await, pid);
    assert_eq!(int(&postgres, before).await, 7);
}

#[tokio::test]
async fn sessions_start_with_the_options() {
    let cluster = Cluster::shared();
    let options = StoreOptions {
        statement_timeout: Duration::from_millis(1500),
        lock_timeout: Duration::from_millis(700),
        idle_timeout: Duration::from_millis(300),
        serializable: true,
        ..options()
    };
    let postgres = cluster.database("", options).await;
    for (setting, value) in [
        ("statement_timeout", "1500ms"),
        ("lock_timeout", "700ms"),
        ("idle_in_transaction_session_timeout", "300ms"),
        ("timezone", "UTC"),
        ("application_name", "bowline"),
        ("transaction_isolation", "serializable"),
    ] {
        let rows = postgres.read(sql1("SELECT current_setting($1)", setting)).await.unwrap();
        assert_eq!(rows.cell(0, 0).unwrap(), Cell::Text(value), "{setting}");
    }
    assert_eq!(kind(postgres.read(sql("SELECT pg_sleep(5)")).await), "unavailable");

    // Left alone for too long, the transaction is ended by the server; the pool survives that.
    let (tx, _) = postgres.begin(Isolation::ReadCommitted, Some(sql("SELECT 1"))).await.unwrap();
    sleep(Duration::from_millis(600)).await;
    assert_eq!(kind(tx.query(sql("SELECT 1")).await), "unavailable");
    assert_eq!(kind(tx.commit_with(None).await), "unavailable");
    assert_eq!(int(&postgres, "SELECT 1").await, 1);
}

#[tokio::test]
async fn the_isolation_is_the_one_asked_for() {
    let cluster = Cluster::shared();
    let postgres = cluster.database("", options()).await;
    for (isolation, name) in [(Isolation::ReadCommitted, "read committed"), (Isolation::Serializable, "serializable")] {
        let first = sql("SELECT current_setting('transaction_isolation')");
        let (tx, rows) = postgres.begin(isolation, Some(first)).await.unwrap();
        assert_eq!(rows.cell(0, 0).unwrap(), Cell::Text(name));
        tx.rollback().await.unwrap();
    }
}

#[tokio::test]
async fn two_serializable_transactions_conflict() {
    let cluster = Cluster::shared();
    let postgres = cluster.database(FAMILY, options()).await;
    let sum = || Some(sql("SELECT sum(n) FROM counter"));
    let (one, _) = postgres.begin(Isolation::Serializable, sum()).await.unwrap();
    let (two, _) = postgres.begin(Isolation::Serializable, sum()).await.unwrap();
    one.commit_with(Some(sql("UPDATE counter SET n = 1 WHERE id = 1"))).await.unwrap();
    assert_eq!(kind(two.commit_with(Some(sql("UPDATE counter SET n = 1 WHERE id = 2"))).await), "conflict");
    assert_eq!(int(&postgres, "SELECT sum(n) FROM counter").await, 1);
    assert_eq!(in_transaction(&postgres).await, 0);
}

#[tokio::test]
async fn a_deadlock_is_a_conflict_for_one_of_the_two() {
    let cluster = Cluster::shared();
    let postgres = cluster.database(FAMILY, options()).await;
    let lock = |id: i32| sql1("SELECT n FROM counter WHERE id = $1 FOR UPDATE", id);
    let (one, _) = postgres.begin(Isolation::ReadCommitted, Some(lock(1))).await.unwrap();
    let (two, _) = postgres.begin(Isolation::ReadCommitted, Some(lock(2))).await.unwrap();
    // Each drops its locks as soon as it fails, so that the other gets on.
    let (a, b) = tokio::join!(one.commit_with(Some(lock(2))), two.commit_with(Some(lock(1))));
    let (lost, won) = if a.is_err() { (a, b) } else { (b, a) };
    assert_eq!(kind(lost), "conflict");
    assert_eq!(won.unwrap().len(), 1);
}

#[tokio::test]
async fn a_lock_that_does_not_come_is_no_conflict() {
    let cluster = Cluster::shared();
    let short = StoreOptions { lock_timeout: Duration::from_millis(100), ..options() };
    let postgres = cluster.database(FAMILY, short).await;
    let lock = || sql("SELECT n FROM counter WHERE id = 1 FOR UPDATE");
    let (tx, _) = postgres.begin(Isolation::ReadCommitted, Some(lock())).await.unwrap();
    assert_eq!(kind(postgres.begin(Isolation::ReadCommitted, Some(lock())).await), "unavailable");
    assert_eq!(in_transaction(&postgres).await, 1);
    tx.rollback().await.unwrap();
}

#[tokio::test]
async fn a_swallowed_error_cannot_be_committed() {
    let cluster = Cluster::shared();
    let postgres = cluster.database(FAMILY, options()).await;
    let begin = || postgres.begin(Isolation::ReadCommitted, Some(sql("UPDATE counter SET n = 1")));

    let (tx, _) = begin().await.unwrap();
    assert_eq!(kind(tx.query(sql("SELECT 1/0")).await), "data");
    assert_eq!(kind(tx.query(sql("SELECT 1")).await), "internal");
    assert_eq!(kind(tx.commit_with(None).await), "data");

    // The failed statement's future was dropped, so that nobody saw its error.
    let (tx, _) = begin().await.unwrap();
    let _ = timeout(Duration::from_millis(20), tx.query(sql("SELECT 1 / (n - n) FROM counter, pg_sleep(0.1)")))
        .await
        .unwrap_err();
    assert_eq!(kind(tx.commit_with(None).await), "internal");
    assert_eq!(int(&postgres, "SELECT sum(n) FROM counter").await, 0);

    // Undone to a savepoint, it can be.
    let (tx, _) = begin().await.unwrap();
    tx.batch("SAVEPOINT s").await.unwrap();
    tx.batch("SELECT 1/0").await.unwrap_err();
    tx.batch("ROLLBACK TO SAVEPOINT s").await.unwrap();
    tx.commit_with(None).await.unwrap();
    assert_eq!(int(&postgres, "SELECT sum(n) FROM counter").await, 2);
    assert_eq!(in_transaction(&postgres).await, 0);
}
