//! How clients may log in: `/auth/`.

use std::sync::Arc;

use bowline::authentication::{
    Accounts, Authenticated, Authentication, BasicAuthentication, Hasher, Passwords, TokenAuthentication,
};
use bowline::fields::{CharField, Field};
use bowline::prelude::*;
use bowline::serializers::Serializer;

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
    Arc::new(Session)
}

/// Sessions are not read yet.
#[derive(Debug)]
struct Session;

#[bowline::async_trait]
impl Authentication for Session {
    async fn authenticate(&self, _: &Context, _: &Database) -> bowline::Result<Option<Authenticated>> {
        Ok(None)
    }

    fn vary(&self) -> Option<&'static str> {
        Some("Cookie")
    }
}

async fn login(mut request: Request, credentials: Arc<Serializer>) -> bowline::Result<Response> {
    request.validate_with(&credentials).await?;
    Err(ValidationError::new("Unable to log in.", "login").into())
}

pub fn urls() -> DefaultRouter {
    let credentials = Serializer::new()
        .field(Field::new("username", CharField::new()))
        .field(Field::new("password", CharField::new().trim_whitespace(false)));
    let credentials = Arc::new(credentials);
    let login = ApiView::new("LoginView")
        .description("JSON login: sets the session and CSRF cookies.")
        .post(move |request| login(request, Arc::clone(&credentials)))
        .authentication([]);
    DefaultRouter::new().path("login/", login)
}
