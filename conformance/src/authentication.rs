//! How clients may log in: `/auth/`.
//!
//! Who somebody is, by the tables of Django, is not told yet: these ways only say how a client should have done it.

use std::borrow::Cow;
use std::sync::Arc;

use bowline::authentication::{
    Authenticated, Authentication, BasicAuthentication, PasswordHasher, Passwords, TokenAuthentication,
};
use bowline::fields::{CharField, Field};
use bowline::prelude::*;
use bowline::serializers::Serializer;

/// A way to log in, by its `WWW-Authenticate` header and by the header that it reads.
#[derive(Debug)]
struct Way(Option<&'static str>, Option<&'static str>);

#[bowline::async_trait]
impl Authentication for Way {
    async fn authenticate(&self, _: &Context, _: &Database) -> bowline::Result<Option<Authenticated>> {
        Ok(None)
    }

    fn authenticate_header(&self, _: &Context) -> Option<Cow<'static, str>> {
        self.0.map(Cow::Borrowed)
    }

    fn vary(&self) -> Option<&'static str> {
        self.1
    }
}

/// `TokenAuthentication`.
pub fn token() -> Arc<dyn Authentication> {
    Arc::new(TokenAuthentication::new())
}

/// `BasicAuthentication`, with the quick hashes of `config/hashers.py`.
pub fn basic() -> Arc<dyn Authentication> {
    Arc::new(BasicAuthentication::new().passwords(passwords()))
}

fn passwords() -> Passwords {
    Passwords::new(PasswordHasher::Pbkdf2Sha256 { iterations: 1000 })
}

/// `SessionAuthentication`.
pub fn session() -> Arc<dyn Authentication> {
    Arc::new(Way(None, Some("Cookie")))
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
