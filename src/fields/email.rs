//! E-mail addresses.

use super::domain::{is_domain, is_letter};
use super::text::text_field;
use super::{CharField, FieldContext, ip};
use crate::error::ErrorDetail;

/// An e-mail address, as Django's `EmailValidator` reads one.
///
/// | code | message |
/// |---|---|
/// | `invalid` | `Enter a valid email address.` |
/// | the others | as [`CharField`] |
///
/// Before the `@`: letters, digits and ``!#$%&'*+/=?^_`{}|~-``, with single dots between, or a quoted string. After it: a
/// host name with a dot, `localhost`, or an address in brackets. At most 320 characters.
///
/// ```
/// use bowline::fields::{EmailField, Field};
/// let field = Field::new("email", EmailField::new());
/// assert_eq!(field.clean(&" a@b.org ".into()), Ok("a@b.org".into()));
/// assert!(field.clean(&"a@b".into()).is_err());
/// ```
#[derive(Clone, Debug, Default)]
pub struct EmailField {
    text: CharField,
}

impl EmailField {
    /// An address of any length up to 320.
    pub fn new() -> Self {
        EmailField::default()
    }

    fn refusal(&self, text: &str, cx: &FieldContext<'_>) -> Option<ErrorDetail> {
        (!is_email(text)).then(|| cx.text_detail("invalid", INVALID, text))
    }
}

const INVALID: &str = "Enter a valid email address.";

text_field!(EmailField, "email", INVALID);

fn is_email(text: &str) -> bool {
    if text.len() > 320 && text.chars().count() > 320 {
        return false;
    }
    // by bytes: the text is short
    let Some(at) = text.bytes().rposition(|b| b == b'@') else { return false };
    let (user, domain) = (&text[..at], &text[at + 1..]);
    (is_dot_atom(user) || is_quoted(user)) && (domain == "localhost" || is_domain(domain, false) || is_literal(domain))
}

fn is_dot_atom(user: &str) -> bool {
    let fits = |c: char| {
        is_letter(c)
            || c.is_ascii_digit()
            || matches!(c, '-' | '!' | '#'..='\'' | '*' | '+' | '/' | '=' | '?' | '^'..='`' | '{'..='~')
    };
    let mut before = '.';
    let fits = |c: char| {
        let single = c != '.' || before != '.';
        before = c;
        single && (c == '.' || fits(c))
    };
    user.chars().all(fits) && !user.is_empty() && !user.ends_with('.')
}

/// `"…"`, in which a backslash may stand before a character.
fn is_quoted(user: &str) -> bool {
    let Some(inside) = user.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else { return false };
    let plain = |c: char| {
        let ascii = matches!(c, '\x01'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '!' | '#'..='[' | ']'..='\x7f');
        ascii || is_letter(c)
    };
    let escaped = |c: char| matches!(c, '\x01'..='\x09' | '\x0b' | '\x0c' | '\x0e'..='\x7f') || is_letter(c);
    let mut chars = inside.chars();
    while let Some(c) = chars.next() {
        let fits = if c == '\\' { chars.next().is_some_and(escaped) } else { plain(c) };
        if !fits {
            return false;
        }
    }
    true
}

/// `[127.0.0.1]`, `[::1]`.
fn is_literal(domain: &str) -> bool {
    let inside = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let fits = |c: char| c.is_ascii_hexdigit() || c == ':' || c == '.';
    inside.is_some_and(|inside| inside.chars().all(fits) && (ip::is_ipv4(inside) || ip::is_ipv6(inside)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::super::testing::{details, error, set};
    use super::*;
    use crate::fields::Field;

    #[test]
    fn addresses() {
        let label = "a".repeat(63);
        for text in [
            "a@b.org",
            "A.B+c@Example.ORG",
            "a@localhost",
            "!#$%&'*+-/=?^_`{}|~@x.yz",
            r#""quoted"@b.org"#,
            r#""a\ b@c"@b.org"#,
            r#"""@b.org"#,
            "a@[127.0.0.1]",
            "a@[::1]",
            "a@é.org",
            "a@x.日本",
            "a@x.xn--p1ai",
            "a@x.XN--0",
            "ıſKİ@b.org",
            &format!("a@{label}.org"),
            "a@1.2.org",
        ] {
            assert!(is_email(text), "{text}");
        }
        let long = format!("{}@b.org", "a".repeat(315));
        assert!(is_email(&long[1..]));
        for text in [
            "no-at",
            "a@b",
            "@b.org",
            "a@",
            "a b@c.org",
            "a@-b.org",
            "a@b-.org",
            "a@b..org",
            ".a@b.org",
            "a.@b.org",
            "a@b.org.",
            "a@b.o",
            "a@b.1",
            "a@b.o1",
            "a@b.xn--",
            "é@b.org",
            "a@LOCALHOST",
            "a@[1.2.3]",
            "a@[]",
            "a@[::g]",
            r#""a b"@b.org"#,
            r#""a"b"@b.org"#,
            r#""a\"@b.org"#,
            "a@😀.org",
            "a@b.org\n",
            &long,
            &format!("a@{label}a.org"),
        ] {
            assert!(!is_email(text), "{text}");
        }
    }

    #[test]
    fn messages() {
        let field = EmailField::new().max_length(16).allow_blank(true);
        assert_eq!(set(&field, r#""  ""#), "".into());
        let max = "max_length: Ensure this field has no more than 16 characters.";
        assert_eq!(error(&field, r#""bad but much too long""#), [max, "invalid: Enter a valid email address."]);
        assert_eq!(error(&field, "5"), ["invalid: Enter a valid email address."]);
        let own = Field::new("email", field).error_message("invalid", "100%% wrong: %(value)s");
        assert_eq!(details(own.clean(&"x".into()).unwrap_err()), ["invalid: 100% wrong: x"]);
    }
}
