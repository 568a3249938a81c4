//! Clients that mean harm, against a real server: slow ones, large ones, very many.
//!
//! How long something takes is asserted nowhere; only that it ends, while others are answered.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::support;

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::json;
use support::{Database, Server, within};

/// Longer than any limit of the server.
const PATIENCE: Duration = Duration::from_secs(120);

/// Opens a connection, sends a part of a request, and then a byte twice a second: what the server said when it had enough.
fn drip(address: SocketAddr, begin: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    stream.write_all(begin.as_bytes()).unwrap();
    let mut said = Vec::new();
    let ended = within(PATIENCE, || {
        let mut some = [0; 1024];
        match stream.read(&mut some) {
            Ok(0) => return true,
            Ok(n) => said.extend_from_slice(&some[..n]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                // the server may have closed between the two
                let _ = stream.write_all(b"x");
            }
            Err(_) => return true,
        }
        false
    });
    assert!(ended, "the connection is still open: {begin:?}");
    String::from_utf8(said).unwrap()
}

/// Calls until it is told to stop: how often there was an answer, which is asserted to be right.
fn others(server: &Server, stop: &AtomicBool, collection: i64, name: &str) -> usize {
    let mut client = server.client();
    let mut answered = 0;
    while !stop.load(Ordering::Relaxed) {
        assert_eq!(client.call("GET", "/collections/", None).status, 200);
        let document = json!({"collection": collection, "uid": format!("{name}-{answered}")});
        assert_eq!(client.call("POST", "/documents/", Some(&document)).status, 201);
        answered += 1;
        // connections are left to others for a while too
        thread::sleep(Duration::from_millis(100));
    }
    answered
}

#[test]
fn a_slow_client_is_cut_off_and_others_are_served() {
    let one = |database: Database| {
        let server = Server::start(&database.url(), &[]);
        let collection = server.client().call("POST", "/collections/", Some(&json!({}))).id();
        let address = server.address();
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            let others = scope.spawn(|| others(&server, &stop, collection, "other"));
            let heads = [
                // nothing at all, but for the dripping
                "",
                "GET /collections/ HTTP/1.1\r\nHost: testserver\r\nX-Long: ",
                "POST /documents/ HTTP/1.1\r\nHost: testserver\r\nContent-Type: appl",
            ];
            let heads: Vec<_> = heads.iter().cycle().take(60).map(|head| scope.spawn(|| drip(address, head))).collect();
            let json = "POST /documents/ HTTP/1.1\r\nHost: testserver\r\nContent-Type: application/json\r\n";
            let form =
                "POST /documents/ HTTP/1.1\r\nHost: testserver\r\nContent-Type: multipart/form-data; boundary=b\r\n";
            let bodies = [
                format!("{json}Content-Length: 5000\r\n\r\n{{\"uid\": \""),
                format!("{json}Transfer-Encoding: chunked\r\n\r\n1000\r\n{{\"uid\": \""),
                format!("{form}Content-Length: 5000\r\n\r\n--b\r\nContent-Disposition: form-data; name=\"uid\"\r\n\r\n"),
                "PATCH /documents/1/ HTTP/1.1\r\nHost: testserver\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{"
                    .to_owned(),
            ];
            let bodies: Vec<_> =
                bodies.into_iter().cycle().take(40).map(|body| scope.spawn(move || drip(address, &body))).collect();
            let heads: Vec<_> = heads.into_iter().map(|head| head.join()).collect();
            let bodies: Vec<_> = bodies.into_iter().map(|body| body.join()).collect();
            stop.store(true, Ordering::Relaxed);
            for said in heads {
                let said = said.unwrap();
                assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "{said}");
            }
            for said in bodies {
                let said = said.unwrap();
                assert!(said.starts_with("HTTP/1.1 408 "), "{said}");
            }
            let answered = others.join().unwrap();
            eprintln!("{}: {answered} pairs of requests of others were answered meanwhile", database.name());
            assert!(answered > 20, "{answered}");
        });
        server.terminate();
    };
    thread::scope(|scope| {
        scope.spawn(|| one(Database::sqlite()));
        scope.spawn(|| one(Database::postgres()));
    });
}

/// How many sockets a process has.
fn sockets(pid: u32) -> usize {
    let open = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    open.filter(|fd| {
        let target = fs::read_link(fd.as_ref().unwrap().path()).unwrap_or_default();
        target.to_string_lossy().starts_with("socket:")
    })
    .count()
}

#[test]
fn a_client_that_takes_nothing_of_its_answer_is_cut_off() {
    let database = Database::sqlite();
    let server = Server::start(&database.url(), &[]);
    let collection = server.client().call("POST", "/collections/", Some(&json!({}))).id();
    database.run(&format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900) \
         INSERT INTO seed_document (collection_id, uid, blob) \
         SELECT {collection}, 'uid-' || i, '{{\"n\": \"' || hex(zeroblob(20000)) || '\"}}' FROM n"
    ));
    let before = sockets(server.pid());
    // 900 rows are sent as a whole, 36 MB: more than any buffer takes
    let mut idle = Vec::new();
    for _ in 0..10 {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.write_all(b"GET /documents/ HTTP/1.1\r\nHost: testserver\r\n\r\n").unwrap();
        idle.push(stream);
    }
    assert!(within(PATIENCE, || sockets(server.pid()) >= before + 10));
    assert_eq!(server.client().call("GET", "/collections/", None).status, 200);
    let ended = within(PATIENCE, || sockets(server.pid()) <= before);
    assert!(ended, "{} sockets, {before} before", sockets(server.pid()));
    drop(idle);
    server.terminate();
}

/// What the server answers to some bytes, and whether it then closed.
fn answer(address: SocketAddr, request: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // it may have said enough before it has all
    let _ = stream.write_all(request);
    let mut said = Vec::new();
    let mut some = [0; 4096];
    loop {
        match stream.read(&mut some) {
            Ok(0) => break,
            Ok(n) => said.extend_from_slice(&some[..n]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset && !said.is_empty() => break,
            Err(error) => panic!("{error}: {}", String::from_utf8_lossy(&said)),
        }
    }
    let text = String::from_utf8_lossy(&said).into_owned();
    let status = text.strip_prefix("HTTP/1.1 ").and_then(|rest| rest[..3].parse().ok());
    (status.unwrap_or_else(|| panic!("{text:?}")), text)
}

#[test]
fn heads_have_limits() {
    let database = Database::sqlite();
    let server = Server::start(&database.url(), &[]);
    let get = |path: &str, headers: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: testserver\r\n{headers}Connection: close\r\n\r\n");
        answer(server.address(), request.as_bytes()).0
    };
    let many = |n: usize| (0..n).map(|n| format!("X-{n}: 1\r\n")).collect::<String>();
    assert_eq!(get("/collections/", &format!("X: {}\r\n", "x".repeat(50_000))), 200);
    assert_eq!(get("/collections/", &format!("X: {}\r\n", "x".repeat(100_000))), 431);
    assert_eq!(get("/collections/", &format!("X: {}\r\n", "x".repeat(10_000_000))), 431);
    assert_eq!(get("/collections/", &many(90)), 200);
    assert_eq!(get("/collections/", &many(110)), 431);
    assert_eq!(get(&format!("/collections/?q={}", "q".repeat(60_000)), ""), 200);
    assert!(matches!(get(&format!("/collections/?q={}", "q".repeat(100_000)), ""), 414 | 431));
    // a head without an end
    assert_eq!(answer(server.address(), "x".repeat(1 << 20).as_bytes()).0 / 100, 4);
    assert_eq!(server.client().call("GET", "/collections/", None).status, 200);
    server.terminate();
}

#[test]
fn bodies_have_limits() {
    Database::each(|database| {
        let server = Server::start(&database.url(), &[]);
        let post = |headers: &str, body: &[u8]| {
            let head = format!("POST /documents/ HTTP/1.1\r\nHost: testserver\r\nConnection: close\r\n{headers}\r\n");
            answer(server.address(), &[head.as_bytes(), body].concat()).0
        };
        let json = "Content-Type: application/json\r\n";
        // told by the length alone: nothing of it is sent or waited for
        assert_eq!(post(&format!("{json}Content-Length: 2621441\r\n"), b""), 413);
        assert!(matches!(post(&format!("{json}Content-Length: 18446744073709551614\r\n"), b""), 413 | 431));
        let long = vec![b' '; 4 << 20];
        let chunked = [format!("{:x}\r\n", long.len()).as_bytes(), &long, b"\r\n0\r\n\r\n"].concat();
        assert_eq!(post(&format!("{json}Transfer-Encoding: chunked\r\n"), &chunked), 413);
        let fields = (0..1001).map(|n| format!("f{n}=1")).collect::<Vec<_>>().join("&");
        let form = format!("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n", fields.len());
        assert_eq!(post(&form, fields.as_bytes()), 400);
        let deep = "[".repeat(1_000_000);
        assert_eq!(post(&format!("{json}Content-Length: {}\r\n", deep.len()), deep.as_bytes()), 400);
        // what two readers could understand differently is refused
        for headers in [
            "Content-Length: 99999999999999999999999\r\n",
            "Content-Length: -1\r\n",
            "Content-Length: 2\r\nContent-Length: 3\r\n",
            "Content-Length: 2, 3\r\n",
            "Transfer-Encoding: gzip\r\n",
            "Transfer-Encoding: chunked, identity\r\n",
        ] {
            assert_eq!(post(&format!("{json}{headers}"), b"{}"), 400, "{headers}");
        }
        assert_eq!(server.client().call("GET", "/collections/", None).status, 200);
        server.terminate();
    });
}

/// What a process has in memory, in KiB.
fn memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn ten_thousand_idle_connections() {
    // a server that this process starts has the same limit
    let limit = rlimit::increase_nofile_limit(u64::MAX).unwrap();
    let wanted = usize::try_from(limit.saturating_sub(1_000).min(10_000)).unwrap();
    let database = Database::sqlite();
    let server = Server::start(&database.url(), &[]);
    assert_eq!(server.client().call("GET", "/collections/", None).status, 200);
    let before = (sockets(server.pid()), memory(server.pid()));
    // not faster than they are accepted: a full queue costs a client whole seconds
    let connect = |n: usize| {
        if n.is_multiple_of(20) {
            thread::sleep(Duration::from_millis(5));
        }
        TcpStream::connect(server.address()).unwrap()
    };
    let idle: Vec<TcpStream> = (0..wanted).map(connect).collect();
    let held = || sockets(server.pid()).saturating_sub(before.0);
    assert!(within(PATIENCE, || held() >= wanted * 9 / 10), "{} of {wanted} connections", held());
    let mut client = server.client();
    for _ in 0..20 {
        assert_eq!(client.call("GET", "/collections/", None).status, 200);
        // and who is not there yet gets in
        assert_eq!(server.client().call("GET", "/collections/", None).status, 200);
    }
    let (most, used) = (held(), memory(server.pid()).saturating_sub(before.1));
    let each = used as f64 / most as f64;
    eprintln!("{most} idle connections (of {wanted} wanted, limit {limit}): {used} KiB, {each:.1} KiB each");
    assert!(each < 64.0, "{each} KiB for each connection");
    // nobody may be idle for ever
    assert!(within(PATIENCE, || held() < 100), "{} connections are left", held());
    drop(idle);
    assert_eq!(server.client().call("GET", "/collections/", None).status, 200);
    server.terminate();
}
