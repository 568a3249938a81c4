//! A write, once begun, runs to its end.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::runtime::Handle;

use crate::heavy::{self, Load};

type Write<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Runs a write as part of its request, and to its end on a task of its own when the request is dropped because its
/// client went away: a client can neither cut a write in half nor leave a connection inside a transaction.
///
/// While the client stays, this costs no task and no change of thread.
#[must_use]
pub(crate) struct Detached<T: Send + 'static> {
    write: Option<Write<T>>,
    /// What its request takes.
    load: Option<Arc<Load>>,
}

impl<T: Send + 'static> Detached<T> {
    pub(crate) fn new(write: impl Future<Output = T> + Send + 'static) -> Self {
        Detached { write: Some(Box::pin(write)), load: heavy::current() }
    }
}

impl<T: Send + 'static> Future for Detached<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        // taken out while it runs: what panics is not polled again by the drop below
        let Some(mut write) = self.write.take() else { return Poll::Pending };
        let polled = write.as_mut().poll(context);
        if polled.is_pending() {
            self.write = Some(write);
        }
        polled
    }
}

impl<T: Send + 'static> Drop for Detached<T> {
    fn drop(&mut self) {
        if let (Some(write), Ok(runtime)) = (self.write.take(), Handle::try_current()) {
            match self.load.take() {
                Some(load) => drop(runtime.spawn(heavy::carry_on(load, write))),
                None => drop(runtime.spawn(write)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn a_dropped_write_goes_on_from_where_it_was() {
        let (step, done, finished) =
            (Arc::new(Notify::new()), Arc::new(Notify::new()), Arc::new(AtomicBool::new(false)));
        let write = {
            let (step, done, finished) = (Arc::clone(&step), Arc::clone(&done), Arc::clone(&finished));
            Detached::new(async move {
                step.notified().await;
                finished.store(true, Ordering::SeqCst);
                done.notify_one();
            })
        };
        assert!(tokio::time::timeout(Duration::from_millis(5), write).await.is_err(), "the client went away");
        step.notify_one();
        tokio::time::timeout(Duration::from_secs(5), done.notified()).await.unwrap();
        assert!(finished.load(Ordering::SeqCst));
    }

    #[tokio::test]
    async fn an_answer_comes_as_it_would_without() {
        assert_eq!(Detached::new(async { 7 }).await, 7);
    }
}
