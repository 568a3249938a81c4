//! Futures that are dropped, servers that go away, pools that are used up.

use std::future::Future;
use std::pin::pin;
use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout};

use super::{FAMILY, in_transaction, int, kind, options, sql};
use crate::store::postgres::Postgres;
use crate::store::postgres::cluster::Cluster;
use crate::store::{Cell, Isolation, Statement, StoreOptions, Unit};

/// Polls a future for a moment and drops it wherever it is then.
async fn abandon(future: impl Future, after: u64) {
    let _ = timeout(Duration::from_micros(after), pin!(future)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropped_futures_lose_nobody_elses_write() {
    let cluster = Cluster::shared();
    let postgres = cluster.database("CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE u (id int)", options()).await;
    let insert = Statement::new("INSERT INTO t VALUES ($1) RETURNING id");
    for id in 0..200_i32 {
        let after = u64::try_from(id).unwrap() * 37 % 4000;
        match id % 4 {
            0 => abandon(postgres.begin(Isolation::ReadCommitted, Some(sql("INSERT INTO u VALUES (1)"))), after).await,
            1 => abandon(postgres.read(sql("SELECT pg_sleep(0.002), count(*) FROM t")), after).await,
            2 => {
                let many = vec![sql("INSERT INTO u VALUES (2)"), sql("SELECT pg_sleep(0.001)")];
                abandon(postgres.write(Unit { statements: many, verdict: None }), after).await;
            }
            _ => abandon(postgres.snapshot(vec![sql("SELECT 1"), sql("SELECT pg_sleep(0.002)")]), after).await,
        }
        let rows = postgres.write(Unit::one(insert.bind(vec![id.into()]))).await.unwrap();
        assert_eq!(rows[0].len(), 1);
    }
    // Seen from outside of the pool, as everybody else sees it.
    let outside = Postgres::connect(&cluster.url(&database(&postgres).await), options()).await.unwrap();
    assert_eq!(int(&outside, "SELECT count(*) FROM t").await, 200);
    assert_eq!(int(&outside, "SELECT count(*) FROM u WHERE id = 1").await, 0);
    for _ in 0..100 {
        if in_transaction(&outside).await == 0 {
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("a session is left in a transaction");
}

async fn database(postgres: &Postgres) -> String {
    match postgres.read(sql("SELECT current_database()")).await.unwrap().cell(0, 0).unwrap() {
        Cell::Text(name) => name.to_owned(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_dropped_read_is_cancelled_on_the_server() {
    let cluster = Cluster::shared();
    let postgres = cluster.database("", StoreOptions { max_connections: 2, ..options() }).await;
    for _ in 0..4 {
        abandon(postgres.read(sql("SELECT pg_sleep(20)")), 20_000).await;
    }
    let running = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(20)%' AND state = 'active' \
                   AND pid <> pg_backend_pid() AND datname = current_database()";
    for _ in 0..100 {
        if int(&postgres, running).await == 0 {
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("the server still works for nobody");
}

#[tokio::test]
async fn a_dropped_read_that_ends_at_once_keeps_its_connection() {
    let cluster = Cluster::shared();
    let one = StoreOptions { max_connections: 1, ..options() };
    let postgres = cluster.database("", one).await;
    let pid = int(&postgres, "SELECT pg_backend_pid()").await;
    // The first read prepares the statement; abandoned while prepared, a statement would have no name.
    let read = || postgres.read(sql("SELECT pg_sleep(0.01)"));
    read().await.unwrap();
    abandon(read(), 2000).await;
    assert_eq!(int(&postgres, "SELECT pg_backend_pid()").await, pid);
}

#[tokio::test]
async fn a_server_that_falls_silent_is_given_up() {
    let cluster = Cluster::shared();
    let short = StoreOptions { max_connections: 1, statement_timeout: Duration::from_millis(100), ..options() };
    let postgres = cluster.database("", short).await;
    let pid = int(&postgres, "SELECT pg_backend_pid()").await;
    signal("-STOP", pid);
    let start = Instant::now();
    assert_eq!(kind(postgres.read(sql("SELECT 1")).await), "unavailable");
    assert!(start.elapsed() < Duration::from_secs(4));
    assert_ne!(int(&postgres, "SELECT pg_backend_pid()").await, pid);
    signal("-CONT", pid);
}

fn signal(name: &str, pid: i64) {
    let sent = std::process::Command::new("kill").args([name, &pid.to_string()]).status();
    assert!(sent.unwrap().success());
}

#[tokio::test]
async fn encryption_is_verified() {
    let cluster = Cluster::encrypted();
    let quick = || StoreOptions { acquire_timeout: Duration::from_secs(2), ..options() };
    let used = "SELECT count(*) FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl";
    let connect = async |query: String| Postgres::connect(&cluster.tcp_url(&query), quick()).await;
    let root = cluster.certificate().display().to_string().replace('/', "%2F");

    let plain = connect("sslmode=prefer".into()).await.unwrap();
    assert_eq!(int(&plain, used).await, 0);
    let encrypted = connect(format!("sslmode=verify-full&sslrootcert={root}")).await.unwrap();
    assert_eq!(int(&encrypted, used).await, 1);
    // The cancel request takes the same way.
    abandon(encrypted.read(sql("SELECT pg_sleep(20)")), 20_000).await;
    let running = "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(20)' AND state = 'active'";
    sleep(Duration::from_millis(500)).await;
    assert_eq!(int(&plain, running).await, 0);

    let text = connect("sslmode=require".into()).await.unwrap_err().to_string();
    assert!(text.contains("invalid peer certificate"), "{text}");
}

#[tokio::test]
async fn a_pool_that_is_used_up_is_unavailable_in_time() {
    let cluster = Cluster::shared();
    let small = StoreOptions { max_connections: 1, acquire_timeout: Duration::from_millis(200), ..options() };
    let postgres = cluster.database("", small).await;
    let (tx, _) = postgres.begin(Isolation::ReadCommitted, None).await.unwrap();
    let start = Instant::now();
    assert_eq!(kind(postgres.read(sql("SELECT 1")).await), "unavailable");
    assert!((Duration::from_millis(200)..Duration::from_secs(2)).contains(&start.elapsed()));
    tx.rollback().await.unwrap();
    assert_eq!(int(&postgres, "SELECT 1").await, 1);
}

#[tokio::test]
async fn service_resumes_after_the_server_did() {
    let cluster = Cluster::start();
    let postgres = cluster.database(FAMILY, options()).await;
    let (tx, _) = postgres.begin(Isolation::ReadCommitted, Some(sql("UPDATE counter SET n = 1"))).await.unwrap();
    cluster.down();
    let start = Instant::now();
    // whether the COMMIT still went out depends on when the end of the connection is noticed
    assert!(matches!(kind(tx.commit_with(None).await), "unavailable" | "unknown"));
    for _ in 0..3 {
        assert_eq!(kind(postgres.read(sql("SELECT 1")).await), "unavailable");
        assert_eq!(kind(postgres.write(Unit::one(sql("UPDATE counter SET n = 2"))).await), "unavailable");
    }
    assert!(start.elapsed() < Duration::from_secs(5));
    cluster.up();
    assert_eq!(int(&postgres, "SELECT sum(n) FROM counter").await, 0);
}

#[tokio::test]
async fn closing_waits_for_what_runs() {
    let cluster = Cluster::shared();
    let postgres = cluster.database(FAMILY, options()).await;
    let running = tokio::spawn({
        let postgres = postgres.clone();
        async move { postgres.write(Unit::one(sql("UPDATE counter SET n = 1 FROM pg_sleep(0.2)"))).await.map(drop) }
    });
    sleep(Duration::from_millis(100)).await;
    postgres.close().await;
    assert!(running.is_finished());
    running.await.unwrap().unwrap();
    assert_eq!(kind(postgres.read(sql("SELECT 1")).await), "unavailable");
}

#[tokio::test]
async fn what_cannot_be_reached_or_read_is_said_so() {
    let quick = || StoreOptions { acquire_timeout: Duration::from_millis(500), ..options() };
    let missing = Postgres::connect("postgres://nobody@/x?host=/nowhere", quick()).await;
    let text = missing.unwrap_err().to_string();
    assert!(text.contains("connecting") && text.contains("No such file"), "{text}");
    for url in ["postgres://u@h:port/db", "postgres://u@h/db?sslmode=maybe", "postgres://u@h/db?nonsense=1"] {
        assert_eq!(kind(Postgres::connect(url, quick()).await), "internal", "{url}");
    }
    let certificate = "postgres://u@h/db?sslmode=require&sslrootcert=%2Fno%20where";
    let text = Postgres::connect(certificate, quick()).await.unwrap_err().to_string();
    assert!(text.contains("/no where"), "{text}");

    let cluster = Cluster::shared();
    let text = Postgres::connect(&cluster.url("absent"), quick()).await.unwrap_err().to_string();
    assert!(text.contains("database \"absent\" does not exist"), "{text}");
}
