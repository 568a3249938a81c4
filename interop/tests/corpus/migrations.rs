//! `sea-orm-migration` beside bowline, on one database.

use bowline::store::KnownEntities;
use sea_orm::DbBackend;
use sea_orm::{ConnectionTrait, EntityTrait, PaginatorTrait};
use sea_orm_migration::prelude::*;
use sea_orm_migration::{MigrationStatus, seaql_migrations};

use super::entities::maker;
use super::run::Fresh;

struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(First), Box::new(Second)]
    }
}

struct First;

impl MigrationName for First {
    fn name(&self) -> &str {
        "m20260101_000001_first"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for First {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create().table("shelf").col(ColumnDef::new("id").integer().primary_key()).to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("shelf").to_owned()).await
    }
}

struct Second;

impl MigrationName for Second {
    fn name(&self) -> &str {
        "m20260101_000002_second"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Second {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let add = Table::alter().table("shelf").add_column(ColumnDef::new("name").string()).to_owned();
        manager.alter_table(add).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("shelf").drop_column("name").to_owned()).await
    }
}

async fn migrated(backend: DbBackend) {
    let fresh = Fresh::made(backend, true).await;
    let (seaorm, bowline) = (fresh.seaorm().await, fresh.bowline(KnownEntities::default()).await);
    // the table of migrations, made and read over bowline
    Migrator::install(&bowline).await.unwrap();
    let pending = Migrator::get_pending_migrations(&bowline).await.unwrap();
    assert_eq!(pending.len(), 2);
    // the steps themselves want a connection of SeaORM's own
    Migrator::up(&seaorm, None).await.unwrap();
    let statuses = async || {
        let all = Migrator::get_migration_with_status(&bowline).await.unwrap();
        all.iter().map(|migration| (migration.name().to_owned(), migration.status())).collect::<Vec<_>>()
    };
    let applied = MigrationStatus::Applied;
    assert_eq!(
        statuses().await,
        [("m20260101_000001_first".to_owned(), applied), ("m20260101_000002_second".to_owned(), applied)]
    );
    assert_eq!(
        Migrator::get_migration_models(&bowline).await.unwrap(),
        Migrator::get_migration_models(&seaorm).await.unwrap()
    );
    let found = seaql_migrations::Entity::find().all(&bowline).await.unwrap();
    assert_eq!(found.len(), 2);
    assert!(found[0].applied_at > 0);
    bowline.execute_unprepared("INSERT INTO shelf (id, name) VALUES (1, 'x')").await.unwrap();
    Migrator::down(&seaorm, Some(1)).await.unwrap();
    assert_eq!(statuses().await[1].1, MigrationStatus::Pending);
    // statements that were prepared before the table changed
    assert_eq!(maker::Entity::find().count(&bowline).await.unwrap(), 3);
    Migrator::up(&seaorm, None).await.unwrap();
    assert_eq!(seaql_migrations::Entity::find().count(&bowline).await.unwrap(), 2);
    seaorm.close().await.unwrap();
    bowline.store().close().await;
}

#[tokio::test]
async fn on_sqlite() {
    migrated(DbBackend::Sqlite).await;
}

#[tokio::test]
async fn on_postgres() {
    migrated(DbBackend::Postgres).await;
}
