//! What stands on a shelf.

use bowline::model::Model as Description;
use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "library_shelfitem")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub shelf_id: i64,
    pub label: String,
    #[sea_orm(default_value = 1)]
    pub position: i32,
    #[sea_orm(belongs_to, from = "shelf_id", to = "id", on_delete = "Cascade")]
    pub shelf: HasOne<super::shelf::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}

pub fn model() -> Description<Entity> {
    Description::new()
        .ordering([Column::Position, Column::Id])
        .foreign_key(Column::ShelfId, |shelf| shelf.related_name("items"))
        .column(Column::Position, |position| position.positive())
}
