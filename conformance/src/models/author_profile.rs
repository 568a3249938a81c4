//! What an author says of himself, one to one.

use bowline::model::Model as Description;
use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "library_authorprofile")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(unique)]
    pub author_id: i64,
    pub nickname: String,
    pub homepage: String,
    pub verified: Option<bool>,
    #[sea_orm(belongs_to, from = "author_id", to = "id", on_delete = "Cascade")]
    pub author: HasOne<super::author::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}

pub fn model() -> Description<Entity> {
    Description::new()
        .ordering([Column::Id])
        .foreign_key(Column::AuthorId, |author| author.one_to_one().related_name("profile"))
        .column(Column::Homepage, |homepage| homepage.url().blank())
}
