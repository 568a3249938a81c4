//! The primary dies under load, its synchronous standby is promoted: nothing acknowledged is lost, nothing is a 500, and
//! service is back by itself.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Client, Database, HaProxy, Pooler, Postgres, Server, query, within};

/// No request may take longer, whatever the databases do.
const BOUND: Duration = Duration::from_secs(15);
/// How long service may stay away once the standby is a primary.
const AWAY: Duration = Duration::from_secs(10);

/// An address of both, of which the one is taken that may write.
fn both(one: &Postgres, other: &Postgres, database: &str) -> String {
    let name = database.rsplit('/').next().unwrap();
    format!(
        "postgres://bowline@127.0.0.1:{},127.0.0.1:{}/{name}?target_session_attrs=read-write",
        one.port(),
        other.port()
    )
}

/// What the writers saw.
#[derive(Default)]
struct Seen {
    /// The rows that were acknowledged, by their ids.
    acknowledged: BTreeMap<i64, String>,
    /// Whether it was acknowledged, and when it was answered.
    answers: Vec<(bool, Instant)>,
}

fn write_on(server: &Server, collection: i64, writer: usize, stop: &AtomicBool, seen: &Mutex<Seen>) {
    let mut client = Client::new(server.address());
    for n in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let uid = format!("{writer}-{n}");
        let body = json!({"collection": collection, "uid": uid, "blob": {"of": uid}});
        let start = Instant::now();
        let answer = client.call("POST", "/documents/", Some(&body));
        assert!(start.elapsed() < BOUND, "{:?}", start.elapsed());
        // what the server could not do, or does not know of
        assert!(matches!(answer.status, 201 | 502..=504), "{answer:?}");
        let mut seen = seen.lock().unwrap();
        seen.answers.push((answer.status == 201, Instant::now()));
        if answer.status == 201 {
            seen.acknowledged.insert(answer.id(), uid);
        } else {
            drop(seen);
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Has the writers at work while `fail` makes one primary of another; how long nothing was acknowledged after it was done.
fn fail_over(server: &Server, survivor: &Database, fail: impl FnOnce()) -> Duration {
    let collection = server.client().call("POST", "/collections/", Some(&json!({}))).id();
    let (stop, seen) = (AtomicBool::new(false), Mutex::new(Seen::default()));
    let (began, promoted) = thread::scope(|scope| {
        for writer in 0..6 {
            let (stop, seen) = (&stop, &seen);
            scope.spawn(move || write_on(server, collection, writer, stop, seen));
        }
        thread::sleep(Duration::from_millis(800));
        let began = Instant::now();
        fail();
        let promoted = Instant::now();
        let end = promoted + AWAY;
        let is_back = || seen.lock().unwrap().answers.iter().filter(|(ok, at)| *ok && *at > promoted).count() > 50;
        while !is_back() && Instant::now() < end {
            thread::sleep(Duration::from_millis(20));
        }
        stop.store(true, Ordering::Relaxed);
        (began, promoted)
    });
    let seen = seen.into_inner().unwrap();
    let before = seen.answers.iter().filter(|(ok, at)| *ok && *at < began).count();
    assert!(before > 50, "only {before} writes before: the failure met no load");
    let back = seen.answers.iter().filter(|(ok, at)| *ok && *at > promoted).map(|(_, at)| *at).min();
    let back = back.expect("service is not back") - promoted;
    let found = survivor.documents();
    for (id, uid) in &seen.acknowledged {
        assert_eq!(found.get(id).map(|row| &row.uid), Some(uid), "document {id} was acknowledged and is lost");
    }
    println!(
        "{} writes were acknowledged, {} were not; the new primary was there after {:?}, writes after {back:?} more",
        seen.acknowledged.len(),
        seen.answers.iter().filter(|(ok, _)| !ok).count(),
        promoted - began,
    );
    back
}

#[test]
fn a_standby_that_is_promoted_is_found() {
    let primary = Postgres::start();
    let database = primary.database();
    let standby = primary.synchronous_standby();
    let server = Server::start(&both(&primary, &standby, &database), &[]);
    let survivor = Database::Postgres(standby.url(database.rsplit('/').next().unwrap()));
    let back = fail_over(&server, &survivor, || {
        primary.kill();
        standby.promote();
    });
    assert!(back < Duration::from_secs(5), "{back:?}");
    server.terminate();
}

/// A commit that waits for a standby in vain is cut short by `statement_timeout`, and then acknowledged by PostgreSQL, with a
/// warning beside it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_no_standby_has_is_not_acknowledged() {
    use bowline::store::{Isolation, Statement, Store, StoreOptions, Unit};

    let primary = Postgres::start();
    let database = primary.database();
    query(&database, "CREATE TABLE t (id int)");
    let standby = primary.synchronous_standby();
    let options = StoreOptions { statement_timeout: Duration::from_millis(500), ..StoreOptions::default() };
    let store = Store::connect(&database, options).await.unwrap();
    let insert = || Statement::new("INSERT INTO t VALUES (1)").bind(Vec::new());
    store.write(Unit::one(insert())).await.unwrap();
    standby.kill();
    store.write(Unit::one(insert())).await.unwrap_err();
    store.write(Unit { statements: vec![insert(), insert()], verdict: None }).await.unwrap_err();
    let (tx, _) = store.begin(Isolation::ReadCommitted, Some(insert())).await.unwrap();
    tx.commit().await.unwrap_err();
    // an administrator cuts it short: PostgreSQL acknowledges it with no more than a warning
    let patient = Store::connect(&database, StoreOptions::default()).await.unwrap();
    let written = tokio::spawn(async move { patient.write(Unit::one(insert())).await.map(drop) });
    let cancel = "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    assert!(within(Duration::from_secs(5), || query(&database, cancel) != "0"), "no commit waits");
    assert!(matches!(written.await.unwrap(), Err(bowline::store::StoreError::OutcomeUnknown(_))));
    // reads wait for nobody
    store.read(Statement::new("SELECT count(*) FROM t").bind(Vec::new())).await.unwrap();
}

/// The former primary is still there and answers, but takes no writes any more: its sessions must not be kept.
#[test]
fn a_primary_that_becomes_read_only_is_left() {
    let primary = Postgres::start();
    let database = primary.database();
    let standby = primary.synchronous_standby();
    let server = Server::start(&both(&primary, &standby, &database), &[]);
    let name = database.rsplit('/').next().unwrap();
    let survivor = Database::Postgres(standby.url(name));
    let back = fail_over(&server, &survivor, || {
        primary.sql("ALTER SYSTEM SET default_transaction_read_only = on");
        primary.sql("SELECT pg_reload_conf()");
        // what is under way is replicated first
        thread::sleep(Duration::from_millis(500));
        standby.promote();
    });
    assert!(back < Duration::from_secs(5), "{back:?}");
    server.terminate();
}

/// A pooler stands before each of the two: what it says of its server is no answer of the server's.
#[test]
fn a_standby_that_is_promoted_is_found_behind_poolers() {
    let primary = Postgres::start();
    let database = primary.database();
    let standby = primary.synchronous_standby();
    let settings = "query_wait_timeout = 2\nserver_login_retry = 1";
    let poolers = [&primary, &standby].map(|cluster| Pooler::start(cluster, 8, settings));
    let name = database.rsplit('/').next().unwrap();
    let hosts = poolers.each_ref().map(|pooler| format!("127.0.0.1:{}", pooler.port())).join(",");
    let url = format!("postgres://bowline@{hosts}/{name}?pooler=transaction&target_session_attrs=read-write");
    let server = Server::start(&url, &[]);
    let survivor = Database::Postgres(standby.url(name));
    let back = fail_over(&server, &survivor, || {
        primary.kill();
        standby.promote();
    });
    assert!(back < Duration::from_secs(9), "{back:?}");
    server.terminate();
}

/// A cluster, its standby, and the address of a database in them behind an HAProxy.
fn behind_haproxy(interval: Duration, options: &str) -> (Postgres, Postgres, HaProxy, String) {
    let primary = Postgres::start();
    let database = primary.database();
    let standby = primary.synchronous_standby();
    let proxy = HaProxy::start([&primary, &standby], interval, options);
    let url = proxy.url(&database);
    // a start asks for a server that may write, once
    // until it has looked, it takes both for primaries, and leads to them in turns
    let leads_to_one = || (0..6).all(|_| is_writable(&url));
    assert!(within(Duration::from_secs(20), leads_to_one), "HAProxy finds no primary");
    (primary, standby, proxy, url)
}

fn is_writable(url: &str) -> bool {
    std::panic::catch_unwind(|| query(url, "SHOW transaction_read_only")).is_ok_and(|answer| answer == "off")
}

/// HAProxy finds the new primary; bowline has one address, and leaves the sessions that lead nowhere.
#[test]
fn a_standby_that_is_promoted_is_found_behind_haproxy() {
    let (primary, standby, _proxy, url) =
        behind_haproxy(Duration::from_millis(300), "on-marked-down shutdown-sessions");
    let server = Server::start(&url, &[]);
    let survivor = Database::Postgres(standby.url(url.rsplit('/').next().unwrap()));
    let back = fail_over(&server, &survivor, || {
        primary.kill();
        standby.promote();
    });
    assert!(back < Duration::from_secs(8), "{back:?}");
    server.terminate();
}

/// The former primary comes back as a standby before HAProxy looks, which leads new sessions to it, and keeps those it has once it
/// has found the other: they answer, but serve nobody who writes.
#[test]
fn a_former_primary_that_haproxy_leads_to_is_left() {
    let (primary, standby, _proxy, url) = behind_haproxy(Duration::from_secs(2), "");
    let server = Server::start(&url, &[]);
    let survivor = Database::Postgres(standby.url(url.rsplit('/').next().unwrap()));
    let back = fail_over(&server, &survivor, || {
        primary.kill();
        primary.resume_read_only();
        standby.promote();
    });
    assert!(back < Duration::from_secs(9), "{back:?}");
    let mut client = server.client();
    // no session is left that would refuse one
    for _ in 0..100 {
        assert_eq!(client.call("POST", "/collections/", Some(&json!({}))).status, 201);
    }
    server.terminate();
}
