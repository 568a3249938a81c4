//! JSON, as DRF's `JSONRenderer` writes it.

use super::{ListContext, ListWriter, RenderContext, Renderer, Unrenderable};
use crate::media_type::MediaType;
use crate::response::Data;
use crate::value::{Value, write};

/// JSON: compact and in UTF-8, indented where the client asks for `application/json; indent=4`.
///
/// ```
/// use bowline::renderers::JSONRenderer;
/// // DRF's subclass with another media type
/// let vendor = JSONRenderer::new().media_type("application/vnd.library+json", "vendor");
/// ```
#[derive(Clone, Debug)]
pub struct JSONRenderer {
    media_type: &'static str,
    format: &'static str,
    ensure_ascii: bool,
    compact: bool,
}

impl JSONRenderer {
    /// Compact, in UTF-8.
    pub fn new() -> Self {
        JSONRenderer { media_type: "application/json", format: "json", ensure_ascii: false, compact: true }
    }

    /// With another media type, and its name in `?format=` and suffixes.
    pub fn media_type(mut self, media_type: &'static str, format: &'static str) -> Self {
        self.media_type = media_type;
        self.format = format;
        self
    }

    /// Escapes every character that is not ASCII.
    pub fn ensure_ascii(mut self, yes: bool) -> Self {
        self.ensure_ascii = yes;
        self
    }

    /// Whether spaces after commas and colons are left out.
    pub fn compact(mut self, yes: bool) -> Self {
        self.compact = yes;
        self
    }
}

impl Default for JSONRenderer {
    fn default() -> Self {
        JSONRenderer::new()
    }
}

impl Renderer for JSONRenderer {
    fn media_type(&self) -> &str {
        self.media_type
    }

    fn format(&self) -> &str {
        self.format
    }

    fn charset(&self) -> Option<&str> {
        None
    }

    fn passes_json(&self) -> bool {
        self.compact && !self.ensure_ascii
    }

    fn render(&self, data: &Data, cx: &RenderContext<'_>, out: &mut Vec<u8>) -> Result<(), Unrenderable> {
        let indent = indent(cx.accepted);
        let written;
        let text = match data {
            Data::Value(Value::Null) => return Ok(()),
            Data::Value(value) => {
                if !is_renderable(value) {
                    return Err(Unrenderable);
                }
                let mut text = Vec::with_capacity(128);
                write::value(value, &mut text);
                written = text;
                &written
            }
            Data::Json(text) => text,
            Data::Raw(_) => return Err(Unrenderable),
        };
        if indent.is_none() && self.passes_json() {
            out.extend_from_slice(text);
        } else {
            let layout = match indent {
                Some(indent) => Layout::Indented(indent),
                None if self.compact => Layout::Compact,
                None => Layout::Spaced,
            };
            reformat(text, layout, self.ensure_ascii, out);
        }
        Ok(())
    }

    fn list_writer(&self, cx: &ListContext<'_>) -> Option<Box<dyn ListWriter>> {
        let as_it_is = self.passes_json() && indent(cx.accepted).is_none();
        as_it_is.then(|| Box::new(JsonList::default()) as Box<dyn ListWriter>)
    }
}

/// A JSON array under way.
#[derive(Debug, Default)]
struct JsonList {
    begun: bool,
}

impl ListWriter for JsonList {
    fn open(&mut self, out: &mut Vec<u8>) -> Result<(), Unrenderable> {
        out.push(b'[');
        Ok(())
    }

    fn row(&mut self, json: &[u8], out: &mut Vec<u8>) -> Result<(), Unrenderable> {
        if std::mem::replace(&mut self.begun, true) {
            out.push(b',');
        }
        out.extend_from_slice(json);
        Ok(())
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        out.push(b']');
    }
}

/// Whether JSON has a form for everything in a value: no infinite numbers, no lone surrogates.
pub(super) fn is_renderable(value: &Value) -> bool {
    match value {
        Value::Float(f) => f.is_finite(),
        Value::Surrogates(..) => false,
        Value::List(items) => items.iter().all(is_renderable),
        Value::Map(map) => map.values().all(is_renderable),
        Value::Form(form) => form.lists().all(|(_, values)| values.iter().all(is_renderable)),
        _ => true,
    }
}

/// The `indent` of the accepted media type: 1 to 8, larger ones are 8; none where it is 0, negative or no number.
fn indent(accepted: &str) -> Option<usize> {
    if !accepted.contains(';') {
        return None;
    }
    let indent: i64 = MediaType::parse(accepted).param("indent")?.trim().parse().ok()?;
    usize::try_from(indent.clamp(0, 8)).ok().filter(|indent| *indent > 0)
}

/// Where space goes between the parts of a document.
#[derive(Clone, Copy, Debug)]
pub(super) enum Layout {
    Compact,
    Spaced,
    Indented(usize),
}

/// Writes a compact document with another layout.
pub(super) fn reformat(text: &[u8], layout: Layout, ensure_ascii: bool, out: &mut Vec<u8>) {
    let mut depth = 0;
    let line = |depth: usize, out: &mut Vec<u8>| {
        if let Layout::Indented(indent) = layout {
            out.push(b'\n');
            out.resize(out.len() + indent * depth, b' ');
        }
    };
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'"' => {
                let end = end_of_string(rest);
                let (inner, after) = rest.split_at(end);
                rest = after;
                out.push(b'"');
                if ensure_ascii { ascii(inner, out) } else { out.extend_from_slice(inner) }
            }
            b'{' | b'[' => {
                out.push(byte);
                if let Some(close @ (b'}' | b']')) = rest.first() {
                    out.push(*close);
                    rest = rest.get(1..).unwrap_or_default();
                } else {
                    depth += 1;
                    line(depth, out);
                }
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                line(depth, out);
                out.push(byte);
            }
            b',' => {
                out.push(byte);
                if let Layout::Spaced = layout {
                    out.push(b' ');
                }
                line(depth, out);
            }
            b':' => {
                out.push(byte);
                if !matches!(layout, Layout::Compact) {
                    out.push(b' ');
                }
            }
            // space of a document that was not written by us
            b' ' | b'\n' | b'\r' | b'\t' => {}
            other => out.push(other),
        }
    }
}

/// Where a string's closing quote ends, from after its opening one.
fn end_of_string(text: &[u8]) -> usize {
    let mut n = 0;
    while let Some(byte) = text.get(n) {
        match byte {
            b'\\' => n += 2,
            b'"' => return n + 1,
            _ => n += 1,
        }
    }
    text.len()
}

/// Escapes what is not printable ASCII.
fn ascii(text: &[u8], out: &mut Vec<u8>) {
    for c in String::from_utf8_lossy(text).chars() {
        if matches!(c, ' '..='~') {
            out.push(c as u8);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value;

    fn written(text: &str, layout: Layout, ensure_ascii: bool) -> String {
        let mut out = Vec::new();
        reformat(text.as_bytes(), layout, ensure_ascii, &mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn layouts() {
        let text = r#"{"a":[1,[],{}],"b:{,":"é\"😀","c":{"d":null}}"#;
        assert_eq!(written(text, Layout::Compact, false), text);
        assert_eq!(written(text, Layout::Spaced, false), r#"{"a": [1, [], {}], "b:{,": "é\"😀", "c": {"d": null}}"#);
        assert_eq!(
            written(text, Layout::Compact, true),
            r#"{"a":[1,[],{}],"b:{,":"\u00e9\"\ud83d\ude00","c":{"d":null}}"#
        );
        assert_eq!(
            written(text, Layout::Indented(2), false),
            "{\n  \"a\": [\n    1,\n    [],\n    {}\n  ],\n  \"b:{,\": \"é\\\"😀\",\n  \"c\": {\n    \"d\": null\n  }\n}"
        );
        assert_eq!(written(r#""x""#, Layout::Indented(1), false), r#""x""#);
        assert_eq!(written("[ 1 , 2 ]", Layout::Compact, false), "[1,2]");
    }

    #[test]
    fn indents() {
        for (accepted, expected) in [
            ("application/json", None),
            ("application/json; indent=4", Some(4)),
            ("application/json; indent=0", None),
            ("application/json; indent=-1", None),
            ("application/json; indent=9", Some(8)),
            ("application/json; indent=x", None),
        ] {
            assert_eq!(indent(accepted), expected, "{accepted}");
        }
    }

    #[test]
    fn what_json_has_no_form_for() {
        assert!(is_renderable(&value!({"a": [1.5, null]})));
        assert!(!is_renderable(&value!({"a": [f64::INFINITY]})));
        assert!(!is_renderable(&Value::List(vec![Value::Surrogates(0xd800, "\u{fffd}".into())])));
    }
}
