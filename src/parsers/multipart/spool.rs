//! A file that is arriving: in memory while it is small, then on the disk.

use std::fs::File;
use std::io::{self, Write};

use bytes::Bytes;

use crate::error::{Error, Result};
use crate::value::Upload;

/// How many bytes are gathered before the disk is asked to write them.
const PIECE: usize = 512 * 1024;

/// What has arrived of a file.
#[derive(Debug)]
pub(crate) struct Spool {
    /// What is not on the disk.
    memory: Vec<u8>,
    /// How much may be in memory as long as nothing is on the disk.
    limit: usize,
    file: Option<File>,
    written: u64,
}

impl Spool {
    /// Nothing yet; more than `limit` bytes go to the disk.
    pub(crate) fn new(limit: usize) -> Self {
        Spool { memory: Vec::new(), limit, file: None, written: 0 }
    }

    /// Adds a piece.
    ///
    /// # Errors
    ///
    /// 507 where the disk is full, 500 where it refuses it for another reason.
    pub(crate) async fn write(&mut self, chunk: Bytes) -> Result<()> {
        self.memory.extend_from_slice(&chunk);
        let limit = if self.file.is_some() { PIECE } else { self.limit };
        if self.memory.len() > limit { self.flush().await } else { Ok(()) }
    }

    /// The file, complete.
    ///
    /// # Errors
    ///
    /// As [`write`](Spool::write).
    pub(crate) async fn finish(mut self, name: &str, content_type: Option<String>) -> Result<Upload> {
        if self.file.is_some() && !self.memory.is_empty() {
            self.flush().await?;
        }
        Ok(match self.file {
            Some(file) => Upload::on_disk(name, content_type, file, self.written),
            None => Upload::new(name, content_type, self.memory),
        })
    }

    async fn flush(&mut self) -> Result<()> {
        let file = self.file.take();
        let mut piece = std::mem::take(&mut self.memory);
        let length = piece.len() as u64;
        let write = move || -> io::Result<(File, Vec<u8>)> {
            let mut file = match file {
                Some(file) => file,
                None => tempfile::tempfile()?,
            };
            file.write_all(&piece)?;
            piece.clear();
            Ok((file, piece))
        };
        let written = tokio::task::spawn_blocking(write).await.map_err(Error::internal)?;
        let (file, piece) = written.map_err(Error::disk)?;
        self.file = Some(file);
        self.memory = piece;
        self.written += length;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    async fn spooled(limit: usize, chunks: &[&[u8]]) -> Upload {
        let mut spool = Spool::new(limit);
        for chunk in chunks {
            spool.write(Bytes::copy_from_slice(chunk)).await.unwrap();
        }
        spool.finish("f", None).await.unwrap()
    }

    #[tokio::test]
    async fn memory_and_disk() {
        let small = spooled(4, &[b"ab", b"cd"]).await;
        assert_eq!(small.in_memory().unwrap(), "abcd");
        let large = spooled(4, &[b"ab", b"cde", b"f"]).await;
        assert_eq!((large.in_memory(), large.size()), (None, 6));
        assert_eq!(large.read().unwrap(), "abcdef");
        assert_eq!(spooled(0, &[]).await.in_memory().unwrap(), "");
        let many = vec![b"0123456789".as_slice(); 100_000];
        assert_eq!(spooled(10, &many).await.size(), 1_000_000);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_full_disk_is_no_mistake_of_the_program() {
        let file = File::options().write(true).open("/dev/full").unwrap();
        let mut spool = Spool { file: Some(file), ..Spool::new(4) };
        let full = spool.write(vec![0; PIECE + 1].into()).await.unwrap_err();
        assert_eq!(full.status().as_u16(), 507, "{full}");
    }
}
