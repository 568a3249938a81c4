//! The tags of entries.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "library_entry_tags")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(unique_key = "pair")]
    pub entry_id: i64,
    #[sea_orm(unique_key = "pair")]
    pub tag_id: i64,
    #[sea_orm(belongs_to, from = "entry_id", to = "id", on_delete = "Cascade")]
    pub entry: HasOne<super::entry::Entity>,
    #[sea_orm(belongs_to, from = "tag_id", to = "id", on_delete = "Cascade")]
    pub tag: HasOne<super::tag::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
