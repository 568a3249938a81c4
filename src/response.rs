//! Answers: data that a renderer turns into bytes once the client's wishes are known.
//!
//! See DRF's chapter "Responses".

use std::borrow::Cow;
use std::fmt;

use axum::body::Body;
use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};

use crate::error::{Error, Result};
use crate::renderers::Unrenderable;
use crate::value::{Value, json, write};

/// An answer before it is rendered, DRF's `Response`.
///
/// ```
/// use bowline::response::Response;
/// use bowline::value;
/// use http::{StatusCode, header};
///
/// let response = Response::new(value!({"id": 9}))
///     .status(StatusCode::CREATED)
///     .header(header::LOCATION, "/rows/9/");
/// assert_eq!(response.status, StatusCode::CREATED);
/// ```
#[derive(Debug)]
pub struct Response {
    /// The status; 200 unless set.
    pub status: StatusCode,
    /// What the renderer gets.
    pub data: Data,
    /// Headers beside those that the view makes (`Allow`, `Vary`, `Content-Type`).
    pub headers: HeaderMap,
    /// Another `Content-Type` than the renderer's.
    pub content_type: Option<HeaderValue>,
}

/// What an answer holds.
pub enum Data {
    /// A value; null is an answer without a body and without `Content-Type`.
    Value(Value),
    /// JSON text, as a serializer wrote it from a row.
    Json(Vec<u8>),
    /// Bytes that no renderer touches; their headers are in the response.
    Raw(Body),
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Data::Value(value) => f.debug_tuple("Value").field(value).finish(),
            Data::Json(text) => f.debug_tuple("Json").field(&String::from_utf8_lossy(text)).finish(),
            Data::Raw(_) => f.write_str("Raw(..)"),
        }
    }
}

impl Data {
    /// The data as a value.
    ///
    /// # Errors
    ///
    /// [`Unrenderable`] for bytes that no renderer touches.
    pub fn to_value(&self) -> Result<Cow<'_, Value>, Unrenderable> {
        match self {
            Data::Value(value) => Ok(Cow::Borrowed(value)),
            Data::Json(text) => json::parse(text).map(Cow::Owned).map_err(|_| Unrenderable),
            Data::Raw(_) => Err(Unrenderable),
        }
    }

    /// The data as JSON text; nothing for null.
    ///
    /// # Errors
    ///
    /// [`Unrenderable`] for bytes that no renderer touches.
    pub fn to_json(&self) -> Result<Cow<'_, [u8]>, Unrenderable> {
        match self {
            Data::Value(Value::Null) => Ok(Cow::Borrowed(b"")),
            Data::Value(value) => {
                let mut text = Vec::new();
                write::value(value, &mut text);
                Ok(Cow::Owned(text))
            }
            Data::Json(text) => Ok(Cow::Borrowed(text)),
            Data::Raw(_) => Err(Unrenderable),
        }
    }
}

impl Response {
    /// 200 with data.
    pub fn new(data: impl Into<Value>) -> Self {
        Response::of(Data::Value(data.into()))
    }

    /// 200 without a body.
    pub fn empty() -> Self {
        Response::new(Value::Null)
    }

    /// 204.
    pub fn no_content() -> Self {
        Response::empty().status(StatusCode::NO_CONTENT)
    }

    /// 200 with JSON text that is ready.
    pub fn json(text: Vec<u8>) -> Self {
        Response::of(Data::Json(text))
    }

    fn of(data: Data) -> Self {
        Response { status: StatusCode::OK, data, headers: HeaderMap::new(), content_type: None }
    }

    /// With a status.
    pub fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// With a header; a value that is no header's is left out.
    pub fn header(mut self, name: HeaderName, value: impl AsRef<[u8]>) -> Self {
        if let Ok(value) = HeaderValue::from_bytes(value.as_ref()) {
            self.headers.append(name, value);
        }
        self
    }

    /// With more headers, like the cookies of a login.
    pub fn extended(mut self, headers: HeaderMap) -> Self {
        for (name, value) in &headers {
            self.headers.append(name, value.clone());
        }
        self
    }

    /// With another `Content-Type` than the renderer's.
    pub fn content_type(mut self, media_type: &'static str) -> Self {
        self.content_type = Some(HeaderValue::from_static(media_type));
        self
    }
}

/// An axum response passes through as it is, but for `Allow` and `Vary`.
impl From<axum::response::Response> for Response {
    fn from(response: axum::response::Response) -> Self {
        let (parts, body) = response.into_parts();
        Response { status: parts.status, data: Data::Raw(body), headers: parts.headers, content_type: None }
    }
}

/// What a handler may return.
pub trait IntoResponse {
    /// The answer, or the error that is one.
    ///
    /// # Errors
    ///
    /// The handler's own.
    fn into_response(self) -> Result<Response>;
}

impl IntoResponse for Response {
    fn into_response(self) -> Result<Response> {
        Ok(self)
    }
}

impl IntoResponse for Value {
    fn into_response(self) -> Result<Response> {
        Ok(Response::new(self))
    }
}

impl IntoResponse for () {
    fn into_response(self) -> Result<Response> {
        Ok(Response::empty())
    }
}

impl IntoResponse for axum::response::Response {
    fn into_response(self) -> Result<Response> {
        Ok(self.into())
    }
}

impl<T: IntoResponse, E: Into<Error>> IntoResponse for Result<T, E> {
    fn into_response(self) -> Result<Response> {
        self.map_err(Into::into)?.into_response()
    }
}
