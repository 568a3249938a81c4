//! What a user thinks of a book, once.

use bowline::model::Model as Description;
use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "library_review")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(unique_key = "book_reviewer")]
    pub book_id: i64,
    #[sea_orm(unique_key = "book_reviewer")]
    pub reviewer_id: i32,
    pub stars: i32,
    #[sea_orm(column_type = "Text")]
    pub text: String,
    pub created_at: DateTimeUtc,
    #[sea_orm(belongs_to, from = "book_id", to = "id", on_delete = "Cascade")]
    pub book: HasOne<super::book::Entity>,
    #[sea_orm(belongs_to, from = "reviewer_id", to = "id", on_delete = "Cascade")]
    pub reviewer: HasOne<super::user::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}

pub fn model() -> Description<Entity> {
    Description::new()
        .ordering([Column::Id])
        .foreign_key(Column::BookId, |book| book.related_name("reviews"))
        .foreign_key(Column::ReviewerId, |reviewer| reviewer.related_name("reviews"))
        .column(Column::Stars, |stars| stars.min_value(1).max_value(5))
        .column(Column::Text, |text| text.blank())
        .column(Column::CreatedAt, |at| at.auto_now_add())
}
