//! A connection out of the pool, which goes back only when it is known to be idle.
//!
//! A future may be dropped at any await. Whatever a connection was doing then, the next one who gets it
//! must not land in somebody's open transaction (the write would be acknowledged and then lost) nor be hit by a cancel
//! that was meant for another. So a lease starts out as not to be returned, and [`Lease::settle`] alone
//! changes that.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use deadpool_postgres::ClientWrapper;
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::hosts::Object;
use super::session;
use super::verdict::{Again, Failure, Session};
use crate::store::StoreError;
use crate::store::altered::Signs;

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

/// Which sessions must not be used any more, whoever has them: those that were opened before a time.
#[derive(Clone, Debug, Default)]
pub(super) struct Ended(Arc<Mutex<Option<Instant>>>);

impl Ended {
    /// Whether a session that was opened then is one of them.
    pub(super) fn covers(&self, opened: Instant) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|ended| opened < ended)
    }

    fn all_until_now(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }
}

/// What holds for all sessions of a pool.
#[derive(Clone)]
pub(super) struct Terms {
    /// The way of cancel requests.
    pub(super) tls: MakeRustlsConnect,
    /// Whether there is a pooler in between, which gives each transaction another session: how long a statement may run then.
    pub(super) pooled: Option<Duration>,
    pub(super) ended: Ended,
    pub(super) signs: Arc<Signs>,
}

pub(super) struct Lease {
    object: Option<Object>,
    dropped: Dropped,
    /// What the last failure says of another try.
    again: Again,
    /// Whether the session remembers something that others must not find.
    remembers: AtomicBool,
    /// Whether it stands in for one that failed.
    is_second: bool,
    terms: Terms,
    /// Whether a cancel is under way, which may hit whatever runs here next.
    cancelled: AtomicBool,
    /// Among those that may keep a connection for long.
    place: Option<OwnedSemaphorePermit>,
}

impl Lease {
    pub(super) fn new(object: Object, terms: Terms, place: Option<OwnedSemaphorePermit>) -> Self {
        Lease {
            object: Some(object),
            dropped: Dropped::Close,
            again: Again::Never,
            remembers: AtomicBool::new(false),
            is_second: false,
            terms,
            cancelled: AtomicBool::new(false),
            place,
        }
    }

    /// The same in the place of one that failed.
    pub(super) fn second(object: Object, terms: Terms, place: Option<OwnedSemaphorePermit>) -> Self {
        let mut lease = Lease::new(object, terms, place);
        lease.is_second = true;
        lease
    }

    /// Gives up the session, but not its place.
    pub(super) fn into_place(mut self) -> Option<OwnedSemaphorePermit> {
        self.place.take()
    }

    /// Whether what failed may be tried again, on a session that is opened for it. This one is none.
    pub(super) fn may_try_again(&self, only_reads: bool) -> bool {
        let undone = match self.again {
            Again::Never => false,
            Again::Read => only_reads,
            Again::Told | Again::Fresh => true,
        };
        undone && !self.is_second
    }

    /// Whether each transaction may have another session, which remembers nothing.
    pub(super) fn is_pooled(&self) -> bool {
        self.terms.pooled.is_some()
    }

    /// Takes note of a statement that leaves something behind which a session remembers: the session serves nobody else then.
    ///
    /// # Errors
    ///
    /// [`StoreError::Internal`] where there is a pooler in between, behind which it would be left to others.
    pub(super) fn may_remember(&self, sql: &str) -> Result<(), StoreError> {
        if !session::is_remembered(sql) {
            return Ok(());
        }
        if self.is_pooled() {
            let first = sql.split_whitespace().next().unwrap_or_default();
            return Err(StoreError::Internal(
                format!("{first} is kept by a session, of which there is none with `pooler=transaction`").into(),
            ));
        }
        self.remembers.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Takes note of what a failure says of the sessions.
    pub(super) fn learn(&self, failure: &Failure) {
        if failure.session == Session::EndAll {
            self.terms.ended.all_until_now();
            // a plan of other tables, if it is not a server that became a standby; the call may succeed on another session
            self.terms.signs.note(&failure.error.to_string());
        }
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

    /// Has the server stop what runs; the answer to that says what became of it. The connection is closed afterwards. Behind a
    /// pooler nothing is stopped: its server does so by itself, at the limit that it was told.
    pub(super) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
        if self.is_pooled() {
            return;
        }
        if let (Some(object), Ok(runtime)) = (&self.object, Handle::try_current()) {
            let (token, tls) = (object.cancel_token(), self.terms.tls.clone());
            runtime.spawn(async move { timeout(CANCEL, token.cancel_query(tls)).await });
        }
    }

    /// What a failure means on this session: one that ended unasked was sent nothing, and what a pooler says of the end of a
    /// session may not be what the server did.
    pub(super) fn judged(&self, failure: Failure) -> Failure {
        match failure.again {
            Again::Read if self.object.as_ref().is_some_and(|object| object.is_dismissed()) => failure.unsent(),
            Again::Told if self.is_pooled() => failure.untold(),
            _ => failure,
        }
    }

    /// Takes note that the connection is about to be busy, and of what to do if nobody waits for the end.
    pub(super) fn busy(&mut self, dropped: Dropped) {
        self.dropped = dropped;
    }

    /// Takes note that the connection is idle again, unless the failure says otherwise.
    pub(super) fn settle<T>(&mut self, result: Result<T, Failure>) -> Result<T, StoreError> {
        match result {
            Ok(_) if self.object.as_ref().is_some_and(|object| object.is_doubted()) => {
                self.dropped = Dropped::Close;
                self.again = Again::Never;
                Err(StoreError::OutcomeUnknown("a commit was cut short while it waited for its standby".into()))
            }
            Ok(value) => {
                let used_up = *self.cancelled.get_mut() || *self.remembers.get_mut();
                self.dropped = if used_up { Dropped::Close } else { Dropped::Return };
                Ok(value)
            }
            Err(failure) => {
                self.learn(&failure);
                let failure = self.judged(failure);
                self.again = failure.again;
                let broken = failure.is_broken() || *self.cancelled.get_mut() || *self.remembers.get_mut();
                self.dropped = if broken { Dropped::Close } else { Dropped::Return };
                Err(failure.error)
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
        let Terms { tls, pooled, .. } = self.terms.clone();
        let finish = self.dropped == Dropped::Finish;
        runtime.spawn(async move {
            // A pooler does not pass a cancel on in time, or falls over it: its server works on to the statement's limit. Until
            // then the place in the pool is kept, so that those who go away cannot have more of it done than may be at once.
            let grace = pooled.unwrap_or(GRACE);
            if finish && matches!(timeout(grace, object.simple_query("")).await, Ok(Ok(_))) {
                return;
            }
            // A cancel may arrive late. Closing the connection makes sure that there is nobody else to hit.
            let connection = Object::take(object);
            if !connection.is_closed() && pooled.is_none() {
                let _ = timeout(CANCEL, connection.cancel_token().cancel_query(tls)).await;
            }
        });
    }
}
