//! Mistakes that are found when an application starts, each with what to change.

use std::error::Error as StdError;
use std::fmt;

use super::super::StoreError;
use crate::model::ModelMeta;

/// Why an application cannot start on its database.
///
/// Each prints a sentence that says what to change.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartupError {
    /// The table of a model does not exist.
    MissingTable {
        /// The model.
        model: String,
        /// Its table, as SQL names it.
        table: String,
    },
    /// The table lacks a column that the entity has.
    MissingColumn {
        /// The model.
        model: String,
        /// Its table, as SQL names it.
        table: String,
        /// The column.
        column: String,
        /// Those that the table has.
        columns: Vec<String>,
    },
    /// A column is of a type that is not read (PostgreSQL's ranges, points and others).
    UnreadableColumn {
        /// The model.
        model: String,
        /// The column.
        column: String,
        /// Its type, as the database prints it.
        db_type: String,
    },
    /// The join table of a relation to many does not exist.
    MissingJoinTable {
        /// The model.
        model: String,
        /// Its relation.
        relation: String,
        /// The table, as SQL names it.
        table: String,
    },
    /// The entity declares a unique that no index of the table enforces.
    UnbackedUnique {
        /// The model.
        model: String,
        /// The columns of the unique.
        columns: Vec<String>,
        /// The statement that would back it.
        create: String,
    },
    /// A model's foreign key points to a table that does not exist and that no model makes.
    MissingTarget {
        /// The model.
        model: String,
        /// Its relation.
        relation: String,
        /// The table that it points to, as SQL names it.
        table: String,
    },
    /// Tables that cannot be created because each must come after the other.
    Cycle {
        /// The models, in the order in which they point to each other.
        models: Vec<String>,
    },
    /// A column of a type that the database lacks.
    UnsupportedColumn {
        /// The model.
        model: String,
        /// Which column, and why.
        column: crate::model::entity::Unsupported,
    },
    /// A column of SQLite's has UUIDs as Django writes them beside UUIDs as SeaORM's driver does.
    TwoForms {
        /// The model.
        model: String,
        /// The column.
        column: String,
        /// The statement that makes them alike.
        mend: String,
    },
    /// The database did not answer.
    Store(StoreError),
}

impl StartupError {
    /// Whether it lies at a model.
    pub(crate) fn is_about(&self, meta: &ModelMeta) -> bool {
        match self {
            StartupError::MissingColumn { model, .. } => {
                // of a join table it names the relation too
                model.split_once('.').map_or(model.as_str(), |(model, _)| model) == meta.name
            }
            StartupError::MissingTable { model, .. }
            | StartupError::UnreadableColumn { model, .. }
            | StartupError::MissingJoinTable { model, .. }
            | StartupError::UnbackedUnique { model, .. }
            | StartupError::MissingTarget { model, .. }
            | StartupError::TwoForms { model, .. }
            | StartupError::UnsupportedColumn { model, .. } => *model == meta.name,
            StartupError::Cycle { .. } | StartupError::Store(_) => false,
        }
    }
}

impl fmt::Display for StartupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartupError::MissingTable { model, table } => write!(
                f,
                "The table {table} of the model {model} does not exist; run the migration that creates it, or correct \
                 the entity's table_name."
            ),
            StartupError::MissingColumn { model, table, column, columns } => write!(
                f,
                "The table {table} of the model {model} has no column \"{column}\" (it has {}); run the migration that \
                 adds it, or give the entity's field the right column_name.",
                columns.join(", ")
            ),
            StartupError::UnreadableColumn { model, column, db_type } => write!(
                f,
                "{model}.{column} is of the type {db_type}, which is not read; leave the column out of the entity, or \
                 change its type, to text for example."
            ),
            StartupError::MissingJoinTable { model, relation, table } => write!(
                f,
                "The join table {table} of {model}.{relation} does not exist; register its entity by .model::<…>(), run the \
                 migration that creates it, or give the relation the right name of the table."
            ),
            StartupError::UnbackedUnique { model, columns, create } => write!(
                f,
                "The model {model} declares that ({}) is unique, but no index of the database enforces it; run: {create}; or \
                 declare it .unenforced(), which makes every write of the application serializable.",
                columns.join(", ")
            ),
            StartupError::MissingTarget { model, relation, table } => write!(
                f,
                "{model}.{relation} points to the table {table}, which does not exist; register its model too, or \
                 create the table first."
            ),
            StartupError::Cycle { models } => write!(
                f,
                "The tables of {} cannot be created, for each must exist before the next; create them with a migration \
                 that adds the foreign keys afterwards, or mark one relation skip_fk.",
                models.join(" and ")
            ),
            StartupError::UnsupportedColumn { model, column } => {
                write!(
                    f,
                    "The table of the model {model} cannot be created: {column}; give the column another column_type."
                )
            }
            StartupError::TwoForms { model, column, mend } => write!(
                f,
                "{model}.{column} has values in two forms, Django's and that of SeaORM's driver, so that no comparison would find \
                 all rows; run: {mend}, or its reverse where programs with SeaORM's driver write the table."
            ),
            StartupError::Store(error) => write!(f, "The database could not be read: {error}"),
        }
    }
}

impl StdError for StartupError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            StartupError::Store(error) => Some(error),
            StartupError::UnsupportedColumn { column, .. } => Some(column),
            _ => None,
        }
    }
}

impl From<StoreError> for StartupError {
    fn from(error: StoreError) -> Self {
        StartupError::Store(error)
    }
}
