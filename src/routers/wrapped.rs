//! A router with what an application lays around it.

use std::sync::Arc;

use axum::extract::Request;
use axum::response::Response;
use tower_service::Service;

use super::{DefaultRouter, Dispatch};
use crate::error::Result;
use crate::layers::ETagPerCoding;
use crate::settings::ServerLimits;

/// Lays something around a router.
pub(super) type Wrap = Box<dyn FnOnce(axum::Router) -> axum::Router + Send>;

/// What answers requests.
#[derive(Clone, Debug)]
pub(crate) enum Served {
    /// Nothing is around it.
    Alone(Arc<Dispatch>),
    Wrapped(axum::Router),
}

impl Served {
    pub(super) fn new(dispatch: Arc<Dispatch>, wraps: Vec<Wrap>) -> Self {
        if wraps.is_empty() {
            return Served::Alone(dispatch);
        }
        let router = Served::Alone(dispatch).into_axum();
        let router = wraps.into_iter().fold(router, |router, wrap| wrap(router));
        // one of the layers may compress
        Served::Wrapped(router.layer(ETagPerCoding::new()))
    }

    fn into_axum(self) -> axum::Router {
        match self {
            Served::Alone(dispatch) => axum::Router::new().fallback(move |request: Request| {
                let dispatch = Arc::clone(&dispatch);
                async move { dispatch.handle(request).await }
            }),
            Served::Wrapped(router) => router,
        }
    }

    /// Answers a request.
    pub(crate) async fn handle(&self, request: Request) -> Response {
        match self {
            Served::Alone(dispatch) => dispatch.handle(request).await,
            Served::Wrapped(router) => {
                // always ready
                let Ok(response) = router.clone().call(request).await;
                response
            }
        }
    }
}

impl DefaultRouter {
    /// Lays something around the whole API: layers of tower, other routes of axum, a prefix. What is laid later is further
    /// out.
    ///
    /// ```
    /// use axum::routing::get;
    /// use bowline::prelude::*;
    /// use tower_http::compression::CompressionLayer;
    /// # use bowline::doc::booking;
    ///
    /// let api = DefaultRouter::new()
    ///     .register("bookings", ModelViewSet::<booking::Entity>::new())
    ///     .wrap(|api| api.layer(CompressionLayer::new()))
    ///     .wrap(|api| axum::Router::new().nest("/api", api).route("/health", get(async || "fine")));
    /// ```
    pub fn wrap(mut self, wrap: impl FnOnce(axum::Router) -> axum::Router + Send + 'static) -> Self {
        self.wraps.push(Box::new(wrap));
        self
    }

    /// Connects to a database (`postgres://…`, `sqlite://path` or a bare path) and becomes an axum router, with all that
    /// [`wrap`](Self::wrap) laid around it.
    ///
    /// # Errors
    ///
    /// [`Error::Startup`](crate::Error::Startup), a sentence that says what to change, where the database cannot be reached or
    /// the models, the serializers and the database do not agree.
    pub async fn into_axum(self, database: &str) -> Result<axum::Router> {
        let (served, _) = self.build(database).await?;
        Ok(served.into_axum())
    }

    /// What the server that runs it keeps to.
    pub(crate) fn server_limits(&self) -> &ServerLimits {
        &self.settings.server
    }
}
