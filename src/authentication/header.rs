//! The `Authorization` header.

use http::header::AUTHORIZATION;

use crate::context::Context;
use crate::error::{Error, Result};

/// The one word after a keyword, whatever the case of that; none where the header is absent or begins with another word.
///
/// # Errors
///
/// 401 with DRF's sentences where there is no word or more than one.
pub(super) fn credentials<'a>(request: &'a Context, keyword: &str, kind: &str, what: &str) -> Result<Option<&'a [u8]>> {
    let header = request.headers().and_then(|headers| headers.get(AUTHORIZATION));
    let mut words = words(header.map_or(b"", |value| value.as_bytes()));
    if !words.next().is_some_and(|word| word.eq_ignore_ascii_case(keyword.as_bytes())) {
        return Ok(None);
    }
    match (words.next(), words.next()) {
        (None, _) => Err(failed(format!("Invalid {kind} header. No credentials provided."))),
        (Some(word), None) => Ok(Some(word)),
        (Some(_), Some(_)) => Err(failed(format!("Invalid {kind} header. {what} string should not contain spaces."))),
    }
}

/// Whether a request has the header at all.
pub(super) fn has_any(request: &Context) -> bool {
    request.headers().is_some_and(|headers| headers.contains_key(AUTHORIZATION))
}

pub(super) fn failed(detail: impl Into<String>) -> Error {
    Error::authentication_failed(detail.into())
}

/// Python's `bytes.split()`.
fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    text.split(move |byte| is_space(byte)).filter(|word| !word.is_empty())
}

/// Python's `b64decode`, which passes over what is not of the alphabet; none where it ends within a group.
pub(super) fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut place, mut left, mut pads) = (0, 0u8, 0);
    for byte in text {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                if place >= 2 {
                    pads += 1;
                    if place + pads >= 4 {
                        return Some(bytes);
                    }
                }
                continue;
            }
            _ => continue,
        };
        pads = 0;
        match place {
            0 => left = digit,
            1 => {
                bytes.push((left << 2) | (digit >> 4));
                left = digit & 0x0f;
            }
            2 => {
                bytes.push((left << 4) | (digit >> 2));
                left = digit & 0x03;
            }
            _ => bytes.push((left << 6) | digit),
        }
        place = (place + 1) % 4;
    }
    (place == 0).then_some(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn base64_is_python_s() {
        let cases: [(&[u8], Option<&[u8]>); 12] = [
            (b"YWxpY2U6eA==", Some(b"alice:x")),
            (b"YWxpY2U6eA", None),
            (b"YWxpY2U6eA=", None),
            (b"YWxp!Y2U6e\xffA==", Some(b"alice:x")),
            (b"YWxpY2U6eA==YWxp", Some(b"alice:x")),
            (b"YQ=a=", Some(b"a\x06")),
            (b"YQ=ab=", Some(b"a\x06\x9b")),
            (b"=YWxp", Some(b"ali")),
            (b"!!!", Some(b"")),
            (b"", Some(b"")),
            (b"Y", None),
            (b"YQ-_==", Some(b"a")),
        ];
        for (text, expected) in cases {
            assert_eq!(base64(text).as_deref(), expected, "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn words_are_python_s() {
        let found: Vec<&[u8]> = words(b" a\t b\x0c\x0bc  ").collect();
        assert_eq!(found, [b"a", b"b", b"c"]);
    }
}
