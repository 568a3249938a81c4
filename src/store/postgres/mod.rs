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

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};

mod bind;
mod cell;
#[cfg(test)]
pub(crate) mod cluster;
mod connect;
mod hosts;
mod lease;
mod list;
mod pipeline;
mod session;
mod stream;
#[cfg(test)]
mod tests;
mod transaction;
mod unnamed;
mod verdict;
mod wait;

pub use cell::cell;
pub use list::{List, Pairs};
pub use transaction::PostgresTransaction;

use super::altered::Signs;
use super::deadline::{Deadline, within};
use super::stream::RowStream;
use super::{Bound, Isolation, Pooler, Rows, StoreError, StoreOptions, Unit};
use hosts::{Object, Pool};
use lease::{Dropped, Lease, Terms};
use pipeline::{Answer, Ready, command, ready, run, statement, together};
use session::Begin;
use verdict::Failure;
use wait::Wait;

/// In the BEGIN of a transaction in which a write is a mistake of the program's.
const READ_ONLY: &str = " READ ONLY";

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
    options: StoreOptions,
    begin: Begin,
    terms: Terms,
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
    /// `pooler=transaction` says that a pooler gives each transaction a session of its own ([`Pooler`]). Without it, the sessions
    /// are checked to be sessions.
    ///
    /// # Errors
    ///
    /// [`StoreError::Internal`] for a URL or certificate file that cannot be read, a server that is too old, or sessions that
    /// do not last;
    /// [`StoreError::Unavailable`] where no connection was made in `acquire_timeout`.
    pub async fn connect(url: &str, options: StoreOptions) -> Result<Self, StoreError> {
        let (pool, tls, options) = connect::pool(url, options)?;
        let begin = Begin::new(&options);
        let pooled = match options.pooler {
            Pooler::None => None,
            Pooler::Transaction => Some(options.statement_timeout + MARGIN),
        };
        let terms = Terms { tls, pooled, ended: Default::default(), signs: Default::default() };
        let most = options.max_connections.max(1);
        // at least one is left for short reads, where there are two
        let places = Arc::new(Semaphore::new((most - most.div_ceil(4)).max(1)));
        let postgres = Postgres { inner: Arc::new(Inner { pool, places, options, begin, terms }), deadline: None };
        connect::check(&postgres).await?;
        Ok(postgres)
    }

    /// Where it is noted that tables were altered.
    pub(super) fn signs(&self) -> Arc<Signs> {
        Arc::clone(&self.inner.terms.signs)
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
        self.read_on(self.lease(Use::Short).await?, &bound).await
    }

    /// Whether there is a pooler in between, which gives each transaction another session.
    pub(super) fn is_pooled(&self) -> bool {
        self.inner.terms.pooled.is_some()
    }

    /// Runs two reads in one round trip, each a transaction by itself; none of the second one where it failed.
    ///
    /// # Errors
    ///
    /// As [`Postgres::read`], about the first one; nothing is tried again.
    pub(super) async fn both(&self, first: Bound, second: &Bound) -> Result<(Rows, Option<Rows>), StoreError> {
        let mut lease = self.lease(Use::Short).await?;
        if lease.is_pooled() {
            return Ok((self.read_on(lease, &first).await?, None));
        }
        lease.busy(Dropped::Close);
        let wait = self.wait();
        let prepared = wait.bounded(async { Ok((ready(&lease, &first).await?, ready(&lease, second).await?)) }).await;
        let (first, second) = lease.settle(prepared.map_err(Failure::before_the_end))?;
        lease.busy(Dropped::Finish);
        let answers = {
            let call = async {
                let client = lease.client()?;
                Ok(together(vec![statement(client, &first), statement(client, &second)]).await)
            };
            wait.bounded(call).await
        };
        let mut answers = lease.settle(answers)?.into_iter();
        let (first, second) = (answers.next(), answers.next());
        let rows = |answer: Option<Result<Answer, tokio_postgres::Error>>| match answer {
            Some(Ok(answer)) => Ok(Rows::Postgres(answer.rows)),
            Some(Err(error)) => Err(Failure::from(error)),
            None => Ok(Rows::none()),
        };
        let second = lease.settle(rows(second)).ok();
        let ended_there = second.is_none();
        match rows(first) {
            Ok(rows) => Ok((rows, second)),
            // what the second one said of the session still holds
            Err(failure) if ended_there => Err(failure.error),
            Err(failure) => lease.settle(Err(failure)),
        }
    }

    /// Runs several reads that see one state of the database, in one round trip.
    ///
    /// # Errors
    ///
    /// As [`Postgres::read`].
    pub async fn snapshot(&self, bounds: Vec<Bound>) -> Result<Vec<Rows>, StoreError> {
        let mut lease = self.lease(Use::Short).await?;
        let begin = self.inner.begin.snapshot();
        loop {
            match self.unit(&mut lease, &bounds, begin, Dropped::Finish).await {
                Err(_) if lease.may_try_again(true) => lease = self.instead_of(lease).await?,
                result => return result,
            }
        }
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
        let begin =
            stream::Begin { serializable: self.inner.options.serializable, limits: self.inner.begin.limits.clone() };
        let (rows, asked) = RowStream::new();
        tokio::spawn(stream::serve(lease, begin, bound, limits, asked));
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
        let mut rows = loop {
            let written = match statements.as_slice() {
                [] => Ok(Vec::new()),
                [one] => self.one(&mut lease, one, Dropped::Close).await.map(|rows| vec![rows]),
                several => self.unit(&mut lease, several, self.begin_writing(), Dropped::Close).await,
            };
            match written {
                Err(_) if lease.may_try_again(false) => lease = self.instead_of(lease).await?,
                written => break written?,
            }
        };
        if let Some(verdict) = verdict
            && rows.last().is_some_and(Rows::is_empty)
        {
            rows.push(Box::pin(self.read_on(lease, &verdict)).await?);
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
        let begin = self.told(self.inner.begin.writing(isolation));
        let mut lease = self.lease(Use::Long).await?;
        loop {
            match PostgresTransaction::begin(lease, self.wait(), &begin, first.as_ref()).await {
                Ok(begun) => return Ok(begun),
                Err((_, failed)) if failed.may_try_again(true) => lease = self.instead_of(failed).await?,
                Err((error, _)) => return Err(error),
            }
        }
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
        let Inner { places, options, terms, .. } = &*self.inner;
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
        let object = self.acquired(|object| !terms.ended.covers(Object::metrics(object).created)).await?;
        Ok(Lease::new(object, terms.clone(), place))
    }

    /// A session that is opened now, in place of one that is of no use any more; those that idle may be like it.
    async fn instead_of(&self, failed: Lease) -> Result<Lease, StoreError> {
        let place: Option<OwnedSemaphorePermit> = failed.into_place();
        let object = Box::pin(self.acquired(|object| Object::metrics(object).recycled.is_none())).await?;
        Ok(Lease::second(object, self.inner.terms.clone(), place))
    }

    /// A session as it is wanted; the others that come first are closed.
    async fn acquired(&self, is_wanted: impl Fn(&Object) -> bool) -> Result<Object, StoreError> {
        let Inner { pool, options, .. } = &*self.inner;
        loop {
            let object = connect::acquire(pool, options.acquire_timeout, self.deadline).await?;
            if is_wanted(&object) {
                return Ok(object);
            }
            drop(Object::take(object));
        }
    }

    /// A BEGIN that tells the server of the deadline too, where nothing can be cancelled at it.
    fn told<'a>(&self, begin: &'a str) -> Cow<'a, str> {
        match self.deadline.filter(|_| self.inner.terms.pooled.is_some()).map(Deadline::left) {
            Some(left) if left < self.inner.options.statement_timeout => {
                Cow::Owned(format!("{begin}; SET LOCAL statement_timeout = {}", session::millis(left)))
            }
            _ => Cow::Borrowed(begin),
        }
    }

    /// A read on a session, and on another one where that is of no use any more.
    async fn read_on(&self, mut lease: Lease, bound: &Bound) -> Result<Rows, StoreError> {
        loop {
            match self.one(&mut lease, bound, Dropped::Finish).await {
                Err(_) if lease.may_try_again(true) => lease = self.instead_of(lease).await?,
                result => return result,
            }
        }
    }

    fn begin_writing(&self) -> &str {
        self.inner.begin.writing(Isolation::ReadCommitted)
    }

    /// Runs one statement that is a transaction by itself. Where no session knows how, the transaction is told.
    async fn one(&self, lease: &mut Lease, bound: &Bound, dropped: Dropped) -> Result<Rows, StoreError> {
        if lease.is_pooled() {
            let rows = Box::pin(self.unit(lease, std::slice::from_ref(bound), self.begin_writing(), dropped)).await?;
            return Ok(rows.into_iter().next().unwrap_or_else(Rows::none));
        }
        // A prepare that nobody waits for would leave a statement behind that nobody can name.
        lease.busy(Dropped::Close);
        let wait = self.wait();
        let prepared = wait.bounded(ready(lease, bound)).await;
        let prepared = lease.settle(prepared.map_err(Failure::before_the_end))?;
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
        let prepared = lease.settle(prepared.map_err(Failure::before_the_end))?;
        lease.busy(dropped);
        let told = self.told(begin);
        let answers = {
            let call = async {
                let client = lease.client()?;
                let mut calls = vec![command(client, &told)];
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
        let answers =
            lease.settle(if begin.contains(READ_ONLY) { answers.map_err(Failure::asked_for) } else { answers })?;
        Ok(answers.into_iter().skip(1).take(bounds.len()).map(|answer| Rows::Postgres(answer.rows)).collect())
    }
}

async fn all_ready(lease: &Lease, bounds: &[Bound]) -> Result<Vec<Ready>, Failure> {
    let mut prepared = Vec::with_capacity(bounds.len());
    for bound in bounds {
        prepared.push(ready(lease, bound).await?);
    }
    Ok(prepared)
}

/// The answers of calls that end with a COMMIT, or the error that came first.
///
/// After an error the server skips the calls up to the COMMIT (25P02) and takes that for a ROLLBACK: whatever
/// failed, the transaction is over, unless the connection broke.
fn committed(answers: Vec<Result<Answer, tokio_postgres::Error>>) -> Result<Vec<Answer>, Failure> {
    let calls = answers.len();
    let (done, failed) = sorted(answers);
    match failed {
        None => Ok(done),
        // all but the last one succeeded
        Some(failure) if done.len() + 1 == calls => Err(failure.of_the_commit()),
        Some(failure) => Err(failure),
    }
}

/// The answers up to the first error, and that error.
fn sorted(answers: Vec<Result<Answer, tokio_postgres::Error>>) -> (Vec<Answer>, Option<Failure>) {
    let mut first: Option<Failure> = None;
    let mut done = Vec::with_capacity(answers.len());
    for answer in answers {
        match (answer, &mut first) {
            (Ok(answer), _) => done.push(answer),
            (Err(error), None) => first = Some(Failure::from(error)),
            (Err(error), Some(first)) => first.session = first.session.max(Failure::from(error).session),
        }
    }
    (done, first)
}

/// For how long a connection may be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    /// For one read.
    Short,
    /// For a write, a transaction or a long read, which may wait for others.
    Long,
}
