//! Lists of 10,000 objects in one request: they are written, they are refused as a whole, and the memory that they take is
//! bounded.
//!
//! One test alone in its program, for memory is measured of the program.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::support;

use std::fs;

use axum::body::Body;
use axum::http::Request;
use bowline::prelude::*;
use http_body_util::BodyExt;
use serde_json::{Value as Json, json};
use support::Database;
use tower::ServiceExt;

mod measure {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "measure")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(unique)]
        pub code: String,
        pub value: f64,
        #[sea_orm(column_type = "JsonBinary", default_value = "{}")]
        pub note: Json,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

const ROWS: usize = 10_000;
/// What a request may take beside what it came with: the body is about 1 MB, its rows as values several times that.
const MEMORY: u64 = 64 << 10;

struct Api {
    runtime: tokio::runtime::Runtime,
    router: axum::Router,
}

impl Api {
    fn new(database: &Database) -> Api {
        let measures = ModelViewSet::<measure::Entity>::new()
            .create_many(Lists::Also)
            .update_many([Action::PartialUpdate])
            .destroy_many();
        // what is measured is memory: a build without optimizations may take its time
        let patient = |settings: &mut Settings| settings.store.deadline = std::time::Duration::from_secs(120);
        let router = DefaultRouter::new().register("measures", measures).configure(patient);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let router = runtime.block_on(router.into_axum(&database.url())).unwrap();
        Api { runtime, router }
    }

    fn call(&self, method: &str, body: &Json) -> (u16, Vec<u8>) {
        let request = Request::builder().method(method).uri("/measures/").header("content-type", "application/json");
        let request = request.header("host", "testserver").body(Body::from(body.to_string())).unwrap();
        self.runtime.block_on(async {
            let response = self.router.clone().oneshot(request).await.unwrap();
            let status = response.status().as_u16();
            (status, response.into_body().collect().await.unwrap().to_bytes().to_vec())
        })
    }
}

/// The most memory that the program has had since this was asked last, in KiB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak = line.trim().trim_end_matches(" kB").parse().unwrap();
    // from here on anew
    fs::write("/proc/self/clear_refs", "5").unwrap();
    peak
}

fn rows(of: &str) -> Vec<Json> {
    (0..ROWS).map(|n| json!({"code": format!("{of}{n}"), "value": n as f64 / 4.0, "note": {"n": n}})).collect()
}

#[test]
fn ten_thousand_at_once() {
    Database::each(|database| {
        let api = Api::new(database);
        let sent = Json::Array(rows("a"));
        peak();
        let before = peak();
        let (status, body) = api.call("POST", &sent);
        let after = peak();
        assert_eq!(status, 201, "{}", String::from_utf8_lossy(&body));
        assert!(after - before < MEMORY, "{before} KiB before, {after} KiB at most");
        let answer: Vec<Json> = serde_json::from_slice(&body).unwrap();
        assert_eq!(answer.len(), ROWS);
        for (n, row) in answer.iter().enumerate() {
            assert_eq!((&row["code"], &row["note"]), (&sent[n]["code"], &sent[n]["note"]));
        }

        // the last one is taken: it is said at its index, and nothing is stored
        let mut clash = rows("b");
        clash[ROWS - 1]["code"] = json!("a7");
        let (status, body) = api.call("POST", &Json::Array(clash));
        let body: Json = serde_json::from_slice(&body).unwrap();
        assert_eq!((status, body), (400, json!({"9999": {"code": ["measure with this code already exists."]}})));

        let changes: Vec<Json> = answer.iter().rev().map(|row| json!({"id": row["id"], "value": 0.5})).collect();
        let (status, body) = api.call("PATCH", &Json::Array(changes));
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        let keys: Vec<Json> = answer.iter().map(|row| row["id"].clone()).collect();
        let (status, body) = api.call("DELETE", &Json::Array(keys));
        assert_eq!(status, 204, "{}", String::from_utf8_lossy(&body));
        assert_eq!(database.list("SELECT count(*) FROM measure"), ["0"]);
    });
}
