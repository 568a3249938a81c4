//! The transport as a whole, on files of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::{Duration, Instant};

use rusqlite::Connection;
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use super::*;
use crate::store::{Cell, Statement, Violation, ViolationKind};
use crate::value::DbValue;

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
        Connection::open(&path)
            .unwrap()
            .execute_batch(SCHEMA)
            .unwrap();
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
        self.stranger()
            .query_row(sql, [], |row| row.get(0))
            .unwrap()
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
    Unit {
        statements,
        verdict: None,
    }
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

/// Sends units so that they meet in one group: the writer is kept busy by a transaction until all are queued.
async fn together(fixture: &Fixture, units: Vec<Unit>) -> Vec<Result<Vec<Rows>, StoreError>> {
    let (transaction, _) = fixture.sqlite.begin(None).await.unwrap();
    let mut tasks = Vec::new();
    for (n, unit) in units.into_iter().enumerate() {
        let sqlite = fixture.sqlite.clone();
        tasks.push(tokio::spawn(async move { sqlite.write(unit).await }));
        while fixture.sqlite.inner.writes.capacity() > QUEUE - n - 1 {
            sleep(Duration::from_millis(1)).await;
        }
    }
    transaction.rollback().await.unwrap();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}

#[tokio::test]
async fn an_answered_write_is_seen_by_others() {
    let fixture = Fixture::new().await;
    for n in 0..20 {
        let rows = fixture.sqlite.write(Unit::one(named(&n.to_string()))).await;
        assert_eq!(int(&rows.unwrap()[0]), n + 2);
        assert_eq!(fixture.seen("SELECT count(*) FROM c"), n + 2);
    }
}

#[tokio::test]
async fn writes_that_wait_together_share_a_commit() {
    let fixture = Fixture::new().await;
    let units = (0..50).map(|n| Unit::one(named(&n.to_string()))).collect();
    // Seen from the log: one frame of each changed page for all units, not one for each unit.
    let log = fixture.directory.path().join("test.db-wal");
    let size = std::fs::metadata(&log).unwrap().len();
    for result in together(&fixture, units).await {
        result.unwrap();
    }
    let grown = (std::fs::metadata(&log).unwrap().len() - size) / 4096;
    assert!((1..=8).contains(&grown), "{grown} pages were written");
    assert_eq!(fixture.seen("SELECT count(*) FROM c"), 51);
}

#[tokio::test]
async fn a_failed_unit_leaves_no_trace_and_others_alone() {
    let fixture = Fixture::new().await;
    let mut results = together(
        &fixture,
        vec![
            Unit::one(named("a")),
            unit(vec![named("b"), named("one")]),
            Unit::one(named("a")),
            unit(vec![named("c"), child(1)]),
            Unit::one(sql("INSERT INTO d (title, c_id) VALUES (NULL, 1)")),
        ],
    )
    .await;
    let null = violated(results.pop().unwrap());
    assert_eq!(null.kind, ViolationKind::NotNull);
    assert_eq!(results.pop().unwrap().unwrap().len(), 2);
    let unique = violated(results.pop().unwrap());
    assert_eq!(unique.kind, ViolationKind::Unique);
    assert_eq!(unique.table.as_deref(), Some("c"));
    assert_eq!(unique.columns, ["name"]);
    assert_eq!(violated(results.pop().unwrap()).kind, ViolationKind::Unique);
    results.pop().unwrap().unwrap();
    let names = "SELECT count(*) FROM c WHERE name IN ('one', 'a', 'c')";
    assert_eq!(fixture.seen(names), 3);
    assert_eq!(fixture.seen("SELECT count(*) FROM c"), 3);
    assert_eq!(fixture.seen("SELECT count(*) FROM d"), 1);
}

#[tokio::test]
async fn a_failed_commit_fails_only_the_guilty() {
    let fixture = Fixture::new().await;
    let mut units: Vec<Unit> = (0..9).map(|n| Unit::one(named(&n.to_string()))).collect();
    units.insert(4, Unit::one(child(999)));
    units.push(unit(vec![named("x"), child(777)]));
    units.push(Unit::one(child(1)));
    let results = together(&fixture, units).await;
    for (n, result) in results.into_iter().enumerate() {
        if n == 4 || n == 10 {
            assert_eq!(violated(result).kind, ViolationKind::ForeignKey);
        } else {
            result.unwrap();
        }
    }
    assert_eq!(fixture.seen("SELECT count(*) FROM c"), 10);
    assert_eq!(fixture.seen("SELECT count(*) FROM d"), 1);
}

#[tokio::test]
async fn a_unit_that_loses_the_transaction_fails_alone() {
    let options = StoreOptions {
        statement_timeout: Duration::from_millis(300),
        ..StoreOptions::default()
    };
    let fixture = Fixture::with(options).await;
    // Interrupting a write rolls the whole transaction back.
    let endless =
        "INSERT INTO c (name) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
        SELECT 'n' || i FROM n";
    let conflict = "INSERT OR ROLLBACK INTO c (name) VALUES ('one')";
    let results = together(
        &fixture,
        vec![
            Unit::one(named("a")),
            Unit::one(sql(conflict)),
            unit(vec![named("b"), named("c")]),
            Unit::one(sql(endless)),
            Unit::one(named("d")),
        ],
    )
    .await;
    let [a, b, c, d, e] = results.try_into().unwrap();
    a.unwrap();
    assert_eq!(violated(b).kind, ViolationKind::Unique);
    c.unwrap();
    unavailable(d);
    e.unwrap();
    assert_eq!(fixture.seen("SELECT count(*) FROM c"), 5);
}

#[tokio::test]
async fn a_verdict_runs_where_the_last_statement_returned_no_row() {
    let fixture = Fixture::new().await;
    let update = |id: i64| Unit {
        statements: vec![
            Statement::new("UPDATE c SET name = 'new' WHERE id = ?1 RETURNING id")
                .bind(vec![id.into()]),
        ],
        verdict: Some(sql("SELECT count(*) FROM c WHERE name = 'one'")),
    };
    let missed = fixture.sqlite.write(update(9)).await.unwrap();
    assert_eq!((missed.len(), missed[0].len(), int(&missed[1])), (2, 0, 1));
    let hit = fixture.sqlite.write(update(1)).await.unwrap();
    assert_eq!((hit.len(), int(&hit[0])), (1, 1));
}

#[tokio::test]
async fn a_failed_verdict_undoes_its_unit() {
    let fixture = Fixture::new().await;
    let failing = Unit {
        statements: vec![sql("INSERT INTO c (name) VALUES ('a')")],
        verdict: Some(sql("SELECT * FROM missing")),
    };
    let results = together(
        &fixture,
        vec![Unit::one(named("b")), failing, Unit::one(named("c"))],
    )
    .await;
    let [b, failed, c] = results.try_into().unwrap();
    assert!(matches!(failed, Err(StoreError::Internal(_))));
    b.unwrap();
    c.unwrap();
    assert_eq!(fixture.seen("SELECT count(*) FROM c WHERE name = 'a'"), 0);
    assert_eq!(fixture.seen("SELECT count(*) FROM c"), 3);
}

#[tokio::test]
async fn a_transaction_commits_or_rolls_back() {
    let fixture = Fixture::new().await;
    let (transaction, rows) = fixture
        .sqlite
        .begin(Some(sql("SELECT id FROM c")))
        .await
        .unwrap();
    assert_eq!(int(&rows), 1);
    transaction.query(named("a")).await.unwrap();
    // A failed statement leaves it usable.
    violated(transaction.query(named("a")).await);
    let insert = sql("INSERT INTO c (name) VALUES ('b'), ('x')");
    assert_eq!(transaction.execute(insert).await.unwrap(), (2, 4));
    let select = sql("SELECT 1");
    assert_eq!(transaction.execute(select).await.unwrap().0, 0);
    let batch = "UPDATE c SET name = 'y' WHERE name = 'x'; DELETE FROM c WHERE name = 'y'";
    transaction.batch(batch).await.unwrap();
    let rows = transaction
        .query_named(sql("SELECT id, name AS n FROM c WHERE 0"))
        .await
        .unwrap();
    match rows {
        Rows::Packed(rows) => assert_eq!(rows.names(), ["id", "n"]),
        Rows::Postgres(_) => panic!(),
    }
    assert_eq!(fixture.seen("SELECT count(*) FROM c"), 1);
    let last = transaction.commit_with(Some(named("c"))).await.unwrap();
    assert_eq!(int(&last), 5);
    assert_eq!(fixture.seen("SELECT count(*) FROM c"), 4);

    let (transaction, _) = fixture.sqlite.begin(Some(named("z"))).await.unwrap();
    transaction.rollback().await.unwrap();
    let (transaction, _) = fixture.sqlite.begin(Some(named("z"))).await.unwrap();
    drop(transaction);
    fixture.sqlite.write(Unit::one(named("d"))).await.unwrap();
    assert_eq!(fixture.seen("SELECT count(*) FROM c"), 5);
    assert_eq!(fixture.seen("SELECT count(*) FROM c WHERE name = 'z'"), 0);
}

#[tokio::test]
async fn a_transaction_that_cannot_commit_is_rolled_back() {
    let fixture = Fixture::new().await;
    let (transaction, _) = fixture.sqlite.begin(Some(named("a"))).await.unwrap();
    let late = transaction.commit_with(Some(child(999))).await;
    assert_eq!(violated(late).kind, ViolationKind::ForeignKey);
    let (transaction, _) = fixture.sqlite.begin(Some(named("a"))).await.unwrap();
    violated(transaction.commit_with(Some(named("one"))).await);
    violated(fixture.sqlite.begin(Some(named("one"))).await);
    fixture.sqlite.write(Unit::one(named("b"))).await.unwrap();
    assert_eq!(fixture.seen("SELECT count(*) FROM c"), 2);
}

#[tokio::test]
async fn nothing_runs_after_a_transaction_ended_itself() {
    let fixture = Fixture::new().await;
    for end in ["ROLLBACK", "COMMIT"] {
        let (transaction, _) = fixture.sqlite.begin(None).await.unwrap();
        let ended = transaction.batch(end).await;
        assert!(matches!(ended, Err(StoreError::Internal(_))), "{ended:?}");
        unavailable(transaction.query(named(end)).await);
        unavailable(transaction.commit_with(None).await);
    }
    assert_eq!(fixture.seen("SELECT count(*) FROM c"), 1);
}

#[tokio::test]
async fn an_idle_transaction_is_rolled_back() {
    let options = StoreOptions {
        idle_timeout: Duration::from_millis(100),
        ..StoreOptions::default()
    };
    let fixture = Fixture::with(options).await;
    let (transaction, _) = fixture.sqlite.begin(Some(named("a"))).await.unwrap();
    // Waits for the transaction to reach its limit.
    let rows = fixture.sqlite.write(Unit::one(named("a"))).await.unwrap();
    assert_eq!(int(&rows[0]), 2);
    unavailable(transaction.query(sql("SELECT 1")).await);
    unavailable(transaction.commit_with(None).await);
    assert_eq!(fixture.seen("SELECT count(*) FROM c"), 2);
}

#[tokio::test]
async fn a_transaction_ends_at_its_limit_however_busy() {
    let options = StoreOptions {
        statement_timeout: Duration::from_millis(300),
        ..StoreOptions::default()
    };
    let fixture = Fixture::with(options).await;
    let started = Instant::now();
    let (transaction, _) = fixture.sqlite.begin(Some(named("a"))).await.unwrap();
    while transaction.query(sql("SELECT 1")).await.is_ok() {
        sleep(Duration::from_millis(10)).await;
    }
    let (endless, _) = fixture.sqlite.begin(Some(named("b"))).await.unwrap();
    unavailable(endless.query(sql(ENDLESS)).await);
    unavailable(endless.commit_with(None).await);
    assert!(started.elapsed() > Duration::from_millis(550));
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!(fixture.seen("SELECT count(*) FROM c"), 1);
}

#[tokio::test]
async fn another_process_in_the_way_is_a_conflict_in_bounded_time() {
    let options = StoreOptions {
        lock_timeout: Duration::from_millis(200),
        ..StoreOptions::default()
    };
    let fixture = Fixture::with(options).await;
    let stranger = fixture.stranger();
    stranger
        .execute_batch("BEGIN IMMEDIATE; INSERT INTO c (name) VALUES ('theirs')")
        .unwrap();
    let started = Instant::now();
    let many = (0..20).map(|n| {
        let sqlite = fixture.sqlite.clone();
        let unit = Unit::one(named(&n.to_string()));
        tokio::spawn(async move { sqlite.write(unit).await })
    });
    for task in many.collect::<Vec<_>>() {
        let result = task.await.unwrap();
        assert!(matches!(result, Err(StoreError::Conflict(_))), "{result:?}");
    }
    let begun = fixture.sqlite.begin(None).await;
    assert!(matches!(begun, Err(StoreError::Conflict(_))), "{begun:?}");
    assert!(started.elapsed() < Duration::from_secs(2));
    // Reads go on meanwhile.
    let rows = fixture.sqlite.read(sql("SELECT count(*) FROM c")).await;
    assert_eq!(int(&rows.unwrap()), 1);
    stranger.execute_batch("COMMIT").unwrap();
    fixture.sqlite.write(Unit::one(named("a"))).await.unwrap();
}

#[tokio::test]
async fn writes_behind_a_transaction_give_up_in_time_and_never_run() {
    let options = StoreOptions {
        acquire_timeout: Duration::from_millis(100),
        ..StoreOptions::default()
    };
    let fixture = Fixture::with(options).await;
    let (transaction, _) = fixture.sqlite.begin(None).await.unwrap();
    unavailable(fixture.sqlite.write(Unit::one(named("late"))).await);
    unavailable(fixture.sqlite.begin(Some(named("later"))).await);
    transaction.commit_with(None).await.unwrap();
    fixture.sqlite.write(Unit::one(named("a"))).await.unwrap();
    assert_eq!(fixture.seen("SELECT count(*) FROM c"), 2);
}

#[tokio::test]
async fn a_write_that_has_begun_outlives_its_future() {
    let fixture = Fixture::new().await;
    let slow = "INSERT INTO c (name) WITH RECURSIVE n (i) AS
        (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000)
        SELECT 'slow' || max(i) FROM n";
    let write = fixture.sqlite.write(Unit::one(sql(slow)));
    assert!(timeout(Duration::from_millis(30), write).await.is_err());
    fixture
        .sqlite
        .write(Unit::one(named("next")))
        .await
        .unwrap();
    let found = "SELECT count(*) FROM c WHERE name = 'slow1000000'";
    assert_eq!(fixture.seen(found), 1);
}

#[tokio::test]
async fn cancelled_reads_free_their_threads() {
    let fixture = Fixture::new().await;
    // More than there are threads.
    let reads: Vec<_> = (0..8)
        .map(|_| {
            let sqlite = fixture.sqlite.clone();
            tokio::spawn(async move { sqlite.read(sql(ENDLESS)).await })
        })
        .collect();
    sleep(Duration::from_millis(100)).await;
    for read in &reads {
        read.abort();
    }
    let read = fixture.sqlite.read(sql("SELECT count(*) FROM c"));
    let rows = timeout(Duration::from_secs(3), read).await.unwrap();
    assert_eq!(int(&rows.unwrap()), 1);
}

#[tokio::test]
async fn reads_end_at_their_limit() {
    let options = StoreOptions {
        statement_timeout: Duration::from_millis(100),
        ..StoreOptions::default()
    };
    let fixture = Fixture::with(options).await;
    let started = Instant::now();
    unavailable(fixture.sqlite.read(sql(ENDLESS)).await);
    unavailable(
        fixture
            .sqlite
            .snapshot(vec![sql("SELECT 1"), sql(ENDLESS)])
            .await,
    );
    let point = Statement::point(ENDLESS).bind(Vec::new());
    unavailable(fixture.sqlite.read(point).await);
    assert!(started.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn a_full_house_of_readers_is_unavailable_in_time() {
    let options = StoreOptions {
        acquire_timeout: Duration::from_millis(100),
        ..StoreOptions::default()
    };
    let fixture = Fixture::with(options).await;
    let reads: Vec<_> = (0..4)
        .map(|_| {
            let sqlite = fixture.sqlite.clone();
            tokio::spawn(async move { sqlite.read(sql(ENDLESS)).await })
        })
        .collect();
    sleep(Duration::from_millis(30)).await;
    unavailable(fixture.sqlite.read(sql("SELECT 1")).await);
    // A lookup by key needs no thread.
    let point = Statement::point("SELECT id FROM c WHERE id = ?1").bind(vec![1.into()]);
    assert_eq!(int(&fixture.sqlite.read(point).await.unwrap()), 1);
    for read in reads {
        read.abort();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_sees_one_state() {
    let fixture = Fixture::new().await;
    let sqlite = fixture.sqlite.clone();
    let writes = tokio::spawn(async move {
        for n in 0..200 {
            sqlite
                .write(Unit::one(named(&n.to_string())))
                .await
                .unwrap();
        }
    });
    let mut states = std::collections::BTreeSet::new();
    while !writes.is_finished() {
        let count = || sql("SELECT count(*) FROM c");
        let rows = fixture
            .sqlite
            .snapshot(vec![count(), count(), count()])
            .await;
        let counts: Vec<i64> = rows.unwrap().iter().map(int).collect();
        assert!(counts.iter().all(|&c| c == counts[0]), "{counts:?}");
        states.insert(counts[0]);
    }
    writes.await.unwrap();
    assert!(states.len() > 2, "the snapshots saw no change");
}

#[tokio::test]
async fn a_reader_is_left_in_no_transaction() {
    let fixture = Fixture::new().await;
    let count = "SELECT count(*) FROM c";
    for _ in 0..8 {
        fixture.sqlite.read(sql("BEGIN")).await.unwrap();
        let point = Statement::point("BEGIN").bind(Vec::new());
        fixture.sqlite.read(point).await.unwrap();
        let broken = vec![sql(count), sql("SELECT * FROM missing")];
        assert!(fixture.sqlite.snapshot(broken).await.is_err());
        fixture.sqlite.read(sql(count)).await.unwrap();
    }
    fixture.sqlite.write(Unit::one(named("a"))).await.unwrap();
    for _ in 0..8 {
        let point = Statement::point(count).bind(Vec::new());
        assert_eq!(int(&fixture.sqlite.read(point).await.unwrap()), 2);
        assert_eq!(int(&fixture.sqlite.read(sql(count)).await.unwrap()), 2);
    }
}

#[tokio::test]
async fn a_read_cannot_write() {
    let fixture = Fixture::new().await;
    assert!(fixture.sqlite.read(named("a")).await.is_err());
    let point = Statement::point("DELETE FROM c").bind(Vec::new());
    assert!(fixture.sqlite.read(point).await.is_err());
    assert_eq!(fixture.seen("SELECT count(*) FROM c"), 1);
}

#[tokio::test]
async fn cells_come_back_as_they_were_bound() {
    let fixture = Fixture::new().await;
    let values = vec![
        DbValue::from("straße"),
        DbValue::from(-7_i64),
        DbValue::from(0.5_f64),
        DbValue::from(vec![0_u8, 1]),
        DbValue::String(None),
        DbValue::from(true),
    ];
    for statement in [
        Statement::new("SELECT ?1, ?2, ?3, ?4, ?5, ?6"),
        Statement::once("SELECT ?1, ?2, ?3, ?4, ?5, ?6"),
        Statement::point("SELECT ?1, ?2, ?3, ?4, ?5, ?6"),
    ] {
        let rows = fixture.sqlite.read(statement.bind(values.clone())).await;
        let rows = rows.unwrap();
        let cells: Vec<Cell<'_>> = (0..6).map(|n| rows.cell(0, n).unwrap()).collect();
        let expected = [
            Cell::Text("straße"),
            Cell::Int(-7),
            Cell::Float(0.5),
            Cell::Bytes(&[0, 1]),
            Cell::Null,
            Cell::Int(1),
        ];
        assert_eq!(cells, expected);
    }
    let too_few = Statement::new("SELECT ?1, ?2").bind(vec![1.into()]);
    let refused = fixture.sqlite.read(too_few).await;
    assert!(matches!(refused, Err(StoreError::Internal(_))));
}

#[tokio::test]
async fn a_kept_statement_follows_the_schema() {
    let fixture = Fixture::new().await;
    let all = || sql("SELECT * FROM c");
    for _ in 0..4 {
        assert!(
            fixture
                .sqlite
                .read(all())
                .await
                .unwrap()
                .cell(0, 2)
                .is_err()
        );
    }
    let alter = sql("ALTER TABLE c ADD COLUMN extra INT DEFAULT 5");
    fixture.sqlite.write(Unit::one(alter)).await.unwrap();
    for _ in 0..4 {
        let rows = fixture.sqlite.read(all()).await.unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!(rows.cell(0, 2).unwrap(), Cell::Int(5));
    }
}

#[tokio::test]
async fn close_finishes_the_queue_and_tidies_the_file() {
    let fixture = Fixture::new().await;
    let (transaction, _) = fixture.sqlite.begin(Some(named("open"))).await.unwrap();
    let sqlite = fixture.sqlite.clone();
    let queued = tokio::spawn(async move { sqlite.write(Unit::one(named("queued"))).await });
    while fixture.sqlite.inner.writes.capacity() == QUEUE {
        sleep(Duration::from_millis(1)).await;
    }
    let sqlite = fixture.sqlite.clone();
    let closing = tokio::spawn(async move { sqlite.close().await });
    while fixture.sqlite.inner.writes.capacity() > QUEUE - 2 {
        sleep(Duration::from_millis(1)).await;
    }
    transaction.commit_with(None).await.unwrap();
    queued.await.unwrap().unwrap();
    timeout(Duration::from_secs(5), closing)
        .await
        .unwrap()
        .unwrap();
    fixture.sqlite.close().await;

    let point = Statement::point("SELECT 1").bind(Vec::new());
    unavailable(fixture.sqlite.read(point).await);
    unavailable(fixture.sqlite.read(sql("SELECT 1")).await);
    unavailable(fixture.sqlite.snapshot(vec![]).await);
    unavailable(fixture.sqlite.write(Unit::one(named("a"))).await);
    unavailable(fixture.sqlite.begin(None).await);
    let log = fixture.directory.path().join("test.db-wal");
    assert!(!log.exists(), "the log was not folded into the file");
    assert_eq!(fixture.seen("SELECT count(*) FROM c"), 3);
}

#[tokio::test]
async fn the_last_handle_ends_the_threads() {
    let fixture = Fixture::new().await;
    let log = fixture.directory.path().join("test.db-wal");
    let (transaction, _) = fixture.sqlite.begin(Some(named("a"))).await.unwrap();
    drop(fixture.sqlite);
    assert!(log.exists());
    // An open transaction outlives the handles.
    transaction.commit_with(None).await.unwrap();
    let started = Instant::now();
    while log.exists() {
        assert!(started.elapsed() < Duration::from_secs(5));
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_panic_costs_the_job_at_hand_alone() {
    let fixture = Fixture::new().await;
    for _ in 0..5 {
        let reads = &fixture.sqlite.inner.reads;
        reads.send(reader::Message::Panic).await.unwrap();
        let writes = &fixture.sqlite.inner.writes;
        writes.send(writer::Message::Panic).await.unwrap();
    }
    fixture.sqlite.write(Unit::one(named("a"))).await.unwrap();
    let rows = fixture.sqlite.read(sql("SELECT count(*) FROM c")).await;
    assert_eq!(int(&rows.unwrap()), 2);
    fixture.sqlite.close().await;
}

#[tokio::test]
async fn what_cannot_be_opened_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let text = directory.path().join("text.db");
    std::fs::write(
        &text,
        "this is no database, but long enough to be one".repeat(50),
    )
    .unwrap();
    let options = StoreOptions::default;
    for (path, reason) in [
        (text.to_str().unwrap(), "not a database"),
        ("/no/such/directory/x.db", "unable to open"),
        (directory.path().to_str().unwrap(), "unable to open"),
        (":memory:", "path of a file"),
        ("", "path of a file"),
    ] {
        let error = unavailable(Sqlite::open(path, options()).await);
        assert!(error.contains(reason), "{path}: {error}");
    }
    let fresh = directory.path().join("fresh.db?mode=rwc");
    let sqlite = Sqlite::open(fresh.to_str().unwrap(), options()).await;
    sqlite.unwrap().close().await;
    assert!(directory.path().join("fresh.db").exists());
}

#[tokio::test]
async fn two_stores_share_a_file() {
    let fixture = Fixture::new().await;
    let path = fixture.directory.path().join("test.db");
    let other = Sqlite::open(path.to_str().unwrap(), StoreOptions::default()).await;
    let other = other.unwrap();
    let writes = (0..100).map(|n| {
        let sqlite = if n % 2 == 0 { &fixture.sqlite } else { &other };
        sqlite.write(Unit::one(named(&n.to_string())))
    });
    for result in futures_util::future::join_all(writes).await {
        result.unwrap();
    }
    assert_eq!(fixture.seen("SELECT count(*) FROM c"), 101);
}

/// `cargo test --release --lib store::sqlite -- --ignored --nocapture throughput`
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement, for release builds"]
async fn throughput() {
    let fixture = Fixture::new().await;
    let (callers, seconds) = (32, Duration::from_secs(3));
    let started = Instant::now();
    let tasks: Vec<_> = (0..callers)
        .map(|caller| {
            let sqlite = fixture.sqlite.clone();
            tokio::spawn(async move {
                let mut count = 0_u64;
                while started.elapsed() < seconds {
                    let name = format!("{caller}-{count}");
                    sqlite.write(Unit::one(named(&name))).await.unwrap();
                    count += 1;
                }
                count
            })
        })
        .collect();
    let mut total = 0;
    for task in tasks {
        total += task.await.unwrap();
    }
    println!("{} durable inserts/s", total / seconds.as_secs());
    let point = Statement::point("SELECT id, name FROM c WHERE id = ?1");
    let queued = Statement::new("SELECT id, name FROM c WHERE id = ?1");
    for (label, statement) in [("point", point), ("thread", queued)] {
        let started = Instant::now();
        for id in 0..20_000_i64 {
            let bound = statement.bind(vec![(id % 1000).into()]);
            fixture.sqlite.read(bound).await.unwrap();
        }
        println!("{label}: {:?} a read", started.elapsed() / 20_000);
    }
}
