//! Rows that belong to users, for permissions on objects.

use bowline::model::Model as Description;
use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "library_job")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub title: String,
    pub owner_id: i32,
    #[sea_orm(default_value = false)]
    pub public: bool,
    #[sea_orm(default_value = false)]
    pub done: bool,
    #[sea_orm(belongs_to, from = "owner_id", to = "id", on_delete = "Cascade")]
    pub owner: HasOne<super::user::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}

pub fn model() -> Description<Entity> {
    Description::new().ordering([Column::Id]).foreign_key(Column::OwnerId, |owner| owner.related_name("jobs"))
}
