//! Headers by which browsers protect who uses an API: Django's `SecurityMiddleware` and `XFrameOptionsMiddleware`.

use axum::extract::{OriginalUri, Request};
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use super::{full_path, page, unescaped};
use crate::context::Origin;

const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// The security headers of answers, Django's `SECURE_…` settings and `X_FRAME_OPTIONS`, with Django's defaults. What an answer
/// says itself stays.
///
/// [`serve`](crate::serve) adds them to every answer; a program with a server of its own lays the
/// [`SecurityLayer`](crate::layers::SecurityLayer) around its API.
///
/// ```
/// use std::time::Duration;
///
/// use bowline::prelude::*;
/// use bowline::settings::{SecurityHeaders, StrictTransportSecurity};
///
/// let security = SecurityHeaders {
///     strict_transport_security: Some(StrictTransportSecurity::new(Duration::from_secs(31_536_000))),
///     ssl_redirect: true,
///     ..SecurityHeaders::default()
/// };
/// let settings = Settings { security, ..Settings::default() };
/// ```
#[derive(Clone, Debug)]
pub struct SecurityHeaders {
    /// Whether `X-Content-Type-Options: nosniff` is sent, Django's `SECURE_CONTENT_TYPE_NOSNIFF`.
    pub content_type_nosniff: bool,
    /// `Referrer-Policy`, Django's `SECURE_REFERRER_POLICY`: `same-origin`.
    pub referrer_policy: Option<HeaderValue>,
    /// `Cross-Origin-Opener-Policy`, Django's `SECURE_CROSS_ORIGIN_OPENER_POLICY`: `same-origin`.
    pub cross_origin_opener_policy: Option<HeaderValue>,
    /// `X-Frame-Options`, Django's `X_FRAME_OPTIONS`: `DENY`.
    pub x_frame_options: Option<HeaderValue>,
    /// `Strict-Transport-Security` on answers to requests that came by HTTPS, Django's `SECURE_HSTS_…`; none by default.
    pub strict_transport_security: Option<StrictTransportSecurity>,
    /// Whether requests that did not come by HTTPS are redirected there, Django's `SECURE_SSL_REDIRECT`; not by default. It needs
    /// `secure_proxy_ssl_header`, or every request is redirected for ever.
    pub ssl_redirect: bool,
    /// The host that they are redirected to, Django's `SECURE_SSL_HOST`: their own by default.
    pub ssl_host: Option<String>,
}

impl Default for SecurityHeaders {
    fn default() -> Self {
        SecurityHeaders {
            content_type_nosniff: true,
            referrer_policy: Some(HeaderValue::from_static("same-origin")),
            cross_origin_opener_policy: Some(HeaderValue::from_static("same-origin")),
            x_frame_options: Some(HeaderValue::from_static("DENY")),
            strict_transport_security: None,
            ssl_redirect: false,
            ssl_host: None,
        }
    }
}

/// How long a browser that has seen an answer by HTTPS uses nothing else, Django's `SECURE_HSTS_SECONDS` and its sisters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StrictTransportSecurity {
    age: std::time::Duration,
    include_subdomains: bool,
    preload: bool,
}

impl StrictTransportSecurity {
    /// For so long, for this host alone.
    pub fn new(age: std::time::Duration) -> Self {
        StrictTransportSecurity { age, include_subdomains: false, preload: false }
    }

    /// For all hosts below this one too, Django's `SECURE_HSTS_INCLUDE_SUBDOMAINS`.
    pub fn include_subdomains(mut self) -> Self {
        self.include_subdomains = true;
        self
    }

    /// Browsers may know of it before they have seen the host, Django's `SECURE_HSTS_PRELOAD`.
    pub fn preload(mut self) -> Self {
        self.preload = true;
        self
    }

    fn value(self) -> Option<HeaderValue> {
        let subdomains = if self.include_subdomains { "; includeSubDomains" } else { "" };
        let preload = if self.preload { "; preload" } else { "" };
        HeaderValue::try_from(format!("max-age={}{subdomains}{preload}", self.age.as_secs())).ok()
    }
}

/// The headers, ready to be added.
#[derive(Clone, Debug)]
pub(crate) struct Security {
    headers: Vec<(HeaderName, HeaderValue)>,
    transport: Option<HeaderValue>,
    redirect: Option<Option<String>>,
}

impl Security {
    pub(crate) fn new(settings: &SecurityHeaders) -> Self {
        let nosniff = settings.content_type_nosniff.then_some(HeaderValue::from_static("nosniff"));
        let all = [
            (header::X_FRAME_OPTIONS, settings.x_frame_options.clone()),
            (header::X_CONTENT_TYPE_OPTIONS, nosniff),
            (header::REFERRER_POLICY, settings.referrer_policy.clone()),
            (OPENER_POLICY, settings.cross_origin_opener_policy.clone()),
        ];
        Security {
            headers: all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect(),
            transport: settings.strict_transport_security.and_then(StrictTransportSecurity::value),
            redirect: settings.ssl_redirect.then(|| settings.ssl_host.clone()),
        }
    }

    /// The redirect to HTTPS, where the request did not come by it.
    pub(crate) fn redirect<B>(&self, request: &http::Request<B>) -> Option<Response> {
        let host = self.redirect.as_ref()?;
        if is_secure(request) {
            return None;
        }
        // as the client asked for it, whatever an outer router took of it
        let uri = request.extensions().get::<OriginalUri>().map_or(request.uri(), |original| &original.0);
        let own = || {
            let origin = request.extensions().get::<Origin>().map(Origin::host);
            let named = origin.or_else(|| request.headers().get(header::HOST)?.to_str().ok());
            // HTTP/2 names it in the address
            named.or_else(|| uri.authority().map(|host| host.as_str()))
        };
        let path = full_path(&unescaped(uri.path()), uri.query(), false);
        let host = host.as_deref().or_else(own);
        let location =
            host.zip(path).and_then(|(host, path)| HeaderValue::try_from(format!("https://{host}{path}")).ok());
        let Some(location) = location else { return Some(page(request.method())) };
        let mut response = Response::default();
        *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
        response.headers_mut().insert(header::LOCATION, location);
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        Some(response)
    }

    /// Adds what an answer does not say itself.
    pub(crate) fn add(&self, headers: &mut HeaderMap, secure: bool) {
        headers.reserve(self.headers.len());
        for (name, value) in &self.headers {
            headers.entry(name).or_insert_with(|| value.clone());
        }
        if let Some(value) = self.transport.as_ref().filter(|_| secure) {
            headers.entry(header::STRICT_TRANSPORT_SECURITY).or_insert_with(|| value.clone());
        }
    }
}

/// Whether a request came by HTTPS, as far as the edge found out.
pub(crate) fn is_secure<B>(request: &http::Request<B>) -> bool {
    request.extensions().get::<Origin>().is_some_and(Origin::is_secure)
}

/// Answers a request by `next` with the headers.
pub(crate) async fn secured<F: Future<Output = Response>>(
    security: &Security,
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let secure = is_secure(&request);
    let mut response = match security.redirect(&request) {
        Some(redirect) => redirect,
        None => next(request).await,
    };
    security.add(response.headers_mut(), secure);
    response
}
