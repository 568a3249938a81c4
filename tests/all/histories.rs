//! Random requests of several clients on few documents; what they saw must be explained by some order of them, document
//! by document.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::history;
use crate::support;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use history::checker::linearizable;
use history::{Answer, Operation, Request, Shown, State};
use serde_json::{Value as Json, json};
use support::{Client, Database, Random, Response, Server, cut_short};

const CLIENTS: usize = 4;
const REQUESTS: usize = 12;
/// Documents that are there from the start.
const DOCUMENTS: usize = 2;

#[test]
fn sqlite() {
    explain(&Database::sqlite(), 1, 0..100);
}

/// Several processes on one file.
#[test]
fn sqlite_from_two_servers() {
    explain(&Database::sqlite(), 2, 100..120);
}

#[test]
fn postgres() {
    explain(&Database::postgres(), 1, 0..50);
}

#[test]
fn postgres_from_three_servers_with_tables_of_django() {
    explain(&Database::django_postgres(), 3, 50..100);
}

fn explain(database: &Database, servers: usize, seeds: Range<u64>) {
    let servers = (0..servers).map(|_| Server::start(&database.url(), &[])).collect::<Vec<_>>();
    let addresses = servers.iter().map(Server::address).collect::<Vec<_>>();
    for seed in seeds {
        for (id, initial, operations) in run(seed, &addresses) {
            let explained = linearizable(initial, &operations);
            let name = database.name();
            assert!(explained, "seed {seed} on {name}: nothing explains document {id}\n{}", Shown(&operations));
        }
    }
}

/// The history of each document that a seed's requests met.
fn run(seed: u64, addresses: &[SocketAddr]) -> Vec<(i64, Option<State>, Vec<Operation>)> {
    let mut client = Client::new(addresses[0]);
    let world = World {
        seed,
        collection: client.call("POST", "/collections/", Some(&json!({}))).id(),
        documents: Mutex::default(),
        clock: Instant::now(),
    };
    let mut initial = BTreeMap::new();
    for n in 0..DOCUMENTS {
        let state = State { uid: n as u32, blob: n as u32 };
        let answer = client.call("POST", "/documents/", Some(&world.document(state)));
        initial.insert(answer.id(), state);
        world.documents.lock().unwrap().push(answer.id());
    }
    let together = Barrier::new(CLIENTS);
    let seen = thread::scope(|scope| {
        let clients = (0..CLIENTS)
            .map(|number| {
                let (world, together) = (&world, &together);
                let address = addresses[number % addresses.len()];
                scope.spawn(move || {
                    together.wait();
                    world.play(number, address)
                })
            })
            .collect::<Vec<_>>();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect::<Vec<_>>()
    });
    let mut histories = BTreeMap::<i64, Vec<Operation>>::new();
    for (id, operation) in seen {
        histories.entry(id).or_default().push(operation);
    }
    histories.into_iter().map(|(id, operations)| (id, initial.get(&id).copied(), operations)).collect()
}

/// What the clients of one seed share.
struct World {
    seed: u64,
    collection: i64,
    documents: Mutex<Vec<i64>>,
    clock: Instant,
}

impl World {
    fn play(&self, number: usize, address: SocketAddr) -> Vec<(i64, Operation)> {
        let mut client = Client::new(address);
        let mut random = Random::new(self.seed << 8 | number as u64);
        let mut seen = Vec::new();
        for n in 0..REQUESTS {
            // each value is sent once: a read tells which write it saw
            let mark = (100 * (number + 1) + n) as u32;
            let id = *random.pick(&self.documents.lock().unwrap());
            let state = State { uid: mark, blob: mark };
            let request = match random.below(16) {
                0 => Request::Create(state),
                1 => Request::Delete,
                2..6 => Request::Get,
                6..10 => Request::PatchUid(mark),
                10..14 => Request::PatchBlob(mark),
                _ => Request::Put(state),
            };
            let (method, path, body) = self.sent(request, id);
            let start = self.now();
            let creation = matches!(request, Request::Create(_));
            let (id, answer) = if !creation && random.below(20) == 0 {
                let wait = Duration::from_micros(random.below(1500));
                cut_short(address, method, &path, &body.unwrap_or_default(), 1.0, wait);
                (id, Answer::Unknown)
            } else {
                let response = client.call(method, &path, body.as_ref());
                let id = if creation { response.id() } else { id };
                (id, self.understood(&response))
            };
            let end = self.now();
            if creation {
                self.documents.lock().unwrap().push(id);
            }
            seen.push((id, Operation { client: number, request, answer, start, end }));
        }
        seen
    }

    fn sent(&self, request: Request, id: i64) -> (&'static str, String, Option<Json>) {
        let path = format!("/documents/{id}/");
        match request {
            Request::Create(state) => ("POST", "/documents/".to_owned(), Some(self.document(state))),
            Request::Get => ("GET", path, None),
            Request::PatchUid(uid) => ("PATCH", path, Some(json!({"uid": uid.to_string()}))),
            Request::PatchBlob(blob) => ("PATCH", path, Some(json!({"blob": {"mark": blob}}))),
            Request::Put(state) => ("PUT", path, Some(self.document(state))),
            Request::Delete => ("DELETE", path, None),
        }
    }

    fn document(&self, State { uid, blob }: State) -> Json {
        json!({"collection": self.collection, "uid": uid.to_string(), "blob": {"mark": blob}})
    }

    fn understood(&self, response: &Response) -> Answer {
        match response.status {
            200 | 201 => {
                let row = response.json();
                assert_eq!(row["collection"], self.collection, "a field that nobody sent changed: {row}");
                let uid = row["uid"].as_str().unwrap().parse().unwrap();
                let blob = row["blob"]["mark"].as_u64().unwrap() as u32;
                Answer::Row(State { uid, blob })
            }
            204 => Answer::Deleted,
            404 => Answer::Missing,
            _ => panic!("{response:?}"),
        }
    }

    fn now(&self) -> u64 {
        self.clock.elapsed().as_nanos() as u64
    }
}
