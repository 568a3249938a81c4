//! A book.

use bowline::model::Model as Description;
use sea_orm::entity::prelude::*;

use super::tag;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "library_book")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub title: String,
    #[sea_orm(unique)]
    pub slug: String,
    #[sea_orm(unique)]
    pub isbn: String,
    pub author_id: i64,
    pub publisher_id: Option<i64>,
    #[sea_orm(column_type = "Decimal(Some((7, 2)))")]
    pub price: Decimal,
    pub pages: i32,
    #[sea_orm(default_value = 1)]
    pub edition: i16,
    pub weight: Option<f64>,
    pub published: Option<Date>,
    #[sea_orm(default_value = true)]
    pub in_print: bool,
    #[sea_orm(default_value = "en")]
    pub language: String,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
    #[sea_orm(belongs_to, from = "author_id", to = "id", on_delete = "Restrict")]
    pub author: HasOne<super::author::Entity>,
    #[sea_orm(belongs_to, from = "publisher_id", to = "id", on_delete = "SetNull")]
    pub publisher: HasOne<super::publisher::Entity>,
    #[sea_orm(has_many, via = "book_tag")]
    pub tags: HasMany<super::tag::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}

pub fn model() -> Description<Entity> {
    Description::new()
        .ordering([Column::Id])
        .display(|row| row.text(Column::Title))
        .column(Column::Slug, |slug| slug.slug())
        .column(Column::Isbn, |isbn| isbn.verbose_name("ISBN"))
        .foreign_key(Column::AuthorId, |author| author.related_name("books"))
        .foreign_key(Column::PublisherId, |publisher| publisher.related_name("books"))
        .many_to_many::<tag::Entity>("tags", |tags| tags.related_name("books").blank())
        .column(Column::Pages, |pages| pages.positive())
        .column(Column::Edition, |edition| edition.positive())
        .column(Column::Language, |language| {
            language.choices([("en", "English"), ("fr", "French"), ("de", "German"), ("pt", "Portuguese")])
        })
        .column(Column::CreatedAt, |at| at.auto_now_add())
        .column(Column::UpdatedAt, |at| at.auto_now())
}
