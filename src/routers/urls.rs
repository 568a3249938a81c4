//! The addresses of the views by their names, for hyperlinks.

use crate::relations::Urls;

/// The routes of view sets: a prefix below the root, and the name that their views begin with.
#[derive(Clone, Debug, Default)]
pub(super) struct UrlTable {
    routes: Vec<Route>,
}

#[derive(Clone, Debug)]
struct Route {
    /// `/lib/books`
    path: String,
    basename: String,
    /// `/`, or nothing where addresses have no final slash.
    slash: &'static str,
}

impl UrlTable {
    /// Adds the routes of a view set.
    pub(super) fn add(&mut self, path: String, basename: String, slash: &'static str) {
        self.routes.push(Route { path, basename, slash });
    }
}

impl Urls for UrlTable {
    fn around(&self, view_name: &str) -> Option<(String, String)> {
        let basename = view_name.strip_suffix("-detail")?;
        let route = self.routes.iter().find(|r| r.basename == basename)?;
        Some((format!("{}/", route.path), route.slash.to_owned()))
    }

    fn names(&self) -> Vec<String> {
        self.routes.iter().map(|route| format!("{}-detail", route.basename)).collect()
    }

    fn resolve(&self, path: &str) -> Option<(String, Option<String>)> {
        for route in &self.routes {
            let Some(rest) = path.strip_prefix(route.path.as_str()) else { continue };
            if rest == route.slash {
                return Some((format!("{}-list", route.basename), None));
            }
            let value = rest.strip_prefix('/').and_then(|rest| rest.strip_suffix(route.slash));
            if let Some(value) = value.filter(|v| !v.is_empty() && !v.contains(['/', '.'])) {
                return Some((format!("{}-detail", route.basename), Some(value.to_owned())));
            }
        }
        // the root
        (path == "/").then(|| ("api-root".to_owned(), None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let mut urls = UrlTable::default();
        urls.add("/lib/books".into(), "book".into(), "/");
        assert_eq!(urls.around("book-detail"), Some(("/lib/books/".into(), "/".into())));
        assert_eq!(urls.around("author-detail"), None);
        assert_eq!(urls.resolve("/lib/books/dune/"), Some(("book-detail".into(), Some("dune".into()))));
        assert_eq!(urls.resolve("/lib/books/"), Some(("book-list".into(), None)));
        assert_eq!(urls.resolve("/lib/books/dune"), None);
        assert_eq!(urls.resolve("/lib/books/a/b/"), None);
    }
}
