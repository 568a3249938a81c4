//! A write whose answer is lost is no write that was not carried out: the two are told apart, whatever breaks and when.

use axum::body::Body;
use axum::http::Request as HttpRequest;
use bowline::prelude::*;
use http_body_util::BodyExt;
use serde_json::{Value as Json, json};
use tower::ServiceExt;

use crate::support::{self, COMMIT, Cut};

mod parcel {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "post_parcel")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(unique)]
        pub label: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

struct Hooked;

#[bowline::async_trait]
impl<E: bowline::prelude::EntityTrait> ViewSetHooks<E> for Hooked {}

/// The status, what `Retry-After` says, and the body.
type Answer = (u16, Option<String>, Json);

async fn call(app: &axum::Router, method: &str, path: &str, key: Option<&str>, body: &Json) -> Answer {
    let mut request = HttpRequest::builder().method(method).uri(path).header("host", "testserver");
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    let request = request.header("content-type", "application/json").body(Body::from(body.to_string())).unwrap();
    let (parts, body) = app.clone().oneshot(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let wait = parts.headers.get("retry-after").map(|wait| wait.to_str().unwrap().to_owned());
    (parts.status.as_u16(), wait, serde_json::from_slice(&body).unwrap_or(Json::Null))
}

fn api() -> DefaultRouter {
    let parcels = || ModelViewSet::<parcel::Entity>::new();
    DefaultRouter::new()
        .register("parcels", parcels().create_many(Lists::Also).update_many([Action::PartialUpdate]).destroy_many())
        .register("hooked", parcels().basename("hooked").hooks(Hooked))
        .register("keyed", parcels().basename("keyed").idempotency(Idempotency::new()))
}

/// An API over a database, and the line between them.
async fn on_a_line() -> (support::Database, Cut, axum::Router) {
    let database = support::Database::postgres();
    let (cut, url) = Cut::of(&database.url());
    let app = api().into_axum(&url).await.unwrap();
    for label in ["a", "b", "c"] {
        assert_eq!(call(&app, "POST", "/parcels/", None, &json!({"label": label})).await.0, 201);
    }
    (database, cut, app)
}

fn unknown() -> Answer {
    let text = "The outcome of the request is not known: it may have been carried out. Look before sending it again.";
    (503, None, json!({"detail": text}))
}

fn nothing_done() -> Answer {
    (503, Some("1".into()), json!({"detail": "Service temporarily unavailable, try again later."}))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_said_to_be_lost() {
    let (database, cut, app) = on_a_line().await;
    let labels = || database.list("SELECT label FROM post_parcel ORDER BY id").join(" ");
    let mut there = labels();
    // what is on the line when it is cut: a statement that is a transaction by itself, or the end of one
    for (method, path, body, at) in [
        ("POST", "/parcels/", json!({"label": "single-statement"}), b"single-statement".as_slice()),
        ("PATCH", "/parcels/1/", json!({"label": "single-update"}), b"single-update"),
        ("POST", "/hooked/", json!({"label": "with-hook"}), COMMIT),
        ("PATCH", "/hooked/2/", json!({"label": "hooked-update"}), COMMIT),
        ("POST", "/parcels/", json!([{"label": "of-a-list"}]), COMMIT),
        ("PATCH", "/parcels/", json!([{"id": 3, "label": "list-update"}]), COMMIT),
        ("DELETE", "/parcels/", json!([3]), COMMIT),
        ("DELETE", "/hooked/2/", json!(null), COMMIT),
    ] {
        cut.instead_of(at);
        assert_eq!(call(&app, method, path, None, &body).await, unknown(), "{method} {path} {body}");
        assert!(!cut.is_armed(), "{method} {path} {body}: nothing was cut");
        assert_eq!(labels(), there, "{method} {path} {body}");
        cut.after(at);
        assert_eq!(call(&app, method, path, None, &body).await, unknown(), "{method} {path} {body}");
        assert!(!cut.is_armed(), "{method} {path} {body}: nothing was cut");
        assert!(support::within(std::time::Duration::from_secs(5), || labels() != there), "{method} {path} {body}");
        there = labels();
    }
}

/// What nothing can have been kept of is done at once on another session; within a transaction there is none.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_done_may_be_sent_again() {
    let (database, cut, app) = on_a_line().await;
    let labels = || database.list("SELECT label FROM post_parcel ORDER BY id").join(" ");
    let mut there = labels();
    for (method, path, body, at, is_done) in [
        ("PATCH", "/hooked/2/", json!({"label": "x"}), b"BEGIN".as_slice(), true),
        ("POST", "/hooked/", json!({"label": "inside-a-transaction"}), b"inside-a-transaction", false),
        ("GET", "/parcels/1/", json!(null), b"\0", true),
        ("GET", "/parcels/", json!(null), b"\0", true),
    ] {
        for after in [true, false] {
            if after {
                cut.after(at)
            } else {
                cut.instead_of(at)
            };
            let answer = call(&app, method, path, None, &body).await;
            assert!(!cut.is_armed(), "{method} {path} {body}: nothing was cut");
            if is_done {
                // a read whose other session is gone as well is told so
                let is_told = method == "GET" && answer == nothing_done();
                assert!(answer.0 == 200 || is_told, "{method} {path} {body}: {answer:?}");
                there = if method == "GET" { there } else { labels() };
            } else {
                assert_eq!(answer, nothing_done(), "{method} {path} {body}");
            }
            assert_eq!(labels(), there);
        }
    }
}

/// A repeat with the key finds the row's answer, or carries the request out: once in any case.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_tells_what_became_of_the_request() {
    let (database, cut, app) = on_a_line().await;
    let count = || database.list("SELECT count(*) FROM post_parcel");
    cut.after(COMMIT);
    let body = json!({"label": "done"});
    let (status, wait, created) = call(&app, "POST", "/keyed/", Some("k1"), &body).await;
    assert_eq!((status, wait), (201, None), "{created}");
    assert_eq!(call(&app, "POST", "/keyed/", Some("k1"), &body).await, (201, None, created));
    assert_eq!(count(), ["4"]);

    cut.instead_of(COMMIT);
    let body = json!({"label": "not done"});
    assert_eq!(call(&app, "POST", "/keyed/", Some("k2"), &body).await, unknown());
    assert_eq!(count(), ["4"]);
    assert_eq!(call(&app, "POST", "/keyed/", Some("k2"), &body).await.0, 201);
    assert_eq!(count(), ["5"]);
}

/// No test of its own: a server whose disk fails, in place of a write beyond some bytes.
#[test]
fn serve_on_a_disk_that_fails() {
    let Ok(bytes) = std::env::var("DISK_FAILS_AT") else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        // the limit is an error of the write, not the end of the process
        let kind = tokio::signal::unix::SignalKind::from_raw(25);
        let _signals = tokio::signal::unix::signal(kind).unwrap();
        let bytes = bytes.parse().unwrap();
        rlimit::setrlimit(rlimit::Resource::FSIZE, bytes, bytes).unwrap();
        bowline::serve(api()).await.unwrap();
    });
}

/// SQLite cannot say whether a crash would bring back what the disk refused at the commit.
#[test]
fn a_commit_that_the_disk_refuses() {
    let database = support::Database::sqlite();
    let limit = [("DISK_FAILS_AT", "300000")];
    let server = support::Server::start_test("outcomes::serve_on_a_disk_that_fails", &database.url(), &limit);
    let mut client = server.client();
    let mut made = 0;
    let refused = loop {
        let label = format!("{made} {}", "x".repeat(3000));
        let answer = client.call("POST", "/hooked/", Some(&json!({"label": label})));
        if answer.status != 201 {
            break answer;
        }
        made += 1;
        assert!(made < 1000, "the disk took everything");
    };
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(refused.header("retry-after").is_none(), "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.body).contains("outcome"), "{refused:?}");
    assert_eq!(client.call("GET", "/parcels/1/", None).status, 200, "reads go on");
    server.terminate();
    assert_eq!(database.list("SELECT count(*) FROM post_parcel"), [made.to_string()]);
}
