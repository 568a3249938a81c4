//! Function views (`/fn/`), and views for OPTIONS (`/meta/`).

use bowline::parsers::{JSONParser, Parsers};
use bowline::permissions::IsAuthenticatedOrReadOnly;
use bowline::prelude::*;
use bowline::renderers::Renderers;
use bowline::value;
use http::header::{CONTENT_TYPE, ETAG, LOCATION};
use http::{HeaderName, Method, StatusCode};

use crate::authentication;
use crate::models::tag;
use crate::serializers as s;

async fn hello(request: Request) -> Response {
    Response::new(value!({"hello": request.query_param("name").unwrap_or_else(|| "world".into())}))
}

async fn notes(mut request: Request) -> bowline::Result<Response> {
    if *request.method() == Method::DELETE {
        return Ok(Response::no_content());
    }
    if *request.method() == Method::POST {
        let by = request.user().map(|user| user.username.clone());
        let data = request.data().await?;
        return Ok(Response::new(value!({"by": by, "data": data})).status(StatusCode::CREATED));
    }
    let many: Vec<Value> = request.query_params("n").into_iter().map(Value::from).collect();
    Ok(Response::new(value!({"number": request.path_value::<i64>("number").ok(), "many": many})))
}

async fn put_only(mut request: Request) -> bowline::Result<Response> {
    let method = request.method().to_string();
    let mut keys: Vec<String> =
        request.data().await?.as_map().map(|map| map.keys().map(ToString::to_string).collect()).unwrap_or_default();
    keys.sort();
    let keys: Vec<Value> = keys.into_iter().map(Value::from).collect();
    Ok(Response::new(value!({"method": method, "keys": keys})))
}

async fn raw_response(request: Request) -> axum::response::Response {
    use axum::response::IntoResponse;
    if request.query_param("kind").as_deref() == Some("text") {
        return ([(CONTENT_TYPE, "text/plain")], "raw text").into_response();
    }
    let json = [(CONTENT_TYPE, "application/json")];
    (StatusCode::NON_AUTHORITATIVE_INFORMATION, json, r#"{"raw": true}"#).into_response()
}

async fn headers_view(_: Request) -> Response {
    Response::new(value!({"ok": true}))
        .header(HeaderName::from_static("x-rate"), "5")
        .header(ETAG, "\"abc\"")
        .header(LOCATION, "/there/")
}

pub fn urls() -> DefaultRouter {
    let notes = api_view([Method::GET, Method::OPTIONS, Method::DELETE, Method::POST], notes)
        .permissions(IsAuthenticatedOrReadOnly)
        .authentication([authentication::token()]);
    DefaultRouter::new()
        .path("hello/", api_view([Method::GET], hello).description("Says hello."))
        .path("notes/", notes.clone())
        .path("notes/<int:number>/", notes)
        .path(
            "put-only/",
            api_view([Method::PATCH, Method::OPTIONS, Method::PUT], put_only)
                .renderers(Renderers::json())
                .parsers(Parsers::none().with(JSONParser::new())),
        )
        .path("raw/", api_view([Method::GET], raw_response))
        .path("headers/", api_view([Method::GET], headers_view))
}

async fn nothing(_: Request) -> Value {
    value!({})
}

pub fn meta_urls() -> DefaultRouter {
    let tags = |name: &str| {
        ModelViewSet::<tag::Entity>::new().serializer(s::tags()).actions([Action::List, Action::Create]).name(name)
    };
    let quiet = |request: &Request| value!({"name": request.view_name(), "method": request.method().as_str()});
    DefaultRouter::new()
        .generic("custom/", tags("MetaCustom").metadata(quiet))
        .generic("none/", tags("MetaNone").no_metadata())
        .path(
            "named/",
            ApiView::new("NamedView").name("A Custom Name").description("A custom description.").get(nothing),
        )
        .path(
            "long/",
            ApiView::new("LongNamedXMLThingAPIView").get(nothing).description(
                "
    First line.

        indented

    Last line.
    ",
            ),
        )
}
