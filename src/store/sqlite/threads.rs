//! Threads that own connections, started again after a panic.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use tokio::sync::watch;

use crate::store::StoreError;

/// Tells when all threads of a kind have ended, and their connections are closed.
#[derive(Debug)]
pub(super) struct Crew(watch::Sender<()>);

impl Crew {
    /// No threads yet.
    pub(super) fn new() -> Self {
        Crew(watch::Sender::new(()))
    }

    /// Starts a thread; `work` returns when there is nothing more to do.
    ///
    /// A panic in it is logged and `work` called again: whoever waited for the job at hand sees its answer's
    /// channel closed, all others go on.
    pub(super) fn start(&self, name: &'static str, mut work: impl FnMut() + Send + 'static) -> Result<(), StoreError> {
        let alive = self.0.subscribe();
        let body = move || {
            while let Err(panic) = catch_unwind(AssertUnwindSafe(&mut work)) {
                let text = text(panic.as_ref());
                tracing::error!(thread = name, panic = text, "a database thread panicked");
            }
            drop(work);
            drop(alive);
        };
        match thread::Builder::new().name(name.to_owned()).spawn(body) {
            Ok(_) => Ok(()),
            Err(error) => Err(StoreError::Unavailable(Box::new(error))),
        }
    }

    /// Waits until no thread is left.
    pub(super) async fn ended(&self) {
        self.0.closed().await;
    }
}

fn text(panic: &(dyn Any + Send)) -> &str {
    let literal = panic.downcast_ref::<&str>().copied();
    literal.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("")
}
