//! Long lists, written row by row while they are read.

use std::fmt;

use super::Unrenderable;

/// What a renderer may know of a list before its first row.
#[derive(Clone, Copy, Debug)]
pub struct ListContext<'a> {
    /// The media type that the client asked for, with its parameters.
    pub accepted: &'a str,
    /// The names of the fields, in order, where every row has all of them and each shows one value (text, a number, a
    /// truth value, null); none where rows may differ, or hold lists and objects.
    pub fields: Option<&'a [String]>,
}

/// Writes one list, row by row; made by [`Renderer::list_writer`](super::Renderer::list_writer).
///
/// ```
/// use bowline::renderers::{ListWriter, Unrenderable};
///
/// /// JSON text sequences (RFC 7464).
/// #[derive(Debug)]
/// struct Sequence;
///
/// impl ListWriter for Sequence {
///     fn row(&mut self, json: &[u8], out: &mut Vec<u8>) -> Result<(), Unrenderable> {
///         out.push(0x1e);
///         out.extend_from_slice(json);
///         out.push(b'\n');
///         Ok(())
///     }
/// }
/// ```
pub trait ListWriter: Send + fmt::Debug {
    /// Writes what comes before the first row.
    ///
    /// # Errors
    ///
    /// As [`row`](Self::row).
    fn open(&mut self, _out: &mut Vec<u8>) -> Result<(), Unrenderable> {
        Ok(())
    }

    /// Writes a row, which comes as a JSON object.
    ///
    /// # Errors
    ///
    /// [`Unrenderable`] where the row holds what the media type has no form for: the list breaks off.
    fn row(&mut self, json: &[u8], out: &mut Vec<u8>) -> Result<(), Unrenderable>;

    /// Writes what comes after the last row.
    fn close(&mut self, _out: &mut Vec<u8>) {}
}
