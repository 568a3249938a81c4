//! A shelf with its items and perhaps a lock.

use bowline::model::Model as Description;
use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "library_shelf")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(unique)]
    pub name: String,
    #[sea_orm(default_value = 0)]
    pub floor: i32,
    #[sea_orm(has_many)]
    pub items: HasMany<super::shelf_item::Entity>,
    #[sea_orm(has_one)]
    pub lock: HasOne<super::shelf_lock::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}

pub fn model() -> Description<Entity> {
    Description::new().verbose_name_plural("shelves").ordering([Column::Id]).display(|row| row.text(Column::Name))
}
