//! tower-http's layers around an API: compression, CORS, compressed bodies, on both databases where rows are read.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::support;

use std::convert::Infallible;
use std::fs;
use std::io::Write;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Request as HttpRequest, Response as HttpResponse, StatusCode, header};
use axum::routing::get;
use bowline::doc::booking;
use bowline::layers::PreflightOnly;
use bowline::prelude::*;
use bowline::renderers::{BrowsableAPIRenderer, CSVRenderer, JSONLinesRenderer, Renderers};
use flate2::Compression;
use flate2::write::{GzDecoder, GzEncoder, ZlibEncoder};
use futures_util::{StreamExt, stream};
use http_body_util::BodyExt;
use support::Database as Db;
use tokio::sync::mpsc;
use tower::{Layer, ServiceExt, service_fn};
use tower_http::compression::CompressionLayer;
use tower_http::cors::CorsLayer;
use tower_http::decompression::{DecompressionLayer, RequestDecompressionLayer};

const ORIGIN: &str = "https://app.example";

/// django-cors-headers' defaults for one origin.
fn cors() -> CorsLayer {
    let methods = [Method::DELETE, Method::GET, Method::OPTIONS, Method::PATCH, Method::POST, Method::PUT];
    CorsLayer::new()
        .allow_origin([ORIGIN.parse().unwrap()])
        .allow_methods(methods)
        .allow_headers([header::ACCEPT, header::AUTHORIZATION, header::CONTENT_TYPE, header::USER_AGENT])
        .allow_credentials(true)
        .max_age(Duration::from_secs(86_400))
        .vary([header::ORIGIN])
}

async fn panics(_: Request) -> Response {
    panic!("a test's own")
}

fn api() -> DefaultRouter {
    let renderers =
        Renderers::json().and(BrowsableAPIRenderer::new()).and(CSVRenderer::new()).and(JSONLinesRenderer::new());
    DefaultRouter::new()
        .register("bookings", ModelViewSet::<booking::Entity>::new().renderers(renderers))
        .path("panics/", ApiView::new("Panics").get(panics))
}

fn layered(api: DefaultRouter) -> DefaultRouter {
    api.wrap(|api| api.layer(RequestDecompressionLayer::new()))
        .wrap(|api| api.layer(CompressionLayer::new()))
        .wrap(|api| api.layer(PreflightOnly::new(cors())))
}

fn request(method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> HttpRequest<Body> {
    let request = HttpRequest::builder().method(method).uri(path).header("host", "testserver");
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).body(body.into()).unwrap()
}

async fn ask(app: &Router, request: HttpRequest<Body>) -> HttpResponse<Body> {
    app.clone().oneshot(request).await.unwrap()
}

async fn whole(response: HttpResponse<Body>) -> Bytes {
    response.into_body().collect().await.unwrap().to_bytes()
}

/// The body as it was before it was compressed, by whatever its header says.
async fn decoded(response: HttpResponse<Body>) -> Bytes {
    let response = std::sync::Mutex::new(Some(response));
    let server = service_fn(|_: HttpRequest<Body>| {
        let response = response.lock().unwrap().take().unwrap();
        async move { Ok::<_, Infallible>(response) }
    });
    let client = DecompressionLayer::new().layer(server);
    let response = client.oneshot(HttpRequest::new(Body::empty())).await.unwrap();
    assert!(!response.headers().contains_key(header::CONTENT_ENCODING));
    response.into_body().collect().await.unwrap().to_bytes()
}

/// What answers vary by, in the order of the names.
fn vary(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(header::VARY).iter().map(|value| value.to_str().unwrap());
    let mut names: Vec<String> = values.flat_map(|value| value.split(',')).map(|n| n.trim().to_lowercase()).collect();
    names.sort();
    names
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap())
}

/// Inserts rows behind the application's back.
fn bookings(database: &Db, rows: u32) {
    let note = "a note that many rows have";
    database.run(&match database {
        Db::Sqlite(_) => format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) \
             INSERT INTO booking (room_id, start, \"end\", note) SELECT i, i, i + 1, '{note}' FROM n"
        ),
        Db::Postgres(_) => format!(
            "INSERT INTO booking (room_id, start, \"end\", note) SELECT i, i, i + 1, '{note}' \
             FROM generate_series(1, {rows}) AS n(i)"
        ),
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_compressed_as_the_client_takes_them() {
    for database in [Db::sqlite(), Db::postgres()] {
        let app = layered(api()).into_axum(&database.url()).await.unwrap();
        // too short to be worth it
        let short = ask(&app, request("GET", "/bookings/", &[("accept-encoding", "gzip")], "")).await;
        assert!(!short.headers().contains_key("content-encoding"));
        // the second is a list that flows
        for rows in [20, 2_000] {
            bookings(&database, rows);
            database.run("UPDATE booking SET room_id = room_id + 10000");
            for path in ["/bookings/", "/bookings.csv", "/bookings.jsonl"] {
                let plain = ask(&app, request("GET", path, &[], "")).await;
                assert!(!plain.headers().contains_key("content-encoding"));
                let plain = whole(plain).await;
                for coding in ["gzip", "deflate", "br"] {
                    let answer = ask(&app, request("GET", path, &[("accept-encoding", coding)], "")).await;
                    assert_eq!(text(answer.headers(), "content-encoding"), Some(coding), "{path}");
                    assert_eq!(vary(answer.headers()), ["accept", "accept-encoding", "origin"]);
                    assert!(!answer.headers().contains_key("content-length"));
                    assert_eq!(text(answer.headers(), "allow"), Some("GET, POST, HEAD, OPTIONS"));
                    let (parts, body) = answer.into_parts();
                    let sent = body.collect().await.unwrap().to_bytes();
                    assert!(sent.len() * 3 < plain.len(), "{path} {coding}: {} of {}", sent.len(), plain.len());
                    let answer = HttpResponse::from_parts(parts, Body::from(sent));
                    assert_eq!(decoded(answer).await, plain, "{path} {coding}");
                }
            }
        }
        let error = ask(&app, request("GET", "/bookings/999999/", &[("accept-encoding", "gzip")], "")).await;
        assert_eq!((error.status(), text(error.headers(), "content-encoding")), (StatusCode::NOT_FOUND, Some("gzip")));
        let body = String::from_utf8(decoded(error).await.to_vec()).unwrap();
        assert_eq!(body, "{\"detail\":\"No Booking matches the given query.\"}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_ready_is_sent_although_more_is_to_come() {
    let (send, receive) = mpsc::channel::<Bytes>(1);
    let receive = std::sync::Arc::new(tokio::sync::Mutex::new(Some(receive)));
    let ticker = move |_: Request| {
        let receive = receive.clone();
        async move {
            let receive = receive.lock().await.take().unwrap();
            let chunks = stream::unfold(receive, |mut receive| async {
                receive.recv().await.map(|bytes| (Ok::<_, Infallible>(bytes), receive))
            })
            .fuse();
            HttpResponse::builder().header("content-type", "text/plain").body(Body::from_stream(chunks)).unwrap()
        }
    };
    let database = Db::sqlite();
    let router = layered(DefaultRouter::new().path("ticker/", ApiView::new("Ticker").get(ticker)));
    let app = router.into_axum(&database.url()).await.unwrap();
    let answer = ask(&app, request("GET", "/ticker/", &[("accept-encoding", "gzip")], "")).await;
    assert_eq!(text(answer.headers(), "content-encoding"), Some("gzip"));
    let mut body = answer.into_body();
    let mut decoder = GzDecoder::new(Vec::new());
    for word in ["first", "second", "third"] {
        send.send(word.into()).await.unwrap();
        let shown = async {
            while !decoder.get_ref().ends_with(word.as_bytes()) {
                let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
                decoder.write_all(&frame).unwrap();
                decoder.flush().unwrap();
            }
        };
        tokio::time::timeout(Duration::from_secs(30), shown).await.expect("it waits for more");
    }
    drop(send);
    while let Some(frame) = body.frame().await {
        decoder.write_all(&frame.unwrap().into_data().unwrap()).unwrap();
    }
    assert_eq!(decoder.finish().unwrap(), b"firstsecondthird");
}

#[tokio::test(flavor = "multi_thread")]
async fn preflights_are_answered_by_the_layer_and_other_options_by_the_view() {
    let database = Db::sqlite();
    let app = layered(api()).into_axum(&database.url()).await.unwrap();
    for path in ["/bookings/", "/bookings/1/", "/nothing/"] {
        let headers = [("origin", ORIGIN), ("access-control-request-method", "PATCH")];
        let answer = ask(&app, request("OPTIONS", path, &headers, "")).await;
        assert_eq!(answer.status(), 200);
        let headers = answer.headers();
        assert_eq!(text(headers, "access-control-allow-origin"), Some(ORIGIN));
        assert_eq!(text(headers, "access-control-allow-methods"), Some("DELETE,GET,OPTIONS,PATCH,POST,PUT"));
        assert_eq!(text(headers, "access-control-allow-credentials"), Some("true"));
        assert_eq!(text(headers, "access-control-max-age"), Some("86400"));
        assert_eq!(text(headers, "allow"), None);
        assert!(whole(answer).await.is_empty());
    }
    let answer = ask(&app, request("OPTIONS", "/bookings/", &[("origin", ORIGIN)], "")).await;
    assert_eq!(text(answer.headers(), "access-control-allow-origin"), Some(ORIGIN));
    assert_eq!(text(answer.headers(), "allow"), Some("GET, POST, HEAD, OPTIONS"));
    let described: serde_json::Value = serde_json::from_slice(&whole(answer).await).unwrap();
    assert_eq!(described["name"], "Booking List");
    assert!(described["actions"]["POST"]["start"].is_object());
    // another site
    let headers = [("origin", "https://evil.example"), ("access-control-request-method", "PATCH")];
    let answer = ask(&app, request("OPTIONS", "/bookings/", &headers, "")).await;
    assert_eq!(text(answer.headers(), "access-control-allow-origin"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_may_be_read_by_the_other_site_too() {
    let database = Db::sqlite();
    let router = layered(api()).configure(|settings| settings.body.bytes = 1000);
    let app = router.into_axum(&database.url()).await.unwrap();
    let json = ("content-type", "application/json");
    let long = format!("{{\"note\": \"{}\"}}", "x".repeat(2000));
    for (method, path, more, body, status) in [
        ("GET", "/bookings/9/", json, "", 404),
        ("GET", "/nothing/", json, "", 404),
        ("GET", "/nothing/", ("accept", "application/json"), "", 404),
        ("GET", "/bookings", json, "", 301),
        ("GET", "/bookings/", ("accept", "image/png"), "", 406),
        ("DELETE", "/bookings/", json, "", 405),
        ("POST", "/bookings/", json, "{", 400),
        ("POST", "/bookings/", json, long.as_str(), 413),
        ("POST", "/bookings/", ("content-type", "text/x"), "x", 415),
        ("POST", "/bookings/", ("content-encoding", "lzma"), "x", 415),
        ("GET", "/panics/", json, "", 500),
    ] {
        let answer = ask(&app, request(method, path, &[("origin", ORIGIN), more], body.to_owned())).await;
        assert_eq!(answer.status(), status, "{method} {path}");
        assert_eq!(text(answer.headers(), "access-control-allow-origin"), Some(ORIGIN), "{method} {path}");
        assert!(vary(answer.headers()).contains(&"origin".to_owned()), "{method} {path}");
        let answer =
            ask(&app, request(method, path, &[("origin", "https://evil.example"), more], body.to_owned())).await;
        assert_eq!(text(answer.headers(), "access-control-allow-origin"), None, "{method} {path}");
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn compressed_bodies_are_judged_by_what_they_become() {
    for database in [Db::sqlite(), Db::postgres()] {
        let app = layered(api()).into_axum(&database.url()).await.unwrap();
        let post = async |coding: &str, body: Vec<u8>| {
            let headers = [("content-type", "application/json"), ("content-encoding", coding)];
            // with the length of what is sent, as clients do
            let mut request = request("POST", "/bookings/", &headers, body.clone());
            request.headers_mut().insert("content-length", body.len().into());
            let answer = ask(&app, request).await;
            (answer.status().as_u16(), String::from_utf8(whole(answer).await.to_vec()).unwrap())
        };
        let body = |start: u32| {
            format!("{{\"room_id\": 1, \"start\": {start}, \"end\": 9, \"note\": \"{}\"}}", "n".repeat(3000))
        };
        let (status, created) = post("gzip", gzip(body(1).as_bytes())).await;
        assert_eq!(status, 201, "{created}");
        assert_eq!(post("deflate", zlib(body(2).as_bytes())).await.0, 201);
        assert_eq!(post("identity", body(3).into_bytes()).await.0, 201);
        // a body that is not what it says
        assert_eq!(post("gzip", body(4).into_bytes()).await.0, 400);
        let mut cut = gzip(body(5).as_bytes());
        cut.truncate(cut.len() / 2);
        assert_eq!(post("gzip", cut).await.0, 400);
        // bombs: far below the limit as they are sent, far beyond it as they are read
        let spaces = vec![b' '; 8 << 20];
        // a file of gzip may go on behind its end: half a gigabyte in all
        let half_a_gigabyte = gzip(&spaces).repeat(64);
        let before = peak();
        for (coding, bomb) in [("gzip", half_a_gigabyte), ("deflate", zlib(&spaces))] {
            assert!(bomb.len() < 5 << 19, "{}", bomb.len());
            let (status, answer) = post(coding, bomb).await;
            assert_eq!(status, 413, "{answer}");
        }
        // other tests run at the same time
        let grown = peak() - before;
        assert!(grown < 128 << 10, "{grown} KiB");
        assert_eq!(ask(&app, request("GET", "/bookings/4/", &[], "")).await.status(), 404);
    }
}

/// The most memory that this process has had, in KiB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn long_lists_are_compressed_in_constant_memory() {
    const ROWS: u32 = 200_000;
    for database in [Db::sqlite(), Db::postgres()] {
        let app = layered(api()).into_axum(&database.url()).await.unwrap();
        bookings(&database, ROWS);
        let before = peak();
        let mut body = ask(&app, request("GET", "/bookings/", &[("accept-encoding", "gzip")], "")).await.into_body();
        // no sink that grows
        let mut decoder = GzDecoder::new(Counted::default());
        while let Some(frame) = body.frame().await {
            decoder.write_all(&frame.unwrap().into_data().unwrap()).unwrap();
        }
        let counted = decoder.finish().unwrap();
        let grown = peak() - before;
        eprintln!("{}: {} bytes, {grown} KiB more at most", database.name(), counted.bytes);
        assert_eq!(counted.rows, ROWS as usize);
        assert!(grown < 64 << 10, "{}: {grown} KiB", database.name());
    }
}

/// Counts objects.
#[derive(Default)]
struct Counted {
    bytes: usize,
    rows: usize,
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.bytes += bytes.len();
        self.rows += bytes.iter().filter(|byte| **byte == b'{').count();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The server that bowline runs itself, with layers and another route.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_has_the_layers_too() {
    for database in [Db::sqlite(), Db::postgres()] {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let router = layered(api()).wrap(|api| Router::new().nest("/api", api).route("/health", get(async || "fine")));
        let server = {
            let (url, bind) = (database.url(), free.to_string());
            tokio::spawn(async move { bowline::serve_at(router, &url, &bind).await })
        };
        let asked = tokio::task::spawn_blocking(move || {
            let mut client = support::Client::new(free);
            assert!(support::within(Duration::from_secs(60), || client.send("GET", "/health", None).is_ok()));
            assert_eq!(client.call("GET", "/health", None).body, b"fine");
            let created =
                client.call("POST", "/api/bookings/", Some(&serde_json::json!({"room_id": 1, "start": 1, "end": 2})));
            assert_eq!(created.status, 201);
            client
                .write(b"GET /api/bookings/ HTTP/1.1\r\nHost: testserver\r\nAccept-Encoding: br, gzip\r\nOrigin: https://app.example\r\n\r\n")
                .unwrap();
            client.read("GET").unwrap()
        });
        let answer = asked.await.unwrap();
        assert_eq!(answer.header("content-encoding"), Some("br"));
        assert_eq!(answer.header("access-control-allow-origin"), Some(ORIGIN));
        server.abort();
    }
}

#[tokio::test]
async fn only_the_outermost_router_has_layers() {
    let database = Db::sqlite();
    let router = DefaultRouter::new().include("inner/", layered(api()));
    let error = router.into_axum(&database.url()).await.unwrap_err();
    assert_eq!(error.to_string(), "The router at \"inner/\" has layers; only the outermost one may have any.");
}

/// Every way to ask for one state and to write on condition of it, through compression.
#[tokio::test(flavor = "multi_thread")]
async fn clients_of_compressed_answers_write_on_condition() {
    for database in [Db::sqlite(), Db::postgres()] {
        let note = "a note that is long enough to be compressed, ".repeat(4);
        let bookings = ModelViewSet::<booking::Entity>::new()
            .etags(ETags::new())
            .renderers(Renderers::json().and(CSVRenderer::new()));
        let api = DefaultRouter::new().register("bookings", bookings);
        let app = layered(api).into_axum(&database.url()).await.unwrap();
        let ask = async |method: &str, headers: &[(&str, &str)], body: String| {
            let path = if method == "POST" { "/bookings/" } else { "/bookings/1/" };
            let mut request = HttpRequest::builder().method(method).uri(path).header("host", "testserver");
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let request = request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body)).unwrap();
            let response = app.clone().oneshot(request).await.unwrap();
            let header = |name| response.headers().get(name).map(|v| v.to_str().unwrap().to_owned());
            let varies = response.headers().get_all(header::VARY).iter().any(|v| v.as_bytes() == b"accept-encoding");
            let (tag, coding) = (header(header::ETAG), header(header::CONTENT_ENCODING));
            (response.status().as_u16(), tag.unwrap_or_default(), coding, varies)
        };
        let get = async |headers: &[(&str, &str)]| ask("GET", headers, String::new()).await;
        let patch = async |tag: &str, end: u32| {
            let headers = [("if-match", tag), ("accept-encoding", "gzip")];
            ask("PATCH", &headers, format!("{{\"end\": {end}}}")).await
        };
        let (status, ..) =
            ask("POST", &[], format!("{{\"room_id\": 1, \"start\": 1, \"end\": 2, \"note\": \"{note}\"}}")).await;
        assert_eq!(status, 201);
        let (_, plain, none, varies) = get(&[]).await;
        assert!(none.is_none() && varies && plain.starts_with('"') && !plain.contains("--"), "{plain}");
        let mut tags = vec![plain.clone()];
        for coding in ["gzip", "br", "deflate"] {
            let (status, tag, found, varies) = get(&[("accept-encoding", coding)]).await;
            assert_eq!((status, found.as_deref(), varies), (200, Some(coding), true));
            assert_eq!(tag, format!("{}--{coding}\"", plain.trim_end_matches('"')), "strong, and another one");
            let again = get(&[("accept-encoding", coding), ("if-none-match", &tag)]).await;
            assert_eq!(again, (304, tag.clone(), None, true), "{coding}");
            // a weak comparison, and a list
            let list = format!("\"x\", W/{tag}");
            assert_eq!(get(&[("accept-encoding", coding), ("if-none-match", &list)]).await.0, 304);
            // who does not take the coding any more does not have the answer
            assert_eq!(get(&[("if-none-match", &tag)]).await.0, 200, "{coding}");
            assert_eq!(get(&[("if-match", &tag)]).await.0, 200, "{coding}");
            assert_eq!(get(&[("if-match", "\"x--gzip\"")]).await.0, 412);
            tags.push(tag);
        }
        // a 304 varies as the answer with the body does, whichever of the tags was named
        for headers in
            [&[("if-none-match", plain.as_str())][..], &[("accept-encoding", "gzip"), ("if-none-match", &plain)]]
        {
            assert_eq!(get(headers).await, (304, plain.clone(), None, true), "{headers:?}");
        }
        for (n, tag) in tags.iter().enumerate() {
            // of a state that is gone, or weak: nothing is written
            let end = 10 + n as u32;
            assert_eq!(patch("\"another--gzip\"", end).await.0, 412);
            assert_eq!(patch(&format!("W/{tag}"), end).await.0, 412);
            let (status, written, coding, _) = patch(tag, end).await;
            assert_eq!((status, coding.as_deref()), (200, Some("gzip")), "{tag}");
            assert_eq!(patch(tag, end + 50).await.0, 412, "{tag}");
            // what a write answers is what a GET answers
            assert_eq!(get(&[("accept-encoding", "gzip")]).await.1, written);
            let (status, back, ..) = patch(&written, 2).await;
            assert_eq!(status, 200);
            assert_eq!(back, format!("{}--gzip\"", plain.trim_end_matches('"')), "the state of the beginning");
        }
        assert_eq!(ask("PUT", &[("if-none-match", &tags[1])], "{}".into()).await.0, 412);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_that_a_proxy_made_weak_count_where_the_program_says_so() {
    for (etags, status) in [(ETags::new().weakened_by_proxy(), 200), (ETags::new(), 412)] {
        let database = Db::sqlite();
        let api = DefaultRouter::new().register("bookings", ModelViewSet::<booking::Entity>::new().etags(etags));
        let client = bowline::testing::Client::over(&database.url(), api).await.unwrap();
        client.post("/bookings/", bowline::value!({"room_id": 1, "start": 1, "end": 2})).await.unwrap();
        let tag = format!("W/{}", client.get("/bookings/1/").await.unwrap().header("etag").unwrap());
        let asked = |method: &str, tag: &str| {
            let request = HttpRequest::builder().method(method).uri("/bookings/1/").header("if-match", tag);
            client.request(request.header("content-type", "application/json").body(Body::from("{\"end\": 3}")).unwrap())
        };
        assert_eq!(asked("GET", &tag).await.unwrap().status, status);
        assert_eq!(asked("PATCH", "W/\"another\"").await.unwrap().status, 412);
        assert_eq!(asked("PATCH", &tag).await.unwrap().status, status);
        assert_eq!(asked("PATCH", &tag).await.unwrap().status, 412);
    }
}
