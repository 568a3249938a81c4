//! A name and a password with every request.

use std::borrow::Cow;

use async_trait::async_trait;

use super::header::{self, failed};
use super::tables::AUTH_USER;
use super::{Accounts, Authenticated, Authentication};
use crate::context::Context;
use crate::error::Result;
use crate::store::{Database, Needs};

/// A name and a password with every request (RFC 7617), DRF's `BasicAuthentication`.
///
/// ```
/// use bowline::authentication::{Accounts, BasicAuthentication};
/// let basic = BasicAuthentication::new(Accounts::default()).realm("library");
/// # let _ = basic;
/// ```
#[derive(Clone, Debug, Default)]
pub struct BasicAuthentication {
    accounts: Accounts,
    realm: Option<Cow<'static, str>>,
}

impl BasicAuthentication {
    /// By the accounts.
    pub fn new(accounts: Accounts) -> Self {
        BasicAuthentication { accounts, realm: None }
    }

    /// With another realm than `api`, DRF's `www_authenticate_realm`.
    pub fn realm(mut self, realm: impl Into<Cow<'static, str>>) -> Self {
        self.realm = Some(realm.into());
        self
    }
}

#[async_trait]
impl Authentication for BasicAuthentication {
    async fn authenticate(&self, request: &Context, database: &Database) -> Result<Option<Authenticated>> {
        let Some(word) = header::credentials(request, "basic", "basic", "Credentials")? else { return Ok(None) };
        let decoded = header::base64(word).map(|bytes| match String::from_utf8(bytes) {
            Ok(text) => text,
            // latin-1
            Err(error) => error.into_bytes().into_iter().map(char::from).collect(),
        });
        let Some((username, password)) = decoded.as_deref().and_then(|text| text.split_once(':')) else {
            return Err(failed("Invalid basic header. Credentials not correctly base64 encoded."));
        };
        match self.accounts.authenticate(database, username, password).await? {
            Some(account) => Ok(Some(Authenticated::new(account.into()))),
            None => Err(failed("Invalid username/password.")),
        }
    }

    fn tables(&self) -> &'static [Needs] {
        &[AUTH_USER]
    }

    fn has_credentials(&self, request: &Context) -> bool {
        header::has_any(request)
    }

    fn authenticate_header(&self, _: &Context) -> Option<Cow<'static, str>> {
        Some(format!("Basic realm=\"{}\"", self.realm.as_deref().unwrap_or("api")).into())
    }
}
