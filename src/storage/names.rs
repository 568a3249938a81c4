//! Names of files, as Django makes them.

use std::sync::LazyLock;

use regex::Regex;
use uuid::Uuid;

use super::{Storage, StorageError};
use crate::value::python;

/// The characters of a random suffix.
const ALPHABET: &[u8; 62] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
/// How many names are tried before a name counts as taken for good.
const ATTEMPTS: usize = 100;

/// The name with spaces as underscores, and without what is neither letter, digit, `-`, `_` nor `.`: Django's
/// `get_valid_filename`.
///
/// # Errors
///
/// [`StorageError::Name`] where nothing is left.
///
/// ```
/// use bowline::storage::valid_name;
/// assert_eq!(valid_name(" john's portrait in 2004.jpg").unwrap(), "johns_portrait_in_2004.jpg");
/// assert_eq!(valid_name("***").unwrap_err().to_string(), "Could not derive file name from '***'");
/// ```
pub fn valid_name(name: &str) -> Result<String, StorageError> {
    static OTHERS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"[^\-\p{L}\p{N}_.]").ok());
    let spaced = python::strip(name).replace(' ', "_");
    let valid = OTHERS.as_ref().map_or_else(|| spaced.as_str().into(), |others| others.replace_all(&spaced, ""));
    match valid.as_ref() {
        "" | "." | ".." => Err(no_name(name)),
        _ => Ok(valid.into_owned()),
    }
}

/// A name that is free in a storage and not longer than `max_length` characters: this one, or its root with a random suffix,
/// cut as far as need be (Django's `get_available_name`).
///
/// # Errors
///
/// [`StorageError::Name`] where the extension alone is too long, or the name is none; those of [`Storage::exists`].
pub async fn available_name(
    storage: &dyn Storage,
    name: &str,
    max_length: Option<usize>,
) -> Result<String, StorageError> {
    let name = name.replace('\\', "/");
    let (folder, file) = name
        .rsplit_once('/')
        .map_or(("", name.as_str()), |(_, file)| (name.strip_suffix(file).unwrap_or_default(), file));
    check(&name)?;
    let extension = suffixes(file);
    let mut root = file.strip_suffix(extension).unwrap_or(file).to_owned();
    let mut candidate = name.clone();
    for _ in 0..ATTEMPTS {
        let excess = |name: &str| max_length.map_or(0, |max| name.chars().count().saturating_sub(max));
        if excess(&candidate) == 0 && !storage.exists(&candidate).await? {
            return Ok(candidate);
        }
        candidate = format!("{folder}{root}_{}{extension}", random_suffix());
        let excess = excess(&candidate);
        if excess > 0 {
            let kept = root.chars().count().saturating_sub(excess);
            root = root.chars().take(kept).collect();
            if root.is_empty() {
                return Err(StorageError::Name(format!(
                    "Storage can not find an available filename for \"{candidate}\". Please make sure that the \
                     corresponding file field allows sufficient \"max_length\"."
                )));
            }
            candidate = format!("{folder}{root}_{}{extension}", random_suffix());
        }
    }
    Err(StorageError::failed(format!("no free name like {name} was found")))
}

/// A path as it stands in a URL: Django's `filepath_to_uri`.
///
/// ```
/// assert_eq!(bowline::storage::quoted("maps/map ü.pdf"), "maps/map%20%C3%BC.pdf");
/// ```
pub fn quoted(path: &str) -> String {
    use std::fmt::Write;
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'\\' => out.push('/'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => out.push(char::from(byte)),
            b'_' | b'.' | b'-' | b'~' | b'/' | b'!' | b'*' | b'(' | b')' | b'\'' => out.push(char::from(byte)),
            other => {
                // writing to a String cannot fail
                let _ = write!(out, "%{other:02X}");
            }
        }
    }
    out
}

/// The name for a new file: its folder as it is, the last part made valid (Django's `generate_filename`).
pub(super) fn generated(path: &str) -> Result<String, StorageError> {
    let path = path.replace('\\', "/");
    check(&path)?;
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", &path));
    let file = valid_name(file)?;
    let folders = folder.split('/').filter(|part| !matches!(*part, "" | "."));
    Ok(folders.chain([file.as_str()]).collect::<Vec<_>>().join("/"))
}

/// Refuses what is no relative path of a file, or leads out of its folder.
pub(super) fn check(name: &str) -> Result<(), StorageError> {
    let file = name.rsplit('/').next().unwrap_or_default();
    if matches!(file, "" | "." | "..") {
        return Err(no_name(name));
    }
    if name.starts_with('/') || name.split(['/', '\\']).any(|part| part == "..") {
        return Err(StorageError::Name(format!("Detected path traversal attempt in '{name}'")));
    }
    Ok(())
}

fn no_name(name: &str) -> StorageError {
    StorageError::Name(format!("Could not derive file name from '{name}'"))
}

/// All extensions of a file name: `.tar.gz`.
fn suffixes(file: &str) -> &str {
    if file.ends_with('.') {
        return "";
    }
    let visible = file.trim_start_matches('.');
    visible.find('.').and_then(|dot| visible.get(dot..)).unwrap_or("")
}

/// Seven random characters.
fn random_suffix() -> String {
    let mut number = Uuid::new_v4().as_u128();
    let mut suffix = String::with_capacity(7);
    for _ in 0..7 {
        let letter = usize::try_from(number % 62).unwrap_or_default();
        suffix.push(char::from(*ALPHABET.get(letter).unwrap_or(&b'a')));
        number /= 62;
    }
    suffix
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// The expectations are Django's.
    #[test]
    fn valid_names() {
        for (name, valid) in [
            ("a b.txt", "a_b.txt"),
            ("  ünïcode-名前_1.txt ", "ünïcode-名前_1.txt"),
            ("a/b:c*d?.txt", "abcd.txt"),
            ("x\u{300}\u{24b6}².txt", "x².txt"),
            ("...", "..."),
        ] {
            assert_eq!(valid_name(name).unwrap(), valid, "{name}");
        }
        for name in ["", " ", ".", "..", "*", "?.?."] {
            assert!(matches!(valid_name(name), Err(StorageError::Name(_))), "{name}");
        }
    }

    #[test]
    fn paths() {
        assert_eq!(generated("a//./b/c d.txt").unwrap(), "a/b/c_d.txt");
        assert_eq!(generated("c.txt").unwrap(), "c.txt");
        assert_eq!(generated("a\\b.txt").unwrap(), "a/b.txt");
        for path in ["/a/b", "a/../b", "..\\b", "a/..", "a/", "", "a/?"] {
            assert!(generated(path).is_err(), "{path}");
        }
    }

    #[test]
    fn extensions() {
        for (file, extension) in
            [("a.tar.gz", ".tar.gz"), ("a", ""), (".hidden", ""), (".hidden.txt", ".txt"), ("a.", ""), ("a..b", "..b")]
        {
            assert_eq!(suffixes(file), extension, "{file}");
        }
    }

    #[test]
    fn addresses() {
        assert_eq!(quoted("a/b c?#%&=+é'()*!~\\x"), "a/b%20c%3F%23%25%26%3D%2B%C3%A9'()*!~/x");
    }

    #[test]
    fn suffixes_are_random() {
        let one = random_suffix();
        assert!(one.len() == 7 && one.bytes().all(|b| b.is_ascii_alphanumeric()));
        assert_ne!(one, random_suffix());
    }
}
