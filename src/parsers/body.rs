//! The body of a request, read under limits.

use std::fmt;
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout_at};

use crate::error::{Error, Result};
use crate::heavy;

/// Limits of request bodies.
///
/// ```
/// use bowline::parsers::BodyLimits;
/// let limits = BodyLimits { upload_bytes: 50 << 20, ..BodyLimits::default() };
/// assert_eq!(limits.bytes, 2_621_440);
/// ```
#[derive(Clone, Debug)]
pub struct BodyLimits {
    /// The most bytes of a body that is kept in memory, the content of files not counted: Django's
    /// `DATA_UPLOAD_MAX_MEMORY_SIZE`, 2.5 MiB by default.
    pub bytes: usize,
    /// The most bytes of memory that JSON may become, by estimate: short values take many times their text. 16 MiB by default.
    pub parsed_bytes: usize,
    /// The most bytes of a body with files, where the view has a field for one; 1 GiB by default. Django leaves it to the web server.
    pub upload_bytes: u64,
    /// The most bytes of files that one request keeps in memory; larger ones go to temporary files. Django's
    /// `FILE_UPLOAD_MAX_MEMORY_SIZE`, 2.5 MiB by default.
    pub file_memory: usize,
    /// The most fields of a form: Django's `DATA_UPLOAD_MAX_NUMBER_FIELDS`, 1000 by default.
    pub fields: usize,
    /// The most files of a form: Django's `DATA_UPLOAD_MAX_NUMBER_FILES`, 100 by default.
    pub files: usize,
    /// How long a body may take to arrive; one with files has as much time again for every [`bytes`](Self::bytes) of it.
    pub timeout: Duration,
}

impl Default for BodyLimits {
    fn default() -> Self {
        BodyLimits {
            bytes: 2_621_440,
            parsed_bytes: 16 << 20,
            upload_bytes: 1 << 30,
            file_memory: 2_621_440,
            fields: 1000,
            files: 100,
            timeout: Duration::from_secs(30),
        }
    }
}

impl BodyLimits {
    /// The same for a view that has no use for files: what comes is kept in memory, and no longer than other bodies.
    pub(crate) fn without_files(&self) -> Self {
        let upload_bytes = self.upload_bytes.min(self.bytes as u64);
        BodyLimits { upload_bytes, file_memory: self.bytes, ..self.clone() }
    }
}

/// A body that is being read.
pub struct RequestBody<'a> {
    body: Body,
    limits: &'a BodyLimits,
    /// The length that the client announced.
    declared: Option<u64>,
    /// A piece that was read to see whether there is one.
    first: Option<Bytes>,
    read: u64,
    started: Instant,
}

impl<'a> RequestBody<'a> {
    pub(super) fn new(body: Body, declared: Option<u64>, limits: &'a BodyLimits) -> Self {
        RequestBody { body, limits, declared, first: None, read: 0, started: Instant::now() }
    }

    /// The limits that it is read under.
    pub fn limits(&self) -> &'a BodyLimits {
        self.limits
    }

    /// The length that the client announced; none where the body is sent in chunks.
    pub fn declared(&self) -> Option<u64> {
        self.declared
    }

    /// Whether a body with files may be as long as its client says.
    ///
    /// # Errors
    ///
    /// 413 where it is longer than [`upload_bytes`](BodyLimits::upload_bytes).
    pub(super) fn announced(&self) -> Result<()> {
        if self.declared.is_some_and(|length| length > self.limits.upload_bytes) {
            return Err(Error::PayloadTooLarge);
        }
        Ok(())
    }

    /// Whether there is nothing in it.
    ///
    /// # Errors
    ///
    /// As [`chunk`](Self::chunk): a body sent in chunks shows whether it is empty with its first one.
    pub(super) async fn is_empty(&mut self) -> Result<bool> {
        if let Some(length) = self.declared {
            return Ok(length == 0);
        }
        if self.first.is_none() {
            self.first = self.chunk().await?;
        }
        Ok(self.first.is_none())
    }

    /// The next piece of the body, never an empty one; none at its end.
    ///
    /// # Errors
    ///
    /// 408 where it does not arrive in time, 413 where the body is longer than
    /// [`upload_bytes`](BodyLimits::upload_bytes), 400 where the connection breaks.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>> {
        let share = u32::try_from(self.read / (self.limits.bytes.max(1) as u64)).unwrap_or(u32::MAX);
        let time = self.limits.timeout.saturating_mul(share.saturating_add(1));
        let chunk = self.read_until(time, self.limits.upload_bytes).await?;
        // who takes a body piece by piece computes between the pieces
        heavy::weigh(self.size()).await;
        Ok(chunk)
    }

    /// How many bytes of it were read so far.
    pub(super) fn size(&self) -> usize {
        usize::try_from(self.read).unwrap_or(usize::MAX)
    }

    /// All of it, in one piece.
    ///
    /// # Errors
    ///
    /// 408 where it does not arrive in time, 413 where it is longer than [`bytes`](BodyLimits::bytes), 400 where the
    /// connection breaks.
    pub async fn bytes(&mut self) -> Result<Bytes> {
        let limit = self.limits.bytes as u64;
        if self.declared.is_some_and(|length| length > limit) {
            return Err(Error::PayloadTooLarge);
        }
        let Some(first) = self.read_until(self.limits.timeout, limit).await? else { return Ok(Bytes::new()) };
        let Some(second) = self.read_until(self.limits.timeout, limit).await? else {
            heavy::weigh(self.size()).await;
            return Ok(first);
        };
        let mut whole = BytesMut::with_capacity(first.len() + second.len());
        whole.extend_from_slice(&first);
        whole.extend_from_slice(&second);
        while let Some(next) = self.read_until(self.limits.timeout, limit).await? {
            whole.extend_from_slice(&next);
        }
        heavy::weigh(self.size()).await;
        Ok(whole.freeze())
    }

    async fn read_until(&mut self, time: Duration, limit: u64) -> Result<Option<Bytes>> {
        if let Some(first) = self.first.take() {
            return if self.read > limit { Err(Error::PayloadTooLarge) } else { Ok(Some(first)) };
        }
        loop {
            if self.body.is_end_stream() {
                return Ok(None);
            }
            // too far away for the clock is as good as never
            let deadline = self.started.checked_add(time).unwrap_or(self.started + Duration::from_secs(86_400 * 365));
            let frame = match timeout_at(deadline, self.body.frame()).await {
                Err(_) => return Err(Error::RequestTimeout),
                Ok(None) => return Ok(None),
                Ok(Some(Err(_))) => return Err(Error::Parse("The request body could not be read.".into())),
                Ok(Some(Ok(frame))) => frame,
            };
            // trailers are no part of it
            let Ok(data) = frame.into_data() else { continue };
            if data.is_empty() {
                continue;
            }
            self.read += data.len() as u64;
            return if self.read > limit { Err(Error::PayloadTooLarge) } else { Ok(Some(data)) };
        }
    }
}

impl fmt::Debug for RequestBody<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBody")
            .field("declared", &self.declared)
            .field("read", &self.read)
            .finish_non_exhaustive()
    }
}
