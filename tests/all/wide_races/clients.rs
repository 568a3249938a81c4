//! Clients that send at the same moment, to an application in this process.

use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use bowline::prelude::*;
use http_body_util::BodyExt;
use serde_json::Value as Json;
use tokio::sync::Barrier;
use tower::ServiceExt;

use crate::support::Database;

/// How many ask at once where a test does not say.
pub const CLIENTS: usize = 16;

/// An application over a database, with threads of its own.
pub struct Api {
    runtime: tokio::runtime::Runtime,
    router: axum::Router,
}

/// An answer, its body as it came and as JSON.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub text: String,
    pub body: Json,
}

/// A request: method, path and body, with its kind where it is no JSON.
#[derive(Clone, Debug)]
pub struct Call {
    method: &'static str,
    path: String,
    body: Vec<u8>,
    content_type: String,
}

pub fn call(method: &'static str, path: impl Into<String>, body: &Json) -> Call {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    Call { method, path: path.into(), body, content_type: "application/json".into() }
}

pub fn post(path: impl Into<String>, body: &Json) -> Call {
    call("POST", path, body)
}

pub fn put(path: impl Into<String>, body: &Json) -> Call {
    call("PUT", path, body)
}

pub fn patch(path: impl Into<String>, body: &Json) -> Call {
    call("PATCH", path, body)
}

pub fn delete(path: impl Into<String>) -> Call {
    call("DELETE", path, &Json::Null)
}

impl Call {
    /// With a body of another kind than JSON.
    pub fn of_kind(mut self, content_type: impl Into<String>, body: Vec<u8>) -> Self {
        (self.content_type, self.body) = (content_type.into(), body);
        self
    }
}

impl Api {
    pub fn new(database: &Database, router: DefaultRouter) -> Api {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
        let started = runtime.block_on(router.into_axum(&database.url()));
        let router = started.unwrap_or_else(|error| panic!("{}: {error}", database.name()));
        Api { runtime, router }
    }

    /// One request by itself.
    pub fn call(&self, method: &'static str, path: &str, body: &Json) -> Answer {
        self.at_once([call(method, path, body)]).remove(0)
    }

    /// Requests that all start together; their answers in the same order.
    ///
    /// Whatever happens among them, none may be answered with a 5xx, and none may hang.
    pub fn at_once(&self, calls: impl IntoIterator<Item = Call>) -> Vec<Answer> {
        let calls: Vec<Call> = calls.into_iter().collect();
        let barrier = Arc::new(Barrier::new(calls.len()));
        let sent: Vec<_> = calls
            .iter()
            .map(|call| {
                let (router, barrier, call) = (self.router.clone(), Arc::clone(&barrier), call.clone());
                self.runtime.spawn(async move {
                    barrier.wait().await;
                    send(router, call).await
                })
            })
            .collect();
        let answered = self.runtime.block_on(async {
            let mut answers = Vec::with_capacity(sent.len());
            for task in sent {
                answers.push(task.await.unwrap());
            }
            answers
        });
        for (call, answer) in calls.iter().zip(&answered) {
            assert!(answer.status < 500, "{} {}: {} {}", call.method, call.path, answer.status, answer.text);
        }
        answered
    }

    pub fn get(&self, path: &str) -> Json {
        let answer = self.call("GET", path, &Json::Null);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer.body
    }

    /// What a list shows.
    pub fn rows(&self, path: &str) -> Vec<Json> {
        self.get(path).as_array().unwrap().clone()
    }

    /// A new object.
    pub fn post(&self, path: &str, body: &Json) -> Json {
        let answer = self.call("POST", path, body);
        assert_eq!(answer.status, 201, "{path} {body}: {}", answer.text);
        answer.body
    }

    /// The key of a new object.
    pub fn id(&self, path: &str, body: &Json) -> i64 {
        self.post(path, body)["id"].as_i64().unwrap()
    }
}

async fn send(router: axum::Router, call: Call) -> Answer {
    let mut request = Request::builder().method(call.method).uri(&call.path).header("host", "testserver");
    if !call.body.is_empty() {
        request = request.header("content-type", &call.content_type);
    }
    let request = request.body(Body::from(call.body)).unwrap();
    let answer = tokio::time::timeout(std::time::Duration::from_secs(60), router.oneshot(request)).await;
    let response = answer.expect("a request hangs").unwrap();
    let status = response.status().as_u16();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let body = if text.is_empty() { Json::Null } else { serde_json::from_str(&text).unwrap() };
    Answer { status, text, body }
}

/// How many answers have a status.
pub fn count(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

/// One answer has a status; all others are a 400 of exactly these bytes.
pub fn one_wins(answers: &[Answer], status: u16, refusal: &str) {
    assert_eq!(count(answers, status), 1, "{answers:?}");
    for answer in answers.iter().filter(|answer| answer.status != status) {
        assert_eq!((answer.status, answer.text.as_str()), (400, refusal));
    }
}

/// Everybody wants the same; one gets it, the others are told exactly what one is told who comes later.
pub fn one_gets_it(api: &Api, status: u16, refusal: &str, wanted: impl Fn(usize) -> Call) {
    let answers = api.at_once((0..CLIENTS).map(&wanted));
    one_wins(&answers, status, refusal);
    let late = (0..CLIENTS).find(|n| answers[*n].status != status).unwrap();
    let alone = &api.at_once([wanted(late)])[0];
    assert_eq!((alone.status, alone.text.as_str()), (400, refusal), "as without a race");
}
