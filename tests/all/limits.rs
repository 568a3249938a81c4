//! Limits of what clients may take: places, time, memory and room on the disk.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use axum::routing::post;
use bowline::fields::{CharField, DictField, Field, FileField, IntegerField, ListField};
use bowline::prelude::*;
use bowline::serializers::{ListSerializer, Serializer};
use serde_json::json;

use crate::support::{Client, Database, Response as Answer, Server, within};

async fn slow(_: Request) -> bowline::Result<Response> {
    tokio::time::sleep(Duration::from_secs(8)).await;
    Ok(Response::new("slow"))
}

async fn large(_: Request) -> bowline::Result<Response> {
    Ok(Response::new("x".repeat(40 << 20)))
}

async fn keep(mut request: Request) -> bowline::Result<Response> {
    let file = match request.data().await? {
        Value::Form(form) => form.get("file").cloned(),
        _ => None,
    };
    let size = match file {
        Some(Value::File(file)) => i64::try_from(file.size()).unwrap(),
        _ => -1,
    };
    Ok(Response::new(bowline::value!({"size": size})))
}

/// A server with small limits, as a process of its own.
#[test]
fn serve() {
    let Ok(_) = std::env::var("LIMITS") else { return };
    let files = std::env::var("FILES").ok().and_then(|files| files.parse().ok());
    if let Some(files) = files {
        rlimit::setrlimit(rlimit::Resource::NOFILE, files, files).unwrap();
    }
    let named = || Serializer::new().field(Field::new("name", CharField::new()));
    let api = DefaultRouter::new()
        .path("slow/", ApiView::new("Slow").get(slow))
        .path("large/", ApiView::new("Large").get(large))
        .path("named/", ApiView::new("Named").serializer(named()).post(keep))
        .path(
            "filed/",
            ApiView::new("Filed").serializer(named().field(Field::new("file", FileField::new()))).post(keep),
        )
        .path("told/", ApiView::new("Told").uploads(true).post(keep))
        .path("plain/", ApiView::new("Plain").post(keep))
        .configure(move |settings| {
            if files.is_none() {
                settings.server.connections = 8;
            }
            settings.server.requests = 2;
            settings.server.write_timeout = Duration::from_secs(2);
            settings.server.write_rate = 4 << 20;
            settings.body.timeout = Duration::from_secs(2);
        })
        .wrap(|api| api.route("/own/", post(async |body: axum::body::Bytes| body.len().to_string())));
    tokio::runtime::Runtime::new().unwrap().block_on(bowline::serve(api)).unwrap();
}

fn limited(database: &Database, environment: &[(&str, &str)]) -> Server {
    Server::start_test("limits::serve", &database.url(), &[&[("LIMITS", "1")], environment].concat())
}

#[test]
fn connections_have_places() {
    let database = Database::sqlite();
    let server = limited(&database, &[]);
    let mut held: Vec<Client> = (0..8).map(|_| server.client()).collect();
    for client in &mut held {
        assert_eq!(client.call("GET", "/nowhere/", None).status, 404);
    }
    for _ in 0..3 {
        let answer = server.client().call("GET", "/nowhere/", None);
        assert_eq!(answer.status, 503);
        assert_eq!((answer.header("retry-after"), answer.header("connection")), (Some("1"), Some("close")));
        assert_eq!(answer.json(), json!({"detail": "Service temporarily unavailable, try again later."}));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    }
    assert_eq!(held[0].call("GET", "/nowhere/", None).status, 404, "who is there stays");
    held.clear();
    assert!(within(Duration::from_secs(10), || server.client().call("GET", "/nowhere/", None).status == 404));
    server.terminate();
}

#[test]
fn connections_leave_files_for_what_else_is_opened() {
    let database = Database::sqlite();
    let server = limited(&database, &[("FILES", "256")]);
    let mut own = server.client();
    assert_eq!(own.call("GET", "/nowhere/", None).status, 404);
    let connect = || TcpStream::connect_timeout(&server.address(), Duration::from_secs(1)).ok();
    let held: Vec<TcpStream> = (0..300).map_while(|_| connect()).collect();
    assert!(held.len() > 128, "{}", held.len());
    thread::sleep(Duration::from_millis(300));
    // a file of its own for the upload
    let answer = upload_by(&mut own, "/told/", 6 << 20);
    assert_eq!((answer.status, answer.json()), (200, json!({"size": 6 << 20})));
    drop(held);
    server.terminate();
}

#[test]
fn requests_have_places() {
    let database = Database::sqlite();
    let server = limited(&database, &[]);
    thread::scope(|scope| {
        let slow: Vec<_> = (0..2).map(|_| scope.spawn(|| server.client().call("GET", "/slow/", None).status)).collect();
        thread::sleep(Duration::from_millis(1_500));
        // nobody gets a place within a second
        let refused = server.client().call("GET", "/nowhere/", None);
        assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
        for slow in slow {
            assert_eq!(slow.join().unwrap(), 200);
        }
    });
    assert_eq!(server.client().call("GET", "/nowhere/", None).status, 404);
    server.terminate();
}

#[test]
fn who_sends_slowly_keeps_no_place() {
    let database = Database::sqlite();
    let server = limited(&database, &[]);
    let mut slow: Vec<Client> = (0..4).map(|_| server.client()).collect();
    for client in &mut slow {
        client.write(post_of("application/json", 2).replace("/documents/", "/plain/").as_bytes()).unwrap();
        client.write(b"{").unwrap();
    }
    thread::sleep(Duration::from_millis(300));
    for _ in 0..3 {
        assert_eq!(server.client().call("GET", "/nowhere/", None).status, 404);
    }
    // each comes back to a place when the rest is there
    for client in &mut slow {
        client.write(b"}").unwrap();
    }
    for client in &mut slow {
        assert_eq!(client.read("POST").unwrap().status, 200);
    }
    server.terminate();
}

#[test]
fn an_answer_is_taken_at_some_pace() {
    let database = Database::sqlite();
    let server = limited(&database, &[]);
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.write_all(b"GET /large/ HTTP/1.1\r\nHost: testserver\r\n\r\n").unwrap();
    // a little now and then, which was enough to keep a connection for ever
    let begun = Instant::now();
    let (mut some, mut taken) = (vec![0; 256 << 10], 0_usize);
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    loop {
        match stream.read(&mut some) {
            Ok(0) | Err(_) => break,
            Ok(n) => taken += n,
        }
        thread::sleep(Duration::from_millis(250));
        assert!(begun.elapsed() < Duration::from_secs(60), "after {taken} bytes the connection is still there");
    }
    assert!(taken < 40 << 20, "{taken}");
    // who takes it as fast as it comes gets all of it
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.write_all(b"GET /large/ HTTP/1.1\r\nHost: testserver\r\nConnection: close\r\n\r\n").unwrap();
    let whole = std::io::copy(&mut stream, &mut std::io::sink()).unwrap();
    assert!(whole > 40 << 20, "{whole}");
    server.terminate();
}

#[test]
fn a_body_arrives_in_time_whoever_reads_it() {
    let database = Database::sqlite();
    let server = limited(&database, &[]);
    for (path, status) in [("/plain/", "408"), ("/own/", "400")] {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        let head = format!("POST {path} HTTP/1.1\r\nHost: testserver\r\nContent-Type: application/json\r\n");
        stream.write_all(format!("{head}Content-Length: 5000\r\n\r\n[").as_bytes()).unwrap();
        let mut said = Vec::new();
        let ended = within(Duration::from_secs(30), || {
            let mut some = [0; 1024];
            match stream.read(&mut some) {
                Ok(0) => return true,
                Ok(n) => said.extend_from_slice(&some[..n]),
                Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                    let _ = stream.write_all(b" ");
                }
                Err(_) => return true,
            }
            false
        });
        let said = String::from_utf8(said).unwrap();
        assert!(ended && said.starts_with(&format!("HTTP/1.1 {status}")), "{path}: {said}");
        assert!(said.to_lowercase().contains("connection: close"), "{said}");
    }
    server.terminate();
}

/// The most memory that a process has had, in KiB.
fn peak(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn json_takes_no_more_memory_than_it_may() {
    let database = Database::sqlite();
    let bytes = 2_600_000;
    let repeated = |text: &str| format!("[{}0]", text.repeat(bytes / text.len()));
    for (name, body) in [
        ("lists", repeated("[],")),
        ("objects", repeated("{\"\":0},")),
        ("lists of one", repeated("[0],")),
        ("lists of eight and one", repeated("[0,0,0,0,0,0,0,0],[0],")),
        ("texts", repeated("\"a\",")),
        ("numbers", repeated("0,")),
        ("names", format!("{{{}\"z\":0}}", (0..200_000).map(|n| format!("\"{n}\":0,")).collect::<String>())),
        ("nested", "[".repeat(500) + &"0,".repeat(bytes / 2) + "0" + &"]".repeat(500)),
    ] {
        let server = Server::start(&database.url(), &[]);
        let mut client = server.client();
        assert_eq!(client.call("GET", "/documents/", None).status, 200);
        let before = peak(server.pid());
        client.write(post_of("application/json", body.len()).as_bytes()).unwrap();
        client.write(body.as_bytes()).unwrap();
        let answer = client.read("POST").unwrap();
        let used = peak(server.pid()).saturating_sub(before);
        eprintln!("{name}: {} bytes of JSON, {used} KiB of memory, {}", body.len(), answer.status);
        assert!(matches!(answer.status, 400 | 413), "{name}: {}", answer.status);
        assert!(used < 30 << 10, "{name}: {used} KiB");
        server.terminate();
    }
    // what people send is not near it
    let rows: Vec<_> = (0..18_000)
        .map(|n| json!({"uid": format!("uid-{n}"), "collection": 1, "blob": {"n": n, "text": "some text"}}))
        .collect();
    let body = json!(rows).to_string();
    assert!(body.len() < 2_600_000 && body.len() > 1_000_000, "{}", body.len());
    let server = Server::start(&database.url(), &[]);
    let answer = server.client().call("POST", "/documents/", Some(&json!(rows)));
    assert_eq!(answer.status, 400, "{}", String::from_utf8_lossy(&answer.body));
    server.terminate();
}

/// Errors may be many times as long as what they are about.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_list_of_mistakes_makes_no_long_answer() {
    for database in [Database::sqlite(), Database::postgres()] {
        let bookings = ModelViewSet::<bowline::doc::booking::Entity>::new().create_many(Lists::Also);
        let api = DefaultRouter::new().register("bookings", bookings);
        let client = bowline::testing::Client::over(&database.url(), api).await.unwrap();
        let many = |item: Value| Value::List(vec![item; 3_000]);
        let answer = client.post("/bookings/", many(Value::map())).await.unwrap();
        let errors = answer.data.as_map().unwrap();
        assert_eq!((answer.status.as_u16(), errors.len()), (400, 1_000), "{}", database.name());
        assert!(errors.get("0").is_some() && errors.get("999").is_some());
        assert!(database.list("SELECT note FROM booking").is_empty());
    }
    let list = ListSerializer::new(
        Serializer::new().field(Field::new("name", CharField::new())).field(Field::new("n", IntegerField::new())),
    );
    let numbers = Serializer::new()
        .field(Field::new("list", ListField::of(IntegerField::new())))
        .field(Field::new("dict", DictField::of(IntegerField::new())));
    let told =
        |error: bowline::error::ValidationError| serde_json::from_str::<serde_json::Value>(&error.to_json()).unwrap();
    let wrong = || vec![Value::from("x"); 3_000];
    let cx = bowline::context::Context::default();
    let errors = told(list.run_validation(Value::List(wrong()), &cx).unwrap_err());
    assert_eq!(errors.as_object().unwrap().len(), 1_000);
    let dict = wrong().into_iter().enumerate().map(|(n, wrong)| (n.to_string(), wrong));
    let both = bowline::value!({"list": (Value::List(wrong())), "dict": (Value::Map(dict.collect()))});
    let errors = told(numbers.run_validation(&both, &cx).unwrap_err());
    assert_eq!(errors["list"].as_object().unwrap().len(), 1_000);
    assert_eq!(errors["dict"].as_object().unwrap().len(), 1_000);
}

fn post_of(content_type: &str, length: usize) -> String {
    format!(
        "POST /documents/ HTTP/1.1\r\nHost: testserver\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n"
    )
}

fn upload(server: &Server, path: &str, size: usize) -> Answer {
    upload_by(&mut server.client(), path, size)
}

fn upload_by(client: &mut Client, path: &str, size: usize) -> Answer {
    let head = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.bin\"\r\n\r\n";
    let length = head.len() + size + "\r\n--b--\r\n".len();
    let request = post_of("multipart/form-data; boundary=b", length).replace("/documents/", path);
    client.write(request.as_bytes()).unwrap();
    client.write(head.as_bytes()).unwrap();
    client.write(&vec![b'x'; size]).unwrap();
    client.write(b"\r\n--b--\r\n").unwrap();
    client.read("POST").unwrap()
}

#[test]
fn a_view_that_takes_no_file_keeps_none() {
    let database = Database::sqlite();
    // where nothing can be kept, what tries to is a 500
    let server = limited(&database, &[("TMPDIR", "/nonexistent")]);
    for path in ["/named/", "/plain/"] {
        assert_eq!(upload(&server, path, 6 << 20).status, 413, "{path}");
        let small = upload(&server, path, 1 << 20);
        assert_eq!((small.status, small.json()), (200, json!({"size": 1 << 20})), "{path}");
    }
    for path in ["/filed/", "/told/"] {
        assert_eq!(upload(&server, path, 6 << 20).status, 500, "{path}");
    }
    server.terminate();
    let server = limited(&database, &[]);
    for path in ["/filed/", "/told/"] {
        assert_eq!(upload(&server, path, 6 << 20).json(), json!({"size": 6 << 20}), "{path}");
    }
    server.terminate();
    // a view set over a model without a file
    let server = Server::start(&database.url(), &[("TMPDIR", "/nonexistent")]);
    assert_eq!(upload(&server, "/documents/", 6 << 20).status, 413);
    assert_eq!(upload(&server, "/documents/", 1 << 20).status, 400);
    server.terminate();
}

/// Asks for all documents as a client behind the proxy, and reads the head of the answer alone.
fn listing(server: &Server, client: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let head = format!("GET /documents/ HTTP/1.1\r\nHost: testserver\r\nX-Forwarded-For: {client}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut status = [0; 12];
    stream.read_exact(&mut status).unwrap();
    (stream, String::from_utf8(status.to_vec()).unwrap())
}

#[test]
fn slow_readers_leave_long_lists_for_others() {
    Database::each(|database| {
        let server = Server::start(&database.url(), &[("NUM_PROXIES", "1")]);
        let collection = server.client().call("POST", "/collections/", Some(&json!({}))).id();
        let rows = 300_000;
        database.run(&match database {
            Database::Sqlite(_) => format!(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) \
                 INSERT INTO seed_document (collection_id, uid, blob) SELECT {collection}, 'uid-' || i, '{{}}' FROM n"
            ),
            Database::Postgres(_) => format!(
                "INSERT INTO seed_document (collection_id, uid, blob) \
                 SELECT {collection}, 'uid-' || i, '{{}}' FROM generate_series(1, {rows}) AS i"
            ),
        });
        thread::scope(|scope| {
            let slow: Vec<_> = (0..8).map(|_| scope.spawn(|| listing(&server, "10.0.0.1"))).collect();
            thread::sleep(Duration::from_millis(500));
            for n in 0..4 {
                let (_stream, status) = listing(&server, "10.0.0.2");
                assert_eq!(status, "HTTP/1.1 200", "{} {n}", database.name());
            }
            let slow: Vec<_> = slow.into_iter().map(|one| one.join().unwrap()).collect();
            let served = slow.iter().filter(|(_, status)| status == "HTTP/1.1 200").count();
            assert_eq!(
                served,
                4,
                "{}: {:?}",
                database.name(),
                slow.iter().map(|(_, status)| status).collect::<Vec<_>>()
            );
        });
        server.terminate();
    });
}
