//! DRF's token of a user, for `TokenAuthentication`.

use bowline::model::Model as Description;
use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "authtoken_token")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: String,
    #[sea_orm(unique)]
    pub user_id: i32,
    pub created: DateTimeUtc,
    #[sea_orm(belongs_to, from = "user_id", to = "id", on_delete = "Cascade")]
    pub user: HasOne<super::user::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}

pub fn model() -> Description<Entity> {
    Description::new()
        .verbose_name("Token")
        .display(|row| row.text(Column::Key))
        .column(Column::Key, |key| key.verbose_name("Key"))
        .foreign_key(Column::UserId, |user| user.one_to_one().related_name("auth_token"))
        .column(Column::UserId, |user| user.verbose_name("User"))
        .column(Column::Created, |created| created.verbose_name("Created").auto_now_add())
}
