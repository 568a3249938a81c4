//! A body, validated, as an argument of an axum handler.

use std::ops::{Deref, DerefMut};

use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};

use super::policy::Policy;
use crate::context::Context;
use crate::error::Error;
use crate::serializers::FromBody;
use crate::settings::Settings;
use crate::view_info::ViewInfo;

/// A body as a type with a serializer, or as a list of them (`Valid<Vec<T>>`): an extractor for axum handlers.
///
/// The body is parsed by its media type and run through the serializer of `T`. Where something is wrong, the handler is not
/// called and the answer is DRF's: 400 with the errors by field, 415 for a media type that nothing reads, 408 or 413 for a
/// body that does not arrive or is too long.
///
/// [`Settings`] in the request's extensions (`.layer(axum::Extension(settings))`) change the limits and the shape of errors.
///
/// ```
/// use bowline::prelude::*;
/// use bowline::serializers::Validate;
///
/// # use std::sync::LazyLock;
/// # use bowline::fields::{CharField, Field};
/// # use bowline::serializers::Serializer;
/// struct Greeting {
///     name: String,
/// }
/// # impl Validate for Greeting {
/// #     fn serializer() -> &'static Serializer {
/// #         static S: LazyLock<Serializer> = LazyLock::new(|| Serializer::new().field(Field::new("name", CharField::new())));
/// #         &S
/// #     }
/// #     fn from_value(value: Value) -> Result<Self, ValidationError> {
/// #         Ok(Greeting { name: value.get("name").and_then(Value::as_str).unwrap_or_default().to_owned() })
/// #     }
/// # }
///
/// async fn greet(Valid(greeting): Valid<Greeting>) -> String {
///     format!("Hello, {}!", greeting.name)
/// }
///
/// let app: axum::Router = axum::Router::new().route("/greet", axum::routing::post(greet));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Valid<T>(pub T);

impl<T> Deref for Valid<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Valid<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: FromBody, S: Sync> FromRequest<S> for Valid<T> {
    type Rejection = Invalid;

    async fn from_request(request: Request, _: &S) -> Result<Self, Invalid> {
        let (parts, body) = request.into_parts();
        let settings = parts.extensions.get::<Settings>().cloned().unwrap_or_default();
        let mut context = Context::new(parts, Vec::new());
        let parsed = Policy::new(ViewInfo::new("Valid"), &settings).parse(&mut context, body).await;
        let valid = parsed.and_then(|data| Ok(T::from_body(data, &context)?));
        valid.map(Valid).map_err(|error| Invalid { error, context, settings: Box::new(settings) })
    }
}

/// Why a body was not accepted: DRF's answer to it.
#[derive(Debug)]
pub struct Invalid {
    error: Error,
    context: Context,
    settings: Box<Settings>,
}

impl Invalid {
    /// The error itself.
    pub fn error(&self) -> &Error {
        &self.error
    }
}

impl IntoResponse for Invalid {
    fn into_response(self) -> Response {
        let policy = Policy::new(ViewInfo::new("Valid"), &self.settings);
        policy.error_alone(self.error, &self.context)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::LazyLock;

    use axum::body::Body;
    use axum::routing::post;
    use http::header;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;
    use crate::error::{ErrorFormat, ValidationError};
    use crate::fields::{Field, IntegerField};
    use crate::serializers::{Serializer, Validate};
    use crate::value::Value;

    struct Number(i64);

    impl Validate for Number {
        fn serializer() -> &'static Serializer {
            static SERIALIZER: LazyLock<Serializer> =
                LazyLock::new(|| Serializer::new().field(Field::new("n", IntegerField::new())));
            &SERIALIZER
        }

        fn from_value(value: Value) -> Result<Self, ValidationError> {
            match value.get("n").and_then(Value::as_int) {
                Some(n) if n < 1000 => Ok(Number(n)),
                _ => Err(ValidationError::field("n", "Too large.")),
            }
        }
    }

    async fn post_to(app: axum::Router, content_type: &str, body: &'static str) -> (u16, String, String) {
        let request = axum::extract::Request::post("/");
        let request = request.header(header::CONTENT_TYPE, content_type).body(Body::from(body)).unwrap();
        let response = app.oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let kind = response.headers().get(header::CONTENT_TYPE).unwrap().to_str().unwrap().to_owned();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, kind, String::from_utf8(body.to_vec()).unwrap())
    }

    fn app() -> axum::Router {
        axum::Router::new().route("/", post(async |Valid(n): Valid<Number>| n.0.to_string()))
    }

    #[tokio::test]
    async fn a_handler_gets_what_is_valid() {
        let (status, _, body) = post_to(app(), "application/json", r#"{"n": "7"}"#).await;
        assert_eq!((status, body.as_str()), (200, "7"));
    }

    #[tokio::test]
    async fn what_is_not_is_answered_as_drf_does() {
        let json = "application/json".to_owned();
        for (content_type, body, status, answer) in [
            ("application/json", r#"{"n": "x"}"#, 400, r#"{"n":["A valid integer is required."]}"#),
            ("application/json", r#"{"n": 1000}"#, 400, r#"{"n":["Too large."]}"#),
            (
                "application/json",
                "[",
                400,
                r#"{"detail":"JSON parse error - Expecting value: line 1 column 2 (char 1)"}"#,
            ),
            ("text/plain", "x", 415, r#"{"detail":"Unsupported media type \"text/plain\" in request."}"#),
        ] {
            assert_eq!(post_to(app(), content_type, body).await, (status, json.clone(), answer.to_owned()));
        }
    }

    #[tokio::test]
    async fn lists_and_settings() {
        let app = axum::Router::new().route("/", post(async |Valid(all): Valid<Vec<Number>>| all.len().to_string()));
        let settings = Settings { errors: ErrorFormat::ProblemDetails, ..Settings::default() };
        let app = app.layer(axum::Extension(settings));
        assert_eq!(post_to(app.clone(), "application/json", r#"[{"n": 1}, {"n": 2}]"#).await.2, "2");
        let (status, kind, body) = post_to(app, "application/json", r#"[{"n": 1}, {}]"#).await;
        assert_eq!((status, kind.as_str()), (400, "application/problem+json"));
        assert!(body.contains(r##""pointer":"#/1/n""##), "{body}");
    }
}
