//! Readers: threads that take reads from one queue, and connections for lookups on the calling task.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::mpsc;

use super::connection::{File, Names, Role, at, clear, control, run, stoppable};
use super::end;
use super::queue::{Answer, Ticket};
use super::threads::Crew;
use super::verdict::{failed, waited};
use crate::store::deadline::{Deadline, within};
use crate::store::{Bound, Rows, StoreError};

/// What a reader thread is asked.
#[derive(Debug)]
pub(super) enum Message {
    /// Some reads.
    Read(Read),
    /// To finish the queue and end.
    Close,
    /// To panic.
    #[cfg(test)]
    Panic,
}

/// Reads that see one state of the database.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) bounds: Vec<Bound>,
    pub(super) deadline: Option<Deadline>,
    pub(super) ticket: Ticket,
    pub(super) answer: Answer<Vec<Rows>>,
}

type Queue = Arc<Mutex<mpsc::Receiver<Message>>>;

/// Starts reader threads, each on a connection of its own.
pub(super) fn start(
    crew: &Crew,
    count: usize,
    file: &File,
    statement_timeout: Duration,
    queue: mpsc::Receiver<Message>,
) -> Result<(), StoreError> {
    let queue = Arc::new(Mutex::new(queue));
    for _ in 0..count {
        let mut first = Some(file.open(Role::Reader)?);
        let (file, queue) = (file.clone(), queue.clone());
        crew.start("bowline-sqlite-read", move || {
            let connection = first.take().map_or_else(|| file.open(Role::Reader), Ok);
            match connection {
                Ok(connection) => serve(connection, &file, statement_timeout, &queue),
                Err(error) => tracing::error!(%error, "a SQLite reader ended"),
            }
        })?;
    }
    Ok(())
}

fn serve(mut connection: Connection, file: &File, statement_timeout: Duration, queue: &Queue) {
    while let Some(read) = next(queue) {
        if !read.ticket.take() {
            continue;
        }
        let end = end(statement_timeout, read.deadline);
        let ticket = read.ticket;
        let stop = move || ticket.is_left() || Instant::now() >= end;
        // not longer for another process than for anything else
        let patience = connection.busy_timeout(within(file.patience(), read.deadline)).map_err(failed);
        let rows = patience.and_then(|()| stoppable(&connection, stop, || one_state(&connection, &read.bounds)));
        let rows = rows.map_err(waited);
        // Before the answer: whoever has it may expect that nothing is held on its behalf.
        let clean = clear(&connection);
        let _ = read.answer.send(rows);
        if !clean {
            match file.open(Role::Reader) {
                Ok(fresh) => connection = fresh,
                Err(error) => return tracing::error!(%error, "a SQLite reader ended"),
            }
        }
    }
}

/// The thread that waits for a job holds the queue; the others wait for their turn to wait.
fn next(queue: &Queue) -> Option<Read> {
    let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        match queue.blocking_recv()? {
            Message::Read(read) => return Some(read),
            Message::Close => queue.close(),
            #[cfg(test)]
            #[allow(clippy::panic)]
            Message::Panic => panic!("asked to"),
        }
    }
}

fn one_state(connection: &Connection, bounds: &[Bound]) -> Result<Vec<Rows>, StoreError> {
    let several = bounds.len() > 1;
    if several {
        control(connection, "BEGIN").map_err(failed)?;
    }
    let rows = bounds.iter().map(|bound| run(connection, bound, Names::Dropped)).collect::<Result<_, _>>()?;
    if several {
        control(connection, "COMMIT").map_err(failed)?;
    }
    Ok(rows)
}

/// Connections for lookups that are shorter than a change of thread.
#[derive(Debug)]
pub(super) struct Points {
    free: Mutex<Option<Vec<Connection>>>,
    statement_timeout: Duration,
}

impl Points {
    /// Opens so many connections.
    pub(super) fn open(count: usize, file: &File, statement_timeout: Duration) -> Result<Self, StoreError> {
        let connections: Result<_, _> = (0..count).map(|_| file.open(Role::Point)).collect();
        Ok(Points { free: Mutex::new(Some(connections?)), statement_timeout })
    }

    /// Looks a row up here and now; `None` where no connection is free, or another process is in the way and
    /// a thread has to wait for it.
    pub(super) fn read(&self, bound: &Bound, deadline: Option<Deadline>) -> Option<Result<Rows, StoreError>> {
        let connection = self.lock().as_mut()?.pop()?;
        let stop = at(end(self.statement_timeout, deadline));
        let rows = stoppable(&connection, stop, || run(&connection, bound, Names::Dropped));
        if clear(&connection) {
            // Closed meanwhile: the connection is dropped.
            if let Some(free) = self.lock().as_mut() {
                free.push(connection);
            }
        }
        match rows {
            Err(StoreError::Conflict(_)) => None,
            rows => Some(rows),
        }
    }

    /// Closes the connections.
    pub(super) fn close(&self) {
        self.lock().take();
    }

    fn lock(&self) -> MutexGuard<'_, Option<Vec<Connection>>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
