//! A connection out of the pool, which goes back only when it is known to be idle.
//!
//! A future may be dropped at any await. Whatever a connection was doing then, the next one who gets it
//! must not land in somebody's open transaction (the write would be acknowledged and then lost) nor be hit by a cancel
//! that was meant for another. So a lease starts out as not to be returned, and [`Lease::settle`] alone
//! changes that.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool_postgres::{ClientWrapper, Object};
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::verdict::Failure;
use crate::store::StoreError;

/// How long an abandoned read may go on before it is cancelled: most are done by then, and keep their connection.
const GRACE: Duration = Duration::from_millis(50);

/// How long a cancel request may take; the connection is closed either way.
const CANCEL: Duration = Duration::from_secs(5);

/// What to do with the connection when the lease is dropped.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Dropped {
    /// It is idle: back to the pool.
    Return,
    /// Statements run that end by themselves: back to the pool if they do so at once, else as `Close`.
    Finish,
    /// Its state is not known: what runs is cancelled, and the connection closed.
    Close,
}

pub(super) struct Lease {
    object: Option<Object>,
    dropped: Dropped,
    tls: MakeRustlsConnect,
    /// Whether a cancel is under way, which may hit whatever runs here next.
    cancelled: AtomicBool,
    /// Among those that may keep a connection for long.
    _place: Option<OwnedSemaphorePermit>,
}

impl Lease {
    pub(super) fn new(object: Object, tls: MakeRustlsConnect, place: Option<OwnedSemaphorePermit>) -> Self {
        let cancelled = AtomicBool::new(false);
        Lease { object: Some(object), dropped: Dropped::Close, tls, cancelled, _place: place }
    }

    pub(super) fn client(&self) -> Result<&ClientWrapper, StoreError> {
        match &self.object {
            Some(object) => Ok(object),
            None => Err(StoreError::Internal("the connection was given back already".into())),
        }
    }

    pub(super) fn client_mut(&mut self) -> Result<&mut ClientWrapper, StoreError> {
        match &mut self.object {
            Some(object) => Ok(object),
            None => Err(StoreError::Internal("the connection was given back already".into())),
        }
    }

    /// Has the server stop what runs; the answer to that says what became of it. The connection is closed afterwards.
    pub(super) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
        if let (Some(object), Ok(runtime)) = (&self.object, Handle::try_current()) {
            let (token, tls) = (object.cancel_token(), self.tls.clone());
            runtime.spawn(async move { timeout(CANCEL, token.cancel_query(tls)).await });
        }
    }

    /// Takes note that the connection is about to be busy, and of what to do if nobody waits for the end.
    pub(super) fn busy(&mut self, dropped: Dropped) {
        self.dropped = dropped;
    }

    /// Takes note that the connection is idle again, unless the failure says otherwise.
    pub(super) fn settle<T>(&mut self, result: Result<T, Failure>) -> Result<T, StoreError> {
        match result {
            Ok(value) => {
                let cancelled = *self.cancelled.get_mut();
                self.dropped = if cancelled { Dropped::Close } else { Dropped::Return };
                Ok(value)
            }
            Err(Failure { error, broken, .. }) => {
                let broken = broken || *self.cancelled.get_mut();
                self.dropped = if broken { Dropped::Close } else { Dropped::Return };
                Err(error)
            }
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(object) = self.object.take() else {
            return;
        };
        if self.dropped == Dropped::Return {
            return;
        }
        let Ok(runtime) = Handle::try_current() else {
            drop(Object::take(object));
            return;
        };
        let tls = self.tls.clone();
        let finish = self.dropped == Dropped::Finish;
        runtime.spawn(async move {
            if finish && matches!(timeout(GRACE, object.simple_query("")).await, Ok(Ok(_))) {
                return;
            }
            // A cancel may arrive late. Closing the connection makes sure that there is nobody else to hit.
            let connection = Object::take(object);
            if !connection.is_closed() {
                let _ = timeout(CANCEL, connection.cancel_token().cancel_query(tls)).await;
            }
        });
    }
}
