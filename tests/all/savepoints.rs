//! SeaORM's transactions within transactions and its streams, over a transaction and over the database.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bowline::store::{Database as Rows, KnownEntities, Store, StoreError, StoreOptions};
use futures_util::TryStreamExt;
use sea_orm::entity::prelude::*;
use sea_orm::{
    AccessMode, ConnectionTrait, DbErr, IsolationLevel, Set, StreamTrait, TransactionError, TransactionSession,
    TransactionTrait,
};

use crate::support::Database;

mod entry {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "entry")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i32,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

async fn insert(connection: &impl ConnectionTrait, id: i32) -> Result<(), DbErr> {
    entry::Entity::insert(entry::ActiveModel { id: Set(id) }).exec(connection).await.map(drop)
}

async fn ids(connection: &impl ConnectionTrait) -> Vec<i32> {
    let mut ids: Vec<i32> =
        entry::Entity::find().all(connection).await.unwrap().into_iter().map(|row| row.id).collect();
    ids.sort_unstable();
    ids
}

/// Runs a test over an empty table in both databases.
fn each(test: impl AsyncFn(Rows)) {
    Database::each(|database| {
        database.run("CREATE TABLE entry (id integer PRIMARY KEY)");
        tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
            let store = Store::connect(&database.url(), StoreOptions::default()).await.unwrap();
            test(Rows::new(store.clone(), Arc::new(KnownEntities::default()), 3)).await;
            store.close().await;
        });
    });
}

#[test]
fn what_is_undone_within_leaves_the_rest() {
    each(async |database| {
        let tx = database.begin().await.unwrap();
        insert(&tx, 1).await.unwrap();
        let kept = TransactionTrait::begin(&tx).await.unwrap();
        insert(&kept, 2).await.unwrap();
        let deeper = TransactionTrait::begin(&kept).await.unwrap();
        insert(&deeper, 3).await.unwrap();
        TransactionSession::rollback(deeper).await.unwrap();
        TransactionSession::commit(kept).await.unwrap();
        // a statement that fails within it
        let failing = TransactionTrait::begin(&tx).await.unwrap();
        insert(&failing, 4).await.unwrap();
        let error = insert(&failing, 1).await.unwrap_err();
        assert!(matches!(error.sql_err(), Some(sea_orm::SqlErr::UniqueConstraintViolation(_))), "{error}");
        failing.rollback().await.unwrap();
        // one that is dropped, with another one in it
        let dropped = TransactionTrait::begin(&tx).await.unwrap();
        insert(&dropped, 5).await.unwrap();
        let within = TransactionTrait::begin(&dropped).await.unwrap();
        insert(&within, 6).await.unwrap();
        drop(within);
        drop(dropped);
        assert_eq!(ids(&tx).await, [1, 2]);
        let last = TransactionTrait::begin(&tx).await.unwrap();
        insert(&last, 7).await.unwrap();
        drop(last);
        tx.commit().await.unwrap();
        assert_eq!(ids(&database).await, [1, 2]);
    });
}

#[test]
fn callbacks_commit_what_succeeds() {
    async fn both<C: TransactionTrait>(connection: &C, first: i32) {
        connection
            .transaction::<_, (), DbErr>(|tx| {
                Box::pin(async move {
                    insert(tx, first).await?;
                    let inner = tx.transaction::<_, (), DbErr>(|tx| {
                        Box::pin(async move {
                            insert(tx, first + 1).await?;
                            Err(DbErr::Custom("no".into()))
                        })
                    });
                    assert!(matches!(inner.await, Err(TransactionError::Transaction(DbErr::Custom(_)))));
                    insert(tx, first + 2).await
                })
            })
            .await
            .unwrap();
    }
    each(async |database| {
        both(&database, 1).await;
        let tx = TransactionTrait::begin(&database).await.unwrap();
        both(&tx, 10).await;
        TransactionSession::commit(tx).await.unwrap();
        assert_eq!(ids(&database).await, [1, 3, 10, 12]);
    });
}

#[test]
fn hooks_of_what_is_undone_are_not_done() {
    each(async |database| {
        let done = Arc::new(AtomicU32::new(0));
        let tx = database.begin().await.unwrap();
        for (add, commits) in [(1, true), (10, false)] {
            let (within, done) = (TransactionTrait::begin(&tx).await.unwrap(), Arc::clone(&done));
            within.on_commit(async move || {
                done.fetch_add(add, Ordering::SeqCst);
                Ok(())
            });
            if commits {
                within.commit().await.unwrap();
                assert_eq!(done_so_far(&tx).await, 0);
            } else {
                within.rollback().await.unwrap();
            }
        }
        assert_eq!(done.load(Ordering::SeqCst), 0);
        tx.commit().await.unwrap();
        assert_eq!(done.load(Ordering::SeqCst), 1);
    });

    async fn done_so_far(tx: &impl ConnectionTrait) -> usize {
        ids(tx).await.len()
    }
}

#[test]
fn one_that_is_open_keeps_the_outer_one_from_its_commit() {
    each(async |database| {
        let tx = database.begin().await.unwrap();
        insert(&tx, 1).await.unwrap();
        let open = TransactionTrait::begin(&tx).await.unwrap();
        assert!(matches!(tx.commit().await, Err(StoreError::Internal(_))));
        drop(open);
        assert_eq!(ids(&database).await, [0; 0]);
        insert(&database, 1).await.unwrap();
    });
}

#[test]
fn isolation_is_never_less_than_asked_for() {
    each(async |database| {
        let is_postgres = matches!(ConnectionTrait::get_database_backend(&database), sea_orm::DbBackend::Postgres);
        let serializable = Some(IsolationLevel::Serializable);
        let tx = database.begin_with_config(serializable, Some(AccessMode::ReadOnly)).await.unwrap();
        if is_postgres {
            let level = "SELECT current_setting('transaction_isolation') AS level";
            let row = tx.query_one_raw(sea_orm::Statement::from_string(sea_orm::DbBackend::Postgres, level)).await;
            assert_eq!(row.unwrap().unwrap().try_get::<String>("", "level").unwrap(), "serializable");
            insert(&tx, 1).await.unwrap_err();
            tx.rollback().await.unwrap();
            let tx = database.begin().await.unwrap();
            insert(&tx, 1).await.unwrap();
            // too late, as over SeaORM's driver
            assert!(tx.begin_with_config(serializable, None).await.is_err());
            drop(tx);
        } else {
            tx.rollback().await.unwrap();
        }
        assert_eq!(ids(&database).await, [0; 0]);
    });
}

#[test]
fn rows_come_as_a_stream() {
    async fn sum<C: ConnectionTrait + StreamTrait>(connection: &C) -> i32 {
        let rows = entry::Entity::find().stream(connection).await.unwrap();
        rows.try_fold(0, async |sum, row| Ok(sum + row.id)).await.unwrap()
    }
    each(async |database| {
        for id in 1..=100 {
            insert(&database, id).await.unwrap();
        }
        assert_eq!(sum(&database).await, 5050);
        let tx = database.begin().await.unwrap();
        insert(&tx, 101).await.unwrap();
        assert_eq!(sum(&tx).await, 5151);
        tx.rollback().await.unwrap();
    });
}
