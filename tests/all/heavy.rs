//! What takes long holds up nobody else: one worker thread, one request that keeps it busy, and others that are asked meanwhile.
//!
//! Nothing here compares a time with a clock's: what is light is compared with what is heavy.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bowline::filters::{DjangoFilterBackend, FilterSet, SearchFilter};
use bowline::prelude::*;
use bowline::renderers::{RenderContext, Renderer, Renderers, Unrenderable};
use bowline::response::Data;
use bowline::value;
use support::Database as Db;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

mod note {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "heavy_note")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(column_type = "Text")]
        pub text: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// How long a rule or a renderer keeps its thread: it stands for what computes.
const LONG: Duration = Duration::from_millis(800);

/// Writes whatever it gets, and takes its time.
#[derive(Debug)]
struct Slow;

impl Renderer for Slow {
    fn media_type(&self) -> &str {
        "text/slow"
    }

    fn format(&self) -> &str {
        "slow"
    }

    fn render(&self, data: &Data, _: &RenderContext<'_>, out: &mut Vec<u8>) -> Result<(), Unrenderable> {
        thread::sleep(LONG);
        out.extend_from_slice(&data.to_json()?);
        Ok(())
    }
}

async fn takes(mut request: Request) -> bowline::Result<Response> {
    request.data().await?;
    // a rule that computes
    thread::sleep(LONG);
    Ok(Response::no_content())
}

async fn reads(mut request: Request) -> bowline::Result<Response> {
    request.data().await?;
    Ok(Response::no_content())
}

async fn shows(_: Request) -> Response {
    Response::new(value!({"text": "x".repeat(50_000)}))
}

fn api() -> DefaultRouter {
    let notes = ModelViewSet::<note::Entity>::new()
        .filter_backend(DjangoFilterBackend::new())
        .filter_backend(SearchFilter::new())
        .filterset(FilterSet::new().lookups("text", ["regex", "iregex", "icontains"]))
        .search_fields(["$text"]);
    let slow = Renderers::json().and(Slow);
    DefaultRouter::new()
        .register("notes", notes)
        .path("light/", ApiView::new("Light").get(async |_: Request| Response::new(value!("fine"))))
        .path("takes/", ApiView::new("Takes").post(takes).uploads(true))
        .path("reads/", ApiView::new("Reads").get(reads).post(reads).uploads(true))
        .path("shows/", ApiView::new("Shows").get(shows).renderers(slow))
        .configure(|settings| {
            settings.store.statement_timeout = Duration::from_secs(2);
            settings.store.max_connections = 4;
        })
}

/// A server with one worker thread.
struct Server {
    address: SocketAddr,
    _runtime: Runtime,
}

impl Server {
    fn start(database: &Db, api: DefaultRouter) -> Server {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let url = database.url();
        let address = runtime.block_on(async {
            let app = api.into_axum(&url).await.unwrap();
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            tokio::spawn(async move { axum::serve(listener, app).await });
            address
        });
        Server { address, _runtime: runtime }
    }

    fn ask(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> (u16, String) {
        ask(self.address, method, path, headers, body)
    }

    /// Asks what is heavy, and meanwhile again and again what is light: the longest wait for that, and how long the heavy one took.
    fn beside(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> (Duration, Duration, u16) {
        let done = Arc::new(AtomicBool::new(false));
        let (address, seen) = (self.address, Arc::clone(&done));
        let light = thread::spawn(move || {
            let mut longest = Duration::ZERO;
            while !seen.load(Ordering::SeqCst) {
                let start = Instant::now();
                assert_eq!(ask(address, "GET", "/light/", "", b"").0, 200);
                longest = longest.max(start.elapsed());
            }
            longest
        });
        let start = Instant::now();
        let (status, _) = self.ask(method, path, headers, body);
        let took = start.elapsed();
        done.store(true, Ordering::SeqCst);
        (light.join().unwrap(), took, status)
    }
}

fn ask(address: SocketAddr, method: &str, path: &str, headers: &str, body: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(0);
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default();
    (status, body)
}

fn query(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

#[test]
fn a_heavy_request_holds_up_no_light_one() {
    let database = Db::sqlite();
    let server = Server::start(&database, api());
    let json = format!("[{}1]", "[0,\"abc\"],".repeat(60_000));
    let form = format!("a={}", "%41b+".repeat(300_000));
    let parts = |content: &[u8]| {
        let head =
            b"--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f.png\"\r\nContent-Type: image/png\r\n\r\n";
        [&head[..], content, b"\r\n--x--\r\n"].concat()
    };
    let nameless = "--x\r\nContent-Disposition: form-data; filename=\"f\"\r\n\r\n\r\n".repeat(150_000).into_bytes();
    let base64 = {
        let head =
            "--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\nContent-Transfer-Encoding: base64";
        format!("{head}\r\n\r\n{}\r\n--x--\r\n", "QUJD".repeat(4 << 20)).into_bytes()
    };
    const JSON: &str = "Content-Type: application/json\r\n";
    const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";
    const PARTS: &str = "Content-Type: multipart/form-data; boundary=x\r\n";
    // a class of letters, again and again: what it compiles to reaches the limit of memory
    let pattern = query(&format!("({}){{9}}", "\\w{9}[^\\W\\d]{9}".repeat(8)));
    for (name, method, path, headers, body, status) in [
        ("json", "POST", "/takes/".to_owned(), JSON, json.into_bytes(), 204),
        ("form", "POST", "/takes/".to_owned(), FORM, form.into_bytes(), 204),
        ("small file", "POST", "/takes/".to_owned(), PARTS, parts(b"small"), 204),
        ("large file", "POST", "/takes/".to_owned(), PARTS, parts(&vec![0; 4 << 20]), 204),
        // what computes here is the parser, piece by piece
        ("nameless files", "POST", "/reads/".to_owned(), PARTS, nameless, 204),
        ("base64", "POST", "/reads/".to_owned(), PARTS, base64, 204),
        ("parameters", "GET", format!("/notes/?{}", "a&".repeat(30_000)), "", Vec::new(), 200),
        ("answer", "GET", "/shows/".to_owned(), "Accept: text/slow\r\n", Vec::new(), 200),
        ("filter", "GET", format!("/notes/?text__regex={pattern}"), "", Vec::new(), 400),
        ("search", "GET", format!("/notes/?search={pattern}"), "", Vec::new(), 400),
    ] {
        let (light, heavy, found) = server.beside(method, &path, headers, &body);
        println!("{name}: {light:?} beside {heavy:?}");
        assert_eq!(found, status, "{name}");
        assert!(light < heavy / 2, "{name}: a light request took {light:?} beside one of {heavy:?}");
    }
}

#[test]
fn patterns_of_clients_are_short_and_of_few_steps() {
    Db::each(|database| {
        let server = Server::start(database, api());
        database.run(&format!("INSERT INTO heavy_note (text) VALUES ('{}b'), ('fig')", "a".repeat(3_000)));
        let get = |parameter: &str, pattern: &str| {
            server.ask("GET", &format!("/notes/?{parameter}={}", query(pattern)), "", b"")
        };
        let too_long = |length| format!("Ensure this value has at most 300 characters (it has {length}).");
        for (parameter, at) in [("text__regex", "text__regex"), ("text__iregex", "text__iregex")] {
            let long = get(parameter, &"\\b".repeat(5_000));
            assert_eq!(long, (400, format!("{{\"{at}\":[\"{}\"]}}", too_long(10_000))));
            assert_eq!(get(parameter, &format!("{}|fig", "x".repeat(296))).0, 200);
            assert_eq!(get(parameter, &"x".repeat(301)).0, 400);
        }
        assert_eq!(get("search", &"x".repeat(301)), (400, format!("[\"{}\"]", too_long(301))));
        assert_eq!(get("search", "^f.g$").1.matches("\"id\"").count(), 1);
        // what goes back and forth has an end, which is no failure of ours
        for pattern in
            ["(a+)(a+)(a+)\\3\\2\\1b", "^(?=(a+)+c)(a+)+b$", "(?:(?=a)a|a)*(a|a)*$b", "((a{1,99}){1,99}){1,99}b"]
        {
            let (status, body) = get("text__regex", pattern);
            assert!(matches!(status, 200 | 400 | 503), "{} {pattern}: {status} {body}", database.name());
            // nor when it is one row that is looked for
            let path = format!("/notes/1/?text__regex={}", query(pattern));
            for method in ["GET", "DELETE", "PATCH"] {
                let (status, body) = server.ask(method, &path, "Content-Type: application/json\r\n", b"{}");
                assert!(matches!(status, 200 | 400 | 404 | 503), "{method} {pattern}: {status} {body}");
            }
        }
    });
}

#[test]
fn searches_leave_readers_to_others() {
    Db::each(|database| {
        let server = Server::start(database, api());
        // each of these rows takes its time
        let rows = 60;
        for _ in 0..rows {
            database.run(&format!("INSERT INTO heavy_note (text) VALUES ('{}b')", "a".repeat(10_000)));
        }
        let pattern = if database.name() == "SQLite" { "(?=b)c|(?=d)e" } else { "(a+)(a+)(a+)\\3\\2\\1b" };
        let path = format!("/notes/?text__regex={}", query(pattern));
        let ended = Arc::new(AtomicUsize::new(0));
        let searches: Vec<_> = (0..6)
            .map(|_| {
                let (path, ended, address) = (path.clone(), Arc::clone(&ended), server.address);
                thread::spawn(move || {
                    let (status, body) = ask(address, "GET", &path, "", b"");
                    ended.fetch_add(1, Ordering::SeqCst);
                    assert!(matches!(status, 200 | 503), "{status} {body}");
                })
            })
            .collect();
        thread::sleep(Duration::from_millis(200));
        for _ in 0..3 {
            assert_eq!(server.ask("GET", "/notes/?text__icontains=nothing", "", b""), (200, "[]".to_owned()));
        }
        let before = ended.load(Ordering::SeqCst);
        for search in searches {
            search.join().unwrap();
        }
        assert!(before <= 2, "{}: {before} of 6 searches had ended before three light reads", database.name());
    });
}
