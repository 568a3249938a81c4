//! Who sent a request.
//!
//! See DRF's chapter "Authentication".

mod accounts;
mod basic;
mod bearer;
mod cookies;
mod csrf;
mod hashers;
mod header;
mod jwt;
mod keys;
mod passwords;
mod random;
mod row;
mod session;
mod signing;
mod tables;
mod token;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

pub use accounts::{Account, Accounts};
pub use basic::BasicAuthentication;
pub use bearer::{BearerTokens, IssuedToken, Users};
pub use hashers::Hasher;
pub(crate) use jwt::BearerChallenge;
pub use jwt::{JsonWebTokens, TokenPair};
pub(crate) use keys::{Weakness, of_secret as weakness_of_secret};
pub use passwords::{Checked, Passwords};
pub(crate) use random::hex as random_hex;
pub use session::{SessionAuthentication, Sessions};
pub(crate) use tables::OF_TOKENS;
pub use token::{TokenAuthentication, obtain_token, revoke_token};

use http::HeaderMap;

use async_trait::async_trait;

use crate::context::{Context, User};
use crate::error::Result;
use crate::store::{Database, Needs};
use crate::value::Value;

/// A client that is known: DRF's pair of `request.user` and `request.auth`.
#[derive(Clone)]
pub struct Authenticated {
    /// Who it is.
    pub user: User,
    /// What it proved itself with, for handlers: the key of a token, the claims of a JWT.
    pub auth: Option<Value>,
}

/// Without what it proved itself with.
impl fmt::Debug for Authenticated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticated").field("user", &self.user).finish_non_exhaustive()
    }
}

impl Authenticated {
    /// A user, without anything more to say.
    pub fn new(user: User) -> Self {
        Authenticated { user, auth: None }
    }

    /// A user, and what it proved itself with.
    pub fn by(user: User, auth: impl Into<Value>) -> Self {
        Authenticated { user, auth: Some(auth.into()) }
    }
}

/// A way to tell who sent a request, DRF's `BaseAuthentication`.
///
/// A view asks its ways in their order until one knows the client. Where nobody does, the request is anonymous. The
/// header of the first of them is the `WWW-Authenticate` of a 401; where it has none, the answer is 403 instead.
///
/// ```
/// use std::borrow::Cow;
///
/// use bowline::authentication::{Authenticated, Authentication};
/// use bowline::prelude::*;
///
/// #[derive(Debug)]
/// struct Key;
///
/// #[bowline::async_trait]
/// impl Authentication for Key {
///     async fn authenticate(&self, request: &Context, _: &Database) -> bowline::Result<Option<Authenticated>> {
///         match request.header("x-key") {
///             None => Ok(None),
///             Some("s3cret") => Ok(Some(Authenticated::new(User::new(1, "robot")))),
///             Some(_) => Err(Error::authentication_failed("No such key.")),
///         }
///     }
///
///     fn authenticate_header(&self, _: &Context) -> Option<Cow<'static, str>> {
///         Some("Key".into())
///     }
/// }
/// ```
#[async_trait]
pub trait Authentication: Send + Sync + fmt::Debug + 'static {
    /// The client, where the request has credentials of this kind.
    ///
    /// # Errors
    ///
    /// [`Error::authentication_failed`](crate::Error::authentication_failed) for credentials of this kind that are wrong;
    /// no other way is asked then.
    async fn authenticate(&self, request: &Context, database: &Database) -> Result<Option<Authenticated>>;

    /// The same, with headers for the answer, whatever that will be: a cookie that is to be forgotten.
    ///
    /// # Errors
    ///
    /// As [`authenticate`](Self::authenticate).
    async fn authenticate_with(
        &self,
        request: &Context,
        database: &Database,
        _headers: &mut HeaderMap,
    ) -> Result<Option<Authenticated>> {
        self.authenticate(request, database).await
    }

    /// Whether the request brings anything that this way looks at: one that brings nothing is not asked about by
    /// [`authenticate_with`](Self::authenticate_with), which would find nobody. True by default.
    fn has_credentials(&self, request: &Context) -> bool {
        let _ = request;
        true
    }

    /// The same for lists of ways of several types.
    fn shared(self) -> Arc<dyn Authentication>
    where
        Self: Sized,
    {
        Arc::new(self)
    }

    /// The tables that it reads: they are made where they are absent and there is no Django to make them, as long as
    /// [`Settings::create_tables`](crate::settings::Settings::create_tables) says so. A router over a database without them does
    /// not start.
    fn tables(&self) -> &'static [Needs] {
        &[]
    }

    /// Its name, which [`Context::authenticator`] tells handlers: that of its type.
    fn name(&self) -> &'static str {
        let name = std::any::type_name::<Self>();
        name.rsplit("::").next().unwrap_or(name)
    }

    /// The `WWW-Authenticate` header of a 401.
    fn authenticate_header(&self, _request: &Context) -> Option<Cow<'static, str>> {
        None
    }

    /// Why it cannot be used, found when the router is built.
    ///
    /// # Errors
    ///
    /// A sentence that says what to change: a key that is empty.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    /// Why nobody but the machine itself may reach it: a key that can be guessed. [`serve`](crate::serve) listens on loopback
    /// addresses only then, and any other start is logged with this sentence.
    fn weakness(&self) -> Option<String> {
        None
    }

    /// The header that it reads, where answers differ by it and caches do not know that by themselves (`Cookie`): every
    /// answer for which this way was asked names it in `Vary`.
    fn vary(&self) -> Option<&'static str> {
        None
    }

    /// The cookies without which a page that people write from would be of no use: the CSRF token, where this way asks for
    /// one and the client has none. Pages vary by them.
    fn csrf_cookie(&self, _request: &Context) -> Option<HeaderMap> {
        None
    }
}
