//! Headers with parameters, as Django's `parse_header_parameters` reads them.
//!
//! It stands on Python's `email.message`, whose habits clients rely on without knowing: parameters may be quoted,
//! percent-encoded with their charset (`filename*=utf-8''caf%C3%A9.txt`) and continued (`filename*0=…; filename*1=…`), RFC 2231.

use std::borrow::Cow;

use super::charset;
use crate::value::python;

/// A header's main value and its parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parameters {
    /// What stands before the first `;`, in lower case.
    pub(crate) main: String,
    /// The parameters, in the order in which they came.
    pub(crate) parameters: Vec<(String, String)>,
}

impl Parameters {
    /// Reads a header; none where a parameter is in a charset that does not exist, or cut into segments without an order.
    pub(crate) fn parse(header: &str) -> Option<Self> {
        if !header.contains(';') {
            return Some(Parameters { main: python::strip(header).to_lowercase(), parameters: Vec::new() });
        }
        let mut pieces = pieces(header).into_iter();
        let main = pieces.next().map(|(name, _)| name.to_lowercase()).unwrap_or_default();
        Some(Parameters { main, parameters: decode(pieces)? })
    }

    /// The last parameter of a name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().rev().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// A header's bytes as the text that a WSGI server makes of them: every byte is a character.
pub(crate) fn text(value: &http::HeaderValue) -> Cow<'_, str> {
    match value.to_str() {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(value.as_bytes().iter().copied().map(char::from).collect()),
    }
}

/// The pieces between semicolons that stand outside quotes, as name and value; a bare word has no value.
fn pieces(header: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = header;
    loop {
        let mut end = rest.find(';').unwrap_or(rest.len());
        // an empty piece ends at once; another ends where its quotes are closed
        if end > 0 {
            let mut open = is_open(rest, 0, end, false);
            while open && end < rest.len() {
                let next = rest.get(end + 1..).and_then(|after| after.find(';')).map_or(rest.len(), |n| end + 1 + n);
                open = is_open(rest, end, next, open);
                end = next;
            }
        }
        let (piece, after) = rest.split_at(end);
        found.push(match piece.split_once('=') {
            Some((name, value)) => (python::strip(name).to_lowercase(), python::strip(value).to_owned()),
            None => (python::strip(piece).to_owned(), String::new()),
        });
        match after.strip_prefix(';') {
            Some(after) => rest = after,
            None => return found,
        }
    }
}

/// Whether a quote is open at `end`, where it was or was not at `from`: escaped ones do not count.
fn is_open(text: &str, from: usize, end: usize, open: bool) -> bool {
    let part = text.get(from..end).unwrap_or_default();
    let escaped = part.matches("\\\"").count();
    let quotes = part.matches('"').count() - escaped;
    open != (quotes % 2 == 1)
}

/// Takes quotes and angle brackets off a value.
fn unquote(value: &str) -> String {
    if value.len() > 1 {
        if let Some(inner) = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')) {
            return inner.replace("\\\\", "\\").replace("\\\"", "\"");
        }
        if let Some(inner) = value.strip_prefix('<').and_then(|v| v.strip_suffix('>')) {
            return inner.to_owned();
        }
    }
    value.to_owned()
}

/// A parameter that is cut into segments: the number of each, its text, and whether it is percent-encoded.
struct Continued {
    name: String,
    segments: Vec<(Option<String>, String, bool)>,
}

/// RFC 2231: encoded and continued parameters become plain ones, after those that were plain.
fn decode(pieces: impl Iterator<Item = (String, String)>) -> Option<Vec<(String, String)>> {
    let mut plain = Vec::new();
    let mut continued: Vec<Continued> = Vec::new();
    for (name, value) in pieces {
        let value = unquote(&value);
        let Some((base, number)) = continuation(&name) else {
            if !name.is_empty() {
                plain.push((name, value));
            }
            continue;
        };
        let segment = (number.map(str::to_owned), value, name.ends_with('*'));
        match continued.iter_mut().find(|c| c.name == base) {
            Some(found) => found.segments.push(segment),
            None => continued.push(Continued { name: base.to_owned(), segments: vec![segment] }),
        }
    }
    for Continued { name, mut segments } in continued {
        // segments with and without numbers have no order; Django fails on them
        if segments.iter().any(|(number, ..)| number.is_none()) && segments.iter().any(|(number, ..)| number.is_some())
        {
            return None;
        }
        let rank = |number: &Option<String>| number.as_ref().map(|n| (n.len(), n.clone()));
        segments.sort_by_cached_key(|(number, text, encoded)| (rank(number), text.clone(), *encoded));
        let is_encoded = segments.iter().any(|(.., encoded)| *encoded);
        let whole: String =
            segments.into_iter().map(|(_, text, encoded)| if encoded { percent_decode(&text) } else { text }).collect();
        plain.push((name, if is_encoded { collapse(&whole)? } else { whole }));
    }
    Some(plain)
}

/// `name*`, `name*0` and `name*0*`: the name, and the number without leading zeros.
fn continuation(parameter: &str) -> Option<(&str, Option<&str>)> {
    let (name, rest) = parameter.split_once('*')?;
    let is_word = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !is_word {
        return None;
    }
    if rest.is_empty() {
        return Some((name, None));
    }
    let number = rest.strip_suffix('*').unwrap_or(rest);
    let is_number = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| (name, Some(number.trim_start_matches('0'))))
}

/// Each escape as the character of its number.
fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        let start = bytes.len() - after.len();
        match crate::value::query::hex(bytes.get(start + 1..start + 3)) {
            Some(byte) => {
                out.push(char::from(byte));
                rest = after.get(3..).unwrap_or_default();
            }
            None => {
                out.push('%');
                rest = after.get(1..).unwrap_or_default();
            }
        }
    }
    out.push_str(rest);
    out
}

/// `charset'language'text`, every character a byte, as text; none where the charset does not exist.
fn collapse(whole: &str) -> Option<String> {
    let mut parts = whole.splitn(3, '\'');
    let (charset, text) = match (parts.next(), parts.next(), parts.next()) {
        (Some(charset), Some(_), Some(text)) => (charset, text),
        _ => ("ascii", whole),
    };
    if charset.is_empty() {
        return Some(text.to_owned());
    }
    let charset = match charset::lookup(charset) {
        charset::Lookup::Found(charset) => charset,
        charset::Lookup::NotText => return Some(text.to_owned()),
        charset::Lookup::Unknown => return None,
    };
    let mut bytes = Vec::with_capacity(text.len());
    for c in text.chars() {
        match u8::try_from(u32::from(c)) {
            Ok(byte) => bytes.push(byte),
            Err(_) if u32::from(c) <= 0xffff => bytes.extend(format!("\\u{:04x}", u32::from(c)).into_bytes()),
            Err(_) => bytes.extend(format!("\\U{:08x}", u32::from(c)).into_bytes()),
        }
    }
    Some(charset.decode_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn read(header: &str) -> (String, Vec<(String, String)>) {
        let found = Parameters::parse(header).unwrap();
        (found.main, found.parameters)
    }

    /// The expectations are what Django 5.2 answers on Python 3.11.
    #[test]
    fn as_django_reads_them() {
        type Case = (&'static str, &'static str, &'static [(&'static str, &'static str)]);
        let cases: [Case; 22] = [
            ("", "", &[]),
            (" Text/HTML ", "text/html", &[]),
            ("a; b", "a", &[("b", "")]),
            ("a; B", "a", &[("B", "")]),
            ("a;B=C", "a", &[("b", "C")]),
            ("a=b; c=d", "a", &[("c", "d")]),
            ("a;;b=1; ;", "a", &[("b", "1")]),
            (";x=1", "", &[("x", "1")]),
            ("a; b=\"x;y\"; c=z", "a", &[("b", "x;y"), ("c", "z")]),
            ("a; b=\"x\\\";y\"; c=z", "a", &[("b", "x\";y"), ("c", "z")]),
            ("a; b=\"x;y; c=z", "a", &[("b", "\"x;y; c=z")]),
            ("a; b=\"C:\\\\dir\\\\f.txt\"", "a", &[("b", "C:\\dir\\f.txt")]),
            ("a; b=<x y>", "a", &[("b", "x y")]),
            ("a; b=1; b=2", "a", &[("b", "1"), ("b", "2")]),
            ("a; f*=utf-8''caf%C3%A9.txt", "a", &[("f", "café.txt")]),
            ("a; f=x; f*=utf-8''y", "a", &[("f", "x"), ("f", "y")]),
            ("a; f*=iso-8859-1'en'%A3 rates", "a", &[("f", "£ rates")]),
            ("a; f*0=\"foo\"; f*1=\"bar\"", "a", &[("f", "foobar")]),
            ("a; f*1*=%20b; f*0*=utf-8''a; f*2=%20c", "a", &[("f", "a b%20c")]),
            ("a; f*=plain", "a", &[("f", "plain")]),
            ("a; f*=%C3", "a", &[("f", "\u{fffd}")]),
            ("a; f*=''x", "a", &[("f", "x")]),
        ];
        for (header, main, parameters) in cases {
            let parameters: Vec<_> = parameters.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
            assert_eq!(read(header), (main.to_owned(), parameters), "{header}");
        }
        assert_eq!(Parameters::parse("a; f*=nope''x"), None);
        assert_eq!(Parameters::parse("a; f*=utf-8''x; f*0=y"), None);
        assert_eq!(Parameters::parse("a; f=1; f=2").unwrap().get("f"), Some("2"));
    }
}
