//! Django's session of a client.

use bowline::model::Model as Description;
use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "django_session")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub session_key: String,
    #[sea_orm(column_type = "Text")]
    pub session_data: String,
    pub expire_date: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}

pub fn model() -> Description<Entity> {
    Description::new().app_label("sessions").display(|row| row.text(Column::SessionKey))
}
