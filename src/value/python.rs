//! What Python's built-in functions make of text and numbers, where DRF's answers show it.
//!
//! DRF hands input to `int()`, `float()`, `str.strip()` and `str()`; clients see what those accept and print.

use std::borrow::Cow;

use chrono::TimeDelta;

use super::{Decimal, Value, iso, write};

/// The most digits of an integer that `int()` reads; beyond them its cost grows with their square.
pub(super) const MAX_INT_DIGITS: usize = 4300;

/// The float as `repr()` prints it: the shortest digits that give the same float back.
///
/// ```
/// use bowline::value::python::float_repr;
/// assert_eq!(float_repr(1.0), "1.0");
/// assert_eq!(float_repr(1e-5), "1e-05");
/// assert_eq!(float_repr(f64::INFINITY), "inf");
/// ```
pub fn float_repr(f: f64) -> String {
    if f.is_nan() {
        return "nan".into();
    }
    if f.is_infinite() {
        return if f > 0.0 { "inf" } else { "-inf" }.into();
    }
    let mut out = Vec::new();
    write::float(f, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// The value as `repr()` prints it.
///
/// Of lone surrogates in a text the first is printed as Python does, others as U+FFFD: they are not known.
///
/// ```
/// use bowline::value::{Value, python};
/// let value = Value::List(vec![Value::Str("it's".into()), Value::Bool(true), Value::Null]);
/// assert_eq!(python::repr(&value), r#"["it's", True, None]"#);
/// ```
pub fn repr(value: &Value) -> String {
    let mut out = String::new();
    push_repr(value, &mut out);
    out
}

fn push_repr(value: &Value, out: &mut String) {
    match value {
        Value::Str(text) => push_str_repr(text, out),
        Value::Surrogates(unit, text) => {
            let mut shown = String::new();
            push_str_repr(text, &mut shown);
            out.push_str(&shown.replacen('\u{fffd}', &format!("\\u{unit:04x}"), 1));
        }
        Value::List(items) => {
            out.push('[');
            for (n, item) in items.iter().enumerate() {
                if n > 0 {
                    out.push_str(", ");
                }
                push_repr(item, out);
            }
            out.push(']');
        }
        Value::Map(map) => {
            out.push('{');
            for (n, (key, item)) in map.iter().enumerate() {
                if n > 0 {
                    out.push_str(", ");
                }
                push_str_repr(key, out);
                out.push_str(": ");
                push_repr(item, out);
            }
            out.push('}');
        }
        Value::Form(form) => {
            let list = |(name, values): (&str, &[Value])| (name.to_owned(), Value::List(values.to_vec()));
            // the whole body is a QueryDict, but only parts of it are ever shown
            out.push_str("<MultiValueDict: ");
            push_repr(&Value::Map(form.lists().map(list).collect()), out);
            out.push('>');
        }
        Value::Bytes(bytes) => {
            out.push_str("b'");
            out.extend(bytes.iter().flat_map(|b| b.escape_ascii()).map(char::from));
            out.push('\'');
        }
        scalar => out.push_str(&scalar.to_python_str()),
    }
}

/// `str()` of a time, a date and time, or a span of time.
pub(super) fn time_str(value: &Value) -> String {
    let mut out = Vec::new();
    match value {
        Value::Time(time) => iso::write_time(*time, &mut out),
        Value::NaiveDateTime(at) => {
            iso::write_date(at.date(), &mut out);
            out.push(b' ');
            iso::write_time(at.time(), &mut out);
        }
        Value::DateTime(at) => {
            let offset = at.offset().local_minus_utc();
            let mut text = time_str(&Value::NaiveDateTime(at.naive_local())).into_bytes();
            out.append(&mut text);
            match offset {
                // as JSON has it this would be a `Z`
                0 => out.extend_from_slice(b"+00:00"),
                offset => iso::write_offset(offset, &mut out),
            }
        }
        Value::Duration(span) => return span_str(*span),
        _ => {}
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// `str(timedelta)`: `-1 day, 23:59:59.500000`.
fn span_str(span: TimeDelta) -> String {
    let days =
        span.num_seconds().div_euclid(86400) - i64::from(span.num_seconds() % 86400 == 0 && span.subsec_nanos() < 0);
    let rest = TimeDelta::try_days(days).and_then(|days| span.checked_sub(&days)).unwrap_or_default();
    let (seconds, micros) = (rest.num_seconds(), rest.subsec_nanos() / 1000);
    let clock = format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    let clock = if micros == 0 { clock } else { format!("{clock}.{micros:06}") };
    match days {
        0 => clock,
        1 | -1 => format!("{days} day, {clock}"),
        days => format!("{days} days, {clock}"),
    }
}

fn push_str_repr(text: &str, out: &mut String) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => {
                out.push('\\');
                out.push(c);
            }
            ' '..='~' => out.push(c),
            c if is_printable(c) => out.push(c),
            c => {
                let code = u32::from(c);
                out.push_str(&match code {
                    0..=0xff => format!("\\x{code:02x}"),
                    0x100..=0xffff => format!("\\u{code:04x}"),
                    _ => format!("\\U{code:08x}"),
                });
            }
        }
    }
    out.push(quote);
}

/// `str.isprintable()` of a character that is not ASCII.
pub(crate) fn is_printable(c: char) -> bool {
    // Rust's table for `{:?}` is made by the same rule; a leading letter keeps combining marks from being escaped
    let text: String = ['a', c].iter().collect();
    !c.is_ascii() && text.escape_debug().count() == 2
}

/// Whether `str.isspace()` holds for the character: Unicode's white space and four separators of ASCII.
pub fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\x1c'..='\x1f')
}

/// `str.strip()`.
///
/// ```
/// use bowline::value::python::strip;
/// assert_eq!(strip("\u{3000} x\x1f\n"), "x");
/// ```
pub fn strip(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// The value of a decimal digit of any script: `unicodedata.decimal()`.
pub fn decimal(c: char) -> Option<u32> {
    if c.is_ascii() {
        return c.to_digit(10);
    }
    let code = u32::from(c);
    let after = ZEROS.partition_point(|zero| *zero <= code);
    let zero = ZEROS.get(after.checked_sub(1)?)?;
    (code - zero < 10).then_some(code - zero)
}

/// The zeros of Unicode 14's decimal digits, each followed by its one to nine.
#[rustfmt::skip]
const ZEROS: [u32; 66] = [
    0x30, 0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xDE6, 0xE50, 0xED0,
    0xF20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620,
    0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10, 0x104A0, 0x10D30, 0x11066, 0x110F0, 0x11136, 0x111D0,
    0x112F0, 0x11450, 0x114D0, 0x11650, 0x116C0, 0x11730, 0x118E0, 0x11950, 0x11C50, 0x11D50, 0x11DA0, 0x16A60,
    0x16AC0, 0x16B50, 0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6, 0x1E140, 0x1E2F0, 0x1E950, 0x1FBF0,
];

/// `int(text)`: [`Value::Int`], or [`Value::BigInt`] where 64 bits do not hold it.
///
/// White space around, a sign, single underscores between digits and the decimal digits of every script are accepted.
/// `None` where `int()` raises, which it does beyond 4300 digits too.
///
/// ```
/// use bowline::value::{Value, python::parse_int};
/// assert_eq!(parse_int(" -1_000 "), Some(Value::Int(-1000)));
/// assert_eq!(parse_int("1.0"), None);
/// ```
pub fn parse_int(text: &str) -> Option<Value> {
    if let Ok(int) = text.parse() {
        return Some(Value::Int(int));
    }
    let text = ascii(text)?;
    let text = without_underscores(trim(&text))?;
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text.as_ref()),
    };
    if digits.is_empty() || digits.len() > MAX_INT_DIGITS || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(integer(negative, digits))
}

/// The integer of a sign and digits, at least one.
pub(super) fn integer(negative: bool, digits: &str) -> Value {
    let digits = digits.trim_start_matches('0');
    let text = match (negative, digits) {
        (_, "") => return Value::Int(0),
        (true, _) => format!("-{digits}"),
        (false, _) => digits.to_owned(),
    };
    text.parse().map_or(Value::BigInt(text), Value::Int)
}

/// `int(text, 16)` where the result fits 128 bits: what `uuid.UUID` does with 32 characters.
pub(crate) fn parse_hex(text: &str) -> Option<u128> {
    let text = ascii(text)?;
    let text = trim(&text);
    let (negative, text) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let digits = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(rest) => rest.strip_prefix('_').unwrap_or(rest),
        None => text,
    };
    let alone = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_hexdigit());
    if !digits.split('_').all(alone) {
        return None;
    }
    let value = u128::from_str_radix(&digits.replace('_', ""), 16).ok()?;
    (!negative || value == 0).then_some(value)
}

/// `float(text)`, which may be infinite or NaN.
///
/// ```
/// use bowline::value::python::parse_float;
/// assert_eq!(parse_float(" 1_0.5e1 "), Some(105.0));
/// assert_eq!(parse_float("-inf"), Some(f64::NEG_INFINITY));
/// assert_eq!(parse_float("0x1p3"), None);
/// ```
pub fn parse_float(text: &str) -> Option<f64> {
    if let Ok(float) = text.parse() {
        return Some(float);
    }
    let text = ascii(text)?;
    without_underscores(trim(&text))?.parse().ok()
}

/// `Decimal(text)`; `None` where that raises, and for infinities and NaN.
///
/// White space around, underscores anywhere and the decimal digits of every script are accepted.
///
/// ```
/// use bowline::value::python::parse_decimal;
/// assert_eq!(parse_decimal(" 1_0.50 ").unwrap().to_string(), "10.50");
/// assert_eq!(parse_decimal("NaN"), None);
/// ```
pub fn parse_decimal(text: &str) -> Option<Decimal> {
    if let Ok(decimal) = text.parse() {
        return Some(decimal);
    }
    ascii(strip(text))?.replace('_', "").parse().ok()
}

/// The text with digits of other scripts as ASCII digits and other white space as spaces; `None` where anything else is
/// not ASCII.
fn ascii(text: &str) -> Option<Cow<'_, str>> {
    if text.is_ascii() {
        return Some(Cow::Borrowed(text));
    }
    let one = |c: char| match c {
        c if c.is_ascii() => Some(c),
        c if is_space(c) => Some(' '),
        c => char::from_digit(decimal(c)?, 10),
    };
    text.chars().map(one).collect::<Option<String>>().map(Cow::Owned)
}

/// C's `isspace`, which `int()` and `float()` trim: narrower than `str.strip()`.
fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\n', '\x0b', '\x0c', '\r'])
}

/// The text without its underscores; `None` where one does not stand between two digits.
fn without_underscores(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('_') {
        return Some(Cow::Borrowed(text));
    }
    let bytes = text.as_bytes();
    let digit = |n: Option<usize>| n.and_then(|n| bytes.get(n)).is_some_and(u8::is_ascii_digit);
    let fits = |(n, b): (usize, &u8)| *b != b'_' || (digit(n.checked_sub(1)) && digit(n.checked_add(1)));
    bytes.iter().enumerate().all(fits).then(|| Cow::Owned(text.replace('_', "")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn floats_are_printed_as_python_prints_them() {
        for (float, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.5, "1.5"),
            (0.0001, "0.0001"),
            (0.00001234, "1.234e-05"),
            (1e-7, "1e-07"),
            (123456789.12345679, "123456789.12345679"),
            (9999999999999998.0, "9999999999999998.0"),
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
            (-5e-324, "-5e-324"),
            (f64::NAN, "nan"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(float_repr(float), text);
        }
    }

    #[test]
    fn times_are_printed_as_python_prints_them() {
        for (micros, text) in [
            (0, "0:00:00"),
            (60_000_000, "0:01:00"),
            (2 * 86_400_000_000, "2 days, 0:00:00"),
            (-1, "-1 day, 23:59:59.999999"),
            (-86_400_000_000, "-1 day, 0:00:00"),
            (-86_400_000_001, "-2 days, 23:59:59.999999"),
            (90_061_500_000, "1 day, 1:01:01.500000"),
        ] {
            assert_eq!(Value::Duration(TimeDelta::microseconds(micros)).to_python_str(), text);
        }
        let at = chrono::DateTime::parse_from_rfc3339("2024-01-02T03:04:05.5+02:00").unwrap();
        assert_eq!(Value::DateTime(at).to_python_str(), "2024-01-02 03:04:05.500000+02:00");
        assert_eq!(Value::DateTime(at.to_utc().fixed_offset()).to_python_str(), "2024-01-02 01:04:05.500000+00:00");
        assert_eq!(Value::Time(at.time()).to_python_str(), "03:04:05.500000");
        assert_eq!(Value::Bytes(b"a\n".to_vec()).to_python_str(), "b'a\\n'");
    }

    #[test]
    fn integers_are_read_as_python_reads_them() {
        for (text, int) in [
            ("0", 0),
            ("-0", 0),
            (" 12\n", 12),
            ("+4", 4),
            ("1_000", 1000),
            ("007", 7),
            ("\u{0663}", 3),
            ("\u{3000}\u{ff11}_\u{1fbf2}\u{a0}", 12),
            ("\u{0b}\u{0c}5", 5),
            ("-9223372036854775808", i64::MIN),
        ] {
            assert_eq!(parse_int(text), Some(Value::Int(int)), "{text:?}");
        }
        assert_eq!(parse_int(" -00010000000000000000000"), Some(Value::BigInt("-10000000000000000000".into())));
        for text in ["", " ", "-", "+-1", "- 1", "1__0", "_1", "1_", "1.0", "1e3", "0x10", "\x1c5", "\u{b2}", "1\u{0}1"]
        {
            assert_eq!(parse_int(text), None, "{text:?}");
        }
        assert!(parse_int(&"9".repeat(4300)).is_some());
        assert!(parse_int(&"9".repeat(4301)).is_none());
    }

    #[test]
    fn floats_are_read_as_python_reads_them() {
        for (text, float) in [
            (" 2.5 ", 2.5),
            ("1E-3", 0.001),
            (".5", 0.5),
            ("5.", 5.0),
            ("+3", 3.0),
            ("1_0", 10.0),
            ("1e1_0", 1e10),
            ("\u{ff11}.\u{ff15}", 1.5),
            ("1e309", f64::INFINITY),
            ("-Infinity", f64::NEG_INFINITY),
        ] {
            assert_eq!(parse_float(text), Some(float), "{text:?}");
        }
        assert!(parse_float("nAn").unwrap().is_nan());
        for text in ["", "  ", ".", "e5", "1e", "1,5", "0x1p3", "1_.5", "1._5", "_1", "true", "i_nf", "\x1f1"] {
            assert_eq!(parse_float(text), None, "{text:?}");
        }
    }

    #[test]
    fn hexadecimal_is_read_as_python_reads_it() {
        for (text, int) in [("ff", 255), (" 0XfF ", 255), ("+0x_f", 15), ("f_f", 255), ("-0", 0), ("\u{0661}a", 26)] {
            assert_eq!(parse_hex(text), Some(int), "{text:?}");
        }
        for text in ["", "g", "-1", "0x", "0x__1", "_1", "1_", "1__1", "+-1", "\u{e9}"] {
            assert_eq!(parse_hex(text), None, "{text:?}");
        }
    }

    #[test]
    fn text_is_quoted_as_repr_quotes_it() {
        for (text, shown) in [
            ("a", "'a'"),
            ("it's", "\"it's\""),
            ("'\"", "'\\'\"'"),
            ("\\\n\t\r\0\x7f", "'\\\\\\n\\t\\r\\x00\\x7f'"),
            ("é☃😀e\u{301}", "'é☃😀e\u{301}'"),
            ("\u{a0}\u{200b}\u{e000}\u{10ffff}", "'\\xa0\\u200b\\ue000\\U0010ffff'"),
        ] {
            assert_eq!(repr(&Value::Str(text.into())), shown);
        }
        let map = Value::Map([("k".to_owned(), Value::List(vec![Value::Float(1.0), Value::Bool(false)]))].into());
        assert_eq!(repr(&map), "{'k': [1.0, False]}");
    }

    #[test]
    fn white_space_is_pythons() {
        assert_eq!(strip("\x1c\x1d\x1e\x1f\u{85}\u{2028}\t x \u{a0}"), "x");
        assert_eq!(strip("\u{200b}\u{feff}"), "\u{200b}\u{feff}");
    }
}
