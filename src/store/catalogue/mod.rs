//! What the database itself says about its tables, read at start-up and where there are signs that they were altered.
//!
//! SeaORM's entities cannot tell partial, expression and deferrable uniques, the names of constraints, or what a
//! deletion really does. [`learn`] asks the database about all tables that the models need, and lets the store keep the
//! answer; [`complete`] lays it over the models and finds what does not fit; [`models`] does both. [`read`] asks about
//! any tables.

use std::sync::Arc;

use crate::model::entity::ModelSource;
use crate::model::{ModelMeta, OnDelete};

use super::forms::Forms;
use super::{Cell, Dialect, Rows, Store, StoreError};

mod complete;
mod ddl;
mod error;
mod index;
mod kind;
mod postgres;
mod sqlite;
mod tables;
#[cfg(test)]
mod tests;

pub use complete::complete;
pub(in crate::store) use complete::{qualified, table};
pub use error::StartupError;
pub(in crate::store) use index::definitions;
pub use tables::{Catalogue, JoinTable};

/// The schema, where one is named, and the name of a table.
pub type TableName = (Option<String>, String);

/// A table as the database has it.
#[derive(Clone, Debug, PartialEq)]
pub struct TableInfo {
    /// Its schema and name, as they were asked for.
    pub name: TableName,
    /// Its columns in order.
    pub columns: Vec<ColumnInfo>,
    /// Its unique indexes, the primary key's among them.
    pub uniques: Vec<UniqueInfo>,
    /// Its foreign keys.
    pub foreign_keys: Vec<ForeignKeyInfo>,
    /// The foreign keys of any table that point here.
    pub referenced_by: Vec<ForeignKeyInfo>,
    /// Its CHECK constraints.
    pub checks: Vec<CheckInfo>,
    /// Its exclusion constraints (PostgreSQL).
    pub exclusions: Vec<ExclusionInfo>,
    /// Whether a trigger may fill in columns of a row before it is inserted (PostgreSQL).
    pub fills_rows: bool,
}

impl TableInfo {
    fn new(name: TableName) -> Self {
        TableInfo {
            name,
            columns: Vec::new(),
            uniques: Vec::new(),
            foreign_keys: Vec::new(),
            referenced_by: Vec::new(),
            checks: Vec::new(),
            exclusions: Vec::new(),
            fills_rows: false,
        }
    }
}

/// A column as the database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnInfo {
    /// Its name.
    pub name: String,
    /// Its type, as PostgreSQL's `format_type` prints it or SQLite's table declares it.
    pub db_type: String,
    /// Whether NULL is refused.
    pub not_null: bool,
    /// Whether an INSERT may leave it out: it has a default, is numbered or generated.
    pub has_default: bool,
    /// The text of its default.
    pub default: Option<String>,
    /// Whether the database numbers it (identity, serial, SQLite's INTEGER PRIMARY KEY).
    pub numbered: bool,
    /// Whether it cannot be written: it is computed from other columns, or always numbered.
    pub generated: bool,
    /// Whether a [`Cell`] stands for its type; PostgreSQL has ranges, points and others that none does.
    pub readable: bool,
}

/// A unique index, of a constraint or by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UniqueInfo {
    /// The name of the constraint, else of the index; made up in PostgreSQL's way where SQLite's table names none.
    pub name: Option<String>,
    /// Its columns in order, none where a part is an expression.
    pub columns: Vec<Option<String>>,
    /// The text of each part that is an expression, in order.
    pub expressions: Vec<String>,
    /// The SQL of each part as it is compared: its column or expression, with the collation that SQLite's index names.
    pub parts: Vec<String>,
    /// The WHERE of a partial index.
    pub predicate: Option<String>,
    /// Whether NULLs are distinct.
    pub nulls_distinct: bool,
    /// Whether it is checked at once; `false` for a deferrable constraint.
    pub immediate: bool,
    /// Whether it is the primary key.
    pub primary: bool,
}

/// A foreign key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignKeyInfo {
    /// The name of the constraint; made up in PostgreSQL's way where SQLite's table names none.
    pub name: String,
    /// The table that has it.
    pub table: TableName,
    /// Its columns there.
    pub columns: Vec<String>,
    /// The table that it points to.
    pub to_table: TableName,
    /// The columns there.
    pub to_columns: Vec<String>,
    /// What the database does on deletion; [`OnDelete::Protect`] for RESTRICT and NO ACTION.
    pub on_delete: OnDelete,
    /// Whether a transaction may put its check off (DEFERRABLE).
    pub deferrable: bool,
    /// Whether it is checked at the end of the transaction (DEFERRABLE INITIALLY DEFERRED).
    pub deferred: bool,
}

/// A CHECK constraint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckInfo {
    /// Its name; made up in PostgreSQL's way where SQLite's table names none.
    pub name: String,
    /// The text of its expression.
    pub text: String,
    /// The columns that it reads.
    pub columns: Vec<String>,
}

/// An exclusion constraint (PostgreSQL's `EXCLUDE`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExclusionInfo {
    /// Its name.
    pub name: String,
    /// Its definition.
    pub text: String,
    /// The columns that it compares, without those of expressions.
    pub columns: Vec<String>,
}

/// Reads the tables that exist among those named, in that order; the others are left out.
///
/// # Errors
///
/// As [`Store::snapshot`].
pub async fn read(store: &Store, tables: &[TableName]) -> Result<Vec<TableInfo>, StoreError> {
    let mut distinct: Vec<TableName> = Vec::with_capacity(tables.len());
    for table in tables {
        if !distinct.contains(table) {
            distinct.push(table.clone());
        }
    }
    match store.dialect() {
        Dialect::Postgres => postgres::read(store, &distinct).await,
        Dialect::Sqlite => sqlite::read(store, &distinct).await,
    }
}

/// Reads the tables of models, the join tables of their relations to many, and whatever tables point to one of these;
/// the store keeps them from then on, so that it can say which constraint stopped a write.
///
/// # Errors
///
/// As [`Store::snapshot`].
pub async fn learn(store: &Store, models: &[ModelMeta]) -> Result<Arc<Catalogue>, StoreError> {
    let catalogue = Arc::new(read_for(store, models).await?);
    store.keep(Arc::clone(&catalogue));
    Ok(catalogue)
}

/// The same without its being kept.
///
/// # Errors
///
/// As [`Store::snapshot`].
pub(crate) async fn read_for(store: &Store, models: &[ModelMeta]) -> Result<Catalogue, StoreError> {
    let own = models.iter().map(|model| (model.schema.clone(), model.table.clone()));
    let joins = models.iter().flat_map(|model| &model.many_to_many).map(|m| (m.schema.clone(), m.table.clone()));
    let mut tables = read(store, &own.chain(joins).collect::<Vec<_>>()).await?;
    let others: Vec<TableName> = tables
        .iter()
        .flat_map(|info| &info.referenced_by)
        .map(|key| &key.table)
        .filter(|name| tables.iter().all(|info| info.name != **name))
        .cloned()
        .collect();
    if !others.is_empty() {
        tables.extend(read(store, &others).await?);
    }
    Ok(Catalogue::new(tables))
}

/// The models of an application, completed from its database.
///
/// # Errors
///
/// Every mistake that [`complete`] finds, or [`StartupError::Store`].
pub async fn models(store: &Store, sources: &[ModelSource]) -> Result<Vec<ModelMeta>, Vec<StartupError>> {
    let mut models: Vec<ModelMeta> = sources.iter().map(|source| source.meta.clone()).collect();
    if store.dialect() == Dialect::Sqlite {
        models.iter_mut().for_each(without_schema);
    }
    let catalogue = learn(store, &models).await.map_err(|error| vec![StartupError::Store(error)])?;
    complete(&mut models, catalogue.tables(), store.dialect())?;
    Forms::find(store, &models).await?.say(&mut models);
    Ok(models)
}

/// SQLite's schemas are attached databases, of which bowline has none: an entity's schema is PostgreSQL's alone.
pub(crate) fn without_schema(model: &mut ModelMeta) {
    model.schema = None;
    for relation in &mut model.relations {
        relation.to_schema = None;
    }
    for many in &mut model.many_to_many {
        many.schema = None;
        many.to_schema = None;
    }
}

/// One row of a catalogue statement, read from left to right.
struct Row<'a> {
    rows: &'a Rows,
    row: usize,
    column: usize,
}

impl<'a> Row<'a> {
    fn each(rows: &'a Rows) -> impl Iterator<Item = Row<'a>> {
        (0..rows.len()).map(move |row| Row { rows, row, column: 0 })
    }

    fn next(&mut self) -> Result<Cell<'a>, StoreError> {
        let cell = self.rows.cell(self.row, self.column);
        self.column += 1;
        cell
    }

    fn text(&mut self) -> Result<String, StoreError> {
        self.optional()?.ok_or_else(|| self.unexpected())
    }

    fn optional(&mut self) -> Result<Option<String>, StoreError> {
        match self.next()? {
            Cell::Null => Ok(None),
            Cell::Text(text) => Ok(Some(text.to_owned())),
            _ => Err(self.unexpected()),
        }
    }

    fn integer(&mut self) -> Result<i64, StoreError> {
        match self.next()? {
            Cell::Int(i) => Ok(i),
            _ => Err(self.unexpected()),
        }
    }

    fn index(&mut self) -> Result<usize, StoreError> {
        let number = self.integer()?;
        usize::try_from(number).map_err(|_| self.unexpected())
    }

    fn truth(&mut self) -> Result<bool, StoreError> {
        match self.next()? {
            Cell::Bool(truth) => Ok(truth),
            Cell::Int(i) => Ok(i != 0),
            _ => Err(self.unexpected()),
        }
    }

    /// A JSON array of strings and nulls.
    fn names(&mut self) -> Result<Vec<Option<String>>, StoreError> {
        let text = self.text()?;
        let names: Vec<serde_json::Value> =
            serde_json::from_str(&text).map_err(|error| StoreError::Internal(Box::new(error)))?;
        Ok(names.into_iter().map(|name| name.as_str().map(str::to_owned)).collect())
    }

    fn unexpected(&self) -> StoreError {
        StoreError::Internal(format!("an unexpected cell in column {} of the catalogue", self.column - 1).into())
    }
}

/// The tables as a JSON array of `[schema, name]`, the one value of each catalogue statement.
fn asked(tables: &[TableName]) -> String {
    serde_json::json!(tables).to_string()
}

/// The foreign keys, handed to the tables that have them and to those that they point to.
fn assign(infos: &mut [TableInfo], keys: Vec<ForeignKeyInfo>) {
    for key in keys {
        if let Some(to) = infos.iter_mut().find(|info| info.name == key.to_table) {
            to.referenced_by.push(key.clone());
        }
        if let Some(from) = infos.iter_mut().find(|info| info.name == key.table) {
            from.foreign_keys.push(key);
        }
    }
}
