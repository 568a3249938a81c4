//! The lock of a shelf, one to one.

use bowline::model::Model as Description;
use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "library_shelflock")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(unique)]
    pub shelf_id: i64,
    pub code: String,
    #[sea_orm(belongs_to, from = "shelf_id", to = "id", on_delete = "Cascade")]
    pub shelf: HasOne<super::shelf::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}

pub fn model() -> Description<Entity> {
    Description::new().foreign_key(Column::ShelfId, |shelf| shelf.one_to_one().related_name("lock"))
}
