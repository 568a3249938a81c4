//! The answer of a database, which may be there already.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::StoreError;

/// The answer to a question, to be awaited.
///
/// It is small, whatever the transport does to have it: requests hand it on from one future to the next.
#[must_use = "an answer is had by awaiting it"]
pub enum Answering<'a, T> {
    /// It is there; none once it was taken.
    Ready(Option<Result<T, StoreError>>),
    /// It is waited for.
    Wait(Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>),
}

impl<T> fmt::Debug for Answering<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Answering::Ready(_) => "Ready",
            Answering::Wait(_) => "Wait",
        })
    }
}

impl<T: Unpin> Future for Answering<'_, T> {
    type Output = Result<T, StoreError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Answering::Ready(answer) => match answer.take() {
                Some(answer) => Poll::Ready(answer),
                None => Poll::Pending,
            },
            Answering::Wait(answer) => answer.as_mut().poll(cx),
        }
    }
}
