//! A request with an idempotency key is carried out once, however often it is sent, whoever is killed in between.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::support;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, Request as HttpRequest};
use bowline::prelude::*;
use http_body_util::BodyExt;
use sea_orm::ConnectionTrait;
use serde_json::{Value as Json, json};
use support::{COMMIT, Cut, Server, within};
use tokio::sync::Semaphore;
use tower::ServiceExt;

mod order {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "shop_order")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub item: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const PATH: &str = "/orders/";
const COUNT: &str = "SELECT count(*) FROM shop_order";
const KEYS: &str = "SELECT count(*) FROM bowline_idempotency_key";

/// An application over a database.
#[derive(Clone)]
struct App(axum::Router);

#[derive(Clone, Debug)]
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn json(&self) -> Json {
        serde_json::from_str(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    fn is_replayed(&self) -> bool {
        self.header("idempotent-replayed").is_some_and(|value| value == "true")
    }
}

impl App {
    async fn over(database: &support::Database, router: DefaultRouter) -> App {
        App(router.into_axum(&database.url()).await.unwrap())
    }

    async fn send(&self, request: HttpRequest<Body>) -> Answer {
        let (parts, body) = self.0.clone().oneshot(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body = String::from_utf8(body.to_vec()).unwrap();
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    async fn call(&self, method: &str, path: &str, key: &str, body: impl ToString) -> Answer {
        self.send(request(method, path, key, body)).await
    }

    async fn order(&self, key: &str, item: &str) -> Answer {
        self.call("POST", PATH, key, json!({"item": item})).await
    }
}

fn request(method: &str, path: &str, key: &str, body: impl ToString) -> HttpRequest<Body> {
    let request = HttpRequest::builder().method(method).uri(path).header("host", "testserver");
    let request = if key.is_empty() { request } else { request.header("idempotency-key", key) };
    request.header("content-type", "application/json").body(Body::from(body.to_string())).unwrap()
}

/// Waits for a permit, where there are any, between the write and the end of the transaction.
struct Waits(Arc<Semaphore>);

#[bowline::async_trait]
impl ViewSetHooks<order::Entity> for Waits {
    async fn perform_create(&self, save: &mut Save<'_, order::Entity>) -> bowline::Result<()> {
        save.save().await?;
        if save.get::<String>(order::Column::Item)? == "refused" {
            return Err(ValidationError::field("item", "Not this one.").into());
        }
        self.0.acquire().await.unwrap().forget();
        Ok(())
    }
}

async fn again(action: ActionRequest) -> bowline::Result<Response> {
    let found = action.get_object::<order::Entity>().await?;
    let copy = order::ActiveModel { item: ActiveValue::Set(found.item), ..Default::default() };
    let copy = copy.insert(action.connection()).await?;
    let response = Response::new(bowline::value!({"copy": copy.id})).header(http::header::ETAG, "\"own\"");
    Ok(response.status(http::StatusCode::ACCEPTED))
}

async fn text(action: ActionRequest) -> bowline::Result<axum::response::Response> {
    let made = order::ActiveModel { item: ActiveValue::Set("text".into()), ..Default::default() };
    let made = made.insert(action.connection()).await?;
    let response = axum::http::Response::builder().header("content-type", "text/plain");
    Ok(response.body(Body::from(format!("order {}", made.id))).unwrap())
}

fn orders() -> ModelViewSet<order::Entity> {
    ModelViewSet::new()
        .create_many(Lists::Also)
        .update_many([Action::PartialUpdate])
        .destroy_many()
        .action(ExtraAction::detail("again").post(again))
        .action(ExtraAction::list("text").post(text))
        .idempotency(Idempotency::new())
}

fn api() -> DefaultRouter {
    DefaultRouter::new().register("orders", orders())
}

/// Runs a test on an empty database of each kind.
fn each(test: impl AsyncFn(&support::Database)) {
    support::Database::each(|database| {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(test(database));
    });
}

#[test]
fn a_request_that_comes_again_gets_the_first_answer() {
    each(async |database| {
        let linked = ModelSerializer::<order::Entity>::new().hyperlinked().fields(["id", "url", "item"]);
        let app = App::over(database, DefaultRouter::new().register("orders", orders().serializer(linked))).await;
        let first = app.order("k1", "tea").await;
        assert_eq!((first.status, first.is_replayed()), (201, false), "{first:?}");
        let location = first.header("location").unwrap();
        assert_eq!(location, first.json()["url"]);
        // spaces, and quotes around the key, are nothing
        for (key, body) in [("k1", r#"{"item":"tea"}"#), ("\"k1\"", "{ \"item\" : \"tea\" }")] {
            let second = app.call("POST", PATH, key, body).await;
            assert!(second.is_replayed(), "{second:?}");
            assert_eq!((second.status, &second.body), (201, &first.body));
            assert_eq!(second.header("location"), Some(location));
            for name in ["content-type", "allow", "vary"] {
                assert_eq!(second.header(name), first.header(name), "{name}");
            }
        }
        // how it is written is the client's wish of the moment
        let mut indented = request("POST", PATH, "k1", json!({"item": "tea"}));
        indented.headers_mut().insert("accept", "application/json; indent=2".parse().unwrap());
        let indented = app.send(indented).await;
        assert!(indented.body.contains("\n  \"item\": \"tea\""), "{indented:?}");
        assert_eq!(indented.json(), first.json());
        assert_eq!(database.list(COUNT), ["1"]);
        // another key, or none, is another request
        assert_eq!(app.order("k2", "tea").await.status, 201);
        assert_eq!(app.order("", "tea").await.status, 201);
        assert_eq!(app.order("", "tea").await.status, 201);
        assert_eq!(database.list(COUNT), ["4"]);
    });
}

#[test]
fn every_write_has_its_answer_kept() {
    each(async |database| {
        let app = App::over(database, api()).await;
        let three = app.call("POST", PATH, "many", r#"[{"item":"a"},{"item":"b"},{"item":"c"}]"#).await;
        assert_eq!(three.status, 201, "{three:?}");
        let ids: Vec<i64> = three.json().as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()).collect();
        let (a, b, c) = (ids[0], ids[1], ids[2]);
        let one = format!("{PATH}{a}/");
        let steps = [
            ("POST", PATH.to_owned(), "many", r#"[{"item":"a"},{"item":"b"},{"item":"c"}]"#.to_owned(), 201, 3),
            ("PATCH", one.clone(), "patch", r#"{"item":"x"}"#.to_owned(), 200, 3),
            ("PATCH", one.clone(), "nothing", "{}".to_owned(), 200, 3),
            ("PUT", one.clone(), "put", r#"{"item":"y"}"#.to_owned(), 200, 3),
            ("POST", format!("{one}again/"), "again", String::new(), 202, 4),
            ("POST", format!("{PATH}text/"), "text", String::new(), 200, 5),
            ("PATCH", PATH.to_owned(), "list", json!([{"id": b, "item": "z"}]).to_string(), 200, 5),
            ("DELETE", PATH.to_owned(), "gone many", json!([b, c]).to_string(), 204, 3),
            ("DELETE", one.clone(), "gone", String::new(), 204, 2),
        ];
        for (method, path, key, body, status, rows) in steps {
            let key = key.replace(' ', "-");
            let first = app.call(method, &path, &key, &body).await;
            assert_eq!(first.status, status, "{method} {path}: {first:?}");
            let second = app.call(method, &path, &key, &body).await;
            assert_eq!((second.status, &second.body), (status, &first.body), "{method} {path}: {second:?}");
            assert!(second.is_replayed(), "{method} {path}");
            for name in ["content-type", "etag"] {
                assert_eq!(second.header(name), first.header(name), "{method} {path}: {name}");
            }
            assert_eq!(database.list(COUNT), [rows.to_string()], "{method} {path}");
        }
        assert_eq!(app.call("GET", &one, "gone", "").await.status, 404, "what only reads has no key");
    });
}

#[test]
fn a_key_belongs_to_one_request() {
    each(async |database| {
        let app = App::over(database, api()).await;
        let id = app.order("k", "tea").await.json()["id"].as_i64().unwrap();
        let others = [
            ("POST", PATH.to_owned(), json!({"item": "coffee"})),
            ("POST", PATH.to_owned(), json!({"item": 7})),
            ("POST", format!("{PATH}?format=json"), json!({"item": "tea"})),
            ("PATCH", format!("{PATH}{id}/"), json!({"item": "tea"})),
            ("DELETE", format!("{PATH}{id}/"), json!(null)),
        ];
        for (method, path, body) in others {
            let answer = app.call(method, &path, "k", &body).await;
            let detail = json!({"detail": "This Idempotency-Key was used for another request."});
            assert_eq!((answer.status, answer.json()), (422, detail), "{method} {path} {body}");
            assert!(!answer.is_replayed());
        }
        assert_eq!(database.list("SELECT item FROM shop_order"), ["tea"]);
        assert!(app.order("k", "tea").await.is_replayed());
    });
}

#[test]
fn keys_that_are_none() {
    let database = support::Database::sqlite();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let required = orders().idempotency(Idempotency::new().required());
        let app = App::over(&database, DefaultRouter::new().register("orders", required)).await;
        let (missing, invalid) = (
            json!({"detail": "The header Idempotency-Key is required."}),
            json!({"detail": "The header Idempotency-Key must be one key of 1 to 255 visible ASCII characters."}),
        );
        let answer = app.order("", "tea").await;
        assert_eq!((answer.status, answer.json()), (400, missing.clone()));
        let answer = app.call("PATCH", "/orders/1/", "", json!({"item": "tea"})).await;
        assert_eq!((answer.status, answer.json()), (400, missing.clone()));
        let answer = app.call("POST", "/orders/1/again/", "", "").await;
        assert_eq!((answer.status, answer.json()), (400, missing));
        assert_eq!(app.call("PUT", "/orders/1/", "", json!({"item": "tea"})).await.status, 404);
        assert_eq!(app.call("DELETE", "/orders/1/", "", "").await.status, 404);
        assert_eq!(app.call("GET", PATH, "", "").await.status, 200);
        for key in ["\"\"", " ", "a b", "\"a", &"k".repeat(256)] {
            let answer = app.order(key, "tea").await;
            assert_eq!((answer.status, answer.json()), (400, invalid.clone()), "{key:?}");
        }
        let mut twice = request("POST", PATH, "a", json!({"item": "tea"}));
        twice.headers_mut().append("idempotency-key", "b".parse().unwrap());
        assert_eq!(app.send(twice).await.status, 400);
        let unread = app.call("POST", "/orders/text/", "k", "{").await;
        assert_eq!(unread.status, 400, "a body that cannot be read has no fingerprint: {unread:?}");
        assert_eq!(database.list(COUNT), ["0"]);
        assert_eq!(app.order("k", "tea").await.status, 201);
    });
}

#[test]
fn an_error_leaves_no_trace() {
    each(async |database| {
        let hooks = Waits(Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)));
        let app = App::over(database, DefaultRouter::new().register("orders", orders().hooks(hooks))).await;
        // found by the serializer, and by the hook after its row was written
        for item in ["", "refused"] {
            let answer = app.order("k", item).await;
            assert_eq!((answer.status, answer.is_replayed()), (400, false), "{answer:?}");
            assert_eq!(app.order("k", item).await.status, 400);
        }
        assert_eq!(app.call("PATCH", "/orders/99/", "k", json!({"item": "x"})).await.status, 404);
        assert_eq!((database.list(COUNT), database.list(KEYS)), (vec!["0".into()], vec!["0".into()]));
        let corrected = app.order("k", "tea").await;
        assert_eq!((corrected.status, corrected.is_replayed()), (201, false));
        assert_eq!((database.list(COUNT), database.list(KEYS)), (vec!["1".into()], vec!["1".into()]));
    });
}

#[test]
fn a_key_ends() {
    each(async |database| {
        let short = orders().idempotency(Idempotency::new().expires_after(Duration::from_millis(700)));
        let app = App::over(database, DefaultRouter::new().register("orders", short)).await;
        let first = app.order("k", "tea").await;
        assert!(app.order("k", "tea").await.is_replayed());
        tokio::time::sleep(Duration::from_millis(800)).await;
        let second = app.order("k", "coffee").await;
        assert_eq!((second.status, second.is_replayed()), (201, false), "{second:?}");
        assert_ne!(first.json()["id"], second.json()["id"]);
        // those that have ended are deleted by the way
        tokio::time::sleep(Duration::from_millis(800)).await;
        for n in 0..40 {
            assert_eq!(app.order(&format!("k{n}"), "tea").await.status, 201);
            tokio::time::sleep(Duration::from_millis(60)).await;
        }
        let left: usize = database.list(KEYS)[0].parse().unwrap();
        assert!(left < 32, "{left} keys are left of 41");
    });
}

#[test]
fn a_key_belongs_to_one_user() {
    each(async |database| {
        let app = App::over(database, api()).await;
        let by = async |user: Option<i64>, item: &str| {
            let mut request = request("POST", PATH, "k", json!({"item": item}));
            if let Some(pk) = user {
                request.extensions_mut().insert(User::new(pk, "somebody"));
            }
            app.send(request).await
        };
        for (user, item) in [(Some(1), "one"), (Some(2), "two"), (None, "nobody")] {
            let first = by(user, item).await;
            assert_eq!((first.status, first.is_replayed()), (201, false), "{first:?}");
            let second = by(user, item).await;
            assert_eq!((second.status, second.is_replayed(), second.json()), (201, true, first.json()));
        }
        assert_eq!(by(Some(1), "two").await.status, 422);
        assert_eq!(database.list(COUNT), ["3"]);
    });
}

#[test]
fn views_that_take_none() {
    each(async |database| {
        let settings = |settings: &mut Settings| settings.idempotency = Some(Idempotency::new());
        let router =
            || DefaultRouter::new().register("orders", ModelViewSet::<order::Entity>::new()).configure(settings);
        let app = App::over(database, router()).await;
        assert_eq!(app.order("k", "tea").await.status, 201);
        assert!(app.order("k", "tea").await.is_replayed(), "the settings hold for view sets");

        let without = router().register("more", orders().no_idempotency().basename("more"));
        let app = App::over(database, without).await;
        for _ in 0..2 {
            let answer = app.call("POST", "/more/", "k", json!({"item": "tea"})).await;
            assert_eq!((answer.status, answer.is_replayed()), (201, false));
        }
        assert_eq!(database.list(COUNT), ["3"]);

        // a view without a transaction lives with the settings, and is refused with keys of its own
        let view = || ApiView::new("PayView").post(async |_: Request| Response::empty());
        assert!(router().path("pay/", view()).into_axum(&database.url()).await.is_ok());
        let refused = router().path("pay/", view().idempotency(Idempotency::new())).into_axum(&database.url()).await;
        let sentence = refused.unwrap_err().to_string();
        assert!(sentence.starts_with("PayView: idempotency keys need a write's transaction"), "{sentence}");
    });
}

#[test]
fn a_key_in_progress() {
    each(async |database| {
        let gate = Arc::new(Semaphore::new(0));
        let app =
            App::over(database, DefaultRouter::new().register("orders", orders().hooks(Waits(gate.clone())))).await;
        let send = |item: &'static str| {
            let app = app.clone();
            tokio::spawn(async move { app.order("k", item).await })
        };
        let first = send("tea");
        tokio::time::sleep(Duration::from_millis(300)).await;
        let second = send("tea");
        if database.name() == "PostgreSQL" {
            let second = second.await.unwrap();
            let detail = json!({"detail": "A request with this Idempotency-Key is in progress."});
            assert_eq!((second.status, second.json()), (409, detail));
            assert_eq!(second.header("retry-after"), Some("1"));
            gate.add_permits(9);
        } else {
            // one transaction writes at a time: the second waits for the first, and sees its answer
            tokio::time::sleep(Duration::from_millis(300)).await;
            assert!(!second.is_finished());
            gate.add_permits(9);
            assert!(second.await.unwrap().is_replayed());
        }
        let first = first.await.unwrap();
        assert_eq!((first.status, first.is_replayed()), (201, false));
        let third = send("tea").await.unwrap();
        assert_eq!((third.is_replayed(), third.json()), (true, first.json()));
        assert_eq!(database.list(COUNT), ["1"]);
    });
}

/// Two processes' worth of connections, sixteen requests at once, ten keys one after the other.
#[test]
fn one_of_many_at_once_is_carried_out() {
    each(async |database| {
        for serializable in [false, true] {
            let router = || api().configure(|settings| settings.store.serializable = serializable);
            let apps = [App::over(database, router()).await, App::over(database, router()).await];
            let before: usize = database.list(COUNT)[0].parse().unwrap();
            for round in 0..10 {
                let sent: Vec<_> = (0..16)
                    .map(|n| {
                        let (app, key) = (apps[n % 2].clone(), format!("{serializable}-{round}"));
                        tokio::spawn(async move { app.order(&key, "tea").await })
                    })
                    .collect();
                let mut created = Vec::new();
                for answer in sent {
                    let answer = answer.await.unwrap();
                    match answer.status {
                        201 => created.push(answer),
                        409 => {}
                        _ => panic!("{answer:?}"),
                    }
                }
                assert!(created.iter().all(|answer| answer.body == created[0].body), "{created:?}");
                assert_eq!(created.iter().filter(|answer| !answer.is_replayed()).count(), 1, "{created:?}");
                assert_eq!(database.list(COUNT), [(before + round + 1).to_string()]);
            }
        }
    });
}

/// What is begun by `PLACE=…` stops there, and says so, until the server is killed.
struct Stalls(String);

#[bowline::async_trait]
impl ViewSetHooks<order::Entity> for Stalls {
    async fn perform_create(&self, save: &mut Save<'_, order::Entity>) -> bowline::Result<()> {
        save.save().await?;
        match self.0.as_str() {
            "before" => stall().await,
            "after" => save.on_commit(async || {
                stall().await;
                Ok(())
            }),
            _ => {}
        }
        Ok(())
    }
}

async fn stall() {
    eprintln!("it stalls");
    std::future::pending().await
}

/// No test of its own: the server that others start and kill.
#[test]
fn serve() {
    let Ok(place) = std::env::var("PLACE") else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let api = DefaultRouter::new().register("orders", orders().hooks(Stalls(place)));
    runtime.block_on(bowline::serve(api)).unwrap();
}

#[test]
fn a_server_that_is_killed_before_it_answers() {
    support::Database::each(|database| {
        let send = |server: &Server, key: &str| {
            let body = json!({"item": "tea"}).to_string();
            let head = format!("POST {PATH} HTTP/1.1\r\nHost: testserver\r\nContent-Type: application/json\r\n");
            let mut client = server.client();
            client
                .write(
                    format!("{head}Idempotency-Key: {key}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).as_bytes(),
                )
                .unwrap();
            client
        };
        for (place, rows, is_replayed) in [("after", 1, true), ("before", 2, false)] {
            let server = Server::start_test("idempotency::serve", &database.url(), &[("PLACE", place)]);
            let _unanswered = send(&server, place);
            assert!(within(Duration::from_secs(20), || server.log().contains("it stalls")), "{}", server.log());
            server.kill9();

            let server = Server::start_test("idempotency::serve", &database.url(), &[("PLACE", "nowhere")]);
            // PostgreSQL may need a moment to see that the client of an open transaction is gone
            let mut answer = None;
            let answered = within(Duration::from_secs(20), || {
                answer = Some(send(&server, place).read("POST").unwrap());
                answer.as_ref().is_some_and(|answer| answer.status != 409)
            });
            let answer = answer.unwrap();
            assert!(answered && answer.status == 201, "{place}: {answer:?}");
            assert_eq!(answer.header("idempotent-replayed").is_some(), is_replayed, "{place}: {answer:?}");
            assert_eq!(database.list(COUNT), [rows.to_string()], "{place}: the order is there once");
            assert_eq!(answer.json(), json!({"id": answer.id(), "item": "tea"}));
            let stored = database.list(&format!("SELECT item FROM shop_order WHERE id = {}", answer.id()));
            assert_eq!(stored, ["tea"], "{place}: the answer is of the row that is there");
            let once_more = send(&server, place).read("POST").unwrap();
            assert_eq!((once_more.status, &once_more.body), (201, &answer.body));
            server.terminate();
        }
    });
}

/// Without a key, nobody would know whether it was carried out: 503.
#[test]
fn a_commit_whose_answer_is_lost() {
    let database = support::Database::postgres();
    let (cut, url) = Cut::of(&database.url());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let app = App(api().into_axum(&url).await.unwrap());
        assert_eq!(app.order("before", "tea").await.status, 201);
        for (key, status, rows) in [("k", 201, "2"), ("", 503, "3")] {
            // a write of one statement has no COMMIT of its own
            cut.after(COMMIT);
            let body = if key.is_empty() { r#"[{"item":"tea"}]"# } else { r#"{"item":"tea"}"# };
            let answer = app.call("POST", PATH, key, body).await;
            assert!(!cut.is_armed(), "nothing was cut");
            assert_eq!((answer.status, answer.is_replayed()), (status, status == 201), "{answer:?}");
            assert_eq!(database.list(COUNT), [rows]);
        }
    });
}

/// Whatever a hook wrote beside its row is there once, too.
#[test]
fn a_hook_writes_with_the_key() {
    struct Twice;

    #[bowline::async_trait]
    impl ViewSetHooks<order::Entity> for Twice {
        async fn perform_create(&self, save: &mut Save<'_, order::Entity>) -> bowline::Result<()> {
            save.tx().execute_unprepared("INSERT INTO shop_order (item) VALUES ('beside')").await?;
            save.save().await
        }
    }

    each(async |database| {
        let app = App::over(database, DefaultRouter::new().register("orders", orders().hooks(Twice))).await;
        assert_eq!(app.order("k", "tea").await.status, 201);
        assert!(app.order("k", "tea").await.is_replayed());
        assert_eq!(database.list(COUNT), ["2"]);
    });
}
