//! Answers to requests that no view sees.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use crate::error::{Error, ErrorFormat};
use crate::value::write;

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const PAGE: &str = "\n<!doctype html>\n<html lang=\"en\">\n<head>\n  <title>Bad Request (400)</title>\n</head>\n<body>\n  \
    <h1>Bad Request (400)</h1><p></p>\n</body>\n</html>\n";

/// An error as JSON, in the shape that the settings ask for.
pub(crate) fn error(error: &Error, method: &Method, format: ErrorFormat) -> Response {
    let mut body = Vec::new();
    write::value(&error.body(format, true), &mut body);
    let mut response = Response::default();
    *response.status_mut() = error.status();
    response.headers_mut().extend(error.headers());
    let json = if format == ErrorFormat::ProblemDetails { "application/problem+json" } else { "application/json" };
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(json));
    fill(&mut response, method, body);
    response
}

/// Django's page for a request that cannot be one.
pub(crate) fn page(method: &Method) -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response.headers_mut().insert(header::CONTENT_TYPE, HTML);
    fill(&mut response, method, PAGE.into());
    response
}

/// Whether a client asked for JSON by name.
pub(crate) fn wants_json(headers: &HeaderMap) -> bool {
    let json = b"application/json";
    headers.get_all(header::ACCEPT).iter().any(|accept| accept.as_bytes().windows(json.len()).any(|word| word == json))
}

fn fill(response: &mut Response, method: &Method, body: Vec<u8>) {
    if *method == Method::HEAD {
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    } else {
        *response.body_mut() = Body::from(body);
    }
}
