//! Views without a model, as a client sees them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::borrow::Cow;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{Method, Request as HttpRequest, StatusCode, header};
use bowline::authentication::{Authenticated, Authentication};
use bowline::error::{ApiException, ErrorContext, ErrorFormat, ExceptionHandler, exception_handler};
use bowline::prelude::*;
use bowline::renderers::{BrowsableAPIRenderer, Renderers};
use bowline::value;
use http_body_util::BodyExt;
use tower::ServiceExt;

/// What came back.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: axum::http::HeaderMap,
    body: String,
}

impl Answer {
    fn header(&self, name: header::HeaderName) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

struct App {
    router: axum::Router,
    _folder: tempfile::TempDir,
}

impl App {
    async fn new(api: DefaultRouter) -> App {
        let folder = tempfile::tempdir().unwrap();
        let router = api.into_axum(folder.path().join("rows.sqlite3").to_str().unwrap()).await.unwrap();
        App { router, _folder: folder }
    }

    async fn send(&self, request: HttpRequest<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    async fn call(&self, method: &str, path: &str) -> Answer {
        self.send(HttpRequest::builder().method(method).uri(path).body(Body::empty()).unwrap()).await
    }

    async fn get(&self, path: &str, accept: &str) -> Answer {
        self.send(HttpRequest::get(path).header(header::ACCEPT, accept).body(Body::empty()).unwrap()).await
    }

    async fn post(&self, path: &str, body: &str) -> Answer {
        let request = HttpRequest::post(path).header(header::CONTENT_TYPE, "application/json");
        self.send(request.header(header::CONTENT_LENGTH, body.len()).body(Body::from(body.to_owned())).unwrap()).await
    }
}

async fn show(request: Request) -> bowline::Result<Response> {
    let number: i64 = request.path_value("number")?;
    Ok(Response::new(value!({"number": number, "q": request.query_params("q").len()})))
}

async fn echo(mut request: Request) -> bowline::Result<Response> {
    Ok(Response::new(value!({"got": request.data().await?})).status(StatusCode::CREATED))
}

async fn hello(_: Request) -> Value {
    value!("hello")
}

async fn fail(request: Request) -> bowline::Result<Response> {
    Err(match request.kwarg("kind").unwrap_or_default() {
        "anonymous" => Error::not_authenticated(),
        "throttled" => Error::throttled(Some(12.3)),
        "crash" => panic!("a secret"),
        "internal" => Error::internal("a secret"),
        "teapot" => ApiException::new(StatusCode::IM_A_TEAPOT, value!({"brew": ["tea"]}), "teapot").into(),
        "validation" => ValidationError::field("name", ValidationError::new("No.", "refused")).into(),
        _ => Error::http404(),
    })
}

fn both() -> Settings {
    Settings { renderers: Renderers::json().and(BrowsableAPIRenderer::new()), ..Settings::default() }
}

#[tokio::test]
async fn methods_and_their_headers() {
    let view = ApiView::new("NumberView")
        .description("Numbers.")
        .get(show)
        .post(echo)
        .delete(async |_: Request| Response::no_content());
    let app = App::new(DefaultRouter::new().settings(both()).path("numbers/<int:number>/", view)).await;
    let answer = app.get("/numbers/007/?q=1&q=2", "*/*").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"number":7,"q":2}"#));
    assert_eq!(answer.header(header::ALLOW), Some("GET, POST, DELETE, HEAD, OPTIONS"));
    assert_eq!(answer.header(header::VARY), Some("Accept"));
    assert_eq!(answer.header(header::CONTENT_TYPE), Some("application/json"));

    let answer = app.call("HEAD", "/numbers/7/").await;
    assert_eq!((answer.status, answer.body.as_str(), answer.header(header::CONTENT_LENGTH)), (200, "", Some("18")));
    let answer = app.call("PUT", "/numbers/7/").await;
    assert_eq!((answer.status, answer.body.as_str()), (405, r#"{"detail":"Method \"PUT\" not allowed."}"#));
    assert_eq!(app.call("BREW", "/numbers/7/").await.body, r#"{"detail":"Method \"BREW\" not allowed."}"#);
    let answer = app.call("DELETE", "/numbers/7/").await;
    assert_eq!((answer.status, answer.header(header::CONTENT_TYPE)), (204, None));
    let answer = app.call("OPTIONS", "/numbers/7/").await;
    assert_eq!(answer.status, 200);
    assert!(
        answer.body.starts_with(
            r#"{"name":"Number","description":"Numbers.","renders":["application/json","text/html"],"parses":["#
        ),
        "{}",
        answer.body
    );
    // a number that is none of an i64
    assert_eq!(app.get("/numbers/99999999999999999999/", "*/*").await.status, 404);
}

#[tokio::test]
async fn function_views_have_no_head_and_name_their_methods_in_their_order() {
    let view = api_view([Method::PATCH, Method::GET], hello);
    let app = App::new(DefaultRouter::new().path("hello/", view)).await;
    let answer = app.get("/hello/", "*/*").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, r#""hello""#));
    assert_eq!((answer.header(header::ALLOW), answer.header(header::VARY)), (Some("PATCH, GET, OPTIONS"), None));
    assert_eq!(app.call("HEAD", "/hello/").await.status, 405);
    assert!(app.call("OPTIONS", "/hello/").await.body.starts_with(r#"{"name":"Hello","#));

    // OPTIONS has a place in the order, and still is not the function's
    let view = api_view([Method::PATCH, Method::OPTIONS, Method::PUT], hello);
    let app = App::new(DefaultRouter::new().path("hello/", view)).await;
    let answer = app.call("OPTIONS", "/hello/").await;
    assert_eq!(answer.header(header::ALLOW), Some("PATCH, OPTIONS, PUT"));
    assert!(answer.body.starts_with(r#"{"name":"Hello","#), "{}", answer.body);
}

#[tokio::test]
async fn the_order_of_what_can_be_wrong() {
    #[derive(Debug)]
    struct Refuses;

    #[bowline::async_trait]
    impl Authentication for Refuses {
        async fn authenticate(&self, _: &Context, _: &Database) -> bowline::Result<Option<Authenticated>> {
            Err(Error::authentication_failed("No."))
        }
        fn authenticate_header(&self, _: &Context) -> Option<Cow<'static, str>> {
            Some("Key realm=\"x\"".into())
        }
    }

    let ways: [Arc<dyn Authentication>; 1] = [Arc::new(Refuses)];
    let view = ApiView::new("V").post(echo);
    let api = DefaultRouter::new().path("a/", view.clone().authentication(ways)).path("b/", view);
    let app = App::new(api).await;
    // what the client takes comes first, then who it is, then the method, then the body
    assert_eq!(app.get("/a/", "image/png").await.status, 406);
    assert_eq!(app.get("/a/?format=zip", "*/*").await.status, 404);
    let answer = app.get("/a/", "*/*").await;
    assert_eq!((answer.status, answer.body.as_str()), (401, r#"{"detail":"No."}"#));
    assert_eq!(answer.header(header::WWW_AUTHENTICATE), Some("Key realm=\"x\""));
    assert_eq!(app.get("/b/", "*/*").await.status, 405);
    assert_eq!(app.post("/b/", "{").await.status, 400);
    assert_eq!(app.post("/b/", "").await.body, r#"{"got":{}}"#);
    assert_eq!(app.post("/b/", "[1.0, 1]").await.body, r#"{"got":[1.0,1]}"#);
}

#[tokio::test]
async fn what_json_has_no_form_for_goes_back_as_the_clients_mistake() {
    let api = DefaultRouter::new()
        .path("echo/", ApiView::new("EchoView").post(echo).get(async |_: Request| value!(f64::NAN)));
    let app = App::new(api).await;
    assert_eq!(app.post("/echo/", "1e400").await.status, 400);
    assert_eq!(app.post("/echo/", r#"["\ud800"]"#).await.status, 400);
    assert_eq!(app.get("/echo/", "*/*").await.body, r#"{"detail":"A server error occurred."}"#);
}

#[tokio::test]
async fn errors_and_their_handlers() {
    fn shaped(error: &Error, cx: &ErrorContext<'_>) -> Option<Response> {
        let mut response = exception_handler(error, cx)?;
        let data = value!({"view": cx.view, "codes": error.get_codes(), "kind": cx.request.kwarg("kind")});
        response.data = Data::Value(data);
        Some(response)
    }
    let view = ApiView::new("FailView").get(fail);
    let api = DefaultRouter::new()
        .path("fail/<str:kind>/", view.clone())
        .path("shaped/<str:kind>/", view.exception_handler(ExceptionHandler::new(shaped)));
    let app = App::new(api).await;
    for (kind, status, body) in [
        // nobody is there to authenticate by
        ("anonymous", 403, r#"{"detail":"Authentication credentials were not provided."}"#),
        ("throttled", 429, r#"{"detail":"Request was throttled. Expected available in 13 seconds."}"#),
        ("teapot", 418, r#"{"brew":["tea"]}"#),
        ("validation", 400, r#"{"name":["No."]}"#),
        ("nothing", 404, r#"{"detail":"Not found."}"#),
        ("crash", 500, r#"{"detail":"A server error occurred."}"#),
        ("internal", 500, r#"{"detail":"A server error occurred."}"#),
    ] {
        let answer = app.get(&format!("/fail/{kind}/"), "*/*").await;
        assert_eq!((answer.status, answer.body.as_str()), (status, body));
        assert_eq!(answer.header(header::RETRY_AFTER), (status == 429).then_some("13"));
    }
    for (kind, status, body) in [
        ("validation", 400, r#"{"view":"FailView","codes":{"name":["refused"]},"kind":"validation"}"#),
        ("nothing", 404, r#"{"view":"FailView","codes":null,"kind":"nothing"}"#),
        ("internal", 500, r#"{"detail":"A server error occurred."}"#),
    ] {
        let answer = app.get(&format!("/shaped/{kind}/"), "*/*").await;
        assert_eq!((answer.status, answer.body.as_str()), (status, body));
    }
}

#[tokio::test]
async fn the_shape_of_errors_is_a_setting() {
    let api = |errors| {
        let settings = Settings { errors, ..both() };
        DefaultRouter::new().settings(settings).path("fail/<str:kind>/", ApiView::new("FailView").get(fail))
    };
    let app = App::new(api(ErrorFormat::FullDetails)).await;
    let answer = app.get("/fail/validation/", "*/*").await;
    assert_eq!(answer.body, r#"{"name":[{"message":"No.","code":"refused"}]}"#);
    let app = App::new(api(ErrorFormat::ProblemDetails)).await;
    let answer = app.get("/fail/validation/", "*/*").await;
    assert_eq!(answer.header(header::CONTENT_TYPE), Some("application/problem+json"));
    assert!(answer.body.contains(r##""errors":[{"detail":"No.","code":"refused","pointer":"#/name"}]"##));
    // a page stays a page
    let answer = app.get("/fail/validation/", "text/html").await;
    assert_eq!(answer.header(header::CONTENT_TYPE), Some("text/html; charset=utf-8"));
}

#[tokio::test]
async fn answers_of_other_kinds() {
    async fn raw(_: Request) -> axum::response::Response {
        use axum::response::IntoResponse;
        (StatusCode::ACCEPTED, [(header::CONTENT_TYPE, "text/plain")], "raw").into_response()
    }
    let api = DefaultRouter::new()
        .settings(both())
        .path("raw/", ApiView::new("RawView").get(raw))
        .path("empty/", ApiView::new("EmptyView").get(async |_: Request| ()))
        .path("hello/", ApiView::new("HelloView").get(hello));
    let app = App::new(api).await;
    let answer = app.get("/raw/", "*/*").await;
    assert_eq!((answer.status, answer.body.as_str()), (202, "raw"));
    assert_eq!(answer.header(header::CONTENT_TYPE), Some("text/plain"));
    assert_eq!(answer.header(header::ALLOW), Some("GET, HEAD, OPTIONS"));
    let answer = app.get("/empty/", "*/*").await;
    assert_eq!((answer.status, answer.body.as_str(), answer.header(header::CONTENT_TYPE)), (200, "", None));
    let answer = app.get("/hello/", "text/html").await;
    assert!(answer.body.contains("<h1>Hello</h1>") && answer.body.contains("&quot;hello&quot;"), "{}", answer.body);
    assert_eq!(app.get("/hello/", "application/json; indent=4").await.body, r#""hello""#);
}

#[tokio::test]
async fn paths() {
    let inner = DefaultRouter::new().path("hello/", api_view([Method::GET], hello)).path(
        "^(?P<a>[a-z]+)-(?P<b>[0-9]+)/$",
        api_view([Method::GET], async |request: Request| value!({"a": request.kwarg("a"), "b": request.kwarg("b")})),
    );
    let app = App::new(DefaultRouter::new().include("in/side/", inner)).await;
    assert_eq!(app.get("/in/side/hello/", "*/*").await.status, 200);
    assert_eq!(app.get("/in/side/x-1/", "*/*").await.body, r#"{"a":"x","b":"1"}"#);
    let answer = app.call("PUT", "/in/side/hello?q=1").await;
    assert_eq!((answer.status, answer.header(header::LOCATION)), (301, Some("/in/side/hello/?q=1")));
    // an included router without view sets has no root
    for path in ["/in/side/", "/hello/", "//in/side/hello/", "/in/side/hello/x/"] {
        let answer = app.get(path, "*/*").await;
        assert_eq!((answer.status, answer.header(header::CONTENT_TYPE)), (404, Some("text/html; charset=utf-8")));
    }
    assert_eq!(app.get("/nowhere/", "application/json").await.body, r#"{"detail":"Not found."}"#);

    // below an outer router, addresses are the outer ones
    let nested = App { router: axum::Router::new().nest("/outer", app.router), _folder: app._folder };
    let answer = nested.get("/outer/in/side/hello", "*/*").await;
    assert_eq!((answer.status, answer.header(header::LOCATION)), (301, Some("/outer/in/side/hello/")));

    let folder = tempfile::tempdir().unwrap();
    let bad = DefaultRouter::new().path("a/<int:n/", api_view([Method::GET], hello));
    let bad = bad.into_axum(folder.path().join("rows.sqlite3").to_str().unwrap()).await;
    assert_eq!(bad.unwrap_err().to_string(), "The path \"a/<int:n/\" has a `<` without its `>`.");
}

#[tokio::test]
async fn view_sets_without_a_model() {
    async fn key(request: Request) -> bowline::Result<Value> {
        let pk: String = request.path_value("pk")?;
        Ok(value!({"pk": pk, "what": request.kwarg("what")}))
    }
    let words = || {
        ViewSet::new("WordViewSet")
            .description("Words.")
            .list(hello)
            .create(echo)
            .retrieve(key)
            .action("count", ApiView::new("count_all").get(hello))
            .detail_action("say/(?P<what>[a-z]+)", ApiView::new("say").post(key))
    };
    let bare = DefaultRouter::simple().trailing_slash(false).view_set("words", words());
    let api = DefaultRouter::new().view_set("words", words()).include("bare/", bare);
    let app = App::new(api).await;
    let answer = app.get("/words/", "*/*").await;
    assert_eq!((answer.status, answer.header(header::ALLOW)), (200, Some("GET, POST, HEAD, OPTIONS")));
    assert_eq!(app.get("/words/a-1/", "*/*").await.body, r#"{"pk":"a-1","what":null}"#);
    assert_eq!(app.get("/words/a-1.json", "*/*").await.body, r#"{"pk":"a-1","what":null}"#);
    assert_eq!(app.post("/words/7/say/yes/", "").await.body, r#"{"pk":"7","what":"yes"}"#);
    assert_eq!(app.post("/words/7/say/NO/", "").await.status, 404);
    assert_eq!(app.call("DELETE", "/words/7/").await.status, 405);
    assert!(app.call("OPTIONS", "/words/").await.body.starts_with(r#"{"name":"Word List","description":"Words.","#));
    assert!(app.call("OPTIONS", "/words/7/").await.body.starts_with(r#"{"name":"Word Instance","#));
    let further = app.call("OPTIONS", "/words/count/").await.body;
    assert!(further.starts_with(r#"{"name":"Count all","description":"Words.","#), "{further}");
    assert_eq!(app.get("/", "*/*").await.body, r#"{"words":"http://localhost/words/"}"#);
    assert_eq!(app.get("/.json", "*/*").await.body, r#"{"words":"http://localhost/words.json"}"#);
    // a simple router has no root, no suffixes, and here no final slash
    assert_eq!(app.get("/bare/words/count", "*/*").await.status, 200);
    for path in ["/bare/", "/bare/words/", "/bare/words.json", "/bare/words/count/"] {
        assert_eq!(app.get(path, "*/*").await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn suffixes_and_negotiation_of_ones_own() {
    use bowline::negotiation::ContentNegotiation;
    use bowline::renderers::Accepted;

    #[derive(Debug)]
    struct IgnoreClient;

    impl ContentNegotiation for IgnoreClient {
        fn select_renderer(&self, renderers: &Renderers, _: &Context, _: Option<&str>) -> bowline::Result<Accepted> {
            Ok(renderers.first())
        }
    }

    let view = ApiView::new("HelloView").get(hello);
    let api = DefaultRouter::new()
        .settings(both())
        .path("hello", view.clone())
        .format_suffix_patterns()
        .path("ignore/", view.negotiation(IgnoreClient));
    let app = App::new(api).await;
    assert_eq!(app.get("/hello", "*/*").await.status, 200);
    let answer = app.get("/hello.api", "*/*").await;
    assert_eq!(answer.header(header::CONTENT_TYPE), Some("text/html; charset=utf-8"));
    assert_eq!(app.get("/hello.json", "text/html").await.status, 406);
    assert_eq!(app.get("/hello.zip", "*/*").await.body, r#"{"detail":"Not found."}"#);
    assert_eq!(app.get("/ignore.json", "*/*").await.header(header::CONTENT_TYPE), Some("text/html; charset=utf-8"));
    assert_eq!(app.get("/ignore/", "image/png").await.body, r#""hello""#);
}

#[tokio::test]
async fn vary_names_what_decides_who_it_is() {
    #[derive(Debug)]
    struct Way(Option<&'static str>, Option<&'static str>);

    #[bowline::async_trait]
    impl Authentication for Way {
        async fn authenticate(&self, request: &Context, _: &Database) -> bowline::Result<Option<Authenticated>> {
            Ok(self.1.and_then(|name| request.header(name)).map(|value| Authenticated::new(User::new(1, value))))
        }
        fn vary(&self) -> Option<&'static str> {
            self.0
        }
    }

    async fn who(request: Request) -> Value {
        request.user().map(|user| user.username.as_str()).into()
    }

    let ways: [Arc<dyn Authentication>; 2] =
        [Arc::new(Way(None, Some("x-name"))), Arc::new(Way(Some("Cookie"), Some("cookie")))];
    let api = DefaultRouter::new().settings(both()).path("who/", ApiView::new("WhoView").get(who).authentication(ways));
    let app = App::new(api).await;
    let ask = async |name: &str| {
        let request = HttpRequest::get("/who/").header(name, "ann").body(Body::empty()).unwrap();
        let answer = app.send(request).await;
        (answer.header(header::VARY).map(str::to_owned), answer.body)
    };
    // a way that is not asked decides nothing
    assert_eq!(ask("x-name").await, (Some("Accept".to_owned()), r#""ann""#.to_owned()));
    assert_eq!(ask("cookie").await, (Some("Accept, Cookie".to_owned()), r#""ann""#.to_owned()));
    assert_eq!(ask("x-other").await, (Some("Accept, Cookie".to_owned()), String::new()));
}

#[tokio::test]
async fn unknown_paths() {
    let api = || DefaultRouter::new().path("hello/", ApiView::new("HelloView").get(hello));
    let app = App::new(api()).await;
    let page = app.get("/nothing/", "*/*").await;
    assert_eq!((page.status, page.header(header::CONTENT_TYPE)), (404, Some("text/html; charset=utf-8")));
    let json = app.get("/nothing/", "application/json").await;
    assert_eq!((json.status, json.body.as_str()), (404, r#"{"detail":"Not found."}"#));
    let app = App::new(api().configure(|settings| settings.json_not_found = true)).await;
    let json = app.get("/nothing/", "text/html").await;
    assert_eq!((json.status, json.body.as_str()), (404, r#"{"detail":"Not found."}"#));
    assert_eq!(app.get("/hello", "text/html").await.status, 301);
}
