//! How often a client may ask.
//!
//! A [`Throttle`] is asked about every request after its permissions. The times of a client's last requests are kept in a
//! [`ThrottleStore`], which counts a request and judges it in one step: of any number of requests at once exactly as many pass as
//! the rate allows. By default they are kept in the process ([`MemoryThrottleStore`]); several processes share them through Redis
//! (`RedisThrottleStore`, with the feature `redis`).
//!
//! | throttle | counts |
//! |---|---|
//! | [`AnonRateThrottle`] | requests of clients that are not logged in, by their address; IPv6 by its /64 |
//! | [`UserRateThrottle`] | requests by user, of others by their address |
//! | [`ScopedRateThrottle`] | the same, by the `throttle_scope` of the view |
//! | [`SimpleRateThrottle`] | by a key of one's own |
//!
//! ```
//! use bowline::prelude::*;
//! use bowline::throttling::{AnonRateThrottle, ThrottleRates, UserRateThrottle, throttles};
//!
//! let settings = Settings {
//!     throttles: throttles((AnonRateThrottle::new(), UserRateThrottle::new())),
//!     throttle_rates: ThrottleRates::new([("anon", "100/day"), ("user", "1000/day")]),
//!     ..Settings::default()
//! };
//! ```
//!
//! A request that comes too soon is answered with 429 and `Retry-After`. See DRF's chapter "Throttling".

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::context::Context;
use crate::error::{Error, Result};
use crate::view_info::ViewInfo;

mod client;
mod memory;
mod rate;
#[cfg(feature = "redis")]
mod redis;
mod simple;

#[cfg(feature = "redis")]
pub use self::redis::RedisThrottleStore;
pub(crate) use client::address;
pub use memory::MemoryThrottleStore;
pub use rate::{IntoRate, Rate, ThrottleRates};
pub use simple::{AnonRateThrottle, ScopedRateThrottle, SimpleRateThrottle, UserRateThrottle};

/// What a throttle says of a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Allowance {
    /// It may go on, and is counted.
    Allowed,
    /// It comes too soon.
    Refused {
        /// Seconds until the next try, for `Retry-After`; none where nobody knows.
        wait: Option<f64>,
    },
}

/// Decides whether a request comes too soon, DRF's `BaseThrottle`.
///
/// All throttles of a view are asked, also after one refused: the longest wait is told.
///
/// ```
/// use bowline::prelude::*;
/// use bowline::throttling::{Allowance, AnonRateThrottle, Throttle, Throttling};
/// use http::Method;
///
/// /// Counts POST alone.
/// #[derive(Debug)]
/// struct PostThrottle(AnonRateThrottle);
///
/// #[bowline::async_trait]
/// impl Throttle for PostThrottle {
///     async fn allow_request(
///         &self,
///         request: &Context,
///         view: &ViewInfo,
///         throttling: &Throttling,
///     ) -> bowline::Result<Allowance> {
///         if *request.method() != Method::POST {
///             return Ok(Allowance::Allowed);
///         }
///         self.0.allow_request(request, view, throttling).await
///     }
/// }
/// # let view = ApiView::new("PingView").get(async |_: Request| Response::empty());
/// let view = view.throttles(PostThrottle(AnonRateThrottle::new().scope("posts").rate("2/hour")));
/// # let _ = view;
/// ```
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a throttle",
    label = "does not implement `Throttle`",
    note = "write `#[bowline::async_trait] impl Throttle for …`"
)]
pub trait Throttle: Send + Sync + fmt::Debug + 'static {
    /// Whether the request may go on; one that may is counted.
    ///
    /// # Errors
    ///
    /// 503 where the store is away.
    async fn allow_request(&self, request: &Context, view: &ViewInfo, throttling: &Throttling) -> Result<Allowance>;

    /// Why it cannot be used for a view, found when the router is built.
    ///
    /// # Errors
    ///
    /// A sentence that says what to change.
    fn check(&self, _view: &ViewInfo, _throttling: &Throttling) -> Result<(), String> {
        Ok(())
    }

    /// Whether it counts by the view's [`throttle_scope`](crate::views::Attributes::throttle_scope): a view with a scope that
    /// no throttle counts by does not start. True by default.
    fn reads_scope(&self) -> bool {
        true
    }
}

/// What a store found of a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Hit {
    /// There was room for it: it is counted.
    Counted,
    /// There was none: nothing has changed.
    Full {
        /// How many requests are counted within the period.
        requests: u64,
        /// Seconds since the oldest of them; none where there is none.
        oldest: Option<f64>,
    },
}

/// Where the times of requests are kept.
///
/// Judging a request and counting it must be one step that no other request can come between.
#[async_trait]
pub trait ThrottleStore: Send + Sync + fmt::Debug + 'static {
    /// Counts a request of a key, unless the period has as many already as the rate allows.
    ///
    /// # Errors
    ///
    /// [`Error::unavailable`](crate::Error::unavailable) where the store is away: the request is answered with 503.
    async fn hit(&self, key: &str, rate: Rate) -> Result<Hit>;
}

/// What throttles work with: the store, the rates of the settings, and who the client is.
#[derive(Clone, Debug)]
pub struct Throttling {
    store: Arc<dyn ThrottleStore>,
    rates: ThrottleRates,
    num_proxies: Option<usize>,
}

impl Throttling {
    /// A store, the rates by scope, and behind how many proxies the server is.
    pub fn new(store: Arc<dyn ThrottleStore>, rates: ThrottleRates, num_proxies: Option<usize>) -> Self {
        Throttling { store, rates, num_proxies }
    }

    /// The rates by scope.
    pub fn rates(&self) -> &ThrottleRates {
        &self.rates
    }

    /// The client's address, DRF's `get_ident`: that of the connection, or what the last of the configured proxies wrote into
    /// `X-Forwarded-For`. See [`Settings::num_proxies`](crate::settings::Settings::num_proxies).
    ///
    /// An IPv6 address is its network (`2001:db8:1:2::/64`), since who has one address has all of them; an address of IPv4 within
    /// IPv6 is that of IPv4. A text of more than 128 bytes is its hash.
    pub fn client(&self, request: &Context) -> String {
        client::address(request, self.num_proxies)
    }

    /// Counts a request of somebody within a scope, unless it comes too soon. A name of more than 128 bytes is known by its hash.
    ///
    /// # Errors
    ///
    /// 503 where the store is away.
    pub async fn hit(&self, scope: &str, who: &str, rate: Rate) -> Result<Allowance> {
        let hit = self.store.hit(&format!("throttle_{scope}_{}", client::bounded(who)), rate).await?;
        Ok(match hit {
            Hit::Counted => Allowance::Allowed,
            Hit::Full { requests, oldest } => Allowance::Refused { wait: rate.wait(requests, oldest) },
        })
    }
}

/// Asks all throttles of a view, DRF's `check_throttles`.
///
/// # Errors
///
/// 429 with the longest of the waits.
pub(crate) async fn check_throttles(
    throttles: &[Arc<dyn Throttle>],
    request: &Context,
    view: &ViewInfo,
    throttling: &Throttling,
) -> Result<()> {
    let mut refused = false;
    let mut longest: Option<f64> = None;
    for throttle in throttles {
        if let Allowance::Refused { wait } = throttle.allow_request(request, view, throttling).await? {
            refused = true;
            longest = match (longest, wait) {
                (Some(a), Some(b)) => Some(a.max(b)),
                (a, b) => a.or(b),
            };
        }
    }
    if refused { Err(Error::throttled(longest)) } else { Ok(()) }
}

/// A list of throttles: one, several in a tuple, or those of a vector.
pub trait IntoThrottles {
    /// The list.
    fn into_throttles(self) -> Vec<Arc<dyn Throttle>>;
}

/// A list of throttles for the [settings](crate::settings::Settings::throttles).
pub fn throttles(list: impl IntoThrottles) -> Vec<Arc<dyn Throttle>> {
    list.into_throttles()
}

impl<T: Throttle> IntoThrottles for T {
    fn into_throttles(self) -> Vec<Arc<dyn Throttle>> {
        vec![Arc::new(self)]
    }
}

impl IntoThrottles for Vec<Arc<dyn Throttle>> {
    fn into_throttles(self) -> Vec<Arc<dyn Throttle>> {
        self
    }
}

impl IntoThrottles for () {
    fn into_throttles(self) -> Vec<Arc<dyn Throttle>> {
        Vec::new()
    }
}

macro_rules! tuples {
    ($(($($name:ident),*))*) => {$(
        impl<$($name: Throttle),*> IntoThrottles for ($($name,)*) {
            #[allow(non_snake_case)]
            fn into_throttles(self) -> Vec<Arc<dyn Throttle>> {
                let ($($name,)*) = self;
                vec![$(Arc::new($name)),*]
            }
        }
    )*};
}

tuples! { (A) (A, B) (A, B, C) (A, B, C, D) }

#[cfg(test)]
mod tests;
