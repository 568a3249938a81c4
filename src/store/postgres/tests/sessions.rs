//! Sessions that are of no use any more: left, and what they did not do is done on others.

use std::time::Duration;

use tokio::time::sleep;

use super::{FAMILY, int, kind, options, sql};
use crate::store::postgres::Postgres;
use crate::store::postgres::cluster::Cluster;
use crate::store::{Isolation, Rows, StoreError, StoreOptions, Unit};

const PID: &str = "SELECT pg_backend_pid()";

async fn count_up(postgres: &Postgres) -> Result<(), StoreError> {
    postgres.write(Unit::one(sql("UPDATE counter SET n = n + 1 WHERE id = 1"))).await.map(drop)
}

/// Opens as many sessions as there may be.
async fn fill(postgres: &Postgres) {
    let reads = (0..4).map(|_| postgres.read(sql("SELECT pg_sleep(0.1)")));
    for read in futures_util::future::join_all(reads).await {
        read.unwrap();
    }
}

#[tokio::test]
async fn what_a_session_forgot_is_done_on_another() {
    let cluster = Cluster::shared();
    let postgres = cluster.database(FAMILY, StoreOptions { max_connections: 1, ..options() }).await;
    count_up(&postgres).await.unwrap();
    postgres.read(sql("SELECT * FROM counter")).await.unwrap();
    for change in ["ALTER TABLE counter ADD extra int", "DEALLOCATE ALL"] {
        let pid = int(&postgres, PID).await;
        postgres.batch(change).await;
        postgres.read(sql("SELECT * FROM counter")).await.unwrap();
        count_up(&postgres).await.unwrap();
        assert_ne!(int(&postgres, PID).await, pid, "{change}");
    }
    assert_eq!(int(&postgres, "SELECT n FROM counter WHERE id = 1").await, 3);
}

#[tokio::test]
async fn a_plan_that_is_stale_in_all_sessions_is_met_once() {
    let cluster = Cluster::shared();
    let postgres = cluster.database(FAMILY, options()).await;
    let slow = || postgres.read(sql("SELECT *, pg_sleep(0.1) FROM parent"));
    for read in futures_util::future::join_all((0..4).map(|_| slow())).await {
        read.unwrap();
    }
    postgres.batch("ALTER TABLE parent ADD extra int").await;
    for read in futures_util::future::join_all((0..4).map(|_| slow())).await {
        read.unwrap();
    }
    // In an open transaction there is no other session; its whole work may be done again.
    let (tx, _) = postgres.begin(Isolation::ReadCommitted, None).await.unwrap();
    tx.query(sql("SELECT * FROM parent")).await.unwrap();
    tx.batch("DEALLOCATE ALL").await.unwrap();
    assert_eq!(kind(tx.query(sql("SELECT * FROM parent")).await), "conflict");
    assert_eq!(kind(tx.commit_with(None).await), "conflict");
}

#[tokio::test]
async fn what_a_session_remembers_is_found_by_nobody() {
    let cluster = Cluster::shared();
    let postgres = cluster.database(FAMILY, StoreOptions { max_connections: 1, ..options() }).await;
    for remembered in
        ["SET statement_timeout = 1", "CREATE TEMP TABLE counter (id int, n int)", "SELECT pg_advisory_lock(7)"]
    {
        let (tx, _) = postgres.begin(Isolation::ReadCommitted, None).await.unwrap();
        tx.batch(remembered).await.unwrap();
        tx.commit_with(None).await.unwrap();
        assert_eq!(int(&postgres, "SELECT count(*) FROM counter, pg_sleep(0.01)").await, 2, "{remembered}");
        assert_eq!(
            int(&postgres, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()")
                .await,
            0
        );
    }
}

#[tokio::test]
async fn sessions_that_only_read_are_left_once_they_may_write() {
    let cluster = Cluster::start();
    let url = cluster.create().await;
    let admin = Postgres::connect(&url, options()).await.unwrap();
    admin.batch(FAMILY).await;
    let name = url.split('?').next().unwrap().rsplit('/').next().unwrap();
    admin.batch(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on")).await;
    let postgres = Postgres::connect(&url, options()).await.unwrap();
    fill(&postgres).await;
    assert_eq!(kind(count_up(&postgres).await), "conflict");
    assert_eq!(kind(postgres.begin(Isolation::ReadCommitted, Some(sql("DELETE FROM child"))).await), "conflict");
    fill(&postgres).await;
    admin.batch(&format!("ALTER DATABASE {name} RESET default_transaction_read_only")).await;
    // The sessions of the pool are read-only for as long as they live.
    for _ in 0..8 {
        count_up(&postgres).await.unwrap();
    }
    let (tx, _) = postgres.begin(Isolation::ReadCommitted, Some(sql("UPDATE counter SET n = 0"))).await.unwrap();
    tx.commit_with(None).await.unwrap();
}

#[tokio::test]
async fn a_server_that_becomes_read_only_and_comes_back_is_followed() {
    let cluster = Cluster::start();
    let postgres = cluster.database(FAMILY, options()).await;
    let admin = Postgres::connect(&cluster.url("postgres"), options()).await.unwrap();
    fill(&postgres).await;
    for (value, expected) in [("on", Some("conflict")), ("off", None)] {
        // in statements of their own: ALTER SYSTEM takes no part in a transaction
        admin.batch(&format!("ALTER SYSTEM SET default_transaction_read_only = {value}")).await;
        admin.batch("SELECT pg_reload_conf()").await;
        sleep(Duration::from_millis(300)).await;
        for _ in 0..5 {
            assert_eq!(count_up(&postgres).await.err().map(|error| kind(Err::<(), _>(error))), expected, "{value}");
            assert!(int(&postgres, "SELECT count(*) FROM counter").await == 2);
        }
    }
}

#[tokio::test]
async fn sessions_that_an_administrator_ends_are_replaced() {
    let cluster = Cluster::shared();
    let url = cluster.create().await;
    let postgres = Postgres::connect(&url, options()).await.unwrap();
    postgres.batch(FAMILY).await;
    let admin = Postgres::connect(&url, options()).await.unwrap();
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    fill(&postgres).await;
    for _ in 0..20 {
        admin.read(sql(end)).await.unwrap();
        count_up(&postgres).await.unwrap();
        int(&postgres, PID).await;
    }
    // In the middle of a write, of which nothing is kept then: one try on another session.
    let write = postgres.write(Unit::one(sql("UPDATE counter SET n = 100 FROM pg_sleep(0.3)")));
    let several = postgres
        .write(Unit { statements: vec![sql("UPDATE parent SET id = 7"), sql("SELECT pg_sleep(0.3)")], verdict: None });
    let ending = async {
        sleep(Duration::from_millis(100)).await;
        admin.read(sql(end)).await.unwrap();
    };
    let (write, several, ()) = tokio::join!(write, several, ending);
    write.unwrap();
    assert_eq!(several.unwrap().iter().map(Rows::len).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(int(&postgres, "SELECT n FROM counter WHERE id = 1").await, 100);
    assert_eq!(int(&postgres, "SELECT max(id) FROM parent").await, 7);
}
