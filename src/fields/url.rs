//! Links.

use std::net::Ipv6Addr;

use super::domain::{is_domain, plain_domain};
use super::text::text_field;
use super::{CharField, FieldContext, ip};
use crate::error::ErrorDetail;
use crate::value::python::is_space;

/// The most characters of a link, Django's `MAX_URL_LENGTH`.
const MAX_LENGTH: usize = 2048;

/// A link with `http`, `https`, `ftp` or `ftps`, as Django's `URLValidator` reads one.
///
/// | code | message |
/// |---|---|
/// | `invalid` | `Enter a valid URL.` |
/// | the others | as [`CharField`] |
///
/// The host is a name with a dot in letters of any script, `localhost`, an IPv4 address or an IPv6 address in brackets. At
/// most 2048 characters.
///
/// ```
/// use bowline::fields::{Field, URLField};
/// let field = Field::new("homepage", URLField::new());
/// assert!(field.clean(&"https://example.org/path?q=1#frag".into()).is_ok());
/// assert!(field.clean(&"javascript:alert(1)".into()).is_err());
/// ```
#[derive(Clone, Debug, Default)]
pub struct URLField {
    text: CharField,
}

const INVALID: &str = "Enter a valid URL.";

impl URLField {
    /// A link of up to 2048 characters.
    pub fn new() -> Self {
        URLField::default()
    }

    fn refusal(&self, text: &str, cx: &FieldContext<'_>) -> Option<ErrorDetail> {
        (!is_url(text)).then(|| cx.text_detail("invalid", INVALID, text))
    }
}

text_field!(URLField, "url", INVALID);

fn is_url(text: &str) -> bool {
    is_plain(text) || is_any_url(text)
}

fn is_any_url(text: &str) -> bool {
    if (text.len() > MAX_LENGTH && text.chars().count() > MAX_LENGTH)
        || text.bytes().any(|b| matches!(b, b'\t' | b'\r' | b'\n'))
    {
        return false;
    }
    let (scheme, rest) = cut(text, b":");
    let Some(rest) = rest.strip_prefix("://") else { return false };
    if !["http", "https", "ftp", "ftps"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return false;
    }
    // where Python's urlsplit sees the host is not always where the pattern sees it; both must be content
    let (place, _) = cut(rest, b"/?#");
    is_place(place) && (has_host(rest) || after_user(rest).is_some_and(has_host))
}

/// Whether it is a link of the usual kind, in ASCII: not everything that is one.
fn is_plain(text: &str) -> bool {
    let rest = text.strip_prefix("http").map(|rest| rest.strip_prefix('s').unwrap_or(rest));
    let Some(rest) = rest.and_then(|rest| rest.strip_prefix("://")) else { return false };
    let Some(end) = plain_domain(rest).filter(|end| *end <= 253 && text.len() <= MAX_LENGTH) else { return false };
    let path = rest.as_bytes().get(end..).unwrap_or_default();
    matches!(path.first(), None | Some(b'/' | b'?' | b'#')) && path.iter().all(u8::is_ascii_graphic)
}

/// The text up to one of the characters, and what is left from there.
fn cut<'a>(text: &'a str, at: &[u8]) -> (&'a str, &'a str) {
    // by bytes: they are all ASCII, and the text is short
    text.split_at(text.bytes().position(|b| at.contains(&b)).unwrap_or(text.len()))
}

/// What follows `user:password@`.
fn after_user(text: &str) -> Option<&str> {
    let ends = |c: char| is_space(c) || ":@/".contains(c);
    let (user, rest) = text.split_at(text.find(ends)?);
    let rest = match rest.strip_prefix(':') {
        Some(password) => password.split_at(password.find(ends)?).1,
        None => rest,
    };
    rest.strip_prefix('@').filter(|_| !user.is_empty())
}

/// A host, perhaps a port, and perhaps a path, query or fragment without spaces.
fn has_host(text: &str) -> bool {
    let (host, rest) = match text.strip_prefix('[') {
        Some(inside) => {
            let Some((address, rest)) = inside.split_once(']') else { return false };
            let fits = |c: char| c.is_ascii_hexdigit() || c == ':' || c == '.';
            if address.is_empty() || !address.chars().all(fits) {
                return false;
            }
            (None, rest)
        }
        None => {
            let (host, rest) = cut(text, b":/?#");
            (Some(host), rest)
        }
    };
    let rest = match rest.strip_prefix(':') {
        Some(port) => {
            let (port, rest) = cut(port, b"/?#");
            if !(1..=5).contains(&port.len()) || !port.bytes().all(|b| b.is_ascii_digit()) {
                return false;
            }
            rest
        }
        None => rest,
    };
    let path_fits = rest.is_empty() || (rest.starts_with(['/', '?', '#']) && !rest.contains(is_space));
    path_fits && host.is_none_or(|host| is_domain(host, true) || is_localhost(host) || is_dotted(host))
}

fn is_localhost(host: &str) -> bool {
    host.replace('ſ', "s").eq_ignore_ascii_case("localhost")
}

/// Four numbers up to 255, without zeros in front.
fn is_dotted(host: &str) -> bool {
    ip::is_ipv4(host)
}

/// Characters that Unicode's compatibility forms make one of `/?#@:` of: Python refuses them in a host.
const DISGUISED: [char; 19] = [
    '\u{2047}', '\u{2048}', '\u{2049}', '\u{2100}', '\u{2101}', '\u{2105}', '\u{2106}', '\u{2a74}', '\u{fe13}',
    '\u{fe16}', '\u{fe55}', '\u{fe56}', '\u{fe5f}', '\u{fe6b}', '\u{ff03}', '\u{ff0f}', '\u{ff1a}', '\u{ff1f}',
    '\u{ff20}',
];

/// What `urlsplit` and Django demand of the part between `//` and the path.
fn is_place(place: &str) -> bool {
    let has_brackets = place.bytes().any(|b| b == b'[');
    if (!place.is_ascii() && place.contains(DISGUISED)) || has_brackets != place.bytes().any(|b| b == b']') {
        return false;
    }
    if has_brackets && let Some((before, inside)) = place.split_once('[') {
        let (address, _) = cut(inside, b"]");
        // Python looks at any bracket, Django at a bracket that begins the place, and at its length
        let fits = if before.is_empty() { ip::is_ipv6(address) } else { is_bracketed(address) };
        if !fits {
            return false;
        }
    }
    let host = place.bytes().rposition(|b| b == b'@').map_or(place, |at| &place[at + 1..]);
    let name = match host.split_once('[').filter(|_| has_brackets) {
        Some((_, inside)) => cut(inside, b"]").0,
        None => cut(host, b":").0,
    };
    let length = if name.is_ascii() { name.len() } else { name.to_lowercase().chars().count() };
    (1..=253).contains(&length)
}

/// Python's `_check_bracketed_host`.
fn is_bracketed(name: &str) -> bool {
    ip::without_zone(name).is_some_and(|address| address.parse::<Ipv6Addr>().is_ok())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::super::testing::{error, set};
    use super::*;

    #[test]
    fn links() {
        let label = "a".repeat(63);
        let long = format!("http://{0}.{0}.{0}.{1}", label, "b".repeat(61));
        for text in [
            "http://example.org",
            "https://example.org/path?q=1#frag",
            "ftps://files.example.org/a",
            "HTTP://EXAMPLE.ORG/",
            "http://localhost:8000/x",
            "http://LOCALHOST",
            "http://192.0.2.1/",
            "http://[2001:db8::1]:80/",
            "http://[::ffff:1.2.3.4]",
            "http://user:pass@example.org:81/",
            "http://user@example.org?x",
            "http://é.org/ü",
            "http://例え.テスト",
            "http://xn--e1afmkfd.org.",
            "http://example.org:99999/",
            "http://example.org#",
            "http://1.2.3.com",
            "http://a.org?b@c",
            &long,
        ] {
            assert!(is_url(text) && is_any_url(text), "{text}");
        }
        for text in [
            "example.org",
            "http://",
            "http://a b.org",
            "mailto:a@b.org",
            "javascript:alert(1)",
            "http://-bad.org",
            "http://example..org",
            "http://example",
            "http://256.1.1.1/",
            "http://01.1.1.1/",
            "http://1.1.1/",
            "sftp://a.org",
            "//example.org",
            "http:///x",
            "http://?",
            "http://a.b-",
            "http://[::1",
            "http://[::1]x",
            "http://[::g]",
            "http://[1.2.3.4]",
            "http://example.org/a b",
            "http://example.org\n",
            "http://example.org:port/",
            "http://example.org:123456/",
            "http://a@b@example.org",
            "http://a:b:c@example.org",
            "http://?x@y.zz",
            "http://a.org/\u{1c}",
            "http://a\u{2100}.org",
            "http://😀.org",
            " http://a.org",
            "http://a.1",
            "http://:@example.org",
            "http://[::1]@example.org",
            &format!("http://{label}a.org"),
            &long.replace("bb", "bbb."),
            &format!("{long}.c.dd"),
        ] {
            assert!(!is_url(text), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_plain_link_is_one(text in "(http|https|ftp|HTTP)(://|:/)[a5.-]{1,5}(\\.aa)?([@:/?#][ -~\t\u{7f}é]{0,4})?") {
            proptest::prop_assert!(!is_plain(&text) || is_any_url(&text), "{text}");
        }
    }

    #[test]
    fn plain_links() {
        let host = format!("http://{0}.{0}.{0}.{1}", "a".repeat(63), "b".repeat(61));
        assert!(is_plain("http://a.org") && is_plain("https://www.a5.org/x[?]@#") && is_plain(&host));
        for other in
            ["http://a.org:80", "http://u@a.org", "http://a", "HTTP://a.org", "http://a.org/ ", &format!("{host}b")]
        {
            assert!(!is_plain(other), "{other}");
        }
    }

    #[test]
    fn lengths() {
        let link = |length: usize| format!("\"http://a.org/{}\"", "x".repeat(length - 13));
        set(&URLField::new(), &link(2048));
        assert_eq!(error(&URLField::new(), &link(2049)), ["invalid: Enter a valid URL."]);
        let max = "max_length: Ensure this field has no more than 24 characters.";
        assert_eq!(error(&URLField::new().max_length(24), &link(25)), [max]);
    }
}
