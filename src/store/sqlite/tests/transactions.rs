//! Interactive transactions and their limits.

use super::*;

#[tokio::test]
async fn a_transaction_commits_or_rolls_back() {
    let fixture = Fixture::new().await;
    let (transaction, rows) = fixture.sqlite.begin(Some(sql("SELECT id FROM c"))).await.unwrap();
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
    let rows = transaction.query_named(sql("SELECT id, name AS n FROM c WHERE 0")).await.unwrap();
    match rows {
        Rows::Packed(rows) => {
            let names: Vec<&str> = rows.columns().iter().map(|column| column.name.as_str()).collect();
            assert_eq!(names, ["id", "n"]);
        }
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
    let options = StoreOptions { idle_timeout: Duration::from_millis(100), ..StoreOptions::default() };
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
    let options = StoreOptions { statement_timeout: Duration::from_millis(300), ..StoreOptions::default() };
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
