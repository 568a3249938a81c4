//! The path of a request as Django reads it, and the address of a redirect as Django writes it.

use std::borrow::Cow;
use std::fmt::Write as _;

/// A longer address is no redirect, Django's `MAX_URL_REDIRECT_LENGTH`.
const LONGEST: usize = 16_384;

/// What stands in a path as it is beside letters and digits, Django's `escape_uri_path`.
const PATH: &[u8] = b"/:@&+$,-_.!~*'()";
/// What stands in a query as it is beside letters and digits, Django's `iri_to_uri`.
const QUERY: &[u8] = b"/#%[]=:;$&()+,!?*@'~_.-";

/// A path with its escapes undone; bytes that are not UTF-8 stay escaped, in capital letters (Django's
/// `repercent_broken_unicode`).
pub(crate) fn unescaped(path: &str) -> Cow<'_, str> {
    if !path.contains('%') {
        return Cow::Borrowed(path);
    }
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|hex| byte == b'%' && hex.iter().all(u8::is_ascii_hexdigit));
        let value = hex.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(value.unwrap_or(byte));
        rest = if value.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        escape(chunk.invalid(), &[], &mut text);
    }
    Cow::Owned(text)
}

/// The address of a path and a query within the host, Django's `get_full_path`; `slash` ends the path with one
/// (`force_append_slash`). It never names another host: a second slash at its beginning is escaped.
///
/// None where it is too long for a redirect.
pub(crate) fn full_path(path: &str, query: Option<&str>, slash: bool) -> Option<String> {
    let mut address = String::with_capacity(path.len() + query.map_or(0, str::len) + 2);
    let rest = path.strip_prefix("//");
    address.push_str(if rest.is_some() { "/%2F" } else { "" });
    escape(rest.unwrap_or(path).as_bytes(), PATH, &mut address);
    if slash && !path.ends_with('/') {
        address.push('/');
    }
    if let Some(query) = query.filter(|query| !query.is_empty()) {
        address.push('?');
        escape(query.as_bytes(), QUERY, &mut address);
    }
    (address.len() <= LONGEST).then_some(address)
}

/// Adds bytes to a text, escaped but for letters, digits and those of `safe`.
fn escape(bytes: &[u8], safe: &[u8], text: &mut String) {
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || safe.contains(&byte) {
            text.push(char::from(byte));
        } else {
            // writing to a text cannot fail
            let _ = write!(text, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone_as_far_as_they_are_text() {
        assert_eq!(unescaped("/a%20b/%zz%4/%+1"), "/a b/%zz%4/%+1");
        assert_eq!(unescaped("/%ff%c3%a9/%e2%82"), "/%FFé/%E2%82");
    }

    #[test]
    fn an_address_stays_within_its_host() {
        let full = |path, query| full_path(path, query, true);
        assert_eq!(full("//evil.example", None).as_deref(), Some("/%2Fevil.example/"));
        assert_eq!(full("/\\evil.example", Some("")).as_deref(), Some("/%5Cevil.example/"));
        assert_eq!(full("/a/", Some("q=[\"é\"]")).as_deref(), Some("/a/?q=[%22%C3%A9%22]"));
        assert_eq!(full(&format!("/{}", "a".repeat(LONGEST)), None), None);
    }
}
