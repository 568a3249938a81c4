//! How a task hands a job to a database thread and waits for its answer, every wait with a limit.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};

use crate::store::StoreError;
use crate::store::deadline::limited;

const WAITING: u8 = 0;
const TAKEN: u8 = 1;
const LEFT: u8 = 2;

/// The thread's half of a job: who was first, the thread that takes it or the task that leaves.
#[derive(Clone, Debug)]
pub(super) struct Ticket(Arc<AtomicU8>);

impl Ticket {
    /// Takes the job; `false` where nobody waits for it any more, and it must not be run.
    pub(super) fn take(&self) -> bool {
        let order = Ordering::AcqRel;
        let taken = self.0.compare_exchange(WAITING, TAKEN, order, Ordering::Acquire);
        taken.is_ok()
    }

    /// Whether the task left, be it after the job was taken.
    pub(super) fn is_left(&self) -> bool {
        self.0.load(Ordering::Relaxed) == LEFT
    }

    /// Gives the job up unless a thread has taken it.
    fn leave(&self) -> bool {
        let order = Ordering::AcqRel;
        let left = self.0.compare_exchange(WAITING, LEFT, order, Ordering::Acquire);
        left.is_ok()
    }
}

/// What dropping the waiting future does to its job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Drops {
    /// A read stops where it is.
    Cancel,
    /// A write that has begun runs to its end; one that has not never begins.
    Finish,
}

/// The task's half of a job.
struct Caller {
    ticket: Ticket,
    drops: Drops,
}

impl Drop for Caller {
    fn drop(&mut self) {
        match self.drops {
            Drops::Cancel => self.ticket.0.store(LEFT, Ordering::Relaxed),
            Drops::Finish => {
                self.ticket.leave();
            }
        }
    }
}

/// The thread's way to answer.
pub(super) type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// Queues a job and waits for its answer: at most `limit` until a thread takes it, then for the thread,
/// whose own limits hold.
pub(super) async fn ask<M, T>(
    queue: &mpsc::Sender<M>,
    mut limit: Duration,
    drops: Drops,
    message: impl FnOnce(Ticket, Answer<T>) -> M,
) -> Result<T, StoreError> {
    let ticket = Ticket(Arc::new(AtomicU8::new(WAITING)));
    let caller = Caller { ticket: ticket.clone(), drops };
    let (answer, mut answered) = oneshot::channel();
    match queue.try_send(message(ticket, answer)) {
        Ok(()) => {}
        Err(TrySendError::Closed(_)) => return Err(closed()),
        Err(TrySendError::Full(message)) => {
            let start = Instant::now();
            match Box::pin(timeout(limit, queue.send(message))).await {
                Ok(Ok(())) => limit = limit.saturating_sub(start.elapsed()),
                Ok(Err(_)) => return Err(closed()),
                Err(_) => return Err(too_long()),
            }
        }
    }
    let answer = match limited(limit, None, &mut answered).await {
        Some(answer) => answer,
        None if caller.ticket.leave() => return Err(too_long()),
        None => answered.await,
    };
    answer.unwrap_or_else(|_| Err(gone()))
}

/// The store was closed, or its threads have ended.
pub(super) fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".into())
}

fn gone() -> StoreError {
    StoreError::Unavailable("the database thread ended before it answered".into())
}

fn too_long() -> StoreError {
    StoreError::Unavailable("no database thread was free in time".into())
}
