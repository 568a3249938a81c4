//! What one SeaORM query costs over SeaORM's own driver and over bowline, in a transaction: microseconds, the median of rounds.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a measurement may stop with a message"
)]

use std::sync::Arc;
use std::time::Instant;

use bowline::store::{Database as Bowline, KnownEntities, Store, StoreOptions};
use sea_orm::entity::prelude::*;
use sea_orm::{ConnectOptions, Database, DbBackend, QueryOrder, QuerySelect, Set, TransactionTrait};

#[allow(dead_code)]
#[path = "../../tests/all/support/postgres.rs"]
mod postgres;

mod item {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "item")]
    pub(crate) struct Model {
        #[sea_orm(primary_key)]
        pub(crate) id: i32,
        pub(crate) name: String,
        pub(crate) at: DateTimeUtc,
        pub(crate) key: Uuid,
        pub(crate) price: f64,
        pub(crate) note: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const ROUNDS: usize = 9;

/// The median of rounds, in microseconds for a call.
async fn timed<F: Future<Output = ()>>(calls: u32, mut call: impl FnMut() -> F) -> f64 {
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..calls {
            call().await;
        }
        rounds.push(start.elapsed().as_secs_f64() * 1e6 / f64::from(calls));
    }
    rounds.sort_by(f64::total_cmp);
    rounds[ROUNDS / 2]
}

async fn measured<C: ConnectionTrait>(db: &C) -> [f64; 4] {
    let one = timed(300, async || drop(item::Entity::find_by_id(7).one(db).await.unwrap().unwrap())).await;
    let page = timed(100, async || {
        let page = item::Entity::find().order_by_asc(item::Column::Id).limit(100).all(db).await.unwrap();
        assert_eq!(page.len(), 100);
    })
    .await;
    let all = timed(3, async || assert_eq!(item::Entity::find().all(db).await.unwrap().len(), 5000)).await;
    let change = timed(300, async || {
        let change = item::Entity::update_many().col_expr(item::Column::Price, Expr::value(2.5));
        assert_eq!(change.filter(item::Column::Id.eq(7)).exec(db).await.unwrap().rows_affected, 1);
    })
    .await;
    [one, page, all, change]
}

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let file = format!("sqlite://{}?mode=rwc", folder.path().join("rows.db").display());
    println!("| µs | one row | 100 rows | 5,000 rows | an update |\n|---|--:|--:|--:|--:|");
    for url in [file, postgres::Postgres::shared().database()] {
        let mut options = ConnectOptions::new(&url);
        options.max_connections(1).sqlx_logging(false);
        let seaorm = Database::connect(options).await.unwrap();
        let backend = seaorm.get_database_backend();
        let name = if backend == DbBackend::Postgres { "PostgreSQL" } else { "SQLite" };
        seaorm.execute(&sea_orm::Schema::new(backend).create_table_from_entity(item::Entity)).await.unwrap();
        let items = (1..=5000).map(|id| item::ActiveModel {
            id: Set(id),
            name: Set(format!("item {id}")),
            at: Set("2026-01-02T03:04:05Z".parse().unwrap()),
            key: Set(Uuid::from_u128(1)),
            price: Set(0.5),
            note: Set(None),
        });
        let items: Vec<_> = items.collect();
        for items in items.chunks(500) {
            item::Entity::insert_many(items.to_vec()).exec(&seaorm).await.unwrap();
        }
        let tx = TransactionTrait::begin(&seaorm).await.unwrap();
        let theirs = measured(&tx).await;
        tx.rollback().await.unwrap();
        seaorm.close().await.unwrap();
        let store = Store::connect(&url, StoreOptions::default()).await.unwrap();
        let bowline = Bowline::new(store, Arc::new(KnownEntities::default()), 4);
        let tx = bowline.begin().await.unwrap();
        let ours = measured(&tx).await;
        tx.rollback().await.unwrap();
        for (who, row) in [("SeaORM's driver", theirs), ("bowline", ours)] {
            println!("| {name}, {who} | {:.0} | {:.0} | {:.0} | {:.0} |", row[0], row[1], row[2], row[3]);
        }
        bowline.store().close().await;
    }
}
