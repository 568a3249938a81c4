//! Query strings and form bodies, as Django reads and writes them.

use std::borrow::Cow;

/// The parameters of a query string, decoded; bytes that are not UTF-8 are replaced, as Django does.
pub fn parameters(query: &str) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
        .collect()
}

fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(String::from_utf8_lossy(&unescape(text)).into_owned())
}

/// The bytes of a text with escapes and pluses.
pub(crate) fn unescape(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut n = 0;
    while let Some(&byte) = bytes.get(n) {
        let escaped = if byte == b'%' { hex(bytes.get(n + 1..n + 3)) } else { None };
        match (byte, escaped) {
            (_, Some(value)) => {
                out.push(value);
                n += 2;
            }
            (b'+', _) => out.push(b' '),
            (other, _) => out.push(other),
        }
        n += 1;
    }
    out
}

/// The byte of two hexadecimal digits.
pub(crate) fn hex(digits: Option<&[u8]>) -> Option<u8> {
    let &[high, low] = digits? else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
    Some(digit(high)? * 16 + digit(low)?)
}

/// Python's `quote_plus`.
pub fn encode(text: &str, out: &mut String) {
    use std::fmt::Write;
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b'~' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            other => {
                // writing to a String cannot fail
                let _ = write!(out, "%{other:02X}");
            }
        }
    }
}

/// A part of a path with its escapes, Django's `iri_to_uri` and `quote`: letters, digits and what may stand in a path.
pub fn quote_path(text: &str, out: &mut String) {
    use std::fmt::Write;
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => out.push(char::from(byte)),
            b'_' | b'.' | b'-' | b'~' | b'/' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';'
            | b'=' | b':' | b'@' => out.push(char::from(byte)),
            other => {
                // writing to a String cannot fail
                let _ = write!(out, "%{other:02X}");
            }
        }
    }
}

/// A path with its escapes undone; bytes that are not UTF-8 are replaced.
pub fn unquote(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|_| byte == b'%');
        match hex.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()) {
            Some(value) => {
                out.push(value);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                out.push(byte);
                rest = after;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}
