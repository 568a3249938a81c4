//! What an answer may be.
//!
//! See DRF's chapter "Content negotiation".

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, header};

use crate::context::Context;
use crate::error::{Error, Result};
use crate::media_type::MediaType;
use crate::renderers::{Accepted, Renderers};
use crate::value::query::parameters;

/// Another way to choose how an answer is written than by what the client asks for: DRF's `BaseContentNegotiation`.
///
/// ```
/// use bowline::negotiation::ContentNegotiation;
/// use bowline::prelude::*;
/// use bowline::renderers::{Accepted, Renderers};
///
/// /// The first renderer, whatever the client takes.
/// #[derive(Debug)]
/// struct IgnoreClient;
///
/// impl ContentNegotiation for IgnoreClient {
///     fn select_renderer(&self, renderers: &Renderers, _: &Context, _: Option<&str>) -> bowline::Result<Accepted> {
///         Ok(renderers.first())
///     }
/// }
/// ```
pub trait ContentNegotiation: Send + Sync + fmt::Debug + 'static {
    /// Chooses one of the renderers; the suffix is the format of the path, where it has one.
    ///
    /// # Errors
    ///
    /// 404 for a format that no renderer has, 406 where nothing fits.
    fn select_renderer(&self, renderers: &Renderers, request: &Context, suffix: Option<&str>) -> Result<Accepted>;
}

/// The most bytes of an Accept header that are read.
const MAX_ACCEPT: usize = 8192;
/// The most media types of an Accept header that are read.
const MAX_ACCEPTED: usize = 64;
/// The longest media type that is read.
const MAX_MEDIA_TYPE: usize = 256;

/// Chooses how an answer is written, as DRF's `DefaultContentNegotiation` does: by the suffix of the path or `?format=`,
/// then by the most specific media type of the Accept header (`q` does not count), then by the order of the renderers.
///
/// # Errors
///
/// 404 for a format that no renderer has, 406 for an Accept header that has no place for any of them.
pub(crate) fn select_renderer(
    renderers: &Renderers,
    headers: &HeaderMap,
    query: &str,
    suffix: Option<&str>,
) -> Result<Accepted> {
    let wanted = || parameters(query).into_iter().rev().find(|(name, _)| name == "format").map(|(_, value)| value);
    let format = match suffix {
        Some(suffix) => Some(suffix.into()),
        None if query.is_empty() => None,
        None => wanted().filter(|format| !format.is_empty()),
    };
    let matching = || {
        let format = format.as_deref();
        renderers.iter().filter(move |prepared| format.is_none_or(|format| prepared.renderer.format() == format))
    };
    let Some(first) = matching().next() else { return Err(Error::http404()) };

    let header = accept(headers);
    // what nearly every request says
    if header == "*/*" || header == first.renderer.media_type() {
        return Ok(Accepted::own(first));
    }
    let accepted: Vec<(&str, MediaType<'_>)> = tokens(&header).map(|token| (token, MediaType::parse(token))).collect();
    for precedence in (0..=3).rev() {
        let specific = || accepted.iter().filter(|(_, media_type)| media_type.precedence() == precedence);
        for prepared in matching() {
            let own = &prepared.media_type;
            let Some((token, media_type)) = specific().find(|(_, media_type)| own.matches(media_type)) else {
                continue;
            };
            let text = if own.precedence() > precedence {
                let params = media_type.params().map(|(name, value)| format!(";{name}={value}"));
                params.fold(prepared.renderer.media_type().to_owned(), |text, param| text + &param)
            } else {
                (*token).to_owned()
            };
            let media_type = Some(text).filter(|text| text != prepared.renderer.media_type());
            return Ok(Accepted { prepared: Arc::clone(prepared), media_type });
        }
    }
    Err(Error::not_acceptable("Could not satisfy the request Accept header."))
}

/// The Accept header; several are one, as in WSGI.
fn accept(headers: &HeaderMap) -> Cow<'_, str> {
    let mut values = headers.get_all(header::ACCEPT).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
    match (values.next(), values.next()) {
        (None, _) => "*/*".into(),
        (Some(only), None) => only,
        (Some(first), Some(second)) => {
            values.fold(format!("{first},{second}"), |all, next| format!("{all},{next}")).into()
        }
    }
}

/// The media types of an Accept header, as many as DRF looks at.
fn tokens(header: &str) -> impl Iterator<Item = &str> {
    let header = match header.get(..MAX_ACCEPT) {
        _ if header.len() <= MAX_ACCEPT => header,
        // what was cut off could be read as another type
        Some(head) => head.rfind(',').and_then(|cut| head.get(..cut)).unwrap_or(""),
        None => "",
    };
    let tokens = header.split(',').map(str::trim);
    tokens.filter(|token| !token.is_empty() && token.len() <= MAX_MEDIA_TYPE).take(MAX_ACCEPTED)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use http::HeaderValue;

    use super::*;
    use crate::renderers::BrowsableAPIRenderer;

    fn chosen(accept: Option<&str>, query: &str, suffix: Option<&str>) -> Result<(String, Option<String>)> {
        let renderers = Renderers::json().and(BrowsableAPIRenderer::new());
        let mut headers = HeaderMap::new();
        if let Some(accept) = accept {
            headers.insert(header::ACCEPT, HeaderValue::from_str(accept).unwrap());
        }
        let accepted = select_renderer(&renderers, &headers, query, suffix)?;
        Ok((accepted.renderer().format().to_owned(), accepted.media_type))
    }

    #[test]
    fn the_most_specific_type_wins_whatever_its_q() {
        for (accept, format, media_type) in [
            (None, "json", None),
            (Some("*/*"), "json", None),
            (Some("application/*"), "json", None),
            (Some("text/*"), "api", None),
            (Some("text/html"), "api", None),
            (Some("*/*, text/html"), "api", None),
            (Some("text/html, application/json"), "json", None),
            (Some("application/json;q=0, text/html;q=0.9"), "json", Some("application/json;q=0")),
            (Some("application/json; indent=4"), "json", Some("application/json; indent=4")),
            (Some("image/png, */*;q=0.1"), "json", Some("application/json;q=0.1")),
            (Some("*/*; indent=2"), "json", Some("application/json;indent=2")),
        ] {
            let expected = (format.to_owned(), media_type.map(str::to_owned));
            assert_eq!(chosen(accept, "", None).unwrap(), expected, "{accept:?}");
        }
        for accept in ["", "image/png", "nonsense", "application", ",,"] {
            assert!(matches!(chosen(Some(accept), "", None), Err(Error::NotAcceptable(_))), "{accept:?}");
        }
    }

    #[test]
    fn formats() {
        assert_eq!(chosen(None, "format=api", None).unwrap().0, "api");
        assert_eq!(chosen(None, "format=api&format=json", None).unwrap().0, "json");
        assert_eq!(chosen(None, "format=", None).unwrap().0, "json");
        assert_eq!(chosen(None, "format=api", Some("json")).unwrap().0, "json");
        assert!(matches!(chosen(None, "format=zip", None), Err(Error::Http404(_))));
        assert!(matches!(chosen(Some("text/html"), "", Some("json")), Err(Error::NotAcceptable(_))));
    }

    #[test]
    fn long_headers_are_read_in_part() {
        let many = format!("{}application/json", "image/png,".repeat(64));
        assert!(chosen(Some(&many), "", None).is_err());
        let long = format!("text/html;{},application/json", "x".repeat(300));
        assert_eq!(chosen(Some(&long), "", None).unwrap().0, "json");
        let cut = format!("text/html, {}", "a/b,".repeat(3000));
        assert_eq!(chosen(Some(&cut), "", None).unwrap().0, "api");
        assert!(chosen(Some(&"x".repeat(9000)), "", None).is_err());
    }
}
