//! A request's place among those that are under way.
//!
//! A client that sends its body slowly must not keep a place from others, so a request has none while it waits for its body. What has
//! come of such bodies is in memory, so that there is a limit to it: beyond it, requests keep their places while they wait.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// How long a request waits for a place.
const PATIENCE: Duration = Duration::from_secs(1);

/// How much may have come of the bodies that are waited for, for each place: in units of 1 KiB.
const ROOM: usize = 1 << 10;

/// The places of all requests.
#[derive(Debug)]
pub(super) struct Places {
    under_way: Arc<Semaphore>,
    /// Units of what has come of bodies that are waited for.
    room: Arc<Semaphore>,
}

impl Places {
    /// So many.
    pub(super) fn new(places: usize) -> Self {
        let semaphore = |permits: usize| Arc::new(Semaphore::new(permits.clamp(1, Semaphore::MAX_PERMITS)));
        Places { under_way: semaphore(places), room: semaphore(places.saturating_mul(ROOM)) }
    }

    /// A place for a request, once one is free; none where nobody leaves in time.
    pub(super) async fn take(&self) -> Option<Place> {
        let (places, room) = (Arc::clone(&self.under_way), Arc::clone(&self.room));
        let permit = match Arc::clone(&places).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => timeout(PATIENCE, Arc::clone(&places).acquire_owned()).await.ok()?.ok()?,
        };
        Some(Place(Arc::new(Inner { places, room, state: Mutex::new(State::Held(permit)) })))
    }
}

/// The place of one request; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Place(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    places: Arc<Semaphore>,
    room: Arc<Semaphore>,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    /// The request has its place.
    Held(#[allow(dead_code, reason = "it is held")] OwnedSemaphorePermit),
    /// It waits for its client, with room for what has come.
    Away(#[allow(dead_code, reason = "it is held")] OwnedSemaphorePermit),
    /// It is answered, and needs none.
    Over,
}

/// A wait for a place.
pub(super) type Turn = Pin<Box<dyn Future<Output = Option<OwnedSemaphorePermit>> + Send>>;

impl Place {
    fn set(&self, state: State) {
        let mut own = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(*own, State::Over) {
            *own = state;
        }
    }

    /// Leaves the place to others while the client is waited for, of whom so many bytes have come; keeps it where those take too
    /// much room.
    pub(super) fn leave(&self, bytes: u64) {
        if matches!(*self.0.state.lock().unwrap_or_else(PoisonError::into_inner), State::Away(_)) {
            return;
        }
        let units = u32::try_from(bytes / 1_024 + 1).unwrap_or(u32::MAX);
        if let Ok(room) = Arc::clone(&self.0.room).try_acquire_many_owned(units) {
            self.set(State::Away(room));
        }
    }

    /// Leaves it for good.
    pub(super) fn end(&self) {
        self.set(State::Over);
    }

    /// Comes back to a place; `turn` is the wait for it, which goes on with the next poll.
    pub(super) fn poll_back(&self, turn: &mut Option<Turn>, cx: &mut Context<'_>) -> Poll<()> {
        if !matches!(*self.0.state.lock().unwrap_or_else(PoisonError::into_inner), State::Away(_)) {
            *turn = None;
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::task::Waker;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_waits_leaves_its_place_as_long_as_there_is_room() {
        let places = Places::new(1);
        let (mut cx, mut turn) = (Context::from_waker(Waker::noop()), None);
        let first = places.take().await.unwrap();
        assert!(places.take().await.is_none());
        first.leave(10);
        let second = places.take().await.unwrap();
        assert!(first.poll_back(&mut turn, &mut cx).is_pending() && turn.is_some());
        // it waits for its client too, of whom more has come than there is room for
        second.leave(2 << 20);
        assert!(first.poll_back(&mut turn, &mut cx).is_pending());
        second.end();
        assert!(first.poll_back(&mut turn, &mut cx).is_ready() && turn.is_none());
        assert!(places.take().await.is_none());
        // what is answered does not come back
        first.end();
        first.leave(10);
        assert!(first.poll_back(&mut turn, &mut cx).is_ready());
        assert!(places.take().await.is_some());
    }
}
