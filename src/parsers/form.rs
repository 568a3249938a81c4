//! Forms without files.

use std::borrow::Cow;

use async_trait::async_trait;

use super::{Parser, ParserContext, RequestBody};
use crate::error::{Error, Result};
use crate::media_type::charset::Charset;
use crate::value::{Form, Value, query};

/// Reads `application/x-www-form-urlencoded` into a [`Form`].
///
/// Escapes that are no text become U+FFFD, as Django's `QueryDict` reads them. More fields than
/// [`BodyLimits::fields`](super::BodyLimits::fields) are a 400.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct FormParser;

impl FormParser {
    /// The parser.
    pub fn new() -> Self {
        FormParser
    }
}

pub(super) fn too_many_fields() -> Error {
    Error::Parse("The number of GET/POST parameters exceeded settings.DATA_UPLOAD_MAX_NUMBER_FIELDS.".into())
}

#[async_trait]
impl Parser for FormParser {
    fn media_type(&self) -> &str {
        "application/x-www-form-urlencoded"
    }

    async fn parse(&self, body: &mut RequestBody<'_>, request: &ParserContext<'_>) -> Result<Value> {
        let charset = request.charset()?;
        let bytes = body.bytes().await?;
        // separators are counted, as Python does: empty fields are fields here
        if memchr::memchr_iter(b'&', &bytes).count() >= body.limits().fields {
            return Err(too_many_fields());
        }
        let text = match charset {
            Charset::Utf8 => std::str::from_utf8(&bytes).ok().map(Cow::Borrowed),
            other => other.decode_whole(&bytes),
        };
        // some browsers misbehave
        let text = text.unwrap_or_else(|| Charset::Latin1.decode_lossy(&bytes));
        let mut form = Form::new();
        match charset {
            Charset::Utf8 => {
                for (name, value) in query::parameters(&text) {
                    form.append(name, Value::Str(value.into_owned()));
                }
            }
            other => {
                for pair in text.split('&').filter(|pair| !pair.is_empty()) {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    form.append(unescaped(name, other), Value::Str(unescaped(value, other)));
                }
            }
        }
        Ok(Value::Form(Box::new(form)))
    }
}

/// Python's `unquote_plus` of a text in another charset: each run of ASCII is decoded by itself.
fn unescaped(text: &str, charset: Charset) -> String {
    if !text.contains('%') {
        return text.replace('+', " ");
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let (run, after) = rest.split_at(rest.find(|c: char| !c.is_ascii()).unwrap_or(rest.len()));
        out.push_str(&charset.decode_lossy(&query::unescape(run)));
        let (other, after) = after.split_at(after.find(|c: char| c.is_ascii()).unwrap_or(after.len()));
        out.push_str(other);
        rest = after;
    }
    out
}
