//! `Authorization: Token …`

use std::borrow::Cow;

use async_trait::async_trait;
use sea_orm::{ColumnTrait, EntityTrait, JoinType, QueryFilter, QuerySelect, RelationTrait};

use super::header::{Credentials, credentials};
use super::users::{token, user};
use super::{Authenticated, Authentication};
use crate::context::{Context, User};
use crate::error::{Error, Result};
use crate::store::Database;

/// By a key in `authtoken_token`, DRF's `TokenAuthentication`: `Authorization: Token 401f7ac8…`, one statement.
///
/// ```
/// use bowline::authentication::TokenAuthentication;
/// use bowline::prelude::*;
/// let settings = Settings { authentication: vec![std::sync::Arc::new(TokenAuthentication::new())], ..Settings::default() };
/// # let _ = (settings, TokenAuthentication::new().keyword("Bearer"));
/// ```
#[derive(Clone, Debug)]
pub struct TokenAuthentication {
    keyword: Cow<'static, str>,
}

impl Default for TokenAuthentication {
    fn default() -> Self {
        Self::new()
    }
}

impl TokenAuthentication {
    /// With the keyword `Token`.
    pub fn new() -> Self {
        TokenAuthentication { keyword: Cow::Borrowed("Token") }
    }

    /// With another keyword, like `Bearer`.
    pub fn keyword(mut self, keyword: impl Into<Cow<'static, str>>) -> Self {
        self.keyword = keyword.into();
        self
    }
}

#[async_trait]
impl Authentication for TokenAuthentication {
    async fn authenticate(&self, request: &Context, database: &Database) -> Result<Option<Authenticated>> {
        let key = match credentials(request, &self.keyword) {
            Credentials::Others => return Ok(None),
            Credentials::None => {
                return Err(Error::authentication_failed("Invalid token header. No credentials provided."));
            }
            Credentials::Several => {
                return Err(Error::authentication_failed(
                    "Invalid token header. Token string should not contain spaces.",
                ));
            }
            Credentials::One(key) => key,
        };
        let Ok(key) = std::str::from_utf8(key) else {
            let detail = "Invalid token header. Token string should not contain invalid characters.";
            return Err(Error::authentication_failed(detail));
        };
        let found = user::Entity::find()
            .join(JoinType::InnerJoin, token::Relation::User.def().rev())
            .filter(token::Column::Key.eq(key))
            .one(&database.framework())
            .await?;
        let found = found.ok_or_else(|| Error::authentication_failed("Invalid token."))?;
        if !found.is_active {
            return Err(Error::authentication_failed("User inactive or deleted."));
        }
        Ok(Some(Authenticated::by(User::from(&found), key)))
    }

    fn authenticate_header(&self, _: &Context) -> Option<Cow<'static, str>> {
        Some(self.keyword.clone())
    }
}
