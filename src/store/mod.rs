//! The only module that speaks SQL.
//!
//! Above it nobody knows the driver: a [`Bound`] statement goes in, [`Rows`] of [`Cell`]s come out.
//! There is one transport per database under the seam: [`postgres`] and [`sqlite`].
//!
//! | call | what runs |
//! |---|---|
//! | [`Store::read`] | one statement, on a connection or thread for readers; cancelled when dropped |
//! | [`Store::snapshot`] | several reads that see one state |
//! | [`Store::stream`] | a read of any number of rows, portion by portion |
//! | [`Store::write`] | a [`Unit`]: one statement, or several in one transaction, in one round trip |
//! | [`Store::begin`] | an open [`Transaction`] whose statements depend on what was read before |

use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::value::DbValue;
use altered::Signs;
use catalogue::Catalogue;
use deadline::within;
use seaorm::Converters;
use turns::Turns;

mod ahead;
mod altered;
mod answering;
pub mod catalogue;
mod changes;
mod connection;
mod database;
mod deadline;
mod error;
pub(crate) mod forms;
pub(crate) mod granted;
pub(crate) mod idempotency;
pub mod many;
mod needs;
mod on_commit;
pub mod plan;
pub mod postgres;
mod retry;
mod rows;
pub mod schema;
mod seaorm;
pub(crate) mod sequences;
pub mod sqlite;
mod stream;
mod transaction;
pub(crate) mod turns;

pub(crate) use ahead::Ahead;
pub use answering::Answering;
pub use changes::{Changes, ColumnSet};
pub use connection::Connection;
pub use database::Database;
pub use deadline::Deadline;
pub use error::{StoreError, Violation, ViolationKind};
pub use needs::Needs;
pub(crate) use needs::{Missing, meet};
pub use postgres::{List, Pairs};
pub use retry::Retry;
pub use rows::{Cell, Inet, Numeric, PackedColumn, PackedRows, Rows};
pub use seaorm::{KnownEntities, store_error};
pub use stream::RowStream;
pub use transaction::Transaction;

/// Which SQL is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// PostgreSQL 13 or later.
    Postgres,
    /// SQLite 3.35 or later.
    Sqlite,
}

/// SQL text with `$1` (PostgreSQL) or `?1` (SQLite) places, prepared once per connection.
#[derive(Clone, Debug)]
pub struct Statement {
    /// The text.
    pub sql: Arc<str>,
    /// Whether connections keep it prepared; `false` for text that is rarely the same twice.
    pub cached: bool,
    /// Whether the rows keep what is known of their columns, as SeaORM reads them by.
    pub named: bool,
    /// The types of the places, where the values say them and not the text alone; PostgreSQL's.
    pub types: Option<Arc<[tokio_postgres::types::Type]>>,
    /// Whether it looks up one row by its key: short enough to run without a change of thread on SQLite.
    pub point: bool,
}

impl Statement {
    /// A statement that connections keep prepared.
    pub fn new(sql: impl Into<Arc<str>>) -> Self {
        Statement { sql: sql.into(), cached: true, named: false, types: None, point: false }
    }

    /// The same, looking up one row by its key.
    pub fn point(sql: impl Into<Arc<str>>) -> Self {
        Statement { sql: sql.into(), cached: true, named: false, types: None, point: true }
    }

    /// A statement that is prepared anew each time.
    pub fn once(sql: impl Into<Arc<str>>) -> Self {
        Statement { sql: sql.into(), cached: false, named: false, types: None, point: false }
    }

    /// The same, keeping the rows that it finds as they are until the transaction ends.
    pub fn locking(&self, dialect: Dialect, lock: RowLock) -> Self {
        if dialect == Dialect::Sqlite {
            return self.clone();
        }
        let lock = match lock {
            RowLock::Key => " FOR KEY SHARE",
            RowLock::Whole => " FOR SHARE",
            RowLock::Change => " FOR NO KEY UPDATE",
        };
        Statement { sql: format!("{}{lock}", self.sql).into(), ..self.clone() }
    }

    /// The statement with its values.
    pub fn bind(&self, values: Vec<DbValue>) -> Bound {
        Bound { statement: self.clone(), values }
    }
}

/// What of a row stays as it is until a transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowLock {
    /// Its key: it may be changed, but not deleted.
    Key,
    /// All of it.
    Whole,
    /// All of it, for the transaction to change: two that both keep it, and then change it, would wait for each other.
    Change,
}

/// A statement with the values of its places.
#[derive(Clone, Debug)]
pub struct Bound {
    /// The text.
    pub statement: Statement,
    /// One value for each place, in order.
    pub values: Vec<DbValue>,
}

impl Bound {
    /// Whether it is the same text with the same values.
    fn is_same(&self, other: &Bound) -> bool {
        self.statement.sql == other.statement.sql && self.values == other.values
    }
}

/// A write whose statements do not depend on what a client decides in between.
///
/// One statement runs by itself; several run in one transaction and one round trip.
#[derive(Clone, Debug)]
pub struct Unit {
    /// In the order in which they run.
    pub statements: Vec<Bound>,
    /// Runs when the last statement returned no row, to say why: in the same transaction on SQLite, after the commit on
    /// PostgreSQL.
    pub verdict: Option<Bound>,
}

impl Unit {
    /// One statement.
    pub fn one(bound: Bound) -> Self {
        Unit { statements: vec![bound], verdict: None }
    }
}

/// How a transaction is isolated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// Rows that were locked do not change; others may.
    ReadCommitted,
    /// As if transactions ran one after the other; a conflict is [`StoreError::Conflict`].
    Serializable,
}

/// Limits and sizes of a [`Store`]; every wait has one.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// Connections to PostgreSQL; reader threads on SQLite are one per core, four at most. A quarter of the connections is
    /// kept for short reads: writes, transactions and long reads wait for the others.
    pub max_connections: usize,
    /// How long a request's work in the database may take in all, its waits and replays included; 503 beyond.
    pub deadline: Duration,
    /// How long a request waits for a connection, and a connection for its server.
    pub acquire_timeout: Duration,
    /// How long one statement, or one unit, may run where no request's [`deadline`](Self::deadline) ends it before: the portions
    /// of long reads, what the program does by itself.
    pub statement_timeout: Duration,
    /// How long a statement waits for a lock, and SQLite for another process.
    pub lock_timeout: Duration,
    /// How long an open transaction may stay without a statement.
    pub idle_timeout: Duration,
    /// Whether every transaction of the application is serializable by default (the law, query rules).
    pub serializable: bool,
    /// What stands between the application and PostgreSQL; `pooler=` in the URL goes before it.
    pub pooler: Pooler,
}

/// What hands out PostgreSQL's sessions.
///
/// ```
/// use bowline::prelude::*;
/// use bowline::store::{Pooler, StoreOptions};
/// let store = StoreOptions { pooler: Pooler::Transaction, ..StoreOptions::default() };
/// let settings = Settings { store, ..Settings::default() };
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pooler {
    /// Nobody: each connection is a session, which remembers its statements and settings. The start checks that this is so.
    #[default]
    None,
    /// A pooler that gives each transaction a session of its own, such as PgBouncer with `pool_mode = transaction`. Nothing is
    /// left to a session's memory: statements have no names, and isolation, limits and time zone are said with each
    /// transaction. Nothing is cancelled: what nobody waits for any more ends at its `statement_timeout`.
    Transaction,
}

impl Default for StoreOptions {
    fn default() -> Self {
        StoreOptions {
            max_connections: 16,
            deadline: Duration::from_secs(5),
            acquire_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(30),
            lock_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(10),
            serializable: false,
            pooler: Pooler::None,
        }
    }
}

/// A database, by whichever transport its URL names; cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    transport: Transport,
    /// Until when the request goes on that this handle belongs to.
    deadline: Option<Deadline>,
    /// Which reading of the catalogue its statements were made for.
    generation: u64,
    /// The ticks end with the last clone.
    shared: Arc<Shared>,
}

/// What all handles of a store share.
#[derive(Debug)]
struct Shared {
    isolation: Isolation,
    /// Long reads that may be open at once: they leave connections for others.
    streams: Arc<Semaphore>,
    /// How long one waits for its turn.
    patience: Duration,
    /// What was read of the tables, for the names of violated constraints.
    catalogue: RwLock<Option<Arc<Catalogue>>>,
    /// What may mean that they were altered since.
    signs: Arc<Signs>,
    turns: Turns,
    /// Makes SeaORM's rows of ours.
    seaorm: Arc<Converters>,
}

/// Ticks as long as there is a store.
///
/// A timer that is due before all others wakes the runtime's driver, by a system call and another thread. Nearly every
/// request sets a limit for its wait and lets go of it; with a tick a second none of these is ever the first one due.
async fn tick(alive: Weak<Shared>) {
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while alive.strong_count() > 0 {
        ticks.tick().await;
    }
}

/// Refuses what would be taken for a file of SQLite's and is the address of something else: its name, a password included, would
/// be that of a new file. The address is not repeated, for the same reason.
fn refuse_unknown(url: &str) -> Result<(), StoreError> {
    let scheme = url.split_once("://").map(|(scheme, _)| scheme);
    let refused = |reason: &str| Err(StoreError::Unavailable(reason.into()));
    if scheme.is_some_and(|scheme| !matches!(scheme, "postgres" | "postgresql" | "sqlite")) {
        return refused("the address begins with none of postgres://, postgresql:// and sqlite://");
    }
    let of_libpq = ["host", "hostaddr", "port", "dbname", "user", "password"];
    let first = url.trim_start().split_once('=').map(|(name, _)| name.trim_end());
    // a server's address that lost a part of its beginning; a file of such a name is `sqlite://` and its path
    let is_like_a_server = |url: &str| {
        let named = url.trim_start().trim_start_matches(['\'', '"']).get(..8);
        let password = url.split_once('@').is_some_and(|(user, _)| user.contains(':'));
        password || named.is_some_and(|name| name.eq_ignore_ascii_case("postgres")) && url.contains('@')
    };
    if scheme.is_none() && !url.starts_with("sqlite:") && is_like_a_server(url) {
        return refused("the address is neither postgres://user:password@host:port/database nor sqlite://path");
    }
    let of_sqlite = url.strip_prefix("sqlite:").and_then(|rest| rest.split_once('?'));
    if of_sqlite.is_some_and(|(_, parameters)| parameters != "mode=rwc") {
        return refused("the address of an SQLite file has no parameters but ?mode=rwc");
    }
    if scheme.is_none() && first.is_some_and(|name| of_libpq.contains(&name)) {
        return refused("the address is no URL; write postgres://user:password@host:port/database");
    }
    Ok(())
}

#[derive(Clone, Debug)]
enum Transport {
    Postgres(postgres::Postgres),
    Sqlite(sqlite::Sqlite),
}

impl Store {
    /// Connects to `postgres://…`, `postgresql://…`, `sqlite://path` or a bare path; an SQLite file that does not exist
    /// is created.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] where the database cannot be reached or the file not be opened.
    pub async fn connect(url: &str, options: StoreOptions) -> Result<Self, StoreError> {
        let streams = Arc::new(Semaphore::new((options.max_connections / 2).max(1)));
        let patience = options.acquire_timeout;
        let isolation = if options.serializable { Isolation::Serializable } else { Isolation::ReadCommitted };
        refuse_unknown(url)?;
        let transport = if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Transport::Postgres(postgres::Postgres::connect(url, options).await?)
        } else {
            let path = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:")).unwrap_or(url);
            Transport::Sqlite(sqlite::Sqlite::open(path, options).await?)
        };
        let signs = match &transport {
            Transport::Postgres(pg) => pg.signs(),
            Transport::Sqlite(_) => Arc::default(),
        };
        let shared = Arc::new(Shared {
            isolation,
            streams,
            patience,
            catalogue: RwLock::default(),
            signs,
            turns: Turns::default(),
            seaorm: Arc::default(),
        });
        tokio::spawn(tick(Arc::downgrade(&shared)));
        Ok(Store { transport, deadline: None, generation: 0, shared })
    }

    /// The same store for a request that ends at a deadline: nothing that is asked by this handle goes on after it.
    #[must_use]
    pub fn until(&self, deadline: impl Into<Option<Deadline>>) -> Self {
        let mut store = self.clone();
        store.deadline = deadline.into();
        match &mut store.transport {
            Transport::Postgres(pg) => pg.until(store.deadline),
            Transport::Sqlite(sqlite) => sqlite.until(store.deadline),
        }
        store
    }

    /// Until when the request goes on that this handle belongs to.
    pub fn deadline(&self) -> Option<Deadline> {
        self.deadline
    }

    /// What was read of the tables, at the start or later ([`catalogue::learn`]); none before.
    pub fn catalogue(&self) -> Option<Arc<Catalogue>> {
        self.shared.catalogue.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps what was read of the tables.
    pub(crate) fn keep(&self, catalogue: Arc<Catalogue>) {
        *self.shared.catalogue.write().unwrap_or_else(PoisonError::into_inner) = Some(catalogue);
    }

    /// What may mean that tables were altered.
    pub(crate) fn signs(&self) -> &Arc<Signs> {
        &self.shared.signs
    }

    /// The same store for statements that are made for the catalogue which is read after the present one.
    pub(crate) fn for_the_next_catalogue(&self) -> Self {
        Store { generation: self.shared.signs.generation() + 1, ..self.clone() }
    }

    /// Whether tables were altered, so that an error may be none of the statements that are made for them by now; where it is a
    /// sign of that, the catalogue is waited for.
    pub(crate) async fn is_outdated(&self, error: &StoreError) -> bool {
        let signs = &self.shared.signs;
        if signs.generation() > self.generation {
            return true;
        }
        let sign = match error {
            // a length or a range that was narrowed: the value was right by what was known
            StoreError::Data(_) => Some("a value does not fit its column".to_owned()),
            error => altered::sign(self.catalogue().as_deref(), self.dialect(), error),
        };
        match sign {
            Some(sign) => signs.renewed(&sign, self.generation, self.deadline).await,
            None => false,
        }
    }

    /// Takes note that a request was refused by what is known of the tables.
    pub(crate) fn doubt(&self) {
        self.shared.signs.doubt();
    }

    fn explained(&self, error: StoreError) -> StoreError {
        transaction::explained(&self.shared.signs, self.catalogue().as_deref(), self.dialect(), error)
    }

    /// The queues of writes that contend for the same.
    pub(crate) fn turns(&self) -> &Turns {
        &self.shared.turns
    }

    /// Which SQL it speaks.
    pub fn dialect(&self) -> Dialect {
        match &self.transport {
            Transport::Postgres(_) => Dialect::Postgres,
            Transport::Sqlite(_) => Dialect::Sqlite,
        }
    }

    /// How every transaction of the application is isolated.
    pub fn isolation(&self) -> Isolation {
        self.shared.isolation
    }

    /// Runs one statement that only reads; dropping the future cancels it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when no connection was to be had in time, the deadline is over or the database is away.
    pub fn read(&self, bound: Bound) -> Answering<'_, Rows> {
        // in a box of its own, as large as this transport wants it: requests carry it through many hands
        match &self.transport {
            Transport::Postgres(pg) => Answering::Wait(Box::pin(async move {
                let read = pg.read(bound).await;
                read.map_err(|error| self.explained(error))
            })),
            Transport::Sqlite(sqlite) => match sqlite.read_now(&bound) {
                Some(rows) => Answering::Ready(Some(rows.map_err(|error| self.explained(error)))),
                None => Answering::Wait(Box::pin(async move {
                    let read = sqlite.read(bound).await;
                    read.map_err(|error| self.explained(error))
                })),
            },
        }
    }

    /// Runs two reads, each by itself, in one round trip where there are any: none of the second one where it was not worth it,
    /// or failed.
    ///
    /// # Errors
    ///
    /// As [`Store::read`], about the first one.
    async fn both(&self, first: Bound, second: &Bound) -> Result<(Rows, Option<Rows>), StoreError> {
        match &self.transport {
            Transport::Postgres(pg) => pg.both(first, second).await,
            // a lookup runs where it is asked for: nothing is won
            Transport::Sqlite(sqlite) => sqlite.read(first).await.map(|rows| (rows, None)),
        }
        .map_err(|error| self.explained(error))
    }

    /// Whether reads that are sent together take one round trip.
    pub(crate) fn has_round_trips(&self) -> bool {
        matches!(&self.transport, Transport::Postgres(pg) if !pg.is_pooled())
    }

    /// Runs several reads that see one state of the database.
    ///
    /// # Errors
    ///
    /// As [`Store::read`].
    pub async fn snapshot(&self, bounds: Vec<Bound>) -> Result<Vec<Rows>, StoreError> {
        match &self.transport {
            Transport::Postgres(pg) => pg.snapshot(bounds).await,
            Transport::Sqlite(sqlite) => sqlite.snapshot(bounds).await,
        }
        .map_err(|error| self.explained(error))
    }

    /// Opens a read of any number of rows, which are fetched portion by portion as they are asked for; half as many of them as
    /// there are connections may be open at once.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when there was no turn or connection to be had in time; what else goes wrong, the first portion
    /// says.
    pub async fn stream(&self, bound: Bound) -> Result<RowStream, StoreError> {
        let limit = within(self.shared.patience, self.deadline);
        let turn = timeout(limit, Arc::clone(&self.shared.streams).acquire_owned()).await;
        let Ok(Ok(permit)) = turn else {
            return Err(StoreError::Unavailable("too many long reads are open".into()));
        };
        let rows = match &self.transport {
            Transport::Postgres(pg) => pg.stream(bound).await?,
            Transport::Sqlite(sqlite) => sqlite.stream(bound)?,
        };
        Ok(rows.keeping(permit))
    }

    /// Runs a unit and answers after it is durable: the rows of each statement, and of the verdict where it ran.
    ///
    /// The caller keeps the future on a task of its own: a write, once begun, runs to its end.
    ///
    /// # Errors
    ///
    /// [`StoreError::Violation`] where a constraint stopped it, [`StoreError::Conflict`] where it may be replayed,
    /// [`StoreError::Unavailable`] where nothing was done, [`StoreError::OutcomeUnknown`] where nobody knows whether it was.
    pub async fn write(&self, unit: Unit) -> Result<Vec<Rows>, StoreError> {
        let written = match &self.transport {
            Transport::Postgres(pg) => Answering::Wait(Box::pin(pg.write(unit))),
            Transport::Sqlite(sqlite) => Answering::Wait(Box::pin(sqlite.write(unit))),
        };
        written.await.map_err(|error| self.explained(error))
    }

    /// Opens a transaction and runs its first statement (usually `SELECT … FOR UPDATE`) in the same round trip.
    ///
    /// # Errors
    ///
    /// As [`Store::write`].
    pub async fn begin(&self, isolation: Isolation, first: Option<Bound>) -> Result<(Transaction, Rows), StoreError> {
        let opened = match &self.transport {
            Transport::Postgres(pg) => {
                pg.begin(isolation, first).await.map(|(tx, rows)| (Transaction::postgres(tx), rows))
            }
            Transport::Sqlite(sqlite) => sqlite.begin(first).await.map(|(tx, rows)| (Transaction::sqlite(tx), rows)),
        };
        let (tx, rows) = opened.map_err(|error| self.explained(error))?;
        let tx = tx.explaining(self.catalogue(), Arc::clone(&self.shared.signs));
        Ok((tx.converting(Arc::clone(&self.shared.seaorm)), rows))
    }

    /// Waits for writes in flight and closes the database.
    pub async fn close(&self) {
        match &self.transport {
            Transport::Postgres(pg) => pg.close().await,
            Transport::Sqlite(sqlite) => sqlite.close().await,
        }
    }
}
