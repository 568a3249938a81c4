//! Links, cookies and redirects of an API that stands behind proxies.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, Request as HttpRequest};
use bowline::authentication::{Accounts, Authentication, SessionAuthentication, Sessions};
use bowline::layers::SecurityLayer;
use bowline::prelude::*;
use bowline::settings::{AllowedHosts, ProxySslHeader, SecurityHeaders, StrictTransportSecurity};
use http_body_util::BodyExt;
use serde_json::{Value as Json, json};
use tower::ServiceExt;

use crate::support::{Client, Database, Response as Answer, Server};

fn ask(client: &mut Client, path: &str, headers: &str) -> Answer {
    client.write(format!("GET {path} HTTP/1.1\r\n{headers}\r\n").as_bytes()).unwrap();
    client.read("GET").unwrap()
}

const FORWARDED: &str = "Host: app:8000\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: api.example.org\r\n";

#[test]
fn links_are_those_of_the_client() {
    let database = Database::sqlite();
    let behind = [
        ("NUM_PROXIES", "1"),
        ("SECURE_PROXY_SSL_HEADER", "X-Forwarded-Proto: https"),
        ("USE_X_FORWARDED_HOST", "on"),
        ("ALLOWED_HOSTS", "api.example.org,app"),
        ("PAGE_SIZE", "1"),
    ];
    let server = Server::start(&database.url(), &behind);
    let mut client = server.client();
    for _ in 0..2 {
        let request = format!("POST /collections/ HTTP/1.1\r\n{FORWARDED}Content-Length: 0\r\n\r\n");
        client.write(request.as_bytes()).unwrap();
        assert_eq!(client.read("POST").unwrap().status, 201);
    }
    let root = ask(&mut client, "/", FORWARDED).json();
    assert_eq!(root["documents"], "https://api.example.org/documents/");
    let page = ask(&mut client, "/collections/", FORWARDED).json();
    assert_eq!(page["next"], "https://api.example.org/collections/?page=2");
    let page = ask(&mut client, "/collections/?page=2", FORWARDED).json();
    assert_eq!(page["previous"], "https://api.example.org/collections/");
    // what stands before the proxy's own word is the client's
    let lists = "Host: app\r\nX-Forwarded-Proto: https, http\r\nX-Forwarded-Host: evil.example, api.example.org\r\n";
    assert_eq!(ask(&mut client, "/", lists).json()["documents"], "http://api.example.org/documents/");
    for evil in ["evil.example", "api.example.org, evil.example", "", "a b"] {
        let headers = format!("Host: app\r\nX-Forwarded-Host: {evil}\r\n");
        assert_eq!(ask(&mut client, "/", &headers).status, 400, "{evil}");
    }
    let twice = "Host: app\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Proto: http\r\n";
    assert_eq!(ask(&mut client, "/", twice).status, 400);
    server.terminate();
}

#[test]
fn nobody_is_a_proxy_by_saying_so() {
    let database = Database::sqlite();
    let server = Server::start(&database.url(), &[("ALLOWED_HOSTS", "app,api.example.org")]);
    let root = ask(&mut server.client(), "/", FORWARDED).json();
    assert_eq!(root["documents"], "http://app:8000/documents/");
    server.terminate();
    for (name, value) in [("SECURE_PROXY_SSL_HEADER", "X-Forwarded-Proto: https"), ("USE_X_FORWARDED_HOST", "on")] {
        let ended = Server::try_start(&database.url(), &[(name, value)]).err().unwrap();
        assert!(ended.log.contains("num_proxies"), "{}", ended.log);
    }
}

#[test]
fn a_public_origin_is_that_of_every_link() {
    let database = Database::sqlite();
    let server = Server::start(&database.url(), &[("PUBLIC_ORIGIN", "https://api.example.org")]);
    let mut client = server.client();
    for headers in
        ["Host: 127.0.0.1:8000\r\n", "Host: api.example.org\r\n", "Host: localhost\r\nX-Forwarded-Proto: http\r\n"]
    {
        assert_eq!(ask(&mut client, "/", headers).json()["documents"], "https://api.example.org/documents/");
    }
    assert_eq!(ask(&mut client, "/", "Host: evil.example\r\n").status, 400);
    server.terminate();
    let ended = Server::try_start(&database.url(), &[("PUBLIC_ORIGIN", "api.example.org")]).err().unwrap();
    assert!(ended.log.contains("is no origin"), "{}", ended.log);
}

#[test]
fn http_is_redirected_to_https_where_the_environment_says_so() {
    let database = Database::sqlite();
    let ssl =
        [("NUM_PROXIES", "1"), ("SECURE_PROXY_SSL_HEADER", "X-Forwarded-Proto: https"), ("SECURE_SSL_REDIRECT", "on")];
    let server = Server::start(&database.url(), &[&ssl[..], &[("SECURE_HSTS_SECONDS", "3600")]].concat());
    let mut client = server.client();
    let plain = ask(&mut client, "/collections/?page=2&a=%5B", "Host: localhost\r\nX-Forwarded-Proto: http\r\n");
    assert_eq!(plain.status, 301);
    assert_eq!(plain.header("location"), Some("https://localhost/collections/?page=2&a=%5B"));
    assert_eq!(plain.header("strict-transport-security"), None);
    assert_eq!(plain.header("x-frame-options"), Some("DENY"));
    let secure = ask(&mut client, "/collections/", "Host: localhost\r\nX-Forwarded-Proto: https\r\n");
    assert_eq!((secure.status, secure.header("strict-transport-security")), (200, Some("max-age=3600")));
    assert_eq!(ask(&mut client, "/", "Host: evil.example\r\n").status, 400);
    server.terminate();
    let ended = Server::try_start(&database.url(), &[("SECURE_SSL_REDIRECT", "on")]).err().unwrap();
    assert!(ended.log.contains("ssl_redirect"), "{}", ended.log);
}

/// A site with sessions behind one proxy.
struct Site {
    app: axum::Router,
    cookies: String,
    token: String,
}

async fn login(sessions: Sessions, request: Request) -> bowline::Result<Response> {
    let database = request.database()?;
    let account = sessions.accounts().authenticate(database, "ann", "a long password").await?.unwrap();
    Ok(Response::no_content().extended(sessions.login(&request, database, &account).await?))
}

async fn sign_up(accounts: Accounts, request: Request) -> bowline::Result<Response> {
    accounts.create_user(request.database()?, "ann", "a long password").await?;
    Ok(Response::no_content())
}

async fn location(request: Request) -> bowline::Result<Response> {
    let url = request.reverse("whereabouts", &[])?;
    Ok(Response::new(json_of(&url)).header(axum::http::header::LOCATION, &url))
}

fn json_of(text: &str) -> Value {
    bowline::value!({"url": text})
}

impl Site {
    async fn new() -> Site {
        let sessions = Sessions::new("a secret key that is long enough for anybody");
        let (begun, accounts) = (sessions.clone(), sessions.accounts().clone());
        let open = |name| ApiView::new(name).authentication([]);
        let api = DefaultRouter::new()
            .path("login/", open("Login").post(move |request| login(begun.clone(), request)))
            .path("sign-up/", open("SignUp").post(move |request| sign_up(accounts.clone(), request)))
            .path_named("whereabouts/", ApiView::new("Whereabouts").get(location).post(location), "whereabouts")
            .settings(Settings {
                authentication: vec![SessionAuthentication::new(sessions).shared()],
                num_proxies: Some(1),
                secure_proxy_ssl_header: Some(ProxySslHeader::new("X-Forwarded-Proto", "https")),
                use_x_forwarded_host: true,
                allowed_hosts: AllowedHosts::new(["api.example.org"]),
                ..Settings::default()
            })
            // a password takes its time in a build for tests
            .configure(|settings| settings.store.deadline = Duration::from_secs(60))
            .wrap(|api| {
                let age = StrictTransportSecurity::new(Duration::from_secs(60)).include_subdomains().preload();
                let headers = SecurityHeaders { strict_transport_security: Some(age), ..SecurityHeaders::default() };
                api.layer(SecurityLayer::new(&headers))
            });
        let app = api.into_axum(&Database::sqlite().url()).await.unwrap();
        let mut site = Site { app, cookies: String::new(), token: String::new() };
        assert_eq!(site.ask("POST", "/sign-up/", "https", &[]).await.0, 204);
        let (_, headers, _) = site.ask("POST", "/login/", "http", &[]).await;
        assert!(headers.get_all("set-cookie").iter().all(|cookie| !cookie.to_str().unwrap().contains("Secure")));
        let (status, headers, _) = site.ask("POST", "/login/", "https", &[]).await;
        assert_eq!(status, 204);
        for cookie in headers.get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            assert!(cookie.contains("; Secure"), "{cookie}");
            let pair = cookie.split(';').next().unwrap();
            site.cookies += &format!("{pair}; ");
            if let Some(token) = pair.strip_prefix("csrftoken=") {
                site.token = token.to_owned();
            }
        }
        site
    }

    async fn ask(&self, method: &str, path: &str, proto: &str, headers: &[(&str, &str)]) -> (u16, HeaderMap, Json) {
        let request =
            HttpRequest::builder().method(method).uri(path).header("host", "app").header("cookie", &self.cookies);
        let request = request.header("x-forwarded-host", "api.example.org").header("x-forwarded-proto", proto);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let response = self.app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (parts.status.as_u16(), parts.headers, serde_json::from_slice(&body).unwrap_or(Json::Null))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cookies_locations_and_csrf_follow_the_proxy() {
    let site = Site::new().await;
    let (status, headers, body) = site.ask("GET", "/whereabouts/", "https", &[]).await;
    assert_eq!((status, body), (200, json!({"url": "https://api.example.org/whereabouts/"})));
    assert_eq!(headers["location"], "https://api.example.org/whereabouts/");
    assert_eq!(headers["strict-transport-security"], "max-age=60; includeSubDomains; preload");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    let token = ("x-csrftoken", site.token.as_str());
    let post = async |proto: &str, more: &[(&str, &str)]| {
        site.ask("POST", "/whereabouts/", proto, &[&[token], more].concat()).await.0
    };
    assert_eq!(post("https", &[("origin", "https://api.example.org")]).await, 200);
    assert_eq!(post("https", &[("origin", "http://api.example.org")]).await, 403);
    assert_eq!(post("https", &[("origin", "https://app")]).await, 403);
    assert_eq!(post("http", &[("origin", "http://api.example.org")]).await, 200);
    assert_eq!(post("http", &[("origin", "https://api.example.org")]).await, 403);
    // by HTTPS a page says where it is
    assert_eq!(post("https", &[]).await, 403);
    assert_eq!(post("https", &[("referer", "https://api.example.org/page")]).await, 200);
    assert_eq!(post("https", &[("referer", "https://evil.example/page")]).await, 403);
    // a host that is none of ours passes no check
    let evil = [token, ("origin", "https://evil.example"), ("x-forwarded-for", "1.2.3.4")];
    let request = HttpRequest::post("/whereabouts/").header("host", "evil.example").header("cookie", &site.cookies);
    let request = evil.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let response = site.app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_to_https_has_the_whole_address_whatever_the_version() {
    let api = DefaultRouter::new()
        .settings(Settings {
            num_proxies: Some(1),
            secure_proxy_ssl_header: Some(ProxySslHeader::new("X-Forwarded-Proto", "https")),
            allowed_hosts: AllowedHosts::new(["api.example.org"]),
            ..Settings::default()
        })
        .wrap(|api| {
            let headers = SecurityHeaders { ssl_redirect: true, ..SecurityHeaders::default() };
            api.layer(SecurityLayer::new(&headers))
        })
        // what an outer router takes of the path is in the address nevertheless
        .wrap(|api| axum::Router::new().nest("/api", api));
    let app = api.into_axum(&Database::sqlite().url()).await.unwrap();
    let ask = async |version: axum::http::Version, uri: &str, host: Option<&str>| {
        let request = HttpRequest::get(uri).version(version);
        let request = host.iter().fold(request, |request, host| request.header("host", *host));
        let response = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let location = response.headers().get("location").map(|value| value.to_str().unwrap().to_owned());
        (response.status().as_u16(), location)
    };
    let to = |path: &str| (301, Some(format!("https://api.example.org{path}")));
    let (one, two) = (axum::http::Version::HTTP_11, axum::http::Version::HTTP_2);
    assert_eq!(ask(one, "/api/a%5Bb/?c=%5B", Some("api.example.org")).await, to("/api/a%5Bb/?c=%5B"));
    // HTTP/2 names its host in the address, and may name it in a header beside
    assert_eq!(ask(two, "http://api.example.org/api/x/?a", None).await, to("/api/x/?a"));
    assert_eq!(ask(two, "http://api.example.org/api/x/", Some("api.example.org")).await, to("/api/x/"));
    for (uri, host) in [
        ("http://evil.example/api/", None),
        ("http://evil.example/api/", Some("api.example.org")),
        ("http://api.example.org/api/", Some("evil.example")),
        ("http://user@api.example.org/api/", None),
    ] {
        assert_eq!(ask(two, uri, host).await, (400, None), "{uri} {host:?}");
    }
}
