//! Long lists: a million rows in constant memory, clients that stop reading, go away, or meet an error midway.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::support;

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use serde_json::{Value as Json, json};
use support::{Database, Server, within};

/// What a server may have in memory while it answers with a million rows, in KiB.
const MEMORY: u64 = 64 << 10;

/// A server whose table has so many rows.
fn server_with(database: &Database, rows: u32) -> Server {
    let server = Server::start(&database.url(), &[]);
    let mut client = server.client();
    let collection = client.call("POST", "/collections/", Some(&json!({}))).id();
    match database {
        Database::Sqlite(_) => database.run(&format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) \
             INSERT INTO seed_document (collection_id, uid, blob) SELECT {collection}, 'uid-' || i, '{{\"n\": 1}}' FROM n"
        )),
        Database::Postgres(_) => database.run(&format!(
            "INSERT INTO seed_document (collection_id, uid, blob) \
             SELECT {collection}, 'uid-' || i, '{{\"n\": 1}}' FROM generate_series(1, {rows}) AS i"
        )),
    }
    server
}

/// A list under way, of which the headers were read.
struct Listing {
    stream: TcpStream,
    headers: String,
    /// What came behind the headers with them.
    ahead: Vec<u8>,
}

impl Listing {
    fn get(address: SocketAddr, path: &str) -> Listing {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: testserver\r\nConnection: close\r\n\r\n").unwrap();
        let mut head = Vec::new();
        let mut some = [0; 1024];
        loop {
            let n = stream.read(&mut some).unwrap();
            assert!(n > 0, "the server closed: {}", String::from_utf8_lossy(&head));
            head.extend_from_slice(&some[..n]);
            if let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") {
                let ahead = head.split_off(end + 4);
                return Listing { stream, headers: String::from_utf8(head).unwrap().to_lowercase(), ahead };
            }
        }
    }

    /// Reads to the end: how many times a text came, and whether the end was the right one.
    fn count(mut self, text: &str) -> (usize, bool) {
        let mut count = 0;
        let mut kept = self.ahead;
        let mut end = kept.clone();
        let mut some = vec![0; 1 << 16];
        loop {
            let Ok(n) = self.stream.read(&mut some) else { return (count, false) };
            kept.extend_from_slice(&some[..n]);
            end.extend_from_slice(&some[..n]);
            end.drain(..end.len().saturating_sub(7));
            count += memchr::memmem::find_iter(&kept, text).count();
            if n == 0 {
                return (count, end == b"\r\n0\r\n\r\n");
            }
            // a text may be cut in two; one that was counted is not kept whole
            let keep = kept.len().saturating_sub(text.len() - 1);
            kept.drain(..keep);
        }
    }
}

/// The most memory that a process has had, in KiB.
fn peak(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn a_million_rows_in_constant_memory() {
    Database::each(|database| {
        let server = server_with(database, 1_000_000);
        let listing = Listing::get(server.address(), "/documents/");
        assert!(listing.headers.starts_with("http/1.1 200"), "{}", listing.headers);
        assert!(listing.headers.contains("transfer-encoding: chunked"), "{}", listing.headers);
        assert!(listing.headers.contains("content-type: application/json\r\n"), "{}", listing.headers);
        let (rows, ended) = listing.count("\"uid\":");
        let peak = peak(server.pid());
        eprintln!("{}: {peak} KiB at most", database.name());
        assert_eq!((rows, ended), (1_000_000, true), "{}", database.name());
        assert!(peak < MEMORY, "{}: {peak} KiB", database.name());
        server.terminate();
    });
}

#[test]
fn short_lists_say_how_long_they_are() {
    Database::each(|database| {
        let server = server_with(database, 1_000);
        let listing = Listing::get(server.address(), "/documents/");
        assert!(listing.headers.contains("content-length: "), "{}", listing.headers);
        let (rows, _) = listing.count("\"uid\":");
        assert_eq!(rows, 1_000);
        // one row more, and the list is a stream; it is the same JSON
        let mut client = server.client();
        let collection = client.call("GET", "/collections/", None).json()[0]["id"].clone();
        client.call("POST", "/documents/", Some(&json!({"collection": collection, "uid": "last"})));
        let answer = client.call("GET", "/documents/", None);
        let rows: Vec<Json> = answer.json().as_array().unwrap().clone();
        assert_eq!(rows.len(), 1_001);
        for (n, row) in rows.iter().enumerate().take(1_000) {
            assert_eq!(row["uid"], format!("uid-{}", n + 1));
        }
        assert_eq!(rows[1_000]["uid"], "last");
        server.terminate();
    });
}

#[test]
fn who_stops_reading_stops_the_query() {
    let database = Database::postgres();
    let server = server_with(&database, 500_000);
    let listing = Listing::get(server.address(), "/documents/");
    // the query waits for its reader, at most as long as a transaction may be idle
    let waits = within(Duration::from_secs(20), || database.stalled() == 1);
    assert!(waits, "the query does not wait for its reader");
    let ended = within(Duration::from_secs(20), || database.in_transaction() == 0);
    assert!(ended, "the query waits for ever");
    let (rows, ended) = listing.count("\"uid\":");
    assert!(rows < 500_000 && !ended, "{rows} rows, {ended}");
    assert!(peak(server.pid()) < MEMORY);
    server.terminate();
}

#[test]
fn who_goes_away_ends_the_query() {
    Database::each(|database| {
        let server = server_with(database, 300_000);
        // more of them than may be open at once
        for _ in 0..24 {
            let listing = Listing::get(server.address(), "/documents/");
            assert!(listing.headers.starts_with("http/1.1 200"), "{}", listing.headers);
        }
        let ended = within(Duration::from_secs(8), || database.in_transaction() == 0);
        assert!(ended, "{} queries are left", database.in_transaction());
        assert!(server.client().call("GET", "/collections/", None).status == 200);
        server.terminate();
    });
}

#[test]
fn slow_readers_leave_connections_for_others() {
    Database::each(|database| {
        let server = server_with(database, 300_000);
        let slow: Vec<Listing> = (0..8).map(|_| Listing::get(server.address(), "/documents/")).collect();
        for _ in 0..20 {
            assert_eq!(server.client().call("GET", "/collections/", None).status, 200);
        }
        drop(slow);
        server.terminate();
    });
}

#[test]
fn an_error_midway_is_no_end() {
    let database = Database::postgres();
    let server = server_with(&database, 500_000);
    let listing = Listing::get(server.address(), "/documents/");
    thread::sleep(Duration::from_millis(200));
    database.list(
        "SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity WHERE datname = current_database() \
         AND pid <> pg_backend_pid()",
    );
    let (rows, ended) = listing.count("\"uid\":");
    assert!(rows < 500_000 && !ended, "{rows} rows, {ended}");
    assert!(server.log().contains("a list broke off"), "{}", server.log());
    assert_eq!(server.client().call("GET", "/collections/", None).status, 200);
    server.terminate();
}
