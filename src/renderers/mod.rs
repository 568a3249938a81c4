//! From an answer's data to bytes.
//!
//! See DRF's chapter "Renderers".

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, StatusCode};

use crate::context::Context;
use crate::media_type::MediaType;
use crate::response::Data;

mod html;
mod json;

pub use html::BrowsableAPIRenderer;
pub use json::JSONRenderer;

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

    /// Writes an answer's data; what writes nothing is an answer without `Content-Type`.
    ///
    /// # Errors
    ///
    /// [`Unrenderable`] where the data holds what the media type has no form for.
    fn render(&self, data: &Data, cx: &RenderContext<'_>, out: &mut Vec<u8>) -> Result<(), Unrenderable>;
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

/// A view's renderers, with their media types read.
#[derive(Clone, Debug)]
pub struct Renderers(Arc<[(Arc<dyn Renderer>, MediaType<'static>)]>);

impl Renderers {
    /// The first one answers where the client has no wish. Nothing without any.
    pub fn new(renderers: Vec<Arc<dyn Renderer>>) -> Option<Self> {
        if renderers.is_empty() {
            return None;
        }
        let read = |renderer: Arc<dyn Renderer>| {
            let media_type = MediaType::parse(renderer.media_type()).into_owned();
            (renderer, media_type)
        };
        Some(Renderers(renderers.into_iter().map(read).collect()))
    }

    /// Each with its media type.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<dyn Renderer>, &MediaType<'static>)> {
        self.0.iter().map(|(renderer, media_type)| (renderer, media_type))
    }

    /// How many there are.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The one that answers where the client has no wish.
    pub fn first(&self) -> &Arc<dyn Renderer> {
        &self.0[0].0
    }
}

/// JSON alone.
impl Default for Renderers {
    fn default() -> Self {
        let json: Arc<dyn Renderer> = Arc::new(JSONRenderer::new());
        let media_type = MediaType::parse("application/json");
        Renderers(Arc::new([(json, media_type)]))
    }
}

/// The renderer of an answer, and the media type that the client asked for.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// The renderer.
    pub renderer: Arc<dyn Renderer>,
    /// The media type, with the parameters that the client gave.
    pub media_type: Cow<'static, str>,
}
