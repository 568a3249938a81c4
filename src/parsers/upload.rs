//! A body that is a file.

use std::sync::Arc;

use async_trait::async_trait;
use http::header;

use super::multipart::spool::Spool;
use super::{Parser, ParserContext, RequestBody};
use crate::error::{Error, Result};
use crate::media_type::header::Parameters;
use crate::value::{Map, Value};

/// Reads any body as one file: `{"file": …}`.
///
/// Its name is the path's value `filename`, or the one that the header `Content-Disposition` gives:
/// `attachment; filename=a.txt`, `attachment; filename*=utf-8''caf%C3%A9.txt`. The answer to neither is 400,
/// `Missing filename. Request should include a Content-Disposition header with a filename parameter.`
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct FileUploadParser;

impl FileUploadParser {
    /// The parser.
    pub fn new() -> Self {
        FileUploadParser
    }
}

#[async_trait]
impl Parser for FileUploadParser {
    fn media_type(&self) -> &str {
        "*/*"
    }

    async fn parse(&self, body: &mut RequestBody<'_>, request: &ParserContext<'_>) -> Result<Value> {
        let name = match request.kwarg("filename") {
            Some(name) => Some(name.to_owned()),
            None => {
                let header = request.header(header::CONTENT_DISPOSITION);
                let parameters = header.and_then(|header| Parameters::parse(&header)).unwrap_or_default();
                parameters.get("filename*").or(parameters.get("filename")).map(str::to_owned)
            }
        };
        let Some(name) = name.filter(|name| !name.is_empty()) else {
            return Err(Error::Parse(
                "Missing filename. Request should include a Content-Disposition header with a filename parameter."
                    .into(),
            ));
        };
        body.announced()?;
        let limit = body.limits().file_memory;
        let is_large = body.declared().is_some_and(|length| length > limit as u64);
        let mut spool = Spool::new(if is_large { 0 } else { limit });
        while let Some(chunk) = body.chunk().await? {
            spool.write(chunk).await?;
        }
        let file = spool.finish(&name, Some(request.content_type().to_owned())).await?;
        if file.name().is_empty() {
            return Err(Error::Parse(format!("Could not derive file name from '{name}'")));
        }
        Ok(Value::Map(Map::from([("file".to_owned(), Value::File(Arc::new(file)))])))
    }
}
