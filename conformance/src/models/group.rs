//! Django's group of users.

use bowline::model::Model as Description;
use sea_orm::entity::prelude::*;

use super::permission;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "auth_group")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i32,
    #[sea_orm(unique)]
    pub name: String,
    #[sea_orm(has_many, via = "group_permission")]
    pub permissions: HasMany<super::permission::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}

pub fn model() -> Description<Entity> {
    Description::new()
        .display(|row| row.text(Column::Name))
        .many_to_many::<permission::Entity>("permissions", |permissions| permissions.blank())
}
