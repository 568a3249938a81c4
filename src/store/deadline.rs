//! The point in time at which a request's work in the database ends.

use std::time::{Duration, Instant};

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
