//! Behind a pooler that gives each transaction another session: nothing is lost, nothing is left to a session's memory.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use bowline::store::{Cell, Deadline, Isolation, Rows, Statement, Store, StoreError, StoreOptions, Unit};
use serde_json::json;

use crate::support::{Client, Cut, Database, Pooler, Postgres, Random, Server, query, within};

/// What PgBouncer is usually told, so that clients which set up their sessions can connect at all.
const IGNORE: &str = "ignore_startup_parameters = options";

fn sql(text: &str) -> bowline::store::Bound {
    Statement::new(text).bind(Vec::new())
}

fn text(rows: &Rows) -> String {
    match rows.cell(0, 0).unwrap() {
        Cell::Text(text) => text.to_owned(),
        Cell::Int(int) => int.to_string(),
        other => panic!("{other:?}"),
    }
}

fn short() -> StoreOptions {
    StoreOptions {
        max_connections: 6,
        statement_timeout: Duration::from_millis(800),
        lock_timeout: Duration::from_millis(400),
        idle_timeout: Duration::from_millis(600),
        ..StoreOptions::default()
    }
}

async fn connect(pooler: &Pooler, database: &str, options: StoreOptions) -> Store {
    Store::connect(&pooler.pooled_url(database), options).await.unwrap()
}

#[test]
fn sessions_that_do_not_last_are_refused_at_the_start() {
    let postgres = Postgres::shared();
    let database = postgres.database();
    let kept = format!("{IGNORE}\nserver_round_robin = 1");
    for (settings, sessions) in [("", 4), (IGNORE, 4), (IGNORE, 1), (&kept, 4)] {
        let pooler = Pooler::start(postgres, sessions, settings);
        let ended = Server::try_start(&pooler.url(&database), &[]).err().expect("the start is refused");
        assert!(ended.log.contains("`pooler=transaction`"), "{settings}: {}", ended.log);
        assert_eq!(ended.log.trim().lines().count(), 1, "{settings}: {}", ended.log);
    }
    Server::start(&database, &[]).terminate();
}

#[test]
fn a_pooler_that_keeps_the_settings_is_found_out_by_its_sessions() {
    let postgres = Postgres::start();
    let database = postgres.database();
    let name = database.rsplit('/').next().unwrap();
    // what the start asks for is what sessions have anyway
    for (setting, value) in
        [("statement_timeout", "30000"), ("lock_timeout", "5000"), ("idle_in_transaction_session_timeout", "10000")]
    {
        query(&database, &format!("ALTER DATABASE {name} SET {setting} = {value}"));
    }
    for settings in [IGNORE.to_owned(), format!("{IGNORE}\nserver_round_robin = 1")] {
        let pooler = Pooler::start(&postgres, 4, &settings);
        // some sessions that are open already
        let threads = (0..4).map(|_| {
            let url = pooler.url(&database);
            thread::spawn(move || query(&url, "SELECT pg_sleep(0.2)"))
        });
        threads.collect::<Vec<_>>().into_iter().for_each(|thread| drop(thread.join().unwrap()));
        let ended = Server::try_start(&pooler.url(&database), &[]).err().expect("the start is refused");
        assert!(ended.log.contains("`pooler=transaction`"), "{settings}: {}", ended.log);
    }
}

#[test]
fn three_servers_lose_nothing() {
    let postgres = Postgres::shared();
    let database = postgres.database();
    let pooler = Pooler::start(postgres, 3, IGNORE);
    let url = pooler.pooled_url(&database);
    let servers = [(); 3].map(|()| Server::start(&url, &[]));
    let collection = servers[0].client().call("POST", "/collections/", Some(&json!({}))).id();
    let next = AtomicU64::new(0);
    let written = thread::scope(|scope| {
        let writers = (0..9).map(|n| {
            let (address, next) = (servers[n % 3].address(), &next);
            scope.spawn(move || {
                let mut client = Client::new(address);
                let mut random = Random::new(n as u64);
                let mut rows = BTreeMap::new();
                for _ in 0..60 {
                    let uid = format!("u{}", next.fetch_add(1, Ordering::Relaxed));
                    let body = json!({"collection": collection, "uid": uid, "blob": {"of": uid}});
                    let answer = client.call("POST", "/documents/", Some(&body));
                    assert_eq!(answer.status, 201, "{answer:?}");
                    let id = answer.id();
                    rows.insert(id, uid.clone());
                    let ids = rows.keys().copied().collect::<Vec<_>>();
                    let other = *random.pick(&ids);
                    let answer = match random.below(4) {
                        0 => client.call("GET", &format!("/documents/{other}/"), None),
                        1 => client.call("GET", "/documents/", None),
                        _ => {
                            let uid = format!("p{}", next.fetch_add(1, Ordering::Relaxed));
                            let body = json!({"uid": uid, "blob": {"of": uid}});
                            rows.insert(other, uid);
                            client.call("PATCH", &format!("/documents/{other}/"), Some(&body))
                        }
                    };
                    assert_eq!(answer.status, 200, "{answer:?}");
                }
                rows
            })
        });
        let writers = writers.collect::<Vec<_>>();
        writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect::<BTreeMap<_, _>>()
    });
    let found = Database::Postgres(database).documents();
    let found = found.into_iter().map(|(id, document)| (id, document.uid)).collect::<BTreeMap<_, _>>();
    assert_eq!(found, written);
    servers.into_iter().for_each(Server::terminate);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn isolation_limits_and_time_zone_are_said_each_time() {
    let postgres = Postgres::start();
    let database = postgres.database();
    query(&database, &format!("ALTER DATABASE {} SET timezone = 'Asia/Tokyo'", database.rsplit('/').next().unwrap()));
    let pooler = Pooler::start(&postgres, 3, "");
    let store = connect(&pooler, &database, short()).await;
    for serializable in [false, true] {
        let store = match serializable {
            false => store.clone(),
            true => connect(&pooler, &database, StoreOptions { serializable, ..short() }).await,
        };
        let level = if serializable { "serializable" } else { "read committed" };
        let snapshot = if serializable { "serializable" } else { "repeatable read" };
        let ask = |name: &str| sql(&format!("SELECT current_setting('{name}')"));
        for (name, value) in [
            ("statement_timeout", "800ms"),
            ("lock_timeout", "400ms"),
            ("idle_in_transaction_session_timeout", "600ms"),
            ("TimeZone", "UTC"),
            ("transaction_isolation", level),
        ] {
            assert_eq!(text(&store.read(ask(name)).await.unwrap()), value);
            assert_eq!(text(&store.write(Unit::one(ask(name))).await.unwrap()[0]), value);
            let unit = Unit { statements: vec![sql("SELECT 1"), ask(name)], verdict: None };
            assert_eq!(text(&store.write(unit).await.unwrap()[1]), value);
            let (tx, rows) = store.begin(Isolation::ReadCommitted, Some(ask(name))).await.unwrap();
            assert_eq!(text(&rows), value);
            assert_eq!(text(&tx.query(ask(name)).await.unwrap()), value);
            tx.rollback().await.unwrap();
            let value = if name == "transaction_isolation" { snapshot } else { value };
            assert_eq!(text(&store.snapshot(vec![ask(name)]).await.unwrap()[0]), value);
            let stream = store.stream(ask(name)).await.unwrap();
            assert_eq!(text(&stream.next(5).await.unwrap()), value);
            assert_eq!(text(&stream.read(ask(name)).await.unwrap()), value);
        }
    }
    let (tx, rows) = store
        .begin(Isolation::Serializable, Some(sql("SELECT current_setting('transaction_isolation')")))
        .await
        .unwrap();
    assert_eq!(text(&rows), "serializable");
    tx.commit().await.unwrap();
    // what is over stays over: the session has its own settings again
    assert_eq!(query(&pooler.url(&database), "SHOW statement_timeout"), "0");
    assert_eq!(query(&pooler.url(&database), "SHOW timezone"), "Asia/Tokyo");
    // and the limits hold
    assert!(matches!(store.read(sql("SELECT pg_sleep(5)")).await, Err(StoreError::Unavailable(_))));
    assert_eq!(text(&store.read(sql("SELECT 1")).await.unwrap()), "1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn types_of_the_applications_own_are_learned_by_every_connection() {
    let postgres = Postgres::shared();
    let database = postgres.database();
    query(
        &database,
        "CREATE TYPE mood AS ENUM ('sad', 'glad'); CREATE DOMAIN age AS int CHECK (VALUE > 0); \
         CREATE TABLE person (id int PRIMARY KEY, mood mood, moods mood[], age age); \
         INSERT INTO person SELECT n, 'glad', '{sad,glad}', n FROM generate_series(1, 3000) AS n",
    );
    let pooler = Pooler::start(postgres, 3, IGNORE);
    let (one, two) = (connect(&pooler, &database, short()).await, connect(&pooler, &database, short()).await);
    let all = Statement::new("SELECT id, mood, moods, age FROM person WHERE id <= $1 AND mood = $2 ORDER BY id");
    let set = Statement::new("UPDATE person SET mood = $1, age = $2 WHERE id = $3 RETURNING mood, age");
    let work = (0..60_i32).map(|n| {
        let store = if n % 2 == 0 { one.clone() } else { two.clone() };
        let (all, set) = (all.clone(), set.clone());
        tokio::spawn(async move {
            // more rows than come at once, so that types which are asked for in the middle would be waited for by the rows
            let rows = store.read(all.bind(vec![3000.into(), "glad".into()])).await.unwrap();
            assert!(rows.len() > 2900);
            assert_eq!(rows.cell(0, 1).unwrap(), Cell::Text("glad"));
            assert!(matches!(rows.cell(0, 2).unwrap(), Cell::List(_)));
            let rows = store.write(Unit::one(set.bind(vec!["sad".into(), 7.into(), (n + 1).into()]))).await.unwrap();
            assert_eq!((rows[0].cell(0, 0).unwrap(), rows[0].cell(0, 1).unwrap()), (Cell::Text("sad"), Cell::Int(7)));
            let stream = store.stream(all.bind(vec![3000.into(), "glad".into()])).await.unwrap();
            assert_eq!(stream.next(10).await.unwrap().len(), 10);
        })
    });
    for done in work.collect::<Vec<_>>() {
        done.await.unwrap();
    }
    // a column becomes another one: what was learned of it is not believed any more
    query(&database, "ALTER TABLE person ALTER age TYPE bigint; UPDATE person SET age = 5000000000 WHERE id = 100");
    for _ in 0..10 {
        let rows = one.read(sql("SELECT age FROM person WHERE id = 100")).await.unwrap();
        assert_eq!(rows.cell(0, 0).unwrap(), Cell::Int(5_000_000_000));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_long_list_is_one_state_while_others_write() {
    let postgres = Postgres::shared();
    let database = postgres.database();
    query(
        &database,
        "CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t SELECT n, 0 FROM generate_series(1, 4000) n",
    );
    let pooler = Pooler::start(postgres, 4, IGNORE);
    for serializable in [false, true] {
        let store = connect(&pooler, &database, StoreOptions { serializable, ..short() }).await;
        let writer = tokio::spawn({
            let store = store.clone();
            async move {
                for _ in 0..40 {
                    store.write(Unit::one(sql("UPDATE t SET n = n + 1"))).await.unwrap();
                }
            }
        });
        for _ in 0..3 {
            let stream = store.stream(sql("SELECT n FROM t")).await.unwrap();
            let mut seen = Vec::new();
            loop {
                let rows = stream.next(500).await.unwrap();
                if rows.is_empty() {
                    break;
                }
                seen.extend((0..rows.len()).map(|n| format!("{:?}", rows.cell(n, 0).unwrap())));
                // what else is read through it, the rows that belong to these for one
                let others = stream.read(sql("SELECT DISTINCT n FROM t")).await.unwrap();
                assert_eq!((others.len(), format!("{:?}", others.cell(0, 0).unwrap())), (1, seen[0].clone()));
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            assert_eq!(seen.len(), 4000);
            seen.dedup();
            assert_eq!(seen.len(), 1, "{seen:?}");
        }
        writer.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_cancelled_and_nothing_is_left_open() {
    let postgres = Postgres::start();
    let database = postgres.database();
    query(&database, "CREATE TABLE t (id int PRIMARY KEY)");
    let mut pooler = Pooler::start(&postgres, 3, IGNORE);
    let (line, url) = Cut::of(&pooler.pooled_url(&database));
    // how the protocol spells a request to cancel
    line.instead_of(&[0x04, 0xd2, 0x16, 0x2e]);
    let store = Store::connect(&url, short()).await.unwrap();
    for _ in 0..5 {
        let soon = store.until(Deadline::after(Duration::from_millis(60)));
        soon.write(Unit::one(sql("SELECT pg_sleep(0.3)"))).await.unwrap_err();
    }
    for n in 0..120_u64 {
        let after = Duration::from_micros(n * 37 % 6000);
        match n % 4 {
            0 => drop(tokio::time::timeout(after, store.read(sql("SELECT pg_sleep(0.003)"))).await),
            1 => drop(
                tokio::time::timeout(after, store.snapshot(vec![sql("SELECT 1"), sql("SELECT pg_sleep(2)")])).await,
            ),
            2 => drop(tokio::time::timeout(after, store.begin(Isolation::ReadCommitted, Some(sql("SELECT 1")))).await),
            _ => drop(
                tokio::time::timeout(after, store.stream(sql("SELECT pg_sleep(0.1), generate_series(1, 99)"))).await,
            ),
        }
        // those that nobody waits for keep their places until their limit
        if n % 6 == 5 {
            tokio::time::sleep(Duration::from_millis(900)).await;
        }
        let insert = Statement::new("INSERT INTO t VALUES ($1)").bind(vec![i32::try_from(n).unwrap().into()]);
        store.write(Unit::one(insert)).await.unwrap();
    }
    assert_eq!(query(&database, "SELECT count(*) FROM t"), "120");
    let idle = || {
        query(
            &database,
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                                    AND pid <> pg_backend_pid() AND state <> 'idle'",
        ) == "0"
    };
    assert!(within(Duration::from_secs(5), idle), "a session is left at work");
    assert!(pooler.is_alive(), "{}", pooler.log());
    assert!(line.is_armed(), "a cancel was sent");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_that_end_behind_the_pooler_are_not_the_clients_concern() {
    let postgres = Postgres::start();
    let database = postgres.database();
    query(&database, "CREATE TABLE t (n int); INSERT INTO t VALUES (0)");
    let pooler = Pooler::start(&postgres, 3, IGNORE);
    let store = connect(&pooler, &database, short()).await;
    let add = Statement::new("UPDATE t SET n = n + 1 RETURNING n");
    for _ in 0..20 {
        store.write(Unit::one(add.bind(Vec::new()))).await.unwrap();
        query(
            &database,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                          WHERE datname = current_database() AND pid <> pg_backend_pid()",
        );
        // PgBouncer learns of it when it looks
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(matches!(store.read(sql("SELECT n FROM t")).await, Ok(_) | Err(StoreError::Unavailable(_))));
    }
    assert_eq!(query(&database, "SELECT n FROM t"), "20");
}

#[tokio::test]
async fn what_a_pooler_cannot_keep_is_refused() {
    let postgres = Postgres::shared();
    let database = postgres.database();
    let pooler = Pooler::start(postgres, 2, IGNORE);
    let store = connect(&pooler, &database, short()).await;
    for sql in ["SET search_path = app", "LISTEN news", "CREATE TEMP TABLE t (id int)"] {
        let (tx, _) = store.begin(Isolation::ReadCommitted, None).await.unwrap();
        let error = tx.query(Statement::new(sql).bind(Vec::new())).await.unwrap_err();
        assert!(matches!(error, StoreError::Internal(_)) && error.to_string().contains("session"), "{error}");
        tx.rollback().await.unwrap();
    }
    let url = format!("{}&options=-c%20search_path%3Dapp", pooler.pooled_url(&database));
    let text = Store::connect(&url, StoreOptions::default()).await.unwrap_err().to_string();
    assert!(text.contains("ALTER ROLE"), "{text}");
    let text = Store::connect(&format!("{database}?pooler=session"), StoreOptions::default()).await.unwrap_err();
    assert!(text.to_string().contains("there is no pooler `session`"), "{text}");
}
