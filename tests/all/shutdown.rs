//! How the server starts, refuses to start, stops, and gets rid of clients that waste its time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use support::{Database, Server, within};

/// Longer than the server waits for the head of a request.
const HEAD: Duration = Duration::from_secs(40);

#[test]
fn a_signal_lets_a_request_finish() {
    Database::each(|database| {
        let server = Server::start(&database.url(), &[]);
        let mut client = server.client();
        let collection = client.call("POST", "/collections/", Some(&json!({}))).id();

        let body = json!({"collection": collection, "uid": "slow", "blob": {}}).to_string();
        let (first, rest) = body.split_at(body.len() / 2);
        let head = "POST /documents/ HTTP/1.1\r\nHost: testserver\r\nContent-Type: application/json\r\n";
        let mut slow = server.client();
        slow.write(format!("{head}Content-Length: {}\r\n\r\n{first}", body.len()).as_bytes()).unwrap();
        thread::sleep(Duration::from_millis(200));
        server.signal();
        let address = server.address();
        let closed = within(Duration::from_secs(10), || TcpStream::connect(address).is_err());
        assert!(closed, "a server that stops takes no new connection");
        slow.write(rest.as_bytes()).unwrap();
        let answer = slow.read("POST").unwrap();
        assert_eq!(answer.status, 201, "{answer:?}");
        server.ended();

        let rows = database.documents();
        assert_eq!(rows[&answer.id()].uid, "slow");
    });
}

/// A connection that waits for nothing does not hold the stop up.
#[test]
fn a_signal_closes_idle_connections() {
    let database = Database::sqlite();
    let server = Server::start(&database.url(), &[]);
    let mut idle = server.client();
    assert_eq!(idle.call("GET", "/documents/", None).status, 200);
    let start = Instant::now();
    server.terminate();
    assert!(start.elapsed() < Duration::from_secs(15), "an idle connection held the server for {:?}", start.elapsed());
    assert!(idle.read("GET").is_err());
}

/// Who is told the address may stop the server at once.
#[test]
fn a_signal_right_after_the_start() {
    // together, so that a start may be interrupted anywhere
    thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| {
                let database = Database::sqlite();
                for _ in 0..10 {
                    Server::start(&database.url(), &[]).terminate();
                }
            });
        }
    });
}

#[test]
fn rows_outlive_the_server() {
    Database::each(|database| {
        let server = Server::start(&database.url(), &[]);
        let id = server.client().call("POST", "/collections/", Some(&json!({}))).id();
        server.terminate();
        let server = Server::start(&database.url(), &[]);
        assert_eq!(server.client().call("GET", &format!("/collections/{id}/"), None).json(), json!({"id": id}));
    });
}

#[test]
fn a_port_that_is_taken() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = refused(&Database::sqlite().url(), &[("BIND", &address)]);
    assert!(ended.contains(&address), "{ended}");
    assert!(ended.contains("BIND"), "it says what to change: {ended}");
}

#[test]
fn a_database_that_cannot_be_reached() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let start = Instant::now();
    let ended = refused(&format!("postgres://me:hush@{closed}/rows"), &[]);
    assert!(start.elapsed() < HEAD, "{:?}", start.elapsed());
    assert!(ended.contains("database"), "{ended}");
    assert!(!ended.contains("hush"), "a password is not shown: {ended}");

    let database = Database::sqlite();
    let nowhere = database.url().replace("rows.sqlite3", "no/such/folder/rows.sqlite3");
    let ended = refused(&nowhere, &[]);
    assert!(ended.contains("no/such/folder"), "{ended}");
}

#[test]
fn a_database_that_does_not_exist() {
    let url = support::Postgres::shared().url("absent");
    let ended = refused(&url, &[]);
    assert!(ended.contains("absent"), "{ended}");
}

/// What a server says that does not start, which it must say by ending with an error.
fn refused(database: &str, environment: &[(&str, &str)]) -> String {
    match Server::try_start(database, environment) {
        Ok(_) => panic!("it started"),
        Err(ended) => {
            // a code, not a signal: neither did it crash nor had it to be ended
            assert!(ended.status.code().is_some_and(|code| code != 0), "{ended:?}");
            assert!(!ended.log.contains("panicked"), "{}", ended.log);
            ended.log
        }
    }
}

#[test]
fn a_body_that_is_too_large() {
    let database = Database::sqlite();
    let server = Server::start(&database.url(), &[]);
    let head = "POST /documents/ HTTP/1.1\r\nHost: testserver\r\nContent-Type: application/json\r\n";

    // by its own account: the answer comes before the body
    let mut client = server.client();
    client.write(format!("{head}Content-Length: 1000000000\r\n\r\n").as_bytes()).unwrap();
    assert_eq!(client.read("POST").unwrap().status, 413);

    // without a length: 8 MiB in pieces; the server may stop reading before the end
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(HEAD)).unwrap();
    stream.write_all(format!("{head}Transfer-Encoding: chunked\r\n\r\n").as_bytes()).unwrap();
    let piece = format!("{:x}\r\n{}\r\n", 1 << 16, " ".repeat(1 << 16));
    let mut answer = stream.try_clone().unwrap();
    let reader = thread::spawn(move || {
        let mut status = [0; 12];
        answer.read_exact(&mut status).map(|()| String::from_utf8_lossy(&status).into_owned())
    });
    for _ in 0..128 {
        if stream.write_all(piece.as_bytes()).is_err() {
            break;
        }
    }
    let _ = stream.write_all(b"0\r\n\r\n");
    assert_eq!(reader.join().unwrap().unwrap(), "HTTP/1.1 413");

    assert_eq!(server.client().call("GET", "/documents/", None).json(), json!([]));
}

/// Clients that never finish a head are cut off, and keep nobody from being served meanwhile.
#[test]
fn heads_that_do_not_end() {
    let database = Database::sqlite();
    let server = Server::start(&database.url(), &[]);
    let slow = (0..50)
        .map(|_| {
            let mut stream = TcpStream::connect(server.address()).unwrap();
            stream.write_all(b"GET /documents/ HTTP/1.1\r\nHost: test").unwrap();
            stream.set_read_timeout(Some(HEAD)).unwrap();
            stream
        })
        .collect::<Vec<_>>();
    let mut kept = server.client();
    assert_eq!(kept.call("GET", "/documents/", None).status, 200);
    thread::sleep(Duration::from_secs(2));
    assert_eq!(kept.call("GET", "/documents/", None).status, 200, "a connection is kept between requests");
    let start = Instant::now();
    for mut stream in slow {
        // an answer may be given before the end, a 408; what matters is that the end comes
        let mut rest = Vec::new();
        let end = stream.read_to_end(&mut rest);
        assert!(end.is_ok() || end.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset), "cut off");
        assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&rest));
    }
    assert!(start.elapsed() < HEAD, "{:?}", start.elapsed());
    assert_eq!(server.client().call("GET", "/documents/", None).status, 200);
}

/// A body that stops arriving is given up, and nothing of it is written.
#[test]
fn a_body_that_does_not_end() {
    let database = Database::sqlite();
    let server = Server::start(&database.url(), &[]);
    let mut client = server.client();
    let head = "POST /collections/ HTTP/1.1\r\nHost: testserver\r\nContent-Type: application/json\r\n";
    client.write(format!("{head}Content-Length: 2\r\n\r\n{{").as_bytes()).unwrap();
    let answer = client.read("POST").unwrap();
    assert_eq!(answer.status, 408, "{answer:?}");
    server.terminate();
    assert_eq!(database.collections(), [] as [i64; 0]);
}
