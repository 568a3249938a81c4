//! DRF's tokens: one per user, in the table `authtoken_token`.

use std::borrow::Cow;

use async_trait::async_trait;
use chrono::Utc;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict, Query};

use super::accounts::{self, USERS};
use super::header::{self, failed};
use super::row::Row;
use super::tables::{AUTH_USER, AUTHTOKEN_TOKEN};
use super::{Account, Authenticated, Authentication, random};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::store::{Database, Needs, StoreError, ViolationKind};

pub(super) const TOKENS: &str = "authtoken_token";

/// A token in `Authorization: Token …`, DRF's `TokenAuthentication` over its table `authtoken_token`.
///
/// The key of the token is [`Context::auth`]. Keys are kept as they are, as DRF keeps them: for a database of one's own,
/// [`BearerTokens`](super::BearerTokens) are the better choice.
///
/// ```
/// use bowline::authentication::TokenAuthentication;
/// let bearer = TokenAuthentication::new().keyword("Bearer");
/// # let _ = bearer;
/// ```
#[derive(Clone, Debug, Default)]
pub struct TokenAuthentication {
    keyword: Option<Cow<'static, str>>,
}

impl TokenAuthentication {
    /// By `Authorization: Token …`.
    pub fn new() -> Self {
        TokenAuthentication::default()
    }

    /// With another word before the token.
    pub fn keyword(mut self, keyword: impl Into<Cow<'static, str>>) -> Self {
        self.keyword = Some(keyword.into());
        self
    }

    fn word(&self) -> Cow<'static, str> {
        self.keyword.clone().unwrap_or(Cow::Borrowed("Token"))
    }
}

/// The token of a header, as text.
pub(super) fn of_header<'a>(request: &'a Context, keyword: &str) -> Result<Option<&'a str>> {
    let Some(word) = header::credentials(request, keyword, "token", "Token")? else { return Ok(None) };
    match std::str::from_utf8(word) {
        Ok(token) => Ok(Some(token)),
        Err(_) => Err(failed("Invalid token header. Token string should not contain invalid characters.")),
    }
}

#[async_trait]
impl Authentication for TokenAuthentication {
    async fn authenticate(&self, request: &Context, database: &Database) -> Result<Option<Authenticated>> {
        let Some(key) = of_header(request, &self.word())? else { return Ok(None) };
        if key.contains('\0') {
            return Err(failed("Invalid token."));
        }
        let rows = database.lookup("authtoken_token.key", key, |key| {
            let mut select = accounts::select();
            select.inner_join(TOKENS, Expr::col((TOKENS, "user_id")).equals((USERS, "id")));
            select.and_where(Expr::col((TOKENS, "key")).eq(key)).to_owned()
        });
        let rows = rows.await?;
        if rows.is_empty() {
            return Err(failed("Invalid token."));
        }
        let account = Account::read(&rows, 0)?;
        if !account.is_active {
            return Err(failed("User inactive or deleted."));
        }
        Ok(Some(Authenticated::by(account.into(), key)))
    }

    fn has_credentials(&self, request: &Context) -> bool {
        header::has_any(request)
    }

    fn tables(&self) -> &'static [Needs] {
        &[AUTH_USER, AUTHTOKEN_TOKEN]
    }

    fn authenticate_header(&self, _: &Context) -> Option<Cow<'static, str>> {
        Some(self.word())
    }
}

/// The key of a user's token, made now where there is none: DRF's `Token.objects.get_or_create`. However many ask at once, all
/// get the same; one that is revoked at this moment is made anew.
///
/// # Errors
///
/// 401 for a user that is deleted at this moment, and where the database fails.
pub async fn obtain_token(database: &Database, account: &Account) -> Result<String> {
    let mut select = Query::select();
    select.column("key").from(TOKENS).and_where(Expr::col("user_id").eq(account.id));
    let mut insert = Query::insert();
    insert
        .into_table(TOKENS)
        .columns(["key", "created", "user_id"])
        // a row comes back in any case, whoever makes or deletes one beside
        .on_conflict(OnConflict::column("user_id").update_column("user_id").to_owned());
    insert
        .values([random::hex(20)?.into(), Utc::now().into(), account.id.into()])
        .map_err(Error::internal)?
        .returning_col("key");
    let mut rows = database.select(&select).await?;
    if rows.is_empty() {
        rows = database
            .apply(&insert)
            .await
            .map_err(|error| if is_orphan(&error) { failed("User inactive or deleted.") } else { error.into() })?;
    }
    Row(&rows, 0).text(0)
}

/// Whether a row could not be written because its user was deleted meanwhile.
pub(super) fn is_orphan(error: &StoreError) -> bool {
    matches!(error, StoreError::Violation(violation) if violation.kind == ViolationKind::ForeignKey)
}

/// Deletes a user's token, DRF's `user.auth_token.delete()`; whether there was one.
///
/// ```
/// use bowline::authentication::{Account, revoke_token};
/// use bowline::prelude::*;
///
/// async fn logout(request: Request) -> bowline::Result<Response> {
///     if let Some(account) = request.user().and_then(|user| user.extra::<Account>()) {
///         revoke_token(request.database()?, account).await?;
///     }
///     Ok(Response::no_content())
/// }
/// let view = ApiView::new("LogoutView").post(logout);
/// # let _ = view;
/// ```
///
/// # Errors
///
/// Where the database fails.
pub async fn revoke_token(database: &Database, account: &Account) -> Result<bool> {
    let mut delete = Query::delete();
    delete.from_table(TOKENS).and_where(Expr::col("user_id").eq(account.id)).returning_col("user_id");
    Ok(!database.apply(&delete).await?.is_empty())
}
