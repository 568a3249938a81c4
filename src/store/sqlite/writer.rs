//! The writer: one thread, one connection, and one COMMIT for all that waits.
//!
//! Units that wait together run in one transaction and are answered after its COMMIT, so that they share the
//! wait for the disk. A unit that fails undoes itself alone. Where the transaction as a whole is lost (a
//! deferred foreign key at COMMIT, a full disk, a statement stopped in its work), nothing was answered yet, and
//! its units run again in smaller groups until only the guilty one fails.

use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::mpsc;

use super::connection::{File, Names, Role, at, clear, control, run, stoppable};
use super::end;
use super::lock::Lock;
use super::queue::{Answer, Ticket};
use super::threads::Crew;
use super::transaction::{self, Begin};
use super::verdict::{classify, failed, is_busy, uncommitted, waited};
use crate::store::deadline::Deadline;
use crate::store::{Rows, StoreError, StoreOptions, Unit};

/// How many units share one COMMIT at most.
const GROUP: usize = 256;
/// How long a group goes on taking units in before it commits.
const GROUP_TIME: Duration = Duration::from_millis(20);

/// What the writer is asked.
#[derive(Debug)]
pub(super) enum Message {
    /// A unit.
    Write(Write),
    /// An interactive transaction.
    Begin(Begin),
    /// To finish the queue and end.
    Close,
    /// To panic inside an open transaction.
    #[cfg(test)]
    Panic,
}

/// A unit with the way to answer it.
#[derive(Debug)]
pub(super) struct Write {
    pub(super) unit: Unit,
    pub(super) deadline: Option<Deadline>,
    pub(super) ticket: Ticket,
    pub(super) answer: Answer<Vec<Rows>>,
}

type Done = (Write, Result<Vec<Rows>, StoreError>);

/// Starts the writer on a connection that was opened before.
pub(super) fn start(
    crew: &Crew,
    connection: Connection,
    file: &File,
    options: &StoreOptions,
    mut queue: mpsc::Receiver<Message>,
) -> Result<(), StoreError> {
    let mut first = Some(connection);
    let (file, options) = (file.clone(), options.clone());
    crew.start("bowline-sqlite-write", move || {
        let connection = first.take().map_or_else(|| file.open(Role::Writer), Ok);
        match connection {
            Ok(connection) => {
                let lock = Lock::new(options.lock_timeout);
                let mut writer = Writer { connection, file: &file, options: &options, lock };
                writer.serve(&mut queue);
                writer.finish();
            }
            Err(error) => tracing::error!(%error, "the SQLite writer ended"),
        }
    })
}

struct Writer<'a> {
    connection: Connection,
    file: &'a File,
    options: &'a StoreOptions,
    lock: Lock,
}

impl Writer<'_> {
    fn serve(&mut self, queue: &mut mpsc::Receiver<Message>) {
        let mut held = None;
        while let Some(message) = held.take().or_else(|| queue.blocking_recv()) {
            match message {
                Message::Write(write) => held = self.group(write, queue),
                Message::Begin(begin) => transaction::serve(&self.connection, self.options, &mut self.lock, begin),
                Message::Close => queue.close(),
                #[cfg(test)]
                #[allow(clippy::panic)]
                Message::Panic => {
                    let _ = control(&self.connection, "BEGIN IMMEDIATE");
                    panic!("asked to")
                }
            }
            self.clear();
            self.lock.released();
        }
    }

    /// Runs the units that wait; returns a message that may not run among them.
    fn group(&mut self, first: Write, queue: &mut mpsc::Receiver<Message>) -> Option<Message> {
        let mut held = None;
        // not taken before the file is locked: who waits for that may give up
        let ticket = first.ticket.clone();
        let mut first = Some(first);
        let mut room = GROUP - 1;
        let mut started = None;
        let mut again = self.transact(Some(&ticket), &mut || {
            // From here, not from before BEGIN, which may have waited for another process.
            let started = started.get_or_insert_with(Instant::now);
            if let Some(first) = first.take().filter(|write| write.ticket.take()) {
                return Some(first);
            }
            while room > 0 && held.is_none() && started.elapsed() < GROUP_TIME {
                match queue.try_recv().ok()? {
                    Message::Write(write) if write.ticket.take() => {
                        room -= 1;
                        return Some(write);
                    }
                    Message::Write(_) => {}
                    other => held = Some(other),
                }
            }
            None
        });
        while let Some(group) = again.pop() {
            let mut group = group.into_iter();
            again.extend(self.transact(None, &mut || group.next()));
        }
        held
    }

    /// Runs units in one transaction and answers them after its COMMIT; returns the groups that have to run
    /// again, the first one last.
    ///
    /// The ticket is of who waits for the lock.
    fn transact(&mut self, ticket: Option<&Ticket>, next: &mut dyn FnMut() -> Option<Write>) -> Vec<Vec<Write>> {
        match self.lock.take(&self.connection, ticket) {
            Ok(true) => {}
            Ok(false) => return Vec::new(),
            Err(error) => {
                // Another process writes: it would be in the way of all that wait.
                while let Some(write) = next() {
                    let _ = write.answer.send(Err(waited(classify(&error))));
                }
                return Vec::new();
            }
        }
        let mut done: Vec<Done> = Vec::new();
        while let Some(write) = next() {
            let result = self.unit(&write.unit, write.deadline);
            done.push((write, result));
            if self.connection.is_autocommit() {
                // Its failure ended the transaction, and undid the units before it.
                if let Some(guilty) = done.pop() {
                    answer(guilty);
                }
                let others: Vec<Write> = done.into_iter().map(|(write, _)| write).collect();
                return Vec::from_iter((!others.is_empty()).then_some(others));
            }
        }
        let Err(error) = control(&self.connection, "COMMIT") else {
            done.into_iter().for_each(answer);
            return Vec::new();
        };
        self.clear();
        if done.len() < 2 {
            for (write, result) in done {
                answer((write, result.and(Err(uncommitted(&error)))));
            }
            return Vec::new();
        }
        let mut left: Vec<Write> = done.into_iter().map(|(write, _)| write).collect();
        let right = left.split_off(left.len() / 2);
        vec![right, left]
    }

    /// Runs one unit, so that it either happens as a whole or leaves no trace.
    fn unit(&self, unit: &Unit, deadline: Option<Deadline>) -> Result<Vec<Rows>, StoreError> {
        // A statement that fails undoes itself. For several, a savepoint is cheaper than to undo the group.
        let several = unit.statements.len() > 1;
        if several {
            control(&self.connection, "SAVEPOINT unit").map_err(failed)?;
        }
        let changes = self.connection.total_changes();
        let stop = at(end(self.options.statement_timeout, deadline));
        let result = stoppable(&self.connection, stop, || self.statements(unit));
        if self.connection.is_autocommit() {
            return result.and(Err(StoreError::Internal("a statement of the unit ended its transaction".into())));
        }
        let ended = if several {
            if result.is_err() {
                control(&self.connection, "ROLLBACK TO unit").and_then(|()| control(&self.connection, "RELEASE unit"))
            } else {
                control(&self.connection, "RELEASE unit")
            }
        } else if result.is_err() && self.connection.total_changes() != changes {
            // It wrote and failed later, in its rows or its verdict: the group is undone and run again
            // without it.
            control(&self.connection, "ROLLBACK")
        } else {
            Ok(())
        };
        ended.map_err(failed).and(result)
    }

    fn statements(&self, unit: &Unit) -> Result<Vec<Rows>, StoreError> {
        let mut answers = Vec::with_capacity(unit.statements.len() + 1);
        for bound in &unit.statements {
            answers.push(run(&self.connection, bound, Names::Dropped)?);
        }
        if let Some(verdict) = &unit.verdict
            && answers.last().is_none_or(Rows::is_empty)
        {
            answers.push(run(&self.connection, verdict, Names::Dropped)?);
        }
        Ok(answers)
    }

    /// Leaves no transaction open, on a new connection where the old one cannot.
    fn clear(&mut self) {
        if clear(&self.connection) {
            return;
        }
        match self.file.open(Role::Writer) {
            Ok(connection) => self.connection = connection,
            Err(error) => tracing::error!(%error, "the SQLite writer has no usable connection"),
        }
    }

    /// Leaves the file tidy: all of it in one place, the planner's statistics fresh. Best effort.
    fn finish(&self) {
        let tidy = "PRAGMA analysis_limit = 400; PRAGMA optimize; PRAGMA wal_checkpoint(TRUNCATE)";
        let tidied =
            self.connection.busy_timeout(Duration::from_millis(100)).and_then(|()| self.connection.execute_batch(tidy));
        match tidied {
            Err(error) if is_busy(&error) => {}
            Err(error) => tracing::warn!(%error, "the SQLite file was not tidied at its close"),
            Ok(()) => {}
        }
    }
}

fn answer((write, result): Done) {
    let _ = write.answer.send(result);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use crate::store::Statement;

    /// The outcome of a group would be the same without savepoints; this is what they are for.
    #[test]
    fn a_failed_unit_of_several_statements_leaves_the_group_open() {
        let directory = tempfile::tempdir().unwrap();
        let file = File { path: directory.path().join("test.db"), lock_timeout: Duration::from_secs(1) };
        let writer = Writer {
            connection: file.open(Role::Writer).unwrap(),
            file: &file,
            options: &StoreOptions::default(),
            lock: Lock::new(Duration::from_secs(1)),
        };
        let start = "CREATE TABLE t (a INT UNIQUE); BEGIN; INSERT INTO t VALUES (1)";
        writer.connection.execute_batch(start).unwrap();
        let insert = |a: i32| Statement::new("INSERT INTO t VALUES (?1)").bind(vec![a.into()]);
        let unit = Unit { statements: vec![insert(2), insert(1)], verdict: None };
        assert!(writer.unit(&unit, None).is_err());
        assert!(!writer.connection.is_autocommit());
        control(&writer.connection, "COMMIT").unwrap();
        let sum = "SELECT sum(a) FROM t";
        let sum: i64 = writer.connection.query_row(sum, [], |r| r.get(0)).unwrap();
        assert_eq!(sum, 1);
    }
}
