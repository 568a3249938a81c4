//! A file that belongs to a book.

use bowline::model::Model as Description;
use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "library_attachment")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub book_id: i64,
    pub title: String,
    pub file: String,
    pub cover: Option<String>,
    #[sea_orm(belongs_to, from = "book_id", to = "id", on_delete = "Cascade")]
    pub book: HasOne<super::book::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}

pub fn model() -> Description<Entity> {
    Description::new()
        .ordering([Column::Id])
        .foreign_key(Column::BookId, |book| book.related_name("attachments"))
        .column(Column::File, |file| file.file("attachments/"))
        .column(Column::Cover, |cover| cover.image("covers/").blank())
}
