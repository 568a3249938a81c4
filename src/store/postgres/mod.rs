//! PostgreSQL by tokio-postgres, with a pool of connections.
//!
//! Every wait has an end: the pool's (`acquire_timeout`), the server's own (`statement_timeout`,
//! `lock_timeout`, `idle_in_transaction_session_timeout`, set when a connection starts), and one of ours a little
//! above the server's, for a server that went away without a word. A connection whose state is not known is
//! closed, never given to somebody else.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::Pool;
use futures_util::FutureExt;
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

pub use cell::cell;
pub use list::{List, Pairs};
pub use transaction::PostgresTransaction;

use super::stream::RowStream;
use super::{Bound, Isolation, Rows, StoreError, StoreOptions, Unit};
use lease::{Dropped, Lease};
use pipeline::{Answer, Ready, command, ready, run, statement, together};
use verdict::Failure;

/// How much longer than the server's own limit we wait for its answer.
const MARGIN: Duration = Duration::from_secs(2);

/// A pool of connections to PostgreSQL; cheap to clone.
#[derive(Clone)]
pub struct Postgres {
    inner: Arc<Inner>,
}

struct Inner {
    pool: Pool,
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
        let postgres = Postgres { inner: Arc::new(Inner { pool, tls, options }) };
        connect::check(&postgres).await?;
        Ok(postgres)
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
        let mut lease = self.lease().await?;
        self.one(&mut lease, &bound, Dropped::Finish).await
    }

    /// Runs several reads that see one state of the database, in one round trip.
    ///
    /// # Errors
    ///
    /// As [`Postgres::read`].
    pub async fn snapshot(&self, bounds: Vec<Bound>) -> Result<Vec<Rows>, StoreError> {
        let mut lease = self.lease().await?;
        self.unit(&mut lease, &bounds, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", Dropped::Finish).await
    }

    /// Opens a long read, on a connection of its own.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when no connection was to be had in time; what else goes wrong, the first portion says.
    pub async fn stream(&self, bound: Bound) -> Result<RowStream, StoreError> {
        let lease = self.lease().await?;
        let limits = stream::Limits { answer: self.limit(), idle: self.inner.options.idle_timeout };
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
    /// [`StoreError::Conflict`] where it may be replayed. After [`StoreError::Unavailable`] it is not known
    /// whether the unit was committed.
    pub async fn write(&self, unit: Unit) -> Result<Vec<Rows>, StoreError> {
        let Unit { statements, verdict } = unit;
        let mut lease = self.lease().await?;
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
        PostgresTransaction::begin(self.lease().await?, self.limit(), begin, first).await
    }

    /// Hands out no more connections, and waits until those in use came back, but no longer than a statement may run.
    pub async fn close(&self) {
        let pool = &self.inner.pool;
        pool.close();
        let _ = timeout(self.limit(), async {
            while pool.status().size > 0 {
                sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }

    /// How long we wait for an answer.
    fn limit(&self) -> Duration {
        self.inner.options.statement_timeout + MARGIN
    }

    async fn lease(&self) -> Result<Lease, StoreError> {
        let Inner { pool, tls, options } = &*self.inner;
        let object = connect::acquire(pool, options.acquire_timeout).await?;
        Ok(Lease::new(object, tls.clone()))
    }

    /// Runs one statement that is a transaction by itself.
    async fn one(&self, lease: &mut Lease, bound: &Bound, dropped: Dropped) -> Result<Rows, StoreError> {
        // A prepare that nobody waits for would leave a statement behind that nobody can name.
        lease.busy(Dropped::Close);
        let prepared = bounded(self.limit(), ready(lease.client()?, bound)).await;
        let prepared = lease.settle(prepared)?;
        lease.busy(dropped);
        let answer = bounded(self.limit(), async { Ok(run(lease.client()?, &prepared).await?) }).await;
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
        let prepared = bounded(self.limit(), all_ready(lease, bounds)).await;
        let prepared = lease.settle(prepared)?;
        lease.busy(dropped);
        let answers = bounded(self.limit(), async {
            let client = lease.client()?;
            let mut calls = vec![command(client, begin)];
            calls.extend(prepared.iter().map(|ready| statement(client, ready)));
            calls.push(command(client, "COMMIT"));
            committed(together(calls).await)
        })
        .await;
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

/// Waits for the server, but not for ever.
///
/// Not an `async fn`, which would hold its argument twice: requests carry these futures, and their size is time.
fn bounded<T>(
    limit: Duration,
    answer: impl Future<Output = Result<T, Failure>>,
) -> impl Future<Output = Result<T, Failure>> {
    timeout(limit, answer).map(|answered| answered.unwrap_or_else(|_| Err(Failure::elapsed())))
}
