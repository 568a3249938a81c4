//! What serializers answer where rows, relations, columns and defaults meet, as a client sees it, on both databases.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(dead_code, unreachable_pub, reason = "what entities generate")]

use crate::support;

mod columns;
mod lists;
mod models;
mod nested;
mod relations;
mod starts;

use axum::body::Body;
use axum::http::Request;
use bowline::prelude::*;
use http_body_util::BodyExt;
use serde_json::Value as Json;
use support::Database;
use tower::ServiceExt;

struct Api {
    runtime: tokio::runtime::Runtime,
    router: axum::Router,
}

impl Api {
    fn new(database: &Database, router: DefaultRouter) -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let router = runtime.block_on(router.into_axum(&database.url())).map_err(|error| error.to_string())?;
        Ok(Api { runtime, router })
    }

    fn call(&self, method: &str, path: &str, body: Json) -> (u16, Json) {
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        let request = request.header("host", "testserver").body(body).unwrap();
        self.runtime.block_on(async {
            let response = self.router.clone().oneshot(request).await.unwrap();
            let status = response.status().as_u16();
            let bytes = response.into_body().collect().await.unwrap().to_bytes();
            let body = if bytes.is_empty() { Json::Null } else { serde_json::from_slice(&bytes).unwrap() };
            (status, body)
        })
    }

    fn get(&self, path: &str) -> Json {
        let (status, body) = self.call("GET", path, Json::Null);
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    fn post(&self, path: &str, body: Json) -> Json {
        let (status, answer) = self.call("POST", path, body);
        assert_eq!(status, 201, "{answer}");
        answer
    }
}

/// Runs statements of PostgreSQL's or SQLite's.
fn execute(database: &Database, [on_postgres, on_sqlite]: [&str; 2]) {
    database.run(if matches!(database, Database::Postgres(_)) { on_postgres } else { on_sqlite });
}

/// Runs a test on an empty database of each kind, with the tables that a router makes and with those given.
fn each_kind(tables: [&str; 2], test: impl Fn(&Database)) {
    Database::each(&test);
    Database::each(|database| {
        execute(database, tables);
        test(database);
    });
}
