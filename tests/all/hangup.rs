//! Clients that hang up in the middle of a write take nothing with them: every write that was acknowledged is in the
//! database after the server has stopped, and no connection is left inside a transaction.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::support;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use serde_json::{Value as Json, json};
use support::{Client, Database, Random, Server, cut_short, within};

const CUTTERS: u64 = 3;
const CUTS: u64 = 300;
const VICTIMS: usize = 20;
const PLAIN: usize = 200;

#[test]
fn sqlite() {
    hang_up(&Database::sqlite());
}

#[test]
fn sqlite_tables_of_django() {
    hang_up(&Database::django_sqlite());
}

#[test]
fn postgres() {
    hang_up(&Database::postgres());
}

#[test]
fn postgres_tables_of_django() {
    hang_up(&Database::django_postgres());
}

fn hang_up(database: &Database) {
    let server = Server::start(&database.url(), &[]);
    let mut client = server.client();
    let collection = client.call("POST", "/collections/", Some(&json!({}))).id();
    let create = |client: &mut Client, uid: String| {
        let answer = client.call("POST", "/documents/", Some(&document(collection, &uid)));
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.id()
    };
    let victims = (0..VICTIMS).map(|n| create(&mut client, format!("victim-{n}"))).collect::<Vec<_>>();
    let plain = (0..PLAIN).map(|n| create(&mut client, format!("plain-{n}"))).collect::<Vec<_>>();

    let acknowledged = thread::scope(|scope| {
        let cutters = (0..CUTTERS)
            .map(|seed| {
                let (address, victims) = (server.address(), &victims);
                scope.spawn(move || cut(Random::new(seed), address, collection, victims))
            })
            .collect::<Vec<_>>();
        cutters.into_iter().flat_map(|cutter| cutter.join().unwrap()).collect::<Vec<_>>()
    });

    // every connection of the pool is met: several clients, each with its share of the rows
    let marks = thread::scope(|scope| {
        let writers = plain
            .chunks(PLAIN / 8)
            .map(|ids| {
                let mut client = server.client();
                scope.spawn(move || {
                    ids.iter()
                        .map(|id| {
                            let mark = json!({"mark": format!("kept-{id}")});
                            let answer =
                                client.call("PATCH", &format!("/documents/{id}/"), Some(&json!({"blob": mark})));
                            assert_eq!(answer.status, 200, "{answer:?}");
                            (*id, mark)
                        })
                        .collect::<BTreeMap<_, _>>()
                })
            })
            .collect::<Vec<_>>();
        writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect::<BTreeMap<i64, Json>>()
    });
    for id in &plain {
        let answer = client.call("GET", &format!("/documents/{id}/"), None);
        assert_eq!(answer.json()["blob"], marks[id], "an acknowledged write that a reader does not see");
    }
    let quiet = within(Duration::from_secs(5), || database.idle_in_transaction() == 0);
    assert!(quiet, "{} sessions are left inside a transaction", database.idle_in_transaction());
    server.terminate();

    let rows = database.documents();
    for (id, mark) in &marks {
        assert_eq!(rows.get(id).map(|row| &row.blob), Some(mark), "document {id}: its acknowledged write is gone");
    }
    for uid in acknowledged {
        assert!(rows.values().any(|row| row.uid == uid), "{uid} was acknowledged before the hang-up and is gone");
    }
    for (id, row) in rows.iter().filter(|(_, row)| row.collection == collection && row.blob.get("mark").is_none()) {
        assert_eq!(row.blob, json!({"of": row.uid}), "document {id} is half written");
    }
}

/// Cuts writes off at random places; the uids of creations that were answered all the same.
fn cut(mut random: Random, address: SocketAddr, collection: i64, victims: &[i64]) -> Vec<String> {
    let mut acknowledged = Vec::new();
    let who = random.below(u64::MAX);
    for n in 0..CUTS {
        let uid = format!("cut-{who}-{n}");
        let body = document(collection, &uid);
        let victim = format!("/documents/{}/", random.pick(victims));
        let (method, path) = *random.pick(&[("PATCH", victim.as_str()), ("PUT", &victim), ("POST", "/documents/")]);
        // one in four is cut off within the request
        let part = if random.below(4) == 0 { random.below(100) as f64 / 100.0 } else { 1.0 };
        let wait = Duration::from_micros(random.below(3000));
        let status = cut_short(address, method, path, &body, part, wait);
        assert!(status.is_none_or(|status| status < 300 || (part < 1.0 && status == 400)), "{method}: {status:?}");
        if status == Some(201) {
            acknowledged.push(uid);
        }
    }
    acknowledged
}

/// Both columns tell the same, so that a write in halves would show.
fn document(collection: i64, uid: &str) -> Json {
    json!({"collection": collection, "uid": uid, "blob": {"of": uid}})
}
