//! What both hand-written peers say on the wire: bodies in, bodies out, as DRF writes them.

use std::collections::HashMap;
use std::env;

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

const UNIQUE: &str = r#"{"non_field_errors":["The fields collection, uid must make a unique set."]}"#;

/// An answer: its status and its JSON.
#[derive(Debug)]
pub(crate) struct Reply(pub(crate) StatusCode, pub(crate) Vec<u8>);

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        (self.0, [(header::CONTENT_TYPE, "application/json")], self.1).into_response()
    }
}

impl Reply {
    pub(crate) fn ok(body: Vec<u8>) -> Self {
        Reply(StatusCode::OK, body)
    }

    pub(crate) fn created(body: Vec<u8>) -> Self {
        Reply(StatusCode::CREATED, body)
    }

    pub(crate) fn not_unique() -> Self {
        Reply(StatusCode::BAD_REQUEST, UNIQUE.into())
    }

    pub(crate) fn no_collection(collection: i64) -> Self {
        let text = format!(r#"{{"collection":["Invalid pk \"{collection}\" - object does not exist."]}}"#);
        Reply(StatusCode::BAD_REQUEST, text.into())
    }

    pub(crate) fn not_found() -> Self {
        let text = r#"{"detail":"No Document matches the given query."}"#;
        Reply(StatusCode::NOT_FOUND, text.into())
    }

    pub(crate) fn no_page() -> Self {
        Reply(StatusCode::NOT_FOUND, r#"{"detail":"Invalid page."}"#.into())
    }

    pub(crate) fn failed(error: &dyn std::error::Error) -> Self {
        eprintln!("{error}");
        let text = r#"{"detail":"A server error occurred."}"#;
        Reply(StatusCode::INTERNAL_SERVER_ERROR, text.into())
    }
}

/// The body of a POST or PATCH; what is `None` was not given.
#[derive(Debug, Deserialize)]
pub(crate) struct Input<'a> {
    #[serde(default, deserialize_with = "given")]
    pub(crate) uid: Option<String>,
    #[serde(default, borrow, deserialize_with = "given")]
    pub(crate) blob: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) collection: Option<i64>,
}

/// Without this a null would pass as a field that is not there.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl<'a> Input<'a> {
    /// Reads and validates a body.
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, Reply> {
        let mut input: Input<'_> = serde_json::from_slice(body).map_err(|error| {
            let text = serde_json::json!({"detail": format!("JSON parse error - {error}")});
            Reply(StatusCode::BAD_REQUEST, text.to_string().into())
        })?;
        let mut errors = Vec::new();
        if let Some(uid) = &mut input.uid {
            let trimmed = uid.trim();
            if trimmed.is_empty() {
                errors.push(r#""uid":["This field may not be blank."]"#);
            } else if trimmed.contains('\0') {
                errors.push(r#""uid":["Null characters are not allowed."]"#);
            } else if trimmed.len() != uid.len() {
                *uid = trimmed.to_owned();
            }
        }
        if input.blob.is_some_and(|blob| blob.get() == "null") {
            errors.push(r#""blob":["This field may not be null."]"#);
        }
        refuse(&errors)?;
        Ok(input)
    }

    /// The parts of a new document.
    pub(crate) fn complete(self) -> Result<(String, Option<&'a RawValue>, i64), Reply> {
        match (self.uid, self.collection) {
            (Some(uid), Some(collection)) => Ok((uid, self.blob, collection)),
            (uid, collection) => {
                let mut errors = Vec::new();
                if uid.is_none() {
                    errors.push(r#""uid":["This field is required."]"#);
                }
                if collection.is_none() {
                    errors.push(r#""collection":["This field is required."]"#);
                }
                Err(refuse(&errors).expect_err("there is at least one error"))
            }
        }
    }
}

fn refuse(errors: &[&str]) -> Result<(), Reply> {
    if errors.is_empty() {
        return Ok(());
    }
    let body = format!("{{{}}}", errors.join(","));
    Err(Reply(StatusCode::BAD_REQUEST, body.into()))
}

/// Writes one document.
pub(crate) fn document(out: &mut Vec<u8>, id: i64, uid: &str, blob: &[u8], collection: i64) {
    let mut digits = itoa::Buffer::new();
    out.extend_from_slice(b"{\"id\":");
    out.extend_from_slice(digits.format(id).as_bytes());
    out.extend_from_slice(b",\"uid\":");
    serde_json::to_writer(&mut *out, uid).expect("a string always serializes into memory");
    out.extend_from_slice(b",\"blob\":");
    compact(out, blob);
    out.extend_from_slice(b",\"collection\":");
    out.extend_from_slice(digits.format(collection).as_bytes());
    out.push(b'}');
}

/// A book with its author, up to its reviews; numbers and dates are already text.
#[derive(Debug)]
pub(crate) struct Book<'a> {
    pub(crate) id: i64,
    pub(crate) title: &'a str,
    pub(crate) pages: i32,
    pub(crate) price: &'a str,
    pub(crate) published: &'a str,
    pub(crate) author: (i64, &'a str, &'a str),
}

impl Book<'_> {
    /// Writes it, up to where its reviews belong.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let mut digits = itoa::Buffer::new();
        out.extend_from_slice(b"{\"id\":");
        out.extend_from_slice(digits.format(self.id).as_bytes());
        out.extend_from_slice(b",\"title\":");
        text(out, self.title);
        out.extend_from_slice(b",\"pages\":");
        out.extend_from_slice(digits.format(self.pages).as_bytes());
        out.extend_from_slice(b",\"price\":\"");
        out.extend_from_slice(self.price.as_bytes());
        out.extend_from_slice(b"\",\"published\":\"");
        out.extend_from_slice(self.published.as_bytes());
        out.extend_from_slice(b"\",\"author\":{\"id\":");
        let (id, name, email) = self.author;
        out.extend_from_slice(digits.format(id).as_bytes());
        out.extend_from_slice(b",\"name\":");
        text(out, name);
        out.extend_from_slice(b",\"email\":");
        text(out, email);
        out.extend_from_slice(b"},\"reviews\":[");
    }
}

/// The reviews of all books, by book: one buffer each.
#[derive(Debug, Default)]
pub(crate) struct Reviews(HashMap<i64, Vec<u8>>);

impl Reviews {
    /// Adds a review of a book, which `write` writes.
    pub(crate) fn add<E>(&mut self, book: i64, write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<(), E> {
        let out = self.0.entry(book).or_insert_with(|| Vec::with_capacity(512));
        if !out.is_empty() {
            out.push(b',');
        }
        write(out)
    }

    /// The list of the books, whose keys and ends in `books` are given, each with its reviews.
    pub(crate) fn within(&self, books: &[u8], ends: &[(i64, usize)]) -> Vec<u8> {
        let length = books.len() + self.0.values().map(|reviews| reviews.len() + 3).sum::<usize>() + 3 * ends.len() + 2;
        let mut out = Vec::with_capacity(length);
        let mut start = 0;
        out.push(b'[');
        for (id, end) in ends {
            if start > 0 {
                out.push(b',');
            }
            out.extend_from_slice(&books[start..*end]);
            out.extend_from_slice(self.0.get(id).map_or(&[], Vec::as_slice));
            out.extend_from_slice(b"]}");
            start = *end;
        }
        out.push(b']');
        out
    }
}

/// Writes one review; `written_at` writes the time.
pub(crate) fn review(out: &mut Vec<u8>, id: i64, stars: i32, words: &str, written_at: impl FnOnce(&mut Vec<u8>)) {
    let mut digits = itoa::Buffer::new();
    out.extend_from_slice(b"{\"id\":");
    out.extend_from_slice(digits.format(id).as_bytes());
    out.extend_from_slice(b",\"stars\":");
    out.extend_from_slice(digits.format(stars).as_bytes());
    out.extend_from_slice(b",\"text\":");
    text(out, words);
    out.extend_from_slice(b",\"written_at\":\"");
    written_at(out);
    out.extend_from_slice(b"\"}");
}

fn text(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("a string always serializes into memory");
}

/// Copies JSON without the spaces between its tokens: databases store or print some, DRF answers without.
fn compact(out: &mut Vec<u8>, json: &[u8]) {
    let mut start = 0;
    let mut at = 0;
    while at < json.len() {
        match json[at] {
            b'"' => {
                at += 1;
                while at < json.len() && json[at] != b'"' {
                    at += if json[at] == b'\\' { 2 } else { 1 };
                }
                at += 1;
            }
            b' ' | b'\t' | b'\n' | b'\r' => {
                out.extend_from_slice(&json[start..at]);
                at += 1;
                start = at;
            }
            _ => at += 1,
        }
    }
    out.extend_from_slice(&json[start..]);
}

/// How lists are cut into pages, from the environment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paging {
    /// Rows on a page; `None` lists everything in a bare array.
    pub(crate) size: Option<i64>,
    pub(crate) count: bool,
}

impl Paging {
    pub(crate) fn from_environment() -> Self {
        Paging {
            size: env::var("PAGE_SIZE")
                .ok()
                .map(|text| text.parse().expect("PAGE_SIZE is not a number; give a whole number or unset it")),
            count: env::var("PAGE_COUNT").as_deref() != Ok("off"),
        }
    }
}

/// `?page=N`.
#[derive(Debug, Deserialize)]
pub(crate) struct PageQuery {
    page: Option<String>,
}

impl PageQuery {
    /// The page's number, from one up; the answer to anything else is "Invalid page.".
    pub(crate) fn number(&self) -> Result<i64, Reply> {
        match &self.page {
            None => Ok(1),
            Some(text) => match text.parse() {
                Ok(number) if number > 0 => Ok(number),
                _ => Err(Reply::no_page()),
            },
        }
    }
}

/// What a list is narrowed by; an empty value is none.
#[derive(Debug, Deserialize)]
pub(crate) struct FilterQuery {
    pub(crate) collection: Option<i64>,
    uid: Option<String>,
    search: Option<String>,
}

impl FilterQuery {
    pub(crate) fn uid(&self) -> Option<&str> {
        self.uid.as_deref().filter(|uid| !uid.is_empty())
    }

    /// The pattern of `LIKE` for the text that is searched, with `\` before what is literal.
    pub(crate) fn pattern(&self) -> String {
        let mut pattern = String::from("%");
        for c in self.search.as_deref().unwrap_or_default().chars() {
            if matches!(c, '%' | '_' | '\\') {
                pattern.push('\\');
            }
            pattern.push(c);
        }
        pattern.push('%');
        pattern
    }
}

/// The list by the columns that it is narrowed by; `place` writes the place of a value.
pub(crate) fn filtered(list: &str, query: &FilterQuery, place: char) -> String {
    let given = [("collection_id", query.collection.is_some()), ("uid", query.uid().is_some())];
    let given = given.iter().filter(|(_, given)| *given).enumerate();
    let conditions: Vec<String> = given.map(|(n, (column, _))| format!("{column} = {place}{}", n + 1)).collect();
    if conditions.is_empty() {
        return list.to_owned();
    }
    list.replace("ORDER BY", &format!("WHERE {} ORDER BY", conditions.join(" AND ")))
}

/// Puts DRF's envelope around a page's rows.
pub(crate) fn envelope(headers: &HeaderMap, page: i64, count: Option<i64>, more: bool, rows: &[u8]) -> Vec<u8> {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let mut digits = itoa::Buffer::new();
    let mut out = Vec::with_capacity(rows.len() + 160);
    let mut link = |out: &mut Vec<u8>, page: i64| {
        out.extend_from_slice(b"\"http://");
        out.extend_from_slice(host.as_bytes());
        out.extend_from_slice(b"/documents/");
        if page > 1 {
            out.extend_from_slice(b"?page=");
            out.extend_from_slice(digits.format(page).as_bytes());
        }
        out.push(b'"');
    };
    out.push(b'{');
    if let Some(count) = count {
        out.extend_from_slice(b"\"count\":");
        out.extend_from_slice(itoa::Buffer::new().format(count).as_bytes());
        out.push(b',');
    }
    out.extend_from_slice(b"\"next\":");
    if more {
        link(&mut out, page + 1);
    } else {
        out.extend_from_slice(b"null");
    }
    out.extend_from_slice(b",\"previous\":");
    if page > 1 {
        link(&mut out, page - 1);
    } else {
        out.extend_from_slice(b"null");
    }
    out.extend_from_slice(b",\"results\":");
    out.extend_from_slice(rows);
    out.push(b'}');
    out
}
