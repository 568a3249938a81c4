//! Reads: their limits, what they leave behind, what they bring.

use super::*;

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
    let options = StoreOptions { statement_timeout: Duration::from_millis(100), ..StoreOptions::default() };
    let fixture = Fixture::with(options).await;
    let started = Instant::now();
    unavailable(fixture.sqlite.read(sql(ENDLESS)).await);
    unavailable(fixture.sqlite.snapshot(vec![sql("SELECT 1"), sql(ENDLESS)]).await);
    let point = Statement::point(ENDLESS).bind(Vec::new());
    unavailable(fixture.sqlite.read(point).await);
    assert!(started.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn a_full_house_of_readers_is_unavailable_in_time() {
    let options = StoreOptions { acquire_timeout: Duration::from_millis(100), ..StoreOptions::default() };
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
            sqlite.write(Unit::one(named(&n.to_string()))).await.unwrap();
        }
    });
    let mut states = std::collections::BTreeSet::new();
    while !writes.is_finished() {
        let count = || sql("SELECT count(*) FROM c");
        let rows = fixture.sqlite.snapshot(vec![count(), count(), count()]).await;
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
        let expected =
            [Cell::Text("straße"), Cell::Int(-7), Cell::Float(0.5), Cell::Bytes(&[0, 1]), Cell::Null, Cell::Int(1)];
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
        assert!(fixture.sqlite.read(all()).await.unwrap().cell(0, 2).is_err());
    }
    let alter = sql("ALTER TABLE c ADD COLUMN extra INT DEFAULT 5");
    fixture.sqlite.write(Unit::one(alter)).await.unwrap();
    for _ in 0..4 {
        let rows = fixture.sqlite.read(all()).await.unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!(rows.cell(0, 2).unwrap(), Cell::Int(5));
    }
}
