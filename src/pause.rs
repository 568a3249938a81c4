//! Pause points, for tests that force an interleaving.
//!
//! With the feature `pause` a request that carries a handle (`Pauses`) in its extensions stops where the handle says, until
//! the test lets it go on. Without the feature nothing of it exists.

#[cfg(feature = "pause")]
use std::sync::Arc;

/// Where a write can be stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// After everything that can be judged before the write was judged.
    BeforeWrite,
    /// After a constraint stopped the write, before the probes are asked why.
    BeforeVerdict,
    /// After the write, before the commit (plans of several statements only).
    BeforeCommit,
}

/// A handle that a test puts into a request's extensions.
#[cfg(feature = "pause")]
#[derive(Clone, Debug)]
pub struct Pauses {
    point: Point,
    reached: Arc<tokio::sync::Semaphore>,
    go_on: Arc<tokio::sync::Semaphore>,
}

#[cfg(feature = "pause")]
impl Pauses {
    /// Stops once at a point.
    pub fn at(point: Point) -> Self {
        Pauses {
            point,
            reached: Arc::new(tokio::sync::Semaphore::new(0)),
            go_on: Arc::new(tokio::sync::Semaphore::new(0)),
        }
    }

    /// Waits until the request has stopped.
    pub async fn reached(&self) {
        if let Ok(permit) = self.reached.acquire().await {
            permit.forget();
        }
    }

    /// Lets the request go on, and never stop again.
    pub fn go_on(&self) {
        self.go_on.add_permits(tokio::sync::Semaphore::MAX_PERMITS >> 1);
    }

    async fn stop(&self, point: Point) {
        if point == self.point {
            self.reached.add_permits(1);
            if let Ok(permit) = self.go_on.acquire().await {
                drop(permit);
            }
        }
    }
}

/// What a request knows of pauses.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pause {
    #[cfg(feature = "pause")]
    pauses: Option<Pauses>,
}

impl Pause {
    #[cfg_attr(not(feature = "pause"), expect(unused_variables))]
    pub(crate) fn of(extensions: &http::Extensions) -> Self {
        Pause {
            #[cfg(feature = "pause")]
            pauses: extensions.get().cloned(),
        }
    }

    /// Whether the request is to be stopped between its write and its commit, which then need a round trip each.
    pub(crate) fn splits_commit(&self) -> bool {
        #[cfg(feature = "pause")]
        return self.pauses.as_ref().is_some_and(|p| p.point == Point::BeforeCommit);
        #[cfg(not(feature = "pause"))]
        false
    }

    #[cfg_attr(not(feature = "pause"), expect(unused_variables, clippy::unused_async))]
    pub(crate) async fn at(&self, point: Point) {
        #[cfg(feature = "pause")]
        if let Some(pauses) = &self.pauses {
            pauses.stop(point).await;
        }
    }
}
