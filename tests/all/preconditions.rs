//! Entity tags and preconditions, on both databases: of any number of writes that name one state exactly one is done.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(dead_code, unreachable_pub, reason = "what entities generate")]

use crate::conditional;
use crate::support;

use std::io::{Read, Write};

use axum::body::Body;
use axum::http::Request as HttpRequest;
use bowline::doc::booking;
use bowline::prelude::*;
use bowline::renderers::{BrowsableAPIRenderer, CSVRenderer, JSONRenderer, Renderers};
use conditional::{App, api, each, slot};
use serde_json::json;

/// How many requests meet at once, and how often.
const PARALLEL: usize = 16;
const ROUNDS: usize = 12;

const CHANGED: &str = r#"{"detail":"The object has changed: If-Match does not name its present state."}"#;
const MATCHES: &str = r#"{"detail":"If-None-Match names the present state."}"#;

#[tokio::test]
async fn reading() {
    each(async |database| {
        let app = App::over(database, api()).await;
        let path = app.make("/bookings/", slot(1, 9)).await;
        let first = app.get(&path).await;
        let tag = first.tag();
        assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() == 34, "{tag}");
        // it is a matter of the state, not of the process
        assert_eq!(App::over(database, api()).await.get(&path).await.tag(), tag);
        let head = app.call("HEAD", &path, &[], "").await;
        assert_eq!((head.status, head.tag(), head.body.as_str()), (200, tag.clone(), ""));

        for there in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".into()] {
            for method in ["GET", "HEAD"] {
                let same = app.call(method, &path, &[("if-none-match", &there)], "").await;
                assert_eq!((same.status, same.tag(), same.body.as_str()), (304, tag.clone(), ""), "{there}");
                assert_eq!((same.header("content-type"), same.header("content-length")), (None, None));
            }
        }
        for other in ["\"x\"", "x", "", "\"x", "*, *"] {
            let whole = app.call("GET", &path, &[("if-none-match", other)], "").await;
            assert_eq!((whole.status, &whole.body), (200, &first.body), "{other}");
        }
        assert_eq!(app.call("GET", &path, &[("if-match", &tag)], "").await.status, 200);
        assert_eq!(app.call("GET", &path, &[("if-match", "\"x\""), ("if-none-match", &tag)], "").await.status, 412);
        assert_eq!(app.call("GET", &path, &[("if-match", "x")], "").await.status, 400);
        assert_eq!(app.call("GET", "/bookings/99/", &[("if-none-match", "*")], "").await.status, 404);
        assert_eq!(app.call("OPTIONS", &path, &[("if-match", "x"), ("if-none-match", "*")], "").await.status, 200);

        let list = app.get("/bookings/").await;
        assert_ne!(list.tag(), tag);
        assert_eq!(app.call("GET", "/bookings/", &[("if-none-match", &list.tag())], "").await.status, 304);
        app.call("PATCH", &path, &[], json!({"note": "x"})).await;
        assert_ne!(app.get(&path).await.tag(), tag);
        assert_eq!(app.call("GET", &path, &[("if-none-match", &tag)], "").await.status, 200);
        assert_eq!(app.call("GET", "/bookings/", &[("if-none-match", &list.tag())], "").await.status, 200);

        // who does not ask for tags has none, and nothing is judged by them
        let untagged = path.replace("bookings", "untagged");
        assert_eq!(app.get(&untagged).await.header("etag"), None);
        for headers in [("if-none-match", "*"), ("if-match", "\"x\""), ("if-match", "x")] {
            assert_eq!(app.call("GET", &untagged, &[headers], "").await.status, 200);
            assert_eq!(app.call("PATCH", &untagged, &[headers], json!({"note": "y"})).await.status, 200);
        }
    })
    .await;
}

/// Nothing follows the head of a 304, and the head says nothing of a length.
#[tokio::test(flavor = "multi_thread")]
async fn over_the_wire() {
    let database = support::Database::sqlite();
    let app = App::over(&database, api()).await;
    let path = app.make("/bookings/", slot(1, 9)).await;
    let tag = app.get(&path).await.tag();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let server = tokio::spawn(async move { axum::serve(listener, app.0).await });
    let request = format!("GET {path} HTTP/1.1\r\nHost: testserver\r\nIf-None-Match: {tag}\r\n");
    stream.write_all(format!("{request}\r\n{request}Connection: close\r\n\r\n").as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let text = text.to_ascii_lowercase();
    assert_eq!(text.matches("http/1.1 304 not modified").count(), 2, "{text}");
    assert_eq!(text.matches(&format!("etag: {}", tag.to_ascii_lowercase())).count(), 2, "{text}");
    assert!(!text.contains("length") && !text.contains("transfer") && text.ends_with("\r\n\r\n"), "{text}");
    server.abort();
}

#[tokio::test]
async fn each_renderer_has_its_own() {
    each(async |database| {
        let renderers = || Renderers::of(JSONRenderer::new()).and(CSVRenderer::new()).and(BrowsableAPIRenderer::new());
        let app = App::over(database, api().configure(|settings| settings.renderers = renderers())).await;
        let path = app.make("/bookings/", slot(1, 9)).await;
        let as_of = async |accept: &str| app.call("GET", &path, &[("accept", accept)], "").await;
        let (plain, csv) = (as_of("application/json").await, as_of("text/csv").await);
        let indented = as_of("application/json; indent=4").await;
        assert_eq!(as_of("text/html").await.header("etag"), None, "a page shows more than the object");
        let state = plain.tag().trim_end_matches('"').to_owned();
        assert_eq!(csv.tag(), format!("{state}.csv\""));
        assert!(indented.tag().starts_with(&format!("{state}.json.")), "{}", indented.tag());
        // the tag of one is not the tag of another
        let same = app.call("GET", &path, &[("accept", "text/csv"), ("if-none-match", &csv.tag())], "").await;
        assert_eq!((same.status, same.tag(), same.header("vary")), (304, csv.tag(), Some("Accept")));
        let other = app.call("GET", &path, &[("accept", "text/csv"), ("if-none-match", &plain.tag())], "").await;
        assert_eq!(other.status, 200);
        // but a write may name any
        let mut tag = csv.tag();
        for accept in ["application/json; indent=4", "text/csv", "application/json"] {
            let headers = [("accept", accept), ("if-match", tag.as_str())];
            let written = app.call("PATCH", &path, &headers, json!({"note": accept})).await;
            assert_eq!(written.status, 200, "{written:?}");
            assert_eq!(written.tag(), as_of(accept).await.tag());
            tag = written.tag();
        }
    })
    .await;
}

#[tokio::test]
async fn writing() {
    each(async |database| {
        let app = App::over(database, api()).await;
        for list in ["/bookings/", "/hooked/"] {
            let made = app.call("POST", list, &[], slot(if list == "/hooked/" { 7 } else { 1 }, 9)).await;
            let path = format!("{list}{}/", made.json()["id"]);
            let first = made.tag();
            assert_eq!(app.get(&path).await.tag(), first);

            let body = json!({"room_id": 2, "start": made.json()["id"], "end": 100, "note": "put"});
            let put = app.call("PUT", &path, &[("if-match", &first)], &body).await;
            assert_eq!((put.status, put.json()["note"].as_str()), (200, Some("put")));
            assert_eq!(app.get(&path).await.tag(), put.tag());
            let patched = app.call("PATCH", &path, &[("if-match", &put.tag())], json!({"note": "patched"})).await;
            assert_eq!((patched.status, patched.tag()), (200, app.get(&path).await.tag()));
            let now = patched.tag();

            for (method, body) in
                [("PUT", body.to_string()), ("PATCH", r#"{"note": "no"}"#.into()), ("DELETE", "".into())]
            {
                for stale in [&first, &put.tag(), &format!("W/{now}"), &format!("{first}, W/{now}")] {
                    let answer = app.call(method, &path, &[("if-match", stale)], &body).await;
                    assert_eq!((answer.status, answer.body.as_str()), (412, CHANGED), "{method} {stale}");
                    assert_eq!(answer.header("etag"), None);
                }
                for there in ["*", &now, &format!("W/{now}")] {
                    let answer = app.call(method, &path, &[("if-none-match", there)], &body).await;
                    assert_eq!((answer.status, answer.body.as_str()), (412, MATCHES), "{method} {there}");
                }
                for wrong in ["", "x", "\"x", "*, \"x\""] {
                    for name in ["if-match", "if-none-match"] {
                        assert_eq!(
                            app.call(method, &path, &[(name, wrong)], &body).await.status,
                            400,
                            "{name}: {wrong}"
                        );
                    }
                }
                let nowhere = format!("{list}99/");
                assert_eq!(app.call(method, &nowhere, &[("if-match", "*")], &body).await.status, 404);
                assert_eq!(app.call(method, &nowhere, &[("if-none-match", "*")], &body).await.status, 404);
            }
            // the state comes before the body, where both are wrong
            for wrong in [r#"{"end": "late"}"#, "{"] {
                assert_eq!(app.call("PATCH", &path, &[("if-match", &first)], wrong).await.status, 412);
                assert_eq!(app.call("PATCH", &path, &[("if-match", &now)], wrong).await.status, 400);
            }
            assert_eq!(app.get(&path).await.tag(), now, "nothing was written");
            // several lines of a header are one list
            let lines = [("if-match", "\"x\""), ("if-match", now.as_str())];
            assert_eq!(app.call("PATCH", &path, &lines, "{}").await.tag(), now);
            assert_eq!(app.call("PATCH", &path, &[("if-none-match", "\"x\"")], "{}").await.status, 200);
            assert_eq!(app.call("PATCH", &path, &[("if-match", "*")], "{}").await.status, 200);
            assert_eq!(app.call("DELETE", &path, &[("if-match", &now)], "").await.status, 204);
            assert_eq!(app.call("DELETE", &path, &[("if-match", &now)], "").await.status, 404);
        }
    })
    .await;
}

#[tokio::test]
async fn required() {
    each(async |database| {
        let app = App::over(database, api()).await;
        let path = app.make("/careful/", slot(1, 9)).await;
        let tag = app.get(&path).await.tag();
        let body = slot(1, 9);
        let demanded = r#"{"detail":"The header If-Match is required, with the ETag of the object."}"#;
        for method in ["PUT", "PATCH", "DELETE"] {
            for headers in [&[][..], &[("if-none-match", "\"x\"")]] {
                let answer = app.call(method, &path, headers, &body).await;
                assert_eq!((answer.status, answer.body.as_str()), (428, demanded), "{method}");
            }
            assert_eq!(app.call(method, "/careful/99/", &[], &body).await.status, 404);
        }
        assert_eq!(app.call("PUT", &path, &[("if-match", &tag)], &body).await.status, 200);
        // what may not be touched is told nothing about its state
        let theirs = app.make("/mine/", slot(2, 9)).await;
        for headers in [&[][..], &[("if-match", "\"x\"")]] {
            assert_eq!(app.call("DELETE", &theirs, headers, "").await.status, 403);
            assert_eq!(app.call("PATCH", &theirs, headers, "{").await.status, 403);
            assert_eq!(app.call("PATCH", &theirs, headers, r#"{"end": ""}"#).await.status, 403);
        }
        let mine = path.replace("careful", "mine");
        assert_eq!(app.call("DELETE", &mine, &[("if-match", "\"x\"")], "").await.status, 412);
        assert_eq!(app.call("DELETE", &mine, &[], "").await.status, 428);
        assert_eq!(app.call("DELETE", &mine, &[("if-match", "*")], "").await.status, 204);
    })
    .await;
}

#[tokio::test]
async fn lists() {
    each(async |database| {
        let app = App::over(database, api()).await;
        let path = app.make("/lists/", slot(1, 9)).await;
        let tag = app.get("/lists/").await.tag();
        let id = app.get(&path).await.json()["id"].clone();
        for (method, body) in [
            ("POST", slot(1, 10)),
            ("POST", json!([slot(1, 10)])),
            ("PUT", json!([{"id": id, "room_id": 1, "start": 1, "end": 2}])),
            ("PATCH", json!([{"id": id, "note": "x"}])),
            ("DELETE", json!([id])),
        ] {
            for headers in [("if-match", tag.as_str()), ("if-match", "*"), ("if-none-match", "\"x\"")] {
                let answer = app.call(method, "/lists/", &[headers], &body).await;
                assert_eq!(answer.status, 400, "{method} {headers:?} {answer:?}");
                assert_eq!(answer.body, r#"{"detail":"Entity tags are judged for writes to one object only."}"#);
            }
            let there = app.call(method, "/lists/", &[("if-none-match", "*")], &body).await;
            assert_eq!((there.status, there.body.as_str()), (412, MATCHES), "{method}");
        }
        assert_eq!(app.get("/lists/").await.tag(), tag, "nothing was written");
        assert_eq!(app.call("POST", "/bookings/empty/", &[("if-match", "*")], "{}").await.status, 400);
        // several new objects are nothing that a GET shows
        let two = app.call("POST", "/lists/", &[], json!([slot(3, 1), slot(3, 2)])).await;
        assert_eq!((two.status, two.header("etag")), (201, None));
    })
    .await;
}

#[tokio::test]
async fn what_answers_show() {
    each(async |database| {
        let app = App::over(database, api()).await;
        // PostgreSQL keeps JSON in an order of its own, and the answer to a write is older than that
        let note = json!({"version": 1, "blob": {"b": 1, "a": [1, 2]}});
        let made = app.call("POST", "/notes/", &[], note.clone()).await;
        assert_eq!((made.status, made.header("etag")), (201, None));
        let path = format!("/notes/{}/", made.json()["id"]);
        let tag = app.get(&path).await.tag();
        let put = app.call("PUT", &path, &[("if-match", &tag)], json!({"version": 1, "blob": {"c": 1}})).await;
        assert_eq!((put.status, put.header("etag")), (200, None));
        assert_eq!(app.call("PUT", &path, &[("if-match", &tag)], note.clone()).await.status, 412);

        // by a field of one's own
        let path = path.replace("notes", "versions");
        let one = app.get(&path).await.tag();
        let patched = app.call("PATCH", &path, &[("if-match", &one)], json!({"blob": 3})).await;
        assert_eq!((patched.status, patched.tag()), (200, one.clone()), "who declares a field vouches for it");
        let patched = app.call("PATCH", &path, &[("if-match", &one)], json!({"version": 2})).await;
        assert_eq!(patched.tag(), app.get(&path).await.tag());
        assert_ne!(patched.tag(), one);
        assert_eq!(app.call("PATCH", &path, &[("if-match", &one)], json!({"blob": 4})).await.status, 412);
        let lists = [app.get("/versions/").await.tag(), one, patched.tag()];
        assert!(lists[0] != lists[1] && lists[0] != lists[2]);

        // rows within rows count
        let body = json!({"customer": "Ann", "lines": [{"sku": "A"}, {"sku": "B"}]});
        let made = app.call("POST", "/orders/", &[], body).await;
        let path = format!("/orders/{}/", made.json()["id"]);
        assert_eq!(app.get(&path).await.tag(), made.tag());
        let line = format!("/lines/{}/", made.json()["lines"][0]["id"]);
        let patched = app.call("PATCH", &line, &[], json!({"quantity": 5})).await;
        assert_eq!((patched.status, patched.tag()), (200, app.get(&line).await.tag()));
        assert_eq!(
            app.call("PATCH", &path, &[("if-match", &made.tag())], json!({"customer": "Bob"})).await.status,
            412
        );
        let now = app.get(&path).await.tag();
        let patched = app.call("PATCH", &path, &[("if-match", &now)], json!({"customer": "Bob"})).await;
        assert_eq!((patched.status, patched.tag()), (200, app.get(&path).await.tag()));
        // and so do rows beside them
        assert_eq!(app.call("DELETE", &line, &[("if-match", "\"x\"")], "").await.status, 412);
        assert_eq!(app.get(&line).await.json()["customer"], "Bob");
    })
    .await;
}

#[tokio::test]
async fn settings() {
    let router = || {
        DefaultRouter::new()
            .register("bookings", ModelViewSet::<booking::Entity>::new())
            .register("untagged", ModelViewSet::<booking::Entity>::new().basename("untagged").no_etags())
            .path("ping/", ApiView::new("PingView").get(async |_: Request| bowline::value!({"pong": 1})))
    };
    each(async |database| {
        let app = App::over(database, router().configure(|settings| settings.etags = Some(ETags::new()))).await;
        assert!(app.get("/bookings/").await.header("etag").is_some());
        assert!(app.get("/").await.header("etag").is_some());
        assert_eq!(app.get("/untagged/").await.header("etag"), None);
        let ping = app.get("/ping/").await.tag();
        assert_eq!(app.call("GET", "/ping/", &[("if-none-match", &ping)], "").await.status, 304);
        let odd = router().configure(|settings| settings.etags = Some(ETags::from_field("version")));
        let error = odd.into_axum(&database.url()).await.unwrap_err().to_string();
        assert!(error.contains("BookingViewSet: entity tags cannot be made of the field version"), "{error}");
    })
    .await;
}

/// What each of many requests sends.
type Sends<'a> = &'a dyn Fn(usize) -> serde_json::Value;

/// A change that each of them makes to what the tag is of.
fn writes(method: &str, path: &str, tag: &str, body: impl Fn(usize) -> serde_json::Value) -> Vec<HttpRequest<Body>> {
    (0..PARALLEL).map(|n| App::request(method, path, &[("if-match", tag)], body(n))).collect()
}

/// Of all who name one state, exactly one writes.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_many() {
    each(async |database| {
        let app = App::over(database, api()).await;
        let row = app.make("/bookings/", slot(1, 0)).await;
        let order = app.make("/orders/", json!({"customer": "0", "lines": [{"sku": "A"}]})).await;
        let line = format!("/lines/{}/", app.get(&order).await.json()["lines"][0]["id"]);
        for round in 0..ROUNDS {
            let put = |n: usize| json!({"room_id": 1, "start": 1000 * round + n, "end": 1, "note": format!("{n}")});
            let lines = |n: usize| json!({"lines": [{"sku": "A", "quantity": 100 * round + n + 1}]});
            let cases: [(&str, &str, String, Sends<'_>); 6] = [
                ("flat", "PUT", row.clone(), &put),
                ("hooks", "PATCH", row.replace("bookings", "hooked"), &|n| json!({"note": format!("{round}.{n}")})),
                ("action", "POST", format!("{row}lengthen/"), &|_| json!({})),
                ("wide", "PATCH", line.clone(), &|n| json!({"quantity": 100 * round + n + 2})),
                ("parent", "PATCH", order.clone(), &|n| json!({"customer": format!("{round}.{n}")})),
                ("nested", "PUT", order.clone(), &|n| {
                    let mut body = lines(n);
                    body["customer"] = format!("{round}-{n}").into();
                    body["lines"][0]["id"] = line.split('/').nth(2).unwrap().parse::<i64>().unwrap().into();
                    body
                }),
            ];
            for (what, method, path, body) in cases {
                let tag = app.get(path.trim_end_matches("lengthen/")).await.tag();
                let mut statuses = app.at_once(writes(method, &path, &tag, body)).await;
                statuses.sort_unstable();
                let mut expected = vec![412; PARALLEL];
                expected[0] = 200;
                assert_eq!(statuses, expected, "{what}, {}, round {round}", database.name());
            }
        }
        let rows = app.get(&row).await.json();
        assert_eq!(rows["end"], json!(2), "the action went through once in the last round: {rows}");
    })
    .await;
}

/// A PATCH and a DELETE that name one state: one of them, whichever.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_patch_beside_a_delete() {
    each(async |database| {
        let app = App::over(database, api()).await;
        for round in 0..ROUNDS * 2 {
            let body = json!({"customer": "0", "lines": [{"sku": "A"}]});
            for (list, body, change) in [
                ("/bookings/", slot(1, i64::try_from(round).unwrap()), json!({"note": "changed"})),
                ("/orders/", body, json!({"customer": "1"})),
            ] {
                let path = app.make(list, body).await;
                let tag = app.get(&path).await.tag();
                let headers = [("if-match", tag.as_str())];
                let both =
                    vec![App::request("PATCH", &path, &headers, change), App::request("DELETE", &path, &headers, "")];
                let statuses = app.at_once(both).await;
                let now = app.get(&path).await.status;
                assert!(
                    matches!((statuses.as_slice(), now), ([200, 412], 200) | ([404, 204], 404)),
                    "{list} {statuses:?} {now}, {}",
                    database.name()
                );
            }
        }
    })
    .await;
}

/// An order shows its line, and the line its order: two writes whose tags each are of both cannot both be done.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tags_that_cross() {
    each(async |database| {
        let app = App::over(database, api()).await;
        let order = app.make("/orders/", json!({"customer": "0", "lines": [{"sku": "A"}]})).await;
        let line = format!("/lines/{}/", app.get(&order).await.json()["lines"][0]["id"]);
        for round in 0..ROUNDS * 4 {
            let (of_order, of_line) = (app.get(&order).await.tag(), app.get(&line).await.tag());
            let both = vec![
                App::request(
                    "PATCH",
                    &order,
                    &[("if-match", &of_order)],
                    json!({"customer": format!("{}", round + 1)}),
                ),
                App::request("PATCH", &line, &[("if-match", &of_line)], json!({"quantity": round + 2})),
            ];
            let mut statuses = app.at_once(both).await;
            statuses.sort_unstable();
            assert_eq!(statuses, [200, 412], "round {round}, {}", database.name());
        }
    })
    .await;
}

/// Another one changes what a write has been judged by, before it writes.
#[cfg(feature = "pause")]
mod between {
    use std::time::Duration;

    use bowline::pause::{Pauses, Point};
    use conditional::Answer;
    use support::Database;
    use tokio::task::JoinHandle;

    use super::*;

    fn paused(app: &App, mut request: HttpRequest<Body>, pauses: &Pauses) -> JoinHandle<Answer> {
        request.extensions_mut().insert(pauses.clone());
        let app = app.clone();
        tokio::spawn(async move { app.send(request).await })
    }

    /// Runs a write to the order with its tag, and another one while it stands between its judgement and its writing.
    async fn meet(
        database: &Database,
        body: impl Fn(i64) -> serde_json::Value,
        other: impl AsyncFn(&App, &str) -> HttpRequest<Body>,
    ) -> (Answer, Answer, serde_json::Value) {
        let app = App::over(database, api()).await;
        let order = app.make("/orders/", json!({"customer": "Ann", "lines": [{"sku": "A"}]})).await;
        let line = app.get(&order).await.json()["lines"][0]["id"].as_i64().unwrap();
        let tag = app.get(&order).await.tag();
        let other = other(&app, &format!("/lines/{line}/")).await;
        let pauses = Pauses::at(Point::BeforeWrite);
        let first = paused(&app, App::request("PATCH", &order, &[("if-match", &tag)], body(line)), &pauses);
        pauses.reached().await;
        let second = {
            let app = app.clone();
            tokio::spawn(async move { app.send(other).await })
        };
        tokio::time::sleep(Duration::from_millis(200)).await;
        // SQLite has one writer, who goes first
        assert_eq!(second.is_finished(), matches!(database, Database::Postgres(_)));
        pauses.go_on();
        let answers = (first.await.unwrap(), second.await.unwrap());
        let end = app.get(&order).await.json();
        (answers.0, answers.1, end)
    }

    fn quantity(line: &str, headers: conditional::Headers<'_>) -> HttpRequest<Body> {
        App::request("PATCH", line, headers, json!({"quantity": 5}))
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_line_that_the_write_overwrites() {
        each(async |database| {
            let body = |line| json!({"lines": [{"id": line, "quantity": 7}]});
            let (first, second, end) = meet(database, body, async |_, line| quantity(line, &[])).await;
            match database {
                Database::Postgres(_) => {
                    assert_eq!((first.status, first.body.as_str(), second.status), (412, CHANGED, 200));
                    assert_eq!(end["lines"][0]["quantity"], 5, "what it had not seen is not overwritten");
                }
                Database::Sqlite(_) => assert_eq!((first.status, second.status), (200, 200)),
            }
        })
        .await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_line_whose_own_tag_is_of_the_order() {
        each(async |database| {
            let body = |_| json!({"customer": "Bob"});
            let conditional = async |app: &App, line: &str| {
                let tag = app.get(line).await.tag();
                quantity(line, &[("if-match", &tag)])
            };
            let (first, second, _) = meet(database, body, conditional).await;
            let expected = if matches!(database, Database::Postgres(_)) { (412, 200) } else { (200, 412) };
            assert_eq!((first.status, second.status), expected);
        })
        .await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_line_that_nobody_was_judged_by() {
        each(async |database| {
            // the write of the order comes first, as anybody may see it
            let body = |_| json!({"customer": "Bob"});
            let (first, second, end) = meet(database, body, async |_, line| quantity(line, &[])).await;
            assert_eq!((first.status, second.status), (200, 200));
            assert_eq!((&end["customer"], &end["lines"][0]["quantity"]), (&json!("Bob"), &json!(5)));
        })
        .await;
    }
}
