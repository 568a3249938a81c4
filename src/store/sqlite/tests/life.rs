//! Opening, closing, sharing and panicking.

use super::*;

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
    timeout(Duration::from_secs(5), closing).await.unwrap().unwrap();
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
    std::fs::write(&text, "this is no database, but long enough to be one".repeat(50)).unwrap();
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
