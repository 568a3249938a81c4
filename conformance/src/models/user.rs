//! Django's user.

use bowline::error::{ErrorDetail, ValidationError};
use bowline::model::Model as Description;
use bowline::value::Value;
use sea_orm::entity::prelude::*;

use super::{group, permission};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "auth_user")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i32,
    pub password: String,
    pub last_login: Option<DateTimeUtc>,
    #[sea_orm(default_value = false)]
    pub is_superuser: bool,
    #[sea_orm(unique)]
    pub username: String,
    pub first_name: String,
    pub last_name: String,
    pub email: String,
    #[sea_orm(default_value = false)]
    pub is_staff: bool,
    #[sea_orm(default_value = true)]
    pub is_active: bool,
    pub date_joined: DateTimeUtc,
    #[sea_orm(has_many, via = "user_group")]
    pub groups: HasMany<super::group::Entity>,
    #[sea_orm(has_many, via = "user_permission")]
    pub user_permissions: HasMany<super::permission::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}

pub fn model() -> Description<Entity> {
    Description::new()
        .display(|row| row.text(Column::Username))
        .column(Column::IsSuperuser, |superuser| {
            superuser
                .verbose_name("superuser status")
                .help_text("Designates that this user has all permissions without explicitly assigning them.")
        })
        .many_to_many::<group::Entity>("groups", |groups| {
            groups.related_name("user_set").blank().help_text(
                "The groups this user belongs to. A user will get all permissions granted to each of their groups.",
            )
        })
        .many_to_many::<permission::Entity>("user_permissions", |permissions| {
            permissions.related_name("user_set").blank().help_text("Specific permissions for this user.")
        })
        .column(Column::Username, |username| {
            username
                .help_text("Required. 150 characters or fewer. Letters, digits and @/./+/-/_ only.")
                .validator(plain_name)
                .unique_message("A user with that username already exists.")
        })
        .column(Column::FirstName, |name| name.blank())
        .column(Column::LastName, |name| name.blank())
        .column(Column::Email, |email| email.verbose_name("email address").email().blank())
        .column(Column::IsStaff, |staff| {
            staff.verbose_name("staff status").help_text("Designates whether the user can log into this admin site.")
        })
        .column(Column::IsActive, |active| {
            active.verbose_name("active").help_text(
                "Designates whether this user should be treated as active. Unselect this instead of deleting accounts.",
            )
        })
        .column(Column::DateJoined, |joined| joined.default_with(|| ChronoUtc::now().fixed_offset().into()))
}

/// Django's `UnicodeUsernameValidator`.
fn plain_name(value: &Value) -> Result<(), ValidationError> {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '@' | '+' | '-');
    if value.as_str().is_some_and(|name| !name.is_empty() && name.chars().all(fits)) {
        return Ok(());
    }
    let message = "Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters.";
    Err(ErrorDetail::new(message, "invalid").into())
}
