//! SQLite: reader threads, and one writer thread that commits what is waiting together.
//!
//! The file is in WAL mode with `synchronous=FULL`: readers never wait for the writer, and an answer to a
//! write means that the disk has it. Several processes may use one file; SQLite's own lock, waited for up to
//! [`StoreOptions::lock_timeout`], is between them. Nothing waits or runs beyond the deadline of the request that a handle
//! belongs to.
//!
//! | path | runs on |
//! |---|---|
//! | a lookup by key | the calling task, on a connection borrowed from a small pool |
//! | other reads, snapshots | a few reader threads; stopped when their future is dropped |
//! | units | the writer, many to a COMMIT (see `writer`) |
//! | interactive transactions | the writer, alone |

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::deadline::{Deadline, within};
use super::stream::RowStream;
use super::{Bound, Rows, StoreError, StoreOptions, Unit};

mod bind;
mod connection;
mod lock;
mod queue;
mod reader;
mod stream;
mod threads;
mod transaction;
mod verdict;
mod writer;

pub(super) use bind::literal;
pub use transaction::SqliteTransaction;

use connection::{File, Role};
use queue::{Drops, ask, closed};
use reader::{Points, Read};
use threads::Crew;
use transaction::Begin;
use writer::Write;

/// How many jobs wait in a queue before callers wait to queue theirs.
const QUEUE: usize = 1024;

/// An SQLite file; cheap to clone. Its threads end when the last clone is dropped.
#[derive(Clone, Debug)]
pub struct Sqlite {
    inner: Arc<Inner>,
    /// Until when the request goes on that this handle belongs to.
    deadline: Option<Deadline>,
}

#[derive(Debug)]
struct Inner {
    options: StoreOptions,
    file: File,
    points: Points,
    reads: mpsc::Sender<reader::Message>,
    writes: mpsc::Sender<writer::Message>,
    readers: Crew,
    streams: Crew,
    writer: Crew,
}

impl Sqlite {
    /// Opens a file, creating it if it is missing.
    ///
    /// `?mode=rwc` at the end of the path, as other drivers want it to create a file, is accepted.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] for a file that cannot be opened or is no database, and for `:memory:`: the
    /// connections of a store could not share it.
    pub async fn open(path: &str, options: StoreOptions) -> Result<Self, StoreError> {
        let path = path.strip_suffix("?mode=rwc").unwrap_or(path);
        if path.is_empty() || path.starts_with(":memory:") {
            let text = "SQLite needs the path of a file; a database in memory belongs to one connection alone";
            return Err(StoreError::Unavailable(text.into()));
        }
        let file = File { path: PathBuf::from(path), lock_timeout: options.lock_timeout };
        let opened = spawn_blocking(move || Inner::open(&file, options)).await;
        let inner = opened.map_err(|panic| StoreError::Unavailable(Box::new(panic)))??;
        Ok(Sqlite { inner: Arc::new(inner), deadline: None })
    }

    /// Ends everything that is asked by this handle at a deadline.
    pub(super) fn until(&mut self, deadline: Option<Deadline>) {
        self.deadline = deadline;
    }

    /// How long a job waits for its thread.
    fn patience(&self) -> Duration {
        within(self.inner.options.acquire_timeout, self.deadline)
    }

    /// Looks a row up by its key here and now; none for other statements, and where a thread has to wait for the file.
    pub(super) fn read_now(&self, bound: &Bound) -> Option<Result<Rows, StoreError>> {
        if bound.statement.point { self.inner.points.read(bound, self.deadline) } else { None }
    }

    /// Runs one statement that only reads; dropping the future cancels it.
    ///
    /// # Errors
    ///
    /// As [`Store::read`](super::Store::read).
    pub async fn read(&self, bound: Bound) -> Result<Rows, StoreError> {
        if let Some(rows) = self.read_now(&bound) {
            return rows;
        }
        let mut rows = self.snapshot(vec![bound]).await?;
        rows.pop().ok_or_else(closed)
    }

    /// Runs several reads that see one state of the database; dropping the future cancels them.
    ///
    /// # Errors
    ///
    /// As [`Store::read`](super::Store::read).
    pub async fn snapshot(&self, bounds: Vec<Bound>) -> Result<Vec<Rows>, StoreError> {
        let deadline = self.deadline;
        ask(&self.inner.reads, self.patience(), Drops::Cancel, |ticket, answer| {
            reader::Message::Read(Read { bounds, deadline, ticket, answer })
        })
        .await
    }

    /// Opens a long read, on a thread of its own.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] where there is no thread to be had; what else goes wrong, the first portion says.
    pub fn stream(&self, bound: Bound) -> Result<RowStream, StoreError> {
        let StoreOptions { statement_timeout, idle_timeout, .. } = self.inner.options;
        let limits = stream::Limits { answer: statement_timeout, idle: idle_timeout };
        let (rows, asked) = RowStream::new();
        stream::start(&self.inner.streams, &self.inner.file, bound, limits, asked, rows.gone())?;
        Ok(rows)
    }

    /// Runs a unit and answers after it is durable.
    ///
    /// Dropping the future before the unit has begun keeps it from beginning; afterwards it runs to its end.
    ///
    /// # Errors
    ///
    /// As [`Store::write`](super::Store::write).
    pub async fn write(&self, unit: Unit) -> Result<Vec<Rows>, StoreError> {
        let deadline = self.deadline;
        ask(&self.inner.writes, self.patience(), Drops::Finish, |ticket, answer| {
            writer::Message::Write(Write { unit, deadline, ticket, answer })
        })
        .await
    }

    /// Opens a transaction, which has the database to itself, and runs its first statement.
    ///
    /// # Errors
    ///
    /// As [`Store::write`](super::Store::write).
    pub async fn begin(&self, first: Option<Bound>) -> Result<(SqliteTransaction, Rows), StoreError> {
        let deadline = self.deadline;
        let (transaction, calls) = SqliteTransaction::new();
        let rows = ask(&self.inner.writes, self.patience(), Drops::Finish, |ticket, answer| {
            writer::Message::Begin(Begin { first, calls, deadline, ticket, answer })
        })
        .await?;
        Ok((transaction, rows))
    }

    /// Finishes what is queued, tidies the file and ends the threads; everything later is
    /// [`StoreError::Unavailable`].
    pub async fn close(&self) {
        // Readers first, so that the writer's checkpoint finds none in its way. A closed queue refuses the
        // message: somebody closes already.
        self.inner.points.close();
        let _ = self.inner.reads.send(reader::Message::Close).await;
        self.inner.readers.ended().await;
        let _ = timeout(self.inner.options.idle_timeout, self.inner.streams.ended()).await;
        let _ = self.inner.writes.send(writer::Message::Close).await;
        self.inner.writer.ended().await;
    }
}

/// When something that begins now has to end.
fn end(limit: Duration, deadline: Option<Deadline>) -> Instant {
    let end = Instant::now() + limit;
    deadline.map_or(end, |deadline| end.min(deadline.at()))
}

impl Inner {
    fn open(file: &File, options: StoreOptions) -> Result<Self, StoreError> {
        let count = available_parallelism().map_or(2, |cores| cores.get().clamp(2, 4));
        // The writer first: it creates the file and switches it to its log.
        let connection = file.open(Role::Writer)?;
        let points = Points::open(count, file, options.statement_timeout)?;
        let (readers, streams, writer) = (Crew::new(), Crew::new(), Crew::new());
        let (reads, read_queue) = mpsc::channel(QUEUE);
        let (writes, write_queue) = mpsc::channel(QUEUE);
        reader::start(&readers, count, file, options.statement_timeout, read_queue)?;
        writer::start(&writer, connection, file, &options, write_queue)?;
        Ok(Inner { options, file: file.clone(), points, reads, writes, readers, streams, writer })
    }
}

#[cfg(test)]
mod tests;
