//! JSON lines: one object on each line.

use std::borrow::Cow;

use super::json::{Layout, is_renderable, reformat};
use super::lists::{ListContext, ListWriter};
use super::{RenderContext, Renderer, Unrenderable, results};
use crate::response::Data;
use crate::value::{Value, write};

/// JSON lines (`application/x-ndjson`, `?format=jsonl`): every item of a list on a line of its own, everything else on
/// one line. Lists of any length are written while they are read.
///
/// An error is one line, as DRF's JSON has it. A page is one line too, with its links, unless it is
/// [`paginated`](Self::paginated).
///
/// ```
/// use bowline::prelude::*;
/// use bowline::renderers::{JSONLinesRenderer, Renderers};
/// let settings = Settings { renderers: Renderers::json().and(JSONLinesRenderer::new()), ..Settings::default() };
/// ```
#[derive(Clone, Debug)]
pub struct JSONLinesRenderer {
    media_type: &'static str,
    format: &'static str,
    results_field: Option<Cow<'static, str>>,
}

impl JSONLinesRenderer {
    /// `application/x-ndjson`, a page as one line.
    pub fn new() -> Self {
        JSONLinesRenderer { media_type: "application/x-ndjson", format: "jsonl", results_field: None }
    }

    /// The rows of a page on lines of their own, without its count and links.
    pub fn paginated() -> Self {
        JSONLinesRenderer::new().results_field("results")
    }

    /// Where the rows of a page are, in an envelope of one's own.
    pub fn results_field(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.results_field = Some(name.into());
        self
    }

    /// With another media type, and its name in `?format=` and suffixes.
    pub fn media_type(mut self, media_type: &'static str, format: &'static str) -> Self {
        self.media_type = media_type;
        self.format = format;
        self
    }
}

impl Default for JSONLinesRenderer {
    fn default() -> Self {
        JSONLinesRenderer::new()
    }
}

impl Renderer for JSONLinesRenderer {
    fn media_type(&self) -> &str {
        self.media_type
    }

    fn format(&self) -> &str {
        self.format
    }

    fn charset(&self) -> Option<&str> {
        None
    }

    fn render(&self, data: &Data, _: &RenderContext<'_>, out: &mut Vec<u8>) -> Result<(), Unrenderable> {
        let data = data.to_value()?;
        let items = match results(&data, self.results_field.as_deref()) {
            Value::Null => return Ok(()),
            Value::List(items) => items.as_slice(),
            other => std::slice::from_ref(other),
        };
        for item in items {
            if !is_renderable(item) {
                return Err(Unrenderable);
            }
            write::value(item, out);
            out.push(b'\n');
        }
        Ok(())
    }

    fn list_writer(&self, _: &ListContext<'_>) -> Option<Box<dyn ListWriter>> {
        Some(Box::new(Lines))
    }
}

#[derive(Debug)]
struct Lines;

impl ListWriter for Lines {
    fn row(&mut self, json: &[u8], out: &mut Vec<u8>) -> Result<(), Unrenderable> {
        // what a column of JSON holds may have line ends between its parts
        reformat(json, Layout::Compact, false, out);
        out.push(b'\n');
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::tests::rendered;
    use super::*;
    use crate::value;

    #[test]
    fn one_item_on_a_line() {
        let lines = JSONLinesRenderer::new();
        assert_eq!(rendered(&lines, value!([{"a": "x\ny"}, [1, 2], null])), "{\"a\":\"x\\ny\"}\n[1,2]\nnull\n");
        assert_eq!(rendered(&lines, value!({"a": [1.0, {}]})), "{\"a\":[1.0,{}]}\n");
        assert_eq!(rendered(&lines, value!([])), "");
        assert_eq!(rendered(&lines, Value::Null), "");
    }

    #[test]
    fn pages() {
        let page = || value!({"count": 2, "next": null, "previous": null, "results": [{"id": 1}, {"id": 2}]});
        assert_eq!(
            rendered(&JSONLinesRenderer::new(), page()),
            "{\"count\":2,\"next\":null,\"previous\":null,\"results\":[{\"id\":1},{\"id\":2}]}\n"
        );
        assert_eq!(rendered(&JSONLinesRenderer::paginated(), page()), "{\"id\":1}\n{\"id\":2}\n");
        assert_eq!(
            rendered(&JSONLinesRenderer::paginated(), value!({"detail": "Not found."})),
            "{\"detail\":\"Not found.\"}\n"
        );
    }

    #[test]
    fn a_row_is_one_line_however_it_is_stored() {
        let mut out = Vec::new();
        Lines.row(b"{\"a\": {\r\n  \"b\":\t\"c \\n d\"\n}}", &mut out).unwrap();
        assert_eq!(out, b"{\"a\":{\"b\":\"c \\n d\"}}\n");
    }
}
