//! Required columns, limits and defaults, one column that no body may set.

use bowline::model::Model as Description;
use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "library_strict")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub name: String,
    pub code: String,
    #[sea_orm(column_type = "Decimal(Some((5, 2)))")]
    pub amount: Decimal,
    #[sea_orm(default_value = 7)]
    pub quantity: i32,
    pub kind: String,
    #[sea_orm(default_value = "S-1")]
    pub serial: String,
    pub day: Date,
    pub at: DateTimeUtc,
    pub ok: bool,
    #[sea_orm(column_type = "JsonBinary")]
    pub data: Json,
}

impl ActiveModelBehavior for ActiveModel {}

pub fn model() -> Description<Entity> {
    Description::new()
        .ordering([Column::Id])
        .column(Column::Code, |code| code.slug())
        .column(Column::Amount, |amount| amount.min_value(0).max_value(500))
        .column(Column::Quantity, |quantity| quantity.min_value(1))
        .column(Column::Kind, |kind| kind.choices([("small", "Small"), ("large", "Large")]))
        .column(Column::Serial, |serial| serial.not_editable())
}
