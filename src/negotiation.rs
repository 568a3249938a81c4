//! What a request's body is, and what its answer may be.
//!
//! See DRF's chapters "Content negotiation" and "Parsers".

use axum::body::Body;
use http::{HeaderMap, header};

use crate::error::{Error, Result};
use crate::parsers::Parsers;
use crate::value::Value;
use crate::value::query::parameters;

pub use crate::parsers::BodyLimits;

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

/// Reads and parses a body with the default parsers: JSON, forms and multipart forms.
///
/// # Errors
///
/// As [`Parsers::parse`].
pub(crate) async fn parse(headers: &HeaderMap, body: Body, limits: &BodyLimits) -> Result<Value> {
    Parsers::standard().parse(headers, body, &[], limits).await
}
