//! Django's permissions of users: `auth_permission`, by the user or by a group.

use super::{Bound, Dialect, Needs, Statement};
use crate::value::DbValue;

/// The tables that are asked.
pub(crate) const TABLES: [Needs; 5] = [
    Needs::of_django("auth_permission"),
    Needs::of_django("django_content_type"),
    Needs::of_django("auth_user_user_permissions"),
    Needs::of_django("auth_user_groups"),
    Needs::of_django("auth_group_permissions"),
];

/// Whether a user has a permission (`library.add_book`), by itself or by a group: a row, or none.
pub(crate) fn permission(dialect: Dialect, user: DbValue, name: &str) -> Bound {
    let sql = match dialect {
        Dialect::Postgres => sql("$1", "$2"),
        Dialect::Sqlite => sql("?1", "?2"),
    };
    Statement::new(sql).bind(vec![user, DbValue::String(Some(name.to_owned()))])
}

fn sql(user: &str, name: &str) -> String {
    format!(
        "SELECT 1 FROM auth_permission AS p JOIN django_content_type AS c ON c.id = p.content_type_id \
         WHERE c.app_label || '.' || p.codename = {name} AND (\
         EXISTS (SELECT 1 FROM auth_user_user_permissions AS u WHERE u.permission_id = p.id AND u.user_id = {user}) \
         OR EXISTS (SELECT 1 FROM auth_user_groups AS m JOIN auth_group_permissions AS g ON g.group_id = m.group_id \
         WHERE g.permission_id = p.id AND m.user_id = {user})) LIMIT 1"
    )
}
