//! Which view a path means, as DRF's URL patterns have it.

use std::borrow::Cow;
use std::sync::Arc;

use crate::views::View;

/// The views by their prefixes.
#[derive(Debug)]
pub(super) struct Resolver {
    views: Vec<(String, Arc<View>)>,
}

/// What a path means.
#[derive(Debug)]
pub(super) enum Target<'a> {
    Root,
    List(&'a Arc<View>),
    Detail(&'a Arc<View>, &'a str),
}

impl Resolver {
    pub(super) fn new(views: Vec<(String, Arc<View>)>) -> Self {
        Resolver { views }
    }

    /// The prefixes in the order of their registration.
    pub(super) fn prefixes(&self) -> impl Iterator<Item = &str> {
        self.views.iter().map(|(prefix, _)| prefix.as_str())
    }

    /// The view and the format suffix of a path; none where no pattern matches.
    pub(super) fn resolve<'a>(&'a self, path: &'a str) -> Option<(Target<'a>, Option<&'a str>)> {
        let path = path.strip_prefix('/')?;
        if path.is_empty() {
            return Some((Target::Root, None));
        }
        if let Some(format) = suffix(path) {
            return Some((Target::Root, Some(format)));
        }
        self.views.iter().find_map(|(prefix, view)| {
            let rest = path.strip_prefix(prefix.as_str())?;
            if rest == "/" {
                return Some((Target::List(view), None));
            }
            if let Some(format) = suffix(rest) {
                return Some((Target::List(view), Some(format)));
            }
            let rest = rest.strip_prefix('/')?;
            let end = rest.find(['/', '.']).filter(|end| *end > 0)?;
            let (key, rest) = rest.split_at(end);
            if rest == "/" {
                return Some((Target::Detail(view, key), None));
            }
            suffix(rest).map(|format| (Target::Detail(view, key), Some(format)))
        })
    }
}

/// `.json` or `.json/`: DRF's format suffix.
fn suffix(text: &str) -> Option<&str> {
    let format = text.strip_prefix('.')?;
    let format = format.strip_suffix('/').unwrap_or(format);
    let valid = !format.is_empty() && format.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    valid.then_some(format)
}

/// A path with its escapes undone, as patterns see it.
pub(super) fn unescaped(path: &str) -> Cow<'_, str> {
    if !path.contains('%') {
        return Cow::Borrowed(path);
    }
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|_| byte == b'%');
        let value = hex.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match value {
            Some(value) => {
                out.push(value);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                out.push(byte);
                rest = after;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes() {
        assert_eq!(suffix(".json"), Some("json"));
        assert_eq!(suffix(".json/"), Some("json"));
        assert_eq!(suffix(".JSON"), None);
        assert_eq!(suffix("."), None);
        assert_eq!(suffix("json"), None);
    }

    #[test]
    fn escapes() {
        assert_eq!(unescaped("/a%20b/%zz%4"), "/a b/%zz%4");
        assert_eq!(unescaped("/%ff/"), "/\u{fffd}/");
    }
}
