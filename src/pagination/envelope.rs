//! What stands around the rows of a page.

use std::fmt;
use std::sync::Arc;

use http::header::{HeaderMap, HeaderName, HeaderValue, LINK};

use crate::value::{Value, write};

/// What is known of a page, for an [`Envelope`] of one's own.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct PageInfo {
    /// How many rows there are in all, where they were counted.
    pub count: Option<u64>,
    /// How many pages there are, where pages have numbers and were counted.
    pub pages: Option<u64>,
    /// The page's number from 1, where pages have numbers.
    pub number: Option<u64>,
    /// The most rows that a page has.
    pub size: u64,
    /// The rows before the page, where they are counted.
    pub offset: Option<u64>,
    /// The address of the next page.
    pub next: Option<String>,
    /// The address of the page before.
    pub previous: Option<String>,
}

/// The answer around the rows of a page, what DRF's users write into `get_paginated_response`.
///
/// ```
/// use bowline::pagination::Envelope;
/// use bowline::prelude::*;
///
/// let numbered = PageNumberPagination::new(20).envelope(|page| {
///     Envelope::object().with("total", page.count).with("current", page.number).results("items")
/// });
/// // a bare list, with its links in a header
/// let linked = PageNumberPagination::new(20).envelope(|page| Envelope::list().link_header(page));
/// # let _ = (numbered, linked);
/// ```
#[derive(Clone, Debug)]
pub struct Envelope {
    /// None of a bare list.
    entries: Option<Vec<(String, Entry)>>,
    pub(crate) headers: HeaderMap,
    /// How many of the rows that were read are shown; all by default.
    pub(crate) shown: Option<usize>,
    /// Whether the rows were read in the other direction.
    pub(crate) backwards: bool,
}

#[derive(Clone, Debug)]
enum Entry {
    Value(Value),
    Results,
}

impl Envelope {
    /// The rows as a bare list.
    pub fn list() -> Self {
        Envelope { entries: None, headers: HeaderMap::new(), shown: None, backwards: false }
    }

    /// An object that has the rows as `results`, at its end, unless [`results`](Self::results) says otherwise.
    pub fn object() -> Self {
        Envelope { entries: Some(Vec::new()), ..Envelope::list() }
    }

    /// DRF's own: `count` where there is one, `next`, `previous`, `results`.
    pub fn drf(page: &PageInfo) -> Self {
        let envelope = Envelope::object();
        let envelope = match page.count {
            Some(count) => envelope.with("count", count),
            None => envelope,
        };
        envelope.with("next", page.next.as_deref()).with("previous", page.previous.as_deref())
    }

    /// With an entry; in a bare list there are none.
    pub fn with(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        if let Some(entries) = &mut self.entries {
            entries.push((key.into(), Entry::Value(value.into())));
        }
        self
    }

    /// The rows come here, under this key.
    pub fn results(mut self, key: impl Into<String>) -> Self {
        if let Some(entries) = &mut self.entries {
            entries.retain(|(_, entry)| !matches!(entry, Entry::Results));
            entries.push((key.into(), Entry::Results));
        }
        self
    }

    /// With a header; a value that is no header's is left out.
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.append(name, value);
        }
        self
    }

    /// With the links as a `Link` header (RFC 8288): `<…>; rel="next", <…>; rel="prev"`; none where there are no links.
    pub fn link_header(self, page: &PageInfo) -> Self {
        let links = [("next", &page.next), ("prev", &page.previous)];
        let links = links.iter().filter_map(|(rel, url)| Some(format!("<{}>; rel=\"{rel}\"", url.as_deref()?)));
        let links: Vec<String> = links.collect();
        if links.is_empty() { self } else { self.header(LINK, &links.join(", ")) }
    }

    /// Only so many of the rows that were read are shown.
    pub fn showing(mut self, rows: usize) -> Self {
        self.shown = Some(rows);
        self
    }

    /// The rows were read in the other direction, and are shown in the right one.
    pub fn backwards(mut self, yes: bool) -> Self {
        self.backwards = yes;
        self
    }

    /// The JSON before the list of rows.
    pub(crate) fn open(&self, out: &mut Vec<u8>) {
        let Some(entries) = &self.entries else { return };
        out.push(b'{');
        for (n, (key, entry)) in entries.iter().enumerate() {
            if n > 0 {
                out.push(b',');
            }
            write::string(key, out);
            out.push(b':');
            match entry {
                Entry::Value(value) => write::value(value, out),
                Entry::Results => return,
            }
        }
        out.extend_from_slice(if entries.is_empty() { b"\"results\":" } else { b",\"results\":" });
    }

    /// The JSON after it.
    pub(crate) fn close(&self, out: &mut Vec<u8>) {
        let Some(entries) = &self.entries else { return };
        let after = entries.iter().skip_while(|(_, entry)| !matches!(entry, Entry::Results)).skip(1);
        for (key, entry) in after {
            if let Entry::Value(value) = entry {
                out.push(b',');
                write::string(key, out);
                out.push(b':');
                write::value(value, out);
            }
        }
        out.push(b'}');
    }
}

/// An envelope of one's own.
#[derive(Clone)]
pub(super) struct Wrap(Option<Arc<Make>>);

type Make = dyn Fn(&PageInfo) -> Envelope + Send + Sync;

impl Wrap {
    /// DRF's.
    pub(super) fn drf() -> Self {
        Wrap(None)
    }

    pub(super) fn new(make: impl Fn(&PageInfo) -> Envelope + Send + Sync + 'static) -> Self {
        Wrap(Some(Arc::new(make)))
    }

    pub(super) fn around(&self, page: &PageInfo) -> Envelope {
        match &self.0 {
            Some(make) => make(page),
            None => Envelope::drf(page),
        }
    }
}

impl fmt::Debug for Wrap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Wrap(..)" } else { "Wrap(DRF)" })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn text(envelope: &Envelope) -> String {
        let mut out = Vec::new();
        envelope.open(&mut out);
        out.extend_from_slice(b"[]");
        envelope.close(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn rows_come_where_they_are_wanted() {
        assert_eq!(text(&Envelope::list().with("a", 1)), "[]");
        assert_eq!(text(&Envelope::object()), r#"{"results":[]}"#);
        assert_eq!(text(&Envelope::object().with("a", 1)), r#"{"a":1,"results":[]}"#);
        let middle = Envelope::object().with("a", 1).results("rows").with("b", "x").with("c", Value::Null);
        assert_eq!(text(&middle), r#"{"a":1,"rows":[],"b":"x","c":null}"#);
        assert_eq!(text(&Envelope::object().results("rows")), r#"{"rows":[]}"#);
    }

    #[test]
    fn links_in_a_header() {
        let next = PageInfo { next: Some("http://t/?page=3".into()), ..PageInfo::default() };
        let both = PageInfo { previous: Some("http://t/".into()), ..next.clone() };
        let link = |page| Envelope::list().link_header(page).headers.get(LINK).cloned();
        assert_eq!(link(&next).unwrap(), "<http://t/?page=3>; rel=\"next\"");
        assert_eq!(link(&both).unwrap(), "<http://t/?page=3>; rel=\"next\", <http://t/>; rel=\"prev\"");
        assert_eq!(link(&PageInfo::default()), None);
    }
}
