//! The application of the forced interleavings, in this process, on both databases.

use std::time::Duration;

use axum::body::Body;
use bowline::pause::Pauses;
use bowline::prelude::*;
use http_body_util::BodyExt;
use serde_json::{Value as Json, json};
use tokio::task::JoinHandle;
use tower::ServiceExt;

pub mod entities;
mod rules;

use entities::{audit, booking, collection, document as documents, label};

/// DRF's body for the one conflict that all of this is about.
#[allow(non_snake_case)]
pub fn DUPLICATE() -> Json {
    json!({"non_field_errors": ["The fields uid, collection must make a unique set."]})
}

/// An empty database.
pub enum Database {
    Postgres(String),
    Sqlite(tempfile::TempDir),
}

impl Database {
    pub fn is_postgres(&self) -> bool {
        matches!(self, Database::Postgres(_))
    }

    pub fn url(&self) -> String {
        match self {
            Database::Postgres(url) => url.clone(),
            Database::Sqlite(folder) => folder.path().join("db.sqlite3").to_str().unwrap().to_owned(),
        }
    }

    /// Runs SQL beside the API.
    pub async fn execute(&self, sql: impl Sql) {
        match self {
            Database::Postgres(url) => postgres(url).await.batch_execute(sql.postgres()).await.unwrap(),
            Database::Sqlite(_) => {
                let connection = rusqlite::Connection::open(self.url()).unwrap();
                connection.busy_timeout(Duration::from_secs(10)).unwrap();
                connection.execute_batch(sql.sqlite()).unwrap();
            }
        }
    }

    /// Another process that writes to the same SQLite file, until it is dropped.
    pub fn hold_the_write_lock(&self) -> rusqlite::Connection {
        let connection = rusqlite::Connection::open(self.url()).unwrap();
        connection.busy_timeout(Duration::from_secs(10)).unwrap();
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        connection
    }
}

/// SQL text for each database.
pub trait Sql {
    fn postgres(&self) -> &str;
    fn sqlite(&self) -> &str;
}

impl Sql for &str {
    fn postgres(&self) -> &str {
        self
    }
    fn sqlite(&self) -> &str {
        self
    }
}

impl Sql for &String {
    fn postgres(&self) -> &str {
        self
    }
    fn sqlite(&self) -> &str {
        self
    }
}

impl Sql for [&str; 2] {
    fn postgres(&self) -> &str {
        self[0]
    }
    fn sqlite(&self) -> &str {
        self[1]
    }
}

async fn postgres(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Changes a document from outside, and commits.
async fn rival(url: &str, id: i64) {
    let client = postgres(url).await;
    client.execute("UPDATE document SET blob = '{\"rival\": true}' WHERE id = $1", &[&id]).await.unwrap();
}

/// Runs a test on an empty database of each kind; one that cannot be had is a failure.
pub async fn each_database(test: impl AsyncFn(Database)) {
    test(Database::Sqlite(tempfile::tempdir().unwrap())).await;
    let cluster = crate::support::Postgres::shared();
    test(Database::Postgres(cluster.database())).await;
}

/// An application over a database.
pub struct Api {
    router: axum::Router,
}

/// An answer with the header that one test looks at.
pub struct Answer {
    pub status: u16,
    pub retry_after: Option<String>,
    pub body: Json,
}

fn resources(hooks: Option<rules::Audited>) -> DefaultRouter {
    let documents = ModelViewSet::<documents::Entity>::new();
    let documents = match hooks {
        Some(hooks) => documents.hooks(hooks),
        None => documents,
    };
    let bookings = ModelSerializer::<booking::Entity>::new().object_validator(rules::start_before_end);
    DefaultRouter::new()
        .register("collections", ModelViewSet::<collection::Entity>::new())
        .register("documents", documents)
        .register("bookings", ModelViewSet::<booking::Entity>::new().serializer(bookings))
        .register("audits", ModelViewSet::<audit::Entity>::new())
        .register("labels", ModelViewSet::<label::Entity>::new())
}

impl Api {
    async fn over(database: &Database, router: DefaultRouter) -> Self {
        Api { router: router.into_axum(&database.url()).await.unwrap() }
    }

    /// Constraints and one object rule.
    pub async fn plain(database: &Database) -> Self {
        Self::over(database, resources(None)).await
    }

    /// Bookings that belong to who began them: only they may see and change them.
    pub async fn owned(database: &Database) -> Self {
        let bookings = || ModelViewSet::<booking::Entity>::new().permissions(rules::IsOwner);
        let router = DefaultRouter::new()
            .register("owned", bookings().basename("owned"))
            .register("lists", bookings().update_many([Action::PartialUpdate]).destroy_many().basename("lists"));
        Self::over(database, router.register("bookings", ModelViewSet::<booking::Entity>::new())).await
    }

    /// Documents whose hooks write beside them.
    pub async fn with_hooks(database: &Database) -> Self {
        Self::over(database, resources(Some(rules::Audited { rival: None }))).await
    }

    /// A second endpoint of documents that declares a query rule.
    pub async fn limited(database: &Database) -> Self {
        let limited = ModelSerializer::<documents::Entity>::new().query_validator(rules::AtMostThree);
        let hooks = rules::Audited { rival: None };
        let router =
            resources(Some(hooks)).register("limited", ModelViewSet::new().serializer(limited).basename("limited"));
        Self::over(database, router).await
    }

    /// Hooks that always meet another writer, two replays at most, short waits.
    pub async fn contested(database: &Database) -> Self {
        let rival = database.is_postgres().then(|| database.url());
        let router = resources(Some(rules::Audited { rival })).configure(|settings| {
            settings.replays = 2;
            settings.store.serializable = true;
            settings.store.lock_timeout = Duration::from_millis(50);
        });
        Self::over(database, router).await
    }

    /// One request, answered.
    pub async fn answer(&self, method: &str, path: &str, body: Json) -> Answer {
        send(self.router.clone(), method, path, body, None).await
    }

    pub async fn call(&self, method: &str, path: &str, body: Json) -> (u16, Json) {
        let answer = self.answer(method, path, body).await;
        (answer.status, answer.body)
    }

    pub async fn get(&self, path: &str) -> (u16, Json) {
        self.call("GET", path, json!(null)).await
    }

    pub async fn rows(&self, path: &str) -> Vec<Json> {
        self.get(path).await.1.as_array().unwrap().clone()
    }

    /// One request on a task of its own.
    pub fn spawn(&self, method: &str, path: &str, body: Json) -> JoinHandle<(u16, Json)> {
        self.send_paused(method, path, body, None)
    }

    /// The same, stopped at a pause point.
    pub fn paused(&self, method: &str, path: &str, body: Json, pauses: &Pauses) -> JoinHandle<(u16, Json)> {
        self.send_paused(method, path, body, Some(pauses.clone()))
    }

    fn send_paused(&self, method: &str, path: &str, body: Json, pauses: Option<Pauses>) -> JoinHandle<(u16, Json)> {
        let (router, method, path) = (self.router.clone(), method.to_owned(), path.to_owned());
        tokio::spawn(async move {
            let answer = send(router, &method, &path, body, pauses).await;
            (answer.status, answer.body)
        })
    }

    pub async fn collection(&self) -> i64 {
        let (status, body) = self.call("POST", "/collections/", json!({})).await;
        assert_eq!(status, 201, "{body}");
        body["id"].as_i64().unwrap()
    }

    pub async fn document(&self, collection: i64, uid: &str) -> i64 {
        let (status, body) = self.call("POST", "/documents/", json!({"collection": collection, "uid": uid})).await;
        assert_eq!(status, 201, "{body}");
        body["id"].as_i64().unwrap()
    }

    /// The set that hangs on a document.
    pub async fn labels(&self, document: i64) -> Vec<i64> {
        let rows = self.rows("/labels/").await;
        let own = rows.iter().filter(|row| row["document_id"].as_i64().or(row["document"].as_i64()) == Some(document));
        own.map(|row| row["value"].as_i64().unwrap()).collect()
    }
}

async fn send(router: axum::Router, method: &str, path: &str, body: Json, pauses: Option<Pauses>) -> Answer {
    let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
    let mut request = axum::http::Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json")
        .body(body)
        .unwrap();
    if let Some(pauses) = pauses {
        request.extensions_mut().insert(pauses);
    }
    // no interleaving may leave a request hanging
    let answer = tokio::time::timeout(Duration::from_secs(60), router.oneshot(request)).await;
    let response = answer.expect("a request hangs").unwrap();
    let status = response.status().as_u16();
    let retry_after = response.headers().get("retry-after").map(|v| v.to_str().unwrap().to_owned());
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    let body = if bytes.is_empty() { Json::Null } else { serde_json::from_slice(&bytes).unwrap() };
    Answer { status, retry_after, body }
}
