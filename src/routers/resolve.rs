//! Which view a path means, as DRF's URL patterns have it.

use std::borrow::Cow;
use std::sync::Arc;

use http::Method;

use super::pattern::{Kwargs, PathPattern};
use crate::settings::Settings;
use crate::views::policy::Policy;
use crate::views::{Endpoint, View};

/// The views by their prefixes, and the paths of one's own.
#[derive(Debug)]
pub(super) struct Resolver {
    roots: Vec<Root>,
    views: Vec<(String, Mounted)>,
    paths: Vec<(PathPattern, Endpoint)>,
}

/// The API root of a router.
#[derive(Clone, Debug)]
pub(super) struct Root {
    /// The path below which the router is: nothing, or one that ends with a slash.
    pub(super) at: String,
    /// The prefixes of its view sets, below that.
    pub(super) prefixes: Vec<String>,
}

impl Root {
    /// Whether a whole prefix is one of its.
    pub(super) fn has(&self, prefix: &str) -> bool {
        prefix.strip_prefix(self.at.as_str()).is_some_and(|own| self.prefixes.iter().any(|p| p == own))
    }
}

/// A view set with what comes before and after its handlers.
#[derive(Debug)]
pub(super) struct Mounted {
    pub(super) view: Arc<View>,
    pub(super) list: Policy,
    pub(super) detail: Policy,
}

impl Mounted {
    pub(super) fn new(view: View, settings: &Settings) -> Self {
        let name = view.resource.model().name.clone();
        let policy = |is_detail: bool, suffix: &str| {
            let methods = view.allowed(is_detail).into_iter().filter_map(|name| name.parse::<Method>().ok());
            let mut policy = Policy::new(format!("{name}ViewSet"), settings).allowing(methods);
            policy.name = format!("{name} {suffix}");
            policy
        };
        Mounted { list: policy(false, "List"), detail: policy(true, "Instance"), view: Arc::new(view) }
    }
}

/// What a path means.
#[derive(Debug)]
pub(super) enum Target<'a> {
    Root(&'a Root),
    List(&'a Mounted),
    Detail(&'a Mounted, &'a str),
    /// A path of one's own, with its values.
    Path(&'a Endpoint, Kwargs),
}

impl Resolver {
    pub(super) fn new(
        root: Root,
        included: Vec<Root>,
        views: Vec<(String, Mounted)>,
        paths: Vec<(PathPattern, Endpoint)>,
    ) -> Self {
        let roots = [root].into_iter().chain(included).collect();
        Resolver { roots, views, paths }
    }

    /// The view and the format suffix of a path; none where no pattern matches.
    pub(super) fn resolve<'a>(&'a self, path: &'a str) -> Option<(Target<'a>, Option<&'a str>)> {
        let path = path.strip_prefix('/')?;
        self.root(path).or_else(|| self.view(path)).or_else(|| self.path(path))
    }

    /// A router's root, or its format suffix.
    fn root<'a>(&'a self, path: &'a str) -> Option<(Target<'a>, Option<&'a str>)> {
        self.roots.iter().find_map(|root| {
            let rest = path.strip_prefix(root.at.as_str())?;
            if rest.is_empty() {
                return Some((Target::Root(root), None));
            }
            suffix(rest).map(|format| (Target::Root(root), Some(format)))
        })
    }

    /// A path of one's own.
    fn path<'a>(&'a self, path: &str) -> Option<(Target<'a>, Option<&'a str>)> {
        self.paths.iter().find_map(|(pattern, endpoint)| Some((Target::Path(endpoint, pattern.matches(path)?), None)))
    }

    /// A path of a view set.
    fn view<'a>(&'a self, path: &'a str) -> Option<(Target<'a>, Option<&'a str>)> {
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
