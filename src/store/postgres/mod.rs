//! PostgreSQL by tokio-postgres, with a pool of connections.
//!
//! Every wait has an end: the pool's (`acquire_timeout`), the server's own (`statement_timeout`,
//! `lock_timeout`, `idle_in_transaction_session_timeout`, set when a connection starts), and the deadline of the request that a
//! handle belongs to; where there is none, a limit a little above the server's, for a server that went away without a word. A
//! write that is under way at the deadline is cancelled, and the server's answer to that says whether it was carried out. A
//! connection whose state is not known is closed, never given to somebody else.
//!
//! Writes, transactions and long reads share places, fewer than there are connections: however long they wait for locks, there
//! are connections for short reads.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::Pool;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_postgres_rustls::MakeRustlsConnect;

mod bind;
mod cell;
#[cfg(test)]
pub(crate) mod cluster;
mod connect;
mod lease;
mod list;
mod pipeline;
mod stream;
#[cfg(test)]
mod tests;
mod transaction;
mod verdict;
mod wait;

pub use cell::cell;
pub use list::{List, Pairs};
pub use transaction::PostgresTransaction;

use super::deadline::{Deadline, within};
use super::stream::RowStream;
use super::{Bound, Isolation, Rows, StoreError, StoreOptions, Unit};
use lease::{Dropped, Lease};
use pipeline::{Answer, Ready, command, ready, run, statement, together};
use verdict::Failure;
use wait::Wait;

/// How much longer than the server's own limit we wait for its answer.
const MARGIN: Duration = Duration::from_secs(2);

/// A pool of connections to PostgreSQL; cheap to clone.
#[derive(Clone)]
pub struct Postgres {
    inner: Arc<Inner>,
    /// Until when the request goes on that this handle belongs to.
    deadline: Option<Deadline>,
}

struct Inner {
    pool: Pool,
    /// Places of those that may keep a connection for long.
    places: Arc<Semaphore>,
    tls: MakeRustlsConnect,
    options: StoreOptions,
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres")
            .field("pool", &self.inner.pool.status())
            .field("options", &self.inner.options)
            .finish_non_exhaustive()
    }
}

impl Postgres {
    /// Connects to a URL in libpq's form, and checks that the server answers.
    ///
    /// What libpq's URLs may hold is understood as tokio-postgres understands it: several hosts, a unix socket by
    /// `?host=/run/postgresql`, `port`, `user`, `password`, `dbname`, `application_name`, `options`,
    /// `target_session_attrs`, keepalives. Encryption differs in one point: a certificate that is not verified is
    /// never accepted.
    ///
    /// | `sslmode` | what happens |
    /// |---|---|
    /// | absent, `disable`, `allow`, `prefer` | plain text |
    /// | `require`, `verify-ca`, `verify-full` | TLS; the certificate must be valid and for this host |
    ///
    /// The roots are the operating system's, or those in the PEM file that `sslrootcert` names.
    ///
    /// # Errors
    ///
    /// [`StoreError::Internal`] for a URL or certificate file that cannot be read, or a server that is too old;
    /// [`StoreError::Unavailable`] where no connection was made in `acquire_timeout`.
    pub async fn connect(url: &str, options: StoreOptions) -> Result<Self, StoreError> {
        let (pool, tls) = connect::pool(url, &options)?;
        let most = options.max_connections.max(1);
        // at least one is left for short reads, where there are two
        let places = Arc::new(Semaphore::new((most - most.div_ceil(4)).max(1)));
        let postgres = Postgres { inner: Arc::new(Inner { pool, places, tls, options }), deadline: None };
        connect::check(&postgres).await?;
        Ok(postgres)
    }

    /// Ends everything that is asked by this handle at a deadline.
    pub(super) fn until(&mut self, deadline: Option<Deadline>) {
        self.deadline = deadline;
    }

    /// Runs one statement that only reads.
    ///
    /// Dropping the future cancels the statement on the server, unless it is done in a moment; nobody else's
    /// statement can be hit.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when no connection was to be had in time or the server is away,
    /// [`StoreError::Conflict`] when the read was serializable and lost, or a prepared statement no longer fits
    /// its tables.
    pub async fn read(&self, bound: Bound) -> Result<Rows, StoreError> {
        let mut lease = self.lease(Use::Short).await?;
        self.one(&mut lease, &bound, Dropped::Finish).await
    }

    /// Runs several reads that see one state of the database, in one round trip.
    ///
    /// # Errors
    ///
    /// As [`Postgres::read`].
    pub async fn snapshot(&self, bounds: Vec<Bound>) -> Result<Vec<Rows>, StoreError> {
        let mut lease = self.lease(Use::Short).await?;
        self.unit(&mut lease, &bounds, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", Dropped::Finish).await
    }

    /// Opens a long read, on a connection of its own.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when no connection was to be had in time; what else goes wrong, the first portion says.
    pub async fn stream(&self, bound: Bound) -> Result<RowStream, StoreError> {
        let lease = self.lease(Use::Long).await?;
        let answer = self.inner.options.statement_timeout + MARGIN;
        let limits = stream::Limits { answer, idle: self.inner.options.idle_timeout };
        let (rows, asked) = RowStream::new();
        tokio::spawn(stream::serve(lease, bound, limits, asked));
        Ok(rows)
    }

    /// Runs a unit, in one round trip once its statements are prepared, and answers after it is durable.
    ///
    /// If a statement fails, or a deferred constraint at the commit, nothing of the unit is kept, and the
    /// error is that of the statement that failed first. The verdict, if it is called for, is a read of its own after
    /// the commit.
    ///
    /// # Errors
    ///
    /// [`StoreError::Violation`] where a constraint stopped it, [`StoreError::Data`] for a value that does not fit,
    /// [`StoreError::Conflict`] where it may be replayed, [`StoreError::Unavailable`] where nothing was committed. After
    /// [`StoreError::OutcomeUnknown`] it is not known whether the unit was committed.
    pub async fn write(&self, unit: Unit) -> Result<Vec<Rows>, StoreError> {
        let Unit { statements, verdict } = unit;
        let mut lease = self.lease(Use::Long).await?;
        let mut rows = match statements.as_slice() {
            [] => Vec::new(),
            [one] => vec![self.one(&mut lease, one, Dropped::Close).await?],
            several => self.unit(&mut lease, several, "BEGIN", Dropped::Close).await?,
        };
        if let Some(verdict) = verdict
            && rows.last().is_some_and(Rows::is_empty)
        {
            rows.push(self.one(&mut lease, &verdict, Dropped::Finish).await?);
        }
        Ok(rows)
    }

    /// Opens a transaction and runs its first statement in the same round trip.
    ///
    /// In a store that is serializable, it is serializable whatever is asked for.
    ///
    /// # Errors
    ///
    /// As [`Postgres::write`]; the transaction is rolled back then.
    pub async fn begin(
        &self,
        isolation: Isolation,
        first: Option<Bound>,
    ) -> Result<(PostgresTransaction, Rows), StoreError> {
        let begin = match isolation {
            Isolation::Serializable if !self.inner.options.serializable => "BEGIN ISOLATION LEVEL SERIALIZABLE",
            Isolation::Serializable | Isolation::ReadCommitted => "BEGIN",
        };
        PostgresTransaction::begin(self.lease(Use::Long).await?, self.wait(), begin, first).await
    }

    /// Hands out no more connections, and waits until those in use came back, but no longer than a statement may run.
    pub async fn close(&self) {
        let pool = &self.inner.pool;
        pool.close();
        let _ = timeout(self.inner.options.statement_timeout + MARGIN, async {
            while pool.status().size > 0 {
                sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }

    /// How long we wait for an answer.
    fn wait(&self) -> Wait {
        Wait { most: self.inner.options.statement_timeout + MARGIN, deadline: self.deadline }
    }

    async fn lease(&self, kind: Use) -> Result<Lease, StoreError> {
        let Inner { pool, places, tls, options } = &*self.inner;
        let place = match kind {
            Use::Short => None,
            Use::Long => match Arc::clone(places).try_acquire_owned() {
                Ok(place) => Some(place),
                Err(_) => {
                    let limit = within(options.acquire_timeout, self.deadline);
                    let place = timeout(limit, Arc::clone(places).acquire_owned()).await;
                    let place = place.map_err(|_| {
                        StoreError::Unavailable(format!("no place for another write within {limit:?}").into())
                    })?;
                    Some(place.map_err(|closed| StoreError::Unavailable(Box::new(closed)))?)
                }
            },
        };
        let object = connect::acquire(pool, within(options.acquire_timeout, self.deadline)).await?;
        Ok(Lease::new(object, tls.clone(), place))
    }

    /// Runs one statement that is a transaction by itself.
    async fn one(&self, lease: &mut Lease, bound: &Bound, dropped: Dropped) -> Result<Rows, StoreError> {
        // A prepare that nobody waits for would leave a statement behind that nobody can name.
        lease.busy(Dropped::Close);
        let wait = self.wait();
        let prepared = wait.bounded(ready(lease.client()?, bound)).await;
        let prepared = lease.settle(prepared)?;
        lease.busy(dropped);
        let answer = {
            let call = async { Ok(run(lease.client()?, &prepared).await?) };
            match dropped {
                Dropped::Close => match wait.may_commit(lease) {
                    Ok(()) => wait.decided(lease, call).await,
                    Err(failure) => Err(failure),
                },
                Dropped::Finish | Dropped::Return => wait.bounded(call).await,
            }
        };
        Ok(Rows::Postgres(lease.settle(answer)?.rows))
    }

    /// Runs statements in one transaction and one round trip.
    async fn unit(
        &self,
        lease: &mut Lease,
        bounds: &[Bound],
        begin: &str,
        dropped: Dropped,
    ) -> Result<Vec<Rows>, StoreError> {
        lease.busy(Dropped::Close);
        let wait = self.wait();
        let prepared = wait.bounded(all_ready(lease, bounds)).await;
        let prepared = lease.settle(prepared)?;
        lease.busy(dropped);
        let answers = {
            let call = async {
                let client = lease.client()?;
                let mut calls = vec![command(client, begin)];
                calls.extend(prepared.iter().map(|ready| statement(client, ready)));
                calls.push(command(client, "COMMIT"));
                committed(together(calls).await)
            };
            match dropped {
                Dropped::Close => match wait.may_commit(lease) {
                    Ok(()) => wait.decided(lease, call).await,
                    Err(failure) => Err(failure),
                },
                Dropped::Finish | Dropped::Return => wait.bounded(call).await,
            }
        };
        let answers = lease.settle(answers)?;
        Ok(answers.into_iter().skip(1).take(bounds.len()).map(|answer| Rows::Postgres(answer.rows)).collect())
    }
}

async fn all_ready(lease: &Lease, bounds: &[Bound]) -> Result<Vec<Ready>, Failure> {
    let client = lease.client()?;
    let mut prepared = Vec::with_capacity(bounds.len());
    for bound in bounds {
        prepared.push(ready(client, bound).await?);
    }
    Ok(prepared)
}

/// The answers of calls that end with a COMMIT, or the error that came first.
///
/// After an error the server skips the calls up to the COMMIT (25P02) and takes that for a ROLLBACK: whatever
/// failed, the transaction is over, unless the connection broke.
fn committed(answers: Vec<Result<Answer, tokio_postgres::Error>>) -> Result<Vec<Answer>, Failure> {
    let mut first = None;
    let mut done = Vec::with_capacity(answers.len());
    for answer in answers {
        match (answer, &mut first) {
            (Ok(answer), _) => done.push(answer),
            (Err(error), None) => first = Some(Failure::from(error)),
            (Err(error), Some(first)) => first.broken |= Failure::from(error).broken,
        }
    }
    first.map_or(Ok(done), Err)
}

/// For how long a connection may be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    /// For one read.
    Short,
    /// For a write, a transaction or a long read, which may wait for others.
    Long,
}
