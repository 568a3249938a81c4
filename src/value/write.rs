//! JSON as DRF's `JSONRenderer` writes it: compact, not escaped to ASCII, floats by Python's `repr`.

use std::io::Write as _;

use super::{Value, iso};

mod transcode;

pub(crate) use transcode::dumps;
pub use transcode::{InvalidJson, transcode};

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Writes text in quotes; U+2028 and U+2029, which end lines in old JavaScript, are escaped.
///
/// ```
/// let mut out = Vec::new();
/// bowline::value::write::string("é\n\u{2028}", &mut out);
/// assert_eq!(out, "\"é\\n\\u2028\"".as_bytes());
/// ```
pub fn string(text: &str, out: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    out.reserve(rest.len() + 2);
    out.push(b'"');
    loop {
        let (run, special) = rest.split_at(plain::<true>(rest));
        out.extend_from_slice(run);
        match special {
            [] => break,
            [0xe2, 0x80, b @ (0xa8 | 0xa9), after @ ..] => {
                unicode(0x2028 + u16::from(b - 0xa8), out);
                rest = after;
            }
            [b, after @ ..] => {
                byte(*b, out);
                rest = after;
            }
        }
    }
    out.push(b'"');
}

/// Writes one byte of text, escaped where it must be.
fn byte(b: u8, out: &mut Vec<u8>) {
    let letter = match b {
        b'"' | b'\\' => b,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        0..0x20 => return unicode(b.into(), out),
        _ => return out.push(b),
    };
    out.extend_from_slice(&[b'\\', letter]);
}

/// Writes `\uXXXX`.
fn unicode(unit: u16, out: &mut Vec<u8>) {
    let digit = |shift: u16| HEX[usize::from((unit >> shift) & 0xf)];
    out.extend_from_slice(&[b'\\', b'u', digit(12), digit(8), digit(4), digit(0)]);
}

/// How many bytes at the front may be copied as they are: up to a quote, a backslash or a control character, or with
/// `SEPARATORS` up to the first byte of U+2028.
pub(super) fn plain<const SEPARATORS: bool>(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES * 0x80;
    // eight bytes at once; of the bits set, the lowest is of the first byte that is less than `n`, or equal to `b`
    let less = |word: u64, n: u8| word.wrapping_sub(ONES * u64::from(n)) & !word & HIGH;
    let equal = |word: u64, b: u8| less(word ^ (ONES * u64::from(b)), 1);
    let (words, tail) = bytes.as_chunks::<8>();
    for (n, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let mut found = less(word, 0x20) | equal(word, b'"') | equal(word, b'\\');
        if SEPARATORS {
            found |= equal(word, 0xe2);
        }
        if found != 0 {
            return n * 8 + (found.trailing_zeros() / 8) as usize;
        }
    }
    let special = |b: &u8| matches!(b, 0..0x20 | b'"' | b'\\') || (SEPARATORS && *b == 0xe2);
    words.len() * 8 + tail.iter().position(special).unwrap_or(tail.len())
}

/// Reads the `\uXXXX` at the front, with the one after it where the two are a pair: its length, and the character or the
/// surrogate that stands alone.
pub(super) fn unicode_escape(bytes: &[u8]) -> Option<(usize, Result<char, u16>)> {
    fn unit(bytes: &[u8]) -> Option<u16> {
        let digits = bytes.strip_prefix(b"\\u")?.first_chunk::<4>()?;
        let digit = |b: u8| char::from(b).to_digit(16);
        digits.iter().try_fold(0, |unit, b| Some(unit << 4 | digit(*b)? as u16))
    }
    let first = unit(bytes)?;
    if let Some(c) = char::from_u32(first.into()) {
        return Some((6, Ok(c)));
    }
    let second = bytes.get(6..).and_then(unit).filter(|_| first < 0xdc00);
    let pair = second.and_then(|second| char::decode_utf16([first, second]).next()?.ok());
    Some(pair.map_or((6, Err(first)), |c| (12, Ok(c))))
}

/// Writes an integer.
pub fn int(i: i64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = i.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if i < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[at..]);
}

/// Writes a float as Python's `repr` prints it; `null` for what JSON has no number for.
///
/// ```
/// let mut out = Vec::new();
/// bowline::value::write::float(1e16, &mut out);
/// assert_eq!(out, b"1e+16");
/// ```
pub fn float(f: f64, out: &mut Vec<u8>) {
    if !f.is_finite() {
        return out.extend_from_slice(b"null");
    }
    if f == 0.0 || (1e-4..1e16).contains(&f.abs()) {
        return out.extend_from_slice(ryu::Buffer::new().format_finite(f).as_bytes());
    }
    // Python signs the exponent and gives it two digits; the longest float has 24 characters here
    let mut buffer = [0; 32];
    let mut free = buffer.as_mut_slice();
    let _ = write!(free, "{f:e}");
    let length = 32 - free.len();
    let text = buffer.get(..length).unwrap_or_default();
    let e = text.iter().position(|b| *b == b'e').unwrap_or(length);
    let (mantissa, exponent) = text.split_at(e);
    let (sign, digits): (_, &[u8]) = match exponent {
        [_, b'-', digits @ ..] => (b'-', digits),
        [_, digits @ ..] => (b'+', digits),
        [] => return,
    };
    out.extend_from_slice(mantissa);
    out.extend_from_slice(&[b'e', sign]);
    if digits.len() == 1 {
        out.push(b'0');
    }
    out.extend_from_slice(digits);
}

/// Writes a value, compact.
///
/// A number that is not finite becomes `null` and a lone surrogate U+FFFD; fields refuse both before they are stored.
pub fn value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Int(i) => int(*i, out),
        Value::BigInt(digits) => out.extend_from_slice(digits.as_bytes()),
        Value::Float(f) => float(*f, out),
        Value::Str(text) | Value::Surrogates(_, text) => string(text, out),
        Value::List(items) => {
            out.push(b'[');
            for (n, item) in items.iter().enumerate() {
                if n > 0 {
                    out.push(b',');
                }
                self::value(item, out);
            }
            out.push(b']');
        }
        Value::Map(map) => {
            out.push(b'{');
            for (n, (key, item)) in map.iter().enumerate() {
                if n > 0 {
                    out.push(b',');
                }
                string(key, out);
                out.push(b':');
                self::value(item, out);
            }
            out.push(b'}');
        }
        typed => self::typed(typed, out),
    }
}

/// Writes what JSON has no form for, as DRF's `JSONEncoder` does.
fn typed(value: &Value, out: &mut Vec<u8>) {
    let quoted = |out: &mut Vec<u8>, write: &dyn Fn(&mut Vec<u8>)| {
        out.push(b'"');
        write(out);
        out.push(b'"');
    };
    match value {
        Value::Decimal(decimal) => float(decimal.to_f64(), out),
        Value::Date(date) => quoted(out, &|out| iso::write_date(*date, out)),
        Value::Time(time) => quoted(out, &|out| iso::write_time(*time, out)),
        Value::NaiveDateTime(at) => quoted(out, &|out| {
            iso::write_date(at.date(), out);
            out.push(b'T');
            iso::write_time(at.time(), out);
        }),
        Value::DateTime(at) => quoted(out, &|out| {
            let local = at.naive_local();
            iso::write_date(local.date(), out);
            out.push(b'T');
            iso::write_time(local.time(), out);
            iso::write_offset(at.offset().local_minus_utc(), out);
        }),
        Value::Duration(span) => quoted(out, &|out| {
            out.extend_from_slice(super::duration::seconds_string(*span).as_bytes());
        }),
        Value::Uuid(uuid) => string(uuid.hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()), out),
        Value::Bytes(bytes) => string(&String::from_utf8_lossy(bytes), out),
        Value::File(file) => string(file.name(), out),
        Value::Form(form) => {
            out.push(b'{');
            for (n, (key, values)) in form.lists().enumerate() {
                if n > 0 {
                    out.push(b',');
                }
                string(key, out);
                out.push(b':');
                self::value(values.last().unwrap_or(&Value::Null), out);
            }
            out.push(b'}');
        }
        _ => out.extend_from_slice(b"null"),
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
    fn text_is_escaped_where_it_must_be() {
        for (text, json) in [
            ("", r#""""#),
            ("héllo ☃ \u{2028} <b>&\"'", r#""héllo ☃ \u2028 <b>&\"'""#),
            ("\u{2029}\u{2027}\u{202a}…\u{7f}😀", "\"\\u2029\u{2027}\u{202a}…\u{7f}😀\""),
            ("\0\u{1}\u{8}\t\n\u{b}\u{c}\r\u{1f}/\\", r#""\u0000\u0001\b\t\n\u000b\f\r\u001f/\\""#),
        ] {
            assert_eq!(written(|out| string(text, out)), json);
        }
    }

    #[test]
    fn special_bytes_are_found_at_every_place() {
        let around = [0x1f, 0x20, 0x21, b'"', 0x23, b'[', b'\\', b']', 0x7f, 0x80, 0xa2, 0xdc, 0xe1, 0xe2, 0xe3, 0xff];
        for length in 0..20 {
            assert_eq!(plain::<true>(&vec![b'x'; length]), length);
            for place in 0..length {
                for b in around {
                    let mut bytes = vec![b'x'; length];
                    bytes[place] = b;
                    let stops = matches!(b, 0x1f | b'"' | b'\\');
                    assert_eq!(plain::<false>(&bytes), if stops { place } else { length }, "{b:#x} at {place}");
                    let stops = stops || b == 0xe2;
                    assert_eq!(plain::<true>(&bytes), if stops { place } else { length }, "{b:#x} at {place}");
                }
            }
        }
        // of several the first, whatever follows it
        assert_eq!(plain::<true>(b"ab\"\x01\\\xe2\"!"), 2);
    }

    #[test]
    fn integers() {
        for i in [0, 7, -7, 10, 99, -100, i64::MAX, i64::MIN] {
            assert_eq!(written(|out| int(i, out)), i.to_string());
        }
    }

    #[test]
    fn numbers_that_json_lacks() {
        for f in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(written(|out| float(f, out)), "null");
        }
        // what stands before an exponent is left alone
        let mut out = b"[1e5,".to_vec();
        float(-1e-7, &mut out);
        assert_eq!(out, b"[1e5,-1e-07");
    }

    #[test]
    fn values() {
        let map =
            [("a".to_owned(), Value::Null), ("é\"".to_owned(), Value::List(vec![Value::Int(1), Value::Float(1.0)]))];
        assert_eq!(written(|out| value(&Value::Map(map.into()), out)), r#"{"a":null,"é\"":[1,1.0]}"#);
        let list = Value::List(vec![Value::BigInt("-10000000000000000000".into()), Value::Bool(false)]);
        assert_eq!(written(|out| value(&list, out)), "[-10000000000000000000,false]");
    }
}
