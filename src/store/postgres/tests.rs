#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::future::Future;
use std::pin::pin;
use std::time::{Duration, Instant};

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use sea_orm::sea_query::{Enum, OptionEnum};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::Postgres;
use super::cluster::Cluster;
use crate::store::{
    Bound, Cell, Isolation, Rows, Statement, StoreError, StoreOptions, Unit, Violation,
    ViolationKind,
};
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
    StoreOptions {
        max_connections: 4,
        ..StoreOptions::default()
    }
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
        StoreError::Internal(_) => "internal",
    }
}

#[tokio::test]
async fn values_of_every_type_come_back() {
    let cluster = Cluster::shared();
    let postgres = cluster
        .database(
            "CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN small AS int2",
            options(),
        )
        .await;
    let instant: DateTime<Utc> = "2026-02-03T04:05:06.789012Z".parse().unwrap();
    let ancient: DateTime<Utc> = "0101-01-01T00:00:00.000001Z".parse().unwrap();
    let naive: NaiveDateTime = instant.naive_utc();
    let day = NaiveDate::from_ymd_opt(1999, 12, 31).unwrap();
    let time = NaiveTime::from_hms_micro_opt(23, 59, 59, 999_999).unwrap();
    let uuid = Uuid::from_u128(0x1234_5678_9abc_def0_1234_5678_9abc_def0);
    let json: serde_json::Value = serde_json::from_str(r#"{"a": [1, null]}"#).unwrap();
    let mood = V::Enum(OptionEnum::Some(Box::new(Enum {
        type_name: "mood".into(),
        value: "ok".into(),
    })));
    let cases: Vec<(&str, V, Cell<'_>)> = vec![
        ("bool", true.into(), Cell::Bool(true)),
        ("int2", V::TinyInt(Some(-3)), Cell::Int(-3)),
        ("int2", V::BigInt(Some(-32768)), Cell::Int(-32768)),
        ("small", V::Int(Some(7)), Cell::Int(7)),
        ("int4", V::BigUnsigned(Some(7)), Cell::Int(7)),
        ("int8", V::SmallInt(Some(-1)), Cell::Int(-1)),
        ("int8", i64::MIN.into(), Cell::Int(i64::MIN)),
        ("oid", u32::MAX.into(), Cell::Int(u32::MAX.into())),
        ("int4", "12".into(), Cell::Int(12)),
        ("float4", 0.1_f32.into(), Cell::Float(0.1)),
        ("float4", 0.1_f64.into(), Cell::Float(0.1)),
        ("float8", 1e300.into(), Cell::Float(1e300)),
        ("float8", V::Int(Some(3)), Cell::Float(3.0)),
        ("float8", f64::INFINITY.into(), Cell::Float(f64::INFINITY)),
        ("text", "h\u{e9}".into(), Cell::Text("h\u{e9}")),
        ("varchar(3)", V::Char(Some('x')), Cell::Text("x")),
        ("bpchar(3)", "abc".into(), Cell::Text("abc")),
        ("name", "abc".into(), Cell::Text("abc")),
        ("text", V::Int(Some(5)), Cell::Text("5")),
        ("mood", "sad".into(), Cell::Text("sad")),
        ("mood", mood, Cell::Text("ok")),
        ("bytea", vec![0_u8, 255].into(), Cell::Bytes(&[0, 255])),
        ("json", r#"{"b" : 1}"#.into(), Cell::Json(r#"{"b" : 1}"#)),
        (
            "jsonb",
            json.clone().into(),
            Cell::Json(r#"{"a": [1, null]}"#),
        ),
        (
            "jsonb",
            r#"{"a":[1,null]}"#.into(),
            Cell::Json(r#"{"a": [1, null]}"#),
        ),
        ("uuid", uuid.into(), Cell::Uuid(uuid)),
        ("uuid", uuid.to_string().into(), Cell::Uuid(uuid)),
        (
            "text",
            uuid.into(),
            Cell::Text("12345678-9abc-def0-1234-56789abcdef0"),
        ),
        ("timestamptz", instant.into(), Cell::Timestamp(instant)),
        ("timestamptz", ancient.into(), Cell::Timestamp(ancient)),
        (
            "timestamptz",
            instant.fixed_offset().into(),
            Cell::Timestamp(instant),
        ),
        ("timestamptz", naive.into(), Cell::Timestamp(instant)),
        (
            "timestamptz",
            "2026-02-03T05:05:06.789012+01:00".into(),
            Cell::Timestamp(instant),
        ),
        ("timestamp", naive.into(), Cell::DateTime(naive)),
        ("timestamp", instant.into(), Cell::DateTime(naive)),
        ("date", day.into(), Cell::Date(day)),
        ("date", "1999-12-31".into(), Cell::Date(day)),
        ("time", time.into(), Cell::Time(time)),
        ("date", V::Int(None), Cell::Null),
        ("jsonb", V::Json(None), Cell::Null),
        ("text", V::Uuid(None), Cell::Null),
    ];
    for (ty, value, expected) in cases {
        let rows = postgres
            .read(sql1(&format!("SELECT $1::{ty}"), value.clone()))
            .await;
        let rows = rows.unwrap_or_else(|e| panic!("{value:?} as {ty}: {e}"));
        assert_eq!(rows.cell(0, 0).unwrap(), expected, "{value:?} as {ty}");
    }
    let decimal: sea_orm::prelude::Decimal = "-12345.6789".parse().unwrap();
    for (ty, value, printed) in [
        ("numeric", decimal.into(), "-12345.6789"),
        ("numeric", V::Double(Some(0.1)), "0.1"),
        (
            "numeric(22,2)",
            V::BigUnsigned(Some(u64::MAX)),
            "18446744073709551615.00",
        ),
        ("int4[]", "{1,2}".into(), "{1,2}"),
        ("inet", "10.0.0.1".into(), "10.0.0.1"),
    ] {
        let rows = postgres
            .read(sql1(&format!("SELECT ($1::{ty})::text"), value))
            .await
            .unwrap();
        let Cell::Text(text) = rows.cell(0, 0).unwrap() else {
            panic!()
        };
        assert!(text.starts_with(printed), "{text}");
    }
}

#[tokio::test]
async fn values_that_do_not_fit_are_refused() {
    let cluster = Cluster::shared();
    let postgres = cluster
        .database("CREATE TABLE t (v varchar(2))", options())
        .await;
    let refused = async |ty: &str, value: V| {
        kind(
            postgres
                .read(sql1(&format!("SELECT $1::{ty}"), value))
                .await,
        )
    };
    assert_eq!(refused("int2", V::Int(Some(32768))).await, "data");
    assert_eq!(
        refused("int4", V::BigUnsigned(Some(u64::MAX))).await,
        "data"
    );
    assert_eq!(refused("float4", V::Double(Some(1e300))).await, "data");
    assert_eq!(refused("text", "\0".into()).await, "data");
    assert_eq!(refused("jsonb", r#""\u0000""#.into()).await, "data");
    assert_eq!(refused("uuid", "no".into()).await, "data");
    assert_eq!(refused("int4", "x".into()).await, "data");
    assert_eq!(refused("int4", V::Double(Some(1.0))).await, "internal");
    assert_eq!(refused("bytea", "x".into()).await, "internal");
    assert_eq!(refused("bool", V::Int(Some(1))).await, "internal");
    assert_eq!(
        kind(postgres.read(sql("SELECT $1::int4")).await),
        "internal"
    );
    let long = Unit::one(sql1("INSERT INTO t VALUES ($1)", "abc"));
    assert_eq!(kind(postgres.write(long).await), "data");
    for text in [
        "'infinity'::date",
        "'-infinity'::timestamptz",
        "'24:00'::time",
        "ARRAY[1]",
        "1.5::numeric",
    ] {
        let rows = postgres.read(sql(&format!("SELECT {text}"))).await.unwrap();
        assert_eq!(kind(rows.cell(0, 0)), "internal", "{text}");
        assert_eq!(kind(rows.cell(0, 1)), "internal");
        assert_eq!(kind(rows.cell(1, 0)), "internal");
    }
}

#[tokio::test]
async fn constraints_are_named() {
    let cluster = Cluster::shared();
    let postgres = cluster.database(FAMILY, options()).await;
    postgres
        .write(Unit::one(sql("INSERT INTO child VALUES (1, 1, 'a', 20)")))
        .await
        .unwrap();
    let broken = async |values: &str| {
        violation(
            postgres
                .write(Unit::one(sql(&format!(
                    "INSERT INTO child VALUES ({values})"
                ))))
                .await,
        )
    };
    let named = |kind, constraint: &str| Violation {
        kind,
        table: Some("child".into()),
        constraint: Some(constraint.into()),
        columns: Vec::new(),
    };
    assert_eq!(
        broken("2, 1, 'a', 20").await,
        named(ViolationKind::Unique, "short")
    );
    assert_eq!(
        broken("2, 1, 'b', 17").await,
        named(ViolationKind::Check, "grown")
    );
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

    assert_eq!(
        violation(postgres.write(Unit::one(orphan())).await),
        expected
    );

    let unit = Unit {
        statements: vec![sql("INSERT INTO parent VALUES (2)"), orphan()],
        verdict: None,
    };
    assert_eq!(violation(postgres.write(unit).await), expected);

    let (tx, rows) = postgres
        .begin(Isolation::ReadCommitted, Some(orphan()))
        .await
        .unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(violation(tx.commit_with(None).await), expected);

    let (tx, _) = postgres
        .begin(Isolation::ReadCommitted, None)
        .await
        .unwrap();
    assert_eq!(violation(tx.commit_with(Some(orphan())).await), expected);

    assert_eq!(int(&postgres, "SELECT count(*) FROM child").await, 0);
    assert_eq!(int(&postgres, "SELECT count(*) FROM parent").await, 1);
    assert_eq!(in_transaction(&postgres).await, 0);
}

#[tokio::test]
async fn a_unit_is_kept_or_undone_as_one() {
    let cluster = Cluster::shared();
    let postgres = cluster
        .database(
            FAMILY,
            StoreOptions {
                max_connections: 1,
                ..options()
            },
        )
        .await;
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
    assert_eq!(
        violation(postgres.write(unit(null)).await).kind,
        ViolationKind::NotNull
    );
    let large = sql1("UPDATE counter SET n = $1 RETURNING n", i64::MAX);
    assert_eq!(kind(postgres.write(unit(large)).await), "data");
    assert_eq!(int(&postgres, "SELECT sum(n) FROM counter").await, 0);

    let rows = postgres
        .write(unit(sql1("UPDATE counter SET n = n + $1 RETURNING n", 5)))
        .await
        .unwrap();
    assert_eq!(rows.iter().map(Rows::len).collect::<Vec<_>>(), [1, 2, 1]);
    assert_eq!(rows[2].cell(0, 0).unwrap(), Cell::Int(6));
    assert_eq!(int(&postgres, "SELECT sum(n) FROM counter").await, 12);
}

#[tokio::test]
async fn a_verdict_runs_only_when_no_row_came() {
    let cluster = Cluster::shared();
    let postgres = cluster.database(FAMILY, options()).await;
    let unit = |id: i32| Unit {
        statements: vec![sql1(
            "UPDATE counter SET n = 1 WHERE id = $1 RETURNING n",
            id,
        )],
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
        postgres
            .write(Unit::one(sql("UPDATE counter SET n = 7 WHERE id = 1")))
            .await
            .unwrap();
    };
    let (rows, ()) = tokio::join!(rows, write);
    let rows = rows.unwrap();
    assert_eq!(
        (rows[0].cell(0, 0).unwrap(), rows[2].cell(0, 0).unwrap()),
        (Cell::Int(0), Cell::Int(0))
    );
    assert_eq!(
        kind(postgres.snapshot(vec![sql("DELETE FROM counter")]).await),
        "unavailable"
    );
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
        let rows = postgres
            .read(sql1("SELECT current_setting($1)", setting))
            .await
            .unwrap();
        assert_eq!(rows.cell(0, 0).unwrap(), Cell::Text(value), "{setting}");
    }
    assert_eq!(
        kind(postgres.read(sql("SELECT pg_sleep(5)")).await),
        "unavailable"
    );

    // Left alone for too long, the transaction is ended by the server; the pool survives that.
    let (tx, _) = postgres
        .begin(Isolation::ReadCommitted, Some(sql("SELECT 1")))
        .await
        .unwrap();
    sleep(Duration::from_millis(600)).await;
    assert_eq!(kind(tx.query(sql("SELECT 1")).await), "unavailable");
    assert_eq!(kind(tx.commit_with(None).await), "unavailable");
    assert_eq!(int(&postgres, "SELECT 1").await, 1);
}

#[tokio::test]
async fn the_isolation_is_the_one_asked_for() {
    let cluster = Cluster::shared();
    let postgres = cluster.database("", options()).await;
    for (isolation, name) in [
        (Isolation::ReadCommitted, "read committed"),
        (Isolation::Serializable, "serializable"),
    ] {
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
    let (one, _) = postgres
        .begin(Isolation::Serializable, sum())
        .await
        .unwrap();
    let (two, _) = postgres
        .begin(Isolation::Serializable, sum())
        .await
        .unwrap();
    one.commit_with(Some(sql("UPDATE counter SET n = 1 WHERE id = 1")))
        .await
        .unwrap();
    assert_eq!(
        kind(
            two.commit_with(Some(sql("UPDATE counter SET n = 1 WHERE id = 2")))
                .await
        ),
        "conflict"
    );
    assert_eq!(int(&postgres, "SELECT sum(n) FROM counter").await, 1);
    assert_eq!(in_transaction(&postgres).await, 0);
}

#[tokio::test]
async fn a_deadlock_is_a_conflict_for_one_of_the_two() {
    let cluster = Cluster::shared();
    let postgres = cluster.database(FAMILY, options()).await;
    let lock = |id: i32| sql1("SELECT n FROM counter WHERE id = $1 FOR UPDATE", id);
    let (one, _) = postgres
        .begin(Isolation::ReadCommitted, Some(lock(1)))
        .await
        .unwrap();
    let (two, _) = postgres
        .begin(Isolation::ReadCommitted, Some(lock(2)))
        .await
        .unwrap();
    // Each drops its locks as soon as it fails, so that the other gets on.
    let (a, b) = tokio::join!(
        one.commit_with(Some(lock(2))),
        two.commit_with(Some(lock(1)))
    );
    let (lost, won) = if a.is_err() { (a, b) } else { (b, a) };
    assert_eq!(kind(lost), "conflict");
    assert_eq!(won.unwrap().len(), 1);
}

#[tokio::test]
async fn a_lock_that_does_not_come_is_a_conflict() {
    let cluster = Cluster::shared();
    let short = StoreOptions {
        lock_timeout: Duration::from_millis(100),
        ..options()
    };
    let postgres = cluster.database(FAMILY, short).await;
    let lock = || sql("SELECT n FROM counter WHERE id = 1 FOR UPDATE");
    let (tx, _) = postgres
        .begin(Isolation::ReadCommitted, Some(lock()))
        .await
        .unwrap();
    assert_eq!(
        kind(postgres.begin(Isolation::ReadCommitted, Some(lock())).await),
        "conflict"
    );
    assert_eq!(in_transaction(&postgres).await, 1);
    tx.rollback().await.unwrap();
}

#[tokio::test]
async fn a_swallowed_error_cannot_be_committed() {
    let cluster = Cluster::shared();
    let postgres = cluster.database(FAMILY, options()).await;
    let begin = || {
        postgres.begin(
            Isolation::ReadCommitted,
            Some(sql("UPDATE counter SET n = 1")),
        )
    };

    let (tx, _) = begin().await.unwrap();
    assert_eq!(kind(tx.query(sql("SELECT 1/0")).await), "data");
    assert_eq!(kind(tx.query(sql("SELECT 1")).await), "internal");
    assert_eq!(kind(tx.commit_with(None).await), "data");

    // The failed statement's future was dropped, so that nobody saw its error.
    let (tx, _) = begin().await.unwrap();
    let _ = timeout(
        Duration::from_millis(20),
        tx.query(sql("SELECT 1 / (n - n) FROM counter, pg_sleep(0.1)")),
    )
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

/// Polls a future for a moment and drops it wherever it is then.
async fn abandon(future: impl Future, after: u64) {
    let _ = timeout(Duration::from_micros(after), pin!(future)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropped_futures_lose_nobody_elses_write() {
    let cluster = Cluster::shared();
    let postgres = cluster
        .database(
            "CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE u (id int)",
            options(),
        )
        .await;
    let insert = Statement::new("INSERT INTO t VALUES ($1) RETURNING id");
    for id in 0..200_i32 {
        let after = u64::try_from(id).unwrap() * 37 % 4000;
        match id % 4 {
            0 => {
                abandon(
                    postgres.begin(
                        Isolation::ReadCommitted,
                        Some(sql("INSERT INTO u VALUES (1)")),
                    ),
                    after,
                )
                .await
            }
            1 => {
                abandon(
                    postgres.read(sql("SELECT pg_sleep(0.002), count(*) FROM t")),
                    after,
                )
                .await
            }
            2 => {
                let many = vec![
                    sql("INSERT INTO u VALUES (2)"),
                    sql("SELECT pg_sleep(0.001)"),
                ];
                abandon(
                    postgres.write(Unit {
                        statements: many,
                        verdict: None,
                    }),
                    after,
                )
                .await;
            }
            _ => {
                abandon(
                    postgres.snapshot(vec![sql("SELECT 1"), sql("SELECT pg_sleep(0.002)")]),
                    after,
                )
                .await
            }
        }
        let rows = postgres
            .write(Unit::one(insert.bind(vec![id.into()])))
            .await
            .unwrap();
        assert_eq!(rows[0].len(), 1);
    }
    // Seen from outside of the pool, as everybody else sees it.
    let outside = Postgres::connect(&cluster.url(&database(&postgres).await), options())
        .await
        .unwrap();
    assert_eq!(int(&outside, "SELECT count(*) FROM t").await, 200);
    assert_eq!(
        int(&outside, "SELECT count(*) FROM u WHERE id = 1").await,
        0
    );
    for _ in 0..100 {
        if in_transaction(&outside).await == 0 {
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("a session is left in a transaction");
}

async fn database(postgres: &Postgres) -> String {
    match postgres
        .read(sql("SELECT current_database()"))
        .await
        .unwrap()
        .cell(0, 0)
        .unwrap()
    {
        Cell::Text(name) => name.to_owned(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_dropped_read_is_cancelled_on_the_server() {
    let cluster = Cluster::shared();
    let postgres = cluster
        .database(
            "",
            StoreOptions {
                max_connections: 2,
                ..options()
            },
        )
        .await;
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
async fn a_pool_that_is_used_up_is_unavailable_in_time() {
    let cluster = Cluster::shared();
    let small = StoreOptions {
        max_connections: 1,
        acquire_timeout: Duration::from_millis(200),
        ..options()
    };
    let postgres = cluster.database("", small).await;
    let (tx, _) = postgres
        .begin(Isolation::ReadCommitted, None)
        .await
        .unwrap();
    let start = Instant::now();
    assert_eq!(kind(postgres.read(sql("SELECT 1")).await), "unavailable");
    assert!((Duration::from_millis(200)..Duration::from_secs(2)).contains(&start.elapsed()));
    tx.rollback().await.unwrap();
    assert_eq!(int(&postgres, "SELECT 1").await, 1);
}

#[tokio::test]
async fn a_table_that_changed_is_a_conflict_once() {
    let cluster = Cluster::shared();
    let postgres = cluster
        .database(
            FAMILY,
            StoreOptions {
                max_connections: 1,
                ..options()
            },
        )
        .await;
    let read = || postgres.read(sql("SELECT * FROM parent"));
    read().await.unwrap();
    postgres.batch("ALTER TABLE parent ADD extra int").await;
    assert_eq!(kind(read().await), "conflict");
    read().await.unwrap();
    postgres.batch("DEALLOCATE ALL").await;
    assert_eq!(kind(read().await), "conflict");
    read().await.unwrap();
}

#[tokio::test]
async fn service_resumes_after_the_server_did() {
    let cluster = Cluster::start();
    let postgres = cluster.database(FAMILY, options()).await;
    let (tx, _) = postgres
        .begin(
            Isolation::ReadCommitted,
            Some(sql("UPDATE counter SET n = 1")),
        )
        .await
        .unwrap();
    cluster.down();
    let start = Instant::now();
    assert_eq!(kind(tx.commit_with(None).await), "unavailable");
    for _ in 0..3 {
        assert_eq!(kind(postgres.read(sql("SELECT 1")).await), "unavailable");
        assert_eq!(
            kind(
                postgres
                    .write(Unit::one(sql("UPDATE counter SET n = 2")))
                    .await
            ),
            "unavailable"
        );
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
        async move {
            postgres
                .write(Unit::one(sql(
                    "UPDATE counter SET n = 1 FROM pg_sleep(0.2)",
                )))
                .await
                .map(drop)
        }
    });
    sleep(Duration::from_millis(100)).await;
    postgres.close().await;
    assert!(running.is_finished());
    running.await.unwrap().unwrap();
    assert_eq!(kind(postgres.read(sql("SELECT 1")).await), "unavailable");
}

#[tokio::test]
async fn what_cannot_be_reached_or_read_is_said_so() {
    let quick = || StoreOptions {
        acquire_timeout: Duration::from_millis(500),
        ..options()
    };
    let missing = Postgres::connect("postgres://nobody@/x?host=/nowhere", quick()).await;
    let text = missing.unwrap_err().to_string();
    assert!(
        text.contains("connecting") && text.contains("No such file"),
        "{text}"
    );
    for url in [
        "postgres://u@h:port/db",
        "postgres://u@h/db?sslmode=maybe",
        "postgres://u@h/db?nonsense=1",
    ] {
        assert_eq!(
            kind(Postgres::connect(url, quick()).await),
            "internal",
            "{url}"
        );
    }
    let certificate = "postgres://u@h/db?sslmode=require&sslrootcert=%2Fno%20where";
    let text = Postgres::connect(certificate, quick())
        .await
        .unwrap_err()
        .to_string();
    assert!(text.contains("/no where"), "{text}");

    let cluster = Cluster::shared();
    let text = Postgres::connect(&cluster.url("absent"), quick())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        text.contains("database \"absent\" does not exist"),
        "{text}"
    );
}
