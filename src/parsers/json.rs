//! JSON bodies.

use std::borrow::Cow;

use async_trait::async_trait;

use super::{Parser, ParserContext, RequestBody};
use crate::error::{Error, Result};
use crate::media_type::charset::Charset;
use crate::value::Value;
use crate::value::json::{self, Refused};

/// Reads `application/json`.
///
/// What Python's `json` accepts is accepted, in the charset that the content type names; `NaN` and the infinities only where it
/// is not [`strict`](JSONParser::strict). The answer to what is no JSON is 400 with CPython's sentence:
/// `{"detail": "JSON parse error - Expecting value: line 1 column 1 (char 0)"}`. Documents nested more than
/// [`MAX_DEPTH`](json::MAX_DEPTH) levels deep, for which DRF answers 500, are refused the same way. What would take more memory
/// than [`BodyLimits::parsed_bytes`](super::BodyLimits::parsed_bytes) is a 413.
#[derive(Clone, Debug)]
pub struct JSONParser {
    strict: bool,
}

impl Default for JSONParser {
    fn default() -> Self {
        JSONParser::new()
    }
}

impl JSONParser {
    /// The strict parser.
    pub fn new() -> Self {
        JSONParser { strict: true }
    }

    /// Whether `NaN`, `Infinity` and `-Infinity` are refused, DRF's setting `STRICT_JSON`.
    pub fn strict(mut self, yes: bool) -> Self {
        self.strict = yes;
        self
    }
}

#[async_trait]
impl Parser for JSONParser {
    fn media_type(&self) -> &str {
        "application/json"
    }

    async fn parse(&self, body: &mut RequestBody<'_>, request: &ParserContext<'_>) -> Result<Value> {
        let bytes = body.bytes().await?;
        let failed = |text: String| Error::Parse(format!("JSON parse error - {text}"));
        let text = match request.charset()? {
            Charset::Utf8 if self.strict => {
                Cow::Borrowed(json::decode(&bytes).map_err(|error| failed(error.to_string()))?)
            }
            charset => charset.decode(&bytes).map_err(failed)?,
        };
        json::parse_within(&text, self.strict, body.limits().parsed_bytes).map_err(|refused| match refused {
            Refused::Malformed(error) => failed(error.to_string()),
            Refused::TooLarge => Error::PayloadTooLarge,
        })
    }
}
