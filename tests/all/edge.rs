//! What clients may send over a real connection, and what comes of it at the edge: hosts, repeated headers, bodies that nobody
//! reads.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use axum::body::Body;
use bowline::layers::SecurityLayer;
use bowline::prelude::*;
use bowline::settings::SecurityHeaders;
use serde_json::json;
use tower::ServiceExt;

use crate::support::{Client, Database, Response as Answer, Server, within};

/// Sends the head of a request without a body, and reads its answer.
fn ask(client: &mut Client, method: &str, path: &str, headers: &str) -> Answer {
    client.write(format!("{method} {path} HTTP/1.1\r\n{headers}\r\n").as_bytes()).unwrap();
    client.read(method).unwrap_or_else(|error| panic!("{method} {path} {headers:?}: {error}"))
}

#[test]
fn a_host_that_nobody_named_is_refused() {
    let database = Database::sqlite();
    let server = Server::start(&database.url(), &[]);
    let get = |host: &str| ask(&mut server.client(), "GET", "/", &format!("Host: {host}\r\n"));
    for host in
        ["evil.example", "testserver.evil.example", "127.0.0.1.evil.example", "0.0.0.0", "[::2]", "localhost@evil"]
    {
        let answer = get(host);
        assert_eq!(answer.status, 400, "{host}");
        assert!(!String::from_utf8(answer.body).unwrap().contains("evil"), "{host}");
    }
    for host in ["localhost", "localhost:8000", "app.localhost", "127.0.0.1:1", "[::1]:80", "testserver", "LOCALHOST."]
    {
        assert_eq!(get(host).status, 200, "{host}");
    }
    // in whichever way it is named
    let mut client = server.client();
    client.write(b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n").unwrap();
    assert_eq!(client.read("GET").unwrap().status, 400);
    let mut client = server.client();
    client.write(b"GET http://evil.example/ HTTP/1.1\r\nHost: testserver\r\n\r\n").unwrap();
    assert_eq!(client.read("GET").unwrap().status, 400);
    let mut client = server.client();
    client.write(b"GET http://testserver/ HTTP/1.1\r\nHost: testserver\r\n\r\n").unwrap();
    assert_eq!(client.read("GET").unwrap().status, 200);
    // a client that asks for JSON gets it
    let answer = ask(&mut server.client(), "GET", "/", "Host: evil.example\r\nAccept: application/json\r\n");
    assert_eq!((answer.status, answer.json()), (400, json!({"detail": "Invalid Host header."})));
    assert!(server.log().contains("ALLOWED_HOSTS="), "the start says which hosts: {}", server.log());
    let logged = within(Duration::from_secs(20), || server.log().contains("evil.example"));
    assert!(logged, "{}", server.log());
    server.terminate();
}

#[test]
fn hosts_are_named_by_the_environment() {
    let database = Database::sqlite();
    let server = Server::start(&database.url(), &[("ALLOWED_HOSTS", "api.example.org, .example.com,[2001:db8::1]")]);
    let get = |host: &str| ask(&mut server.client(), "GET", "/", &format!("Host: {host}\r\n")).status;
    for host in ["api.example.org:8443", "API.EXAMPLE.ORG", "example.com", "v1.example.com", "[2001:DB8::1]:80"] {
        assert_eq!(get(host), 200, "{host}");
    }
    for host in ["example.org", "badexample.com", "localhost", "127.0.0.1", "testserver"] {
        assert_eq!(get(host), 400, "{host}");
    }
    assert!(!server.log().contains("ALLOWED_HOSTS="), "{}", server.log());
    server.terminate();
    let any = Server::start(&database.url(), &[("ALLOWED_HOSTS", "*")]);
    assert_eq!(ask(&mut any.client(), "GET", "/", "Host: evil.example\r\n").status, 200);
    any.terminate();
    for (hosts, name) in [("https://a.example", "https://a.example"), ("a.example:80", "a.example:80"), ("a b", "a b")]
    {
        let ended = Server::try_start(&database.url(), &[("ALLOWED_HOSTS", hosts)]).err().unwrap();
        assert!(ended.log.contains(&format!("\"{name}\" in allowed_hosts is no host")), "{}", ended.log);
    }
}

#[test]
fn a_header_that_may_come_once_comes_once() {
    let database = Database::sqlite();
    let server = Server::start(&database.url(), &[]);
    let mut client = server.client();
    let mut get = |headers: &str| ask(&mut client, "GET", "/collections/", &format!("Host: testserver\r\n{headers}"));
    for name in [
        "Host",
        "Authorization",
        "Content-Type",
        "Origin",
        "Referer",
        "X-CSRFToken",
        "Cookie",
        "X-Forwarded-Proto",
        "X-Forwarded-Host",
        "X-Forwarded-Port",
        "Idempotency-Key",
        "X-Api-Key",
        "Range",
        "If-Modified-Since",
        "If-Unmodified-Since",
        "User-Agent",
        "X-HTTP-Method-Override",
        "From",
        "Content-Disposition",
    ] {
        // the same twice is twice, whatever a first or a last reader makes of it
        for second in ["testserver", "other"] {
            let own = if name == "Host" { "" } else { "X: testserver\r\n" }.replace('X', name);
            let answer = get(&format!("{own}{name}: {second}\r\n"));
            assert_eq!(answer.status, 400, "{name}");
            let detail = answer.json()["detail"].as_str().unwrap().to_owned();
            assert_eq!(detail, format!("The header {} came more than once.", name.to_lowercase()));
        }
    }
    for name in [
        "Accept",
        "Accept-Encoding",
        "Accept-Language",
        "If-Match",
        "If-None-Match",
        "Cache-Control",
        "Via",
        "X-Forwarded-For",
    ] {
        assert_eq!(
            get(&format!("{name}: a\r\n{name}: b\r\n")).status,
            if name == "Accept" { 406 } else { 200 },
            "{name}"
        );
    }
    // a body within a body: a proxy may find another end of it
    for (codings, fine) in [
        ("chunked", true),
        ("CHUNKED ", true),
        ("gzip, chunked", false),
        ("chunked, chunked", false),
        ("chunked\r\nTransfer-Encoding: chunked", false),
        ("gzip\r\nTransfer-Encoding: chunked", false),
    ] {
        let mut client = server.client();
        let head =
            "POST /collections/ HTTP/1.1\r\nHost: testserver\r\nContent-Type: application/json\r\nTransfer-Encoding: ";
        client.write(format!("{head}{codings}\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n").as_bytes()).unwrap();
        let answer = client.read("POST").unwrap();
        assert_eq!(answer.status, if fine { 201 } else { 400 }, "{codings}");
        if !fine {
            let detail = "A body may be sent in chunks, and in no other Transfer-Encoding.";
            assert_eq!(answer.json(), json!({"detail": detail}), "{codings}");
        }
    }
    // what hyper judges itself
    for headers in ["Content-Length: 2\r\nContent-Length: 3\r\n", "Content-Length: 2, 3\r\n"] {
        assert_eq!(
            ask(&mut server.client(), "POST", "/collections/", &format!("Host: testserver\r\n{headers}")).status,
            400
        );
    }
    server.terminate();
}

#[test]
fn a_request_has_a_host() {
    let database = Database::sqlite();
    let server = Server::start(&database.url(), &[]);
    let answer = ask(&mut server.client(), "GET", "/", "");
    assert_eq!((answer.status, answer.json()), (400, json!({"detail": "The header Host is missing."})));
    assert_eq!(ask(&mut server.client(), "GET", "/", "Host:\r\n").status, 400);
    // HTTP/1.0 knows none
    let mut client = server.client();
    client.write(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    assert!(said.starts_with("HTTP/1.0 200"), "{said}");
    server.terminate();
    // what names no host is for the server's own name, which is one of those that are allowed or is not
    let server = Server::start(&database.url(), &[("ALLOWED_HOSTS", "api.example.org")]);
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    assert!(said.starts_with("HTTP/1.0 400"), "{said}");
    server.terminate();
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_have_security_headers_whoever_runs_the_router() {
    let api = DefaultRouter::new().wrap(|api| api.layer(SecurityLayer::new(&SecurityHeaders::default())));
    let app = api.into_axum(&Database::sqlite().url()).await.unwrap();
    for (name, values, status) in
        [("host", &["testserver"][..], 404), ("host", &["evil.example"], 400), ("x-key", &["a", "b"], 400)]
    {
        let request = axum::http::Request::get("/");
        let request = values.iter().fold(request, |request, value| request.header(name, *value));
        let response = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), status, "{name}");
        let found = ["x-content-type-options", "referrer-policy", "cross-origin-opener-policy", "x-frame-options"];
        for header in found {
            assert_eq!(response.headers().get_all(header).iter().count(), 1, "{name} {values:?}: {header}");
        }
    }
}

#[test]
fn answers_have_django_s_security_headers() {
    let database = Database::sqlite();
    let server = Server::start(&database.url(), &[]);
    let wanted = [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("x-frame-options", "DENY"),
    ];
    for (path, host, status) in [
        ("/collections/", "testserver", 200),
        ("/collections", "testserver", 301),
        ("/nowhere/", "testserver", 404),
        ("/collections/?format=api", "testserver", 200),
        ("/", "evil.example", 400),
    ] {
        let answer = ask(&mut server.client(), "GET", path, &format!("Host: {host}\r\n"));
        assert_eq!(answer.status, status, "{path}");
        for (name, value) in wanted {
            let values: Vec<_> = answer.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).collect();
            assert_eq!(values.len(), 1, "{path} {name}");
            assert_eq!(values[0].1, value, "{path}");
        }
        assert_eq!(answer.header("strict-transport-security"), None);
    }
    server.terminate();
}

/// Sends all of a request as clients do that read no answer before they are done: the answer, if it came whole.
fn sends_all(address: SocketAddr, head: &str, body: &[u8]) -> Result<String, String> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(head.as_bytes()).map_err(|error| format!("the head: {error}"))?;
    for part in body.chunks(64 << 10) {
        stream.write_all(part).map_err(|error| format!("the body: {error}"))?;
    }
    let mut reader = BufReader::new(stream);
    let mut answer = String::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).map_err(|error| format!("the answer: {error}"))?;
        if line.trim().is_empty() {
            break;
        }
        answer.push_str(&line);
    }
    Ok(answer)
}

#[test]
fn a_refusal_reaches_who_is_still_sending() {
    let database = Database::sqlite();
    let server = Server::start(&database.url(), &[]);
    let body = vec![b' '; 5 << 20];
    let chunked = [format!("{:x}\r\n", body.len()).as_bytes(), &body, b"\r\n0\r\n\r\n"].concat();
    let length = format!("Content-Length: {}\r\n", body.len());
    let json = "Host: testserver\r\nContent-Type: application/json\r\n";
    for (status, headers) in [
        (401, format!("{json}Authorization: Token nonsense\r\n")),
        (413, json.to_owned()),
        (415, "Host: testserver\r\nContent-Type: text/plain\r\n".to_owned()),
        (400, "Host: evil.example\r\n".to_owned()),
        (400, format!("{json}Authorization: a\r\nAuthorization: b\r\n")),
    ] {
        for n in 0..10 {
            let (length, body) =
                if n % 2 == 0 { (length.as_str(), &body) } else { ("Transfer-Encoding: chunked\r\n", &chunked) };
            let head = format!("POST /documents/ HTTP/1.1\r\n{headers}{length}\r\n");
            let answer = sends_all(server.address(), &head, body).unwrap_or_else(|error| panic!("{status}: {error}"));
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
        }
        for (path, method, status) in
            [("/nowhere/", "POST", 404), ("/documents/", "PUT", 405), ("/documents", "POST", 301)]
        {
            let head = format!("{method} {path} HTTP/1.1\r\n{json}{length}\r\n");
            let answer = sends_all(server.address(), &head, &body).unwrap_or_else(|error| panic!("{path}: {error}"));
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
        }
    }
    // longer than anybody reads for nothing: at least the answer comes to who looks for it
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let head =
        format!("POST /documents/ HTTP/1.1\r\n{json}Authorization: Token x\r\nContent-Length: {}\r\n\r\n", 1_u64 << 40);
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    BufReader::new(&stream).read_line(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    server.terminate();
}

#[test]
fn a_connection_that_stays_is_in_step() {
    let database = Database::sqlite();
    let server = Server::start(&database.url(), &[]);
    let mut client = server.client();
    for n in 0..60_usize {
        // more than what is read for nothing now and then, and what is not
        let length = [10, 70_000, 300_000, 3_000_000, 9 << 20][n % 5];
        let body = vec![b'x'; length];
        let head = format!(
            "POST /documents/ HTTP/1.1\r\nHost: testserver\r\nContent-Type: application/json\r\nAuthorization: Token \
             nonsense\r\nContent-Length: {length}\r\n\r\n"
        );
        client.write(head.as_bytes()).unwrap();
        client.write(&body).unwrap_or_else(|error| panic!("{n}: {error}"));
        let answer = client.read("POST").unwrap_or_else(|error| panic!("{n}: {error}"));
        assert_eq!(answer.status, 401, "{n}");
        assert_eq!(answer.header("connection") == Some("close"), length > 8 << 20, "{n}");
        // on the same connection, unless the answer said otherwise
        assert_eq!(client.call("GET", "/collections/", None).status, 200, "{n}");
    }
    server.terminate();
}

#[test]
fn who_waits_to_be_asked_is_not_asked_for_what_is_refused() {
    let database = Database::sqlite();
    let server = Server::start(&database.url(), &[]);
    let json = "Host: testserver\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n";
    for (status, headers) in [
        (401, format!("{json}Authorization: Token nonsense\r\nContent-Length: 20\r\n")),
        (413, format!("{json}Content-Length: 99000000\r\n")),
        (400, "Host: evil.example\r\nExpect: 100-continue\r\nContent-Length: 20\r\n".to_owned()),
    ] {
        let mut client = server.client();
        client.write(format!("POST /documents/ HTTP/1.1\r\n{headers}\r\n").as_bytes()).unwrap();
        let answer = client.read("POST").unwrap();
        assert_eq!(answer.status, status, "{headers}");
        // the body may come or not: nobody can tell
        assert_eq!(answer.header("connection"), Some("close"), "{headers}");
    }
    // and who is wanted is asked
    let mut client = server.client();
    client.write(format!("POST /collections/ HTTP/1.1\r\n{json}Content-Length: 2\r\n\r\n").as_bytes()).unwrap();
    assert_eq!(client.read("POST").unwrap().status, 100);
    client.write(b"{}").unwrap();
    assert_eq!(client.read("POST").unwrap().status, 201);
    server.terminate();
}
