//! An open transaction, and SeaORM's view of it.
//!
//! [`Transaction`] implements SeaORM's [`ConnectionTrait`]: `document::Entity::find().all(&tx)`,
//! `ActiveModel { .. }.insert(&tx)`, `Entity::update_many()` and raw statements run inside it, on both databases.
//!
//! It takes what SeaORM takes over its own drivers, with the same Rust types, and answers the same; see `seaorm` for how.
//!
//! After a statement failed, PostgreSQL refuses every other one until the rollback; SQLite does not. A hook that
//! wants to go on after an error must not count on it.

use std::sync::{Arc, Mutex, PoisonError};

use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, Statement as SeaStatement};

use super::altered::{self, Signs};
use super::catalogue::Catalogue;
use super::on_commit::OnCommit;
use super::postgres::PostgresTransaction;
use super::seaorm::{Asked, Converters, KnownEntities, bound};
use super::sqlite::SqliteTransaction;
use super::{Bound, Dialect, Rows, StoreError};

mod nested;
#[cfg(test)]
mod tests;

use nested::{Abandoned, Savepoint};

/// An open transaction on either database; dropped without an end, it is rolled back.
///
/// SeaORM's [`TransactionTrait`](sea_orm::TransactionTrait) opens another one within it, by a savepoint: what is done by that one is
/// undone by its rollback, or where it is dropped, and is part of this one after its commit. It has to end before this one does.
///
/// ```
/// use sea_orm::{ConnectionTrait, TransactionTrait};
/// # async fn example(database: bowline::store::Database) -> Result<(), Box<dyn std::error::Error>> {
/// let tx = database.begin().await?;
/// let part = TransactionTrait::begin(&tx).await?;
/// if part.execute_unprepared("INSERT INTO log VALUES ('tried')").await.is_err() {
///     part.rollback().await?; // tx goes on
/// } else {
///     part.commit().await?;
/// }
/// tx.commit().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Transaction {
    inner: Arc<Inner>,
    /// Where it is one within another.
    savepoint: Option<Savepoint>,
    /// The savepoints that were dropped without an end, and are to be undone.
    abandoned: Arc<Abandoned>,
    known: Arc<KnownEntities>,
    converters: Arc<Converters>,
    catalogue: Option<Arc<Catalogue>>,
    signs: Arc<Signs>,
    last_error: Arc<Mutex<Option<Arc<StoreError>>>>,
    on_commit: Arc<OnCommit>,
}

#[derive(Debug)]
enum Inner {
    Postgres(Box<PostgresTransaction>),
    Sqlite(SqliteTransaction),
}

impl Inner {
    fn dialect(&self) -> Dialect {
        match self {
            Inner::Postgres(_) => Dialect::Postgres,
            Inner::Sqlite(_) => Dialect::Sqlite,
        }
    }

    async fn batch(&self, sql: &str) -> Result<(), StoreError> {
        match self {
            Inner::Postgres(tx) => tx.batch(sql).await,
            Inner::Sqlite(tx) => tx.batch(sql).await,
        }
        .map(drop)
    }
}

impl Transaction {
    /// A transaction on PostgreSQL.
    pub fn postgres(inner: PostgresTransaction) -> Self {
        Transaction::new(Inner::Postgres(Box::new(inner)))
    }

    /// A transaction on SQLite.
    pub fn sqlite(inner: SqliteTransaction) -> Self {
        Transaction::new(Inner::Sqlite(inner))
    }

    fn new(inner: Inner) -> Self {
        Transaction {
            inner: Arc::new(inner),
            savepoint: None,
            abandoned: Arc::default(),
            known: Arc::default(),
            converters: Arc::default(),
            catalogue: None,
            signs: Arc::default(),
            last_error: Arc::default(),
            on_commit: Arc::default(),
        }
    }

    /// Shares what makes SeaORM's rows.
    pub(super) fn converting(mut self, converters: Arc<Converters>) -> Self {
        self.converters = converters;
        self
    }

    /// Tells the transaction which entities are kept as Django keeps them, for [`ConnectionTrait`].
    #[must_use]
    pub fn knowing(mut self, known: Arc<KnownEntities>) -> Self {
        self.known = known;
        self
    }

    /// Tells the transaction what is known of the tables, for the names of violated constraints.
    pub(super) fn explaining(mut self, catalogue: Option<Arc<Catalogue>>, signs: Arc<Signs>) -> Self {
        self.catalogue = catalogue;
        self.signs = signs;
        self
    }

    fn explained(&self, error: StoreError) -> StoreError {
        explained(&self.signs, self.catalogue.as_deref(), self.dialect(), error)
    }

    /// Which SQL it speaks.
    pub fn dialect(&self) -> Dialect {
        self.inner.dialect()
    }

    /// Runs a statement.
    ///
    /// # Errors
    ///
    /// As [`Store::write`](super::Store::write).
    pub async fn query(&self, bound: Bound) -> Result<Rows, StoreError> {
        self.undo_abandoned().await?;
        match &*self.inner {
            Inner::Postgres(tx) => tx.query(bound).await,
            Inner::Sqlite(tx) => tx.query(bound).await,
        }
        .map_err(|error| self.explained(error))
    }

    /// Runs statements without values, separated by semicolons.
    ///
    /// # Errors
    ///
    /// As [`Transaction::query`].
    pub(crate) async fn batch(&self, sql: &str) -> Result<(), StoreError> {
        self.undo_abandoned().await?;
        match &*self.inner {
            Inner::Postgres(tx) => tx.batch(sql).await,
            Inner::Sqlite(tx) => tx.batch(sql).await,
        }
        .map(drop)
        .map_err(|error| self.explained(error))
    }

    /// Runs a statement that may fail: what it did is undone then, and the transaction goes on.
    ///
    /// # Errors
    ///
    /// As [`Transaction::query`].
    pub(crate) async fn attempt(&self, bound: Bound) -> Result<Rows, StoreError> {
        self.batch("SAVEPOINT attempt").await?;
        match self.query(bound).await {
            Ok(rows) => {
                self.batch("RELEASE SAVEPOINT attempt").await?;
                Ok(rows)
            }
            Err(error) => {
                self.batch("ROLLBACK TO SAVEPOINT attempt; RELEASE SAVEPOINT attempt").await?;
                Err(error)
            }
        }
    }

    /// The same, and on SQLite past the CHECK constraints of its table.
    ///
    /// # Errors
    ///
    /// As [`Transaction::query`].
    pub(crate) async fn attempt_unchecked(&self, bound: Bound) -> Result<Rows, StoreError> {
        match &*self.inner {
            Inner::Postgres(_) => self.attempt(bound).await,
            // a statement that fails is undone by itself
            Inner::Sqlite(tx) => tx.query_unchecked(bound).await,
        }
    }

    /// Has something done once this transaction is committed, Django's `transaction.on_commit`: after a rollback, or an end
    /// that nobody knows, it is not done at all.
    ///
    /// What was asked for first is done first, after the commit and before the request is answered. An error and a panic are
    /// logged, since nothing can undo the commit, and so is a hook that has not ended after 5 seconds, which is dropped where it
    /// waits; the others have their turn all the same, after 10 seconds on a task of their own, while the request is answered.
    /// A server that is killed in between has not done it: what must not be
    /// lost is written down within the transaction.
    ///
    /// ```
    /// # async fn example(database: bowline::store::Database) -> bowline::Result<()> {
    /// let tx = database.begin().await?;
    /// tx.on_commit(async || {
    ///     println!("it is there");
    ///     Ok(())
    /// });
    /// tx.commit().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_commit<T>(&self, hook: impl FnOnce() -> T + Send + 'static)
    where
        T: Future<Output = crate::error::Result<()>> + Send + 'static,
    {
        self.on_commit.push(hook);
    }

    /// Whether anything is to be done after the commit.
    pub(crate) fn has_on_commit(&self) -> bool {
        !self.on_commit.is_empty()
    }

    /// Commits, and does what was asked for then.
    ///
    /// # Errors
    ///
    /// As [`Transaction::commit_with`].
    pub async fn commit(self) -> Result<(), StoreError> {
        self.commit_with(None).await.map(drop)
    }

    /// Runs a last statement, if there is one, and commits, in one round trip.
    ///
    /// # Errors
    ///
    /// As [`Store::write`](super::Store::write), with the errors of deferred constraints; nothing was committed then,
    /// except that after [`StoreError::OutcomeUnknown`] it is not known.
    pub async fn commit_with(self, last: Option<Bound>) -> Result<Rows, StoreError> {
        self.undo_abandoned().await?;
        if self.savepoint.is_some() {
            return self.release(last).await;
        }
        let Transaction { inner, signs, catalogue, on_commit, .. } = self;
        let Ok(inner) = Arc::try_unwrap(inner) else {
            // dropped with the last that is open, which undoes everything
            return Err(StoreError::Internal("a transaction within this one is still open".into()));
        };
        let dialect = inner.dialect();
        let rows = match inner {
            Inner::Postgres(tx) => tx.commit_with(last).await,
            Inner::Sqlite(tx) => tx.commit_with(last).await,
        }
        .map_err(|error| explained(&signs, catalogue.as_deref(), dialect, error))?;
        on_commit.run().await;
        Ok(rows)
    }

    /// Makes what was done within another transaction part of it.
    async fn release(self, last: Option<Bound>) -> Result<Rows, StoreError> {
        let rows = match last {
            Some(last) => self.query(last).await?,
            None => Rows::none(),
        };
        if let Some(savepoint) = self.savepoint {
            savepoint.release(&self.inner, &self.on_commit).await?;
        }
        Ok(rows)
    }

    /// Undoes everything.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] where the database is away; then everything is undone by itself.
    pub async fn rollback(self) -> Result<(), StoreError> {
        if let Some(savepoint) = self.savepoint {
            return savepoint.undo(&self.inner).await;
        }
        let Ok(inner) = Arc::try_unwrap(self.inner) else {
            return Err(StoreError::Internal("a transaction within this one is still open".into()));
        };
        match inner {
            Inner::Postgres(tx) => tx.rollback().await,
            Inner::Sqlite(tx) => tx.rollback().await,
        }
    }

    /// The last error that a statement of SeaORM's got, once: for a hook that did not hand its [`DbErr`] on.
    pub fn take_error(&self) -> Option<Arc<StoreError>> {
        self.last_error.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// SeaORM's error for ours, which [`store_error`](super::store_error) finds again in it.
    async fn failed(&self, asked: Asked, error: StoreError) -> DbErr {
        let error = Arc::new(self.explained(error));
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
        self.converters.failed(self.dialect(), asked, error).await
    }

    /// As [`Transaction::query`], with what is known of the columns.
    pub(super) async fn query_named(&self, bound: Bound) -> Result<Rows, StoreError> {
        self.undo_abandoned().await?;
        match &*self.inner {
            Inner::Postgres(tx) => tx.query_named(bound).await,
            Inner::Sqlite(tx) => tx.query_named(bound).await,
        }
        .map_err(|error| self.explained(error))
    }

    async fn rows(&self, statement: SeaStatement) -> Result<Vec<QueryResult>, DbErr> {
        let found = async {
            let rows = self.query_named(bound(self.dialect(), statement, &self.known)).await?;
            self.converters.rows(&rows, &self.known).await
        };
        match found.await {
            Ok(rows) => Ok(rows),
            Err(error) => Err(self.failed(Asked::Query, error).await),
        }
    }

    /// Runs a statement of SeaORM's and makes its result of how many rows it changed.
    async fn changed(
        &self,
        run: impl Future<Output = Result<(u64, i64), StoreError>> + Send,
    ) -> Result<ExecResult, DbErr> {
        let changed = async {
            let (affected, id) = run.await?;
            self.converters.result(self.dialect(), affected, id).await
        };
        match changed.await {
            Ok(result) => Ok(result),
            Err(error) => Err(self.failed(Asked::Exec, error).await),
        }
    }
}

/// The error with the names that only the catalogue knows. Where it may mean that the catalogue is another by now, that is noted.
pub(super) fn explained(
    signs: &Signs,
    catalogue: Option<&Catalogue>,
    dialect: Dialect,
    error: StoreError,
) -> StoreError {
    let error = match catalogue {
        Some(catalogue) => catalogue.explained(error),
        None => error,
    };
    if let Some(sign) = altered::sign(catalogue, dialect, &error) {
        signs.note(&sign);
    }
    error
}

#[async_trait::async_trait]
impl ConnectionTrait for Transaction {
    fn get_database_backend(&self) -> DbBackend {
        match self.dialect() {
            Dialect::Postgres => DbBackend::Postgres,
            Dialect::Sqlite => DbBackend::Sqlite,
        }
    }

    async fn execute_raw(&self, statement: SeaStatement) -> Result<ExecResult, DbErr> {
        let bound = bound(self.dialect(), statement, &self.known);
        self.changed(async {
            self.undo_abandoned().await?;
            match &*self.inner {
                Inner::Postgres(tx) => tx.execute(bound).await,
                Inner::Sqlite(tx) => tx.execute(bound).await,
            }
        })
        .await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.changed(async {
            self.undo_abandoned().await?;
            match &*self.inner {
                Inner::Postgres(tx) => tx.batch(sql).await,
                Inner::Sqlite(tx) => tx.batch(sql).await,
            }
        })
        .await
    }

    async fn query_one_raw(&self, statement: SeaStatement) -> Result<Option<QueryResult>, DbErr> {
        Ok(self.rows(statement).await?.into_iter().next())
    }

    async fn query_all_raw(&self, statement: SeaStatement) -> Result<Vec<QueryResult>, DbErr> {
        self.rows(statement).await
    }

    /// Both do; SeaORM's own answer for SQLite hangs on a feature of its crate.
    fn support_returning(&self) -> bool {
        true
    }
}
