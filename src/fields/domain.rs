//! Host names as Django's `DomainNameValidator` reads them, for e-mail addresses and links.

/// Whether `[a-z]` matches the character where Python ignores case: four letters are taken for ASCII ones.
pub(super) fn is_letter(c: char) -> bool {
    c.is_ascii_alphabetic() || matches!(c, 'İ' | 'ı' | 'ſ' | 'K')
}

/// A letter of a host name; every character from U+00A1 to U+FFFF is one.
fn is_host_letter(c: char) -> bool {
    c.is_ascii_alphabetic() || matches!(c, '\u{a1}'..='\u{ffff}')
}

/// A name of two labels or more, the last of which is no number; with `trailing_dot` a dot may end it.
pub(super) fn is_domain(text: &str, trailing_dot: bool) -> bool {
    let text = if trailing_dot { text.strip_suffix('.').unwrap_or(text) } else { text };
    match text.rsplit_once('.') {
        Some((labels, top)) => labels.split('.').all(is_label) && is_top_level(top),
        None => false,
    }
}

fn is_label(label: &str) -> bool {
    let fits = |c: char| is_host_letter(c) || c.is_ascii_digit() || c == '-';
    has_edges(label) && label.chars().all(fits) && (1..=63).contains(&label.chars().count())
}

fn is_top_level(label: &str) -> bool {
    let letters = |c: char| is_host_letter(c) || c == '-';
    let punycode = || {
        let rest = label.get(..4).filter(|start| start.eq_ignore_ascii_case("xn--")).and_then(|_| label.get(4..));
        let fits = |c: char| is_letter(c) || c.is_ascii_digit();
        rest.is_some_and(|rest| rest.chars().all(fits) && (1..=59).contains(&rest.chars().count()))
    };
    has_edges(label) && ((label.chars().all(letters) && (2..=63).contains(&label.chars().count())) || punycode())
}

fn has_edges(label: &str) -> bool {
    let bytes = label.as_bytes();
    bytes.first() != Some(&b'-') && bytes.last() != Some(&b'-')
}
