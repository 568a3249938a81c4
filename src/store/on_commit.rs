//! What is done once a transaction is committed, Django's `transaction.on_commit`.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::time::timeout;

use crate::error::Result;

/// How long one of them may take before it is given up.
const LIMIT: Duration = Duration::from_secs(5);
/// How long a request waits for all of its own; what is left goes on by itself.
const PATIENCE: Duration = Duration::from_secs(10);

type Hook = Box<dyn FnOnce() -> BoxFuture<'static, Result<()>> + Send>;

/// The hooks of one transaction, in the order in which they came.
#[derive(Default)]
pub(super) struct OnCommit(Mutex<Vec<Hook>>);

impl OnCommit {
    pub(super) fn push<T>(&self, hook: impl FnOnce() -> T + Send + 'static)
    where
        T: Future<Output = Result<()>> + Send + 'static,
    {
        self.hooks().push(Box::new(move || hook().boxed()));
    }

    /// Takes over those of a transaction that became part of this one.
    pub(super) fn take_over(&self, other: &OnCommit) {
        let hooks = std::mem::take(&mut *other.hooks());
        self.hooks().extend(hooks);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.hooks().is_empty()
    }

    /// Runs them. What goes wrong in one is logged: nothing can undo the commit, and the others have their turn.
    pub(super) async fn run(&self) {
        let hooks = std::mem::take(&mut *self.hooks());
        if hooks.is_empty() {
            return;
        }
        let mut all = Box::pin(async move {
            for hook in hooks {
                run(hook).await;
            }
        });
        if timeout(PATIENCE, &mut all).await.is_err() {
            tracing::warn!("on-commit hooks take long, and go on after their request");
            tokio::spawn(all);
        }
    }

    fn hooks(&self) -> MutexGuard<'_, Vec<Hook>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn run(hook: Hook) {
    // the call is inside of the future: it may panic too
    let done = AssertUnwindSafe(async move { hook().await }).catch_unwind();
    match timeout(LIMIT, done).await {
        Ok(Ok(Ok(()))) => {}
        Ok(Ok(Err(error))) => tracing::error!(%error, "an on-commit hook failed"),
        Ok(Err(_)) => tracing::error!("an on-commit hook panicked"),
        Err(_) => tracing::error!(limit = ?LIMIT, "an on-commit hook did not end in time and is given up"),
    }
}

impl fmt::Debug for OnCommit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OnCommit").field(&self.hooks().len()).finish()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use std::sync::Arc;

    use super::*;
    use crate::error::Error;

    #[tokio::test(start_paused = true)]
    async fn each_has_its_turn_whatever_the_others_do() {
        let (hooks, seen) = (OnCommit::default(), Arc::new(Mutex::new(Vec::new())));
        let note = |n: u8| {
            let seen = Arc::clone(&seen);
            async move || {
                seen.lock().unwrap().push(n);
                Ok(())
            }
        };
        hooks.push(note(1));
        hooks.push(async || Err(Error::internal("no")));
        hooks.push(|| -> BoxFuture<'static, Result<()>> { panic!("at once") });
        hooks.push(async || panic!("later"));
        hooks.push(note(2));
        hooks.push(std::future::pending);
        hooks.push(note(3));
        hooks.run().await;
        assert_eq!(*seen.lock().unwrap(), [1, 2, 3]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_does_not_wait_for_all_that_hang() {
        let (hooks, done) = (OnCommit::default(), Arc::new(tokio::sync::Notify::new()));
        (0..9).for_each(|_| hooks.push(std::future::pending));
        let last = Arc::clone(&done);
        hooks.push(async move || {
            last.notify_one();
            Ok(())
        });
        let start = tokio::time::Instant::now();
        hooks.run().await;
        assert_eq!(start.elapsed().as_secs(), 10);
        done.notified().await;
        assert_eq!(start.elapsed().as_secs(), 45);
    }
}
