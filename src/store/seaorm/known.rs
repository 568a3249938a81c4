//! The entities whose values are kept as Django keeps them.

use std::collections::{HashMap, HashSet};

use sea_orm::sea_query::{ColumnType, Value};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IdenStatic, Iterable};
use uuid::Uuid;

use super::tables::{Belongs, Sql};
use crate::store::PackedColumn;
use crate::store::forms::Forms;

/// The entities that the application serves: what SeaORM reads and writes in their tables has the form that their rows have,
/// which is Django's or that of SeaORM's driver. Entities that are not among them are read and written as SeaORM's drivers do it.
///
/// | field | Django's form in SQLite | in PostgreSQL |
/// |---|---|---|
/// | `Decimal`, `f64`, `f32` | a number, which is an integer in SQLite where it has no fraction | as ever |
/// | `Uuid` | 32 hexadecimal digits (16 bytes otherwise) | `uuid` |
/// | `DateTimeUtc`, `DateTimeWithTimeZone`, `DateTime` | `2026-02-03 04:05:06.789012` in UTC (RFC 3339 otherwise) | as ever |
/// | `i64` declared as `Interval` | microseconds | `interval` (an error otherwise) |
/// | `String` declared as `Inet` | text | `inet` (an error otherwise) |
///
/// A router finds the form of each column in the database. Learned by hand, an entity has Django's.
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
    columns: HashSet<String>,
    /// Those whose values have the form of SeaORM's driver in this database.
    drivers: HashSet<String>,
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
            kept.columns.insert(column.as_str().to_owned());
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

    /// Notes which columns of SQLite's have the form of SeaORM's driver.
    pub(crate) fn settle(&mut self, forms: &Forms) {
        for (table, kept) in &mut self.tables {
            kept.drivers = kept.columns.iter().filter(|column| forms.is_drivers(table, column)).cloned().collect();
        }
    }

    /// Of each place of a statement for SQLite, whether its value is kept as Django keeps it.
    pub(super) fn djangos(&self, sql: &str, places: usize) -> Vec<bool> {
        if self.all || self.tables.is_empty() {
            return vec![self.all; places];
        }
        let sql = Sql::read(sql);
        let known: Vec<&Kept> = sql.tables.iter().filter_map(|table| self.tables.get(*table)).collect();
        let by_default = known.iter().any(|kept| kept.drivers.is_empty());
        let is_plain = sql.tables.iter().all(|table| self.tables.contains_key(*table));
        if known.is_empty() || (is_plain && known.iter().all(|kept| kept.drivers.is_empty())) {
            return vec![by_default; places];
        }
        let of = |place: Belongs<'_>| {
            let Some(column) = place.column else { return by_default };
            let kept = match place.table {
                Some(table) => match self.tables.get(table) {
                    Some(kept) => kept,
                    None => return false,
                },
                None => match known.iter().find(|kept| kept.columns.contains(column)) {
                    Some(kept) => kept,
                    None => return by_default && is_plain,
                },
            };
            if kept.columns.contains(column) { !kept.drivers.contains(column) } else { kept.drivers.is_empty() }
        };
        let mut djangos: Vec<bool> = sql.places().into_iter().map(of).collect();
        djangos.resize(places, by_default);
        djangos
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
        let found = Sql::read(sql).tables.into_iter().filter_map(|table| self.tables.get(table));
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
