//! The database outside of a transaction, as layers and handlers see it.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use sea_orm::sea_query::{SelectStatement, TableCreateStatement};
use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, Statement as SeaStatement, StatementBuilder,
};

use super::catalogue;
use super::seaorm::{Asked, bound};
use super::sequences::{self, Behind};
use super::{
    Ahead, Bound, Deadline, Dialect, Isolation, KnownEntities, Retry, Rows, Statement, Store, StoreError, Transaction,
    Unit,
};
use crate::value::DbValue;

/// The database of an application, outside of any transaction; cheap to clone.
///
/// It implements SeaORM's [`ConnectionTrait`]: `token::Entity::find().one(&database)`. Each statement runs by itself. What is
/// to hold together belongs into a [`Transaction`], which [`begin`](Self::begin) opens.
#[derive(Clone, Debug)]
pub struct Database {
    store: Store,
    known: Arc<KnownEntities>,
    replays: u32,
    /// The tables of the framework's own that are known to be there.
    made: Arc<Mutex<HashSet<&'static str>>>,
    /// The statements of lookups, by their names.
    lookups: Arc<RwLock<HashMap<&'static str, Statement>>>,
    /// A read that goes with the next one.
    ahead: Option<Arc<Ahead>>,
}

impl Database {
    /// Of a store whose entities are known.
    pub fn new(store: Store, known: Arc<KnownEntities>, replays: u32) -> Self {
        Database { store, known, replays, made: Arc::default(), lookups: Arc::default(), ahead: None }
    }

    /// The same database for a request that ends at a deadline: nothing that is asked by this handle, or within a transaction
    /// that it opens, goes on after it. A request's handles have the request's own.
    ///
    /// A task that goes on after its request takes a handle that has no deadline, or one of its own:
    ///
    /// ```
    /// use bowline::prelude::*;
    /// # async fn tidy(_: bowline::store::Database) {}
    /// async fn start(request: Request) -> bowline::Result<Response> {
    ///     let database = request.database()?.until(None);
    ///     tokio::spawn(tidy(database));
    ///     Ok(Response::no_content())
    /// }
    /// # let _ = api_view([http::Method::POST], start);
    /// ```
    #[must_use]
    pub fn until(&self, deadline: impl Into<Option<Deadline>>) -> Self {
        Database { store: self.store.until(deadline), ..self.clone() }
    }

    /// The same, which sends a read along with the first of its own.
    pub(crate) fn with_ahead(mut self, ahead: Option<Arc<Ahead>>) -> Self {
        self.ahead = ahead;
        self
    }

    /// The store under it.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Which SQL it speaks.
    pub fn dialect(&self) -> Dialect {
        self.store.dialect()
    }

    /// Opens a transaction, isolated as all of the application's are.
    ///
    /// # Errors
    ///
    /// As [`Store::begin`].
    pub async fn begin(&self) -> Result<Transaction, StoreError> {
        self.begin_isolated(self.store.isolation()).await
    }

    pub(super) async fn begin_isolated(&self, isolation: Isolation) -> Result<Transaction, StoreError> {
        let (tx, _) = self.store.begin(isolation, None).await?;
        Ok(tx.knowing(Arc::clone(&self.known)))
    }

    /// A read, replayed where a serializable transaction got in its way.
    ///
    /// # Errors
    ///
    /// As [`Store::read`].
    pub async fn read(&self, statement: Bound) -> Result<Rows, StoreError> {
        if let Some(ahead) = &self.ahead
            && let Some(second) = ahead.send()
            && let Ok((rows, found)) = Box::pin(self.store.both(statement.clone(), &second)).await
        {
            if let Some(found) = found {
                ahead.found(second, found);
            }
            return Ok(rows);
        }
        let mut retry = Retry::new(self.replays).until(self.store.deadline());
        loop {
            match self.store.read(statement.clone()).await {
                Ok(rows) => return Ok(rows),
                Err(error) => retry.again(error).await?,
            }
        }
    }

    /// One statement that writes, replayed where another transaction got in its way.
    ///
    /// # Errors
    ///
    /// As [`Store::write`].
    pub async fn write(&self, statement: Bound) -> Result<Rows, StoreError> {
        let mut retry = Retry::new(self.replays).until(self.store.deadline());
        loop {
            match self.store.write(Unit::one(statement.clone())).await {
                Ok(mut rows) => return Ok(if rows.is_empty() { Rows::none() } else { rows.swap_remove(0) }),
                Err(error) => self.again(&mut retry, error).await?,
            }
        }
    }

    /// A SELECT as SeaORM's builder says it, in one round trip: the rows with the columns in the statement's order.
    ///
    /// # Errors
    ///
    /// As [`Store::read`].
    pub async fn select(&self, statement: &(impl StatementBuilder + ?Sized)) -> Result<Rows, StoreError> {
        self.read(self.built(statement)).await
    }

    /// A row by one unique value, which is worked out once under a name of its own: `describe` is asked for the statement the first
    /// time, and its only place is the value's. On SQLite it does not change the thread.
    ///
    /// # Errors
    ///
    /// As [`Store::read`].
    pub async fn lookup(
        &self,
        name: &'static str,
        value: impl Into<DbValue>,
        describe: impl FnOnce(DbValue) -> SelectStatement,
    ) -> Result<Rows, StoreError> {
        let value = value.into();
        let known = self.lookups.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        let statement = match known {
            Some(statement) => statement,
            None => {
                let statement = Statement::point(self.built(&describe(value.clone())).statement.sql);
                let mut lookups = self.lookups.write().unwrap_or_else(PoisonError::into_inner);
                lookups.insert(name, statement.clone());
                statement
            }
        };
        self.read(statement.bind(vec![value])).await
    }

    /// A statement that writes, as SeaORM's builder says it, in one round trip: the rows that it returns.
    ///
    /// # Errors
    ///
    /// As [`Store::write`].
    pub async fn apply(&self, statement: &(impl StatementBuilder + ?Sized)) -> Result<Rows, StoreError> {
        self.write(self.built(statement)).await
    }

    /// Makes a table of the framework's own where it is absent; once it is known to be there, this costs nothing. Ways of
    /// authentication name theirs by [`tables`](crate::authentication::Authentication::tables), so that they are there, or refused,
    /// when the program starts.
    ///
    /// # Errors
    ///
    /// As [`Store::write`].
    pub async fn make_table(
        &self,
        name: &'static str,
        describe: fn() -> TableCreateStatement,
    ) -> Result<(), StoreError> {
        if self.made.lock().unwrap_or_else(PoisonError::into_inner).contains(name) {
            return Ok(());
        }
        // who may not make tables may be given one: even `IF NOT EXISTS` asks for the right to make it
        if catalogue::read(&self.store, &[(None, name.to_owned())]).await?.is_empty() {
            let table = describe();
            if self.apply(&table).await.is_err() {
                // another process has made it in between
                self.apply(&table).await?;
            }
        }
        self.knows_table(name);
        Ok(())
    }

    /// Takes note that a table is there.
    pub(super) fn knows_table(&self, name: &'static str) {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).insert(name);
    }

    /// Several statements in one transaction and one round trip.
    ///
    /// # Errors
    ///
    /// As [`Store::write`].
    pub async fn apply_all(&self, statements: Vec<Bound>) -> Result<Vec<Rows>, StoreError> {
        let mut retry = Retry::new(self.replays).until(self.store.deadline());
        loop {
            match self.store.write(Unit { statements: statements.clone(), verdict: None }).await {
                Ok(rows) => return Ok(rows),
                Err(error) => self.again(&mut retry, error).await?,
            }
        }
    }

    /// Waits before another try at a write, where one may end otherwise.
    async fn again(&self, retry: &mut Retry, error: StoreError) -> Result<(), StoreError> {
        if let StoreError::Violation(violation) = &error
            && retry.may_catch_up()
            && sequences::catch_up(&self.store, violation).await? == Behind::CaughtUp
        {
            return Ok(());
        }
        retry.again(error).await
    }

    /// A statement of SeaORM's builder, in the database's SQL.
    pub fn built(&self, statement: &(impl StatementBuilder + ?Sized)) -> Bound {
        let statement = statement.build(&self.get_database_backend());
        let mut bound = bound(self.dialect(), statement, &KnownEntities::of_the_framework());
        // PostgreSQL finds the types of the framework's own statements
        bound.statement.types = None;
        bound
    }

    async fn rows(&self, statement: SeaStatement) -> Result<Vec<QueryResult>, StoreError> {
        let mut bound = bound(self.dialect(), statement, &self.known);
        let reads = bound.statement.sql.get(..7).is_some_and(|verb| verb.eq_ignore_ascii_case("SELECT "));
        let rows = if reads {
            bound.statement.named = true;
            self.read(bound).await?
        } else {
            let tx = self.begin().await?;
            let rows = tx.query_named(bound).await?;
            tx.commit().await?;
            rows
        };
        self.store.shared.seaorm.rows(&rows, &self.known).await
    }

    /// SeaORM's error for ours.
    pub(super) async fn failed(&self, asked: Asked, error: StoreError) -> DbErr {
        let error = Arc::new(self.store.explained(error));
        self.store.shared.seaorm.failed(self.dialect(), asked, error).await
    }

    async fn opened(&self) -> Result<Transaction, DbErr> {
        match self.begin().await {
            Ok(tx) => Ok(tx),
            Err(error) => Err(self.failed(Asked::Exec, error).await),
        }
    }

    async fn committed(&self, tx: Transaction, result: ExecResult) -> Result<ExecResult, DbErr> {
        match tx.commit().await {
            Ok(()) => Ok(result),
            Err(error) => Err(self.failed(Asked::Exec, error).await),
        }
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Database {
    fn get_database_backend(&self) -> DbBackend {
        match self.dialect() {
            Dialect::Postgres => DbBackend::Postgres,
            Dialect::Sqlite => DbBackend::Sqlite,
        }
    }

    async fn execute_raw(&self, statement: SeaStatement) -> Result<ExecResult, DbErr> {
        let tx = self.opened().await?;
        let result = tx.execute_raw(statement).await?;
        self.committed(tx, result).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let tx = self.opened().await?;
        let result = tx.execute_unprepared(sql).await?;
        self.committed(tx, result).await
    }

    async fn query_one_raw(&self, statement: SeaStatement) -> Result<Option<QueryResult>, DbErr> {
        Ok(self.query_all_raw(statement).await?.into_iter().next())
    }

    async fn query_all_raw(&self, statement: SeaStatement) -> Result<Vec<QueryResult>, DbErr> {
        match self.rows(statement).await {
            Ok(rows) => Ok(rows),
            Err(error) => Err(self.failed(Asked::Query, error).await),
        }
    }

    /// Both do; SeaORM's own answer for SQLite hangs on a feature of its crate.
    fn support_returning(&self) -> bool {
        true
    }
}
