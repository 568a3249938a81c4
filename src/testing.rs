//! A client for tests: it asks a router without a socket, on a database of its own.
//!
//! See DRF's chapter "Testing".

use std::fmt;

use axum::body::Body;
use http::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use tempfile::TempDir;

use crate::context::User;
use crate::error::{Error, Result};
use crate::routers::DefaultRouter;
use crate::value::{Value, json, write};

/// A client of an API under test, DRF's `APIClient`.
///
/// It has an SQLite file of its own unless it is told another database, and the tables of the router's models in it. Dropped, it
/// takes its file along.
///
/// ```
/// use bowline::prelude::*;
/// use bowline::testing::Client;
/// use bowline::value;
/// # use bowline::doc::booking;
/// # #[tokio::main]
/// # async fn main() -> bowline::Result<()> {
/// let api = DefaultRouter::new().register("bookings", ModelViewSet::<booking::Entity>::new());
/// let mut client = Client::new(api).await?;
/// client.force_authenticate(User::new(7, "alice"));
///
/// let created = client.post("/bookings/", value!({"room_id": 1, "start": 9, "end": 10})).await?;
/// assert_eq!(created.status, 201);
/// assert_eq!(client.get("/bookings/1/").await?.data, created.data);
/// # Ok(())
/// # }
/// ```
pub struct Client {
    app: axum::Router,
    user: Option<User>,
    headers: HeaderMap,
    /// Removed with the client.
    _folder: Option<TempDir>,
}

/// What a client was answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    /// The body as a value, where it is JSON; null otherwise.
    pub data: Value,
}

impl Answer {
    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Client {
    /// A client over an SQLite file of its own.
    ///
    /// # Errors
    ///
    /// As [`DefaultRouter::into_axum`].
    pub async fn new(router: DefaultRouter) -> Result<Self> {
        let folder = TempDir::new().map_err(Error::startup)?;
        let file = folder.path().join("test.sqlite3");
        let app = router.into_axum(&format!("sqlite://{}", file.display())).await?;
        Ok(Client { _folder: Some(folder), ..Client::of(app) })
    }

    /// A client over another database.
    ///
    /// # Errors
    ///
    /// As [`DefaultRouter::into_axum`].
    pub async fn over(database: &str, router: DefaultRouter) -> Result<Self> {
        Ok(Client::of(router.into_axum(database).await?))
    }

    /// A client of an axum router, whatever layers it has.
    pub fn of(app: axum::Router) -> Self {
        let headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static("testserver"))]);
        Client { app, user: None, headers, _folder: None }
    }

    /// Requests from now on come from this user, whatever credentials they bring; no CSRF token is asked for.
    pub fn force_authenticate(&mut self, user: impl Into<Option<User>>) -> &mut Self {
        self.user = user.into();
        self
    }

    /// Requests from now on have this header, DRF's `credentials`.
    ///
    /// # Panics
    ///
    /// Where the value is not text that a header can hold.
    #[allow(clippy::panic, reason = "a test's own mistake")]
    pub fn header(&mut self, name: HeaderName, value: &str) -> &mut Self {
        match HeaderValue::from_str(value) {
            Ok(value) => drop(self.headers.insert(name, value)),
            Err(error) => panic!("{name}: {error}"),
        }
        self
    }

    /// GET.
    ///
    /// # Errors
    ///
    /// Where the answer breaks off.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.send(Method::GET, path, None).await
    }

    /// POST of JSON.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn post(&self, path: &str, data: impl Into<Value>) -> Result<Answer> {
        self.send(Method::POST, path, Some(data.into())).await
    }

    /// PUT of JSON.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn put(&self, path: &str, data: impl Into<Value>) -> Result<Answer> {
        self.send(Method::PUT, path, Some(data.into())).await
    }

    /// PATCH of JSON.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn patch(&self, path: &str, data: impl Into<Value>) -> Result<Answer> {
        self.send(Method::PATCH, path, Some(data.into())).await
    }

    /// DELETE.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn delete(&self, path: &str) -> Result<Answer> {
        self.send(Method::DELETE, path, None).await
    }

    /// OPTIONS.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn options(&self, path: &str) -> Result<Answer> {
        self.send(Method::OPTIONS, path, None).await
    }

    /// Any request, with JSON where it has data.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn send(&self, method: Method, path: &str, data: Option<Value>) -> Result<Answer> {
        let mut body = Vec::new();
        let mut request = Request::builder().method(method).uri(path);
        if let Some(data) = data {
            write::value(&data, &mut body);
            request = request.header(CONTENT_TYPE, "application/json");
        }
        self.request(request.body(Body::from(body)).map_err(Error::internal)?).await
    }

    /// A request of one's own making; the client's headers are added where it does not have them.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn request(&self, mut request: Request<Body>) -> Result<Answer> {
        for (name, value) in &self.headers {
            request.headers_mut().entry(name).or_insert_with(|| value.clone());
        }
        if let Some(user) = &self.user {
            request.extensions_mut().insert(user.clone());
        }
        let Ok(response) = TowerToHyperService::new(self.app.clone()).call(request).await;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(Error::internal)?.to_bytes().to_vec();
        let data = json::parse(&body).unwrap_or(Value::Null);
        Ok(Answer { status: parts.status, headers: parts.headers, body, data })
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("user", &self.user).field("headers", &self.headers).finish_non_exhaustive()
    }
}
