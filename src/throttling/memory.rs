//! The times of requests, in the process.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use tokio::time::Instant;

use super::{Hit, Rate, ThrottleStore};
use crate::error::Result;

/// Into how many parts the keys are divided, each under a lock of its own.
const PARTS: usize = 16;
/// How many keys are kept unless the application says otherwise.
const KEYS: usize = 100_000;

/// The times of requests in the memory of the process, the default.
///
/// A client has as many times as its rate allows, eight bytes each, and so many clients are known at once (100,000 by default). Where
/// there is no room for a further one, those are forgotten whose last request is the longest ago. Several processes count each for
/// itself.
pub struct MemoryThrottleStore {
    parts: Vec<Mutex<HashMap<Box<str>, History>>>,
    /// How many keys a part may have.
    room: usize,
    hasher: RandomState,
    start: Instant,
}

/// The times of one key's requests, in seconds since the store was made.
#[derive(Debug, Default)]
struct History {
    /// The oldest first.
    times: VecDeque<f64>,
    /// When it may be forgotten.
    until: f64,
}

impl Default for MemoryThrottleStore {
    fn default() -> Self {
        MemoryThrottleStore::with_capacity(KEYS)
    }
}

impl MemoryThrottleStore {
    /// With room for so many keys, each a client within a scope.
    pub fn with_capacity(keys: usize) -> Self {
        MemoryThrottleStore {
            parts: (0..PARTS).map(|_| Mutex::default()).collect(),
            room: keys.div_ceil(PARTS).max(1),
            hasher: RandomState::new(),
            start: Instant::now(),
        }
    }

    /// How many keys it knows.
    pub(super) fn len(&self) -> usize {
        self.parts.iter().map(|part| part.lock().unwrap_or_else(PoisonError::into_inner).len()).sum()
    }

    fn count(&self, key: &str, rate: Rate) -> Hit {
        let part = usize::try_from(self.hasher.hash_one(key) % PARTS as u64).unwrap_or(0);
        let Some(part) = self.parts.get(part) else { return Hit::Counted };
        // nothing in here panics with the lock held; a poisoned one is as good as ever
        let mut part = part.lock().unwrap_or_else(PoisonError::into_inner);
        // read under the lock: times are in the order in which requests are counted
        let now = self.start.elapsed().as_secs_f64();
        let period = rate.period().as_secs_f64();
        if let Some(history) = part.get_mut(key) {
            while history.times.front().is_some_and(|time| *time <= now - period) {
                history.times.pop_front();
            }
            let requests = history.times.len() as u64;
            if requests >= rate.requests() {
                return Hit::Full { requests, oldest: history.times.front().map(|time| now - time) };
            }
            history.times.push_back(now);
            history.until = now + period;
            return Hit::Counted;
        }
        if rate.requests() == 0 {
            return Hit::Full { requests: 0, oldest: None };
        }
        if part.len() >= self.room {
            make_room(&mut part, now);
        }
        part.insert(key.into(), History { times: [now].into(), until: now + period });
        Hit::Counted
    }
}

/// Forgets what is over; where that is nothing, an eighth of the keys, those that would be over first.
fn make_room(part: &mut HashMap<Box<str>, History>, now: f64) {
    let before = part.len();
    part.retain(|_, history| history.until > now);
    if part.len() < before {
        return;
    }
    let mut ends: Vec<f64> = part.values().map(|history| history.until).collect();
    let nth = ends.len() / 8;
    let (_, end, _) = ends.select_nth_unstable_by(nth, f64::total_cmp);
    let end = *end;
    part.retain(|_, history| history.until > end);
}

#[async_trait]
impl ThrottleStore for MemoryThrottleStore {
    async fn hit(&self, key: &str, rate: Rate) -> Result<Hit> {
        Ok(self.count(key, rate))
    }
}

impl fmt::Debug for MemoryThrottleStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryThrottleStore").field("keys", &self.len()).field("room", &(self.room * PARTS)).finish()
    }
}
