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
    Transcoder::new(json_text, false).document(out)
}

/// Writes a stored JSON text as Python's `json.dumps` does when it is asked for nothing: a space after every comma and
/// colon, everything but ASCII escaped.
pub(crate) fn dumps(json_text: &str, out: &mut Vec<u8>) -> Result<(), InvalidJson> {
    Transcoder::new(json_text, true).document(out)
}

/// Most of a text is written as it is: what was read since `from` is copied at once, when something else has to come.
struct Transcoder<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    /// What comes before was written.
    from: usize,
    depth: usize,
    /// Whether to write as [`dumps`].
    ascii: bool,
}

impl<'a> Transcoder<'a> {
    fn new(text: &'a str, ascii: bool) -> Self {
        Transcoder { text, bytes: text.as_bytes(), at: 0, from: 0, depth: 0, ascii }
    }

    fn document(mut self, out: &mut Vec<u8>) -> Result<(), InvalidJson> {
        let start = out.len();
        out.reserve(self.bytes.len());
        let done = self.value(out);
        self.skip_space(out);
        if done.is_ok() && self.at == self.bytes.len() {
            self.flush(out);
            return Ok(());
        }
        out.truncate(start);
        Err(InvalidJson)
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Writes what was read as it is.
    fn flush(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.bytes.get(self.from..self.at).unwrap_or_default());
        self.from = self.at;
    }

    /// Passes over what is not written as it is.
    fn leave_out(&mut self, length: usize, out: &mut Vec<u8>) {
        self.flush(out);
        self.at += length;
        self.from = self.at;
    }

    #[inline]
    fn skip_space(&mut self, out: &mut Vec<u8>) {
        let is_space = |b: Option<u8>| matches!(b, Some(b' ' | b'\t' | b'\n' | b'\r'));
        if is_space(self.peek()) {
            self.flush(out);
            while is_space(self.peek()) {
                self.at += 1;
            }
            self.from = self.at;
        }
    }

    fn value(&mut self, out: &mut Vec<u8>) -> Result<(), InvalidJson> {
        self.skip_space(out);
        match self.peek().ok_or(InvalidJson)? {
            b'"' => self.string(out),
            b'{' => self.nested(b'}', out),
            b'[' => self.nested(b']', out),
            b'n' => self.word(b"null"),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            // Python's `json` writes and reads these
            b'N' => self.no_number(b"NaN", out),
            b'I' => self.no_number(b"Infinity", out),
            b'-' if self.bytes.get(self.at + 1) == Some(&b'I') => self.no_number(b"-Infinity", out),
            _ => self.number(out),
        }
    }

    fn word(&mut self, word: &[u8]) -> Result<(), InvalidJson> {
        if !self.rest().starts_with(word) {
            return Err(InvalidJson);
        }
        self.at += word.len();
        Ok(())
    }

    fn no_number(&mut self, word: &[u8], out: &mut Vec<u8>) -> Result<(), InvalidJson> {
        self.flush(out);
        self.word(word)?;
        self.from = self.at;
        out.extend_from_slice(b"null");
        Ok(())
    }

    /// A comma or a colon.
    fn separator(&mut self, out: &mut Vec<u8>) {
        self.at += 1;
        if self.ascii {
            self.flush(out);
            out.push(b' ');
        }
    }

    fn nested(&mut self, close: u8, out: &mut Vec<u8>) -> Result<(), InvalidJson> {
        if self.depth == MAX_DEPTH {
            return Err(InvalidJson);
        }
        self.depth += 1;
        // the opening bracket
        self.at += 1;
        self.skip_space(out);
        let mut more = self.peek() != Some(close);
        while more {
            if close == b'}' {
                self.skip_space(out);
                if self.peek() != Some(b'"') {
                    return Err(InvalidJson);
                }
                self.string(out)?;
                self.skip_space(out);
                if self.peek() != Some(b':') {
                    return Err(InvalidJson);
                }
                self.separator(out);
            }
            self.value(out)?;
            self.skip_space(out);
            more = self.peek() == Some(b',');
            if more {
                self.separator(out);
            }
        }
        self.depth -= 1;
        if self.peek() != Some(close) {
            return Err(InvalidJson);
        }
        self.at += 1;
        Ok(())
    }

    fn string(&mut self, out: &mut Vec<u8>) -> Result<(), InvalidJson> {
        self.at += 1;
        loop {
            self.run(plain::<true>(self.rest()), out);
            match self.rest() {
                [b'"', ..] => {
                    self.at += 1;
                    return Ok(());
                }
                [b'\\', b'/', ..] => self.leave_out(1, out),
                [b'\\', b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't', ..] => self.at += 2,
                [b'\\', ..] => {
                    let (length, c) = unicode_escape(self.rest()).ok_or(InvalidJson)?;
                    self.leave_out(length, out);
                    self.char(c.unwrap_or('\u{fffd}'), out);
                }
                [0xe2, ..] => {
                    let c = self.text.get(self.at..).and_then(|rest| rest.chars().next()).ok_or(InvalidJson)?;
                    self.leave_out(c.len_utf8(), out);
                    self.char(c, out);
                }
                _ => return Err(InvalidJson),
            }
        }
    }

    /// Reads text in which nothing must be escaped, unless it has to be ASCII.
    fn run(&mut self, length: usize, out: &mut Vec<u8>) {
        let end = self.at + length;
        if self.ascii && !self.bytes.get(self.at..end).unwrap_or_default().is_ascii() {
            let text = self.text;
            self.flush(out);
            for c in text.get(self.at..end).unwrap_or_default().chars() {
                self.char(c, out);
            }
            self.from = end;
        }
        self.at = end;
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
        let end = self.at;
        let number = self.text.get(start..end).unwrap_or_default();
        if whole && number != "-0" {
            return Ok(());
        }
        self.at = start;
        self.leave_out(end - start, out);
        match number {
            "-0" => out.push(b'0'),
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
