//! Django's tables of users, sessions and tokens, as Django makes them: for databases without Django.

use sea_orm::sea_query::{ColumnDef, ForeignKey, ForeignKeyAction, Table, TableCreateStatement};

use super::accounts::USERS;
use super::session::SESSIONS;
use super::token::TOKENS;
use crate::store::Needs;

/// What obtains tokens.
pub(crate) const OF_TOKENS: [Needs; 2] = [AUTH_USER, AUTHTOKEN_TOKEN];
/// Users.
pub(super) const AUTH_USER: Needs = Needs::made(USERS, auth_user);
/// Sessions.
pub(super) const DJANGO_SESSION: Needs = Needs::made(SESSIONS, django_session);
/// DRF's tokens.
pub(super) const AUTHTOKEN_TOKEN: Needs = Needs::made(TOKENS, authtoken_token);

fn auth_user() -> TableCreateStatement {
    let mut table = Table::create();
    table.table(USERS).if_not_exists();
    table.col(ColumnDef::new("id").integer().not_null().auto_increment().primary_key());
    table.col(ColumnDef::new("password").string_len(128).not_null());
    table.col(ColumnDef::new("last_login").timestamp_with_time_zone());
    table.col(ColumnDef::new("is_superuser").boolean().not_null());
    table.col(ColumnDef::new("username").string_len(150).not_null().unique_key());
    table.col(ColumnDef::new("first_name").string_len(150).not_null());
    table.col(ColumnDef::new("last_name").string_len(150).not_null());
    table.col(ColumnDef::new("email").string_len(254).not_null());
    table.col(ColumnDef::new("is_staff").boolean().not_null());
    table.col(ColumnDef::new("is_active").boolean().not_null());
    table.col(ColumnDef::new("date_joined").timestamp_with_time_zone().not_null());
    table
}

fn django_session() -> TableCreateStatement {
    let mut table = Table::create();
    table.table(SESSIONS).if_not_exists();
    table.col(ColumnDef::new("session_key").string_len(40).not_null().primary_key());
    table.col(ColumnDef::new("session_data").text().not_null());
    table.col(ColumnDef::new("expire_date").timestamp_with_time_zone().not_null());
    table
}

fn authtoken_token() -> TableCreateStatement {
    let mut table = Table::create();
    table.table(TOKENS).if_not_exists();
    table.col(ColumnDef::new("key").string_len(40).not_null().primary_key());
    table.col(ColumnDef::new("created").timestamp_with_time_zone().not_null());
    table.col(ColumnDef::new("user_id").integer().not_null().unique_key());
    let mut to = ForeignKey::create();
    to.from(TOKENS, "user_id").to(USERS, "id").on_delete(ForeignKeyAction::Cascade);
    table.foreign_key(&mut to);
    table
}
