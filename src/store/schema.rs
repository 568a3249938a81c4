//! Tables made from entities, for a database that has none of them yet.
//!
//! This is for the first run of a small application and for tests. It adds to an empty database and changes nothing
//! else, ever; a database that lives is changed by migrations.

use sea_orm::DbBackend;

use crate::model::entity::ModelSource;

use super::catalogue::{self, StartupError, TableName};
use super::{Dialect, Statement, Store, Unit};

/// Any number that other programs are not likely to lock.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7093864212098310770)";

/// Creates the tables and indexes of all models in one transaction where none of them exists, and tells whether it
/// did.
///
/// Where only some exist it does nothing: [`catalogue::complete`] then says which are missing. Processes that start
/// at once wait for each other, and the later ones find the tables there.
///
/// # Errors
///
/// [`StartupError::Cycle`] (PostgreSQL), [`StartupError::MissingTarget`] and [`StartupError::UnsupportedColumn`]
/// before anything is created; [`StartupError::Store`] where the database refused, and then nothing is created
/// either.
pub async fn create_if_empty(store: &Store, sources: &[ModelSource]) -> Result<bool, StartupError> {
    let dialect = store.dialect();
    let tables = tables(dialect, sources);
    let mut asked: Vec<TableName> = tables.iter().map(|table| table.name.clone()).collect();
    asked.extend(tables.iter().flat_map(|table| table.needs.iter().cloned()));
    let existing: Vec<TableName> = catalogue::read(store, &asked).await?.into_iter().map(|info| info.name).collect();
    if tables.is_empty() || tables.iter().any(|table| existing.contains(&table.name)) {
        return Ok(false);
    }
    let mut statements = Vec::new();
    if dialect == Dialect::Postgres {
        statements.push(LOCK.to_owned());
    }
    for table in ordered(dialect, tables, &existing)? {
        statements.extend(definition(dialect, table.source)?);
        let mut meta = table.source.meta.clone();
        meta.schema.clone_from(&table.name.0);
        statements.extend(catalogue::definitions(dialect, &meta));
    }
    let statements = statements.into_iter().map(|sql| Statement::once(sql).bind(Vec::new())).collect();
    store.write(Unit { statements, verdict: None }).await?;
    Ok(true)
}

#[derive(Debug)]
struct Table<'a> {
    source: &'a ModelSource,
    name: TableName,
    needs: Vec<TableName>,
}

/// One for each table, however many entities it has.
fn tables(dialect: Dialect, sources: &[ModelSource]) -> Vec<Table<'_>> {
    // SQLite's schemas are attached databases, of which bowline has none
    let local = |(schema, table): TableName| match dialect {
        Dialect::Postgres => (schema, table),
        Dialect::Sqlite => (None, table),
    };
    let mut tables: Vec<Table<'_>> = Vec::with_capacity(sources.len());
    for source in sources {
        let name = local((source.meta.schema.clone(), source.meta.table.clone()));
        if tables.iter().all(|table| table.name != name) {
            let needs = source.needs.iter().cloned().map(local).collect();
            tables.push(Table { source, name, needs });
        }
    }
    tables
}

/// Tables that are pointed to before those that point to them.
fn ordered<'a>(
    dialect: Dialect,
    mut waiting: Vec<Table<'a>>,
    existing: &[TableName],
) -> Result<Vec<Table<'a>>, StartupError> {
    for table in &waiting {
        let missing =
            table.needs.iter().find(|need| !existing.contains(need) && waiting.iter().all(|t| t.name != **need));
        if let Some((schema, to)) = missing {
            let relations = &table.source.meta.relations;
            return Err(StartupError::MissingTarget {
                model: table.source.meta.name.clone(),
                relation: relations.iter().find(|r| r.to_table == *to).map_or_else(String::new, |r| r.name.clone()),
                table: catalogue::qualified(schema.as_deref(), to),
            });
        }
    }
    // SQLite looks for the other table only when a row is written
    if dialect == Dialect::Sqlite {
        return Ok(waiting);
    }
    let mut ordered = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let ready = waiting.iter().position(|table| {
            table.needs.iter().all(|need| *need == table.name || waiting.iter().all(|other| other.name != *need))
        });
        match ready {
            Some(n) => ordered.push(waiting.remove(n)),
            None => {
                return Err(StartupError::Cycle { models: cycle(&waiting) });
            }
        }
    }
    Ok(ordered)
}

/// The names of the models of one cycle among tables that all wait for another.
fn cycle(waiting: &[Table<'_>]) -> Vec<String> {
    let mut path: Vec<usize> = Vec::new();
    let mut at = 0;
    while !path.contains(&at) {
        path.push(at);
        let table = &waiting[at];
        let next = waiting.iter().position(|other| other.name != table.name && table.needs.contains(&other.name));
        match next {
            Some(next) => at = next,
            None => break,
        }
    }
    let start = path.iter().position(|n| *n == at).unwrap_or_default();
    path[start..].iter().map(|n| waiting[*n].source.meta.name.clone()).collect()
}

fn definition(dialect: Dialect, source: &ModelSource) -> Result<Vec<String>, StartupError> {
    let backend = match dialect {
        Dialect::Postgres => DbBackend::Postgres,
        Dialect::Sqlite => DbBackend::Sqlite,
    };
    source
        .definition(backend)
        .map_err(|column| StartupError::UnsupportedColumn { model: source.meta.name.clone(), column })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub)]

    use super::super::StoreOptions;
    use super::*;

    mod shelf {
        use sea_orm::entity::prelude::*;

        #[sea_orm::model]
        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
        #[sea_orm(schema_name = "library", table_name = "shelf")]
        pub struct Model {
            #[sea_orm(primary_key)]
            pub id: i16,
            #[sea_orm(default_value = 3)]
            pub floor: i32,
        }

        impl ActiveModelBehavior for ActiveModel {}
    }

    mod item {
        use sea_orm::entity::prelude::*;

        #[sea_orm::model]
        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
        #[sea_orm(table_name = "item")]
        pub struct Model {
            #[sea_orm(primary_key)]
            pub id: i64,
            #[sea_orm(unique_key = "shelf_label")]
            pub shelf_id: i16,
            #[sea_orm(unique_key = "shelf_label")]
            pub label: String,
            pub within_id: Option<i64>,
            #[sea_orm(belongs_to, from = "shelf_id", to = "id", on_delete = "Cascade")]
            pub shelf: HasOne<super::shelf::Entity>,
            #[sea_orm(self_ref, relation_enum = "Within", from = "within_id", to = "id")]
            pub within: HasOne<Entity>,
        }

        impl ActiveModelBehavior for ActiveModel {}
    }

    mod egg {
        use sea_orm::entity::prelude::*;

        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
        #[sea_orm(table_name = "egg")]
        pub struct Model {
            #[sea_orm(primary_key)]
            pub id: i64,
            pub hen_id: i64,
        }

        #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
        pub enum Relation {
            #[sea_orm(belongs_to = "super::hen::Entity", from = "Column::HenId", to = "super::hen::Column::Id")]
            Hen,
        }

        impl ActiveModelBehavior for ActiveModel {}
    }

    mod hen {
        use sea_orm::entity::prelude::*;

        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
        #[sea_orm(table_name = "hen")]
        pub struct Model {
            #[sea_orm(primary_key)]
            pub id: i64,
            pub egg_id: i64,
        }

        #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
        pub enum Relation {
            #[sea_orm(belongs_to = "super::egg::Entity", from = "Column::EggId", to = "super::egg::Column::Id")]
            Egg,
        }

        impl ActiveModelBehavior for ActiveModel {}
    }

    async fn store(folder: &tempfile::TempDir) -> Store {
        let path = folder.path().join("db.sqlite3");
        Store::connect(path.to_str().unwrap(), StoreOptions::default()).await.unwrap()
    }

    #[tokio::test]
    async fn an_empty_database_gets_every_table_once() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder).await;
        let sources = [ModelSource::of::<item::Entity>(), ModelSource::of::<shelf::Entity>()];
        assert!(create_if_empty(&store, &sources).await.unwrap());
        assert!(!create_if_empty(&store, &sources).await.unwrap());

        let models = catalogue::models(&store, &sources).await.unwrap();
        let (item, shelf) = (&models[0], &models[1]);
        assert_eq!((item.uniques.len(), item.uniques[0].backed), (1, true));
        assert!(item.relations.iter().all(|relation| relation.constraint.is_some()));
        // a small key is numbered too, and the schema is left to PostgreSQL
        assert_eq!((shelf.columns[0].db_type.as_str(), &shelf.schema), ("INTEGER", &None));
        assert!(shelf.columns[0].auto_increment && shelf.columns[1].has_default);
        assert_eq!(shelf.referenced_by.len(), 1);
        assert!(shelf.referenced_by[0].by_database);
    }

    #[tokio::test]
    async fn half_a_database_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder).await;
        assert!(create_if_empty(&store, &[ModelSource::of::<shelf::Entity>()]).await.unwrap());
        let sources = [ModelSource::of::<item::Entity>(), ModelSource::of::<shelf::Entity>()];
        assert!(!create_if_empty(&store, &sources).await.unwrap());
        let errors = catalogue::models(&store, &sources).await.unwrap_err();
        assert!(matches!(&errors[..], [StartupError::MissingTable { model, .. }] if model == "Item"), "{errors:?}");
        // one by one is as good as all together
        assert!(create_if_empty(&store, &[ModelSource::of::<item::Entity>()]).await.unwrap());
    }

    #[tokio::test]
    async fn a_target_that_nobody_makes() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder).await;
        let error = create_if_empty(&store, &[ModelSource::of::<item::Entity>()]).await.unwrap_err();
        assert!(error.to_string().starts_with("Item.shelf points to the table \"shelf\", which does not exist;"));
        assert!(catalogue::read(&store, &[(None, "item".into())]).await.unwrap().is_empty());
    }

    #[test]
    fn tables_are_ordered_by_what_they_need() {
        let order = |sources: &[ModelSource]| {
            ordered(Dialect::Postgres, tables(Dialect::Postgres, sources), &[])
                .map(|tables| tables.iter().map(|table| table.name.1.clone()).collect::<Vec<_>>())
        };
        let sources = [ModelSource::of::<item::Entity>(), ModelSource::of::<shelf::Entity>()];
        assert_eq!(order(&sources).unwrap(), ["shelf", "item"]);
        let sources = [ModelSource::of::<egg::Entity>(), ModelSource::of::<hen::Entity>()];
        let error = order(&sources).unwrap_err().to_string();
        assert!(error.starts_with("The tables of Egg and Hen cannot be created,"), "{error}");
    }
}
