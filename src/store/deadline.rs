//! The point in time at which a request's work in the database ends.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};

/// Until when a request's database work may go on: the waits for a connection, for a lock and for its turn, every statement
/// and every replay.
///
/// It belongs to the request and rides in the handle by which the request reaches the database
/// ([`Store::until`](super::Store::until), [`Database::until`](super::Database::until)), so that all tries share it. What is
/// not done by then fails with [`StoreError::Unavailable`](super::StoreError::Unavailable).
///
/// ```
/// use std::time::Duration;
///
/// use bowline::store::Deadline;
/// let deadline = Deadline::after(Duration::from_secs(5));
/// assert!(deadline.left() > Duration::from_secs(4));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// The point that is so far from now.
    pub fn after(limit: Duration) -> Self {
        let now = Instant::now();
        // a limit beyond what the clock can name is none
        Deadline(now.checked_add(limit).unwrap_or(now + Duration::from_secs(86_400)))
    }

    /// How much time is left; zero once it is over.
    pub fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// The same point for threads that wait by themselves.
    pub(super) fn at(self) -> Instant {
        self.0
    }
}

/// The time that is left of a limit under a deadline, where there is one.
pub(super) fn within(limit: Duration, deadline: Option<Deadline>) -> Duration {
    deadline.map_or(limit, |deadline| limit.min(deadline.left()))
}

/// Waits at most so long, and not beyond the deadline; none where the time is over before.
///
/// What is ready when it is asked first costs no timer and no look at the clock.
pub(super) fn limited<F: Future>(most: Duration, deadline: Option<Deadline>, work: F) -> Limited<F> {
    Limited { work, timer: None, most, deadline }
}

pin_project! {
    /// Work whose time is limited from when it first has to wait.
    pub(super) struct Limited<F> {
        #[pin]
        work: F,
        #[pin]
        timer: Option<Sleep>,
        most: Duration,
        deadline: Option<Deadline>,
    }
}

impl<F: Future> Future for Limited<F> {
    type Output = Option<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<F::Output>> {
        let mut this = self.project();
        if let Poll::Ready(done) = this.work.poll(cx) {
            return Poll::Ready(Some(done));
        }
        if this.timer.is_none() {
            this.timer.set(Some(sleep(within(*this.most, *this.deadline))));
        }
        match this.timer.as_pin_mut() {
            Some(timer) => timer.poll(cx).map(|()| None),
            None => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[tokio::test]
    async fn what_is_ready_is_answered_after_the_deadline_too() {
        let over = Some(Deadline::after(Duration::ZERO));
        assert_eq!(limited(Duration::ZERO, over, ready(7)).await, Some(7));
        assert_eq!(limited(Duration::from_secs(60), over, pending::<u8>()).await, None);
        assert_eq!(limited(Duration::from_millis(1), None, pending::<u8>()).await, None);
    }
}
