//! How long we wait for the server, and what is known of a write that did not end in time.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::timeout;

use super::MARGIN;
use super::lease::Lease;
use super::verdict::Failure;
use crate::store::StoreError;
use crate::store::deadline::{Deadline, limited, within};

/// A limit for each answer, and a deadline for all of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wait {
    /// The most for one answer, a little above the server's own limit.
    pub(super) most: Duration,
    pub(super) deadline: Option<Deadline>,
}

impl Wait {
    fn limit(self) -> Duration {
        within(self.most, self.deadline)
    }

    /// Waits for an answer by which nothing is committed: that of a read, or of a statement in an open transaction.
    ///
    /// Not an `async fn`, which would hold its argument twice: requests carry these futures, and their size is time.
    pub(super) fn bounded<T>(
        self,
        answer: impl Future<Output = Result<T, Failure>>,
    ) -> impl Future<Output = Result<T, Failure>> {
        limited(self.most, self.deadline, answer).map(|answered| answered.unwrap_or_else(|| Err(Failure::elapsed())))
    }

    /// For the end of a transaction that is undone: it must not hang, and need not succeed.
    pub(super) fn at_end() -> Self {
        Wait { most: MARGIN, deadline: None }
    }

    /// Whether something that commits may be sent at all: not on a connection that is gone, and not after the deadline.
    pub(super) fn may_commit(self, lease: &Lease) -> Result<(), Failure> {
        if lease.client()?.is_closed() {
            let error = StoreError::Unavailable("the connection to PostgreSQL was closed".into());
            return Err(Failure::from(error).unsent());
        }
        if self.limit().is_zero() {
            return Err(StoreError::Unavailable("the request's time for the database is over".into()).into());
        }
        Ok(())
    }

    /// Waits for an answer by which something is committed.
    ///
    /// A write that is not done in time is cancelled, and an error of the server's then says that it was not done. Where the
    /// connection breaks or no such answer comes, nobody knows; nor where the answer says that it was done: a commit that
    /// waits for a standby is cut short by a cancel, and acknowledged all the same.
    pub(super) async fn decided<T>(
        self,
        lease: &Lease,
        answer: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let mut answer = pin!(answer);
        let answered = match limited(self.most, self.deadline, &mut answer).await {
            Some(answered) => answered,
            None => {
                lease.cancel();
                match timeout(MARGIN, answer).await {
                    Ok(Err(failure)) => Err(failure.ended()),
                    // nothing was cut short there
                    Ok(answered @ Ok(_)) if lease.is_pooled() => answered,
                    Ok(Ok(_)) | Err(_) => Err(Failure::undecided()),
                }
            }
        };
        answered.map_err(|failure| lease.judged(failure).of_write())
    }
}
