//! A router with what an application lays around it.

use std::sync::Arc;

use axum::extract::Request;
use axum::response::Response;
use tower_service::Service;

use super::{DefaultRouter, Live};
use crate::edge::{Edge, EdgeLayer, Peer, Security, secured};
use crate::error::Result;
use crate::layers::ETagPerCoding;
use crate::settings::{ServerLimits, Settings};

/// Lays something around a router.
pub(super) type Wrap = Box<dyn FnOnce(axum::Router) -> axum::Router + Send>;

/// What answers requests, behind the edge.
#[derive(Clone, Debug)]
pub(crate) struct Served {
    api: Api,
    edge: Edge,
    security: Arc<Security>,
}

#[derive(Clone, Debug)]
enum Api {
    /// Nothing is around it.
    Alone(Arc<Live>),
    Wrapped(axum::Router),
}

impl Served {
    pub(super) fn new(live: Arc<Live>, wraps: Vec<Wrap>, edge: Edge, settings: &Settings) -> Self {
        let api = if wraps.is_empty() {
            Api::Alone(live)
        } else {
            let router = Api::Alone(live).into_axum();
            let router = wraps.into_iter().fold(router, |router, wrap| wrap(router));
            // one of the layers may compress
            Api::Wrapped(router.layer(ETagPerCoding::new()))
        };
        Served { api, edge, security: Arc::new(Security::new(&settings.security)) }
    }

    /// Answers a request that came over the wire.
    pub(crate) async fn handle(&self, request: Request) -> Response {
        let answer = self.edge.around(request, Peer::Client, |request| {
            // in a box of its own: the futures of a request lie within each other, and the compiler stops at a depth
            secured(&self.security, request, |request| Box::pin(self.api.handle(request)))
        });
        answer.await
    }

    /// Adds the security headers to an answer that has come through nothing that would.
    pub(crate) fn secure(&self, response: &mut Response) {
        self.security.add(response.headers_mut(), false);
    }
}

impl Api {
    fn into_axum(self) -> axum::Router {
        match self {
            Api::Alone(live) => axum::Router::new().fallback(move |request: Request| {
                let live = Arc::clone(&live);
                async move { live.handle(request).await }
            }),
            Api::Wrapped(router) => router,
        }
    }

    async fn handle(&self, request: Request) -> Response {
        match self {
            Api::Alone(live) => live.handle(request).await,
            Api::Wrapped(router) => {
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
        Ok(served.api.into_axum().layer(EdgeLayer(served.edge)))
    }

    /// Whether the hosts that it answers to were named.
    pub(crate) fn hosts_are_set(&self) -> bool {
        self.settings.allowed_hosts.are_set()
    }

    /// What the server that runs it keeps to.
    pub(crate) fn server_limits(&self) -> &ServerLimits {
        &self.settings.server
    }
}
