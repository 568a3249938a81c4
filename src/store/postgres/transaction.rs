//! An open transaction on one connection.

use std::fmt;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::TryStreamExt;
use tokio_postgres::SimpleQueryMessage;

use super::lease::Lease;
use super::pipeline::{Answer, command, ready, run, statement, together};
use super::verdict::{Failure, Session};
use super::wait::Wait;
use super::{READ_ONLY, committed, sorted};
use crate::store::{Bound, Rows, StoreError};

/// A transaction on PostgreSQL.
///
/// After a statement failed, PostgreSQL refuses all that follow until the end (25P02), and the commit fails with
/// the kind of that first error: an error that a hook swallowed cannot turn into a write that seems to be done. (A
/// `ROLLBACK TO SAVEPOINT` of one's own makes it whole again.) Dropped without an end, it is rolled back
/// and its connection closed.
pub struct PostgresTransaction {
    lease: Lease,
    wait: Wait,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Statements that were sent and not seen to succeed: failed, timed out, or dropped on the way.
    unsettled: u32,
    /// Of what kind the first failure was.
    failed: Option<StoreError>,
    /// The connection broke.
    broken: bool,
    /// It was said to read only.
    reads_only: bool,
}

impl fmt::Debug for PostgresTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresTransaction").field("state", &*self.state()).finish_non_exhaustive()
    }
}

impl PostgresTransaction {
    pub(super) async fn begin(
        lease: Lease,
        wait: Wait,
        begin: &str,
        first: Option<&Bound>,
    ) -> Result<(Self, Rows), (StoreError, Lease)> {
        let prepared = match first {
            Some(bound) => match wait.bounded(ready(&lease, bound)).await {
                Ok(prepared) => Some(prepared),
                Err(failure) => return Err(unbegun(lease, failure)),
            },
            None => None,
        };
        // From here on the lease stays as it was made: to be closed when dropped.
        let opening = async {
            let client = lease.client()?;
            let mut calls = vec![command(client, begin)];
            calls.extend(prepared.iter().map(|ready| statement(client, ready)));
            match sorted(together(calls).await) {
                (answers, None) => Ok(answers),
                (_, Some(failure)) => Err(failure),
            }
        };
        let opened = wait.bounded(opening).await;
        let mut transaction = PostgresTransaction { lease, wait, state: Mutex::default() };
        match opened {
            Ok(mut answers) => {
                let rows = if prepared.is_some() { answers.pop().unwrap_or_default().rows } else { Vec::new() };
                Ok((transaction, Rows::Postgres(rows)))
            }
            Err(failure) if failure.is_broken() => Err(unbegun(transaction.lease, failure)),
            Err(failure) => {
                let _ = transaction.end("ROLLBACK").await;
                Err((failure.error, transaction.lease))
            }
        }
    }

    /// Runs a statement and answers its rows.
    ///
    /// # Errors
    ///
    /// As [`Store::write`](crate::store::Store::write); the transaction can then only be rolled back.
    pub async fn query(&self, bound: Bound) -> Result<Rows, StoreError> {
        Ok(Rows::Postgres(self.run(bound).await?.rows))
    }

    /// As [`PostgresTransaction::query`]: the rows of PostgreSQL always have their columns' names.
    ///
    /// # Errors
    ///
    /// As [`PostgresTransaction::query`].
    pub async fn query_named(&self, bound: Bound) -> Result<Rows, StoreError> {
        self.query(bound).await
    }

    /// Runs a statement and answers how many rows it changed; there is no last insert id on PostgreSQL (0).
    ///
    /// # Errors
    ///
    /// As [`PostgresTransaction::query`].
    pub async fn execute(&self, bound: Bound) -> Result<(u64, i64), StoreError> {
        Ok((self.run(bound).await?.affected, 0))
    }

    /// Runs statements without values, separated by semicolons, and answers how many rows they changed.
    ///
    /// # Errors
    ///
    /// As [`PostgresTransaction::query`].
    pub async fn batch(&self, sql: &str) -> Result<(u64, i64), StoreError> {
        if sql.contains(READ_ONLY) {
            self.state().reads_only = true;
        }
        let affected = self.tracked(async {
            self.lease.may_remember(sql)?;
            let mut answers = pin!(self.lease.client()?.simple_query_raw(sql).await?);
            let mut affected = 0;
            while let Some(answer) = answers.try_next().await? {
                if let SimpleQueryMessage::CommandComplete(count) = answer {
                    affected += count;
                }
            }
            Ok(affected)
        });
        Ok((affected.await?, 0))
    }

    /// Runs a last statement, if there is one, and commits, in one round trip.
    ///
    /// # Errors
    ///
    /// As [`Store::write`](crate::store::Store::write), with the errors of deferred constraints; nothing was
    /// committed then, except that after [`StoreError::OutcomeUnknown`] it is not known.
    pub async fn commit_with(mut self, last: Option<Bound>) -> Result<Rows, StoreError> {
        self.check_whole().await?;
        let prepared = match &last {
            Some(bound) => match self.wait.bounded(ready(&self.lease, bound)).await {
                Ok(prepared) => Some(prepared),
                Err(failure) => return self.give_up(failure).await,
            },
            None => None,
        };
        if let Err(failure) = self.wait.may_commit(&self.lease) {
            return self.give_up(failure).await;
        }
        let answers = {
            let call = async {
                let client = self.lease.client()?;
                let mut calls: Vec<_> = prepared.iter().map(|ready| statement(client, ready)).collect();
                calls.push(command(client, "COMMIT"));
                committed(together(calls).await)
            };
            self.wait.decided(&self.lease, call).await
        };
        let mut answers = self.lease.settle(answers)?;
        answers.pop();
        Ok(Rows::Postgres(answers.pop().unwrap_or_default().rows))
    }

    /// Undoes everything and gives the connection back.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] where the server is away; then it has undone everything by itself.
    pub async fn rollback(mut self) -> Result<(), StoreError> {
        if self.state().broken {
            // dropped, what runs is cancelled, and the transaction ends with its connection
            return Err(StoreError::Unavailable("the transaction's connection is given up".into()));
        }
        self.end("ROLLBACK").await
    }

    async fn end(&mut self, sql: &str) -> Result<(), StoreError> {
        let ended = Wait::at_end().bounded(async { Ok(self.lease.client()?.batch_execute(sql).await?) }).await;
        // A rollback that was refused leaves an open transaction behind.
        let ended = ended.map_err(|failure| Failure { session: failure.session.max(Session::End), ..failure });
        self.lease.settle(ended)
    }

    async fn give_up<T>(mut self, failure: Failure) -> Result<T, StoreError> {
        self.lease.learn(&failure);
        if !failure.is_broken() {
            let _ = self.end("ROLLBACK").await;
        }
        Err(failure.error)
    }

    async fn run(&self, bound: Bound) -> Result<Answer, StoreError> {
        self.tracked(async {
            self.lease.may_remember(&bound.statement.sql)?;
            let prepared = ready(&self.lease, &bound).await?;
            Ok(run(self.lease.client()?, &prepared).await?)
        })
        .await
    }

    /// Counts a statement as failed until it is seen to succeed, so that one whose future was dropped counts too.
    async fn tracked<T>(&self, statement: impl Future<Output = Result<T, Failure>>) -> Result<T, StoreError> {
        self.state().unsettled += 1;
        let result = self.wait.bounded(statement).await;
        let mut state = self.state();
        match result {
            Ok(value) => {
                state.unsettled -= 1;
                Ok(value)
            }
            Err(failure) => {
                let failure = if state.reads_only { failure.asked_for() } else { failure };
                self.lease.learn(&failure);
                state.broken |= failure.is_broken();
                state.failed.get_or_insert_with(|| echo(&failure.error));
                Err(failure.error)
            }
        }
    }

    /// Finds out whether there is something to commit: PostgreSQL answers the COMMIT of an aborted transaction with a
    /// ROLLBACK and no error.
    async fn check_whole(&mut self) -> Result<(), StoreError> {
        let State { unsettled, failed, broken, .. } = std::mem::take(&mut *self.state());
        if unsettled == 0 && !broken {
            return Ok(());
        }
        let aborted = || StoreError::Internal("a statement of the transaction did not succeed".into());
        if broken {
            return Err(failed.unwrap_or_else(aborted));
        }
        let probe = async { Ok(self.lease.client()?.batch_execute("SELECT 1").await?) };
        let probe = self.wait.bounded(probe).await;
        match probe {
            Ok(()) => Ok(()),
            Err(failure) if failure.is_broken() => Err(failure.error),
            Err(_) => {
                let _ = self.end("ROLLBACK").await;
                Err(failed.unwrap_or_else(aborted))
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The lease of a transaction that was not begun, of which nothing can have been kept.
fn unbegun(mut lease: Lease, failure: Failure) -> (StoreError, Lease) {
    match lease.settle::<()>(Err(failure.before_the_end())) {
        Err(error) => (error, lease),
        Ok(()) => (StoreError::Unavailable("the transaction was not begun".into()), lease),
    }
}

/// An error of the same kind, for the commit that fails because of it.
fn echo(error: &StoreError) -> StoreError {
    let text = || format!("an earlier statement of the transaction failed: {error}").into();
    match error {
        StoreError::Violation(violation) => StoreError::Violation(violation.clone()),
        StoreError::Data(_) => StoreError::Data(text()),
        StoreError::Conflict(_) => StoreError::Conflict(text()),
        StoreError::Unavailable(_) => StoreError::Unavailable(text()),
        StoreError::OutcomeUnknown(_) => StoreError::OutcomeUnknown(text()),
        StoreError::Internal(_) => StoreError::Internal(text()),
    }
}
