//! The statements that create an entity's table, as SeaORM writes them, with what it gets wrong put right.

use std::error::Error as StdError;
use std::fmt;

use sea_orm::sea_query::{
    IndexCreateStatement, PostgresQueryBuilder, SqliteQueryBuilder, TableCreateStatement, TableName, TableRef,
};
use sea_orm::{ColumnTrait, ColumnType, DbBackend, EntityTrait, IdenStatic, Iterable, Schema};

/// A column whose type the database does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsupported {
    /// The column.
    pub column: String,
    /// SeaORM's name of its type.
    pub column_type: String,
    /// The database's name.
    pub database: &'static str,
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} has no type for the column {:?} ({})", self.database, self.column, self.column_type)
    }
}

impl StdError for Unsupported {}

/// Types, table and indexes of an entity, in the order in which they can be created.
pub(super) fn statements<E: EntityTrait>(backend: DbBackend) -> Result<Vec<String>, Unsupported> {
    let entity = E::default();
    for column in E::Column::iter() {
        // sea-query panics on these
        if let Some(database) = missing_in(backend, column.def().get_column_type()) {
            return Err(Unsupported {
                column: column.as_str().to_owned(),
                column_type: format!("{:?}", column.def().get_column_type()),
                database,
            });
        }
    }
    let schema = Schema::new(backend);
    let mut statements: Vec<String> = schema
        .create_enum_from_entity(entity)
        .iter()
        // PostgreSQL has no CREATE TYPE IF NOT EXISTS, and two entities may share a type
        .map(|create| {
            let create = create.to_string(PostgresQueryBuilder);
            format!("DO $$ BEGIN {create}; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
        })
        .collect();
    let mut table = corrected(&schema.create_table_from_entity(entity), backend);
    statements.push(build(backend, table.if_not_exists()));
    for mut index in schema.create_index_from_entity(entity) {
        statements.push(build_index(backend, index.if_not_exists()));
    }
    Ok(statements)
}

/// The tables that the foreign keys point to; a relation that is marked `skip_fk` needs none.
pub(super) fn needs<E: EntityTrait>() -> Vec<(Option<String>, String)> {
    let table = Schema::new(DbBackend::Postgres).create_table_from_entity(E::default());
    table
        .get_foreign_key_create_stmts()
        .iter()
        .filter_map(|key| super::table_name(key.get_foreign_key().get_ref_table()?))
        .collect()
}

fn build(backend: DbBackend, table: &TableCreateStatement) -> String {
    match backend {
        DbBackend::Sqlite => table.to_string(SqliteQueryBuilder),
        _ => table.to_string(PostgresQueryBuilder),
    }
}

fn build_index(backend: DbBackend, index: &IndexCreateStatement) -> String {
    match backend {
        DbBackend::Sqlite => index.to_string(SqliteQueryBuilder),
        _ => index.to_string(PostgresQueryBuilder),
    }
}

/// SeaORM's statement, with the types that Django would have chosen where SeaORM's would not do.
fn corrected(from: &TableCreateStatement, backend: DbBackend) -> TableCreateStatement {
    let mut table = TableCreateStatement::new();
    // SQLite's schemas are attached databases, of which bowline has none
    match from.get_table_name() {
        Some(TableRef::Table(TableName(_, name), _)) if backend == DbBackend::Sqlite => {
            table.table(name.clone());
        }
        Some(name) => {
            table.table(name.clone());
        }
        None => {}
    }
    for column in from.get_columns() {
        let mut column = column.clone();
        let numbered = column.get_column_spec().auto_increment;
        match column.get_column_type() {
            // only an INTEGER PRIMARY KEY is numbered
            Some(_) if numbered && backend == DbBackend::Sqlite => {
                column.integer();
            }
            // what Django makes of them: microseconds, and the longest address as text
            Some(ColumnType::Interval(..)) if backend == DbBackend::Sqlite => {
                column.big_integer();
            }
            Some(ColumnType::Inet) if backend == DbBackend::Sqlite => {
                column.char_len(39);
            }
            // so that these are told apart from those of SeaORM's migrations, whose driver gives the values other forms
            Some(ColumnType::Uuid) if backend == DbBackend::Sqlite => {
                column.char_len(32);
            }
            Some(ColumnType::DateTime | ColumnType::Timestamp | ColumnType::TimestampWithTimeZone)
                if backend == DbBackend::Sqlite =>
            {
                column.custom("datetime");
            }
            Some(ColumnType::Time) if backend == DbBackend::Sqlite => {
                column.custom("time");
            }
            // `json` has no equality and no index
            Some(ColumnType::Json) if backend == DbBackend::Postgres => {
                column.json_binary();
            }
            _ => {}
        }
        table.col(column);
    }
    for index in from.get_indexes() {
        table.index(&mut index.clone());
    }
    for key in from.get_foreign_key_create_stmts() {
        table.foreign_key(&mut key.clone());
    }
    table
}

/// The name of the database that has no such type.
fn missing_in(backend: DbBackend, column_type: &ColumnType) -> Option<&'static str> {
    match (backend, column_type) {
        (DbBackend::Postgres, ColumnType::Year) => Some("PostgreSQL"),
        (DbBackend::Postgres, ColumnType::Array(item)) => missing_in(backend, item),
        (
            DbBackend::Sqlite,
            ColumnType::Year
            | ColumnType::Array(_)
            | ColumnType::Vector(_)
            | ColumnType::Cidr
            | ColumnType::MacAddr
            | ColumnType::Bit(_)
            | ColumnType::VarBit(_)
            | ColumnType::LTree,
        ) => Some("SQLite"),
        _ => None,
    }
}
