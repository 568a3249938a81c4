//! Host names as Django's `DomainNameValidator` reads them, for e-mail addresses and links.

/// Whether `[a-z]` matches the character where Python ignores case: four letters are taken for ASCII ones.
pub(super) fn is_letter(c: char) -> bool {
    c.is_ascii_alphabetic() || matches!(c, 'İ' | 'ı' | 'ſ' | 'K')
}

/// A letter of a host name; every character from U+00A1 to U+FFFF is one.
fn is_host_letter(c: char) -> bool {
    c.is_ascii_alphabetic() || matches!(c, '\u{a1}'..='\u{ffff}')
}

/// Where a name of ASCII letters, digits and hyphens ends that is a domain by any rule; none where more must be asked.
pub(super) fn plain_domain(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let label = |from: usize, to: usize| {
        let label = bytes.get(from..to)?;
        let fits =
            matches!(label, [first, .., last] if *first != b'-' && *last != b'-') || matches!(label, [b] if *b != b'-');
        (fits && label.len() <= 63).then_some(label.len())
    };
    let (mut start, mut letters) = (0, true);
    let mut end = bytes.len();
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'-' => letters = false,
            b'.' => {
                label(start, at)?;
                (start, letters) = (at + 1, true);
            }
            _ => {
                end = at;
                break;
            }
        }
    }
    (letters && start > 0 && label(start, end)? > 1).then_some(end)
}

/// A name of two labels or more, the last of which is no number; with `trailing_dot` a dot may end it.
pub(super) fn is_domain(text: &str, trailing_dot: bool) -> bool {
    plain_domain(text) == Some(text.len()) || is_any_domain(text, trailing_dot)
}

fn is_any_domain(text: &str, trailing_dot: bool) -> bool {
    let text = if trailing_dot { text.strip_suffix('.').unwrap_or(text) } else { text };
    let mut rest = text;
    while let Some(point) = rest.bytes().position(|b| b == b'.') {
        let (label, after) = rest.split_at(point);
        if !is_label(label) {
            return false;
        }
        rest = &after[1..];
    }
    rest.len() < text.len() && is_top_level(rest)
}

fn is_label(label: &str) -> bool {
    let fits = |c: char| is_host_letter(c) || c.is_ascii_digit() || c == '-';
    has_edges(label) && label.chars().all(fits) && has_length(label, 1, 63)
}

fn is_top_level(label: &str) -> bool {
    let letters = |c: char| is_host_letter(c) || c == '-';
    let punycode = || {
        let rest = label.get(..4).filter(|start| start.eq_ignore_ascii_case("xn--")).and_then(|_| label.get(4..));
        let fits = |c: char| is_letter(c) || c.is_ascii_digit();
        rest.is_some_and(|rest| rest.chars().all(fits) && has_length(rest, 1, 59))
    };
    has_edges(label) && ((label.chars().all(letters) && has_length(label, 2, 63)) || punycode())
}

fn has_edges(label: &str) -> bool {
    let bytes = label.as_bytes();
    bytes.first() != Some(&b'-') && bytes.last() != Some(&b'-')
}

/// Whether it has so many characters; most text is ASCII and need not be counted.
fn has_length(text: &str, least: usize, most: usize) -> bool {
    let length = if text.is_ascii() { text.len() } else { text.chars().count() };
    (least..=most).contains(&length)
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn a_plain_domain_is_one(text in "[aZ5.-]{0,6}(a{62,63})?[aZ5.-]{0,6}/?", trailing_dot: bool) {
            if let Some(end) = plain_domain(&text) {
                proptest::prop_assert!(is_any_domain(&text[..end], trailing_dot));
            }
            let usual = text.split('.').all(|label| label.len() == 2 && label.bytes().all(|b| b.is_ascii_alphabetic()));
            proptest::prop_assert!(!usual || !text.contains('.') || plain_domain(&text) == Some(text.len()));
        }
    }
}
