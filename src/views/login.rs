//! Views that turn credentials into tokens.

use std::sync::Arc;

use super::{ApiView, Attributes, Request};
use crate::authentication::{
    Account, Accounts, Authentication, BearerChallenge, JsonWebTokens, TokenPair, obtain_token,
};
use crate::error::{Error, ErrorDetail, NON_FIELD_ERRORS, Result, ValidationError};
use crate::fields::{CharField, Field};
use crate::parsers::{FormParser, JSONParser, MultiPartParser, Parsers};
use crate::renderers::Renderers;
use crate::response::Response;
use crate::serializers::Serializer;
use crate::value;
use crate::value::Value;

/// POST of `username` and `password` answers `{"token": …}`: DRF's `obtain_auth_token`, over its table of tokens.
///
/// It has no permissions and no throttles, as in DRF: give it throttles of its own.
///
/// ```
/// use bowline::authentication::Accounts;
/// use bowline::prelude::*;
/// use bowline::views::obtain_auth_token;
/// let api = DefaultRouter::new().path("api-token-auth/", obtain_auth_token(Accounts::default()));
/// # let _ = api;
/// ```
pub fn obtain_auth_token(accounts: Accounts) -> ApiView {
    let credentials = Serializer::new()
        .field(Field::new("username", CharField::new()).label("Username").write_only())
        .field(Field::new("password", CharField::new().trim_whitespace(false)).label("Password").write_only())
        .field(Field::new("token", CharField::new()).label("Token").read_only());
    let accounts = Arc::new(accounts);
    ApiView::new("ObtainAuthToken")
        .serializer(credentials)
        .post(move |request| obtain(request, Arc::clone(&accounts)))
        .parsers(Parsers::none().with(FormParser::new()).with(MultiPartParser::new()).with(JSONParser::new()))
        .renderers(Renderers::json())
        .permissions(())
        .throttles(())
}

async fn obtain(mut request: Request, accounts: Arc<Accounts>) -> Result<Response> {
    let account = logged_in(&mut request, &accounts).await?.ok_or_else(|| {
        let message = "Unable to log in with provided credentials.";
        Error::from(ValidationError::field(NON_FIELD_ERRORS, ValidationError::new(message, "authorization")))
    })?;
    let token = obtain_token(request.database()?, &account).await?;
    Ok(Response::new(value!({"token": token})))
}

/// The account of a body's `username` and `password`.
async fn logged_in(request: &mut Request, accounts: &Accounts) -> Result<Option<Account>> {
    let given = request.validate().await?;
    let text = |name| given.get(name).and_then(Value::as_str).unwrap_or("");
    accounts.authenticate(request.database()?, text("username"), text("password")).await
}

/// POST of `username` and `password` answers `{"refresh": …, "access": …}`: simplejwt's `TokenObtainPairView`.
///
/// See [`JsonWebTokens`].
pub fn token_obtain_pair(tokens: JsonWebTokens) -> ApiView {
    let credentials = Serializer::new()
        .field(Field::new("username", CharField::new()).write_only())
        .field(Field::new("password", CharField::new()).write_only());
    let description = "Takes a set of user credentials and returns an access and refresh JSON web token pair to prove the \
                       authentication of those credentials.";
    jwt_view("TokenObtainPairView", description).serializer(credentials).post(move |mut request: Request| {
        let tokens = tokens.clone();
        async move {
            let account = logged_in(&mut request, tokens.accounts()).await?.ok_or_else(|| {
                let message = "No active account found with the given credentials";
                Error::authentication_failed(ErrorDetail::new(message, "no_active_account"))
            })?;
            let TokenPair { access, refresh } = tokens.issue(request.database()?, &account).await?;
            Ok::<_, Error>(Response::new(value!({"refresh": refresh, "access": access})))
        }
    })
}

/// POST of `refresh` answers `{"access": …}`, with a new `refresh` where tokens rotate: simplejwt's `TokenRefreshView`.
///
/// See [`JsonWebTokens`].
pub fn token_refresh(tokens: JsonWebTokens) -> ApiView {
    let serializer = Serializer::new()
        .field(Field::new("refresh", CharField::new()))
        .field(Field::new("access", CharField::new()).read_only());
    let description = "Takes a refresh type JSON web token and returns an access type JSON web token if the refresh token \
                       is valid.";
    jwt_view("TokenRefreshView", description).serializer(serializer).post(move |mut request: Request| {
        let tokens = tokens.clone();
        async move {
            let token = given(&mut request, "refresh").await?;
            let TokenPair { access, refresh } = tokens.refresh(request.database()?, &token).await?;
            Ok::<_, Error>(Response::new(match refresh {
                Some(refresh) => value!({"access": access, "refresh": refresh}),
                None => value!({"access": access}),
            }))
        }
    })
}

/// POST of `token` answers `{}` where the token is good: simplejwt's `TokenVerifyView`.
///
/// See [`JsonWebTokens`].
pub fn token_verify(tokens: JsonWebTokens) -> ApiView {
    let serializer = Serializer::new().field(Field::new("token", CharField::new()).write_only());
    let description = "Takes a token and indicates if it is valid.  This view provides no information about a token's \
                       fitness for a particular use.";
    jwt_view("TokenVerifyView", description).serializer(serializer).post(move |mut request: Request| {
        let tokens = tokens.clone();
        async move {
            let token = given(&mut request, "token").await?;
            tokens.verify(request.database()?, &token).await?;
            Ok::<_, Error>(Response::new(value!({})))
        }
    })
}

/// POST of `refresh` ends that token and answers `{}`: simplejwt's `TokenBlacklistView`.
///
/// See [`JsonWebTokens`].
pub fn token_blacklist(tokens: JsonWebTokens) -> ApiView {
    let serializer = Serializer::new().field(Field::new("refresh", CharField::new()).write_only());
    let description = "Takes a token and blacklists it. Must be used with the \
                       `rest_framework_simplejwt.token_blacklist` app installed.";
    jwt_view("TokenBlacklistView", description).serializer(serializer).post(move |mut request: Request| {
        let tokens = tokens.clone();
        async move {
            let token = given(&mut request, "refresh").await?;
            tokens.blacklist(request.database()?, &token).await?;
            Ok::<_, Error>(Response::new(value!({})))
        }
    })
}

/// A view that anybody may ask; who is refused is told how to log in.
fn jwt_view(name: &'static str, description: &'static str) -> ApiView {
    ApiView::new(name).description(description).authentication([BearerChallenge.shared()]).permissions(())
}

/// A text of the body.
async fn given(request: &mut Request, name: &str) -> Result<String> {
    let given = request.validate().await?;
    Ok(given.get(name).and_then(Value::as_str).unwrap_or("").to_owned())
}
