//! A write that is carried out once for its idempotency key.
//!
//! The write's transaction takes the key at its beginning, where no answer is kept for it, and keeps the answer at its end, with the
//! commit. Whatever stops a write whose key has an answer by then, the request came before, another one was first, or a commit went
//! through whose answer was lost: the kept answer counts. An action, which may do something before its transaction, is looked for its
//! answer first.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use chrono::Utc;
use http::header::{CONTENT_TYPE, SET_COOKIE};
use http::{HeaderName, HeaderValue, StatusCode};

use super::detached::Detached;
use super::policy::Policy;
use super::resource::{Resource, Stop, undo};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::idempotency::{fingerprint, id};
use crate::response::{Data, Response};
use crate::store::idempotency::{self as table, Kept, KeyId};
use crate::store::{Database, Deadline, Rows, Transaction};
use crate::value::{DbValue, Value, json};

const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The longest answer that no renderer makes and that is kept all the same.
const MOST_RAW: usize = 1024 * 1024;
/// How long such an answer may take to be there.
const RAW_LIMIT: Duration = Duration::from_secs(5);

/// How long it is looked for a kept answer after a write that failed.
const LAST_LOOK: Duration = Duration::from_secs(2);

/// What kept bodies are, in the table's numbers.
const JSON: u8 = 0;
const VALUE: u8 = 1;
const RAW: u8 = 2;

/// What a write of a view set answers when it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answers {
    /// 201 with the new object, or objects; with the `Location` that an object names.
    Created { links: bool },
    /// 200 with what was changed.
    Changed,
    /// 204.
    Gone,
}

impl Answers {
    /// The answer with its body.
    pub(crate) fn response(self, body: Vec<u8>) -> Response {
        match self {
            Answers::Gone => Response::no_content(),
            Answers::Changed => Response::json(body),
            Answers::Created { links } => {
                let location = if links { url_of(&body) } else { None };
                let response = Response::json(body).status(StatusCode::CREATED);
                match location {
                    Some(location) => response.header(http::header::LOCATION, location),
                    None => response,
                }
            }
        }
    }
}

/// The `url` of a new object.
fn url_of(body: &[u8]) -> Option<String> {
    let object = json::parse(body).ok()?;
    object.get("url")?.as_str().map(str::to_owned)
}

/// A request's key and what the request is; the request's context has it while it is carried out.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    id: KeyId,
    fingerprint: String,
    lasts: i64,
    answers: Answers,
    /// Whether it is looked for an answer before anything is done, and not by the transaction alone.
    looks_first: bool,
}

/// Whether the request has a key.
pub(crate) fn is_keyed(cx: &Context) -> bool {
    cx.kept::<Claim>().is_some()
}

/// Whether a request that writes has a key that its view takes.
///
/// # Errors
///
/// 400 for a key that is none.
pub(crate) fn takes_key(policy: &Policy, cx: &Context) -> Result<bool> {
    let key = policy.idempotency.as_ref().map(|keys| keys.key(cx)).transpose()?;
    Ok(key.flatten().is_some())
}

impl Claim {
    /// The claim of a request that writes; none where it has no key, or its view takes none.
    ///
    /// # Errors
    ///
    /// 400 for a key that is none.
    pub(crate) async fn of(policy: &Policy, cx: &Context, data: &Value, answers: Answers) -> Result<Option<Self>> {
        let Some(keys) = &policy.idempotency else { return Ok(None) };
        let Some(key) = keys.key(cx)? else { return Ok(None) };
        let fingerprint = Box::pin(fingerprint(cx, data)).await?;
        Ok(Some(Claim {
            id: id(&policy.info.type_name, cx, &key),
            fingerprint,
            lasts: keys.lasts(),
            answers,
            looks_first: false,
        }))
    }

    /// The answer that is kept.
    ///
    /// # Errors
    ///
    /// 422 where the key belongs to another request; 503 where the database is away.
    async fn replayed(&self, database: &Database) -> Result<Option<Response>> {
        match table::find(database, self.id, now()).await? {
            None => Ok(None),
            Some(kept) if kept.fingerprint == self.fingerprint => Ok(Some(restored(kept)?)),
            Some(_) => Err(Error::idempotency_key_reused()),
        }
    }

    /// Commits an answer with the effect that it tells of.
    async fn keep(&self, tx: Transaction, response: &mut Response) -> Result<(), Stop> {
        let kept = match kept(self.fingerprint.clone(), response).await {
            Ok(kept) => kept,
            Err(error) => return Err(undo(tx, error.into()).await),
        };
        let now = now();
        if table::keep(tx, self.id, kept, now, now.saturating_add(self.lasts)).await? {
            return Ok(());
        }
        // somebody was first after all
        Err(Error::idempotency_key_in_use().into())
    }

    /// The same for a write that does something before its transaction begins: it is looked for its answer first.
    pub(crate) fn looking_first(self) -> Self {
        Claim { looks_first: true, ..self }
    }
}

/// Carries a write out to its end; once, where it has a claim.
///
/// # Errors
///
/// The write's own; 409 while another request with the key is in progress, 422 where the key belongs to another one.
pub(crate) async fn once<W>(
    claim: Option<Claim>,
    policy: &Policy,
    cx: &Context,
    write: impl FnOnce(Context) -> W,
) -> Result<Response>
where
    W: Future<Output = Result<Response>> + Send + 'static,
{
    let Some(claim) = claim else { return Detached::new(write(cx.clone())).await };
    let database = &policy.database(cx)?;
    if claim.looks_first
        && let Some(response) = Box::pin(claim.replayed(database)).await?
    {
        return Ok(response);
    }
    let mut keyed = cx.clone();
    keyed.keep(claim.clone());
    match Detached::new(write(keyed)).await {
        Ok(response) => {
            if policy.idempotency.as_ref().is_some_and(|keys| keys.is_to_sweep()) {
                Box::pin(sweep(database)).await;
            }
            Ok(response)
        }
        // the request's time may be over, and the answer be there
        Err(error) => match Box::pin(claim.replayed(&database.until(Deadline::after(LAST_LOOK)))).await {
            Ok(Some(response)) => Ok(response),
            Err(reused) if reused.status() == StatusCode::UNPROCESSABLE_ENTITY => Err(reused),
            _ => Err(error),
        },
    }
}

/// Deletes a few of the answers that have ended; another time, if it cannot be now.
async fn sweep(database: &Database) {
    if let Err(error) = table::delete_expired(database, now()).await {
        tracing::warn!(%error, "idempotency keys that have ended could not be deleted");
    }
}

impl Resource {
    /// Opens the transaction of a write, with the row that it is about; the request's key is taken first.
    ///
    /// # Errors
    ///
    /// As the store's; 409 where the key is taken.
    pub(crate) async fn begin(&self, key: Option<&DbValue>, cx: &Context) -> Result<(Transaction, Rows), Stop> {
        let lock = key.map(|key| self.plan.lock(key));
        let isolation = self.isolation_for(key, cx);
        let Some(claim) = cx.kept::<Claim>() else { return Ok(self.open(isolation, lock, cx).await?) };
        let claimed = table::claim(self.dialect(), claim.id, now());
        let (tx, rows) = self.open(isolation, Some(claimed), cx).await?;
        let locked = match (table::is_free(&rows), lock) {
            (Ok(true), Some(lock)) => tx.query(lock).await.map_err(Stop::from),
            (Ok(true), None) => Ok(Rows::none()),
            (Ok(false), _) => Err(Error::idempotency_key_in_use().into()),
            (Err(error), _) => Err(error.into()),
        };
        match locked {
            Ok(rows) => Ok((tx, rows)),
            Err(stop) => Err(undo(tx, stop).await),
        }
    }

    /// Commits a write, with the answer where the request has a key.
    ///
    /// # Errors
    ///
    /// As the store's; 409 where another request with the key was first.
    pub(crate) async fn commit(&self, tx: Transaction, body: &[u8], cx: &Context) -> Result<(), Stop> {
        match cx.kept::<Claim>() {
            None => Ok(tx.commit().await?),
            Some(claim) => {
                let response = claim.answers.response(body.to_vec());
                Box::pin(self.commit_response(tx, response, cx)).await.map(drop)
            }
        }
    }

    /// The same with an answer that a handler made.
    ///
    /// # Errors
    ///
    /// As [`commit`](Self::commit).
    pub(crate) async fn commit_response(
        &self,
        tx: Transaction,
        mut response: Response,
        cx: &Context,
    ) -> Result<Response, Stop> {
        match cx.kept::<Claim>() {
            Some(claim) => Box::pin(claim.keep(tx, &mut response)).await?,
            None => tx.commit().await?,
        }
        Ok(response)
    }
}

/// An answer as it is kept, before it is rendered; a body that no renderer makes is read to its end.
async fn kept(fingerprint: String, response: &mut Response) -> Result<Kept> {
    let (form, body) = match &mut response.data {
        Data::Json(text) => (JSON, text.clone()),
        Data::Value(_) => {
            let text = response.data.to_json().map_err(|_| Error::internal("a value is no JSON"))?;
            (VALUE, text.into_owned())
        }
        Data::Raw(body) => {
            let read = tokio::time::timeout(RAW_LIMIT, to_bytes(std::mem::take(body), MOST_RAW)).await;
            let bytes = read.map_err(Error::internal)?.map_err(Error::internal)?;
            *body = Body::from(bytes.clone());
            (RAW, bytes.to_vec())
        }
    };
    let mut head = Vec::new();
    // what logs a client in is nothing to be kept
    let headers = response.headers.iter().filter(|(name, _)| **name != SET_COOKIE);
    let content_type = response.content_type.as_ref().map(|value| (&CONTENT_TYPE, value));
    for (name, value) in headers.chain(content_type) {
        for part in [name.as_str().as_bytes(), b":", value.as_bytes(), b"\n"] {
            head.extend_from_slice(part);
        }
    }
    Ok(Kept { fingerprint, status: response.status.as_u16(), form, head, body })
}

/// A kept answer as it was, and the header that says so.
fn restored(kept: Kept) -> Result<Response> {
    let Kept { status, form, head, body, .. } = kept;
    let status = StatusCode::from_u16(status).map_err(Error::internal)?;
    let mut response = match form {
        RAW => Response { data: Data::Raw(Body::from(body)), ..Response::empty() },
        VALUE if body.is_empty() => Response::empty(),
        VALUE => Response::new(json::parse(&body).map_err(|_| Error::internal("a kept value is no JSON"))?),
        _ => Response::json(body),
    }
    .status(status);
    for line in head.split(|byte| *byte == b'\n') {
        let Some(at) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = (HeaderName::from_bytes(&line[..at]), HeaderValue::from_bytes(&line[at + 1..]));
        let (Ok(name), Ok(value)) = (name, value) else { continue };
        if name == CONTENT_TYPE && form != RAW {
            response.content_type = Some(value);
        } else {
            response.headers.append(name, value);
        }
    }
    Ok(response.header(REPLAYED, "true"))
}

fn now() -> i64 {
    Utc::now().timestamp_millis()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use http::header::LOCATION;

    use super::*;

    async fn again(mut response: Response) -> (Response, Response) {
        let kept = kept("f".into(), &mut response).await.unwrap();
        (response, restored(kept).unwrap())
    }

    #[tokio::test]
    async fn an_answer_comes_back_as_it_was() {
        let created = Answers::Created { links: true }.response(br#"{"url":"http://testserver/rows/1/"}"#.to_vec());
        let (_, replayed) = again(created).await;
        assert_eq!(replayed.status, StatusCode::CREATED);
        assert_eq!(replayed.headers[LOCATION], "http://testserver/rows/1/");
        assert_eq!(replayed.headers[REPLAYED], "true");
        assert!(matches!(replayed.data, Data::Json(text) if text == br#"{"url":"http://testserver/rows/1/"}"#));

        let (_, replayed) = again(Answers::Gone.response(Vec::new())).await;
        assert_eq!(replayed.status, StatusCode::NO_CONTENT);
        assert!(matches!(replayed.data, Data::Value(Value::Null)));

        let own =
            Response::new(crate::value!({"a": [1, "x"]})).content_type("application/x-own").header(SET_COOKIE, "s=1");
        let (first, replayed) = again(own).await;
        assert_eq!(replayed.content_type.unwrap(), "application/x-own");
        assert!(first.headers.contains_key(SET_COOKIE) && !replayed.headers.contains_key(SET_COOKIE));
        assert_eq!(first.data.to_value().unwrap(), replayed.data.to_value().unwrap());

        let raw: axum::response::Response =
            http::Response::builder().header(CONTENT_TYPE, "text/csv").body("a,b".into()).unwrap();
        let (first, replayed) = again(raw.into()).await;
        for response in [first, replayed] {
            assert_eq!(response.headers[CONTENT_TYPE], "text/csv");
            let Data::Raw(body) = response.data else { unreachable!() };
            assert_eq!(to_bytes(body, 9).await.unwrap(), "a,b");
        }
    }
}
