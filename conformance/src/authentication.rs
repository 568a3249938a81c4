//! How clients may log in.
//!
//! Who somebody is, by the tables of Django, is not told yet: these ways only say how a client should have done it.

use std::borrow::Cow;
use std::sync::Arc;

use bowline::authentication::Authentication;
use bowline::prelude::*;

/// A way to log in by its `WWW-Authenticate` header.
#[derive(Debug)]
struct Challenge(&'static str);

#[bowline::async_trait]
impl Authentication for Challenge {
    async fn authenticate(&self, _: &Context) -> bowline::Result<Option<User>> {
        Ok(None)
    }

    fn authenticate_header(&self, _: &Context) -> Option<Cow<'static, str>> {
        Some(self.0.into())
    }
}

/// `TokenAuthentication`.
pub fn token() -> Arc<dyn Authentication> {
    Arc::new(Challenge("Token"))
}

/// `BasicAuthentication`.
pub fn basic() -> Arc<dyn Authentication> {
    Arc::new(Challenge("Basic realm=\"api\""))
}
