//! The corpus, over four connections on two databases.

use std::sync::Arc;

use bowline::store::{Database as Bowline, KnownEntities, Store, StoreOptions};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, TransactionTrait};
use tempfile::TempDir;

use super::answers::Answers;
use super::postgres::Postgres;
use super::{aggregates, columns, entities, joins, kinds, mistakes, more, pages, raw, tuples, writes};

/// A database with the tables and rows of the corpus.
pub(crate) struct Fresh {
    pub(crate) url: String,
    _folder: Option<TempDir>,
}

impl Fresh {
    pub(crate) async fn made(backend: DbBackend, with_rows: bool) -> Fresh {
        let fresh = match backend {
            DbBackend::Postgres => Fresh { url: Postgres::shared().database(), _folder: None },
            _ => {
                let folder = tempfile::tempdir().unwrap();
                let url = format!("sqlite://{}?mode=rwc", folder.path().join("rows.db").display());
                Fresh { url, _folder: Some(folder) }
            }
        };
        let db = fresh.seaorm().await;
        entities::tables(&db).await;
        if with_rows {
            entities::rows(&db).await.unwrap();
        }
        db.close().await.unwrap();
        fresh
    }

    pub(crate) async fn seaorm(&self) -> DatabaseConnection {
        let mut options = ConnectOptions::new(&self.url);
        options.max_connections(1).sqlx_logging(false);
        Database::connect(options).await.unwrap()
    }

    pub(crate) async fn bowline(&self, known: KnownEntities) -> Bowline {
        let store = Store::connect(&self.url, StoreOptions::default()).await.unwrap();
        Bowline::new(store, Arc::new(known), 4)
    }
}

/// The groups that leave their transaction whole.
async fn queries<C: ConnectionTrait>(db: &C, group: usize, out: &mut Answers) {
    match group {
        0 => columns::run(db, out).await,
        1 => aggregates::run(db, out).await,
        2 => joins::run(db, out).await,
        3 => tuples::run(db, out).await,
        4 => pages::run(db, out).await,
        5 => raw::run(db, out).await,
        6 if db.get_database_backend() == DbBackend::Postgres => kinds::run(db, out).await,
        7 => more::run(db, out).await,
        8 => writes::run(db, out).await,
        _ => {}
    }
}

const GROUPS: usize = 9;

async fn over_connections(backend: DbBackend) -> (Answers, Answers) {
    let (mut theirs, mut ours) = (Answers::default(), Answers::default());
    let (one, two) = (Fresh::made(backend, true).await, Fresh::made(backend, true).await);
    let (seaorm, bowline) = (one.seaorm().await, two.bowline(KnownEntities::default()).await);
    for group in 0..GROUPS {
        queries(&seaorm, group, &mut theirs).await;
        queries(&bowline, group, &mut ours).await;
    }
    for number in 0..mistakes::COUNT {
        mistakes::run(&seaorm, number, &mut theirs).await;
        mistakes::run(&bowline, number, &mut ours).await;
    }
    seaorm.close().await.unwrap();
    bowline.store().close().await;
    (theirs, ours)
}

async fn over_transactions(backend: DbBackend) -> (Answers, Answers) {
    let (mut theirs, mut ours) = (Answers::default(), Answers::default());
    let (one, two) = (Fresh::made(backend, true).await, Fresh::made(backend, true).await);
    let (seaorm, bowline) = (one.seaorm().await, two.bowline(KnownEntities::default()).await);
    for group in 0..GROUPS {
        let tx = TransactionTrait::begin(&seaorm).await.unwrap();
        queries(&tx, group, &mut theirs).await;
        tx.commit().await.unwrap();
        let tx = bowline.begin().await.unwrap();
        queries(&tx, group, &mut ours).await;
        tx.commit().await.unwrap();
    }
    for number in 0..mistakes::COUNT {
        let tx = TransactionTrait::begin(&seaorm).await.unwrap();
        mistakes::run(&tx, number, &mut theirs).await;
        tx.rollback().await.unwrap();
        let tx = bowline.begin().await.unwrap();
        mistakes::run(&tx, number, &mut ours).await;
        tx.rollback().await.unwrap();
    }
    seaorm.close().await.unwrap();
    bowline.store().close().await;
    (theirs, ours)
}

fn same(theirs: &Answers, ours: &Answers) {
    println!("{} queries", theirs.len());
    let differences = theirs.differences(ours);
    assert!(theirs.len() > 120);
    assert!(differences.is_empty(), "{} of {} differ:\n{}", differences.len(), theirs.len(), differences.join("\n"));
    // the queries that were wrong without a word
    assert_eq!(ours.get("max number as Option<i32>"), Some("Some(Some(20))"));
    assert_eq!(ours.get("next number"), Some("7"));
}

#[tokio::test]
async fn connections_on_sqlite() {
    let (theirs, ours) = over_connections(DbBackend::Sqlite).await;
    same(&theirs, &ours);
}

#[tokio::test]
async fn transactions_on_sqlite() {
    let (theirs, ours) = over_transactions(DbBackend::Sqlite).await;
    same(&theirs, &ours);
}

#[tokio::test]
async fn connections_on_postgres() {
    let (theirs, ours) = over_connections(DbBackend::Postgres).await;
    same(&theirs, &ours);
}

#[tokio::test]
async fn transactions_on_postgres() {
    let (theirs, ours) = over_transactions(DbBackend::Postgres).await;
    same(&theirs, &ours);
}
