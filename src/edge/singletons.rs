//! Headers that may come once: where one comes twice, a proxy may have judged another value than the one that counts here.

use http::{HeaderMap, HeaderName, HeaderValue, Version};

/// The headers whose value is a list, which may come in parts (RFC 9110, 5.3). Every other one may come once, whoever reads it:
/// what a header of one's own means is not known here.
const LISTS: &[&str] = &[
    "accept",
    "accept-charset",
    "accept-ch",
    "accept-encoding",
    "accept-language",
    "accept-ranges",
    "access-control-request-headers",
    "baggage",
    "cache-control",
    "cdn-loop",
    "connection",
    "content-digest",
    "content-encoding",
    "content-language",
    "expect",
    "forwarded",
    "if-match",
    "if-none-match",
    "keep-alive",
    "link",
    "pragma",
    "prefer",
    "priority",
    "proxy-connection",
    "repr-digest",
    "sec-ch-ua",
    "sec-ch-ua-full-version-list",
    "sec-websocket-extensions",
    "sec-websocket-protocol",
    "signature",
    "signature-input",
    "te",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "want-content-digest",
    "want-repr-digest",
    "warning",
    // each proxy may add a line of its own
    "x-forwarded-for",
];

/// The first header that came more than once and is none of a list; `own` may come in parts too.
pub(super) fn repeated<'a>(headers: &'a HeaderMap, version: Version, own: &[HeaderName]) -> Option<&'a HeaderName> {
    // all values, and all names
    if headers.len() == headers.keys_len() {
        return None;
    }
    let is_list = |name: &HeaderName| {
        LISTS.contains(&name.as_str())
            || own.contains(name)
            || (name == http::header::COOKIE && version > Version::HTTP_11)
    };
    headers.keys().find(|name| headers.get_all(*name).iter().nth(1).is_some() && !is_list(name))
}

/// Whether the body comes in another transfer coding than `chunked`, once: what is within would be read as it is, and a proxy may
/// find another end of it.
pub(super) fn is_coded(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(http::header::TRANSFER_ENCODING).iter();
    let chunked = |coding: &HeaderValue| coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked");
    codings.next().is_some_and(|coding| !chunked(coding) || codings.next().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn twice(name: &'static str, version: Version) -> bool {
        let mut headers = HeaderMap::new();
        headers.append("accept", HeaderValue::from_static("a"));
        headers.append("accept", HeaderValue::from_static("b"));
        headers.append(name, HeaderValue::from_static("1"));
        assert_eq!(repeated(&headers, version, &[]), None);
        headers.append(name, HeaderValue::from_static("1"));
        repeated(&headers, version, &[HeaderName::from_static("x-own-list")]).is_some_and(|found| found == name)
    }

    #[test]
    fn what_is_no_list_comes_once() {
        for name in ["host", "authorization", "content-type", "x-api-key", "x-forwarded-proto", "origin", "cookie"] {
            assert!(twice(name, Version::HTTP_11), "{name}");
        }
        for name in ["if-match", "via", "x-forwarded-for", "x-own-list"] {
            assert!(!twice(name, Version::HTTP_11), "{name}");
        }
        // HTTP/2 sends a line for each cookie
        assert!(!twice("cookie", Version::HTTP_2));
    }
}
