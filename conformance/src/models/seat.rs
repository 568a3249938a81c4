//! A seat in a reading room: unique constraints over one column, over several, with a condition.

use bowline::model::{Condition, Model as Description, UniqueConstraint};
use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "library_seat")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub code: String,
    pub room: String,
    pub row: i32,
    pub number: i32,
    pub badge: Option<String>,
    pub zone: Option<String>,
    #[sea_orm(default_value = true)]
    pub active: bool,
}

impl ActiveModelBehavior for ActiveModel {}

pub fn model() -> Description<Entity> {
    Description::new()
        .ordering([Column::Id])
        .column(Column::Badge, |badge| badge.blank())
        .column(Column::Zone, |zone| zone.blank())
        .constraint(UniqueConstraint::new([Column::Code]).name("seat_code"))
        .constraint(
            UniqueConstraint::new([Column::Room, Column::Row, Column::Number])
                .name("seat_place")
                .message("That place is taken.")
                .code("taken"),
        )
        .constraint(
            UniqueConstraint::new([Column::Room, Column::Badge])
                .condition(Condition::eq(Column::Active, true))
                .name("seat_badge")
                .message("That badge is worn in this room.")
                .code("worn"),
        )
        .constraint(UniqueConstraint::new([Column::Zone, Column::Number]).name("seat_zone_number"))
}
