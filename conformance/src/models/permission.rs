//! Django's permission to do something with a model.

use bowline::model::Model as Description;
use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "auth_permission")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i32,
    pub name: String,
    #[sea_orm(unique_key = "content_type_codename")]
    pub content_type_id: i32,
    #[sea_orm(unique_key = "content_type_codename")]
    pub codename: String,
    #[sea_orm(belongs_to, from = "content_type_id", to = "id", on_delete = "Cascade")]
    pub content_type: HasOne<super::content_type::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}

pub fn model() -> Description<Entity> {
    Description::new()
}
