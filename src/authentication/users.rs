//! Django's users and tokens, as `auth_user` and `authtoken_token` hold them.

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, ExprTrait, QueryFilter};

use super::hashers::{Passwords, Verdict};
use crate::context::User;
use crate::error::Result;
use crate::store::{Database, KnownEntities};

/// `auth_user`.
pub mod user {
    use sea_orm::entity::prelude::*;

    #[allow(missing_docs)]
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "auth_user")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub password: String,
        pub last_login: Option<DateTimeUtc>,
        pub is_superuser: bool,
        #[sea_orm(unique)]
        pub username: String,
        pub first_name: String,
        pub last_name: String,
        pub email: String,
        pub is_staff: bool,
        pub is_active: bool,
        pub date_joined: DateTimeUtc,
        #[sea_orm(has_one)]
        pub token: HasOne<super::token::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// `authtoken_token`.
pub mod token {
    use sea_orm::entity::prelude::*;

    #[allow(missing_docs)]
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "authtoken_token")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub key: String,
        pub created: DateTimeUtc,
        #[sea_orm(unique)]
        pub user_id: i64,
        #[sea_orm(belongs_to, from = "user_id", to = "id")]
        pub user: HasOne<super::user::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Tells how the rows of these tables are read by the framework itself; an application may have entities of its own for them.
pub(crate) fn learn(known: &mut KnownEntities) {
    known.learn::<user::Entity>();
    known.learn::<token::Entity>();
}

impl From<&user::Model> for User {
    fn from(row: &user::Model) -> Self {
        let mut user = User::new(row.id, row.username.clone());
        (user.is_staff, user.is_superuser) = (row.is_staff, row.is_superuser);
        user
    }
}

/// The user of a name and password, Django's `authenticate`: an active one alone. A name that nobody has costs as much as a
/// password that is wrong; a hash of another kind than new ones is replaced.
///
/// # Errors
///
/// 503 where the database is away.
pub async fn authenticate(
    database: &Database,
    passwords: &Passwords,
    username: &str,
    password: &str,
) -> Result<Option<user::Model>> {
    let database = &database.framework();
    let found = if username.contains('\0') {
        // no column can hold it
        None
    } else {
        user::Entity::find().filter(user::Column::Username.eq(username)).one(database).await?
    };
    let encoded = found.as_ref().map(|user| user.password.clone());
    match (passwords.check(password.to_owned(), encoded).await?, found) {
        (_, None) | (Verdict::Wrong, _) => Ok(None),
        (verdict, Some(user)) => {
            if let Verdict::Outdated(new) = verdict {
                // only while it is still the hash that was checked: a new password is not to be undone
                user::Entity::update_many()
                    .col_expr(user::Column::Password, Expr::value(new))
                    .filter(user::Column::Id.eq(user.id).and(user::Column::Password.eq(user.password.clone())))
                    .exec(database)
                    .await?;
            }
            Ok(Some(user).filter(|user| user.is_active))
        }
    }
}
