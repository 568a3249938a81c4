//! SeaORM entities as a source of [`ModelMeta`].
//!
//! What SeaORM does not tell (partial, expression and named uniques, what really happens on deletion) is read from
//! the database by `store::catalogue`.

use sea_orm::sea_query::{Expr, StringLen, TableName, TableRef};
use sea_orm::{
    ColumnTrait, ColumnType, DbBackend, EntityTrait, IdenStatic, Identity, Iterable, PrimaryKeyToColumn,
    PrimaryKeyTrait, RelationDef, RelationTrait, Schema,
};

use super::{Attributes, Choice, ColumnKind, ColumnMeta, ModelMeta, OnDelete, RelationMeta, UniqueMeta};
use crate::value::DbValue;

mod definition;

pub use definition::Unsupported;

/// A model and the way to its table's definition: what is left of an entity's type above this module.
///
/// ```
/// use bowline::model::entity::ModelSource;
///
/// mod tag {
///     use sea_orm::entity::prelude::*;
///
///     #[sea_orm::model]
///     #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
///     #[sea_orm(table_name = "tag")]
///     pub struct Model {
///         #[sea_orm(primary_key)]
///         pub id: i64,
///         #[sea_orm(unique)]
///         pub name: String,
///     }
///
///     impl ActiveModelBehavior for ActiveModel {}
/// }
///
/// let source = ModelSource::of::<tag::Entity>();
/// assert_eq!(source.meta.name, "Tag");
/// assert!(source.meta.columns[1].unique);
/// ```
#[derive(Clone, Debug)]
pub struct ModelSource {
    /// What the entity says.
    pub meta: ModelMeta,
    /// The schema and name of each table that must exist before this one, for its foreign keys.
    pub needs: Vec<(Option<String>, String)>,
    definition: fn(DbBackend) -> Result<Vec<String>, Unsupported>,
}

impl ModelSource {
    /// The source that an entity is.
    pub fn of<E: EntityTrait>() -> Self {
        ModelSource { meta: meta::<E>(), needs: definition::needs::<E>(), definition: definition::statements::<E> }
    }

    /// Whether a rule is declared that reads other rows, so that every write of the application has to be serializable.
    pub(crate) fn has_query_rules(&self) -> bool {
        !self.meta.unique_for.is_empty() || self.meta.constraints.iter().any(|c| c.unenforced)
    }

    /// The statements that create the table where it does not exist: types, the table, its indexes.
    ///
    /// # Errors
    ///
    /// [`Unsupported`] where the database has no type for a column.
    pub fn definition(&self, backend: DbBackend) -> Result<Vec<String>, Unsupported> {
        (self.definition)(backend)
    }
}

/// What an entity says about its table.
///
/// A foreign key's column `collection_id` makes a field `collection`, as in Django; every other column's field has
/// the name that serde gives it.
pub fn meta<E: EntityTrait>() -> ModelMeta {
    let entity = E::default();
    let keys: Vec<&str> = E::PrimaryKey::iter().map(|key| key.into_column().as_str()).collect();
    let numbered = keys.len() == 1 && E::PrimaryKey::auto_increment();
    // the one place where SeaORM shows a column's comment
    let table = Schema::new(DbBackend::Postgres).create_table_from_entity(entity);
    let mut columns: Vec<ColumnMeta> = E::Column::iter()
        .enumerate()
        .map(|(n, column)| {
            let def = column.def();
            let kind = kind(def.get_column_type());
            let auto_increment = numbered && keys.contains(&column.as_str()) && is_integer(kind);
            ColumnMeta {
                column: column.as_str().to_owned(),
                name: column.json_key().to_owned(),
                kind,
                null: def.is_null(),
                unique: def.is_unique(),
                default: def.get_column_default().and_then(plain),
                has_default: auto_increment || def.get_column_default().is_some(),
                auto_increment,
                comment: table.get_columns().get(n).and_then(|c| c.get_column_spec().comment.clone()),
                db_type: String::new(),
                attributes: Attributes { choices: variants(def.get_column_type()), ..Default::default() },
            }
        })
        .collect();
    let position = |columns: &[ColumnMeta], name: &str| columns.iter().position(|c| c.column == name);
    let primary_key: Vec<usize> = keys.iter().filter_map(|key| position(&columns, key)).collect();
    let relations = relations::<E>(&mut columns);
    let mut uniques: Vec<UniqueMeta> =
        (0..columns.len()).filter(|n| columns[*n].unique && primary_key != [*n]).map(|n| declared(vec![n])).collect();
    for index in Schema::new(DbBackend::Postgres).create_index_from_entity(entity) {
        if index.is_unique_key() {
            let names = index.get_index_spec().get_column_names();
            uniques.push(declared(names.iter().filter_map(|name| position(&columns, name)).collect()));
        }
    }
    ModelMeta {
        name: model_name(std::any::type_name::<E>(), entity.table_name()),
        schema: entity.schema_name().map(str::to_owned),
        table: entity.table_name().to_owned(),
        columns,
        primary_key,
        uniques,
        relations,
        referenced_by: Vec::new(),
        checks: Vec::new(),
        verbose_name: None,
        verbose_name_plural: None,
        app_label: None,
        ordering: Vec::new(),
        display: None,
        properties: Vec::new(),
        many_to_many: Vec::new(),
        constraints: Vec::new(),
        unique_for: Vec::new(),
        check_messages: Vec::new(),
        must_fill: Vec::new(),
    }
}

fn declared(columns: Vec<usize>) -> UniqueMeta {
    UniqueMeta {
        name: None,
        columns,
        predicate: None,
        expression: false,
        parts: Vec::new(),
        reads: Vec::new(),
        nulls_distinct: true,
        immediate: true,
        declared: true,
        backed: false,
    }
}

/// The foreign keys of the entity; names the fields of their columns.
fn relations<E: EntityTrait>(columns: &mut [ColumnMeta]) -> Vec<RelationMeta> {
    let mut relations: Vec<RelationMeta> = Vec::new();
    for relation in E::Relation::iter() {
        let def = relation.def();
        // SeaORM calls the side that is pointed to the owner; what is left are the `belongs_to`s
        if def.is_owner {
            continue;
        }
        let Some(found) = belongs_to(&def, columns, &relation.name()) else {
            continue;
        };
        // the dense format and an alias may declare the same key twice
        let twice = relations
            .iter()
            .any(|r| r.columns == found.columns && r.to_table == found.to_table && r.to_columns == found.to_columns);
        if !twice {
            relations.push(found);
        }
    }
    for relation in &mut relations {
        if let [n] = relation.columns[..] {
            relation.name = foreign_key_name(columns, n);
            columns[n].name.clone_from(&relation.name);
        }
    }
    relations
}

fn belongs_to(def: &RelationDef, columns: &[ColumnMeta], variant: &str) -> Option<RelationMeta> {
    let from = names(&def.from_col)
        .iter()
        .map(|name| columns.iter().position(|c| c.column == *name))
        .collect::<Option<Vec<usize>>>()?;
    let (to_schema, to_table) = table_name(&def.to_tbl)?;
    Some(RelationMeta {
        name: snake_case(variant),
        columns: from,
        to_schema,
        to_table,
        to_columns: names(&def.to_col),
        on_delete: match def.on_delete {
            Some(sea_orm::sea_query::ForeignKeyAction::Cascade) => OnDelete::Cascade,
            Some(sea_orm::sea_query::ForeignKeyAction::SetNull) => OnDelete::SetNull,
            Some(sea_orm::sea_query::ForeignKeyAction::SetDefault) => OnDelete::SetDefault,
            _ => OnDelete::Protect,
        },
        constraint: None,
        deferred: false,
        related_name: None,
        one_to_one: false,
        limit_choices_to: None,
    })
}

pub(super) fn table_name(table: &TableRef) -> Option<(Option<String>, String)> {
    match table {
        TableRef::Table(TableName(schema, table), _) => {
            let schema = schema.as_ref().map(|schema| schema.1.to_string());
            Some((schema, table.to_string()))
        }
        _ => None,
    }
}

pub(super) fn names(identity: &Identity) -> Vec<String> {
    identity.iter().map(ToString::to_string).collect()
}

/// `collection` for `collection_id`, unless another column has that name.
fn foreign_key_name(columns: &[ColumnMeta], n: usize) -> String {
    let name = &columns[n].name;
    match name.strip_suffix("_id") {
        Some(short) if !short.is_empty() && columns.iter().all(|c| c.name != short) => short.to_owned(),
        _ => name.clone(),
    }
}

/// A default that is a value, not an expression of the database's.
fn plain(default: &Expr) -> Option<DbValue> {
    match default {
        Expr::Value(value) => Some(value.clone()),
        _ => None,
    }
}

fn is_integer(kind: ColumnKind) -> bool {
    matches!(kind, ColumnKind::SmallInteger | ColumnKind::Integer | ColumnKind::BigInteger)
}

/// The values of an enum of the database's, as choices.
fn variants(column_type: &ColumnType) -> Vec<Choice> {
    match column_type {
        ColumnType::Enum { variants, .. } => {
            variants.iter().map(|label| Choice::from((label.to_string(), label.to_string().as_str()))).collect()
        }
        _ => Vec::new(),
    }
}

fn kind(column_type: &ColumnType) -> ColumnKind {
    match column_type {
        ColumnType::Char(length) => ColumnKind::Char(*length),
        ColumnType::String(StringLen::N(length)) => ColumnKind::Char(Some(*length)),
        ColumnType::String(_) => ColumnKind::Char(None),
        // PostgreSQL reads and writes an enum by its labels
        ColumnType::Text | ColumnType::Enum { .. } => ColumnKind::Text,
        ColumnType::TinyInteger | ColumnType::TinyUnsigned | ColumnType::SmallInteger => ColumnKind::SmallInteger,
        // an unsigned integer needs the next wider kind
        ColumnType::SmallUnsigned | ColumnType::Integer => ColumnKind::Integer,
        ColumnType::Unsigned | ColumnType::BigInteger | ColumnType::BigUnsigned => ColumnKind::BigInteger,
        ColumnType::Float | ColumnType::Double => ColumnKind::Float,
        ColumnType::Decimal(digits) => ColumnKind::Decimal(*digits),
        ColumnType::DateTime | ColumnType::Timestamp => ColumnKind::DateTime(false),
        ColumnType::TimestampWithTimeZone => ColumnKind::DateTime(true),
        ColumnType::Time => ColumnKind::Time,
        ColumnType::Date => ColumnKind::Date,
        ColumnType::Binary(_) | ColumnType::VarBinary(_) | ColumnType::Blob => ColumnKind::Binary,
        ColumnType::Boolean => ColumnKind::Boolean,
        ColumnType::Json | ColumnType::JsonBinary => ColumnKind::Json,
        ColumnType::Uuid => ColumnKind::Uuid,
        ColumnType::Interval(..) => ColumnKind::Duration,
        ColumnType::Inet => ColumnKind::Inet,
        _ => ColumnKind::Other,
    }
}

/// `Document` for `app::documents::document::Entity`.
fn model_name(path: &str, table: &str) -> String {
    let mut segments = path.rsplit("::");
    let own = segments.next().unwrap_or_default();
    let name = if own == "Entity" { segments.next().unwrap_or_default() } else { own };
    let name = name.strip_prefix("r#").unwrap_or(name);
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    camel_case(if is_name { name } else { table })
}

fn camel_case(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut upper = true;
    for c in name.chars() {
        if c.is_alphanumeric() {
            if upper {
                out.extend(c.to_uppercase())
            } else {
                out.push(c)
            }
            upper = false;
        } else {
            upper = true;
        }
    }
    out
}

fn snake_case(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        if c.is_uppercase() {
            if !out.is_empty() {
                out.push('_');
            }
            out.extend(c.to_lowercase());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests;
