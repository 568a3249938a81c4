//! File names of multipart bodies, as Django makes them harmless.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use crate::value::python::is_printable;

/// The name without folders, of either system, and without characters that cannot be seen; none where nothing is left.
///
/// Browsers write a character that the form's charset does not have as HTML does: `&#26085;`.
pub(super) fn sanitized(name: &str) -> Option<String> {
    let name = unescape(name);
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = name.chars().filter(|c| matches!(c, ' '..='~') || is_printable(*c)).collect();
    (!matches!(name.as_str(), "" | "." | "..")).then_some(name)
}

/// `html.unescape`; control characters that it would drop may stay, they cannot be seen.
fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        let (before, reference) = rest.split_at(at);
        out.push_str(before);
        match numeric(reference).or_else(|| named(reference)) {
            Some((meaning, length)) => {
                out.push_str(&meaning);
                rest = reference.get(length..).unwrap_or_default();
            }
            None => {
                out.push('&');
                rest = reference.get(1..).unwrap_or_default();
            }
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// `&#38;` and `&#x26;`: the character, and how long the reference is.
fn numeric(reference: &str) -> Option<(Cow<'static, str>, usize)> {
    let body = reference.strip_prefix("&#")?;
    let (digits, radix) = match body.strip_prefix(['x', 'X']) {
        Some(digits) => (digits, 16),
        None => (body, 10),
    };
    let end = digits.find(|c: char| !c.is_digit(radix)).unwrap_or(digits.len());
    let (number, after) = digits.split_at(end);
    if number.is_empty() {
        return None;
    }
    let c = match u32::from_str_radix(number, radix) {
        Ok(0) => '\u{fffd}',
        // the number of a byte of Windows' charset is meant for that
        Ok(code @ 0x80..=0x9f) => u8::try_from(code).map_or('\u{fffd}', windows),
        Ok(code) => char::from_u32(code).unwrap_or('\u{fffd}'),
        Err(_) => '\u{fffd}',
    };
    let length = reference.len() - after.len() + usize::from(after.starts_with(';'));
    Some((Cow::Owned(c.to_string()), length))
}

fn windows(byte: u8) -> char {
    let bytes = [byte];
    let (text, _) = encoding_rs::WINDOWS_1252.decode_without_bom_handling(&bytes);
    text.chars().next().unwrap_or('\u{fffd}')
}

/// `&auml;`, and `&auml` where that is known without its end: the longest name that is known.
fn named(reference: &str) -> Option<(Cow<'static, str>, usize)> {
    static NAMES: LazyLock<HashMap<&str, &str>> =
        LazyLock::new(|| entities::ENTITIES.iter().map(|e| (e.entity, e.characters)).collect());
    let ends = |c: char| matches!(c, '\t' | '\n' | '\x0c' | ' ' | '<' | '&' | '#' | ';');
    let body = reference.get(1..)?;
    let mut length = body.char_indices().take(32).find(|(_, c)| ends(*c)).map(|(at, _)| at);
    if length.is_none() {
        length = Some(body.char_indices().nth(32).map_or(body.len(), |(at, _)| at));
    }
    let length = length? + 1;
    let whole = length + usize::from(reference.get(length..).is_some_and(|after| after.starts_with(';')));
    (3..=whole).rev().find_map(|n| Some((Cow::Borrowed(*NAMES.get(reference.get(..n)?)?), n)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The expectations are Django's.
    #[test]
    fn names() {
        for (name, expected) in [
            ("a.txt", Some("a.txt")),
            ("../../etc/passwd", Some("passwd")),
            ("C:\\dir\\a.txt", Some("a.txt")),
            ("C:a.txt", Some("C:a.txt")),
            ("a&#47;b.txt", Some("b.txt")),
            ("a&sol;b.txt", Some("b.txt")),
            ("&#26085;&#x672c;.txt", Some("日本.txt")),
            ("&auml;&auml&AMP;&ampx.txt", Some("ää&&x.txt")),
            ("&notit;&nosuch;&;&", Some("¬it;&nosuch;&;&")),
            ("&#128;&#0;&#55296;&#x110000;&#99999999999999999999;", Some("€\u{fffd}\u{fffd}\u{fffd}\u{fffd}")),
            ("&#;&#x;&#xg", Some("&#;&#x;&#xg")),
            ("a\tb\u{200b}\u{a0}\u{ad}c é☃😀", Some("abc é☃😀")),
            ("\u{300}x", Some("\u{300}x")),
            ("", None),
            (".", None),
            ("a/..", None),
            ("dir/", None),
            ("\u{200b}", None),
            ("&#1;", None),
        ] {
            assert_eq!(sanitized(name).as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn a_long_reference() {
        assert_eq!(sanitized(&format!("&{}", "x".repeat(100))).map(|name| name.len()), Some(101));
        assert_eq!(sanitized(&format!("&{}", "é".repeat(100))).map(|name| name.len()), Some(201));
    }
}
