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
        let missing = table.needs.iter().find(|need| !existing.contains(need) && waiting.iter().all(|t| t.name != **need));
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
            None => return Err(StartupError::Cycle { models: cycle(&waiting) }),
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
