//! The paths of views by their names, Django's `reverse`.

use std::collections::HashMap;

use super::pattern::expression_of;
use crate::versioning::Reverse;
use crate::views::Declared;

/// The paths by the names of their views, with the namespaces before them: `v1:thing`.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    routes: HashMap<String, Vec<Template>>,
}

/// A path with places for values.
#[derive(Clone, Debug)]
struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Value(String),
}

impl Names {
    /// Adds a path as the router's patterns write it; one that is no plain text with values in it has no address.
    pub(super) fn add(&mut self, namespaces: &[String], name: &str, path: &str) {
        let parts = match path.strip_prefix('^') {
            Some(expression) => of_expression(expression),
            None => of_route(path),
        };
        let Some(parts) = parts else { return };
        let mut full = namespaces.join(":");
        if !full.is_empty() {
            full.push(':');
        }
        full.push_str(name);
        self.routes.entry(full).or_default().push(Template { parts });
    }
}

impl Names {
    /// Adds the paths of a view set as a router makes them.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong with its prefix.
    pub(super) fn add_view_set(&mut self, declared: &Declared, prefix: &str, slash: &str) -> Result<(), String> {
        let basename = declared.basename();
        let lookup = declared.lookup_url_kwarg.as_ref().or(declared.lookup_field.as_ref());
        let prefix = expression_of(prefix)?;
        let object = format!("(?P<{}>[^/.]+)", lookup.map_or("pk", String::as_str));
        let mut add = |end: &str, path: &str| {
            self.add(&declared.namespaces, &format!("{basename}-{end}"), &format!("^{prefix}{path}{slash}$"));
        };
        add("list", "");
        add("detail", &format!("/{object}"));
        for action in &declared.extra {
            let path = action.path();
            let path = if action.detail { format!("/{object}/{path}") } else { format!("/{path}") };
            add(&action.name_end(), &path);
        }
        Ok(())
    }
}

impl Reverse for Names {
    fn reverse(&self, view_name: &str, kwargs: &[(&str, &str)]) -> Option<String> {
        // as in Django, of several the one that was added last counts
        self.routes.get(view_name)?.iter().rev().find_map(|template| template.fill(kwargs))
    }
}

impl Template {
    /// The path with values; none where they are not exactly those of its places.
    fn fill(&self, kwargs: &[(&str, &str)]) -> Option<String> {
        let mut path = String::from("/");
        let mut used = 0;
        for part in &self.parts {
            match part {
                Part::Text(text) => path.push_str(text),
                Part::Value(name) => {
                    let (_, value) = kwargs.iter().find(|(n, _)| n == name)?;
                    quote(value, &mut path);
                    used += 1;
                }
            }
        }
        (used == kwargs.len()).then_some(path)
    }
}

/// `things/<int:number>/`
fn of_route(route: &str) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut rest = route;
    while let Some((literal, after)) = rest.split_once('<') {
        let (value, after) = after.split_once('>')?;
        parts.push(Part::Text(literal.to_owned()));
        parts.push(Part::Value(value.split_once(':').map_or(value, |(_, name)| name).to_owned()));
        rest = after;
    }
    parts.push(Part::Text(rest.to_owned()));
    Some(parts)
}

/// `things/(?P<number>[0-9]+)/$`, as far as there is only one path with given values.
fn of_expression(expression: &str) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut text = String::new();
    let mut chars = expression.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '(' => {
                let rest: String = chars.clone().collect();
                let (name, _) = rest.strip_prefix("?P<")?.split_once('>')?;
                parts.push(Part::Text(std::mem::take(&mut text)));
                parts.push(Part::Value(name.to_owned()));
                let (mut depth, mut in_class) = (1, false);
                while depth > 0 {
                    match chars.next()? {
                        '\\' => drop(chars.next()),
                        '[' => in_class = true,
                        ']' => in_class = false,
                        '(' if !in_class => depth += 1,
                        ')' if !in_class => depth -= 1,
                        _ => {}
                    }
                }
            }
            '\\' => text.push(chars.next().filter(|c| !c.is_ascii_alphanumeric())?),
            '$' if chars.peek().is_none() => {}
            '.' | '*' | '+' | '?' | '[' | ']' | '{' | '}' | '|' | ')' | '^' | '$' => return None,
            c => text.push(c),
        }
    }
    parts.push(Part::Text(text));
    Some(parts)
}

/// Python's `quote` with the characters that Django keeps in paths.
fn quote(value: &str, out: &mut String) {
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => out.push(byte.into()),
            b'_' | b'.' | b'-' | b'~' | b'/' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';'
            | b'=' | b':' | b'@' => out.push(byte.into()),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let mut names = Names::default();
        names.add(&[], "thing", "thing/");
        names.add(&["v1".into()], "thing-detail", "v1/thing/<int:number>/");
        names.add(&[], "path", "^path/(?P<version>[^/(]+)/a\\.b/$");
        names.add(&[], "free", "^a.*$");
        assert_eq!(names.reverse("thing", &[]).as_deref(), Some("/thing/"));
        assert_eq!(names.reverse("thing", &[("version", "1")]), None);
        assert_eq!(names.reverse("v1:thing-detail", &[("number", "5")]).as_deref(), Some("/v1/thing/5/"));
        assert_eq!(names.reverse("thing-detail", &[("number", "5")]), None);
        assert_eq!(names.reverse("path", &[("version", "é v")]).as_deref(), Some("/path/%C3%A9%20v/a.b/"));
        assert_eq!(names.reverse("free", &[]), None);
    }
}
