//! The file's lock for writing, which several processes share.

use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, Error};

use super::connection::control;
use super::queue::Ticket;
use super::verdict::is_busy;

/// How long a process sleeps between two tries.
const PAUSE: Duration = Duration::from_millis(1);
/// How long it leaves the lock to others after it has had it: longer than they sleep.
const TURN: Duration = Duration::from_millis(2);
/// For how long it goes on doing so after it has met another one.
const COMPANY: Duration = Duration::from_millis(500);

/// Takes the lock, in turn with other processes.
///
/// SQLite's own wait sleeps longer and longer, and one busy process may keep the lock from all others. So the writer tries
/// evenly, and who has met another process leaves it a moment after each transaction.
#[derive(Debug)]
pub(super) struct Lock {
    /// How long it is waited for.
    limit: Duration,
    /// When another process was in the way last.
    met: Option<Instant>,
}

impl Lock {
    pub(super) fn new(limit: Duration) -> Self {
        Lock { limit, met: None }
    }

    /// Begins a transaction that writes; `false` where who waits for it has given up.
    pub(super) fn take(&mut self, connection: &Connection, ticket: Option<&Ticket>) -> Result<bool, Error> {
        let start = Instant::now();
        loop {
            match control(connection, "BEGIN IMMEDIATE") {
                Ok(()) => return Ok(true),
                Err(error) if !is_busy(&error) => return Err(error),
                Err(_) if ticket.is_some_and(Ticket::is_left) => return Ok(false),
                Err(error) if start.elapsed() >= self.limit => return Err(error),
                Err(_) => {
                    self.met = Some(Instant::now());
                    thread::sleep(PAUSE);
                }
            }
        }
    }

    /// Takes note that a transaction is over.
    pub(super) fn released(&self) {
        if self.met.is_some_and(|met| met.elapsed() < COMPANY) {
            thread::sleep(TURN);
        }
    }
}
