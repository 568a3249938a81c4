//! Cookies, as Django reads and writes them.

use chrono::{DateTime, Utc};
use http::header::COOKIE;

use crate::context::Context;

/// The last cookie of a name.
pub(super) fn read(request: &Context, name: &str) -> Option<String> {
    let headers = request.headers()?.get_all(COOKIE);
    let text: Vec<_> = headers.iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    let chunks = text.iter().flat_map(|value| value.split(';'));
    let mut pairs = chunks.filter_map(|chunk| chunk.split_once('='));
    let found = pairs.rfind(|(key, _)| key.trim() == name);
    found.map(|(_, value)| unquoted(value.trim()))
}

/// Python's `http.cookies._unquote`.
fn unquoted(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else { return value.to_owned() };
    let mut text = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some((before, after)) = rest.split_once('\\') {
        text.push_str(before);
        let octal = after.get(..3).filter(|digits| digits.bytes().all(|b| matches!(b, b'0'..=b'7')));
        if let Some(code) = octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            text.push(char::from(code));
            rest = &after[3..];
        } else {
            text.extend(after.chars().next());
            rest = after.get(after.chars().next().map_or(0, char::len_utf8)..).unwrap_or("");
        }
    }
    text.push_str(rest);
    text
}

/// What a cookie is set with.
#[derive(Clone, Debug)]
pub(super) struct Attributes<'a> {
    pub(super) domain: Option<&'a str>,
    pub(super) secure: bool,
    pub(super) http_only: bool,
    pub(super) max_age: i64,
}

/// Django's `set_cookie`, with its order of attributes.
pub(super) fn set(name: &str, value: &str, attributes: &Attributes<'_>, now: DateTime<Utc>) -> String {
    let expires = now.checked_add_signed(chrono::TimeDelta::seconds(attributes.max_age)).unwrap_or(now);
    written(name, value, attributes, &date(expires))
}

/// Django's `delete_cookie`.
pub(super) fn delete(name: &str, domain: Option<&str>) -> String {
    let attributes = Attributes { domain, secure: name.starts_with("__"), http_only: false, max_age: 0 };
    written(name, "\"\"", &attributes, "Thu, 01 Jan 1970 00:00:00 GMT")
}

fn written(name: &str, value: &str, attributes: &Attributes<'_>, expires: &str) -> String {
    let Attributes { domain, secure, http_only, max_age } = attributes;
    let domain = domain.map(|domain| format!("; Domain={domain}")).unwrap_or_default();
    let http_only = if *http_only { "; HttpOnly" } else { "" };
    let secure = if *secure { "; Secure" } else { "" };
    format!("{name}={value}{domain}; expires={expires}{http_only}; Max-Age={max_age}; Path=/; SameSite=Lax{secure}")
}

fn date(at: DateTime<Utc>) -> String {
    at.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn cookies_are_django_s() {
        let now = DateTime::from_timestamp(0, 0).unwrap();
        let attributes = Attributes { domain: Some("x.org"), secure: true, http_only: true, max_age: 60 };
        assert_eq!(
            set("a", "b", &attributes, now),
            "a=b; Domain=x.org; expires=Thu, 01 Jan 1970 00:01:00 GMT; HttpOnly; Max-Age=60; Path=/; SameSite=Lax; Secure"
        );
        assert_eq!(delete("a", None), "a=\"\"; expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/; SameSite=Lax");
    }

    #[test]
    fn quotes_are_python_s() {
        assert_eq!(unquoted("a\\\"b"), "a\\\"b");
        assert_eq!(unquoted("\"a\\\"b\\054c\""), "a\"b,c");
        assert_eq!(unquoted("\"\\"), "\"\\");
        assert_eq!(unquoted("\"\\\""), "");
    }
}
