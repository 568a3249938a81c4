//! An uploaded file.

use bytes::Bytes;

/// A file that a request sent: Django's `UploadedFile`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    name: String,
    content_type: Option<String>,
    content: Bytes,
}

impl Upload {
    /// A file with its name, its media type where the request named one, and its content.
    pub fn new(name: impl Into<String>, content_type: Option<String>, content: impl Into<Bytes>) -> Self {
        Upload { name: name.into(), content_type, content: content.into() }
    }

    /// The file's name, without folders.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The media type that the request named, without parameters.
    pub fn content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }

    /// The content.
    pub fn content(&self) -> &Bytes {
        &self.content
    }

    /// The number of its bytes.
    pub fn size(&self) -> usize {
        self.content.len()
    }
}
