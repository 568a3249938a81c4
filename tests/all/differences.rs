//! Rows of `docs/differences.md` that were held against DRF 3.18.3 by observation: what it answers is said beside each.
#![allow(clippy::unwrap_used)]

use axum::body::Body;
use axum::http::Request as HttpRequest;
use bowline::fields::{CharField, DecimalField, Field};
use bowline::prelude::*;
use bowline::serializers::Serializer;
use http_body_util::BodyExt;
use tower::ServiceExt;

/// DRF: 200 with 310 digits as text; 500 (`Out of range float values are not JSON compliant`) as a number.
#[test]
fn a_decimal_beyond_every_float() {
    for shown_as_text in [true, false] {
        let field = Field::new("n", DecimalField::new(None, None).coerce_to_string(shown_as_text));
        let error = field.clean(&"1e309".into()).unwrap_err();
        assert_eq!(error.to_json(), r#"["A valid number is required."]"#);
        assert!(field.clean(&"1e308".into()).is_ok());
    }
}

/// DRF: 500 (`decimal.InvalidOperation`).
#[test]
fn a_decimal_of_too_many_digits() {
    let field = Field::new("n", DecimalField::new(None, 2));
    let error = field.clean(&"1e40".into()).unwrap_err();
    assert_eq!(error.to_json(), r#"["Ensure that there are no more than 28 digits in total."]"#);
}

/// DRF: the same to what is no text encoding (`zlib` to `undefined`), 200 to what Python does not know, the body
/// read to `idna` and those after it, where cp037 and Punycode make no JSON of this body (400).
#[tokio::test]
async fn charsets() {
    async fn echo(mut request: Request) -> bowline::Result<Response> {
        Ok(Response::new(request.validate().await?))
    }
    let folder = tempfile::tempdir().unwrap();
    let names = Serializer::new().field(Field::new("name", CharField::new()));
    let router = DefaultRouter::new().path("echo/", ApiView::new("Echo").serializer(names).post(echo));
    let database = format!("sqlite://{}", folder.path().join("db.sqlite3").display());
    let app = router.into_axum(&database).await.unwrap();
    let answer = async |charset: &str| {
        let request =
            HttpRequest::post("/echo/").header("content-type", format!("application/json; charset={charset}"));
        let request = request.body(Body::from(r#"{"name": "x"}"#)).unwrap();
        let response = app.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    };
    for charset in ["utf-8", "latin-1", "mac_roman", "nosuch", "mbcs"] {
        assert_eq!(answer(charset).await, (200, r#"{"name":"x"}"#.to_owned()), "{charset}");
    }
    let nowhere = ["zlib", "bz2", "rot13", "base64", "hex", "uu", "quopri", "undefined"];
    let here = ["idna", "punycode", "unicode_escape", "raw_unicode_escape", "utf-7", "cp037", "cp437", "mac_greek"];
    for charset in nowhere.into_iter().chain(here) {
        let body = format!(r#"{{"detail":"Unsupported charset \"{charset}\" in request Content-Type header."}}"#);
        assert_eq!(answer(charset).await, (400, body));
    }
}
