//! Who writes books, each perhaps with a mentor.

use bowline::model::Model as Description;
use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "library_author")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub first_name: String,
    pub last_name: String,
    #[sea_orm(unique)]
    pub email: Option<String>,
    pub born: Option<Date>,
    #[sea_orm(column_type = "Text")]
    pub bio: String,
    #[sea_orm(column_type = "Decimal(Some((4, 2)))")]
    pub rating: Option<Decimal>,
    #[sea_orm(default_value = true)]
    pub is_active: bool,
    pub mentor_id: Option<i64>,
    #[sea_orm(self_ref, relation_enum = "Mentor", from = "mentor_id", to = "id", on_delete = "SetNull")]
    pub mentor: HasOne<Entity>,
    #[sea_orm(has_many)]
    pub books: HasMany<super::book::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}

pub fn model() -> Description<Entity> {
    Description::new()
        .ordering([Column::Id])
        .display(|row| format!("{} {}", row.text(Column::FirstName), row.text(Column::LastName)))
        .property("full_name", |row| format!("{} {}", row.text(Column::FirstName), row.text(Column::LastName)))
        .column(Column::LastName, |name| name.help_text("Family name."))
        .column(Column::Email, |email| email.email().blank())
        .column(Column::Bio, |bio| bio.blank())
        .foreign_key(Column::MentorId, |mentor| mentor.related_name("pupils"))
}
