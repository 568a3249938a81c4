//! Turns: writes that contend for one object queue for it instead of getting in each other's way.
//!
//! Serializable isolation stays the judge: a turn protects nothing, it only keeps those apart of whom all but one would lose.
//! The first tries run side by side. Who loses takes a turn for each of its next tries, in the order of arrival, and for a
//! moment after that all who are about the same object do. Who loses several times queues for the table.
//!
//! What contends is told by what a write names: its own row and the rows that it points to. Other processes have turns of their
//! own, so that a write meets one rival of each at most.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::{Deadline, StoreError};

/// How many objects are told apart; two that share a place only wait for each other where both are contended for.
const OBJECTS: usize = 1024;
const TABLES: usize = 64;
/// How long an object counts as contended for.
const HOT: Duration = Duration::from_millis(100);
/// How long a write without a deadline waits for its turn.
const PATIENCE: Duration = Duration::from_secs(30);

/// The places where writes of one process queue.
#[derive(Debug)]
pub(crate) struct Turns {
    start: Instant,
    objects: Vec<Place>,
    tables: Vec<Place>,
}

#[derive(Debug)]
struct Place {
    turn: Arc<Semaphore>,
    /// Until when, in milliseconds since the start.
    hot: AtomicU64,
}

/// What a write is about.
#[derive(Clone, Debug, Default)]
pub(crate) struct Contended {
    objects: Vec<usize>,
    table: usize,
}

impl Contended {
    /// A write to a table.
    pub(crate) fn of(table: &str) -> Self {
        Contended { objects: Vec::new(), table: place(&table, TABLES) }
    }

    /// The same about a row of some table.
    pub(crate) fn add(&mut self, table: &str, key: &str) {
        // in one order for all, so that no two wait for each other
        let object = place(&(table, key), OBJECTS);
        if let Err(at) = self.objects.binary_search(&object) {
            self.objects.insert(at, object);
        }
    }
}

fn place(of: &impl Hash, among: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    usize::try_from(hasher.finish() % among as u64).unwrap_or_default()
}

/// A write's turn, until it is dropped.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    objects: Vec<OwnedSemaphorePermit>,
    table: Option<OwnedSemaphorePermit>,
}

impl Turn {
    /// Whether it is one.
    pub(crate) fn is_held(&self) -> bool {
        !self.objects.is_empty() || self.table.is_some()
    }
}

impl Default for Turns {
    fn default() -> Self {
        let places = |count| (0..count).map(|_| Place { turn: Arc::new(Semaphore::new(1)), hot: AtomicU64::new(0) });
        Turns { start: Instant::now(), objects: places(OBJECTS).collect(), tables: places(TABLES).collect() }
    }
}

impl Turns {
    /// Whether a write should queue before its first try.
    pub(crate) fn is_hot(&self, contended: &Contended) -> bool {
        let now = self.now();
        self.places(contended).any(|place| place.hot.load(Ordering::Relaxed) > now)
    }

    /// Takes note that a write lost.
    pub(crate) fn mark(&self, contended: &Contended) {
        let until = self.now() + u64::try_from(HOT.as_millis()).unwrap_or_default();
        self.places(contended).for_each(|place| place.hot.store(until, Ordering::Relaxed));
    }

    /// Waits for the turn of a write, at its objects or at its table too.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] where it does not come before the deadline.
    pub(crate) async fn take(
        &self,
        turn: &mut Turn,
        contended: &Contended,
        whole_table: bool,
        deadline: Option<Deadline>,
    ) -> Result<(), StoreError> {
        let limit = deadline.map_or(PATIENCE, Deadline::left);
        let taken = timeout(limit, async {
            if turn.objects.is_empty() {
                for place in self.places(contended) {
                    turn.objects.extend(Arc::clone(&place.turn).acquire_owned().await);
                }
            }
            // always after the objects, and nothing after it
            if (whole_table || contended.objects.is_empty())
                && turn.table.is_none()
                && let Some(place) = self.tables.get(contended.table)
            {
                turn.table = Arc::clone(&place.turn).acquire_owned().await.ok();
            }
        });
        taken.await.map_err(|_| StoreError::Unavailable("many writes wait for the same object".into()))
    }

    fn places(&self, contended: &Contended) -> impl Iterator<Item = &Place> {
        contended.objects.iter().filter_map(|object| self.objects.get(*object))
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn about(keys: &[&str]) -> Contended {
        let mut contended = Contended::of("loan");
        keys.iter().for_each(|key| contended.add("member", key));
        contended
    }

    #[tokio::test(start_paused = true)]
    async fn one_at_a_time_for_an_object() {
        let (turns, mut first, mut second) = (Turns::default(), Turn::default(), Turn::default());
        let soon = Some(Deadline::after(Duration::from_millis(50)));
        turns.take(&mut first, &about(&["1", "2"]), false, None).await.unwrap();
        assert!(turns.take(&mut second, &about(&["2", "3"]), false, soon).await.is_err());
        let mut other = Turn::default();
        turns.take(&mut other, &about(&["4"]), false, None).await.unwrap();
        drop(first);
        turns.take(&mut Turn::default(), &about(&["2", "3"]), false, None).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_table_is_an_object_for_those_without_any() {
        let (turns, mut first, mut second) = (Turns::default(), Turn::default(), Turn::default());
        let soon = Some(Deadline::after(Duration::from_millis(50)));
        turns.take(&mut first, &about(&["1"]), true, None).await.unwrap();
        assert!(turns.take(&mut second, &about(&[]), false, soon).await.is_err());
        assert!(first.is_held() && !second.is_held());
    }

    #[test]
    fn an_object_stays_hot_for_a_moment() {
        let turns = Turns::default();
        let (one, other) = (about(&["1"]), about(&["2"]));
        assert!(!turns.is_hot(&one));
        turns.mark(&one);
        assert!(turns.is_hot(&one) && !turns.is_hot(&other));
        std::thread::sleep(HOT + Duration::from_millis(20));
        assert!(!turns.is_hot(&one));
    }
}
