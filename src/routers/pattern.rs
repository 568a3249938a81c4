//! Paths with values in them, as Django's `path()` and `re_path()` write them.

use regex::{Captures, Regex};

/// A path of one's own: literal text, and values between `<` and `>`.
///
/// | written | matches |
/// |---|---|
/// | `<name>`, `<str:name>` | anything but `/` |
/// | `<int:name>` | ASCII digits |
/// | `<slug:name>` | ASCII letters, digits, `-` and `_` |
/// | `<uuid:name>` | a UUID in lower case, with hyphens |
/// | `<path:name>` | anything |
/// | a text that begins with `^` | the regular expression, with a value for each named group |
#[derive(Clone, Debug)]
pub(super) struct PathPattern {
    /// What every match begins with: most paths are told apart by it.
    prefix: String,
    rest: Rest,
}

#[derive(Clone, Debug)]
enum Rest {
    /// The prefix is the whole path.
    Nothing,
    Values(Regex, Vec<Name>),
}

#[derive(Clone, Debug)]
struct Name {
    name: String,
    is_int: bool,
}

/// The values of a path by their names.
pub(super) type Kwargs = Vec<(String, String)>;

impl PathPattern {
    /// Reads a path below a prefix; neither begins with a slash.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong with it.
    pub(super) fn parse(route: &str) -> Result<Self, String> {
        PathPattern::ending(route, "")
    }

    /// Reads a path that ends with a format suffix instead of its slash: `.json`, which becomes the value `format`.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong with it.
    pub(super) fn with_suffix(route: &str) -> Result<Self, String> {
        let route = route.trim_end_matches('$').trim_end_matches('/');
        PathPattern::ending(route, "\\.(?P<format>[a-z0-9]+)/?")
    }

    /// Reads a path with a regular expression after it.
    fn ending(route: &str, end: &str) -> Result<Self, String> {
        if let Some(expression) = route.strip_prefix('^') {
            let expression = if end.is_empty() { expression.to_owned() } else { format!("{expression}{end}\\z") };
            return PathPattern::expression(String::new(), &expression, route);
        }
        let Some(start) = route.find('<') else {
            if end.is_empty() {
                return Ok(PathPattern { prefix: route.to_owned(), rest: Rest::Nothing });
            }
            return PathPattern::expression(route.to_owned(), &format!("{end}\\z"), route);
        };
        let (prefix, rest) = route.split_at(start);
        let expression = values(rest, route)?;
        PathPattern::expression(prefix.to_owned(), &format!("{expression}{end}\\z"), route)
    }

    /// Reads what paths begin with.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong with it.
    pub(super) fn beginning(route: &str) -> Result<Self, String> {
        let start = if route.starts_with('^') { Some(0) } else { route.find('<') };
        match start {
            None => Ok(PathPattern { prefix: route.to_owned(), rest: Rest::Nothing }),
            Some(start) => PathPattern::expression(route[..start].to_owned(), &expression_of(&route[start..])?, route),
        }
    }

    /// The values of what a path begins with, and what comes after it.
    pub(super) fn strip<'a>(&self, path: &'a str) -> Option<(Kwargs, &'a str)> {
        let rest = path.strip_prefix(self.prefix.as_str())?;
        let Rest::Values(regex, names) = &self.rest else { return Some((Vec::new(), rest)) };
        let found = regex.captures(rest)?;
        let end = found.get(0).map_or(0, |whole| whole.end());
        Some((kwargs(&found, names), rest.get(end..)?))
    }

    /// The names of its values.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let names = match &self.rest {
            Rest::Nothing => &[],
            Rest::Values(_, names) => names.as_slice(),
        };
        names.iter().map(|name| name.name.as_str())
    }

    fn expression(prefix: String, expression: &str, route: &str) -> Result<Self, String> {
        let regex = Regex::new(&format!("^(?:{expression})"));
        let regex = regex.map_err(|error| format!("The path \"{route}\" is no pattern: {error}"))?;
        let int = |name: &str| expression.contains(&format!("(?P<{name}>[0-9]+)")) && !route.starts_with('^');
        let names = regex.capture_names().flatten();
        let names = names.map(|name| Name { name: name.to_owned(), is_int: int(name) }).collect();
        Ok(PathPattern { prefix, rest: Rest::Values(regex, names) })
    }

    /// The values of a path that has no slash at its beginning; none where it is another.
    pub(super) fn matches(&self, path: &str) -> Option<Kwargs> {
        let rest = path.strip_prefix(self.prefix.as_str())?;
        let Rest::Values(regex, names) = &self.rest else { return rest.is_empty().then(Vec::new) };
        let found = regex.captures(rest)?;
        Some(kwargs(&found, names))
    }
}

fn kwargs(found: &Captures<'_>, names: &[Name]) -> Kwargs {
    let values = names.iter().filter_map(|Name { name, is_int }| {
        let text = found.name(name)?.as_str();
        // Django makes a number of it
        let digits = text.trim_start_matches('0');
        let text = if *is_int { if digits.is_empty() { "0" } else { digits } } else { text };
        Some((name.clone(), text.to_owned()))
    });
    values.collect()
}

/// The regular expression of a path, whichever way it is written.
///
/// # Errors
///
/// A sentence that says what is wrong with it.
pub(super) fn expression_of(route: &str) -> Result<String, String> {
    match route.strip_prefix('^') {
        Some(expression) => Ok(expression.to_owned()),
        None => values(route, route),
    }
}

/// The regular expression of a path with values between `<` and `>`.
fn values(mut rest: &str, route: &str) -> Result<String, String> {
    let mut expression = String::new();
    while let Some((literal, after)) = rest.split_once('<') {
        expression.push_str(&regex::escape(literal));
        let (value, after) =
            after.split_once('>').ok_or_else(|| format!("The path \"{route}\" has a `<` without its `>`."))?;
        let (kind, name) = value.split_once(':').unwrap_or(("str", value));
        let allowed = match kind {
            "str" => "[^/]+",
            "int" => "[0-9]+",
            "slug" => "[-a-zA-Z0-9_]+",
            "uuid" => "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
            "path" => ".+",
            other => {
                return Err(format!(
                    "The path \"{route}\" has a value of the kind \"{other}\"; the kinds are str, int, slug, uuid and path."
                ));
            }
        };
        if expression.contains(&format!("(?P<{name}>")) {
            return Err(format!("The path \"{route}\" has two values of the name \"{name}\"."));
        }
        expression.push_str(&format!("(?P<{name}>{allowed})"));
        rest = after;
    }
    expression.push_str(&regex::escape(rest));
    Ok(expression)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn values(route: &str, path: &str) -> Option<String> {
        let found = PathPattern::parse(route).unwrap().matches(path)?;
        Some(found.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn values_of_paths() {
        for (route, path, expected) in [
            ("fn/hello/", "fn/hello/", Some("")),
            ("fn/hello/", "fn/hello", None),
            ("fn/hello/", "fn/hello/x/", None),
            ("", "", Some("")),
            ("notes/<int:number>/", "notes/5/", Some("number=5")),
            ("notes/<int:number>/", "notes/007/", Some("number=7")),
            ("notes/<int:number>/", "notes/000/", Some("number=0")),
            ("notes/<int:number>/", "notes/-5/", None),
            ("notes/<int:number>/", "notes/\u{665}/", None),
            ("raise/<str:kind>/", "raise/http404/", Some("kind=http404")),
            ("raise/<kind>/", "raise/a b/", Some("kind=a b")),
            ("raise/<str:kind>/", "raise//", None),
            ("raise/<str:kind>/", "raise/a/b/", None),
            ("raise/<str:kind>/", "raise/a/\n", None),
            ("r/<int:book>/<str:user>/", "r/1/alice/", Some("book=1 user=alice")),
            ("books/<slug:slug>/tags/", "books/glass-garden_2/tags/", Some("slug=glass-garden_2")),
            ("books/<slug:slug>/tags/", "books/gläss/tags/", None),
            (
                "u/<uuid:id>/",
                "u/00000000-0000-0000-0000-00000000000a/",
                Some("id=00000000-0000-0000-0000-00000000000a"),
            ),
            ("u/<uuid:id>/", "u/00000000-0000-0000-0000-00000000000A/", None),
            ("f/<path:rest>", "f/a/b", Some("rest=a/b")),
            ("a.b/<x>.<y>", "a.b/1.2.3", Some("x=1.2 y=3")),
            ("a.b/<x>", "axb/1", None),
            ("^path/(?P<version>[^/]+)/thing/$", "path/v1/thing/", Some("version=v1")),
            ("^path/(?P<version>[^/]+)/thing/$", "path/v1/thing/x", None),
            ("^n/(?P<n>[0-9]+)/", "n/007/anything", Some("n=007")),
        ] {
            assert_eq!(values(route, path).as_deref(), expected, "{route} {path}");
        }
    }

    #[test]
    fn suffixes() {
        for (route, path, expected) in [
            ("nego/plain", "nego/plain.txt", Some("format=txt")),
            ("nego/plain/", "nego/plain.txt/", Some("format=txt")),
            ("nego/plain", "nego/plain", None),
            ("nego/plain", "nego/plain.TXT", None),
            ("notes/<int:n>/", "notes/05.json", Some("n=5 format=json")),
            ("^n-(?P<n>[a-z]+)/$", "n-a.json", Some("n=a format=json")),
        ] {
            let found = PathPattern::with_suffix(route).unwrap().matches(path);
            let found = found.map(|found| found.iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>().join(" "));
            assert_eq!(found.as_deref(), expected, "{route} {path}");
        }
    }

    #[test]
    fn mistakes() {
        for (route, sentence) in [
            ("a/<int:pk", "The path \"a/<int:pk\" has a `<` without its `>`."),
            ("<a>/<a>", "The path \"<a>/<a>\" has two values of the name \"a\"."),
            (
                "<float:a>",
                "The path \"<float:a>\" has a value of the kind \"float\"; the kinds are str, int, slug, uuid and path.",
            ),
        ] {
            assert_eq!(PathPattern::parse(route).unwrap_err(), sentence);
        }
        assert!(PathPattern::parse("^(").unwrap_err().starts_with("The path \"^(\" is no pattern: "));
        assert!(PathPattern::parse("<str:a-b>").is_err());
    }
}
