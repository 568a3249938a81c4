//! A document, whose `uid` is unique in its collection.

use bowline::model::Model as Description;
use bowline::value::Value;
use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "seed_document")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(unique_key = "collection_uid")]
    pub collection_id: i64,
    #[sea_orm(column_type = "Text", unique_key = "collection_uid")]
    pub uid: String,
    #[sea_orm(column_type = "JsonBinary")]
    pub blob: Json,
    #[sea_orm(belongs_to, from = "collection_id", to = "id", on_delete = "Cascade")]
    pub collection: HasOne<super::collection::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}

pub fn model() -> Description<Entity> {
    Description::new().column(Column::Blob, |blob| blob.default(Value::map()))
}
