//! What a request's body is, and what its answer may be.
//!
//! See DRF's chapters "Content negotiation" and "Parsers".

use std::time::Duration;

use axum::body::Body;
use http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::error::{Error, Result};
use crate::value::query::parameters;
use crate::value::{Value, json};

/// Limits of request bodies.
#[derive(Clone, Debug)]
pub struct BodyLimits {
    /// The most bytes; Django's `DATA_UPLOAD_MAX_MEMORY_SIZE`, 2.5 MiB by default.
    pub bytes: usize,
    /// How long a body may take to arrive.
    pub timeout: Duration,
}

impl Default for BodyLimits {
    fn default() -> Self {
        BodyLimits { bytes: 2_621_440, timeout: Duration::from_secs(30) }
    }
}

/// Decides that the answer is JSON, as DRF's negotiation does with one renderer.
///
/// # Errors
///
/// 404 for a `?format=` or a suffix other than `json`, 406 for an Accept header that has no place for JSON.
pub(crate) fn select_renderer(headers: &HeaderMap, query: &str, suffix: Option<&str>) -> Result<()> {
    let wanted = || parameters(query).into_iter().rev().find(|(name, _)| name == "format").map(|(_, value)| value);
    let format = match suffix {
        Some(suffix) => Some(suffix.into()),
        None if query.is_empty() => None,
        None => wanted(),
    };
    match format {
        Some(format) if format == "json" => return Ok(()),
        Some(format) if !format.is_empty() => return Err(Error::not_found()),
        _ => {}
    }
    let mut values = headers.get_all(header::ACCEPT).iter().peekable();
    if values.peek().is_none() {
        return Ok(());
    }
    for value in values {
        // what is not text names no type that we have
        let Ok(text) = value.to_str() else { continue };
        for part in text.split(',') {
            let media_type = part.split(';').next().unwrap_or("").trim();
            let matches = ["*/*", "application/*", "application/json"].iter();
            if matches.clone().any(|m| m.eq_ignore_ascii_case(media_type)) {
                return Ok(());
            }
        }
    }
    Err(Error::NotAcceptable)
}

/// Reads and parses a body: `{}` where there is none.
///
/// # Errors
///
/// 400 for a body that is not what it says, 408 for one that does not arrive, 413 for one too long, 415 for one that no
/// parser reads.
pub(crate) async fn parse(headers: &HeaderMap, body: Body, limits: &BodyLimits) -> Result<Value> {
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|n| n > limits.bytes) {
        return Err(Error::PayloadTooLarge);
    }
    let read = tokio::time::timeout(limits.timeout, Limited::new(body, limits.bytes).collect());
    let bytes = match read.await {
        Err(_) => return Err(Error::RequestTimeout),
        Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(Error::PayloadTooLarge),
        Ok(Err(_)) => return Err(Error::Parse("The request body could not be read.".into())),
        Ok(Ok(body)) => body.to_bytes(),
    };
    if bytes.is_empty() {
        return Ok(Value::Map(Default::default()));
    }
    let content_type = headers.get(header::CONTENT_TYPE).map(|v| String::from_utf8_lossy(v.as_bytes()));
    let content_type = content_type.unwrap_or_default();
    let mut parts = content_type.split(';');
    let media_type = parts.next().unwrap_or("").trim();
    let charset = parts.find_map(|p| {
        let (name, value) = p.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"').to_ascii_lowercase())
    });
    let known = charset.is_none_or(|c| matches!(c.as_str(), "utf-8" | "utf8" | "us-ascii" | "ascii"));
    if !media_type.eq_ignore_ascii_case("application/json") || !known {
        return Err(Error::UnsupportedMediaType(content_type.into_owned()));
    }
    json::parse(&bytes).map_err(|error| Error::Parse(format!("JSON parse error - {error}")))
}
