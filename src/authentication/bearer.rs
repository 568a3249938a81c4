//! Tokens for a database of one's own: kept as hashes, several per user, expiring.

use std::any::Any;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::sea_query::{ColumnDef, Expr, ExprTrait, Query, Table, TableCreateStatement};
use sha2::{Digest, Sha256};

use super::accounts::{self, USERS};
use super::header::{self, failed};
use super::row::Row;
use super::tables::AUTH_USER;
use super::{Account, Accounts, Authenticated, Authentication, random, token};
use crate::context::{Context, User};
use crate::error::{Error, Result};
use crate::store::{Cell, Database, Needs};

const TOKENS: &str = "bowline_token";
/// Letters and digits of a key: more than 256 bits.
const LENGTH: usize = 43;
/// How many columns of a token come before those of its user.
const TOKEN_COLUMNS: usize = 3;

/// Where tokens find their users.
#[async_trait]
pub trait Users: Send + Sync + std::fmt::Debug + 'static {
    /// The user of a key; none where there is none, or it may not log in any more.
    ///
    /// # Errors
    ///
    /// Where the database fails.
    async fn user(&self, database: &Database, key: i64) -> Result<Option<User>>;
}

/// Active ones.
#[async_trait]
impl Users for Accounts {
    async fn user(&self, database: &Database, key: i64) -> Result<Option<User>> {
        let account = self.by_key(database, key).await?;
        Ok(account.filter(|account| account.is_active).map(User::from))
    }
}

/// Tokens in `Authorization: Bearer …`, the better default for a database of one's own: the table `bowline_token`, made when the
/// program starts where it is absent, holds no key but its SHA-256; a user has as many as it likes, each with a name and an end.
/// Cheap to clone.
///
/// ```
/// use std::time::Duration;
///
/// use bowline::authentication::{Accounts, Authentication, BearerTokens};
/// use bowline::prelude::*;
///
/// let tokens = BearerTokens::new(Accounts::default()).lifetime(Duration::from_secs(30 * 86_400));
/// let settings = Settings { authentication: vec![tokens.clone().shared()], ..Settings::default() };
/// async fn issue(tokens: BearerTokens, request: Request) -> bowline::Result<Response> {
///     let user = request.user().and_then(|user| user.pk.as_int()).ok_or_else(Error::not_authenticated)?;
///     let key = tokens.issue(request.database()?, user, "from the console").await?;
///     Ok(Response::new(bowline::value!({"token": key})))
/// }
/// let issue = ApiView::new("IssueToken").post(move |request| issue(tokens.clone(), request));
/// # let _ = (settings, issue);
/// ```
#[derive(Clone, Debug)]
pub struct BearerTokens {
    users: Arc<dyn Users>,
    /// Whether they are those of `auth_user`, which a token's own statement finds.
    in_accounts: bool,
    keyword: Cow<'static, str>,
    lifetime: Option<Duration>,
}

/// A token as its user may see it: without its key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IssuedToken {
    /// What it is revoked by.
    pub id: i64,
    /// What it is for.
    pub name: String,
    /// When it was made.
    pub created_at: Option<DateTime<Utc>>,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
}

impl BearerTokens {
    /// Of users.
    pub fn new(users: impl Users) -> Self {
        BearerTokens {
            in_accounts: (&users as &dyn Any).is::<Accounts>(),
            users: Arc::new(users),
            keyword: "Bearer".into(),
            lifetime: Some(Duration::from_secs(90 * 86_400)),
        }
    }

    /// With another word before the token.
    pub fn keyword(mut self, keyword: impl Into<Cow<'static, str>>) -> Self {
        self.keyword = keyword.into();
        self
    }

    /// With another life than 90 days; none for tokens that only end when they are revoked.
    pub fn lifetime(mut self, lifetime: impl Into<Option<Duration>>) -> Self {
        self.lifetime = lifetime.into();
        self
    }

    /// A new token of a user. The key is told this once: the database does not know it.
    ///
    /// # Errors
    ///
    /// Where the database fails.
    pub async fn issue(&self, database: &Database, user: i64, name: &str) -> Result<String> {
        self.made(database).await?;
        let key = random::text(LENGTH, random::ALPHANUMERIC)?;
        let now = Utc::now();
        let expires = self.lifetime.and_then(|life| now.checked_add_signed(TimeDelta::from_std(life).ok()?));
        let mut insert = Query::insert();
        insert.into_table(TOKENS).columns(["digest", "user_id", "name", "created_at", "expires_at"]);
        let name = name.replace('\0', "");
        let values = [digest(&key).into(), user.into(), name.into(), now.into(), expires.into()];
        database.apply(insert.values(values).map_err(Error::internal)?).await?;
        Ok(key)
    }

    /// The tokens of a user, the newest first.
    ///
    /// # Errors
    ///
    /// Where the database fails.
    pub async fn list(&self, database: &Database, user: i64) -> Result<Vec<IssuedToken>> {
        self.made(database).await?;
        let mut select = Query::select();
        select.columns(["id", "name", "created_at", "expires_at"]).from(TOKENS);
        select.and_where(Expr::col("user_id").eq(user)).order_by("id", sea_orm::sea_query::Order::Desc);
        let rows = database.select(&select).await?;
        let tokens = (0..rows.len()).map(|row| {
            let row = Row(&rows, row);
            Ok(IssuedToken { id: row.int(0)?, name: row.text(1)?, created_at: row.time(2)?, expires_at: row.time(3)? })
        });
        tokens.collect()
    }

    /// Revokes a token of a user by its id: no request after this one is let in by it. Whether there was one.
    ///
    /// # Errors
    ///
    /// Where the database fails.
    pub async fn revoke(&self, database: &Database, user: i64, id: i64) -> Result<bool> {
        self.delete(database, Expr::col("user_id").eq(user).and(Expr::col("id").eq(id))).await.map(|gone| gone > 0)
    }

    /// Revokes all tokens of a user, as when its password changes; how many there were.
    ///
    /// # Errors
    ///
    /// Where the database fails.
    pub async fn revoke_all(&self, database: &Database, user: i64) -> Result<usize> {
        self.delete(database, Expr::col("user_id").eq(user)).await
    }

    /// Deletes what has ended; how many there were.
    ///
    /// # Errors
    ///
    /// Where the database fails.
    pub async fn delete_expired(&self, database: &Database) -> Result<usize> {
        self.delete(database, Expr::col("expires_at").lte(Utc::now())).await
    }

    async fn delete(&self, database: &Database, which: Expr) -> Result<usize> {
        self.made(database).await?;
        let mut delete = Query::delete();
        delete.from_table(TOKENS).and_where(which).returning_col("id");
        Ok(database.apply(&delete).await?.len())
    }

    /// Makes the table where it is absent, for a program whose router does not know that it has tokens.
    async fn made(&self, database: &Database) -> Result<()> {
        Ok(database.make_table(TOKENS, table).await?)
    }
}

fn table() -> TableCreateStatement {
    let mut table = Table::create();
    table.table(TOKENS).if_not_exists();
    table.col(ColumnDef::new("id").big_integer().not_null().auto_increment().primary_key());
    table.col(ColumnDef::new("digest").text().not_null().unique_key());
    table.col(ColumnDef::new("user_id").big_integer().not_null());
    table.col(ColumnDef::new("name").text().not_null());
    table.col(ColumnDef::new("created_at").timestamp_with_time_zone().not_null());
    table.col(ColumnDef::new("expires_at").timestamp_with_time_zone());
    table
}

/// What the database knows of a key. A key is random and long: it needs no salt.
fn digest(key: &str) -> String {
    random::to_hex(&Sha256::digest(key))
}

#[async_trait]
impl Authentication for BearerTokens {
    async fn authenticate(&self, request: &Context, database: &Database) -> Result<Option<Authenticated>> {
        let Some(key) = token::of_header(request, &self.keyword)? else { return Ok(None) };
        self.made(database).await?;
        let by = |digest| {
            let mut select = Query::select();
            select.columns(["user_id", "expires_at", "id"].map(|column| (TOKENS, column))).from(TOKENS);
            if self.in_accounts {
                select.columns(accounts::columns());
                select.left_join(USERS, Expr::col((USERS, "id")).equals((TOKENS, "user_id")));
            }
            select.and_where(Expr::col((TOKENS, "digest")).eq(digest)).to_owned()
        };
        let name = if self.in_accounts { "bowline_token.digest, auth_user" } else { "bowline_token.digest" };
        let rows = database.lookup(name, digest(key), by).await?;
        if rows.is_empty() {
            return Err(failed("Invalid token."));
        }
        let row = Row(&rows, 0);
        if row.time(1)?.is_some_and(|expires| expires <= Utc::now()) {
            return Err(failed("Token has expired."));
        }
        let user = if !self.in_accounts {
            self.users.user(database, row.int(0)?).await?
        } else if rows.cell(0, TOKEN_COLUMNS)? == Cell::Null {
            None
        } else {
            let account = Account::read_from(&rows, 0, TOKEN_COLUMNS)?;
            Some(account).filter(|account| account.is_active).map(User::from)
        };
        match user {
            Some(user) => Ok(Some(Authenticated::by(user, row.int(2)?))),
            None => Err(failed("User inactive or deleted.")),
        }
    }

    fn has_credentials(&self, request: &Context) -> bool {
        header::has_any(request)
    }

    fn tables(&self) -> &'static [Needs] {
        if self.in_accounts {
            const { &[AUTH_USER, Needs::own(TOKENS, table)] }
        } else {
            const { &[Needs::own(TOKENS, table)] }
        }
    }

    fn authenticate_header(&self, _: &Context) -> Option<Cow<'static, str>> {
        Some(self.keyword.clone())
    }
}
