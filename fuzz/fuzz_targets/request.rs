//! Any method, path, query and body against a resource on SQLite: no 5xx, no panic, and the list stays readable.
//!
//! `RUSTC_BOOTSTRAP=1 cargo fuzz run request` (cargo-fuzz; the variable stands in for a nightly toolchain).
#![no_main]

use std::sync::LazyLock;

use arbitrary::Arbitrary;
use axum::body::Body;
use axum::http::Request;
use bowline::doc::booking;
use bowline::prelude::*;
use http_body_util::BodyExt;
use libfuzzer_sys::fuzz_target;
use tower::ServiceExt;

#[derive(Debug, Arbitrary)]
struct Input {
    method: u8,
    key: Option<String>,
    query: String,
    note: Vec<u8>,
    raw: bool,
}

struct Api {
    runtime: tokio::runtime::Runtime,
    router: axum::Router,
    _folder: tempfile::TempDir,
}

static API: LazyLock<Api> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let path = folder.path().join("db.sqlite3");
    let api = DefaultRouter::new().register("bookings", ModelViewSet::<booking::Entity>::new());
    let router = runtime.block_on(api.into_axum(path.to_str().unwrap())).unwrap();
    Api { runtime, router, _folder: folder }
});

fn call(method: &str, uri: &str, body: Vec<u8>) -> Option<u16> {
    let request = Request::builder().method(method).uri(uri).header("content-type", "application/json");
    let request = request.body(Body::from(body)).ok()?;
    API.runtime.block_on(async {
        let response = API.router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        response.into_body().collect().await.unwrap();
        Some(status)
    })
}

fuzz_target!(|input: Input| {
    let method = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"][usize::from(input.method) % 6];
    let path = match &input.key {
        Some(key) => format!("/bookings/{key}/?{}", input.query),
        None => format!("/bookings/?{}", input.query),
    };
    let body = match input.raw {
        true => input.note,
        false => {
            let mut body = br#"{"room_id":1,"start":1,"end":2,"note":"#.to_vec();
            body.extend(input.note);
            body.push(b'}');
            body
        }
    };
    let status = call(method, &path, body);
    assert!(status.is_none_or(|s| s < 500), "{method} {path}: {status:?}");
    assert_eq!(call("GET", "/bookings/", Vec::new()), Some(200));
});
