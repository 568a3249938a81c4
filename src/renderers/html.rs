//! An answer as a page to look at.

use super::json::{Layout, reformat};
use super::{RenderContext, Renderer, Unrenderable};
use crate::response::Data;

/// HTML around the JSON answer, for people with a browser.
///
/// It shows what DRF's browsable API shows of an answer: the view's name and description, the request, the status, the
/// headers and the body. It has no forms.
#[derive(Clone, Copy, Debug, Default)]
pub struct BrowsableAPIRenderer;

impl BrowsableAPIRenderer {
    /// The page.
    pub fn new() -> Self {
        BrowsableAPIRenderer
    }
}

impl Renderer for BrowsableAPIRenderer {
    fn media_type(&self) -> &str {
        "text/html"
    }

    fn format(&self) -> &str {
        "api"
    }

    fn is_page(&self) -> bool {
        true
    }

    fn render(&self, data: &Data, cx: &RenderContext<'_>, out: &mut Vec<u8>) -> Result<(), Unrenderable> {
        let json = data.to_json()?;
        let mut body = Vec::with_capacity(json.len() * 2);
        reformat(&json, Layout::Indented(4), false, &mut body);
        let name = escaped(cx.name);
        let mut page = format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{name}</title>\n</head>\n<body>\n\
             <h1>{name}</h1>\n",
        );
        if !cx.description.is_empty() {
            page.push_str(&format!("<p>{}</p>\n", escaped(cx.description).replace('\n', "<br>")));
        }
        let query = match cx.request.query() {
            "" => String::new(),
            query => format!("?{query}"),
        };
        let target = format!("{}{query}", cx.request.path());
        page.push_str(&format!("<pre><b>{}</b> {}</pre>\n<pre>", cx.request.method(), escaped(&target)));
        let reason = cx.status.canonical_reason().unwrap_or("");
        page.push_str(&format!("<b>HTTP {} {reason}</b>\n", cx.status.as_u16()));
        for (name, value) in cx.headers {
            let value = String::from_utf8_lossy(value.as_bytes());
            page.push_str(&format!("<b>{name}:</b> {}\n", escaped(&value)));
        }
        page.push_str(&format!("\n{}</pre>\n</body>\n</html>\n", escaped(&String::from_utf8_lossy(&body))));
        out.extend_from_slice(page.as_bytes());
        Ok(())
    }
}

/// Text that is safe between tags and inside quotes.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#x27;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};

    use super::*;
    use crate::context::Context;
    use crate::value;

    #[test]
    fn nothing_in_a_page_is_a_tag_of_somebody_else() {
        let data = Data::Value(value!({"a": "<script>"}));
        let mut out = Vec::new();
        let cx = RenderContext {
            accepted: "text/html",
            request: &Context::default(),
            name: "A <b>",
            description: "Two\nlines & more",
            status: StatusCode::OK,
            headers: &HeaderMap::new(),
        };
        assert!(BrowsableAPIRenderer.render(&data, &cx, &mut out).is_ok());
        let page = String::from_utf8_lossy(&out);
        assert!(page.contains("<h1>A &lt;b&gt;</h1>") && page.contains("Two<br>lines &amp; more"), "{page}");
        assert!(page.contains("{\n    &quot;a&quot;: &quot;&lt;script&gt;&quot;\n}"), "{page}");
    }
}
