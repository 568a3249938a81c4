//! Whether a key is one to sign with: Django's check `security.W009`.

use std::collections::BTreeSet;

use crate::error::{Error, Result};

/// The fewest characters of a `SECRET_KEY`, as in Django.
const CHARACTERS: usize = 50;
/// The fewest bytes of a key for HS256: RFC 7518, section 3.2.
const BYTES: usize = 32;
/// The fewest different ones, as in Django.
const DIFFERENT: usize = 5;
/// What keys begin with that `django-admin startproject` makes.
const INSECURE: &[u8] = b"django-insecure-";

/// Why a key is not to be signed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weakness {
    /// There is none: anybody can sign.
    Empty,
    /// Too few characters.
    Short,
    /// Too few different ones.
    Uniform,
    /// Made for development.
    Insecure,
}

/// What is wrong with a `SECRET_KEY`.
pub(crate) fn of_secret(key: &[u8]) -> Option<Weakness> {
    let characters = std::str::from_utf8(key).map_or(key.len(), |text| text.chars().count());
    of(key, characters < CHARACTERS)
}

/// What is wrong with a key of JSON web tokens, which may be any bytes.
pub(super) fn of_token(key: &[u8]) -> Option<Weakness> {
    of(key, key.len() < BYTES)
}

fn of(key: &[u8], is_short: bool) -> Option<Weakness> {
    if key.is_empty() {
        Some(Weakness::Empty)
    } else if is_short {
        Some(Weakness::Short)
    } else if key.iter().collect::<BTreeSet<_>>().len() < DIFFERENT {
        Some(Weakness::Uniform)
    } else {
        key.starts_with(INSECURE).then_some(Weakness::Insecure)
    }
}

/// Refuses to sign with an empty key.
///
/// # Errors
///
/// 500: the program's mistake, which the start finds where the key belongs to a way of authentication.
pub(super) fn must_not_be_empty(weakness: Option<Weakness>) -> Result<()> {
    match weakness {
        Some(Weakness::Empty) => Err(Error::internal("a key that signs is empty")),
        _ => Ok(()),
    }
}

/// Refuses a router with an empty key.
///
/// # Errors
///
/// A sentence that says what to change.
pub(super) fn check(whose: &str, weakness: Option<Weakness>) -> Result<(), String> {
    match weakness {
        Some(Weakness::Empty) => {
            Err(format!("The key of {whose} is empty, so that anybody can sign: give it 50 random characters."))
        }
        _ => Ok(()),
    }
}

/// What is said of a key that only a server for its own machine may have.
pub(super) fn sentence(whose: &str, weakness: Weakness) -> String {
    let reason = match weakness {
        Weakness::Empty => "is empty",
        Weakness::Short => "is too short",
        Weakness::Uniform => "has less than 5 different characters",
        Weakness::Insecure => "begins with `django-insecure-`",
    };
    format!("The key of {whose} {reason} and may be guessed, so that anybody may sign: give it 50 random characters.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_judged_as_by_django() {
        let fine = "0123456789012345678901234567890123456789012345678x";
        assert_eq!(of_secret(fine.as_bytes()), None);
        assert_eq!(of_secret(&fine.as_bytes()[1..]), Some(Weakness::Short));
        assert_eq!(of_secret(b""), Some(Weakness::Empty));
        assert_eq!(of_secret("abcd".repeat(20).as_bytes()), Some(Weakness::Uniform));
        assert_eq!(of_secret("abcde".repeat(20).as_bytes()), None);
        assert_eq!(of_secret(format!("django-insecure-{fine}").as_bytes()), Some(Weakness::Insecure));
        // 25 letters of two bytes each
        assert_eq!(of_secret("éàüöß".repeat(5).as_bytes()), Some(Weakness::Short));
    }

    #[test]
    fn keys_of_tokens_are_32_bytes() {
        assert_eq!(of_token(b"0123456789abcdef0123456789abcdef"), None);
        assert_eq!(of_token(b"0123456789abcdef0123456789abcde"), Some(Weakness::Short));
        assert_eq!(of_token(&[0; 64]), Some(Weakness::Uniform));
        assert_eq!(of_token(b""), Some(Weakness::Empty));
    }
}
