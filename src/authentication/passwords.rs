//! Checks of passwords, off the event loop.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use tokio::sync::Semaphore;

use super::Hasher;
use crate::error::{Error, Result};

/// How passwords are hashed and checked; cheap to clone.
///
/// A check runs on a thread of its own, no more of them at once than there are processors: a flood of logins delays logins, not
/// other requests. No password at all costs as much as a wrong one.
#[derive(Clone, Debug)]
pub struct Passwords {
    preferred: Hasher,
    work: Arc<AtomicU64>,
    turns: Arc<Semaphore>,
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Whether the password is right.
    pub is_correct: bool,
    /// A new hash of the right password, where the old one was made in another way or with another cost.
    pub rehashed: Option<String>,
}

impl Default for Passwords {
    fn default() -> Self {
        Passwords::new(Hasher::default())
    }
}

impl Passwords {
    /// With the way in which new hashes are made; hashes that were made otherwise are made anew at the next login.
    pub fn new(preferred: Hasher) -> Self {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        Passwords { preferred, work: Arc::default(), turns: Arc::new(Semaphore::new(processors)) }
    }

    /// The rounds of hashing that were spent so far: for tests, which compare them instead of times.
    pub fn work(&self) -> u64 {
        self.work.load(Ordering::Relaxed)
    }

    /// The hash of a password, Django's `make_password`.
    ///
    /// # Errors
    ///
    /// As [`Hasher::encode`].
    pub async fn make(&self, password: &str) -> Result<String> {
        let password = password.to_owned();
        self.blocking(move |passwords| passwords.encode(passwords.preferred, &password)).await
    }

    /// Whether a password is the one of a hash, Django's `check_password`. Without a hash the answer is no, after as much work.
    ///
    /// # Errors
    ///
    /// 500 where the preferred way's costs are beyond what it allows.
    pub async fn check(&self, password: &str, encoded: Option<&str>) -> Result<Checked> {
        let (password, encoded) = (password.to_owned(), encoded.map(str::to_owned));
        self.blocking(move |passwords| passwords.check_now(&password, encoded.as_deref())).await
    }

    fn check_now(&self, password: &str, encoded: Option<&str>) -> Result<Checked> {
        let known = encoded.and_then(|encoded| Some((encoded, Hasher::identify(encoded)?)));
        let Some((encoded, hasher)) = known else {
            self.encode(self.preferred, password)?;
            return Ok(Checked::default());
        };
        self.count(hasher);
        let is_correct = Hasher::verify(password, encoded);
        let outdated = self.preferred.must_update(encoded);
        if !is_correct {
            if let Some(rest) = self.preferred.remainder(encoded) {
                self.encode(rest, password)?;
            }
            return Ok(Checked::default());
        }
        let rehashed = if outdated { Some(self.encode(self.preferred, password)?) } else { None };
        Ok(Checked { is_correct, rehashed })
    }

    fn encode(&self, hasher: Hasher, password: &str) -> Result<String> {
        self.count(hasher);
        hasher.encode(password)
    }

    fn count(&self, hasher: Hasher) {
        self.work.fetch_add(hasher.cost(), Ordering::Relaxed);
    }

    async fn blocking<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Passwords) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(Error::internal)?;
        let passwords = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            job(&passwords)
        });
        done.await.map_err(Error::internal)?
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[tokio::test]
    async fn outdated_hashes_are_made_anew() {
        let old = Hasher::Pbkdf2Sha256 { iterations: 3 }.encode("x").unwrap();
        let passwords = Passwords::new(Hasher::Pbkdf2Sha256 { iterations: 5 });
        let checked = passwords.check("x", Some(&old)).await.unwrap();
        assert!(checked.is_correct);
        let new = checked.rehashed.unwrap();
        assert!(new.starts_with("pbkdf2_sha256$5$"));
        assert_eq!(passwords.check("x", Some(&new)).await.unwrap(), Checked { is_correct: true, rehashed: None });
        assert_eq!(passwords.check("y", Some(&new)).await.unwrap(), Checked::default());
    }

    #[tokio::test]
    async fn all_failures_cost_the_same() {
        let hasher = Hasher::Pbkdf2Sha256 { iterations: 7 };
        let (old, new) = (Hasher::Pbkdf2Sha256 { iterations: 3 }.encode("x").unwrap(), hasher.encode("x").unwrap());
        for encoded in [None, Some("!"), Some(""), Some("gibberish"), Some(old.as_str()), Some(new.as_str())] {
            let passwords = Passwords::new(hasher);
            assert!(!passwords.check("wrong", encoded).await.unwrap().is_correct);
            assert_eq!(passwords.work(), 7, "{encoded:?}");
        }
    }
}
