//! How clients may log in: `/auth/`.

use std::borrow::Cow;
use std::sync::Arc;

use bowline::authentication::{
    Accounts, Authenticated, Authentication, BasicAuthentication, Hasher, Passwords, SessionAuthentication, Sessions,
    TokenAuthentication,
};
use bowline::fields::{CharField, Field};
use bowline::permissions::IsAuthenticated;
use bowline::prelude::*;
use bowline::serializers::Serializer;
use bowline::value;
use bowline::views::obtain_auth_token;

/// The accounts, with the hasher of `config/hashers.py`.
pub fn accounts() -> Accounts {
    Accounts::new(Passwords::new(Hasher::Pbkdf2Sha256 { iterations: 1000 }))
}

/// `TokenAuthentication`.
pub fn token() -> Arc<dyn Authentication> {
    Arc::new(TokenAuthentication::new())
}

/// `BasicAuthentication`.
pub fn basic() -> Arc<dyn Authentication> {
    Arc::new(BasicAuthentication::new(accounts()))
}

/// `SessionAuthentication`.
pub fn session() -> Arc<dyn Authentication> {
    SessionAuthentication::new(sessions()).shared()
}

/// Django's sessions, by the key of `config/settings.py`.
fn sessions() -> Sessions {
    Sessions::new("oracle-fixed-secret-key-not-for-production").with_accounts(accounts())
}

/// `BearerAuthentication`: tokens by another keyword.
#[derive(Debug)]
struct BearerAuthentication(TokenAuthentication);

#[bowline::async_trait]
impl Authentication for BearerAuthentication {
    async fn authenticate(&self, request: &Context, database: &Database) -> bowline::Result<Option<Authenticated>> {
        self.0.authenticate(request, database).await
    }

    fn authenticate_header(&self, request: &Context) -> Option<Cow<'static, str>> {
        self.0.authenticate_header(request)
    }
}

/// `X-Name: <username>`. It has no header to log in by, so failures are 403.
#[derive(Debug)]
struct HeaderAuthentication;

#[bowline::async_trait]
impl Authentication for HeaderAuthentication {
    async fn authenticate(&self, request: &Context, database: &Database) -> bowline::Result<Option<Authenticated>> {
        // Django reads headers as Latin-1
        let name = request.headers().and_then(|headers| headers.get("x-name"));
        let name: String =
            name.map(|name| name.as_bytes().iter().copied().map(char::from).collect()).unwrap_or_default();
        if name.is_empty() {
            return Ok(None);
        }
        match accounts().by_username(database, &name).await? {
            Some(account) => Ok(Some(Authenticated::new(account.into()))),
            None => Err(Error::authentication_failed("No such user.")),
        }
    }
}

/// Who it is, and how that is known.
async fn who_am_i(request: Request) -> Response {
    let user = request.user().map_or("", |user| &user.username);
    let auth = request.auth().map(|_| "Token");
    let authenticated = request.user().is_some();
    Response::new(value!({"user": user, "authenticated": authenticated, "auth": auth, "by": request.authenticator()}))
}

fn who(name: &'static str) -> ApiView {
    ApiView::new(name).get(who_am_i).post(who_am_i)
}

async fn login(mut request: Request, credentials: Arc<Serializer>) -> bowline::Result<Response> {
    let given = request.validate_with(&credentials).await?;
    let text = |name| given.get(name).and_then(Value::as_str).unwrap_or("");
    let (sessions, database) = (sessions(), request.database()?);
    let account = sessions.accounts().authenticate(database, text("username"), text("password")).await?;
    let account = account.ok_or_else(|| ValidationError::new("Unable to log in.", "login"))?;
    let cookies = sessions.login(&request, database, &account).await?;
    Ok(Response::new(value!({"user": account.username})).extended(cookies))
}

async fn logout(request: Request) -> bowline::Result<Response> {
    Ok(Response::no_content().extended(sessions().logout(&request, request.database()?).await?))
}

pub fn urls() -> DefaultRouter {
    let credentials = Serializer::new()
        .field(Field::new("username", CharField::new()))
        .field(Field::new("password", CharField::new().trim_whitespace(false)));
    let credentials = Arc::new(credentials);
    let log_in = ApiView::new("LoginView")
        .description("JSON login: sets the session and CSRF cookies.")
        .post(move |request| login(request, Arc::clone(&credentials)))
        .authentication([]);
    let log_out = ApiView::new("LogoutView").post(logout).authentication([session()]).permissions(IsAuthenticated);
    let known = |name, way| who(name).authentication([way]).permissions(IsAuthenticated);
    DefaultRouter::new()
        .path("basic/", known("WhoBasic", basic()))
        .path("realm/", known("WhoRealm", BasicAuthentication::new(accounts()).realm("library").shared()))
        .path("token/", known("WhoToken", token()))
        .path(
            "bearer/",
            known("WhoBearer", BearerAuthentication(TokenAuthentication::new().keyword("Bearer")).shared()),
        )
        .path("session/", known("WhoSession", session()))
        .path("header/", known("WhoHeader", HeaderAuthentication.shared()))
        .path("none/", who("WhoNone").authentication([]).permissions(IsAuthenticated))
        .path("anyone/", who("WhoAnyone").authentication([]))
        .path("mixed/", who("WhoMixed").authentication([session(), basic(), token()]).permissions(IsAuthenticated))
        .path("default/", who("WhoDefault").permissions(IsAuthenticated))
        .path("optional/", who("WhoOptional"))
        .path("obtain-token/", obtain_auth_token(accounts()))
        .path("login/", log_in)
        .path("logout/", log_out)
}
