//! The rows of one long read, portion by portion, in constant memory.
//!
//! The read has a connection (PostgreSQL) or a thread (SQLite) of its own, which reads on only when it is asked to: who asks
//! no more stops it, and who drops the stream cancels what runs. All that is read through it is one state of the database.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::{Bound, Rows, StoreError};

/// What the other side is asked.
#[derive(Debug)]
pub(super) enum Command {
    /// The next rows, so many at most.
    Next(usize, Answer),
    /// Another read of the same state of the database.
    Read(Bound, Answer),
}

/// The way to answer; closed once nobody waits any more.
pub(super) type Answer = oneshot::Sender<Result<Rows, StoreError>>;

impl Command {
    /// The way to answer it, for an answer that does not depend on what is asked.
    pub(super) fn answer(self) -> Answer {
        match self {
            Command::Next(_, answer) | Command::Read(_, answer) => answer,
        }
    }
}

/// The rows of one read, as far as they are asked for; made by [`Store::stream`](super::Store::stream).
#[derive(Debug)]
pub struct RowStream {
    commands: mpsc::Sender<Command>,
    /// Whether nobody waits any more.
    gone: Arc<AtomicBool>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Drop for RowStream {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::Relaxed);
    }
}

impl RowStream {
    /// A stream, and where what it is asked arrives.
    pub(super) fn new() -> (Self, mpsc::Receiver<Command>) {
        let (commands, asked) = mpsc::channel(1);
        (RowStream { commands, gone: Arc::default(), permit: None }, asked)
    }

    /// Keeps a place among the streams that may be open at once.
    pub(super) fn keeping(mut self, permit: OwnedSemaphorePermit) -> Self {
        self.permit = Some(permit);
        self
    }

    /// Becomes true when nobody waits any more, which a thread has to look for.
    pub(super) fn gone(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.gone)
    }

    /// The next rows, so many at most; none at the end.
    ///
    /// # Errors
    ///
    /// As [`Store::read`](super::Store::read), and [`StoreError::Unavailable`] where nothing was asked for longer than
    /// `idle_timeout`.
    pub async fn next(&self, most: usize) -> Result<Rows, StoreError> {
        self.ask(|answer| Command::Next(most.max(1), answer)).await
    }

    /// Another read of the same state of the database, between two portions.
    ///
    /// # Errors
    ///
    /// As [`RowStream::next`].
    pub async fn read(&self, bound: Bound) -> Result<Rows, StoreError> {
        self.ask(|answer| Command::Read(bound, answer)).await
    }

    async fn ask(&self, command: impl FnOnce(Answer) -> Command) -> Result<Rows, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.commands.send(command(answer)).await.map_err(|_| ended())?;
        answered.await.unwrap_or_else(|_| Err(ended()))
    }
}

fn ended() -> StoreError {
    StoreError::Unavailable("a long read was given up".into())
}
