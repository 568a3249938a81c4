//! Interactive transactions: the writer runs nothing else until one is over.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Instant;

use rusqlite::fallible_iterator::FallibleIterator;
use rusqlite::{Batch, Connection};
use tokio::sync::oneshot;

use super::connection::{Names, at, clear, control, run, stoppable};
use super::end;
use super::lock::Lock;
use super::queue::{Answer, Ticket};
use super::verdict::{classify, failed, uncommitted, waited};
use crate::store::deadline::Deadline;
use crate::store::{Bound, Rows, StoreError, StoreOptions};

/// An open transaction on the writer's connection; dropping it rolls it back.
///
/// A statement that fails leaves the transaction usable, with the statement undone. A transaction that stays
/// without a statement for longer than [`StoreOptions::idle_timeout`], or lasts longer than
/// [`StoreOptions::statement_timeout`] or than its request's deadline allows, is rolled back, and everything after it fails with
/// [`StoreError::Unavailable`].
#[derive(Debug)]
pub struct SqliteTransaction {
    calls: Sender<Call>,
}

impl SqliteTransaction {
    /// A handle, and what the writer serves it from.
    pub(super) fn new() -> (Self, Receiver<Call>) {
        let (calls, served) = channel();
        (SqliteTransaction { calls }, served)
    }

    /// Runs a statement and answers its rows, if it has any.
    ///
    /// # Errors
    ///
    /// As [`Store::write`](crate::store::Store::write); [`StoreError::Unavailable`] once the transaction is over.
    pub async fn query(&self, bound: Bound) -> Result<Rows, StoreError> {
        let names = Names::Dropped;
        self.call(|answer| Call::Query(bound, names, answer)).await
    }

    /// The same with the names of the columns kept in the rows.
    ///
    /// # Errors
    ///
    /// As [`SqliteTransaction::query`].
    pub async fn query_named(&self, bound: Bound) -> Result<Rows, StoreError> {
        let names = Names::Kept;
        self.call(|answer| Call::Query(bound, names, answer)).await
    }

    /// The same past the CHECK constraints: what it writes has to be put right before the commit, which does not look again.
    ///
    /// # Errors
    ///
    /// As [`SqliteTransaction::query`].
    pub(in crate::store) async fn query_unchecked(&self, bound: Bound) -> Result<Rows, StoreError> {
        self.call(|answer| Call::Unchecked(bound, answer)).await
    }

    /// Runs a statement and answers how many rows it changed and the last `rowid` that was inserted.
    ///
    /// # Errors
    ///
    /// As [`SqliteTransaction::query`].
    pub async fn execute(&self, bound: Bound) -> Result<(u64, i64), StoreError> {
        self.call(|answer| Call::Execute(bound, answer)).await
    }

    /// Runs several statements without values, as one text, and answers as [`SqliteTransaction::execute`] for all of them.
    ///
    /// # Errors
    ///
    /// As [`SqliteTransaction::query`], after the statements before the one that failed have run.
    pub async fn batch(&self, sql: &str) -> Result<(u64, i64), StoreError> {
        let sql = sql.to_owned();
        self.call(|answer| Call::Batch(sql, answer)).await
    }

    /// Runs a last statement, if there is one, and commits; answers after it is durable.
    ///
    /// # Errors
    ///
    /// As [`SqliteTransaction::query`]; the whole transaction is rolled back then.
    pub async fn commit_with(self, last: Option<Bound>) -> Result<Rows, StoreError> {
        self.call(|answer| Call::Commit(last, answer)).await
    }

    /// Undoes everything.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] where the transaction is over already, and so undone.
    pub async fn rollback(self) -> Result<(), StoreError> {
        self.call(Call::Rollback).await
    }

    async fn call<T>(&self, call: impl FnOnce(Answer<T>) -> Call) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.calls.send(call(answer)).map_err(|_| over())?;
        answered.await.unwrap_or_else(|_| Err(over()))
    }
}

fn over() -> StoreError {
    StoreError::Unavailable("the transaction is over: it reached its limit of time, or a statement ended it".into())
}

/// What a handle asks of the writer.
#[derive(Debug)]
pub(super) enum Call {
    Query(Bound, Names, Answer<Rows>),
    Unchecked(Bound, Answer<Rows>),
    Execute(Bound, Answer<(u64, i64)>),
    Batch(String, Answer<(u64, i64)>),
    Commit(Option<Bound>, Answer<Rows>),
    Rollback(Answer<()>),
}

/// A transaction that waits to be opened.
#[derive(Debug)]
pub(super) struct Begin {
    pub(super) first: Option<Bound>,
    pub(super) calls: Receiver<Call>,
    pub(super) deadline: Option<Deadline>,
    pub(super) ticket: Ticket,
    pub(super) answer: Answer<Rows>,
}

/// Opens a transaction and serves its handle until it is over; the connection is in no transaction afterwards.
pub(super) fn serve(connection: &Connection, options: &StoreOptions, lock: &mut Lock, begin: Begin) {
    let locked = lock.take(connection, Some(&begin.ticket));
    // not taken before the file is locked: who waits for that may give up
    if !begin.ticket.take() {
        clear(connection);
        return;
    }
    let open = Open { connection, deadline: end(options.statement_timeout, begin.deadline) };
    let first = locked.map_err(|error| waited(classify(&error))).and_then(|_| match &begin.first {
        Some(bound) => open.query(bound, Names::Dropped),
        None => Ok(Rows::none()),
    });
    let opened = first.is_ok();
    if !opened {
        clear(connection);
    }
    // Where nobody takes the answer the handle is gone, and the first wait for a call says so.
    let _ = begin.answer.send(first);
    while opened && !connection.is_autocommit() {
        let left = open.deadline.saturating_duration_since(Instant::now());
        let call = if left.is_zero() {
            Err(RecvTimeoutError::Timeout)
        } else {
            begin.calls.recv_timeout(left.min(options.idle_timeout))
        };
        match call {
            Ok(call) => open.serve(call),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                tracing::warn!("a SQLite transaction reached its limit of time and is rolled back");
                break;
            }
        }
    }
    clear(connection);
}

/// A transaction that is open, with its end.
struct Open<'a> {
    connection: &'a Connection,
    deadline: Instant,
}

impl Open<'_> {
    fn serve(&self, call: Call) {
        match call {
            Call::Query(bound, names, answer) => {
                let _ = answer.send(self.query(&bound, names));
            }
            Call::Unchecked(bound, answer) => {
                let _ = answer.send(self.unchecked(&bound));
            }
            Call::Execute(bound, answer) => {
                let _ = answer.send(self.execute(&bound));
            }
            Call::Batch(sql, answer) => {
                let _ = answer.send(self.within(|| self.batch(&sql)));
            }
            Call::Commit(last, answer) => {
                let committed = self.commit(last.as_ref());
                clear(self.connection);
                let _ = answer.send(committed);
            }
            Call::Rollback(answer) => {
                clear(self.connection);
                let _ = answer.send(Ok(()));
            }
        }
    }

    fn query(&self, bound: &Bound, names: Names) -> Result<Rows, StoreError> {
        self.within(|| run(self.connection, bound, names))
    }

    fn unchecked(&self, bound: &Bound) -> Result<Rows, StoreError> {
        let checking = |yes: bool| self.connection.pragma_update(None, "ignore_check_constraints", !yes);
        checking(false).map_err(failed)?;
        let result = self.query(bound, Names::Dropped);
        if let Err(error) = checking(true) {
            // a connection that does not check may not go on
            clear(self.connection);
            return Err(failed(error));
        }
        result
    }

    fn execute(&self, bound: &Bound) -> Result<(u64, i64), StoreError> {
        let before = self.connection.total_changes();
        self.query(bound, Names::Dropped)?;
        // `changes` keeps the count of an earlier statement when this one was no INSERT, UPDATE or DELETE.
        let changes = if self.connection.total_changes() == before { 0 } else { self.connection.changes() };
        Ok((changes, self.connection.last_insert_rowid()))
    }

    fn batch(&self, sql: &str) -> Result<(u64, i64), StoreError> {
        let mut changed = 0;
        let mut statements = Batch::new(self.connection, sql);
        while let Some(mut statement) = statements.next().map_err(failed)? {
            let before = self.connection.total_changes();
            let mut rows = statement.raw_query();
            while rows.next().map_err(failed)?.is_some() {}
            drop(rows);
            if self.connection.total_changes() != before {
                changed += self.connection.changes();
            }
        }
        Ok((changed, self.connection.last_insert_rowid()))
    }

    fn commit(&self, last: Option<&Bound>) -> Result<Rows, StoreError> {
        let rows = match last {
            Some(bound) => self.query(bound, Names::Dropped)?,
            None => Rows::none(),
        };
        control(self.connection, "COMMIT").map_err(|error| uncommitted(&error))?;
        Ok(rows)
    }

    /// Does some work within the transaction's time.
    fn within<T>(&self, work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        let result = stoppable(self.connection, at(self.deadline), work);
        if self.connection.is_autocommit() {
            // Nothing may run as if the transaction were still there.
            return result.and(Err(StoreError::Internal("a statement ended the transaction that it ran in".into())));
        }
        result
    }
}
