//! Layers around an API, beside those that tower and tower-http have; [`DefaultRouter::wrap`] lays them around it.
//!
//! [`DefaultRouter::wrap`]: crate::routers::DefaultRouter::wrap

use std::task::{Context, Poll};

use http::header::ACCESS_CONTROL_REQUEST_METHOD;
use http::{Method, Request};
use tower_layer::Layer;
use tower_service::Service;

mod tags;

pub use crate::edge::{Secured, SecurityLayer};
pub use tags::{ETagPerCoding, Tagging, TagsPerCoding};

/// Lets a CORS layer answer OPTIONS only where a browser asks by it whether it may send another request (a preflight); any
/// other OPTIONS goes to its view, and its answer gets the headers that all answers get, as with django-cors-headers.
///
/// tower-http's `CorsLayer` by itself answers every OPTIONS, so that nobody would see what a view says of itself.
///
/// ```
/// use bowline::layers::PreflightOnly;
/// use bowline::prelude::*;
/// use tower_http::cors::CorsLayer;
/// # use bowline::doc::booking;
///
/// let api = DefaultRouter::new()
///     .register("bookings", ModelViewSet::<booking::Entity>::new())
///     .wrap(|api| api.layer(PreflightOnly::new(CorsLayer::permissive())));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct PreflightOnly<L>(L);

impl<L> PreflightOnly<L> {
    /// Around a CORS layer.
    pub fn new(cors: L) -> Self {
        PreflightOnly(cors)
    }
}

impl<S, L: Layer<Inside<S>>> Layer<S> for PreflightOnly<L> {
    type Service = Outside<L::Service>;

    fn layer(&self, inner: S) -> Self::Service {
        Outside(self.0.layer(Inside(inner)))
    }
}

/// The mark of an OPTIONS that is no preflight, on its way through the CORS layer as a GET.
#[derive(Clone, Copy, Debug)]
struct Plain;

/// Before the CORS layer: hides OPTIONS from it that are no preflights.
#[derive(Clone, Copy, Debug)]
pub struct Outside<S>(S);

/// Behind the CORS layer: what was hidden from it is OPTIONS again.
#[derive(Clone, Copy, Debug)]
pub struct Inside<S>(S);

impl<S: Service<Request<B>>, B> Service<Request<B>> for Outside<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        if request.method() == Method::OPTIONS && !request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
            *request.method_mut() = Method::GET;
            request.extensions_mut().insert(Plain);
        }
        self.0.call(request)
    }
}

impl<S: Service<Request<B>>, B> Service<Request<B>> for Inside<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        if request.extensions_mut().remove::<Plain>().is_some() {
            *request.method_mut() = Method::OPTIONS;
        }
        self.0.call(request)
    }
}
