//! Run-time metadata of a model: plain data, without generics.
//!
//! A SeaORM entity is one source of it ([`entity`]), the database's catalogue fills in the rest
//! (`store::catalogue`). Everything above works on [`ModelMeta`] and compiles once.

use std::fmt;

use crate::value::{DbValue, Value, convert, json};

mod attributes;
mod check;
mod condition;
mod describe;
pub mod entity;
mod holds;
mod names;
mod row;

pub use attributes::{Attributes, AutoNow, Choice, ColumnValidator, DefaultValue, Format};
pub(crate) use check::clashes;
pub use condition::{Comparison, Condition};
pub use describe::{ForeignKey, ManyToMany, Model, UniqueConstraint};
pub use row::Row;

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
    /// CHECK constraints, found in the catalogue.
    pub checks: Vec<CheckMeta>,
    /// The model's name for people, where one is given; see [`ModelMeta::verbose_name`].
    pub verbose_name: Option<String>,
    /// Its plural, where one is given; see [`ModelMeta::verbose_name_plural`].
    pub verbose_name_plural: Option<String>,
    /// The Django application that it belongs to, where it is given; see [`ModelMeta::app_label`].
    pub app_label: Option<String>,
    /// The order of lists; empty where it is the key's.
    pub ordering: Vec<OrderMeta>,
    /// The row as text.
    pub display: Option<PropertyMeta>,
    /// Values that are worked out from the row.
    pub properties: Vec<PropertyMeta>,
    /// Relations to many by way of join tables.
    pub many_to_many: Vec<ManyToManyMeta>,
    /// Unique constraints with their words, declared beside the entity.
    pub constraints: Vec<ConstraintMeta>,
    /// Columns that are unique among the rows of a day, a month or a year.
    pub unique_for: Vec<UniqueForMeta>,
    /// The words of CHECK constraints by their names.
    pub check_messages: Vec<(String, String)>,
    /// The columns, by their names in the database, that an INSERT has to fill: NOT NULL, without default or number, in a
    /// table where no trigger may fill them. The entity may lack some.
    pub must_fill: Vec<String>,
}

/// A value that is worked out from a row.
#[derive(Clone)]
pub struct PropertyMeta {
    /// Its name.
    pub name: String,
    property: describe::Property,
}

impl PropertyMeta {
    pub(crate) fn new(name: impl Into<String>, property: impl Fn(&Row<'_>) -> Value + Send + Sync + 'static) -> Self {
        PropertyMeta { name: name.into(), property: std::sync::Arc::new(property) }
    }

    /// The value for a row.
    pub fn get(&self, row: &Row<'_>) -> Value {
        (self.property)(row)
    }
}

impl fmt::Debug for PropertyMeta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PropertyMeta").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A relation to many rows by way of a join table.
#[derive(Clone, Debug)]
pub struct ManyToManyMeta {
    /// The field's name: `tags`.
    pub name: String,
    /// The schema of the table that it leads to.
    pub to_schema: Option<String>,
    /// The table that it leads to.
    pub to_table: String,
    /// The schema of the join table.
    pub schema: Option<String>,
    /// The join table: `library_book_tags`.
    pub table: String,
    /// Its column that points here.
    pub from_column: String,
    /// Its column that points there.
    pub to_column: String,
    /// Whether the join table is a model of its own, Django's `through`: it says more than that two rows belong together,
    /// so that serializers show the relation and do not write it.
    pub through_model: bool,
    /// The name of the way back.
    pub related_name: Option<String>,
    /// Whether a body may leave it out or send an empty list.
    pub blank: bool,
    /// The name for people.
    pub verbose_name: Option<String>,
    /// A sentence for people.
    pub help_text: Option<String>,
}

/// A column that lists are ordered by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderMeta {
    /// The column, by its position.
    pub column: usize,
    /// The column of the row that it points to, where the order is that row's.
    pub through: Option<String>,
    /// Whether it descends.
    pub descending: bool,
}

impl From<(usize, bool)> for OrderMeta {
    fn from((column, descending): (usize, bool)) -> Self {
        OrderMeta { column, through: None, descending }
    }
}

/// A unique constraint with its words.
#[derive(Clone, Debug)]
pub struct ConstraintMeta {
    /// Its name in the database.
    pub name: Option<String>,
    /// Its columns.
    pub columns: Vec<usize>,
    /// Only among rows like this.
    pub condition: Option<Condition>,
    /// Whether NULLs are distinct, where it says so.
    pub nulls_distinct: Option<bool>,
    /// Its own message.
    pub message: Option<String>,
    /// Its own machine code.
    pub code: Option<String>,
    /// Whether no index backs it.
    pub unenforced: bool,
}

/// A column that is unique among the rows of the same day, month or year.
#[derive(Clone, Copy, Debug)]
pub struct UniqueForMeta {
    /// The column.
    pub column: usize,
    /// The column of the date.
    pub date: usize,
    /// What of the date counts.
    pub period: Period,
}

/// What of a date counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Period {
    /// The day.
    Date,
    /// The month, of whatever year.
    Month,
    /// The year.
    Year,
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
    /// What neither the entity nor the catalogue can say.
    pub attributes: Attributes,
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
    /// A span of time (`interval`; microseconds on SQLite).
    Duration,
    /// An IP address.
    Inet,
    /// Bytes.
    Binary,
    /// Anything else.
    Other,
}

/// A CHECK constraint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckMeta {
    /// The database's name of it, the same on both databases for a table of Django's.
    pub name: String,
    /// Its expression, as the database prints it.
    pub expression: String,
    /// Positions of the columns that it reads.
    pub columns: Vec<usize>,
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
    /// The SQL of each part as it is compared, once the catalogue was read; empty where it reads what the entity lacks.
    pub parts: Vec<String>,
    /// Positions of all columns that its parts and its predicate read.
    pub reads: Vec<usize>,
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
    /// The name of the way back on the other model, where one is given.
    pub related_name: Option<String>,
    /// Whether the other row has one of these at most.
    pub one_to_one: bool,
    /// Only rows like this may be pointed to.
    pub limit_choices_to: Option<Condition>,
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

impl ColumnMeta {
    /// Whether it holds text.
    pub fn is_text(&self) -> bool {
        matches!(self.kind, ColumnKind::Char(_) | ColumnKind::Text)
    }
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

impl ColumnMeta {
    /// The value of an object that does not say, made anew: what is described, else the entity's where it is a plain
    /// value.
    pub fn default_value(&self) -> Option<Value> {
        if let Some(default) = &self.attributes.default {
            return Some(default.get());
        }
        let default = convert::from_db(self.default.as_ref()?);
        Some(match (self.kind, default) {
            // SeaORM knows no default of JSON but its text
            (ColumnKind::Json, Value::Str(text)) => json::parse_str(&text).unwrap_or(Value::Str(text)),
            (_, default) => default,
        })
    }

    /// Whether the program gives it a value where a body does not.
    pub(crate) fn is_filled(&self) -> bool {
        self.default.is_some() || self.attributes.default.is_some() || self.attributes.auto_now.is_some()
    }
}
