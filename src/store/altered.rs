//! Signs that tables were altered since the catalogue was read.
//!
//! Nobody asks the catalogue beside a request. A statement that the database refuses for what no request can be the reason of,
//! and a constraint that nobody knows, are signs. Who serves requests waits for them ([`Signs::wanted`]), reads the catalogue
//! again and says when it is done ([`Signs::read`]); a request that met a sign may wait for that.
//!
//! A sign that changed nothing when the catalogue was read is not taken for one again before a pause, which grows: errors that
//! have another reason do not become as many reads of the catalogue.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until, timeout};

use super::catalogue::Catalogue;
use super::deadline::{Deadline, within};
use super::{Dialect, StoreError, Violation, ViolationKind};

/// The pause after a sign that meant nothing, the first time and at most.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));

/// The least time between two reads of the catalogue, whatever the signs.
const BETWEEN: Duration = Duration::from_millis(200);

/// How long a request waits for the catalogue.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many signs are told apart, and how much of each is kept.
const MOST: (usize, usize) = (64, 200);

/// What stands for refusals by what is known.
const DOUBT: &str = "refused";

/// What stands for the signs that there is no room for.
const OTHERS: &str = "others";

/// The signs that statements met, and how far the catalogue was read since.
#[derive(Debug, Default)]
pub(crate) struct Signs {
    /// Whether somebody reads the catalogue when there is a sign.
    is_read: AtomicBool,
    /// How often what is served was made anew.
    generation: AtomicU64,
    seen: Notify,
    signs: Mutex<HashMap<String, Sign>>,
    /// Counts the reads that ended.
    reads: watch::Sender<u64>,
}

/// What became of a sign.
#[derive(Clone, Copy, Debug)]
enum Sign {
    /// The catalogue is to be read; with the pause after it, if it changes nothing.
    New(Duration),
    /// It is being read.
    Read(Duration),
    /// It meant nothing: until when it is not taken for a sign, and the pause after the next time.
    Rests(Instant, Duration),
}

impl Signs {
    /// From now on signs are waited for.
    pub(crate) fn begin(&self) {
        self.is_read.store(true, Ordering::Relaxed);
    }

    /// The number of what is served now.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Takes note of something that may mean that tables were altered.
    pub(super) fn note(&self, sign: &str) {
        if !self.is_read.load(Ordering::Relaxed) {
            return;
        }
        let sign = &sign[..sign.floor_char_boundary(MOST.1)];
        let now = Instant::now();
        let mut signs = self.signs();
        let sign = if signs.len() < MOST.0 || signs.contains_key(sign) { sign } else { OTHERS };
        match signs.get_mut(sign) {
            Some(Sign::New(_)) => return,
            Some(Sign::Rests(until, _)) if *until > now => return,
            // what is being read may have been read before it was altered
            Some(known @ (Sign::Rests(..) | Sign::Read(_))) => {
                let (Sign::Rests(_, pause) | Sign::Read(pause) | Sign::New(pause)) = *known;
                *known = Sign::New(pause);
            }
            None => {
                signs.insert(sign.to_owned(), Sign::New(PAUSES.0));
            }
        }
        drop(signs);
        self.seen.notify_one();
    }

    /// Takes note of a refusal that is right as far as the catalogue is known: a constraint that was dropped gives no other sign.
    /// Where there are any, the catalogue is read after the longest pause.
    pub(super) fn doubt(&self) {
        let mut signs = self.signs();
        if signs.contains_key(DOUBT) {
            drop(signs);
            self.note(DOUBT);
        } else {
            signs.insert(DOUBT.to_owned(), Sign::Rests(Instant::now() + PAUSES.1, PAUSES.1));
        }
    }

    /// Waits until the catalogue was read since a sign, and says whether what is served was made anew after a generation.
    pub(super) async fn renewed(&self, sign: &str, generation: u64, deadline: Option<Deadline>) -> bool {
        let mut reads = self.reads.subscribe();
        self.note(sign);
        let read = async {
            while self.generation() == generation && self.is_open(sign) {
                if reads.changed().await.is_err() {
                    return;
                }
            }
        };
        let _ = timeout(within(PATIENCE, deadline), read).await;
        self.generation() != generation
    }

    fn is_open(&self, sign: &str) -> bool {
        let sign = &sign[..sign.floor_char_boundary(MOST.1)];
        let signs = self.signs();
        let found = signs.get(sign).or_else(|| signs.get(OTHERS));
        self.is_read.load(Ordering::Relaxed) && matches!(found, Some(Sign::New(_) | Sign::Read(_)))
    }

    /// Waits for a sign, and a moment after the catalogue was read the last time.
    pub(crate) async fn wanted(&self, last: Instant) {
        self.seen.notified().await;
        sleep_until(last + BETWEEN).await;
        for sign in self.signs().values_mut() {
            if let Sign::New(pause) = *sign {
                *sign = Sign::Read(pause);
            }
        }
    }

    /// Says that the catalogue was read: whether what is served is another since.
    pub(crate) fn read(&self, is_renewed: bool) {
        if is_renewed {
            self.generation.fetch_add(1, Ordering::Release);
        }
        let now = Instant::now();
        self.signs().retain(|_, sign| {
            match *sign {
                // of other tables it may be one again
                Sign::Read(_) | Sign::Rests(..) if is_renewed => return false,
                Sign::Read(pause) => *sign = Sign::Rests(now + pause, (pause * 2).min(PAUSES.1)),
                // long forgotten
                Sign::Rests(until, pause) => return now < until + pause * 2,
                Sign::New(_) => {}
            }
            true
        });
        self.reads.send_modify(|count| *count += 1);
    }

    fn signs(&self) -> MutexGuard<'_, HashMap<String, Sign>> {
        self.signs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The text of an error that may mean that tables were altered: no request can be the reason of it.
pub(super) fn sign(catalogue: Option<&Catalogue>, dialect: Dialect, error: &StoreError) -> Option<String> {
    match error {
        StoreError::Internal(_) => Some(error.to_string()),
        StoreError::Violation(violation) if is_news(catalogue?, dialect, violation) => Some(format!("{violation:?}")),
        _ => None,
    }
}

/// Whether a constraint is none of those that were read, of a table that was.
fn is_news(catalogue: &Catalogue, dialect: Dialect, violation: &Violation) -> bool {
    if violation.kind == ViolationKind::Deferrable {
        return true;
    }
    let Some(name) = &violation.table else {
        // SQLite names a CHECK, or an index over expressions, without its table
        let is_named = dialect == Dialect::Sqlite && violation.constraint.is_some();
        return is_named && !catalogue.tables().iter().any(|info| info.has(violation));
    };
    let mut tables = catalogue.tables().iter().filter(|info| info.name.1 == *name).peekable();
    tables.peek().is_some() && !tables.any(|info| info.has(violation))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Arc;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_error_with_another_reason_has_the_catalogue_read_ever_more_seldom() {
        let signs = Arc::new(Signs::default());
        signs.begin();
        let reader = Arc::clone(&signs);
        tokio::spawn(async move {
            let mut last = Instant::now();
            loop {
                reader.wanted(last).await;
                last = Instant::now();
                reader.read(false);
            }
        });
        for _ in 0..600 {
            assert!(!signs.renewed("a mistake", 0, None).await);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let reads = *signs.reads.borrow();
        assert!((7..=12).contains(&reads), "{reads} reads in a minute");
        // another one is looked at all the same, and a great many others together
        assert!(!signs.renewed("another", 0, None).await);
        assert_eq!(*signs.reads.borrow(), reads + 1);
        for n in 0..10_000 {
            signs.note(&format!("{n}"));
        }
        assert!(signs.signs().len() <= MOST.0 + 1);
    }

    #[tokio::test(start_paused = true)]
    async fn who_met_a_sign_waits_for_what_is_read_after_it() {
        let signs = Arc::new(Signs::default());
        assert!(!signs.renewed("nobody reads", 0, None).await);
        signs.begin();
        let reader = Arc::clone(&signs);
        tokio::spawn(async move {
            reader.wanted(Instant::now()).await;
            tokio::time::sleep(Duration::from_millis(500)).await;
            reader.read(true);
        });
        let waits = [signs.renewed("a column", 0, None), signs.renewed("a constraint", 0, None)];
        assert_eq!(futures_util::future::join_all(waits).await, [true, true]);
        assert_eq!(signs.generation(), 1);
        assert!(signs.signs().is_empty());
        let deadline = Deadline::after(Duration::from_millis(10));
        assert!(!signs.renewed("nobody comes", 1, Some(deadline)).await);
    }
}
