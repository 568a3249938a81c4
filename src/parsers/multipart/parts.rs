//! The parts of a multipart body, and their headers.

use bytes::{Bytes, BytesMut};
use memchr::memmem::Finder;

use super::super::{BodyLimits, RequestBody};
use super::failed;
use crate::error::Result;
use crate::media_type::header::Parameters;
use crate::value::python;

/// The most bytes that the headers of a part may have.
const MAX_HEADERS: usize = 1024;

/// A part's headers.
#[derive(Debug, Default)]
pub(super) struct Part {
    disposition: Option<Parameters>,
    content_type: Option<String>,
    transfer_encoding: Option<String>,
}

impl Part {
    /// Reads the lines before the empty one; those that are no headers are passed over.
    fn parse(head: &[u8]) -> Self {
        let mut part = Part::default();
        let mut rest = head;
        loop {
            let end = memchr::memmem::find(rest, b"\r\n");
            let line = end.and_then(|end| rest.get(..end)).unwrap_or(rest);
            part.line(line);
            match end {
                Some(end) => rest = rest.get(end + 2..).unwrap_or_default(),
                None => return part,
            }
        }
    }

    fn line(&mut self, line: &[u8]) {
        let Some(header) = std::str::from_utf8(line).ok().and_then(Parameters::parse) else { return };
        let Some((name, value)) = header.main.split_once(':') else { return };
        let value = python::strip(value).to_owned();
        match name {
            "content-disposition" => self.disposition = Some(header),
            "content-type" => self.content_type = Some(value),
            "content-transfer-encoding" => self.transfer_encoding = Some(value),
            _ => {}
        }
    }

    /// The file's name as the client wrote it; none where it is no file.
    pub(super) fn file_name(&self) -> Option<String> {
        let name = self.disposition.as_ref()?.get("filename")?;
        (!name.is_empty()).then(|| name.to_owned())
    }

    /// The field's name; none where the part has none.
    pub(super) fn field_name(&self) -> Option<&str> {
        let name = self.disposition.as_ref()?.get("name")?;
        // Python strips bytes here: ASCII's white space only
        Some(name.trim_matches(|c: char| u8::try_from(c).is_ok_and(super::is_space)))
    }

    /// The media type without parameters, in lower case; empty where the part names none.
    pub(super) fn content_type(&self) -> &str {
        self.content_type.as_deref().unwrap_or_default()
    }

    /// Whether the content is written in base64.
    pub(super) fn is_base64(&self) -> bool {
        self.transfer_encoding.as_deref() == Some("base64")
    }
}

/// Splits a body at its boundaries.
pub(super) struct Parts<'a, 'b> {
    body: &'a mut RequestBody<'b>,
    boundary: Finder<'static>,
    /// What was read and not yet given out.
    buffer: BytesMut,
    /// What of the present part was read while looking for its headers.
    head: BytesMut,
    /// Whether the present part has more than what is in `head`.
    in_part: bool,
    /// Whether the body has been read to its end.
    ended: bool,
}

impl<'a, 'b> Parts<'a, 'b> {
    pub(super) fn new(boundary: &str, body: &'a mut RequestBody<'b>) -> Self {
        let boundary = Finder::new(format!("--{boundary}").as_bytes()).into_owned();
        Parts { body, boundary, buffer: BytesMut::new(), head: BytesMut::new(), in_part: false, ended: false }
    }

    pub(super) fn limits(&self) -> &'b BodyLimits {
        self.body.limits()
    }

    /// The headers of the next part, after passing over what is left of the present one.
    ///
    /// What stands before the first boundary and after the last one counts as a part.
    pub(super) async fn next(&mut self) -> Result<Option<Part>> {
        while self.chunk().await?.is_some() {}
        if self.buffer.is_empty() && !self.fill().await? {
            return Ok(None);
        }
        self.in_part = true;
        while self.head.len() < MAX_HEADERS {
            match self.piece().await? {
                Some(piece) => self.head.extend_from_slice(&piece),
                None => break,
            }
        }
        let head = self.head.get(..MAX_HEADERS).unwrap_or(&self.head);
        match memchr::memmem::find(head, b"\r\n\r\n") {
            Some(end) => {
                let head = self.head.split_to(end);
                let _ = self.head.split_to(4);
                Ok(Some(Part::parse(&head)))
            }
            None if head.len() == MAX_HEADERS => Err(failed("Request max total header size exceeded.")),
            None => Ok(Some(Part::default())),
        }
    }

    /// The next bytes of the present part; none at its end.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>> {
        if !self.head.is_empty() {
            return Ok(Some(self.head.split().freeze()));
        }
        self.piece().await
    }

    /// The rest of the present part; none where it is longer than `limit`.
    pub(super) async fn read_to_end(&mut self, limit: usize) -> Result<Option<Vec<u8>>> {
        let mut whole = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            if chunk.len() > limit - whole.len() {
                return Ok(None);
            }
            whole.extend_from_slice(&chunk);
        }
        Ok(Some(whole))
    }

    /// The next bytes before a boundary, without the end of line that belongs to it.
    async fn piece(&mut self) -> Result<Option<Bytes>> {
        // a boundary may begin in what is kept, with its end of line before it
        let kept = self.boundary.needle().len() + 2;
        while self.in_part {
            if let Some(at) = self.boundary.find(&self.buffer) {
                self.in_part = false;
                let mut piece = self.buffer.split_to(at);
                let _ = self.buffer.split_to(self.boundary.needle().len());
                for end in *b"\n\r" {
                    if piece.last() == Some(&end) {
                        piece.truncate(piece.len() - 1);
                    }
                }
                return Ok(Some(piece.freeze()).filter(|piece| !piece.is_empty()));
            }
            if self.buffer.len() > kept {
                let ready = self.buffer.len() - kept;
                return Ok(Some(self.buffer.split_to(ready).freeze()));
            }
            if !self.fill().await? {
                self.in_part = false;
                return Ok(Some(self.buffer.split().freeze()).filter(|piece| !piece.is_empty()));
            }
        }
        Ok(None)
    }

    /// Reads more of the body; false at its end.
    async fn fill(&mut self) -> Result<bool> {
        if self.ended {
            return Ok(false);
        }
        match self.body.chunk().await? {
            Some(chunk) => self.buffer.extend_from_slice(&chunk),
            None => self.ended = true,
        }
        Ok(!self.ended)
    }
}
