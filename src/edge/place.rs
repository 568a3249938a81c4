//! A request's place among those that are under way.
//!
//! A client that sends its body slowly must not keep a place from others, so a request has none while it waits for its body.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// How long a request waits for a place.
const PATIENCE: Duration = Duration::from_secs(1);

/// The place of one request; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Place(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    places: Arc<Semaphore>,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    /// The request has its place.
    Held(#[allow(dead_code, reason = "it is held")] OwnedSemaphorePermit),
    /// It waits for its client.
    Away,
    /// It is answered, and needs none.
    Over,
}

/// A wait for a place.
pub(super) type Turn = Pin<Box<dyn Future<Output = Option<OwnedSemaphorePermit>> + Send>>;

impl Place {
    /// A place of a request, once one is free; none where nobody leaves in time.
    pub(super) async fn take(places: &Arc<Semaphore>) -> Option<Self> {
        let permit = match Arc::clone(places).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => timeout(PATIENCE, Arc::clone(places).acquire_owned()).await.ok()?.ok()?,
        };
        Some(Place(Arc::new(Inner { places: Arc::clone(places), state: Mutex::new(State::Held(permit)) })))
    }

    fn set(&self, state: State) {
        let mut own = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(*own, State::Over) {
            *own = state;
        }
    }

    /// Leaves the place to others while the client is waited for.
    pub(super) fn leave(&self) {
        self.set(State::Away);
    }

    /// Leaves it for good.
    pub(super) fn end(&self) {
        self.set(State::Over);
    }

    /// Comes back to a place; `turn` is the wait for it, which goes on with the next poll.
    pub(super) fn poll_back(&self, turn: &mut Option<Turn>, cx: &mut Context<'_>) -> Poll<()> {
        if !matches!(*self.0.state.lock().unwrap_or_else(PoisonError::into_inner), State::Away) {
            return Poll::Ready(());
        }
        if turn.is_none()
            && let Ok(permit) = Arc::clone(&self.0.places).try_acquire_owned()
        {
            self.set(State::Held(permit));
            return Poll::Ready(());
        }
        let waiting = turn.get_or_insert_with(|| {
            let places = Arc::clone(&self.0.places);
            Box::pin(async move { places.acquire_owned().await.ok() })
        });
        let Poll::Ready(permit) = waiting.as_mut().poll(cx) else { return Poll::Pending };
        *turn = None;
        if let Some(permit) = permit {
            self.set(State::Held(permit));
        }
        Poll::Ready(())
    }
}
