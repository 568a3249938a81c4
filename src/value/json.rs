//! JSON as Python's `json.loads` reads it under DRF's `JSONParser`, with its messages.
//!
//! It differs in one thing: DRF answers 500 where a document is nested too deep for Python's stack, here that is a
//! [`ParseError`] like any other.

use std::borrow::Cow;
use std::fmt;

use super::python::MAX_INT_DIGITS;
use super::{Map, Value, python, write};

/// How deep lists and objects may be nested.
pub const MAX_DEPTH: usize = 512;

/// Why a document was refused: the text that DRF prints after `JSON parse error - `.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError(String);

/// What a document takes in memory beside its text, by estimate: each item of a list, each entry of an object, an object, a text.
const ITEM: usize = size_of::<Value>();
const ENTRY: usize = ITEM + 16;
const OBJECT: usize = 112;
const TEXT: usize = 32;
/// The fewest places that a list or an object makes room for.
const FEWEST: usize = 4;
/// From how many entries on an object has an index, and what an entry takes there.
const INDEXED: (usize, usize) = (16, 96);

/// Why a document under a limit of memory was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Malformed(ParseError),
    /// It would take more memory than there is for it.
    TooLarge,
}

impl From<ParseError> for Refused {
    fn from(error: ParseError) -> Self {
        Refused::Malformed(error)
    }
}

/// Parses a whole document that may take so many bytes of memory beside its text.
///
/// # Errors
///
/// As [`parse`], and [`Refused::TooLarge`].
pub(crate) fn parse_within(text: &str, strict: bool, room: usize) -> Result<Value, Refused> {
    let mut parser = Parser::new(text, strict);
    parser.room = room;
    parser.document()
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ParseError {}

/// Parses a whole document in UTF-8.
///
/// Bytes at the very end that begin a character without completing it are dropped, as the stream reader that DRF wraps
/// around the body does.
///
/// # Errors
///
/// [`ParseError`] with CPython 3.11's text: for what is not JSON, not UTF-8, begins with a byte order mark, names `NaN`
/// or an infinity, or holds an integer of more than 4300 digits; and for nesting beyond [`MAX_DEPTH`].
///
/// ```
/// use bowline::value::{Value, json};
/// assert_eq!(json::parse(b"[1, 1.0]").unwrap(), Value::List(vec![Value::Int(1), Value::Float(1.0)]));
/// let error = json::parse(b"{'a': 1}").unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"
/// );
/// ```
pub fn parse(bytes: &[u8]) -> Result<Value, ParseError> {
    parse_str(decode(bytes)?)
}

/// Parses a whole document.
///
/// # Errors
///
/// As [`parse`].
pub fn parse_str(text: &str) -> Result<Value, ParseError> {
    parse_document(text, true)
}

/// Parses a whole document that may also name `NaN`, `Infinity` and `-Infinity`, as Python's `json` does by itself.
///
/// # Errors
///
/// As [`parse`] otherwise.
///
/// ```
/// use bowline::value::{Value, json};
/// assert_eq!(json::parse_loose("[-Infinity]").unwrap(), Value::List(vec![Value::Float(f64::NEG_INFINITY)]));
/// ```
pub fn parse_loose(text: &str) -> Result<Value, ParseError> {
    parse_document(text, false)
}

fn parse_document(text: &str, strict: bool) -> Result<Value, ParseError> {
    match Parser::new(text, strict).document() {
        Ok(value) => Ok(value),
        Err(Refused::Malformed(error)) => Err(error),
        // nobody set a limit
        Err(Refused::TooLarge) => Err(ParseError("Out of memory".into())),
    }
}

/// The bytes as text, or Python's sentence about the first ones that are not UTF-8.
pub(crate) fn decode(bytes: &[u8]) -> Result<&str, ParseError> {
    let error = match std::str::from_utf8(bytes) {
        Ok(text) => return Ok(text),
        Err(error) => error,
    };
    let start = error.valid_up_to();
    let (valid, rest) = bytes.split_at(start);
    let Some(length) = error.error_len() else {
        return Ok(std::str::from_utf8(valid).unwrap_or_default());
    };
    let first = rest.first().copied().unwrap_or_default();
    // the bytes that may begin a character; after one of them it was a later byte that did not fit
    let reason = if matches!(first, 0xc2..=0xf4) { "invalid continuation byte" } else { "invalid start byte" };
    Err(ParseError(match length {
        1 => format!("'utf-8' codec can't decode byte 0x{first:02x} in position {start}: {reason}"),
        _ => format!("'utf-8' codec can't decode bytes in position {start}-{}: {reason}", start + length - 1),
    }))
}

/// A string as read: its text, and its first lone surrogate.
struct Text {
    text: String,
    lone: Option<u16>,
}

impl From<Text> for Value {
    fn from(Text { text, lone }: Text) -> Self {
        match lone {
            None => Value::Str(text),
            Some(unit) => Value::Surrogates(unit, text),
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    depth: usize,
    /// How many entries the last object at each of the outermost depths had: the next one is likely to be like it.
    entries: [usize; 4],
    /// The same of lists.
    items: [usize; 4],
    /// Whether `NaN` and the infinities are refused.
    strict: bool,
    /// How many bytes of memory what is read may still take.
    room: usize,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, strict: bool) -> Self {
        Parser {
            text,
            bytes: text.as_bytes(),
            at: 0,
            depth: 0,
            entries: [(text.len() / 24).clamp(4, 21), 0, 0, 0],
            items: [0, 8, 8, 8],
            strict,
            room: usize::MAX,
        }
    }

    fn document(mut self) -> Result<Value, Refused> {
        if self.text.starts_with('\u{feff}') {
            return Err(self.error("Unexpected UTF-8 BOM (decode using utf-8-sig)", 0).into());
        }
        self.skip_space();
        let mut value = Value::Null;
        self.value(&mut value)?;
        self.skip_space();
        if self.at < self.bytes.len() {
            return Err(self.error("Extra data", self.at).into());
        }
        Ok(value)
    }

    /// Takes memory, before it is really taken.
    fn take_room(&mut self, bytes: usize) -> Result<(), Refused> {
        self.room = self.room.checked_sub(bytes).ok_or(Refused::TooLarge)?;
        Ok(())
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    /// Python's sentence about a place, which counts lines, columns and characters.
    fn error(&self, what: &str, at: usize) -> ParseError {
        let before = self.bytes.get(..at).unwrap_or(self.bytes);
        let characters = |bytes: &[u8]| bytes.iter().filter(|b| !matches!(b, 0x80..=0xbf)).count();
        let line = before.iter().filter(|b| **b == b'\n').count() + 1;
        let start = before.iter().rposition(|b| *b == b'\n').map_or(0, |newline| newline + 1);
        let column = characters(before.get(start..).unwrap_or_default()) + 1;
        ParseError(format!("{what}: line {line} column {column} (char {})", characters(before)))
    }

    /// Reads a value into its place: moved there, each would cost more than to read it.
    fn value(&mut self, place: &mut Value) -> Result<(), Refused> {
        match self.peek() {
            Some(b'"') => {
                let start = self.at;
                match self.plain_string() {
                    Some(text) => *place = Value::Str(text.to_owned()),
                    None => *place = self.string()?.into(),
                }
                self.take_room(TEXT + self.at - start)?;
            }
            Some(b'{') => *place = Value::Map(self.nested(Self::object)?),
            Some(b'[') => *place = Value::List(self.nested(Self::list)?),
            Some(b'n') if self.take(b"null") => *place = Value::Null,
            Some(b't') if self.take(b"true") => *place = Value::Bool(true),
            Some(b'f') if self.take(b"false") => *place = Value::Bool(false),
            Some(b'N') if self.take(b"NaN") => *place = self.constant("NaN", f64::NAN)?,
            Some(b'I') if self.take(b"Infinity") => *place = self.constant("Infinity", f64::INFINITY)?,
            Some(b'-') if self.take(b"-Infinity") => *place = self.constant("-Infinity", f64::NEG_INFINITY)?,
            Some(b'-' | b'0'..=b'9') => self.number(place)?,
            _ => return Err(self.error("Expecting value", self.at).into()),
        }
        Ok(())
    }

    fn constant(&self, name: &str, value: f64) -> Result<Value, ParseError> {
        if self.strict {
            return Err(ParseError(format!("Out of range float values are not JSON compliant: '{name}'")));
        }
        Ok(Value::Float(value))
    }

    fn take(&mut self, word: &[u8]) -> bool {
        let found = self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(word));
        if found {
            self.at += word.len();
        }
        found
    }

    fn nested<T>(&mut self, read: fn(&mut Self) -> Result<T, Refused>) -> Result<T, Refused> {
        if self.depth == MAX_DEPTH {
            return Err(ParseError("Maximum nesting depth exceeded".into()).into());
        }
        self.depth += 1;
        self.at += 1;
        self.skip_space();
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn list(&mut self) -> Result<Vec<Value>, Refused> {
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Vec::new());
        }
        let depth = self.depth - 1;
        let likely = self.items.get(depth).copied().unwrap_or(0);
        self.take_room(likely * ITEM)?;
        let mut items = Vec::with_capacity(likely);
        loop {
            let end = items.len();
            if end == items.capacity() {
                // as a list grows
                self.take_room(end.max(FEWEST) * ITEM)?;
            }
            items.extend(std::iter::once_with(|| Value::Null));
            self.value(&mut items[end])?;
            if self.ends(b']')? {
                if let Some(usual) = self.items.get_mut(depth) {
                    *usual = items.len();
                }
                return Ok(items);
            }
        }
    }

    fn object(&mut self) -> Result<Map, Refused> {
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Map::new());
        }
        // room for what is likely at once, and never more than a small multiple of the text before and in it
        let depth = self.depth - 1;
        let mut likely = self.entries.get(depth).copied().unwrap_or(0);
        self.take_room(OBJECT + likely * ENTRY)?;
        let mut map = Map::with_capacity(likely);
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.error("Expecting property name enclosed in double quotes", self.at).into());
            }
            let (key, lone) = self.key()?;
            self.skip_space();
            if self.peek() != Some(b':') {
                return Err(self.error("Expecting ':' delimiter", self.at).into());
            }
            if map.len() == likely {
                self.take_room(likely.max(FEWEST) * ENTRY)?;
                likely = likely.max(FEWEST / 2) * 2;
            }
            self.take_room(key.len() + if map.len() >= INDEXED.0 { INDEXED.1 + key.len() } else { 0 })?;
            self.at += 1;
            self.skip_space();
            let place = map.get_or_insert_with(&key, || Value::Null);
            self.value(place)?;
            // no field is called so, and a field that takes any object must see that a key was not text
            if let Some(unit) = lone {
                *place = Value::Surrogates(unit, key.into_owned());
            }
            if self.ends(b'}')? {
                if let Some(entries) = self.entries.get_mut(depth) {
                    *entries = map.len();
                }
                return Ok(map);
            }
        }
    }

    /// Reads what follows an item: whether it was the last one.
    fn ends(&mut self, close: u8) -> Result<bool, ParseError> {
        self.skip_space();
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                self.skip_space();
                Ok(false)
            }
            Some(b) if b == close => {
                self.at += 1;
                Ok(true)
            }
            _ => Err(self.error("Expecting ',' delimiter", self.at)),
        }
    }

    fn number(&mut self, place: &mut Value) -> Result<(), ParseError> {
        let start = self.at;
        let negative = self.peek() == Some(b'-');
        let first = start + usize::from(negative);
        let end = match self.bytes.get(first) {
            Some(b'0') => first + 1,
            Some(b'1'..=b'9') => self.digits(first),
            _ => return Err(self.error("Expecting value", start)),
        };
        let mut float_end = end;
        if self.bytes.get(end) == Some(&b'.') {
            let fraction = self.digits(end + 1);
            if fraction > end + 1 {
                float_end = fraction;
            }
        }
        if let Some(b'e' | b'E') = self.bytes.get(float_end) {
            let sign = matches!(self.bytes.get(float_end + 1), Some(b'+' | b'-'));
            let exponent = float_end + 1 + usize::from(sign);
            if self.digits(exponent) > exponent {
                float_end = self.digits(exponent);
            }
        }
        self.at = float_end;
        if float_end > end {
            let text = self.text.get(start..float_end).unwrap_or_default();
            *place = Value::Float(text.parse().map_err(|_| self.error("Expecting value", start))?);
            return Ok(());
        }
        let digits = self.text.get(first..end).unwrap_or_default();
        if digits.len() > MAX_INT_DIGITS {
            return Err(ParseError(format!(
                "Exceeds the limit ({MAX_INT_DIGITS} digits) for integer string conversion: value has {} digits; \
                 use sys.set_int_max_str_digits() to increase the limit",
                digits.len()
            )));
        }
        match self.text.get(start..end).and_then(|text| text.parse().ok()) {
            Some(int) => *place = Value::Int(int),
            None => *place = python::integer(negative, digits),
        }
        Ok(())
    }

    /// Where the digits that begin at a place end.
    fn digits(&self, from: usize) -> usize {
        let rest = self.bytes.get(from..).unwrap_or_default();
        from + rest.iter().take_while(|b| b.is_ascii_digit()).count()
    }

    /// Reads the name of an entry: its text, and its first lone surrogate.
    fn key(&mut self) -> Result<(Cow<'a, str>, Option<u16>), ParseError> {
        if let Some(text) = self.plain_string() {
            return Ok((Cow::Borrowed(text), None));
        }
        let Text { text, lone } = self.string()?;
        Ok((Cow::Owned(text), lone))
    }

    /// Reads a string in which nothing is escaped, as most are; else it stays where it is.
    fn plain_string(&mut self) -> Option<&'a str> {
        let start = self.at + 1;
        let end = start + write::plain::<false>(self.bytes.get(start..)?);
        if self.bytes.get(end) != Some(&b'"') {
            return None;
        }
        self.at = end + 1;
        self.text.get(start..end)
    }

    #[cold]
    fn string(&mut self) -> Result<Text, ParseError> {
        let open = self.at;
        self.at += 1;
        let mut text = String::new();
        let mut lone = None;
        loop {
            let start = self.at;
            self.at += write::plain::<false>(self.bytes.get(start..).unwrap_or_default());
            let run = self.text.get(start..self.at).unwrap_or_default();
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    text.push_str(run);
                    return Ok(Text { text, lone });
                }
                Some(b'\\') => {
                    text.push_str(run);
                    match self.escape(open)? {
                        Ok(c) => text.push(c),
                        Err(unit) => {
                            text.push('\u{fffd}');
                            lone = lone.or(Some(unit));
                        }
                    }
                }
                Some(_) => return Err(self.error("Invalid control character at", self.at)),
                None => return Err(self.error("Unterminated string starting at", open)),
            }
        }
    }

    /// Reads an escape: a character, or a surrogate that stands alone.
    fn escape(&mut self, open: usize) -> Result<Result<char, u16>, ParseError> {
        let backslash = self.at;
        let c = match self.bytes.get(backslash + 1) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let (length, unit) = match write::unicode_escape(self.bytes.get(backslash..).unwrap_or_default()) {
                    // Python wants a character after the digits, be it the closing quote
                    Some((length, _)) if backslash + length >= self.bytes.len() => {
                        let last = backslash + length - 6;
                        return Err(self.error("Invalid \\uXXXX escape", last + 1));
                    }
                    Some(found) => found,
                    None => return Err(self.error("Invalid \\uXXXX escape", backslash + 1)),
                };
                self.at += length;
                return Ok(unit);
            }
            Some(_) => return Err(self.error("Invalid \\escape", backslash)),
            None => return Err(self.error("Unterminated string starting at", open)),
        };
        self.at += 2;
        Ok(Ok(c))
    }
}

#[cfg(test)]
mod tests;
