//! Django's name of a model, for its permissions.

use bowline::model::Model as Description;
use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "django_content_type")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i32,
    #[sea_orm(unique_key = "app_label_model")]
    pub app_label: String,
    #[sea_orm(unique_key = "app_label_model")]
    pub model: String,
}

impl ActiveModelBehavior for ActiveModel {}

pub fn model() -> Description<Entity> {
    Description::new()
        .app_label("contenttypes")
        .column(Column::Model, |model| model.verbose_name("python model class name"))
}
