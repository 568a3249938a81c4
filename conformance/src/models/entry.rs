//! Rows for pages, filters, search and ordering.

use bowline::model::Model as Description;
use sea_orm::entity::prelude::*;

use super::tag;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "library_entry")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub label: String,
    #[sea_orm(column_type = "Text")]
    pub body: String,
    pub rank: i32,
    pub score: f64,
    #[sea_orm(column_type = "Decimal(Some((8, 2)))")]
    pub price: Decimal,
    pub kind: String,
    #[sea_orm(default_value = false)]
    pub flag: bool,
    pub note: Option<String>,
    pub day: Date,
    pub created: DateTimeUtc,
    #[sea_orm(unique)]
    pub key: Uuid,
    pub parent_id: Option<i64>,
    #[sea_orm(self_ref, relation_enum = "Parent", from = "parent_id", to = "id", on_delete = "Cascade")]
    pub parent: HasOne<Entity>,
    #[sea_orm(has_many, via = "entry_tag")]
    pub tags: HasMany<super::tag::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}

pub fn model() -> Description<Entity> {
    Description::new()
        .ordering([Column::Id])
        .column(Column::Body, |body| body.blank())
        .column(Column::Kind, |kind| kind.choices([("a", "Alpha"), ("b", "Beta"), ("c", "Gamma")]))
        .column(Column::Note, |note| note.blank())
        .foreign_key(Column::ParentId, |parent| parent.related_name("children"))
        .many_to_many::<tag::Entity>("tags", |tags| tags.related_name("entries").blank())
}
