//! The Authorization header, as DRF takes it apart.

use http::header;

use crate::context::Context;

/// What the Authorization header holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Credentials<'a> {
    /// Nothing, or what another keyword names.
    Others,
    /// The keyword alone.
    None,
    /// More than one word behind it.
    Several,
    /// One word.
    One(&'a [u8]),
}

/// The credentials behind a keyword, in whatever case it is.
pub(super) fn credentials<'a>(request: &'a Context, keyword: &str) -> Credentials<'a> {
    let value = request.headers().and_then(|headers| headers.get(header::AUTHORIZATION));
    let value = value.map(|value| value.as_bytes()).unwrap_or_default();
    // what Python takes for white space in bytes
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c);
    let mut words = value.split(is_space).filter(|word| !word.is_empty());
    if !words.next().is_some_and(|word| word.eq_ignore_ascii_case(keyword.as_bytes())) {
        return Credentials::Others;
    }
    match (words.next(), words.next()) {
        (None, _) => Credentials::None,
        (Some(word), None) => Credentials::One(word),
        (Some(_), Some(_)) => Credentials::Several,
    }
}
