//! Addresses of other pages.

use crate::context::Context;
use crate::value::query::{encode, parameters};

/// The address of a request, of which those of other pages differ by some parameters.
#[derive(Clone, Debug)]
pub struct Links {
    /// Scheme, host and path.
    base: String,
    parameters: Vec<(String, String)>,
}

impl Links {
    /// Of a request.
    pub fn of(cx: &Context) -> Self {
        Links::new(format!("{}{}", cx.origin(), cx.path()), cx.query())
    }

    fn new(base: String, query: &str) -> Self {
        let parameters = parameters(query).into_iter().map(|(name, value)| (name.into_owned(), value.into_owned()));
        Links { base, parameters: parameters.collect() }
    }

    /// The address with other values of some parameters, or without them: DRF's `replace_query_param` and
    /// `remove_query_param`, which sort the parameters by name.
    pub fn with(&self, changed: &[(&str, Option<&str>)]) -> String {
        let kept = self.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let mut parameters: Vec<(&str, &str)> =
            kept.filter(|(name, _)| !changed.iter().any(|(other, _)| other == name)).collect();
        parameters.extend(changed.iter().filter_map(|(name, value)| Some((*name, (*value)?))));
        parameters.sort_by(|a, b| a.0.cmp(b.0));
        let mut url = self.base.clone();
        for (n, (name, value)) in parameters.iter().enumerate() {
            url.push(if n == 0 { '?' } else { '&' });
            encode(name, &mut url);
            url.push('=');
            encode(value, &mut url);
        }
        url
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_drf_writes_them() {
        let links = Links::new("http://testserver/lib/".into(), "z=%C3%A9+x&b=2&page=3&b=1&page=4&e=");
        assert_eq!(links.with(&[("page", Some("2"))]), "http://testserver/lib/?b=2&b=1&e=&page=2&z=%C3%A9+x");
        assert_eq!(links.with(&[("page", None)]), "http://testserver/lib/?b=2&b=1&e=&z=%C3%A9+x");
        let bare = Links::new("http://testserver/lib/".into(), "page=2");
        assert_eq!(bare.with(&[("page", None)]), "http://testserver/lib/");
        assert_eq!(bare.with(&[("a", Some("/")), ("page", None)]), "http://testserver/lib/?a=%2F");
    }
}
