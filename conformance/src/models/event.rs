//! An evening in a room: columns that are unique among the rows of a day, a month, a year.

use bowline::model::Model as Description;
use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "library_event")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub title: String,
    pub room: String,
    pub sponsor: String,
    pub on: Date,
}

impl ActiveModelBehavior for ActiveModel {}

pub fn model() -> Description<Entity> {
    Description::new()
        .ordering([Column::Id])
        .unique_for_date(Column::Title, Column::On)
        .unique_for_month(Column::Room, Column::On)
        .unique_for_year(Column::Sponsor, Column::On)
}
