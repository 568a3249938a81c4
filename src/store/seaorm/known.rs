//! The entities whose values are kept as Django keeps them.

use std::collections::{HashMap, HashSet};

use sea_orm::sea_query::{ColumnType, Value};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IdenStatic, Iterable};
use uuid::Uuid;

use crate::store::PackedColumn;

/// The entities that the application serves: their tables may be Django's, so what SeaORM reads and writes in them has
/// the form that Django, and every view, gives it. Entities that are not among them are read and written as SeaORM's drivers
/// do it.
///
/// | field | in SQLite | in PostgreSQL |
/// |---|---|---|
/// | `Decimal`, `f64`, `f32` | a number, which is an integer in SQLite where it has no fraction | as ever |
/// | `Uuid` | 32 hexadecimal digits (16 bytes otherwise) | `uuid` |
/// | `DateTimeUtc`, `DateTimeWithTimeZone`, `DateTime` | `2026-02-03 04:05:06.789012` in UTC (RFC 3339 otherwise) | as ever |
/// | `i64` declared as `Interval` | microseconds | `interval` (an error otherwise) |
/// | `String` declared as `Inet` | text | `inet` (an error otherwise) |
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
    tables: HashMap<String, Kept>,
    /// Whether every table is the framework's own.
    all: bool,
}

/// How an entity's columns are kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Kept {
    uuids: HashSet<String>,
    /// Numbers with a fraction.
    numbers: HashSet<String>,
    /// Spans of time in integers.
    pub(super) spans: bool,
    /// Strings in columns of other types: addresses, types of the database's own.
    pub(super) texts: bool,
    addresses: bool,
}

impl KnownEntities {
    /// For the framework's own statements: whatever table they name is kept as Django keeps it.
    pub(in crate::store) fn of_the_framework() -> Self {
        KnownEntities { tables: HashMap::new(), all: true }
    }

    /// Learns an entity.
    pub fn learn<E: EntityTrait>(&mut self) {
        let mut model = <E::ActiveModel as ActiveModelTrait>::default();
        let mut kept = Kept::default();
        for column in E::Column::iter() {
            let mut takes = |value: Value| model.try_set(column, value).is_ok();
            let definition = column.def();
            let ty = definition.get_column_type();
            let is_string = takes(Value::String(Some(String::new())));
            kept.spans |= matches!(ty, ColumnType::Interval(..)) && takes(Value::BigInt(Some(0)));
            kept.addresses |= is_string && matches!(ty, ColumnType::Inet | ColumnType::Cidr | ColumnType::MacAddr);
            kept.texts |= is_string && !is_textual(ty);
            if takes(Value::Uuid(Some(Uuid::nil()))) {
                kept.uuids.insert(column.as_str().to_owned());
            }
            if [Value::Decimal(Some(0.into())), Value::Double(Some(0.0)), Value::Float(Some(0.0))]
                .into_iter()
                .any(takes)
            {
                kept.numbers.insert(column.as_str().to_owned());
            }
        }
        self.tables.insert(E::default().table_name().to_owned(), kept);
    }

    /// Learns what another one knows.
    pub(crate) fn extend(&mut self, other: KnownEntities) {
        self.tables.extend(other.tables);
    }

    /// Whether a column of SQLite's shows UUIDs of an entity that keeps them as text.
    pub(super) fn is_uuid(&self, column: &PackedColumn) -> bool {
        let Some((table, column)) = &column.origin else { return false };
        self.tables.get(table).is_some_and(|kept| kept.uuids.contains(column))
    }

    /// Whether a column of SQLite's shows numbers with a fraction, which are integers there where they have none.
    pub(super) fn is_number(&self, column: &PackedColumn) -> bool {
        let Some((table, column)) = &column.origin else { return false };
        self.tables.get(table).is_some_and(|kept| kept.numbers.contains(column))
    }

    /// Whether any entity reads addresses into strings.
    pub(super) fn has_textual_addresses(&self) -> bool {
        self.tables.values().any(|kept| kept.addresses)
    }

    /// How the entities of a statement's tables are kept; `None` where it concerns none of them.
    pub(super) fn concerned(&self, sql: &str) -> Option<Kept> {
        if self.all {
            return Some(Kept::default());
        }
        if self.tables.is_empty() {
            return None;
        }
        let found = tables(sql).filter_map(|table| self.tables.get(table));
        found.fold(None, |all: Option<Kept>, kept| {
            let all = all.unwrap_or_default();
            Some(Kept { spans: all.spans || kept.spans, texts: all.texts || kept.texts, ..all })
        })
    }
}

fn is_textual(ty: &ColumnType) -> bool {
    matches!(
        ty,
        ColumnType::Char(_) | ColumnType::String(_) | ColumnType::Text | ColumnType::Enum { .. } | ColumnType::Json
    )
}

/// The names that stand where a statement names its tables: after FROM, JOIN, INTO, UPDATE, and after a comma.
fn tables(sql: &str) -> impl Iterator<Item = &str> {
    let mut expected = false;
    words(sql).filter(move |word| {
        let name = std::mem::replace(&mut expected, false);
        expected = *word == ","
            || ["FROM", "JOIN", "INTO", "UPDATE", "ONLY"].iter().any(|keyword| word.eq_ignore_ascii_case(keyword));
        name && !expected
    })
}

/// The names of a statement, without their quotes, and its commas.
fn words(sql: &str) -> impl Iterator<Item = &str> {
    let mut rest = sql;
    std::iter::from_fn(move || {
        loop {
            let is_name = |c: char| c.is_alphanumeric() || c == '_';
            let start = rest.find(|c: char| is_name(c) || matches!(c, '"' | '`' | '\'' | ','))?;
            let (_, found) = rest.split_at(start);
            let first = found.chars().next()?;
            if first == ',' {
                (_, rest) = found.split_at(1);
                return Some(",");
            }
            if is_name(first) {
                let end = found.find(|c: char| !is_name(c)).unwrap_or(found.len());
                let (word, after) = found.split_at(end);
                rest = after;
                return Some(word);
            }
            let inner = found.get(1..)?;
            let (word, after) = inner.split_once(first).unwrap_or((inner, ""));
            rest = after;
            if first != '\'' {
                return Some(word);
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_found_in_statements() {
        let found = |sql| tables(sql).collect::<Vec<&str>>();
        assert_eq!(found(r#"SELECT "a"."id" FROM "a" AS "x" JOIN `b` ON 'FROM c' = "d""#), ["a", "b"]);
        assert_eq!(found(r#"INSERT INTO "a" ("id") VALUES ($1)"#), ["a"]);
        assert_eq!(found("update a set b = 1 where c in (select d from e)"), ["a", "e"]);
        assert_eq!(found("DELETE FROM a"), ["a"]);
        assert!(found("SELECT * FROM a, b").contains(&"b"));
    }
}
