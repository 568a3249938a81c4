//! Idempotency keys: a request that a client may send again is carried out once.
//!
//! The header `Idempotency-Key` of draft-ietf-httpapi-idempotency-key-header, with the contract of Stripe's API.

use std::borrow::Cow;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use http::{HeaderName, Method};
use sha2::{Digest, Sha256};

use crate::context::Context;
use crate::error::{Error, Result};
use crate::store::idempotency::KeyId;
use crate::value::Value;

const HEADER: HeaderName = HeaderName::from_static("idempotency-key");

/// The most characters of a key.
const MAX_KEY: usize = 255;

/// After how many writes by key those that have ended are looked for; fewer than what is deleted then.
const SWEEP: u32 = 16;

/// That a view takes idempotency keys, and how long it keeps the answers.
///
/// A request that writes and names a key in `Idempotency-Key` is carried out once: who sends it again gets the first answer,
/// with `Idempotent-Replayed: true`. The answer is committed with the effect, so that there is never one without the other.
///
/// ```
/// use std::time::Duration;
///
/// use bowline::prelude::*;
/// # use bowline::doc::booking;
/// let keys = Idempotency::new().expires_after(Duration::from_secs(3600)).required();
/// let bookings = ModelViewSet::<booking::Entity>::new().idempotency(keys);
/// ```
#[derive(Clone, Debug)]
pub struct Idempotency {
    expires_after: Duration,
    required: bool,
    writes: Arc<AtomicU32>,
}

impl Default for Idempotency {
    fn default() -> Self {
        Idempotency::new()
    }
}

impl Idempotency {
    /// Keys that requests may have, kept for 24 hours.
    pub fn new() -> Self {
        Idempotency { expires_after: Duration::from_secs(24 * 3600), required: false, writes: Arc::default() }
    }

    /// With another time after which a key is forgotten and may be used anew.
    pub fn expires_after(mut self, time: Duration) -> Self {
        self.expires_after = time;
        self
    }

    /// POST and PATCH must have a key: 400 without one.
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// How long an answer is kept, in milliseconds.
    pub(crate) fn lasts(&self) -> i64 {
        i64::try_from(self.expires_after.as_millis()).unwrap_or(i64::MAX)
    }

    /// Whether it is a write's turn to look for those that have ended.
    pub(crate) fn is_to_sweep(&self) -> bool {
        self.writes.fetch_add(1, Ordering::Relaxed) % SWEEP == SWEEP - 1
    }

    /// The key of a request; none of one that only reads, or that has none.
    ///
    /// # Errors
    ///
    /// 400 where it must have one, or what it has is none.
    pub(crate) fn key(&self, request: &Context) -> Result<Option<String>> {
        let method = request.method();
        if method.is_safe() {
            return Ok(None);
        }
        let mut named = request.headers().into_iter().flat_map(|headers| headers.get_all(HEADER));
        match (named.next(), named.next()) {
            (None, _) if self.required && matches!(*method, Method::POST | Method::PATCH) => {
                Err(Error::idempotency_key_missing())
            }
            (None, _) => Ok(None),
            (Some(value), None) => read(value.as_bytes()).map(Some).ok_or_else(Error::idempotency_key_invalid),
            (Some(_), Some(_)) => Err(Error::idempotency_key_invalid()),
        }
    }
}

/// The key that a header names: a quoted string, as the draft has it, or bare, as Stripe has it.
fn read(text: &[u8]) -> Option<String> {
    let key = match text.trim_ascii() {
        [b'"', quoted @ .., b'"'] => unquoted(quoted)?,
        [b'"', ..] => return None,
        bare => bare.to_vec(),
    };
    let is_key = (1..=MAX_KEY).contains(&key.len()) && key.iter().all(u8::is_ascii_graphic);
    if is_key { String::from_utf8(key).ok() } else { None }
}

/// The inside of a string of RFC 8941.
fn unquoted(text: &[u8]) -> Option<Vec<u8>> {
    let (mut key, mut bytes) = (Vec::with_capacity(text.len()), text.iter());
    while let Some(byte) = bytes.next() {
        key.push(match byte {
            b'"' => return None,
            b'\\' => *bytes.next().filter(|escaped| matches!(escaped, b'"' | b'\\'))?,
            other => *other,
        });
    }
    Some(key)
}

/// What a key is known by: it belongs to a view and to the user who sent it, or to nobody.
pub(crate) fn id(view: &str, request: &Context, key: &str) -> KeyId {
    let mut hash = Sha256::new();
    text(&mut hash, view);
    match request.user() {
        Some(user) => text(&mut hash, &user.pk.to_python_str()),
        None => hash.update([0]),
    }
    text(&mut hash, key);
    KeyId(hash.finalize().into())
}

/// What tells a request from another one: its method, its address, the version that it wants, and its body as it was parsed.
///
/// # Errors
///
/// Where the disk fails that an uploaded file is on.
pub(crate) async fn fingerprint(request: &Context, data: &Value) -> Result<String> {
    let mut hash = Sha256::new();
    for part in [request.method().as_str(), request.path(), request.query(), request.version().unwrap_or_default()] {
        text(&mut hash, part);
    }
    let hash = if is_on_disk(data) {
        let data = data.clone();
        let read = tokio::task::spawn_blocking(move || absorb(&mut hash, &data).map(|()| hash)).await;
        read.map_err(Error::internal)?
    } else {
        absorb(&mut hash, data).map(|()| hash)
    };
    let digest = hash.map_err(Error::internal)?.finalize();
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Each text with its length before it: two of them are never taken for two others.
fn text(hash: &mut Sha256, text: &str) {
    bytes(hash, b't', text.as_bytes());
}

fn bytes(hash: &mut Sha256, tag: u8, bytes: &[u8]) {
    hash.update([tag]);
    hash.update((bytes.len() as u64).to_be_bytes());
    hash.update(bytes);
}

fn is_on_disk(data: &Value) -> bool {
    match data {
        Value::File(file) => file.in_memory().is_none(),
        Value::List(items) => items.iter().any(is_on_disk),
        Value::Map(map) => map.values().any(is_on_disk),
        Value::Form(form) => form.lists().any(|(_, values)| values.iter().any(is_on_disk)),
        _ => false,
    }
}

/// The body without what says nothing: the order of names, the spaces of JSON, the boundaries of forms.
fn absorb(hash: &mut Sha256, data: &Value) -> io::Result<()> {
    let items = |hash: &mut Sha256, items: &[Value]| {
        bytes(hash, b'l', &(items.len() as u64).to_be_bytes());
        items.iter().try_for_each(|item| absorb(hash, item))
    };
    match data {
        Value::List(list) => items(hash, list),
        Value::Map(map) => {
            let mut pairs: Vec<_> = map.iter().collect();
            pairs.sort_by_key(|(name, _)| *name);
            bytes(hash, b'm', &(pairs.len() as u64).to_be_bytes());
            pairs.into_iter().try_for_each(|(name, value)| {
                text(hash, name);
                absorb(hash, value)
            })
        }
        Value::Form(form) => {
            let mut lists: Vec<_> = form.lists().collect();
            lists.sort_by_key(|(name, _)| *name);
            bytes(hash, b'f', &(lists.len() as u64).to_be_bytes());
            lists.into_iter().try_for_each(|(name, values)| {
                text(hash, name);
                items(hash, values)
            })
        }
        Value::File(file) => {
            text(hash, file.name());
            text(hash, file.content_type().unwrap_or_default());
            hash.update([b'u']);
            hash.update(file.size().to_be_bytes());
            let (mut reader, mut part) = (file.reader(), vec![0; 64 * 1024]);
            loop {
                match reader.read(&mut part)? {
                    0 => return Ok(()),
                    n => hash.update(&part[..n]),
                }
            }
        }
        Value::Surrogates(first, rest) => {
            bytes(hash, b's', &first.to_be_bytes());
            text(hash, rest);
            Ok(())
        }
        plain => {
            // `1` is not `"1"`
            text(hash, plain.type_name());
            let printed: Cow<'_, str> = plain.to_python_str();
            text(hash, &printed);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use http::Request;

    use super::*;
    use crate::context::User;
    use crate::value::{Form, Upload};

    fn request(method: &str, uri: &str, keys: &[&str]) -> Context {
        let mut request = Request::builder().method(method).uri(uri);
        for key in keys {
            request = request.header(HEADER, *key);
        }
        Context::new(request.body(()).unwrap().into_parts().0, Vec::new())
    }

    #[test]
    fn keys_are_quoted_or_bare() {
        let long = "k".repeat(255);
        for (header, key) in [
            ("abc", "abc"),
            ("\"abc\"", "abc"),
            ("  \"a\\\"b\\\\\" ", "a\"b\\"),
            ("a\"b", "a\"b"),
            ("8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
            (long.as_str(), long.as_str()),
        ] {
            let found = Idempotency::new().key(&request("POST", "/", &[header])).unwrap();
            assert_eq!(found.as_deref(), Some(key), "{header}");
        }
        let (longer, quoted) = ("k".repeat(256), format!("\"{}\"", "k".repeat(256)));
        let bad = [
            "", " ", "\"\"", "\"", "\"a", "\"a\"b\"", "\"a\\b\"", "\"a\\\"", "a b", "\"a b\"", "a\tb", "é", &longer,
            &quoted,
        ];
        for header in bad {
            let error = Idempotency::new().key(&request("POST", "/", &[header])).unwrap_err();
            assert_eq!(error.status(), 400, "{header}");
        }
        assert!(Idempotency::new().key(&request("POST", "/", &["a", "a"])).is_err());
    }

    #[test]
    fn who_must_have_one() {
        let keys = Idempotency::new().required();
        for (method, must) in [("POST", true), ("PATCH", true), ("PUT", false), ("DELETE", false), ("GET", false)] {
            assert_eq!(keys.key(&request(method, "/", &[])).is_err(), must, "{method}");
            assert_eq!(Idempotency::new().key(&request(method, "/", &[])).unwrap(), None);
        }
        assert_eq!(keys.key(&request("GET", "/", &["\""])).unwrap(), None);
    }

    #[test]
    fn a_key_belongs_to_its_user_and_its_view() {
        let by = |user: Option<Value>, view: &str, key: &str| {
            let mut context = request("POST", "/", &[]);
            if let Some(pk) = user {
                context.set_user(User::new(pk, ""), None);
            }
            id(view, &context, key).0
        };
        let one = by(Some(1.into()), "v", "k");
        assert_eq!(one, by(Some(1.into()), "v", "k"));
        let others = [by(Some(2.into()), "v", "k"), by(None, "v", "k"), by(Some(1.into()), "w", "k")];
        assert!(!others.contains(&one) && !others.contains(&by(Some(1.into()), "v", "l")));
        assert_ne!(by(Some("".into()), "v", "k"), by(None, "v", "k"));
    }

    #[tokio::test]
    async fn fingerprints_tell_bodies_apart() {
        let of = async |text: &str| {
            fingerprint(&request("POST", "/a/", &[]), &crate::value::json::parse(text.as_bytes()).unwrap())
                .await
                .unwrap()
        };
        let same = of(r#"{"a": 1, "b": [true, null, "x"]}"#).await;
        assert_eq!(of(r#"{"b":[true,null,"x"],"a":1}"#).await, same);
        for other in [
            r#"{"a": 2, "b": [true, null, "x"]}"#,
            r#"{"a": "1", "b": [true, null, "x"]}"#,
            r#"{"a": 1.0, "b": [true, null, "x"]}"#,
            r#"{"a": 1, "b": [true, "x", null]}"#,
            r#"{"a": 1, "b": [true, null], "x": null}"#,
            r#"{"a": 1, "b": [true, null, "x", []]}"#,
            r#"{"a": 1, "b": [true, null, ["x"]]}"#,
        ] {
            assert_ne!(of(other).await, same, "{other}");
        }
        let at = async |method: &str, uri: &str| fingerprint(&request(method, uri, &[]), &Value::Null).await.unwrap();
        let here = at("POST", "/a/?x=1").await;
        assert_eq!(at("POST", "/a/?x=1").await, here);
        for (method, uri) in [("PUT", "/a/?x=1"), ("POST", "/b/?x=1"), ("POST", "/a/?x=2"), ("POST", "/a/")] {
            assert_ne!(at(method, uri).await, here, "{method} {uri}");
        }
    }

    #[tokio::test]
    async fn files_are_what_is_in_them() {
        let of = async |file: Upload| {
            let mut form = Form::new();
            form.append("file", Value::File(Arc::new(file)));
            fingerprint(&Context::default(), &Value::Form(Box::new(form))).await.unwrap()
        };
        let mut file = tempfile::tempfile().unwrap();
        io::Write::write_all(&mut file, b"hello").unwrap();
        let on_disk = of(Upload::on_disk("a.txt", None, file, 5)).await;
        assert_eq!(of(Upload::new("a.txt", None, "hello")).await, on_disk);
        assert_ne!(of(Upload::new("a.txt", None, "hallo")).await, on_disk);
        assert_ne!(of(Upload::new("b.txt", None, "hello")).await, on_disk);
    }
}
