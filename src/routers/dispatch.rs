//! One request's path, in the order in which DRF runs it: suffix, negotiation, method, parsing, the view.

use std::borrow::Cow;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{OriginalUri, Request};
use axum::response::Response;
use futures_util::FutureExt;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};

use super::detached::Detached;
use super::resolve::{Resolver, Target, unescaped};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::model::ColumnKind;
use crate::negotiation::{self, BodyLimits};
use crate::pagination::Location;
use crate::pause::Pause;
use crate::relations::{KeyError, parse_key};
use crate::serializers::Mode;
use crate::value::query::parameters;
use crate::value::{DbValue, Value, convert, write};
use crate::views::Resource;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const ALLOW_ROOT: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");
const ALLOW_LIST: HeaderValue = HeaderValue::from_static("GET, POST, HEAD, OPTIONS");
const ALLOW_DETAIL: HeaderValue = HeaderValue::from_static("GET, PUT, PATCH, DELETE, HEAD, OPTIONS");
/// Seconds after which a client may try again when the database was away or too busy.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");
const NOT_FOUND_PAGE: &str = "\n<!doctype html>\n<html lang=\"en\">\n<head>\n  <title>Not Found</title>\n</head>\n<body>\n  \
    <h1>Not Found</h1><p>The requested resource was not found on this server.</p>\n</body>\n</html>\n";

/// The resources, and how requests reach them.
#[derive(Debug)]
pub(crate) struct Dispatch {
    resolver: Resolver,
    limits: BodyLimits,
}

impl Dispatch {
    pub(super) fn new(resolver: Resolver, limits: BodyLimits) -> Self {
        Dispatch { resolver, limits }
    }

    /// Answers a request; a panic on the way is a 500 like any other.
    pub(crate) async fn handle(&self, request: Request) -> Response {
        let uri = request.uri().clone();
        let path = unescaped(uri.path());
        let Some((target, suffix)) = self.resolver.resolve(&path) else {
            return self.unknown(&path, &uri, request.headers());
        };
        let allow = match target {
            Target::Root => ALLOW_ROOT,
            Target::List(_) => ALLOW_LIST,
            Target::Detail(..) => ALLOW_DETAIL,
        };
        let is_head = request.method() == Method::HEAD;
        let answer = AssertUnwindSafe(self.answer(target, suffix, request)).catch_unwind().await;
        let answer = answer.unwrap_or_else(|_| Err(Error::internal("a hook, a validator or a view panicked")));
        let (status, body) = match answer {
            Ok(answer) => answer,
            Err(error) => {
                log(&error);
                let mut body = Vec::new();
                error.write_body(&mut body);
                (error.status(), body)
            }
        };
        let mut response = respond(status, body, is_head);
        response.headers_mut().insert(header::ALLOW, allow);
        response
    }

    async fn answer(
        &self,
        target: Target<'_>,
        suffix: Option<&str>,
        request: Request,
    ) -> Result<(StatusCode, Vec<u8>)> {
        let (parts, body) = request.into_parts();
        let query = parts.uri.query().unwrap_or("");
        negotiation::select_renderer(&parts.headers, query, suffix)?;
        let pause = Pause::of(&parts.extensions);
        let method = parts.method.clone();
        let headers = parts.headers.clone();
        let url = absolute(&parts);
        let query = query.to_owned();
        let root = matches!(target, Target::Root).then(|| self.root(&parts));
        let cx = Context::new(parts, Vec::new());
        match (target, &method) {
            (Target::Root, &Method::GET | &Method::HEAD) => Ok((StatusCode::OK, root.unwrap_or_default())),
            (Target::Root, &Method::OPTIONS) => {
                Ok((StatusCode::OK, metadata("Api Root", "The default basic root view for DefaultRouter")))
            }
            (Target::List(view), &Method::GET | &Method::HEAD) => {
                let location = Location { url: &url, query: &query };
                Ok((StatusCode::OK, Box::pin(view.resource.list(&location, &cx)).await?))
            }
            (Target::List(view), &Method::POST) => {
                let data = negotiation::parse(&headers, body, &self.limits).await?;
                let view = Arc::clone(view);
                let body = Detached::new(async move { view.create(&view.resource, &data, &cx, &pause).await }).await?;
                Ok((StatusCode::CREATED, body))
            }
            (Target::List(view), &Method::OPTIONS) => {
                Ok((StatusCode::OK, metadata(&format!("{} List", view.resource.model().name), "")))
            }
            (Target::Detail(view, text), &Method::GET | &Method::HEAD) => {
                Ok((StatusCode::OK, Box::pin(view.resource.retrieve(&key(&view.resource, text)?, &cx)).await?))
            }
            (Target::Detail(view, text), &Method::PUT | &Method::PATCH) => {
                let key = key(&view.resource, text)?;
                let data = match negotiation::parse(&headers, body, &self.limits).await {
                    Ok(data) => data,
                    Err(error) => {
                        // DRF looks for the row before it looks at the body
                        Box::pin(view.resource.retrieve(&key, &cx)).await?;
                        return Err(error);
                    }
                };
                let mode = if method == Method::PUT { Mode::Update } else { Mode::Partial };
                let view = Arc::clone(view);
                let body = Detached::new(async move { view.update(&view.resource, &key, &data, mode, &cx, &pause).await }).await?;
                Ok((StatusCode::OK, body))
            }
            (Target::Detail(view, text), &Method::DELETE) => {
                let key = key(&view.resource, text)?;
                let view = Arc::clone(view);
                Detached::new(async move { view.destroy(&view.resource, &key, &cx, &pause).await }).await?;
                Ok((StatusCode::NO_CONTENT, Vec::new()))
            }
            (Target::Detail(view, _), &Method::OPTIONS) => {
                Ok((StatusCode::OK, metadata(&format!("{} Instance", view.resource.model().name), "")))
            }
            (_, method) => Err(Error::MethodNotAllowed(method.to_string())),
        }
    }

    /// The API root: the address of each list.
    fn root(&self, parts: &http::request::Parts) -> Vec<u8> {
        let base = absolute(parts);
        // what a suffix added to the root's own address is not part of the lists'
        let base = base.rsplit_once('/').map_or(base.as_str(), |(base, _)| base);
        let format = parameters(parts.uri.query().unwrap_or("")).into_iter().rev().find(|(name, _)| name == "format");
        let format = format.map(|(_, format)| format!("?format={format}")).unwrap_or_default();
        let mut out = vec![b'{'];
        for (n, prefix) in self.resolver.prefixes().enumerate() {
            if n > 0 {
                out.push(b',');
            }
            write::string(prefix, &mut out);
            out.push(b':');
            write::string(&format!("{base}/{prefix}/{format}"), &mut out);
        }
        out.push(b'}');
        out
    }

    /// A path that means nothing: Django's redirect to its final slash, or its 404.
    fn unknown(&self, path: &str, uri: &Uri, headers: &HeaderMap) -> Response {
        if !path.ends_with('/') && self.resolver.resolve(&format!("{path}/")).is_some() {
            let query = uri.query().map(|q| format!("?{q}")).unwrap_or_default();
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
            response.headers_mut().insert(header::CONTENT_TYPE, HTML);
            // an address that begins with two slashes would name another host
            let path = format!("/{}", uri.path().trim_start_matches('/'));
            if let Ok(location) = HeaderValue::from_str(&format!("{path}/{query}")) {
                response.headers_mut().insert(header::LOCATION, location);
            }
            return response;
        }
        let wants_json = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok());
        if wants_json.is_some_and(|accept| accept.contains("application/json")) {
            let mut body = Vec::new();
            Error::not_found().write_body(&mut body);
            return respond(StatusCode::NOT_FOUND, body, false);
        }
        let mut response = Response::new(Body::from(NOT_FOUND_PAGE));
        *response.status_mut() = StatusCode::NOT_FOUND;
        response.headers_mut().insert(header::CONTENT_TYPE, HTML);
        response
    }
}

/// The key in a path, as DRF's lookup reads it.
fn key(resource: &Resource, text: &str) -> Result<DbValue> {
    let column = resource.model().columns.get(resource.plan.by());
    let kind = column.map_or(ColumnKind::BigInteger, |c| c.kind);
    parse_key(kind, &Value::Str(text.to_owned())).map(convert::to_db).map_err(|error| match error {
        KeyError::NoSuchRow => resource.no_match(),
        KeyError::WrongType | KeyError::NotAUuid => Error::not_found(),
    })
}

/// Scheme, host and path of a request, as it was before an outer router took its part of the path.
fn absolute(parts: &http::request::Parts) -> String {
    let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |original| &original.0);
    let host = parts.headers.get(header::HOST).and_then(|v| v.to_str().ok());
    let host = host.or_else(|| uri.authority().map(|a| a.as_str())).unwrap_or("localhost");
    format!("http://{host}{}", uri.path())
}

fn metadata(name: &str, description: &str) -> Vec<u8> {
    let mut out = b"{\"name\":".to_vec();
    write::string(name, &mut out);
    out.extend_from_slice(b",\"description\":");
    write::string(description, &mut out);
    out.extend_from_slice(b",\"renders\":[\"application/json\"],\"parses\":[\"application/json\"]}");
    out
}

fn respond(status: StatusCode, body: Vec<u8>, is_head: bool) -> Response {
    let length = body.len();
    let mut response = Response::new(if is_head { Body::empty() } else { Body::from(body) });
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if status == StatusCode::NO_CONTENT {
        return response;
    }
    headers.insert(header::CONTENT_TYPE, JSON);
    if is_head {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(header::RETRY_AFTER, RETRY_AFTER);
    }
    response
}

/// Whoever runs the server learns what a client does not.
fn log(error: &Error) {
    match error {
        Error::Internal(_) => tracing::error!(error = %chain(error), "a request failed"),
        Error::Unavailable(_) => tracing::warn!(error = %chain(error), "a request was turned away"),
        _ => {}
    }
}

fn chain(error: &Error) -> Cow<'static, str> {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let next = cause.to_string();
        if !text.contains(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        source = cause.source();
    }
    Cow::Owned(text)
}
