//! What a request's body is: from bytes and a media type to a [`Value`].
//!
//! A view has a list of parsers; the first one whose media type the body's `Content-Type` satisfies reads it. By
//! default these are [`JSONParser`], [`FormParser`] and [`MultiPartParser`]; [`FileUploadParser`] takes a raw file, and
//! every type that implements [`Parser`] is one. See DRF's chapter "Parsers".
//!
//! A body fails with
//! * 415 where no parser reads its media type (not so where it is empty: that is an empty object or form);
//! * 400 where it is not what it says;
//! * 413 and 408 where it is longer, or arrives more slowly, than [`BodyLimits`] allow.
//!
//! Django answers 400 with a page of HTML where DRF's own errors are JSON: for more fields or files than the limits allow, and for
//! file names that are none. Here these are JSON as well. Django and DRF lose a body sent in chunks without a length; here it is read.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use axum::body::Body;
use http::{HeaderMap, HeaderName, header as names};

use crate::error::{Error, Result};
use crate::heavy;
use crate::media_type::charset::{self, Charset, Lookup};
use crate::media_type::header::{self, Parameters};
use crate::media_type::{self, MediaType};
use crate::value::{Form, Value};

mod body;
mod form;
mod json;
mod multipart;
#[cfg(test)]
mod tests;
mod upload;

pub use body::{BodyLimits, RequestBody};
pub use form::FormParser;
pub use json::JSONParser;
pub use multipart::MultiPartParser;
pub use upload::FileUploadParser;

/// Reads bodies of one media type, DRF's `BaseParser`.
///
/// ```
/// use bowline::parsers::{Parser, ParserContext, RequestBody};
/// use bowline::prelude::*;
///
/// #[derive(Debug)]
/// struct PlainTextParser;
///
/// #[bowline::async_trait]
/// impl Parser for PlainTextParser {
///     fn media_type(&self) -> &str {
///         "text/plain"
///     }
///
///     async fn parse(&self, body: &mut RequestBody<'_>, request: &ParserContext<'_>) -> bowline::Result<Value> {
///         let bytes = body.bytes().await?;
///         Ok(Value::Str(request.decode(&bytes)?.into_owned()))
///     }
/// }
/// ```
#[async_trait]
pub trait Parser: Send + Sync + fmt::Debug + 'static {
    /// The media type that it reads; may have wildcards and parameters.
    fn media_type(&self) -> &str;

    /// Reads a body that is not empty.
    ///
    /// # Errors
    ///
    /// [`Error::Parse`] for a body that is not what it says, and what reading it fails with.
    async fn parse(&self, body: &mut RequestBody<'_>, request: &ParserContext<'_>) -> Result<Value>;
}

/// What a parser may know of the request, DRF's `parser_context`.
#[derive(Clone, Copy, Debug)]
pub struct ParserContext<'a> {
    headers: &'a HeaderMap,
    content_type: &'a str,
    kwargs: &'a [(String, String)],
}

impl<'a> ParserContext<'a> {
    /// The body's content type as the client wrote it; empty where it did not.
    pub fn content_type(&self) -> &'a str {
        self.content_type
    }

    /// The first header of a name; every byte of it is a character.
    pub fn header(&self, name: HeaderName) -> Option<Cow<'a, str>> {
        self.headers.get(name).map(header::text)
    }

    /// A value of the path by its name.
    pub fn kwarg(&self, name: &str) -> Option<&'a str> {
        self.kwargs.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// Bytes as text, in the charset that the content type names, or UTF-8.
    ///
    /// # Errors
    ///
    /// [`Error::Parse`] for bytes that are no text and for charsets that are none.
    pub fn decode<'b>(&self, bytes: &'b [u8]) -> Result<Cow<'b, str>> {
        self.charset()?.decode(bytes).map_err(Error::Parse)
    }

    /// The charset that the content type names; UTF-8 where it names none, or one that does not exist.
    fn charset(&self) -> Result<Charset> {
        if !self.content_type.contains(';') {
            return Ok(Charset::Utf8);
        }
        let parameters = Parameters::parse(self.content_type).unwrap_or_default();
        let Some(name) = parameters.get("charset") else { return Ok(Charset::Utf8) };
        match charset::lookup(name) {
            Lookup::Found(charset) => Ok(charset),
            Lookup::Unknown => Ok(Charset::Utf8),
            Lookup::NotText => {
                Err(Error::Parse(format!("Unsupported charset \"{name}\" in request Content-Type header.")))
            }
        }
    }
}

/// The parsers of a view, in the order in which they are asked: DRF's `parser_classes`.
///
/// ```
/// use bowline::parsers::{FormParser, JSONParser, Parsers};
/// let parsers = Parsers::none().with(JSONParser::new()).with(FormParser::new());
/// assert_eq!(parsers.media_types().collect::<Vec<_>>(), ["application/json", "application/x-www-form-urlencoded"]);
/// assert!(parsers.select("application/json; charset=utf-8").is_some());
/// assert!(parsers.select("text/plain").is_none());
/// ```
#[derive(Clone, Debug)]
pub struct Parsers(Arc<[Prepared]>);

/// A parser and its media type, read once.
#[derive(Clone, Debug)]
struct Prepared {
    media_type: MediaType<'static>,
    parser: Arc<dyn Parser>,
}

impl Default for Parsers {
    /// JSON, forms and multipart forms.
    fn default() -> Self {
        static DEFAULT: LazyLock<Parsers> = LazyLock::new(|| {
            Parsers::none().with(JSONParser::new()).with(FormParser::new()).with(MultiPartParser::new())
        });
        DEFAULT.clone()
    }
}

/// Whether a body brings files, of which a small one may be much: pictures are packed.
fn has_files(parsed: &Value) -> bool {
    match parsed {
        Value::Form(form) => form.file_names().next().is_some(),
        Value::Map(map) => map.values().any(|value| matches!(value, Value::File(_))),
        value => matches!(value, Value::File(_)),
    }
}

impl Parsers {
    /// No parser: every body that is not empty is refused.
    pub fn none() -> Self {
        Parsers(Arc::new([]))
    }

    /// Adds a parser that is asked after the others.
    pub fn with(self, parser: impl Parser) -> Self {
        self.with_shared(Arc::new(parser))
    }

    /// Adds a parser that others have too.
    pub fn with_shared(self, parser: Arc<dyn Parser>) -> Self {
        let media_type = MediaType::parse(parser.media_type()).into_owned();
        Parsers(self.0.iter().cloned().chain([Prepared { media_type, parser }]).collect())
    }

    /// The media types, for OPTIONS.
    pub fn media_types(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|prepared| prepared.parser.media_type())
    }

    /// The first parser that reads a content type.
    pub fn select(&self, content_type: &str) -> Option<&Arc<dyn Parser>> {
        if media_type::is_too_long(content_type) {
            return None;
        }
        let wanted = MediaType::parse(content_type);
        self.0.iter().find(|own| own.media_type.matches(&wanted)).map(|own| &own.parser)
    }

    /// Reads and parses a body; an empty one is an empty object, or an empty form where the content type is a form's.
    ///
    /// `kwargs` are the values of the request's path by their names.
    ///
    /// # Errors
    ///
    /// 415 where no parser reads it, 400 where it is not what it says, 408 where it does not arrive in time, 413 where it
    /// is too long.
    pub async fn parse(
        &self,
        headers: &HeaderMap,
        body: Body,
        kwargs: &[(String, String)],
        limits: &BodyLimits,
    ) -> Result<Value> {
        let content_type = headers.get(names::CONTENT_TYPE).map(header::text).unwrap_or_default();
        let declared = headers.get(names::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok());
        let mut body = RequestBody::new(body, declared, limits);
        if body.is_empty().await? {
            let is_form = media_type::is_form(&content_type);
            return Ok(if is_form { Value::Form(Box::new(Form::new())) } else { Value::map() });
        }
        match self.select(&content_type) {
            Some(parser) => {
                let request = ParserContext { headers, content_type: &content_type, kwargs };
                let parsed = parser.parse(&mut body, &request).await;
                let has_files = parsed.as_ref().is_ok_and(has_files);
                heavy::weigh(if has_files { usize::MAX } else { body.size() }).await;
                parsed
            }
            None => Err(Error::UnsupportedMediaType(content_type.into_owned())),
        }
    }
}
