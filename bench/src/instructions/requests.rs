//! The requests whose instructions are counted: those of the timed operations, without chance.

use crate::layers::Credentials;
use crate::operation::{COLLECTIONS, Data, LAYERS, Operation};

/// One request, and the status that it must get.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) body: Option<String>,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) status: u16,
}

fn get(path: String) -> Request {
    Request { method: "GET", path, body: None, headers: Vec::new(), status: 200 }
}

fn send(method: &'static str, path: String, body: String, status: u16) -> Request {
    Request { method, path, body: Some(body), headers: Vec::new(), status }
}

/// A document among all of them, another one for each `n`.
fn some(n: u32, operation: &Operation<'_>) -> u32 {
    1 + n.wrapping_mul(7919) % operation.data.documents()
}

fn new_document(n: u32, uid: &str) -> String {
    let collection = 1 + n % COLLECTIONS;
    format!(
        r#"{{"collection":{collection},"uid":"{uid}","blob":{{"title":"New","size":{n},"tags":["a","b"],"done":false}}}}"#
    )
}

/// The `n`th request of an operation.
pub(super) fn of(operation: &Operation<'_>, n: u32) -> Request {
    let id = some(n, operation);
    match operation.name {
        "retrieve" => get(format!("/documents/{id}/")),
        "page" | "page-uncounted" => get(format!("/documents/?page={}", 1 + n % 50)),
        "relations" => get("/books/".to_owned()),
        "filtered" => get(format!("/filtered/?collection={}&uid=document-{id}", 1 + id % COLLECTIONS)),
        "searched" => get(format!("/searched/?search={}", ["DOCUMENT-1", "ment-2"][n as usize % 2])),
        "patch" => {
            let body = format!(r#"{{"blob":{{"title":"Changed","size":{n},"tags":["a","b"],"done":false}}}}"#);
            send("PATCH", format!("/documents/{id}/"), body, 200)
        }
        "post" => send("POST", "/documents/".to_owned(), new_document(n, &format!("new-{n}")), 201),
        "conflict" => {
            let body = new_document(id, &format!("document-{id}"));
            send("POST", "/documents/".to_owned(), body, 400)
        }
        _ => get("/documents/".to_owned()),
    }
}

/// The data and the program of the layers.
pub(super) fn layered() -> Operation<'static> {
    Operation {
        name: LAYERS,
        title: "",
        data: Data::Large,
        example: LAYERS,
        environment: &[],
        writes: false,
        status: 200,
        request: "",
    }
}

/// A function from a number to a request.
type Make = Box<dyn Fn(u32) -> Request>;

/// Each layer's name, its requests, and those without it.
pub(super) fn layer_requests(given: &Credentials) -> Vec<(&'static str, Make, Make)> {
    let retrieve = |prefix: &'static str, header: Option<(&'static str, String)>| -> Make {
        let operation = layered();
        Box::new(move |n| {
            let mut request = get(format!("/{prefix}/{}/", some(n, &operation)));
            request.headers.extend(header.clone());
            request
        })
    };
    let post = |prefix: &'static str| -> Make {
        Box::new(move |n| {
            let mut request = send("POST", format!("/{prefix}/"), new_document(n, &format!("{prefix}-{n}")), 201);
            request.headers.push(("Idempotency-Key", format!("key-{n}")));
            request
        })
    };
    let known = |name: &'static str, header: &'static str, value: String| {
        (name, retrieve(name, Some((header, value))), retrieve("documents", None))
    };
    let plain = |name: &'static str| (name, retrieve(name, None), retrieve("documents", None));
    vec![
        plain("filtered"),
        plain("throttled"),
        known("versioned", "Accept", "application/json; version=1".to_owned()),
        plain("tagged"),
        known("token", "Authorization", format!("Token {}", given.token)),
        known("bearer", "Authorization", format!("Bearer {}", given.bearer)),
        known("jwt", "Authorization", format!("Bearer {}", given.jwt)),
        known("session", "Cookie", given.cookie.clone()),
        ("idempotent", post("idempotent"), post("documents")),
    ]
}
