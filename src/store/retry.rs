//! Bounded replay: how often a unit that another transaction got in the way of is tried again.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use super::{Deadline, StoreError};

/// The longest pause between two tries.
const LONGEST: Duration = Duration::from_millis(100);

/// The longest pause of one for whom others wait.
const BRIEF: Duration = Duration::from_millis(2);

/// A budget of replays for one request, with growing, random pauses between them.
#[derive(Debug)]
pub struct Retry {
    left: u32,
    pause: Duration,
    deadline: Option<Deadline>,
    catch_ups: u32,
    /// The longest pause.
    longest: Duration,
}

impl Retry {
    /// A budget of so many replays after the first try.
    pub fn new(replays: u32) -> Self {
        Retry { left: replays, pause: Duration::from_millis(1), deadline: None, catch_ups: 3, longest: LONGEST }
    }

    /// The same for a request that ends at a deadline.
    #[must_use]
    pub fn until(self, deadline: impl Into<Option<Deadline>>) -> Self {
        Retry { deadline: deadline.into(), ..self }
    }

    /// Pauses no longer than a moment: others wait for this one's turn to end.
    pub(crate) fn hurry(&mut self) {
        self.longest = BRIEF;
    }

    /// Whether sequences that are behind may be looked for once more.
    pub(super) fn may_catch_up(&mut self) -> bool {
        self.catch_ups = self.catch_ups.saturating_sub(1);
        self.catch_ups > 0
    }

    /// Waits before the next try.
    ///
    /// # Errors
    ///
    /// The conflict itself, when the budget is used up, the deadline is over or the error is none that a replay could mend.
    pub async fn again(&mut self, error: StoreError) -> Result<(), StoreError> {
        let is_over = self.left == 0 || self.deadline.is_some_and(|deadline| deadline.left().is_zero());
        if !matches!(error, StoreError::Conflict(_)) || is_over {
            return Err(error);
        }
        self.left -= 1;
        let limit = u64::try_from(self.pause.min(self.longest).as_micros()).unwrap_or(u64::MAX).max(1);
        // a hasher with fresh keys is all the chance that this needs
        let random = RandomState::new().build_hasher().finish();
        tokio::time::sleep(Duration::from_micros(random % limit)).await;
        self.pause = (self.pause * 2).min(self.longest);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_budget_ends() {
        let conflict = || StoreError::Conflict("40001".into());
        let mut retry = Retry::new(2);
        assert!(retry.again(conflict()).await.is_ok());
        assert!(retry.again(conflict()).await.is_ok());
        assert!(matches!(retry.again(conflict()).await, Err(StoreError::Conflict(_))));
    }

    #[tokio::test]
    async fn only_conflicts_are_replayed() {
        let mut retry = Retry::new(2);
        assert!(retry.again(StoreError::Unavailable("away".into())).await.is_err());
    }
}
