//! The permissions of groups.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "auth_group_permissions")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(unique_key = "pair")]
    pub group_id: i32,
    #[sea_orm(unique_key = "pair")]
    pub permission_id: i32,
    #[sea_orm(belongs_to, from = "group_id", to = "id", on_delete = "Cascade")]
    pub group: HasOne<super::group::Entity>,
    #[sea_orm(belongs_to, from = "permission_id", to = "id", on_delete = "Cascade")]
    pub permission: HasOne<super::permission::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
