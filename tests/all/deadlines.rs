//! All of a request's work in the database shares one deadline, and those who wait leave the database to others.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::Request as HttpRequest;
use bowline::prelude::*;
use bowline::store::StoreError;
use http_body_util::BodyExt;
use serde_json::{Value as Json, json};
use tower::ServiceExt;

use crate::support::Database;

mod crate_ {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "dock_crate")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub load: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const DEADLINE: Duration = Duration::from_secs(1);

struct Hooked;

#[bowline::async_trait]
impl<E: bowline::prelude::EntityTrait> ViewSetHooks<E> for Hooked {}

/// Meets a conflict whenever it runs.
struct Contested(Arc<AtomicU32>);

#[bowline::async_trait]
impl ViewSetHooks<crate_::Entity> for Contested {
    async fn perform_update(&self, _: &mut Save<'_, crate_::Entity>) -> bowline::Result<()> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Err(StoreError::Conflict("somebody was first".into()).into())
    }
}

async fn load(action: ActionRequest) -> bowline::Result<Response> {
    let found = action.get_object::<crate_::Entity>().await?;
    let mut found: crate_::ActiveModel = found.into();
    found.load = ActiveValue::Set(7);
    found.update(action.connection()).await?;
    Ok(Response::no_content())
}

/// A handler of one's own with the request's database.
async fn own(request: Request) -> bowline::Result<Response> {
    let statement = sea_orm::sea_query::Query::update()
        .table("dock_crate")
        .value("load", 9)
        .and_where(sea_orm::sea_query::ExprTrait::eq(sea_orm::sea_query::Expr::col("id"), 1))
        .to_owned();
    request.database()?.apply(&statement).await?;
    Ok(Response::no_content())
}

/// The same by SeaORM.
async fn by_entity(request: Request) -> bowline::Result<Response> {
    let found = crate_::ActiveModel { id: ActiveValue::Unchanged(1), load: ActiveValue::Set(9) };
    found.update(request.database()?).await?;
    Ok(Response::no_content())
}

fn api(contested: &Arc<AtomicU32>) -> DefaultRouter {
    let crates = || ModelViewSet::<crate_::Entity>::new();
    let mut settings = Settings { replays: 1_000_000, ..Settings::default() };
    settings.store.deadline = DEADLINE;
    // neither of these ends a wait before
    settings.store.lock_timeout = Duration::from_secs(60);
    settings.store.acquire_timeout = Duration::from_secs(60);
    DefaultRouter::new()
        .register(
            "crates",
            crates()
                .update_many([Action::PartialUpdate])
                .destroy_many()
                .idempotency(Idempotency::new())
                .action(ExtraAction::detail("load").post(load)),
        )
        .register("hooked", crates().basename("hooked").hooks(Hooked))
        .register("contested", crates().basename("contested").hooks(Contested(Arc::clone(contested))))
        .path("own/", ApiView::new("Own").post(own))
        .path("by-entity/", ApiView::new("ByEntity").post(by_entity))
        .settings(settings)
}

async fn call(app: &axum::Router, method: &str, path: &str, key: &str, body: &Json) -> (u16, Option<String>, String) {
    let mut request = HttpRequest::builder().method(method).uri(path).header("host", "testserver");
    if !key.is_empty() {
        request = request.header("idempotency-key", key);
    }
    let request = request.header("content-type", "application/json").body(Body::from(body.to_string())).unwrap();
    let (parts, body) = app.clone().oneshot(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let wait = parts.headers.get("retry-after").map(|wait| wait.to_str().unwrap().to_owned());
    (parts.status.as_u16(), wait, String::from_utf8(body.to_vec()).unwrap())
}

/// Somebody who has the first crate, or all of SQLite's file, to itself.
enum Outsider {
    Postgres(tokio_postgres::Client),
    Sqlite(rusqlite::Connection),
}

impl Outsider {
    async fn hold(database: &Database) -> Outsider {
        match database {
            Database::Postgres(url) => {
                let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
                tokio::spawn(connection);
                client.batch_execute("BEGIN; SELECT 1 FROM dock_crate WHERE id = 1 FOR UPDATE").await.unwrap();
                Outsider::Postgres(client)
            }
            Database::Sqlite(_) => {
                let connection = rusqlite::Connection::open(database.url()).unwrap();
                connection.busy_timeout(Duration::from_secs(10)).unwrap();
                connection.execute_batch("BEGIN IMMEDIATE").unwrap();
                Outsider::Sqlite(connection)
            }
        }
    }

    async fn let_go(self) {
        match self {
            Outsider::Postgres(client) => client.batch_execute("ROLLBACK").await.unwrap(),
            Outsider::Sqlite(connection) => connection.execute_batch("ROLLBACK").unwrap(),
        }
    }
}

fn each(test: impl AsyncFn(&Database)) {
    Database::each(|database| {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(test(database));
    });
}

async fn app_with_crates(database: &Database, contested: &Arc<AtomicU32>) -> axum::Router {
    let app = api(contested).into_axum(&database.url()).await.unwrap();
    for load in 1..=3 {
        assert_eq!(call(&app, "POST", "/crates/", "", &json!({"load": load})).await.0, 201);
    }
    app
}

const NOT_DONE: &str = r#"{"detail":"Service temporarily unavailable, try again later."}"#;

#[test]
fn a_wait_ends_at_the_requests_deadline() {
    each(async |database| {
        let app = app_with_crates(database, &Arc::default()).await;
        let outsider = Outsider::hold(database).await;
        let body = json!({"load": 5});
        let writes = [
            ("PATCH", "/crates/1/", "", body.clone()),
            ("PUT", "/crates/1/", "", body.clone()),
            ("PATCH", "/crates/1/", "k1", body.clone()),
            ("DELETE", "/crates/1/", "", json!(null)),
            ("PATCH", "/crates/", "", json!([{"id": 1, "load": 5}])),
            ("DELETE", "/crates/", "", json!([1])),
            ("POST", "/crates/1/load/", "", json!({})),
            ("PATCH", "/hooked/1/", "", body.clone()),
            ("DELETE", "/hooked/1/", "", json!(null)),
            ("POST", "/own/", "", json!({})),
            ("POST", "/by-entity/", "", json!({})),
        ];
        let asked = writes.map(|(method, path, key, body)| {
            let app = app.clone();
            tokio::spawn(async move {
                let start = Instant::now();
                let answer = call(&app, method, path, key, &body).await;
                (method, path, start.elapsed(), answer)
            })
        });
        for answer in asked {
            let (method, path, took, answer) = answer.await.unwrap();
            let name = format!("{} {method} {path} after {took:?}: {answer:?}", database.name());
            assert_eq!(answer, (503, Some("1".into()), NOT_DONE.into()), "{name}");
            // a key is looked for once more
            let most = DEADLINE + Duration::from_millis(1500);
            assert!((DEADLINE.mul_f64(0.8)..most).contains(&took), "{name}");
        }
        outsider.let_go().await;
        assert_eq!(database.list("SELECT load FROM dock_crate ORDER BY id"), ["1", "2", "3"]);
        assert_eq!(call(&app, "PATCH", "/crates/1/", "", &body).await.0, 200, "{}", database.name());
    });
}

/// A wait for a lock that reached its own limit is not tried again, however much time is left.
#[test]
fn a_wait_for_a_lock_is_no_conflict() {
    each(async |database| {
        let mut settings = Settings { replays: 1_000_000, ..Settings::default() };
        settings.store.deadline = Duration::from_secs(10);
        settings.store.lock_timeout = Duration::from_millis(300);
        drop(app_with_crates(database, &Arc::default()).await);
        let crates = ModelViewSet::<crate_::Entity>::new();
        let app = DefaultRouter::new().register("crates", crates).settings(settings);
        let app = app.into_axum(&database.url()).await.unwrap();
        let outsider = Outsider::hold(database).await;
        for method in ["PATCH", "DELETE"] {
            let start = Instant::now();
            let answer = call(&app, method, "/crates/1/", "", &json!({"load": 5})).await;
            assert_eq!(answer, (503, Some("1".into()), NOT_DONE.into()));
            let took = start.elapsed();
            assert!((Duration::from_millis(250)..Duration::from_secs(3)).contains(&took), "{method}: {took:?}");
        }
        outsider.let_go().await;
    });
}

#[test]
fn those_who_wait_leave_connections_for_readers() {
    each(async |database| {
        let app = app_with_crates(database, &Arc::default()).await;
        let outsider = Outsider::hold(database).await;
        let waiting: Vec<_> = (0..40)
            .map(|n| {
                let (app, path) = (app.clone(), if n % 2 == 0 { "/crates/1/" } else { "/hooked/1/" });
                tokio::spawn(async move { call(&app, "PATCH", path, "", &json!({"load": n})).await })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(200)).await;
        for _ in 0..50 {
            let start = Instant::now();
            let answer = call(&app, "GET", "/crates/1/", "", &json!(null)).await;
            assert_eq!(answer.0, 200, "{}: {answer:?}", database.name());
            assert!(start.elapsed() < DEADLINE / 2, "{}: {:?}", database.name(), start.elapsed());
        }
        for answer in waiting {
            assert_eq!(answer.await.unwrap().0, 503);
        }
        outsider.let_go().await;
    });
}

#[test]
fn all_tries_share_one_deadline() {
    each(async |database| {
        let tries = Arc::default();
        let app = app_with_crates(database, &tries).await;
        let start = Instant::now();
        let answer = call(&app, "PATCH", "/contested/1/", "", &json!({"load": 5})).await;
        assert_eq!(answer, (503, Some("1".into()), NOT_DONE.into()));
        let took = start.elapsed();
        assert!((DEADLINE.mul_f64(0.8)..DEADLINE * 2).contains(&took), "{}: {took:?}", database.name());
        assert!(tries.load(Ordering::Relaxed) > 10);
    });
}
