//! Forms with files.

use std::borrow::Cow;
use std::sync::Arc;

use async_trait::async_trait;

use super::form::too_many_fields;
use super::{Parser, ParserContext, RequestBody};
use crate::error::{Error, Result};
use crate::media_type::charset::Charset;
use crate::media_type::header::Parameters;
use crate::value::{Form, Upload, Value, base64};

mod file_name;
mod parts;
pub(super) mod spool;

use parts::{Part, Parts};
use spool::Spool;

/// Reads `multipart/form-data` into a [`Form`]: first all fields, then all files, as DRF joins them.
///
/// It is Django's parser, RFC 7578 with its tolerance: a boundary counts wherever it stands, the last one may be
/// missing (a file before it is then passed over, as it may be cut short), a part without a name is passed over, as is a file whose name has nothing printable. File names
/// lose their folders; `base64` as a part's transfer encoding is undone. Files beyond
/// [`BodyLimits::file_memory`](super::BodyLimits::file_memory) bytes are written to temporary files while they arrive.
///
/// | 400 | when |
/// |---|---|
/// | `Multipart form parse error - Invalid boundary in multipart: None` | no boundary, or one that is not 1 to 201 printable characters |
/// | `… - Invalid Content-Type: */*` | a wildcard instead of the type |
/// | `… - Invalid non-ASCII Content-Type in multipart: …` | |
/// | `… - Request max total header size exceeded.` | headers of a part longer than 1024 bytes |
/// | `… - Could not decode base64 data.` | |
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct MultiPartParser;

impl MultiPartParser {
    /// The parser.
    pub fn new() -> Self {
        MultiPartParser
    }
}

fn failed(text: impl std::fmt::Display) -> Error {
    Error::Parse(format!("Multipart form parse error - {text}"))
}

/// The boundary that a content type names.
fn boundary(content_type: &str) -> Result<String> {
    if !content_type.starts_with("multipart/") {
        return Err(failed(format_args!("Invalid Content-Type: {content_type}")));
    }
    if !content_type.is_ascii() {
        return Err(failed(format_args!("Invalid non-ASCII Content-Type in multipart: {content_type}")));
    }
    let parameters = Parameters::parse(content_type).unwrap_or_default();
    let Some(boundary) = parameters.get("boundary") else {
        return Err(failed("Invalid boundary in multipart: None"));
    };
    let is_printable = boundary.bytes().all(|b| matches!(b, b' '..=b'~'));
    if boundary.is_empty() || boundary.len() > 201 || boundary.ends_with(' ') || !is_printable {
        return Err(failed(format_args!("Invalid boundary in multipart: {boundary}")));
    }
    Ok(boundary.to_owned())
}

#[async_trait]
impl Parser for MultiPartParser {
    fn media_type(&self) -> &str {
        "multipart/form-data"
    }

    async fn parse(&self, body: &mut RequestBody<'_>, request: &ParserContext<'_>) -> Result<Value> {
        let charset = request.charset()?;
        let boundary = boundary(request.content_type())?;
        let limits = body.limits();
        body.announced()?;
        let mut reading = Reading {
            charset,
            fields: Form::new(),
            files: Form::new(),
            complete: None,
            parts_seen: 0,
            files_seen: 0,
            bytes_seen: 0,
            // as Django decides it: by the length of the whole request
            file_memory: if body.declared().is_some_and(|length| length > limits.file_memory as u64) {
                0
            } else {
                limits.file_memory
            },
        };
        let mut parts = Parts::new(&boundary, body);
        while let Some(part) = parts.next().await? {
            // a file is complete when something follows its boundary; what a broken upload ends with is not a file
            if let Some((name, upload)) = reading.complete.take() {
                reading.files.append(name, Value::File(Arc::new(upload)));
            }
            reading.part(part, &mut parts).await?;
        }
        let mut form = reading.fields;
        form.extend(reading.files);
        Ok(Value::Form(Box::new(form)))
    }
}

/// What was read so far.
struct Reading {
    charset: Charset,
    fields: Form,
    files: Form,
    /// A file that is complete if another part follows.
    complete: Option<(String, Upload)>,
    parts_seen: usize,
    files_seen: usize,
    /// The bytes of fields and their names.
    bytes_seen: usize,
    /// How many bytes of files may still be kept in memory.
    file_memory: usize,
}

impl Reading {
    async fn part(&mut self, part: Part, parts: &mut Parts<'_, '_>) -> Result<()> {
        let limits = parts.limits();
        let file_name = part.file_name();
        if file_name.is_none() {
            self.parts_seen += 1;
            // what stands before the first boundary and after the last one is a part as well
            if self.parts_seen > limits.fields.saturating_add(2) {
                return Err(too_many_fields());
            }
        }
        let Some(name) = part.field_name() else { return Ok(()) };
        let name = self.text(name.as_bytes()).into_owned();
        let is_base64 = part.is_base64();
        let Some(file_name) = file_name else {
            let room = limits.bytes.saturating_sub(self.bytes_seen);
            let Some(mut data) = parts.read_to_end(room).await? else { return Err(Error::PayloadTooLarge) };
            self.bytes_seen = self.bytes_seen.saturating_add(data.len()).saturating_add(name.chars().count() + 2);
            if self.bytes_seen > limits.bytes {
                return Err(Error::PayloadTooLarge);
            }
            if let (true, Some(decoded)) = (is_base64, base64::decode(&data)) {
                data = decoded;
            }
            let text = self.text(&data).into_owned();
            self.fields.append(name, Value::Str(text));
            return Ok(());
        };
        self.files_seen += 1;
        if self.files_seen > limits.files {
            return Err(Error::Parse("The number of files exceeded settings.DATA_UPLOAD_MAX_NUMBER_FILES.".into()));
        }
        let Some(file_name) = file_name::sanitized(&self.text(file_name.as_bytes())) else { return Ok(()) };
        let mut spool = Spool::new(self.file_memory);
        let mut pending = Vec::new();
        while let Some(chunk) = parts.chunk().await? {
            if !is_base64 {
                spool.write(chunk).await?;
                continue;
            }
            pending.extend(chunk.iter().copied().filter(|b| !is_space(*b)));
            let rest = pending.split_off(pending.len() / 4 * 4);
            let decoded = base64::decode(&pending).ok_or_else(|| failed("Could not decode base64 data."))?;
            pending = rest;
            spool.write(decoded.into()).await?;
        }
        if !pending.is_empty() {
            return Err(failed("Could not decode base64 data."));
        }
        let upload = spool.finish(&file_name, Some(part.content_type().to_owned())).await?;
        self.file_memory = self.file_memory.saturating_sub(upload.in_memory().map_or(0, bytes::Bytes::len));
        self.complete = Some((name, upload));
        Ok(())
    }

    fn text<'a>(&self, bytes: &'a [u8]) -> Cow<'a, str> {
        self.charset.decode_lossy(bytes)
    }
}

/// `bytes.isspace()`.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}
