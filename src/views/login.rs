//! Views that turn credentials into tokens and sessions.

use std::sync::Arc;

use super::{ApiView, Attributes, Request};
use crate::authentication::{
    Account, Accounts, Authentication, BearerChallenge, JsonWebTokens, OF_TOKENS, SessionAuthentication, Sessions,
    TokenPair, obtain_token,
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
        .needing(&OF_TOKENS)
}

/// Begins a session for a browser, Django's `LoginView`: GET sets the cookie `csrftoken`, POST of `username` and `password` with its
/// token in the header `X-CSRFToken`, or in the field `csrfmiddlewaretoken` of a form, sets that of the session. Both answer 204.
///
/// The name is normalized as in Django's form. Without a token, or from a page of another site, the answer is 403: else any page could
/// log its readers in as somebody else. It has no throttles: give it some of its own.
///
/// ```
/// use bowline::authentication::Sessions;
/// use bowline::prelude::*;
/// use bowline::views::{login, logout};
/// let sessions = Sessions::new("the SECRET_KEY of Django's settings, at least 50 characters");
/// let api = DefaultRouter::new().path("login/", login(sessions.clone())).path("logout/", logout(sessions));
/// # let _ = api;
/// ```
pub fn login(sessions: Sessions) -> ApiView {
    let credentials = Serializer::new()
        .field(Field::new("username", CharField::new().max_length(150)).label("Username").write_only())
        .field(Field::new("password", CharField::new().trim_whitespace(false)).label("Password").write_only());
    let way = SessionAuthentication::new(sessions.clone());
    let begun = sessions.clone();
    ApiView::new("LoginView")
        .serializer(credentials)
        .get(move |request: Request| {
            let cookies = begun.csrf_cookie(&request);
            async move { Ok::<_, Error>(Response::no_content().extended(cookies?)) }
        })
        .post(move |request| log_in(sessions.clone(), request))
        .authentication([way.shared()])
        .permissions(())
        .throttles(())
}

async fn log_in(sessions: Sessions, mut request: Request) -> Result<Response> {
    let field = match request.data().await? {
        Value::Form(form) => form.get("csrfmiddlewaretoken").and_then(Value::as_str).map(str::to_owned),
        _ => None,
    };
    sessions.check_csrf_of(&request, field.as_deref())?;
    let given = request.validate().await?;
    let text = |name| given.get(name).and_then(Value::as_str).unwrap_or("");
    let username = Accounts::normalize_username(text("username"));
    let database = request.database()?;
    let account = sessions.accounts().authenticate(database, &username, text("password")).await?;
    let account = account.ok_or_else(wrong_credentials)?;
    Ok(Response::no_content().extended(sessions.login(&request, database, &account).await?))
}

/// Ends the session of a browser, Django's `LogoutView`: POST deletes it and its cookie, and answers 204. Who is logged in needs the
/// CSRF token, as for everything that writes.
///
/// See [`login`].
pub fn logout(sessions: Sessions) -> ApiView {
    let way = SessionAuthentication::new(sessions.clone());
    ApiView::new("LogoutView")
        .post(move |request: Request| {
            let sessions = sessions.clone();
            async move {
                let cookies = sessions.logout(&request, request.database()?).await?;
                Ok::<_, Error>(Response::no_content().extended(cookies))
            }
        })
        .authentication([way.shared()])
        .permissions(())
        .throttles(())
}

fn wrong_credentials() -> Error {
    let message = "Unable to log in with provided credentials.";
    ValidationError::field(NON_FIELD_ERRORS, ValidationError::new(message, "authorization")).into()
}

async fn obtain(mut request: Request, accounts: Arc<Accounts>) -> Result<Response> {
    let account = logged_in(&mut request, &accounts).await?.ok_or_else(wrong_credentials)?;
    let token = obtain_token(request.database()?, &account).await.map_err(|error| match error {
        // the user is gone since
        Error::Unauthenticated(_) => wrong_credentials(),
        error => error,
    })?;
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
    jwt_view("TokenObtainPairView", description, &tokens).serializer(credentials).post(move |mut request: Request| {
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
    jwt_view("TokenRefreshView", description, &tokens).serializer(serializer).post(move |mut request: Request| {
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
    jwt_view("TokenVerifyView", description, &tokens).serializer(serializer).post(move |mut request: Request| {
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
    jwt_view("TokenBlacklistView", description, &tokens).serializer(serializer).post(move |mut request: Request| {
        let tokens = tokens.clone();
        async move {
            let token = given(&mut request, "refresh").await?;
            tokens.blacklist(request.database()?, &token).await?;
            Ok::<_, Error>(Response::new(value!({})))
        }
    })
}

/// A view that anybody may ask; who is refused is told how to log in.
fn jwt_view(name: &'static str, description: &'static str, tokens: &JsonWebTokens) -> ApiView {
    let challenge = BearerChallenge(tokens.clone());
    let view = ApiView::new(name).description(description).authentication([challenge.shared()]).permissions(());
    view.needing(tokens.tables())
}

/// A text of the body.
async fn given(request: &mut Request, name: &str) -> Result<String> {
    let given = request.validate().await?;
    Ok(given.get(name).and_then(Value::as_str).unwrap_or("").to_owned())
}
