//! Before anything is timed: both servers give the same answers.

use crate::Result;
use crate::operation::{Data, Operation};
use crate::server::Server;

type Probe = (&'static str, &'static str, Option<&'static str>);

const READS: [Probe; 6] = [
    ("GET", "/documents/1/", None),
    ("GET", "/documents/20/", None),
    ("GET", "/documents/777777/", None),
    ("GET", "/documents/?page=1", None),
    ("GET", "/documents/?page=2", None),
    ("GET", "/documents/?page=50", None),
];

const BOOKS: [Probe; 1] = [("GET", "/books/", None)];

const FILTERED: [Probe; 4] = [
    ("GET", "/filtered/?collection=2&uid=document-1", None),
    ("GET", "/filtered/?collection=1&uid=document-1", None),
    ("GET", "/filtered/?collection=1&uid=document-8", None),
    ("GET", "/filtered/?collection=1&uid=", None),
];

const SEARCHED: [Probe; 5] = [
    ("GET", "/searched/", None),
    ("GET", "/searched/?search=document-1", None),
    ("GET", "/searched/?search=DOCUMENT-1", None),
    ("GET", "/searched/?search=ment-2", None),
    ("GET", "/searched/?search=%25", None),
];

const COUNTED: [Probe; 3] = [
    ("GET", "/documents/?page=5000", None),
    ("GET", "/documents/?page=99999", None),
    ("GET", "/documents/?page=x", None),
];

// The new document comes before what fails: a failed insert may or may not use up an id.
const WRITES: [Probe; 14] = [
    ("POST", "/documents/", Some(r#"{"collection":1,"uid":" fresh ","blob":{"k": [1, 2.5, null, "a \" b\\"]}}"#)),
    ("GET", "/documents/100001/", None),
    ("POST", "/documents/", Some(r#"{"collection":1,"uid":"fresh","blob":{}}"#)),
    ("POST", "/documents/", Some(r#"{"collection":99,"uid":"fresh","blob":{}}"#)),
    ("POST", "/documents/", Some(r#"{"collection":1,"uid":"  ","blob":{}}"#)),
    ("POST", "/documents/", Some("{}")),
    ("PATCH", "/documents/7/", Some(r#"{"blob":{"size":7,"title":"Changed"}}"#)),
    ("PATCH", "/documents/7/", Some(r#"{"uid":"renamed"}"#)),
    ("GET", "/documents/7/", None),
    ("PATCH", "/documents/8/", Some(r#"{"uid":"document-16"}"#)),
    ("PATCH", "/documents/8/", Some(r#"{"collection":99}"#)),
    ("PATCH", "/documents/777777/", Some(r#"{"blob":{}}"#)),
    // The timed requests count on every uid as it was.
    ("PATCH", "/documents/7/", Some(r#"{"uid":"document-7"}"#)),
    ("PATCH", "/documents/7/", Some("{}")),
];

/// Asks both servers the same; an error shows the first difference.
pub(crate) async fn same_answers(operation: &Operation<'_>, ours: &Server, peer: &Server) -> Result<()> {
    let counted = operation.data == Data::Large
        && operation.example == "documents"
        && !operation.environment.contains(&("PAGE_COUNT", "off"));
    let mut probes = match operation.name {
        "relations" => BOOKS.to_vec(),
        "filtered" => FILTERED.to_vec(),
        "searched" => SEARCHED.to_vec(),
        _ => READS.to_vec(),
    };
    if counted {
        probes.extend(COUNTED);
    }
    if operation.writes {
        probes.extend(WRITES);
    }
    for (method, path, body) in probes {
        let ours = ours.ask(method, path, body).await?;
        let peer = peer.ask(method, path, body).await?;
        if ours != peer {
            let body = body.unwrap_or_default();
            return Err(
                format!("the answers to {method} {path} {body} differ\n  ours: {ours:?}\n  peer: {peer:?}").into()
            );
        }
        if ours.status >= 500 || (operation.example == "books" && ours.status != 200) {
            return Err(format!("both fail at {method} {path}: {ours:?}").into());
        }
    }
    Ok(())
}
