//! Run-time metadata of a model: plain data, without generics.
//!
//! A SeaORM entity is one source of it ([`entity`]), the database's catalogue fills in the rest
//! (`store::catalogue`). Everything above works on [`ModelMeta`] and compiles once.

use crate::value::DbValue;

pub mod entity;

/// A table with the columns, keys and relations that an API needs to know.
#[derive(Clone, Debug)]
pub struct ModelMeta {
    /// The model's name as messages print it: `Document`.
    pub name: String,
    /// The schema of the table, where one is named.
    pub schema: Option<String>,
    /// The table's name in the database: `seed_document`.
    pub table: String,
    /// The columns in the entity's order.
    pub columns: Vec<ColumnMeta>,
    /// Positions of the primary key's columns.
    pub primary_key: Vec<usize>,
    /// Unique constraints over one or several columns, declared or found; the primary key is not among them.
    pub uniques: Vec<UniqueMeta>,
    /// Foreign keys from this table.
    pub relations: Vec<RelationMeta>,
    /// Foreign keys of other tables that point here, found in the catalogue or declared by their entities.
    pub referenced_by: Vec<ReferenceMeta>,
    /// Names of CHECK constraints, found in the catalogue.
    pub checks: Vec<String>,
}

/// One column.
#[derive(Clone, Debug)]
pub struct ColumnMeta {
    /// The column's name in the database: `collection_id`.
    pub column: String,
    /// The entity's name of it, or the relation's for a foreign key: `collection`.
    pub name: String,
    /// What it holds.
    pub kind: ColumnKind,
    /// Whether it may be NULL.
    pub null: bool,
    /// Whether it is unique by itself.
    pub unique: bool,
    /// The entity's default, where it is a plain value.
    pub default: Option<DbValue>,
    /// Whether the database or the entity fills it in when an INSERT leaves it out.
    pub has_default: bool,
    /// Whether the database numbers it.
    pub auto_increment: bool,
    /// The entity's comment.
    pub comment: Option<String>,
    /// The database's own name of the type, for casts (`bigint`, `character varying(50)`); empty before the
    /// catalogue was read.
    pub db_type: String,
}

/// What a column holds, whatever the database calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ColumnKind {
    /// A truth value (0/1 on SQLite).
    Boolean,
    /// 16 bits.
    SmallInteger,
    /// 32 bits.
    Integer,
    /// 64 bits.
    BigInteger,
    /// 32 or 64 bits of floating point.
    Float,
    /// Text of bounded length, in characters.
    Char(Option<u32>),
    /// Text without bound.
    Text,
    /// JSON (`jsonb` or `json` on PostgreSQL, text on SQLite).
    Json,
    /// A UUID (`uuid` on PostgreSQL; text or 16 bytes on SQLite).
    Uuid,
    /// A point in time; `true` where the column knows its zone.
    DateTime(bool),
    /// A day.
    Date,
    /// A time of day.
    Time,
    /// An exact number with its digits and decimal places, where bounded.
    Decimal(Option<(u32, u32)>),
    /// Bytes.
    Binary,
    /// Anything else.
    Other,
}

/// A unique constraint or index.
#[derive(Clone, Debug)]
pub struct UniqueMeta {
    /// The database's name of it, once the catalogue was read.
    pub name: Option<String>,
    /// Positions of its columns; empty where it is over expressions.
    pub columns: Vec<usize>,
    /// The WHERE of a partial index.
    pub predicate: Option<String>,
    /// Whether an expression is among its parts.
    pub expression: bool,
    /// Whether NULLs are distinct (the default of SQL).
    pub nulls_distinct: bool,
    /// Whether it is checked at once (`false` for a deferrable constraint, which `ON CONFLICT` cannot use).
    pub immediate: bool,
    /// Whether the entity declares it.
    pub declared: bool,
    /// Whether an index of the database backs it.
    pub backed: bool,
}

/// What happens to a row when the row it points to is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDelete {
    /// Nothing: the database refuses, or bowline answers 409.
    Protect,
    /// It goes too.
    Cascade,
    /// Its key becomes NULL.
    SetNull,
    /// Its key becomes the column's default.
    SetDefault,
}

/// A foreign key of this table.
#[derive(Clone, Debug)]
pub struct RelationMeta {
    /// The field's name: `collection`.
    pub name: String,
    /// Positions of its columns here.
    pub columns: Vec<usize>,
    /// The schema and name of the table it points to.
    pub to_schema: Option<String>,
    /// The table it points to.
    pub to_table: String,
    /// The columns it points to.
    pub to_columns: Vec<String>,
    /// What the entity declares for deletion of the target.
    pub on_delete: OnDelete,
    /// The database's name of the constraint, once the catalogue was read; none where no constraint backs it.
    pub constraint: Option<String>,
    /// Whether the constraint is checked at the end of the transaction only.
    pub deferred: bool,
}

/// A foreign key of another table that points here.
#[derive(Clone, Debug)]
pub struct ReferenceMeta {
    /// The schema of the other table, where one is named.
    pub schema: Option<String>,
    /// The other table.
    pub table: String,
    /// Its columns.
    pub columns: Vec<String>,
    /// The columns here.
    pub to_columns: Vec<String>,
    /// The database's name of the constraint.
    pub constraint: Option<String>,
    /// What its entity declares; where no entity is known, what the database does.
    pub on_delete: OnDelete,
    /// Whether the database does it by itself (`ON DELETE …`); otherwise bowline does, in the same transaction.
    pub by_database: bool,
}

impl ModelMeta {
    /// The position of the column of this database name.
    pub fn column(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|c| c.column == column)
    }

    /// The position of the column of this field name.
    pub fn named(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|c| c.name == name)
    }
}
