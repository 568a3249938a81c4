//! The edge and its security headers as layers of tower.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::Request;
use axum::response::Response;
use tower_layer::Layer;
use tower_service::Service;

use super::security::{Security, SecurityHeaders, secured};
use super::{Edge, Peer};

type Answer<E> = Pin<Box<dyn Future<Output = Result<Response, E>> + Send>>;

/// The edge around a router that another server than this crate's runs.
#[derive(Clone, Debug)]
pub(crate) struct EdgeLayer(pub(crate) Edge);

impl<S> Layer<S> for EdgeLayer {
    type Service = Edged<S>;

    fn layer(&self, inner: S) -> Edged<S> {
        Edged { edge: self.0.clone(), inner }
    }
}

/// What is inside of an [`EdgeLayer`].
#[derive(Clone, Debug)]
pub(crate) struct Edged<S> {
    edge: Edge,
    inner: S,
}

impl<S> Service<Request> for Edged<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Answer<Infallible>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let (edge, next) = (self.edge.clone(), self.inner.clone());
        // the one that is ready
        let mut inner = std::mem::replace(&mut self.inner, next);
        let next = move |request| async move {
            let Ok(response) = inner.call(request).await;
            response
        };
        Box::pin(async move { Ok(edge.around(request, Peer::Caller, next).await) })
    }
}

/// Adds security headers to answers, for an API that another server than [`serve`](crate::serve) runs; it also redirects to HTTPS
/// where they say so.
///
/// Lay it by [`wrap`](crate::routers::DefaultRouter::wrap): there it knows whether a request came by HTTPS.
///
/// ```
/// use bowline::layers::SecurityLayer;
/// use bowline::prelude::*;
/// use bowline::settings::SecurityHeaders;
/// # use bowline::doc::booking;
///
/// let api = DefaultRouter::new()
///     .register("bookings", ModelViewSet::<booking::Entity>::new())
///     .wrap(|api| api.layer(SecurityLayer::new(&SecurityHeaders::default())));
/// ```
#[derive(Clone, Debug)]
pub struct SecurityLayer(Arc<Security>);

impl SecurityLayer {
    /// With these headers.
    pub fn new(headers: &SecurityHeaders) -> Self {
        SecurityLayer(Arc::new(Security::new(headers)))
    }
}

impl<S> Layer<S> for SecurityLayer {
    type Service = Secured<S>;

    fn layer(&self, inner: S) -> Secured<S> {
        Secured { security: Arc::clone(&self.0), inner }
    }
}

/// What is inside of a [`SecurityLayer`].
#[derive(Clone, Debug)]
pub struct Secured<S> {
    security: Arc<Security>,
    inner: S,
}

impl<S> Service<Request> for Secured<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Answer<Infallible>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let (security, next) = (Arc::clone(&self.security), self.inner.clone());
        let mut inner = std::mem::replace(&mut self.inner, next);
        let next = move |request| async move {
            let Ok(response) = inner.call(request).await;
            response
        };
        Box::pin(async move { Ok(secured(&security, request, next).await) })
    }
}
