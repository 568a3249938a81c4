//! The database of a handler: an open transaction, or none.

use std::sync::Arc;

use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, Statement};

use super::{Database, Transaction};

/// Where a handler's queries run; SeaORM's [`ConnectionTrait`].
#[derive(Clone, Debug)]
pub enum Connection {
    /// Inside an open transaction.
    Transaction(Arc<Transaction>),
    /// Each by itself.
    Database(Database),
}

macro_rules! either {
    ($connection:expr, $inner:ident => $call:expr) => {
        match $connection {
            Connection::Transaction($inner) => $call,
            Connection::Database($inner) => $call,
        }
    };
}

#[async_trait::async_trait]
impl ConnectionTrait for Connection {
    fn get_database_backend(&self) -> DbBackend {
        either!(self, inner => inner.get_database_backend())
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        either!(self, inner => inner.execute_raw(statement).await)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        either!(self, inner => inner.execute_unprepared(sql).await)
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        either!(self, inner => inner.query_one_raw(statement).await)
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        either!(self, inner => inner.query_all_raw(statement).await)
    }

    fn support_returning(&self) -> bool {
        either!(self, inner => inner.support_returning())
    }
}
