//! From stored JSON text to the text of an answer, in one pass.

use std::fmt;

use super::{byte, float, plain, unicode, unicode_escape};

/// How deep a stored document may be nested: deeper than Python's `json` can write.
const MAX_DEPTH: usize = 1024;

/// A stored text that is no JSON document, or nested deeper than 1024.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidJson;

impl fmt::Display for InvalidJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the stored text is not JSON")
    }
}

impl std::error::Error for InvalidJson {}

/// Writes a stored JSON text as DRF answers it: parsed by Python's `json` and written compact, without a tree in between.
///
/// Numbers that are infinite or NaN become `null`, lone surrogates U+FFFD: both would break the answer. Of equal keys all
/// are kept.
///
/// # Errors
///
/// [`InvalidJson`]; `out` is then as it was.
///
/// ```
/// let mut out = Vec::new();
/// bowline::value::write::transcode(r#"{"n": 1.50, "k": "\u00e9"}"#, &mut out).unwrap();
/// assert_eq!(out, r#"{"n":1.5,"k":"é"}"#.as_bytes());
/// ```
pub fn transcode(json_text: &str, out: &mut Vec<u8>) -> Result<(), InvalidJson> {
    Transcoder { text: json_text, bytes: json_text.as_bytes(), at: 0, depth: 0, ascii: false }.document(out)
}

/// Writes a stored JSON text as Python's `json.dumps` does when it is asked for nothing: a space after every comma and
/// colon, everything but ASCII escaped.
pub(crate) fn dumps(json_text: &str, out: &mut Vec<u8>) -> Result<(), InvalidJson> {
    Transcoder { text: json_text, bytes: json_text.as_bytes(), at: 0, depth: 0, ascii: true }.document(out)
}

struct Transcoder<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    depth: usize,
    /// Whether to write as [`dumps`].
    ascii: bool,
}

impl Transcoder<'_> {
    fn document(mut self, out: &mut Vec<u8>) -> Result<(), InvalidJson> {
        let start = out.len();
        out.reserve(self.bytes.len());
        let done = self.value(out);
        self.skip_space();
        if done.is_ok() && self.at == self.bytes.len() {
            return Ok(());
        }
        out.truncate(start);
        Err(InvalidJson)
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn value(&mut self, out: &mut Vec<u8>) -> Result<(), InvalidJson> {
        self.skip_space();
        match self.peek().ok_or(InvalidJson)? {
            b'"' => self.string(out),
            b'{' => self.nested(b'}', out),
            b'[' => self.nested(b']', out),
            b'n' => self.word(b"null", b"null", out),
            b't' => self.word(b"true", b"true", out),
            b'f' => self.word(b"false", b"false", out),
            // Python's `json` writes and reads these
            b'N' => self.word(b"NaN", b"null", out),
            b'I' => self.word(b"Infinity", b"null", out),
            b'-' if self.bytes.get(self.at + 1) == Some(&b'I') => self.word(b"-Infinity", b"null", out),
            _ => self.number(out),
        }
    }

    fn word(&mut self, word: &[u8], written: &[u8], out: &mut Vec<u8>) -> Result<(), InvalidJson> {
        if !self.rest().starts_with(word) {
            return Err(InvalidJson);
        }
        self.at += word.len();
        out.extend_from_slice(written);
        Ok(())
    }

    fn nested(&mut self, close: u8, out: &mut Vec<u8>) -> Result<(), InvalidJson> {
        if self.depth == MAX_DEPTH {
            return Err(InvalidJson);
        }
        self.depth += 1;
        // the opening bracket
        out.extend(self.peek());
        self.at += 1;
        self.skip_space();
        let mut more = self.peek() != Some(close);
        while more {
            if close == b'}' {
                self.skip_space();
                if self.peek() != Some(b'"') {
                    return Err(InvalidJson);
                }
                self.string(out)?;
                self.skip_space();
                self.word(b":", if self.ascii { b": " } else { b":" }, out)?;
            }
            self.value(out)?;
            self.skip_space();
            more = self.peek() == Some(b',');
            if more {
                self.word(b",", if self.ascii { b", " } else { b"," }, out)?;
            }
        }
        self.depth -= 1;
        self.word(&[close], &[close], out)
    }

    fn string(&mut self, out: &mut Vec<u8>) -> Result<(), InvalidJson> {
        out.push(b'"');
        self.at += 1;
        loop {
            let length = plain::<true>(self.rest());
            self.run(length, out);
            match self.rest() {
                [b'"', ..] => {
                    self.at += 1;
                    out.push(b'"');
                    return Ok(());
                }
                [b'\\', b'/', ..] => {
                    self.at += 2;
                    out.push(b'/');
                }
                [b'\\', b @ (b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't'), ..] => {
                    out.extend_from_slice(&[b'\\', *b]);
                    self.at += 2;
                }
                [b'\\', ..] => {
                    let (length, c) = unicode_escape(self.rest()).ok_or(InvalidJson)?;
                    self.at += length;
                    self.char(c.unwrap_or('\u{fffd}'), out);
                }
                [0xe2, ..] => {
                    let c = self.text.get(self.at..).and_then(|rest| rest.chars().next()).ok_or(InvalidJson)?;
                    self.at += c.len_utf8();
                    self.char(c, out);
                }
                _ => return Err(InvalidJson),
            }
        }
    }

    /// Writes text in which nothing must be escaped, unless it has to be ASCII.
    fn run(&mut self, length: usize, out: &mut Vec<u8>) {
        let run = self.bytes.get(self.at..self.at + length).unwrap_or_default();
        if self.ascii && !run.is_ascii() {
            for c in self.text.get(self.at..self.at + length).unwrap_or_default().chars() {
                self.char(c, out);
            }
        } else {
            out.extend_from_slice(run);
        }
        self.at += length;
    }

    fn char(&self, c: char, out: &mut Vec<u8>) {
        match u8::try_from(c) {
            // as Python's `json` does, which leaves DEL alone
            Ok(b) if b.is_ascii() => byte(b, out),
            _ if self.ascii => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| unicode(*unit, out)),
            _ if c == '\u{2028}' || c == '\u{2029}' => unicode(c as u16, out),
            _ => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }

    fn number(&mut self, out: &mut Vec<u8>) -> Result<(), InvalidJson> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let zero = self.peek() == Some(b'0');
        let digits = self.digits()?;
        if zero && digits > 1 {
            return Err(InvalidJson);
        }
        let mut whole = true;
        if self.peek() == Some(b'.') {
            whole = false;
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            whole = false;
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        let number = self.text.get(start..self.at).unwrap_or_default();
        match number {
            "-0" => out.push(b'0'),
            _ if whole => out.extend_from_slice(number.as_bytes()),
            _ => float(number.parse().map_err(|_| InvalidJson)?, out),
        }
        Ok(())
    }

    /// Reads one digit or more: how many.
    fn digits(&mut self) -> Result<usize, InvalidJson> {
        let length = self.rest().iter().take_while(|b| b.is_ascii_digit()).count();
        self.at += length;
        if length == 0 { Err(InvalidJson) } else { Ok(length) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn stored_text() {
        for (text, json) in [
            (r#"{"n": 1, "title": "x"}"#, r#"{"n":1,"title":"x"}"#),
            (r#" { "k" : "\u00e9\ud83d\ude00" , "l" : [ ] } "#, r#"{"k":"é😀","l":[]}"#),
            (r#""\/ \" \\ \b\f\n\r\t \u0000 \u0022 \u001F \u2028""#, r#""/ \" \\ \b\f\n\r\t \u0000 \" \u001f \u2028""#),
            ("\"\u{2028}…\"", "\"\\u2028…\""),
            (r#""\ud800x\ude00""#, "\"\u{fffd}x\u{fffd}\""),
            (
                "[-0, -0.0, 1.50, 1E2, 1e-7, 123456789012345678901234567890]",
                "[0,-0.0,1.5,100.0,1e-07,123456789012345678901234567890]",
            ),
            ("[1e400, -1e400, NaN, Infinity, -Infinity]", "[null,null,null,null,null]"),
            ("[true,false,null]", "[true,false,null]"),
            (r#"{"a":1,"a":2}"#, r#"{"a":1,"a":2}"#),
            ("{}", "{}"),
        ] {
            assert_eq!(written(|out| transcode(text, out).unwrap()), json, "{text}");
        }
    }

    #[test]
    fn stored_text_that_is_no_json() {
        let deep = "[".repeat(1_000_000);
        for text in [
            "",
            " ",
            "{",
            "[1",
            "[1,]",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{1:2}",
            "[1 2]",
            "1 2",
            "nul",
            "nulll",
            "01",
            "-",
            "-x",
            "1.",
            ".5",
            "1e",
            "+1",
            "\"",
            "\"\n\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\u+123\"",
            "]",
            "[}",
            "{]",
            &deep,
        ] {
            let mut out = b"before".to_vec();
            assert_eq!(transcode(text, &mut out), Err(InvalidJson), "{text}");
            assert_eq!(out, b"before");
        }
    }

    #[test]
    fn as_python_writes_for_itself() {
        let text = "{\"k\":[1,\"é☃\u{2028}😀\\u00e9\\n\u{7f}\"],\"m\":{}}";
        let json = "{\"k\": [1, \"\\u00e9\\u2603\\u2028\\ud83d\\ude00\\u00e9\\n\u{7f}\"], \"m\": {}}";
        assert_eq!(written(|out| dumps(text, out).unwrap()), json);
    }
}
