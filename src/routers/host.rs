//! Whether the `Host` of a request can be one: what is none must not become part of the links of an answer.

use axum::body::Body;
use axum::response::Response as HttpResponse;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};

const PAGE: &str = "\n<!doctype html>\n<html lang=\"en\">\n<head>\n  <title>Bad Request (400)</title>\n</head>\n<body>\n  \
    <h1>Bad Request (400)</h1><p></p>\n</body>\n</html>\n";

/// Django's `host_validation_re` on the header, or on the address where there is none.
pub(super) fn is_host(headers: &HeaderMap, uri: &Uri) -> bool {
    match headers.get(header::HOST) {
        Some(host) => host.to_str().is_ok_and(is_well_formed),
        None => uri.authority().is_none_or(|host| is_well_formed(host.as_str())),
    }
}

fn is_well_formed(host: &str) -> bool {
    let (name, rest) = match host.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
        Some((address, rest)) => {
            let letters = address.bytes().all(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.'));
            let colon = address.find(':').is_some_and(|at| !address[..at].contains('.') && at + 1 < address.len());
            if !letters || !colon {
                return false;
            }
            (address, rest)
        }
        None => {
            let end = host.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '-')).unwrap_or(host.len());
            host.split_at(end)
        }
    };
    // of a lone dot Django leaves no name
    let port = |port: &str| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    !matches!(name, "" | ".") && (rest.is_empty() || rest.strip_prefix(':').is_some_and(port))
}

/// Django's page for a request that came to no host.
pub(super) fn refused(method: &Method) -> HttpResponse {
    let mut response = HttpResponse::new(if method == Method::HEAD { Body::empty() } else { Body::from(PAGE) });
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn hosts_are_as_django_reads_them() {
        for host in [
            "a",
            "testserver",
            "EXAMPLE.com:80",
            "a.b.",
            "1.2.3.4",
            "[::1]",
            "[::1]:8000",
            "[::ffff:1.2.3.4]",
            "-",
            "..",
            "xn--a.b:99999",
        ] {
            assert!(is_well_formed(host), "{host}");
        }
        for host in [
            "", ".", "a:", "a:x", "a_b", "a/b", "a b", "@a", "a@b", "*", "a,b", "[::1", "[]", "[1]", "[:]", "[1.2:3]",
            "[::1]x", "[::1]:", "[g::1]", "é", "a:1:2", ":80", "a?b",
        ] {
            assert!(!is_well_formed(host), "{host}");
        }
        assert!(is_host(&HeaderMap::new(), &Uri::from_static("/")));
        assert!(!is_host(&HeaderMap::new(), &Uri::from_static("http://user@host/")));
        let latin = HeaderMap::from_iter([(header::HOST, HeaderValue::from_bytes(b"a\xe9").unwrap())]);
        assert!(!is_host(&latin, &Uri::from_static("/")));
    }
}
