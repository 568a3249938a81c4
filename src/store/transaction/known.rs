//! Which Rust type each column of an entity is read into.

use std::collections::HashMap;

use sea_orm::sea_query::{ColumnType, Value};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IdenStatic, Iterable};

/// The entities that hooks may query, with the variant of `Value` that each column decodes from.
///
/// ```
/// # mod tag {
/// #     use sea_orm::entity::prelude::*;
/// #     #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
/// #     #[sea_orm(table_name = "tag")]
/// #     pub struct Model {
/// #         #[sea_orm(primary_key)]
/// #         pub id: i32,
/// #         pub at: DateTimeUtc,
/// #     }
/// #     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
/// #     pub enum Relation {}
/// #     impl ActiveModelBehavior for ActiveModel {}
/// # }
/// use bowline::store::KnownEntities;
/// let mut known = KnownEntities::default();
/// known.learn::<tag::Entity>();
/// ```
#[derive(Clone, Debug, Default)]
pub struct KnownEntities {
    /// By table, then by column: the null of the wanted variant.
    tables: HashMap<String, HashMap<String, Value>>,
}

/// What is known of a column of a result.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Wanted {
    /// This variant, and no other.
    Variant(Value),
    /// The column is of this table, of which nobody told.
    Unknown(String),
    /// It is computed, or the statement is not SeaORM's.
    Any,
}

impl KnownEntities {
    /// Learns the Rust types of an entity's fields, by trying which values its `ActiveModel` takes.
    pub fn learn<E: EntityTrait>(&mut self) {
        let mut model = <E::ActiveModel as ActiveModelTrait>::default();
        let columns = E::Column::iter().filter_map(|column| {
            let takes = |value: &Value| model.try_set(column, value.clone()).is_ok();
            let arrays = samples().into_iter().map(|sample| Value::Array(sample.array_type(), Some(Box::default())));
            let wanted = samples()
                .into_iter()
                .chain(arrays)
                .find(takes)
                .or_else(|| by_definition(column.def().get_column_type()))?;
            Some((column.as_str().to_owned(), wanted.as_null()))
        });
        let columns = columns.collect();
        self.tables.insert(E::default().table_name().to_owned(), columns);
    }

    /// Learns what another one knows.
    pub(crate) fn extend(&mut self, other: KnownEntities) {
        self.tables.extend(other.tables);
    }

    /// The variant for a column of the result of a statement that SeaORM wrote.
    pub(super) fn find(&self, sql: &str, name: &str) -> Wanted {
        let Some((table, column)) = origin(sql, name) else {
            return Wanted::Any;
        };
        let table = match self.tables.contains_key(table) {
            true => table,
            false => aliased(sql, table).unwrap_or(table),
        };
        match self.tables.get(table) {
            None => Wanted::Unknown(table.to_owned()),
            Some(columns) => columns.get(column).map_or(Wanted::Any, |value| Wanted::Variant(value.clone())),
        }
    }
}

/// The table and column that a column of the result shows.
///
/// SeaORM names every column in full: `"document"."id"`, or `"document"."id" AS "A_id"` in a join; only after
/// RETURNING it is the column alone, of the statement's one table.
fn origin<'a>(sql: &'a str, name: &'a str) -> Option<(&'a str, &'a str)> {
    let quoted = format!("\"{name}\"");
    if let Some((before, _)) = sql.split_once(&format!(" AS {quoted}")) {
        return qualified(before);
    }
    let dotted = format!(".{quoted}");
    if let Some((before, _)) = sql.split_once(&dotted) {
        return Some((last_quoted(before)?, name));
    }
    if sql.contains(" RETURNING ") {
        let rest = ["INSERT INTO ", "UPDATE ", "DELETE FROM "].iter().find_map(|verb| sql.strip_prefix(verb))?;
        let table = rest.split_once([' ', '(']).map_or(rest, |(table, _)| table);
        return Some((last_quoted(table)?, name));
    }
    None
}

/// The table and column at the end of `… "table"."column"`.
fn qualified(text: &str) -> Option<(&str, &str)> {
    let column = last_quoted(text)?;
    let before = text.strip_suffix('"')?.strip_suffix(column)?.strip_suffix('"')?.strip_suffix('.')?;
    Some((last_quoted(before)?, column))
}

/// The quoted name at the end of a text.
fn last_quoted(text: &str) -> Option<&str> {
    let inner = text.strip_suffix('"')?;
    inner.rsplit_once('"').map(|(_, name)| name)
}

/// The table that has an alias: `JOIN "cake" AS "r0"`.
fn aliased<'a>(sql: &'a str, alias: &str) -> Option<&'a str> {
    let (before, _) = sql.split_once(&format!(" AS \"{alias}\""))?;
    last_quoted(before)
}

/// One value of each variant.
pub(super) fn samples() -> Vec<Value> {
    use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime};
    vec![
        Value::Bool(Some(false)),
        Value::TinyInt(Some(0)),
        Value::SmallInt(Some(0)),
        Value::Int(Some(0)),
        Value::BigInt(Some(0)),
        Value::TinyUnsigned(Some(0)),
        Value::SmallUnsigned(Some(0)),
        Value::Unsigned(Some(0)),
        Value::BigUnsigned(Some(0)),
        Value::Float(Some(0.0)),
        Value::Double(Some(0.0)),
        Value::String(Some(String::new())),
        Value::Char(Some('0')),
        Value::Bytes(Some(Vec::new())),
        Value::Json(Some(Box::default())),
        Value::ChronoDate(Some(NaiveDate::default())),
        Value::ChronoTime(Some(NaiveTime::default())),
        Value::ChronoDateTime(Some(NaiveDateTime::default())),
        Value::ChronoDateTimeUtc(Some(DateTime::default())),
        Value::ChronoDateTimeLocal(Some(DateTime::default())),
        Value::ChronoDateTimeWithTimeZone(Some(DateTime::default())),
        Value::Uuid(Some(uuid::Uuid::nil())),
        Value::Decimal(Some(sea_orm::prelude::Decimal::ZERO)),
    ]
}

/// For a type that takes not every value of its variant, as an enum or a struct kept as JSON does.
fn by_definition(ty: &ColumnType) -> Option<Value> {
    Some(match ty {
        ColumnType::Char(_) | ColumnType::String(_) | ColumnType::Text | ColumnType::Enum { .. } => Value::String(None),
        ColumnType::TinyInteger => Value::TinyInt(None),
        ColumnType::SmallInteger => Value::SmallInt(None),
        ColumnType::Integer => Value::Int(None),
        ColumnType::BigInteger => Value::BigInt(None),
        ColumnType::Json | ColumnType::JsonBinary => Value::Json(None),
        _ => return None,
    })
}
