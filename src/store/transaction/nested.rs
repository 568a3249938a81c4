//! A transaction within another, by a savepoint: SeaORM's `TransactionTrait` and `StreamTrait`.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, Iter};
use sea_orm::{
    AccessMode, DbBackend, DbErr, IsolationLevel, QueryResult, Statement as SeaStatement, StreamTrait,
    TransactionError, TransactionOptions, TransactionSession, TransactionTrait,
};

use super::super::on_commit::OnCommit;
use super::super::seaorm::Asked;
use super::super::{Database, Dialect, Isolation, StoreError};
use super::{Inner, Transaction};

/// The savepoints of a transaction.
#[derive(Debug, Default)]
pub(super) struct Abandoned(Mutex<Stack>);

#[derive(Debug, Default)]
struct Stack {
    /// The number of the next one.
    next: u64,
    /// Those that are open, each within the one before.
    open: Vec<u64>,
    /// Those that were dropped without an end.
    dropped: Vec<u64>,
}

impl Abandoned {
    fn begin(&self) -> u64 {
        let mut stack = self.stack();
        let number = stack.next;
        stack.next += 1;
        stack.open.push(number);
        number
    }

    /// Ends one, and with it those within it; whether it was open.
    fn end(&self, number: u64) -> bool {
        let mut stack = self.stack();
        let found = stack.open.iter().position(|open| *open == number);
        stack.open.truncate(found.unwrap_or(usize::MAX));
        found.is_some()
    }

    /// The outermost of those that were dropped since the last time: undone, it undoes the others.
    fn dropped(&self) -> Option<u64> {
        let mut stack = self.stack();
        let dropped = std::mem::take(&mut stack.dropped);
        let at = stack.open.iter().position(|open| dropped.contains(open))?;
        let number = stack.open.get(at).copied();
        stack.open.truncate(at);
        number
    }

    fn stack(&self) -> MutexGuard<'_, Stack> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a transaction within another began.
#[derive(Debug)]
pub(super) struct Savepoint {
    number: u64,
    is_open: bool,
    all: Arc<Abandoned>,
    /// What the outer one does after its commit.
    outer: Arc<OnCommit>,
}

impl Savepoint {
    /// Makes what was done since part of the outer transaction.
    pub(super) async fn release(mut self, inner: &Inner, on_commit: &OnCommit) -> Result<(), StoreError> {
        if !self.all.end(self.number) {
            self.is_open = false;
            return Err(StoreError::Internal("the transaction around this one is over".into()));
        }
        inner.batch(&format!("RELEASE SAVEPOINT {}", name(self.number))).await?;
        self.is_open = false;
        self.outer.take_over(on_commit);
        Ok(())
    }

    /// Undoes what was done since.
    pub(super) async fn undo(mut self, inner: &Inner) -> Result<(), StoreError> {
        if self.all.end(self.number) {
            inner.batch(&undoing(self.number)).await?;
        }
        self.is_open = false;
        Ok(())
    }
}

fn name(number: u64) -> String {
    format!("bowline_{number}")
}

fn undoing(number: u64) -> String {
    let name = name(number);
    format!("ROLLBACK TO SAVEPOINT {name}; RELEASE SAVEPOINT {name}")
}

impl Drop for Savepoint {
    fn drop(&mut self) {
        if self.is_open {
            // nothing can be waited for here: it is undone before the next statement of the transaction
            self.all.stack().dropped.push(self.number);
        }
    }
}

impl Transaction {
    /// Undoes the savepoints that were dropped without an end.
    pub(super) async fn undo_abandoned(&self) -> Result<(), StoreError> {
        match self.abandoned.dropped() {
            Some(number) => self.inner.batch(&undoing(number)).await,
            None => Ok(()),
        }
    }

    /// Opens a transaction within this one.
    async fn savepoint(&self) -> Result<Transaction, StoreError> {
        self.undo_abandoned().await?;
        let number = self.abandoned.begin();
        let savepoint =
            Savepoint { number, is_open: true, all: Arc::clone(&self.abandoned), outer: Arc::clone(&self.on_commit) };
        if let Err(error) = self.inner.batch(&format!("SAVEPOINT {}", name(number))).await {
            self.abandoned.end(number);
            return Err(error);
        }
        Ok(Transaction {
            inner: Arc::clone(&self.inner),
            savepoint: Some(savepoint),
            abandoned: Arc::clone(&self.abandoned),
            known: Arc::clone(&self.known),
            converters: Arc::clone(&self.converters),
            catalogue: self.catalogue.clone(),
            signs: Arc::clone(&self.signs),
            last_error: Arc::clone(&self.last_error),
            on_commit: Arc::default(),
        })
    }

    /// Says what else a transaction is to be like, as SeaORM's drivers do: PostgreSQL judges, SQLite has nothing of it.
    async fn configure(&self, isolation: Option<IsolationLevel>, access: Option<AccessMode>) -> Result<(), DbErr> {
        let stricter = matches!(isolation, Some(IsolationLevel::RepeatableRead | IsolationLevel::Serializable));
        let level = isolation.filter(|_| stricter && self.savepoint.is_some());
        let level = level.map(|level| format!("SET TRANSACTION ISOLATION LEVEL {level}"));
        let access = access.filter(|access| *access == AccessMode::ReadOnly);
        let access = access.map(|access| format!("SET TRANSACTION {access}"));
        if self.dialect() == Dialect::Sqlite {
            return Ok(());
        }
        for sql in level.into_iter().chain(access) {
            if let Err(error) = self.batch(&sql).await {
                return Err(self.failed(Asked::Exec, error).await);
            }
        }
        Ok(())
    }
}

/// Runs a callback in a transaction, which is committed where it succeeds.
async fn run<F, T, E>(tx: Transaction, callback: F) -> Result<T, TransactionError<E>>
where
    F: for<'c> FnOnce(&'c Transaction) -> Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'c>> + Send,
    T: Send,
    E: fmt::Display + fmt::Debug + Send,
{
    match callback(&tx).await {
        Ok(value) => {
            TransactionSession::commit(tx).await.map_err(TransactionError::Connection)?;
            Ok(value)
        }
        Err(error) => {
            TransactionSession::rollback(tx).await.map_err(TransactionError::Connection)?;
            Err(TransactionError::Transaction(error))
        }
    }
}

macro_rules! transaction_trait {
    ($type:ty) => {
        #[async_trait::async_trait]
        impl TransactionTrait for $type {
            type Transaction = Transaction;

            async fn begin(&self) -> Result<Transaction, DbErr> {
                self.begin_with_config(None, None).await
            }

            async fn begin_with_config(
                &self,
                isolation_level: Option<IsolationLevel>,
                access_mode: Option<AccessMode>,
            ) -> Result<Transaction, DbErr> {
                let tx = self.open(isolation_level).await?;
                tx.configure(isolation_level, access_mode).await?;
                Ok(tx)
            }

            async fn begin_with_options(&self, options: TransactionOptions) -> Result<Transaction, DbErr> {
                self.begin_with_config(options.isolation_level, options.access_mode).await
            }

            async fn transaction<F, T, E>(&self, callback: F) -> Result<T, TransactionError<E>>
            where
                F: for<'c> FnOnce(&'c Transaction) -> Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'c>> + Send,
                T: Send,
                E: fmt::Display + fmt::Debug + Send,
            {
                self.transaction_with_config(callback, None, None).await
            }

            async fn transaction_with_config<F, T, E>(
                &self,
                callback: F,
                isolation_level: Option<IsolationLevel>,
                access_mode: Option<AccessMode>,
            ) -> Result<T, TransactionError<E>>
            where
                F: for<'c> FnOnce(&'c Transaction) -> Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'c>> + Send,
                T: Send,
                E: fmt::Display + fmt::Debug + Send,
            {
                let tx = self.begin_with_config(isolation_level, access_mode).await;
                run(tx.map_err(TransactionError::Connection)?, callback).await
            }
        }
    };
}

transaction_trait!(Transaction);
transaction_trait!(Database);

impl Transaction {
    async fn open(&self, _: Option<IsolationLevel>) -> Result<Transaction, DbErr> {
        match self.savepoint().await {
            Ok(tx) => Ok(tx),
            Err(error) => Err(self.failed(Asked::Exec, error).await),
        }
    }
}

impl Database {
    /// A transaction that is isolated as it is asked for, and no less than all of the application's are.
    async fn open(&self, isolation: Option<IsolationLevel>) -> Result<Transaction, DbErr> {
        let isolation = match isolation {
            Some(IsolationLevel::RepeatableRead | IsolationLevel::Serializable) => Isolation::Serializable,
            _ => self.store().isolation(),
        };
        match self.begin_isolated(isolation).await {
            Ok(tx) => Ok(tx),
            Err(error) => Err(self.failed(Asked::Exec, error).await),
        }
    }
}

#[async_trait::async_trait]
impl TransactionSession for Transaction {
    async fn commit(self) -> Result<(), DbErr> {
        let (dialect, converters) = (self.dialect(), Arc::clone(&self.converters));
        match Transaction::commit(self).await {
            Ok(()) => Ok(()),
            Err(error) => Err(converters.failed(dialect, Asked::Exec, Arc::new(error)).await),
        }
    }

    async fn rollback(self) -> Result<(), DbErr> {
        let (dialect, converters) = (self.dialect(), Arc::clone(&self.converters));
        match Transaction::rollback(self).await {
            Ok(()) => Ok(()),
            Err(error) => Err(converters.failed(dialect, Asked::Exec, Arc::new(error)).await),
        }
    }
}

macro_rules! stream_trait {
    ($type:ty) => {
        impl StreamTrait for $type {
            type Stream<'a> = Iter<std::vec::IntoIter<Result<QueryResult, DbErr>>>;

            fn get_database_backend(&self) -> DbBackend {
                sea_orm::ConnectionTrait::get_database_backend(self)
            }

            fn stream_raw<'a>(&'a self, statement: SeaStatement) -> BoxFuture<'a, Result<Self::Stream<'a>, DbErr>> {
                async move {
                    let rows = sea_orm::ConnectionTrait::query_all_raw(self, statement).await?;
                    Ok(stream::iter(rows.into_iter().map(Ok).collect::<Vec<_>>()))
                }
                .boxed()
            }
        }
    };
}

stream_trait!(Transaction);
stream_trait!(Database);
