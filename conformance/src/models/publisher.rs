//! Who publishes books.

use bowline::model::Model as Description;
use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "library_publisher")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(unique)]
    pub name: String,
    #[sea_orm(unique)]
    pub slug: String,
    pub website: String,
    #[sea_orm(default_value = "GB")]
    pub country: String,
    pub founded: Option<Date>,
}

impl ActiveModelBehavior for ActiveModel {}

pub fn model() -> Description<Entity> {
    Description::new()
        .ordering([Column::Id])
        .display(|row| row.text(Column::Name))
        .column(Column::Slug, |slug| slug.slug())
        .column(Column::Website, |website| website.url().blank())
        .column(Column::Country, |country| {
            country
                .choices([
                    ("Europe", vec![("GB", "United Kingdom"), ("FR", "France"), ("DE", "Germany")]),
                    ("Americas", vec![("US", "United States"), ("BR", "Brazil")]),
                ])
                .choices([("XX", "Elsewhere")])
        })
}
