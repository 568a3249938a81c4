//! From an answer's data to bytes.
//!
//! See DRF's chapter "Renderers".

use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, HeaderValue, StatusCode};

use crate::context::Context;
use crate::media_type::MediaType;
use crate::response::Data;
use crate::value::Value;

mod csv;
mod html;
mod json;
mod json_lines;
mod lists;

pub use csv::CSVRenderer;
pub use html::BrowsableAPIRenderer;
pub use json::JSONRenderer;
pub use json_lines::JSONLinesRenderer;
pub use lists::{ListContext, ListWriter};

/// A media type that answers may have.
///
/// ```
/// use bowline::prelude::*;
/// use bowline::renderers::{RenderContext, Renderer, Unrenderable};
///
/// #[derive(Debug)]
/// struct Plain;
///
/// impl Renderer for Plain {
///     fn media_type(&self) -> &str {
///         "text/plain"
///     }
///     fn format(&self) -> &str {
///         "txt"
///     }
///     fn render(&self, data: &Data, _: &RenderContext<'_>, out: &mut Vec<u8>) -> Result<(), Unrenderable> {
///         out.extend_from_slice(data.to_value()?.to_python_str().as_bytes());
///         Ok(())
///     }
/// }
/// ```
pub trait Renderer: Send + Sync + fmt::Debug + 'static {
    /// The media type of what it writes.
    fn media_type(&self) -> &str;

    /// Its name in `?format=` and in suffixes.
    fn format(&self) -> &str;

    /// The character set that `Content-Type` names.
    fn charset(&self) -> Option<&str> {
        Some("utf-8")
    }

    /// Whether JSON text is sent as it is where the client asked for the media type without parameters.
    fn passes_json(&self) -> bool {
        false
    }

    /// Whether it writes a page that people write from, which then comes with the cookie of a CSRF token.
    fn is_page(&self) -> bool {
        false
    }

    /// Writes an answer's data; what writes nothing is an answer without `Content-Type`.
    ///
    /// # Errors
    ///
    /// [`Unrenderable`] where the data holds what the media type has no form for.
    fn render(&self, data: &Data, cx: &RenderContext<'_>, out: &mut Vec<u8>) -> Result<(), Unrenderable>;

    /// What writes a long list row by row, so that it need not be in memory as a whole; none where the renderer wants
    /// all of it at once, which is the default.
    fn list_writer(&self, _cx: &ListContext<'_>) -> Option<Box<dyn ListWriter>> {
        None
    }
}

/// Data that a renderer has no form for: a number that is not finite, a lone surrogate.
#[derive(Debug)]
pub struct Unrenderable;

/// What a renderer may know beside the data.
#[derive(Clone, Copy, Debug)]
pub struct RenderContext<'a> {
    /// The media type that the client asked for, with its parameters.
    pub accepted: &'a str,
    /// The request.
    pub request: &'a Context,
    /// The view's name for people.
    pub name: &'a str,
    /// The view's description for people.
    pub description: &'a str,
    /// The status of the answer.
    pub status: StatusCode,
    /// The headers of the answer.
    pub headers: &'a HeaderMap,
}

/// A view's renderers, with everything about them that requests need.
#[derive(Clone, Debug)]
pub struct Renderers(Arc<[Arc<Prepared>]>);

/// A renderer with its media type read.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) renderer: Arc<dyn Renderer>,
    pub(crate) media_type: MediaType<'static>,
    pub(crate) content_type: Option<HeaderValue>,
}

impl Renderers {
    /// JSON alone.
    pub fn json() -> Self {
        Renderers::of(JSONRenderer::new())
    }

    /// One renderer.
    pub fn of(renderer: impl Renderer) -> Self {
        Renderers(Arc::new([Prepared::new(renderer)]))
    }

    /// With another one, which answers where the client wishes it.
    pub fn and(self, renderer: impl Renderer) -> Self {
        let last = Prepared::new(renderer);
        Renderers(self.0.iter().cloned().chain([last]).collect())
    }

    /// The media types, in order.
    pub fn media_types(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|prepared| prepared.renderer.media_type())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Prepared>> {
        self.0.iter()
    }

    /// Whether the client has a choice.
    pub(crate) fn has_several(&self) -> bool {
        self.0.len() > 1
    }

    /// The one that answers where the client has no wish.
    pub fn first(&self) -> Accepted {
        // there is no way to make one without any
        Accepted::own(&self.0[0])
    }
}

impl Default for Renderers {
    fn default() -> Self {
        Renderers::json()
    }
}

impl Prepared {
    fn new(renderer: impl Renderer) -> Arc<Self> {
        let media_type = MediaType::parse(renderer.media_type()).into_owned();
        let content_type = match renderer.charset() {
            Some(charset) => HeaderValue::from_str(&format!("{}; charset={charset}", renderer.media_type())),
            None => HeaderValue::from_str(renderer.media_type()),
        };
        Arc::new(Prepared { renderer: Arc::new(renderer), media_type, content_type: content_type.ok() })
    }
}

/// The renderer of an answer, and the media type that the client asked for.
#[derive(Clone, Debug)]
pub struct Accepted {
    pub(crate) prepared: Arc<Prepared>,
    /// None where it is the renderer's own.
    pub(crate) media_type: Option<String>,
}

impl Accepted {
    pub(crate) fn own(prepared: &Arc<Prepared>) -> Self {
        Accepted { prepared: Arc::clone(prepared), media_type: None }
    }

    /// The renderer.
    pub fn renderer(&self) -> &dyn Renderer {
        self.prepared.renderer.as_ref()
    }

    /// The media type that the client asked for, with its parameters.
    pub fn media_type(&self) -> &str {
        self.media_type.as_deref().unwrap_or_else(|| self.renderer().media_type())
    }
}

/// The rows of a page where they are wanted alone, else everything.
fn results<'a>(data: &'a Value, field: Option<&str>) -> &'a Value {
    let rows = field.and_then(|field| data.get(field));
    rows.filter(|rows| matches!(rows, Value::List(_))).unwrap_or(data)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// What a renderer writes, as text.
    pub(super) fn rendered(renderer: &dyn Renderer, data: Value) -> String {
        let mut out = Vec::new();
        let cx = RenderContext {
            accepted: renderer.media_type(),
            request: &Context::default(),
            name: "",
            description: "",
            status: StatusCode::OK,
            headers: &HeaderMap::new(),
        };
        renderer.render(&Data::Value(data), &cx, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }
}
