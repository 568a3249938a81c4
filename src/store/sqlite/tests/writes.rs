//! Units: groups, failures among them, other processes in the way.

use super::*;

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
    let options = StoreOptions { statement_timeout: Duration::from_millis(300), ..StoreOptions::default() };
    let fixture = Fixture::with(options).await;
    // Interrupting a write rolls the whole transaction back.
    let endless = "INSERT INTO c (name) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
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
        statements: vec![Statement::new("UPDATE c SET name = 'new' WHERE id = ?1 RETURNING id").bind(vec![id.into()])],
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
    let results = together(&fixture, vec![Unit::one(named("b")), failing, Unit::one(named("c"))]).await;
    let [b, failed, c] = results.try_into().unwrap();
    assert!(matches!(failed, Err(StoreError::Internal(_))));
    b.unwrap();
    c.unwrap();
    assert_eq!(fixture.seen("SELECT count(*) FROM c WHERE name = 'a'"), 0);
    assert_eq!(fixture.seen("SELECT count(*) FROM c"), 3);
}

#[tokio::test]
async fn another_process_in_the_way_is_waited_for_in_bounded_time() {
    let options = StoreOptions { lock_timeout: Duration::from_millis(200), ..StoreOptions::default() };
    let fixture = Fixture::with(options).await;
    let stranger = fixture.stranger();
    stranger.execute_batch("BEGIN IMMEDIATE; INSERT INTO c (name) VALUES ('theirs')").unwrap();
    let started = Instant::now();
    let many = (0..20).map(|n| {
        let sqlite = fixture.sqlite.clone();
        let unit = Unit::one(named(&n.to_string()));
        tokio::spawn(async move { sqlite.write(unit).await })
    });
    for task in many.collect::<Vec<_>>() {
        let result = task.await.unwrap();
        assert!(matches!(result, Err(StoreError::Unavailable(_))), "{result:?}");
    }
    let begun = fixture.sqlite.begin(None).await;
    assert!(matches!(begun, Err(StoreError::Unavailable(_))), "{begun:?}");
    assert!(started.elapsed() < Duration::from_secs(2));
    // Reads go on meanwhile.
    let rows = fixture.sqlite.read(sql("SELECT count(*) FROM c")).await;
    assert_eq!(int(&rows.unwrap()), 1);
    stranger.execute_batch("COMMIT").unwrap();
    fixture.sqlite.write(Unit::one(named("a"))).await.unwrap();
}

#[tokio::test]
async fn writes_behind_a_transaction_give_up_in_time_and_never_run() {
    let options = StoreOptions { acquire_timeout: Duration::from_millis(100), ..StoreOptions::default() };
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
    // how long the slow one takes is the machine's business
    let options = StoreOptions { acquire_timeout: Duration::from_secs(60), ..StoreOptions::default() };
    let fixture = Fixture::with(options).await;
    let slow = "INSERT INTO c (name) WITH RECURSIVE n (i) AS
        (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000)
        SELECT 'slow' || max(i) FROM n";
    let write = fixture.sqlite.write(Unit::one(sql(slow)));
    assert!(timeout(Duration::from_millis(100), write).await.is_err());
    fixture.sqlite.write(Unit::one(named("next"))).await.unwrap();
    let found = "SELECT count(*) FROM c WHERE name = 'slow2000000'";
    assert_eq!(fixture.seen(found), 1);
}
