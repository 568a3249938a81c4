//! What answers one method of a view.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::Request;
use crate::error::Result;
use crate::response::{IntoResponse, Response};

/// An async function from a [`Request`] to an answer: a [`Response`], a value, an axum response, or a `Result` of one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not answer requests",
    label = "not a handler",
    note = "a handler is `async fn(Request) -> impl IntoResponse`: a `bowline::Response`, a `Value`, an axum response, or a `Result` of one"
)]
pub trait Handler: Send + Sync + 'static {
    /// The answer to a request.
    fn call(&self, request: Request) -> Answer;
}

/// An answer on its way.
pub type Answer = Pin<Box<dyn Future<Output = Result<Response>> + Send>>;

pub(super) type BoxHandler = Arc<dyn Handler>;

impl<F, A, T> Handler for F
where
    F: Fn(Request) -> A + Send + Sync + 'static,
    A: Future<Output = T> + Send + 'static,
    T: IntoResponse + 'static,
{
    fn call(&self, request: Request) -> Answer {
        let answer = self(request);
        Box::pin(async move { answer.await.into_response() })
    }
}

pub(super) fn boxed(handler: impl Handler) -> BoxHandler {
    Arc::new(handler)
}

/// The name of a function from that of its type; a closure's is that of the function around it.
pub(in crate::views) fn function_name<H>() -> &'static str {
    let mut parts = std::any::type_name::<H>().rsplit("::").filter(|part| !part.starts_with('{'));
    parts.next().unwrap_or("view")
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn say_hello(_: Request) -> Response {
        Response::empty()
    }

    #[test]
    fn names() {
        fn name<H: Handler>(_: H) -> &'static str {
            function_name::<H>()
        }
        assert_eq!(name(say_hello), "say_hello");
        assert_eq!(name(async |_: Request| Response::empty()), "names");
    }
}
