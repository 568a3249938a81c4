//! Whether a request that rides on a cookie was meant: Django's `CsrfViewMiddleware`.

use http::Method;
use http::header::{HeaderName, ORIGIN, REFERER};

use super::signing::same;
use super::{cookies, random};
use crate::context::Context;
use crate::error::Result;

const SECRET: usize = 32;
const TOKEN: usize = 2 * SECRET;
const CHARACTERS: &[u8; 62] = random::ALPHANUMERIC;

/// What is known of the site.
#[derive(Clone, Copy, Debug)]
pub(super) struct Site<'a> {
    /// The name of the cookie.
    pub(super) cookie: &'a str,
    /// Whether requests come by HTTPS, whatever is known of the single one.
    pub(super) secure: bool,
    /// Django's `CSRF_COOKIE_DOMAIN`.
    pub(super) domain: Option<&'a str>,
    /// Django's `CSRF_TRUSTED_ORIGINS`.
    pub(super) trusted: &'a [String],
}

/// A new secret.
pub(super) fn secret() -> Result<String> {
    random::text(SECRET, CHARACTERS)
}

/// The secret of a client's cookie, where it is well formed.
pub(super) fn secret_of(request: &Context, cookie: &str) -> Option<String> {
    String::from_utf8(well_formed(&cookies::read(request, cookie)?).ok()?).ok()
}

/// Whether a client brings a cookie that holds no secret.
pub(super) fn is_broken(request: &Context, cookie: &str) -> bool {
    cookies::read(request, cookie).is_some_and(|cookie| well_formed(&cookie).is_err())
}

/// Why a request is refused, in Django's words; a token may be in a field of its form instead of a header.
pub(super) fn refusal(request: &Context, field: Option<&str>, site: &Site<'_>) -> Option<String> {
    if is_safe(request) {
        return None;
    }
    origin(request, site).and_then(|()| token(request, field, site)).err()
}

/// Why a request that a page of another site had a browser send is refused, whatever token it brings; browsers say by `Origin` or
/// `Sec-Fetch-Site` which page it was, other clients need say nothing.
pub(super) fn cross_site(request: &Context, site: &Site<'_>) -> Option<String> {
    if is_safe(request) {
        return None;
    }
    if let Some(origin) = latin(request, &ORIGIN) {
        return of_origin(request, &origin, site).err();
    }
    let is_foreign = matches!(request.header("sec-fetch-site"), Some("cross-site" | "same-site"));
    is_foreign.then(|| "Origin checking failed - the request comes from another site.".into())
}

fn is_safe(request: &Context) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE)
}

fn is_secure(request: &Context, site: &Site<'_>) -> bool {
    site.secure || request.is_secure()
}

/// The host of the request's own address.
fn host_of(request: &Context) -> String {
    let own = request.origin();
    own.split_once("://").map_or("", |(_, host)| host).to_owned()
}

fn of_origin(request: &Context, origin: &str, site: &Site<'_>) -> Result<(), String> {
    let scheme = if is_secure(request, site) { "https" } else { "http" };
    let own = origin.strip_prefix(scheme).and_then(|rest| rest.strip_prefix("://")) == Some(&host_of(request));
    let trusted = site.trusted.iter().any(|trusted| match trusted.split_once("://") {
        Some((scheme, netloc)) if netloc.contains('*') => {
            split(origin).is_some_and(|(s, n)| s == scheme && is_same_domain(n, netloc.trim_start_matches('*')))
        }
        _ => trusted == origin,
    });
    let refused = || format!("Origin checking failed - {origin} does not match any trusted origins.");
    if own || trusted { Ok(()) } else { Err(refused()) }
}

fn origin(request: &Context, site: &Site<'_>) -> Result<(), String> {
    if let Some(origin) = latin(request, &ORIGIN) {
        return of_origin(request, &origin, site);
    }
    if !is_secure(request, site) {
        return Ok(());
    }
    let Some(referer) = latin(request, &REFERER) else {
        return Err("Referer checking failed - no Referer.".into());
    };
    let Some((scheme, netloc)) = split(&referer).filter(|(scheme, netloc)| !scheme.is_empty() && !netloc.is_empty())
    else {
        return Err("Referer checking failed - Referer is malformed.".into());
    };
    if !scheme.eq_ignore_ascii_case("https") {
        return Err("Referer checking failed - Referer is insecure while host is secure.".into());
    }
    let host = host_of(request);
    let trusted = site.trusted.iter().filter_map(|origin| origin.split_once("://"));
    let mut hosts = trusted.map(|(_, netloc)| netloc.trim_start_matches('*')).chain([site.domain.unwrap_or(&host)]);
    if hosts.any(|pattern| is_same_domain(netloc, pattern)) {
        return Ok(());
    }
    Err(format!("Referer checking failed - {referer} does not match any trusted origins."))
}

fn token(request: &Context, field: Option<&str>, site: &Site<'_>) -> Result<(), String> {
    let Some(cookie) = cookies::read(request, site.cookie) else { return Err("CSRF cookie not set.".into()) };
    let secret = well_formed(&cookie).map_err(|reason| format!("CSRF cookie {reason}."))?;
    let (source, token) = match field.filter(|field| !field.is_empty()) {
        Some(field) => ("POST", Some(field.to_owned())),
        None => ("the 'X-Csrftoken' HTTP header", latin(request, &HeaderName::from_static("x-csrftoken"))),
    };
    let Some(token) = token else { return Err("CSRF token missing.".into()) };
    let token = well_formed(&token).map_err(|reason| format!("CSRF token from {source} {reason}."))?;
    if same(&token, &secret) { Ok(()) } else { Err(format!("CSRF token from {source} incorrect.")) }
}

/// The secret of a token, masked or not.
fn well_formed(token: &str) -> Result<Vec<u8>, &'static str> {
    if !matches!(token.chars().count(), SECRET | TOKEN) {
        return Err("has incorrect length");
    }
    if !token.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err("has invalid characters");
    }
    let bytes = token.as_bytes();
    if bytes.len() == SECRET {
        return Ok(bytes.to_vec());
    }
    let place = |byte: &u8| CHARACTERS.iter().position(|c| c == byte).unwrap_or(0);
    let (mask, cipher) = bytes.split_at(SECRET);
    let pairs = cipher.iter().zip(mask);
    Ok(pairs.map(|(c, m)| CHARACTERS[(CHARACTERS.len() + place(c) - place(m)) % CHARACTERS.len()]).collect())
}

/// Scheme and host of an address.
fn split(address: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = address.split_once("://")?;
    let netloc = rest.split(['/', '?', '#']).next().unwrap_or("");
    let brackets = (netloc.contains('['), netloc.contains(']'));
    (brackets.0 == brackets.1).then_some((scheme, netloc))
}

/// Django's `is_same_domain`.
fn is_same_domain(host: &str, pattern: &str) -> bool {
    let pattern = pattern.to_lowercase();
    match pattern.strip_prefix('.') {
        Some(domain) => host.ends_with(&pattern) || host == domain,
        None => !pattern.is_empty() && host == pattern,
    }
}

/// A header as WSGI has it.
fn latin(request: &Context, name: &HeaderName) -> Option<String> {
    let value = request.headers()?.get(name)?;
    Some(value.as_bytes().iter().map(|byte| char::from(*byte)).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use http::Request;

    use super::*;

    const COOKIE: &str = "abcdefghijklmnopqrstuvwxyz012345";

    fn asked(site: &Site<'_>, method: &str, headers: &[(&str, &str)]) -> Option<String> {
        let mut request = Request::builder().method(method).uri("/").header("host", "api.example.org");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        refusal(&Context::new(request.body(()).unwrap().into_parts().0, Vec::new()), None, site)
    }

    fn site(secure: bool) -> Site<'static> {
        Site { cookie: "csrftoken", secure, domain: None, trusted: &[] }
    }

    #[test]
    fn tokens_may_be_masked() {
        let masked = |secret: &str| {
            let mask = super::secret().unwrap();
            let at = |c: u8| CHARACTERS.iter().position(|x| *x == c).unwrap();
            let cipher = secret.bytes().zip(mask.bytes()).map(|(s, m)| char::from(CHARACTERS[(at(s) + at(m)) % 62]));
            let cipher: String = cipher.collect();
            format!("{mask}{cipher}")
        };
        for (cookie, token) in [
            (COOKIE.to_owned(), COOKIE.to_owned()),
            (COOKIE.to_owned(), masked(COOKIE)),
            (masked(COOKIE), COOKIE.to_owned()),
            (masked(COOKIE), masked(COOKIE)),
        ] {
            let cookie = format!("csrftoken={cookie}");
            let headers = [("cookie", cookie.as_str()), ("x-csrftoken", token.as_str())];
            assert_eq!(asked(&site(false), "POST", &headers), None);
        }
    }

    #[test]
    fn refusals_are_django_s() {
        let cookie = format!("csrftoken={COOKIE}");
        let with = |token: &str| asked(&site(false), "PUT", &[("cookie", &cookie), ("x-csrftoken", token)]).unwrap();
        assert_eq!(with(""), "CSRF token from the 'X-Csrftoken' HTTP header has incorrect length.");
        assert_eq!(with(&"!".repeat(32)), "CSRF token from the 'X-Csrftoken' HTTP header has invalid characters.");
        assert_eq!(with(&"b".repeat(64)), "CSRF token from the 'X-Csrftoken' HTTP header incorrect.");
        let post = |headers: &[(&str, &str)]| asked(&site(false), "POST", headers).unwrap();
        assert_eq!(post(&[("cookie", &cookie)]), "CSRF token missing.");
        assert_eq!(post(&[("x-csrftoken", COOKIE)]), "CSRF cookie not set.");
        assert_eq!(post(&[("cookie", "csrftoken=x")]), "CSRF cookie has incorrect length.");
        assert_eq!(asked(&site(false), "GET", &[("origin", "https://evil.example")]), None);
        let from = |origin: &str| post(&[("cookie", &cookie), ("x-csrftoken", COOKIE), ("origin", origin)]);
        for origin in ["https://evil.example", "null", "https://api.example.org", "http://api.example.org.evil"] {
            assert_eq!(from(origin), format!("Origin checking failed - {origin} does not match any trusted origins."));
        }
    }

    #[test]
    fn other_sites_are_known_by_what_browsers_say() {
        let asked = |method: &str, headers: &[(&str, &str)]| {
            let mut request = Request::builder().method(method).uri("/").header("host", "api.example.org");
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            cross_site(&Context::new(request.body(()).unwrap().into_parts().0, Vec::new()), &site(false)).is_some()
        };
        assert!(!asked("POST", &[]) && !asked("POST", &[("origin", "http://api.example.org")]));
        for origin in ["https://evil.example", "null", "http://other.example.org", "http://api.example.org:81", ""] {
            assert!(asked("POST", &[("origin", origin)]), "{origin}");
            assert!(!asked("GET", &[("origin", origin)]), "{origin}");
        }
        assert!(
            asked("POST", &[("sec-fetch-site", "cross-site")]) && asked("POST", &[("sec-fetch-site", "same-site")])
        );
        assert!(!asked("POST", &[("sec-fetch-site", "same-origin")]) && !asked("POST", &[("sec-fetch-site", "none")]));
    }

    #[test]
    fn a_token_may_be_a_field_of_the_form() {
        let headers = [("cookie", format!("csrftoken={COOKIE}")), ("x-csrftoken", "b".repeat(32))];
        let mut request = Request::builder().method("POST").uri("/").header("host", "api.example.org");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let context = Context::new(request.body(()).unwrap().into_parts().0, Vec::new());
        let asked = |field| refusal(&context, field, &site(false));
        assert_eq!(asked(Some(COOKIE)), None);
        assert_eq!(asked(Some("x")).unwrap(), "CSRF token from POST has incorrect length.");
        assert_eq!(asked(Some("")), asked(None));
        assert!(asked(None).is_some());
    }

    #[test]
    fn referers_are_checked_over_https() {
        let cookie = format!("csrftoken={COOKIE}");
        let asked = |site: &Site<'_>, more: &[(&str, &str)]| {
            let headers = [&[("cookie", cookie.as_str()), ("x-csrftoken", COOKIE)], more].concat();
            asked(site, "POST", &headers)
        };
        let site = site(true);
        let refused = |referer: &str| asked(&site, &[("referer", referer)]).unwrap();
        assert_eq!(asked(&site, &[]).unwrap(), "Referer checking failed - no Referer.");
        assert_eq!(refused("nonsense"), "Referer checking failed - Referer is malformed.");
        assert_eq!(
            refused("http://api.example.org/"),
            "Referer checking failed - Referer is insecure while host is secure."
        );
        assert!(refused("https://evil.example/").contains("does not match any trusted origins"));
        assert_eq!(asked(&site, &[("referer", "https://api.example.org/x")]), None);
        assert_eq!(asked(&site, &[("origin", "https://api.example.org")]), None);
        let trusted = ["https://*.trusted.example".to_owned()];
        let site = Site { trusted: &trusted, ..site };
        for from in ["https://a.trusted.example", "https://trusted.example"] {
            assert_eq!(asked(&site, &[("origin", from)]), None);
            assert_eq!(asked(&site, &[("referer", from)]), None);
        }
        assert!(asked(&site, &[("origin", "https://nottrusted.example")]).is_some());
    }
}
