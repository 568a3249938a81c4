//! Entity tags of answers that are compressed.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, ETAG, HeaderMap, HeaderName, IF_MATCH, IF_NONE_MATCH, VARY};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

/// The codings whose names tags may end with.
const CODINGS: [&str; 4] = ["gzip", "br", "deflate", "zstd"];

/// Gives an answer that a layer within compressed a strong entity tag of its own, the answer's with the coding at its end
/// (`"aYlN…--gzip"`), and takes such tags in the preconditions of requests.
///
/// RFC 9110, section 8.8.3, wants other bytes to have another strong tag. nginx and Django's `GZipMiddleware` make the tag weak instead,
/// which `If-Match` never matches: their clients cannot write on condition.
///
/// [`DefaultRouter::wrap`] lays it around everything else by itself. A program that compresses what
/// [`into_axum`](crate::routers::DefaultRouter::into_axum) gives it lays this layer outside of the compression:
///
/// ```
/// use bowline::layers::ETagPerCoding;
/// use tower_http::compression::CompressionLayer;
///
/// let app: axum::Router = axum::Router::new().layer(CompressionLayer::new()).layer(ETagPerCoding::new());
/// # let _ = app;
/// ```
///
/// [`DefaultRouter::wrap`]: crate::routers::DefaultRouter::wrap
#[derive(Clone, Copy, Debug, Default)]
pub struct ETagPerCoding {
    _private: (),
}

impl ETagPerCoding {
    /// The layer.
    pub fn new() -> Self {
        ETagPerCoding::default()
    }
}

impl<S> Layer<S> for ETagPerCoding {
    type Service = TagsPerCoding<S>;

    fn layer(&self, inner: S) -> Self::Service {
        TagsPerCoding(inner)
    }
}

/// What [`ETagPerCoding`] lays around a service.
#[derive(Clone, Copy, Debug)]
pub struct TagsPerCoding<S>(S);

impl<S, B, R> Service<Request<B>> for TagsPerCoding<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Tagging<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        let named = without_codings(request.headers_mut(), reads);
        Tagging { answer: self.0.call(request), named }
    }
}

pin_project! {
    /// An answer that is to be tagged.
    #[derive(Debug)]
    pub struct Tagging<F> {
        #[pin]
        answer: F,
        // the tags with codings that the request named in If-None-Match
        named: Vec<Vec<u8>>,
    }
}

impl<F, R, E> Future for Tagging<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let mut response = ready!(this.answer.poll(cx))?;
        let is_same = response.status() == StatusCode::NOT_MODIFIED;
        let headers = response.headers_mut();
        if is_same {
            say_which(headers, this.named)
        } else {
            tag(headers)
        }
        Poll::Ready(Ok(response))
    }
}

/// The tag of a compressed answer.
fn tag(headers: &mut HeaderMap) {
    let Some(coding) = headers.get(CONTENT_ENCODING) else { return };
    let Some(tag) = headers.get(ETAG).filter(|tag| tag.as_bytes().starts_with(b"\"")) else { return };
    let known = CODINGS.iter().find(|known| coding.as_bytes().eq_ignore_ascii_case(known.as_bytes()));
    let coded = match (known, tag.as_bytes().strip_suffix(b"\"")) {
        (Some(coding), Some(open)) => [open, b"--", coding.as_bytes(), b"\""].concat(),
        // other bytes must not have the tag, and nobody could take this one back
        _ if coding.as_bytes() != b"identity" => [b"W/", tag.as_bytes()].concat(),
        _ => return,
    };
    if let Ok(coded) = HeaderValue::from_bytes(&coded) {
        headers.insert(ETAG, coded);
    }
}

/// The tag of a 304: the one by which the client knows what it has.
fn say_which(headers: &mut HeaderMap, named: &[Vec<u8>]) {
    // of a body that is not there
    headers.remove(CONTENT_ENCODING);
    let Some(own) = headers.get(ETAG).map(|tag| tag.as_bytes().to_vec()) else { return };
    let is_own = |coded: &&Vec<u8>| split(coded).is_some_and(|(plain, _)| quoted(plain) == own);
    let Some(coded) = named.iter().find(is_own).and_then(|opaque| HeaderValue::from_bytes(&quoted(opaque)).ok()) else {
        return;
    };
    headers.insert(ETAG, coded);
    let varies =
        |value: &HeaderValue| value.as_bytes().to_ascii_lowercase().windows(15).any(|w| w == b"accept-encoding");
    if !headers.get_all(VARY).iter().any(varies) {
        headers.append(VARY, HeaderValue::from_static("accept-encoding"));
    }
}

fn quoted(opaque: &[u8]) -> Vec<u8> {
    [b"\"", opaque, b"\""].concat()
}

/// The tag before the coding, and the coding, of what is between the quotes.
fn split(opaque: &[u8]) -> Option<(&[u8], &'static str)> {
    CODINGS.into_iter().find_map(|coding| {
        let plain = opaque.strip_suffix(coding.as_bytes())?.strip_suffix(b"--")?;
        Some((plain, coding))
    })
}

/// Takes the codings off the tags that a request names; of those in `If-None-Match` of a request to read, off those that the answer may
/// be coded by. These are returned, as they were.
fn without_codings(headers: &mut HeaderMap, reads: bool) -> Vec<Vec<u8>> {
    let mut named = Vec::new();
    if !headers.contains_key(IF_MATCH) && !headers.contains_key(IF_NONE_MATCH) {
        return named;
    }
    let accepted = accepted(headers);
    rewrite(headers, &IF_MATCH, |_, _| true);
    rewrite(headers, &IF_NONE_MATCH, |opaque, coding| {
        let counts = !reads || accepted.contains(&coding);
        if counts {
            named.push(opaque.to_vec());
        }
        counts
    });
    named
}

/// The codings that a request takes.
fn accepted(headers: &HeaderMap) -> Vec<&'static str> {
    let lines: Vec<String> =
        headers.get_all(ACCEPT_ENCODING).iter().map(|v| String::from_utf8_lossy(v.as_bytes()).to_lowercase()).collect();
    let items = || lines.iter().flat_map(|line| line.split(','));
    let takes = |coding: &&str| {
        items().any(|item| {
            let mut parts = item.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default();
            let refused = parts.any(|p| p.strip_prefix("q=").is_some_and(|q| q.parse::<f32>().is_ok_and(|q| q == 0.0)));
            (name == *coding || name == "*") && !refused
        })
    };
    CODINGS.into_iter().filter(takes).collect()
}

/// Rewrites the tags of a header that end with a coding and of which the function says so; what is no list of tags stays as it is, to be
/// refused by who reads it.
fn rewrite(headers: &mut HeaderMap, name: &HeaderName, mut counts: impl FnMut(&[u8], &'static str) -> bool) {
    for value in headers.get_all(name).iter().cloned().collect::<Vec<_>>() {
        let mut text = Vec::with_capacity(value.len());
        let mut pieces = value.as_bytes().split(|byte| *byte == b'"');
        text.extend_from_slice(pieces.next().unwrap_or_default());
        // every other piece is between quotes
        for (n, piece) in pieces.enumerate() {
            text.push(b'"');
            match split(piece).filter(|(_, coding)| n % 2 == 0 && counts(piece, coding)) {
                Some((plain, _)) => text.extend_from_slice(plain),
                None => text.extend_from_slice(piece),
            }
        }
        if text != value.as_bytes()
            && let Ok(new) = HeaderValue::from_bytes(&text)
        {
            replace(headers, name, &value, new);
        }
    }
}

fn replace(headers: &mut HeaderMap, name: &HeaderName, old: &HeaderValue, new: HeaderValue) {
    if let http::header::Entry::Occupied(mut entry) = headers.entry(name)
        && let Some(value) = entry.iter_mut().find(|value| *value == old)
    {
        *value = new;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn asked(if_none_match: &[&str], accept: Option<&str>, reads: bool) -> (Vec<String>, Vec<String>) {
        let mut headers = HeaderMap::new();
        for value in if_none_match {
            headers.append(IF_NONE_MATCH, value.parse().unwrap());
            headers.append(IF_MATCH, value.parse().unwrap());
        }
        headers.extend(accept.map(|accept| (ACCEPT_ENCODING, accept.parse().unwrap())));
        without_codings(&mut headers, reads);
        let list = |name| headers.get_all(name).iter().map(|v| v.to_str().unwrap().to_owned()).collect();
        (list(IF_MATCH), list(IF_NONE_MATCH))
    }

    #[test]
    fn codings_are_taken_off() {
        let plain = |text: &str| vec![text.to_owned()];
        for accept in ["gzip", "br, gzip;q=0.5", "*", "GZIP"] {
            assert_eq!(asked(&["\"a--gzip\""], Some(accept), true), (plain("\"a\""), plain("\"a\"")), "{accept}");
        }
        for accept in [None, Some("br"), Some("gzip;q=0"), Some("identity"), Some("*;q=0.0")] {
            let kept = (plain("\"a\""), plain("\"a--gzip\""));
            assert_eq!(asked(&["\"a--gzip\""], accept, true), kept, "{accept:?}");
            assert_eq!(asked(&["\"a--gzip\""], accept, false).1, plain("\"a\""), "{accept:?}");
        }
        let mixed = "W/\"a.csv--br\", \"b\",\"c--zip\", \"d--gzip--gzip\"";
        assert_eq!(asked(&[mixed], None, true).0, plain("W/\"a.csv\", \"b\",\"c--zip\", \"d--gzip\""));
        let several = asked(&["\"a--gzip\"", "\"b\"", "\"c--br\""], None, true).0;
        assert_eq!(several, ["\"a\"", "\"b\"", "\"c\""]);
        for no_list in ["--gzip", "*", "\"a--gzip", "a--gzip\""] {
            assert!(
                asked(&[no_list], None, true).0[0].contains(no_list.trim_end_matches("--gzip").trim_start_matches('"'))
            );
        }
    }

    fn tagged(own: &str, coding: &str) -> String {
        let mut headers =
            HeaderMap::from_iter([(ETAG, own.parse().unwrap()), (CONTENT_ENCODING, coding.parse().unwrap())]);
        tag(&mut headers);
        headers[ETAG].to_str().unwrap().to_owned()
    }

    #[test]
    fn compressed_answers_have_tags_of_their_own() {
        assert_eq!(tagged("\"a\"", "gzip"), "\"a--gzip\"");
        assert_eq!(tagged("\"a.csv\"", "br"), "\"a.csv--br\"");
        assert_eq!(tagged("W/\"a\"", "gzip"), "W/\"a\"");
        assert_eq!(tagged("\"a\"", "identity"), "\"a\"");
        assert_eq!(tagged("\"a\"", "compress"), "W/\"a\"");
        assert_eq!(tagged("\"a\"", "gzip, br"), "W/\"a\"");
    }
}
