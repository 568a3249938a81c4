//! The redirect of a path to its final slash, against what Django was recorded to answer (`tests/data/redirects.py`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use axum::body::Body;
use axum::http::{Request as HttpRequest, header};
use bowline::prelude::*;
use tower::ServiceExt;

use crate::support::Database;

async fn found(_: Request) -> Response {
    Response::new("found")
}

async fn app(paths: &[&str]) -> axum::Router {
    let view = || ApiView::new("Found").get(found);
    let api = paths.iter().fold(DefaultRouter::simple(), |api, path| api.path(*path, view()));
    api.into_axum(&Database::sqlite().url()).await.unwrap()
}

async fn ask(app: &axum::Router, target: &str) -> (u16, Option<String>) {
    let request = HttpRequest::get(target).header("host", "testserver").body(Body::empty()).unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    let location = response.headers().get(header::LOCATION).map(|value| value.to_str().unwrap().to_owned());
    (response.status().as_u16(), location)
}

#[tokio::test(flavor = "multi_thread")]
async fn locations_are_django_s() {
    let tags = app(&["^lib/tags/(?P<pk>[^/.]+)/$", "lib/tags/"]).await;
    let all = app(&["<path:rest>/"]).await;
    let recorded: Vec<(String, String, u16, Option<String>)> =
        serde_json::from_str(include_str!("../data/redirects.json")).unwrap();
    assert!(recorded.len() > 200);
    let (mut wrong, mut impossible) = (Vec::new(), 0);
    for (urls, target, status, location) in recorded {
        // what hyper answers with 400 before anybody sees it
        if target.parse::<axum::http::Uri>().is_err() {
            impossible += 1;
            continue;
        }
        let app = if urls == "tags" { &tags } else { &all };
        let answer = ask(app, &target).await;
        if answer != (status, location.clone()) {
            wrong.push(format!("{urls} {target}: {answer:?}, not {status} {location:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(impossible < 10, "{impossible}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_stays_on_its_host() {
    let all = app(&["<path:rest>/"]).await;
    for target in ["//evil.example", "/\\evil.example", "/%2Fevil.example", "/%5Cevil.example", "//%5Cevil.example"] {
        let (status, location) = ask(&all, target).await;
        let location = location.unwrap();
        assert_eq!(status, 301, "{target}");
        assert!(location.starts_with('/') && !location[1..].starts_with(['/', '\\']), "{target}: {location}");
    }
    // as in Django, which redirects to nothing that long
    assert_eq!(ask(&all, &format!("/{}", "a".repeat(17_000))).await, (400, None));
    // below a prefix of axum's
    let nested = axum::Router::new().nest("/api", all);
    assert_eq!(ask(&nested, "/api/a%5Bb").await, (301, Some("/api/a%5Bb/".into())));
}
