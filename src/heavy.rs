//! Requests that take long, kept from the threads that all requests share.
//!
//! A worker thread of tokio's polls the futures of many requests in turn, so whatever computes for 10 ms holds up all of them. A request
//! that brings much, or asks for much, says so by [`weigh`] or [`begin`]; its next polls are carried out with the worker's other tasks
//! handed to another thread (tokio's `block_in_place`), no more such requests at once than there are processors. What it computes, the
//! rules, hooks and renderers of the program included, then delays other heavy requests and nothing else.
//!
//! On a runtime with one thread (`current_thread`) there is no other thread, and everything runs where it is.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::thread;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use tokio::task::futures::TaskLocalFuture;
use tokio::task::{block_in_place, yield_now};
use tokio::time::timeout;

use crate::error::{Error, Result};
use crate::store::{Dialect, Rows, StoreOptions};
use crate::value::Value;

/// From how many bytes on a body, or an answer, is work.
const MUCH: usize = 8 << 10;
/// From how many bytes on rows are work.
const ROWS: usize = 128 << 10;
/// How many polls of a request are carried out elsewhere once it is heavy. To hand the others over costs about as much as a short
/// poll, so what only waits for the database again and again goes back to where it was.
const POLLS: usize = 32;
/// The most bytes of an answer that are handed on at once.
const PIECE: usize = 32 << 10;

tokio::task_local! {
    /// The request that is polled.
    static LOAD: Arc<Load>;
}

/// How many heavy requests run at once; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Turns {
    processors: Arc<Semaphore>,
    searches: Arc<Semaphore>,
    /// How long a search waits for its turn.
    patience: Duration,
}

impl Turns {
    /// As many as there are processors; of reads that take the database long half as many as it can do at once, so that they leave
    /// the other half to others.
    pub(crate) fn new(dialect: Dialect, options: &StoreOptions) -> Self {
        let processors = thread::available_parallelism().map_or(2, usize::from);
        let reads = match dialect {
            Dialect::Postgres => options.max_connections,
            Dialect::Sqlite => processors.clamp(2, 4),
        };
        Turns {
            processors: Arc::new(Semaphore::new(processors)),
            searches: Arc::new(Semaphore::new((reads / 2).max(1))),
            patience: options.acquire_timeout,
        }
    }
}

/// What a request takes.
#[derive(Debug)]
pub(crate) struct Load {
    turns: Turns,
    /// How many polls are to come that may take long.
    polls: AtomicUsize,
    /// Its turn at a long read, until it ends.
    search: Mutex<Option<OwnedSemaphorePermit>>,
}

/// Says that the request has to do with so many bytes.
pub(crate) async fn weigh(bytes: usize) {
    if bytes >= MUCH {
        begin().await;
    }
}

/// The same for rows that are to be shown.
pub(crate) async fn weigh_rows(rows: &Rows) {
    // not to be held over the wait
    let are_much = are_much(rows);
    if are_much {
        begin().await;
    }
}

/// Whether rows are work to show.
pub(crate) fn are_much(rows: &Rows) -> bool {
    rows.bytes() >= ROWS
}

/// About how many bytes a value is; it is looked at no further than to see that it is much.
pub(crate) fn weight(value: &Value) -> usize {
    heavier(value, 0)
}

fn heavier(value: &Value, before: usize) -> usize {
    let own = before + 8;
    match value {
        Value::Str(text) => own + text.len(),
        Value::List(items) => items.iter().fold(own, |sum, item| if sum < MUCH { heavier(item, sum) } else { sum }),
        Value::Map(map) => {
            map.iter().fold(own, |sum, (name, item)| if sum < MUCH { heavier(item, sum + name.len()) } else { sum })
        }
        _ => own,
    }
}

/// Says that the request computes for long from here on.
pub(crate) async fn begin() {
    // outside of a request there is nothing to hand over
    let Ok(load) = LOAD.try_with(Arc::clone) else { return };
    if load.polls.swap(POLLS, Ordering::Relaxed) == 0 {
        // the poll that comes next is the first one elsewhere
        yield_now().await;
    }
}

/// Waits for the request's turn at a read that takes the database long; it keeps it until it is answered.
///
/// # Errors
///
/// 503 where there is none in time.
pub(crate) async fn search() -> Result<()> {
    let Ok(load) = LOAD.try_with(Arc::clone) else { return Ok(()) };
    let held = || load.search.lock().unwrap_or_else(PoisonError::into_inner);
    if held().is_some() {
        return Ok(());
    }
    let turn = timeout(load.turns.patience, Arc::clone(&load.turns.searches).acquire_owned()).await;
    let Ok(Ok(turn)) = turn else { return Err(Error::unavailable("too many long searches are under way")) };
    *held() = Some(turn);
    Ok(())
}

/// A request that is carried out, on this thread or, once it is heavy, at the side of it.
pub(crate) fn carry<F: Future>(turns: &Turns, request: F) -> Carried<F> {
    let load = Load { turns: turns.clone(), polls: AtomicUsize::new(0), search: Mutex::new(None) };
    carry_on(Arc::new(load), request)
}

/// The same for a part of a request that outlives it.
pub(crate) fn carry_on<F: Future>(load: Arc<Load>, request: F) -> Carried<F> {
    Carried { request: LOAD.scope(Arc::clone(&load), request), load, turn: None }
}

/// What the request that is polled takes.
pub(crate) fn current() -> Option<Arc<Load>> {
    LOAD.try_with(Arc::clone).ok()
}

type Turn = Pin<Box<dyn Future<Output = Result<OwnedSemaphorePermit, AcquireError>> + Send>>;

pin_project! {
    /// A future that says by itself when it is heavy.
    pub(crate) struct Carried<F> {
        #[pin]
        request: TaskLocalFuture<Arc<Load>, F>,
        load: Arc<Load>,
        turn: Option<Turn>,
    }
}

impl<F: Future> Future for Carried<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let several = || Handle::try_current().is_ok_and(|r| r.runtime_flavor() == RuntimeFlavor::MultiThread);
        let left = this.load.polls.load(Ordering::Relaxed);
        if left == 0 || !several() {
            return this.request.poll(cx);
        }
        // a turn is for as long as it computes: while it waits for the database others may
        let processors = &this.load.turns.processors;
        let turn = match (&this.turn, Arc::clone(processors).try_acquire_owned()) {
            (None, Ok(turn)) => Ok(turn),
            _ => {
                let waiting = this.turn.get_or_insert_with(|| Box::pin(Arc::clone(processors).acquire_owned()));
                let turn = ready!(waiting.as_mut().poll(cx));
                *this.turn = None;
                turn
            }
        };
        this.load.polls.store(left - 1, Ordering::Relaxed);
        let polled = block_in_place(|| this.request.poll(cx));
        drop(turn);
        polled
    }
}

/// A body of bytes that are there. A long one is handed on piece by piece, with room for other requests between the pieces: what is
/// laid around the API, compression for one, computes while it takes them.
pub(crate) fn body(bytes: Vec<u8>) -> Body {
    if bytes.len() <= 2 * PIECE {
        return Body::from(bytes);
    }
    Body::new(Pieces { rest: bytes.into(), rested: true })
}

struct Pieces {
    rest: Bytes,
    /// Whether others have had their turn since the last piece.
    rested: bool,
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        if !std::mem::replace(&mut self.rested, false) {
            self.rested = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let length = self.rest.len().min(PIECE);
        let piece = self.rest.split_to(length);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}
